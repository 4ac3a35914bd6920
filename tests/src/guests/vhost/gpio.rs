//! The GPIO controller of the guest (virtio 1.2, section 5.18).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use vhost::vhost_user::message::VhostUserProtocolFeatures;
use vhost_user_backend::{VhostUserBackendMut, VringRwLock, VringT};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{EventConsumer, EventFlag, EventNotifier, new_event_consumer_and_notifier};

use super::{Chain, Device, FEATURES, Memory, QUEUE_SIZE, VhostError, Wake, serve, waiting_requests};

/// The lines can interrupt (section 5.18.3).
const F_IRQ: u64 = 1 << 0;

/// The queues, and the number under which edges of the simulated lines wake the device.
const REQUESTS: u16 = 0;
const EVENTS: u16 = 1;
const QUEUES: usize = 2;
/// Numbers up to the count of queues are the framework's own.
const EDGES: u16 = 3;
/// So many edges of a line wait for the guest; beyond, it misses the two oldest.
const MAX_WAITING_EDGES: usize = 1_000;

/// Requests (section 5.18.6): type, line, value; 16, 16 and 32 bits.
const REQUEST_LENGTH: usize = 8;
const GET_LINE_NAMES: u16 = 1;
const GET_DIRECTION: u16 = 2;
const SET_DIRECTION: u16 = 3;
const GET_VALUE: u16 = 4;
const SET_VALUE: u16 = 5;
const SET_IRQ_TYPE: u16 = 6;

const STATUS_OK: u8 = 0;
const STATUS_ERROR: u8 = 1;
/// Status of an interrupt's buffer: given back unused, or it happened (section 5.18.7).
const IRQ_INVALID: u8 = 0;
const IRQ_VALID: u8 = 1;

const DIRECTION_NONE: u8 = 0;
const DIRECTION_OUT: u8 = 1;
const DIRECTION_IN: u8 = 2;

/// The simulated lines, numbered from 0 in the order of their names.
pub trait Lines: Send + 'static {
    /// Every line's name.
    fn names(&self) -> Vec<String>;

    /// Whether the line is high.
    fn level(&mut self, line: usize) -> bool;

    /// The guest drives the line.
    fn drive(&mut self, line: usize, high: bool);

    /// A descriptor that is readable as long as edges wait. It stays the same, and open, as they do.
    fn edges_ready(&self) -> BorrowedFd<'_>;

    /// Takes the edges that wait, oldest first. Does not block.
    fn take_edges(&mut self) -> io::Result<Vec<Edge>>;
}

/// A change of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The line's number.
    pub line: usize,
    /// Whether it rose.
    pub high: bool,
}

/// Plays a GPIO controller for the QEMU that connects to `socket`.
///
/// Edges reach the guest one by one, each as soon as it has done with the one before. Linux names an edge by
/// the level that it reads *after* the interrupt, as for any controller behind a bus. So the level that it is told
/// is the one after the edge that reached it last: a guest that is slow for a while, because this machine is busy
/// elsewhere, sees everything late and misses nothing.
pub fn start(socket: &Path, lines: impl Lines) -> Result<Device, VhostError> {
    let names = lines.names();
    let mut name_block = names.join("\0").into_bytes();
    name_block.push(0);
    let wake = Wake { descriptor: lines.edges_ready().as_raw_fd(), event: EDGES.into() };
    let states = names.iter().map(|_| LineState::default()).collect();
    serve(
        "vhost-gpio",
        socket,
        Controller { lines: Mutex::new(lines), name_block, states, memory: None },
        Some(wake),
    )
}

struct Controller<L> {
    /// Never locked: the framework only asks that the controller be `Sync`, which lines need not be.
    lines: Mutex<L>,
    name_block: Vec<u8>,
    states: Vec<LineState>,
    memory: Option<Memory>,
}

#[derive(Default)]
struct LineState {
    direction: u8,
    trigger: Trigger,
    /// The guest's buffer for the next interrupt.
    buffer: Option<Chain>,
    /// The levels after edges that came while there was no buffer, oldest first: each is kept until there is one
    /// (section 5.18.7 asks that of one of them).
    waiting: VecDeque<bool>,
    /// The level after the last edge that reached the guest; told while the line interrupts by edges.
    told: bool,
}

impl LineState {
    /// What the guest is to see of the line.
    fn level(&self, now: bool) -> bool {
        if self.trigger.is_of_edges() { self.told } else { now }
    }

    fn listen(&mut self, trigger: Trigger, now: bool) {
        self.trigger = trigger;
        self.waiting.clear();
        self.told = now;
    }

    /// One that came before the guest listened, and is told only now, is none to it.
    fn take(&mut self, edge: bool) {
        if self.waiting.back().copied().unwrap_or(self.told) == edge {
            return;
        }
        if self.waiting.len() == MAX_WAITING_EDGES {
            self.waiting.drain(..2);
        }
        self.waiting.push_back(edge);
    }

