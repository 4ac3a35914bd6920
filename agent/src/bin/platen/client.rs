//! This side of the control socket.

use std::io;
use std::path::{Path, PathBuf};

use platen_agent::request::Asked;
use platen_agent::status::StatusReport;
use platen_agent::tool::control::codec::{self, CodecError, MAX_ANSWER_BYTES};
use platen_agent::tool::control::message::{Answer, Question, Request, VERSION};
use platen_agent::tool::show;
use platen_protocol::text::InvalidText;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("no agent answers on {}: is it running? (`systemctl status platen-agent`; another socket: --socket)", .0.display())]
    NoAgent(PathBuf),
    #[error("no permission to use {}: join the group of the socket (`sudo adduser $USER platen`, then sign in again), or use sudo", .0.display())]
    NoPermission(PathBuf),
    #[error("the agent cannot be reached on {}: {source}", socket.display())]
    Connect { socket: PathBuf, source: io::Error },
    #[error("the {what} {cause}")]
    Text { what: &'static str, cause: InvalidText },
    #[error("{0}")]
    Refused(String),
    #[error("{}", show::ordered_already(.0))]
    Already(Box<Asked>),
    #[error("the agent closed the connection: it is stopping")]
    Ended,
    #[error("the agent gave an unexpected answer: use the platen of the same package, or restart the agent")]
    Unexpected,
    #[error("the connection to the agent failed: {0}")]
    Codec(#[from] CodecError),
    #[error("{}", if *failed == 1 { "1 check failed".to_owned() } else { format!("{failed} checks failed") })]
    Found { failed: usize },
    #[error("{} exists already: give a new file", .0.display())]
    Exists(PathBuf),
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("the output cannot be written: {0}")]
    Output(#[source] io::Error),
}

impl ClientError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Text { .. } => 2,
            Self::NoAgent(_) => 3,
            Self::NoPermission(_) => 4,
            Self::Already(_) => 5,
            _ => 1,
        }
    }
}

/// A question that was asked, and whose answers come.
pub(crate) struct Client {
    answers: Answers,
    /// Closed when this is dropped, which ends the conversation.
    questions: OwnedWriteHalf,
}

/// The answers alone.
pub(crate) struct Answers(BufReader<OwnedReadHalf>);

impl Client {
    pub(crate) async fn ask(socket: &Path, request: Request) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(socket).await.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NoAgent(socket.into()),
            io::ErrorKind::PermissionDenied => ClientError::NoPermission(socket.into()),
            _ => ClientError::Connect { socket: socket.into(), source },
        })?;
        let (answers, mut questions) = stream.into_split();
        codec::write(&mut questions, &Question { version: VERSION, request }).await?;
        Ok(Self { answers: Answers(BufReader::new(answers)), questions })
    }

    pub(crate) async fn answer(&mut self) -> Result<Answer, ClientError> {
        self.answers.answer().await
    }

    pub(crate) async fn status(&mut self) -> Result<StatusReport, ClientError> {
        match self.answer().await? {
            Answer::Status(status) => Ok(*status),
            _ => Err(ClientError::Unexpected),
        }
    }

    pub(crate) fn split(self) -> (Answers, OwnedWriteHalf) {
        (self.answers, self.questions)
    }
}

impl Answers {
    /// The next answer. Not to be given up halfway: a part of it would be lost.
    pub(crate) async fn answer(&mut self) -> Result<Answer, ClientError> {
        match codec::read(&mut self.0, MAX_ANSWER_BYTES).await? {
            Some(Answer::Refused { reason }) => Err(ClientError::Refused(reason)),
            Some(answer) => Ok(answer),
            None => Err(ClientError::Ended),
        }
    }
}
