//! Bus errors of all adapters, brought to one set of meanings.
//!
//! The same missing chip is `EREMOTEIO` on one adapter, `ENXIO` or `ETIMEDOUT` on another, and a
//! transfer that "succeeds" with fewer messages than were asked for on a third
//! (Documentation/i2c/fault-codes.rst of the Linux kernel lists the codes; adapters differ).

use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use platen_protocol::unknown::{UnknownCause, UnknownReason};

/// What went wrong on a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BusFault {
    /// The address or a byte was not acknowledged.
    #[error("no answer")]
    NoAnswer,
    /// The adapter gave up waiting. Some adapters say this of a chip that is not there.
    #[error("no answer in time")]
    TimedOut,
    /// Another master, or noise, won the bus.
    #[error("the bus was taken by another master, or is disturbed")]
    ArbitrationLost,
    /// A kernel driver has the address.
    #[error("a driver of the kernel holds the address")]
    Held,
    /// Anything else that the kernel says.
    #[error("the kernel says: {0}")]
    Kernel(nix::errno::Errno),
}

impl embedded_hal::i2c::Error for BusFault {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAnswer => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown),
            Self::ArbitrationLost => ErrorKind::ArbitrationLoss,
            Self::TimedOut => ErrorKind::Bus,
            Self::Held | Self::Kernel(_) => ErrorKind::Other,
        }
    }
}

/// Why a chip could not be read: the bus failed, or what the chip holds cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFault {
    /// The bus.
    Bus(BusFault),
    /// The bytes are damaged or not what they should be.
    Damaged(String),
    /// The value cannot be true.
    Implausible(String),
}

impl From<BusFault> for ReadFault {
    fn from(fault: BusFault) -> Self {
        Self::Bus(fault)
    }
}

impl ReadFault {
    /// For the report: the reason, and words with the place (such as `0x50 on the bus main`).
    pub fn cause(&self, place: &str) -> UnknownCause {
        let (reason, detail) = match self {
            Self::Bus(fault @ (BusFault::NoAnswer | BusFault::TimedOut)) => (
                UnknownReason::NoAnswer,
                format!("{fault} from {place}: is it in its place, and has it power?"),
            ),
            Self::Bus(fault) => (UnknownReason::BusFailing, format!("reading {place} failed: {fault}")),
            Self::Damaged(what) => (UnknownReason::Damaged, format!("{place}: {what}")),
            Self::Implausible(what) => (UnknownReason::Implausible, format!("{place}: {what}")),
        };
        UnknownCause { reason, detail }
    }
}
