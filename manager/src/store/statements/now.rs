//! Statements about what needs a person.

// What is open at a device, and what of it is in the list.
/// What of a device is in the list, and behind that everything of it that needs a person: its kind, its key, a class of it,
/// since when.
pub(in crate::store) const LISTED_AND_WANTED: &str = "SELECT i.kind, i.origin, 0, i.since, i.key, i.customer, i.site \
     FROM now_items i WHERE i.device = ?1 AND i.ended IS NULL \
     UNION ALL SELECT 'alert', a.key, a.class, coalesce(a.raised_dated, a.raised), NULL, NULL, NULL FROM alerts a \
     WHERE a.device = ?1 AND a.cleared IS NULL \
     UNION ALL SELECT 'service_call', c.key, 0, coalesce(r.dated, c.received), NULL, NULL, NULL FROM service_calls c \
     LEFT JOIN reports r ON r.key = c.report WHERE c.device = ?1 AND c.handled IS NULL \
     UNION ALL SELECT 'order', o.key, 0, coalesce(r.dated, o.received), NULL, NULL, NULL FROM orders o \
     LEFT JOIN reports r ON r.key = o.report WHERE o.device = ?1 AND o.closed IS NULL AND o.state = 'asked' \
     UNION ALL SELECT CASE w.kind WHEN 'contact' THEN 'silent' ELSE 'watch' END, w.key, \
     CASE w.kind WHEN 'freshness' THEN 1 ELSE 0 END, w.since, NULL, NULL, NULL FROM watches w \
     WHERE w.device = ?1 AND w.ended IS NULL AND w.overdue IS NOT NULL \
     UNION ALL SELECT 'clone', n.key, 0, n.found, NULL, NULL, NULL FROM clones n \
     WHERE n.device = ?1 AND n.dismissed IS NULL";
pub(in crate::store) const ADD: &str = "INSERT INTO now_items (device, kind, origin, urgency, since, training, customer, site, \
     remote, begun, shelf, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, \
     (SELECT s.remote FROM states s WHERE s.device = ?1), ?9, 0, 1) ON CONFLICT DO NOTHING";
pub(in crate::store) const END: &str = "UPDATE now_items SET ended = ?2 WHERE key = ?1";
pub(in crate::store) const END_OF_DEVICE: &str =
    "UPDATE now_items SET ended = ?2 WHERE device = ?1 AND ended IS NULL";
/// What is over stays with whose it was.
pub(in crate::store) const MOVE_DEVICE: &str =
    "UPDATE now_items SET customer = ?2, site = ?3 WHERE device = ?1 AND ended IS NULL";
pub(in crate::store) const MOVE_SITE: &str =
    "UPDATE now_items SET customer = ?2 WHERE site = ?1 AND ended IS NULL";
pub(in crate::store) const ALERT_BODY: &str = "SELECT body FROM alerts WHERE key = ?1";
pub(in crate::store) const SUPERSEDED: &str = "SELECT superseded FROM devices WHERE key = ?1";

// Lists.
/// Items, with all that is shown of them. Conditions follow.
pub(in crate::store) const ITEMS: &str = "SELECT i.key, i.kind, i.origin, i.cause, i.urgency, i.since, i.training, i.customer, c.name, i.site, t.name, \
     i.remote, i.begun, i.ended, i.shelf, i.taken_by, i.taken, i.until, i.version, d.id, s.place, \
     (SELECT count(*) FROM now_items m WHERE m.cause = i.key), \
     (SELECT count(*) FROM now_items m WHERE m.cause = i.key AND m.ended IS NULL), \
     (SELECT count(*) FROM now_acts a WHERE a.item = i.key AND a.words IS NOT NULL), i.device FROM now_items i \
     LEFT JOIN devices d ON d.key = i.device LEFT JOIN states s ON s.device = i.device \
     LEFT JOIN customers c ON c.key = i.customer LEFT JOIN sites t ON t.key = i.site \
     WHERE (i.device IS NULL OR s.device IS NOT NULL) AND ";
