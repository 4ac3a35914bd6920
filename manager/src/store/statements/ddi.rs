//! Statements about update clients that are not ours: their tokens, what they were shown, and what they tell.

// Tokens.
pub(in crate::store) const ADD_TOKEN: &str = "INSERT INTO ddi_tokens (device, hash, created, created_by) \
     VALUES (?1, ?2, ?3, ?4) RETURNING key";
pub(in crate::store) const TOKENS_OF: &str = "SELECT t.key, t.created, t.created_by FROM ddi_tokens t \
     JOIN devices d ON d.key = t.device WHERE d.id = ?1 ORDER BY t.key";
pub(in crate::store) const COUNT_TOKENS: &str = "SELECT count(*) FROM ddi_tokens WHERE device = ?1";
pub(in crate::store) const HASHES: &str =
    "SELECT t.hash FROM ddi_tokens t WHERE t.device = ?1 ORDER BY t.key";
pub(in crate::store) const REVOKE_TOKEN: &str =
    "DELETE FROM ddi_tokens WHERE device = ?1 AND key = ?2 RETURNING hash";
pub(in crate::store) const REVOKE_TOKENS: &str = "DELETE FROM ddi_tokens WHERE device = ?1 RETURNING hash";
pub(in crate::store) const REVOKE_HASH: &str = "DELETE FROM ddi_tokens WHERE hash = ?1";
/// A device that is in service, and whether an agent reports for it.
pub(in crate::store) const IN_SERVICE: &str = "SELECT d.key, CAST(CASE WHEN d.agent_version IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM devices d \
     WHERE d.id = ?1 AND d.revoked IS NULL AND d.retired IS NULL AND d.deleting IS NULL";

// Actions.
macro_rules! actions {
    ($condition:literal) => {
        concat!(
            "SELECT a.key, a.attempt, a.program, a.shown, a.fetched, a.closed, a.told FROM ddi_actions a \
             JOIN devices d ON d.key = a.device WHERE d.id = ?1 AND ",
            $condition
        )
    };
}
pub(in crate::store) const OPEN_ACTIONS: &str = actions!("a.closed IS NULL ORDER BY a.key");
pub(in crate::store) const ACTION: &str = actions!("a.key = ?2");
pub(in crate::store) const ACTIONS: &str = actions!("a.key > 0 ORDER BY a.key DESC LIMIT ?2");
pub(in crate::store) const SHOW_ACTION: &str = "INSERT INTO ddi_actions (device, attempt, program, shown, told) \
     VALUES (?1, ?2, ?3, ?4, '[]') ON CONFLICT (device, attempt) DO NOTHING";
pub(in crate::store) const ACTION_OF_ATTEMPT: &str =
    "SELECT key FROM ddi_actions WHERE device = ?1 AND attempt = ?2";
pub(in crate::store) const ACTION_FETCHED: &str =
    "UPDATE ddi_actions SET fetched = ?2 WHERE key = ?1 AND fetched IS NULL";
pub(in crate::store) const ACTION_TOLD: &str =
    "UPDATE ddi_actions SET told = ?2, closed = coalesce(closed, ?3) WHERE key = ?1";
/// All but the newest few of a device: the newest stays, so that no number is given twice.
pub(in crate::store) const FORGET_ACTIONS: &str = "DELETE FROM ddi_actions WHERE device = ?1 AND closed IS NOT NULL AND key NOT IN \
     (SELECT a.key FROM ddi_actions a WHERE a.device = ?1 ORDER BY a.key DESC LIMIT ?2)";
/// What a client was shown and never asked for, and is not offered any more.
pub(in crate::store) const CLOSE_UNFETCHED: &str = "UPDATE ddi_actions SET closed = ?2 WHERE device = ?1 AND closed IS NULL \
     AND fetched IS NULL AND attempt NOT IN (SELECT o.id FROM program_offers o WHERE o.device = ?1)";

// What clients say of themselves, and hashes that they need.
pub(in crate::store) const ATTRIBUTES: &str = "SELECT a.attributes, a.changed FROM ddi_attributes a \
     JOIN devices d ON d.key = a.device WHERE d.id = ?1";
pub(in crate::store) const SET_ATTRIBUTES: &str = "INSERT INTO ddi_attributes (device, attributes, changed) VALUES (?1, ?2, ?3) \
     ON CONFLICT (device) DO UPDATE SET attributes = excluded.attributes, changed = excluded.changed";
pub(in crate::store) const DIGESTS: &str = "SELECT sha1, md5 FROM program_digests WHERE sha256 = ?1";
pub(in crate::store) const KEEP_DIGESTS: &str = "INSERT INTO program_digests (sha256, sha1, md5) VALUES (?1, ?2, ?3) \
     ON CONFLICT (sha256) DO NOTHING";

/// Every statement of this file, by its name.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("ADD_DDI_TOKEN", ADD_TOKEN),
    ("TOKENS_OF", TOKENS_OF),
    ("COUNT_TOKENS", COUNT_TOKENS),
    ("HASHES", HASHES),
    ("REVOKE_TOKEN", REVOKE_TOKEN),
    ("REVOKE_TOKENS", REVOKE_TOKENS),
    ("REVOKE_HASH", REVOKE_HASH),
    ("IN_SERVICE", IN_SERVICE),
    ("OPEN_ACTIONS", OPEN_ACTIONS),
    ("ACTION", ACTION),
    ("ACTIONS", ACTIONS),
    ("SHOW_ACTION", SHOW_ACTION),
    ("ACTION_OF_ATTEMPT", ACTION_OF_ATTEMPT),
    ("ACTION_FETCHED", ACTION_FETCHED),
    ("ACTION_TOLD", ACTION_TOLD),
    ("FORGET_ACTIONS", FORGET_ACTIONS),
    ("CLOSE_UNFETCHED", CLOSE_UNFETCHED),
    ("ATTRIBUTES", ATTRIBUTES),
    ("SET_ATTRIBUTES", SET_ATTRIBUTES),
    ("DIGESTS", DIGESTS),
    ("KEEP_DIGESTS", KEEP_DIGESTS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_is_left_out() {
        let source = include_str!("ddi.rs");
        let declared = source
            .lines()
            .filter(|line| line.starts_with("pub(in crate::store) const ") && !line.contains(" ALL:"))
            .count();
        assert_eq!(declared, ALL.len());
    }
}
