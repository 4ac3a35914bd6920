-- Frozen: a released migration is never edited, the next one follows it.
-- Times are milliseconds since 1970, UTC, by the manager's clock. Texts in JSON are the wire's own.

CREATE TABLE devices (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    certificate_serial TEXT NOT NULL,
    certificate_expires INTEGER NOT NULL,
    enrolled INTEGER NOT NULL,
    model TEXT,
    agent_version TEXT,
    last_contact INTEGER,
    remote TEXT
) STRICT;

-- Lives of outboxes; `acknowledged` is the highest sequence below which nothing is missing but gaps.
CREATE TABLE epochs (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    epoch TEXT NOT NULL,
    acknowledged INTEGER NOT NULL,
    last INTEGER,           -- the key of its newest report
    begun INTEGER NOT NULL,
    UNIQUE (device, epoch)
) STRICT;

-- Only ever appended to, and without an index: with thousands of devices an index by device would have a
-- page written for each report. Those of one epoch are a chain, from its newest back. That a sequence is
-- stored once follows from `acknowledged`.
CREATE TABLE reports (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    epoch INTEGER NOT NULL REFERENCES epochs (key),
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    received INTEGER NOT NULL,
    previous INTEGER,       -- the key of the report before it in its epoch
    body TEXT NOT NULL      -- the report as JSON
) STRICT;

-- Where the latest readings of a device are. It is written with every report that has readings, so its
-- rows are small: many devices share one page.
CREATE TABLE latest (
    device INTEGER PRIMARY KEY REFERENCES devices (key),
    report INTEGER NOT NULL REFERENCES reports (key),
    merged TEXT             -- the readings as JSON, where later alerts changed them
) STRICT;

-- Sequences that a device lost before they could be handed in.
CREATE TABLE gaps (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    epoch INTEGER NOT NULL REFERENCES epochs (key),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    UNIQUE (epoch, first)
) STRICT;
CREATE INDEX gaps_by_device ON gaps (device, key);

CREATE TABLE alerts (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    id TEXT NOT NULL,       -- the device's
    raised INTEGER NOT NULL,
    cleared INTEGER,
    cleared_because TEXT,
    simulated INTEGER NOT NULL,
    body TEXT NOT NULL,     -- the alert as JSON
    UNIQUE (device, id)
) STRICT;
CREATE INDEX alerts_open ON alerts (cleared) WHERE cleared IS NULL;
CREATE INDEX alerts_open_by_device ON alerts (device) WHERE cleared IS NULL;
CREATE INDEX alerts_by_device ON alerts (device, key);

CREATE TABLE service_calls (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    report INTEGER NOT NULL UNIQUE REFERENCES reports (key),
    received INTEGER NOT NULL,
    simulated INTEGER NOT NULL,
    entered_by TEXT NOT NULL,
    message TEXT,
    state TEXT NOT NULL CHECK (state IN ('new', 'seen', 'handled')),
    changed INTEGER,
    changed_by TEXT,
    handled INTEGER         -- when, if its state is that
) STRICT;
CREATE INDEX service_calls_open ON service_calls (handled) WHERE handled IS NULL;
CREATE INDEX service_calls_open_by_device ON service_calls (device) WHERE handled IS NULL;
CREATE INDEX service_calls_by_device ON service_calls (device, key);

CREATE TABLE commands (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    device INTEGER NOT NULL REFERENCES devices (key),
    action TEXT NOT NULL,   -- as JSON
    issued INTEGER NOT NULL,
    issued_by TEXT NOT NULL,
    expires INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'done', 'failed', 'refused', 'expired')),
    delivered INTEGER,
    finished INTEGER,
    reason TEXT
) STRICT;
CREATE INDEX commands_by_device ON commands (device, key);
CREATE INDEX commands_open ON commands (expires) WHERE state IN ('waiting', 'delivered');

-- What an operator must hear, written with the report that says it; `told` is set by whoever told it.
CREATE TABLE notices (
    key INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    device INTEGER NOT NULL REFERENCES devices (key),
    kind TEXT NOT NULL,
    written INTEGER NOT NULL,
    body TEXT NOT NULL,
    told INTEGER
) STRICT;
CREATE INDEX notices_untold ON notices (key) WHERE told IS NULL;

CREATE TABLE enrolment_tokens (
    hash TEXT PRIMARY KEY,
    device TEXT,            -- the only device that it is for, if it is bound
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used INTEGER,
    used_by TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE operators (
    name TEXT PRIMARY KEY,
    password TEXT NOT NULL, -- a PHC string
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operator_tokens (
    hash TEXT PRIMARY KEY,
    operator TEXT NOT NULL REFERENCES operators (name),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    operator TEXT NOT NULL REFERENCES operators (name),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