/// Signs of clones, with their keys behind what is read of them. Conditions follow.
pub(in crate::store) const CLONES: &str =
    "SELECT d.id, n.found, n.body, n.key FROM clones n JOIN devices d ON d.key = n.device";
/// Of PostgreSQL, where two managers may do something with one item: the second waits for what the first does.
pub(in crate::store) const HOLD: &str = "SELECT key FROM now_items WHERE key = ?1 FOR UPDATE";
pub(in crate::store) const ACTS: &str = "SELECT a.key, a.at, a.who, a.what, a.until, a.words FROM now_acts a WHERE a.item = ?1 AND a.key < ?2 \
     ORDER BY a.key DESC LIMIT ?3";
/// The newest words about some items. Conditions follow.
pub(in crate::store) const LAST_WORDS: &str = "SELECT a.item, a.who, a.at, a.words FROM now_acts a WHERE a.key IN \
     (SELECT max(x.key) FROM now_acts x WHERE x.words IS NOT NULL AND x.what = 'commented' AND ";

// Acts.
pub(in crate::store) const TAKE: &str = "UPDATE now_items SET shelf = 1, taken_by = ?2, taken = ?3, until = NULL, version = version + 1 WHERE key = ?1";
pub(in crate::store) const GIVE_BACK: &str = "UPDATE now_items SET shelf = 0, taken_by = NULL, taken = NULL, until = NULL, version = version + 1 WHERE key = ?1";
pub(in crate::store) const SNOOZE: &str =
    "UPDATE now_items SET shelf = 2, until = ?2, version = version + 1 WHERE key = ?1";
pub(in crate::store) const CLOSE: &str =
    "UPDATE now_items SET shelf = 3, until = NULL, version = version + 1 WHERE key = ?1";
pub(in crate::store) const TOUCH: &str = "UPDATE now_items SET version = version + 1 WHERE key = ?1";
pub(in crate::store) const NOTE: &str = "INSERT INTO now_acts (item, device, at, who, what, until, words) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

// What follows from the time alone.
pub(in crate::store) const DUE: &str = "SELECT key, device FROM now_items \
     WHERE shelf = 2 AND ended IS NULL AND until <= ?1 ORDER BY until LIMIT ?2";
/// Whoever had taken it before has it again.
pub(in crate::store) const WAKE: &str = "UPDATE now_items SET shelf = CASE WHEN taken_by IS NULL THEN 0 ELSE 1 END, \
     until = NULL, version = version + 1 WHERE key = ?1 AND shelf = 2";

// What many devices have of one cause.
/// What nobody has touched, of a device that is silent, of which it is known where it stands and from where it was heard.
macro_rules! alone {
    () => {
        "i.kind = 'silent' AND i.ended IS NULL AND i.cause IS NULL AND i.shelf = 0 AND i.version = 1 \
         AND i.site IS NOT NULL AND i.remote IS NOT NULL"
    };
}
/// Where three devices of one site, heard from one address, fell silent within `?1` ms: the first of them.
pub(in crate::store) const TOGETHER: &str = concat!(
    "SELECT w.key, w.site, w.remote, w.since, w.customer FROM (SELECT i.key, i.site, i.remote, i.since, i.customer, \
     lead(i.since, 2) OVER (PARTITION BY i.site, i.remote ORDER BY i.since, i.key) AS third \
     FROM now_items i WHERE ",
    alone!(),
    ") w WHERE w.third - w.since <= ?1 ORDER BY w.site, w.remote, w.since, w.key LIMIT ?2"
);
/// Those that fell silent between two moments.
pub(in crate::store) const ALL_TOGETHER: &str = concat!(
    "SELECT i.key, i.device FROM now_items i WHERE ",
    alone!(),
    " AND i.site = ?1 AND i.remote = ?2 AND i.since >= ?3 AND i.since <= ?4 ORDER BY i.since, i.key LIMIT ?5"
);
/// Those that belong to what many have already.
pub(in crate::store) const LATECOMERS: &str = concat!(
    "SELECT i.key, i.device, g.key FROM now_items g JOIN now_items i ON i.site = g.site AND i.remote = g.remote \
     AND i.since >= g.since - ?1 AND i.since <= g.since + ?1 \
     WHERE g.kind = 'site_silent' AND g.ended IS NULL AND g.shelf < 3 AND ",
    alone!(),
    " ORDER BY g.key, i.key LIMIT ?2"
);
pub(in crate::store) const ADD_MANY: &str = "INSERT INTO now_items (kind, origin, urgency, since, training, customer, site, remote, begun, \
     shelf, version) VALUES ('site_silent', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 1) ON CONFLICT DO NOTHING RETURNING key";
