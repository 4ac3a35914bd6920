//! One simulation: builds the hosts, lets time pass step by step, lets go wrong what the seed drew, and looks on.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use platen_agent::clock::Moved;
use platen_agent::random;
use platen_manager::{clock, database_path, jitter};
use tokio::sync::watch;
use turmoil::{Builder, Sim};

use super::fault::{Direction, Fault};
use super::judge::{Ledger, Seen};
use super::plan::{Plan, beginning};
use super::prepared::{Prepared, name};
use super::shared::{Fuse, MANAGER, PROXY, Place, Shared};
use super::{centre, checker, device, proxy};
use crate::rigs::random::Random;

/// A step of the simulated network. Inside of it each process lives in milliseconds.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// When nothing goes wrong any more, everything must have arrived and ended within this: a half-open connection
/// is found (25 s of wait and two reply limits), the manager's Retry-After (90 s) and the longest pause (30 s) are
/// over, and commands are carried out one after the other on a board that takes up to 20 s for each.
pub const SETTLED_WITHIN: Duration = Duration::from_secs(360);
/// Every device may try so many connections in one minute, whatever happens, and one more for each report that
/// it writes, and each start.
pub const MOST_DIALS: u32 = 25;

/// What one simulation came to.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// What must not have been.
    pub violations: Vec<String>,
    /// What happened.
    pub history: String,
    /// Simulated time.
    pub elapsed: Duration,
    /// After the last fault, until everything had arrived.
    pub settled: Duration,
    /// Faults that were injected.
    pub faults: u64,
    /// Reports that were written.
    pub written: u64,
    /// Reports that were given up.
    pub lost: u64,
    /// Commands that were given.
    pub commands: u64,
    /// Starts of agents.
    pub starts: u64,
    /// Requests that the manager had.
    pub requests: u64,
    /// The most connections that one device tried within a minute.
    pub dials: u32,
}

/// A process that is down.
#[derive(Debug, Clone, Copy)]
struct Down {
    until: Option<Duration>,
    takes: Duration,
    power: bool,
}

struct World<'a> {
    sim: Sim<'a>,
    shared: Arc<Shared>,
    seen: Vec<Seen>,
    devices: Vec<Option<Down>>,
    manager: Option<Down>,
    failed: bool,
}

/// Runs one seed on a thread of its own, which has its own dice, clock and hash keys.
pub fn run(seed: u64) -> Run {
    run_with(seed, &Prepared::small().clone())
}

fn run_with(seed: u64, prepared: &Arc<Prepared>) -> Run {
    let prepared = Arc::clone(prepared);
    let thread = std::thread::Builder::new().name(format!("seed {seed}"));
    let running = thread.spawn(move || live(seed, &prepared)).unwrap();
    running.join().unwrap_or_else(|_| Run {
        violations: vec![format!("the simulation of seed {seed} panicked: see above")],
        ..Run::default()
    })
}

/// A folder in memory, where there is one: what a process has committed survives it there as well.
pub(super) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

fn live(seed: u64, prepared: &Arc<Prepared>) -> Run {
    let directory = folder();
    let plan = Plan::draw(seed);
    std::fs::write(database_path(directory.path()), &prepared.database).unwrap();
    let ledger = Ledger::open(&database_path(directory.path()));
    let places = (0..plan.devices.len()).map(|device| place(&plan, device, directory.path())).collect();
    let shared = Arc::new(Shared::new(seed, plan, ledger, directory.path().to_owned(), places));
    let mut fall = Random::new(seed, 3);
    random::draw_from(move |bytes| fall.fill(bytes));
    let told = Arc::clone(&shared);
    clock::told_by(move || told.now());
    load_spread(seed);

    let mut world = World::new(&shared, prepared);
    let elapsed = world.go();
    let settled = elapsed.saturating_sub(shared.plan.calm);
    if !world.failed {
        checker::check(&shared);
        check_rates(&shared);
    }
    // Before the world ends: its end is no part of the history.
    summary(&shared, elapsed, settled)
}

pub(super) fn place(plan: &Plan, device: usize, directory: &Path) -> Place {
    let name = name(device);
    Place {
        directory: directory.join(&name),
        clock: Arc::new(Moved::new(&format!("{name}-0"), plan.devices[device].wall)),
        name,
        life: Mutex::new(Weak::new()),
        fuse: Fuse::default(),
        stop: watch::Sender::new(0),
        next: 0.into(),
        boots: 0.into(),
    }
}

/// What the manager draws.
pub(super) fn load_spread(seed: u64) {
    let mut fall = Random::new(seed, 4);
    jitter::load(move || {
        let mut bytes = [0; 8];
        fall.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    });
}

