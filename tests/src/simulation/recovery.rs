//! The manager is out of reach for a week, and then a whole fleet comes back. What the outboxes gathered in that
//! week is written beforehand; the last of the outage is lived through, until every device waits as long as it
//! ever does between its tries.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use platen_agent::clock::{Clock, Moved};
use platen_agent::outbox::OutboxConfig;
use platen_agent::random;
use platen_agent::recorder::{self, Learnt};
use platen_agent::sample::{self, RequestQueue};
use platen_agent::settings::Settings;
use platen_agent::status::Status;
use platen_agent::uplink::connect::{Connector, TlsMode};
use platen_agent::uplink::segments::Segments;
use platen_agent::uplink::{Uplink, UplinkConfig};
use platen_manager::{clock, database_path};
use platen_protocol::device_to_manager::ReportBody;
use turmoil::Builder;

use super::bodies;
use super::device::begin;
use super::judge::Ledger;
use super::plan::{DevicePlan, Plan, beginning};
use super::prepared::{Prepared, name};
use super::route::SimulatedRoute;
use super::shared::{Life, MANAGER, PORT, Shared};
use super::world::{folder, load_spread, place};
use super::{centre, checker};
use crate::rigs::random::Random;

/// The host on which all agents are.
const FLEET: &str = "fleet";
/// A step of the network.
const TICK: Duration = Duration::from_millis(100);
/// The week: this many times six hours.
const QUARTERS: u32 = 28;
/// Utilisation reports in six hours, one each quarter of an hour.
const REPORTS_A_QUARTER: u32 = 24;
/// The end of the outage, which is lived through: all have reached the longest pause by then.
const OUTAGE: Duration = Duration::from_secs(20 * 60);
/// They must all be back and have handed in everything within this.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// An outbox that a week does not fit into, so that it must give reports up.
const MOST_REPORTS: usize = 500;

/// How a fleet came back.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// Devices.
    pub fleet: u32,
    /// The longest pause between two tries of a device.
    pub longest_pause: Duration,
    /// By the minute since the manager came back.
    pub minutes: Vec<Minute>,
    /// When so many percent had handed in everything, for 50, 90 and 100.
    pub drained: [Duration; 3],
    /// The most connections that were tried within one second after the manager came back.
    pub most_dials: u32,
    /// The most requests that the manager had within one second.
    pub most_requests: u32,
    /// Reports that were stored.
    pub stored: u64,
    /// Reports that the outboxes had given up, as the manager knows it.
    pub lost: u64,
    /// What must not be.
    pub violations: Vec<String>,
}

/// One minute of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Minute {
    /// Connections that were tried.
    pub dials: u32,
    /// Requests that the manager had.
    pub requests: u32,
    /// Devices that have handed in everything by its end.
    pub drained: u32,
    /// Reports that the manager holds by its end.
    pub stored: u64,
}

impl Curve {
    /// No second may see more connections than this. Each device draws its pause evenly from below the longest one,
    /// so in the mean it comes once in half of that; six standard deviations above the mean, and a few for
    /// small fleets, are random. A herd would be the fleet.
    pub fn herd_bound(&self) -> u32 {
        let mean = f64::from(self.fleet) / (self.longest_pause.as_secs_f64() / 2.0);
        let bound = mean + 6.0 * mean.sqrt() + 4.0;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is small and positive"
        )]
        let bound = bound.ceil() as u32;
        bound
    }

    fn percent(&self, count: u32) -> f64 {
        f64::from(count) * 100.0 / f64::from(self.fleet.max(1))
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "a week away, then {} devices come back; the longest pause between tries is {} s",
            self.fleet,
            self.longest_pause.as_secs()
        )?;
        writeln!(f, "minute  connections  requests  a second  stored in all  a second  drained")?;
        let mut before = 0;
        for (number, minute) in self.minutes.iter().enumerate() {
            let stored = minute.stored - before;
            before = minute.stored;
            writeln!(
                f,
                "{:>6}  {:>11}  {:>8}  {:>8.1}  {:>13}  {:>8.1}  {:>5.1} %",
                number + 1,
                minute.dials,
                minute.requests,
                f64::from(minute.requests) / 60.0,
                minute.stored,
                f64::from(u32::try_from(stored).unwrap_or(u32::MAX)) / 60.0,
                self.percent(minute.drained)
            )?;
        }
        let [half, most, all] = self.drained.map(|time| time.as_secs());
        writeln!(f, "drained: 50 % after {half} s, 90 % after {most} s, 100 % after {all} s")?;
        writeln!(f, "{} reports stored, {} given up in the week and told as lost", self.stored, self.lost)?;
        writeln!(
            f,
            "the busiest second: {} connections ({:.1} % of the fleet; at most {} are random), {} requests",
            self.most_dials,
            self.percent(self.most_dials),
            self.herd_bound(),
            self.most_requests
        )?;
        for violation in self.violations.iter().take(10) {
            writeln!(f, "{violation}")?;
        }
        Ok(())
    }
}

