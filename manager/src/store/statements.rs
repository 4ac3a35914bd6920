//! Every statement, by name: one text for both engines, unless they differ.

pub(super) mod answers;
pub(super) mod audit;
pub(super) mod calls;
pub(super) mod ddi;
pub(super) mod figures;
pub(super) mod fleet;
pub(super) mod meters;
pub(super) mod now;
pub(super) mod orders;
pub(super) mod parts;
pub(super) mod people;
pub(super) mod prints;
pub(super) mod programs;
pub(super) mod restored;
pub(super) mod rollouts;
pub(super) mod second_factor;
pub(super) mod telling;
pub(super) mod views;

use self::calls::{call_columns, call_joins};
use super::engine::Bulk;

pub(super) mod devices;

pub(super) const CREATE_MIGRATIONS: &str = "CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, run BIGINT NOT NULL)";
pub(super) const VERSION: &str = "SELECT coalesce(max(version), 0) FROM migrations";
pub(super) const HAS_MIGRATIONS: &str =
    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'";
pub(super) const HAS_MIGRATIONS_POSTGRES: &str = "SELECT 1 WHERE to_regclass('migrations') IS NOT NULL";
pub(super) const RECORD_MIGRATION: &str = "INSERT INTO migrations (version, name, run) VALUES (?1, ?2, ?3)";

pub(super) const PROBE: &str = "INSERT INTO probe (key, written) VALUES (1, ?1) ON CONFLICT (key) DO UPDATE SET written = excluded.written";

// Ingest.
pub(super) const DEVICE_KEY: &str = "SELECT key FROM devices WHERE id = ?1";
/// Only of PostgreSQL, where others write as well; in the order of their keys, so that two never wait for each other.
pub(super) const HOLD_DEVICES: Bulk = Bulk {
    each: "SELECT key FROM devices WHERE id = ?1 AND ?2 IS NOT NULL",
    all: "SELECT d.key FROM devices d WHERE d.id IN (SELECT u.id FROM unnest(?1::text[], ?2::text[]) AS u (id, epoch)) \
          ORDER BY d.key FOR NO KEY UPDATE",
};
macro_rules! places {
    ($wanted:literal) => {
        concat!(
            "SELECT d.id, u.epoch, d.key, e.key, e.acknowledged, e.last, coalesce(r.dated, r.received), e.in_memory, \
             m.key, m.epoch, m.acknowledged, s.lowest, s.low, s.simulated, s.serials, s.last_contact FROM ",
            $wanted,
            " JOIN devices d ON d.id = u.id LEFT JOIN states s ON s.device = d.key \
             LEFT JOIN epochs e ON e.device = d.key AND e.epoch = u.epoch LEFT JOIN reports r ON r.key = e.last \
             LEFT JOIN epochs m ON m.device = d.key AND m.in_memory = 1 AND m.epoch <> u.epoch"
        )
    };
}
pub(super) const PLACES: Bulk = Bulk {
    each: places!("(SELECT ?1 AS id, ?2 AS epoch) u"),
    all: places!("unnest(?1::text[], ?2::text[]) AS u (id, epoch)"),
};
pub(super) const HIGHEST_REPORT: &str = "SELECT coalesce(max(key), 0) FROM reports";
/// Only of PostgreSQL.
pub(super) const DRAW_KEYS: &str =
    "SELECT nextval(pg_get_serial_sequence('reports', 'key')) FROM generate_series(1, ?1::bigint)";
pub(super) const EPOCH_ENDED: &str = "UPDATE epochs SET in_memory = 0 WHERE key = ?1";
pub(super) const BEGIN_EPOCH: &str =
    "INSERT INTO epochs (device, epoch, acknowledged) VALUES (?1, ?2, 0) RETURNING key";
