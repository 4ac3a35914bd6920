//! What must not come to life again when an older copy of the database is brought back: tokens that were used, devices
//! that were shut out, retired or deleted, passwords that were changed, operators who were removed or may do less. It stands in a file of its own beside the state directory's other
//! files, is only ever appended to, and is on the disk before the transaction that does the same is committed.
//!
//! Each line is one transaction's, with a checksum of its own: a last line that was cut off is no line. The database
//! remembers how far it knows the journal ([`super::replayed`]). One that knows less than the journal holds was taken
//! back to an older state; what it lacks is then done again. An hourly line that says nothing more than that time has
//! passed ([`Entry::Hour`]) shows that also where nothing else happened.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};

use super::engine::{Connection, values};
use super::statements::restored as statements;
use super::{Certificate, StoreError};
use crate::file_set::PRIVATE;
use crate::rights::Role;
use crate::secret;

/// The journal's name in the state directory.
pub const JOURNAL: &str = "manager.journal";
/// Random bytes of the word by which a journal is known.
const ID_BYTES: usize = 8;
/// Hexadecimal digits of a line's checksum.
const CHECKSUM_DIGITS: usize = 16;

/// Something that happened and must not be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum Entry {
    /// A token let a device in, which was given this certificate.
    TokenUsed { token: String, device: DeviceId, certificate: Certificate },
    /// A device was shut out.
    Revoked { device: DeviceId, by: String, at: Timestamp },
    /// A device was taken out of service.
    Retired { device: DeviceId, by: String, at: Timestamp },
    /// A device was deleted for good, with all that is known of persons.
    Deleted { device: DeviceId, by: String, at: Timestamp },
    /// An operator was given a password: those of before are good no more.
    PasswordSet { operator: String },
    /// An operator was given another role, or other limits: the keys of customers and of sites.
    OperatorSet {
        operator: String,
        role: Role,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<(BTreeSet<i64>, BTreeSet<i64>)>,
    },
    /// An operator was removed.
    OperatorRemoved { operator: String },
    /// An enrolment token was taken back before it let anybody in.
    EnrolmentTokenRevoked { token: String },
    /// A bearer token of an operator was taken back: its fingerprint.
    OperatorTokenRevoked { token: String },
    /// A token of a client that is not ours was revoked.
    DdiTokenRevoked { token: String },
    /// Nothing but time has passed.
    Hour,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    /// In the first line: by what the journal is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    journal: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entries: Vec<Entry>,
}

/// What the journal holds from a position on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// What each transaction wrote.
    pub(super) transactions: Vec<Vec<Entry>>,
    /// Where it ends.
    pub(super) upto: u64,
    /// Lines that are not what was written.
    pub(super) damaged: usize,
}

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    id: String,
}

/// What was appended: until this is dropped, nobody else appends.
pub(super) struct Appended {
    file: File,
    before: u64,
    /// Where the journal ends now.
    pub(super) upto: u64,
}

impl Appended {
    /// It was not committed after all. One that stays in spite of that is done where nobody asked for it, if ever the
    /// database is taken back: that is the safe side.
    pub(super) fn take_back(self) {
        if let Err(error) = self.file.set_len(self.before).and_then(|()| self.file.sync_data()) {
            tracing::debug!(%error, "the end of the journal could not be taken back");
        }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |error| StoreError::Journal { path: path.clone(), source: Arc::new(error) }
}

fn written(line: &Line) -> io::Result<String> {
    let text = serde_json::to_string(line)?;
    Ok(format!("{} {text}\n", checksum(&text)))
}

fn checksum(text: &str) -> String {
    let mut digits = secret::fingerprint(text.as_bytes());
    digits.truncate(CHECKSUM_DIGITS);
    digits
}

/// A line that is whole; `None` where it is not what was written.
fn read(line: &str) -> Option<Line> {
    let (sum, text) = line.split_once(' ')?;
    (sum == checksum(text)).then(|| serde_json::from_str(text).ok()).flatten()
}

/// The lines of a text that ends with a whole one; what follows the last end of a line was cut off.
fn whole(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    text.get(..end).unwrap_or_default()
}

impl Journal {
    /// The journal in a state directory; made if there is none.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(JOURNAL);
        let failed = failed(&path);
        let mut file = open_locked(&path).map_err(&failed)?;
        let id = match first_line(&mut file).map_err(&failed)? {
            Some(id) => id,
            None => begin(&mut file).map_err(&failed)?,
        };
        drop(file);
        // That it is there is on the disk as well.
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(&failed)?;
        Ok(Self { path, id })
    }

