//! The agent's service, which begins anew to run with another file.

use std::path::Path;
use std::process::{Command, Stdio};

use super::given::Halt;

const UNIT: &str = "platen-agent.service";
/// There where systemd is the service manager.
const SYSTEMD: &str = "/run/systemd/system";

/// Has the agent begin anew, and waits until it says that it runs: then it has taken its files. Where there is no service
/// manager nothing is done; whoever starts the agent there starts it with the files as they are.
pub(super) fn restart() -> Result<(), Halt> {
    if !Path::new(SYSTEMD).exists() {
        return Ok(());
    }
    // One that ended too often for the service manager may begin again: it has other files now.
    let _ = systemctl(&["reset-failed", UNIT]);
    systemctl(&["restart", UNIT]).map_err(|why| {
        let said = last_words();
        Halt::Failed(format!("the agent does not run with it: {why}{said}"))
    })
}

/// Whether it runs.
pub(super) fn runs() -> Result<(), Halt> {
    if !Path::new(SYSTEMD).exists() {
        return Ok(());
    }
    match text(&["show", "--property=ActiveState", "--value", UNIT])?.trim() {
        "active" => Ok(()),
        "activating" | "reloading" => Err(Halt::Later(format!("{UNIT} is starting"))),
        other => Err(Halt::Failed(format!("{UNIT} is {other} with it{}", last_words()))),
    }
}

/// What the agent said last, where the journal can be read.
fn last_words() -> String {
    let mut journal = Command::new("journalctl");
    journal.args(["--no-pager", "--output=cat", "--lines=1", "--unit", UNIT]).stdin(Stdio::null());
    let said = journal.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.ok().filter(|said| !said.is_empty()).map(|said| format!(" ({said})")).unwrap_or_default()
}

fn systemctl(arguments: &[&str]) -> Result<(), String> {
    text(arguments).map(drop).map_err(|halt| halt.to_string())
}

fn text(arguments: &[&str]) -> Result<String, Halt> {
    let output = Command::new("systemctl").args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| Halt::Failed(format!("systemctl: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or_default();
    Err(Halt::Failed(format!("systemctl {}: {last}", arguments.join(" "))))
}
