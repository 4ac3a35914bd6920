//! Statements about programs: what there is, what is offered to whom, what was tried and what runs.

// Programs and their trust metadata.
macro_rules! programs {
    ($condition:literal) => {
        concat!(
            "SELECT p.key, p.name, p.version, p.kind, p.hardware, p.size, p.room, p.sha256, p.published, \
             p.published_by, p.revoked, p.revoked_by FROM programs p WHERE ",
            $condition
        )
    };
}
pub(in crate::store) const PROGRAMS: &str = programs!("p.key < ?1 ORDER BY p.key DESC LIMIT ?2");
pub(in crate::store) const PROGRAM: &str = programs!("p.name = ?1 AND p.version = ?2");
pub(in crate::store) const GIVEN_PROGRAMS: &str = programs!("p.revoked IS NULL ORDER BY p.key");
pub(in crate::store) const KEEP_PROGRAM: &str = "INSERT INTO programs (name, version, kind, hardware, size, room, sha256, published, published_by) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (name, version) DO UPDATE SET kind = excluded.kind, \
     hardware = excluded.hardware, size = excluded.size, room = excluded.room, sha256 = excluded.sha256, \
     published = excluded.published, published_by = excluded.published_by, revoked = NULL, revoked_by = NULL";
pub(in crate::store) const REVOKE_PROGRAM: &str =
    "UPDATE programs SET revoked = ?2, revoked_by = ?3 WHERE key = ?1 AND revoked IS NULL";
pub(in crate::store) const SHA256_WANTED: &str =
    "SELECT 1 FROM programs WHERE sha256 = ?1 AND revoked IS NULL";
pub(in crate::store) const COUNT_CHANGE: &str = "INSERT INTO program_changes (key, number) VALUES (1, 1) \
     ON CONFLICT (key) DO UPDATE SET number = program_changes.number + 1";
/// After nothing was changed after all.
pub(in crate::store) const UNCOUNT_CHANGE: &str =
    "UPDATE program_changes SET number = number - 1 WHERE key = 1";
/// 0 before the first.
pub(in crate::store) const CHANGES: &str =
    "SELECT coalesce(max(number), 0) FROM program_changes WHERE key = 1";
pub(in crate::store) const METADATA: &str =
    "SELECT role, version, body, expires FROM program_metadata ORDER BY role, version";
pub(in crate::store) const METADATA_BODY: &str =
    "SELECT body FROM program_metadata WHERE role = ?1 AND version = ?2";
pub(in crate::store) const KEEP_METADATA: &str = "INSERT INTO program_metadata (role, version, body, expires) \
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (role, version) DO NOTHING";
/// Of a role but the root: what has expired, and is not the newest.
pub(in crate::store) const FORGET_METADATA: &str = "DELETE FROM program_metadata WHERE role <> 'root' AND expires < ?1 AND version < \
     (SELECT max(m.version) FROM program_metadata m WHERE m.role = program_metadata.role)";
/// Of a role but the root: all but the newest few.
pub(in crate::store) const FORGET_OLD_METADATA: &str = "DELETE FROM program_metadata WHERE role = ?1 AND version NOT IN \
     (SELECT m.version FROM program_metadata m WHERE m.role = ?1 ORDER BY m.version DESC LIMIT ?2)";

// Pieces.
pub(in crate::store) const KEEP_PIECE: &str = "INSERT INTO program_pieces (sha256, place, bytes, written) \
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (sha256, place) DO UPDATE SET bytes = excluded.bytes, written = excluded.written";
pub(in crate::store) const PIECE: &str = "SELECT bytes FROM program_pieces WHERE sha256 = ?1 AND place = ?2";
pub(in crate::store) const PIECES: &str =
    "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM program_pieces WHERE sha256 = ?1";
/// Those of programs that nobody needs, unless they are just being written.
pub(in crate::store) const FORGET_PIECES: &str = "DELETE FROM program_pieces WHERE written < ?1 AND sha256 NOT IN \
     (SELECT p.sha256 FROM programs p WHERE p.revoked IS NULL)";