pub(in crate::store) const PUT_BELOW: &str =
    "UPDATE now_items SET cause = ?2 WHERE key = ?1 AND cause IS NULL AND ended IS NULL";
/// Those of which nothing is left.
pub(in crate::store) const OVER: &str = "SELECT g.key FROM now_items g WHERE g.kind = 'site_silent' AND g.ended IS NULL \
     AND NOT EXISTS (SELECT 1 FROM now_items m WHERE m.cause = g.key AND m.ended IS NULL) ORDER BY g.key LIMIT ?1";

/// Counts, by shelf and urgency: one operator's apart. Conditions follow.
pub(in crate::store) const COUNTS: &str = "SELECT i.shelf, i.urgency, count(*), \
     CAST(sum(CASE WHEN i.shelf = 1 AND i.taken_by = ?1 THEN 1 ELSE 0 END) AS BIGINT) FROM now_items i WHERE ";
/// Counts by customer: the most urgent first. Conditions follow.
pub(in crate::store) const BY_CUSTOMER: &str = "SELECT n.customer, c.name, n.items, n.taken, n.urgency FROM (SELECT i.customer, \
     count(*) AS items, CAST(sum(i.shelf) AS BIGINT) AS taken, min(i.urgency) AS urgency FROM now_items i WHERE ";
pub(in crate::store) const BY_CUSTOMER_ENDS: &str = " GROUP BY i.customer) n LEFT JOIN customers c ON c.key = n.customer \
     ORDER BY n.urgency, n.items DESC, c.name LIMIT ?1";

/// Lets go of items that ended before `?1`: at most `?2`, with what was done with them. The newest stays.
macro_rules! old {
    () => {
        "(SELECT key FROM now_items WHERE ended IS NOT NULL AND ended < ?1 \
         AND key < (SELECT max(key) FROM now_items) ORDER BY ended, key LIMIT ?2)"
    };
}
pub(in crate::store) const LET_GO_ACTS: &str = concat!("DELETE FROM now_acts WHERE item IN ", old!());
pub(in crate::store) const LET_GO: &str = concat!("DELETE FROM now_items WHERE key IN ", old!());

/// Every statement of this file that is whole, by its name.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("LISTED_AND_WANTED", LISTED_AND_WANTED),
    ("ADD an item", ADD),
    ("END an item", END),
    ("END_OF_DEVICE", END_OF_DEVICE),
    ("MOVE_DEVICE", MOVE_DEVICE),
    ("MOVE_SITE", MOVE_SITE),
    ("ALERT_BODY", ALERT_BODY),
    ("SUPERSEDED certificate", SUPERSEDED),
    ("CLONES", CLONES),
    ("ACTS", ACTS),
    ("TAKE an item", TAKE),
    ("GIVE_BACK", GIVE_BACK),
    ("SNOOZE", SNOOZE),
    ("CLOSE an item", CLOSE),
    ("TOUCH", TOUCH),
    ("NOTE an act", NOTE),
    ("DUE", DUE),
    ("WAKE", WAKE),
    ("TOGETHER", TOGETHER),
    ("ALL_TOGETHER", ALL_TOGETHER),
    ("LATECOMERS", LATECOMERS),
    ("ADD_MANY", ADD_MANY),
    ("PUT_BELOW", PUT_BELOW),
    ("OVER", OVER),
    ("LET_GO_ACTS", LET_GO_ACTS),
    ("LET_GO of items", LET_GO),
];

/// Those of PostgreSQL alone.
pub(in crate::store) const ALL_POSTGRES: &[(&str, &str)] = &[("HOLD an item", HOLD)];
