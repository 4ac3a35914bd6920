//! The partitions of histories in PostgreSQL: made ahead, and dropped whole, which costs the same however much is in
//! them. The names end with the day on which they begin, counted from 1970.

use super::super::StoreError;
use super::super::engine::{Connection, values};
use super::statements;
use crate::history::{DAY_MS, Resolution, Settings};

/// Nobody waits for longer until a table is free: it is tried again at the next round.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";
/// Others in the same group wait as ever.
const NO_LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = 0";
/// So many partitions are made beside that of today.
const AHEAD: i64 = 1;

fn table(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Raw => "history_raw",
        Resolution::Hour => "history_hours",
        Resolution::Day => "history_days",
    }
}

/// How many days a partition has: some of them for the time that is kept, and whole blocks.
const fn days(resolution: Resolution) -> i64 {
    match resolution {
        Resolution::Raw => 7,
        Resolution::Hour => 28,
        Resolution::Day => 320,
    }
}

/// What has to be done about the partitions of one resolution: pure.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// Partitions to be made, by the day on which they begin.
    make: Vec<i64>,
    /// Those to be dropped.
    drop: Vec<i64>,
}

fn plan(resolution: Resolution, there: &[i64], settings: &Settings, now: i64) -> Plan {
    let days = days(resolution);
    let today = now.div_euclid(DAY_MS);
    let current = today - today.rem_euclid(days);
    let make = (0..=AHEAD).map(|ahead| current + ahead * days).filter(|day| !there.contains(day)).collect();
    let horizon = settings.horizon(resolution, now).div_euclid(DAY_MS);
    let drop = there.iter().copied().filter(|day| day.saturating_add(days) <= horizon).collect();
    Plan { make, drop }
}

pub(super) fn look_after(connection: &Connection, settings: &Settings, now: i64) -> Result<(), StoreError> {
    let Connection::Postgres(_) = connection else { return Ok(()) };
    connection.batch(LOCK_TIMEOUT)?;
    for resolution in Resolution::ALL {
        let table = table(resolution);
        let names: Vec<String> = connection.all(statements::PARTITIONS, values![table], |row| row.get(0))?;
        let prefix = format!("{table}_");
        let there: Vec<i64> =
            names.iter().filter_map(|name| name.strip_prefix(&prefix)?.parse().ok()).collect();
        let Plan { make, drop } = plan(resolution, &there, settings, now);
        for day in make {
            let (from, to) = (day * DAY_MS, (day + days(resolution)) * DAY_MS);
            let taken = format!("SELECT 1 FROM {table}_late WHERE start >= ?1 AND start < ?2 LIMIT 1");
            // The manager was away when this was due: it stays where it is until it is old.
            if connection.exists(&taken, values![from, to])? {
                continue;
            }
            connection.batch(&format!(
                "CREATE TABLE IF NOT EXISTS {table}_{day} PARTITION OF {table} FOR VALUES FROM ({from}) TO ({to})"
            ))?;
        }
        for day in drop {
            connection.batch(&format!("DROP TABLE IF EXISTS {table}_{day}"))?;
        }
    }
    connection.batch(NO_LOCK_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_made_ahead_and_dropped_when_nothing_in_them_is_kept() {
        let now = 20_422 * DAY_MS + 5;
        let settings = Settings::default();
        let made = plan(Resolution::Raw, &[], &settings, now);
        assert_eq!(made, Plan { make: vec![20_419, 20_426], drop: vec![] });
        let later = plan(Resolution::Raw, &[20_377, 20_384, 20_419, 20_426], &settings, now);
        assert_eq!(later, Plan { make: vec![], drop: vec![20_377, 20_384] });
        for resolution in Resolution::ALL {
            assert_eq!(days(resolution) * DAY_MS % resolution.block_ms(), 0, "whole blocks");
        }
    }
}
