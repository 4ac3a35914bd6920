//! Statements about what operators say about devices: whose they are and where, their tags, and their profiles; how
//! devices are retired and deleted.

use super::super::engine::Bulk;

// Customers and sites.
/// Conditions follow.
pub(in crate::store) const CUSTOMERS: &str = "SELECT c.key, c.name, c.note, \
     (SELECT count(*) FROM sites s WHERE s.customer = c.key), \
     (SELECT count(*) FROM devices d WHERE d.customer = c.key AND d.deleting IS NULL) FROM customers c WHERE ";
/// By name, those behind the customer of a key.
pub(in crate::store) const CUSTOMERS_AFTER: &str =
    "(c.name, c.key) > (SELECT x.name, x.key FROM customers x WHERE x.key = {})";
pub(in crate::store) const CUSTOMER_NAME_TAKEN: &str =
    "SELECT 1 FROM customers WHERE name = ?1 AND key <> ?2";
pub(in crate::store) const ADD_CUSTOMER: &str =
    "INSERT INTO customers (name, note) VALUES (?1, ?2) RETURNING key";
pub(in crate::store) const SET_CUSTOMER: &str = "UPDATE customers SET name = ?2, note = ?3 WHERE key = ?1";
pub(in crate::store) const REMOVE_CUSTOMER: &str = "DELETE FROM customers WHERE key = ?1";

/// Conditions follow.
pub(in crate::store) const SITES: &str = "SELECT s.key, s.customer, c.name, s.name, s.address, s.time_zone, \
     (SELECT count(*) FROM devices d WHERE d.site = s.key AND d.deleting IS NULL) \
     FROM sites s JOIN customers c ON c.key = s.customer WHERE ";
/// By name, those behind the site of a key.
pub(in crate::store) const SITES_AFTER: &str =
    "(s.name, s.key) > (SELECT x.name, x.key FROM sites x WHERE x.key = {})";
pub(in crate::store) const SITE_NAME_TAKEN: &str =
    "SELECT 1 FROM sites WHERE customer = ?1 AND name = ?2 AND key <> ?3";
pub(in crate::store) const ADD_SITE: &str =
    "INSERT INTO sites (customer, name, address, time_zone) VALUES (?1, ?2, ?3, ?4) RETURNING key";
pub(in crate::store) const SET_SITE: &str =
    "UPDATE sites SET customer = ?2, name = ?3, address = ?4, time_zone = ?5 WHERE key = ?1";
pub(in crate::store) const MOVE_DEVICES_OF_SITE: &str =
    "UPDATE devices SET customer = ?2 WHERE site = ?1 AND (customer IS NULL OR customer <> ?2)";
pub(in crate::store) const MOVE_STATES_OF_SITE: &str = "UPDATE states SET customer = ?2 WHERE site = ?1";
pub(in crate::store) const REMOVE_SITE: &str = "DELETE FROM sites WHERE key = ?1";
/// Also devices that are being deleted: their rows still refer to it.
pub(in crate::store) const DEVICES_AT_SITE: &str = "SELECT count(*) FROM devices WHERE site = ?1";
pub(in crate::store) const DEVICES_OF_CUSTOMER: &str = "SELECT count(*) FROM devices WHERE customer = ?1";
pub(in crate::store) const SITES_OF_CUSTOMER: &str = "SELECT count(*) FROM sites WHERE customer = ?1";
pub(in crate::store) const REMOVE_GROUP_OF: &str = "DELETE FROM profile_groups WHERE kind = ?1 AND name = ?2";

// Details of a device.
pub(in crate::store) const DETAILS: &str = "SELECT d.key, d.customer, c.name, d.site, s.name, s.address, s.time_zone, d.place, \
     d.time_zone, d.note, d.described, d.described_by, d.own_profile, o.name, d.profile, p.name, p.settings, p.version \
     FROM devices d LEFT JOIN customers c ON c.key = d.customer LEFT JOIN sites s ON s.key = d.site \
     LEFT JOIN profiles o ON o.key = d.own_profile LEFT JOIN profiles p ON p.key = d.profile \
     WHERE d.deleting IS NULL AND ";
