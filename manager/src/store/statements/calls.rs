//! Statements about service calls, and what was agreed about them.

/// What is read of a call, in the order of [`super::super::calls::ServiceCallRecord`]; `r` is its report, `k` the command by
/// which its device was told last.
macro_rules! call_columns {
    () => {
        "s.key, d.id, s.received, s.simulated, s.entered_by, s.message, s.state, s.changed, s.changed_by, r.dated, r.dated_by, \
         s.presses, s.last_press, s.version, s.opened_by, s.alert, s.technician, s.work, s.parts, s.ticket, s.answer_due, \
         s.repair_due, s.answered, s.handled, s.command, k.state, k.reason, k.finished, s.id"
    };
}
macro_rules! call_joins {
    () => {
        "JOIN devices d ON d.key = s.device LEFT JOIN reports r ON r.key = s.report \
         LEFT JOIN commands k ON k.id = s.command"
    };
}
pub(in crate::store) use {call_columns, call_joins};

/// Conditions follow.
pub(in crate::store) const LISTED: &str = concat!(
    "SELECT ",
    call_columns!(),
    ", d.customer, c.name, t.name, t.address, d.place, s.due FROM service_calls s ",
    call_joins!(),
    " LEFT JOIN customers c ON c.key = d.customer LEFT JOIN sites t ON t.key = d.site WHERE d.deleting IS NULL AND "
);
pub(in crate::store) const SNAPSHOT: &str = "SELECT snapshot FROM service_calls WHERE key = ?1";
/// A call with the key of its device.
pub(in crate::store) const ACTED_ON: &str = concat!(
    "SELECT ",
    call_columns!(),
    ", s.device, s.due FROM service_calls s ",
    call_joins!(),
    " WHERE s.key = ?1"
);
pub(in crate::store) const DEVICE_OF: &str = "SELECT device FROM service_calls WHERE key = ?1";
/// Of PostgreSQL, where two managers may do something with one call: the second waits for what the first does.
pub(in crate::store) const HOLD: &str = "SELECT key FROM service_calls WHERE key = ?1 FOR UPDATE";
pub(in crate::store) const MOVE: &str = "UPDATE service_calls SET state = ?2, changed = ?3, changed_by = ?4, handled = ?5, technician = ?6, \
     work = coalesce(?7, work), parts = coalesce(?8, parts), answered = ?9, due = ?10, command = coalesce(?11, command), \
     version = version + 1 WHERE key = ?1";
pub(in crate::store) const TOUCH: &str = "UPDATE service_calls SET version = version + 1 WHERE key = ?1";
pub(in crate::store) const SET_TICKET: &str =
    "UPDATE service_calls SET ticket = ?2, version = version + 1 WHERE key = ?1";
/// A ticket system answered with its number: what somebody wrote stays.
pub(in crate::store) const TICKET_CAME: &str =
    "UPDATE service_calls SET ticket = ?2, version = version + 1 WHERE key = ?1 AND ticket IS NULL";
pub(in crate::store) const SUBJECTS_OF: &str =
    "SELECT i.subject FROM message_items i JOIN messages m ON m.key = i.message WHERE m.id = ?1";
pub(in crate::store) const NOTE: &str = "INSERT INTO service_call_acts (call, device, at, who, what, state, technician, words) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
pub(in crate::store) const ACTS: &str = "SELECT a.key, a.at, a.who, a.what, a.state, a.technician, a.words FROM service_call_acts a \
     WHERE a.call = ?1 AND a.key < ?2 ORDER BY a.key DESC LIMIT ?3";
pub(in crate::store) const ROLE_OF: &str = "SELECT role FROM operators WHERE name = ?1";

// Opening.
pub(in crate::store) const OPEN_BY_HAND: &str = "INSERT INTO service_calls (device, received, simulated, message, state, opened_by, alert) \
     VALUES (?1, ?2, ?3, ?4, 'open', ?5, ?6) RETURNING key";
/// What is found out in the transaction that opens it, for the first time or again.
pub(in crate::store) const OPENED: &str = "UPDATE service_calls SET snapshot = ?2, answer_due = ?3, repair_due = ?4, due = ?5, answered = NULL \
     WHERE key = ?1";
pub(in crate::store) const OPEN_OF_DEVICE: &str =
    "SELECT count(*) FROM service_calls WHERE device = ?1 AND handled IS NULL";
pub(in crate::store) const ALERT_OF: &str = "SELECT body FROM alerts WHERE key = ?1 AND device = ?2";
pub(in crate::store) const ALERTS_OPEN: &str =
    "SELECT body FROM alerts WHERE device = ?1 AND cleared IS NULL ORDER BY class, key DESC LIMIT ?2";
