//! `POST /v1/reports`: takes a batch, commits it, acknowledges what is committed, and hands over what
//! waits; or holds the request until there is something to say.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use jiff::Timestamp;
use platen_protocol::VERSION;
use platen_protocol::device_to_manager::{ReportBatch, ReportBody};
use platen_protocol::identity::{DeviceId, Epoch};
use platen_protocol::manager_to_device::{Acknowledged, Command, Reply};
use platen_protocol::problem::{Problem, ProblemKind};
use tokio::time::Instant;

use super::answer::{Answer, Handled, json};
use super::context::{Caller, Devices, later, wait_asked};
use super::mailbox::Ticket;
use super::noisy::NotTaken;
use super::{body, identity, noisy, restored, retire, superseded};
use crate::clock;
use crate::counters::Turned;
use crate::inform::Event;
use crate::ingest::clone::CloneSign;
use crate::ingest::validate;
use crate::listen::{Parked, RequestBody};
use crate::store::{CommandState, Ingest, IngestRefusal, Ingested, StoreError};

/// How long a batch may wait to be stored: below the time after which the device itself gives up, so that
/// it hears why.
const STORE_LIMIT: Duration = Duration::from_secs(20);

/// What a device is told when the manager is about to stop: it comes back after a random part of this,
/// which is about what a restart takes, and spreads the handshakes of a fleet.
pub const PAUSE_SECONDS: u32 = 30;

/// What is left of a request once its batch is in: all that a parked one keeps.
struct ParkedRequest {
    device: DeviceId,
    epoch: Epoch,
    acknowledged: u64,
    wait: Duration,
}

/// Answers a batch, or parks its request.
pub(super) async fn reports(
    devices: Arc<Devices>,
    caller: Arc<Caller>,
    request: Request<RequestBody>,
) -> Result<Handled, Problem> {
    // Boxed, so that the body and the batch are gone while the request is held.
    let taken = match Box::pin(take_in(&devices, &caller, request)).await {
        Ok(taken) => taken,
        Err(NotTaken::Problem(problem)) => {
            devices.counters.intake().refused(problem.kind);
            return Err(problem);
        }
        Err(NotTaken::OverQuota(device, over)) => {
            devices.counters.intake().refused(ProblemKind::OverQuota);
            devices.roster.seen(&device, caller.address, clock::now());
            return Ok(Handled::Answer(noisy::refuse(&devices, &device, over, clock::now()).await));
        }
    };
    let (begun, clock) = (Instant::now(), clock::now());
    let ticket = if taken.wait.is_zero() {
        None
    } else {
        devices.mailbox.park(&taken.device, caller.connection, begun, clock)
    };
    let Some(ticket) = ticket else { return answer(&devices, &caller, taken).await.map(Handled::Answer) };
    let wait = hold(Arc::clone(&devices), caller.address, ticket, begun + taken.wait);
    Ok(Handled::Parked(Parked::new(wait, move || async move { answer(&devices, &caller, taken).await })))
}

/// Waits until there is something to say to a device. Most of a manager's requests are here, so each of these is as small
/// as can be: a block has what it waits with once, where an `async fn` would have its arguments twice.
fn hold(
    devices: Arc<Devices>,
    address: IpAddr,
    mut ticket: Ticket,
    until: Instant,
) -> impl Future<Output = ()> + Send {
    let parked = devices.roster.park(ticket.device());
    async move {
        ticket.wait(until).await;
        // It was there all the time, and its request still is.
        devices.roster.seen(ticket.device(), address, clock::now());
        drop(parked);
    }
}

async fn answer(devices: &Devices, caller: &Caller, request: ParkedRequest) -> Result<Answer, Problem> {
    // What came in is committed, and is harmless when it comes again.
    let open = devices.store.open_requests(&request.device).await;
    let open = Some(open.map_err(|error| later(devices, &error))?);
    let now = clock::now();
    if !request.wait.is_zero() {
        // It may have been shut out meanwhile, or its certificate have ended.
        identity::identify(&devices.roster, &caller.shown, now)?;
    }
    json(&Reply {
        programs: devices.store.has_new_offer(&request.device).await,
        version: VERSION,
        manager_time: now,
        acknowledged: Acknowledged { epoch: request.epoch, sequence: request.acknowledged },
        pause_seconds: devices.mailbox.is_stopping().then_some(PAUSE_SECONDS),
        open,
        commands: hand_over(devices, caller, &request.device, now).await?,
    })
}

