//! The buses of a simulated printer, and which chips are on them.

use std::time::Duration;

use embedded_hal::i2c::Operation;
use nix::errno::Errno;

use crate::chips::{
    Chip, SimController, SimConverter, SimMemory, SimMultiplexer, SimThermometer, Surroundings,
};
use crate::faults::{Faults, Kind};
use crate::random::Random;
use platen_hal::config::{BoardConfig, ChipKind};
use platen_hal::fault::BusFault;
use platen_hal::sim_command::Fault;

/// Pulses of its clock after which a chip lets the data line go: eight bits and the acknowledgement
/// (I2C-bus specification UM10204, section 3.1.16).
pub(crate) const PULSES_TO_FREE: u32 = 9;
/// Multiplexers behind multiplexers are followed so far; a board file whose buses are behind each other
/// in a ring must not hang the simulator.
const MAX_DEPTH: usize = 8;
/// Of so many transfers, about one has its bit flipped by [`Fault::BitFlips`].
const FLIPS_ONE_IN: u32 = 4;
/// What a chip says that drives nothing: the pull-ups' ones.
const CONSTANT: u8 = 0xff;

/// What the printer's chips sense, by the target of a fault that they belong to.
pub(crate) trait Senses {
    /// At the input of a converter.
    fn millivolts(&self, target: usize) -> f64;
    /// At a thermometer, in thousandths of a degree Celsius.
    fn millidegrees(&self, target: usize) -> i32;
}

/// What there is around a transfer.
pub(crate) struct Around<'a> {
    pub(crate) faults: &'a Faults,
    pub(crate) senses: &'a dyn Senses,
    /// Bus time.
    pub(crate) now: Duration,
    /// The engine does not feed the chips that lose their power in its sleep.
    pub(crate) dark: bool,
    /// Pages are being printed.
    pub(crate) printing: bool,
}

/// How a transfer ends that does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// With a failure.
    Fails(BusFault),
    /// Not before somebody mends the bus; a reading of it may take so long.
    Hangs(Duration),
}

struct SimBus {
    name: String,
    target: usize,
    deadline: Duration,
    /// The bus, address and channel of the multiplexer that it is behind.
    behind: Option<(usize, u8, u8)>,
    pulses: u32,
}

struct Placed {
    bus: usize,
    address: u8,
    chip: Chip,
    /// What it belongs to; a converter may belong to several.
    targets: Vec<usize>,
    /// The targets at the inputs of a converter.
    inputs: [Option<usize>; 4],
    /// Taken out of its slot.
    out: bool,
    /// Without power while the engine sleeps.
    loses_power: bool,
    disturbed: bool,
    random: Random,
}

/// Buses and chips.
pub(crate) struct Wiring {
    buses: Vec<SimBus>,
    chips: Vec<Placed>,
}

impl Wiring {
    pub(crate) fn new(config: &BoardConfig, faults: &Faults, seed: u64) -> Self {
        let place = |name: &str| config.buses.iter().position(|bus| bus.name.get_ref() == name);
        let buses = config.buses.iter().map(|bus| SimBus {
            name: bus.name.get_ref().clone(),
            target: faults.place(bus.name.get_ref(), |kind| kind == Kind::Bus).unwrap_or(usize::MAX),
            deadline: bus.deadline(),
            behind: bus.behind.as_ref().and_then(|behind| {
                let behind = behind.get_ref();
                Some((place(&behind.bus)?, behind.address, behind.channel))
            }),
            pulses: 0,
        });
        let mut wiring = Self { buses: buses.collect(), chips: Vec::new() };
        wiring.add_multiplexers(seed);
        wiring.add_chips(config, faults, seed);
        wiring
    }

    fn add_multiplexers(&mut self, seed: u64) {
        for (bus, address, _) in self.buses.iter().filter_map(|bus| bus.behind).collect::<Vec<_>>() {
            if self.chip_at(bus, address).is_none() {
                self.add(bus, address, Chip::Multiplexer(SimMultiplexer::default()), seed);
            }
        }
    }

