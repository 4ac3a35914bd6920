//! `platen doctor`: the agent compares the board file with the board; without an agent, we do.

use std::path::Path;

use platen_agent::control::message::{Answer, Request};
use platen_agent::show;
use platen_hal::{Finding, Verdict};
use serde::Serialize;

use crate::client::{Client, ClientError};
use crate::print;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    /// `agent`, or the board file that was opened for want of one.
    asked: String,
    simulated: bool,
    findings: Vec<Finding>,
}

pub(crate) async fn doctor(socket: &Path, board: &Path, json: bool) -> Result<(), ClientError> {
    let report = match Client::ask(socket, Request::Doctor).await {
        Ok(mut client) => match client.answer().await? {
            Answer::Findings { simulated, findings } => {
                Report { asked: "agent".to_owned(), simulated, findings }
            }
            _ => return Err(ClientError::Unexpected),
        },
        Err(ClientError::NoAgent(socket)) => {
            eprintln!(
                "platen: no agent answers on {}; the board is opened by {} instead",
                socket.display(),
                board.display()
            );
            directly(board)?
        }
        Err(cause) => return Err(cause),
    };
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        let mark = if report.simulated { "SIMULATED\n" } else { "" };
        print(&format!("{mark}{}", show::findings(&report.findings)))?;
    }
    match report.findings.iter().filter(|finding| finding.verdict == Verdict::Failed).count() {
        0 => Ok(()),
        failed => Err(ClientError::Found { failed }),
    }
}

/// A board that cannot even be opened is a finding like any other.
fn directly(file: &Path) -> Result<Report, ClientError> {
    let config = platen_hal::config::load(file)?;
    let simulated = config.backend == platen_hal::config::Backend::Simulated;
    let findings = match platen_hal::open(&config) {
        Ok(mut opened) => opened.board.diagnose(),
        Err(cause) => vec![Finding {
            subject: "board".to_owned(),
            place: file.display().to_string(),
            verdict: Verdict::Failed,
            what: cause.to_string(),
            // The words of the error say what to look at.
            check: None,
        }],
    };
    Ok(Report { asked: file.display().to_string(), simulated, findings })
}
