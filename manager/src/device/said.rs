//! What devices said of themselves when they last asked for a program, in short: what is said again costs nothing.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use platen_protocol::identity::DeviceId;

use crate::store::Asked;

/// A short form of what each device said, since this manager began.
#[derive(Default)]
pub(crate) struct Said(Mutex<BTreeMap<DeviceId, u64>>);

fn short(asked: &Asked) -> u64 {
    let Asked { hardware, running, tried } = asked;
    let mut hasher = DefaultHasher::new();
    (&hardware.model, &hardware.board, &hardware.architecture).hash(&mut hasher);
    for one in running {
        (one.kind.as_str(), one.name.as_str(), one.version.as_str()).hash(&mut hasher);
    }
    // How an attempt ended never changes.
    for one in tried {
        one.attempt_id.as_str().hash(&mut hasher);
    }
    hasher.finish()
}

impl Said {
    /// Whether a device said the same the last time.
    pub(super) fn is_known(&self, device: &DeviceId, asked: &Asked) -> bool {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.get(device).is_some_and(|known| *known == short(asked))
    }

    /// It is kept now.
    pub(super) fn keep(&self, device: &DeviceId, asked: &Asked) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(device.clone(), short(asked));
    }

    /// Another manager may have heard something else since.
    pub(crate) fn forget(&self, device: &DeviceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(device);
    }

    /// The same of all devices.
    pub(crate) fn forget_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_known_and_what_changed_is_not() {
        let asked = |version: &str| {
            let request =
                format!(r#"{{"model": "MFP 450", "architecture": "arm64", "running": "{version}"}}"#);
            let hardware = serde_json::from_str(&request).unwrap();
            let running = format!(r#"[{{"kind": "a", "name": "b", "version": "{version}"}}]"#);
            Asked { hardware, running: serde_json::from_str(&running).unwrap(), tried: Vec::new() }
        };
        let (said, lobby) = (Said::default(), "lobby".parse().unwrap());
        assert!(!said.is_known(&lobby, &asked("1")));
        said.keep(&lobby, &asked("1"));
        assert!(said.is_known(&lobby, &asked("1")) && !said.is_known(&lobby, &asked("2")));
        said.forget(&lobby);
        assert!(!said.is_known(&lobby, &asked("1")));
    }
}
