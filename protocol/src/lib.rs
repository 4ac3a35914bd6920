//! What device and manager say to each other.
//!
//! The flow, by file name:
//!
//! * a device introduces itself once ([`enroll`]), with a one-time token and a certificate request;
//! * what it reads ([`readings`]) and what it concludes ([`alert`]) leaves in a batch of reports
//!   ([`device_to_manager`]);
//! * the reply ([`manager_to_device`]) acknowledges what is committed and carries commands back;
//! * a device asks for programs, and the answer carries one ([`programs`]);
//! * what cannot be accepted is answered with a problem document ([`problem`]);
//! * where a proxy opens TLS, requests and answers are signed ([`signature`]).
//!
//! What is true of a reading (low, wrong, beyond a limit, in words) is decided in [`facts`], and what people
//! may type in [`text`]; what programs wrote is brought to its limits in [`composed`].
//!
//! The printer words ([`supply`], [`alert`]) are those of the Printer MIB (RFC 3805 and its IANA
//! registry); the numbers of that MIB stand beside each name. Every size has its name in [`limits`].
//! Types that a released version sends are frozen by the example messages in `protocol/frozen/`.

pub mod alert;
pub mod composed;
pub mod device_to_manager;
pub mod enroll;
pub mod facts;
mod flat_body;
pub mod hex;
pub mod identity;
pub mod limits;
pub mod manager_to_device;
pub mod prefer;
pub mod problem;
pub mod programs;
pub mod readings;
pub mod settings;
pub mod signature;
pub mod stamp;
pub mod supply;
pub mod text;
pub mod unknown;

/// The version of these messages. A message with another one is refused with
/// [`problem::ProblemKind::WrongVersion`].
pub const VERSION: u16 = 1;

/// Paths of the device listener.
pub mod path {
    /// Exchange a one-time token and a certificate request for a certificate.
    pub const ENROLL: &str = "/v1/enroll";
    /// Exchange a certificate that is still good, or that an operator readmitted, for a new one.
    pub const RENEW: &str = "/v1/renew";
    /// Hand in a batch of reports and take the reply.
    pub const REPORTS: &str = "/v1/reports";
    /// Say what runs, and take a program if there is one.
    pub const PROGRAMS: &str = "/v1/programs/request";
}
