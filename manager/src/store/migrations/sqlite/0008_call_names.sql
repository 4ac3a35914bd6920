-- Frozen: a released migration is never edited, the next one follows it.

-- The device's name for a service call, by which a repeat of it is known; a first version of the agent gave none.
ALTER TABLE service_calls ADD COLUMN id TEXT;
CREATE UNIQUE INDEX service_calls_by_name ON service_calls (device, id);
