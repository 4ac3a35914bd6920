-- Frozen: a released migration is never edited, the next one follows it.

-- A service call goes from the device, or from the desk, to a technician and to its end. What stands as its state is the
-- program's to know from now on. One that was opened at the desk has no report.
CREATE TABLE service_calls_anew (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    id TEXT,                        -- the device's name of it
    report INTEGER UNIQUE REFERENCES reports (key),
    received INTEGER NOT NULL,
    simulated INTEGER NOT NULL,
    entered_by TEXT,                -- none: opened at the desk
    message TEXT,
    state TEXT NOT NULL,            -- open, seen, dispatched, on_the_way, at_device, done or cancelled
    changed INTEGER,
    changed_by TEXT,
    handled INTEGER,                -- when it was done or cancelled
    presses INTEGER NOT NULL DEFAULT 1,
    last_press INTEGER,
    version INTEGER NOT NULL DEFAULT 1, -- rises with everything that is done to it
    opened_by TEXT,                 -- the operator who opened it at the desk
    alert INTEGER,                  -- the key of the alert that it was opened from
    technician TEXT,                -- who goes there
    work TEXT,                      -- what was done
    parts TEXT,                     -- which parts were used, as JSON
    ticket TEXT,                    -- its number in another system
    snapshot TEXT,                  -- how the machine was when it was opened, as JSON
    answer_due INTEGER,             -- until when the service agreement wants an answer, and until when the repair
    repair_due INTEGER,
    answered INTEGER,               -- when somebody did something with it first
    due INTEGER NOT NULL DEFAULT 9223372036854775807, -- what is due next; the last of all moments without an agreement
    command TEXT                    -- the command by which the device was told last that somebody is on the way
) STRICT;
INSERT INTO service_calls_anew (key, device, id, report, received, simulated, entered_by, message, state, changed, changed_by,
        handled, presses, last_press, answered)
    SELECT key, device, id, report, received, simulated, entered_by, message,
        CASE state WHEN 'new' THEN 'open' WHEN 'handled' THEN 'done' ELSE state END, changed, changed_by,
        handled, presses, last_press, changed FROM service_calls;
DROP TABLE service_calls;
ALTER TABLE service_calls_anew RENAME TO service_calls;
CREATE INDEX service_calls_open ON service_calls (handled) WHERE handled IS NULL;
CREATE INDEX service_calls_open_by_device ON service_calls (device) WHERE handled IS NULL;
CREATE INDEX service_calls_by_device ON service_calls (device, key);
CREATE INDEX service_calls_by_end ON service_calls (handled) WHERE handled IS NOT NULL;
CREATE UNIQUE INDEX service_calls_by_name ON service_calls (device, id);
CREATE INDEX service_calls_due ON service_calls (due, key) WHERE handled IS NULL;
CREATE INDEX service_calls_by_time ON service_calls (received);

-- Who did what with a call.
CREATE TABLE service_call_acts (
    key INTEGER PRIMARY KEY,
    call INTEGER NOT NULL REFERENCES service_calls (key),
    device INTEGER NOT NULL REFERENCES devices (key),
    at INTEGER NOT NULL,
    who TEXT,                       -- none: a person at the device, or the manager itself
    what TEXT NOT NULL,             -- a word
    state TEXT NOT NULL,            -- the one that the call has from then on
    technician TEXT,
    words TEXT
) STRICT;
CREATE INDEX service_call_acts_by_call ON service_call_acts (call, key);
CREATE INDEX service_call_acts_by_device ON service_call_acts (device, key);
INSERT INTO service_call_acts (call, device, at, what, state) SELECT key, device, received, 'opened', 'open' FROM service_calls;
INSERT INTO service_call_acts (call, device, at, who, what, state)
    SELECT key, device, changed, changed_by, 'moved', state FROM service_calls WHERE changed IS NOT NULL;

-- How soon calls are answered and machines repaired, as it was agreed with a customer.
CREATE TABLE service_agreements (
    customer INTEGER PRIMARY KEY,   -- 0: of all that have none of their own
    body TEXT NOT NULL,             -- JSON
    changed INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT;

-- Who made an enrolment token, where that was at the desk.
ALTER TABLE enrolment_tokens ADD COLUMN made_by TEXT;
