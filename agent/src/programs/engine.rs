//! Which firmware the engine runs, by its own word: another controller may have been fitted since something was installed.

use std::sync::{Arc, Mutex, PoisonError};

use platen_hal::engine::{Controller, EngineFault};
use platen_protocol::limits::MAX_RUNNING;
use platen_protocol::programs::RunningProgram;

/// Who installs it.
const KIND: &str = "engine-firmware";

/// The engine's controller, if the board has one, and what it said last.
pub(super) struct Engine {
    // Asked on a thread beside the runtime, by one at a time.
    controller: Option<Arc<Mutex<Controller>>>,
    says: Option<Says>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Says {
    model: String,
    /// None while only its bootloader runs.
    version: Option<String>,
}

impl Engine {
    pub(super) fn new(controller: Option<Controller>) -> Self {
        Self { controller: controller.map(|controller| Arc::new(Mutex::new(controller))), says: None }
    }

    /// Asks it. One that does not answer has said nothing.
    pub(super) async fn ask(&mut self) {
        let Some(controller) = self.controller.clone() else { return };
        let asked = move || {
            let mut controller = controller.lock().unwrap_or_else(PoisonError::into_inner);
            let model = controller.identity()?.model;
            Ok::<_, EngineFault>(Says { model, version: controller.running_version()? })
        };
        self.says = match tokio::task::spawn_blocking(asked).await {
            Ok(Ok(says)) => Some(says),
            Ok(Err(fault)) => {
                tracing::debug!("which firmware the engine runs is not known: {fault}");
                None
            }
            Err(_) => None,
        };
    }

    /// Corrects what runs by what it said.
    pub(super) fn correct(&self, running: &mut Vec<RunningProgram>) {
        if let Some(says) = &self.says {
            says.correct(running);
        }
    }
}

impl Says {
    fn correct(&self, running: &mut Vec<RunningProgram>) {
        let is_firmware = |program: &RunningProgram| program.kind.as_str() == KIND;
        let Some(version) = self.version.as_deref().and_then(|version| version.parse().ok()) else {
            return running.retain(|program| !is_firmware(program));
        };
        let mut known = running.iter_mut().filter(|program| is_firmware(program));
        match (known.next(), known.next()) {
            (Some(one), None) => one.version = version,
            (None, _) => {
                // It was never replaced, so nobody has given it a name.
                let name = self.model.to_ascii_lowercase().parse();
                if let (Ok(kind), Ok(name)) = (KIND.parse(), name)
                    && running.len() < MAX_RUNNING
                {
                    running.push(RunningProgram { kind, name, version });
                }
            }
            // By two names at once: what was installed last is what stands there.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(kind: &str, name: &str, version: &str) -> RunningProgram {
        let (kind, name, version) = (kind.parse().unwrap(), name.parse().unwrap(), version.parse().unwrap());
        RunningProgram { kind, name, version }
    }

    fn corrected(version: Option<&str>, running: &[RunningProgram]) -> Vec<String> {
        let says = Says { model: "ARIA-4".to_owned(), version: version.map(str::to_owned) };
        let mut running = running.to_vec();
        says.correct(&mut running);
        running.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_engine_says_goes_before_what_was_installed() {
        let agent = program("agent-package", "platen-agent", "1.0");
        let firmware = program(KIND, "engine", "2.0");
        let own = "agent-package/platen-agent/1.0";
        let both = [agent.clone(), firmware];
        assert_eq!(corrected(Some("3.0"), &both), [own, "engine-firmware/engine/3.0"]);
        assert_eq!(corrected(None, &both), [own], "only its bootloader runs");
        assert_eq!(corrected(Some("1.0.0"), &[agent]), [own, "engine-firmware/aria-4/1.0.0"]);
    }
}
