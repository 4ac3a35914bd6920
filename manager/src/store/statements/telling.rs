//! Statements about what people are told, by name.

macro_rules! channels {
    ($end:literal) => {
        concat!("SELECT c.key, c.name, c.kind, c.address, c.changed, c.changed_by FROM channels c ", $end)
    };
}
pub(in crate::store) const CHANNELS: &str = channels!("ORDER BY c.name, c.key");
pub(in crate::store) const CHANNEL: &str = channels!("WHERE c.key = ?1");
pub(in crate::store) const WAY_TO: &str =
    "SELECT c.key, c.kind, c.address, c.secret, c.name FROM channels c WHERE c.key = ?1";
pub(in crate::store) const CHANNEL_EXISTS: &str = "SELECT 1 FROM channels WHERE key = ?1";
pub(in crate::store) const CHANNEL_NAME_TAKEN: &str = "SELECT 1 FROM channels WHERE name = ?1 AND key <> ?2";
pub(in crate::store) const COUNT_CHANNELS: &str = "SELECT count(*) FROM channels";
pub(in crate::store) const ADD_CHANNEL: &str = "INSERT INTO channels (name, kind, address, secret, changed, changed_by) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING key";
pub(in crate::store) const SET_CHANNEL: &str =
    "UPDATE channels SET name = ?2, address = ?3, changed = ?4, changed_by = ?5 WHERE key = ?1 AND kind = ?6";
pub(in crate::store) const SET_SECRET: &str =
    "UPDATE channels SET secret = ?2, changed = ?3, changed_by = ?4 WHERE key = ?1 AND kind = 'webhook'";
pub(in crate::store) const CHANNEL_USED: &str =
    "SELECT name FROM telling_rules WHERE channel = ?1 OR escalate_to = ?1 ORDER BY name LIMIT 1";
pub(in crate::store) const REMOVE_CHANNEL: &str = "DELETE FROM channels WHERE key = ?1";
pub(in crate::store) const DROP_MESSAGES_OF: &str = "UPDATE messages SET state = 'dropped', claimed = NULL \
     WHERE channel = ?1 AND state IN ('gathering', 'waiting')";

pub(in crate::store) const RULES: &str = "SELECT key, body FROM telling_rules ORDER BY name, key";
pub(in crate::store) const RULE: &str = "SELECT key, body FROM telling_rules WHERE key = ?1";
pub(in crate::store) const RULE_NAME_TAKEN: &str =
    "SELECT 1 FROM telling_rules WHERE name = ?1 AND key <> ?2";
pub(in crate::store) const COUNT_RULES: &str = "SELECT count(*) FROM telling_rules";
pub(in crate::store) const ADD_RULE: &str = "INSERT INTO telling_rules (name, channel, escalate_to, body, changed, changed_by) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING key";
pub(in crate::store) const SET_RULE: &str = "UPDATE telling_rules SET name = ?2, channel = ?3, escalate_to = ?4, body = ?5, \
     changed = ?6, changed_by = ?7 WHERE key = ?1";
pub(in crate::store) const REMOVE_RULE: &str = "DELETE FROM telling_rules WHERE key = ?1";

pub(in crate::store) const MUTES: &str = "SELECT m.key, d.id, m.site, s.name, m.until, m.note, m.made, m.made_by FROM mutes m \
     LEFT JOIN devices d ON d.key = m.device LEFT JOIN sites s ON s.key = m.site WHERE m.until > ?1 ORDER BY m.until, m.key";
pub(in crate::store) const COUNT_MUTES: &str = "SELECT count(*) FROM mutes WHERE until > ?1";
pub(in crate::store) const ADD_MUTE: &str = "INSERT INTO mutes (device, site, until, note, made, made_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING key";
/// What waits for its end is told at once.
pub(in crate::store) const MUTED_BY: &str = "SELECT device, site, until FROM mutes WHERE key = ?1";
pub(in crate::store) const END_MUTE: &str = "UPDATE mutes SET until = ?2 WHERE key = ?1 AND until > ?2";
pub(in crate::store) const HURRY: &str =
    "UPDATE messages SET due = ?2, first_due = ?2 WHERE state = 'gathering' AND grouping LIKE ?1";
