-- Frozen: a released migration is never edited, the next one follows it.

-- Signs that two machines use one identity.
CREATE TABLE clones (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    found INTEGER NOT NULL,
    body TEXT NOT NULL,     -- the sign as JSON, with both sides
    dismissed INTEGER,
    dismissed_by TEXT
) STRICT;
CREATE INDEX clones_open ON clones (device) WHERE dismissed IS NULL;
CREATE INDEX clones_by_device ON clones (device, key);