pub(super) const ACKNOWLEDGE: Bulk = Bulk {
    each: "UPDATE epochs SET acknowledged = ?2, last = ?3, in_memory = ?4 WHERE key = ?1",
    all: "UPDATE epochs SET acknowledged = u.acknowledged, last = u.last, in_memory = u.in_memory \
          FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::bigint[]) AS u (key, acknowledged, last, in_memory) \
          WHERE epochs.key = u.key",
};
pub(super) const ADD_REPORT: Bulk = Bulk {
    each: "INSERT INTO reports (key, device, epoch, sequence, kind, received, previous, body, dated, dated_by, within) \
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    all: "INSERT INTO reports (key, device, epoch, sequence, kind, received, previous, body, dated, dated_by, within) \
          SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::bigint[], ?5::text[], ?6::bigint[], \
          ?7::bigint[], ?8::text[], ?9::bigint[], ?10::text[], ?11::bigint[])",
};
pub(super) const DELETE_REPORT: Bulk = Bulk {
    each: "DELETE FROM reports WHERE key = ?1",
    all: "DELETE FROM reports WHERE key = ANY (?1::bigint[])",
};
pub(super) const BOOT: &str = "SELECT began FROM boots WHERE device = ?1 AND boot = ?2";
/// Written again only when it moves by a second: most batches write nothing.
pub(super) const LEARN_BOOT: &str = "INSERT INTO boots (device, boot, began, learnt) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (device, boot) DO UPDATE SET began = excluded.began WHERE excluded.began < boots.began - 1000";
pub(super) const FORGET_BOOTS: &str = "DELETE FROM boots WHERE device = ?1 AND boot NOT IN \
     (SELECT boot FROM boots WHERE device = ?1 ORDER BY learnt DESC LIMIT ?2)";
pub(super) const REPORT: &str = "SELECT sequence, previous, body FROM reports WHERE key = ?1";
/// What was said to be lost perhaps, and begins at the same sequence, is now known.
pub(super) const ADD_GAP: &str = "INSERT INTO gaps (device, epoch, first, last, recorded, reason, kinds) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
     ON CONFLICT (epoch, first) DO UPDATE SET last = excluded.last, reason = excluded.reason, kinds = excluded.kinds";
pub(super) const SET_STARTED: &str =
    "UPDATE devices SET model = ?2, agent_version = ?3, volatile_state = ?4 WHERE key = ?1";
macro_rules! set_latest {
    ($rows:literal) => {
        concat!(
            "INSERT INTO latest (device, report, merged, activity) ",
            $rows,
            " ON CONFLICT (device) DO UPDATE SET report = excluded.report, merged = excluded.merged, \
             activity = coalesce(excluded.activity, latest.activity)"
        )
    };
}
pub(super) const SET_LATEST: Bulk = Bulk {
    each: set_latest!("VALUES (?1, ?2, ?3, ?4)"),
    all: set_latest!("SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::text[], ?4::bigint[])"),
};
pub(super) const LATEST: &str =
    "SELECT l.merged, r.body FROM latest l JOIN reports r ON r.key = l.report WHERE l.device = ?1";
pub(super) const MERGE_LATEST: &str = "UPDATE latest SET merged = ?2 WHERE device = ?1";
pub(super) const RAISE_ALERT: &str = "INSERT INTO alerts (device, id, raised, simulated, body, raised_dated, raised_by, class) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (device, id) DO NOTHING";
pub(super) const CLEAR_ALERT: &str = "UPDATE alerts SET cleared = ?3, cleared_because = ?4, cleared_dated = ?5, \
     cleared_by = ?6 WHERE device = ?1 AND id = ?2 AND cleared IS NULL RETURNING body";
pub(super) const ALERTS_STANDING: &str =
    "SELECT id FROM alerts WHERE device = ?1 AND cleared IS NULL ORDER BY key";
/// Which was ended in an epoch that the device lost.
pub(super) const REOPEN_ALERT: &str = "UPDATE alerts SET cleared = NULL, cleared_because = NULL, cleared_dated = NULL, \
     cleared_by = NULL WHERE device = ?1 AND id = ?2 AND cleared IS NOT NULL RETURNING body";
pub(super) const ALERT_BODY: &str = "SELECT body FROM alerts WHERE device = ?1 AND id = ?2";
/// A call that is repeated is the call that there is; one without a name is never a repeat.
pub(super) const ADD_SERVICE_CALL: &str = "INSERT INTO service_calls (device, id, report, received, simulated, entered_by, message, state, \
     presses, last_press) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', ?8, ?9) ON CONFLICT (device, id) DO NOTHING RETURNING key";
