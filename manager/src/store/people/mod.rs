//! Operators ([`operators`]), and by what they are let in ([`credentials`]).

mod credentials;
mod operators;

pub use credentials::{
    MAX_OPERATOR_TOKENS, NewOperatorToken, NewSession, OperatorToken, OperatorTokenRefusal, SESSION_IDLE,
    SessionRecord, Signed,
};
pub use operators::{MAX_LIMITS, NewOperator, OperatorPlace, OperatorRecord, OperatorRefusal};
pub(super) use operators::{remove_again, set_again};
