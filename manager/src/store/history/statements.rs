//! The statements of histories. Each resolution has a table, and each table the same statements.

use crate::history::Resolution;

/// The statements of one table.
pub(super) struct Table {
    /// A block, in place of what there was of it.
    pub(super) set: &'static str,
    /// Blocks of a device from one beginning up to another, the earliest first.
    pub(super) blocks: &'static str,
    /// The last block of a device before a moment.
    pub(super) before: &'static str,
}

macro_rules! table {
    ($name:literal) => {
        Table {
            set: concat!(
                "INSERT INTO ",
                $name,
                " (device, start, body) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (device, start) DO UPDATE SET body = excluded.body"
            ),
            blocks: concat!(
                "SELECT start, body FROM ",
                $name,
                " WHERE device = ?1 AND start >= ?2 AND start < ?3 ORDER BY start LIMIT ?4"
            ),
            before: concat!(
                "SELECT start, body FROM ",
                $name,
                " WHERE device = ?1 AND start < ?2 ORDER BY start DESC LIMIT 1"
            ),
        }
    };
}

const RAW: Table = table!("history_raw");
const HOURS: Table = table!("history_hours");
const DAYS: Table = table!("history_days");

/// The table of a resolution.
pub(super) fn table(resolution: Resolution) -> &'static Table {
    match resolution {
        Resolution::Raw => &RAW,
        Resolution::Hour => &HOURS,
        Resolution::Day => &DAYS,
    }
}

/// Epochs, from one on, with at least so many reports that are not in the blocks.
pub(super) const UNSEALED: &str = "SELECT e.key, e.device, d.id, e.last, coalesce(m.sealed, 0), m.top, m.at, e.acknowledged \
     FROM epochs e JOIN devices d ON d.key = e.device LEFT JOIN history_marks m ON m.epoch = e.key \
     WHERE e.key > ?1 AND (m.at IS NOT NULL OR (e.last > coalesce(m.sealed, 0) \
     AND e.acknowledged - coalesce(m.counted, 0) >= ?3)) ORDER BY e.key LIMIT ?2";
/// The same of one device.
pub(super) const UNSEALED_OF: &str = "SELECT e.last, coalesce(m.sealed, 0) FROM epochs e \
     LEFT JOIN history_marks m ON m.epoch = e.key WHERE e.device = ?1 AND e.last > coalesce(m.sealed, 0) ORDER BY e.key";
pub(super) const MARK: &str = "SELECT sealed, top, at FROM history_marks WHERE epoch = ?1";
pub(super) const SET_MARK: &str = "INSERT INTO history_marks (epoch, sealed, top, at, counted) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (epoch) DO UPDATE SET sealed = excluded.sealed, top = excluded.top, at = excluded.at, counted = excluded.counted";
/// From a report back along its epoch, at most so many and up to one; that one included, for by its sequence it is
/// seen whether something is missing behind it. Bodies only of what has values.
pub(super) const VALUES_BACK: &str = "WITH RECURSIVE chain (key, place) AS ( \
         SELECT CAST(?1 AS BIGINT), 1 \
         UNION ALL \
         SELECT r.previous, place + 1 FROM chain JOIN reports r ON r.key = chain.key \
         WHERE r.previous IS NOT NULL AND r.key > CAST(?3 AS BIGINT) AND place < CAST(?2 AS BIGINT) \
     ) SELECT r.key, r.previous, r.sequence, coalesce(r.dated, r.received), r.within, \
     CASE WHEN r.kind IN ('readings', 'utilisation', 'started', 'replacement') THEN r.body END \
     FROM chain JOIN reports r ON r.key = chain.key ORDER BY chain.place";

/// All of them, so that they can be tried.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("UNSEALED", UNSEALED),
    ("UNSEALED_OF", UNSEALED_OF),
    ("MARK", MARK),
    ("SET_MARK", SET_MARK),
    ("VALUES_BACK", VALUES_BACK),
    ("set of history_raw", RAW.set),
    ("blocks of history_raw", RAW.blocks),
    ("before of history_raw", RAW.before),
    ("set of history_hours", HOURS.set),
    ("blocks of history_hours", HOURS.blocks),
    ("before of history_hours", HOURS.before),
    ("set of history_days", DAYS.set),
    ("blocks of history_days", DAYS.blocks),
    ("before of history_days", DAYS.before),
];
