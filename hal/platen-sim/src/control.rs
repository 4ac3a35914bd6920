//! The control socket: `platen --socket PATH sim ...` plays this printer as it plays the agent's simulated one.

use std::time::Duration;

use platen_agent::tool::control::codec::{CodecError, MAX_REQUEST_BYTES, read, write};
use platen_agent::tool::control::message::{Answer, Question, Request, VERSION};
use platen_simulator::{SimCommand, SimPrinter};
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};

/// A question must arrive, and its answer be taken, within this.
const CLIENT_LIMIT: Duration = Duration::from_secs(10);

/// Serves one client after the other, for ever.
pub(crate) async fn serve(listener: UnixListener, printer: SimPrinter) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match tokio::time::timeout(CLIENT_LIMIT, attend(stream, &printer)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("a client of the control socket: {error}"),
                Err(_) => eprintln!("a client of the control socket was too slow"),
            },
            Err(error) => {
                eprintln!("the control socket: {error}");
                return;
            }
        }
    }
}

async fn attend(stream: UnixStream, printer: &SimPrinter) -> Result<(), CodecError> {
    let (input, mut output) = stream.into_split();
    let refused = |reason: &str| Answer::Refused { reason: reason.to_owned() };
    let answer = match read::<Question>(&mut BufReader::new(input), MAX_REQUEST_BYTES).await {
        Ok(Some(Question { version: VERSION, request: Request::Sim { command } })) => {
            match act(printer.clone(), command).await {
                Ok(what) => Answer::Done { what },
                Err(reason) => Answer::Refused { reason },
            }
        }
        Ok(Some(Question { version: VERSION, .. })) => {
            refused("this is a printer and no agent: it answers `platen sim` only")
        }
        Ok(Some(_)) => refused("use the platen of the same version"),
        Ok(None) => return Ok(()),
        Err(error) => refused(&error.to_string()),
    };
    write(&mut output, &answer).await
}

/// Does one act. It blocks for as long as a finger presses a button.
pub(crate) async fn act(printer: SimPrinter, command: SimCommand) -> Result<String, String> {
    match tokio::task::spawn_blocking(move || printer.apply(&command)).await {
        Ok(done) => done.map_err(|refused| refused.to_string()),
        Err(error) => Err(format!("the simulator failed: {error}")),
    }
}
