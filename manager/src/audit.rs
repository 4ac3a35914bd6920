//! Who did what, so that a hole shows: entries, each with a hash over the one before it and itself ([`Entry::hash`]); how a
//! chain of them is verified ([`Verifier`]); and who does what just now ([`Act`]), from which whatever the store does meanwhile
//! takes it. Pure, but for the task that carries the act.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::secret::fingerprint;

/// The longest text of an entry that comes from outside, in characters.
const MAX_CHARS: usize = 500;
/// The longest state of a record, before and after, in bytes.
const MAX_STATE_BYTES: usize = 8 * 1024;
/// What has been done, as an entry says it.
pub const DONE: &str = "done";

/// Something that somebody does.
#[derive(Debug)]
pub struct Act {
    /// The operator, if it is known which.
    pub operator: Option<String>,
    /// By which credential: a session, a token, a password, the command line.
    pub credential: String,
    /// From which address.
    pub address: String,
    /// What: the method and the address as a pattern, or words.
    pub act: String,
    /// The address as it was asked.
    pub about: String,
    /// Marks of the record that who does it saw; none, if that was not said.
    pub seen: Vec<String>,
    /// Whether an entry of it is in a transaction.
    is_written: AtomicBool,
}

impl Act {
    /// Something that somebody begins to do.
    pub fn new(
        operator: Option<String>,
        credential: impl Into<String>,
        address: impl Into<String>,
        (act, about): (String, &str),
    ) -> Arc<Self> {
        Self::having_seen(Vec::new(), operator, credential, address, (act, about))
    }

    /// The same; a record is only to be changed as it was seen.
    pub fn having_seen(
        seen: Vec<String>,
        operator: Option<String>,
        credential: impl Into<String>,
        address: impl Into<String>,
        (act, about): (String, &str),
    ) -> Arc<Self> {
        Arc::new(Self {
            operator,
            credential: credential.into(),
            address: address.into(),
            act,
            about: plain(about),
            seen,
            is_written: AtomicBool::new(false),
        })
    }

    /// What was done in it stands in an entry of the same transaction.
    pub fn written(&self) {
        self.is_written.store(true, Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn is_written(&self) -> bool {
        self.is_written.load(Ordering::Relaxed)
    }
}

/// As much of a text as an entry holds, and nothing that cannot be stored.
fn plain(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).take(MAX_CHARS).collect()
}

tokio::task_local! {
    static ACT: Arc<Act>;
}

/// Does something as a part of an act.
pub async fn during<F: Future>(act: Arc<Act>, what: F) -> F::Output {
    ACT.scope(act, what).await
}

/// The act that is under way, if there is one.
pub fn current() -> Option<Arc<Act>> {
    ACT.try_with(Arc::clone).ok()
}

/// A state of a record, as an entry holds it: of one that is too long, what it is known by.
pub fn state(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= MAX_STATE_BYTES {
        // No text of JSON holds a character that cannot be stored: it is escaped.
        return text.replace("\\u0000", "");
    }
    json!({"bytes": text.len(), "sha256": fingerprint(text.as_bytes())}).to_string()
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number: one more than that of the entry before it.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who, if it is known.
    pub operator: Option<String>,
    /// By which credential.
    pub credential: String,
    /// From where.
    pub address: String,
    /// What.
    pub act: String,
    /// At which address of the listener.
    pub about: String,
    /// How it went: [`DONE`], or words.
    pub outcome: String,
    /// The record before, as JSON.
    pub before: Option<String>,
    /// The record afterwards, as JSON.
    pub after: Option<String>,
    /// [`Entry::hash`], as it was stored.
    pub hash: String,
}

impl Entry {
    /// SHA-256 over the hash of the entry before (in hexadecimal digits; none before the first) and this entry: a list of its
    /// fields in JSON, in the order in which they stand here.
    pub fn hash(&self, previous: &str) -> String {
        let Self { number, at, operator, credential, address, act, about, outcome, before, after, hash: _ } =
            self;
        let fields = json!([
            number,
            at.as_millisecond(),
            operator,
            credential,
            address,
            act,
            about,
            outcome,
            before,
            after
        ]);
        fingerprint(format!("{previous}{fields}").as_bytes())
    }
}

/// Where a chain begins and ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// The number of the last entry, and its hash.
    pub last: (i64, String),
    /// The same of the last entry that was let go of because it was old.
    pub cut: (i64, String),
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Entries are not there.
    #[error("the entries {first} to {last} are missing")]
    Missing {
        /// The first.
        first: i64,
        /// The last.
        last: i64,
    },
    /// An entry is not what was written, or what stands before it is not.
    #[error("entry {0} does not follow from the one before it: it was changed, or what stands before it was")]
    Changed(i64),
    /// The end is another one than is remembered.
    #[error("the last entry is number {found}, and {expected} is remembered as the last")]
    End {
        /// What is there.
        found: i64,
        /// What should be.
        expected: i64,
    },
    /// An entry that somebody noted down is another one now.
    #[error("entry {0} has another hash than the one that was noted")]
    Noted(i64),
}

