//! What an answer that carries a program means for what is on the disk already: pure.
//!
//! A body is named by its `ETag`. As long as that stays the same, what was received of it counts, whatever happened to
//! the connection; another one is another body, which begins at its first byte. Nothing that an answer says of itself is
//! taken beyond the limits, and what contradicts itself, or what was asked, has no effect.

use std::num::NonZeroU64;

use platen_protocol::identity::AttemptId;
use platen_protocol::limits::{MAX_METADATA_BYTES, MAX_PROGRAM_BYTES};
use platen_protocol::programs::range::{ByteRange, ContentRange};
use platen_protocol::programs::{RunningProgram, field};
use serde::{Deserialize, Serialize};

/// The longest `ETag` that is kept, in characters.
const MAX_ETAG_CHARS: usize = 128;
const PARTIAL: u16 = 206;
const ETAG: &str = "etag";
const CONTENT_LENGTH: &str = "content-length";
const CONTENT_RANGE: &str = "content-range";

/// What the manager offers: one attempt to install one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offered {
    /// Names the attempt.
    pub attempt: AttemptId,
    /// What it is, by the manager's word.
    pub program: RunningProgram,
    /// Names the body.
    pub etag: String,
    /// How many bytes of the body are metadata.
    pub metadata_length: u64,
    /// How many it has in all.
    pub whole: u64,
}

/// What an answer says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// 200 or 206.
    pub status: u16,
    etag: Option<String>,
    attempt: Option<String>,
    program: Option<String>,
    metadata_length: Option<String>,
    content_range: Option<String>,
    content_length: Option<String>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meant {
    /// Of what it is a part.
    pub offered: Offered,
    /// Whether nothing of what is on the disk counts any more.
    pub anew: bool,
    /// The byte of the body with which it begins.
    pub first: u64,
    /// The byte of the body before which it ends.
    pub end: u64,
}

/// Why an answer has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Contradiction {
    /// A field is missing, or cannot be read.
    #[error("its field {0} is missing, or says nothing that can be used")]
    Field(&'static str),
    /// It is not the part that was asked for.
    #[error("it has another part of the program than was asked for")]
    OtherPart,
    /// It is part of another body than was asked for.
    #[error("it has a part of another program than was asked for")]
    OtherBody,
    /// The same body was of another size before.
    #[error("it says that the same program has another size now")]
    OtherSize,
    /// Two of its fields do not agree.
    #[error("its length is not that of its part")]
    Length,
}

/// Why a program is not fetched, whatever is tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BeyondLimits {
    /// The metadata.
    #[error("its trust metadata have {bytes} bytes; between 1 and {MAX_METADATA_BYTES} are allowed")]
    Metadata {
        /// By the manager's word.
        bytes: u64,
    },
    /// The program.
    #[error("it has {bytes} bytes; between 1 and {MAX_PROGRAM_BYTES} are allowed")]
    Program {
        /// By the manager's word.
        bytes: u64,
    },
}

impl Head {
    /// Of an answer with these fields.
    pub(super) fn read<'f>(status: u16, fields: impl Fn(&str) -> Option<&'f str>) -> Self {
        let text = |name: &str| fields(name).map(ToOwned::to_owned);
        Self {
            status,
            etag: text(ETAG),
            attempt: text(field::ATTEMPT),
            program: text(field::PROGRAM),
            metadata_length: text(field::METADATA_LENGTH),
            content_range: text(CONTENT_RANGE),
            content_length: text(CONTENT_LENGTH),
        }
    }

    /// What it means, where `held` is on the disk of what was offered before, and `asked` was asked for.
    ///
    /// # Errors
    /// When it contradicts itself or what was asked.
    pub(super) fn meant(
        &self,
        held: Option<(&Offered, u64)>,
        asked: ByteRange,
    ) -> Result<Meant, Contradiction> {
        let part = self.part(asked)?;
        let offered = self.offered(part.whole.get())?;
        let (first, end) = (part.first, part.last + 1);
        let meant = |anew| Meant { offered: offered.clone(), anew, first, end };
        match held.filter(|(held, _)| held.etag == offered.etag) {
            // It may be another attempt with the same program: what was received is as good for it.
            Some((held, bytes)) => {
                if (held.whole, held.metadata_length) != (offered.whole, offered.metadata_length) {
                    return Err(Contradiction::OtherSize);
                }
                if first > bytes { Err(Contradiction::OtherPart) } else { Ok(meant(false)) }
            }
            None if first == 0 => Ok(meant(true)),
            None => Err(Contradiction::OtherBody),
        }
    }

    fn part(&self, asked: ByteRange) -> Result<ContentRange, Contradiction> {
        let digits = self.content_length.as_deref().map(|text| text.parse::<u64>().ok());
        let length = digits.map(|length| length.ok_or(Contradiction::Field(CONTENT_LENGTH)));
        let length = length.transpose()?;
        if self.status == PARTIAL {
            let range = self.content_range.as_deref().and_then(|text| text.parse::<ContentRange>().ok());
            let range = range.ok_or(Contradiction::Field(CONTENT_RANGE))?;
            if !range.answers(asked) {
                return Err(Contradiction::OtherPart);
            }
            if length.is_some_and(|length| length != range.length()) {
                return Err(Contradiction::Length);
            }
            return Ok(range);
        }
        let whole = length.and_then(NonZeroU64::new).ok_or(Contradiction::Field(CONTENT_LENGTH))?;
        Ok(ContentRange { first: 0, last: whole.get() - 1, whole })
    }

    fn offered(&self, whole: u64) -> Result<Offered, Contradiction> {
        fn parsed<T: std::str::FromStr>(
            text: Option<&String>,
            name: &'static str,
        ) -> Result<T, Contradiction> {
            text.and_then(|text| text.parse().ok()).ok_or(Contradiction::Field(name))
        }
        // A weak one does not promise the same bytes.
        let strong = |etag: &&String| {
            etag.len() > 2 && etag.len() <= MAX_ETAG_CHARS && etag.starts_with('"') && etag.ends_with('"')
        };
        let etag = self.etag.as_ref().filter(strong).ok_or(Contradiction::Field(ETAG))?;
        Ok(Offered {
            attempt: parsed(self.attempt.as_ref(), field::ATTEMPT)?,
            program: parsed(self.program.as_ref(), field::PROGRAM)?,
            etag: etag.clone(),
            metadata_length: parsed(self.metadata_length.as_ref(), field::METADATA_LENGTH)?,
            whole,
        })
    }
}

impl Offered {
    /// Refuses what no device takes.
    ///
    /// # Errors
    /// When the metadata or the program is too large, or one of them is empty.
    pub(super) fn check(&self) -> Result<(), BeyondLimits> {
        if !(1..=MAX_METADATA_BYTES).contains(&self.metadata_length) {
            return Err(BeyondLimits::Metadata { bytes: self.metadata_length });
        }
        let bytes = self.whole.saturating_sub(self.metadata_length);
        if (1..=MAX_PROGRAM_BYTES).contains(&bytes) { Ok(()) } else { Err(BeyondLimits::Program { bytes }) }
    }
}

#[cfg(test)]
mod tests;
