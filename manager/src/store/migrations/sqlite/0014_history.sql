-- Frozen: a released migration is never edited, the next one follows it.

-- Within how many seconds the device said that it would report again: what is later than that is a gap in its history.
ALTER TABLE reports ADD COLUMN within INTEGER;
-- Reports that come at an interval are let go of first, and with them the chain of an epoch ends; the others are few,
-- and found by this. What comes at an interval costs it nothing.
CREATE INDEX reports_kept ON reports (device, key) WHERE kind <> 'readings' AND kind <> 'utilisation';

-- Levels, lives, counters and temperatures. A report is its own record of them until a job gathers those of each device
-- in blocks: of a day as they were reported and by the hour, and of 32 days by the day. So a report costs nothing
-- here, and a block of a device is written a few times a day however often it reports.
CREATE TABLE history_raw (
    device INTEGER NOT NULL REFERENCES devices (key),
    start INTEGER NOT NULL, -- when the block begins
    body TEXT NOT NULL,     -- the values as JSON
    PRIMARY KEY (device, start)
) STRICT;
CREATE INDEX history_raw_by_start ON history_raw (start);

CREATE TABLE history_hours (
    device INTEGER NOT NULL REFERENCES devices (key),
    start INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (device, start)
) STRICT;
CREATE INDEX history_hours_by_start ON history_hours (start);

CREATE TABLE history_days (
    device INTEGER NOT NULL REFERENCES devices (key),
    start INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (device, start)
) STRICT;
CREATE INDEX history_days_by_start ON history_days (start);

-- How far the reports of an epoch are in those blocks. While more than is done at once is to be done, `top` is where
-- that will have ended, and `at` where it goes on: from the newest report back.
CREATE TABLE history_marks (
    epoch INTEGER PRIMARY KEY REFERENCES epochs (key),
    sealed INTEGER NOT NULL,
    counted INTEGER NOT NULL, -- what was acknowledged then: what is more is to be gathered
    top INTEGER,
    at INTEGER
) STRICT;

-- How far the jobs are that gather and let go of what is old: keys of rows, and when.
CREATE TABLE retention_marks (
    name TEXT PRIMARY KEY,
    key INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a device has used of its quotas, written from time to time.
CREATE TABLE device_usage (
    device INTEGER PRIMARY KEY REFERENCES devices (key),
    full_at INTEGER NOT NULL,
    reserve_full_at INTEGER NOT NULL,
    kept INTEGER NOT NULL,  -- bytes of its reports
    noisy TEXT,             -- the quota for which it was last refused
    noisy_since INTEGER,
    noisy_last INTEGER,
    refused INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX device_usage_noisy ON device_usage (noisy_last) WHERE noisy_last IS NOT NULL;

-- By these, what was closed long ago is found.
CREATE INDEX alerts_by_end ON alerts (cleared) WHERE cleared IS NOT NULL;
CREATE INDEX service_calls_by_end ON service_calls (handled) WHERE handled IS NOT NULL;
CREATE INDEX orders_by_end ON orders (closed) WHERE closed IS NOT NULL;
CREATE INDEX orders_merged ON orders (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX commands_by_end ON commands (finished) WHERE finished IS NOT NULL;
CREATE INDEX watches_by_end ON watches (ended) WHERE ended IS NOT NULL;
CREATE INDEX clones_by_end ON clones (dismissed) WHERE dismissed IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (expires);
CREATE INDEX enrolment_tokens_by_end ON enrolment_tokens ((coalesce(used, expires)));
