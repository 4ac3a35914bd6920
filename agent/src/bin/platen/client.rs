//! This side of the control socket.

use std::io;
use std::path::{Path, PathBuf};

use platen_agent::control::codec::{self, CodecError, MAX_ANSWER_BYTES};
use platen_agent::control::message::{Answer, Question, Request, VERSION};
use platen_agent::status::StatusReport;
use platen_protocol::limits::MAX_MESSAGE_CHARS;
use tokio::io::BufReader;
use tokio::net::UnixStream;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("no agent answers on {}: is it running? (`systemctl status platen-agent`; another socket: --socket)", .0.display())]
    NoAgent(PathBuf),
    #[error("no permission to use {}: join the group of the socket (`sudo adduser $USER platen`, then sign in again), or use sudo", .0.display())]
    NoPermission(PathBuf),
    #[error("the agent cannot be reached on {}: {source}", socket.display())]
    Connect { socket: PathBuf, source: io::Error },
    #[error("the message has {chars} characters; at most {MAX_MESSAGE_CHARS} can be sent: shorten it")]
    TooLong { chars: usize },
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    #[error("the agent ended the conversation: it is being stopped")]
    Ended,
    #[error(
        "the agent answered something else than was asked: use the platen of the same package, or restart the agent"
    )]
    Unexpected,
    #[error("the conversation with the agent failed: {0}")]
    Codec(#[from] CodecError),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("the output failed: {0}")]
    Output(#[source] io::Error),
}

impl ClientError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::TooLong { .. } | Self::Usage(_) => 2,
            Self::NoAgent(_) => 3,
            Self::NoPermission(_) => 4,
            _ => 1,
        }
    }
}

/// A question that was asked, and whose answers come.
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    pub(crate) async fn ask(socket: &Path, request: Request) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(socket).await.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NoAgent(socket.into()),
            io::ErrorKind::PermissionDenied => ClientError::NoPermission(socket.into()),
            _ => ClientError::Connect { socket: socket.into(), source },
        })?;
        let mut stream = BufReader::new(stream);
        codec::write(&mut stream, &Question { version: VERSION, request }).await?;
        Ok(Self { stream })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Answer>, ClientError> {
        match codec::read(&mut self.stream, MAX_ANSWER_BYTES).await? {
            Some(Answer::Refused { reason }) => Err(ClientError::Refused(reason)),
            answer => Ok(answer),
        }
    }

    pub(crate) async fn answer(&mut self) -> Result<Answer, ClientError> {
        self.next().await?.ok_or(ClientError::Ended)
    }

    pub(crate) async fn status(&mut self) -> Result<StatusReport, ClientError> {
        match self.answer().await? {
            Answer::Status(status) => Ok(*status),
            _ => Err(ClientError::Unexpected),
        }
    }
}
