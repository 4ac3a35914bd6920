//! A process of devices for `soak`: it says who they are, waits to be told where the managers are, and plays them until
//! it is told to end. What it says are lines of JSON.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::centre::{DEVICES_AT_ONCE, devices};
use crate::clients::{AT_ONCE, Device};
use crate::ingest::{SMALL, template};
use crate::pki::{Identity, Pki};
use crate::server::AGENT_SPEAKS;

/// How long a device lets itself be held, on the whole; then it reports.
const WAIT_SECONDS: u32 = 240;
/// It comes back after a time below this, each its own.
const PAUSE_MS: u64 = 10_000;
/// After so many tries in vain it gives up.
const TRIES: u32 = 60;
/// What is under way at the end is over within this.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How often figures are said.
const SAY_EVERY: Duration = Duration::from_millis(500);

/// What a process is to play.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The number of its first device.
    pub(crate) first: usize,
    /// How many it has.
    pub(crate) count: usize,
    /// Where the authority is.
    pub(crate) folder: PathBuf,
}

/// What it says.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) parked: u64,
    /// Reports that are acknowledged.
    pub(crate) acknowledged: u64,
    pub(crate) woken: u64,
    pub(crate) dialled_again: u64,
    pub(crate) gave_up: u64,
    /// Nothing is sent any more.
    pub(crate) ended: bool,
}

impl std::ops::Add for Figures {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        // Together they have ended when each has; the first of a sum is nobody.
        let nobody = self.acknowledged + self.parked + self.gave_up == 0;
        Self {
            parked: self.parked + other.parked,
            acknowledged: self.acknowledged + other.acknowledged,
            woken: self.woken + other.woken,
            dialled_again: self.dialled_again + other.dialled_again,
            gave_up: self.gave_up + other.gave_up,
            ended: other.ended && (nobody || self.ended),
        }
    }
}

#[derive(Default)]
struct Counts {
    parked: AtomicU64,
    acknowledged: AtomicU64,
    woken: AtomicU64,
    dialled_again: AtomicU64,
    gave_up: AtomicU64,
    ending: AtomicBool,
}

impl Counts {
    fn figures(&self, ended: bool) -> Figures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            parked: of(&self.parked),
            acknowledged: of(&self.acknowledged),
            woken: of(&self.woken),
            dialled_again: of(&self.dialled_again),
            gave_up: of(&self.gave_up),
            ended,
        }
    }
}

/// Plays until it is told to end.
pub(crate) async fn play(order: Order) {
    let pki = Pki::of(&order.folder);
    let identities = pki.identities("soak", order.first, order.count);
    let file = order.folder.join(format!("soak-{}.sql", order.first));
    let mut sql = String::new();
    for some in identities.chunks(DEVICES_AT_ONCE) {
        writeln!(sql, "{}", devices(some)).unwrap();
    }
    std::fs::write(&file, sql).unwrap();
    say(&file.display().to_string());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let ports = told["ports"].as_array().unwrap().iter().map(|port| port.as_u64().unwrap());
    let ports: Arc<[u16]> = ports.map(|port| u16::try_from(port).unwrap()).collect();
    let counts = Arc::new(Counts::default());
    let turn = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for (place, identity) in identities.iter().enumerate() {
        let one = One::new(&pki, identity, order.first + place, &ports, &counts, &turn);
        tasks.spawn(one.live());
    }
    let ending = Arc::clone(&counts);
    // It ends with the program.
    std::thread::spawn(move || {
        // Whatever it says, and also if it says nothing more.
        let _ = std::io::stdin().read_line(&mut String::new());
        ending.ending.store(true, Ordering::Relaxed);
    });
    let mut turns = tokio::time::interval(SAY_EVERY);
    while !counts.ending.load(Ordering::Relaxed) {
        turns.tick().await;
        say(&serde_json::to_string(&counts.figures(false)).unwrap());
    }
    // Nothing new is handed in; what is under way is acknowledged meanwhile.
    tokio::time::sleep(LAST_WORDS).await;
    tasks.shutdown().await;
    say(&serde_json::to_string(&counts.figures(true)).unwrap());
    // Whoever reads this ends the program.
    std::future::pending::<()>().await;
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
    output.flush().unwrap();
}

