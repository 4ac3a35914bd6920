//! The trust metadata that stand before the bytes of one answer, by their versions. These are the answer's `ETag`, so that
//! any manager can go on with a transfer that another one began, while newer metadata have been signed: the same
//! versions are the same bytes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use platen_trust::limits::MAX_ROOTS;
use platen_trust::{Distrust, Document, Role};

use super::shelf::{Shelf, Signed};

/// Hexadecimal digits of a program's SHA-256 in an `ETag`.
const SUM_DIGITS: usize = 32;

/// The metadata of one answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edition {
    /// The beginning of the SHA-256 of the program.
    sum: String,
    /// The first root, and the one behind the last.
    roots: (u64, u64),
    timestamp: u64,
    snapshot: u64,
    targets: u64,
}

/// A text that is no `ETag` of this manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEdition;

/// `"SUM-FROM-TO-TIMESTAMP-SNAPSHOT-TARGETS"`, as it stands in `ETag`.
impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sum, roots: (from, to), timestamp, snapshot, targets } = self;
        write!(f, "\"{sum}-{from}-{to}-{timestamp}-{snapshot}-{targets}\"")
    }
}

impl FromStr for Edition {
    type Err = NoEdition;

    fn from_str(text: &str) -> Result<Self, NoEdition> {
        let read = || {
            let mut parts = text.strip_prefix('"')?.strip_suffix('"')?.split('-');
            let sum = parts.next()?.to_owned();
            let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
            let edition = Self {
                sum,
                roots: (number()?, number()?),
                timestamp: number()?,
                snapshot: number()?,
                targets: number()?,
            };
            // One text for one edition: nothing else stands there.
            (edition.to_string() == text).then_some(edition)
        };
        read().ok_or(NoEdition)
    }
}

fn sum_of(sha256: &str) -> String {
    sha256.chars().take(SUM_DIGITS).collect()
}

impl Edition {
    /// The newest metadata, with the roots behind the one that a device trusts, for a program of these bytes; none
    /// where there is nothing to give.
    pub fn newest(stock: &Shelf, trusted_root: u64, sha256: &str) -> Option<Self> {
        let newest = |role| stock.newest(role).map(|(version, _)| version);
        // A root that nobody published here is of another maker; the device says so itself.
        let first = trusted_root.saturating_add(1);
        let most = u64::try_from(MAX_ROOTS).unwrap_or(u64::MAX);
        let behind = newest(Role::Root)?.saturating_add(1).max(first);
        Some(Self {
            sum: sum_of(sha256),
            roots: (first, behind.min(first.saturating_add(most))),
            timestamp: newest(Role::Timestamp)?,
            snapshot: newest(Role::Snapshot)?,
            targets: newest(Role::Targets)?,
        })
    }

    /// Whether a transfer of it can go on: it is of these bytes, all of it is still there, and the device would take it.
    pub fn is_good(&self, stock: &Shelf, sha256: &str, now: Timestamp) -> bool {
        self.sum == sum_of(sha256)
            && self.others(stock).is_some_and(|all| all.iter().all(|signed| signed.expires > now))
            && self.roots_of(stock).is_some()
    }

