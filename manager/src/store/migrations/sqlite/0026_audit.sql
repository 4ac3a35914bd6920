-- Frozen: a released migration is never edited, the next one follows it.

-- Who did what. Each entry has a hash over the one before it and itself, so that a hole shows.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    operator TEXT,                -- none: nobody knows who
    credential TEXT NOT NULL,
    address TEXT NOT NULL,
    act TEXT NOT NULL,
    about TEXT NOT NULL,
    outcome TEXT NOT NULL,
    was TEXT,
    became TEXT,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_operator ON audit (operator, number);

-- Where it ends, and where it was cut: one row, from the first entry on.
CREATE TABLE audit_chain (
    key INTEGER PRIMARY KEY CHECK (key = 1),
    number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    cut_number INTEGER NOT NULL,
    cut_hash TEXT NOT NULL
) STRICT;
