//! By what operators are let in, as people and programs see it: never the secret.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::rights::Role;
use crate::secret::short;
use crate::store::{OperatorToken, SessionRecord, UnusedToken};

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// By what it is known here.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) operator: String,
    /// Since when.
    pub(crate) created: Timestamp,
    /// When it was used last, to the minute.
    pub(crate) used: Timestamp,
    /// When it is over, if nobody uses it again.
    pub(crate) until: Timestamp,
    /// From where somebody signed in.
    pub(crate) address: String,
    /// With what, as the browser says.
    pub(crate) browser: String,
    /// Whether it is the one by which this is asked.
    pub(crate) is_this: bool,
}

impl SessionView {
    /// As it is seen by who asks by the session of this hash, if by one.
    pub(crate) fn new(record: SessionRecord, this: Option<&str>) -> Self {
        Self {
            id: short(&record.hash),
            until: record.until(),
            is_this: this == Some(record.hash.as_str()),
            operator: record.operator,
            created: record.created,
            used: record.used,
            address: record.address,
            browser: record.browser,
        }
    }
}

/// A bearer token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// By what it is known here.
    pub(crate) id: String,
    /// On whose behalf it acts.
    pub(crate) operator: String,
    /// What it is for.
    pub(crate) name: String,
    /// What it may do at most; `null`: what its operator may.
    pub(crate) role: Option<Role>,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// When it ends; `null`: only when it is revoked.
    pub(crate) expires: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub(crate) used: Option<Timestamp>,
}

impl From<OperatorToken> for TokenView {
    fn from(token: OperatorToken) -> Self {
        let OperatorToken { hash, operator, name, role, created, expires, used } = token;
        Self { id: short(&hash), operator, name, role, created, expires, used }
    }
}

/// A token with which a device enrols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct EnrolmentTokenView {
    /// By what it is known here.
    pub(crate) id: String,
    /// The only device that it lets in; `null`: one new one.
    #[schema(value_type = Option<String>)]
    pub(crate) device: Option<platen_protocol::identity::DeviceId>,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// When it ends.
    pub(crate) expires: Timestamp,
    /// The operator who made it; `null` of one that was made at the command line.
    pub(crate) made_by: Option<String>,
}

impl From<UnusedToken> for EnrolmentTokenView {
    fn from(token: UnusedToken) -> Self {
        let UnusedToken { hash, device, created, expires, made_by } = token;
        Self { id: short(&hash), device, created, expires, made_by }
    }
}
