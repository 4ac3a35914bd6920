//! `platen`: the technician's tool on the controller.
//!
//! Exit codes: 0 done; 1 the agent refused or something failed; 2 wrong usage; 3 no agent answers;
//! 4 no permission; 5 ordered already.

// `println!` and its like panic when nobody reads any more.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod client;
mod doctor;
mod record;
mod watch;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use platen_agent::tool::control::message::{Answer, Request};
use platen_agent::tool::show;
use platen_protocol::limits::MAX_MESSAGE_CHARS;
use platen_protocol::text;

use args::{Arguments, ProgramsAct, Task};
use client::{Client, ClientError};

/// How long `call-service`, `order` and `report` wait for the manager's word.
const ACKNOWLEDGE_LIMIT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            warn(&cause.to_string());
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(perform(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has had enough.
        Err(ClientError::Output(cause)) if cause.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(cause) => {
            warn(&cause.to_string());
            ExitCode::from(cause.exit_code())
        }
    }
}

async fn perform(arguments: Arguments) -> Result<(), ClientError> {
    let socket = &arguments.socket;
    match arguments.task {
        Task::Status { json } => {
            let status = Client::ask(socket, Request::Status).await?.status().await?;
            let text = if json {
                format!("{}\n", serde_json::to_string_pretty(&status)?)
            } else {
                show::status(&status)
            };
            print(&text)
        }
        Task::Watch => watch::watch(Client::ask(socket, Request::Watch).await?).await,
        Task::CallService { message } => {
            let message = (!message.is_empty()).then(|| message.join(" "));
            let message = text::written(message, MAX_MESSAGE_CHARS)
                .map_err(|cause| ClientError::Text { what: "message", cause })?;
            let client = Client::ask(socket, Request::CallService { message }).await?;
            match kept(client, "The service call", "The service centre has the call.").await {
                // It is counted, which is what there is to do.
                Err(ClientError::Already(asked)) => print(&format!("{}\n", show::called_already(&asked))),
                called => called,
            }
        }
        Task::Order { supply, quantity, note, again } => {
            let note = text::written(note, MAX_MESSAGE_CHARS)
                .map_err(|cause| ClientError::Text { what: "note", cause })?;
            let client = Client::ask(socket, Request::Order { supply, quantity, note, again }).await?;
            kept(client, "The order", "The service centre has the order.").await
        }
        Task::Doctor { json, board, config } => doctor::doctor(socket, &board, &config, json).await,
        Task::Record { file, time } => record::record(socket, &file, time).await,
        Task::Report => {
            let client = Client::ask(socket, Request::Report).await?;
            kept(client, "The report", "The service centre has the report.").await
        }
        Task::Programs { json, act: None } => {
            let mut client = Client::ask(socket, Request::Programs).await?;
            match client.answer().await? {
                Answer::Programs(report) if json => {
                    print(&format!("{}\n", serde_json::to_string_pretty(&report)?))
                }
                Answer::Programs(report) => print(&show::programs(&report)),
                _ => Err(ClientError::Unexpected),
            }
        }
        Task::Programs { act: Some(ProgramsAct::Check), .. } => {
            done(Client::ask(socket, Request::CheckPrograms).await?).await
        }
        Task::Sim { act } => done(Client::ask(socket, Request::Sim { command: act.into() }).await?).await,
    }
}

/// The answer to something that is done at once.
async fn done(mut client: Client) -> Result<(), ClientError> {
    match client.answer().await? {
        Answer::Done { what } => print(&format!("{what}\n")),
        _ => Err(ClientError::Unexpected),
    }
}

/// The answers to something that goes to the manager: kept first, then with some luck acknowledged.
async fn kept(mut client: Client, what: &str, arrived: &str) -> Result<(), ClientError> {
    match client.answer().await? {
        Answer::Kept => print(&format!("{what} is kept and will be sent.\n"))?,
        Answer::Already { asked } => return Err(ClientError::Already(Box::new(asked))),
        _ => return Err(ClientError::Unexpected),
    }
    match tokio::time::timeout(ACKNOWLEDGE_LIMIT, client.answer()).await {
        Ok(Ok(Answer::Acknowledged)) => print(&format!("{arrived}\n")),
        // The end of the conversation, or its limit: what is kept is kept.
        _ => print("The service centre has not confirmed it yet (see `platen status`).\n"),
    }
}

/// Tells something beside the output. Nobody may listen any more, and then there is nobody to tell.
fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "platen: {text}");
}

fn print(text: &str) -> Result<(), ClientError> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(ClientError::Output)
}