pub(in crate::store) const TAGS_OF: &str = "SELECT tag FROM device_tags WHERE device = ?1 ORDER BY tag";
pub(in crate::store) const SET_DETAILS: &str = "UPDATE devices SET customer = ?2, site = ?3, place = ?4, time_zone = ?5, note = ?6, \
     own_profile = ?7, described = ?8, described_by = ?9 WHERE key = ?1";
pub(in crate::store) const ADD_TAG: &str =
    "INSERT INTO device_tags (device, tag) VALUES (?1, ?2) ON CONFLICT (device, tag) DO NOTHING";
pub(in crate::store) const REMOVE_TAGS: &str = "DELETE FROM device_tags WHERE device = ?1";
pub(in crate::store) const CUSTOMER_OF_SITE: &str = "SELECT customer FROM sites WHERE key = ?1";
pub(in crate::store) const CUSTOMER_EXISTS: &str = "SELECT 1 FROM customers WHERE key = ?1";
pub(in crate::store) const PROFILE_EXISTS: &str = "SELECT 1 FROM profiles WHERE key = ?1";
/// Devices; conditions follow.
pub(in crate::store) const CHOSEN: &str = "SELECT d.key, d.id FROM devices d WHERE d.deleting IS NULL AND ";
pub(in crate::store) const HAS_TAG: &str =
    "EXISTS (SELECT 1 FROM device_tags t WHERE t.device = d.key AND t.tag = {})";

// Profiles.
macro_rules! profiles {
    ($condition:literal) => {
        concat!(
            "SELECT p.key, p.name, p.note, p.settings, p.version, p.changed, p.changed_by FROM profiles p WHERE ",
            $condition
        )
    };
}
pub(in crate::store) const PROFILES: &str = profiles!("p.key > ?1 ORDER BY p.key LIMIT ?2");
pub(in crate::store) const PROFILE: &str = profiles!("p.key = ?1");
pub(in crate::store) const PROFILE_NAME_TAKEN: &str = "SELECT 1 FROM profiles WHERE name = ?1 AND key <> ?2";
pub(in crate::store) const ADD_PROFILE: &str = "INSERT INTO profiles (name, note, settings, version, changed, changed_by) \
     VALUES (?1, ?2, ?3, 1, ?4, ?5) RETURNING key";
/// Another version only when the settings are others.
pub(in crate::store) const SET_PROFILE: &str = "UPDATE profiles SET name = ?2, note = ?3, \
     version = version + CASE WHEN settings <> ?4 THEN 1 ELSE 0 END, settings = ?4, changed = ?5, changed_by = ?6 \
     WHERE key = ?1";
/// So that it is sent again to all that have it.
pub(in crate::store) const RAISE_PROFILE: &str =
    "UPDATE profiles SET version = version + 1, changed = ?2, changed_by = ?3 WHERE key = ?1";
pub(in crate::store) const REMOVE_PROFILE: &str = "DELETE FROM profiles WHERE key = ?1";
pub(in crate::store) const GROUPS_OF: &str = "SELECT g.kind, g.name, coalesce(s.name, c.name), sc.name FROM profile_groups g \
     LEFT JOIN sites s ON g.kind = 'site' AND CAST(s.key AS TEXT) = g.name \
     LEFT JOIN customers sc ON sc.key = s.customer \
     LEFT JOIN customers c ON g.kind = 'customer' AND CAST(c.key AS TEXT) = g.name \
     WHERE g.profile = ?1 ORDER BY g.kind, g.name";
pub(in crate::store) const GROUP_OF_OTHER: &str = "SELECT p.name FROM profile_groups g JOIN profiles p ON p.key = g.profile \
     WHERE g.kind = ?1 AND g.name = ?2 AND g.profile <> ?3";