    fn add_chips(&mut self, config: &BoardConfig, faults: &Faults, seed: u64) {
        let no_power = config.said_to_lose_power();
        for place in config.chips() {
            let Some(bus) = self.bus(place.bus.get_ref()) else { continue };
            let address = *place.address.get_ref();
            let at = self.chip_at(bus, address).unwrap_or_else(|| {
                let chip = match place.kind {
                    ChipKind::Memory(chip) => Chip::Memory(SimMemory::new(chip)),
                    ChipKind::Thermometer(chip) => Chip::Thermometer(SimThermometer::new(chip)),
                    ChipKind::Converter => Chip::Converter(SimConverter::new()),
                    ChipKind::Controller => {
                        let engine = config.simulation.as_ref().and_then(|entry| entry.engine.as_ref());
                        let engine = engine.map(|engine| engine.get_ref().clone()).unwrap_or_default();
                        Chip::Controller(Box::new(SimController::new(&engine)))
                    }
                };
                self.add(bus, address, chip, seed)
            });
            let target =
                faults.place(place.name, |kind| !matches!(kind, Kind::Bus | Kind::Lines | Kind::Switch));
            if let (Some(target), Some(placed)) = (target, self.chips.get_mut(at)) {
                placed.targets.push(target);
                placed.loses_power |= no_power.things.contains(place.name);
            }
        }
        let supplies = config.supplies.iter().filter_map(|entry| Some((&entry.name, entry.sensor.as_ref()?)));
        let temperatures =
            config.temperatures.iter().filter_map(|entry| Some((&entry.name, entry.sensor.as_ref()?)));
        for (name, sensor) in supplies.chain(temperatures) {
            let target = faults.place(name.get_ref(), |_| true);
            let at =
                self.bus(sensor.bus.get_ref()).and_then(|bus| self.chip_at(bus, *sensor.address.get_ref()));
            let chip = at.and_then(|at| self.chips.get_mut(at));
            let channel = usize::from(*sensor.channel.get_ref());
            if let Some(input) = chip.and_then(|chip| chip.inputs.get_mut(channel)) {
                *input = target;
            }
        }
    }

    fn add(&mut self, bus: usize, address: u8, chip: Chip, seed: u64) -> usize {
        let random = Random::new(seed, &format!("wire {bus} {address}"));
        let targets = Vec::new();
        let placed = Placed {
            bus,
            address,
            chip,
            targets,
            inputs: [None; 4],
            out: false,
            loses_power: false,
            disturbed: false,
            random,
        };
        self.chips.push(placed);
        self.chips.len() - 1
    }

    /// The place of the bus of that name.
    pub(crate) fn bus(&self, name: &str) -> Option<usize> {
        self.buses.iter().position(|bus| bus.name == name)
    }

    fn chip_at(&self, bus: usize, address: u8) -> Option<usize> {
        self.chips.iter().position(|placed| placed.bus == bus && placed.address == address)
    }

    /// The chip that belongs to a target.
    pub(crate) fn chip_of(&self, target: usize) -> Option<usize> {
        self.chips.iter().position(|placed| placed.targets.contains(&target))
    }

    /// Takes a chip out of its slot, or puts it back.
    pub(crate) fn take_out(&mut self, chip: usize, out: bool) {
        if let Some(placed) = self.chips.get_mut(chip) {
            placed.out = out;
        }
    }

    /// Puts a new chip of the same kind at a place: a memory comes erased.
    pub(crate) fn renew(&mut self, chip: usize) {
        if let Some(Placed { chip: Chip::Memory(memory), .. }) = self.chips.get_mut(chip) {
            *memory = SimMemory::new(memory.kind());
        }
    }

    /// Ends all write cycles.
    pub(crate) fn rest(&mut self) {
        for placed in &mut self.chips {
            if let Chip::Memory(memory) = &mut placed.chip {
                memory.rest();
            }
        }
    }