/// What waits for a device. Of a store that is shared it is looked up once more: a device may have answered at another
/// manager before it asked this one, which has not heard of that yet, and whoever asks for an outcome that was acknowledged
/// is told it a second time.
async fn hand_over(
    devices: &Devices,
    caller: &Caller,
    device: &DeviceId,
    now: Timestamp,
) -> Result<Vec<Command>, Problem> {
    let mut commands = devices.mailbox.take(device, caller.connection, Instant::now(), now);
    if commands.is_empty() || !devices.store.is_shared() {
        return Ok(commands);
    }
    let open = devices.store.open_commands_of(vec![device.clone()]).await;
    let open = open.map_err(|error| later(devices, &error))?;
    commands.retain(|command| {
        let is_open = open.iter().any(|one| one.command.id == command.id);
        if !is_open {
            devices.mailbox.remove(device, &command.id);
        }
        is_open
    });
    Ok(commands)
}

async fn take_in(
    devices: &Devices,
    caller: &Caller,
    request: Request<RequestBody>,
) -> Result<ParkedRequest, NotTaken> {
    let device = match identity::let_in(devices, &caller.shown, clock::now()).await {
        Ok(device) => device,
        Err(problem) => {
            restored::note(devices, caller, &problem, clock::now()).await;
            superseded::batch_refused(devices, caller, request, &problem, clock::now()).await;
            return Err(problem.into());
        }
    };
    caller.admit(devices, &device, Instant::now())?;
    let wait = wait_asked(request.headers());
    let body = body::read(devices, request).await?;
    let (bytes, now) = (body.len(), clock::now());
    let early = noisy::reserve_early(devices, &device, bytes, now)?;
    let batch: ReportBatch = body::parse(&body)?;
    // Until it is stored, for so long the batch takes memory.
    let _share = body.forget_bytes();
    validate(&batch)?;
    let reserved = noisy::reserve_for(devices, &device, (early, bytes), &batch, now)?;
    let sign = devices.roster.trace(&device, batch.sent.as_ref(), &batch.epoch, caller.address, now);
    tell_clone(devices, &device, sign, now).await;
    if let Some(sent) = &batch.sent {
        superseded::heard(devices, &device, &sent.boot_id, now).await;
    }
    if devices.roster.seen(&device, caller.address, now) {
        let contact = Some(devices.roster.contact(&device, now).state);
        devices.informer.publish(Event { contact, ..Event::new("contact", device.clone(), now) });
    }
    if !wait.is_zero() {
        devices.roster.waits(&device, wait);
    }
    devices.roster.inspected(&device, batch.inspected_by.as_deref());
    let known = devices.roster.acknowledged(&device, &batch.epoch, batch.in_memory);
    if let Some(acknowledged) = known
        && batch.reports.is_empty()
        && batch.lost.is_empty()
        && batch.oldest_sequence <= acknowledged.saturating_add(1)
    {
        devices.watches.follow(&device, batch.next_within_seconds, &[], now);
        return Ok(ParkedRequest { device, epoch: batch.epoch, acknowledged, wait });
    }
    let (batch, begun) = (Arc::new(batch), Instant::now());
    let ingest = Ingest { device: device.clone(), batch: Arc::clone(&batch), received: now };
    let Some(_waiting) = devices.traffic.queue() else {
        devices.counters.count(Turned::Queue);
        let detail = "too many wait for the manager's store; keep the reports and come again later";
        return Err(Problem::new(ProblemKind::Unavailable, detail).into());
    };
    let ingested = tokio::time::timeout(STORE_LIMIT, devices.store.ingest(ingest))
        .await
        .unwrap_or_else(|_| Err(StoreError::Slow(STORE_LIMIT.as_secs())))
        .map_err(|error| later(devices, &error))?;
    let ingested = match ingested {
        Ok(ingested) => ingested,
        Err(IngestRefusal::OverQuota(over)) => return Err(NotTaken::OverQuota(device, over)),
        Err(refusal) => {
            let problem = refuse(&device, &refusal);
            if matches!(refusal, IngestRefusal::Conflict { .. }) {
                let sign = devices.roster.conflict(&device, now);
                tell_clone(devices, &device, sign, now).await;
            }
            return Err(problem.into());
        }
    };
    if let Some(reserved) = reserved {
        reserved.stored(ingested.bytes);
    }
    devices.roster.acknowledge(&device, &batch.epoch, ingested.acknowledged, batch.in_memory);
    let new = batch.reports.get(ingested.new.clone()).unwrap_or_default();
    devices.counters.intake().stored(new.len(), begun.elapsed());
    devices.watches.follow(&device, batch.next_within_seconds, new, now);
    tell(devices, &device, &batch, &ingested);
    retire::settle(devices, &device, new, now).await;
    // Whoever hands something in wants to hear that it is safe.
    let tells = !batch.reports.is_empty() || !batch.lost.is_empty();
    let wait = if tells { Duration::ZERO } else { wait };
    Ok(ParkedRequest { device, epoch: batch.epoch.clone(), acknowledged: ingested.acknowledged, wait })
}