pub(in crate::store) const ADD_GROUP: &str =
    "INSERT INTO profile_groups (kind, name, profile) VALUES (?1, ?2, ?3)";
pub(in crate::store) const REMOVE_GROUPS: &str = "DELETE FROM profile_groups WHERE profile = ?1";
/// Some at a time.
pub(in crate::store) const TAKE_PROFILE_AWAY: &str = "UPDATE devices SET profile = CASE WHEN profile = ?1 THEN NULL ELSE profile END, \
     own_profile = CASE WHEN own_profile = ?1 THEN NULL ELSE own_profile END WHERE key IN \
     (SELECT key FROM devices WHERE profile = ?1 OR own_profile = ?1 LIMIT ?2) RETURNING key";
/// Conditions follow.
pub(in crate::store) const PROGRESS: &str = "SELECT d.profile, coalesce(a.state, 'due'), count(*) FROM devices d \
     JOIN profiles p ON p.key = d.profile \
     LEFT JOIN profile_applications a ON a.device = d.key AND a.profile = d.profile AND a.version = p.version \
     WHERE d.retired IS NULL AND d.deleting IS NULL AND ";
/// Conditions follow.
pub(in crate::store) const REFUSALS: &str = "SELECT d.id, a.state, a.reason, a.at FROM profile_applications a \
     JOIN devices d ON d.key = a.device JOIN profiles p ON p.key = a.profile AND p.version = a.version \
     WHERE d.profile = p.key AND a.state IN ('failed', 'refused') AND d.retired IS NULL AND d.deleting IS NULL AND ";

macro_rules! profile_of_device {
    () => {
        "coalesce(devices.own_profile, \
         (SELECT g.profile FROM device_tags t JOIN profile_groups g ON g.kind = 'tag' AND g.name = t.tag \
             WHERE t.device = devices.key ORDER BY t.tag LIMIT 1), \
         (SELECT g.profile FROM profile_groups g WHERE g.kind = 'site' AND g.name = CAST(devices.site AS TEXT)), \
         (SELECT g.profile FROM profile_groups g WHERE g.kind = 'customer' AND g.name = CAST(devices.customer AS TEXT)))"
    };
}
pub(in crate::store) const RESOLVE_PROFILE: &str = concat!(
    "UPDATE devices SET profile = ",
    profile_of_device!(),
    " WHERE key = ?1 AND profile IS DISTINCT FROM ",
    profile_of_device!()
);
pub(in crate::store) const RESOLVE_PROFILES: &str = concat!(
    "UPDATE devices SET profile = ",
    profile_of_device!(),
    " WHERE key > ?1 AND key <= ?2 AND profile IS DISTINCT FROM ",
    profile_of_device!()
);
/// The last of the next devices by key.
pub(in crate::store) const PASS_TO: &str =
    "SELECT max(key) FROM (SELECT key FROM devices WHERE key > ?1 ORDER BY key LIMIT ?2) AS next";
pub(in crate::store) const BEGIN_PASS: &str =
    "INSERT INTO profile_pass (key, upto) VALUES (1, 0) ON CONFLICT (key) DO UPDATE SET upto = 0";
pub(in crate::store) const PASS: &str = "SELECT upto FROM profile_pass WHERE key = 1";
pub(in crate::store) const SET_PASS: &str = "UPDATE profile_pass SET upto = ?1 WHERE key = 1";
pub(in crate::store) const END_PASS: &str = "DELETE FROM profile_pass WHERE key = 1";
pub(in crate::store) const NOTE_DUE: &str =
    "INSERT INTO profile_due (device, since) VALUES (?1, ?2) ON CONFLICT (device) DO NOTHING";
