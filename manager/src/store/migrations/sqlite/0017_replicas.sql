-- Frozen: a released migration is never edited, the next one follows it.
-- What several managers on one database of PostgreSQL need: here, so that a service centre can move there, and unused but
-- for the authority.

CREATE TABLE replicas (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    started INTEGER NOT NULL
) STRICT;
ALTER TABLE devices ADD COLUMN replica INTEGER;

CREATE TABLE nonces (
    device TEXT NOT NULL,
    nonce TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (device, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_age ON nonces (created);

-- Whose devices these are: the fingerprint of the CA that issued their certificates.
CREATE TABLE authority (
    key INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL
) STRICT;
