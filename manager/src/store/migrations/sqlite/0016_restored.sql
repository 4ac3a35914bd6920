-- Frozen: a released migration is never edited, the next one follows it.

-- How far this database knows what stands in each manager's journal of identities. The journal is a file that no
-- backup takes back: a database that knows less of it than it holds was itself taken back to an older state.
CREATE TABLE journals (
    id TEXT PRIMARY KEY,            -- of the journal's file
    position INTEGER NOT NULL,      -- in bytes
    at INTEGER NOT NULL             -- when that was written
) STRICT, WITHOUT ROWID;

-- Each time that this database was taken back to an older state. Devices have certificates of between.
CREATE TABLE restorations (
    key INTEGER PRIMARY KEY,
    made INTEGER NOT NULL,          -- from here on it knows nothing
    restored INTEGER NOT NULL,      -- up to here
    consented INTEGER,              -- when an operator consented to all certificates of between, if one did
    consented_by TEXT,
    ended INTEGER,                  -- when an operator said that it is over
    ended_by TEXT
) STRICT;

-- Certificates of between that were shown and wait for an operator's consent.
CREATE TABLE arrivals (
    device TEXT NOT NULL,           -- the name in the certificate; such a device need not be known
    serial TEXT NOT NULL,
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    remote TEXT NOT NULL,
    PRIMARY KEY (device, serial)
) STRICT, WITHOUT ROWID;

-- What was acknowledged when the database was taken back: what is missing right behind that was lost here, not at the
-- device.
ALTER TABLE epochs ADD COLUMN restored INTEGER;

-- Backups that were made, the newest few.
CREATE TABLE backups (
    key INTEGER PRIMARY KEY,
    made INTEGER NOT NULL,          -- the moment that it holds
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
