//! Statements about saved views of the fleet, and about what was asked of many devices at once.

macro_rules! views {
    ($more:literal) => {
        concat!(
            "SELECT v.key, v.owner, v.name, v.shared, v.body, v.changed, d.view FROM views v \
             LEFT JOIN view_defaults d ON d.view = v.key AND d.operator = ?1 WHERE ",
            $more
        )
    };
}
pub(in crate::store) const OWN: &str = views!("v.owner = ?1 ORDER BY v.name, v.key LIMIT ?2");
pub(in crate::store) const SHARED: &str =
    views!("v.shared = 1 AND v.owner <> ?1 ORDER BY v.name, v.key LIMIT ?2");
pub(in crate::store) const ONE: &str = views!("v.key = ?2");
pub(in crate::store) const DEFAULT: &str = views!("d.view IS NOT NULL");
pub(in crate::store) const COUNT_OWN: &str = "SELECT count(*) FROM views WHERE owner = ?1";
pub(in crate::store) const COUNT_SHARED: &str = "SELECT count(*) FROM views WHERE shared = 1 AND key <> ?1";
pub(in crate::store) const NAME_TAKEN: &str =
    "SELECT 1 FROM views WHERE owner = ?1 AND name = ?2 AND key <> ?3";
pub(in crate::store) const ADD: &str =
    "INSERT INTO views (owner, name, shared, body, changed) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING key";
pub(in crate::store) const SET: &str =
    "UPDATE views SET name = ?2, shared = ?3, body = ?4, changed = ?5 WHERE key = ?1";
/// Those who chose it while it was shared are back at the whole fleet.
pub(in crate::store) const FORGET_DEFAULTS_OF_OTHERS: &str =
    "DELETE FROM view_defaults WHERE view = ?1 AND operator <> ?2";
pub(in crate::store) const FORGET_DEFAULTS: &str = "DELETE FROM view_defaults WHERE view = ?1";
pub(in crate::store) const REMOVE: &str = "DELETE FROM views WHERE key = ?1";
pub(in crate::store) const SET_DEFAULT: &str = "INSERT INTO view_defaults (operator, view) VALUES (?1, ?2) \
     ON CONFLICT (operator) DO UPDATE SET view = excluded.view";
pub(in crate::store) const NO_DEFAULT: &str = "DELETE FROM view_defaults WHERE operator = ?1";
// What goes with an operator: what all see stays, without an owner.
pub(in crate::store) const FORGET_DEFAULTS_OF_OWN: &str = "DELETE FROM view_defaults WHERE view IN \
     (SELECT key FROM views WHERE owner = ?1 AND shared = 0)";
pub(in crate::store) const REMOVE_OWN: &str = "DELETE FROM views WHERE owner = ?1 AND shared = 0";
pub(in crate::store) const DISOWN: &str = "UPDATE views SET owner = '' WHERE owner = ?1";

macro_rules! bulks {
    ($more:literal) => {
        concat!(
            "SELECT b.key, b.act, b.operator, b.chosen, b.total, b.made, b.ended FROM bulk_commands b WHERE ",
            $more
        )
    };
}
pub(in crate::store) const BULK: &str = bulks!("b.key = ?1");
pub(in crate::store) const BULKS: &str = bulks!("b.key < ?1 ORDER BY b.key DESC LIMIT ?2");
pub(in crate::store) const BULKS_OF: &str =
    bulks!("b.operator = ?3 AND b.key < ?1 ORDER BY b.key DESC LIMIT ?2");
pub(in crate::store) const NEXT_BULK: &str = bulks!("b.ended IS NULL ORDER BY b.key LIMIT 1");
pub(in crate::store) const OPEN_BULKS: &str = "SELECT count(*) FROM bulk_commands WHERE ended IS NULL";
pub(in crate::store) const ADD_BULK: &str = "INSERT INTO bulk_commands (act, operator, chosen, total, made) \
     VALUES (?1, ?2, ?3, ?4, ?5) RETURNING key";