/// It was made again after somebody had finished with it: it is open once more.
pub(super) const REOPEN_CALL: &str = "UPDATE service_calls SET state = 'open', changed = NULL, changed_by = NULL, handled = NULL, \
     version = version + 1 WHERE device = ?1 AND id = ?2 AND presses < ?3 AND handled < ?4 RETURNING key";
/// How often it was made never goes down.
pub(super) const COUNT_PRESSES: &str = "UPDATE service_calls SET presses = ?3, last_press = ?4 \
     WHERE device = ?1 AND id = ?2 AND presses < ?3";
/// A replacement that is repeated is the replacement that there is.
pub(super) const ADD_REPLACEMENT: &str = "INSERT INTO replacements (device, origin, report, received, simulated, body) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (device, origin) DO NOTHING";
pub(super) const ADD_NOTICE: &str = "INSERT INTO notices (origin, device, kind, written, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (origin) DO NOTHING";
pub(super) const ADD_NOTICE_OF: &str = "INSERT INTO notices (origin, device, kind, written, body) \
     SELECT ?1, key, ?3, ?4, ?5 FROM devices WHERE id = ?2 ON CONFLICT (origin) DO NOTHING";
pub(super) const FINISH_COMMAND: &str = "UPDATE commands SET state = ?3, finished = ?4, reason = ?5 \
     WHERE device = ?1 AND id = ?2 AND state IN ('waiting', 'delivered')";

// Devices and contact.
/// Devices under a condition. The activity is most often in the report of the latest readings, which is
/// not handed out twice.
macro_rules! devices {
    ($condition:literal) => {
        concat!(
            "SELECT d.id, d.certificate_serial, d.certificate_expires, d.enrolled, d.model, d.agent_version, \
             nullif(s.last_contact, 0), s.remote, l.merged, r.received, r.body, a.received, \
             CASE WHEN a.key <> r.key THEN a.body END, d.volatile_state, d.key, s.worst, s.critical, s.warnings, \
             s.forecasts, s.service_calls, s.orders, s.watches, s.overdue, s.away, s.lowest, s.low, s.place, s.customer, \
             s.site FROM devices d JOIN states s ON s.device = d.key \
             LEFT JOIN latest l ON l.device = d.key LEFT JOIN reports r ON r.key = l.report \
             LEFT JOIN reports a ON a.key = l.activity WHERE ",
            $condition
        )
    };
}
pub(super) const DEVICES: &str = devices!("d.id > ?1 AND d.deleting IS NULL ORDER BY d.id LIMIT ?2");
pub(super) const DEVICE: &str = devices!("d.id = ?1 AND d.deleting IS NULL");
/// Under conditions that are put together.
pub(super) const SOME_DEVICES: &str = devices!("");

// Enrolment.
pub(super) const ADD_TOKEN: &str =
    "INSERT INTO enrolment_tokens (hash, device, created, expires) VALUES (?1, ?2, ?3, ?4)";
pub(super) const ADD_TOKEN_OF: &str =
    "INSERT INTO enrolment_tokens (hash, device, created, expires, made_by) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(super) const TOKEN: &str = "SELECT device, expires, used FROM enrolment_tokens WHERE hash = ?1";
/// There are few: those that were ever created are gone through.
pub(super) const UNUSED_TOKENS: &str = "SELECT hash, device, created, expires, made_by FROM enrolment_tokens \
     WHERE used IS NULL AND expires > ?1 ORDER BY expires, hash LIMIT ?2";
pub(super) const REVOKE_ENROLMENT_TOKEN: &str =
    "DELETE FROM enrolment_tokens WHERE substr(hash, 1, 16) = ?1 AND used IS NULL RETURNING hash";
pub(super) const REVOKE_ENROLMENT_HASH: &str =
    "DELETE FROM enrolment_tokens WHERE hash = ?1 AND used IS NULL";
