//! The agent's side of the control socket.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use platen_hal::sim_command::Simulator;
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::codec::{CodecError, MAX_REQUEST_BYTES, read};
use super::handler::{CLIENT_LIMIT, Context, ControlHandler, refuse};
use super::message::{Question, VERSION};
use crate::uplink::examine::Examiner;

/// So many `platen`s may be connected at once.
const MAX_CLIENTS: usize = 16;
/// After accepting failed (such as for want of descriptors), the next try comes after this.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
const MODE: u32 = 0o660;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody answers on it.
    #[error("another platen-agent answers on {}: stop it first, or give this one another control_socket", .0.display())]
    Taken(PathBuf),
    /// It cannot be made.
    #[error("the control socket {} cannot be created: {source}", socket.display())]
    Io {
        /// Where.
        socket: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Makes the socket; one that a former agent left behind is replaced.
pub fn bind(socket: &Path) -> Result<UnixListener, BindError> {
    let failed = |source| BindError::Io { socket: socket.to_owned(), source };
    if StdStream::connect(socket).is_ok() {
        return Err(BindError::Taken(socket.to_owned()));
    }
    match fs::remove_file(socket) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
        _ => {}
    }
    let listener = UnixListener::bind(socket).map_err(failed)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(MODE)).map_err(failed)?;
    Ok(listener)
}

/// Serves until `stop` is true, then lets those who are being answered finish.
pub async fn serve(
    listener: UnixListener,
    context: Context,
    simulator: Option<Arc<dyn Simulator>>,
    examiner: Examiner,
    stop: CancellationToken,
) {
    let handler = ControlHandler::new(context, simulator, examiner, stop.clone());
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    while clients.try_join_next().is_some() {}
                    let room = clients.len() < MAX_CLIENTS;
                    clients.spawn(attend(stream, handler.clone(), room));
                }
                Err(cause) => {
                    tracing::warn!("the control socket: {cause}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}

async fn attend(stream: UnixStream, handler: ControlHandler, room: bool) {
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    let question = tokio::time::timeout(CLIENT_LIMIT, read::<Question>(&mut input, MAX_REQUEST_BYTES)).await;
    let answered = match question {
        Ok(Ok(Some(_))) if !room => {
            refuse(&mut output, format!("{MAX_CLIENTS} clients are connected already: try again in a moment"))
                .await
        }
        Ok(Ok(Some(question))) if question.version != VERSION => {
            let reason = format!(
                "the agent speaks version {VERSION} of the control messages, not {}: use the platen of the same package, or restart the agent",
                question.version
            );
            refuse(&mut output, reason).await
        }
        Ok(Ok(Some(question))) => handler.answer(question.request, &mut input, &mut output).await,
        Ok(Err(cause @ (CodecError::TooLong { .. } | CodecError::Malformed(_)))) => {
            refuse(&mut output, cause.to_string()).await
        }
        // Gone, or silent: nobody is there to be told.
        Ok(Ok(None) | Err(CodecError::Io(_))) | Err(_) => Ok(()),
    };
    if let Err(cause) = answered {
        tracing::debug!("a client of the control socket left: {cause}");
    }
}
