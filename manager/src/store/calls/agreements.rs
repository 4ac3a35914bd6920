//! What was agreed with customers about service calls.

use jiff::Timestamp;

use super::super::engine::{Connection, Row, values};
use super::super::records::time;
use super::super::statements::calls as statements;
use super::super::statements::devices;
use super::super::{Store, StoreError, from_json, to_json};
use crate::agreement::{Agreement, Due};

/// An agreement, and with whom it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementRecord {
    /// The customer; 0 for all that have none of their own.
    pub customer: i64,
    /// Its name.
    pub name: Option<String>,
    /// What was agreed.
    pub agreement: Agreement,
    /// When it was written down.
    pub changed: Timestamp,
    /// By whom.
    pub changed_by: String,
}

impl AgreementRecord {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let body: String = row.get(2)?;
        Ok(Self {
            customer: row.get(0)?,
            name: row.get(1)?,
            agreement: from_json("service agreement", &body)?,
            changed: time(row, 3)?,
            changed_by: row.get(4)?,
        })
    }
}

/// What is due when for a call of a device that is opened now. An agreement that cannot be read says nothing: the call
/// comes in all the same.
pub(super) fn due(connection: &Connection, device: i64, now: Timestamp) -> Result<Due, StoreError> {
    let found: Option<(String, Option<String>)> =
        connection.one(statements::AGREEMENT_OF, values![device], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((body, zone)) = found else { return Ok(Due::default()) };
    let agreement: Option<Agreement> = serde_json::from_str(&body).ok();
    Ok(agreement.map_or_else(Due::default, |agreement| agreement.due(now, zone.as_deref())))
}

impl Store {
    /// All agreements, that with everybody first.
    pub async fn agreements(&self) -> Result<Vec<AgreementRecord>, StoreError> {
        self.readers
            .clone()
            .read(|connection| connection.all(statements::AGREEMENTS, &[], AgreementRecord::from_row))
            .await
    }

    /// Writes down what was agreed with a customer, or with 0 for all others; says whether there is such a customer. Calls
    /// that are open keep what was due.
    pub async fn set_agreement(
        &self,
        customer: i64,
        agreement: Agreement,
        by: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if customer != 0 && !connection.exists(devices::CUSTOMER_EXISTS, values![customer])? {
                    return Ok(false);
                }
                let (at, body) = (now.as_millisecond(), to_json("service agreement", &agreement)?);
                let row = values![customer, body, at, by];
                connection.execute(statements::SET_AGREEMENT, row)?;
                Ok(true)
            })
            .await
    }

    /// Removes an agreement; says whether there was one.
    pub async fn remove_agreement(&self, customer: i64) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                Ok(context.connection.execute(statements::REMOVE_AGREEMENT, values![customer])? == 1)
            })
            .await
    }
}