/// The devices, by a condition on their rows `d`.
pub(in crate::store) fn add_bulk_devices(condition: &str) -> String {
    format!(
        "INSERT INTO bulk_devices (bulk, device, outcome) \
         SELECT CAST(?1 AS BIGINT), d.key, 0 FROM devices d WHERE {condition}"
    )
}
pub(in crate::store) const BULK_COUNTS: &str =
    "SELECT outcome, count(*) FROM bulk_devices WHERE bulk = ?1 GROUP BY outcome";
pub(in crate::store) const BULK_WAITING: &str = "SELECT x.device, d.id FROM bulk_devices x \
     JOIN devices d ON d.key = x.device WHERE x.bulk = ?1 AND x.outcome = 0 ORDER BY x.device LIMIT ?2";
pub(in crate::store) const NOTE_BULK: &str =
    "UPDATE bulk_devices SET outcome = ?3, words = ?4, command = ?5 WHERE bulk = ?1 AND device = ?2";
pub(in crate::store) const END_BULK: &str = "UPDATE bulk_commands SET ended = ?2 WHERE key = ?1 AND ended IS NULL \
     AND NOT EXISTS (SELECT 1 FROM bulk_devices x WHERE x.bulk = bulk_commands.key AND x.outcome = 0)";
/// With a condition on the rows `x` and on the devices' rows `d`, and the parameter that says how many.
pub(in crate::store) fn bulk_devices(condition: &str, limit: &str) -> String {
    format!(
        "SELECT x.device, d.id, x.outcome, x.words, c.state, c.reason FROM bulk_devices x \
         JOIN devices d ON d.key = x.device LEFT JOIN commands c ON c.id = x.command \
         WHERE {condition} ORDER BY x.device LIMIT {limit}"
    )
}
pub(in crate::store) const OLD_BULK: &str =
    "SELECT key FROM bulk_commands WHERE ended < ?1 ORDER BY key LIMIT 1";
pub(in crate::store) const FORGET_BULK_DEVICES: &str = "DELETE FROM bulk_devices WHERE bulk = ?1";
pub(in crate::store) const FORGET_BULK: &str = "DELETE FROM bulk_commands WHERE key = ?1";

/// All of them, with their names, which a database prepares before it is used.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("OWN", OWN),
    ("SHARED", SHARED),
    ("ONE", ONE),
    ("DEFAULT", DEFAULT),
    ("COUNT_OWN", COUNT_OWN),
    ("COUNT_SHARED", COUNT_SHARED),
    ("NAME_TAKEN", NAME_TAKEN),
    ("ADD", ADD),
    ("SET", SET),
    ("FORGET_DEFAULTS_OF_OTHERS", FORGET_DEFAULTS_OF_OTHERS),
    ("FORGET_DEFAULTS", FORGET_DEFAULTS),
    ("REMOVE", REMOVE),
    ("SET_DEFAULT", SET_DEFAULT),
    ("NO_DEFAULT", NO_DEFAULT),
    ("FORGET_DEFAULTS_OF_OWN", FORGET_DEFAULTS_OF_OWN),
    ("REMOVE_OWN", REMOVE_OWN),
    ("DISOWN", DISOWN),
    ("BULK", BULK),
    ("BULKS", BULKS),
    ("BULKS_OF", BULKS_OF),
    ("NEXT_BULK", NEXT_BULK),
    ("OPEN_BULKS", OPEN_BULKS),
    ("ADD_BULK", ADD_BULK),
    ("BULK_COUNTS", BULK_COUNTS),
    ("BULK_WAITING", BULK_WAITING),
    ("NOTE_BULK", NOTE_BULK),
    ("END_BULK", END_BULK),
    ("OLD_BULK", OLD_BULK),
    ("FORGET_BULK_DEVICES", FORGET_BULK_DEVICES),
    ("FORGET_BULK", FORGET_BULK),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_is_left_out() {
        let source = include_str!("views.rs");
        let declared = source
            .lines()
            .filter(|line| line.starts_with("pub(in crate::store) const ") && !line.contains(" ALL:"))
            .count();
        assert_eq!(declared, ALL.len());
    }
}