/// Lets a fleet come back, on a thread of its own.
pub fn recover(fleet: u32, seed: u64) -> Curve {
    std::thread::spawn(move || live(fleet, seed)).join().unwrap()
}

struct Agent {
    life: Arc<Life>,
    clock: Arc<Moved>,
    /// Kept, so that the board is busy and not gone.
    _requests: RequestQueue,
}

fn live(fleet: u32, seed: u64) -> Curve {
    let directory = folder();
    let prepared = Arc::new(Prepared::make(fleet as usize));
    std::fs::write(database_path(directory.path()), &prepared.database).unwrap();
    let ledger = Ledger::open(&database_path(directory.path()));
    let plan = quiet_plan(fleet);
    let places = (0..fleet as usize).map(|device| place(&plan, device, directory.path())).collect();
    let shared = Arc::new(Shared::new(seed, plan, ledger, directory.path().to_owned(), places));
    let mut fall = Random::new(seed, 3);
    random::draw_from(move |bytes| fall.fill(bytes));
    let told = Arc::clone(&shared);
    clock::told_by(move || told.now());
    load_spread(seed);
    let agents: Vec<Agent> = (0..fleet as usize).map(|device| gather(&shared, device)).collect();
    come_back(&shared, &prepared, &agents)
}

fn quiet_plan(fleet: u32) -> Plan {
    let limits = OutboxConfig { max_reports: MOST_REPORTS, ..OutboxConfig::default() };
    let device = DevicePlan {
        limits,
        uplink: UplinkConfig::default(),
        wall: beginning() - SignedDuration::from_hours(24 * 7),
        happenings: Vec::new(),
    };
    Plan {
        devices: vec![device; fleet as usize],
        proxied: false,
        disk: Duration::from_millis(5),
        latency: Duration::from_millis(60),
        wishes: Vec::new(),
        deliveries: Vec::new(),
        faults: Vec::new(),
        calm: OUTAGE,
    }
}

/// What a device's outbox gathers in the week.
fn gather(shared: &Shared, device: usize) -> Agent {
    let place = &shared.places[device];
    let limits = shared.plan.devices[device].limits;
    let (outbox, _) = recorder::open(&place.directory, limits).unwrap();
    let moved = Arc::clone(&place.clock);
    let clock = Arc::new(Clock::moved(Arc::clone(&moved)));
    let (board, requests) = sample::without_thread().unwrap();
    let status = Status::new(place.name.parse().unwrap(), "simulated", true, clock.monotonic());
    let life = Arc::new(begin(outbox, clock, &board, status, Settings::default()));
    *place.life.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&life);
    shared.book().devices[device].full = true;
    let mut standing = Vec::new();
    for quarter in 0..QUARTERS {
        moved.advance(Duration::from_secs(6 * 3600));
        let numbers: Vec<u64> = (0..=REPORTS_A_QUARTER).map(|_| shared.book().number()).collect();
        let mut reports: Vec<ReportBody> =
            numbers.iter().skip(1).map(|number| bodies::utilisation(*number)).collect();
        let other = numbers[0];
        reports.push(match quarter % 4 {
            0 => {
                standing.push(other);
                bodies::raised(other)
            }
            1 => bodies::change(other),
            2 => bodies::service_call(other),
            _ => bodies::order(&place.name, other, bodies::SUPPLIES[0], true),
        });
        let taken = life.clock.stamp();
        let alerts = bodies::standing(&standing);
        let learnt = Learnt { alerts: Some(&alerts), past: None };
        let last = life.recorder.record(&taken, reports.clone(), learnt).unwrap().unwrap();
        let epoch = life.recorder.outbox().epoch().to_string();
        shared.book().wrote(device, &epoch, last, &taken, &reports, &standing, Duration::ZERO);
    }
    Agent { life, clock: moved, _requests: requests }
}

