//! What operators do with programs: they offer them to devices, and take that back.

use std::collections::BTreeSet;

use platen_protocol::identity::{AttemptId, DeviceId};
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::problem::Refusal;
use super::view::{AttemptView, DevicePrograms, OfferView, ProgramView, RolloutDeviceView};
use crate::clock;
use crate::inform::Event;
use crate::programs::attempt::new_attempt;
use crate::store::{OfferRefusal, Offered, ProgramRecord, Scope};

/// Devices that a program is offered to at once.
pub(super) const MAX_DEVICES: usize = 1_000;
/// Attempts of one device that are shown: as many as are kept.
const MAX_ATTEMPTS: u32 = 50;

/// A program by its name and version.
pub(super) async fn record(
    operators: &Operators,
    name: &str,
    version: &str,
) -> Result<ProgramRecord, Refusal> {
    let found = operators.store.program(name.to_owned(), version.to_owned()).await?;
    found.ok_or_else(|| Refusal::not_found("program"))
}

/// Some programs, with how they stand at the devices of a scope.
pub(super) async fn views(
    operators: &Operators,
    scope: &Scope,
    records: Vec<ProgramRecord>,
) -> Result<Vec<ProgramView>, Refusal> {
    let counted = operators.store.program_counts(scope, records).await?;
    Ok(counted.into_iter().map(ProgramView::new).collect())
}

/// What a device has to do with programs.
pub(super) async fn of_device(
    operators: &Operators,
    scope: &Scope,
    device: DeviceId,
) -> Result<DevicePrograms, Refusal> {
    let store = &operators.store;
    let attempts = store.attempts(scope, Some(device.clone()), None, (None, MAX_ATTEMPTS)).await?;
    Ok(DevicePrograms {
        hardware: store.hardware_of(device.clone()).await?,
        running: store.running_of(device.clone()).await?,
        rollouts: store
            .rollouts_of_device(scope, device.clone())
            .await?
            .into_iter()
            .map(RolloutDeviceView::from)
            .collect(),
        holds: store.holds_of(scope, device.clone()).await?.unwrap_or_default(),
        offers: store.offers_of(device).await?.into_iter().map(OfferView::from).collect(),
        attempts: attempts.into_iter().map(AttemptView::from).collect(),
    })
}

/// Offers a program to devices: to all of them, or to none.
pub(super) async fn offer(
    operators: &Operators,
    scope: &Scope,
    (name, version): (String, String),
    devices: BTreeSet<DeviceId>,
    operator: String,
) -> Result<Offered, Refusal> {
    if devices.is_empty() || devices.len() > MAX_DEVICES {
        let why = format!("name 1 to {MAX_DEVICES} devices, not {}", devices.len());
        return Err(Refusal::new(ProblemKind::InvalidRequest, why));
    }
    let named: Result<Vec<(DeviceId, AttemptId)>, Refusal> = devices
        .into_iter()
        .map(|device| {
            let attempt = new_attempt().map_err(|error| Refusal::internal(&error))?;
            Ok((device, attempt))
        })
        .collect();
    let now = clock::now();
    let program = (name.clone(), version.clone());
    let offered = operators.store.offer(scope, program, named?, operator.clone(), now).await?;
    let offered = offered.map_err(|refusal| refused(&refusal))?;
    tracing::info!(name, version, devices = offered.new.len(), operator, "an operator offered a program");
    for device in &offered.new {
        operators.informer.publish(Event::of_program(device.clone(), now));
        // It is to ask now, and not at its interval.
        operators.mailbox.wake(device);
    }
    Ok(offered)
}

fn refused(refusal: &OfferRefusal) -> Refusal {
    let kind = match refusal {
        OfferRefusal::NoProgram { .. } | OfferRefusal::NoDevice(_) => ProblemKind::NotFound,
        OfferRefusal::Revoked { .. } | OfferRefusal::Retired(_) | OfferRefusal::TooMany(_) => {
            ProblemKind::StateConflict
        }
    };
    Refusal::new(kind, refusal.to_string())
}

/// Takes the offer of a program to a device back. What the device was given already stays with it.
pub(super) async fn take_back(
    operators: &Operators,
    scope: &Scope,
    (name, version): (&str, &str),
    device: DeviceId,
    operator: &str,
) -> Result<(), Refusal> {
    let program = record(operators, name, version).await?;
    if !operators.store.take_offer_back(scope, program.key, device.clone(), clock::now()).await? {
        return Err(Refusal::not_found("offer to a device"));
    }
    tracing::info!(name, version, %device, operator, "an operator took the offer of a program back");
    operators.informer.publish(Event::of_program(device, clock::now()));
    operators.rollout_bell.ring();
    Ok(())
}
