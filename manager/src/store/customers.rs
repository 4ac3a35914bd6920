//! Customers and their sites.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::conditions::Conditions;
use super::engine::{Connection, Row, Value, values};
use super::scope::Scope;
use super::seen::{ChangedMeanwhile, mark};
use super::statements::{audit, calls, devices as statements, fleet, meters, now, parts, people};
use super::{Store, StoreError, from_integer};

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CustomerRecord {
    /// Number of the customer; never given twice at the same time.
    #[serde(rename = "id")]
    pub key: i64,
    /// Name; each customer has another one.
    pub name: String,
    /// Whatever operators want to remember of it.
    pub note: Option<String>,
    /// How many sites it has.
    pub sites: u64,
    /// How many devices it has.
    pub devices: u64,
}

/// What an operator says about a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    /// Name.
    pub name: String,
    /// Whatever is to be remembered.
    pub note: Option<String>,
}

/// A site of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SiteRecord {
    /// Number of the site; never given twice at the same time.
    #[serde(rename = "id")]
    pub key: i64,
    /// Number of the customer.
    pub customer: i64,
    /// Name of the customer.
    pub customer_name: String,
    /// Name; each site of a customer has another one.
    pub name: String,
    /// Where it is, for people.
    pub address: Option<String>,
    /// Time zone, by its name in the IANA database, such as `Europe/Berlin`; `null` if nobody said.
    pub time_zone: Option<String>,
    /// How many devices stand there.
    pub devices: u64,
}

/// What an operator says about a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSite {
    /// Whose it is.
    pub customer: i64,
    /// Name.
    pub name: String,
    /// Where it is.
    pub address: Option<String>,
    /// Time zone.
    pub time_zone: Option<String>,
}

/// Why a customer or site is not written or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceRefusal {
    /// There is none of that number.
    #[error("there is no {what} {key} here")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// By which number.
        key: i64,
    },
    /// Another one has that name.
    #[error("there is a {what} named {name:?} already: choose another name")]
    NameTaken {
        /// What has it.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// It is not as it was seen.
    #[error(transparent)]
    Changed(#[from] ChangedMeanwhile),
    /// Something still belongs to it.
    #[error("{count} {what} still belong to it: move or remove them first")]
    InUse {
        /// What belongs to it.
        what: &'static str,
        /// How many.
        count: u64,
    },
}

impl CustomerRecord {
    /// The mark of this state.
    pub fn mark(&self) -> String {
        mark(&customer_state(self.key, &self.name, self.note.as_deref()))
    }

    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            name: row.get(1)?,
            note: row.get(2)?,
            sites: from_integer(row.get(3)?),
            devices: from_integer(row.get(4)?),
        })
    }
}

impl SiteRecord {
    /// The mark of this state.
    pub fn mark(&self) -> String {
        let Self { key, customer, name, address, time_zone, .. } = self;
        mark(&site_state(*key, *customer, name, (address.as_deref(), time_zone.as_deref())))
    }

    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            customer: row.get(1)?,
            customer_name: row.get(2)?,
            name: row.get(3)?,
            address: row.get(4)?,
            time_zone: row.get(5)?,
            devices: from_integer(row.get(6)?),
        })
    }
}

/// A customer, as the audit log has it.
fn customer_state(key: i64, name: &str, note: Option<&str>) -> Json {
    json!({"customer": key, "name": name, "note": note})
}

/// The same of a site.
fn site_state(key: i64, customer: i64, name: &str, (address, zone): (Option<&str>, Option<&str>)) -> Json {
    json!({"site": key, "customer": customer, "name": name, "address": address, "time_zone": zone})
}

fn customer_now(connection: &Connection, key: i64) -> Result<Option<Json>, StoreError> {
    connection.one(audit::CUSTOMER, values![key], |row| {
        let (name, note): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        Ok(customer_state(key, &name, note.as_deref()))
    })
}