pub(super) const USE_TOKEN: &str = "UPDATE enrolment_tokens SET used = ?2, used_by = ?3 WHERE hash = ?1";
/// Whatever was with the identity before is over.
pub(super) const ENROL: &str = "INSERT INTO devices (id, certificate_serial, certificate_expires, enrolled, certificate_issued) \
     VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (id) DO UPDATE SET certificate_serial = excluded.certificate_serial, \
     certificate_expires = excluded.certificate_expires, enrolled = excluded.enrolled, \
     certificate_issued = excluded.certificate_issued, next_serial = NULL, next_issued = NULL, \
     next_expires = NULL, revoked = NULL, readmitted_until = NULL, former = NULL, superseded = NULL, \
     retired = NULL, retired_by = NULL, retire_command = NULL, retire_outcome = NULL, retire_reason = NULL";

// Identities.
macro_rules! standings {
    ($condition:literal) => {
        concat!(
            "SELECT d.id, d.certificate_serial, coalesce(d.certificate_issued, d.enrolled), d.certificate_expires, \
             d.next_serial, d.next_issued, d.next_expires, d.revoked, d.readmitted_until, d.former, d.superseded, \
             d.retired FROM devices d WHERE ",
            $condition
        )
    };
}
pub(super) const STANDINGS: &str = standings!("d.id > ?1 AND d.deleting IS NULL ORDER BY d.id LIMIT ?2");
pub(super) const STANDING: &str = standings!("d.id = ?1");
pub(super) const STANDINGS_CHANGED: &str =
    standings!("d.key IN (SELECT device FROM identity_log WHERE key > ?1)");
pub(super) const LOG_IDENTITY: &str = "INSERT INTO identity_log (device, what, by, at) \
     SELECT key, ?2, ?3, ?4 FROM devices WHERE id = ?1";
pub(super) const IDENTITY_LOG_END: &str = "SELECT coalesce(max(key), 0) FROM identity_log";
pub(super) const SET_NEXT: &str =
    "UPDATE devices SET next_serial = ?2, next_issued = ?3, next_expires = ?4 WHERE id = ?1";
pub(super) const PROMOTE_NEXT: &str = "UPDATE devices SET certificate_serial = next_serial, \
     certificate_issued = next_issued, certificate_expires = next_expires, next_serial = NULL, \
     next_issued = NULL, next_expires = NULL, readmitted_until = NULL, former = ?3, superseded = NULL \
     WHERE id = ?1 AND next_serial = ?2";
pub(super) const REVOKE: &str = "UPDATE devices SET revoked = coalesce(revoked, ?2), next_serial = NULL, \
     next_issued = NULL, next_expires = NULL, readmitted_until = NULL, superseded = NULL WHERE id = ?1";
pub(super) const READMIT: &str = "UPDATE devices SET readmitted_until = ?2, superseded = ?3 WHERE id = ?1";
pub(super) const SET_SUPERSEDED: &str = "UPDATE devices SET superseded = ?2 WHERE id = ?1";
pub(super) const LAST_BOOT: &str = "SELECT boot FROM boots WHERE device = (SELECT key FROM devices WHERE id = ?1) \
     ORDER BY learnt DESC LIMIT 1";

pub(super) const CLONE_OPEN: &str = "SELECT key FROM clones WHERE dismissed IS NULL \
     AND device = (SELECT key FROM devices WHERE id = ?1)";
pub(super) const ADD_CLONE: &str =
    "INSERT INTO clones (device, found, body) SELECT key, ?2, ?3 FROM devices WHERE id = ?1";
pub(super) const DISMISS_CLONE: &str = "UPDATE clones SET dismissed = ?2, dismissed_by = ?3 \
     WHERE dismissed IS NULL AND device = (SELECT key FROM devices WHERE id = ?1)";

// Commands.
pub(super) const ADD_COMMAND: &str = "INSERT INTO commands (id, device, action, issued, issued_by, expires, state) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting')";
pub(super) const OPEN_COMMANDS_OF: &str =
    "SELECT count(*) FROM commands WHERE device = ?1 AND state IN ('waiting', 'delivered')";
pub(super) const DELIVER_COMMAND: &str =
    "UPDATE commands SET state = 'delivered', delivered = ?2 WHERE id = ?1 AND state = 'waiting'";
pub(super) const EXPIRE_COMMANDS: &str = "UPDATE commands SET state = 'expired', finished = ?1 \
     WHERE state IN ('waiting', 'delivered') AND expires <= ?1 \
     RETURNING id, (SELECT id FROM devices WHERE key = device)";
