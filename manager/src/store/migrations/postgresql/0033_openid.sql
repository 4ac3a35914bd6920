-- Frozen: a released migration is never edited, the next one follows it.

-- Whether a provider of OpenID Connect said whose session it is: then a second factor was for that one to ask for.
ALTER TABLE sessions ADD COLUMN by_provider BIGINT NOT NULL DEFAULT 0;
