-- Frozen: a released migration is never edited, the next one follows it.

-- What an operator has beside the password. The secret is needed as it is: a code is worked out from it.
CREATE TABLE second_factors (
    operator TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    begun BIGINT NOT NULL,
    confirmed BIGINT,                     -- none: no code of it was shown yet
    step BIGINT NOT NULL DEFAULT 0,       -- of the last code that was taken: none is taken twice
    wrong BIGINT NOT NULL DEFAULT 0       -- wrong codes in a row
);

-- What is good once in place of a code: a hash.
CREATE TABLE recovery_codes (
    operator TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (operator, hash)
);

-- Whose password was right and who has yet to show a code: a hash of what the page holds.
CREATE TABLE half_sign_ins (
    hash TEXT PRIMARY KEY,
    operator TEXT NOT NULL,
    expires BIGINT NOT NULL
);