fn come_back(shared: &Arc<Shared>, prepared: &Arc<Prepared>, agents: &[Agent]) -> Curve {
    let mut sim = Builder::new()
        .rng_seed(shared.seed)
        .tick_duration(TICK)
        .simulation_duration(OUTAGE + LIMIT)
        .min_message_latency(Duration::from_millis(5))
        .max_message_latency(shared.plan.latency)
        .tcp_capacity(1_024)
        .build();
    let (manager, at) = (Arc::clone(shared), Arc::clone(prepared));
    sim.host(MANAGER, move || centre::process(Arc::clone(&manager), Arc::clone(&at)));
    let (here, lives) =
        (Arc::clone(shared), agents.iter().map(|agent| Arc::clone(&agent.life)).collect::<Vec<_>>());
    sim.host(FLEET, move || run_fleet(Arc::clone(&here), lives.clone()));
    sim.partition(FLEET, MANAGER);

    let fleet = u32::try_from(agents.len()).unwrap();
    let mut curve = Curve { fleet, longest_pause: UplinkConfig::default().backoff_limit, ..Curve::default() };
    let (mut step, mut back, mut drained) = (0, false, 0);
    let mut times: Vec<Duration> = Vec::new();
    while drained < fleet || curve.minutes.is_empty() {
        let now = sim.elapsed();
        shared.history.step(step, now);
        step += 1;
        if !back && now >= OUTAGE {
            sim.repair(FLEET, MANAGER);
            back = true;
        }
        if let Err(cause) = sim.step() {
            shared.violation(format!("a program ended with an error: {cause}"));
        }
        for agent in agents {
            agent.clock.advance(TICK);
        }
        if !back {
            continue;
        }
        let since = now.saturating_sub(OUTAGE);
        drained =
            u32::try_from(agents.iter().filter(|agent| agent.life.recorder.outbox().backlog() == 0).count())
                .unwrap();
        times.resize(drained as usize, since);
        if since.as_secs() / 60 > curve.minutes.len() as u64 || drained == fleet {
            curve.minutes.push(Minute { drained, stored: stored(shared), ..Minute::default() });
        }
        if since > LIMIT || !shared.book().violations.is_empty() {
            shared.violation(format!(
                "{drained} of {fleet} devices had handed in everything after {} s",
                since.as_secs()
            ));
            break;
        }
    }
    drop(sim);
    let at = |percent: usize| {
        times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
    };
    curve.drained = [at(50), at(90), at(100)];
    checker::check(shared);
    finish(shared, curve)
}

fn stored(shared: &Shared) -> u64 {
    let count: i64 =
        shared.ledger.read(|store| store.query_row("SELECT count(*) FROM reports", [], |row| row.get(0)));
    u64::try_from(count).unwrap()
}

fn finish(shared: &Shared, mut curve: Curve) -> Curve {
    let lost: i64 = shared.ledger.read(|store| {
        store.query_row("SELECT coalesce(sum(last - first + 1), 0) FROM gaps", [], |row| row.get(0))
    });
    (curve.stored, curve.lost) = (stored(shared), u64::try_from(lost).unwrap());
    let book = shared.book();
    let after = |counts: &BTreeMap<u64, u32>| -> Vec<(u64, u32)> {
        counts.range(OUTAGE.as_secs()..).map(|(second, count)| (second - OUTAGE.as_secs(), *count)).collect()
    };
    let (dials, requests) = (after(&book.dials), after(&book.requests));
    curve.most_dials = dials.iter().map(|(_, count)| *count).max().unwrap_or_default();
    curve.most_requests = requests.iter().map(|(_, count)| *count).max().unwrap_or_default();
    for (number, minute) in (0_u64..).zip(curve.minutes.iter_mut()) {
        let within = |counts: &[(u64, u32)]| -> u32 {
            counts.iter().filter(|(second, _)| second / 60 == number).map(|(_, count)| *count).sum()
        };
        (minute.dials, minute.requests) = (within(&dials), within(&requests));
    }
    curve.violations.clone_from(&book.violations);
    drop(book);
    curve
}

/// All agents' uplinks, each as it is.
async fn run_fleet(shared: Arc<Shared>, lives: Vec<Arc<Life>>) -> turmoil::Result {
    let stop = CancellationToken::new();
    let config = UplinkConfig::default();
    let mut uplinks: FuturesUnordered<_> = lives
        .into_iter()
        .enumerate()
        .map(|(device, life)| {
            let connector = Connector {
                address: format!("https://{MANAGER}:{PORT}").parse().unwrap(),
                dial: Arc::new(SimulatedRoute { shared: Arc::clone(&shared), device }),
                tls: TlsMode::Plain,
                timeout: config.connect_timeout,
                segments: Segments::Whole,
            };
            Uplink::over(connector, config.clone(), life.context(), Arc::default()).run(stop.clone())
        })
        .map(Box::pin)
        .collect();
    while uplinks.next().await.is_some() {}
    Err(format!("the uplinks of {} ended by themselves", name(0)).into())
}
