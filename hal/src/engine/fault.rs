//! Why the engine's controller did not do what it was asked.

use crate::engine::protocol::Outcome;
use crate::fault::BusFault;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineFault {
    /// It does not answer, for longer than anything that it does takes.
    #[error(
        "the engine's controller does not answer: {0}; is the engine powered, and is the board file right?"
    )]
    Silent(BusFault),
    /// It answers, and each time the bytes were damaged on the way.
    #[error(
        "what the engine's controller says is damaged on the bus each time: look at its wires and pull-up resistors"
    )]
    Garbled,
    /// Something else has its address, or it speaks another protocol.
    #[error("what answers at the address of the engine's controller is none that is known here: {0}")]
    Unknown(String),
    /// The bootloader said no.
    #[error("the engine's bootloader refused to {what}: {why}")]
    Refused {
        /// What it was told.
        what: &'static str,
        /// Its answer.
        why: Outcome,
    },
    /// It was told several times and did it none of them.
    #[error("the engine's bootloader was told several times to {0}, and did not: does it lose its power?")]
    Lost(&'static str),
    /// A page does not hold what was written to it.
    #[error("page {page} of bank {bank} does not hold what was written to it: its flash is worn out")]
    Worn {
        /// The bank.
        bank: u8,
        /// The page.
        page: u16,
    },
    /// The image does not fit.
    #[error("the image has {image} bytes, and a bank of this engine has {bank}")]
    TooLarge {
        /// Bytes of the image.
        image: usize,
        /// Bytes of a bank.
        bank: usize,
    },
    /// There is no whole image where one was wanted.
    #[error("bank {0} of the engine holds no whole firmware")]
    NotWhole(u8),
    /// It does not let its flash be read.
    #[error("this engine does not let its firmware be read back")]
    NotReadable,
}

impl EngineFault {
    /// Whether the same may succeed later without anybody's doing anything about it.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Garbled | Self::Lost(_) => true,
            Self::Refused { why, .. } => *why == Outcome::Printing,
            _ => false,
        }
    }
}
