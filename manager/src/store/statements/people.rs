//! Statements about operators, and by what they are let in.

// Operators.
macro_rules! operators {
    ($condition:literal) => {
        concat!("SELECT name, role, limited, created FROM operators WHERE ", $condition)
    };
}
pub(in crate::store) const OPERATOR: &str = operators!("name = ?1");
pub(in crate::store) const OPERATORS: &str = operators!("name > ?1 ORDER BY name LIMIT ?2");
pub(in crate::store) const ADD_OPERATOR: &str =
    "INSERT INTO operators (name, password, created, role, limited) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(in crate::store) const SET_OPERATOR: &str =
    "UPDATE operators SET role = ?2, limited = ?3 WHERE name = ?1";
pub(in crate::store) const REMOVE_OPERATOR: &str = "DELETE FROM operators WHERE name = ?1";
pub(in crate::store) const ADMINISTRATORS: &str = "SELECT name FROM operators WHERE role = ?1 ORDER BY name";
pub(in crate::store) const HOLD_ADMINISTRATORS: &str =
    "SELECT name FROM operators WHERE role = ?1 ORDER BY name FOR UPDATE";
pub(in crate::store) const PASSWORD: &str = "SELECT password FROM operators WHERE name = ?1";
pub(in crate::store) const SET_PASSWORD: &str = "UPDATE operators SET password = ?2 WHERE name = ?1";

// What they are limited to.
pub(in crate::store) const CUSTOMERS_OF: &str = "SELECT customer FROM operator_customers WHERE operator = ?1";
pub(in crate::store) const SITES_OF: &str = "SELECT site FROM operator_sites WHERE operator = ?1";
pub(in crate::store) const CUSTOMERS_BETWEEN: &str = "SELECT o.operator, c.key, c.name, NULL FROM operator_customers o JOIN customers c ON c.key = o.customer \
     WHERE o.operator >= ?1 AND o.operator <= ?2 ORDER BY o.operator, c.name, c.key";
pub(in crate::store) const SITES_BETWEEN: &str = "SELECT o.operator, s.key, s.name, c.name FROM operator_sites o JOIN sites s ON s.key = o.site \
     JOIN customers c ON c.key = s.customer \
     WHERE o.operator >= ?1 AND o.operator <= ?2 ORDER BY o.operator, c.name, s.name, s.key";
pub(in crate::store) const ADD_CUSTOMER_OF: &str =
    "INSERT INTO operator_customers (operator, customer) VALUES (?1, ?2)";
pub(in crate::store) const ADD_SITE_OF: &str = "INSERT INTO operator_sites (operator, site) VALUES (?1, ?2)";
pub(in crate::store) const REMOVE_CUSTOMERS_OF: &str = "DELETE FROM operator_customers WHERE operator = ?1";
pub(in crate::store) const REMOVE_SITES_OF: &str = "DELETE FROM operator_sites WHERE operator = ?1";
/// Who was limited to it stays limited, if to nothing.
pub(in crate::store) const FORGET_CUSTOMER: &str = "DELETE FROM operator_customers WHERE customer = ?1";
pub(in crate::store) const FORGET_SITE: &str = "DELETE FROM operator_sites WHERE site = ?1";
pub(in crate::store) const CUSTOMER_EXISTS: &str = "SELECT 1 FROM customers WHERE key = ?1";
pub(in crate::store) const SITE_EXISTS: &str = "SELECT 1 FROM sites WHERE key = ?1";

// Tokens.
macro_rules! tokens {
    ($rest:literal) => {
        concat!("SELECT hash, operator, name, role, created, expires, used FROM operator_tokens ", $rest)
    };
}
pub(in crate::store) const ADD_OPERATOR_TOKEN: &str = "INSERT INTO operator_tokens \
     (hash, operator, created, name, role, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
pub(in crate::store) const COUNT_TOKENS_OF: &str = "SELECT count(*) FROM operator_tokens WHERE operator = ?1";
pub(in crate::store) const OPERATOR_TOKENS: &str = tokens!("ORDER BY operator, created, hash LIMIT ?1");
pub(in crate::store) const TOKENS_OF: &str = tokens!("WHERE operator = ?1 ORDER BY created, hash");
macro_rules! let_in {
    ($columns:literal, $or:literal, $from:literal) => {
        concat!(
            "SELECT o.name, o.role, o.limited, ",
            $columns,
            ", ",
            $or,
            "EXISTS (SELECT 1 FROM second_factors f WHERE f.operator = o.name AND f.confirmed IS NOT NULL) FROM ",
            $from
        )
    };
}
pub(in crate::store) const OPERATOR_OF_TOKEN: &str = let_in!(
    "t.role, t.expires, CAST(NULL AS BIGINT)",
    "",
    "operator_tokens t JOIN operators o ON o.name = t.operator WHERE t.hash = ?1"
);
pub(in crate::store) const REVOKE_TOKEN: &str = "DELETE FROM operator_tokens \
     WHERE substr(hash, 1, 16) = ?1 AND (CAST(?2 AS TEXT) IS NULL OR operator = ?2) RETURNING hash, operator";
pub(in crate::store) const REVOKE_TOKEN_HASH: &str = "DELETE FROM operator_tokens WHERE hash = ?1";
pub(in crate::store) const REVOKE_TOKENS_OF: &str =
    "DELETE FROM operator_tokens WHERE operator = ?1 RETURNING hash";
pub(in crate::store) const REMOVE_TOKENS_OF: &str = "DELETE FROM operator_tokens WHERE operator = ?1";
pub(in crate::store) const TOKEN_USED: &str =
    "UPDATE operator_tokens SET used = ?2 WHERE hash = ?1 AND (used IS NULL OR used < ?2)";

