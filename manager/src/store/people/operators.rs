//! Operators: what each may do, and of whose devices.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::engine::{Connection, Row, values};
use super::super::journal::Entry;
use super::super::records::time;
use super::super::seen::{ChangedMeanwhile, mark};
use super::super::statements::people as statements;
use super::super::views::forget_operator;
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError};
use super::second_factor;
use crate::rights::Role;
use crate::secret::short;

/// Customers and sites together that an operator is limited to, at most.
pub const MAX_LIMITS: usize = 200;

/// A customer or a site that an operator is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorPlace {
    /// Its key.
    pub key: i64,
    /// Its name.
    pub name: String,
    /// Of a site: the name of its customer.
    pub customer: Option<String>,
}

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRecord {
    /// The name to sign in with.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
    /// Customers and sites that the operator is limited to; none: everything is seen.
    pub limited_to: Option<(Vec<OperatorPlace>, Vec<OperatorPlace>)>,
    /// Since when there is one of that name.
    pub created: Timestamp,
}

/// An operator who is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperator {
    /// The name to sign in with.
    pub name: String,
    /// The hash of the password.
    pub password_hash: String,
    /// What the operator may do.
    pub role: Role,
    /// What the operator sees.
    pub scope: Scope,
}

impl OperatorRecord {
    /// The mark of this state.
    pub fn mark(&self) -> String {
        let keys = |places: &[OperatorPlace]| places.iter().map(|place| place.key).collect();
        let scope = self.limited_to.as_ref().map_or(Scope::All, |(customers, sites)| Scope::Of {
            customers: keys(customers),
            sites: keys(sites),
        });
        mark(&as_json(&self.name, self.role, &scope))
    }
}

/// Why operators stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperatorRefusal {
    /// There is none of that name.
    #[error("there is no operator {0:?}")]
    Missing(String),
    /// There is one of that name.
    #[error("there is an operator {0:?} already: change that one, or choose another name")]
    NameTaken(String),
    /// It is not as it was seen.
    #[error(transparent)]
    Changed(#[from] ChangedMeanwhile),
    /// Nobody could look after operators any more.
    #[error("{0:?} is the only administrator: make somebody else one first")]
    LastAdministrator(String),
    /// Limited to what there is not.
    #[error("there is no {what} {key} here")]
    NoPlace {
        /// What was looked for.
        what: &'static str,
        /// By which number.
        key: i64,
    },
    /// Whoever may do everything sees everything.
    #[error(
        "an administrator cannot be limited to customers or sites: choose another role, or leave the limit out"
    )]
    LimitedAdministrator,
    /// Limited to more than can be kept.
    #[error("{0} customers and sites are named; an operator can be limited to at most {MAX_LIMITS}")]
    TooManyLimits(usize),
}

/// What of the fleet an operator sees.
pub(super) fn scope_of(connection: &Connection, name: &str, limited: bool) -> Result<Scope, StoreError> {
    if !limited {
        return Ok(Scope::All);
    }
    let keys = |statement| -> Result<BTreeSet<i64>, StoreError> {
        Ok(connection.all(statement, values![name], |row| row.get(0))?.into_iter().collect())
    };
    Ok(Scope::Of { customers: keys(statements::CUSTOMERS_OF)?, sites: keys(statements::SITES_OF)? })
}

/// What is stored of a role.
pub(super) fn role(row: &Row<'_>, column: usize) -> Result<Role, StoreError> {
    let word: String = row.get(column)?;
    word.parse().map_err(|_unknown| StoreError::Word { what: "role", word })
}

/// Notes that open streams are to look who is still let in.
pub(super) fn note_change(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(statements::NOTE_CHANGE, values![]).map(drop)
}

