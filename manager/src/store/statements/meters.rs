//! Statements about whose devices were, and what they lost, for meters.

/// From now on.
pub(in crate::store) const NOTE_OWNER: &str = "INSERT INTO device_owners (device, since, customer, site) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (device, since) DO UPDATE SET customer = excluded.customer, site = excluded.site";
/// The same of all devices at a site that becomes another customer's, before they are moved.
pub(in crate::store) const NOTE_OWNERS_AT_SITE: &str = "INSERT INTO device_owners (device, since, customer, site) \
     SELECT d.key, CAST(?3 AS BIGINT), CAST(?2 AS BIGINT), CAST(?1 AS BIGINT) FROM devices d WHERE d.site = ?1 AND (d.customer IS NULL OR d.customer <> ?2) \
     ON CONFLICT (device, since) DO UPDATE SET customer = excluded.customer, site = excluded.site";
/// A number may be given to another one later.
pub(in crate::store) const FORGET_CUSTOMER: &str =
    "UPDATE device_owners SET customer = NULL WHERE customer = ?1";
pub(in crate::store) const FORGET_SITE: &str = "UPDATE device_owners SET site = NULL WHERE site = ?1";
/// Devices that were ever a customer's, behind one of a name, and who had them when, up to a moment.
pub(in crate::store) const OWNERS: &str = "SELECT d.id, o.since, o.customer, o.site, s.name, \
     coalesce(d.time_zone, h.time_zone), t.simulated, d.retired FROM device_owners o JOIN devices d ON d.key = o.device \
     LEFT JOIN sites s ON s.key = o.site LEFT JOIN sites h ON h.key = d.site LEFT JOIN states t ON t.device = d.key \
     WHERE o.device IN (SELECT x.key FROM devices x WHERE x.deleting IS NULL AND x.id > ?2 \
     AND x.key IN (SELECT w.device FROM device_owners w WHERE w.customer = ?1 AND w.since < ?3) \
     ORDER BY x.id LIMIT ?4) AND o.since < ?3 ORDER BY d.id, o.since";
/// What a device said in a time that it lost.
pub(in crate::store) const LOSSES_OF: &str = "SELECT g.first, g.last, g.recorded, g.reason, g.kinds FROM gaps g \
     JOIN devices d ON d.key = g.device WHERE d.id = ?1 AND g.recorded >= ?2 AND g.recorded < ?3 ORDER BY g.recorded LIMIT ?4";

/// All of them, so that they can be tried.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("NOTE_OWNER", NOTE_OWNER),
    ("NOTE_OWNERS_AT_SITE", NOTE_OWNERS_AT_SITE),
    ("FORGET_CUSTOMER", FORGET_CUSTOMER),
    ("FORGET_SITE", FORGET_SITE),
    ("OWNERS", OWNERS),
    ("LOSSES_OF", LOSSES_OF),
];
