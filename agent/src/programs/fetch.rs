//! One transfer, piece by piece, on a connection of its own, until it is whole or there is nothing to fetch.
//!
//! A connection that breaks costs at most what was on it: the next piece goes on at the byte where the last one ended,
//! also after the agent was started again ([`super::spool`]). What an answer says of itself is judged in
//! [`super::transfer`]. A manager that is away is asked again with pauses as in the uplink, and only while the uplink has
//! contact.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use platen_protocol::limits::MIN_PIECE_BYTES;
use platen_protocol::problem::ProblemKind;
use platen_protocol::programs::range::ByteRange;
use platen_protocol::programs::{AskCause, ProgramRequest};
use platen_protocol::{VERSION, path};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::hardware::hardware;
use super::piece_size::PieceSize;
use super::spool::{Spool, Transfer};
use super::told::Told;
use super::transfer::{Contradiction, Head, Offered};
use super::watching::Installation;
use crate::clock::Clock;
use crate::status::Sort;
use crate::uplink::UplinkError;
use crate::uplink::carried::{self, Carried, Wanted};
use crate::uplink::connect::Connector;
use crate::uplink::connection::Connection;

/// After so many answers in a row that contradict what is on the disk, it is what is on the disk that must be wrong.
const MAX_CONTRADICTIONS: u32 = 5;
const NO_CONTENT: u16 = 204;
/// So much is gathered before the disk is asked to take it, in bytes.
const STROKE_BYTES: usize = 64 * 1024;
/// A program may need so much beside itself, for its folder and its records.
const ROOM_BESIDE: u64 = 64 * 1024;

/// What the fetching works on.
pub(super) struct Fetcher {
    /// How the manager is reached, while it is.
    pub contact: watch::Receiver<Option<Connector>>,
    /// Where the transfer is kept.
    pub spool: Spool,
    /// Stamps requests.
    pub clock: Arc<Clock>,
    /// The printer's model.
    pub model: String,
    /// So much of the disk stays free.
    pub keep_free: u64,
    /// A connection on which nothing comes for so long is given up.
    pub silence: Duration,
    connection: Option<(Connector, Connection)>,
    transfer: Option<Transfer>,
    size: PieceSize,
    contradictions: u32,
}

/// What a piece came to.
#[derive(Debug)]
pub(super) enum Came {
    /// There is no program for this device.
    Nothing,
    /// A transfer has begun.
    Begun,
    /// More of it is here.
    More,
    /// All of it lies ready.
    Ready(Offered),
    /// It is not fetched, whatever is tried.
    Refused(Offered, String),
}

