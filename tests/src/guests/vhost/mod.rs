//! Devices of the guest that this process plays: QEMU hands the guest's requests over by vhost-user.
//!
//! The guest's own drivers (`i2c-virtio`, `gpio-virtio`) make of them what a program in the guest sees:
//! `/dev/i2c-0` and `/dev/gpiochip0`. Sections of the virtio specification are those of version 1.2.
//!
//! Start the devices first, then the guest, with their sockets in [`crate::guests::GuestOptions`].

pub mod gpio;
pub mod i2c;
pub mod printer;

use std::io;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use vhost::vhost_user::Listener;
use vhost_user_backend::{ShutdownHandle, VhostUserBackendMut, VhostUserDaemon, VringRwLock};
use virtio_queue::{DescriptorChain, QueueOwnedT};
use vm_memory::{GuestAddressSpace, GuestMemoryAtomic, GuestMemoryLoadGuard, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;

/// The guest's memory as QEMU shares it; it is another one after the guest's firmware has moved things about.
type Memory = GuestMemoryAtomic<GuestMemoryMmap>;
/// One request of the guest: where it lies in the guest's memory, and where the answer goes.
type Chain = DescriptorChain<GuestMemoryLoadGuard<GuestMemoryMmap>>;

/// The device follows the specification, not its drafts (section 6).
const VIRTIO_F_VERSION_1: u64 = 1 << 32;
/// A request may lie in a table of its own (section 2.7.5.3). QEMU's I2C queue has four places, so without it
/// a transfer of two messages would not fit.
const VIRTIO_F_INDIRECT_DESC: u64 = 1 << 28;
/// The device has features of the vhost-user protocol, too (its own bit, not one of virtio's).
const VHOST_USER_F_PROTOCOL_FEATURES: u64 = 1 << 30;
const FEATURES: u64 = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VHOST_USER_F_PROTOCOL_FEATURES;

/// Places in a queue at most; QEMU chooses fewer.
const QUEUE_SIZE: usize = 256;

/// Why a device cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum VhostError {
    /// The socket for QEMU cannot be made.
    #[error("the socket {socket} cannot be listened on")]
    Listen {
        /// Its path.
        socket: PathBuf,
        /// What the operating system said.
        source: vhost::vhost_user::Error,
    },
    /// The framework of the device cannot be set up.
    #[error("the vhost-user device cannot be set up: {0}")]
    SetUp(vhost_user_backend::Error),
    /// A thread or a descriptor cannot be had.
    #[error("the vhost-user device got no thread or descriptor")]
    System(#[from] io::Error),
}

/// A device that runs in a thread of this process until this is dropped.
pub struct Device {
    socket: PathBuf,
    connection: Arc<Mutex<Option<ShutdownHandle>>>,
    thread: Option<JoinHandle<()>>,
}

impl Device {
    /// Where QEMU finds the device.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Whoever connects and goes away ends a thread that still waits for QEMU. If QEMU has connected,
        // nobody takes this connection, and the handle ends the thread.
        drop(UnixStream::connect(&self.socket));
        if let Some(connection) = self.connection.lock().unwrap_or_else(PoisonError::into_inner).take() {
            connection.shutdown();
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("vhost: the thread of {} panicked", self.socket.display());
        }
    }
}

/// A descriptor beside the queues that wakes the device, and the number by which it is told of it.
struct Wake {
    descriptor: RawFd,
    event: u64,
}

/// Listens on `socket` and serves one QEMU there.
fn serve<B>(name: &str, socket: &Path, backend: B, wake: Option<Wake>) -> Result<Device, VhostError>
where
    B: VhostUserBackendMut<Bitmap = (), Vring = VringRwLock> + 'static,
{
    let mut daemon = VhostUserDaemon::new(
        name.to_owned(),
        Arc::new(Mutex::new(backend)),
        GuestMemoryAtomic::new(GuestMemoryMmap::new()),
    )
    .map_err(VhostError::SetUp)?;
    if let Some(wake) = wake {
        for handler in daemon.get_epoll_handlers() {
            handler.register_listener(wake.descriptor, EventSet::IN, wake.event)?;
        }
    }
    let mut listener = Listener::new(socket, true)
        .map_err(|source| VhostError::Listen { socket: socket.to_owned(), source })?;
    let connection = Arc::new(Mutex::new(None));
    let shared = Arc::clone(&connection);
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Err(error) = daemon.start(&mut listener) {
            eprintln!("vhost: no connection of QEMU: {error}");
            return;
        }
        *shared.lock().unwrap_or_else(PoisonError::into_inner) = daemon.shutdown_handle();
        // It ends with an error whenever QEMU goes away, which is how every guest ends.
        drop(daemon.wait());
    })?;
    Ok(Device { socket: socket.to_owned(), connection, thread: Some(thread) })
}

/// The requests that wait in a queue.
fn waiting_requests(vring: &VringRwLock, memory: Option<&Memory>) -> io::Result<Vec<Chain>> {
    use vhost_user_backend::VringT;

    let Some(memory) = memory else { return Ok(Vec::new()) };
    let mut state = vring.get_mut();
    let requests = state.get_queue_mut().iter(memory.memory()).map_err(io::Error::other)?;
    Ok(requests.collect())
}
