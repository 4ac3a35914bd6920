-- Frozen: a released migration is never edited, the next one follows it.

-- How bad an alert is: 0 it stops the printer, 1 it does not, 2 it may happen.
ALTER TABLE alerts ADD COLUMN class INTEGER NOT NULL DEFAULT 1;
UPDATE alerts SET class = CASE
    WHEN json_extract(body, '$.forecast') = 1 THEN 2
    WHEN json_extract(body, '$.severity') = 'critical' THEN 0
    ELSE 1 END WHERE json_valid(body);
DROP INDEX alerts_open_by_device;
CREATE INDEX alerts_open_by_device ON alerts (device, class, key) WHERE cleared IS NULL;
CREATE INDEX gaps_by_time ON gaps (device, recorded);

-- How each device stands now, as columns: by these a fleet is ordered, filtered, searched and counted. They are kept in
-- the transaction that changes what they say. What follows from the time alone (a device has gone away, a consent has
-- ended) is written when it is found.
CREATE TABLE states (
    device INTEGER PRIMARY KEY REFERENCES devices (key),
    name TEXT NOT NULL,             -- the device's id: devices that are equal otherwise are in its order
    worst INTEGER NOT NULL,         -- the worse, the smaller; 8 is retired, below 0 the row is to be worked out
    critical INTEGER NOT NULL,      -- open alerts by their class
    warnings INTEGER NOT NULL,
    forecasts INTEGER NOT NULL,
    service_calls INTEGER NOT NULL, -- open ones
    orders INTEGER NOT NULL,        -- open ones
    watches INTEGER NOT NULL,       -- what watches found and is not over, apart from that it is away
    overdue INTEGER NOT NULL,       -- whether it is away for so long that somebody should act
    away INTEGER NOT NULL,          -- 1 it is away, 2 it was never there
    identity INTEGER NOT NULL,      -- whether an operator has to decide about its identity
    clones INTEGER NOT NULL,        -- open signs that two machines use its identity
    decide_from INTEGER,            -- from when on, where that is to come
    damaged INTEGER NOT NULL,       -- whether some of what is stored about it cannot be read
    noisy INTEGER NOT NULL DEFAULT 0, -- whether it was refused lately because of a quota
    lowest INTEGER NOT NULL,        -- percent left of its lowest supply; 1000 where no level is known
    low INTEGER NOT NULL,           -- whether a supply is at or below its set value
    simulated INTEGER NOT NULL,
    last_contact INTEGER NOT NULL,  -- as it was flushed last; 0 for never
    customer INTEGER,
    site INTEGER,
    model TEXT NOT NULL,            -- empty where nothing is known; so with the next ones
    agent_version TEXT NOT NULL,
    place TEXT NOT NULL,
    serials TEXT NOT NULL,          -- of its supplies and parts, a line each
    search TEXT NOT NULL,           -- name, model, place and serials in small letters, a line each
    remote TEXT
) STRICT;
-- With the text that is searched, so that a search reads this alone.
CREATE INDEX states_by_worst ON states (worst, name, search);
CREATE UNIQUE INDEX states_by_name ON states (name);
CREATE INDEX states_by_lowest ON states (lowest, name);
CREATE INDEX states_by_model ON states (model, name);
CREATE INDEX states_by_place ON states (place, name);
CREATE INDEX states_by_agent_version ON states (agent_version, name);
CREATE INDEX states_noisy ON states (device) WHERE noisy = 1;
CREATE INDEX states_away ON states (worst, name) WHERE away > 0;
-- All that is counted of all devices, so that to count reads this alone.
CREATE INDEX states_counted ON states (worst, service_calls, orders, overdue, low, forecasts, away);
CREATE INDEX states_to_decide ON states (decide_from) WHERE decide_from IS NOT NULL;
INSERT INTO states SELECT key, id, -1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, NULL, 0, 0, 1000, 0, 0, coalesce(last_contact, 0), NULL, NULL,
    '', '', '', '', '', remote FROM devices;
-- What is written again with every contact stands in the small rows alone.
ALTER TABLE devices DROP COLUMN last_contact;
ALTER TABLE devices DROP COLUMN remote;