    /// The memory at a place, unless it is out.
    pub(crate) fn memory(&mut self, chip: usize) -> Option<&mut SimMemory> {
        match self.chips.get_mut(chip) {
            Some(Placed { chip: Chip::Memory(memory), out: false, .. }) => Some(memory),
            _ => None,
        }
    }

    /// The engine's controller, if there is one.
    pub(crate) fn controller(&self) -> Option<&SimController> {
        self.chips.iter().find_map(|placed| match &placed.chip {
            Chip::Controller(chip) => Some(chip.as_ref()),
            _ => None,
        })
    }

    /// The same, to do something with.
    pub(crate) fn controller_mut(&mut self) -> Option<&mut SimController> {
        self.chips.iter_mut().find_map(|placed| match &mut placed.chip {
            Chip::Controller(chip) => Some(chip.as_mut()),
            _ => None,
        })
    }

    /// One transfer on the bus of that name.
    pub(crate) fn transfer(
        &mut self,
        bus: &str,
        address: u8,
        operations: &mut [Operation<'_>],
        around: &Around<'_>,
    ) -> Result<(), Trouble> {
        let bus = self.bus(bus).ok_or(Trouble::Fails(BusFault::ABSENT))?;
        self.check_bus(bus, around.faults)?;
        let absent = Trouble::Fails(BusFault::ABSENT);
        let at = self.answers(bus, address, 0).ok_or(absent)?;
        let placed =
            self.chips.get_mut(at).filter(|placed| !(around.dark && placed.loses_power)).ok_or(absent)?;
        placed.transfer(operations, around).map_err(Trouble::Fails)
    }

    /// A bus works when it and those above it do.
    fn check_bus(&self, bus: usize, faults: &Faults) -> Result<(), Trouble> {
        let mut next = Some(bus);
        for _ in 0..MAX_DEPTH {
            let Some(bus) = next.and_then(|place| self.buses.get(place)) else { break };
            match faults.of(bus.target) {
                Fault::TimesOut => return Err(Trouble::Fails(BusFault::TimedOut(Errno::ETIMEDOUT))),
                Fault::ArbitrationLost => {
                    return Err(Trouble::Fails(BusFault::ArbitrationLost(Errno::EAGAIN)));
                }
                Fault::StuckData => return Err(Trouble::Fails(BusFault::Stuck(Errno::EBUSY))),
                Fault::Hangs => return Err(Trouble::Hangs(bus.deadline)),
                _ => {}
            }
            next = bus.behind.map(|(parent, ..)| parent);
        }
        Ok(())
    }

    /// The chip that answers an address on a bus: its own, or one behind a channel that is connected.
    fn answers(&self, bus: usize, address: u8, depth: usize) -> Option<usize> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.chip_at(bus, address).or_else(|| {
            let connected = |(_, child): &(usize, &SimBus)| {
                child.behind.is_some_and(|(parent, at, channel)| {
                    parent == bus && self.multiplexer(parent, at).is_some_and(|chip| chip.connects(channel))
                })
            };
            let children = self.buses.iter().enumerate().filter(connected);
            children.into_iter().find_map(|(child, _)| self.answers(child, address, depth + 1))
        })
    }

    fn multiplexer(&self, bus: usize, address: u8) -> Option<&SimMultiplexer> {
        match &self.chips.get(self.chip_at(bus, address)?)?.chip {
            Chip::Multiplexer(chip) => Some(chip),
            _ => None,
        }
    }

    /// One pulse of a bus's clock from outside. Whether it frees the data line of a bus that has this
    /// fault: the target, if so.
    pub(crate) fn pulse(&mut self, bus: usize, faults: &Faults) -> Option<usize> {
        let bus = self.buses.get_mut(bus)?;
        if faults.of(bus.target) != Fault::StuckData {
            bus.pulses = 0;
            return None;
        }
        bus.pulses += 1;
        (bus.pulses >= PULSES_TO_FREE).then(|| {
            bus.pulses = 0;
            bus.target
        })
    }
}