    /// Whether the guest is to be interrupted now; of edges, it is told the next one with that.
    fn is_due(&mut self, now: bool) -> bool {
        if !self.trigger.is_of_edges() {
            return self.trigger.by_level(now);
        }
        while let Some(edge) = self.waiting.pop_front() {
            self.told = edge;
            if self.trigger.by_edge(edge) {
                return true;
            }
        }
        false
    }
}

/// When a line interrupts.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Trigger {
    #[default]
    Never,
    Rising,
    Falling,
    Both,
    High,
    Low,
}

impl Trigger {
    fn from_wire(value: u32) -> Option<Self> {
        match value {
            0 => Some(Self::Never),
            1 => Some(Self::Rising),
            2 => Some(Self::Falling),
            3 => Some(Self::Both),
            4 => Some(Self::High),
            8 => Some(Self::Low),
            _ => None,
        }
    }

    fn is_of_edges(self) -> bool {
        matches!(self, Self::Rising | Self::Falling | Self::Both)
    }

    fn by_edge(self, rose: bool) -> bool {
        match self {
            Self::Both => true,
            Self::Rising => rose,
            Self::Falling => !rose,
            Self::Never | Self::High | Self::Low => false,
        }
    }

    fn by_level(self, high: bool) -> bool {
        match self {
            Self::High => high,
            Self::Low => !high,
            _ => false,
        }
    }
}

impl<L: Lines> Controller<L> {
    fn serve_requests(&mut self, requests: &VringRwLock, events: &VringRwLock) -> io::Result<()> {
        for chain in waiting_requests(requests, self.memory.as_ref())? {
            let mut request = [0; REQUEST_LENGTH];
            chain.clone().reader(chain.memory()).map_err(io::Error::other)?.read_exact(&mut request)?;
            let [kind_low, kind_high, line_low, line_high, value @ ..] = request;
            let kind = u16::from_le_bytes([kind_low, kind_high]);
            let line = usize::from(u16::from_le_bytes([line_low, line_high]));
            let answer = if kind == GET_LINE_NAMES {
                Some(self.name_block.clone())
            } else {
                self.act(kind, line, u32::from_le_bytes(value), events)?.map(|value| vec![value])
            };
            let answer = match answer {
                Some(mut data) => {
                    data.insert(0, STATUS_OK);
                    data
                }
                None => vec![STATUS_ERROR, 0],
            };
            reply(&chain, &answer, requests)?;
        }
        requests.signal_used_queue()
    }

    /// Does what the guest asks of one line; nothing if there is no such line or request.
    fn act(&mut self, kind: u16, line: usize, value: u32, events: &VringRwLock) -> io::Result<Option<u8>> {
        let Some(state) = self.states.get_mut(line) else { return Ok(None) };
        let lines = self.lines.get_mut().unwrap_or_else(PoisonError::into_inner);
        Ok(match kind {
            GET_DIRECTION => Some(state.direction),
            SET_DIRECTION => match u8::try_from(value) {
                Ok(direction @ (DIRECTION_NONE | DIRECTION_OUT | DIRECTION_IN)) => {
                    state.direction = direction;
                    Some(0)
                }
                _ => None,
            },
            GET_VALUE => Some(state.level(lines.level(line)).into()),
            SET_VALUE => {
                lines.drive(line, value != 0);
                Some(0)
            }
            SET_IRQ_TYPE => match Trigger::from_wire(value) {
                Some(trigger) => {
                    state.listen(trigger, lines.level(line));
                    if trigger == Trigger::Never
                        && let Some(buffer) = state.buffer.take()
                    {
                        reply(&buffer, &[IRQ_INVALID], events)?;
                        events.signal_used_queue()?;
                    }
                    Some(0)
                }
                None => None,
            },
            _ => None,
        })
    }

    /// Takes the guest's buffers for interrupts, and uses at once those that are due.
    fn serve_events(&mut self, events: &VringRwLock) -> io::Result<()> {
        let lines = self.lines.get_mut().unwrap_or_else(PoisonError::into_inner);
        for chain in waiting_requests(events, self.memory.as_ref())? {
            let mut number = [0; 2];
            chain.clone().reader(chain.memory()).map_err(io::Error::other)?.read_exact(&mut number)?;
            let line = usize::from(u16::from_le_bytes(number));
            match self.states.get_mut(line) {
                Some(state) if state.trigger != Trigger::Never && state.buffer.is_none() => {
                    if state.is_due(lines.level(line)) {
                        reply(&chain, &[IRQ_VALID], events)?;
                    } else {
                        state.buffer = Some(chain);
                    }
                }
                _ => reply(&chain, &[IRQ_INVALID], events)?,
            }
        }
        events.signal_used_queue()
    }

    fn pass_edges_on(&mut self, events: &VringRwLock) -> io::Result<()> {
        let lines = self.lines.get_mut().unwrap_or_else(PoisonError::into_inner);
        for edge in lines.take_edges()? {
            let Some(state) = self.states.get_mut(edge.line) else { continue };
            if state.trigger.is_of_edges() {
                state.take(edge.high);
            }
            if state.buffer.is_some()
                && state.is_due(edge.high)
                && let Some(buffer) = state.buffer.take()
            {
                reply(&buffer, &[IRQ_VALID], events)?;
            }
        }
        events.signal_used_queue()
    }

