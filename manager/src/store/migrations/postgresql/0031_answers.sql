-- Frozen: a released migration is never edited, the next one follows it.

-- What programs asked for under a key of their own, so that it is done once, however often it is asked for; and the answer.
CREATE TABLE answers (
    operator TEXT NOT NULL,
    key TEXT NOT NULL,
    asked TEXT NOT NULL,            -- SHA-256 of the request
    begun BIGINT NOT NULL,
    status BIGINT,                 -- none while it is under way
    headers TEXT,                   -- JSON: names and values
    body TEXT,
    PRIMARY KEY (operator, key)
);
CREATE INDEX answers_by_time ON answers (begun);