/// Operators are told that two machines are using one identity, once until they have dismissed it. That it
/// cannot be kept now is no reason to refuse a batch.
async fn tell_clone(devices: &Devices, device: &DeviceId, sign: Option<CloneSign>, now: Timestamp) {
    let Some(sign) = sign else { return };
    match devices.store.clone_found(device.clone(), sign.clone(), now).await {
        Ok(true) => {
            tracing::warn!(%device, ?sign, "two machines are using one identity");
            let event = Event::new("clone", device.clone(), now);
            devices.informer.publish(Event { clone: Some(Box::new(sign)), ..event });
        }
        Ok(false) => {}
        Err(error) => tracing::error!(%device, %error, "a sign of a cloned identity could not be recorded"),
    }
}

fn refuse(device: &DeviceId, refusal: &IngestRefusal) -> Problem {
    tracing::warn!(%device, %refusal, "a batch was refused");
    let kind = match refusal {
        IngestRefusal::UnknownDevice => ProblemKind::UnknownDevice,
        IngestRefusal::Conflict { .. } => ProblemKind::SequenceConflict,
        IngestRefusal::OverQuota(_) => ProblemKind::OverQuota,
    };
    Problem::new(kind, refusal.to_string())
}

/// After the commit: whoever listens hears it, and commands with an outcome wait no more.
fn tell(devices: &Devices, device: &DeviceId, batch: &ReportBatch, ingested: &Ingested) {
    let now = clock::now();
    let in_memory = ingested.in_memory_epoch.iter().map(|(epoch, loss)| (epoch, vec![loss.clone()]));
    let lost = (!ingested.losses.is_empty()).then(|| (&batch.epoch, ingested.losses.clone()));
    for (epoch, losses) in in_memory.chain(lost) {
        let event = Event::of_losses(device.clone(), epoch.clone(), losses, now);
        tracing::warn!(%device, %epoch, "{}", event.words.as_deref().unwrap_or_default());
        devices.informer.publish(event);
    }
    // Also those that are not new: whoever handed them in may have gone before they were committed, and nobody was told.
    for report in &batch.reports {
        if let ReportBody::Outcome(outcome) = &report.body {
            devices.mailbox.remove(device, &outcome.command_id);
        }
    }
    for report in batch.reports.get(ingested.new.clone()).unwrap_or_default() {
        if let ReportBody::Outcome(outcome) = &report.body {
            let (id, state) = (outcome.command_id.clone(), CommandState::of(&outcome.result));
            devices.informer.publish(Event::of_command(device.clone(), id, state, now));
        }
        if matches!(report.body, ReportBody::Program { .. }) {
            devices.rollout_bell.ring();
        }
        devices.informer.publish(Event::of_report(device, &batch.epoch, report, now));
    }
}
