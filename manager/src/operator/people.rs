//! Operators, as administrators look after them.

use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Operators;
use super::objects::only_objects;
use super::password::{self, PasswordError};
use super::problem::Refusal;
use super::view::OperatorView;
use super::who::Operator;
use crate::clock;
use crate::rights::Role;
use crate::secret;
use crate::store::{NewOperator, OperatorRefusal, Scope};

/// Bytes of a password that the manager makes.
const PASSWORD_BYTES: usize = 12;

impl From<OperatorRefusal> for Refusal {
    fn from(refusal: OperatorRefusal) -> Self {
        let kind = match &refusal {
            OperatorRefusal::Missing(_) => ProblemKind::NotFound,
            OperatorRefusal::Changed(_) => ProblemKind::ChangedMeanwhile,
            OperatorRefusal::NameTaken(_) | OperatorRefusal::LastAdministrator(_) => {
                ProblemKind::StateConflict
            }
            OperatorRefusal::NoPlace { .. }
            | OperatorRefusal::LimitedAdministrator
            | OperatorRefusal::TooManyLimits(_) => ProblemKind::InvalidRequest,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<PasswordError> for Refusal {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Name(_) | PasswordError::TooShort | PasswordError::TooLong => {
                Self::new(ProblemKind::InvalidRequest, error.to_string())
            }
            error => Self::internal(&error),
        }
    }
}

/// Customers and sites of which alone an operator sees anything.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct LimitsForm {
    /// Numbers of customers: with all their sites.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub(super) customers: Vec<i64>,
    /// Numbers of sites.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub(super) sites: Vec<i64>,
}

/// What an operator may do, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct OperatorChange {
    /// What the operator is there for.
    pub(super) role: Role,
    /// What alone the operator sees; everything, if it is left out. An administrator sees everything.
    #[serde(default)]
    pub(super) limited_to: Option<LimitsForm>,
}

/// An operator, as it is sent. It has no `Debug`, so that no log can show the password.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct OperatorForm {
    /// The name to sign in with: letters and digits of any script, `.`, `-`, `_` and `@`.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) name: String,
    /// What the operator is there for.
    pub(super) role: Role,
    /// What alone the operator sees; everything, if it is left out. An administrator sees everything.
    #[serde(default)]
    pub(super) limited_to: Option<LimitsForm>,
    /// The first password; one is made if it is left out.
    #[serde(default)]
    #[schema(min_length = 10, max_length = 256)]
    pub(super) password: Option<String>,
}

/// A password, as it is sent. It has no `Debug`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct PasswordForm {
    /// The password from now on; one is made if it is left out.
    #[serde(default)]
    #[schema(min_length = 10, max_length = 256)]
    pub(super) password: Option<String>,
    /// Whether the operator's bearer tokens are taken back as well.
    #[serde(default)]
    pub(super) revoke_tokens: bool,
}

only_objects!(LimitsForm, OperatorChange, OperatorForm, PasswordForm);

fn scope(limits: Option<LimitsForm>) -> Scope {
    limits.map_or(Scope::All, |LimitsForm { customers, sites }| Scope::Of {
        customers: customers.into_iter().collect(),
        sites: sites.into_iter().collect(),
    })
}

/// The hash of a password, and the password itself where it was made here and is to be shown, once.
async fn hashed(password: Option<String>) -> Result<(String, Option<String>), Refusal> {
    let made = match &password {
        Some(_) => None,
        None => Some(secret::random_hex::<PASSWORD_BYTES>().map_err(|error| Refusal::internal(&error))?),
    };
    let password = password.or_else(|| made.clone()).unwrap_or_default();
    password::check_password(&password)?;
    Ok((password::hash(password).await?, made))
}

/// A name that somebody can have: of another one there is nobody.
fn possible(name: String) -> Result<String, Refusal> {
    let known = password::check_name(&name);
    known.map(|()| name).map_err(|_impossible| Refusal::not_found("operator"))
}

/// One operator.
pub(super) async fn one(operators: &Operators, name: String) -> Result<OperatorView, Refusal> {
    let name = possible(name)?;
    let found = operators.store.operator(name).await?;
    found.map(OperatorView::from).ok_or_else(|| Refusal::not_found("operator"))
}

/// Adds an operator; gives the password if it was made here.
pub(super) async fn add(
    operators: &Operators,
    form: OperatorForm,
    by: &Operator,
) -> Result<(OperatorView, Option<String>), Refusal> {
    let OperatorForm { name, role, limited_to, password } = form;
    password::check_name(&name)?;
    let (password_hash, made) = hashed(password).await?;
    let new = NewOperator { name: name.clone(), password_hash, role, scope: scope(limited_to) };
    operators.store.add_operator(new, clock::now()).await??;
    tracing::warn!(name, %role, operator = by.name, "an operator was added");
    Ok((one(operators, name).await?, made))
}

/// Gives an operator another role and other limits; open streams with other rights end.
pub(super) async fn change(
    operators: &Operators,
    name: String,
    change: OperatorChange,
    by: &Operator,
) -> Result<OperatorView, Refusal> {
    let (name, OperatorChange { role, limited_to }) = (possible(name)?, change);
    operators.store.change_operator(name.clone(), role, scope(limited_to)).await??;
    tracing::warn!(name, %role, operator = by.name, "what an operator may do was changed");
    operators.people_changed().await;
    one(operators, name).await
}

/// Gives an operator another password, which ends the sessions of the old one; gives it if it was made here.
pub(super) async fn reset(
    operators: &Operators,
    name: String,
    form: PasswordForm,
    by: &Operator,
) -> Result<Option<String>, Refusal> {
    let name = possible(name)?;
    let (password_hash, made) = hashed(form.password).await?;
    operators.store.give_password(name.clone(), password_hash, form.revoke_tokens).await??;
    tracing::warn!(name, operator = by.name, "an operator was given another password");
    operators.people_changed().await;
    Ok(made)
}

/// Removes an operator, with all sessions and tokens.
pub(super) async fn remove(operators: &Operators, name: String, by: &Operator) -> Result<(), Refusal> {
    let name = possible(name)?;
    operators.store.remove_operator(name.clone()).await??;
    tracing::warn!(name, operator = by.name, "an operator was removed");
    operators.people_changed().await;
    Ok(())
}
