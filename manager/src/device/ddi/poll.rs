//! `GET /{tenant}/controller/v1/{id}`: whether there is something to do. A client for which there is nothing costs no
//! write.

use jiff::Timestamp;
use platen_protocol::problem::Problem;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, json as answer_json};
use super::super::context::{Devices, later};
use super::choose::{Chosen, choose, is_readable, unreadable};
use super::who::Asking;
use crate::inform::Event;
use crate::store::OnOffer;

/// Answers a poll.
pub(super) async fn poll(devices: &Devices, asking: &Asking, now: Timestamp) -> Result<Answer, Problem> {
    let (device, store) = (&asking.device, &devices.store);
    let offers = store.on_offer(device).await.map_err(|error| later(devices, &error))?;
    let open = store.ddi_open_actions(device.clone()).await.map_err(|error| later(devices, &error))?;
    let told = store.ddi_attributes(device.clone()).await.map_err(|error| later(devices, &error))?;
    let mut links = Map::new();
    let mut link = |name: &str, path: String| {
        links.insert(name.to_owned(), json!({"href": format!("{}/{path}", asking.base)}));
    };
    if told.is_none() {
        link("configData", "configData".to_owned());
    }
    let attributes = told.map(|(attributes, _)| attributes).unwrap_or_default();
    match choose(&offers, &open, &devices.programs.shelf(), &attributes) {
        Chosen::Nothing => {}
        Chosen::Cancel(action) => link("cancelAction", format!("cancelAction/{}", action.key)),
        Chosen::Waits(offer, why) => waits(devices, asking, offer, why, now).await?,
        Chosen::Install(_, Some(action)) => link("deploymentBase", format!("deploymentBase/{}", action.key)),
        Chosen::Install(offer, None) => {
            if let Some(action) = show(devices, asking, offer, now).await? {
                link("deploymentBase", format!("deploymentBase/{action}"));
            }
        }
    }
    let sleep = devices.ddi.sleep();
    answer_json(&json!({"config": {"polling": {"sleep": sleep}}, "_links": Value::Object(links)}))
}

/// Gives an offer the number under which the client knows it from now on.
async fn show(
    devices: &Devices,
    asking: &Asking,
    offer: &OnOffer,
    now: Timestamp,
) -> Result<Option<i64>, Problem> {
    let (device, attempt) = (asking.device.clone(), offer.attempt.clone());
    let shown = devices.store.show_ddi_action(device, attempt, offer.program, now).await;
    let Some(action) = shown.map_err(|error| later(devices, &error))? else { return Ok(None) };
    if is_readable(action) {
        return Ok(Some(action));
    }
    waits(devices, asking, offer, unreadable(action), now).await?;
    Ok(None)
}

async fn waits(
    devices: &Devices,
    asking: &Asking,
    offer: &OnOffer,
    why: String,
    now: Timestamp,
) -> Result<(), Problem> {
    let device = asking.device.clone();
    tracing::info!(%device, attempt = %offer.attempt, why, "a program waits");
    let kept = devices.store.offer_waits(device.clone(), offer.key, Some(why)).await;
    kept.map_err(|error| later(devices, &error))?;
    devices.informer.publish(Event::of_program(device, now));
    Ok(())
}
