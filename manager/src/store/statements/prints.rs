//! Statements about what is printed.

macro_rules! prints {
    ($condition:literal) => {
        concat!(
            "SELECT key, printer, title, state, made, made_by, tries, job, words, ended FROM prints WHERE ",
            $condition
        )
    };
}
pub(in crate::store) const PRINTS: &str = prints!("key < ?1 ORDER BY key DESC LIMIT ?2");
pub(in crate::store) const PRINTS_OF: &str = prints!("key < ?1 AND made_by = ?3 ORDER BY key DESC LIMIT ?2");
pub(in crate::store) const PRINT: &str =
    prints!("key = ?1 AND (CAST(?2 AS TEXT) IS NULL OR made_by = CAST(?2 AS TEXT))");
pub(in crate::store) const WAITING_PRINTS: &str =
    "SELECT count(*) FROM prints WHERE state IN ('waiting', 'sent')";
pub(in crate::store) const ADD_PRINT: &str = "INSERT INTO prints (id, printer, title, file, state, made, made_by, due, tries) \
     VALUES (?1, ?2, ?3, ?4, 'waiting', ?5, ?6, ?5, 0) RETURNING key";
pub(in crate::store) const PRINT_AGAIN: &str = "INSERT INTO prints (id, printer, title, file, state, made, made_by, due, tries) \
     SELECT CAST(?3 AS TEXT), printer, title, file, 'waiting', CAST(?5 AS BIGINT), CAST(?4 AS TEXT), CAST(?5 AS BIGINT), 0 \
     FROM prints WHERE key = ?1 AND (CAST(?2 AS TEXT) IS NULL OR made_by = CAST(?2 AS TEXT)) RETURNING key";
pub(in crate::store) const CANCEL_PRINT: &str = "UPDATE prints SET state = 'cancelled', ended = ?2, claimed = NULL, words = NULL \
     WHERE key = ?1 AND state = 'waiting' AND (claimed IS NULL OR claimed <= ?2)";
pub(in crate::store) const FORGET_PRINTS: &str = "DELETE FROM prints WHERE key IN \
     (SELECT key FROM prints WHERE ended < ?1 ORDER BY ended LIMIT ?2)";

pub(in crate::store) const PRINTS_DUE: &str = "SELECT key, id, printer, title, made_by, made, tries, job, state FROM prints \
     WHERE state IN ('waiting', 'sent') AND due <= ?1 AND (claimed IS NULL OR claimed <= ?1) ORDER BY due, key LIMIT ?2";
pub(in crate::store) const CLAIM_PRINT: &str = "UPDATE prints SET claimed = ?2, tries = tries + ?4 \
     WHERE key = ?1 AND state IN ('waiting', 'sent') AND (claimed IS NULL OR claimed <= ?3)";
pub(in crate::store) const PRINT_FILE: &str = "SELECT file FROM prints WHERE key = ?1";
pub(in crate::store) const PRINT_GOES_ON: &str = "UPDATE prints SET state = ?2, due = ?3, job = ?4, words = ?5, claimed = NULL \
     WHERE key = ?1 AND state IN ('waiting', 'sent')";
pub(in crate::store) const PRINT_ENDED: &str = "UPDATE prints SET state = ?2, ended = ?3, words = ?4, claimed = NULL \
     WHERE key = ?1 AND state IN ('waiting', 'sent')";

macro_rules! schedules {
    ($end:literal) => {
        concat!("SELECT key, name, printer, body, next, last, words, changed_by FROM print_schedules WHERE next IS NOT NULL ", $end)
    };
}
pub(in crate::store) const SCHEDULES: &str = schedules!("ORDER BY name");
pub(in crate::store) const SCHEDULES_DUE: &str = schedules!("AND next <= ?1 ORDER BY next, key LIMIT 20");
pub(in crate::store) const COUNT_SCHEDULES: &str = "SELECT count(*) FROM print_schedules";
pub(in crate::store) const ADD_SCHEDULE: &str = "INSERT INTO print_schedules (name, printer, body, next, changed, changed_by) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO NOTHING RETURNING key";
pub(in crate::store) const REMOVE_SCHEDULE: &str = "DELETE FROM print_schedules WHERE key = ?1";
pub(in crate::store) const SCHEDULE_RAN: &str =
    "UPDATE print_schedules SET next = ?3, last = ?4, words = ?5 WHERE key = ?1 AND next = ?2";

/// All of them.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("PRINTS", PRINTS),
    ("PRINTS_OF", PRINTS_OF),
    ("PRINT", PRINT),
    ("WAITING_PRINTS", WAITING_PRINTS),
    ("ADD_PRINT", ADD_PRINT),
    ("PRINT_AGAIN", PRINT_AGAIN),
    ("CANCEL_PRINT", CANCEL_PRINT),
    ("FORGET_PRINTS", FORGET_PRINTS),
    ("PRINTS_DUE", PRINTS_DUE),
    ("CLAIM_PRINT", CLAIM_PRINT),
    ("PRINT_FILE", PRINT_FILE),
    ("PRINT_GOES_ON", PRINT_GOES_ON),
    ("PRINT_ENDED", PRINT_ENDED),
    ("SCHEDULES", SCHEDULES),
    ("SCHEDULES_DUE", SCHEDULES_DUE),
    ("COUNT_SCHEDULES", COUNT_SCHEDULES),
    ("ADD_SCHEDULE", ADD_SCHEDULE),
    ("REMOVE_SCHEDULE", REMOVE_SCHEDULE),
    ("SCHEDULE_RAN", SCHEDULE_RAN),
];
