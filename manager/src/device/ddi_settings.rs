//! The `[ddi]` of `manager.toml`.

use serde::{Deserialize, Deserializer};

use crate::limits::within;

/// The longest name of a tenant, in characters.
const MAX_TENANT_CHARS: usize = 64;

/// Whether update clients that are not ours are served, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DdiSettings {
    /// Whether they are.
    pub enabled: bool,
    /// The one tenant that there is, in their addresses.
    #[serde(deserialize_with = "tenant")]
    pub tenant: String,
    /// How often they are told to ask, in seconds: 1 to 86,399.
    #[serde(deserialize_with = "within::<_, 1, 86_399>")]
    pub poll_seconds: u32,
}

impl Default for DdiSettings {
    fn default() -> Self {
        Self { enabled: false, tenant: "default".to_owned(), poll_seconds: 300 }
    }
}

fn tenant<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > MAX_TENANT_CHARS || !name.bytes().all(is_good) {
        return Err(serde::de::Error::custom(format!(
            "tenant = {name:?} must be 1 to {MAX_TENANT_CHARS} letters, digits, - and _, such as \"default\""
        )));
    }
    Ok(name)
}

impl DdiSettings {
    /// The pause as clients read it: hours, minutes and seconds.
    pub fn sleep(&self) -> String {
        let seconds = self.poll_seconds;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_is_told_in_hours_minutes_and_seconds() {
        let sleep = |poll_seconds| DdiSettings { poll_seconds, ..DdiSettings::default() }.sleep();
        assert_eq!(
            (sleep(1), sleep(300), sleep(86_399)),
            ("00:00:01".into(), "00:05:00".into(), "23:59:59".into())
        );
    }

    #[test]
    fn what_cannot_stand_in_an_address_is_no_tenant() {
        let read = |text: &str| toml::from_str::<DdiSettings>(text);
        assert_eq!(read("enabled = true\ntenant = \"acme-1\"").unwrap().tenant, "acme-1");
        assert!(!read("").unwrap().enabled, "off unless somebody turns it on");
        for wrong in ["tenant = \"\"", "tenant = \"a/b\"", "tenant = \"a b\"", "poll_seconds = 0", "poll = 3"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
