//! What a database knows of having been taken back to an older state, of backups, and whether it is whole.

pub(in super::super) const MARK: &str = "SELECT position, at FROM journals WHERE id = ?1";
pub(in super::super) const SET_MARK: &str = "INSERT INTO journals (id, position, at) VALUES (?1, ?2, ?3) \
     ON CONFLICT (id) DO UPDATE SET position = excluded.position, at = excluded.at";
pub(in super::super) const KNOWN_UPTO: &str = "SELECT coalesce(max(at), 0) FROM journals";
pub(in super::super) const ADD_RESTORATION: &str =
    "INSERT INTO restorations (made, restored) VALUES (?1, ?2)";
pub(in super::super) const MARK_EPOCHS: &str = "UPDATE epochs SET restored = acknowledged";
pub(in super::super) const EPOCH_RESTORED: &str = "SELECT restored FROM epochs WHERE key = ?1";
pub(in super::super) const FORGET_SESSIONS: &str = "DELETE FROM sessions";
pub(in super::super) const FORGET_ARRIVALS: &str = "DELETE FROM arrivals";
pub(in super::super) const OPEN_RESTORATIONS: &str = "SELECT key, made, restored, consented, consented_by FROM restorations \
     WHERE ended IS NULL ORDER BY key";
pub(in super::super) const CONSENT: &str =
    "UPDATE restorations SET consented = ?1, consented_by = ?2 WHERE ended IS NULL AND consented IS NULL";
pub(in super::super) const END_RESTORATIONS: &str =
    "UPDATE restorations SET ended = ?1, ended_by = ?2 WHERE ended IS NULL";
pub(in super::super) const ARRIVED: &str = "INSERT INTO arrivals (device, serial, issued, expires, first, last, remote) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6) \
     ON CONFLICT (device, serial) DO UPDATE SET last = excluded.last, remote = excluded.remote";
pub(in super::super) const HAS_ARRIVED: &str = "SELECT 1 FROM arrivals WHERE device = ?1 AND serial = ?2";
pub(in super::super) const ARRIVALS_OF: &str = "SELECT count(*) FROM arrivals WHERE device = ?1";
pub(in super::super) const COUNT_ARRIVALS: &str = "SELECT count(*) FROM arrivals";
/// Whether the device is known: such a one has renewed its certificate, the others enrolled.
pub(in super::super) const ARRIVALS: &str = "SELECT a.device, a.serial, a.issued, a.expires, a.first, a.last, a.remote, \
     CASE WHEN d.key IS NULL THEN 0 ELSE 1 END FROM arrivals a LEFT JOIN devices d ON d.id = a.device \
     WHERE a.device > ?1 OR (a.device = ?1 AND a.serial > ?2) ORDER BY a.device, a.serial LIMIT ?3";
pub(in super::super) const ARRIVAL: &str =
    "SELECT issued, expires FROM arrivals WHERE device = ?1 AND serial = ?2";
/// The newest of each device.
pub(in super::super) const NEWEST_ARRIVALS: &str = "SELECT a.device, a.serial, a.issued, a.expires FROM arrivals a \
     WHERE NOT EXISTS (SELECT 1 FROM arrivals b WHERE b.device = a.device AND b.issued > a.issued) \
     ORDER BY a.device LIMIT ?1";
pub(in super::super) const TAKEN: &str = "DELETE FROM arrivals WHERE device = ?1 AND issued <= ?2";
pub(in super::super) const TAKE_UNKNOWN: &str = "INSERT INTO devices (id, certificate_serial, certificate_expires, enrolled, certificate_issued) \
     VALUES (?1, ?2, ?3, ?4, ?4)";
pub(in super::super) const TAKE_KNOWN: &str = "UPDATE devices SET certificate_serial = ?2, certificate_expires = ?3, certificate_issued = ?4, \
     next_serial = NULL, next_issued = NULL, next_expires = NULL, readmitted_until = NULL, former = ?5, \
     superseded = NULL WHERE id = ?1";
pub(in super::super) const TOKEN_USED_SINCE: &str =
    "UPDATE enrolment_tokens SET used = ?2, used_by = ?3 WHERE hash = ?1 AND used IS NULL";
/// A device that enrolled after the backup and was shut out then: its name must not come to life either.
pub(in super::super) const SHUT_OUT_UNKNOWN: &str = "INSERT INTO devices (id, certificate_serial, certificate_expires, enrolled, certificate_issued) \
     VALUES (?1, '', ?2, ?2, ?2) ON CONFLICT (id) DO NOTHING";
