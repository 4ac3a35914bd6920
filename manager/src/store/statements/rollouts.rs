//! Statements about rollouts: what is planned, how each device stands, who did what, and what rollouts leave alone.

use crate::store::engine::Bulk;

// Rollouts.
macro_rules! rollouts {
    ($more:literal) => {
        concat!(
            "SELECT o.key, o.id, o.program, p.name, p.version, p.kind, o.note, o.plan, o.state, o.why, o.wave, o.wave_began, \
             o.wave_ended, o.lifts, o.created, o.created_by, o.started, o.ended, o.changed, p.revoked, p.hardware \
             FROM rollouts o JOIN programs p ON p.key = o.program",
            $more
        )
    };
}
/// Conditions follow.
pub(in crate::store) const ROLLOUTS: &str = rollouts!("");
pub(in crate::store) const ROLLOUT: &str = rollouts!(" WHERE o.key = ?1");
/// Of PostgreSQL, where an act and a step of another manager may meet.
pub(in crate::store) const ROLLOUT_HELD: &str = rollouts!(" WHERE o.key = ?1 FOR UPDATE OF o");
pub(in crate::store) const ROLLOUT_KEY: &str = "SELECT key FROM rollouts WHERE id = ?1";
pub(in crate::store) const ADD_ROLLOUT: &str = "INSERT INTO rollouts (id, program, note, plan, state, wave, lifts, end_within, \
     silent_after, bytes_per_second, created, created_by, changed) \
     VALUES (?1, ?2, ?3, ?4, 'making', 0, 0, ?5, ?6, ?7, ?8, ?9, ?8) RETURNING key";
pub(in crate::store) const MADE: &str =
    "UPDATE rollouts SET state = 'planned', changed = ?2 WHERE key = ?1 AND state = 'making'";
pub(in crate::store) const SET_STATE: &str =
    "UPDATE rollouts SET state = ?2, why = ?3, ended = NULL, changed = ?4 WHERE key = ?1";
pub(in crate::store) const START: &str = "UPDATE rollouts SET state = 'running', started = ?2, wave_began = ?2, changed = ?2 \
     WHERE key = ?1 AND state = 'planned'";
pub(in crate::store) const END: &str =
    "UPDATE rollouts SET state = ?2, ended = ?3, changed = ?3 WHERE key = ?1";
pub(in crate::store) const LIFT: &str =
    "UPDATE rollouts SET state = 'running', why = NULL, lifts = lifts + 1, changed = ?2 WHERE key = ?1";
pub(in crate::store) const END_WAVE: &str =
    "UPDATE rollouts SET wave_ended = ?2, changed = ?2 WHERE key = ?1";
pub(in crate::store) const BEGIN_WAVE: &str =
    "UPDATE rollouts SET wave = wave + 1, wave_began = ?2, wave_ended = NULL, changed = ?2 WHERE key = ?1";
/// Those of a program that is revoked.
pub(in crate::store) const HALT_REVOKED: &str = "UPDATE rollouts SET state = 'halted', why = ?2, changed = ?3 \
     WHERE program = ?1 AND state IN ('running', 'paused') RETURNING key";
/// Those that somebody has to look after: they run, or something is under way.
pub(in crate::store) const LIVE: &str = "SELECT key FROM rollouts WHERE state = 'running' UNION \
     SELECT DISTINCT rollout FROM rollout_devices x JOIN rollouts o ON o.key = x.rollout \
     WHERE x.state IN ('offered', 'under_way', 'proving') AND o.state IN ('paused', 'halted', 'cancelled') ORDER BY 1";
pub(in crate::store) const LEFT_HALF_MADE: &str =
    "SELECT key FROM rollouts WHERE state = 'making' AND changed < ?1 LIMIT 1";
pub(in crate::store) const FORGET_SOME_DEVICES: &str = "DELETE FROM rollout_devices WHERE key IN \
     (SELECT key FROM rollout_devices WHERE rollout = ?1 LIMIT ?2)";
pub(in crate::store) const FORGET_LOG: &str = "DELETE FROM rollout_log WHERE rollout = ?1";
pub(in crate::store) const FORGET_ROLLOUT: &str = "DELETE FROM rollouts WHERE key = ?1";

