//! The printer as a whole: what commands and time do to it.

mod firmware;
mod play;
mod print;
mod remember;
mod swap;
mod switch;

use std::collections::VecDeque;
use std::time::Duration;

use embedded_hal::i2c::Operation;
use platen_protocol::readings::SwitchMeaning;

use crate::chips::SimController;
use crate::clock::SimClock;
use crate::error::SimError;
use crate::event_log::{EventLog, Happened, Told};
use crate::faults::{Faults, LINES};
use crate::lines::{Lines, Role};
use crate::physics::{Moment, Physics};
use crate::random::Random;
use crate::replay::Replay;
use crate::resolve::{Act, resolve};
use crate::scenario::Step;
use crate::schedule::Schedule;
use crate::truth::{History, Truth, What};
use crate::wiring::{Around, Trouble, Wiring};
use platen_hal::config::BoardConfig;
use platen_hal::sim_command::{Fault, SimCommand};
use print::Printing;
use swap::Swap;

/// A printer that has not printed for so long goes to sleep.
const SLEEPS_AFTER: Duration = Duration::from_secs(15 * 60);
/// After it woke, the chips that lost their power in its sleep have it again after so long.
const POWERS_UP: Duration = Duration::from_secs(3);

/// What is to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// The next page of the job is printed.
    Page,
    /// The page at the exit has passed.
    PageGone,
    /// A contact opens or closes, if it was not put elsewhere meanwhile.
    Contact { place: usize, active: bool, turn: u64 },
    /// A finger leaves a button.
    Release(usize),
    /// A cartridge or part is put in.
    PutIn(Swap),
    /// The time until sleep may be over.
    Sleep,
    /// A step of the scenario is due, for the last time or as often as `left` says.
    Step { step: usize, left: Option<u32> },
    /// The next switch of the trace moves.
    Move(usize),
}

/// A simulated printer behind its lock.
pub(crate) struct World {
    clock: SimClock,
    /// Printer's time up to which everything has happened.
    now: Duration,
    /// Without chance: contacts do not bounce, and the engine's writes take no time.
    exact: bool,
    faults: Faults,
    pub(crate) wiring: Wiring,
    physics: Physics,
    pub(crate) lines: Lines,
    schedule: Schedule<Event>,
    history: History,
    jobs: VecDeque<Printing>,
    /// Targets that are out of their slots.
    out: Vec<usize>,
    asleep: bool,
    /// When the chips that lose their power in sleep have it again, or have had it.
    powered_at: Duration,
    sleeps_at: Duration,
    /// An [`Event::Sleep`] is to come; there is never more than one.
    sleep_is_due: bool,
    bounce: Random,
    scenario: Vec<Step>,
    trace: Option<Replay>,
    log: Option<EventLog>,
    /// The firmware that ran when that was last written down.
    firmware: Option<String>,
}

impl World {
    pub(crate) fn new(config: &BoardConfig, clock: SimClock) -> Self {
        let seed = config.simulation.as_ref().map_or(0, |simulation| simulation.seed);
        let faults = Faults::new(config);
        let wiring = Wiring::new(config, &faults, seed);
        let physics = Physics::new(config, &faults, &wiring, seed);
        let mut world = Self {
            now: clock.printer_time(),
            clock,
            exact: config.simulation.is_none(),
            faults,
            wiring,
            physics,
            lines: Lines::new(config),
            schedule: Schedule::default(),
            history: History::default(),
            jobs: VecDeque::new(),
            out: Vec::new(),
            asleep: false,
            powered_at: Duration::ZERO,
            sleeps_at: SLEEPS_AFTER,
            sleep_is_due: false,
            bounce: Random::new(seed, "bounce"),
            scenario: Vec::new(),
            trace: None,
            log: None,
            firmware: None,
        };
        // What the chips hold was written long ago: no write cycle is on its way.
        let moment = world.moment();
        world.physics.store(&mut world.wiring, &world.faults, true, moment);
        world.wiring.rest();
        world.firmware = world.wiring.controller().and_then(SimController::running);
        world.await_sleep(SLEEPS_AFTER);
        world
    }

    /// Lets happen what is due by the clock.
    pub(crate) fn settle(&mut self) {
        self.settle_until(self.clock.printer_time());
    }

