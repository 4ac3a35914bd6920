//! By what operators are let in, as they and administrators look after it.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Operators;
use super::objects::only_objects;
use super::password;
use super::problem::Refusal;
use super::said;
use super::sign_in;
use super::view::{EnrolmentTokenView, SessionView, TokenView};
use super::who::{Operator, SECOND_FACTOR_OWED};
use crate::clock;
use crate::rights::Role;
use crate::secret::{SECRET_BYTES, fingerprint, random_hex};
use crate::store::{NewOperatorToken, OperatorTokenRefusal};

/// The longest that a token may be valid, in days.
const MAX_DAYS: i64 = 3_660;
/// Enrolment tokens that are listed, the first to end.
const MAX_ENROLMENT_TOKENS: u32 = 1_000;

impl From<OperatorTokenRefusal> for Refusal {
    fn from(refusal: OperatorTokenRefusal) -> Self {
        let kind = match &refusal {
            OperatorTokenRefusal::Missing(_) => ProblemKind::NotFound,
            OperatorTokenRefusal::TooMuch(..) => ProblemKind::InvalidRequest,
            OperatorTokenRefusal::TooMany => ProblemKind::StateConflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// A bearer token, as it is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct TokenForm {
    /// What it is for.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub(super) name: String,
    /// What it may do at most; what its operator may, if it is left out. It never may more than its operator.
    #[serde(default)]
    pub(super) role: Option<Role>,
    /// After how many days it ends; without it, only when it is revoked.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3660)]
    pub(super) days: Option<i64>,
}

/// Another password for oneself. It has no `Debug`, so that no log can show one.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct OwnPasswordForm {
    /// The password of before.
    #[schema(min_length = 1, max_length = 256)]
    pub(super) present: String,
    /// The password from now on.
    #[schema(min_length = 10, max_length = 256)]
    pub(super) password: String,
    /// Whether the own bearer tokens are taken back as well.
    #[serde(default)]
    pub(super) revoke_tokens: bool,
}

only_objects!(TokenForm, OwnPasswordForm);

impl TokenForm {
    fn expires(&self, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        match self.days {
            None => Ok(None),
            Some(days @ 1..=MAX_DAYS) => Ok(Some(now + SignedDuration::from_hours(24 * days))),
            Some(days) => {
                let why = format!("days must be between 1 and {MAX_DAYS}, not {days}");
                Err(Refusal::new(ProblemKind::InvalidRequest, why))
            }
        }
    }
}

/// The sessions of an operator, as `by` sees them.
pub(super) async fn sessions(
    operators: &Operators,
    operator: String,
    by: &Operator,
) -> Result<Vec<SessionView>, Refusal> {
    somebody(operators, &operator).await?;
    let records = operators.store.sessions_of(operator, clock::now()).await?;
    Ok(records.into_iter().map(|record| SessionView::new(record, by.session())).collect())
}

/// Gives who asks another password, which ends all sessions of the old one.
pub(super) async fn change_own_password(
    operators: &Arc<Operators>,
    form: OwnPasswordForm,
    remote: IpAddr,
    by: &Operator,
) -> Result<(), Refusal> {
    let OwnPasswordForm { present, password, revoke_tokens } = form;
    password::check_password(&password)?;
    sign_in::check_present(operators, (present, remote), by).await?;
    let hash = password::hash(password).await?;
    operators.store.give_password(by.name.clone(), hash, revoke_tokens).await??;
    tracing::warn!(operator = by.name, %remote, "an operator changed the own password");
    operators.people_changed().await;
    Ok(())
}

/// Somebody of whom there may be credentials.
async fn somebody(operators: &Operators, name: &str) -> Result<(), Refusal> {
    let found = operators.store.operator(name.to_owned()).await?;
    found.map(drop).ok_or_else(|| Refusal::not_found("operator"))
}

/// Ends all sessions of an operator, but the one by which this is asked.
pub(super) async fn end_sessions(
    operators: &Operators,
    operator: String,
    by: &Operator,
) -> Result<(), Refusal> {
    somebody(operators, &operator).await?;
    let this = by.session().map(str::to_owned);
    let count = operators.store.end_sessions_of(operator.clone(), this).await?;
    tracing::info!(name = operator, operator = by.name, count, "sessions were ended");
    operators.people_changed().await;
    Ok(())
}

/// Ends a session of an operator.
pub(super) async fn end_session(
    operators: &Operators,
    (operator, id): (String, String),
    by: &Operator,
) -> Result<(), Refusal> {
    if !operators.store.end_session_of(id, Some(operator.clone())).await? {
        return Err(Refusal::not_found("session"));
    }
    tracing::info!(name = operator, operator = by.name, "a session was ended");
    operators.people_changed().await;
    Ok(())
}

/// The tokens of an operator.
pub(super) async fn tokens(operators: &Operators, operator: String) -> Result<Vec<TokenView>, Refusal> {
    somebody(operators, &operator).await?;
    let tokens = operators.store.tokens_of(operator).await?;
    Ok(tokens.into_iter().map(TokenView::from).collect())
}

/// Makes a token for who asks: what it is, and its secret, which is shown once. A token makes none that may more than itself.
pub(super) async fn make_token(
    operators: &Operators,
    form: TokenForm,
    by: &Operator,
) -> Result<(TokenView, String), Refusal> {
    if by.owes_second_factor {
        return Err(Refusal::new(ProblemKind::RightMissing, SECOND_FACTOR_OWED));
    }
    let now = clock::now();
    let secret = random_hex::<SECRET_BYTES>().map_err(|error| Refusal::internal(&error))?;
    let (name, expires) = (said::name("the name", &form.name)?, form.expires(now)?);
    if let Some(role) = form.role.filter(|role| *role > by.role) {
        return Err(OperatorTokenRefusal::TooMuch(role, by.role).into());
    }
    // Of a token that may less than its operator, another one may no more either.
    let role = form.role.or_else(|| by.is_token().then_some(by.role));
    outlives_not(by, expires)?;
    let hash = fingerprint(secret.as_bytes());
    let new = NewOperatorToken { hash: hash.clone(), operator: by.name.clone(), name, role, expires };
    operators.store.make_operator_token(new, now).await??;
    tracing::warn!(operator = by.name, "an operator made a bearer token");
    let all = operators.store.tokens_of(by.name.clone()).await?;
    let made = all.into_iter().find(|token| token.hash == hash).map(TokenView::from);
    Ok((made.ok_or_else(|| Refusal::not_found("token"))?, secret))
}

/// What a token made would else go on when that token has ended.
fn outlives_not(by: &Operator, expires: Option<Timestamp>) -> Result<(), Refusal> {
    let Some(end) = by.until.filter(|_| by.is_token()) else { return Ok(()) };
    if expires.is_some_and(|expires| expires <= end) {
        return Ok(());
    }
    let why = format!(
        "the token by which this is asked ends at {end}, and makes none that goes on for longer: say in `days` when the new one ends"
    );
    Err(Refusal::new(ProblemKind::InvalidRequest, why))
}

/// Takes a token of an operator back.
pub(super) async fn revoke_token(
    operators: &Operators,
    (operator, id): (String, String),
    by: &Operator,
) -> Result<(), Refusal> {
    let revoked = operators.store.revoke_operator_token(id, Some(operator)).await?;
    let whose = revoked.ok_or_else(|| Refusal::not_found("token"))?;
    tracing::warn!(name = whose, operator = by.name, "a bearer token was revoked");
    operators.people_changed().await;
    Ok(())
}

/// Tokens with which devices can enrol.
pub(super) async fn enrolment_tokens(operators: &Operators) -> Result<Vec<EnrolmentTokenView>, Refusal> {
    let tokens = operators.store.unused_tokens(clock::now(), MAX_ENROLMENT_TOKENS).await?;
    Ok(tokens.into_iter().map(EnrolmentTokenView::from).collect())
}

/// Takes one of them back.
pub(super) async fn revoke_enrolment_token(
    operators: &Operators,
    id: String,
    by: &Operator,
) -> Result<(), Refusal> {
    if !operators.store.revoke_token(id).await? {
        return Err(Refusal::not_found("enrolment token"));
    }
    tracing::warn!(operator = by.name, "an enrolment token was revoked");
    Ok(())
}