// The devices of a rollout.
pub(in crate::store) const ADD_DEVICES: Bulk = Bulk {
    each: "INSERT INTO rollout_devices (rollout, device, wave, state, changed, not_before, lift) \
           SELECT ?1, d.key, ?3, 'waiting', ?4, 0, 0 FROM devices d WHERE d.key = ?2 ON CONFLICT (rollout, device) DO NOTHING",
    all: "INSERT INTO rollout_devices (rollout, device, wave, state, changed, not_before, lift) \
          SELECT u.rollout, d.key, u.wave, 'waiting', u.changed, 0, 0 \
          FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::bigint[]) WITH ORDINALITY AS u (rollout, device, wave, changed, place) \
          JOIN devices d ON d.key = u.device ORDER BY u.place \
          ON CONFLICT (rollout, device) DO NOTHING",
};
/// Without a condition on devices it reads an index alone.
pub(in crate::store) const COUNTS: &str =
    "SELECT wave, state, lift, count(*) FROM rollout_devices WHERE rollout = ?1 GROUP BY wave, state, lift";
/// With a condition on the device's row `d`.
pub(in crate::store) fn counts_within(within: &str) -> String {
    format!(
        "SELECT x.wave, x.state, x.lift, count(*) FROM rollout_devices x JOIN devices d ON d.key = x.device \
         WHERE x.rollout = ?1 AND d.deleting IS NULL AND {within} GROUP BY x.wave, x.state, x.lift"
    )
}
/// What an older rollout is to do first at the same device: what has begun, and of another program what it may begin now.
macro_rules! before {
    ($select:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM rollout_devices y JOIN rollouts q ON q.key = y.rollout JOIN programs g ON g.key = q.program \
             WHERE y.device = x.device AND y.rollout < x.rollout AND (y.state IN ('offered', 'under_way', 'proving') \
             OR (y.state = 'waiting' AND g.name <> p.name AND q.state = 'running' AND y.wave <= q.wave))"
        )
    };
}
/// A later rollout of the same program, which replaces what has not begun.
macro_rules! newer {
    ($select:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM rollout_devices y JOIN rollouts q ON q.key = y.rollout JOIN programs g ON g.key = q.program \
             WHERE y.device = x.device AND y.rollout > x.rollout AND g.name = p.name \
             AND q.state IN ('running', 'paused', 'halted', 'finished') AND y.state <> 'skipped'"
        )
    };
}
macro_rules! devices {
    ($more:literal) => {
        concat!(
            "SELECT x.key, d.id, x.wave, x.state, x.attempt, x.reason, x.changed, x.not_before, x.deadline, a.step, a.told, \
             o.id, o.state, o.wave, p.name, p.version, (",
            before!("q.id"),
            " ORDER BY y.rollout LIMIT 1), f.waits FROM rollout_devices x JOIN devices d ON d.key = x.device JOIN rollouts o ON o.key = x.rollout \
             JOIN programs p ON p.key = o.program LEFT JOIN program_attempts a ON a.device = x.device AND a.id = x.attempt \
             LEFT JOIN program_offers f ON f.device = x.device AND f.id = x.attempt",
            $more
        )
    };
}
/// Conditions follow.
pub(in crate::store) const DEVICES: &str = devices!("");
/// Those that wait and may be offered the program now, as far as the time tells and no other rollout is before them.
pub(in crate::store) const CANDIDATES: &str = concat!(
    "SELECT x.key, d.id FROM rollout_devices x JOIN devices d ON d.key = x.device JOIN rollouts o ON o.key = x.rollout \
     JOIN programs p ON p.key = o.program WHERE x.rollout = ?1 AND x.state = 'waiting' AND x.wave <= ?2 AND x.not_before <= ?3 \
     AND x.key > ?4 AND NOT EXISTS (",
    before!("1"),
    ") ORDER BY x.wave, x.key LIMIT ?5"
);
/// One of them with all that decides about it.
pub(in crate::store) const CANDIDATE: &str = concat!(
    "SELECT x.device, d.id, CASE WHEN d.retired IS NULL AND d.revoked IS NULL AND d.deleting IS NULL THEN 0 ELSE 1 END, \
     h.hardware, r.version, coalesce(d.time_zone, t.time_zone), (",
    newer!("q.id"),
    " ORDER BY y.rollout DESC LIMIT 1), (SELECT count(*) FROM program_offers f WHERE f.device = x.device) \
     FROM rollout_devices x JOIN devices d ON d.key = x.device JOIN rollouts o ON o.key = x.rollout \
     JOIN programs p ON p.key = o.program LEFT JOIN sites t ON t.key = d.site LEFT JOIN program_hosts h ON h.device = x.device \
     LEFT JOIN program_running r ON r.device = x.device AND r.kind = p.kind AND r.name = p.name \
     WHERE x.key = ?1 AND x.state = 'waiting' AND NOT EXISTS (",
    before!("1"),
    ")"
);
/// A device, before there is a rollout: as it would be looked at.
pub(in crate::store) const WOULD_BE: &str = "SELECT d.key, d.id, CASE WHEN d.retired IS NULL AND d.revoked IS NULL AND d.deleting IS NULL \
     THEN 0 ELSE 1 END, h.hardware, r.version, coalesce(d.time_zone, t.time_zone) FROM devices d LEFT JOIN sites t ON t.key = d.site \
     LEFT JOIN program_hosts h ON h.device = d.key LEFT JOIN program_running r ON r.device = d.key AND r.kind = ?2 AND r.name = ?3 \
     WHERE d.key = ?1";