fn check_rates(shared: &Shared) {
    let mut wrong = Vec::new();
    for page in &shared.book().devices {
        for (minute, dials) in &page.dials {
            let reports = page.reports.get(minute).copied().unwrap_or_default();
            let most = MOST_DIALS + reports + page.starts;
            if *dials > most {
                wrong.push(format!(
                    "{} tries {dials} connections in minute {minute}, at most {most}",
                    page.name
                ));
            }
        }
    }
    for wrong in wrong {
        shared.violation(wrong);
    }
}

fn summary(shared: &Shared, elapsed: Duration, settled: Duration) -> Run {
    let book = shared.book();
    let lost: i64 = shared.ledger.read(|store| {
        store.query_row("SELECT coalesce(sum(last - first + 1), 0) FROM gaps", [], |row| row.get(0))
    });
    Run {
        violations: book.violations.clone(),
        history: shared.history.text(),
        elapsed,
        settled,
        faults: shared.plan.faults.len() as u64,
        written: book.devices.iter().map(|page| page.written.len() as u64).sum(),
        lost: u64::try_from(lost).unwrap(),
        commands: book.commands.len() as u64,
        starts: book.devices.iter().map(|page| u64::from(page.starts)).sum(),
        requests: book
            .devices
            .iter()
            .flat_map(|page| page.requests.values())
            .map(|count| u64::from(*count))
            .sum(),
        dials: book.devices.iter().flat_map(|page| page.dials.values()).copied().max().unwrap_or_default(),
    }
}

