-- Frozen: a released migration is never edited, the next one follows it.

-- Tokens by which update clients that are not ours (hawkBit's DDI) say which device they are.
CREATE TABLE ddi_tokens (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    hash TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT;
CREATE INDEX ddi_tokens_by_device ON ddi_tokens (device, key);

-- Under which number such a client was shown an offer: not the offer's own, which another one may get when it is over.
CREATE TABLE ddi_actions (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    attempt TEXT NOT NULL,          -- the attempt that comes of the offer
    program INTEGER NOT NULL REFERENCES programs (key),
    shown INTEGER NOT NULL,
    fetched INTEGER,                -- when the client first asked what it is
    closed INTEGER,                 -- when nothing more is asked of the client
    told TEXT NOT NULL,             -- a JSON list: what the client told last
    UNIQUE (device, attempt)
) STRICT;
CREATE INDEX ddi_actions_by_device ON ddi_actions (device, key);

-- What such clients say of themselves.
CREATE TABLE ddi_attributes (
    device INTEGER PRIMARY KEY REFERENCES devices (key),
    attributes TEXT NOT NULL,       -- a JSON object
    changed INTEGER NOT NULL
) STRICT;

-- Older hashes of a program's file, which such clients check.
CREATE TABLE program_digests (
    sha256 TEXT PRIMARY KEY,
    sha1 TEXT NOT NULL,
    md5 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
