-- What a device says of the reports that it lost, and losses of unknown size.
CREATE TABLE losses (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    epoch INTEGER NOT NULL REFERENCES epochs (key),
    first INTEGER NOT NULL,
    last INTEGER,           -- NULL: whether and how many are lost is not known
    recorded INTEGER NOT NULL,
    reason TEXT NOT NULL,
    kinds TEXT NOT NULL,    -- how many of each kind, as JSON; empty where nobody counted
    UNIQUE (epoch, first)
) STRICT;
INSERT INTO losses SELECT key, device, epoch, first, last, recorded, 'other', '{}' FROM gaps;
DROP TABLE gaps;
ALTER TABLE losses RENAME TO gaps;
CREATE INDEX gaps_by_device ON gaps (device, key);

-- Whether the device keeps the epoch in memory only, because its disk fails.
ALTER TABLE epochs ADD COLUMN in_memory INTEGER NOT NULL DEFAULT 0;
