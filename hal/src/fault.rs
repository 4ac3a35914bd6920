//! Bus errors of all adapters, brought to one set of meanings.
//!
//! The same missing chip is `EREMOTEIO` on one adapter, `ENXIO` or `ETIMEDOUT` on another, and a
//! transfer that "succeeds" with fewer messages than were asked for on a third
//! (Documentation/i2c/fault-codes.rst of the Linux kernel lists the codes; adapters differ).

use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use nix::errno::Errno;
use platen_protocol::unknown::{UnknownCause, UnknownReason};

/// What went wrong on a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BusFault {
    /// The address or a byte was not acknowledged.
    #[error("no answer ({0})")]
    NoAnswer(Errno),
    /// The adapter gave up waiting. Some adapters say this of a chip that is not there.
    #[error("no answer in time ({0})")]
    TimedOut(Errno),
    /// Another master, or noise, won the bus.
    #[error("the bus was taken by another master, or is disturbed ({0})")]
    ArbitrationLost(Errno),
    /// A kernel driver has the address.
    #[error("a driver of the kernel holds the address ({0})")]
    Held(Errno),
    /// The adapter of the bus was taken away, was never there, or may not be used.
    #[error("the adapter of the bus cannot be used ({0})")]
    Gone(Errno),
    /// Anything else that the kernel says.
    #[error("the kernel says: {0}")]
    Kernel(Errno),
    /// The bus did not come back from an earlier transfer.
    #[error("the bus is busy with an earlier transfer")]
    Busy,
    /// The time for one reading of the bus was used up before this chip's turn.
    #[error("the time for one reading of the bus was used up")]
    Deadline,
    /// A chip holds the data line down.
    #[error("SDA of the bus is held low ({0})")]
    Stuck(Errno),
}

impl BusFault {
    /// An address that nobody acknowledges, where no kernel says so.
    pub const ABSENT: Self = Self::NoAnswer(Errno::ENXIO);

    /// The kernel's error, where one speaks.
    pub fn errno(self) -> Option<Errno> {
        match self {
            Self::NoAnswer(errno)
            | Self::TimedOut(errno)
            | Self::ArbitrationLost(errno)
            | Self::Held(errno)
            | Self::Gone(errno)
            | Self::Kernel(errno)
            | Self::Stuck(errno) => Some(errno),
            Self::Busy | Self::Deadline => None,
        }
    }

    /// Its name in a trace: that of the kernel's error, or ours in small letters.
    pub fn trace_name(self) -> String {
        match self {
            Self::Busy => "busy".to_owned(),
            Self::Deadline => "deadline".to_owned(),
            Self::Stuck(_) => "stuck".to_owned(),
            // The derived name of an errno is the kernel's.
            other => other.errno().map_or_else(String::new, |errno| format!("{errno:?}")),
        }
    }

    /// Whether it is of the bus, not of one chip. Some adapters say [`Self::TimedOut`] of a chip that is
    /// not there, so that counts only when several chips have it.
    pub(crate) const fn is_of_the_bus(self) -> bool {
        !matches!(self, Self::NoAnswer(_) | Self::Held(_) | Self::Deadline)
    }
}

impl embedded_hal::i2c::Error for BusFault {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAnswer(_) => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown),
            Self::ArbitrationLost(_) => ErrorKind::ArbitrationLoss,
            Self::TimedOut(_) | Self::Stuck(_) => ErrorKind::Bus,
            Self::Held(_) | Self::Gone(_) | Self::Kernel(_) | Self::Busy | Self::Deadline => ErrorKind::Other,
        }
    }
}

/// Why a chip could not be read: the bus failed, or what the chip holds cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadFault {
    /// The bus.
    #[error(transparent)]
    Bus(BusFault),
    /// Every byte reads the same, and cannot.
    #[error("every byte reads {0:#04x}: it was never written, or it does not drive the bus")]
    Constant(u8),
    /// The bytes are damaged or not what they should be.
    #[error("{0}")]
    Damaged(String),
    /// The value cannot be true.
    #[error("{0}")]
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
            Self::Bus(fault @ (BusFault::NoAnswer(_) | BusFault::TimedOut(_))) => {
                (UnknownReason::NoAnswer, format!("{fault} from {place}: is it in place and powered?"))
            }
            Self::Bus(fault) => (UnknownReason::BusFailing, format!("reading {place} failed: {fault}")),
            Self::Constant(_) | Self::Damaged(_) => (UnknownReason::Damaged, format!("{place}: {self}")),
            Self::Implausible(_) => (UnknownReason::Implausible, format!("{place}: {self}")),
        };
        UnknownCause { reason, detail }
    }
}
