-- Frozen: a released migration is never edited, the next one follows it.
-- What the tables mean is said in SQLite's.

ALTER TABLE reports ADD COLUMN within BIGINT;
CREATE INDEX reports_kept ON reports (device, key) WHERE kind <> 'readings' AND kind <> 'utilisation';

-- Partitions are made ahead, and dropped whole. What is older than the first of them, because a device was away when it was
-- taken, goes into the last one.
CREATE TABLE history_raw (
    device BIGINT NOT NULL,
    start BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (device, start)
) PARTITION BY RANGE (start);
CREATE TABLE history_hours (
    device BIGINT NOT NULL,
    start BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (device, start)
) PARTITION BY RANGE (start);
CREATE TABLE history_days (
    device BIGINT NOT NULL,
    start BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (device, start)
) PARTITION BY RANGE (start);
CREATE TABLE history_raw_late PARTITION OF history_raw DEFAULT;
CREATE INDEX history_raw_late_by_start ON history_raw_late (start);
CREATE TABLE history_hours_late PARTITION OF history_hours DEFAULT;
CREATE INDEX history_hours_late_by_start ON history_hours_late (start);
CREATE TABLE history_days_late PARTITION OF history_days DEFAULT;
CREATE INDEX history_days_late_by_start ON history_days_late (start);

CREATE TABLE history_marks (
    epoch BIGINT PRIMARY KEY,
    sealed BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    top BIGINT,
    at BIGINT
);

CREATE TABLE retention_marks (
    name TEXT PRIMARY KEY,
    key BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE device_usage (
    device BIGINT PRIMARY KEY REFERENCES devices (key),
    full_at BIGINT NOT NULL,
    reserve_full_at BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    noisy TEXT,
    noisy_since BIGINT,
    noisy_last BIGINT,
    refused BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX device_usage_noisy ON device_usage (noisy_last) WHERE noisy_last IS NOT NULL;

CREATE INDEX alerts_by_end ON alerts (cleared) WHERE cleared IS NOT NULL;
CREATE INDEX service_calls_by_end ON service_calls (handled) WHERE handled IS NOT NULL;
CREATE INDEX orders_by_end ON orders (closed) WHERE closed IS NOT NULL;
CREATE INDEX orders_merged ON orders (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX commands_by_end ON commands (finished) WHERE finished IS NOT NULL;
CREATE INDEX watches_by_end ON watches (ended) WHERE ended IS NOT NULL;
CREATE INDEX clones_by_end ON clones (dismissed) WHERE dismissed IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (expires);
CREATE INDEX enrolment_tokens_by_end ON enrolment_tokens ((coalesce(used, expires)));