fn site_now(connection: &Connection, key: i64) -> Result<Option<Json>, StoreError> {
    connection.one(audit::SITE, values![key], |row| {
        let (customer, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let (address, zone): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        Ok(site_state(key, customer, &name, (address.as_deref(), zone.as_deref())))
    })
}

fn count(connection: &Connection, statement: &str, key: i64) -> Result<u64, StoreError> {
    connection.row(statement, values![key], |row| Ok(from_integer(row.get(0)?)))
}

fn in_use(
    connection: &Connection,
    statement: &str,
    key: i64,
    what: &'static str,
) -> Result<Option<PlaceRefusal>, StoreError> {
    let count = count(connection, statement, key)?;
    Ok((count > 0).then_some(PlaceRefusal::InUse { what, count }))
}

impl Store {
    /// Customers by name, those behind the one of a key.
    pub async fn customers(
        &self,
        scope: &Scope,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<CustomerRecord>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(values![limit]);
                within(&mut conditions, &scope, customer_within);
                if let Some(after) = &after {
                    conditions.and_with(statements::CUSTOMERS_AFTER, after);
                }
                let (those, text) = (conditions.text(), statements::CUSTOMERS);
                let text = format!("{text}{those} ORDER BY c.name, c.key LIMIT ?1");
                connection.all(&text, conditions.values(), CustomerRecord::from_row)
            })
            .await
    }

    /// One customer, if there is one of that key.
    pub async fn customer(&self, scope: &Scope, key: i64) -> Result<Option<CustomerRecord>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                conditions.and_with("c.key = {}", &key);
                within(&mut conditions, &scope, customer_within);
                let text = format!("{}{}", statements::CUSTOMERS, conditions.text());
                connection.one(&text, conditions.values(), CustomerRecord::from_row)
            })
            .await
    }

    /// Adds a customer, and says under which key.
    pub async fn add_customer(&self, new: NewCustomer) -> Result<Result<i64, PlaceRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if connection.exists(statements::CUSTOMER_NAME_TAKEN, values![new.name, 0_i64])? {
                    return Ok(Err(PlaceRefusal::NameTaken { what: "customer", name: new.name.clone() }));
                }
                let key = connection
                    .row(statements::ADD_CUSTOMER, values![new.name, new.note], |row| row.get(0))?;
                context.changed(None, customer_now(connection, key)?.as_ref());
                Ok(Ok(key))
            })
            .await
    }

    /// Says something else about a customer.
    pub async fn set_customer(
        &self,
        key: i64,
        new: NewCustomer,
    ) -> Result<Result<(), PlaceRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if connection.exists(statements::CUSTOMER_NAME_TAKEN, values![new.name, key])? {
                    return Ok(Err(PlaceRefusal::NameTaken { what: "customer", name: new.name.clone() }));
                }
                let before = customer_now(connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                let parameters = values![key, new.name, new.note];
                if connection.execute(statements::SET_CUSTOMER, parameters)? == 0 {
                    return Ok(Err(PlaceRefusal::Missing { what: "customer", key }));
                }
                context.changed(before.as_ref(), customer_now(connection, key)?.as_ref());
                Ok(Ok(()))
            })
            .await
    }

    /// Removes a customer that has no sites and devices.
    pub async fn remove_customer(&self, key: i64) -> Result<Result<(), PlaceRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                for (statement, what) in
                    [(statements::SITES_OF_CUSTOMER, "sites"), (statements::DEVICES_OF_CUSTOMER, "devices")]
                {
                    if let Some(refusal) = in_use(connection, statement, key, what)? {
                        return Ok(Err(refusal));
                    }
                }
                let before = customer_now(connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                connection.execute(statements::REMOVE_GROUP_OF, values!["customer", key.to_string()])?;
                connection.execute(people::FORGET_CUSTOMER, values![key])?;
                connection.execute(meters::FORGET_CUSTOMER, values![key])?;
                connection.execute(calls::REMOVE_AGREEMENT, values![key])?;
                if connection.execute(statements::REMOVE_CUSTOMER, values![key])? == 0 {
                    return Ok(Err(PlaceRefusal::Missing { what: "customer", key }));
                }
                context.changed(before.as_ref(), None);
                Ok(Ok(()))
            })
            .await
    }

    /// Sites by name, those behind the one of a key; of one customer, or of all.
    pub async fn sites(
        &self,
        scope: &Scope,
        customer: Option<i64>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<SiteRecord>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(values![limit]);
                within(&mut conditions, &scope, site_within);
                if let Some(customer) = &customer {
                    conditions.and_with("s.customer = {}", customer);
                }
                if let Some(after) = &after {
                    conditions.and_with(statements::SITES_AFTER, after);
                }
                let (those, text) = (conditions.text(), statements::SITES);
                let text = format!("{text}{those} ORDER BY s.name, s.key LIMIT ?1");
                connection.all(&text, conditions.values(), SiteRecord::from_row)
            })
            .await
    }

    /// One site, if there is one of that key.
    pub async fn site(&self, scope: &Scope, key: i64) -> Result<Option<SiteRecord>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                conditions.and_with("s.key = {}", &key);
                within(&mut conditions, &scope, site_within);
                let text = format!("{}{}", statements::SITES, conditions.text());
                connection.one(&text, conditions.values(), SiteRecord::from_row)
            })
            .await
    }

    /// Adds a site, and says under which key.
    pub async fn add_site(&self, new: NewSite) -> Result<Result<i64, PlaceRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if let Some(refusal) = site_refused(connection, &new, 0)? {
                    return Ok(Err(refusal));
                }
                let parameters = values![new.customer, new.name, new.address, new.time_zone];
                let key = connection.row(statements::ADD_SITE, parameters, |row| row.get(0))?;
                context.changed(None, site_now(connection, key)?.as_ref());
                Ok(Ok(key))
            })
            .await
    }

    /// Says something else about a site. Its devices stay there, and become those of its customer.
    pub async fn set_site(
        &self,
        key: i64,
        new: NewSite,
        now: Timestamp,
    ) -> Result<Result<(), PlaceRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if let Some(refusal) = site_refused(connection, &new, key)? {
                    return Ok(Err(refusal));
                }
                let before = site_now(connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                let parameters = values![key, new.customer, new.name, new.address, new.time_zone];
                if connection.execute(statements::SET_SITE, parameters)? == 0 {
                    return Ok(Err(PlaceRefusal::Missing { what: "site", key }));
                }
                let at = now.as_millisecond();
                connection.execute(meters::NOTE_OWNERS_AT_SITE, values![key, new.customer, at])?;
                let moved = values![key, new.customer];
                if connection.execute(statements::MOVE_DEVICES_OF_SITE, moved)? > 0 {
                    connection.execute(statements::MOVE_STATES_OF_SITE, moved)?;
                    // Another customer may have another profile.
                    connection.execute(statements::BEGIN_PASS, values![])?;
                    connection.execute(fleet::MOVE_STATES_OF_SITE, moved)?;
                    connection.execute(now::MOVE_SITE, moved)?;
                }
                context.changed(before.as_ref(), site_now(connection, key)?.as_ref());
                Ok(Ok(()))
            })
            .await
    }

    /// Removes a site where no devices stand.
    pub async fn remove_site(&self, key: i64) -> Result<Result<(), PlaceRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if let Some(refusal) = in_use(connection, statements::DEVICES_AT_SITE, key, "devices")? {
                    return Ok(Err(refusal));
                }
                let before = site_now(connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                connection.execute(statements::REMOVE_GROUP_OF, values!["site", key.to_string()])?;
                if let Some(refusal) = in_use(connection, parts::PIECES_AT_SITE, key, "pieces on its shelf")?
                {
                    return Ok(Err(refusal));
                }
                connection.execute(parts::FORGET_MOVES_AT_SITE, values![key])?;
                connection.execute(parts::FORGET_SITE, values![key])?;
                connection.execute(people::FORGET_SITE, values![key])?;
                connection.execute(meters::FORGET_SITE, values![key])?;
                if connection.execute(statements::REMOVE_SITE, values![key])? == 0 {
                    return Ok(Err(PlaceRefusal::Missing { what: "site", key }));
                }
                context.changed(before.as_ref(), None);
                Ok(Ok(()))
            })
            .await
    }
}

