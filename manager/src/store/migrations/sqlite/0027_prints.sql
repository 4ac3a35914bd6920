-- Frozen: a released migration is never edited, the next one follows it.

-- What is printed, or was. The file stays as it was made, so that it can be printed again.
CREATE TABLE prints (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,        -- by which it is found again at the printer
    printer TEXT NOT NULL,          -- its name in manager.toml
    title TEXT NOT NULL,
    file BLOB NOT NULL,             -- PDF
    state TEXT NOT NULL,            -- waiting, sent, printed, failed or cancelled
    made INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    schedule INTEGER,               -- null for one that somebody asked for
    due INTEGER NOT NULL,           -- when it is looked after next
    claimed INTEGER,                -- until when somebody is doing so
    tries INTEGER NOT NULL,         -- how often it was begun to be sent
    job INTEGER,                    -- its number at the printer
    words TEXT,                     -- how it stands, for people
    ended INTEGER
) STRICT;
CREATE INDEX prints_due ON prints (due) WHERE state IN ('waiting', 'sent');
CREATE INDEX prints_by_end ON prints (ended) WHERE ended IS NOT NULL;
CREATE INDEX prints_by_person ON prints (made_by, key);

-- What is printed by itself.
CREATE TABLE print_schedules (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    printer TEXT NOT NULL,
    body TEXT NOT NULL,             -- JSON: what, whose, when
    next INTEGER,                   -- when it is printed next; null for what follows a rule
    last INTEGER,                   -- when it was last
    words TEXT,                     -- why it was not, the last time
    changed INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT;
CREATE INDEX print_schedules_next ON print_schedules (next) WHERE next IS NOT NULL;
