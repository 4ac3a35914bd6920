-- Frozen: a released migration is never edited, the next one follows it.

-- Whose a device was and at which site it stood, each row from its moment on and until the next of the device: what a
-- device counts is cut there. What was never written down before this was so from the beginning.
CREATE TABLE device_owners (
    device INTEGER NOT NULL REFERENCES devices (key),
    since INTEGER NOT NULL,
    customer INTEGER,            -- NULL: nobody's, or a customer that was removed
    site INTEGER,
    PRIMARY KEY (device, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_owners_by_customer ON device_owners (customer, device) WHERE customer IS NOT NULL;
CREATE INDEX device_owners_by_site ON device_owners (site) WHERE site IS NOT NULL;
INSERT INTO device_owners (device, since, customer, site)
    SELECT key, 0, customer, site FROM devices WHERE customer IS NOT NULL;