pub(in crate::store) const OFFERED: &str = "UPDATE rollout_devices SET state = 'offered', attempt = ?2, reason = NULL, changed = ?3, \
     deadline = ?4, not_before = 0 WHERE key = ?1";
/// A device is given what a rollout offered it.
pub(in crate::store) const GIVEN: &str = "UPDATE rollout_devices SET state = 'under_way', reason = NULL, changed = ?3, \
     deadline = ?3 + (SELECT o.end_within FROM rollouts o WHERE o.key = rollout) WHERE attempt = ?2 AND device = ?1 AND state = 'offered'";
/// It has told that it kept it; what fell silent has come back.
pub(in crate::store) const TOLD_KEPT: &str = "UPDATE rollout_devices SET state = 'proving', reason = ?4, changed = ?3, \
     deadline = ?3 + (SELECT o.silent_after FROM rollouts o WHERE o.key = rollout) \
     WHERE attempt = ?2 AND device = ?1 AND state IN ('offered', 'under_way', 'silent')";
pub(in crate::store) const TOLD_FAILED: &str = "UPDATE rollout_devices SET state = 'failed', reason = ?4, changed = ?3, deadline = NULL, \
     lift = (SELECT o.lifts FROM rollouts o WHERE o.key = rollout) \
     WHERE attempt = ?2 AND device = ?1 AND state IN ('offered', 'under_way', 'silent')";
/// What was offered by rollouts of a program is offered no more.
pub(in crate::store) const UNOFFERED: &str = "UPDATE rollout_devices SET state = 'waiting', attempt = NULL, changed = ?2, deadline = NULL \
     WHERE state = 'offered' AND rollout IN (SELECT o.key FROM rollouts o WHERE o.program = ?1)";
/// Somebody took the offer of a rollout back.
pub(in crate::store) const OFFER_GONE: &str = "UPDATE rollout_devices SET state = 'skipped', reason = ?3, changed = ?4, deadline = NULL \
     WHERE attempt = ?2 AND device = ?1 AND state = 'offered'";
pub(in crate::store) const SETTLE: &str = "UPDATE rollout_devices SET state = ?2, reason = ?3, changed = ?4, deadline = NULL, \
     lift = (SELECT o.lifts FROM rollouts o WHERE o.key = rollout) WHERE key = ?1 AND state = ?5";
/// It waits, from some time on.
pub(in crate::store) const WAIT: &str = "UPDATE rollout_devices SET state = 'waiting', reason = ?2, changed = ?3, not_before = ?4, \
     deadline = NULL, attempt = NULL WHERE key = ?1";
/// It is held, for some time or until somebody lets it go.
pub(in crate::store) const HOLD: &str = "UPDATE rollout_devices SET state = 'held', reason = ?2, changed = ?3, deadline = ?4 \
     WHERE key = ?1 AND state = 'waiting'";
