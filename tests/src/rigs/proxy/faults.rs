//! A proxy below TLS that passes bytes on and breaks connections, by a seed or when it is told to. It stands in the
//! place of the manager, or is an HTTP proxy that is asked by CONNECT.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::connect::{Entrance, enter};
use super::plan::{Breaker, Direction, Fault, Plan, Then, draw};
use crate::rigs::manager::process::Manager;
use crate::rigs::network::background::Background;
use crate::rigs::network::namespace::Namespace;

/// Bytes that are passed on at once.
const PIECE: usize = 4 * 1024;
/// A connection that is held half-open is let go after this, so that no fault lasts for ever.
const LONGEST_HOLD: Duration = Duration::from_secs(120);
/// A free port of this machine.
const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// For a connection to the other side.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// What the proxy does of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It passes everything on.
    Sound,
    /// It breaks connections as a seed says.
    Seeded(u64),
    /// It resets each connection after so many bytes of the device's.
    Short(u64),
    /// It takes no connections: closes each as it comes.
    Closed,
    /// It closes the connection of this number as it comes, and every second one after it.
    EverySecondClosed(u64),
}

/// What has happened at the proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections that were taken.
    pub connections: u64,
    /// Bytes from the devices, before any fault.
    pub up: u64,
    /// Bytes to the devices.
    pub down: u64,
    /// How often each fault struck.
    pub struck: BTreeMap<&'static str, u64>,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} connections, {} bytes up, {} down; faults:", self.connections, self.up, self.down)?;
        self.struck.iter().try_for_each(|(fault, count)| write!(f, " {fault} {count}"))
    }
}

/// The number of the last strike, and what it is.
type Strike = (u64, Option<(Direction, Fault)>);
type Strikes = watch::Receiver<Strike>;

/// What all connections share.
struct Shared {
    /// Where all go; `None` when each asks for its own.
    to: Option<SocketAddr>,
    entrance: Mutex<Entrance>,
    mode: Mutex<Mode>,
    figures: Mutex<Figures>,
    /// The last fault that was asked for; its number tells it from the one before.
    strikes: watch::Sender<Strike>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A proxy that runs. It ends with this value.
pub struct FaultProxy {
    shared: Arc<Shared>,
    background: Background,
}

impl FaultProxy {
    /// Starts one that passes on from `listen` to `to`, in a namespace or here.
    pub fn start(within: Option<&Namespace>, listen: SocketAddr, to: SocketAddr) -> Self {
        Self::open(within, listen, Some(to))
    }

    fn open(within: Option<&Namespace>, listen: SocketAddr, to: Option<SocketAddr>) -> Self {
        let (strikes, _) = watch::channel((0, None));
        let mode = Mutex::new(Mode::Sound);
        let entrance = Mutex::default();
        let shared = Arc::new(Shared { to, entrance, mode, figures: Mutex::default(), strikes });
        let taking = Arc::clone(&shared);
        let background = Background::start(within, listen, move |stream| take(stream, &taking));
        Self { shared, background }
    }

    /// Starts one here, before a manager of this machine.
    pub fn before(manager: &Manager) -> Self {
        Self::start(None, HERE, SocketAddr::from(([127, 0, 0, 1], manager.device_port())))
    }

    /// Starts an HTTP proxy here, which lets everybody through to everywhere.
    pub fn http() -> Self {
        Self::open(None, HERE, None)
    }

    /// An HTTP proxy that answers this, and nothing else.
    pub fn saying(text: &str) -> Self {
        let proxy = Self::http();
        proxy.says(Some(text));
        proxy
    }

    /// From now on the HTTP proxy answers this to every request and closes; nothing, when it is empty, and stays.
    pub fn says(&self, text: Option<&str>) {
        lock(&self.shared.entrance).says = text.map(str::to_owned);
    }

    /// From now on the HTTP proxy answers this to whom it lets through.
    pub fn grants(&self, text: &str) {
        lock(&self.shared.entrance).grants = Some(text.to_owned());
    }

    /// What the HTTP proxy was asked so far: the heads of the requests.
    pub fn heads(&self) -> Vec<String> {
        lock(&self.shared.entrance).heads.clone()
    }

    /// The address of the HTTP proxy, for `proxy` in agent.toml.
    pub fn http_url(&self) -> String {
        format!("http://localhost:{}", self.address().port())
    }

    /// The manager's address for a device that goes through it.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address().port())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.background.address()
    }