macro_rules! open_commands {
    () => {
        "SELECT c.key, d.id, c.id, c.action, c.issued, c.issued_by, c.expires, c.state, \
         c.delivered, c.finished, c.reason FROM commands c JOIN devices d ON d.key = c.device \
         WHERE c.state IN ('waiting', 'delivered')"
    };
}
pub(super) const OPEN_COMMANDS: &str = concat!(open_commands!(), " ORDER BY c.key");
/// Those of some devices.
pub(super) fn open_commands(conditions: &str) -> String {
    format!("{} AND {conditions} ORDER BY c.key", open_commands!())
}

// Lists: their conditions are put together (`lists.rs`), and the newest come first. What is open is a condition of its
// own, so that it is found by its small index however long the history is.
pub(super) const COMMANDS: &str = "SELECT c.key, d.id, c.id, c.action, c.issued, c.issued_by, c.expires, c.state, \
     c.delivered, c.finished, c.reason FROM commands c JOIN devices d ON d.key = c.device";
pub(super) const REPORTS: &str = "SELECT r.key, d.id, e.epoch, r.received, r.body, r.dated, r.dated_by FROM reports r \
     JOIN devices d ON d.key = r.device JOIN epochs e ON e.key = r.epoch";
pub(super) const EPOCHS_OF: &str = "SELECT key, last FROM epochs WHERE device = (SELECT key FROM devices WHERE id = ?1) \
     AND key <= ?2 ORDER BY key DESC";
pub(super) const PLACE_OF_REPORT: &str = "SELECT epoch, previous FROM reports \
     WHERE key = ?1 AND device = (SELECT key FROM devices WHERE id = ?2)";
/// What is kept of a device from before where its chains begin: none of those that come at an interval.
pub(super) const OLD_REPORTS_OF: &str = "SELECT r.key, d.id, e.epoch, r.received, r.body, r.dated, r.dated_by FROM reports r \
     JOIN devices d ON d.key = r.device JOIN epochs e ON e.key = r.epoch \
     WHERE r.device = (SELECT key FROM devices WHERE id = ?3) AND r.key < ?1 \
     AND r.kind <> 'readings' AND r.kind <> 'utilisation' ORDER BY r.key DESC LIMIT ?2";
/// From a report back along its epoch.
pub(super) const REPORTS_BACK: &str = "WITH RECURSIVE chain (key, place) AS ( \
         SELECT CAST(?1 AS BIGINT), 1 \
         UNION ALL \
         SELECT r.previous, place + 1 FROM chain JOIN reports r ON r.key = chain.key \
         WHERE r.previous IS NOT NULL AND place < CAST(?2 AS BIGINT) \
     ) SELECT r.key, d.id, e.epoch, r.received, r.body, r.dated, r.dated_by, r.previous FROM chain JOIN reports r ON r.key = chain.key \
     JOIN devices d ON d.key = r.device JOIN epochs e ON e.key = r.epoch ORDER BY chain.place";
pub(super) const ALERTS: &str = "SELECT a.key, d.id, a.raised, a.cleared, a.cleared_because, a.simulated, a.body, \
     a.raised_dated, a.raised_by, a.cleared_dated, a.cleared_by FROM alerts a JOIN devices d ON d.key = a.device";
pub(super) const SERVICE_CALLS: &str =
    concat!("SELECT ", call_columns!(), " FROM service_calls s ", call_joins!());

/// What is open, by name, the newest first. A first version of the agent gave calls no names.
pub(super) const OPEN_CALL_NAMES: &str = "SELECT d.id, s.id, s.state, s.technician FROM service_calls s \
     JOIN devices d ON d.key = s.device WHERE s.handled IS NULL AND s.id IS NOT NULL ORDER BY s.key DESC";
pub(super) const OPEN_ORDER_NAMES: &str = "SELECT d.id, o.id FROM orders o JOIN devices d ON d.key = o.device \
     WHERE o.closed IS NULL AND o.id IS NOT NULL ORDER BY o.key DESC";
pub(super) const OPEN_CALL_NAMES_OF: &str = "SELECT id, state, technician FROM service_calls WHERE handled IS NULL AND id IS NOT NULL \
     AND device = (SELECT key FROM devices WHERE id = ?1) ORDER BY key DESC LIMIT ?2";