// Sessions.
pub(in crate::store) const ADD_SESSION: &str = "INSERT INTO sessions \
     (hash, operator, created, expires, used, address, browser, by_provider) VALUES (?1, ?2, ?3, ?4, ?3, ?5, ?6, ?7)";
pub(in crate::store) const OPERATOR_OF_SESSION: &str = let_in!(
    "CAST(NULL AS TEXT), s.expires, s.used",
    "s.by_provider <> 0 OR ",
    "sessions s JOIN operators o ON o.name = s.operator WHERE s.hash = ?1"
);
pub(in crate::store) const SESSIONS_OF: &str = "SELECT hash, operator, created, expires, used, address, browser \
     FROM sessions WHERE operator = ?1 ORDER BY used DESC, hash";
pub(in crate::store) const SESSION_USED: &str = "UPDATE sessions SET used = ?2 WHERE hash = ?1 AND used < ?2";
pub(in crate::store) const END_SESSION: &str = "DELETE FROM sessions WHERE hash = ?1";
pub(in crate::store) const END_SESSION_BY: &str = "DELETE FROM sessions \
     WHERE substr(hash, 1, 16) = ?1 AND (CAST(?2 AS TEXT) IS NULL OR operator = ?2)";
pub(in crate::store) const END_SESSIONS_OF: &str = "DELETE FROM sessions WHERE operator = ?1";
pub(in crate::store) const END_OTHER_SESSIONS_OF: &str =
    "DELETE FROM sessions WHERE operator = ?1 AND hash <> ?2";
pub(in crate::store) const DROP_OLD_SESSIONS: &str = "DELETE FROM sessions WHERE expires <= ?1 OR used <= ?2";
pub(in crate::store) const DROP_SESSIONS_ABOVE: &str = "DELETE FROM sessions WHERE operator = ?1 AND hash NOT IN \
     (SELECT hash FROM sessions WHERE operator = ?1 ORDER BY used DESC, hash LIMIT ?2)";

// That something of all this has changed.
pub(in crate::store) const NOTE_CHANGE: &str = "INSERT INTO people_changes (key, count) VALUES (1, 1) \
     ON CONFLICT (key) DO UPDATE SET count = people_changes.count + 1";
pub(in crate::store) const CHANGES: &str = "SELECT count FROM people_changes WHERE key = 1";

/// Those of PostgreSQL alone.
pub(in crate::store) const ALL_POSTGRES: &[(&str, &str)] = &[("HOLD_ADMINISTRATORS", HOLD_ADMINISTRATORS)];

/// Every statement that stands as it is.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("OPERATOR", OPERATOR),
    ("OPERATORS", OPERATORS),
    ("ADD_OPERATOR", ADD_OPERATOR),
    ("SET_OPERATOR", SET_OPERATOR),
    ("REMOVE_OPERATOR", REMOVE_OPERATOR),
    ("ADMINISTRATORS", ADMINISTRATORS),
    ("PASSWORD", PASSWORD),
    ("SET_PASSWORD", SET_PASSWORD),
    ("CUSTOMERS_OF", CUSTOMERS_OF),
    ("SITES_OF", SITES_OF),
    ("CUSTOMERS_BETWEEN", CUSTOMERS_BETWEEN),
    ("SITES_BETWEEN", SITES_BETWEEN),
    ("ADD_CUSTOMER_OF", ADD_CUSTOMER_OF),
    ("ADD_SITE_OF", ADD_SITE_OF),
    ("REMOVE_CUSTOMERS_OF", REMOVE_CUSTOMERS_OF),
    ("REMOVE_SITES_OF", REMOVE_SITES_OF),
    ("FORGET_CUSTOMER", FORGET_CUSTOMER),
    ("FORGET_SITE", FORGET_SITE),
    ("CUSTOMER_EXISTS", CUSTOMER_EXISTS),
    ("SITE_EXISTS", SITE_EXISTS),
    ("ADD_OPERATOR_TOKEN", ADD_OPERATOR_TOKEN),
    ("COUNT_TOKENS_OF", COUNT_TOKENS_OF),
    ("OPERATOR_TOKENS", OPERATOR_TOKENS),
    ("TOKENS_OF", TOKENS_OF),
    ("OPERATOR_OF_TOKEN", OPERATOR_OF_TOKEN),
    ("REVOKE_TOKEN", REVOKE_TOKEN),
    ("REVOKE_TOKEN_HASH", REVOKE_TOKEN_HASH),
    ("REVOKE_TOKENS_OF", REVOKE_TOKENS_OF),
    ("REMOVE_TOKENS_OF", REMOVE_TOKENS_OF),
    ("TOKEN_USED", TOKEN_USED),
    ("ADD_SESSION", ADD_SESSION),
    ("OPERATOR_OF_SESSION", OPERATOR_OF_SESSION),
    ("SESSIONS_OF", SESSIONS_OF),
    ("SESSION_USED", SESSION_USED),
    ("END_SESSION", END_SESSION),
    ("END_SESSION_BY", END_SESSION_BY),
    ("END_SESSIONS_OF", END_SESSIONS_OF),
    ("END_OTHER_SESSIONS_OF", END_OTHER_SESSIONS_OF),
    ("DROP_OLD_SESSIONS", DROP_OLD_SESSIONS),
    ("DROP_SESSIONS_ABOVE", DROP_SESSIONS_ABOVE),
    ("NOTE_CHANGE", NOTE_CHANGE),
    ("CHANGES", CHANGES),
];
