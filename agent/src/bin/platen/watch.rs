//! `platen watch`: a page that redraws itself, or lines of changes when nobody looks at a terminal.

use std::io::{IsTerminal as _, stdout};
use std::time::Duration;

use platen_agent::status::StatusReport;
use platen_agent::tool::show;
use platen_protocol::readings::Readings;

use crate::client::{Client, ClientError};
use crate::print;

/// Home, and clear what is below: without a flash.
const REDRAW: &str = "\x1b[H\x1b[J";
const CLEAR: &str = "\x1b[2J";
/// The ages on the page grow even when nothing happens.
const TICK: Duration = Duration::from_secs(1);

pub(crate) async fn watch(client: Client) -> Result<(), ClientError> {
    if stdout().is_terminal() { page(client).await } else { lines(client).await }
}

async fn page(mut client: Client) -> Result<(), ClientError> {
    let mut status = client.status().await?;
    print(CLEAR)?;
    loop {
        let mut aged = 0;
        // One future for all the ticks: given up halfway it would lose a part of the answer.
        let next = client.status();
        tokio::pin!(next);
        let next = loop {
            print(&format!("{REDRAW}{}\nPress Ctrl-C to stop.\n", show::status(&grown(&status, aged))))?;
            tokio::select! {
                next = &mut next => break next?,
                () = tokio::time::sleep(TICK) => aged += TICK.as_secs(),
            }
        };
        status = next;
    }
}

/// The status as it would be told now, were it asked for again.
fn grown(status: &StatusReport, seconds: u64) -> StatusReport {
    let mut status = status.clone();
    status.contact.since_seconds += seconds;
    status.contact.last_reply_seconds_ago = status.contact.last_reply_seconds_ago.map(|ago| ago + seconds);
    if let Some(trouble) = &mut status.contact.trouble {
        trouble.next_try_seconds = trouble.next_try_seconds.map(|next| next.saturating_sub(seconds));
    }
    status
}

async fn lines(mut client: Client) -> Result<(), ClientError> {
    let mut before: Option<StatusReport> = None;
    loop {
        let status = client.status().await?;
        for line in changes(before.as_ref(), &status) {
            print(&format!("{line}\n"))?;
        }
        before = Some(status);
    }
}

fn changes(before: Option<&StatusReport>, now: &StatusReport) -> Vec<String> {
    let mut lines = Vec::new();
    if before.map(|before| before.contact.state) != Some(now.contact.state) {
        lines.push(format!("contact: {}", show::contact(now.contact.state)));
    }
    let was = |id| before.is_some_and(|before| before.alerts.iter().any(|alert| alert.id == id));
    for alert in now.alerts.iter().filter(|alert| !was(alert.id.clone())) {
        let mark = if alert.forecast { "may happen: " } else { "" };
        lines.push(format!("alert: {mark}{} ({})", alert.description, alert.code));
    }
    for alert in before.iter().flat_map(|before| &before.alerts) {
        if !now.alerts.iter().any(|standing| standing.id == alert.id) {
            lines.push(format!("alert ended: {} ({})", alert.description, alert.code));
        }
    }
    let old = before.and_then(|before| before.readings.as_ref()).map(readings).unwrap_or_default();
    for line in now.readings.as_ref().map(readings).unwrap_or_default() {
        if !old.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn readings(readings: &Readings) -> Vec<String> {
    show::readings(readings)
        .lines()
        .filter(|line| line.starts_with("  "))
        .map(|line| line.trim().to_owned())
        .collect()
}
