//! The manager: its own store, ingest, roster, mailbox and device service, over a simulated network. Only the
//! operators are played.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::{BodyExt as _, Collected};
use hyper::service::Service;
use hyper::{Request, Response};
use platen_manager::database_path;
use platen_manager::device::{AnswerBody, DeviceService, Devices};
use platen_manager::device_backend::DeviceBackend;
use platen_manager::listen::{self, Outcome, Peer, RequestBody};
use platen_manager::store::{Grouping, OrderFilter, OrderState, Scope, Store};
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::Command;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use turmoil::net::{TcpListener, TcpStream};

use super::book::Given;
use super::judge;
use super::prepared::Prepared;
use super::route::Hello;
use super::shared::{MANAGER, Mortal, PORT, Shared};

/// As for a TLS handshake.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// More than people order in a simulation.
const MOST_ORDERS: u32 = 1_000;
/// As the manager's own limit for a stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// The manager's life from one start to one end.
pub(super) async fn process(shared: Arc<Shared>, prepared: Arc<Prepared>) -> turmoil::Result {
    let ended = Mortal::new(work(&shared, &prepared), &shared.fuse).await;
    ended.unwrap_or_else(|| {
        shared.history.note(MANAGER, "is killed");
        Ok(())
    })
}

async fn work(shared: &Arc<Shared>, prepared: &Arc<Prepared>) -> turmoil::Result {
    let grouping = Grouping::Simulated { disk: shared.plan.disk };
    let store = Store::open(&database_path(&shared.directory), grouping)?;
    let certificates = prepared.certificates.clone();
    let backend =
        DeviceBackend::open(prepared.config.clone(), store.clone(), certificates, shared.now()).await?;
    let devices = Arc::clone(&backend.devices);
    let stopping = CancellationToken::new();
    let stopped = stopping.clone();
    let mut tasks = JoinSet::new();
    backend.start_upkeep(&mut tasks, stopped.clone());
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    shared.history.note(MANAGER, "listens");
    let mut wish = shared.stop.subscribe();
    {
        // All connections are part of this one future, so that a fuse can end them at any of their awaits.
        let mut connections = FuturesUnordered::new();
        let mut operators = Box::pin(play_operators(shared, &devices));
        let mut deliveries = Box::pin(play_deliveries(shared, &devices));
        loop {
            tokio::select! {
                biased;
                _ = wish.changed() => break,
                Some(()) = connections.next(), if !connections.is_empty() => {}
                () = &mut operators => {}
                () = &mut deliveries => {}
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    connections.push(Box::pin(serve(shared, prepared, &devices, stream, stopped.clone())));
                }
            }
        }
        // As the manager's own `run` does it.
        stopping.cancel();
        devices.mailbox.stop();
        let all = async {
            while connections.next().await.is_some() {}
            while tasks.join_next().await.is_some() {}
        };
        // Who has not ended by then is cut off.
        let _ = tokio::time::timeout(DRAIN_LIMIT, all).await;
    }
    store.close().await;
    shared.history.note(MANAGER, "has stopped");
    Ok(())
}

/// Gives the commands that the seed drew, as an operator's request does: the store first, then the mailbox.
async fn play_operators(shared: &Shared, devices: &Devices) {
    loop {
        let number = shared.next_wish.load(Ordering::Relaxed);
        let Some(wish) = shared.plan.wishes.get(number) else { return std::future::pending().await };
        tokio::time::sleep(wish.at.saturating_sub(shared.elapsed())).await;
        shared.next_wish.fetch_add(1, Ordering::Relaxed);
        let issued = shared.now();
        let command = Command {
            id: format!("c{number}").parse().unwrap(),
            issued,
            expires: issued + wish.valid,
            action: wish.action.clone(),
            issued_by: Some("anna".to_owned()),
        };
        let given = Given { device: wish.device, command: command.clone(), confirmed: false };
        let place = {
            let mut book = shared.book();
            book.commands.push(given);
            book.commands.len() - 1
        };
        let device = shared.places[wish.device].name.parse().unwrap();
        shared
            .history
            .note(MANAGER, format_args!("is asked {} of {device}: {:?}", command.id, command.action));
        match devices.store.add_command(device, command.clone(), "anna".to_owned()).await {
            Ok(Ok(())) => {
                shared.book().commands[place].confirmed = true;
                let device = shared.places[wish.device].name.parse().unwrap();
                devices.mailbox.put(&device, command);
            }
            other => shared.history.note(MANAGER, format_args!("does not take it: {other:?}")),
        }
    }
}

