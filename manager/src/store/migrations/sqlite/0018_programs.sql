-- Frozen: a released migration is never edited, the next one follows it.

-- Programs that devices may be given. Their bytes are files beside the database, named by their SHA-256.
CREATE TABLE programs (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,             -- by which installer
    hardware TEXT NOT NULL,         -- a JSON list; of none, it is for any
    size INTEGER NOT NULL,          -- in bytes
    room INTEGER NOT NULL,          -- bytes that a device must have free beside the file
    sha256 TEXT NOT NULL,
    published INTEGER NOT NULL,     -- last
    published_by TEXT NOT NULL,
    revoked INTEGER,                -- when the trust metadata were first without it
    revoked_by TEXT,
    UNIQUE (name, version)
) STRICT;
CREATE INDEX programs_by_sha256 ON programs (sha256);

-- The trust metadata, each role file as it was signed. All roots are kept; of the others those that a transfer that has
-- begun may still need.
CREATE TABLE program_metadata (
    role TEXT NOT NULL,             -- root, targets, snapshot or timestamp
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (role, version)
) STRICT, WITHOUT ROWID;

-- What of the above has changed, counted: whoever keeps it in memory looks at this one row.
CREATE TABLE program_changes (
    key INTEGER PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;

-- The bytes of programs in pieces of 1 MiB, for other managers on the same database: of PostgreSQL alone, and here so
-- that a service centre can move there.
CREATE TABLE program_pieces (
    sha256 TEXT NOT NULL,
    place INTEGER NOT NULL,         -- of the piece, counted from 0
    bytes BLOB NOT NULL,
    written INTEGER NOT NULL,
    PRIMARY KEY (sha256, place)
) STRICT, WITHOUT ROWID;

-- Which device is to have which program. A row goes when the attempt has ended, or the offer is taken back.
CREATE TABLE program_offers (
    key INTEGER PRIMARY KEY,        -- the order in which a device is given several
    device INTEGER NOT NULL REFERENCES devices (key),
    program INTEGER NOT NULL REFERENCES programs (key),
    id TEXT NOT NULL UNIQUE,        -- of the attempt that comes of it
    offered INTEGER NOT NULL,
    offered_by TEXT NOT NULL,
    given INTEGER,                  -- when the device was first given it
    waits TEXT,                     -- why it is not given, where that is so
    UNIQUE (device, program)
) STRICT;
CREATE INDEX program_offers_by_program ON program_offers (program, key);

-- Attempts to install a program, with how they ended. The newest few of each device.
CREATE TABLE program_attempts (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    given INTEGER NOT NULL,         -- when the device was given it, or first told of it
    step TEXT NOT NULL,             -- how far it has come, as the device told last
    told INTEGER NOT NULL,          -- when it did
    ended INTEGER,
    reason TEXT,
    UNIQUE (device, id)
) STRICT;
CREATE INDEX program_attempts_by_program ON program_attempts (name, version, key);
CREATE INDEX program_attempts_by_device ON program_attempts (device, key);

-- What runs on devices, as they told when they asked for a program.
CREATE TABLE program_running (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    since INTEGER NOT NULL,         -- when that was first told
    UNIQUE (device, kind, name)
) STRICT;
CREATE INDEX program_running_by_program ON program_running (name, version, device);

-- What devices told of themselves when they last asked and it had changed.
CREATE TABLE program_hosts (
    device INTEGER PRIMARY KEY REFERENCES devices (key),
    hardware TEXT NOT NULL,         -- a JSON list
    changed INTEGER NOT NULL
) STRICT;