    fn forget_buffers(&mut self) {
        for state in &mut self.states {
            state.buffer = None;
            state.waiting.clear();
        }
    }
}

/// Writes an answer into the guest's memory and gives the request back.
fn reply(chain: &Chain, answer: &[u8], vring: &VringRwLock) -> io::Result<()> {
    chain.clone().writer(chain.memory()).map_err(io::Error::other)?.write_all(answer)?;
    let length = u32::try_from(answer.len()).map_err(io::Error::other)?;
    vring.add_used(chain.head_index(), length).map_err(io::Error::other)
}

impl<L: Lines> VhostUserBackendMut for Controller<L> {
    type Bitmap = ();
    type Vring = VringRwLock;

    fn num_queues(&self) -> usize {
        QUEUES
    }

    fn max_queue_size(&self) -> usize {
        QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        FEATURES | F_IRQ
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        VhostUserProtocolFeatures::MQ
            | VhostUserProtocolFeatures::CONFIG
            | VhostUserProtocolFeatures::REPLY_ACK
    }

    fn reset_device(&mut self) {
        self.states.fill_with(LineState::default);
    }

    // Not among the features.
    fn set_event_idx(&mut self, _enabled: bool) {}

    /// Count of lines, padding, length of all names (section 5.18.4).
    fn get_config(&self, offset: u32, size: u32) -> Vec<u8> {
        let count = u16::try_from(self.states.len()).unwrap_or(u16::MAX);
        let names = u32::try_from(self.name_block.len()).unwrap_or(u32::MAX);
        let mut config = Vec::from(count.to_le_bytes());
        config.extend([0, 0]);
        config.extend(names.to_le_bytes());
        let wanted = offset as usize..(offset as usize).saturating_add(size as usize);
        config.get(wanted).unwrap_or_default().to_vec()
    }

    fn update_memory(&mut self, memory: Memory) -> io::Result<()> {
        self.memory = Some(memory);
        Ok(())
    }

    fn exit_event(&self, _thread_index: usize) -> Option<(EventConsumer, EventNotifier)> {
        new_event_consumer_and_notifier(EventFlag::NONBLOCK).ok()
    }

    fn stop_vring(&mut self, queue_index: u32) -> io::Result<()> {
        if queue_index == u32::from(EVENTS) {
            self.forget_buffers();
        }
        Ok(())
    }

    fn handle_event(
        &mut self,
        event: u16,
        _set: EventSet,
        vrings: &[VringRwLock],
        _thread: usize,
    ) -> io::Result<()> {
        let [requests, events] = vrings else { return Ok(()) };
        match event {
            REQUESTS => self.serve_requests(requests, events),
            EVENTS => self.serve_events(events),
            EDGES => self.pass_edges_on(events),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a guest sees that is interrupted as often as something is due, on a line that is low by now.
    fn seen(state: &mut LineState) -> Vec<bool> {
        std::iter::from_fn(|| state.is_due(false).then(|| state.level(false))).collect()
    }

    fn listening(trigger: Trigger, now: bool, edges: &[bool]) -> LineState {
        let mut state = LineState::default();
        state.listen(trigger, now);
        for edge in edges {
            state.take(*edge);
        }
        state
    }

    #[test]
    fn a_guest_that_is_slow_sees_every_edge_in_its_order() {
        let mut state = listening(Trigger::Both, false, &[true, false, true, false]);
        assert_eq!(seen(&mut state), [true, false, true, false]);
        assert!(!state.is_due(false), "nothing more");
    }

    #[test]
    fn of_one_direction_it_sees_the_other_as_a_level_only() {
        let mut state = listening(Trigger::Rising, false, &[true, false, true, false]);
        assert_eq!(seen(&mut state), [true, true]);
        assert!(!state.level(true), "the last edge went down, and has reached it");
    }

    #[test]
    fn an_edge_from_before_it_listened_is_none() {
        assert_eq!(seen(&mut listening(Trigger::Both, true, &[true, false])), [false]);
    }

    #[test]
    fn of_too_many_the_oldest_are_missed_in_pairs() {
        let edges: Vec<bool> = (0..MAX_WAITING_EDGES + 3).map(|number| number % 2 == 0).collect();
        let seen = seen(&mut listening(Trigger::Both, false, &edges));
        assert_eq!(seen.len(), MAX_WAITING_EDGES - 1);
        assert!(seen.iter().enumerate().all(|(number, edge)| *edge == (number % 2 == 0)));
    }

    #[test]
    fn a_line_that_interrupts_by_level_or_not_at_all_is_as_it_is() {
        let mut state = listening(Trigger::High, false, &[]);
        assert!(state.is_due(true) && state.is_due(true) && !state.is_due(false));
        assert!(state.level(true));
        assert!(!listening(Trigger::Never, false, &[]).is_due(true));
    }
}