/// Finds orders delivered when the seed says so, as an operator's request does: the store first, then the device hears it.
async fn play_deliveries(shared: &Shared, devices: &Devices) {
    loop {
        let number = shared.next_delivery.load(Ordering::Relaxed);
        let Some((at, device)) = shared.plan.deliveries.get(number).copied() else {
            return std::future::pending().await;
        };
        tokio::time::sleep(at.saturating_sub(shared.elapsed())).await;
        shared.next_delivery.fetch_add(1, Ordering::Relaxed);
        let device: DeviceId = shared.places[device].name.parse().unwrap();
        let filter = OrderFilter { device: Some(device.clone()), open: Some(true), ..OrderFilter::default() };
        let Ok(open) = devices.store.orders(&Scope::All, filter, None, MOST_ORDERS).await else { continue };
        // What the rule proposes stays: the device knows nothing of it.
        let named = open.iter().rev().find_map(|order| Some((order.key, order.id.as_ref()?)));
        let Some((oldest, name)) = named else { continue };
        shared.history.note(MANAGER, format_args!("finds {name} of {device} delivered"));
        let (state, now) = (OrderState::Delivered, shared.now());
        match devices.store.set_order(&Scope::All, oldest, state, "anna".to_owned(), now).await {
            Ok(_) => devices.mailbox.wake(&device),
            Err(cause) => shared.history.note(MANAGER, format_args!("does not take it: {cause}")),
        }
    }
}

async fn serve(
    shared: &Arc<Shared>,
    prepared: &Arc<Prepared>,
    devices: &Arc<Devices>,
    mut stream: TcpStream,
    stopped: CancellationToken,
) {
    let Ok(Ok(hello)) = tokio::time::timeout(HELLO_LIMIT, Hello::read(&mut stream)).await else { return };
    let Ok(remote) = stream.peer_addr() else { return };
    let device = usize::from(hello.device);
    let connection = shared.connections.fetch_add(1, Ordering::Relaxed) as u64;
    let certificate = Some(prepared.devices[device].clone());
    let leave = CancellationToken::new();
    let left = leave.clone();
    let peer = Peer { connection, remote, certificate, leave };
    let inner = DeviceService::new(Arc::clone(devices), &peer);
    let service = Watched { inner, shared: Arc::clone(shared), device, connection };
    if let Err(cause) = listen::serve_connection(stream, false, service, stopped, left).await {
        let name = &shared.places[device].name;
        shared.history.note(MANAGER, format_args!("loses connection {connection} of {name}: {cause}"));
    }
}

/// The device service, with the judge looking at each answer.
struct Watched {
    inner: DeviceService,
    shared: Arc<Shared>,
    device: usize,
    connection: u64,
}

impl Service<Request<RequestBody>> for Watched {
    type Response = Outcome<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let (shared, device, connection) = (Arc::clone(&self.shared), self.device, self.connection);
        let wait =
            request.headers().get("prefer").and_then(|wait| wait.to_str().ok()).unwrap_or("-").to_owned();
        let name = shared.places[device].name.clone();
        shared.history.note(MANAGER, format_args!("is asked by {name} on {connection}, {wait}"));
        shared.book().requested(device, shared.elapsed());
        let answer = self.inner.call(request);
        let judged = move |answer: Response<AnswerBody>| async move {
            let (head, body) = answer.into_parts();
            let bytes = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
            judge::answer(&shared, device, head.status, &bytes);
            Response::from_parts(head, AnswerBody::from(bytes))
        };
        Box::pin(async move {
            Ok(match answer.await? {
                Outcome::Answer(answer) => Outcome::Answer(judged(answer).await),
                Outcome::Parked(parked) => Outcome::Parked(parked.map(judged)),
            })
        })
    }
}
