//! Sums for those who watch over the manager: how large the database is, and how much is open in it.

use super::engine::Connection;
use super::statements::figures as statements;
use super::{Store, StoreError, from_integer};

/// What an open alert means, by the number of its class.
const CLASSES: [(&str, i64); 3] = [("critical", 0), ("warning", 1), ("forecast", 2)];
/// The states that a rollout can be in.
const ROLLOUT_STATES: [&str; 7] =
    ["making", "planned", "running", "paused", "halted", "finished", "cancelled"];

/// The states of messages that are not through.
const MESSAGE_STATES: [&str; 3] = ["gathering", "waiting", "dead"];

/// Sums of the whole database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Its size.
    pub bytes: u64,
    /// Open alerts, by what they mean.
    pub open_alerts: Vec<(&'static str, u64)>,
    /// Rollouts, by state.
    pub rollouts: Vec<(String, u64)>,
    /// Messages that are not through, by state.
    pub messages: Vec<(String, u64)>,
    /// Notices that nobody was told of.
    pub notices_waiting: u64,
}

/// How many there are of each of these states.
fn by_state(
    connection: &Connection,
    statement: &str,
    states: &[&str],
) -> Result<Vec<(String, u64)>, StoreError> {
    let found = connection.all(statement, &[], |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)))?;
    let of = |state: &str| found.iter().find(|(found, _)| found == state).map_or(0, |(_, count)| *count);
    Ok(states.iter().map(|state| ((*state).to_owned(), from_integer(of(state)))).collect())
}

impl Store {
    /// Looks them up, from one moment.
    pub async fn figures(&self) -> Result<StoreFigures, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let size = connection.text(statements::SIZE, statements::SIZE_POSTGRES);
                let bytes = connection.row(size, &[], |row| row.get(0))?;
                let counted = connection
                    .all(statements::OPEN_ALERTS, &[], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
                let of_class = |class| {
                    let sum = counted.iter().filter(|(found, _)| *found == class).map(|(_, count)| count);
                    from_integer(sum.sum())
                };
                let open_alerts = CLASSES.into_iter().map(|(word, class)| (word, of_class(class))).collect();
                let rollouts = by_state(connection, statements::ROLLOUTS, &ROLLOUT_STATES)?;
                let messages = by_state(connection, statements::MESSAGES, &MESSAGE_STATES)?;
                let waiting = connection.row(statements::NOTICES_WAITING, &[], |row| row.get(0))?;
                Ok(StoreFigures {
                    bytes: from_integer(bytes),
                    open_alerts,
                    rollouts,
                    messages,
                    notices_waiting: from_integer(waiting),
                })
            })
            .await
    }
}
