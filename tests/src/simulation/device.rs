//! One device: the agent's own outbox, keeping, receiving, carrying out and uplink, over a simulated network.
//! Only the board and the people are played.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use platen_agent::clock::Clock;
use platen_agent::execute::{self, Executor};
use platen_agent::judge::{Alerts, JudgeConfig};
use platen_agent::outbox::{Outbox, OutboxError};
use platen_agent::recorder::{self, Learnt, Recorder};
use platen_agent::request::{Lamp, open};
use platen_agent::sample::{self, BoardHandle, RequestQueue, Sample};
use platen_agent::settings::{Current, Files, Settings};
use platen_agent::status::Status;
use platen_agent::uplink::Uplink;
use platen_agent::uplink::connect::{Connector, TlsMode};
use platen_agent::uplink::segments::Segments;
use platen_hal::BoardCounts;
use platen_hal::config::{self, BoardConfig};
use platen_protocol::device_to_manager::ReportBody;
use tokio::sync::watch;

use super::bodies;
use super::plan::Happening;
use super::route::SimulatedRoute;
use super::shared::{Life, MANAGER, Mortal, PORT, Shared};

/// The board file: only its names count.
const BOARD: &str = include_str!("../../../scripts/demo/lobby.toml");
/// How often the played board looks whether it is asked.
const BOARD_LOOKS: Duration = Duration::from_millis(100);
/// As the agent's own limit for a stop.
const STOP_LIMIT: Duration = Duration::from_secs(8);
/// What happened so long ago happened to nobody: the agent was not there.
const MISSED: Duration = Duration::from_millis(500);

/// The device's life from one start to one end.
pub(super) async fn process(shared: Arc<Shared>, device: usize) -> turmoil::Result {
    let place = &shared.places[device];
    let ended = Mortal::new(work(&shared, device), &place.fuse).await;
    ended.unwrap_or_else(|| {
        shared.history.note(&place.name, "is killed");
        Ok(())
    })
}

/// What the device's files say.
pub(super) fn files() -> Files {
    static CONFIG: OnceLock<BoardConfig> = OnceLock::new();
    let board = CONFIG.get_or_init(|| config::parse(BOARD, std::path::Path::new("lobby.toml")).unwrap());
    let (sample, utilisation) = (Duration::from_secs(15), Duration::from_secs(900));
    let programs = Duration::from_secs(86_400);
    Files::new(sample, utilisation, programs, &JudgeConfig::default(), &BTreeSet::new(), board)
}

/// The parts of an agent that write.
pub(super) fn begin(
    outbox: Outbox,
    clock: Arc<Clock>,
    board: &BoardHandle,
    status: Status,
    chosen: Settings,
) -> Life {
    let (status, settings) = (watch::Sender::new(status), Current::new(files(), chosen));
    let lamp = Lamp::new(board.clone());
    let recorder = Recorder::new(outbox, Arc::clone(&clock), status.clone(), settings.clone(), lamp);
    Life { recorder: Arc::new(recorder), status, clock, settings }
}

async fn work(shared: &Arc<Shared>, device: usize) -> turmoil::Result {
    let (place, plan) = (&shared.places[device], &shared.plan.devices[device]);
    let (outbox, remembered) = recorder::open(&place.directory, plan.limits)?;
    let clock = Arc::new(Clock::moved(Arc::clone(&place.clock)));
    let (board, requests) = sample::without_thread()?;
    let status = Status::new(place.name.parse()?, "simulated", true, clock.monotonic());
    shared
        .history
        .note(&place.name, format_args!("starts: {} wait, epoch {}", outbox.backlog(), outbox.epoch()));
    shared.book().devices[device].starts += 1;
    let life = Arc::new(begin(outbox, clock, &board, status, remembered.settings));
    *place.life.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&life);
    let executor = Executor {
        recorder: Arc::clone(&life.recorder),
        board,
        settings: life.settings.clone(),
        clock: Arc::clone(&life.clock),
        state_directory: place.directory.clone(),
    };
    let connector = Connector {
        address: format!("https://{MANAGER}:{PORT}").parse()?,
        dial: Arc::new(SimulatedRoute { shared: Arc::clone(shared), device }),
        tls: TlsMode::Plain,
        timeout: plan.uplink.connect_timeout,
        segments: Segments::Whole,
    };
    let uplink = Uplink::over(connector, plan.uplink.clone(), life.context(), Arc::default());
    let stop = CancellationToken::new();
    let mut wish = place.stop.subscribe();
    let mut uplink = Box::pin(uplink.run(stop.clone()));
    tokio::select! {
        biased;
        _ = wish.changed() => {}
        () = &mut uplink => return Err("the uplink ended by itself".into()),
        () = play_board(shared, device, &life, &requests) => {}
        () = play_people(shared, device, &life, &remembered.alerts) => {}
        () = execute::run(executor, stop.clone()) => return Err("the commands ended by themselves".into()),
    }
    stop.cancel();
    // An uplink that is in the middle of something is cut off, as by a service manager.
    let _ = tokio::time::timeout(STOP_LIMIT, uplink).await;
    life.recorder.outbox().settle(None)?;
    shared.history.note(&place.name, "has stopped");
    Ok(())
}

