//! Which part of a body is asked for, and which is answered (RFC 9110, sections 14.1.2 and 14.4).
//!
//! RFC 9110 has ranges for `GET` and leaves other methods to who defines them: here a `POST` has them, since the
//! question is in its body. Only one form is used on each side, a single range of bytes.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// `Range: bytes=FIRST-LAST`, or `bytes=FIRST-` for all the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte, from 0.
    pub first: u64,
    /// The last byte, if an end is asked for.
    pub last: Option<u64>,
}

/// `Content-Range: bytes FIRST-LAST/WHOLE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte, from 0.
    pub first: u64,
    /// The last byte.
    pub last: u64,
    /// How many bytes the whole body has.
    pub whole: NonZeroU64,
}

/// A text that is no such range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRange(pub String);

impl fmt::Display for InvalidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a single range of bytes", self.0)
    }
}

impl std::error::Error for InvalidRange {}

impl ByteRange {
    /// What of a body of `whole` bytes is meant; none when it begins beyond its end.
    pub fn of(self, whole: NonZeroU64) -> Option<ContentRange> {
        let end = whole.get() - 1;
        let last = self.last.unwrap_or(end).min(end);
        (self.first <= last).then_some(ContentRange { first: self.first, last, whole })
    }
}

impl ContentRange {
    /// How many bytes it has.
    pub const fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether it is what was asked for, or an honest part of it: from the same byte, to no later one.
    pub fn answers(self, asked: ByteRange) -> bool {
        self.first == asked.first && asked.last.is_none_or(|last| self.last <= last)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) => write!(f, "bytes={}-{last}", self.first),
            None => write!(f, "bytes={}-", self.first),
        }
    }
}

impl FromStr for ByteRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let parse = || {
            let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
            let last = if last.is_empty() { None } else { Some(number(last)?) };
            let first = number(first)?;
            last.is_none_or(|last| first <= last).then_some(Self { first, last })
        };
        parse().ok_or_else(|| InvalidRange(text.to_owned()))
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {}-{}/{}", self.first, self.last, self.whole)
    }
}

impl FromStr for ContentRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let parse = || {
            let (part, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
            let (first, last) = part.split_once('-')?;
            let (first, last, whole) = (number(first)?, number(last)?, NonZeroU64::new(number(whole)?)?);
            (first <= last && last < whole.get()).then_some(Self { first, last, whole })
        };
        parse().ok_or_else(|| InvalidRange(text.to_owned()))
    }
}

/// Digits alone: `u64` would take a sign too.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: u64) -> NonZeroU64 {
        NonZeroU64::new(bytes).unwrap()
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_refused() {
        for text in
            ["", "bytes=", "bytes=-5", "bytes=5-4", "bytes=+1-2", "bytes=0-1,3-4", "lines=0-1", "bytes=a-"]
        {
            assert!(text.parse::<ByteRange>().is_err(), "{text}");
        }
        for text in
            ["", "bytes */5", "bytes 0-5/5", "bytes 3-2/5", "bytes 0-1/*", "bytes 0-0/0", "bytes=0-1/5"]
        {
            assert!(text.parse::<ContentRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_is_cut_at_the_end_and_is_none_beyond_it() {
        let asked = ByteRange { first: 4, last: Some(99) };
        assert_eq!(asked.of(whole(10)), Some(ContentRange { first: 4, last: 9, whole: whole(10) }));
        assert_eq!(asked.of(whole(4)), None);
    }

    proptest! {
        #[test]
        fn what_prints_parses_the_same(first in 0_u64..1000, more in proptest::option::of(0_u64..1000), bytes in 1_u64..3000) {
            let asked = ByteRange { first, last: more.map(|more| first + more) };
            prop_assert_eq!(asked.to_string().parse::<ByteRange>().unwrap(), asked);
            if let Some(part) = asked.of(whole(bytes)) {
                prop_assert_eq!(part.to_string().parse::<ContentRange>().unwrap(), part);
                prop_assert!(part.answers(asked) && part.length() <= bytes);
            }
        }

        #[test]
        fn a_text_of_any_kind_is_read_or_refused(text in "(bytes[ =])?[0-9*/+-]{0,60}") {
            let _ = (text.parse::<ByteRange>(), text.parse::<ContentRange>());
        }
    }
}