pub(super) const OPEN_ORDER_NAMES_OF: &str = "SELECT id FROM orders WHERE closed IS NULL AND id IS NOT NULL \
     AND device = (SELECT key FROM devices WHERE id = ?1) ORDER BY key DESC LIMIT ?2";

pub(super) const REPLACEMENTS: &str = "SELECT p.key, d.id, p.received, p.simulated, p.body, r.dated, r.dated_by, \
     f.id, p.came_from FROM replacements p JOIN devices d ON d.key = p.device \
     JOIN reports r ON r.key = p.report LEFT JOIN devices f ON f.key = p.came_from";
pub(super) const GAPS: &str = "SELECT g.key, d.id, g.first, g.last, g.recorded, g.reason, g.kinds, e.epoch FROM gaps g \
     JOIN epochs e ON e.key = g.epoch JOIN devices d ON d.key = g.device";
pub(super) const IDENTITY_LOG: &str = "SELECT l.key, d.id, l.what, l.by, l.at FROM identity_log l \
     JOIN devices d ON d.key = l.device";

// Watches.
pub(super) const MEMORIES: &str =
    "SELECT d.id, m.body FROM watch_memories m JOIN devices d ON d.key = m.device";
pub(super) const SET_MEMORIES: Bulk = Bulk {
    each: "INSERT INTO watch_memories (device, body) SELECT key, ?2 FROM devices WHERE id = ?1 \
           ON CONFLICT (device) DO UPDATE SET body = excluded.body",
    all: "INSERT INTO watch_memories (device, body) SELECT d.key, u.body \
          FROM unnest(?1::text[], ?2::text[]) AS u (id, body) JOIN devices d ON d.id = u.id \
          ORDER BY d.key FOR NO KEY UPDATE OF d ON CONFLICT (device) DO UPDATE SET body = excluded.body",
};
/// A watch that stands does not begin again.
pub(super) const BEGIN_WATCH: &str = "INSERT INTO watches (device, kind, subject, since, begun, body) \
     SELECT key, ?2, ?3, ?4, ?5, ?6 FROM devices WHERE id = ?1 ON CONFLICT DO NOTHING";
pub(super) const WATCH_OVERDUE: &str = "UPDATE watches SET overdue = ?4 WHERE device = (SELECT key FROM devices WHERE id = ?1) \
     AND kind = ?2 AND subject = ?3 AND ended IS NULL AND overdue IS NULL";
pub(super) const END_WATCH: &str = "UPDATE watches SET ended = ?4 WHERE device = (SELECT key FROM devices WHERE id = ?1) \
     AND kind = ?2 AND subject = ?3 AND ended IS NULL RETURNING overdue";
pub(super) const WATCHES: &str = "SELECT w.key, d.id, w.begun, w.overdue, w.ended, w.body FROM watches w \
     JOIN devices d ON d.key = w.device";

// Several managers on one database.
pub(super) const KEEP_AUTHORITY: &str =
    "INSERT INTO authority (key, fingerprint) VALUES (1, ?1) ON CONFLICT (key) DO NOTHING";
pub(super) const AUTHORITY: &str = "SELECT fingerprint FROM authority WHERE key = 1";
pub(super) const ENTER: &str = "INSERT INTO replicas (name, started) VALUES (?1, ?2) RETURNING key";
pub(super) const CLAIM: Bulk = Bulk {
    each: "UPDATE devices SET replica = ?2 WHERE id = ?1",
    all: "UPDATE devices SET replica = u.replica FROM (SELECT d.key, w.replica \
          FROM unnest(?1::text[], ?2::bigint[]) AS w (id, replica) JOIN devices d ON d.id = w.id \
          ORDER BY d.key FOR NO KEY UPDATE OF d) u WHERE devices.key = u.key",
};
/// Of PostgreSQL: the managers that are there, each of which holds a lock of this number for as long as it lives.
pub(super) const PRESENT_REPLICAS: &str = "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted \
     AND objsubid = 2 AND classid::bigint = ?1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
