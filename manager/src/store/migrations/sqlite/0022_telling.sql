-- Frozen: a released migration is never edited, the next one follows it.

-- A notice may be about the manager itself, and then has no device. What was written before anybody could be told counts as
-- told: nobody wants to hear of it now.
CREATE TABLE notices_anew (
    key INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    device INTEGER REFERENCES devices (key),
    kind TEXT NOT NULL,
    written INTEGER NOT NULL,
    body TEXT NOT NULL,
    told INTEGER
) STRICT;
INSERT INTO notices_anew SELECT key, origin, device, kind, written, body, coalesce(told, written) FROM notices;
DROP TABLE notices;
ALTER TABLE notices_anew RENAME TO notices;
CREATE INDEX notices_untold ON notices (key) WHERE told IS NULL;
CREATE INDEX notices_by_device ON notices (device, key);

-- The ways to people and to other systems.
CREATE TABLE channels (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,         -- email or webhook
    address TEXT NOT NULL,      -- addresses of e-mail with commas between, or a URL
    secret TEXT,                -- with which a webhook is signed; never shown again
    changed INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT;
-- Who is told of what.
CREATE TABLE telling_rules (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    channel INTEGER NOT NULL REFERENCES channels (key),
    escalate_to INTEGER REFERENCES channels (key),
    body TEXT NOT NULL,         -- JSON
    changed INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT;
-- Of what nothing is told for a while.
CREATE TABLE mutes (
    key INTEGER PRIMARY KEY,
    device INTEGER REFERENCES devices (key),
    site INTEGER,
    until INTEGER NOT NULL,
    note TEXT,
    made INTEGER NOT NULL,
    made_by TEXT NOT NULL
) STRICT;
CREATE INDEX mutes_by_end ON mutes (until);
CREATE INDEX mutes_by_device ON mutes (device);

-- What is told. A message gathers until it is due; from its first try on it stays as it is, under the same id.
CREATE TABLE messages (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    rule INTEGER,               -- null for a test
    rule_name TEXT NOT NULL,
    channel INTEGER NOT NULL,
    purpose TEXT NOT NULL,      -- raised, resolved, escalated or test
    follows TEXT,               -- the id of the message before
    grouping TEXT NOT NULL,     -- what it is one message about
    state TEXT NOT NULL,        -- gathering, waiting, sent, dead or dropped
    made INTEGER NOT NULL,
    due INTEGER NOT NULL,
    first_due INTEGER NOT NULL,
    claimed INTEGER,            -- until when somebody is sending it
    tries INTEGER NOT NULL,
    error TEXT,                 -- why the last try failed
    sent INTEGER,
    body TEXT,                  -- JSON, from its first try on
    ticket TEXT,                -- its number in another system, as that answered
    taken INTEGER,
    taken_by TEXT,
    escalate_at INTEGER         -- when others are told, unless somebody has taken it
) STRICT;
CREATE INDEX messages_due ON messages (due) WHERE state IN ('gathering', 'waiting');
CREATE INDEX messages_by_group ON messages (rule, grouping, key);
CREATE INDEX messages_to_escalate ON messages (escalate_at) WHERE escalate_at IS NOT NULL;
CREATE INDEX messages_by_state ON messages (state, key);
CREATE TABLE message_items (
    key INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (key),
    device INTEGER REFERENCES devices (key),
    subject TEXT NOT NULL,
    body TEXT NOT NULL,         -- JSON
    over INTEGER                -- when it was over
) STRICT;
CREATE INDEX message_items_open ON message_items (subject) WHERE over IS NULL;
CREATE INDEX message_items_by_message ON message_items (message, key);
CREATE INDEX message_items_by_device ON message_items (device);

-- The manager's own troubles that stand.
CREATE TABLE own_troubles (
    subject TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    words TEXT NOT NULL
) STRICT, WITHOUT ROWID;
