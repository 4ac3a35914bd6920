-- Frozen: a released migration is never edited, the next one follows it.

-- An order is proposed, asked for, approved, shipped, delivered or cancelled; not every one comes from a device. Which words
-- are allowed to stand there is the program's to know: a table is copied for each change of such a check.
CREATE TABLE orders_2 (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    id TEXT,                -- the device's; none as long as nobody has asked for it there
    report INTEGER UNIQUE REFERENCES reports (key),     -- in which somebody did
    received INTEGER NOT NULL,
    simulated INTEGER NOT NULL,
    body TEXT NOT NULL,     -- the supply as it was read then, as JSON
    quantity INTEGER NOT NULL,
    note TEXT,
    entered_by TEXT NOT NULL,       -- button, command, set_value, forecast or operator
    state TEXT NOT NULL,
    changed INTEGER,
    changed_by TEXT,
    closed INTEGER,         -- when, if it was delivered or cancelled
    supply TEXT,            -- its name on the board
    again INTEGER NOT NULL DEFAULT 0,
    kept INTEGER,
    kept_by TEXT,
    merged_into INTEGER REFERENCES orders_2 (key),
    version INTEGER NOT NULL DEFAULT 1,     -- rises with everything that is done to it
    alert TEXT,             -- the device's name of the alert that speaks for a proposal
    part_number TEXT,       -- what is to be sent
    reason TEXT,            -- why it was cancelled
    carrier TEXT,
    tracking TEXT,          -- the carrier's number of it
    fitted INTEGER NOT NULL DEFAULT 0,      -- pieces of it that were found in the machine
    fitted_at INTEGER,      -- when the first was
    fitted_serial TEXT,     -- which
    price INTEGER,          -- of a piece when it was approved, in the smallest unit of the currency
    currency TEXT,
    taken INTEGER NOT NULL DEFAULT 0,       -- pieces that a shelf gave for it
    taken_from INTEGER,     -- which place on a shelf
    UNIQUE (device, id)
) STRICT;
INSERT INTO orders_2 (key, device, id, report, received, simulated, body, quantity, note, entered_by, state, changed,
    changed_by, closed, supply, again, kept, kept_by, merged_into)
    SELECT key, device, id, report, received, simulated, body, quantity, note, entered_by,
        CASE state WHEN 'new' THEN 'asked' WHEN 'ordered' THEN 'approved' ELSE state END,
        changed, changed_by, closed, supply, again, kept, kept_by, merged_into FROM orders ORDER BY key;
DROP TABLE orders;
ALTER TABLE orders_2 RENAME TO orders;
CREATE INDEX orders_open ON orders (closed) WHERE closed IS NULL;
CREATE INDEX orders_open_by_device ON orders (device) WHERE closed IS NULL;
CREATE INDEX orders_by_device ON orders (device, key);
CREATE INDEX orders_open_by_supply ON orders (device, supply, key) WHERE closed IS NULL;
CREATE INDEX orders_of_supply ON orders (device, supply, closed);

-- Who did what with an order.
CREATE TABLE order_acts (
    key INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (key),
    of_order INTEGER NOT NULL,
    at INTEGER NOT NULL,
    who TEXT,               -- the operator; none: the device, or the manager itself
    what TEXT NOT NULL,     -- a word
    words TEXT
) STRICT;
CREATE INDEX order_acts_by_order ON order_acts (of_order, key);
CREATE INDEX order_acts_by_device ON order_acts (device, key);
INSERT INTO order_acts (device, of_order, at, who, what) SELECT device, key, received, NULL, 'asked' FROM orders;
INSERT INTO order_acts (device, of_order, at, who, what)
    SELECT device, key, changed, changed_by, state FROM orders WHERE changed IS NOT NULL AND state <> 'asked';

-- Which machines a cartridge was in, by its serial number, and until when that is known.
CREATE TABLE cartridges (
    serial TEXT NOT NULL,
    device INTEGER NOT NULL REFERENCES devices (key),
    last INTEGER NOT NULL,
    PRIMARY KEY (serial, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX cartridges_by_device ON cartridges (device);
CREATE INDEX cartridges_by_age ON cartridges (last);
-- The machine in which what was fitted was before.
ALTER TABLE replacements ADD COLUMN came_from INTEGER;

-- Whether orders are proposed: on, set_value, off; none: as for everybody.
ALTER TABLE customers ADD COLUMN proposes TEXT;
CREATE TABLE order_rule (
    key INTEGER PRIMARY KEY CHECK (key = 1),
    proposes TEXT NOT NULL
) STRICT;

-- What can be ordered.
CREATE TABLE parts (
    key INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    price INTEGER,          -- of a piece, in the smallest unit of the currency
    currency TEXT,
    yields INTEGER,         -- pages
    version INTEGER NOT NULL DEFAULT 1
) STRICT;

-- What lies where: at a site, or at the service centre (no site).
CREATE TABLE stock (
    key INTEGER PRIMARY KEY,
    part INTEGER NOT NULL REFERENCES parts (key),
    site INTEGER REFERENCES sites (key),
    pieces INTEGER NOT NULL,
    reorder_at INTEGER NOT NULL DEFAULT 0,      -- fewer are too few
    version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX stock_by_part ON stock (part, coalesce(site, 0));
CREATE INDEX stock_by_site ON stock (site) WHERE site IS NOT NULL;

-- Who took or put what.
CREATE TABLE stock_moves (
    key INTEGER PRIMARY KEY,
    stock INTEGER NOT NULL,
    at INTEGER NOT NULL,
    who TEXT,
    more INTEGER NOT NULL,          -- fewer, below 0
    pieces INTEGER NOT NULL,        -- that lay there then
    of_order INTEGER,
    words TEXT
) STRICT;
CREATE INDEX stock_moves_by_stock ON stock_moves (stock, key);