/// What follows from nothing having happened.
pub(in crate::store) const OVERDUE: &str = "SELECT x.key, d.id, x.state, x.changed, x.deadline, o.id, o.silent_after, x.rollout \
     FROM rollout_devices x JOIN devices d ON d.key = x.device JOIN rollouts o ON o.key = x.rollout \
     WHERE x.deadline <= ?1 AND (x.state <> 'held' OR o.state IN ('planned', 'running', 'paused', 'halted')) \
     ORDER BY x.deadline LIMIT ?2";
/// One of them, if that is still so.
pub(in crate::store) const OVERDUE_ONE: &str = "SELECT x.device, d.id, x.state, x.attempt, o.plan, a.step, f.waits FROM rollout_devices x \
     JOIN devices d ON d.key = x.device JOIN rollouts o ON o.key = x.rollout \
     LEFT JOIN program_attempts a ON a.device = x.device AND a.id = x.attempt \
     LEFT JOIN program_offers f ON f.device = x.device AND f.id = x.attempt WHERE x.key = ?1 AND x.deadline <= ?2";
/// Offers of a rollout that nobody has fetched.
pub(in crate::store) const UNFETCHED: &str = "SELECT x.key, x.device, d.id, x.attempt FROM rollout_devices x \
     JOIN devices d ON d.key = x.device WHERE x.rollout = ?1 AND x.state = 'offered' LIMIT ?2";
/// Those of a device.
pub(in crate::store) const UNFETCHED_BY: &str = "SELECT x.key, x.device, d.id, x.attempt FROM rollout_devices x \
     JOIN devices d ON d.key = x.device WHERE x.device = ?1 AND x.state = 'offered' LIMIT ?2";
/// Those of a rollout that a later one of the same program replaces.
pub(in crate::store) const SUPERSEDED: &str = concat!(
    "SELECT x.key, x.device, d.id, x.attempt FROM rollout_devices x JOIN devices d ON d.key = x.device \
     JOIN rollouts o ON o.key = x.rollout JOIN programs p ON p.key = o.program \
     WHERE x.rollout = ?1 AND x.state = 'offered' AND EXISTS (",
    newer!("1"),
    ") LIMIT ?2"
);
/// Whether there can be one.
pub(in crate::store) const HAS_NEWER: &str = "SELECT 1 FROM rollouts q JOIN programs g ON g.key = q.program \
     WHERE q.key > ?1 AND g.name = ?2 AND q.state IN ('running', 'paused', 'halted', 'finished') LIMIT 1";
pub(in crate::store) const TAKE_BACK_UNGIVEN: &str =
    "DELETE FROM program_offers WHERE device = ?1 AND id = ?2 AND given IS NULL";
pub(in crate::store) const TAKE_BACK: &str = "DELETE FROM program_offers WHERE device = ?1 AND id = ?2";
/// An offer that somebody else made.
pub(in crate::store) const STANDING_OFFER: &str =
    "SELECT id, given FROM program_offers WHERE device = ?1 AND program = ?2";
pub(in crate::store) const OF_ROLLOUT: &str = "SELECT x.key, x.state, x.device, x.attempt FROM rollout_devices x JOIN devices d ON d.key = x.device \
     WHERE x.rollout = ?1 AND d.id = ?2";
pub(in crate::store) const FAILED_ONES: &str = "SELECT x.key, x.device, d.id, x.attempt FROM rollout_devices x \
     JOIN devices d ON d.key = x.device WHERE x.rollout = ?1 AND x.state IN ('failed', 'silent') AND x.key > ?2 \
     ORDER BY x.key LIMIT ?3";
pub(in crate::store) const LET_GO: &str = "UPDATE rollout_devices SET state = 'waiting', reason = NULL, changed = ?2, not_before = 0, deadline = NULL \
     WHERE device = ?1 AND state = 'held' AND rollout IN (SELECT o.key FROM rollouts o WHERE o.state IN ('planned', 'running', 'paused', 'halted'))";

// The log.
pub(in crate::store) const NOTE: &str =
    "INSERT INTO rollout_log (rollout, device, at, who, what, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// Conditions follow.
pub(in crate::store) const LOG: &str = "SELECT l.key, l.at, l.who, l.what, l.words, d.id FROM rollout_log l LEFT JOIN devices d ON d.key = l.device";