/// If it has a profile.
pub(in crate::store) const DUE_BY_NAME: &str = "INSERT INTO profile_due (device, since) \
     SELECT key, CAST(?2 AS BIGINT) FROM devices WHERE id = ?1 AND profile IS NOT NULL ON CONFLICT (device) DO NOTHING";
pub(in crate::store) const FORGET_APPLICATION: &str =
    "DELETE FROM profile_applications WHERE device = (SELECT key FROM devices WHERE id = ?1)";
/// Whose profile is another one, or of another version, than was sent.
pub(in crate::store) const NOTE_ALL_DUE: &str = "INSERT INTO profile_due (device, since) \
     SELECT d.key, CAST(?3 AS BIGINT) FROM devices d LEFT JOIN profiles p ON p.key = d.profile \
     LEFT JOIN profile_applications a ON a.device = d.key \
     WHERE d.key > ?1 AND d.key <= ?2 AND d.retired IS NULL AND d.revoked IS NULL AND d.deleting IS NULL \
     AND (d.profile IS DISTINCT FROM a.profile OR p.version IS DISTINCT FROM a.version) \
     ON CONFLICT (device) DO NOTHING";
/// Those that wait longest first.
pub(in crate::store) const DUE: &str =
    "SELECT device FROM profile_due WHERE since <= ?1 ORDER BY since, device LIMIT ?2";
/// PostgreSQL's, where several managers do this.
pub(in crate::store) const DUE_AND_HELD: &str = "SELECT device FROM profile_due WHERE since <= ?1 \
     ORDER BY since, device LIMIT ?2 FOR UPDATE SKIP LOCKED";
pub(in crate::store) const PUT_OFF_DUE: &str = "UPDATE profile_due SET since = ?2 WHERE device = ?1";
pub(in crate::store) const NOT_DUE: &str = "DELETE FROM profile_due WHERE device = ?1";
pub(in crate::store) const PROFILE_TO_APPLY: &str = "SELECT d.id, d.profile, p.name, p.version, p.settings, p.changed_by, \
     CASE WHEN d.retired IS NULL AND d.revoked IS NULL AND d.deleting IS NULL THEN 1 ELSE 0 END \
     FROM devices d LEFT JOIN profiles p ON p.key = d.profile WHERE d.key = ?1";
pub(in crate::store) const APPLICATION: &str = "SELECT profile, version, settings, taken_back, command, state FROM profile_applications WHERE device = ?1";
pub(in crate::store) const SET_APPLICATION: &str = "INSERT INTO profile_applications (device, profile, version, settings, taken_back, \
     command, state, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8) ON CONFLICT (device) DO UPDATE SET \
     profile = excluded.profile, version = excluded.version, settings = excluded.settings, \
     taken_back = excluded.taken_back, command = excluded.command, state = excluded.state, reason = NULL, \
     at = excluded.at";
pub(in crate::store) const APPLICATION_STATE: &str = "SELECT state, reason, at, settings FROM profile_applications WHERE device = ?1 AND profile = ?2 AND version = ?3";
/// A command that nobody has fetched yet is not needed any more.
pub(in crate::store) const WITHDRAW: &str = "UPDATE commands SET state = 'expired', finished = ?2, reason = ?3 \
     WHERE id = ?1 AND state = 'waiting'";
pub(in crate::store) const APPLICATION_ENDED: &str =
    "UPDATE profile_applications SET state = ?2, reason = ?3 WHERE command = ?1";
pub(in crate::store) const DUE_AGAIN: &str = "INSERT INTO profile_due (device, since) \
     SELECT device, CAST(?2 AS BIGINT) FROM profile_applications WHERE command = ?1 ON CONFLICT (device) DO NOTHING";

// What was set by hand.
pub(in crate::store) const SET_BY_HAND: &str = "INSERT INTO device_settings (device, name, value, command, set_by, at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (device, name) DO UPDATE SET value = excluded.value, \
     command = excluded.command, set_by = excluded.set_by, at = excluded.at";