/// Why an operator cannot have this role and this scope.
fn refused(
    connection: &Connection,
    role: Role,
    scope: &Scope,
) -> Result<Option<OperatorRefusal>, StoreError> {
    let Scope::Of { customers, sites } = scope else { return Ok(None) };
    if role == Role::Administrator {
        return Ok(Some(OperatorRefusal::LimitedAdministrator));
    }
    let count = customers.len() + sites.len();
    if count > MAX_LIMITS {
        return Ok(Some(OperatorRefusal::TooManyLimits(count)));
    }
    for (keys, statement, what) in
        [(customers, statements::CUSTOMER_EXISTS, "customer"), (sites, statements::SITE_EXISTS, "site")]
    {
        for key in keys {
            if !connection.exists(statement, values![key])? {
                return Ok(Some(OperatorRefusal::NoPlace { what, key: *key }));
            }
        }
    }
    Ok(None)
}

fn put_scope(connection: &Connection, name: &str, scope: &Scope) -> Result<(), StoreError> {
    connection.execute(statements::REMOVE_CUSTOMERS_OF, values![name])?;
    connection.execute(statements::REMOVE_SITES_OF, values![name])?;
    if let Scope::Of { customers, sites } = scope {
        for key in customers {
            connection.execute(statements::ADD_CUSTOMER_OF, values![name, key])?;
        }
        for key in sites {
            connection.execute(statements::ADD_SITE_OF, values![name, key])?;
        }
    }
    Ok(())
}

/// Whether this operator is an administrator and nobody else is. Two who take each other's right away at once would be
/// one too many: administrators are held until the end of the transaction.
fn is_last_administrator(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let all: Vec<String> = connection.all(
        connection.text(statements::ADMINISTRATORS, statements::HOLD_ADMINISTRATORS),
        values![Role::Administrator.word()],
        |row| row.get(0),
    )?;
    Ok(all == [name])
}

fn remove(connection: &Connection, name: &str) -> Result<(), StoreError> {
    for statement in [
        statements::END_SESSIONS_OF,
        statements::REMOVE_TOKENS_OF,
        statements::REMOVE_CUSTOMERS_OF,
        statements::REMOVE_SITES_OF,
        statements::REMOVE_OPERATOR,
    ] {
        connection.execute(statement, values![name])?;
    }
    forget_operator(connection, name)?;
    super::super::answers::forget_operator(connection, name)?;
    second_factor::forget(connection, name)?;
    note_change(connection)
}

/// What the journal knows and the database has forgotten: an operator was removed.
pub(in crate::store) fn remove_again(connection: &Connection, name: &str) -> Result<(), StoreError> {
    remove(connection, name)
}

/// The same of one who was given another role or other limits. Of places only those that there are; an operator who was
/// limited stays so.
pub(in crate::store) fn set_again(
    connection: &Connection,
    name: &str,
    role: Role,
    limits: Option<&(BTreeSet<i64>, BTreeSet<i64>)>,
) -> Result<(), StoreError> {
    if connection.execute(statements::SET_OPERATOR, values![name, role.word(), limits.is_some()])? == 0 {
        return Ok(());
    }
    let mut scope = Scope::All;
    if let Some((customers, sites)) = limits {
        let there = |keys: &BTreeSet<i64>, statement| -> Result<BTreeSet<i64>, StoreError> {
            let mut there = BTreeSet::new();
            for key in keys {
                if connection.exists(statement, values![key])? {
                    there.insert(*key);
                }
            }
            Ok(there)
        };
        scope = Scope::Of {
            customers: there(customers, statements::CUSTOMER_EXISTS)?,
            sites: there(sites, statements::SITE_EXISTS)?,
        };
    }
    put_scope(connection, name, &scope)?;
    note_change(connection)
}

fn limits(scope: &Scope) -> Option<(BTreeSet<i64>, BTreeSet<i64>)> {
    match scope {
        Scope::All => None,
        Scope::Of { customers, sites } => Some((customers.clone(), sites.clone())),
    }
}

fn set_entry(name: &str, role: Role, scope: &Scope) -> Entry {
    Entry::OperatorSet { operator: name.to_owned(), role, limits: limits(scope) }
}