/// Why a piece did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// There is no contact at the moment.
    #[error("there is no contact with the manager")]
    NoContact,
    /// The exchange.
    #[error(transparent)]
    Exchange(#[from] UplinkError),
    /// The answer.
    #[error("the manager's answer cannot be used: {0}")]
    Answer(#[from] Contradiction),
    /// It ended before its end, or did not end there.
    #[error("the manager's answer has {0} than it said")]
    Length(&'static str),
    /// This device's disk.
    #[error("the disk does not take it: {0}")]
    Disk(#[from] io::Error),
}

impl Failed {
    /// Whether asking again soon may help: not when the manager refuses what is asked.
    pub(super) fn is_for_later(&self) -> bool {
        match self {
            Self::Exchange(cause) => {
                let refused = cause.sort() == Sort::Refused;
                !refused
                    || matches!(cause.problem_kind(), Some(ProblemKind::RangeNotSatisfiable))
                    || cause.may_depend_on_size()
            }
            Self::NoContact | Self::Answer(_) | Self::Length(_) | Self::Disk(_) => true,
        }
    }

    /// When the manager wants to be asked again, if it said so.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        if let Self::Exchange(cause) = self { cause.retry_after() } else { None }
    }

    /// Whether a smaller piece may get through.
    fn may_depend_on_size(&self) -> bool {
        match self {
            Self::Exchange(cause) => cause.may_depend_on_size(),
            Self::Length(_) => true,
            _ => false,
        }
    }
}

impl Fetcher {
    /// Continues what an earlier life has left behind.
    pub(super) fn new(
        contact: watch::Receiver<Option<Connector>>,
        spool: Spool,
        clock: Arc<Clock>,
        model: String,
        keep_free: u64,
        silence: Duration,
    ) -> Self {
        let transfer = spool.resume(clock.boot_id());
        Self {
            contact,
            spool,
            clock,
            model,
            keep_free,
            silence,
            connection: None,
            transfer,
            size: PieceSize::default(),
            contradictions: 0,
        }
    }

    /// The transfer under way.
    pub(super) fn transfer(&self) -> Option<&Transfer> {
        self.transfer.as_ref()
    }

    /// Ends when there is contact.
    pub(super) async fn in_contact(&mut self) {
        // Without an uplink there is no agent either.
        let _ = self.contact.wait_for(Option::is_some).await;
    }

    /// Lets go of the connection.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Gives up what was received.
    pub(super) fn forget(&mut self) {
        self.transfer = None;
        self.spool.clear();
    }

    /// Asks for the next piece, and takes what comes of it.
    ///
    /// # Errors
    /// When it did not come. What was received stays, unless it is what was wrong.
    pub(super) async fn piece(
        &mut self,
        cause: AskCause,
        found: &Installation,
        told: &Told,
    ) -> Result<Came, Failed> {
        if self.transfer.as_ref().is_some_and(Transfer::is_whole) {
            return self.hand_over().await;
        }
        let came = self.try_piece(cause, found, told).await;
        match &came {
            Ok(_) => self.contradictions = 0,
            Err(failed) => {
                self.hang_up();
                if failed.may_depend_on_size() {
                    self.size.failed();
                }
                self.contradicted(failed);
            }
        }
        came
    }

    /// What is on the disk is given up when the manager has no such part, or when it is contradicted again and again.
    fn contradicted(&mut self, failed: &Failed) {
        let no_such_range =
            |cause: &UplinkError| cause.problem_kind() == Some(ProblemKind::RangeNotSatisfiable);
        match failed {
            Failed::Exchange(cause) if no_such_range(cause) => self.forget(),
            Failed::Answer(_) => {
                self.contradictions += 1;
                if self.contradictions >= MAX_CONTRADICTIONS {
                    self.contradictions = 0;
                    self.forget();
                }
            }
            _ => {}
        }
    }

    async fn try_piece(
        &mut self,
        cause: AskCause,
        found: &Installation,
        told: &Told,
    ) -> Result<Came, Failed> {
        let asked = self.asks();
        let mut answer = self.ask(asked, &self.request(cause, found, told)).await?;
        if answer.status == NO_CONTENT {
            self.forget();
            return Ok(Came::Nothing);
        }
        let held = self.transfer.as_ref().map(|held| (held.offered(), held.bytes()));
        let meant = Head::read(answer.status, |name| answer.field(name)).meant(held, asked)?;
        if told.has_ended(&meant.offered.attempt) {
            // The manager has not heard yet how it ended.
            self.forget();
            self.hang_up();
            return Ok(Came::Nothing);
        }
        if let Some(reason) = self.refusal(&meant.offered, meant.anew, found) {
            self.forget();
            self.hang_up();
            return Ok(Came::Refused(meant.offered, reason));
        }
        let offered = meant.offered.clone();
        match self.receive(&mut answer, meant.offered, meant.anew, meant.first..meant.end).await {
            Err(Failed::Disk(cause)) => {
                self.forget();
                self.hang_up();
                Ok(Came::Refused(offered, format!("the disk of this device does not take it: {cause}")))
            }
            Err(failed) => Err(failed),
            Ok(()) => {
                self.size.came();
                if self.transfer.as_ref().is_some_and(Transfer::is_whole) {
                    return self.hand_over().await;
                }
                Ok(if meant.anew { Came::Begun } else { Came::More })
            }
        }
    }

    /// Which part is asked for next. The first is small: it says what is offered, and may be all that comes of it.
    fn asks(&self) -> ByteRange {
        match &self.transfer {
            None => ByteRange { first: 0, last: Some(MIN_PIECE_BYTES - 1) },
            Some(held) => {
                let first = held.bytes();
                ByteRange { first, last: Some(first + self.size.bytes() - 1) }
            }
        }
    }

    fn request(&self, cause: AskCause, found: &Installation, told: &Told) -> ProgramRequest {
        // What was received already needs no more room.
        let received = self.transfer.as_ref().map_or(0, Transfer::bytes);
        ProgramRequest {
            version: VERSION,
            cause,
            hardware: hardware(&self.model),
            running: found.running.clone(),
            free_bytes: self.spool.free_bytes(self.keep_free) + received,
            trusted: found.trusted,
            tried: told.ended.clone(),
            sent: self.clock.stamp(),
        }
    }

    async fn ask(&mut self, range: ByteRange, request: &ProgramRequest) -> Result<Carried, Failed> {
        let reused = self.connect().await?;
        match self.exchange(range, request).await {
            // It had been idle, and was closed meanwhile.
            Err(Failed::Exchange(cause)) if reused && cause.is_stale_connection() => {
                self.hang_up();
                self.connect().await?;
                self.exchange(range, request).await
            }
            first => first,
        }
    }

    async fn exchange(&mut self, range: ByteRange, request: &ProgramRequest) -> Result<Carried, Failed> {
        let Some((connector, connection)) = &mut self.connection else { return Err(Failed::NoContact) };
        let wanted = Wanted {
            path: path::PROGRAMS,
            range,
            if_range: self.transfer.as_ref().map(|held| held.offered().etag.as_str()),
            most: self.size.bytes(),
            silence: self.silence,
        };
        Ok(carried::ask(connection, &connector.address, request, wanted).await?)
    }

    /// Makes sure that there is a connection, of the identity by which there is contact now; says whether it was there.
    async fn connect(&mut self) -> Result<bool, Failed> {
        let changed = self.contact.has_changed().unwrap_or(true);
        let connector = self.contact.borrow_and_update().clone();
        let Some(connector) = connector else {
            self.hang_up();
            return Err(Failed::NoContact);
        };
        let usable = |(_, connection): &(Connector, Connection)| !changed && !connection.is_closed();
        if self.connection.as_ref().is_some_and(usable) {
            return Ok(true);
        }
        self.hang_up();
        let connection = connector.connect().await?;
        self.connection = Some((connector, connection));
        Ok(false)
    }

    /// Why it is not fetched, whatever the manager offers.
    fn refusal(&self, offered: &Offered, anew: bool, found: &Installation) -> Option<String> {
        if found.trusted.is_none() {
            return Some(
                "nothing is installed on this device, for nobody has planted a root of trust".to_owned(),
            );
        }
        if let Err(cause) = offered.check() {
            return Some(cause.to_string());
        }
        let needed = offered.whole.saturating_add(ROOM_BESIDE);
        let free = self.spool.free_bytes(self.keep_free);
        // What is there of another program goes.
        let gone = self.transfer.as_ref().map_or(0, Transfer::bytes);
        (anew && needed > free.saturating_add(gone)).then(|| {
            format!(
                "it needs {needed} bytes, and {free} are free beside the {} that stay free on this device",
                self.keep_free
            )
        })
    }

    async fn receive(
        &mut self,
        answer: &mut Carried,
        offered: Offered,
        anew: bool,
        part: std::ops::Range<u64>,
    ) -> Result<(), Failed> {
        self.open(offered, anew).await?;
        let mut gathered = Vec::new();
        let ended = self.gather(answer, part, &mut gathered).await;
        // What came before it broke counts.
        self.append(gathered).await?;
        ended
    }

    /// Reads a part, and keeps it in strokes that are worth one; what is left over of it is `gathered`.
    async fn gather(
        &mut self,
        answer: &mut Carried,
        part: std::ops::Range<u64>,
        gathered: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        let mut at = part.start;
        let mut here = self.transfer.as_ref().map_or(0, Transfer::bytes);
        while let Some(came) = answer.next().await? {
            let next = at + came.len() as u64;
            if next > part.end {
                return Err(Failed::Length("more bytes"));
            }
            // What is here already is passed over.
            let skip = usize::try_from(here.saturating_sub(at)).unwrap_or(came.len()).min(came.len());
            gathered.extend_from_slice(came.get(skip..).unwrap_or_default());
            (at, here) = (next, here.max(next));
            if gathered.len() >= STROKE_BYTES {
                self.append(std::mem::take(gathered)).await?;
            }
        }
        if at < part.end { Err(Failed::Length("fewer bytes")) } else { Ok(()) }
    }

    async fn open(&mut self, offered: Offered, anew: bool) -> Result<(), Failed> {
        let (spool, held, boot_id) =
            (self.spool.clone(), self.transfer.take(), self.clock.boot_id().to_owned());
        let opened = blocking(move || match held.filter(|_| !anew) {
            Some(mut held) => held.continue_as(offered).map(|()| held),
            None => spool.begin(offered, &boot_id),
        });
        self.transfer = Some(opened.await?);
        Ok(())
    }

    async fn append(&mut self, came: Vec<u8>) -> Result<(), Failed> {
        let Some(mut held) = self.transfer.take() else { return Ok(()) };
        let (held, written) = blocking(move || {
            let written = held.append(&came);
            Ok((held, written))
        })
        .await?;
        self.transfer = Some(held);
        Ok(written?)
    }

    async fn hand_over(&mut self) -> Result<Came, Failed> {
        self.hang_up();
        let Some(held) = self.transfer.take() else { return Ok(Came::Nothing) };
        let offered = held.offered().clone();
        match blocking(move || held.hand_over()).await {
            Ok(()) => Ok(Came::Ready(offered)),
            Err(cause) => {
                self.transfer = self.spool.resume(self.clock.boot_id());
                Err(cause.into())
            }
        }
    }
}

/// A disk may take its time, and holds up nothing else meanwhile.
async fn blocking<T: Send + 'static>(what: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(what).await.unwrap_or_else(|cause| Err(io::Error::other(cause)))
}