pub(in crate::store) const RESET_BY_HAND: &str =
    "DELETE FROM device_settings WHERE device = ?1 AND name = ?2";
pub(in crate::store) const RESET_ALL_BY_HAND: &str = "DELETE FROM device_settings WHERE device = ?1";
pub(in crate::store) const NOT_SET_AFTER_ALL: &str =
    "DELETE FROM device_settings WHERE command = ?1 RETURNING device";
pub(in crate::store) const BY_HAND: &str =
    "SELECT name, value, set_by, at FROM device_settings WHERE device = ?1 ORDER BY name";

// Retiring.
pub(in crate::store) const RETIRE: &str = "UPDATE devices SET retired = ?2, retired_by = ?3, retire_command = ?4, \
     retire_outcome = NULL, retire_reason = NULL, readmitted_until = NULL, superseded = NULL WHERE key = ?1";
/// Conditions follow.
pub(in crate::store) const RETIREMENT: &str = "SELECT d.retired, d.retired_by, coalesce(d.retire_outcome, c.state), \
     coalesce(d.retire_reason, c.reason), c.delivered, c.finished FROM devices d \
     LEFT JOIN commands c ON c.id = d.retire_command WHERE d.retired IS NOT NULL AND ";
pub(in crate::store) const END_COMMANDS_OF: &str = "UPDATE commands SET state = 'expired', finished = ?2, reason = ?3 \
     WHERE device = ?1 AND state IN ('waiting', 'delivered') RETURNING id";
pub(in crate::store) const IS_RETIRED: &str =
    "SELECT 1 FROM devices WHERE key = ?1 AND (retired IS NOT NULL OR deleting IS NOT NULL)";
/// Who has answered the command to retire, in whatever way, or was given it long ago and has not.
pub(in crate::store) const RETIRED_BY_NOW: &str = "SELECT d.key, d.id, c.state, c.reason FROM devices d \
     LEFT JOIN commands c ON c.id = d.retire_command WHERE d.retired IS NOT NULL AND d.revoked IS NULL \
     AND (c.state IS NULL OR c.state NOT IN ('waiting', 'delivered') \
         OR (c.state = 'delivered' AND c.delivered <= ?1)) ORDER BY d.key LIMIT ?2";
pub(in crate::store) const END_RETIREMENT: &str = "UPDATE devices SET revoked = ?2, retire_outcome = ?3, retire_reason = ?4, \
     next_serial = NULL, next_issued = NULL, next_expires = NULL WHERE key = ?1";

// Deleting.
pub(in crate::store) const DEVICE_TO_DELETE: &str = "SELECT key, retired, revoked, deleting, certificate_serial, \
     certificate_expires, next_serial, next_expires, former FROM devices WHERE id = ?1";
pub(in crate::store) const BEGIN_DELETION: &str =
    "UPDATE devices SET deleting = ?2, revoked = coalesce(revoked, ?2) WHERE key = ?1";
pub(in crate::store) const REMEMBER_CERTIFICATE: &str =
    "INSERT INTO deleted_certificates (serial, expires) VALUES (?1, ?2) ON CONFLICT (serial) DO NOTHING";
pub(in crate::store) const FORGET_CERTIFICATES: &str = "DELETE FROM deleted_certificates WHERE expires <= ?1";
pub(in crate::store) const CERTIFICATE_DELETED: &str = "SELECT 1 FROM deleted_certificates WHERE serial = ?1";
pub(in crate::store) const DELETING: &str =
    "SELECT key, id FROM devices WHERE deleting IS NOT NULL ORDER BY key LIMIT 1";
pub(in crate::store) const BEING_DELETED: &str =
    "SELECT 1 FROM devices WHERE id = ?1 AND deleting IS NOT NULL";
pub(in crate::store) const EPOCH_TO_DELETE: &str =
    "SELECT key, last FROM epochs WHERE device = ?1 ORDER BY key LIMIT 1";
