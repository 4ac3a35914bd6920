//! What the journal holds and the database has forgotten is done again.

use jiff::Timestamp;

use super::engine::{Connection, values};
use super::identities::{self, IdentityChange};
use super::journal::{Entry, Journal};
use super::records::time;
use super::restored::note;
use super::statements::{
    self as all_statements, ddi, devices, people as people_statements, restored as statements,
};
use super::{Store, StoreError, delete, enrolment, people, states};

/// No password has this hash: finding one would be to invert Argon2.
const NO_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What was found in the journal that the database had forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Tokens that were used.
    pub tokens: usize,
    /// Devices that were shut out.
    pub revocations: usize,
    /// Devices that were taken out of service.
    pub retired: usize,
    /// Devices that were deleted.
    pub deleted: usize,
    /// Passwords that were changed: those of before are locked.
    pub passwords: usize,
    /// Operators who were removed, or given another role or other limits.
    pub operators: usize,
    /// Lines that could not be read.
    pub damaged: usize,
}

/// Does again what the journal holds and the database has forgotten. One transaction may be missing where a program was
/// cut off between the journal and the commit; where more are, the database was taken back, which is noted.
pub(super) fn catch_up(
    connection: &Connection,
    journal: &Journal,
    now: Timestamp,
) -> Result<Replayed, StoreError> {
    // The end of the journal moves only within transactions that write, so after the first look nothing is missed.
    let found: Option<(i64, i64)> =
        connection.one(statements::MARK, values![journal.id()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if let Some((position, _)) = found
        && journal.from(u64::try_from(position).unwrap_or(0))?.transactions.is_empty()
    {
        return Ok(Replayed::default());
    }
    let replayed = connection.write(|connection| {
        let (replayed, transactions, made) = replay(connection, journal, now)?;
        if transactions > 1 {
            tracing::warn!(known_upto = %made, "the database was taken back to an older state");
            note(connection, made, now)?;
        }
        Ok(replayed)
    })?;
    if replayed != Replayed::default() {
        let Replayed { tokens, revocations, retired, deleted, passwords, operators, damaged } = replayed;
        tracing::warn!(
            tokens,
            revocations,
            retired,
            deleted,
            passwords,
            operators,
            damaged,
            "done again, from the journal, what the database had forgotten"
        );
    }
    Ok(replayed)
}

/// The same for a database that was brought back on purpose, holding the moment `made`.
pub(super) fn bring_back(
    connection: &Connection,
    journal: &Journal,
    made: Timestamp,
    now: Timestamp,
) -> Result<Replayed, StoreError> {
    connection.write(|connection| {
        let (replayed, ..) = replay(connection, journal, now)?;
        note(connection, made, now)?;
        Ok(replayed)
    })
}

/// What was replayed, of how many transactions, and the moment up to which the database knew the journal.
fn replay(
    connection: &Connection,
    journal: &Journal,
    now: Timestamp,
) -> Result<(Replayed, usize, Timestamp), StoreError> {
    let found = connection
        .one(statements::MARK, values![journal.id()], |row| Ok((row.get::<i64>(0)?, time(row, 1)?)))?;
    let (position, made) = match found {
        Some((position, at)) => (u64::try_from(position).unwrap_or(0), at),
        // A database that never knew this journal, which may be a new one.
        None => (0, connection.row(statements::KNOWN_UPTO, values![], |row| time(row, 0))?),
    };
    let rest = journal.from(position)?;
    let mut replayed = Replayed { damaged: rest.damaged, ..Replayed::default() };
    let entries: Vec<&Entry> = rest.transactions.iter().flatten().collect();
    for (entry, following) in entries.iter().zip(1..) {
        let later = entries.get(following..).unwrap_or_default();
        again(connection, entry, later, now, &mut replayed)?;
    }
    journal.note_known(connection, rest.upto, now)?;
    Ok((replayed, rest.transactions.len(), made))
}

/// Does one thing again, which others followed. Each can be done twice.
fn again(
    connection: &Connection,
    entry: &Entry,
    later: &[&Entry],
    now: Timestamp,
    replayed: &mut Replayed,
) -> Result<(), StoreError> {
    match entry {
        Entry::Hour => {}
        Entry::DdiTokenRevoked { token } => {
            connection.execute(ddi::REVOKE_HASH, values![token])?;
            replayed.tokens += 1;
        }
        Entry::EnrolmentTokenRevoked { token } => {
            connection.execute(all_statements::REVOKE_ENROLMENT_HASH, values![token])?;
            replayed.tokens += 1;
        }
        Entry::OperatorTokenRevoked { token } => {
            connection.execute(people_statements::REVOKE_TOKEN_HASH, values![token])?;
            replayed.operators += 1;
        }
        Entry::TokenUsed { token, device, certificate } => {
            let at = certificate.issued.as_millisecond();
            connection.execute(statements::TOKEN_USED_SINCE, values![token, at, device.as_str()])?;
            let known = identities::standing(connection, device)?;
            if known.is_none_or(|known| known.certificate.issued <= certificate.issued) {
                enrolment::let_in(connection, device, certificate)?;
            }
            replayed.tokens += 1;
        }
        Entry::Revoked { device, by, at } => {
            connection
                .execute(statements::SHUT_OUT_UNKNOWN, values![device.as_str(), at.as_millisecond()])?;
            connection.execute(statements::SHUT_OUT, values![device.as_str(), at.as_millisecond()])?;
            states::add(connection, device)?;
            identities::log(connection, device, IdentityChange::Revoked, Some(by), *at)?;
            replayed.revocations += 1;
        }
        Entry::Retired { device, by, at } => {
            // It was told then, or can be enrolled again to be told: its certificate is refused at once.
            let key: Option<i64> =
                connection.one(all_statements::DEVICE_KEY, values![device.as_str()], |row| row.get(0))?;
            if let Some(key) = key {
                let told_by: Option<String> = None;
                connection.execute(devices::RETIRE, values![key, at.as_millisecond(), by, told_by])?;
                connection.execute(statements::SHUT_OUT, values![device.as_str(), at.as_millisecond()])?;
                identities::log(connection, device, IdentityChange::Retired, Some(by), *at)?;
                replayed.retired += 1;
            }
        }
        Entry::Deleted { device, by, at } => {
            let enrolled_again = later
                .iter()
                .any(|one| matches!(one, Entry::TokenUsed { device: enrolled, .. } if enrolled == device));
            // A device of that name that enrolled since has none of its rows, but they cannot be told apart here.
            if !enrolled_again && delete::begin(connection, device, by, *at, true)? == Ok(true) {
                replayed.deleted += 1;
            }
        }
        Entry::OperatorSet { operator, role, limits } => {
            people::set_again(connection, operator, *role, limits.as_ref())?;
            replayed.operators += 1;
        }
        Entry::OperatorRemoved { operator } => {
            people::remove_again(connection, operator)?;
            replayed.operators += 1;
        }
        Entry::PasswordSet { operator } => {
            tracing::warn!(operator, at = %now, "the password was changed since the backup, and is locked");
            replayed.passwords += usize::try_from(
                connection.execute(statements::LOCK_PASSWORD, values![operator, NO_PASSWORD])?,
            )
            .unwrap_or(usize::MAX);
        }
    }
    Ok(())
}

impl Store {
    /// Writes to the journal that an hour has passed.
    pub async fn note_hour(&self) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context.journal.push(Entry::Hour);
                Ok(())
            })
            .await
    }
}