fn read_some(
    connection: &Connection,
    after: &str,
    only: Option<&str>,
    limit: u32,
) -> Result<Vec<OperatorRecord>, StoreError> {
    let take = |row: &Row<'_>| {
        let limited: bool = row.get(2)?;
        let limited_to = limited.then(<(Vec<OperatorPlace>, Vec<OperatorPlace>)>::default);
        Ok(OperatorRecord { name: row.get(0)?, role: role(row, 1)?, limited_to, created: time(row, 3)? })
    };
    let mut found: Vec<OperatorRecord> = match only {
        Some(name) => connection.one(statements::OPERATOR, values![name], take)?.into_iter().collect(),
        None => connection.all(statements::OPERATORS, values![after, limit], take)?,
    };
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(found) };
    let between = (first.name.clone(), last.name.clone());
    let mut customers = places(connection, statements::CUSTOMERS_BETWEEN, &between)?;
    let mut sites = places(connection, statements::SITES_BETWEEN, &between)?;
    for record in &mut found {
        if let Some(limited_to) = &mut record.limited_to {
            limited_to.0 = customers.remove(&record.name).unwrap_or_default();
            limited_to.1 = sites.remove(&record.name).unwrap_or_default();
        }
    }
    Ok(found)
}

/// Places by operators, of those between these two.
fn places(
    connection: &Connection,
    statement: &str,
    (first, last): &(String, String),
) -> Result<BTreeMap<String, Vec<OperatorPlace>>, StoreError> {
    let mut all: BTreeMap<String, Vec<OperatorPlace>> = BTreeMap::new();
    let rows = connection.all(statement, values![first, last], |row| {
        let place = OperatorPlace { key: row.get(1)?, name: row.get(2)?, customer: row.get(3)? };
        Ok((row.get::<String>(0)?, place))
    })?;
    for (operator, place) in rows {
        all.entry(operator).or_default().push(place);
    }
    Ok(all)
}

impl Store {
    /// Operators by name, those behind the one of a name.
    pub async fn operators(
        &self,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<OperatorRecord>, StoreError> {
        let after = after.unwrap_or_default();
        self.readers.clone().read(move |connection| read_some(connection, &after, None, limit)).await
    }

    /// One operator.
    pub async fn operator(&self, name: String) -> Result<Option<OperatorRecord>, StoreError> {
        let found =
            self.readers.clone().read(move |connection| read_some(connection, "", Some(&name), 1)).await?;
        Ok(found.into_iter().next())
    }

    /// Adds an administrator, or gives a known operator another password; that ends the sessions of the old one.
    pub async fn set_operator(
        &self,
        name: String,
        password_hash: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let known = context.connection.exists(statements::OPERATOR, values![name])?;
                if !known {
                    let role = Role::Administrator.word();
                    context.connection.execute(
                        statements::ADD_OPERATOR,
                        values![name, password_hash, now.as_millisecond(), role, false],
                    )?;
                }
                reset(context, &name, &password_hash)
            })
            .await
    }

    /// Adds an operator.
    pub async fn add_operator(
        &self,
        new: NewOperator,
        now: Timestamp,
    ) -> Result<Result<(), OperatorRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let NewOperator { name, password_hash, role, scope } = &new;
                if connection.exists(statements::OPERATOR, values![name])? {
                    return Ok(Err(OperatorRefusal::NameTaken(name.clone())));
                }
                if let Some(refusal) = refused(connection, *role, scope)? {
                    return Ok(Err(refusal));
                }
                let limited = *scope != Scope::All;
                connection.execute(
                    statements::ADD_OPERATOR,
                    values![name, password_hash, now.as_millisecond(), role.word(), limited],
                )?;
                put_scope(connection, name, scope)?;
                context.journal.push(Entry::PasswordSet { operator: name.clone() });
                context.changed(None, Some(&as_json(name, *role, scope)));
                Ok(Ok(()))
            })
            .await
    }

    /// Gives an operator another role and other limits.
    pub async fn change_operator(
        &self,
        name: String,
        role: Role,
        scope: Scope,
    ) -> Result<Result<(), OperatorRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if !connection.exists(statements::OPERATOR, values![name])? {
                    return Ok(Err(OperatorRefusal::Missing(name.clone())));
                }
                if let Some(refusal) = refused(connection, role, &scope)? {
                    return Ok(Err(refusal));
                }
                if role != Role::Administrator && is_last_administrator(connection, &name)? {
                    return Ok(Err(OperatorRefusal::LastAdministrator(name.clone())));
                }
                let before = known(connection, &name)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                let limited = scope != Scope::All;
                connection.execute(statements::SET_OPERATOR, values![name, role.word(), limited])?;
                put_scope(connection, &name, &scope)?;
                note_change(connection)?;
                context.journal.push(set_entry(&name, role, &scope));
                context.changed(before.as_ref(), Some(&as_json(&name, role, &scope)));
                Ok(Ok(()))
            })
            .await
    }

    /// Gives an operator another password, which ends all sessions of the old one.
    pub async fn reset_password(
        &self,
        name: String,
        password_hash: String,
    ) -> Result<Result<(), OperatorRefusal>, StoreError> {
        self.give_password(name, password_hash, false).await
    }

    /// The same; and, if that is asked for, all bearer tokens are taken back with it.
    pub async fn give_password(
        &self,
        name: String,
        password_hash: String,
        and_revoke_tokens: bool,
    ) -> Result<Result<(), OperatorRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                if !context.connection.exists(statements::OPERATOR, values![name])? {
                    return Ok(Err(OperatorRefusal::Missing(name.clone())));
                }
                if and_revoke_tokens {
                    revoke_all(context, &name)?;
                }
                reset(context, &name, &password_hash).map(Ok)
            })
            .await
    }

    /// Removes an operator, with all sessions and tokens. What the operator did keeps the name.
    pub async fn remove_operator(&self, name: String) -> Result<Result<(), OperatorRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if !connection.exists(statements::OPERATOR, values![name])? {
                    return Ok(Err(OperatorRefusal::Missing(name.clone())));
                }
                if is_last_administrator(connection, &name)? {
                    return Ok(Err(OperatorRefusal::LastAdministrator(name.clone())));
                }
                let before = known(connection, &name)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                remove(connection, &name)?;
                context.changed(before.as_ref(), None);
                context.journal.push(Entry::OperatorRemoved { operator: name.clone() });
                Ok(Ok(()))
            })
            .await
    }

    /// How often something was changed of operators, their sessions and tokens.
    pub async fn people_changes(&self) -> Result<i64, StoreError> {
        let found = self
            .readers
            .clone()
            .read(move |connection| connection.one(statements::CHANGES, values![], |row| row.get(0)));
        Ok(found.await?.unwrap_or(0))
    }
}

