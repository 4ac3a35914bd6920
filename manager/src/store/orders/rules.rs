//! When orders are proposed: for everybody, and for single customers otherwise.

use super::super::engine::{Connection, Row, values};
use super::super::order_records::Proposes;
use super::super::records::word;
use super::super::statements::orders as statements;
use super::super::{Store, StoreError};

/// Customers with a rule of their own that are listed.
const MAX_LISTED: u32 = 1_000;

fn read(word_there: Option<String>) -> Result<Option<Proposes>, StoreError> {
    word_there.map(|text| word("rule of proposals", text)).transpose()
}

/// What applies to a device.
pub(super) fn rule_of(connection: &Connection, device: i64) -> Result<Proposes, StoreError> {
    let found: Option<String> =
        connection.row(statements::RULE_OF_DEVICE, values![device], |row| row.get(0))?;
    Ok(read(found)?.unwrap_or_default())
}

/// A customer with a rule of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRule {
    /// Its key.
    pub customer: i64,
    /// Its name.
    pub name: String,
    /// The rule.
    pub proposes: Proposes,
}

impl Store {
    /// What applies to everybody, and whom something else applies to.
    pub async fn order_rules(&self) -> Result<(Proposes, Vec<CustomerRule>), StoreError> {
        self.readers
            .clone()
            .read(|connection| {
                let all: Option<String> = connection.one(statements::RULE, &[], |row| row.get(0))?;
                let customers = connection.all(
                    statements::RULES_OF_CUSTOMERS,
                    values![MAX_LISTED],
                    |row: &Row<'_>| {
                        let proposes: String = row.get(2)?;
                        let proposes = word("rule of proposals", proposes)?;
                        Ok(CustomerRule { customer: row.get(0)?, name: row.get(1)?, proposes })
                    },
                )?;
                Ok((read(all)?.unwrap_or_default(), customers))
            })
            .await
    }

    /// Says when orders are proposed: for everybody, or for one customer (with none: as for everybody). Whether there is such
    /// a customer.
    pub async fn set_order_rule(
        &self,
        customer: Option<i64>,
        proposes: Option<Proposes>,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let word = proposes.map(Proposes::word);
                if let Some(customer) = customer {
                    let set = values![customer, word];
                    return Ok(context.connection.execute(statements::SET_RULE_OF_CUSTOMER, set)? == 1);
                }
                let word = proposes.unwrap_or_default().word();
                context.connection.execute(statements::SET_RULE, values![word])?;
                Ok(true)
            })
            .await
    }
}
