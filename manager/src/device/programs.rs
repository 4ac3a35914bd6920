//! `POST /v1/programs/request`: a device says what it is and what runs on it, and is given the program that is to be
//! installed there, if there is one. For most there is none: they are answered from memory, and nothing is written.
//!
//! An answer that broke off goes on by `Range` and `If-Range`. Where it is signed for its way through a proxy that opens
//! TLS, it is at most one piece: all of it has to be there before it can be signed.

use std::num::NonZeroU64;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use jiff::Timestamp;
use platen_protocol::VERSION;
use platen_protocol::identity::DeviceId;
use platen_protocol::limits::MAX_PIECE_BYTES;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::programs::range::{ByteRange, ContentRange};
use platen_protocol::programs::{ProgramRequest, RunningProgram, field};
use tokio::time::Instant;

use super::answer::Answer;
use super::answer_body::AnswerBody;
use super::context::{Caller, Devices, later};
use super::pick::{Picked, pick};
use super::sending::{Sent, Wanted, reserve, send, set};
use super::{body, identity, restored, signed};
use crate::clock;
use crate::inform::Event;
use crate::ingest::validate::wrong_version;
use crate::listen::RequestBody;
use crate::programs::edition::Edition;
use crate::programs::shelf::{Given, Shelf};
use crate::store::{Asked, OnOffer};

/// Which part of the answer is asked for.
struct Part {
    wanted: Wanted,
    /// Whether the answer will be signed.
    is_signed: bool,
}

impl Part {
    fn read<B>(request: &Request<B>) -> Self {
        Self { wanted: Wanted::read(request), is_signed: signed::is_signed(request) }
    }
}

/// What is to be sent: the metadata before the file, and which body that is.
struct Whole {
    edition: Edition,
    document: Bytes,
    bytes: NonZeroU64,
}

/// Answers a device that asks for a program.
pub(super) async fn request(
    devices: Arc<Devices>,
    caller: Arc<Caller>,
    request: Request<RequestBody>,
) -> Result<Answer, Problem> {
    let now = clock::now();
    let device = match identity::let_in(&devices, &caller.shown, now).await {
        Ok(device) => device,
        Err(problem) => {
            restored::note(&devices, &caller, &problem, now).await;
            return Err(problem);
        }
    };
    caller.admit_for_program(&devices, &device, Instant::now())?;
    let part = Part::read(&request);
    let body = body::read(&devices, request).await?;
    let asked: ProgramRequest = body::parse(&body)?;
    drop(body);
    check(&asked)?;
    if devices.roster.seen(&device, caller.address, now) {
        let contact = Some(devices.roster.contact(&device, now).state);
        devices.informer.publish(Event { contact, ..Event::new("contact", device.clone(), now) });
    }
    keep(&devices, &device, &asked, now).await?;
    let offers = devices.store.on_offer(&device).await.map_err(|error| later(&devices, &error))?;
    let shelf = devices.programs.shelf();
    let held = part.wanted.of.as_ref().and(part.wanted.range).map_or(0, |range| range.first);
    match pick(&offers, &shelf, (&asked, held), now) {
        Picked::Nothing => Ok(nothing()),
        Picked::Runs(offer) => {
            let done = devices.store.offer_runs_already(device.clone(), offer.attempt.clone(), now).await;
            done.map_err(|error| later(&devices, &error))?;
            devices.informer.publish(Event::of_program(device, now));
            devices.rollout_bell.ring();
            Ok(nothing())
        }
        Picked::Waits(offer, why) => {
            tracing::info!(%device, attempt = %offer.attempt, why, "a program waits");
            let kept = devices.store.offer_waits(device.clone(), offer.key, Some(why)).await;
            kept.map_err(|error| later(&devices, &error))?;
            devices.informer.publish(Event::of_program(device, now));
            Ok(nothing())
        }
        Picked::Give(offer, given) => {
            let trusted_root = asked.trusted.map_or(0, |trusted| trusted.root);
            give(&devices, (&device, offer, given), (&*shelf, trusted_root), part, now).await
        }
    }
}

fn check(asked: &ProgramRequest) -> Result<(), Problem> {
    if asked.version != VERSION {
        return Err(wrong_version(u64::from(asked.version)));
    }
    asked
        .check()
        .map_err(|(field, cause)| Problem::new(ProblemKind::InvalidRequest, format!("{field}: {cause}")))
}

