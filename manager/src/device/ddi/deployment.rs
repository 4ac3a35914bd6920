//! `GET …/deploymentBase/{action}`: what is to be installed. With that the attempt begins. `GET …/cancelAction/{action}`:
//! what is not to be installed after all.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::problem::{Problem, ProblemKind};
use serde_json::json;

use super::super::answer::{Answer, json as answer_json};
use super::super::context::{Devices, later};
use super::super::sending::no_file;
use super::choose::is_readable;
use super::who::Asking;
use crate::inform::Event;
use crate::programs::shelf::Given;
use crate::store::{ActionRecord, OnOffer, ProgramRecord};

/// An action that a client can go on with.
pub(super) struct Standing {
    pub(super) action: ActionRecord,
    pub(super) offer: OnOffer,
    pub(super) given: Arc<Given>,
}

/// The name of a program's file: clients such as swupdate take only those that end so.
pub(super) fn file_name(record: &ProgramRecord) -> String {
    format!("{}-{}.swu", record.name, record.version)
}

/// Of the actions of a device the open one that is asked for, while what it is about is still to be had.
pub(super) async fn standing(
    devices: &Devices,
    asking: &Asking,
    is_meant: impl Fn(&ActionRecord) -> bool,
) -> Result<Standing, Problem> {
    let (device, store) = (&asking.device, &devices.store);
    let open = store.ddi_open_actions(device.clone()).await.map_err(|error| later(devices, &error))?;
    let action = open.into_iter().find(|action| is_readable(action.key) && is_meant(action));
    let action = action.ok_or_else(|| gone("there is no such action for this device, or it is over"))?;
    let offers = store.on_offer(device).await.map_err(|error| later(devices, &error))?;
    let offer = offers.iter().find(|offer| offer.attempt == action.attempt).cloned();
    let offer = offer.ok_or_else(|| gone("it was taken back at the service centre"))?;
    let given = devices.programs.shelf().program(offer.program).map(Arc::clone);
    let given = given.ok_or_else(|| gone("the program is revoked"))?;
    Ok(Standing { action, offer, given })
}

fn gone(why: &str) -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        format!("nothing is to be installed under this number: {why}; ask anew"),
    )
}

/// Describes a deployment.
pub(super) async fn get(
    devices: &Devices,
    asking: &Asking,
    action: i64,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let device = &asking.device;
    let Standing { action, offer, given } = standing(devices, asking, |one| one.key == action).await?;
    let record = &given.record;
    devices.programs.have_file(record).await.map_err(|error| no_file(devices, &error))?;
    let digests = devices.programs.digests(record).await;
    let digests = digests.map_err(|error| no_file(devices, &error))?;
    if action.fetched.is_none() {
        let fetched = devices.store.ddi_action_fetched(action.key, now).await;
        fetched.map_err(|error| later(devices, &error))?;
    }
    if offer.step.is_none() {
        let stands = devices.store.program_given(device.clone(), offer.key, now).await;
        if !stands.map_err(|error| later(devices, &error))? {
            return Err(gone("it was taken back at the service centre"));
        }
        let (name, version) = (&record.name, &record.version);
        tracing::info!(%device, %name, %version, action = action.key, "a client of the DDI is given a program");
        devices.informer.publish(Event::of_program(device.clone(), now));
    }
    let file = file_name(record);
    let href = format!("{}/softwaremodules/{}/artifacts/{file}", asking.base, record.key);
    // Some clients look for the second name only, and all take what address it has.
    let links = json!({"download": {"href": href}, "download-http": {"href": href}});
    let hashes = json!({"sha1": digests.sha1, "md5": digests.md5, "sha256": record.sha256});
    let artifact = json!({"filename": file, "size": record.size, "hashes": hashes, "_links": links});
    let chunk = json!({
        "part": record.kind, "name": record.name, "version": record.version, "artifacts": [artifact],
    });
    let deployment = json!({"download": "forced", "update": "forced", "chunks": [chunk]});
    answer_json(&json!({"id": action.key.to_string(), "deployment": deployment}))
}

/// Describes what was taken back.
pub(super) async fn cancel(devices: &Devices, asking: &Asking, action: i64) -> Result<Answer, Problem> {
    let (device, store) = (&asking.device, &devices.store);
    let open = store.ddi_open_actions(device.clone()).await.map_err(|error| later(devices, &error))?;
    let offers = store.on_offer(device).await.map_err(|error| later(devices, &error))?;
    let is_open = open.iter().any(|one| {
        one.key == action && one.fetched.is_some() && !offers.iter().any(|offer| offer.attempt == one.attempt)
    });
    if !is_open {
        let why = "nothing is to be cancelled under this number; ask anew";
        return Err(Problem::new(ProblemKind::NotFound, why));
    }
    let id = action.to_string();
    answer_json(&json!({"id": id, "cancelAction": {"stopId": id}}))
}
