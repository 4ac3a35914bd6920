//! `PUT …/configData`: what a client says of its device. `model` (or `hw_model`) and `board` say for which programs it is.

use std::collections::BTreeMap;

use hyper::Request;
use jiff::Timestamp;
use platen_protocol::problem::{Problem, ProblemKind};
use serde::Deserialize;
use serde_json::Value;

use super::super::answer::Answer;
use super::super::context::{Devices, later};
use super::feedback::{done, read};
use super::who::Asking;
use crate::inform::Event;
use crate::listen::RequestBody;

/// Attributes of one device that are kept, and their lengths in characters: as hawkBit has them.
const MAX_ATTRIBUTES: usize = 100;
const MAX_NAME_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 128;

/// What becomes of those that were told before.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// They stay, unless they are told anew.
    #[default]
    Merge,
    /// They go.
    Replace,
    /// Those that are named go.
    Remove,
}

#[derive(Debug, Deserialize)]
struct ConfigData {
    #[serde(default)]
    mode: Mode,
    data: BTreeMap<String, Value>,
}

/// Keeps what a client says.
pub(super) async fn put(
    devices: &Devices,
    asking: &Asking,
    request: Request<RequestBody>,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let told: ConfigData = read(devices, request).await?;
    let device = asking.device.clone();
    let known = devices.store.ddi_attributes(device.clone()).await.map_err(|error| later(devices, &error))?;
    let is_first = known.is_none();
    let known = known.map(|(attributes, _)| attributes).unwrap_or_default();
    let next = applied(&known, told)?;
    if is_first || next != known {
        let kept = devices.store.set_ddi_attributes(device.clone(), next, now).await;
        kept.map_err(|error| later(devices, &error))?;
        devices.informer.publish(Event::of_program(device, now));
    }
    Ok(done())
}

fn applied(known: &BTreeMap<String, String>, told: ConfigData) -> Result<BTreeMap<String, String>, Problem> {
    let refused = |why: String| Problem::new(ProblemKind::InvalidRequest, why);
    let mut next = match told.mode {
        Mode::Replace => BTreeMap::new(),
        Mode::Merge | Mode::Remove => known.clone(),
    };
    for (name, value) in told.data {
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
            return Err(refused(format!(
                "data: the name of an attribute has 1 to {MAX_NAME_CHARS} characters"
            )));
        }
        if matches!(told.mode, Mode::Remove) {
            next.remove(&name);
            continue;
        }
        let value = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(is) => is.to_string(),
            _ => return Err(refused(format!("data.{name} must be a text"))),
        };
        if value.chars().count() > MAX_VALUE_CHARS {
            return Err(refused(format!("data.{name} has more than {MAX_VALUE_CHARS} characters")));
        }
        next.insert(name, value);
    }
    if next.len() > MAX_ATTRIBUTES {
        let count = next.len();
        return Err(refused(format!(
            "data: the device would have {count} attributes, and may have {MAX_ATTRIBUTES}"
        )));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn apply(known: &[(&str, &str)], told: Value) -> Result<Vec<(String, String)>, String> {
        let known = known.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let told = serde_json::from_value(told).unwrap();
        applied(&known, told).map(|next| next.into_iter().collect()).map_err(|problem| problem.detail)
    }

    #[test]
    fn attributes_are_merged_replaced_or_removed() {
        let known = [("a", "1"), ("b", "2")];
        let of = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let data = json!({"b": "3", "c": 4});
        assert_eq!(apply(&known, json!({"data": data})).unwrap(), of(&[("a", "1"), ("b", "3"), ("c", "4")]));
        assert_eq!(
            apply(&known, json!({"mode": "replace", "data": data})).unwrap(),
            of(&[("b", "3"), ("c", "4")])
        );
        assert_eq!(apply(&known, json!({"mode": "remove", "data": {"b": ""}})).unwrap(), of(&[("a", "1")]));
    }

    #[test]
    fn too_many_too_long_and_no_texts_are_refused_by_name() {
        let long = "x".repeat(129);
        assert!(apply(&[], json!({"data": {"a": long}})).unwrap_err().contains("data.a has more than 128"));
        assert!(apply(&[], json!({"data": {long: "a"}})).unwrap_err().contains("1 to 128"));
        assert!(apply(&[], json!({"data": {"a": {}}})).unwrap_err().contains("data.a must be a text"));
        let many: serde_json::Map<_, _> = (0..101).map(|n| (format!("a{n}"), json!("x"))).collect();
        assert!(apply(&[], json!({"data": many})).unwrap_err().contains("101 attributes"));
    }
}
