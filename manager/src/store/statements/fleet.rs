//! Statements about the fleet as a whole: how each device stands, as columns, and what is open at some devices.

use super::super::engine::Bulk;
use super::calls::{call_columns, call_joins};
use super::orders::columns;

/// Of a device that enrols for the first time; it is worked out at once.
macro_rules! add_states {
    ($which:literal) => {
        concat!(
            "INSERT INTO states (device, name, worst, critical, warnings, forecasts, \
                 service_calls, orders, watches, overdue, away, identity, clones, decide_from, damaged, noisy, lowest, low, simulated, model, \
                 agent_version, place, customer, site, serials, search, last_contact, remote) \
                 SELECT key, id, -1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, NULL, 0, 0, 1000, 0, 0, '', '', '', NULL, NULL, '', '', 0, NULL FROM devices WHERE ",
            $which,
            " ON CONFLICT (device) DO NOTHING"
        )
    };
}
pub(in crate::store) const ADD_STATE: &str = add_states!("id = ?1");
/// Of devices that were brought into the table by other means, and whether there are any.
pub(in crate::store) const ADD_MISSING_STATES: &str =
    add_states!("NOT EXISTS (SELECT 1 FROM states s WHERE s.device = devices.key)");
pub(in crate::store) const MISSES_STATES: &str =
    "SELECT 1 FROM devices WHERE NOT EXISTS (SELECT 1 FROM states s WHERE s.device = devices.key)";
/// Only of PostgreSQL, where others write as well: what is counted next is what they have committed.
pub(in crate::store) const HOLD_STATE: &str = "SELECT device FROM states WHERE device = ?1 FOR UPDATE";
/// Only of PostgreSQL: what it plans by.
pub(in crate::store) const KNOW_STATES: &str = "ANALYZE states";
/// What a state is worked out from, and the state as it stands there.
pub(in crate::store) const STATE: &str = "SELECT d.id, coalesce(d.model, ''), coalesce(d.agent_version, ''), \
     coalesce(d.place, ''), d.customer, d.site, d.retired, d.revoked, d.readmitted_until, d.superseded, \
     (SELECT count(*) FROM alerts a WHERE a.device = d.key AND a.cleared IS NULL AND a.class = 0), \
     (SELECT count(*) FROM alerts a WHERE a.device = d.key AND a.cleared IS NULL AND a.class = 1), \
     (SELECT count(*) FROM alerts a WHERE a.device = d.key AND a.cleared IS NULL AND a.class = 2), \
     (SELECT count(*) FROM service_calls c WHERE c.device = d.key AND c.handled IS NULL), \
     (SELECT count(*) FROM orders o WHERE o.device = d.key AND o.closed IS NULL AND o.state <> 'proposed'), \
     (SELECT count(*) FROM watches w WHERE w.device = d.key AND w.ended IS NULL AND w.kind <> 'contact'), \
     (SELECT count(*) FROM watches w WHERE w.device = d.key AND w.ended IS NULL AND w.kind = 'contact'), \
     (SELECT count(*) FROM watches w WHERE w.device = d.key AND w.ended IS NULL AND w.kind = 'contact' \
     AND w.overdue IS NOT NULL), \
     (SELECT count(*) FROM clones c WHERE c.device = d.key AND c.dismissed IS NULL), \
     s.last_contact, s.damaged, s.identity, s.decide_from, s.lowest, s.low, s.simulated, s.serials, \
     s.worst, s.critical, s.warnings, s.forecasts, s.service_calls, s.orders, s.watches, s.overdue, s.away, s.clones, \
     s.model, s.agent_version, s.place, s.customer, s.site, s.search, s.noisy \
     FROM states s JOIN devices d ON d.key = s.device WHERE s.device = ?1";
pub(in crate::store) const SET_STATE: &str = "UPDATE states SET worst = ?2, critical = ?3, warnings = ?4, \
     forecasts = ?5, service_calls = ?6, orders = ?7, watches = ?8, overdue = ?9, away = ?10, identity = ?11, \
     clones = ?12, decide_from = ?13, damaged = ?14, lowest = ?15, low = ?16, simulated = ?17, model = ?18, \
     agent_version = ?19, place = ?20, customer = ?21, site = ?22, serials = ?23, search = ?24 WHERE device = ?1";
