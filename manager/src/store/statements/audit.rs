//! Statements of the audit log, by name.

macro_rules! entries {
    ($rest:literal) => {
        concat!(
            "SELECT number, at, operator, credential, address, act, about, outcome, was, became, hash FROM audit ",
            $rest
        )
    };
}

pub(in crate::store) const BEGIN_CHAIN: &str = "INSERT INTO audit_chain (key, number, hash, cut_number, cut_hash) \
     VALUES (1, 0, '', 0, '') ON CONFLICT DO NOTHING";
pub(in crate::store) const CHAIN: &str =
    "SELECT number, hash, cut_number, cut_hash FROM audit_chain WHERE key = 1";
/// Until the end of the transaction no other manager adds to it.
pub(in crate::store) const HOLD_CHAIN: &str =
    "SELECT number, hash, cut_number, cut_hash FROM audit_chain WHERE key = 1 FOR UPDATE";
pub(in crate::store) const ADD: &str = "INSERT INTO audit \
     (number, at, operator, credential, address, act, about, outcome, was, became, hash) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
pub(in crate::store) const SET_END: &str = "UPDATE audit_chain SET number = ?1, hash = ?2 WHERE key = 1";
/// Back in time.
pub(in crate::store) const LIST: &str = entries!(
    "WHERE number < ?1 AND (CAST(?2 AS TEXT) IS NULL OR operator = ?2) AND at >= ?3 AND at < ?4 \
     AND (CAST(?5 AS BIGINT) = 0 OR outcome <> 'done') ORDER BY number DESC LIMIT ?6"
);
/// In the order of the chain.
pub(in crate::store) const AFTER: &str = entries!("WHERE number > ?1 ORDER BY number LIMIT ?2");
/// The last of the oldest that may go: the chain is cut behind it, whatever the clock said for those before.
pub(in crate::store) const OLD: &str = "SELECT number, hash FROM (SELECT number, at, hash FROM audit ORDER BY number LIMIT ?2) oldest \
     WHERE at < ?1 AND number < (SELECT max(number) FROM audit) ORDER BY number DESC LIMIT 1";
pub(in crate::store) const CUT: &str = "DELETE FROM audit WHERE number <= ?1";
pub(in crate::store) const SET_CUT: &str =
    "UPDATE audit_chain SET cut_number = ?1, cut_hash = ?2 WHERE key = 1";

// What records were, before they are changed.
pub(in crate::store) const CUSTOMER: &str = "SELECT name, note FROM customers WHERE key = ?1";
pub(in crate::store) const SITE: &str = "SELECT customer, name, address, time_zone FROM sites WHERE key = ?1";

/// Those of both engines.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("BEGIN_CHAIN", BEGIN_CHAIN),
    ("CHAIN", CHAIN),
    ("ADD", ADD),
    ("SET_END", SET_END),
    ("LIST", LIST),
    ("AFTER", AFTER),
    ("OLD", OLD),
    ("CUT", CUT),
    ("SET_CUT", SET_CUT),
    ("CUSTOMER", CUSTOMER),
    ("SITE", SITE),
];
/// Those of PostgreSQL alone.
pub(in crate::store) const ALL_POSTGRES: &[(&str, &str)] = &[("HOLD_CHAIN", HOLD_CHAIN)];
