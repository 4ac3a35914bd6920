-- Frozen: a released migration is never edited, the next one follows it.

-- What an operator may do. Those of before may do what they could: everything.
ALTER TABLE operators ADD COLUMN role TEXT NOT NULL DEFAULT 'administrator';
ALTER TABLE operators ADD COLUMN limited INTEGER NOT NULL DEFAULT 0; -- whether to the customers and sites below

CREATE TABLE operator_customers (
    operator TEXT NOT NULL REFERENCES operators (name),
    customer INTEGER NOT NULL REFERENCES customers (key),
    PRIMARY KEY (operator, customer)
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_customers_by_customer ON operator_customers (customer);

CREATE TABLE operator_sites (
    operator TEXT NOT NULL REFERENCES operators (name),
    site INTEGER NOT NULL REFERENCES sites (key),
    PRIMARY KEY (operator, site)
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_sites_by_site ON operator_sites (site);

-- Counts what was changed of operators, their sessions and tokens, so that open streams of all managers see that they are
-- to look who is still let in.
CREATE TABLE people_changes (
    key INTEGER PRIMARY KEY,        -- always 1
    count INTEGER NOT NULL
) STRICT;
