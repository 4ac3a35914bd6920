-- Frozen: a released migration is never edited, the next one follows it.

-- Rollouts: a program for many devices, wave by wave. They make offers (program_offers), and everything below an offer stays
-- as it is.
CREATE TABLE rollouts (
    key INTEGER PRIMARY KEY,        -- of two for one device, the one with the smaller key goes first
    id TEXT NOT NULL UNIQUE,
    program INTEGER NOT NULL REFERENCES programs (key),
    note TEXT,
    plan TEXT NOT NULL,             -- JSON
    state TEXT NOT NULL,            -- making, planned, running, paused, halted, finished or cancelled
    why TEXT,                       -- why it was halted
    wave INTEGER NOT NULL,          -- that has begun last, from 0
    wave_began INTEGER,
    wave_ended INTEGER,             -- when it had succeeded: its pause counts from here
    lifts INTEGER NOT NULL,         -- how often a halt was lifted: failures count since the last time
    end_within INTEGER NOT NULL,    -- of the plan, in milliseconds
    silent_after INTEGER NOT NULL,
    bytes_per_second INTEGER,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    started INTEGER,
    ended INTEGER,
    changed INTEGER NOT NULL        -- when anything of it changed last but its devices
) STRICT;
CREATE INDEX rollouts_by_state ON rollouts (state, key);
CREATE INDEX rollouts_by_program ON rollouts (program, key);

-- The devices of each rollout, and how each stands. What the rollout made of a device is its attempt: the offer's name.
CREATE TABLE rollout_devices (
    key INTEGER PRIMARY KEY,
    rollout INTEGER NOT NULL REFERENCES rollouts (key),
    device INTEGER NOT NULL REFERENCES devices (key),
    wave INTEGER NOT NULL,
    state TEXT NOT NULL,            -- waiting, offered, under_way, proving, kept, failed, silent, skipped or held
    attempt TEXT,                   -- the last one
    reason TEXT,
    changed INTEGER NOT NULL,
    not_before INTEGER NOT NULL,    -- of one that waits: when it is looked at again; 0 for at once
    deadline INTEGER,               -- when something follows from nothing having happened
    lift INTEGER NOT NULL,          -- rollouts.lifts when it ended
    UNIQUE (rollout, device)
) STRICT;
-- In the order in which they are listed; and those that wait, in the order in which it is their turn.
CREATE INDEX rollout_devices_listed ON rollout_devices (rollout, key);
CREATE INDEX rollout_devices_waiting ON rollout_devices (rollout, wave, key) WHERE state = 'waiting';
-- All that is counted, so that to count reads this alone.
CREATE INDEX rollout_devices_counted ON rollout_devices (rollout, state, wave, lift);
CREATE INDEX rollout_devices_by_device ON rollout_devices (device, rollout);
CREATE INDEX rollout_devices_by_attempt ON rollout_devices (attempt) WHERE attempt IS NOT NULL;
CREATE INDEX rollout_devices_by_deadline ON rollout_devices (deadline) WHERE deadline IS NOT NULL;

-- Who did what.
CREATE TABLE rollout_log (
    key INTEGER PRIMARY KEY,
    rollout INTEGER NOT NULL REFERENCES rollouts (key),
    device INTEGER REFERENCES devices (key),    -- whom it is about, where that is one
    at INTEGER NOT NULL,
    who TEXT,                       -- none: the manager itself
    what TEXT NOT NULL,             -- a word
    words TEXT                      -- the rest, for people
) STRICT;
CREATE INDEX rollout_log_by_rollout ON rollout_log (rollout, key);
CREATE INDEX rollout_log_by_device ON rollout_log (device) WHERE device IS NOT NULL;

-- What rollouts leave alone.
CREATE TABLE program_holds (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    name TEXT NOT NULL,             -- of the program; empty: of all
    version TEXT,                   -- on which it stays; none: on whatever it has
    until INTEGER,
    why TEXT,
    since INTEGER NOT NULL,
    held_by TEXT NOT NULL,
    UNIQUE (device, name)
) STRICT;