pub(in crate::store) const LAST_ALERT: &str = "SELECT body, coalesce(raised_dated, raised), coalesce(cleared_dated, cleared) FROM alerts \
     WHERE device = ?1 ORDER BY key DESC LIMIT 1";
pub(in crate::store) const IS_SIMULATED: &str =
    "SELECT coalesce(max(simulated), 0) FROM states WHERE device = ?1";

// Counting.
/// Conditions follow.
pub(in crate::store) const COUNTS: &str = "SELECT s.state, count(*), \
     CAST(sum(CASE WHEN s.technician = ?1 THEN 1 ELSE 0 END) AS BIGINT), \
     CAST(sum(CASE WHEN s.due < ?2 THEN 1 ELSE 0 END) AS BIGINT) FROM service_calls s \
     JOIN devices d ON d.key = s.device WHERE d.deleting IS NULL AND s.handled IS NULL AND ";
/// How many kept what was agreed, by customer; `?1` is now. Conditions follow.
pub(in crate::store) const TIMES: &str = "SELECT d.customer, c.name, count(*), \
     CAST(sum(CASE WHEN s.answered <= s.answer_due THEN 1 ELSE 0 END) AS BIGINT), \
     CAST(sum(CASE WHEN coalesce(s.answered, CASE WHEN s.handled IS NULL THEN CAST(?1 AS BIGINT) END) > s.answer_due THEN 1 ELSE 0 END) AS BIGINT), \
     CAST(sum(CASE WHEN s.state = 'done' AND s.handled <= s.repair_due THEN 1 ELSE 0 END) AS BIGINT), \
     CAST(sum(CASE WHEN s.state <> 'cancelled' AND coalesce(s.handled, CAST(?1 AS BIGINT)) > s.repair_due THEN 1 ELSE 0 END) AS BIGINT) \
     FROM service_calls s JOIN devices d ON d.key = s.device LEFT JOIN customers c ON c.key = d.customer \
     WHERE d.deleting IS NULL AND ";

// Agreements.
/// That with its customer before that with everybody, with the zone of the site.
pub(in crate::store) const AGREEMENT_OF: &str = "SELECT a.body, coalesce(d.time_zone, t.time_zone) FROM devices d \
     JOIN service_agreements a ON a.customer = 0 OR a.customer = d.customer LEFT JOIN sites t ON t.key = d.site \
     WHERE d.key = ?1 ORDER BY a.customer DESC LIMIT 1";
pub(in crate::store) const AGREEMENTS: &str = "SELECT a.customer, c.name, a.body, a.changed, a.changed_by FROM service_agreements a \
     LEFT JOIN customers c ON c.key = a.customer ORDER BY a.customer";
pub(in crate::store) const SET_AGREEMENT: &str = "INSERT INTO service_agreements (customer, body, changed, changed_by) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (customer) DO UPDATE SET body = excluded.body, changed = excluded.changed, changed_by = excluded.changed_by";
pub(in crate::store) const REMOVE_AGREEMENT: &str = "DELETE FROM service_agreements WHERE customer = ?1";

/// Every statement of this file that is whole, by its name.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("SNAPSHOT of a call", SNAPSHOT),
    ("ACTED_ON", ACTED_ON),
    ("DEVICE_OF a call", DEVICE_OF),
    ("MOVE a call", MOVE),
    ("TOUCH a call", TOUCH),
    ("SET_TICKET", SET_TICKET),
    ("TICKET_CAME", TICKET_CAME),
    ("SUBJECTS_OF", SUBJECTS_OF),
    ("NOTE an act on a call", NOTE),
    ("ACTS on a call", ACTS),
    ("ROLE_OF", ROLE_OF),
    ("OPEN_BY_HAND", OPEN_BY_HAND),
    ("OPENED", OPENED),
    ("OPEN_OF_DEVICE", OPEN_OF_DEVICE),
    ("ALERT_OF", ALERT_OF),
    ("ALERTS_OPEN", ALERTS_OPEN),
    ("LAST_ALERT", LAST_ALERT),
    ("IS_SIMULATED", IS_SIMULATED),
    ("AGREEMENT_OF", AGREEMENT_OF),
    ("AGREEMENTS", AGREEMENTS),
    ("SET_AGREEMENT", SET_AGREEMENT),
    ("REMOVE_AGREEMENT", REMOVE_AGREEMENT),
];

/// Those of PostgreSQL alone.
pub(in crate::store) const ALL_POSTGRES: &[(&str, &str)] = &[("HOLD a call", HOLD)];
