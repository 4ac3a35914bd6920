-- Frozen: a released migration is never edited, the next one follows it.

-- What the dead-man watches found: a device that is away, readings that are late, a sensor that is frozen.
-- At most one stands for each device, kind and subject.
CREATE TABLE watches (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    kind TEXT NOT NULL CHECK (kind IN ('contact', 'freshness', 'frozen')),
    subject TEXT NOT NULL,  -- of a sensor, its kind and name; else empty
    since INTEGER NOT NULL, -- since when it is so
    begun INTEGER NOT NULL, -- when it was found
    overdue INTEGER,        -- since when somebody should act on it
    ended INTEGER,
    body TEXT NOT NULL      -- what was found, as JSON
) STRICT;
CREATE UNIQUE INDEX watches_open ON watches (device, kind, subject) WHERE ended IS NULL;
CREATE INDEX watches_by_device ON watches (device, key);

-- What the watches remember of each device, written in batches.
CREATE TABLE watch_memories (
    device INTEGER PRIMARY KEY REFERENCES devices (key),
    body TEXT NOT NULL      -- as JSON
) STRICT;

-- Written to find out whether anything can be written.
CREATE TABLE probe (
    key INTEGER PRIMARY KEY,
    written INTEGER NOT NULL
) STRICT;
