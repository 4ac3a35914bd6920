//! What waits for one device, and its request that waits for that.
//!
//! A command is handed over again until its outcome is in, but it ends a wait only when it is due
//! ([`Waiting::is_due`]): a device that parks again before it has answered is not sent round in circles.

use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::identity::CommandId;
use platen_protocol::limits::MAX_COMMANDS_PER_REPLY;
use platen_protocol::manager_to_device::Command;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A command without an outcome ends a wait again after this long, also on the same connection.
pub(super) const REDELIVER_AFTER: Duration = Duration::from_secs(30);
/// Connections that are remembered for each command; above it the oldest is forgotten, and the command
/// is due there once more.
const MAX_CONNECTIONS: usize = 8;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something is there for the device.
    Mail,
    /// The device waits elsewhere now.
    Superseded,
    /// The manager stops.
    Stopping,
}

/// On which connection a device asks, and when.
pub(super) struct Asking {
    pub(super) connection: u64,
    pub(super) now: Instant,
    pub(super) clock: Timestamp,
}

struct Waiting {
    command: Command,
    /// Since when, and on which connections, it has been handed over.
    handed: Option<Instant>,
    connections: Vec<u64>,
}

impl Waiting {
    /// Whether it should end a wait: it has not been handed over on this connection, or long ago.
    fn is_due(&self, asking: &Asking) -> bool {
        match self.handed {
            Some(handed) if self.connections.contains(&asking.connection) => {
                asking.now.duration_since(handed) >= REDELIVER_AFTER
            }
            _ => true,
        }
    }

    fn hand_over(&mut self, asking: &Asking) -> Command {
        self.handed = Some(asking.now);
        if !self.connections.contains(&asking.connection) {
            if self.connections.len() == MAX_CONNECTIONS {
                self.connections.remove(0);
            }
            // Most are handed over on one.
            self.connections.reserve_exact(1);
            self.connections.push(asking.connection);
        }
        self.command.clone()
    }
}

/// What waits for one device.
#[derive(Default)]
pub(super) struct DeviceQueue {
    waiting: Vec<Waiting>,
    parked: Option<(u64, oneshot::Sender<Woken>)>,
}

impl DeviceQueue {
    /// Whether nothing waits on either side.
    pub(super) const fn is_idle(&self) -> bool {
        self.parked.is_none() && self.waiting.is_empty()
    }

    /// Puts a command in, and says whether it was not there yet: it may have been read from the store meanwhile.
    pub(super) fn add(&mut self, command: Command) -> bool {
        let is_new = self.waiting.iter().all(|known| known.command.id != command.id);
        if is_new {
            // Most devices have one at most, and there may be a hundred thousand of them.
            self.waiting.reserve_exact(1);
            self.waiting.push(Waiting { command, handed: None, connections: Vec::new() });
        }
        is_new
    }

    /// Takes out all other commands.
    pub(super) fn keep(&mut self, keep: impl Fn(&Command) -> bool) {
        self.waiting.retain(|waiting| keep(&waiting.command));
    }

    /// These are the commands that there are now. What is new ends the wait.
    pub(super) fn refresh(&mut self, commands: Vec<Command>) {
        self.keep(|known| commands.iter().any(|command| command.id == known.id));
        let mut news = false;
        for command in commands {
            news |= self.add(command);
        }
        if news {
            self.wake(Woken::Mail);
        }
    }

    /// Ends the wait, if there is one.
    pub(super) fn wake(&mut self, why: Woken) {
        if let Some((_, parked)) = self.parked.take() {
            // A request that is gone needs no waking; what waits for it is kept.
            let _ = parked.send(why);
        }
    }

    /// Begins a wait. An older one ends: its request may be gone, which is the usual reason for this one.
    pub(super) fn park(&mut self, number: u64) -> oneshot::Receiver<Woken> {
        self.wake(Woken::Superseded);
        let (wake, woken) = oneshot::channel();
        self.parked = Some((number, wake));
        woken
    }

    /// The wait of this number is over, if it is still the one.
    pub(super) fn leave(&mut self, number: u64) {
        self.parked.take_if(|(parked, _)| *parked == number);
    }

    pub(super) fn any_expired(&self, now: Timestamp) -> bool {
        self.waiting.iter().any(|waiting| waiting.command.expires <= now)
    }

    /// As many commands as one reply carries; what is handed over for the first time is told.
    pub(super) fn hand_over(&mut self, to: &Asking, first: impl Fn(&CommandId)) -> Vec<Command> {
        let live = self.waiting.iter_mut().filter(|waiting| waiting.command.expires > to.clock);
        live.take(MAX_COMMANDS_PER_REPLY)
            .map(|waiting| {
                if waiting.handed.is_none() {
                    first(&waiting.command.id);
                }
                waiting.hand_over(to)
            })
            .collect()
    }

    fn live(&self, clock: Timestamp) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().filter(move |waiting| waiting.command.expires > clock)
    }

    /// Whether something should end a wait. Only as much as one reply carries can be due, or the rest would end every
    /// wait.
    pub(super) fn is_due(&self, asking: &Asking) -> bool {
        self.live(asking.clock).take(MAX_COMMANDS_PER_REPLY).any(|waiting| waiting.is_due(asking))
    }

    /// When a command that was handed over becomes due again.
    pub(super) fn redeliver(&self, asking: &Asking) -> Option<Instant> {
        let handed = self.live(asking.clock).filter_map(|waiting| waiting.handed).min();
        handed.map(|handed| handed + REDELIVER_AFTER)
    }
}
