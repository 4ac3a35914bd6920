-- Frozen: a released migration is never edited, the next one follows it.

-- Certificates that the device replaced by renewal since it enrolled, as a JSON list, the newest last.
ALTER TABLE devices ADD COLUMN former TEXT;
-- One of them that is used again, as JSON: by whom and when, and who used the one that replaced it.
ALTER TABLE devices ADD COLUMN superseded TEXT;
-- What its agent's state directory is on, where what is written there does not outlive a restart.
ALTER TABLE devices ADD COLUMN volatile_state TEXT;

-- Two more things that are done to identities. What is allowed to stand there is the program's to know from now on: a
-- table is copied for each change of such a check.
CREATE TABLE identity_log_2 (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    what TEXT NOT NULL,
    by TEXT,                -- the operator, or the account on the manager's machine; none for the device itself
    at INTEGER NOT NULL
) STRICT;
INSERT INTO identity_log_2 (key, device, what, by, at) SELECT key, device, what, by, at FROM identity_log;
DROP TABLE identity_log;
ALTER TABLE identity_log_2 RENAME TO identity_log;
CREATE INDEX identity_log_by_device ON identity_log (device, key);
