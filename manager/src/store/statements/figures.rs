//! Statements of sums, by name.

pub(in crate::store) const SIZE: &str =
    "SELECT p.page_count * s.page_size FROM pragma_page_count() p, pragma_page_size() s";
pub(in crate::store) const SIZE_POSTGRES: &str = "SELECT pg_database_size(current_database())";
pub(in crate::store) const OPEN_ALERTS: &str =
    "SELECT CAST(class AS BIGINT), count(*) FROM alerts WHERE cleared IS NULL GROUP BY class";
pub(in crate::store) const ROLLOUTS: &str = "SELECT state, count(*) FROM rollouts GROUP BY state";
pub(in crate::store) const MESSAGES: &str = "SELECT state, count(*) FROM messages \
     WHERE state IN ('gathering', 'waiting', 'dead') GROUP BY state";
pub(in crate::store) const NOTICES_WAITING: &str = "SELECT count(*) FROM notices WHERE told IS NULL";

/// Those of both engines.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("MESSAGES", MESSAGES),
    ("OPEN_ALERTS", OPEN_ALERTS),
    ("ROLLOUTS", ROLLOUTS),
    ("NOTICES_WAITING", NOTICES_WAITING),
];
/// Those of SQLite alone.
pub(in crate::store) const ALL_SQLITE: &[(&str, &str)] = &[("SIZE", SIZE)];
/// Those of PostgreSQL alone.
pub(in crate::store) const ALL_POSTGRES: &[(&str, &str)] = &[("SIZE_POSTGRES", SIZE_POSTGRES)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_is_left_out() {
        let source = include_str!("figures.rs");
        let declared = source
            .lines()
            .filter(|line| line.starts_with("pub(in crate::store) const ") && !line.contains(" ALL"))
            .count();
        assert_eq!(declared, ALL.len() + ALL_SQLITE.len() + ALL_POSTGRES.len());
    }
}
