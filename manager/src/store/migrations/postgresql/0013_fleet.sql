-- Frozen: a released migration is never edited, the next one follows it.

-- How bad an alert is: 0 it stops the printer, 1 it does not, 2 it may happen.
ALTER TABLE alerts ADD COLUMN class BIGINT NOT NULL DEFAULT 1;
DROP INDEX alerts_open_by_device;
CREATE INDEX alerts_open_by_device ON alerts (device, class, key) WHERE cleared IS NULL;
CREATE INDEX gaps_by_time ON gaps (device, recorded);

-- How each device stands now, as columns: by these a fleet is ordered, filtered, searched and counted. They are kept in
-- the transaction that changes what they say. What follows from the time alone (a device has gone away, a consent has
-- ended) is written when it is found. Contacts are written again and again: the rows leave room for that on their page,
-- and no index has them. Columns that are of one length and always there come first: what is asked for by no index reads
-- all rows, and finds only such columns at once.
CREATE TABLE states (
    device BIGINT PRIMARY KEY REFERENCES devices (key),
    last_contact BIGINT NOT NULL,    -- as it was flushed last; 0 for never
    worst INTEGER NOT NULL,          -- the worse, the smaller; 8 is retired, below 0 the row is to be worked out
    lowest INTEGER NOT NULL,         -- percent left of its lowest supply; 1000 where no level is known
    low INTEGER NOT NULL,            -- whether a supply is at or below its set value
    away INTEGER NOT NULL,           -- 1 it is away, 2 it was never there
    overdue INTEGER NOT NULL,        -- whether it is away for so long that somebody should act
    critical INTEGER NOT NULL,       -- open alerts by their class
    warnings INTEGER NOT NULL,
    forecasts INTEGER NOT NULL,
    service_calls INTEGER NOT NULL,  -- open ones
    orders INTEGER NOT NULL,         -- open ones
    watches INTEGER NOT NULL,        -- what watches found and is not over, apart from that it is away
    identity INTEGER NOT NULL,       -- whether an operator has to decide about its identity
    clones INTEGER NOT NULL,         -- open signs that two machines use its identity
    damaged INTEGER NOT NULL,        -- whether some of what is stored about it cannot be read
    noisy INTEGER NOT NULL DEFAULT 0, -- whether it was refused lately because of a quota
    simulated INTEGER NOT NULL,
    name TEXT COLLATE "C" NOT NULL,  -- the device's id: devices that are equal otherwise are in its order
    search TEXT COLLATE "C" NOT NULL, -- name, model, place and serials in small letters, a line each
    model TEXT COLLATE "C" NOT NULL, -- empty where nothing is known; so with the next ones
    agent_version TEXT COLLATE "C" NOT NULL,
    place TEXT COLLATE "C" NOT NULL,
    serials TEXT NOT NULL,           -- of its supplies and parts, a line each
    decide_from BIGINT,              -- from when on, where that is to come
    customer BIGINT,
    site BIGINT,
    remote TEXT
) WITH (fillfactor = 70);
CREATE INDEX states_by_worst ON states (worst, name);
CREATE UNIQUE INDEX states_by_name ON states (name);
CREATE INDEX states_by_lowest ON states (lowest, name);
CREATE INDEX states_by_model ON states (model, name);
CREATE INDEX states_by_place ON states (place, name);
CREATE INDEX states_by_agent_version ON states (agent_version, name);
CREATE INDEX states_noisy ON states (device) WHERE noisy = 1;
CREATE INDEX states_away ON states (worst, name) WHERE away > 0;
CREATE INDEX states_to_decide ON states (decide_from) WHERE decide_from IS NOT NULL;
INSERT INTO states (device, name, worst, critical, warnings, forecasts, service_calls, orders, watches, overdue, away,
        identity, clones, damaged, noisy, lowest, low, simulated, last_contact, model, agent_version, place, serials, search,
        remote)
    SELECT key, id, -1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1000, 0, 0, coalesce(last_contact, 0), '', '', '', '', '', remote
    FROM devices;
ALTER TABLE devices DROP COLUMN last_contact;
ALTER TABLE devices DROP COLUMN remote;

-- A search finds any part of a text by the three letters of which it consists. The extension is one of PostgreSQL's own
-- (Debian has it in the server's package) and may be created by the database's owner. Where it is not allowed or not
-- there, a search reads all rows, and finds the same.
DO $search$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX states_by_search ON states USING gin (search gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
    RAISE NOTICE 'pg_trgm is not available: a search reads all rows';
END
$search$;