/// Keeps what a device says of itself, if that is news.
async fn keep(
    devices: &Devices,
    device: &DeviceId,
    asked: &ProgramRequest,
    now: Timestamp,
) -> Result<(), Problem> {
    let mut running = asked.running.clone();
    running.sort();
    running.dedup_by(|one, other| (&one.kind, &one.name) == (&other.kind, &other.name));
    let said = Asked { hardware: asked.hardware.clone(), running, tried: asked.tried.clone() };
    if devices.said.is_known(device, &said) {
        return Ok(());
    }
    let known = devices.store.is_told(device.clone(), said.clone()).await;
    if !known.map_err(|error| later(devices, &error))? {
        let told = devices.store.keep_told(device.clone(), said.clone(), now).await;
        let told = told.map_err(|error| later(devices, &error))?;
        if told.runs || told.ended {
            devices.informer.publish(Event::of_program(device.clone(), now));
        }
        if told.ended {
            devices.rollout_bell.ring();
        }
    }
    devices.said.keep(device, &said);
    Ok(())
}

fn nothing() -> Answer {
    let mut answer = Response::new(AnswerBody::from(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Gives a device a program, or the part of it that it asks for.
async fn give(
    devices: &Devices,
    (device, offer, given): (&DeviceId, &OnOffer, Arc<Given>),
    (shelf, trusted_root): (&Shelf, u64),
    part_asked: Part,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let record = &given.record;
    let asked_for = part_asked.wanted.of.as_deref().and_then(|etag| etag.parse::<Edition>().ok());
    let good = asked_for.filter(|edition| edition.is_good(shelf, &record.sha256, now));
    let goes_on = good.is_some();
    let whole = match good {
        Some(edition) => with_document(edition, shelf, record.size),
        None => Edition::newest(shelf, trusted_root, &record.sha256)
            .and_then(|newest| with_document(newest, shelf, record.size)),
    };
    let Some(whole) = whole else { return Ok(nothing()) };
    let range = part_of(&part_asked, goes_on, whole.bytes)?;
    let transfer = reserve(devices, device, record).await?;
    if offer.step.is_none() {
        let stands = devices.store.program_given(device.clone(), offer.key, now).await;
        if !stands.map_err(|error| later(devices, &error))? {
            return Ok(nothing());
        }
        tracing::info!(
            %device,
            name = %record.name,
            version = %record.version,
            attempt = %offer.attempt,
            "a device is given a program"
        );
        devices.informer.publish(Event::of_program(device.clone(), now));
        devices.rollout_bell.ring();
    } else if offer.waits.is_some() {
        let kept = devices.store.offer_waits(device.clone(), offer.key, None).await;
        kept.map_err(|error| later(devices, &error))?;
    }
    let program = RunningProgram {
        kind: record.kind.clone(),
        name: record.name.clone(),
        version: record.version.clone(),
    };
    let etag = whole.edition.to_string();
    let sent = Sent { head: &whole.document, bytes: whole.bytes, range, etag: &etag };
    let mut answer = send(devices, (offer, &given), sent, transfer).await?;
    let fields = [
        (field::METADATA_LENGTH, whole.document.len().to_string()),
        (field::ATTEMPT, offer.attempt.to_string()),
        (field::PROGRAM, program.to_string()),
    ];
    for (name, value) in fields {
        set(&mut answer, HeaderName::from_static(name), &value)?;
    }
    Ok(answer)
}

/// An edition with its bytes; with fewer roots, where devices would not read so many at once.
fn with_document(mut edition: Edition, shelf: &Shelf, size: u64) -> Option<Whole> {
    loop {
        match edition.document(shelf)? {
            Ok(document) => {
                let head = u64::try_from(document.len()).ok()?;
                let bytes = NonZeroU64::new(head.checked_add(size)?)?;
                return Some(Whole { edition, document: document.into(), bytes });
            }
            Err(error) => {
                let Some(fewer) = edition.with_fewer_roots() else {
                    tracing::error!(%error, "the trust metadata of programs cannot be sent");
                    return None;
                };
                edition = fewer;
            }
        }
    }
}

/// Which part is answered; none is all of it.
fn part_of(asked: &Part, goes_on: bool, whole: NonZeroU64) -> Result<Option<ContentRange>, Problem> {
    let unsatisfiable = |detail: String| Problem::new(ProblemKind::RangeNotSatisfiable, detail);
    // `If-Range` of another body: all of the one that there is.
    let range = asked.wanted.range.filter(|_| asked.wanted.of.is_none() || goes_on);
    let Some(range) = range else {
        if !asked.is_signed {
            return Ok(None);
        }
        return Err(unsatisfiable(format!(
            "there is another body now, and a signed answer has at most {MAX_PIECE_BYTES} bytes: ask for its beginning"
        )));
    };
    let most = if asked.is_signed { MAX_PIECE_BYTES } else { u64::MAX };
    let last = range.first.saturating_add(most - 1);
    let range = ByteRange { first: range.first, last: Some(range.last.unwrap_or(last).min(last)) };
    let part = range.of(whole);
    part.map(Some).ok_or_else(|| {
        unsatisfiable(format!("the body has {whole} bytes, and none is asked for: ask for its beginning"))
    })
}