    /// In which directory it is.
    pub(super) fn directory(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).to_owned()
    }

    /// Writes into the database how far that knows the journal, in the transaction that was written to it.
    pub(super) fn note_known(
        &self,
        connection: &Connection,
        upto: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let upto = i64::try_from(upto).unwrap_or(i64::MAX);
        connection.execute(statements::SET_MARK, values![self.id, upto, now.as_millisecond()])?;
        Ok(())
    }

    /// By what it is known: one that was lost and made anew is another.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Appends what a transaction does; it is on the disk when this returns.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<Appended, StoreError> {
        let failed = failed(&self.path);
        let mut file = open_locked(&self.path).map_err(&failed)?;
        // Somebody may have removed it meanwhile.
        match first_line(&mut file).map_err(&failed)? {
            Some(id) => self.id = id,
            None => self.id = begin(&mut file).map_err(&failed)?,
        }
        let before = cut_to_whole_lines(&mut file).map_err(&failed)?;
        let line = Line { journal: None, entries: entries.to_vec() };
        let written = written(&line)
            .and_then(|line| file.write_all(line.as_bytes()).and_then(|()| file.sync_data()))
            .and_then(|()| file.stream_position());
        match written {
            Ok(upto) => Ok(Appended { file, before, upto }),
            Err(error) => {
                Appended { file, before, upto: before }.take_back();
                Err(failed(error))
            }
        }
    }

    /// What it holds from a position on. Of a position that lies behind its end, it holds nothing.
    pub(super) fn from(&self, position: u64) -> Result<Rest, StoreError> {
        let failed = failed(&self.path);
        let mut file = open_locked(&self.path).map_err(&failed)?;
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(position)).map_err(&failed)?;
        file.read_to_end(&mut text).map_err(&failed)?;
        let whole = whole(&text);
        let mut rest = Rest { transactions: Vec::new(), upto: position + whole.len() as u64, damaged: 0 };
        for line in String::from_utf8_lossy(whole).lines() {
            match read(line) {
                Some(Line { journal: Some(_), .. }) => {}
                Some(line) => rest.transactions.push(line.entries),
                None => rest.damaged += 1,
            }
        }
        Ok(rest)
    }
}

/// Nobody else reads or writes it until the file is closed.
fn open_locked(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).read(true).append(true).mode(PRIVATE).open(path)?;
    file.lock()?;
    Ok(file)
}

fn first_line(file: &mut File) -> io::Result<Option<String>> {
    const ENOUGH: u64 = 4096;
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    io::Read::by_ref(file).take(ENOUGH).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let Some((line, _)) = text.split_once('\n') else { return Ok(None) };
    let id = read(line).and_then(|line| line.journal);
    id.map(Some).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "this is no journal of a manager; move the file away, and the manager begins another",
        )
    })
}

fn begin(file: &mut File) -> io::Result<String> {
    let id = secret::random_hex::<ID_BYTES>().map_err(io::Error::other)?;
    file.set_len(0)?;
    file.write_all(written(&Line { journal: Some(id.clone()), entries: Vec::new() })?.as_bytes())?;
    file.sync_data()?;
    Ok(id)
}

