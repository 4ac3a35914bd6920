//! A bridge as a device of this Linux: a thread between `/dev/uhid` and [`Bridge`], and one that does the transfers,
//! so that a bus that hangs holds nothing else up.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use crate::bridge::{Bridge, Bus, Figures, Lines, Transfer};
use crate::nodes::{self, Nodes, NodesError};
use crate::reports::{self, number};
use crate::uhid::{Event, Identity, Reply, UHID, Uhid};

/// Silicon Labs' CP2112 (AN495, table 1).
const VENDOR: u16 = 0x10c4;
const PRODUCT: u16 = 0xea90;
/// A status of "busy" is held back so long, if the transfer does not end before. The driver gives the chip 50 ms for
/// each answer, and gives a transfer up after 100 that say "busy": over USB that is a second, here it were nothing.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// One transfer may wait for one that hangs; of more, the bus would never catch up.
const MAX_WAITING_TRANSFERS: usize = 1;

/// Why there is no bridge.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The kernel has no uhid.
    #[error("{UHID} is not there: load the kernel's module with `sudo modprobe uhid`")]
    NoUhid,
    /// Not for this user.
    #[error("no permission to use {UHID}: run this with sudo")]
    NoPermission,
    /// The kernel refused the device.
    #[error("{UHID} does not take the device: {0}")]
    Uhid(io::Error),
    /// The thread cannot be started.
    #[error("the bridge's thread cannot be started: {0}")]
    Thread(io::Error),
    /// The kernel made no bus or lines of it.
    #[error(transparent)]
    Nodes(#[from] NodesError),
}

impl From<io::Error> for DeviceError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A static node without its module says that there is no such device.
            io::ErrorKind::NotFound => Self::NoUhid,
            _ if error.raw_os_error() == Some(Errno::ENODEV as i32) => Self::NoUhid,
            io::ErrorKind::PermissionDenied => Self::NoPermission,
            _ => Self::Uhid(error),
        }
    }
}

/// A CP2112 on this machine. Dropping it unplugs it.
pub struct Cp2112<L> {
    shared: Arc<Shared<L>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    nodes: Nodes,
}

/// What the threads have in common.
struct Shared<L> {
    uhid: Uhid,
    bridge: Mutex<Bridge<L>>,
    /// A transfer has ended.
    ended: Condvar,
    /// Readable once the device has been taken away.
    gone: EventFd,
}

impl<L: Lines> Cp2112<L> {
    /// Plugs a bridge in and waits until the kernel has made its bus and its lines. `unique` tells it from every
    /// other on this machine.
    pub fn plug_in(bus: impl Bus, lines: L, unique: &str) -> Result<Self, DeviceError> {
        let identity = Identity {
            name: "Platen simulated CP2112".to_owned(),
            unique: unique.to_owned(),
            vendor: VENDOR,
            product: PRODUCT,
            descriptor: reports::descriptor(),
        };
        let shared = Arc::new(Shared {
            uhid: Uhid::create(&identity)?,
            bridge: Mutex::new(Bridge::new(lines, unique)),
            ended: Condvar::new(),
            gone: EventFd::new().map_err(io::Error::from)?,
        });
        let (sender, transfers) = sync_channel(MAX_WAITING_TRANSFERS);
        let (serving, transferring) = (Arc::clone(&shared), Arc::clone(&shared));
        // Not joined: it ends with the sender, once its bus lets it.
        start("cp2112-bus", move || transferring.transfer(bus, &transfers))?;
        let thread = start("cp2112", move || serving.serve(&sender))?;
        let mut device = Self { shared, thread: Some(thread), nodes: Nodes::default() };
        // When this fails the device is dropped, and nothing stays behind.
        device.nodes = nodes::wait_for(unique)?;
        Ok(device)
    }
}

impl<L> Cp2112<L> {
    /// Its device files.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }
}

impl<L: Lines> Cp2112<L> {
    /// What it has done.
    pub fn figures(&self) -> Figures {
        lock(&self.shared.bridge).figures()
    }
}

