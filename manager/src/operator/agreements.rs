//! Service agreements, as operators write them down.

use std::collections::BTreeSet;

use jiff::civil::Date;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Operators;
use super::objects::only_objects;
use super::problem::Refusal;
use super::said;
use super::who::Operator;
use crate::agreement::Agreement;
use crate::clock;
use crate::rollouts::window::Window;

/// An agreement, as it is sent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct AgreementForm {
    /// Somebody answers a call within so many minutes of service.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 80_640)]
    pub(super) answer_minutes: Option<u32>,
    /// The machine is repaired within so many minutes of service.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 80_640)]
    pub(super) repair_minutes: Option<u32>,
    /// Time zone of the calendar, by its name in the IANA database; without one, that of the device's site.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub(super) time_zone: Option<String>,
    /// When there is service; none: around the clock. Each ends on the next day where `to` is not behind `from`, and none has a
    /// time zone of its own.
    #[serde(default)]
    #[schema(max_items = 14)]
    pub(super) hours: Vec<Window>,
    /// Days without service, as `2026-12-25`.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 200)]
    pub(super) holidays: BTreeSet<Date>,
}

only_objects!(AgreementForm);

impl AgreementForm {
    fn read(self) -> Result<Agreement, Refusal> {
        let Self { answer_minutes, repair_minutes, time_zone, hours, holidays } = self;
        let time_zone = said::time_zone(time_zone.as_deref().unwrap_or_default())?;
        let agreement = Agreement { answer_minutes, repair_minutes, time_zone, hours, holidays };
        agreement.check().map_err(|error| Refusal::new(ProblemKind::InvalidRequest, error.to_string()))?;
        Ok(agreement)
    }
}

/// Writes down what was agreed with a customer, or with 0 for all others.
pub(super) async fn set(
    operators: &Operators,
    operator: &Operator,
    customer: i64,
    form: AgreementForm,
) -> Result<(), Refusal> {
    let by = operator.name.clone();
    if operators.store.set_agreement(customer, form.read()?, by, clock::now()).await? {
        Ok(())
    } else {
        Err(Refusal::not_found("customer"))
    }
}
