//! Which programs a device trusts.
//!
//! What is installed on a device is signed by people, offline, and never by the manager that hands it over. The
//! rules are those of The Update Framework (TUF, the specification 1.0.31 and later; its sections are named where a
//! rule is from there). The crate `tuf` reads and verifies the four kinds of metadata; what it leaves to its user is
//! done here.
//!
//! The flow on a device, by file name:
//!
//! * a reply carries a [`document`]: the roots that the device lacks, timestamp, snapshot and targets;
//! * [`trusted`] is what the device trusts until then, and brings itself up by it. `roots` climbs from root to root;
//!   `chain` verifies what stands below the last one, in itself; `seen` knows what was there before, so that nothing
//!   older comes back;
//! * out of that comes a [`program`] with its size, hash and hardware, by which the file is checked;
//! * whatever is refused is a [`distrust`], in words for a technician;
//! * [`folder`] keeps all of it on the disk.
//!
//! The other side is [`sign`]: keys, and the documents that are made with them.
//!
//! Apart from [`folder`] and the files of keys, everything is a function of its arguments: bytes come in and go out, and
//! [`time`] is an argument too.

mod chain;
pub mod distrust;
pub mod document;
pub mod folder;
pub mod limits;
pub mod program;
pub mod role;
mod roots;
mod seen;
pub mod sign;
mod signed;
pub mod time;
pub mod trusted;

pub use distrust::{Distrust, Next};
pub use document::Document;
pub use program::{Content, FileFault, Program};
pub use role::Role;
pub use seen::Versions;
pub use time::KnownTime;
pub use trusted::Trusted;
/// What a signature is made and checked with.
pub use tuf::crypto::{PrivateKey, PublicKey};