pub(in super::super) const SHUT_OUT: &str = "UPDATE devices SET revoked = coalesce(revoked, ?2), next_serial = NULL, next_issued = NULL, \
     next_expires = NULL, readmitted_until = NULL, superseded = NULL WHERE id = ?1";
pub(in super::super) const LOCK_PASSWORD: &str = "UPDATE operators SET password = ?2 WHERE name = ?1";
pub(in super::super) const ADD_BACKUP: &str = "INSERT INTO backups (made, path, bytes) VALUES (?1, ?2, ?3)";
pub(in super::super) const FORGET_BACKUPS: &str =
    "DELETE FROM backups WHERE key NOT IN (SELECT key FROM backups ORDER BY key DESC LIMIT ?1)";
pub(in super::super) const LAST_BACKUP: &str =
    "SELECT made, path, bytes FROM backups ORDER BY made DESC, key DESC LIMIT 1";
pub(in super::super) const FIRST_RUN: &str = "SELECT coalesce(min(run), 0) FROM migrations";

pub(in super::super) const COUNTS: &str =
    "SELECT (SELECT count(*) FROM devices), (SELECT count(*) FROM reports), (SELECT count(*) FROM gaps)";
/// One that is gone with age is no fault.
pub(in super::super) const BROKEN_CHAINS: &str = "SELECT count(*) FROM reports r JOIN reports p ON p.key = r.previous \
     WHERE p.epoch <> r.epoch OR p.sequence >= r.sequence";
pub(in super::super) const AHEAD: &str = "SELECT count(*) FROM (SELECT epoch, max(sequence) AS newest FROM reports GROUP BY epoch) n \
     JOIN epochs e ON e.key = n.epoch WHERE n.newest > e.acknowledged";
pub(in super::super) const OVERLAPS: &str =
    "SELECT count(*) FROM gaps g WHERE g.last IS NOT NULL AND g.last < g.first";
pub(in super::super) const BODIES: &str =
    "SELECT r.key, r.sequence, r.body FROM reports r WHERE r.key > ?1 ORDER BY r.key LIMIT ?2";
pub(in super::super) const FOREIGN_KEYS: &str = "PRAGMA foreign_key_check";

/// Every statement of this file, by its name.
pub(in super::super) const ALL: &[(&str, &str)] = &[
    ("MARK", MARK),
    ("SET_MARK", SET_MARK),
    ("KNOWN_UPTO", KNOWN_UPTO),
    ("ADD_RESTORATION", ADD_RESTORATION),
    ("MARK_EPOCHS", MARK_EPOCHS),
    ("EPOCH_RESTORED", EPOCH_RESTORED),
    ("FORGET_SESSIONS", FORGET_SESSIONS),
    ("FORGET_ARRIVALS", FORGET_ARRIVALS),
    ("OPEN_RESTORATIONS", OPEN_RESTORATIONS),
    ("CONSENT", CONSENT),
    ("END_RESTORATIONS", END_RESTORATIONS),
    ("ARRIVED", ARRIVED),
    ("HAS_ARRIVED", HAS_ARRIVED),
    ("ARRIVALS_OF", ARRIVALS_OF),
    ("COUNT_ARRIVALS", COUNT_ARRIVALS),
    ("ARRIVALS", ARRIVALS),
    ("ARRIVAL", ARRIVAL),
    ("NEWEST_ARRIVALS", NEWEST_ARRIVALS),
    ("TAKEN", TAKEN),
    ("TAKE_UNKNOWN", TAKE_UNKNOWN),
    ("TAKE_KNOWN", TAKE_KNOWN),
    ("TOKEN_USED_SINCE", TOKEN_USED_SINCE),
    ("SHUT_OUT_UNKNOWN", SHUT_OUT_UNKNOWN),
    ("SHUT_OUT", SHUT_OUT),
    ("LOCK_PASSWORD", LOCK_PASSWORD),
    ("ADD_BACKUP", ADD_BACKUP),
    ("FORGET_BACKUPS", FORGET_BACKUPS),
    ("LAST_BACKUP", LAST_BACKUP),
    ("FIRST_RUN", FIRST_RUN),
    ("COUNTS", COUNTS),
    ("BROKEN_CHAINS", BROKEN_CHAINS),
    ("AHEAD", AHEAD),
    ("OVERLAPS", OVERLAPS),
    ("BODIES", BODIES),
];