/// Answers who wants the board read: soon, late, too late, or not at all.
async fn play_board(shared: &Shared, device: usize, life: &Life, requests: &RequestQueue) {
    loop {
        tokio::time::sleep(BOARD_LOOKS).await;
        while let Some(asker) = requests.next_asker() {
            let (fails, time) = shared.draw(|random| {
                let most = random.pick(&[1_u32, 400, 3_000, 25_000]);
                (random.percent(5), random.time(0, most))
            });
            tokio::time::sleep(time).await;
            if fails {
                continue;
            }
            let number = shared.book().number();
            shared.book().devices[device].samples.insert(number);
            shared
                .history
                .note(&shared.places[device].name, format_args!("reads its board: sample {number}"));
            let at = life.clock.monotonic();
            // Whoever asked may have given up.
            let _ =
                asker.send(Sample { readings: bodies::readings(number), at, counts: BoardCounts::default() });
        }
    }
}

/// Lets happen what the seed drew, as long as somebody is there to report it.
async fn play_people(shared: &Shared, device: usize, life: &Life, remembered: &Alerts) {
    use std::sync::atomic::Ordering::Relaxed;
    let (place, plan) = (&shared.places[device], &shared.plan.devices[device]);
    let mut standing: Vec<u64> =
        remembered.standing().filter_map(|alert| bodies::number_of_alert(&alert.id)).collect();
    let started = shared.book().number();
    write(shared, device, life, &[bodies::started(started, remembered)], &standing);
    loop {
        let Some((at, happening)) = plan.happenings.get(place.next.load(Relaxed)).copied() else {
            return std::future::pending().await;
        };
        let now = shared.elapsed();
        if at + MISSED >= now {
            tokio::time::sleep(at.saturating_sub(now)).await;
            if let Happening::Order { second, again: false } = happening
                && is_ordered(shared, device, life, bodies::SUPPLIES[usize::from(second)])
            {
                place.next.fetch_add(1, Relaxed);
                continue;
            }
            let several = if let Happening::Burst(several) = happening { several } else { 1 };
            let reports: Vec<ReportBody> =
                (0..several).map(|_| body(shared, device, life, happening, &mut standing)).collect();
            write(shared, device, life, &reports, &standing);
        }
        place.next.fetch_add(1, Relaxed);
    }
}

/// Whether the agent would say that a supply is ordered already. If it would not, no order of it may be open.
fn is_ordered(shared: &Shared, device: usize, life: &Life, supply: &str) -> bool {
    let name = &shared.places[device].name;
    let ordered = open::orders(&life.recorder.asked(), supply).next().is_some();
    if ordered {
        shared.history.note(name, format_args!("says that {supply} is ordered already"));
        return true;
    }
    let open = shared.ledger.open_orders(name, supply);
    if open > 0 {
        shared.violation(format!("{name} would order {supply}, of which {open} orders are open"));
    }
    false
}

fn body(
    shared: &Shared,
    device: usize,
    life: &Life,
    happening: Happening,
    standing: &mut Vec<u64>,
) -> ReportBody {
    let number = shared.book().number();
    match happening {
        Happening::Utilisation | Happening::Burst(_) => bodies::utilisation(number),
        Happening::Change => bodies::change(number),
        Happening::Raised => {
            standing.push(number);
            bodies::raised(number)
        }
        Happening::Cleared => bodies::cleared(standing.pop().unwrap_or(number), number),
        Happening::ServiceCall => bodies::service_call(number),
        Happening::Order { second, again } => {
            let supply = bodies::SUPPLIES[usize::from(second)];
            let again = again && open::orders(&life.recorder.asked(), supply).next().is_some();
            bodies::order(&shared.places[device].name, number, supply, again)
        }
    }
}

/// Has the agent keep reports, after which these alerts stand, and notes in the book what it took.
fn write(shared: &Shared, device: usize, life: &Life, bodies: &[ReportBody], standing: &[u64]) {
    let name = &shared.places[device].name;
    note_fullness(shared, device, life, bodies.len());
    let taken = life.clock.stamp();
    let kinds: Vec<&str> = bodies.iter().map(ReportBody::kind).collect();
    let alerts = bodies::standing(standing);
    match life.recorder.record(&taken, bodies.to_vec(), Learnt { alerts: Some(&alerts), past: None }) {
        Ok(Some(last)) => {
            let epoch = life.recorder.outbox().epoch().to_string();
            shared.history.note(name, format_args!("writes {last}: {}", kinds.join(" ")));
            shared.book().wrote(device, &epoch, last, &taken, bodies, standing, shared.elapsed());
        }
        Err(cause @ OutboxError::TooManyAsked { .. }) => {
            shared.history.note(name, format_args!("refuses: {cause}"));
        }
        other => shared.violation(format!("{name} could not write {kinds:?}: {other:?}")),
    }
}

/// Whether something may be given up from now on: some room is left for what commands add.
fn note_fullness(shared: &Shared, device: usize, life: &Life, more: usize) {
    /// An outcome and the readings before it.
    const ROOM: usize = 2;
    const ROOM_BYTES: u64 = 3_000;
    let limits = shared.plan.devices[device].limits;
    let outbox = life.recorder.outbox();
    let many = outbox.backlog() + more + ROOM > limits.max_reports;
    let large = outbox.backlog_bytes() + (more as u64) * ROOM_BYTES + ROOM_BYTES > limits.max_bytes;
    drop(outbox);
    if many || large {
        shared.book().devices[device].full = true;
    }
}
