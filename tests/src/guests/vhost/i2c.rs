//! The I2C adapter of the guest (virtio 1.2, section 5.16).

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use embedded_hal::i2c::Operation;
use vhost::vhost_user::message::VhostUserProtocolFeatures;
use vhost_user_backend::{VhostUserBackendMut, VringRwLock, VringT};
use virtio_queue::QueueT;
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{EventConsumer, EventFlag, EventNotifier, new_event_consumer_and_notifier};

use super::{Chain, Device, FEATURES, Memory, QUEUE_SIZE, VhostError, serve, waiting_requests};

/// Messages without data are possible; Linux insists on it (section 5.16.3).
const F_ZERO_LENGTH_REQUEST: u64 = 1 << 0;
/// The header that begins each request: address, padding, flags (section 5.16.6).
const HEADER_LENGTH: usize = 8;
/// The request belongs to one transfer with the next one.
const FLAG_FAIL_NEXT: u32 = 1 << 0;
/// The request reads.
const FLAG_READ: u32 = 1 << 1;
const STATUS_OK: u8 = 0;
const STATUS_ERROR: u8 = 1;
const STATUS_LENGTH: usize = 1;

/// The only queue.
const REQUESTS: u16 = 0;

/// What hangs on the simulated bus.
pub trait Transfer: Send + 'static {
    /// Plays one transfer, from the start condition to the stop condition, with the chip at a 7-bit address.
    /// What is to be read comes filled with zeroes.
    ///
    /// Fails when the chip does not acknowledge, or any other way that a bus fails: the guest is told no more
    /// than that. QEMU's queue carries at most four messages a transfer; of a longer one the guest sends the
    /// first four.
    fn transfer(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), TransferFailed>;
}

/// The chip did not acknowledge, or the bus failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transfer was not acknowledged")]
pub struct TransferFailed;

/// Plays an I2C adapter for the QEMU that connects to `socket`.
pub fn start(socket: &Path, bus: impl Transfer) -> Result<Device, VhostError> {
    serve("vhost-i2c", socket, Adapter { bus: Mutex::new(bus), memory: None, pending: Vec::new() }, None)
}

struct Adapter<T> {
    /// Never locked: the framework only asks that the adapter be `Sync`, which a bus need not be.
    bus: Mutex<T>,
    memory: Option<Memory>,
    /// The beginning of a transfer whose end the guest has not queued yet.
    pending: Vec<Request>,
}

struct Request {
    chain: Chain,
    address: u16,
    ends_transfer: bool,
    reads: bool,
    /// What is written to the chip, or room for what is read from it.
    data: Vec<u8>,
}

impl Request {
    fn parse(chain: Chain) -> io::Result<Self> {
        let memory = chain.memory();
        let mut reader = chain.clone().reader(memory).map_err(io::Error::other)?;
        let mut header = [0; HEADER_LENGTH];
        reader.read_exact(&mut header)?;
        let [address_low, address_high, _, _, flags @ ..] = header;
        let flags = u32::from_le_bytes(flags);
        let reads = flags & FLAG_READ != 0;
        let mut data = Vec::new();
        if reads {
            let writer = chain.clone().writer(memory).map_err(io::Error::other)?;
            data.resize(writer.available_bytes().saturating_sub(STATUS_LENGTH), 0);
        } else {
            reader.read_to_end(&mut data)?;
        }
        // The lowest bit of the address belongs to the wire, where it says who speaks.
        let address = u16::from_le_bytes([address_low, address_high]) >> 1;
        let ends_transfer = flags & FLAG_FAIL_NEXT == 0;
        Ok(Self { chain, address, ends_transfer, reads, data })
    }

    fn operation(&mut self) -> Operation<'_> {
        if self.reads { Operation::Read(&mut self.data) } else { Operation::Write(&self.data) }
    }

    /// Writes the answer into the guest's memory; returns how long it is.
    fn answer(&self, status: u8) -> io::Result<u32> {
        let memory = self.chain.memory();
        let mut writer = self.chain.clone().writer(memory).map_err(io::Error::other)?;
        let data_length = writer.available_bytes().saturating_sub(STATUS_LENGTH);
        // The status is the last byte, also when there is no data.
        let mut status_byte = writer.split_at(data_length).map_err(io::Error::other)?;
        if self.reads && status == STATUS_OK {
            writer.write_all(&self.data)?;
        }
        status_byte.write_all(&[status])?;
        u32::try_from(data_length + STATUS_LENGTH).map_err(io::Error::other)
    }
}

impl<T: Transfer> Adapter<T> {
    fn serve_requests(&mut self, vring: &VringRwLock) -> io::Result<()> {
        let requests = waiting_requests(vring, self.memory.as_ref())?;
        let places = usize::from(vring.get_ref().get_queue().size());
        for chain in requests {
            let request = Request::parse(chain)?;
            let ends_transfer = request.ends_transfer;
            self.pending.push(request);
            // Of a transfer that is longer than the queue Linux sends the beginning, and waits for it.
            if ends_transfer || self.pending.len() == places {
                let requests = std::mem::take(&mut self.pending);
                self.play(requests, vring)?;
            }
        }
        vring.signal_used_queue()
    }

    fn play(&mut self, mut requests: Vec<Request>, vring: &VringRwLock) -> io::Result<()> {
        let bus = self.bus.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut status = STATUS_OK;
        // A transfer may, in theory, turn to another chip half-way; once one part failed, the rest does, too.
        for part in requests.chunk_by_mut(|one, next| one.address == next.address) {
            // Nothing here answers a 10-bit address.
            let address = part.first().and_then(|request| u8::try_from(request.address).ok());
            let mut operations: Vec<_> = part.iter_mut().map(Request::operation).collect();
            let played = status == STATUS_OK
                && address.is_some_and(|address| bus.transfer(address, &mut operations).is_ok());
            if !played {
                status = STATUS_ERROR;
            }
            for request in part {
                let length = request.answer(status)?;
                vring.add_used(request.chain.head_index(), length).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}

impl<T: Transfer> VhostUserBackendMut for Adapter<T> {
    type Bitmap = ();
    type Vring = VringRwLock;

    fn num_queues(&self) -> usize {
        1
    }

    fn max_queue_size(&self) -> usize {
        QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        FEATURES | F_ZERO_LENGTH_REQUEST
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        VhostUserProtocolFeatures::MQ | VhostUserProtocolFeatures::REPLY_ACK
    }

    fn reset_device(&mut self) {
        self.pending.clear();
    }

    // Not among the features.
    fn set_event_idx(&mut self, _enabled: bool) {}

    fn update_memory(&mut self, memory: Memory) -> io::Result<()> {
        self.memory = Some(memory);
        Ok(())
    }

    fn exit_event(&self, _thread_index: usize) -> Option<(EventConsumer, EventNotifier)> {
        new_event_consumer_and_notifier(EventFlag::NONBLOCK).ok()
    }

    fn stop_vring(&mut self, _queue_index: u32) -> io::Result<()> {
        self.pending.clear();
        Ok(())
    }

    fn handle_event(
        &mut self,
        event: u16,
        _set: EventSet,
        vrings: &[VringRwLock],
        _thread: usize,
    ) -> io::Result<()> {
        match vrings.first() {
            Some(vring) if event == REQUESTS => self.serve_requests(vring),
            _ => Ok(()),
        }
    }
}