/// From a report back along its epoch: the keys alone.
pub(in crate::store) const CHAIN_BACK: &str = "WITH RECURSIVE chain (key, place) AS ( \
         SELECT CAST(?1 AS BIGINT), 1 \
         UNION ALL \
         SELECT r.previous, place + 1 FROM chain JOIN reports r ON r.key = chain.key \
         WHERE r.previous IS NOT NULL AND place < ?2 \
     ) SELECT r.key, r.previous FROM chain JOIN reports r ON r.key = chain.key ORDER BY chain.place";
pub(in crate::store) const DELETE_REPORTS: Bulk = Bulk {
    each: "DELETE FROM reports WHERE key = ?1",
    all: "DELETE FROM reports WHERE key = ANY(?1::bigint[])",
};
/// With the index of what does not come at an interval.
pub(in crate::store) const DELETE_KEPT_REPORTS: &str = "DELETE FROM reports WHERE key IN (SELECT key FROM reports \
     WHERE device = ?1 AND kind <> 'readings' AND kind <> 'utilisation' LIMIT ?2)";
/// The columns by which a table says whose its rows are.
pub(in crate::store) const COLUMNS: &str = "SELECT m.name, c.name, c.type FROM sqlite_schema m, pragma_table_info(m.name) c \
     WHERE m.type = 'table' AND c.name IN ('device', 'epoch', 'key')";
/// PostgreSQL's; partitions are part of their table.
pub(in crate::store) const COLUMNS_POSTGRES: &str = "SELECT CAST(t.relname AS TEXT), CAST(a.attname AS TEXT), \
     format_type(a.atttypid, NULL) FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid \
     WHERE t.relnamespace = CAST(current_schema() AS regnamespace) AND t.relkind IN ('r', 'p') \
     AND NOT t.relispartition AND a.attnum > 0 AND NOT a.attisdropped \
     AND a.attname IN ('device', 'epoch', 'key')";
pub(in crate::store) const EPOCH_UPTO: &str = "UPDATE epochs SET last = ?2 WHERE key = ?1";
pub(in crate::store) const DELETE_EPOCH: &str = "DELETE FROM epochs WHERE key = ?1";
pub(in crate::store) const DELETE_TOKENS_OF: &str =
    "DELETE FROM enrolment_tokens WHERE device = ?1 OR used_by = ?1";
pub(in crate::store) const DELETE_DEVICE: &str = "DELETE FROM devices WHERE key = ?1";