/// One device.
struct One {
    config: Arc<rustls::ClientConfig>,
    number: usize,
    ports: Arc<[u16]>,
    counts: Arc<Counts>,
    turn: Arc<Semaphore>,
    sequence: u64,
    outcomes: Vec<String>,
}

impl One {
    fn new(
        pki: &Pki,
        identity: &Identity,
        number: usize,
        ports: &Arc<[u16]>,
        counts: &Arc<Counts>,
        turn: &Arc<Semaphore>,
    ) -> Self {
        let config = pki.device(identity, crate::server::Kind::Manager(AGENT_SPEAKS).protocols(), 1);
        Self {
            config,
            number,
            ports: Arc::clone(ports),
            counts: Arc::clone(counts),
            turn: Arc::clone(turn),
            sequence: 0,
            outcomes: Vec::new(),
        }
    }

    async fn live(mut self) {
        let mut tries = 0;
        // As a load balancer would: in turns, and elsewhere after it was cut off.
        let mut place = self.number;
        loop {
            let turn = Arc::clone(&self.turn);
            let permit = turn.acquire().await.unwrap();
            let port = self.ports[place % self.ports.len()];
            let opened = Device::open(port, self.number, Arc::clone(&self.config), AGENT_SPEAKS).await;
            drop(permit);
            if let Ok(mut device) = opened {
                tries = 0;
                // How it ended does not matter: it comes back.
                let _ = self.stay(&mut device).await;
            }
            tries += 1;
            place += 1;
            self.counts.dialled_again.fetch_add(1, Ordering::Relaxed);
            if tries > TRIES {
                self.counts.gave_up.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let pause = (self.number as u64 * 7_919 + u64::from(tries) * 104_729) % PAUSE_MS;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Until the connection ends.
    async fn stay(&mut self, device: &mut Device) -> anyhow::Result<()> {
        loop {
            // In the time of all devices together, evenly.
            let wait = WAIT_SECONDS / 2 + u32::try_from(self.number % (WAIT_SECONDS as usize / 2)).unwrap();
            self.counts.parked.fetch_add(1, Ordering::Relaxed);
            let reply = device.hand_in(&self.nothing(), Some(wait)).await;
            self.counts.parked.fetch_sub(1, Ordering::Relaxed);
            let reply = reply?;
            for command in reply["commands"].as_array().into_iter().flatten() {
                self.counts.woken.fetch_add(1, Ordering::Relaxed);
                let id = command["id"].as_str().unwrap_or_default();
                self.outcomes.push(format!(
                    "{{\"kind\":\"outcome\",\"command_id\":\"{id}\",\"finished\":\"2026-11-22T10:00:00Z\",\"result\":{{\"state\":\"done\"}}}}"
                ));
            }
            if self.counts.ending.load(Ordering::Relaxed) {
                return std::future::pending().await;
            }
            let body = self.outcomes.first().cloned().unwrap_or_else(|| template(SMALL));
            let sequence = self.sequence + 1;
            // Should the acknowledgement be lost, it is handed in once more, as the same.
            let batch = crate::ingest::batch(&self.epoch(), sequence, &body);
            let reply = device.hand_in(&batch, None).await?;
            anyhow::ensure!(reply["acknowledged"]["sequence"] == sequence, "{reply}");
            self.sequence = sequence;
            self.counts.acknowledged.fetch_add(1, Ordering::Relaxed);
            if !self.outcomes.is_empty() {
                self.outcomes.remove(0);
            }
        }
    }

    fn epoch(&self) -> String {
        format!("soak-{}", self.number)
    }

    fn nothing(&self) -> Vec<u8> {
        let (epoch, oldest) = (self.epoch(), self.sequence + 1);
        format!(r#"{{"version":1,"epoch":"{epoch}","oldest_sequence":{oldest},"reports":[]}}"#).into_bytes()
    }
}
