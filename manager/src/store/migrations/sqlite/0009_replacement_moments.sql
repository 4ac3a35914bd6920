-- Frozen: a released migration is never edited, the next one follows it.

-- What was replaced, and when by the device's own clock: a repeat of that is the same replacement.
ALTER TABLE replacements ADD COLUMN origin TEXT;
CREATE UNIQUE INDEX replacements_by_origin ON replacements (device, origin);
