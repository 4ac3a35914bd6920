//! Customers and their sites, as operators write them down.

use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::objects::only_objects;
use super::problem::Refusal;
use super::said;
use crate::store::{NewCustomer, NewSite, PlaceRefusal};

impl From<PlaceRefusal> for Refusal {
    fn from(refusal: PlaceRefusal) -> Self {
        let kind = match &refusal {
            PlaceRefusal::Missing { .. } => ProblemKind::NotFound,
            PlaceRefusal::Changed(_) => ProblemKind::ChangedMeanwhile,
            PlaceRefusal::NameTaken { .. } | PlaceRefusal::InUse { .. } => ProblemKind::StateConflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// A customer, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct CustomerForm {
    /// Name; no other customer has it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// Whatever is to be remembered of it.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    note: Option<String>,
}

impl CustomerForm {
    pub(super) fn read(self) -> Result<NewCustomer, Refusal> {
        Ok(NewCustomer {
            name: said::name("the name", &self.name)?,
            note: said::note(self.note.as_deref().unwrap_or(""))?,
        })
    }
}

/// A site, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct SiteForm {
    /// Number of the customer that it belongs to.
    #[schema(minimum = 1)]
    pub(super) customer: i64,
    /// Name; no other site of the customer has it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub(super) name: String,
    /// Where it is, for people.
    #[serde(default)]
    #[schema(max_length = 300, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    pub(super) address: Option<String>,
    /// Time zone, by its name in the IANA database, such as `Europe/Berlin`.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub(super) time_zone: Option<String>,
}

only_objects!(CustomerForm, SiteForm);

impl SiteForm {
    pub(super) fn read(self) -> Result<NewSite, Refusal> {
        Ok(NewSite {
            customer: self.customer,
            name: said::name("the name", &self.name)?,
            address: said::address(self.address.as_deref().unwrap_or(""))?,
            time_zone: said::time_zone(self.time_zone.as_deref().unwrap_or(""))?,
        })
    }
}