/// Goes along a chain.
#[derive(Debug)]
pub struct Verifier {
    last: (i64, String),
    /// How many entries were good.
    pub good: u64,
}

impl Verifier {
    /// From where the chain was cut.
    pub fn new(chain: &Chain) -> Self {
        Self { last: chain.cut.clone(), good: 0 }
    }

    /// The next entry.
    pub fn push(&mut self, entry: &Entry) -> Result<(), Break> {
        let expected = self.last.0 + 1;
        if entry.number > expected {
            return Err(Break::Missing { first: expected, last: entry.number - 1 });
        }
        if entry.number < expected || entry.hash(&self.last.1) != entry.hash {
            return Err(Break::Changed(entry.number));
        }
        self.last = (entry.number, entry.hash.clone());
        self.good += 1;
        Ok(())
    }

    /// There are no more.
    pub fn end(&self, chain: &Chain) -> Result<(), Break> {
        if self.last.0 != chain.last.0 {
            return Err(Break::End { found: self.last.0, expected: chain.last.0 });
        }
        if self.last.1 == chain.last.1 { Ok(()) } else { Err(Break::Changed(self.last.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(number: i64, operator: &str) -> Entry {
        Entry {
            number,
            at: Timestamp::UNIX_EPOCH,
            operator: Some(operator.to_owned()),
            credential: "session 0123".to_owned(),
            address: "192.0.2.1".to_owned(),
            act: "POST /api/v1/customers".to_owned(),
            about: "/api/v1/customers".to_owned(),
            outcome: DONE.to_owned(),
            before: None,
            after: Some("{\"name\":\"Nord\"}".to_owned()),
            hash: String::new(),
        }
    }

    fn chain(count: i64) -> (Vec<Entry>, Chain) {
        let (mut all, mut last) = (Vec::new(), String::new());
        for number in 1..=count {
            let mut next = entry(number, "anna");
            next.hash = next.hash(&last);
            last.clone_from(&next.hash);
            all.push(next);
        }
        (all, Chain { last: (count, last), cut: (0, String::new()) })
    }

    fn verify(all: &[Entry], chain: &Chain) -> Result<u64, Break> {
        let mut verifier = Verifier::new(chain);
        all.iter().try_for_each(|entry| verifier.push(entry))?;
        verifier.end(chain).map(|()| verifier.good)
    }

    /// So that another program can verify a chain that was exported.
    #[test]
    fn the_hash_is_that_of_the_text_that_the_documentation_names() {
        let text = "abc[7,0,\"anna\",\"session 0123\",\"192.0.2.1\",\"POST /api/v1/customers\",\"/api/v1/customers\",\"done\",null,\"{\\\"name\\\":\\\"Nord\\\"}\"]";
        assert_eq!(entry(7, "anna").hash("abc"), fingerprint(text.as_bytes()));
    }

    #[test]
    fn what_is_missing_at_the_beginning_in_the_middle_and_at_the_end_shows() {
        let (all, whole) = chain(5);
        assert_eq!(verify(&all, &whole), Ok(5));
        assert_eq!(verify(&all[1..], &whole), Err(Break::Missing { first: 1, last: 1 }));
        let hole: Vec<Entry> = all.iter().filter(|one| ![3, 4].contains(&one.number)).cloned().collect();
        assert_eq!(verify(&hole, &whole), Err(Break::Missing { first: 3, last: 4 }));
        assert_eq!(verify(&all[..3], &whole), Err(Break::End { found: 3, expected: 5 }));
        // What retention cut off is remembered.
        let cut = Chain { cut: (2, all[1].hash.clone()), ..whole };
        assert_eq!(verify(&all[2..], &cut), Ok(3));
        assert_eq!(verify(&[], &chain(0).1), Ok(0));
    }

    #[test]
    fn an_act_is_there_while_it_is_done_and_says_nothing_that_cannot_be_stored() {
        let act =
            Act::new(None, "password", "::1", ("sign in".to_owned(), &format!("/a\0b{}", "x".repeat(900))));
        assert_eq!((act.about.len(), &act.about[..3]), (MAX_CHARS, "/ab"));
        assert!(current().is_none());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(during(Arc::clone(&act), async {
            current().unwrap().written();
        }));
        assert!(act.is_written() && current().is_none());
        let long = state(&json!("x".repeat(9_000)));
        assert!(long.len() < 200 && long.contains("9002"), "{long}");
    }

    proptest! {
        #[test]
        fn whichever_field_of_whichever_entry_is_changed_it_shows(which in 0_usize..6, field in 0_u8..9) {
            let (mut all, whole) = chain(6);
            let one = &mut all[which];
            match field {
                0 => one.at = Timestamp::from_second(1).unwrap(),
                1 => one.operator = None,
                2 => one.credential.push('x'),
                3 => one.address.clear(),
                4 => one.act.push('x'),
                5 => one.about.push('x'),
                6 => one.outcome = "refused".to_owned(),
                7 => one.before = Some("{}".to_owned()),
                _ => one.after = None,
            }
            prop_assert_eq!(verify(&all, &whole), Err(Break::Changed(i64::try_from(which).unwrap() + 1)));
        }
    }
}
