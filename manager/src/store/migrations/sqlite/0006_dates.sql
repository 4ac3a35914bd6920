-- Frozen: a released migration is never edited, the next one follows it.

-- When a report was taken, as well as the manager can tell, and how it knows.
ALTER TABLE reports ADD COLUMN dated INTEGER;
ALTER TABLE reports ADD COLUMN dated_by TEXT;
ALTER TABLE alerts ADD COLUMN raised_dated INTEGER;
ALTER TABLE alerts ADD COLUMN raised_by TEXT;
ALTER TABLE alerts ADD COLUMN cleared_dated INTEGER;
ALTER TABLE alerts ADD COLUMN cleared_by TEXT;

-- When a boot of a device began, by the manager's clock: what it reports later, after another boot, is
-- dated by that.
CREATE TABLE boots (
    device INTEGER NOT NULL REFERENCES devices (key),
    boot TEXT NOT NULL,
    began INTEGER NOT NULL,
    learnt INTEGER NOT NULL,
    PRIMARY KEY (device, boot)
) STRICT, WITHOUT ROWID;