/// Every statement that is whole as it stands here, for a look whether the engine understands it.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("CUSTOMER_NAME_TAKEN", CUSTOMER_NAME_TAKEN),
    ("ADD_CUSTOMER", ADD_CUSTOMER),
    ("SET_CUSTOMER", SET_CUSTOMER),
    ("REMOVE_CUSTOMER", REMOVE_CUSTOMER),
    ("SITE_NAME_TAKEN", SITE_NAME_TAKEN),
    ("ADD_SITE", ADD_SITE),
    ("SET_SITE", SET_SITE),
    ("MOVE_DEVICES_OF_SITE", MOVE_DEVICES_OF_SITE),
    ("MOVE_STATES_OF_SITE", MOVE_STATES_OF_SITE),
    ("REMOVE_SITE", REMOVE_SITE),
    ("DEVICES_AT_SITE", DEVICES_AT_SITE),
    ("DEVICES_OF_CUSTOMER", DEVICES_OF_CUSTOMER),
    ("SITES_OF_CUSTOMER", SITES_OF_CUSTOMER),
    ("REMOVE_GROUP_OF", REMOVE_GROUP_OF),
    ("TAGS_OF", TAGS_OF),
    ("SET_DETAILS", SET_DETAILS),
    ("ADD_TAG", ADD_TAG),
    ("REMOVE_TAGS", REMOVE_TAGS),
    ("CUSTOMER_OF_SITE", CUSTOMER_OF_SITE),
    ("CUSTOMER_EXISTS", CUSTOMER_EXISTS),
    ("PROFILE_EXISTS", PROFILE_EXISTS),
    ("PROFILES", PROFILES),
    ("PROFILE", PROFILE),
    ("PROFILE_NAME_TAKEN", PROFILE_NAME_TAKEN),
    ("ADD_PROFILE", ADD_PROFILE),
    ("SET_PROFILE", SET_PROFILE),
    ("RAISE_PROFILE", RAISE_PROFILE),
    ("REMOVE_PROFILE", REMOVE_PROFILE),
    ("GROUPS_OF", GROUPS_OF),
    ("GROUP_OF_OTHER", GROUP_OF_OTHER),
    ("ADD_GROUP", ADD_GROUP),
    ("REMOVE_GROUPS", REMOVE_GROUPS),
    ("TAKE_PROFILE_AWAY", TAKE_PROFILE_AWAY),
    ("RESOLVE_PROFILE", RESOLVE_PROFILE),
    ("RESOLVE_PROFILES", RESOLVE_PROFILES),
    ("PASS_TO", PASS_TO),
    ("BEGIN_PASS", BEGIN_PASS),
    ("PASS", PASS),
    ("SET_PASS", SET_PASS),
    ("END_PASS", END_PASS),
    ("NOTE_DUE", NOTE_DUE),
    ("DUE_BY_NAME", DUE_BY_NAME),
    ("FORGET_APPLICATION", FORGET_APPLICATION),
    ("NOTE_ALL_DUE", NOTE_ALL_DUE),
    ("DUE", DUE),
    ("PUT_OFF_DUE", PUT_OFF_DUE),
    ("NOT_DUE", NOT_DUE),
    ("PROFILE_TO_APPLY", PROFILE_TO_APPLY),
    ("APPLICATION", APPLICATION),
    ("SET_APPLICATION", SET_APPLICATION),
    ("APPLICATION_STATE", APPLICATION_STATE),
    ("WITHDRAW", WITHDRAW),
    ("APPLICATION_ENDED", APPLICATION_ENDED),
    ("DUE_AGAIN", DUE_AGAIN),
    ("SET_BY_HAND", SET_BY_HAND),
    ("RESET_BY_HAND", RESET_BY_HAND),
    ("RESET_ALL_BY_HAND", RESET_ALL_BY_HAND),
    ("NOT_SET_AFTER_ALL", NOT_SET_AFTER_ALL),
    ("BY_HAND", BY_HAND),
    ("RETIRE", RETIRE),
    ("END_COMMANDS_OF", END_COMMANDS_OF),
    ("IS_RETIRED", IS_RETIRED),
    ("RETIRED_BY_NOW", RETIRED_BY_NOW),
    ("END_RETIREMENT", END_RETIREMENT),
    ("DEVICE_TO_DELETE", DEVICE_TO_DELETE),
    ("BEGIN_DELETION", BEGIN_DELETION),
    ("REMEMBER_CERTIFICATE", REMEMBER_CERTIFICATE),
    ("FORGET_CERTIFICATES", FORGET_CERTIFICATES),
    ("CERTIFICATE_DELETED", CERTIFICATE_DELETED),
    ("DELETING", DELETING),
    ("BEING_DELETED", BEING_DELETED),
    ("EPOCH_TO_DELETE", EPOCH_TO_DELETE),
    ("CHAIN_BACK", CHAIN_BACK),
    ("DELETE_KEPT_REPORTS", DELETE_KEPT_REPORTS),
    ("EPOCH_UPTO", EPOCH_UPTO),
    ("DELETE_EPOCH", DELETE_EPOCH),
    ("DELETE_TOKENS_OF", DELETE_TOKENS_OF),
    ("DELETE_DEVICE", DELETE_DEVICE),
];