// Offers.
macro_rules! offers {
    ($more:literal) => {
        concat!(
            "SELECT o.key, d.id, o.id, o.program, p.name, p.version, p.kind, o.offered, o.offered_by, o.given, o.waits, \
             a.step, q.id, q.bytes_per_second FROM program_offers o JOIN devices d ON d.key = o.device \
             JOIN programs p ON p.key = o.program LEFT JOIN program_attempts a ON a.device = o.device AND a.id = o.id \
             LEFT JOIN rollout_devices x ON x.attempt = o.id AND x.device = o.device LEFT JOIN rollouts q ON q.key = x.rollout",
            $more
        )
    };
}
/// Conditions follow.
pub(in crate::store) const OFFERS: &str = offers!("");
pub(in crate::store) const ALL_OFFERS: &str = offers!(" ORDER BY o.key");
pub(in crate::store) const OFFERS_OF_DEVICE: &str = offers!(" WHERE d.id = ?1 ORDER BY o.key");
pub(in crate::store) const OFFER: &str = offers!(" WHERE o.key = ?1");
pub(in crate::store) const OFFER_EXISTS: &str = "SELECT 1 FROM program_offers WHERE key = ?1";
pub(in crate::store) const ADD_OFFER: &str = "INSERT INTO program_offers (device, program, id, offered, offered_by) \
     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (device, program) DO NOTHING";
pub(in crate::store) const OFFERS_TO: &str = "SELECT count(*) FROM program_offers WHERE device = ?1";
pub(in crate::store) const TAKE_OFFER_BACK: &str = "DELETE FROM program_offers WHERE device = (SELECT key FROM devices WHERE id = ?1) AND program = ?2 RETURNING device, id";
pub(in crate::store) const END_OFFERS: &str = "DELETE FROM program_offers WHERE program = ?1 \
     RETURNING (SELECT id FROM devices WHERE key = device)";
pub(in crate::store) const END_OFFER: &str = "DELETE FROM program_offers WHERE device = ?1 AND id = ?2";
pub(in crate::store) const OFFER_GIVEN: &str =
    "UPDATE program_offers SET given = ?2, waits = NULL WHERE key = ?1 AND given IS NULL RETURNING device";
pub(in crate::store) const OFFER_WAITS: &str = "UPDATE program_offers SET waits = ?2 WHERE key = ?1";

// Attempts.
macro_rules! attempts {
    ($more:literal) => {
        concat!(
            "SELECT a.key, d.id, a.id, a.kind, a.name, a.version, a.given, a.step, a.told, a.ended, a.reason \
             FROM program_attempts a JOIN devices d ON d.key = a.device",
            $more
        )
    };
}
/// Conditions follow.
pub(in crate::store) const ATTEMPTS: &str = attempts!("");
pub(in crate::store) const ADD_ATTEMPT: &str = "INSERT INTO program_attempts (device, id, kind, name, version, given, step, told, ended, reason) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?8, ?9) ON CONFLICT (device, id) DO NOTHING";
/// One that has ended stays so.
pub(in crate::store) const ATTEMPT_TOLD: &str = "UPDATE program_attempts SET step = ?3, told = ?4, ended = ?5, reason = ?6 \
     WHERE device = ?1 AND id = ?2 AND ended IS NULL";
pub(in crate::store) const HAS_ATTEMPT: &str = "SELECT 1 FROM program_attempts WHERE device = ?1 AND id = ?2";
pub(in crate::store) const ATTEMPT_ENDED: &str =
    "SELECT 1 FROM program_attempts WHERE device = ?1 AND id = ?2 AND ended IS NOT NULL";
pub(in crate::store) const ABOUT_ATTEMPT: &str =
    "SELECT kind, name, version FROM program_attempts WHERE device = ?1 AND id = ?2";
pub(in crate::store) const OFFER_OF_ATTEMPT: &str = "SELECT p.kind, p.name, p.version FROM program_offers o \
     JOIN programs p ON p.key = o.program WHERE o.device = ?1 AND o.id = ?2";
pub(in crate::store) const FORGET_ATTEMPTS: &str = "DELETE FROM program_attempts WHERE device = ?1 AND key NOT IN \
     (SELECT a.key FROM program_attempts a WHERE a.device = ?1 ORDER BY a.key DESC LIMIT ?2)";

// What runs.
pub(in crate::store) const RUNS: &str = "INSERT INTO program_running (device, kind, name, version, since) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (device, kind, name) DO UPDATE SET version = excluded.version, since = excluded.since \
     WHERE program_running.version <> excluded.version";
pub(in crate::store) const RUNS_NO_MORE: &str =
    "DELETE FROM program_running WHERE device = ?1 AND kind = ?2 AND name = ?3";
pub(in crate::store) const RUNNING_KEYS: &str =
    "SELECT kind, name, version FROM program_running WHERE device = ?1 ORDER BY kind, name";
pub(in crate::store) const RUNNING_OF: &str = "SELECT r.kind, r.name, r.version, r.since FROM program_running r \
     JOIN devices d ON d.key = r.device WHERE d.id = ?1 ORDER BY r.kind, r.name";