macro_rules! whereabouts {
    () => {
        "d.id, d.replica, (SELECT nullif(s.last_contact, 0) FROM states s WHERE s.device = d.key), \
         (SELECT s.remote FROM states s WHERE s.device = d.key), CASE WHEN EXISTS (SELECT 1 FROM watches w WHERE w.device = d.key \
         AND w.kind = 'contact' AND w.ended IS NULL) THEN 1 ELSE 0 END"
    };
}
/// The parameters are the manager and how many; the conditions say which managers are there, `held` what becomes of devices
/// with which another one works.
pub(super) fn adopt(alive: &str, held: &str) -> String {
    format!(
        "UPDATE devices AS d SET replica = ?1 WHERE d.key IN (SELECT o.key FROM devices o \
         WHERE o.replica IS NULL OR NOT ({alive}) ORDER BY o.key LIMIT ?2 {held}) RETURNING {}",
        whereabouts!()
    )
}
pub(super) fn whereabouts(conditions: &str) -> String {
    format!("SELECT {} FROM devices d WHERE {conditions}", whereabouts!())
}
pub(super) fn memories_of(conditions: &str) -> String {
    format!("{MEMORIES} WHERE {conditions}")
}
pub(super) fn standing_watches_of(conditions: &str) -> String {
    format!(
        "SELECT w.key, d.id, w.begun, w.overdue, w.ended, w.body FROM watches w \
         JOIN devices d ON d.key = w.device WHERE w.ended IS NULL AND {conditions}"
    )
}
pub(super) const TAKE_NONCE: &str =
    "INSERT INTO nonces (device, nonce, created) VALUES (?1, ?2, ?3) ON CONFLICT (device, nonce) DO NOTHING";
pub(super) const FORGET_NONCES: &str = "DELETE FROM nonces WHERE created < ?1";