/// The few columns that change with readings. Who changes several states at once holds them in the order of their keys, so
/// that two never wait for each other; so does [`SET_CONTACTS`].
pub(in crate::store) const SET_LEVELS: Bulk = Bulk {
    each: "UPDATE states SET lowest = ?2, low = ?3, simulated = ?4 WHERE device = ?1",
    all: "UPDATE states SET lowest = u.lowest, low = u.low, simulated = u.simulated \
          FROM (SELECT s.device, w.lowest, w.low, w.simulated \
          FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::bigint[]) AS w (device, lowest, low, simulated) \
          JOIN states s ON s.device = w.device ORDER BY s.device FOR NO KEY UPDATE OF s) u WHERE states.device = u.device",
};
/// The devices at a site are another customer's from now on.
pub(in crate::store) const MOVE_STATES_OF_SITE: &str = "UPDATE states SET customer = ?2 WHERE site = ?1";
pub(in crate::store) const FIRST_CONTACT: &str =
    "UPDATE states SET last_contact = ?2 WHERE device = ?1 AND last_contact = 0";
/// A first contact changes how the device stands: that is to be worked out. The devices are held first, as whoever takes a
/// report in does.
pub(in crate::store) const SET_CONTACTS: Bulk = Bulk {
    each: "UPDATE states SET last_contact = ?2, remote = ?3, worst = CASE WHEN last_contact = 0 THEN -1 ELSE worst END \
           WHERE name = ?1",
    all: "UPDATE states SET last_contact = u.at, remote = u.remote, \
          worst = CASE WHEN last_contact = 0 THEN -1 ELSE worst END \
          FROM (SELECT s.device, w.at, w.remote FROM unnest(?1::text[], ?2::bigint[], ?3::text[]) AS w (id, at, remote) \
          JOIN states s ON s.name = w.id JOIN devices d ON d.key = s.device ORDER BY d.key FOR NO KEY UPDATE OF d) u \
          WHERE states.device = u.device",
};
pub(in crate::store) const STATES_TO_WORK_OUT: &str =
    "SELECT device FROM states WHERE worst < 0 ORDER BY device LIMIT ?1";
/// The same, while others write: what they work with is left to them, so that nobody waits.
pub(in crate::store) const STATES_TO_WORK_OUT_POSTGRES: &str =
    "SELECT device FROM states WHERE worst < 0 ORDER BY device LIMIT ?1 FOR NO KEY UPDATE SKIP LOCKED";
pub(in crate::store) const STATES_AFTER: &str =
    "SELECT device, name FROM states WHERE device > ?1 ORDER BY device LIMIT ?2";
pub(in crate::store) const SET_UNDAMAGED: &str =
    "UPDATE states SET damaged = 0, worst = -1 WHERE damaged = 1";
pub(in crate::store) const SET_DAMAGED: &str =
    "UPDATE states SET damaged = 1 WHERE name = ?1 AND damaged = 0 RETURNING device";
pub(in crate::store) const STATES_TO_DECIDE: &str = "SELECT device FROM states \
     WHERE decide_from IS NOT NULL AND decide_from <= ?1 AND identity = 0 ORDER BY device LIMIT ?2";
/// Devices that were refused lately because of a quota, and are not shown so yet.
pub(in crate::store) const STATES_NOISY: &str = "SELECT u.device FROM device_usage u \
     JOIN states s ON s.device = u.device WHERE u.noisy_last > ?1 AND s.noisy = 0 ORDER BY u.device LIMIT ?2";
/// Devices that are shown so, and were not for long.
pub(in crate::store) const STATES_QUIET: &str = "SELECT s.device FROM states s \
     LEFT JOIN device_usage u ON u.device = s.device \
     WHERE s.noisy = 1 AND (u.noisy_last IS NULL OR u.noisy_last <= ?1) ORDER BY s.device LIMIT ?2";
pub(in crate::store) const SET_NOISY: &str = "UPDATE states SET noisy = ?2 WHERE device = ?1";
pub(in crate::store) const SET_TO_DECIDE: &str = "UPDATE states SET identity = 1 WHERE device = ?1";

/// One of many devices: its conditions and its order are put together for what is asked.
pub(in crate::store) const COUNTS: &str = "SELECT s.worst, count(*), CAST(sum(s.service_calls) AS BIGINT), \
     CAST(sum(s.orders) AS BIGINT), CAST(sum(s.overdue) AS BIGINT), CAST(sum(s.low) AS BIGINT), \
     CAST(sum(s.forecasts) AS BIGINT), CAST(sum(CASE WHEN s.away = 2 THEN 1 ELSE 0 END) AS BIGINT)";

