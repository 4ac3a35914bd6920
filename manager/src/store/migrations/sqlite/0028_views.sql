-- Frozen: a released migration is never edited, the next one follows it.

-- What somebody looks at of the fleet again and again, by a name.
CREATE TABLE views (
    key INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,            -- the operator who keeps it; empty: one who has gone
    name TEXT NOT NULL,
    shared INTEGER NOT NULL,        -- whether all see it who are not limited to some customers
    body TEXT NOT NULL,             -- JSON: what the address of the fleet's page says
    changed INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX views_by_name ON views (owner, name) WHERE owner <> '';
CREATE INDEX views_shared ON views (name) WHERE shared = 1;

-- What an operator sees who asks for the fleet and nothing else.
CREATE TABLE view_defaults (
    operator TEXT PRIMARY KEY,
    view INTEGER NOT NULL REFERENCES views (key)
) STRICT, WITHOUT ROWID;
CREATE INDEX view_defaults_by_view ON view_defaults (view);

-- What an operator asked of many devices at once, and how it went at each.
CREATE TABLE bulk_commands (
    key INTEGER PRIMARY KEY,
    act TEXT NOT NULL,              -- JSON
    operator TEXT NOT NULL,
    chosen TEXT NOT NULL,           -- how the devices were chosen, for people
    total INTEGER NOT NULL,
    made INTEGER NOT NULL,
    ended INTEGER                   -- when it was done with the last device
) STRICT;
CREATE INDEX bulk_commands_open ON bulk_commands (key) WHERE ended IS NULL;
CREATE INDEX bulk_commands_of ON bulk_commands (operator, key);

CREATE TABLE bulk_devices (
    bulk INTEGER NOT NULL REFERENCES bulk_commands (key),
    device INTEGER NOT NULL REFERENCES devices (key),
    outcome INTEGER NOT NULL,       -- 0 it waits, 1 done, 2 refused
    words TEXT,                     -- why it was refused
    command TEXT,                   -- the command that came of it
    PRIMARY KEY (bulk, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX bulk_devices_waiting ON bulk_devices (bulk, device) WHERE outcome = 0;
CREATE INDEX bulk_devices_by_device ON bulk_devices (device);
