//! Statements about orders.

/// The columns of an order, whose row is `o`, whose device is `d` and whose report is `r`.
macro_rules! columns {
    () => {
        "o.key, d.id, o.id, o.received, o.simulated, o.body, o.quantity, o.note, o.entered_by, o.state, \
         o.changed, o.changed_by, r.dated, r.dated_by, o.again, o.merged_into, o.kept_by, \
         CASE WHEN o.closed IS NULL AND o.kept IS NULL THEN (SELECT min(x.key) FROM orders x WHERE x.device = o.device \
         AND x.supply = o.supply AND x.closed IS NULL AND x.key < o.key) END, o.version, o.part_number, o.reason, \
         o.carrier, o.tracking, o.fitted, o.fitted_at, o.fitted_serial, o.price, o.currency, o.taken, o.taken_from, d.place, \
         (SELECT c.name FROM customers c WHERE c.key = d.customer), (SELECT t.name FROM sites t WHERE t.key = d.site)"
    };
}
pub(in crate::store) use columns;

/// The first open order of the same supply of the same device, before this one.
macro_rules! first_of_its_supply {
    () => {
        "(SELECT min(x.key) FROM orders x WHERE x.device = orders.device AND x.supply = orders.supply \
         AND x.closed IS NULL AND x.key < orders.key)"
    };
}

pub(in crate::store) const ORDERS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM orders o JOIN devices d ON d.key = o.device LEFT JOIN reports r ON r.key = o.report"
);
/// What an order is found by, in small letters: who has it, what it is of, and what was written.
pub(in crate::store) const SEARCHED: &str = "lower(d.id || ' ' || coalesce(d.place, '') || ' ' || coalesce(o.supply, '') || ' ' || \
     coalesce(o.part_number, '') || ' ' || coalesce(o.note, '') || ' ' || coalesce(o.tracking, '') || ' ' || \
     coalesce(o.carrier, '')) LIKE {} ESCAPE '\\'";
pub(in crate::store) const ONE: &str = concat!(
    "SELECT ",
    columns!(),
    ", o.device, d.retired FROM orders o JOIN devices d ON d.key = o.device LEFT JOIN reports r ON r.key = o.report \
     WHERE o.key = ?1"
);
pub(in crate::store) const DEVICE_OF: &str = "SELECT device FROM orders WHERE key = ?1";
pub(in crate::store) const DEVICE_OF_NAME: &str =
    "SELECT d.key, d.retired FROM devices d WHERE d.id = ?1 AND d.deleting IS NULL";
/// Of PostgreSQL, where an operator may make an order while the device hands one in.
pub(in crate::store) const HOLD_DEVICE: &str = "SELECT key FROM devices WHERE key = ?1 FOR NO KEY UPDATE";

/// What becomes of it. What it was cancelled for and how it travels stays unless something else is said.
pub(in crate::store) const MOVE: &str = "UPDATE orders SET state = ?2, changed = ?3, changed_by = ?4, closed = ?5, \
     merged_into = NULL, reason = ?6, carrier = coalesce(?7, carrier), tracking = coalesce(?8, tracking), \
     version = version + 1 WHERE key = ?1";
/// The want is that of the first order, and this one is closed with it.
pub(in crate::store) const MERGE: &str = concat!(
    "UPDATE orders SET state = 'cancelled', changed = ?2, changed_by = ?3, closed = ?2, kept = NULL, kept_by = NULL, \
     version = version + 1, merged_into = ",
    first_of_its_supply!(),
    " WHERE key = ?1 AND closed IS NULL AND ",
    first_of_its_supply!(),
    " IS NOT NULL"
);
pub(in crate::store) const KEEP: &str = concat!(
    "UPDATE orders SET kept = ?2, kept_by = ?3, version = version + 1 WHERE key = ?1 AND closed IS NULL AND ",
    first_of_its_supply!(),
    " IS NOT NULL"
);

pub(in crate::store) const NAMED: &str = "SELECT 1 FROM orders WHERE device = ?1 AND id = ?2";
/// One that was made, by whomever.
pub(in crate::store) const ADD: &str = "INSERT INTO orders (device, id, report, received, simulated, body, quantity, note, entered_by, state, \
     supply, again, part_number, alert) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) RETURNING key";
/// The open order of a supply for which nobody has asked at the device.
pub(in crate::store) const UNASKED: &str = "SELECT key, state FROM orders WHERE device = ?1 AND supply = ?2 AND closed IS NULL \
     AND id IS NULL ORDER BY key LIMIT 1";
/// Somebody asks at the device for what is proposed or under way already: what was decided stays decided.
pub(in crate::store) const ASK: &str = "UPDATE orders SET id = ?2, report = ?3, note = ?5, entered_by = ?6, again = ?7, \
     quantity = CASE WHEN state IN ('proposed', 'asked') THEN CAST(?4 AS BIGINT) ELSE quantity END, \
     state = CASE WHEN state = 'proposed' THEN 'asked' ELSE state END, version = version + 1 WHERE key = ?1";
/// The open order of a supply, whoever made it.
pub(in crate::store) const OPEN_OF_SUPPLY: &str = "SELECT key, state FROM orders WHERE device = ?1 AND supply = ?2 AND closed IS NULL \
     ORDER BY key LIMIT 1";
/// Whether pieces of the supply have been delivered since then that are not in the machine.
pub(in crate::store) const AT_HAND: &str = "SELECT 1 FROM orders WHERE device = ?1 AND supply = ?2 AND state = 'delivered' \
     AND closed > ?3 AND fitted < quantity";
pub(in crate::store) const SPEAKS_FOR: &str =
    "UPDATE orders SET alert = ?2 WHERE key = ?1 AND state = 'proposed'";