impl World<'_> {
    fn new(shared: &Arc<Shared>, prepared: &Arc<Prepared>) -> Self {
        let mut sim = Builder::new()
            .rng_seed(shared.seed)
            .tick_duration(TICK)
            .simulation_duration(Duration::from_secs(3_600))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(shared.plan.latency)
            .tcp_capacity(1_024)
            .build();
        let (manager, at) = (Arc::clone(shared), Arc::clone(prepared));
        sim.host(MANAGER, move || centre::process(Arc::clone(&manager), Arc::clone(&at)));
        if shared.plan.proxied {
            let proxy = Arc::clone(shared);
            sim.host(PROXY, move || proxy::carry(Arc::clone(&proxy)));
        }
        for device in 0..shared.places.len() {
            let here = Arc::clone(shared);
            sim.host(name(device).as_str(), move || device::process(Arc::clone(&here), device));
        }
        let count = shared.places.len();
        let seen = (0..count).map(|_| Seen::default()).collect();
        Self {
            sim,
            shared: Arc::clone(shared),
            seen,
            devices: vec![None; count],
            manager: None,
            failed: false,
        }
    }

    /// Until everything has settled, or something is wrong; how long that took.
    fn go(&mut self) -> Duration {
        let shared = Arc::clone(&self.shared);
        let mut faults = shared.plan.faults.iter().peekable();
        let mut step = 0;
        loop {
            let now = self.sim.elapsed();
            shared.history.step(step, now);
            step += 1;
            while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= now) {
                self.go_wrong(fault, now);
            }
            self.start_what_is_due(now);
            if let Err(cause) = self.sim.step() {
                shared.violation(format!("a program ended with an error: {cause}"));
            }
            for place in &shared.places {
                place.clock.advance(TICK);
            }
            shared.history.step(step, self.sim.elapsed());
            self.look();
            if !shared.book().violations.is_empty() {
                self.failed = true;
                return now;
            }
            if now < shared.plan.calm {
                continue;
            }
            if self.has_settled() {
                return now;
            }
            if now > shared.plan.calm + SETTLED_WITHIN {
                shared.violation("it did not settle in time after the last fault".to_owned());
                return now;
            }
        }
    }

    fn look(&mut self) {
        let shared = Arc::clone(&self.shared);
        for (device, seen) in self.seen.iter_mut().enumerate() {
            if let Some(life) = shared.life(device) {
                seen.look(&shared, device, &life);
            }
        }
    }

    /// Everything that was to happen has happened, has arrived, and is acknowledged; every command has ended.
    fn has_settled(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let down = self.manager.is_some() || self.devices.iter().any(Option::is_some);
        let asks = shared.next_wish.load(Ordering::Relaxed) < shared.plan.wishes.len();
        let delivers = shared.next_delivery.load(Ordering::Relaxed) < shared.plan.deliveries.len();
        if down || asks || delivers {
            return false;
        }
        for (device, (place, plan)) in shared.places.iter().zip(&shared.plan.devices).enumerate() {
            let Some(life) = shared.life(device) else { return false };
            let to_happen = place.next.load(Ordering::Relaxed) < plan.happenings.len();
            let outbox = life.recorder.outbox();
            if to_happen || !outbox.has_told_all() || !outbox.unfinished().unwrap().is_empty() {
                return false;
            }
        }
        let open: i64 = shared.ledger.read(|store| {
            store.query_row(
                "SELECT count(*) FROM commands WHERE state IN ('waiting', 'delivered')",
                [],
                |row| row.get(0),
            )
        });
        open == 0
    }

    /// Notices what has ended, and starts what has been down for long enough.
    fn start_what_is_due(&mut self, now: Duration) {
        let shared = Arc::clone(&self.shared);
        for device in 0..self.devices.len() {
            let Some(down) = self.devices[device] else { continue };
            let host = shared.places[device].name.as_str();
            if self.is_due(host, down, now, |world, down| world.devices[device] = down) {
                self.seen[device].ended();
            }
        }
        if let Some(down) = self.manager {
            self.is_due(MANAGER, down, now, |world, down| world.manager = down);
        }
    }

    fn is_due(
        &mut self,
        host: &str,
        down: Down,
        now: Duration,
        set: impl FnOnce(&mut Self, Option<Down>),
    ) -> bool {
        match down.until {
            None if !self.sim.is_host_running(host) => {
                set(self, Some(Down { until: Some(now + down.takes), ..down }));
                false
            }
            Some(until) if until <= now => {
                if down.power {
                    self.connect_all(host, true);
                }
                self.sim.bounce(host);
                set(self, None);
                true
            }
            _ => false,
        }
    }

    /// Takes a host off the network, or puts it back.
    fn connect_all(&mut self, host: &str, connected: bool) {
        let mut others: Vec<String> = self.shared.places.iter().map(|place| place.name.clone()).collect();
        others.push(MANAGER.to_owned());
        if self.shared.plan.proxied {
            others.push(PROXY.to_owned());
        }
        for other in others.iter().filter(|other| *other != host) {
            if connected {
                self.sim.repair(host, other.as_str());
            } else {
                self.sim.partition(host, other.as_str());
            }
        }
    }

    /// The two ends of a stretch of the way: of a device, or of the site.
    fn stretch(&self, device: Option<usize>) -> (String, &'static str) {
        match device {
            Some(device) if self.shared.plan.proxied => (name(device), PROXY),
            Some(device) => (name(device), MANAGER),
            None => (PROXY.to_owned(), MANAGER),
        }
    }

    fn go_wrong(&mut self, fault: &Fault, now: Duration) {
        let shared = Arc::clone(&self.shared);
        shared.history.note("FAULT", format_args!("{fault:?}"));
        match fault {
            Fault::Part { device, direction } => {
                let (below, above) = self.stretch(*device);
                match direction {
                    Direction::Both => self.sim.partition(below.as_str(), above),
                    Direction::Up => self.sim.partition_oneway(below.as_str(), above),
                    Direction::Down => self.sim.partition_oneway(above, below.as_str()),
                }
            }
            Fault::Repair { device } => {
                let (below, above) = self.stretch(*device);
                self.sim.repair(below.as_str(), above);
            }
            Fault::KillAgent { device, fuse, wall, down } => {
                if self.devices[*device].is_some() {
                    return;
                }
                let place = &shared.places[*device];
                if let Some(wall) = wall {
                    self.connect_all(&place.name, false);
                    self.sim.crash(place.name.as_str());
                    let boots = place.boots.fetch_add(1, Ordering::Relaxed) + 1;
                    place.clock.reboot(&format!("{}-{boots}", place.name), *wall);
                } else {
                    place.fuse.light(*fuse);
                }
                self.devices[*device] = Some(Down { until: None, takes: *down, power: wall.is_some() });
            }
            Fault::StopAgent { device, down } => {
                if self.devices[*device].is_none() {
                    shared.places[*device].stop.send_modify(|wishes| *wishes += 1);
                    self.devices[*device] = Some(Down { until: None, takes: *down, power: false });
                }
            }
            Fault::KillManager { fuse, power, down } => {
                if self.manager.is_some() {
                    return;
                }
                if *power {
                    self.connect_all(MANAGER, false);
                    self.sim.crash(MANAGER);
                } else {
                    shared.fuse.light(*fuse);
                }
                self.manager = Some(Down { until: None, takes: *down, power: *power });
            }
            Fault::StopManager { down } => {
                if self.manager.is_none() {
                    shared.stop.send_modify(|wishes| *wishes += 1);
                    self.manager = Some(Down { until: None, takes: *down, power: false });
                }
            }
            Fault::SetClock { device, wall, synchronised } => {
                let clock = &shared.places[*device].clock;
                let wall = if *synchronised { beginning() + now } else { *wall };
                clock.set_wall(wall);
                clock.synchronise(*synchronised);
            }
            Fault::StoreFails => shared.ledger.refuse_reports(true),
            Fault::StoreRecovers => shared.ledger.refuse_reports(false),
            Fault::Cut { after } => {
                shared.cut.ring(*after);
            }
            Fault::Repeat => shared.repeat.ring(0),
        }
    }
}
