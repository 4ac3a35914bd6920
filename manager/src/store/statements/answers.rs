//! Statements about what was asked for under a key, and how it was answered.

pub(in crate::store) const BEGIN: &str = "INSERT INTO answers (operator, key, asked, begun) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (operator, key) DO NOTHING";
pub(in crate::store) const ONE: &str =
    "SELECT asked, status, headers, body FROM answers WHERE operator = ?1 AND key = ?2";
pub(in crate::store) const KEEP: &str =
    "UPDATE answers SET status = ?3, headers = ?4, body = ?5 WHERE operator = ?1 AND key = ?2";
pub(in crate::store) const FORGET: &str = "DELETE FROM answers WHERE operator = ?1 AND key = ?2";
pub(in crate::store) const FORGET_IF_OLD: &str =
    "DELETE FROM answers WHERE operator = ?1 AND key = ?2 AND begun < ?3";
pub(in crate::store) const FORGET_OLD: &str = "DELETE FROM answers WHERE begun < ?1";
pub(in crate::store) const FORGET_OF: &str = "DELETE FROM answers WHERE operator = ?1";
pub(in crate::store) const COUNT: &str = "SELECT count(*) FROM answers WHERE operator = ?1";
pub(in crate::store) const FORGET_FIRST: &str = "DELETE FROM answers WHERE operator = ?1 AND key IN \
     (SELECT key FROM answers WHERE operator = ?1 AND status IS NOT NULL ORDER BY begun LIMIT 1)";

/// Each of these; a test of the store has every one understood.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("BEGIN", BEGIN),
    ("ONE", ONE),
    ("KEEP", KEEP),
    ("FORGET", FORGET),
    ("FORGET_IF_OLD", FORGET_IF_OLD),
    ("FORGET_OLD", FORGET_OLD),
    ("FORGET_OF", FORGET_OF),
    ("COUNT", COUNT),
    ("FORGET_FIRST", FORGET_FIRST),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_is_left_out() {
        let source = include_str!("answers.rs");
        let declared = source
            .lines()
            .filter(|line| line.starts_with("pub(in crate::store) const ") && !line.contains(" ALL:"))
            .count();
        assert_eq!(declared, ALL.len());
    }
}