fn reset(context: &mut WriteContext<'_>, name: &str, password_hash: &str) -> Result<(), StoreError> {
    context.connection.execute(statements::SET_PASSWORD, values![name, password_hash])?;
    context.connection.execute(statements::END_SESSIONS_OF, values![name])?;
    second_factor::end_halves(context.connection, name)?;
    note_change(context.connection)?;
    context.journal.push(Entry::PasswordSet { operator: name.to_owned() });
    context.changed(None, Some(&json!({"operator": name, "password": "another one"})));
    Ok(())
}

/// Takes back all tokens of an operator.
fn revoke_all(context: &mut WriteContext<'_>, name: &str) -> Result<(), StoreError> {
    let revoked: Vec<String> =
        context.connection.all(statements::REVOKE_TOKENS_OF, values![name], |row| row.get(0))?;
    for token in &revoked {
        context.changed(Some(&json!({"operator": name, "token": short(token)})), None);
    }
    context.journal.extend(revoked.into_iter().map(|token| Entry::OperatorTokenRevoked { token }));
    Ok(())
}

/// An operator, as the audit log has it.
fn as_json(name: &str, role: Role, scope: &Scope) -> Value {
    let limits = limits(scope).map(|(customers, sites)| json!({"customers": customers, "sites": sites}));
    json!({"operator": name, "role": role, "limited_to": limits})
}

/// An operator as it is now, if there is one.
fn known(connection: &Connection, name: &str) -> Result<Option<Value>, StoreError> {
    let found = connection
        .one(statements::OPERATOR, values![name], |row| Ok((role(row, 1)?, row.get::<bool>(2)?)))?;
    let Some((role, limited)) = found else { return Ok(None) };
    Ok(Some(as_json(name, role, &scope_of(connection, name, limited)?)))
}
