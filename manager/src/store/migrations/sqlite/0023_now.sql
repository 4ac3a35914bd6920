-- Frozen: a released migration is never edited, the next one follows it.

-- What needs a person. An item stands for something that is open at a device (an alert, a service call, an order, what a watch
-- found, a doubt about its identity), as long as that is open; it is made and ended in the transaction in which that changes.
-- What many devices have of one cause is an item of its own, and theirs are below it.
CREATE TABLE now_items (
    key INTEGER PRIMARY KEY,
    device INTEGER REFERENCES devices (key),    -- none: of many devices
    kind TEXT NOT NULL,             -- alert, service_call, order, silent, watch, clone, identity or site_silent
    origin INTEGER NOT NULL,        -- the key of what is open; of an identity the device's, of many devices the first item below it
    cause INTEGER,                  -- the item of which it is a part
    urgency INTEGER NOT NULL,       -- the more urgent, the smaller
    since INTEGER NOT NULL,         -- since when it is so
    training TEXT NOT NULL,         -- who can fix it, in the Printer MIB's words
    customer INTEGER,               -- as the device's row has them: by these it is filtered, and found within a scope
    site INTEGER,
    remote TEXT,                    -- of a device that is silent: from where it was heard last
    begun INTEGER NOT NULL,         -- when it came into the list
    ended INTEGER,
    shelf INTEGER NOT NULL,         -- 0 it waits for somebody, 1 somebody has taken it, 2 it sleeps, 3 a person closed it
    taken_by TEXT,
    taken INTEGER,
    until INTEGER,                  -- when it wakes
    version INTEGER NOT NULL        -- rises with everything that is done to it
) STRICT;
-- All that it is filtered, ordered and counted by, so that to list and to count reads this alone.
CREATE INDEX now_items_listed ON now_items (shelf, urgency, since, key, customer, site, training, taken_by, cause, ended)
    WHERE ended IS NULL AND cause IS NULL;
CREATE INDEX now_items_of_customer ON now_items (customer, shelf, urgency, since, key, site, training, taken_by, cause, ended)
    WHERE ended IS NULL AND cause IS NULL;
CREATE UNIQUE INDEX now_items_by_origin ON now_items (kind, origin) WHERE ended IS NULL;
CREATE INDEX now_items_by_device ON now_items (device, key) WHERE device IS NOT NULL;
CREATE INDEX now_items_by_site ON now_items (site) WHERE site IS NOT NULL;
CREATE INDEX now_items_below ON now_items (cause, since, key) WHERE cause IS NOT NULL;
CREATE INDEX now_items_asleep ON now_items (until) WHERE shelf = 2 AND ended IS NULL;
-- Silent devices that may have a cause in common, in the order in which they fell silent.
CREATE INDEX now_items_silent ON now_items (site, remote, since, key, customer, kind, ended, cause, shelf, version)
    WHERE kind = 'silent' AND ended IS NULL AND cause IS NULL AND shelf = 0 AND version = 1
    AND site IS NOT NULL AND remote IS NOT NULL;
CREATE INDEX now_items_of_many ON now_items (key) WHERE kind = 'site_silent' AND ended IS NULL;
CREATE INDEX now_items_ended ON now_items (ended) WHERE ended IS NOT NULL;

-- Who did what with an item.
CREATE TABLE now_acts (
    key INTEGER PRIMARY KEY,
    item INTEGER NOT NULL REFERENCES now_items (key),
    device INTEGER REFERENCES devices (key),
    at INTEGER NOT NULL,
    who TEXT,                       -- none: the manager itself
    what TEXT NOT NULL,             -- a word
    until INTEGER,                  -- of one that was put to sleep
    words TEXT                      -- what the person wrote
) STRICT;
CREATE INDEX now_acts_by_item ON now_acts (item, key);
CREATE INDEX now_acts_by_device ON now_acts (device, key) WHERE device IS NOT NULL;

-- What is open already: each device is looked at once.
UPDATE states SET worst = -1;