/// Rows of devices, some of each at most; those that come first are the worst, or else the newest. The keys are chosen
/// first, so that nothing is read of a row that is not handed out.
macro_rules! some_of_each {
    ($table:literal, $order:literal, $columns:expr, $from:expr, open = $open:literal) => {
        (
            concat!(
                "SELECT ",
                $columns,
                " FROM (SELECT t.key, row_number() OVER (PARTITION BY t.device ORDER BY ",
                $order,
                ") AS place FROM ",
                $table,
                " t WHERE t.",
                $open,
                " IS NULL AND "
            ),
            concat!(") p JOIN ", $from, " WHERE p.place <= ?1"),
        )
    };
}
/// Open alerts, around the condition on their devices.
pub(in crate::store) const OPEN_ALERTS_OF: (&str, &str) = some_of_each!(
    "alerts",
    "t.class, t.key DESC",
    "a.key, d.id, a.raised, a.cleared, a.cleared_because, a.simulated, a.body, a.raised_dated, a.raised_by, \
     a.cleared_dated, a.cleared_by",
    "alerts a ON a.key = p.key JOIN devices d ON d.key = a.device",
    open = "cleared"
);
/// The same of service calls.
pub(in crate::store) const OPEN_CALLS_OF: (&str, &str) = some_of_each!(
    "service_calls",
    "t.key DESC",
    call_columns!(),
    concat!("service_calls s ON s.key = p.key ", call_joins!()),
    open = "handled"
);
/// The same of orders. What is only proposed is not open yet: nobody wants it.
pub(in crate::store) const OPEN_ORDERS_OF: (&str, &str) = some_of_each!(
    "(SELECT key, device, closed FROM orders WHERE state <> 'proposed')",
    "t.key DESC",
    columns!(),
    "orders o ON o.key = p.key JOIN devices d ON d.key = o.device LEFT JOIN reports r ON r.key = o.report",
    open = "closed"
);
/// The same of what watches found.
pub(in crate::store) const OPEN_WATCHES_OF: (&str, &str) = some_of_each!(
    "watches",
    "t.since",
    "w.key, d.id, w.begun, w.overdue, w.ended, w.body",
    "watches w ON w.key = p.key JOIN devices d ON d.key = w.device",
    open = "ended"
);
/// The same of signs of clones.
pub(in crate::store) const OPEN_CLONES_OF: (&str, &str) = some_of_each!(
    "clones",
    "t.key DESC",
    "d.id, c.found, c.body",
    "clones c ON c.key = p.key JOIN devices d ON d.key = c.device",
    open = "dismissed"
);
/// What is lost, added up: in two parts, for a sum that goes beyond an integer fails. One loss of unknown size counts as
/// one.
pub(in crate::store) const LOST_OF: &str = "SELECT d.id, \
     CAST(sum((coalesce(g.last, g.first) - g.first + 1) / 1000000000) AS BIGINT), \
     CAST(sum((coalesce(g.last, g.first) - g.first + 1) % 1000000000) AS BIGINT) \
     FROM gaps g JOIN devices d ON d.key = g.device WHERE g.recorded >= ?1 AND g.reason <> 'restored' AND ";

/// Those that are whole, by name, so that all of them can be tried on the tables that are there.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("ADD_STATE", ADD_STATE),
    ("ADD_MISSING_STATES", ADD_MISSING_STATES),
    ("STATE", STATE),
    ("SET_STATE", SET_STATE),
    ("FIRST_CONTACT", FIRST_CONTACT),
    ("MISSES_STATES", MISSES_STATES),
    ("STATES_TO_WORK_OUT", STATES_TO_WORK_OUT),
    ("STATES_AFTER", STATES_AFTER),
    ("SET_UNDAMAGED", SET_UNDAMAGED),
    ("SET_DAMAGED", SET_DAMAGED),
    ("STATES_TO_DECIDE", STATES_TO_DECIDE),
    ("STATES_NOISY", STATES_NOISY),
    ("STATES_QUIET", STATES_QUIET),
    ("SET_NOISY", SET_NOISY),
    ("SET_TO_DECIDE", SET_TO_DECIDE),
    ("MOVE_STATES_OF_SITE", MOVE_STATES_OF_SITE),
];

/// The same for those of many rows.
pub(in crate::store) const ALL_BULK: &[(&str, &Bulk)] =
    &[("SET_LEVELS", &SET_LEVELS), ("SET_CONTACTS", &SET_CONTACTS)];

/// Those of PostgreSQL alone.
pub(in crate::store) const ALL_POSTGRES: &[(&str, &str)] = &[
    ("HOLD_STATE", HOLD_STATE),
    ("KNOW_STATES", KNOW_STATES),
    ("STATES_TO_WORK_OUT_POSTGRES", STATES_TO_WORK_OUT_POSTGRES),
];