/// What was cut off is nothing that anybody was told of.
fn cut_to_whole_lines(file: &mut File) -> io::Result<u64> {
    const BLOCK: u64 = 4096;
    let length = file.metadata()?.len();
    let mut end = length;
    while end > 0 {
        let from = end.saturating_sub(BLOCK);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        io::Read::by_ref(file).take(end - from).read_to_end(&mut block)?;
        let whole = whole(&block).len() as u64;
        end = from + whole;
        if whole > 0 {
            break;
        }
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at() -> Timestamp {
        "2026-11-30T10:00:00Z".parse().unwrap()
    }

    fn revoked(device: &str) -> Entry {
        Entry::Revoked { device: device.parse().unwrap(), by: "olga".to_owned(), at: at() }
    }

    #[test]
    fn what_was_appended_is_read_from_where_somebody_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        let first = journal.append(&[revoked("a"), Entry::Hour]).unwrap().upto;
        journal.append(&[revoked("b")]).unwrap();
        let again = Journal::open(directory.path()).unwrap();
        assert_eq!(again.id(), journal.id());
        let all = again.from(0).unwrap();
        assert_eq!(all.transactions, [vec![revoked("a"), Entry::Hour], vec![revoked("b")]]);
        assert_eq!((all.damaged, again.from(first).unwrap().transactions), (0, vec![vec![revoked("b")]]));
        assert_eq!(again.from(all.upto).unwrap().transactions, Vec::<Vec<Entry>>::new());
        assert_eq!(again.from(all.upto + 99).unwrap().transactions, Vec::<Vec<Entry>>::new());
    }

    #[test]
    fn what_was_taken_back_or_cut_off_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        journal.append(&[revoked("a")]).unwrap();
        journal.append(&[revoked("b")]).unwrap().take_back();
        let path = directory.path().join(JOURNAL);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"0123456789abcdef {\"entries\":[{\"wh"].concat()).unwrap();
        assert_eq!(journal.from(0).unwrap().transactions, [vec![revoked("a")]]);
        journal.append(&[revoked("c")]).unwrap();
        let all = journal.from(0).unwrap();
        assert_eq!((all.transactions, all.damaged), (vec![vec![revoked("a")], vec![revoked("c")]], 0));
    }

    #[test]
    fn a_line_that_is_damaged_takes_no_other_with_it_and_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        for device in ["a", "b", "c"] {
            journal.append(&[revoked(device)]).unwrap();
        }
        let path = directory.path().join(JOURNAL);
        let text = std::fs::read_to_string(&path).unwrap().replace("\"b\"", "\"x\"");
        std::fs::write(&path, text).unwrap();
        let all = journal.from(0).unwrap();
        assert_eq!((all.transactions, all.damaged), (vec![vec![revoked("a")], vec![revoked("c")]], 1));
    }

    #[test]
    fn a_file_that_is_no_journal_is_left_alone_and_one_that_is_gone_is_another_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(JOURNAL);
        std::fs::write(&path, "shopping list\n").unwrap();
        let refused = Journal::open(directory.path()).unwrap_err().to_string();
        assert!(refused.contains(JOURNAL) && refused.contains("no journal"), "{refused}");
        std::fs::remove_file(&path).unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        let before = journal.id().to_owned();
        std::fs::remove_file(&path).unwrap();
        journal.append(&[revoked("a")]).unwrap();
        assert_ne!(journal.id(), before);
        assert_eq!(journal.from(0).unwrap().transactions, [vec![revoked("a")]]);
    }

    proptest! {
        #[test]
        fn a_journal_that_was_cut_anywhere_holds_the_transactions_before_the_cut(
            names in prop::collection::vec("[a-z]{1,8}", 1..6), cut in any::<prop::sample::Index>(),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let mut journal = Journal::open(directory.path()).unwrap();
            let mut ends = vec![journal.from(0).unwrap().upto];
            for name in &names {
                ends.push(journal.append(&[revoked(name)]).unwrap().upto);
            }
            let path = directory.path().join(JOURNAL);
            let begun = usize::try_from(ends[0]).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let cut = begun + cut.index(bytes.len() - begun + 1);
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let kept = ends.iter().skip(1).filter(|end| **end <= cut as u64).count();
            let left = journal.from(0).unwrap();
            prop_assert_eq!(left.transactions.len(), kept);
            prop_assert_eq!(left.damaged, 0);
            journal.append(&[revoked("z")]).unwrap();
            prop_assert_eq!(journal.from(0).unwrap().transactions.len(), kept + 1);
        }
    }
}
