//! The statements by which what is old is let go of, a few rows at a time.
//!
//! The newest row of a list always stays: SQLite would give its key once more, and whoever remembers how far it had
//! come would not see the next row.

/// Lets go of what was closed before `?1`, in a list of what can be open: at most `?2` rows.
macro_rules! closed {
    ($table:literal, $closed:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE key IN (SELECT key FROM ",
            $table,
            " WHERE ",
            $closed,
            " IS NOT NULL AND ",
            $closed,
            " < ?1 AND key < (SELECT max(key) FROM ",
            $table,
            ") ORDER BY ",
            $closed,
            " LIMIT ?2)"
        )
    };
}

/// The same in a list of what only happens, whose keys rise with the time: of the `?2` oldest.
macro_rules! happened {
    ($table:literal, $when:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE key IN (SELECT o.key FROM (SELECT key, ",
            $when,
            " FROM ",
            $table,
            " ORDER BY key LIMIT ?2) o WHERE o.",
            $when,
            " < ?1 AND o.key < (SELECT max(key) FROM ",
            $table,
            "))"
        )
    };
}

pub(super) const ALERTS: &str = closed!("alerts", "cleared");
pub(super) const SERVICE_CALLS: &str = closed!("service_calls", "handled");
/// What was done with them goes first.
pub(super) const SERVICE_CALL_ACTS: &str = "DELETE FROM service_call_acts WHERE call IN \
     (SELECT key FROM service_calls WHERE handled IS NOT NULL AND handled < ?1 AND key < (SELECT max(key) FROM service_calls) \
     ORDER BY handled LIMIT ?2)";
pub(super) const ORDERS: &str = closed!("orders", "closed");
/// What was merged into an order is not merged into anything any more when that is gone.
pub(super) const UNMERGE_ORDERS: &str = "UPDATE orders SET merged_into = NULL WHERE merged_into IN \
     (SELECT key FROM orders WHERE closed IS NOT NULL AND closed < ?1 AND key < (SELECT max(key) FROM orders) \
     ORDER BY closed LIMIT ?2)";
pub(super) const COMMANDS: &str = closed!("commands", "finished");
pub(super) const WATCHES: &str = closed!("watches", "ended");
pub(super) const CLONES: &str = closed!("clones", "dismissed");
pub(super) const REPLACEMENTS: &str = happened!("replacements", "received");
pub(super) const LOSSES: &str = happened!("gaps", "recorded");
pub(super) const NOTICES: &str = happened!("notices", "written");
pub(super) const IDENTITY_LOG: &str = happened!("identity_log", "at");
pub(super) const SESSIONS: &str = "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE expires < ?1 ORDER BY expires LIMIT ?2)";
pub(super) const TOKENS: &str = "DELETE FROM enrolment_tokens WHERE hash IN \
     (SELECT hash FROM enrolment_tokens WHERE coalesce(used, expires) < ?1 ORDER BY coalesce(used, expires) LIMIT ?2)";

pub(super) const MARK: &str = "SELECT key, at FROM retention_marks WHERE name = ?1";
pub(super) const SET_MARK: &str = "INSERT INTO retention_marks (name, key, at) VALUES (?1, ?2, ?3) \
     ON CONFLICT (name) DO UPDATE SET key = excluded.key, at = excluded.at";
/// Reports behind one, up to another. What is shown of a device now, and what people asked for there, keeps its report.
pub(super) const REPORTS: &str = "SELECT r.key, r.kind, r.received, octet_length(r.body), d.id, \
     CASE WHEN EXISTS (SELECT 1 FROM latest l WHERE l.device = r.device AND (l.report = r.key OR l.activity = r.key)) \
     OR EXISTS (SELECT 1 FROM service_calls s WHERE s.report = r.key) \
     OR EXISTS (SELECT 1 FROM orders o WHERE o.report = r.key) \
     OR EXISTS (SELECT 1 FROM replacements p WHERE p.report = r.key) THEN 1 ELSE 0 END \
     FROM reports r JOIN devices d ON d.key = r.device WHERE r.key > ?1 AND r.key < ?2 ORDER BY r.key LIMIT ?3";
pub(super) const NEWEST_REPORT: &str = "SELECT coalesce(max(key), 0) FROM reports";

macro_rules! blocks {
    ($table:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE (device, start) IN (SELECT device, start FROM ",
            $table,
            " WHERE start < ?1 ORDER BY start LIMIT ?2)"
        )
    };
}

/// Blocks of history that begin before `?1`, at most `?2`: of SQLite, and in PostgreSQL of what came late.
pub(super) const RAW: (&str, &str) = (blocks!("history_raw"), blocks!("history_raw_late"));
/// The same by the hour.
pub(super) const HOURS: (&str, &str) = (blocks!("history_hours"), blocks!("history_hours_late"));
/// The same by the day.
pub(super) const DAYS: (&str, &str) = (blocks!("history_days"), blocks!("history_days_late"));

pub(super) const FREE_PAGES: &str = "PRAGMA freelist_count";
pub(super) const PAGES: &str = "PRAGMA page_count";
/// 2 where freed pages can be given back to the file system; it is chosen when a file is made.
pub(super) const GIVES_BACK: &str = "PRAGMA auto_vacuum";

/// Only of PostgreSQL: the partitions of a table.
pub(super) const PARTITIONS: &str = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
     WHERE i.inhparent = to_regclass(?1)";

/// All of them, so that they can be tried.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("ALERTS", ALERTS),
    ("SERVICE_CALLS", SERVICE_CALLS),
    ("SERVICE_CALL_ACTS", SERVICE_CALL_ACTS),
    ("ORDERS", ORDERS),
    ("UNMERGE_ORDERS", UNMERGE_ORDERS),
    ("COMMANDS", COMMANDS),
    ("WATCHES", WATCHES),
    ("CLONES", CLONES),
    ("REPLACEMENTS", REPLACEMENTS),
    ("LOSSES", LOSSES),
    ("NOTICES", NOTICES),
    ("IDENTITY_LOG", IDENTITY_LOG),
    ("SESSIONS", SESSIONS),
    ("TOKENS", TOKENS),
    ("MARK of a job", MARK),
    ("SET_MARK of a job", SET_MARK),
    ("REPORTS to let go of", REPORTS),
    ("NEWEST_REPORT", NEWEST_REPORT),
];
/// Those of SQLite alone.
pub(in crate::store) const ALL_SQLITE: &[(&str, &str)] =
    &[("RAW", RAW.0), ("HOURS", HOURS.0), ("DAYS", DAYS.0)];
/// Those of PostgreSQL alone.
pub(in crate::store) const ALL_POSTGRES: &[(&str, &str)] =
    &[("RAW", RAW.1), ("HOURS", HOURS.1), ("DAYS", DAYS.1), ("PARTITIONS", PARTITIONS)];