// Holds.
pub(in crate::store) const HOLDS_OF: &str = "SELECT h.name, h.version, h.until, h.why, h.since, h.held_by FROM program_holds h \
     JOIN devices d ON d.key = h.device WHERE d.id = ?1 ORDER BY h.name";
pub(in crate::store) const HOLDS_ON: &str = "SELECT version, until, held_by, why FROM program_holds WHERE device = ?1 \
     AND (name = ?2 OR name = '') ORDER BY name";
pub(in crate::store) const SET_HOLD: &str = "INSERT INTO program_holds (device, name, version, until, why, since, held_by) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (device, name) DO UPDATE SET version = excluded.version, \
     until = excluded.until, why = excluded.why, since = excluded.since, held_by = excluded.held_by";
pub(in crate::store) const REMOVE_HOLD: &str = "DELETE FROM program_holds WHERE device = ?1 AND name = ?2";

/// Every statement of this file but those for many rows, by its name.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("ROLLOUTS", ROLLOUTS),
    ("ROLLOUT", ROLLOUT),
    ("ROLLOUT_KEY", ROLLOUT_KEY),
    ("ADD_ROLLOUT", ADD_ROLLOUT),
    ("MADE", MADE),
    ("SET_STATE", SET_STATE),
    ("START", START),
    ("END", END),
    ("LIFT", LIFT),
    ("END_WAVE", END_WAVE),
    ("BEGIN_WAVE", BEGIN_WAVE),
    ("HALT_REVOKED", HALT_REVOKED),
    ("LIVE", LIVE),
    ("LEFT_HALF_MADE", LEFT_HALF_MADE),
    ("FORGET_SOME_DEVICES", FORGET_SOME_DEVICES),
    ("FORGET_LOG", FORGET_LOG),
    ("FORGET_ROLLOUT", FORGET_ROLLOUT),
    ("COUNTS", COUNTS),
    ("DEVICES", DEVICES),
    ("CANDIDATES", CANDIDATES),
    ("CANDIDATE", CANDIDATE),
    ("WOULD_BE", WOULD_BE),
    ("OFFERED", OFFERED),
    ("GIVEN", GIVEN),
    ("TOLD_KEPT", TOLD_KEPT),
    ("TOLD_FAILED", TOLD_FAILED),
    ("UNOFFERED", UNOFFERED),
    ("OFFER_GONE", OFFER_GONE),
    ("SETTLE", SETTLE),
    ("WAIT", WAIT),
    ("HOLD", HOLD),
    ("OVERDUE", OVERDUE),
    ("OVERDUE_ONE", OVERDUE_ONE),
    ("UNFETCHED", UNFETCHED),
    ("UNFETCHED_BY", UNFETCHED_BY),
    ("SUPERSEDED", SUPERSEDED),
    ("HAS_NEWER", HAS_NEWER),
    ("TAKE_BACK_UNGIVEN", TAKE_BACK_UNGIVEN),
    ("TAKE_BACK", TAKE_BACK),
    ("STANDING_OFFER", STANDING_OFFER),
    ("OF_ROLLOUT", OF_ROLLOUT),
    ("FAILED_ONES", FAILED_ONES),
    ("LET_GO", LET_GO),
    ("NOTE", NOTE),
    ("LOG", LOG),
    ("HOLDS_OF", HOLDS_OF),
    ("HOLDS_ON", HOLDS_ON),
    ("SET_HOLD", SET_HOLD),
    ("REMOVE_HOLD", REMOVE_HOLD),
];

/// Those of PostgreSQL alone.
pub(in crate::store) const ALL_POSTGRES: &[(&str, &str)] = &[("ROLLOUT_HELD", ROLLOUT_HELD)];

/// Those for many rows.
pub(in crate::store) const ALL_BULK: &[(&str, &Bulk)] = &[("ADD_DEVICES", &ADD_DEVICES)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_is_left_out() {
        let source = include_str!("rollouts.rs");
        let is_one = |line: &&str| {
            line.starts_with("pub(in crate::store) const ")
                && !line.contains(" ALL")
                && !line.contains(": Bulk")
        };
        assert_eq!(source.lines().filter(is_one).count(), ALL.len() + ALL_POSTGRES.len());
    }
}