/// A proposal whose alert is over.
pub(in crate::store) const PROPOSED_BY: &str =
    "SELECT key FROM orders WHERE device = ?1 AND alert = ?2 AND state = 'proposed'";
/// How orders are proposed for a device.
pub(in crate::store) const RULE_OF_DEVICE: &str = "SELECT coalesce((SELECT c.proposes FROM customers c \
     JOIN devices d ON d.customer = c.key WHERE d.key = ?1), (SELECT proposes FROM order_rule WHERE key = 1))";
pub(in crate::store) const RULE: &str = "SELECT proposes FROM order_rule WHERE key = 1";
pub(in crate::store) const SET_RULE: &str = "INSERT INTO order_rule (key, proposes) VALUES (1, ?1) \
     ON CONFLICT (key) DO UPDATE SET proposes = excluded.proposes";
pub(in crate::store) const RULE_OF_CUSTOMER: &str = "SELECT proposes FROM customers WHERE key = ?1";
pub(in crate::store) const SET_RULE_OF_CUSTOMER: &str = "UPDATE customers SET proposes = ?2 WHERE key = ?1";
pub(in crate::store) const RULES_OF_CUSTOMERS: &str =
    "SELECT key, name, proposes FROM customers WHERE proposes IS NOT NULL ORDER BY name, key LIMIT ?1";

/// Of what is delivered and not yet all in the machine, the oldest; only since then.
pub(in crate::store) const TO_FIT: &str = "SELECT key, state FROM orders WHERE device = ?1 AND supply = ?2 AND state = 'delivered' \
     AND closed > ?3 AND fitted < quantity ORDER BY key LIMIT 1";
/// A piece of it is in the machine. What was open is closed by that.
pub(in crate::store) const FIT: &str = "UPDATE orders SET fitted = fitted + 1, fitted_at = coalesce(fitted_at, ?2), \
     fitted_serial = coalesce(fitted_serial, ?3), closed = coalesce(closed, ?2), \
     changed = CASE WHEN state = 'delivered' THEN changed ELSE ?2 END, \
     changed_by = CASE WHEN state = 'delivered' THEN changed_by END, state = 'delivered', version = version + 1 WHERE key = ?1";
/// Where else a cartridge was, the last machine first.
pub(in crate::store) const WAS_IN: &str =
    "SELECT device FROM cartridges WHERE serial = ?1 AND device <> ?2 ORDER BY last DESC, device LIMIT 1";
pub(in crate::store) const WAS_HERE: &str = "SELECT 1 FROM cartridges WHERE serial = ?1 AND device = ?2";
pub(in crate::store) const IS_IN: &str = "INSERT INTO cartridges (serial, device, last) VALUES (?1, ?2, ?3) \
     ON CONFLICT (serial, device) DO UPDATE SET last = excluded.last WHERE excluded.last > cartridges.last";
pub(in crate::store) const FORGET_CARTRIDGES: &str = "DELETE FROM cartridges WHERE (serial, device) IN \
     (SELECT serial, device FROM cartridges WHERE last < ?1 ORDER BY last LIMIT ?2)";
pub(in crate::store) const CAME_FROM: &str =
    "UPDATE replacements SET came_from = ?3 WHERE device = ?1 AND origin = ?2";

pub(in crate::store) const NOTE: &str =
    "INSERT INTO order_acts (device, of_order, at, who, what, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
pub(in crate::store) const ACTS: &str = "SELECT a.key, a.at, a.who, a.what, a.words FROM order_acts a WHERE a.of_order = ?1 AND a.key < ?2 \
     ORDER BY a.key DESC LIMIT ?3";
pub(in crate::store) const COUNT_ACTS: &str = "SELECT count(*) FROM order_acts WHERE of_order = ?1";
/// Before the orders themselves, which are the same ones.
pub(in crate::store) const LET_GO_ACTS: &str = "DELETE FROM order_acts WHERE of_order IN \
     (SELECT key FROM orders WHERE closed IS NOT NULL AND closed < ?1 AND key < (SELECT max(key) FROM orders) \
     ORDER BY closed LIMIT ?2)";

/// All of them that are whole, by name, so that they can be tried.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("ONE", ONE),
    ("DEVICE_OF", DEVICE_OF),
    ("DEVICE_OF_NAME", DEVICE_OF_NAME),
    ("MOVE", MOVE),
    ("MERGE", MERGE),
    ("KEEP", KEEP),
    ("NAMED", NAMED),
    ("ADD", ADD),
    ("UNASKED", UNASKED),
    ("ASK", ASK),
    ("OPEN_OF_SUPPLY", OPEN_OF_SUPPLY),
    ("AT_HAND", AT_HAND),
    ("SPEAKS_FOR", SPEAKS_FOR),
    ("PROPOSED_BY", PROPOSED_BY),
    ("RULE_OF_DEVICE", RULE_OF_DEVICE),
    ("RULE", RULE),
    ("SET_RULE", SET_RULE),
    ("RULE_OF_CUSTOMER", RULE_OF_CUSTOMER),
    ("SET_RULE_OF_CUSTOMER", SET_RULE_OF_CUSTOMER),
    ("RULES_OF_CUSTOMERS", RULES_OF_CUSTOMERS),
    ("TO_FIT", TO_FIT),
    ("FIT", FIT),
    ("WAS_IN", WAS_IN),
    ("WAS_HERE", WAS_HERE),
    ("IS_IN", IS_IN),
    ("FORGET_CARTRIDGES", FORGET_CARTRIDGES),
    ("CAME_FROM", CAME_FROM),
    ("NOTE", NOTE),
    ("ACTS", ACTS),
    ("COUNT_ACTS", COUNT_ACTS),
    ("LET_GO_ACTS", LET_GO_ACTS),
];
