//! Statements of second factors, by name.

pub(in crate::store) const BEGIN: &str = "INSERT INTO second_factors (operator, secret, begun) VALUES (?1, ?2, ?3) \
     ON CONFLICT (operator) DO UPDATE SET secret = excluded.secret, begun = excluded.begun, step = 0, wrong = 0 \
     WHERE second_factors.confirmed IS NULL";
pub(in crate::store) const GET: &str =
    "SELECT secret, confirmed, wrong FROM second_factors WHERE operator = ?1";
pub(in crate::store) const CONFIRM: &str = "UPDATE second_factors SET confirmed = ?2, step = ?3, wrong = 0 \
     WHERE operator = ?1 AND confirmed IS NULL";
pub(in crate::store) const TAKE: &str = "UPDATE second_factors SET step = ?2, wrong = 0 \
     WHERE operator = ?1 AND confirmed IS NOT NULL AND step < ?2 AND wrong < ?3";
pub(in crate::store) const WRONG: &str = "UPDATE second_factors SET wrong = wrong + 1 WHERE operator = ?1";
pub(in crate::store) const RIGHT: &str = "UPDATE second_factors SET wrong = 0 WHERE operator = ?1";
pub(in crate::store) const REMOVE: &str = "DELETE FROM second_factors WHERE operator = ?1";
pub(in crate::store) const ADD_CODE: &str = "INSERT INTO recovery_codes (operator, hash) VALUES (?1, ?2)";
pub(in crate::store) const USE_CODE: &str = "DELETE FROM recovery_codes WHERE operator = ?1 AND hash = ?2";
pub(in crate::store) const COUNT_CODES: &str = "SELECT count(*) FROM recovery_codes WHERE operator = ?1";
pub(in crate::store) const REMOVE_CODES: &str = "DELETE FROM recovery_codes WHERE operator = ?1";
pub(in crate::store) const ADD_HALF: &str =
    "INSERT INTO half_sign_ins (hash, operator, expires) VALUES (?1, ?2, ?3)";
pub(in crate::store) const HALF: &str = "SELECT operator FROM half_sign_ins WHERE hash = ?1 AND expires > ?2";
pub(in crate::store) const END_HALF: &str = "DELETE FROM half_sign_ins WHERE hash = ?1";
pub(in crate::store) const END_HALVES_OF: &str = "DELETE FROM half_sign_ins WHERE operator = ?1";
pub(in crate::store) const DROP_OLD_HALVES: &str = "DELETE FROM half_sign_ins WHERE expires <= ?1";

/// Those of both engines.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("BEGIN", BEGIN),
    ("GET", GET),
    ("CONFIRM", CONFIRM),
    ("TAKE", TAKE),
    ("WRONG", WRONG),
    ("RIGHT", RIGHT),
    ("REMOVE", REMOVE),
    ("ADD_CODE", ADD_CODE),
    ("USE_CODE", USE_CODE),
    ("COUNT_CODES", COUNT_CODES),
    ("REMOVE_CODES", REMOVE_CODES),
    ("ADD_HALF", ADD_HALF),
    ("HALF", HALF),
    ("END_HALF", END_HALF),
    ("END_HALVES_OF", END_HALVES_OF),
    ("DROP_OLD_HALVES", DROP_OLD_HALVES),
];