/// That something is within a scope, by the lists of its customers and sites.
fn within(conditions: &mut Conditions<'_>, scope: &Scope, condition: fn(&str, &str) -> String) {
    let Scope::Of { customers, sites } = scope else { return };
    let mut list = |keys: &std::collections::BTreeSet<i64>| {
        let places: Vec<String> = keys.iter().map(|key| conditions.parameter(Value::Integer(*key))).collect();
        // A list of nothing is no SQL.
        if places.is_empty() { "NULL".to_owned() } else { places.join(", ") }
    };
    let (customers, sites) = (list(customers), list(sites));
    conditions.and(&condition(&customers, &sites));
}

fn customer_within(customers: &str, sites: &str) -> String {
    format!("(c.key IN ({customers}) OR c.key IN (SELECT v.customer FROM sites v WHERE v.key IN ({sites})))")
}

fn site_within(customers: &str, sites: &str) -> String {
    format!("(s.customer IN ({customers}) OR s.key IN ({sites}))")
}

fn site_refused(
    connection: &Connection,
    new: &NewSite,
    key: i64,
) -> Result<Option<PlaceRefusal>, StoreError> {
    if !connection.exists(statements::CUSTOMER_EXISTS, values![new.customer])? {
        return Ok(Some(PlaceRefusal::Missing { what: "customer", key: new.customer }));
    }
    if connection.exists(statements::SITE_NAME_TAKEN, values![new.customer, new.name, key])? {
        return Ok(Some(PlaceRefusal::NameTaken { what: "site of this customer", name: new.name.clone() }));
    }
    Ok(None)
}