impl<L> Drop for Cp2112<L> {
    fn drop(&mut self) {
        // The driver still asks while it leaves: the thread serves on until this has returned.
        if let Err(error) = self.shared.uhid.tell(&Reply::Destroy) {
            eprintln!("the bridge cannot be unplugged: {error}");
        }
        if let Err(error) = self.shared.gone.write(1) {
            // Then the thread would wait for ever; the end of the process takes the device away.
            eprintln!("the bridge's thread cannot be ended: {error}");
            return;
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => eprintln!("the bridge failed: {error}"),
            Some(Err(_)) => eprintln!("the bridge's thread panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}

fn start<T: Send + 'static>(
    name: &str,
    task: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, DeviceError> {
    thread::Builder::new().name(name.to_owned()).spawn(task).map_err(DeviceError::Thread)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<L: Lines> Shared<L> {
    /// Answers the kernel until the device is taken away.
    fn serve(&self, transfers: &SyncSender<Transfer>) -> io::Result<()> {
        while self.wait()? {
            match self.uhid.next()? {
                Event::Output(report) => self.react(&report, transfers)?,
                Event::GetFeature { id, report } => {
                    let report = lock(&self.bridge).get_feature(report);
                    self.uhid.tell(&Reply::GetReport(id, report.as_deref()))?;
                }
                Event::SetFeature { id, data } => {
                    let done = lock(&self.bridge).set_feature(&data);
                    self.uhid.tell(&Reply::SetReport(id, done))?;
                }
                Event::OtherGet { id } => self.uhid.tell(&Reply::GetReport(id, None))?,
                Event::OtherSet { id } => self.uhid.tell(&Reply::SetReport(id, false))?,
                // Drivers come and go; the device stays.
                Event::Start | Event::Stop | Event::Use(_) | Event::Unknown(_) => {}
            }
        }
        Ok(())
    }

    /// Waits until the kernel says something; false when the device has been taken away.
    fn wait(&self) -> io::Result<bool> {
        loop {
            let mut fds = [self.gone.as_fd(), self.uhid.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                result => {
                    result?;
                    let ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
                    return Ok(!fds.first().is_some_and(ready));
                }
            }
        }
    }

    fn react(&self, report: &[u8], transfers: &SyncSender<Transfer>) -> io::Result<()> {
        let mut bridge = lock(&self.bridge);
        if report.first() == Some(&number::TRANSFER_STATUS_REQUEST) {
            let waited = self.ended.wait_timeout_while(bridge, BUSY_PAUSE, |bridge| bridge.is_busy());
            bridge = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let reaction = bridge.on_output(report);
        drop(bridge);
        if let Some(transfer) = reaction.transfer {
            // Behind one that hangs there is no room: then the bridge stays busy until the host cancels.
            drop(transfers.try_send(transfer));
        }
        self.send(&reaction.reports)
    }

    fn send(&self, reports: &[[u8; reports::REPORT_BYTES]]) -> io::Result<()> {
        reports.iter().try_for_each(|report| self.uhid.tell(&Reply::Input(report)))
    }

    /// Does transfers until nobody can ask for one.
    fn transfer(&self, mut bus: impl Bus, transfers: &Receiver<Transfer>) {
        for transfer in transfers {
            if !lock(&self.bridge).wants(&transfer) {
                continue;
            }
            let result = transfer.run(&mut bus);
            let reaction = lock(&self.bridge).on_end(&transfer, result);
            self.ended.notify_all();
            if let Err(error) = self.send(&reaction.reports) {
                eprintln!("what was read cannot be sent: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_having_no_uhid_says_what_to_do() {
        let says = |errno: Errno| DeviceError::from(io::Error::from(errno)).to_string();
        assert!(says(Errno::ENOENT).contains("modprobe uhid"));
        assert!(says(Errno::ENODEV).contains("modprobe uhid"));
        assert!(says(Errno::EACCES).contains("sudo"));
        assert!(says(Errno::EINVAL).contains("EINVAL") || says(Errno::EINVAL).contains("Invalid"));
    }
}
