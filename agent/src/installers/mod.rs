//! The installers that come with the agent, each a kind of program: `engine-firmware`, `board-file`, `agent-config`.
//!
//! They are programs of their own by docs/installers.md: `platen-install` calls `/usr/lib/platen/installers/KIND STEP` as
//! root, and that is a line of shell which calls `platen-agent installer KIND STEP`. They are in the agent's executable
//! because what they need is there already (the board file's reader, the way to a bus, the reader of agent.toml), and an
//! executable of their own would have all of it once more. An agent that runs has nothing of them in its memory.
//!
//! By file name: [`given`] is what the contract tells, and how a step ends; `engine_firmware` writes firmware over I2C;
//! `config_file` replaces a file of /etc/platen, and `service` has the agent begin anew with it; `durable` writes files
//! that a power cut leaves whole; `versions` orders versions.

mod config_file;
mod durable;
mod engine_firmware;
pub mod given;
mod service;
mod versions;

use std::path::Path;

use self::given::{Given, Halt, Kind, Step};

/// Does one step. `config` is the agent's file.
///
/// # Errors
/// It was not done, and why.
pub fn execute(kind: Kind, step: Step, config: &Path) -> Result<(), Halt> {
    match (kind, step) {
        (Kind::EngineFirmware, Step::Adopt) => Err(Halt::Refused(
            "only a file can be adopted: what runs on the engine is asked of the engine".to_owned(),
        )),
        (Kind::EngineFirmware, step) => engine_firmware::execute(step, &Given::by_environment()?, config),
        (Kind::BoardFile | Kind::AgentConfig, Step::Adopt) => config_file::adopt(kind, config),
        (Kind::BoardFile | Kind::AgentConfig, step) => {
            config_file::execute(kind, step, &Given::by_environment()?, config)
        }
    }
}
