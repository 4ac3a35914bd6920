-- Frozen: a released migration is never edited, the next one follows it.

-- Of a session: when it was used last, and from where, so that its operator knows it again.
ALTER TABLE sessions ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';
UPDATE sessions SET used = created;
CREATE INDEX sessions_by_operator ON sessions (operator);

-- Of a bearer token: what it is for, what it may do at most, until when, and when it was used last.
ALTER TABLE operator_tokens ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE operator_tokens ADD COLUMN role TEXT;       -- none: its operator's
ALTER TABLE operator_tokens ADD COLUMN expires INTEGER; -- none: it has no end
ALTER TABLE operator_tokens ADD COLUMN used INTEGER;
CREATE INDEX operator_tokens_by_operator ON operator_tokens (operator);