    /// Lets happen what is due by a moment, each at its time; a manual clock is moved along.
    pub(crate) fn settle_until(&mut self, until: Duration) {
        while let Some((at, event)) = self.schedule.take(until) {
            self.now = at.max(self.now);
            self.clock.move_to(self.now);
            self.happen(event);
        }
        self.now = until.max(self.now);
        self.clock.move_to(self.now);
    }

    /// When something happens next, on the printer's clock.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        self.schedule.next()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Page => self.page(),
            Event::PageGone => self.page_gone(),
            Event::Contact { place, active, turn } => self.contact(place, active, turn),
            Event::Release(place) => self.put_switch(place, false),
            Event::PutIn(swap) => self.put_in(swap),
            Event::Sleep => self.sleep_if_idle(),
            Event::Step { step, left } => self.step(step, left),
            Event::Move(place) => self.follow(place),
        }
    }

    /// Whether a command can be done on this printer, as far as its names and numbers go.
    pub(crate) fn resolve(&self, command: &SimCommand) -> Result<Act, SimError> {
        if self.trace.is_some() {
            return Err(SimError::Replays);
        }
        resolve(command, &self.faults, &self.lines)
    }

    /// Does one act; the answer is a sentence for the person who asked.
    pub(crate) fn act(&mut self, act: Act) -> Result<String, SimError> {
        match act {
            Act::Set { target, percent } => Ok(self.set(target, percent)),
            Act::Print { pages, per_minute: None } => Ok(self.print_at_once(pages)),
            Act::Print { pages, per_minute: Some(pace) } => self.print_paced(pages, pace),
            Act::Coverage(percent) => {
                self.physics.coverage = percent;
                Ok(format!("from now on, each colorant covers {percent} % of a page"))
            }
            Act::Switch { place, active } => {
                self.put_switch(place, active);
                Ok(self.state_of(place))
            }
            Act::Press { place, time } => {
                self.put_switch(place, true);
                self.schedule.put(self.now + time, Event::Release(place));
                Ok(format!("{} pressed and released", self.switch_name(place)))
            }
            Act::Swap { target, fresh } => self.take_out(target, fresh),
            Act::Heat { target, millidegrees } => {
                self.physics.heat(target, millidegrees, self.now);
                let (whole, rest) = (millidegrees / 1000, millidegrees.unsigned_abs() % 1000);
                let sign = if millidegrees < 0 && whole == 0 { "-" } else { "" };
                Ok(format!("{} is at {sign}{whole}.{rest:03} degrees Celsius", self.faults.name(target)))
            }
            Act::CutEngine { pages, time } => Ok(self.cut_engine(pages, time)),
            Act::Fault { target, fault } => Ok(self.break_or_mend(target, fault)),
        }
    }

    fn set(&mut self, target: usize, percent: u8) -> String {
        if self.asleep {
            // Somebody is at the printer, or it prints.
            self.wake();
        }
        for supply in self.physics.supplies.iter_mut().filter(|supply| supply.target == target) {
            supply.set(percent);
        }
        self.note_stock();
        self.show_waste();
        let moment = self.moment();
        self.physics.store_one(target, &mut self.wiring, &self.faults, moment);
        format!("{} is at {percent} %", self.faults.name(target))
    }

    fn break_or_mend(&mut self, target: usize, fault: Fault) -> String {
        let name = self.faults.name(target).to_owned();
        if matches!(fault, Fault::CountsBackwards | Fault::NearlyFull) {
            self.physics.jump(fault);
            self.note_stock();
            self.history.begin(&name, What::Fault(fault), self.now);
            self.history.end(&name, What::Fault(fault), self.now);
        } else {
            let before = self.faults.set(target, fault, self.now);
            if before != fault {
                self.note_fault(&name, before, fault);
            }
        }
        if name == LINES {
            self.lines.set_gone(fault == Fault::LinesGone);
        }
        self.power_controller();
        self.physics.steer(&self.faults, self.asleep, self.now);
        let moment = self.moment();
        self.physics.store_one(target, &mut self.wiring, &self.faults, moment);
        match fault {
            Fault::None => format!("{name} has no fault"),
            Fault::CountsBackwards => format!("the counters of {name} went back"),
            Fault::NearlyFull => format!("the counters of {name} begin again at 0 after ten pages"),
            _ => format!("{name} has the fault: {}", fault.name()),
        }
    }

    /// A fault takes the place of another; either may be none.
    fn note_fault(&mut self, name: &str, before: Fault, after: Fault) {
        if before != after {
            self.note(Happened::Fault { target: name.to_owned(), fault: after });
        }
        if before != Fault::None {
            self.history.end(name, What::Fault(before), self.now);
        }
        if after != Fault::None {
            self.history.begin(name, What::Fault(after), self.now);
        }
    }

    /// One transfer on a bus.
    pub(crate) fn transfer(
        &mut self,
        bus: &str,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), Trouble> {
        if let Some(trace) = &mut self.trace {
            return trace.transfer(bus, address, operations).map_err(Trouble::Fails);
        }
        let moment = self.moment();
        let sensed = self.physics.sensed(&self.faults, moment);
        let around = Around {
            faults: &self.faults,
            senses: &sensed,
            now: moment.bus_time,
            dark: self.asleep || self.now < self.powered_at,
            printing: !self.jobs.is_empty(),
        };
        let done = self.wiring.transfer(bus, address, operations, &around);
        self.note_firmware();
        done
    }

    /// What is in the memory of a target, without the bus.
    #[cfg(test)]
    pub(crate) fn cells(&mut self, name: &str, count: usize) -> Vec<u8> {
        let target = self.faults.place(name, |_| true).unwrap();
        let chip = self.wiring.chip_of(target).unwrap();
        self.wiring.memory(chip).unwrap().cells(count)
    }

    /// Drives an output to an electrical level.
    pub(crate) fn drive(&mut self, place: usize, high: bool) {
        let told = [(Role::Lamp, Told::Lamp), (Role::Buzzer, Told::Buzzer)];
        let before = told.map(|(role, _)| self.lines.is_on(role));
        let freed = self.lines.drive(place, high).and_then(|bus| self.wiring.pulse(bus, &self.faults));
        for ((role, output), before) in told.into_iter().zip(before) {
            let on = self.lines.is_on(role);
            if on != before {
                self.note(Happened::Output { output, on });
            }
        }
        if let Some(target) = freed {
            let name = self.faults.name(target).to_owned();
            let before = self.faults.set(target, Fault::None, self.now);
            self.note_fault(&name, before, Fault::None);
        }
    }

    pub(crate) fn truth(&mut self) -> Truth {
        self.settle_firmware();
        Truth {
            at: self.now,
            pages: self.physics.pages,
            counters: self.physics.counters,
            supplies: self.physics.supply_truths(),
            parts: self.physics.part_truths(),
            temperatures: self.physics.temperature_truths(self.now),
            asleep: self.asleep,
            firmware: self.wiring.controller().map(firmware::truth),
            conditions: self.history.conditions(),
            replacements: self.history.replacements(),
            jobs: self.history.jobs(),
            refusals: self.history.refusals(),
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, bus_time: self.clock.bus_time() }
    }

    /// Something happened that keeps the printer awake, or wakes it.
    fn wake(&mut self) {
        self.sleeps_at = self.now + SLEEPS_AFTER;
        if self.asleep {
            self.set_asleep(false);
            self.await_sleep(self.sleeps_at);
        }
    }

    fn await_sleep(&mut self, at: Duration) {
        if !self.sleep_is_due {
            self.schedule.put(at, Event::Sleep);
            self.sleep_is_due = true;
        }
    }

    fn sleep_if_idle(&mut self) {
        self.sleep_is_due = false;
        if self.asleep {
            return;
        }
        if self.jobs.is_empty() && self.now >= self.sleeps_at {
            self.set_asleep(true);
        } else {
            let next = if self.now < self.sleeps_at { self.sleeps_at } else { self.now + SLEEPS_AFTER };
            self.await_sleep(next);
        }
    }

    fn set_asleep(&mut self, asleep: bool) {
        if self.asleep && !asleep {
            self.powered_at = self.now + POWERS_UP;
        }
        self.asleep = asleep;
        self.physics.steer(&self.faults, asleep, self.now);
        for place in self.lines.meaning(SwitchMeaning::Sleep) {
            self.put_switch(place, asleep);
        }
    }
}
