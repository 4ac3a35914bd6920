//! `platen doctor`: the agent compares the board file with the board and checks the connection to the
//! manager; without an agent, this tool does.

use std::path::Path;
use std::sync::Arc;

use platen_agent::board;
use platen_agent::clock::Clock;
use platen_agent::config;
use platen_agent::identity::volatile;
use platen_agent::tool::control::message::{Answer, Request};
use platen_agent::tool::show;
use platen_agent::uplink::dial::proxy::Variables;
use platen_agent::uplink::examine::{CheckedStep, ConnectionCheck, Examiner};
use platen_hal::{Finding, Verdict};
use serde::Serialize;

use crate::client::{Client, ClientError};
use crate::{print, warn};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    /// `agent`, or the board file that was opened for want of one.
    asked: String,
    simulated: bool,
    findings: Vec<Finding>,
    #[serde(rename = "way")]
    connection: ConnectionCheck,
}

impl Report {
    fn failed(&self) -> usize {
        let all = self.findings.iter().chain(self.connection.steps.iter().map(|step| &step.finding));
        all.filter(|finding| finding.verdict == Verdict::Failed).count()
    }
}

pub(crate) async fn doctor(
    socket: &Path,
    board: &Path,
    config: &Path,
    json: bool,
) -> Result<(), ClientError> {
    let report = match Client::ask(socket, Request::Doctor).await {
        Ok(mut client) => match client.answer().await? {
            Answer::Findings { simulated, findings, connection } => {
                Report { asked: "agent".to_owned(), simulated, findings, connection }
            }
            _ => return Err(ClientError::Unexpected),
        },
        Err(ClientError::NoAgent(socket)) => {
            warn(&format!(
                "no agent answers on {}; checking here instead: the board according to {}, the connection to the manager according to {}",
                socket.display(),
                board.display(),
                config.display()
            ));
            directly(board, config).await
        }
        Err(cause) => return Err(cause),
    };
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        let mark = if report.simulated { "SIMULATED\n" } else { "" };
        print(&format!("{mark}{}", show::findings(&report.findings)))?;
        print(&show::connection(&report.connection))?;
    }
    match report.failed() {
        0 => Ok(()),
        failed => Err(ClientError::Found { failed }),
    }
}

/// A board that cannot be compared at all is a finding like any other.
async fn directly(file: &Path, agent: &Path) -> Report {
    let failed = |cause: String| {
        vec![Finding {
            subject: "board".to_owned(),
            place: file.display().to_string(),
            verdict: Verdict::Failed,
            what: cause,
            // The words of the error say what to look at.
            check: None,
        }]
    };
    let (simulated, mut findings) = match platen_hal::config::load(file) {
        Ok(config) => {
            let findings = board::diagnose(&config).unwrap_or_else(|cause| failed(cause.to_string()));
            (config.backend == platen_hal::config::Backend::Simulated, findings)
        }
        Err(cause) => (false, failed(cause.to_string())),
    };
    if let Ok(config) = config::load(agent) {
        findings.extend(volatile::finding(&config.state_directory));
    }
    Report {
        asked: file.display().to_string(),
        simulated,
        findings,
        connection: check_connection(agent).await,
    }
}

/// Without the agent's file there is nowhere to go, which is no failure of the network.
async fn check_connection(file: &Path) -> ConnectionCheck {
    match config::load(file) {
        Ok(config) => {
            let mut uplink = config.uplink;
            // Of this shell: the agent's own may come from a drop-in of its unit.
            uplink.variables = Variables::of_this_process();
            Examiner::new(uplink, config.state_directory, Arc::new(Clock::new())).check().await
        }
        Err(cause) => {
            let finding = Finding {
                subject: "settings".to_owned(),
                place: file.display().to_string(),
                verdict: if file.exists() { Verdict::Failed } else { Verdict::Doubtful },
                what: cause.to_string(),
                check: None,
            };
            ConnectionCheck { steps: vec![CheckedStep { finding, took_ms: None }], tell: Vec::new() }
        }
    }
}