pub(in crate::store) const SET_HOST: &str = "INSERT INTO program_hosts (device, hardware, changed) VALUES (?1, ?2, ?3) \
     ON CONFLICT (device) DO UPDATE SET hardware = excluded.hardware, changed = excluded.changed";
pub(in crate::store) const HOST: &str = "SELECT hardware FROM program_hosts WHERE device = ?1";
pub(in crate::store) const HOST_OF: &str =
    "SELECT h.hardware FROM program_hosts h JOIN devices d ON d.key = h.device WHERE d.id = ?1";

/// How some programs (rows `p`) stand at the devices, each with its key; with a condition on the device's row `d`.
pub(in crate::store) fn counts_of(programs: &str, within: &str) -> String {
    let of = |table: &str, condition: &str| {
        format!(
            "(SELECT count(*) FROM {table} x JOIN devices d ON d.key = x.device WHERE {condition} AND d.deleting IS NULL AND {within})"
        )
    };
    let ended = |step: &str| {
        of(
            "program_attempts",
            &format!(
                "x.name = p.name AND x.version = p.version AND x.ended IS NOT NULL AND x.step = '{step}'"
            ),
        )
    };
    format!(
        "SELECT p.key, {}, {}, {}, {}, {}, {}, {} FROM programs p WHERE {programs}",
        of("program_running", "x.name = p.name AND x.version = p.version"),
        of("program_offers", "x.program = p.key AND x.given IS NULL"),
        of("program_offers", "x.program = p.key AND x.given IS NOT NULL"),
        ended("kept"),
        ended("rolled_back"),
        ended("failed"),
        ended("refused"),
    )
}

/// Every statement of this file, by its name.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("PROGRAMS", PROGRAMS),
    ("PROGRAM", PROGRAM),
    ("GIVEN_PROGRAMS", GIVEN_PROGRAMS),
    ("KEEP_PROGRAM", KEEP_PROGRAM),
    ("REVOKE_PROGRAM", REVOKE_PROGRAM),
    ("SHA256_WANTED", SHA256_WANTED),
    ("COUNT_CHANGE", COUNT_CHANGE),
    ("UNCOUNT_CHANGE", UNCOUNT_CHANGE),
    ("CHANGES", CHANGES),
    ("METADATA", METADATA),
    ("METADATA_BODY", METADATA_BODY),
    ("KEEP_METADATA", KEEP_METADATA),
    ("FORGET_METADATA", FORGET_METADATA),
    ("FORGET_OLD_METADATA", FORGET_OLD_METADATA),
    ("KEEP_PIECE", KEEP_PIECE),
    ("PIECE", PIECE),
    ("PIECES", PIECES),
    ("FORGET_PIECES", FORGET_PIECES),
    ("OFFERS", OFFERS),
    ("ALL_OFFERS", ALL_OFFERS),
    ("OFFERS_OF_DEVICE", OFFERS_OF_DEVICE),
    ("OFFER", OFFER),
    ("OFFER_EXISTS", OFFER_EXISTS),
    ("ADD_OFFER", ADD_OFFER),
    ("OFFERS_TO", OFFERS_TO),
    ("TAKE_OFFER_BACK", TAKE_OFFER_BACK),
    ("END_OFFERS", END_OFFERS),
    ("END_OFFER", END_OFFER),
    ("OFFER_GIVEN", OFFER_GIVEN),
    ("OFFER_WAITS", OFFER_WAITS),
    ("ATTEMPTS", ATTEMPTS),
    ("ADD_ATTEMPT", ADD_ATTEMPT),
    ("ATTEMPT_TOLD", ATTEMPT_TOLD),
    ("HAS_ATTEMPT", HAS_ATTEMPT),
    ("ATTEMPT_ENDED", ATTEMPT_ENDED),
    ("ABOUT_ATTEMPT", ABOUT_ATTEMPT),
    ("OFFER_OF_ATTEMPT", OFFER_OF_ATTEMPT),
    ("FORGET_ATTEMPTS", FORGET_ATTEMPTS),
    ("RUNS", RUNS),
    ("RUNS_NO_MORE", RUNS_NO_MORE),
    ("RUNNING_KEYS", RUNNING_KEYS),
    ("RUNNING_OF", RUNNING_OF),
    ("SET_HOST", SET_HOST),
    ("HOST", HOST),
    ("HOST_OF", HOST_OF),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_is_left_out() {
        let source = include_str!("programs.rs");
        let declared = source
            .lines()
            .filter(|line| line.starts_with("pub(in crate::store) const ") && !line.contains(" ALL:"))
            .count();
        assert_eq!(declared, ALL.len());
    }
}