pub(in crate::store) const FORGET_MUTES: &str = "DELETE FROM mutes WHERE until < ?1";
pub(in crate::store) const MUTED_UNTIL: &str = "SELECT key, until FROM mutes WHERE until > ?1 AND (device = ?2 OR site = ?3) ORDER BY until DESC LIMIT 1";

pub(in crate::store) const UNTOLD: &str = "SELECT n.key, n.origin, d.key, d.id, n.kind, n.written, n.body, d.customer, c.name, \
     d.site, s.name, s.address, d.place FROM notices n LEFT JOIN devices d ON d.key = n.device \
     LEFT JOIN customers c ON c.key = d.customer LEFT JOIN sites s ON s.key = d.site \
     WHERE n.told IS NULL ORDER BY n.key LIMIT ?1";
pub(in crate::store) const TOLD: &str = "UPDATE notices SET told = ?2 WHERE key = ?1 AND told IS NULL";
pub(in crate::store) const GATHERING: &str =
    "SELECT key FROM messages WHERE rule = ?1 AND grouping = ?2 AND state = 'gathering' ORDER BY key LIMIT 1";
pub(in crate::store) const LAST_OF_GROUP: &str = "SELECT coalesce(sent, due) FROM messages WHERE rule = ?1 AND grouping = ?2 AND state <> 'dropped' ORDER BY key DESC LIMIT 1";
pub(in crate::store) const ADD_MESSAGE: &str = "INSERT INTO messages (id, rule, rule_name, channel, purpose, follows, grouping, \
     state, made, due, first_due, tries) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'gathering', ?8, ?9, ?9, 0) \
     ON CONFLICT (id) DO NOTHING RETURNING key";
pub(in crate::store) const MESSAGE_BY_ID: &str = "SELECT key FROM messages WHERE id = ?1";
pub(in crate::store) const ADD_ITEM: &str =
    "INSERT INTO message_items (message, device, subject, body) VALUES (?1, ?2, ?3, ?4)";
pub(in crate::store) const HAS_OPEN_ITEM: &str =
    "SELECT 1 FROM message_items WHERE message = ?1 AND subject = ?2 AND over IS NULL";
pub(in crate::store) const OPEN_ITEMS_ABOUT: &str = "SELECT i.key, i.device, i.body, m.id, m.state, m.rule, m.channel, m.purpose \
     FROM message_items i JOIN messages m ON m.key = i.message WHERE i.subject = ?1 AND i.over IS NULL ORDER BY i.key";
pub(in crate::store) const ITEM_OVER: &str = "UPDATE message_items SET over = ?2 WHERE key = ?1";

pub(in crate::store) const DUE: &str = "SELECT m.key, m.id, m.rule_name, m.purpose, m.follows, m.body, m.tries, c.key, c.kind, \
     c.address, c.secret, m.first_due, c.name FROM messages m JOIN channels c ON c.key = m.channel \
     WHERE m.state IN ('gathering', 'waiting') AND m.due <= ?1 AND (m.claimed IS NULL OR m.claimed <= ?1) \
     ORDER BY m.due, m.key LIMIT ?2";
pub(in crate::store) const OPEN_ITEMS: &str =
    "SELECT body FROM message_items WHERE message = ?1 AND over IS NULL ORDER BY key";
pub(in crate::store) const DROP_MESSAGE: &str = "UPDATE messages SET state = 'dropped' WHERE key = ?1";
pub(in crate::store) const CLAIM: &str = "UPDATE messages SET state = 'waiting', claimed = ?2, tries = tries + 1, body = ?3 \
     WHERE key = ?1 AND (claimed IS NULL OR claimed <= ?4) AND state IN ('gathering', 'waiting')";