    /// What it does with connections from now on; those that are there keep what was drawn for them.
    pub fn set(&self, mode: Mode) {
        *lock(&self.shared.mode) = mode;
    }

    /// Strikes every connection that is there, and none that comes.
    pub fn strike(&self, direction: Direction, fault: Fault) {
        self.shared.strikes.send_modify(|(number, strike)| {
            *number += 1;
            *strike = Some((direction, fault));
        });
    }

    /// What has happened so far.
    pub fn figures(&self) -> Figures {
        lock(&self.shared.figures).clone()
    }
}

fn take(stream: TcpStream, shared: &Arc<Shared>) -> Option<impl Future<Output = ()> + Send + use<>> {
    // Before its faults are drawn: a strike after that is not missed while it is being passed on to.
    let strikes = shared.strikes.subscribe();
    let mode = *lock(&shared.mode);
    if mode == Mode::Closed {
        return None;
    }
    let number = {
        let mut figures = lock(&shared.figures);
        figures.connections += 1;
        figures.connections
    };
    let plans = match mode {
        Mode::Seeded(seed) => draw(seed, number),
        Mode::Short(after) => vec![Plan { direction: Direction::Up, after, fault: Fault::Reset }],
        Mode::EverySecondClosed(first) if number >= first && (number - first).is_multiple_of(2) => {
            return None;
        }
        Mode::Sound | Mode::Closed | Mode::EverySecondClosed(_) => Vec::new(),
    };
    Some(connection(stream, plans, strikes, Arc::clone(shared)))
}

async fn connection(mut near: TcpStream, plans: Vec<Plan>, strikes: Strikes, shared: Arc<Shared>) {
    // Whoever is not there is not there for the device either: the connection ends.
    let far = match shared.to {
        Some(to) => {
            tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(to)).await.ok().and_then(Result::ok)
        }
        None => enter(&mut near, &shared.entrance).await,
    };
    let Some(mut far) = far else { return };
    for stream in [&near, &far] {
        // Only the speed would differ.
        drop(stream.set_nodelay(true));
    }
    let then = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let up = pump(near_read, far_write, &plans, Direction::Up, strikes.clone(), &shared);
        let down = pump(far_read, near_write, &plans, Direction::Down, strikes, &shared);
        let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
        // The end of one way is passed on, and the other goes on; a fault ends both.
        tokio::select! {
            then = &mut up => if then == Then::GoOn { down.await } else { then },
            then = &mut down => if then == Then::GoOn { up.await } else { then },
        }
    };
    match then {
        Then::GoOn | Then::Close => {}
        Then::Reset => {
            // It fails on a socket that has ended already.
            drop(near.set_zero_linger());
            drop(far.set_zero_linger());
        }
        Then::Hold => tokio::time::sleep(LONGEST_HOLD).await,
    }
}

/// Passes one way on until it ends, or a fault ends the connection.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    plans: &[Plan],
    direction: Direction,
    mut strikes: Strikes,
    shared: &Shared,
) -> Then {
    let mut breaker = Breaker::new(plans, direction);
    let mut piece = vec![0; PIECE];
    loop {
        let read = tokio::select! {
            Ok(()) = strikes.changed() => {
                let (_, strike) = *strikes.borrow_and_update();
                if let Some((_, fault)) = strike.filter(|(asked, _)| *asked == direction) {
                    breaker.strike(fault);
                }
                0
            }
            read = from.read(&mut piece) => match read {
                Ok(0) => {
                    // The other side may be gone.
                    drop(to.shutdown().await);
                    return Then::GoOn;
                }
                Ok(read) => read,
                Err(_broken) => return Then::Reset,
            },
        };
        let pass = breaker.pass(piece.get(..read).unwrap_or_default());
        note(shared, direction, read, pass.struck);
        if !pass.pause.is_zero() {
            tokio::time::sleep(pass.pause).await;
        }
        if to.write_all(&pass.bytes).await.is_err() {
            return Then::Reset;
        }
        if pass.then != Then::GoOn {
            return pass.then;
        }
    }
}

fn note(shared: &Shared, direction: Direction, read: usize, struck: Option<Fault>) {
    let read = u64::try_from(read).unwrap_or(u64::MAX);
    let mut figures = lock(&shared.figures);
    match direction {
        Direction::Up => figures.up += read,
        Direction::Down => figures.down += read,
    }
    if let Some(fault) = struck {
        *figures.struck.entry(fault.word()).or_default() += 1;
    }
}
