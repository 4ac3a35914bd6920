-- Frozen: a released migration is never edited, the next one follows it.

-- Written and never read: the name stands in the order's supply, and when an epoch began nobody asked.
ALTER TABLE orders DROP COLUMN supply;
ALTER TABLE epochs DROP COLUMN begun;
