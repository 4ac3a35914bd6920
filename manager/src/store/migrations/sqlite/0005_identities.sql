-- Frozen: a released migration is never edited, the next one follows it.

-- When the certificate was issued: with its end it says how long it lives.
ALTER TABLE devices ADD COLUMN certificate_issued INTEGER;
-- A renewed certificate that the device has not used yet; until then both are good.
ALTER TABLE devices ADD COLUMN next_serial TEXT;
ALTER TABLE devices ADD COLUMN next_issued INTEGER;
ALTER TABLE devices ADD COLUMN next_expires INTEGER;
-- When the device was shut out, if it is.
ALTER TABLE devices ADD COLUMN revoked INTEGER;
-- Until when it may renew a certificate that has ended.
ALTER TABLE devices ADD COLUMN readmitted_until INTEGER;

-- What was done to identities, and by whom. The manager that runs reads on from the newest that it knows,
-- so that it learns what another process did.
CREATE TABLE identity_log (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    what TEXT NOT NULL CHECK (what IN ('enrolled', 'renewal_issued', 'renewed', 'revoked', 'readmitted')),
    by TEXT,                -- the operator, or the account on the manager's machine; none for the device itself
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX identity_log_by_device ON identity_log (device, key);
