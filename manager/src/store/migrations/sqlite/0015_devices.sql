-- Frozen: a released migration is never edited, the next one follows it.

-- Whose devices are, and where they stand.
CREATE TABLE customers (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    note TEXT
) STRICT;
CREATE TABLE sites (
    key INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL REFERENCES customers (key),
    name TEXT NOT NULL,
    address TEXT,
    time_zone TEXT,         -- by its IANA name
    UNIQUE (customer, name)
) STRICT;

-- What operators say about a device. The customer of a device at a site is the site's.
ALTER TABLE devices ADD COLUMN customer INTEGER REFERENCES customers (key);
ALTER TABLE devices ADD COLUMN site INTEGER REFERENCES sites (key);
ALTER TABLE devices ADD COLUMN place TEXT;
ALTER TABLE devices ADD COLUMN time_zone TEXT;      -- where it is another one than the site's
ALTER TABLE devices ADD COLUMN note TEXT;
ALTER TABLE devices ADD COLUMN described INTEGER;
ALTER TABLE devices ADD COLUMN described_by TEXT;
CREATE INDEX devices_by_customer ON devices (customer) WHERE customer IS NOT NULL;
CREATE INDEX devices_by_site ON devices (site) WHERE site IS NOT NULL;
CREATE TABLE device_tags (
    device INTEGER NOT NULL REFERENCES devices (key),
    tag TEXT NOT NULL,
    PRIMARY KEY (device, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_tags_by_tag ON device_tags (tag, device);

-- Taken out of service: when and by whom, the command that tells the device, and how that ended.
ALTER TABLE devices ADD COLUMN retired INTEGER;
ALTER TABLE devices ADD COLUMN retired_by TEXT;
ALTER TABLE devices ADD COLUMN retire_command TEXT;
ALTER TABLE devices ADD COLUMN retire_outcome TEXT;
ALTER TABLE devices ADD COLUMN retire_reason TEXT;
CREATE INDEX devices_retiring ON devices (key) WHERE retired IS NOT NULL AND revoked IS NULL;
-- Being deleted, since when: what is left of it goes step by step.
ALTER TABLE devices ADD COLUMN deleting INTEGER;
CREATE INDEX devices_deleting ON devices (key) WHERE deleting IS NOT NULL;
CREATE INDEX notices_by_device ON notices (device, key);
-- Certificates of deleted devices, which stay refused until they end. It does not say whose they were.
CREATE TABLE deleted_certificates (
    serial TEXT PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Settings for many devices.
CREATE TABLE profiles (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    note TEXT,
    settings TEXT NOT NULL, -- the values by the names of the settings, as JSON
    version INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT;
-- Who has a profile: all devices with a tag, at a site, of a customer. Each of those has at most one.
CREATE TABLE profile_groups (
    kind TEXT NOT NULL CHECK (kind IN ('tag', 'site', 'customer')),
    name TEXT NOT NULL,     -- the tag, or the key of the site or customer
    profile INTEGER NOT NULL REFERENCES profiles (key),
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
-- The profile that was given to the device itself, and the one that it has: that, or else one of its groups'.
ALTER TABLE devices ADD COLUMN own_profile INTEGER REFERENCES profiles (key);
ALTER TABLE devices ADD COLUMN profile INTEGER REFERENCES profiles (key);
CREATE INDEX devices_by_profile ON devices (profile) WHERE profile IS NOT NULL;
CREATE INDEX devices_by_own_profile ON devices (own_profile) WHERE own_profile IS NOT NULL;
-- What was last sent to a device because of its profile, and how that ended.
CREATE TABLE profile_applications (
    device INTEGER PRIMARY KEY REFERENCES devices (key),
    profile INTEGER,
    version INTEGER,
    settings TEXT NOT NULL,     -- what it was to set, as JSON
    taken_back TEXT NOT NULL,   -- what it was to reset, as JSON
    command TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX profile_applications_by_command ON profile_applications (command) WHERE command IS NOT NULL;
-- Devices whose settings are to be compared with their profile.
CREATE TABLE profile_due (
    device INTEGER PRIMARY KEY REFERENCES devices (key),
    since INTEGER NOT NULL
) STRICT;
-- Up to which device the groups were looked through since they changed; no row when all were.
CREATE TABLE profile_pass (
    key INTEGER PRIMARY KEY,
    upto INTEGER NOT NULL
) STRICT;
-- What operators set on one device by hand: profiles leave that alone.
CREATE TABLE device_settings (
    device INTEGER NOT NULL REFERENCES devices (key),
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    command TEXT NOT NULL,
    set_by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (device, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_settings_by_command ON device_settings (command);
