-- Frozen: a released migration is never edited, the next one follows it.

-- How often a call was made while it was open, the first time included, and when that was last, if more than once.
ALTER TABLE service_calls ADD COLUMN presses INTEGER NOT NULL DEFAULT 1;
ALTER TABLE service_calls ADD COLUMN last_press INTEGER;

-- The name of the supply on its board: orders of one supply that are open together are one want, or several.
ALTER TABLE orders ADD COLUMN supply TEXT;
UPDATE orders SET supply = json_extract(body, '$.name') WHERE json_valid(body);
-- The person knew that the supply was ordered already.
ALTER TABLE orders ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
-- An operator said that it is wanted beside the earlier ones, or that it is the same want as one of them.
ALTER TABLE orders ADD COLUMN kept INTEGER;
ALTER TABLE orders ADD COLUMN kept_by TEXT;
ALTER TABLE orders ADD COLUMN merged_into INTEGER REFERENCES orders (key);
CREATE INDEX orders_open_by_supply ON orders (device, supply, key) WHERE closed IS NULL;