pub(in crate::store) const SENT: &str = "UPDATE messages SET state = 'sent', claimed = NULL, sent = ?2, error = NULL, \
     ticket = ?3, escalate_at = ?4 WHERE id = ?1 AND state = 'waiting'";
pub(in crate::store) const RULE_OF_MESSAGE: &str = "SELECT r.key, r.body FROM messages m JOIN telling_rules r ON r.key = m.rule \
     WHERE m.id = ?1 AND m.purpose = 'raised' AND m.taken IS NULL";
pub(in crate::store) const FAILED: &str = "UPDATE messages SET claimed = NULL, error = ?2, due = coalesce(?3, due), \
     state = CASE WHEN ?3 IS NULL THEN 'dead' ELSE 'waiting' END WHERE id = ?1 AND state = 'waiting'";
pub(in crate::store) const AGAIN: &str = "UPDATE messages SET state = 'waiting', due = ?2, first_due = ?2, claimed = NULL, tries = 0 \
     WHERE id = ?1 AND state = 'dead'";
pub(in crate::store) const TAKE: &str =
    "UPDATE messages SET taken = ?2, taken_by = ?3, escalate_at = NULL WHERE id = ?1 AND taken IS NULL";
pub(in crate::store) const TO_ESCALATE: &str = "SELECT m.key, m.id, r.key, r.body, m.rule_name FROM messages m \
     JOIN telling_rules r ON r.key = m.rule WHERE m.escalate_at <= ?1 ORDER BY m.escalate_at LIMIT ?2";
pub(in crate::store) const ESCALATED: &str = "UPDATE messages SET escalate_at = NULL WHERE key = ?1";
pub(in crate::store) const COPY_OPEN_ITEMS: &str = "INSERT INTO message_items (message, device, subject, body) \
     SELECT CAST(?2 AS BIGINT), i.device, i.subject, i.body FROM message_items i WHERE i.message = ?1 AND i.over IS NULL";

macro_rules! messages {
    ($end:literal) => {
        concat!(
            "SELECT m.key, m.id, m.rule_name, c.name, m.purpose, m.follows, m.state, m.made, m.due, m.tries, m.error, m.sent, \
             m.body, m.ticket, m.taken, m.taken_by, (SELECT count(*) FROM message_items i WHERE i.message = m.key), \
             (SELECT count(*) FROM message_items i WHERE i.message = m.key AND i.over IS NULL) \
             FROM messages m LEFT JOIN channels c ON c.key = m.channel ",
            $end
        )
    };
}
pub(in crate::store) const MESSAGES: &str =
    messages!("WHERE m.key < ?1 AND (?2 = '' OR m.state = ?2) ORDER BY m.key DESC LIMIT ?3");
pub(in crate::store) const MESSAGE: &str = messages!("WHERE m.id = ?1");
pub(in crate::store) const STUCK: &str = "SELECT c.name, count(*) FROM messages m JOIN channels c ON c.key = m.channel \
     WHERE m.state IN ('waiting', 'dead') AND m.tries > 0 AND m.first_due < ?1 AND m.first_due > ?2 GROUP BY c.name ORDER BY c.name";
pub(in crate::store) const OLD_MESSAGES: &str = "SELECT key FROM messages WHERE made < ?1 \
     AND state IN ('sent', 'dead', 'dropped') ORDER BY key LIMIT ?2";
pub(in crate::store) const REMOVE_ITEMS_OF: &str = "DELETE FROM message_items WHERE message = ?1";
pub(in crate::store) const REMOVE_MESSAGE: &str = "DELETE FROM messages WHERE key = ?1";

pub(in crate::store) const OWN_TROUBLES: &str =
    "SELECT subject, since, words FROM own_troubles ORDER BY subject";
pub(in crate::store) const ADD_OWN_TROUBLE: &str =
    "INSERT INTO own_troubles (subject, since, words) VALUES (?1, ?2, ?3)";