impl Placed {
    fn transfer(
        &mut self,
        operations: &mut [Operation<'_>],
        &Around { faults, senses, now, printing, .. }: &Around<'_>,
    ) -> Result<(), BusFault> {
        let on_wire = |fault: &Fault| {
            matches!(
                fault,
                Fault::Absent
                    | Fault::NoPower
                    | Fault::Corrupt
                    | Fault::BitFlips
                    | Fault::Constant
                    | Fault::TimesOut
                    | Fault::ArbitrationLost
            )
        };
        let fault = self.targets.iter().map(|target| faults.of(*target)).find(on_wire).unwrap_or(Fault::None);
        match fault {
            _ if self.out => return Err(BusFault::ABSENT),
            Fault::Absent | Fault::NoPower => return Err(BusFault::ABSENT),
            Fault::TimesOut => return Err(BusFault::TimedOut(Errno::ETIMEDOUT)),
            Fault::ArbitrationLost => return Err(BusFault::ArbitrationLost(Errno::EAGAIN)),
            _ => {}
        }
        let inputs = self.inputs;
        let millivolts = move |input: u8| {
            let target = inputs.get(usize::from(input)).copied().flatten();
            target.map_or(0.0, |target| senses.millivolts(target))
        };
        let millidegrees = match (&self.chip, self.targets.first()) {
            (Chip::Thermometer(_), Some(target)) => senses.millidegrees(*target),
            _ => 0,
        };
        let around = Surroundings { now, millidegrees, printing, millivolts: &millivolts };
        // Of the chips here only the controller is written to; what it is told can be disturbed as what it says.
        if matches!(self.chip, Chip::Controller(_)) && fault == Fault::BitFlips && self.flips() {
            let frames = self.flipped_frames(operations);
            let mut told: Vec<_> = operations
                .iter_mut()
                .zip(&frames)
                .map(|(operation, frame)| match operation {
                    Operation::Write(_) => Operation::Write(frame),
                    Operation::Read(buffer) => Operation::Read(buffer),
                })
                .collect();
            return self.chip.transfer(&mut told, &around);
        }
        self.chip.transfer(operations, &around)?;
        self.disturb(fault, operations);
        Ok(())
    }

    /// Whether this transfer has a flipped bit; never two in a row.
    fn flips(&mut self) -> bool {
        self.disturbed = !self.disturbed && self.random.one_in(FLIPS_ONE_IN);
        self.disturbed
    }

    /// What is written, with one bit of the first frame flipped.
    fn flipped_frames(&mut self, operations: &[Operation<'_>]) -> Vec<Vec<u8>> {
        let mut frames: Vec<_> = operations
            .iter()
            .map(|operation| match operation {
                Operation::Write(bytes) => bytes.to_vec(),
                Operation::Read(_) => Vec::new(),
            })
            .collect();
        if let Some(frame) = frames.first_mut() {
            self.flip(frame);
        }
        frames
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (at, bit) = (self.random.below(length), self.random.below(8));
        if let Some(byte) = bytes.get_mut(at as usize) {
            *byte ^= 1 << bit;
        }
    }

    /// What a fault of the wire makes of the bytes that are read. No two transfers in a row are disturbed
    /// alike.
    fn disturb(&mut self, fault: Fault, operations: &mut [Operation<'_>]) {
        let reads = operations.iter_mut().filter_map(|operation| match operation {
            Operation::Read(buffer) => Some(buffer),
            Operation::Write(_) => None,
        });
        match fault {
            Fault::Corrupt => {
                self.disturbed = !self.disturbed;
                let bit = if self.disturbed { 0x20 } else { 0x40 };
                reads.for_each(|buffer| buffer.iter_mut().for_each(|byte| *byte ^= bit));
            }
            Fault::Constant => reads.for_each(|buffer| buffer.fill(CONSTANT)),
            Fault::BitFlips => {
                if self.flips()
                    && let Some(buffer) = reads.last()
                {
                    self.flip(buffer);
                }
            }
            _ => {}
        }
    }
}
