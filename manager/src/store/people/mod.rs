//! Operators ([`operators`]), and by what they are let in ([`credentials`], [`second_factor`]).

mod credentials;
mod operators;
mod second_factor;

pub use credentials::{
    MAX_OPERATOR_TOKENS, NewOperatorToken, NewSession, OperatorToken, OperatorTokenRefusal, SESSION_IDLE,
    SessionRecord, Signed,
};
pub use operators::{MAX_LIMITS, NewOperator, OperatorPlace, OperatorRecord, OperatorRefusal};
pub(super) use operators::{remove_again, set_again};
pub use second_factor::{MAX_WRONG_CODES, SecondFactor};