pub(in crate::store) const END_OWN_TROUBLE: &str = "DELETE FROM own_troubles WHERE subject = ?1";
pub(in crate::store) const ADD_OWN_NOTICE: &str = "INSERT INTO notices (origin, kind, written, body) \
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (origin) DO NOTHING";

/// All of them.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("CHANNELS", CHANNELS),
    ("CHANNEL", CHANNEL),
    ("WAY_TO", WAY_TO),
    ("CHANNEL_EXISTS", CHANNEL_EXISTS),
    ("CHANNEL_NAME_TAKEN", CHANNEL_NAME_TAKEN),
    ("COUNT_CHANNELS", COUNT_CHANNELS),
    ("ADD_CHANNEL", ADD_CHANNEL),
    ("SET_CHANNEL", SET_CHANNEL),
    ("SET_SECRET", SET_SECRET),
    ("CHANNEL_USED", CHANNEL_USED),
    ("REMOVE_CHANNEL", REMOVE_CHANNEL),
    ("DROP_MESSAGES_OF", DROP_MESSAGES_OF),
    ("RULES", RULES),
    ("RULE", RULE),
    ("RULE_NAME_TAKEN", RULE_NAME_TAKEN),
    ("COUNT_RULES", COUNT_RULES),
    ("ADD_RULE", ADD_RULE),
    ("SET_RULE", SET_RULE),
    ("REMOVE_RULE", REMOVE_RULE),
    ("MUTES", MUTES),
    ("COUNT_MUTES", COUNT_MUTES),
    ("ADD_MUTE", ADD_MUTE),
    ("MUTED_BY", MUTED_BY),
    ("END_MUTE", END_MUTE),
    ("HURRY", HURRY),
    ("FORGET_MUTES", FORGET_MUTES),
    ("MUTED_UNTIL", MUTED_UNTIL),
    ("UNTOLD", UNTOLD),
    ("TOLD", TOLD),
    ("GATHERING", GATHERING),
    ("LAST_OF_GROUP", LAST_OF_GROUP),
    ("ADD_MESSAGE", ADD_MESSAGE),
    ("MESSAGE_BY_ID", MESSAGE_BY_ID),
    ("ADD_ITEM", ADD_ITEM),
    ("HAS_OPEN_ITEM", HAS_OPEN_ITEM),
    ("OPEN_ITEMS_ABOUT", OPEN_ITEMS_ABOUT),
    ("ITEM_OVER", ITEM_OVER),
    ("DUE", DUE),
    ("OPEN_ITEMS", OPEN_ITEMS),
    ("DROP_MESSAGE", DROP_MESSAGE),
    ("CLAIM", CLAIM),
    ("SENT", SENT),
    ("RULE_OF_MESSAGE", RULE_OF_MESSAGE),
    ("FAILED", FAILED),
    ("AGAIN", AGAIN),
    ("TAKE", TAKE),
    ("TO_ESCALATE", TO_ESCALATE),
    ("ESCALATED", ESCALATED),
    ("COPY_OPEN_ITEMS", COPY_OPEN_ITEMS),
    ("MESSAGES", MESSAGES),
    ("MESSAGE", MESSAGE),
    ("STUCK", STUCK),
    ("OLD_MESSAGES", OLD_MESSAGES),
    ("REMOVE_ITEMS_OF", REMOVE_ITEMS_OF),
    ("REMOVE_MESSAGE", REMOVE_MESSAGE),
    ("OWN_TROUBLES", OWN_TROUBLES),
    ("ADD_OWN_TROUBLE", ADD_OWN_TROUBLE),
    ("END_OWN_TROUBLE", END_OWN_TROUBLE),
    ("ADD_OWN_NOTICE", ADD_OWN_NOTICE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_is_left_out() {
        let source = include_str!("telling.rs");
        let declared = source
            .lines()
            .filter(|line| line.starts_with("pub(in crate::store) const ") && !line.contains(" ALL:"))
            .count();
        assert_eq!(declared, ALL.len());
    }
}