    fn others<'a>(&self, stock: &'a Shelf) -> Option<[&'a Signed; 3]> {
        Some([
            stock.signed(Role::Timestamp, self.timestamp)?,
            stock.signed(Role::Snapshot, self.snapshot)?,
            stock.signed(Role::Targets, self.targets)?,
        ])
    }

    fn roots_of<'a>(&self, stock: &'a Shelf) -> Option<Vec<&'a Signed>> {
        let (from, to) = self.roots;
        let count =
            to.checked_sub(from).filter(|count| usize::try_from(*count).is_ok_and(|n| n <= MAX_ROOTS))?;
        (from..from.saturating_add(count)).map(|version| stock.signed(Role::Root, version)).collect()
    }

    /// The document; none where some of it is not there any more.
    ///
    /// # Errors
    /// When devices would not read it: it is too large.
    pub fn document(&self, stock: &Shelf) -> Option<Result<Vec<u8>, Distrust>> {
        let bytes = |signed: &Signed| signed.body.as_bytes().to_vec();
        let (roots, [timestamp, snapshot, targets]) = (self.roots_of(stock)?, self.others(stock)?);
        let document = Document {
            roots: roots.into_iter().map(bytes).collect(),
            timestamp: bytes(timestamp),
            snapshot: bytes(snapshot),
            targets: bytes(targets),
        };
        Some(document.to_bytes())
    }

    /// The same with half of the roots: a device that takes them asks again for the others. None when there is one or
    /// none.
    #[must_use]
    pub fn with_fewer_roots(&self) -> Option<Self> {
        let (from, to) = self.roots;
        let count = to.saturating_sub(from);
        (count > 1).then(|| Self { roots: (from, from + count / 2), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::shelf::tests::{file, record};
    use super::*;
    use proptest::prelude::*;

    const SUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn shelf(roots: u64, timestamps: u64) -> Shelf {
        let roots = (1..=roots).map(|version| file("root", version, &format!("{{\"root\":{version}}}")));
        let timestamps = (1..=timestamps).map(|version| file("timestamp", version, &version.to_string()));
        let others = [file("snapshot", 3, "3"), file("targets", 2, "2")];
        let all = roots.chain(timestamps).chain(others).collect();
        Shelf::default().next(1, all, vec![record(1, SUM)])
    }

    #[test]
    fn the_same_versions_are_the_same_bytes_though_newer_ones_have_been_signed() {
        let now = "2026-11-30T00:00:00Z".parse().unwrap();
        let (before, after) = (shelf(2, 4), shelf(3, 5));
        let edition = Edition::newest(&before, 1, SUM).unwrap();
        assert_eq!(edition.to_string(), "\"0123456789abcdef0123456789abcdef-2-3-4-3-2\"");
        let document = edition.document(&before).unwrap().unwrap();
        assert_eq!(document, br#"{"roots":[{"root":2}],"timestamp":4,"snapshot":3,"targets":2}"#);
        let again: Edition = edition.to_string().parse().unwrap();
        assert!(again.is_good(&after, SUM, now));
        assert_eq!(again.document(&after).unwrap().unwrap(), document);
        assert_ne!(Edition::newest(&after, 1, SUM).unwrap(), edition);
        assert!(!again.is_good(&after, &SUM.replace('0', "1"), now), "of other bytes");
        assert!(!again.is_good(&after, SUM, "2027-01-01T00:00:00Z".parse().unwrap()), "expired");
        assert!(!again.is_good(&shelf(2, 3), SUM, now), "forgotten");
    }

    #[test]
    fn a_device_that_lacks_many_roots_gets_as_many_as_it_takes_at_once() {
        let edition = Edition::newest(&shelf(50, 1), 1, SUM).unwrap();
        assert_eq!(edition.roots, (2, 2 + 32));
        assert_eq!(edition.with_fewer_roots().unwrap().roots, (2, 18));
        let nothing = Edition::newest(&shelf(3, 1), 3, SUM).unwrap();
        assert_eq!((nothing.roots, nothing.with_fewer_roots()), ((4, 4), None));
        // One that trusts a later root than any here: it says what is wrong itself.
        assert_eq!(Edition::newest(&shelf(3, 1), 9, SUM).unwrap().roots, (10, 10));
        assert!(Edition::newest(&Shelf::default(), 1, SUM).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_an_edition_that_prints_the_same_or_none(text in "\"?[0-9a-f]{0,8}(-[0-9+]{1,3}){0,7}\"?") {
            if let Ok(edition) = text.parse::<Edition>() {
                prop_assert_eq!(edition.to_string(), text);
                prop_assert!(edition.document(&shelf(2, 2)).is_none_or(|document| document.is_ok()));
            }
        }
    }
}
