-- Frozen: a released migration is never edited, the next one follows it.

-- Orders that people enter at devices. The device names each: a repeat, even in a new life of its outbox,
-- is the same order.
CREATE TABLE orders (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    id TEXT NOT NULL,       -- the device's
    report INTEGER NOT NULL UNIQUE REFERENCES reports (key),
    received INTEGER NOT NULL,
    simulated INTEGER NOT NULL,
    supply TEXT NOT NULL,   -- its name on the board
    body TEXT NOT NULL,     -- the supply as it was read then, as JSON
    quantity INTEGER NOT NULL,
    note TEXT,
    entered_by TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('new', 'ordered', 'delivered', 'cancelled')),
    changed INTEGER,
    changed_by TEXT,
    closed INTEGER,         -- when, if it was delivered or cancelled
    UNIQUE (device, id)
) STRICT;
CREATE INDEX orders_open ON orders (closed) WHERE closed IS NULL;
CREATE INDEX orders_open_by_device ON orders (device) WHERE closed IS NULL;
CREATE INDEX orders_by_device ON orders (device, key);

-- Supplies and parts that were changed or put back. Reports have no index by kind, so these have a table.
CREATE TABLE replacements (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    report INTEGER NOT NULL UNIQUE REFERENCES reports (key),
    received INTEGER NOT NULL,
    simulated INTEGER NOT NULL,
    body TEXT NOT NULL      -- the replacement as JSON
) STRICT;
CREATE INDEX replacements_by_device ON replacements (device, key);

-- The newest report that says what the printer did in a stretch of time. It stands in the row that is
-- written with every report anyway.
ALTER TABLE latest ADD COLUMN activity INTEGER REFERENCES reports (key);
