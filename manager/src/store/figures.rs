//! Sums for those who watch over the manager: how large the database is, and how much is open in it.

use super::statements::figures as statements;
use super::{Store, StoreError, from_integer};

/// What an open alert means, by the number of its class.
const CLASSES: [(&str, i64); 3] = [("critical", 0), ("warning", 1), ("forecast", 2)];
/// The states that a rollout can be in.
const ROLLOUT_STATES: [&str; 7] =
    ["making", "planned", "running", "paused", "halted", "finished", "cancelled"];

/// Sums of the whole database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Its size.
    pub bytes: u64,
    /// Open alerts, by what they mean.
    pub open_alerts: Vec<(&'static str, u64)>,
    /// Rollouts, by state.
    pub rollouts: Vec<(String, u64)>,
    /// Notices that nobody was told of.
    pub notices_waiting: u64,
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
                let states = connection
                    .all(statements::ROLLOUTS, &[], |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)))?;
                let of_state = |state: &str| {
                    let found = states.iter().find(|(found, _)| found == state);
                    from_integer(found.map_or(0, |(_, count)| *count))
                };
                let rollouts =
                    ROLLOUT_STATES.into_iter().map(|state| (state.to_owned(), of_state(state))).collect();
                let waiting = connection.row(statements::NOTICES_WAITING, &[], |row| row.get(0))?;
                Ok(StoreFigures {
                    bytes: from_integer(bytes),
                    open_alerts,
                    rollouts,
                    notices_waiting: from_integer(waiting),
                })
            })
            .await
    }
}
