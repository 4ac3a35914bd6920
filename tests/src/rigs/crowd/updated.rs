//! Light devices that are given a program: each is parked, asks when it is told to, fetches what it is given, and tells how
//! that ended as its number says. What it fetches is as real as the way there; it installs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::AT_ONCE;
use super::messages::batch_of;
use super::wire::{Connection, Failure};
use crate::rigs::pki::{Identity, Pki};

/// How long a device lets itself be held, in seconds.
const WAIT: u32 = 30;

/// What becomes of the program at a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Kept,
    /// The one before comes back.
    RolledBack,
    /// Nothing is heard of the device any more.
    Silent,
}

/// Of each hundred devices three fail, and two fall silent.
pub const fn three_fail_and_two_fall_silent(number: usize) -> Fate {
    match number % 100 {
        7 | 40 | 73 => Fate::RolledBack,
        23 | 90 => Fate::Silent,
        _ => Fate::Kept,
    }
}

/// What devices counted.
#[derive(Debug, Default)]
pub struct Counted {
    /// Devices that have come in.
    pub parked: AtomicU64,
    /// Devices that are fetching a program.
    pub fetching: AtomicU64,
    /// Programs that were fetched.
    pub fetched: AtomicU64,
    /// Bytes of programs, those on their way as well.
    pub bytes: AtomicU64,
    /// Connections that were cut.
    pub cut: AtomicU64,
}

struct Shared {
    port: u16,
    fate: fn(usize) -> Fate,
    counted: Counted,
    turn: Semaphore,
    ending: CancellationToken,
}

/// Devices that live, until this is dropped.
pub struct Updated {
    _devices: JoinSet<()>,
    shared: Arc<Shared>,
}

impl Drop for Updated {
    fn drop(&mut self) {
        self.shared.ending.cancel();
    }
}

impl Updated {
    /// Lets these devices live.
    pub fn start(
        runtime: &Handle,
        pki: &Pki,
        identities: &[Identity],
        port: u16,
        fate: fn(usize) -> Fate,
    ) -> Self {
        let shared = Arc::new(Shared {
            port,
            fate,
            counted: Counted::default(),
            turn: Semaphore::new(AT_ONCE),
            ending: CancellationToken::new(),
        });
        let mut devices = JoinSet::new();
        for (number, identity) in identities.iter().enumerate() {
            let config = pki.device(identity, &[b"http/1.1"], 1);
            let device = Device {
                name: identity.name.clone(),
                number,
                shared: Arc::clone(&shared),
                given: 0,
                acknowledged: 0,
                has_come: false,
            };
            devices.spawn_on(device.live(config), runtime);
        }
        Self { _devices: devices, shared }
    }

    /// What they counted.
    pub fn counted(&self) -> &Counted {
        &self.shared.counted
    }
}

struct Device {
    name: String,
    number: usize,
    shared: Arc<Shared>,
    given: u64,
    acknowledged: u64,
    /// Whether it has come in.
    has_come: bool,
}

impl Device {
    async fn live(mut self, config: Arc<rustls::ClientConfig>) {
        let ending = self.shared.ending.clone();
        tokio::select! {
            () = ending.cancelled() => {}
            () = async {
                while let Err(failure) = self.session(Arc::clone(&config)).await {
                    self.shared.counted.cut.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(failure.retry_after().unwrap_or(std::time::Duration::from_secs(1))).await;
                }
            } => {}
        }
    }

    /// One connection, to its end; no error means that nothing more is heard of this device.
    async fn session(&mut self, config: Arc<rustls::ClientConfig>) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let turn = shared.turn.acquire().await.map_err(|error| Failure::Broken(error.to_string()))?;
        let mut connection = Connection::open(shared.port, self.number, config).await?;
        // As an agent does: what it has first, or nothing.
        let batch = self.batch(None);
        connection.hand_in(batch, None).await?;
        drop(turn);
        if !std::mem::replace(&mut self.has_come, true) {
            shared.counted.parked.fetch_add(1, Ordering::Relaxed);
        }
        loop {
            let reply = connection.hand_in(self.batch(None), Some(WAIT)).await?;
            if reply["programs"] != true {
                continue;
            }
            let Some(mut given) = connection.ask_for_program(asks()).await? else { continue };
            shared.counted.fetching.fetch_add(1, Ordering::Relaxed);
            let count = |bytes| {
                shared.counted.bytes.fetch_add(bytes, Ordering::Relaxed);
            };
            let come = given.fetch(count).await;
            shared.counted.fetching.fetch_sub(1, Ordering::Relaxed);
            come?;
            shared.counted.fetched.fetch_add(1, Ordering::Relaxed);
            let attempt = given.attempt;
            let step = match (shared.fate)(self.number) {
                Fate::Silent => return Ok(()),
                Fate::Kept => "kept",
                Fate::RolledBack => "rolled_back",
            };
            self.given += 1;
            let told = json!({"kind": "program", "program": {"attempt_id": attempt, "step": step, "reason": "as its number says"}});
            let reply = connection.hand_in(self.batch(Some(&told.to_string())), None).await?;
            self.acknowledged = reply["acknowledged"]["sequence"].as_u64().unwrap_or(self.acknowledged);
        }
    }

    fn batch(&self, report: Option<&str>) -> Vec<u8> {
        batch_of(&self.name, self.acknowledged + 1, report.map(|report| (self.given, report)).into_iter())
    }
}

/// What a device says that asks for a program.
pub fn asks() -> Vec<u8> {
    json!({
        "version": 1, "cause": "command",
        "hardware": {"model": "MFP 450", "board": "Raspberry Pi 4", "architecture": "arm64"},
        "running": [{"kind": "engine-firmware", "name": "engine-firmware", "version": "1.0"}],
        "free_bytes": 100_000_000,
        "trusted": {"root": 1, "timestamp": 0, "snapshot": 0, "targets": 0},
        "sent": {"boot_id": "b1", "monotonic_ms": 1000, "wall": "2026-11-30T09:00:00Z", "clock": "synchronised"}
    })
    .to_string()
    .into_bytes()
}