/// Every statement, by its name, so that all of them can be tried on the tables that are there.
pub(super) const ALL: &[(&str, &str)] = &[
    ("CREATE_MIGRATIONS", CREATE_MIGRATIONS),
    ("VERSION", VERSION),
    ("RECORD_MIGRATION", RECORD_MIGRATION),
    ("PROBE", PROBE),
    ("KEEP_AUTHORITY", KEEP_AUTHORITY),
    ("AUTHORITY", AUTHORITY),
    ("ENTER", ENTER),
    ("TAKE_NONCE", TAKE_NONCE),
    ("FORGET_NONCES", FORGET_NONCES),
    ("DEVICE_KEY", DEVICE_KEY),
    ("HIGHEST_REPORT", HIGHEST_REPORT),
    ("EPOCH_ENDED", EPOCH_ENDED),
    ("BEGIN_EPOCH", BEGIN_EPOCH),
    ("BOOT", BOOT),
    ("LEARN_BOOT", LEARN_BOOT),
    ("FORGET_BOOTS", FORGET_BOOTS),
    ("REPORT", REPORT),
    ("ADD_GAP", ADD_GAP),
    ("SET_STARTED", SET_STARTED),
    ("LATEST", LATEST),
    ("MERGE_LATEST", MERGE_LATEST),
    ("RAISE_ALERT", RAISE_ALERT),
    ("CLEAR_ALERT", CLEAR_ALERT),
    ("ALERTS_STANDING", ALERTS_STANDING),
    ("REOPEN_ALERT", REOPEN_ALERT),
    ("ALERT_BODY", ALERT_BODY),
    ("ADD_SERVICE_CALL", ADD_SERVICE_CALL),
    ("REOPEN_CALL", REOPEN_CALL),
    ("COUNT_PRESSES", COUNT_PRESSES),
    ("ADD_REPLACEMENT", ADD_REPLACEMENT),
    ("ADD_NOTICE", ADD_NOTICE),
    ("ADD_NOTICE_OF", ADD_NOTICE_OF),
    ("FINISH_COMMAND", FINISH_COMMAND),
    ("DEVICES", DEVICES),
    ("DEVICE", DEVICE),
    ("ADD_TOKEN", ADD_TOKEN),
    ("ADD_TOKEN_OF", ADD_TOKEN_OF),
    ("TOKEN", TOKEN),
    ("UNUSED_TOKENS", UNUSED_TOKENS),
    ("REVOKE_ENROLMENT_TOKEN", REVOKE_ENROLMENT_TOKEN),
    ("REVOKE_ENROLMENT_HASH", REVOKE_ENROLMENT_HASH),
    ("USE_TOKEN", USE_TOKEN),
    ("ENROL", ENROL),
    ("STANDINGS", STANDINGS),
    ("STANDING", STANDING),
    ("STANDINGS_CHANGED", STANDINGS_CHANGED),
    ("LOG_IDENTITY", LOG_IDENTITY),
    ("IDENTITY_LOG_END", IDENTITY_LOG_END),
    ("SET_NEXT", SET_NEXT),
    ("PROMOTE_NEXT", PROMOTE_NEXT),
    ("REVOKE", REVOKE),
    ("READMIT", READMIT),
    ("SET_SUPERSEDED", SET_SUPERSEDED),
    ("LAST_BOOT", LAST_BOOT),
    ("CLONE_OPEN", CLONE_OPEN),
    ("ADD_CLONE", ADD_CLONE),
    ("DISMISS_CLONE", DISMISS_CLONE),
    ("ADD_COMMAND", ADD_COMMAND),
    ("OPEN_COMMANDS_OF", OPEN_COMMANDS_OF),
    ("DELIVER_COMMAND", DELIVER_COMMAND),
    ("EXPIRE_COMMANDS", EXPIRE_COMMANDS),
    ("OPEN_COMMANDS", OPEN_COMMANDS),
    ("COMMANDS", COMMANDS),
    ("REPORTS", REPORTS),
    ("EPOCHS_OF", EPOCHS_OF),
    ("PLACE_OF_REPORT", PLACE_OF_REPORT),
    ("REPORTS_BACK", REPORTS_BACK),
    ("OLD_REPORTS_OF", OLD_REPORTS_OF),
    ("ALERTS", ALERTS),
    ("SERVICE_CALLS", SERVICE_CALLS),
    ("OPEN_CALL_NAMES", OPEN_CALL_NAMES),
    ("OPEN_ORDER_NAMES", OPEN_ORDER_NAMES),
    ("OPEN_CALL_NAMES_OF", OPEN_CALL_NAMES_OF),
    ("OPEN_ORDER_NAMES_OF", OPEN_ORDER_NAMES_OF),
    ("REPLACEMENTS", REPLACEMENTS),
    ("GAPS", GAPS),
    ("IDENTITY_LOG", IDENTITY_LOG),
    ("MEMORIES", MEMORIES),
    ("BEGIN_WATCH", BEGIN_WATCH),
    ("WATCH_OVERDUE", WATCH_OVERDUE),
    ("END_WATCH", END_WATCH),
    ("WATCHES", WATCHES),
];

/// The same for those of many rows.
pub(super) const ALL_BULK: &[(&str, &Bulk)] = &[
    ("HOLD_DEVICES", &HOLD_DEVICES),
    ("PLACES", &PLACES),
    ("CLAIM", &CLAIM),
    ("ACKNOWLEDGE", &ACKNOWLEDGE),
    ("ADD_REPORT", &ADD_REPORT),
    ("DELETE_REPORT", &DELETE_REPORT),
    ("SET_LATEST", &SET_LATEST),
    ("SET_MEMORIES", &SET_MEMORIES),
];

/// Those of PostgreSQL alone.
pub(super) const ALL_POSTGRES: &[(&str, &str)] = &[
    ("DRAW_KEYS", DRAW_KEYS),
    ("HAS_MIGRATIONS_POSTGRES", HAS_MIGRATIONS_POSTGRES),
    ("PRESENT_REPLICAS", PRESENT_REPLICAS),
];

/// Those of SQLite alone.
pub(super) const ALL_SQLITE: &[(&str, &str)] = &[("HAS_MIGRATIONS", HAS_MIGRATIONS)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_is_left_out() {
        let source = include_str!("statements.rs");
        let declared = source
            .lines()
            .filter(|line| line.starts_with("pub(super) const ") && !line.contains(" ALL"))
            // It ends where its conditions begin.
            .filter(|line| !line.contains("SOME_DEVICES"))
            .count();
        assert_eq!(declared, ALL.len() + ALL_BULK.len() + ALL_POSTGRES.len() + ALL_SQLITE.len());
    }
}
