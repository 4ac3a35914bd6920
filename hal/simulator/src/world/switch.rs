//! Switches: where they are put, how their contacts bounce, and what depends on them.

use std::time::Duration;

use platen_protocol::readings::SwitchMeaning;

use super::{Event, World};
use crate::event_log::Happened;
use crate::truth::What;
use platen_hal::sim_command::Fault;

/// A contact that is well is still after this, and opens and closes at most so often until then.
const SETTLES: Duration = Duration::from_millis(5);
const BOUNCES: u32 = 2;
/// The same of one that is worn.
const WORN_SETTLES: Duration = Duration::from_millis(60);
const WORN_BOUNCES: (u32, u32) = (6, 12);

impl World {
    pub(super) fn switch_name(&self, place: usize) -> String {
        self.lines.switches().get(place).map(|switch| switch.name.clone()).unwrap_or_default()
    }

    /// Puts a switch in a state, as a person, paper or the engine does; then its contact may bounce.
    pub(super) fn put_switch(&mut self, place: usize, active: bool) {
        let Some(turn) = self.lines.put(place, active) else { return };
        let Some(switch) = self.lines.switches().get(place) else { return };
        let (name, meaning) = (switch.name.clone(), switch.meaning);
        let unusual = active != (meaning == SwitchMeaning::WastePresent);
        if meaning != SwitchMeaning::PageExit {
            if unusual {
                self.history.begin(&name, What::Switch(meaning), self.now);
            } else {
                self.history.end(&name, What::Switch(meaning), self.now);
            }
            self.note(Happened::Switch { name, meaning, active });
        }
        self.lines.change(place, active, self.clock.to_bus(self.now));
        self.bounce(place, active, turn, is_contact(meaning));
        match meaning {
            SwitchMeaning::Sleep if active != self.asleep => self.sleep_or_wake(active),
            meaning if is_contact(meaning) => self.wake(),
            _ => {}
        }
    }

    fn sleep_or_wake(&mut self, asleep: bool) {
        if asleep {
            self.set_asleep(true);
        } else {
            self.wake();
        }
    }

    fn bounce(&mut self, place: usize, active: bool, turn: u64, contact: bool) {
        let target = self.faults.place(&self.switch_name(place), |kind| kind == crate::faults::Kind::Switch);
        let worn = target.is_some_and(|target| self.faults.of(target) == Fault::Bounces);
        let (pairs, within) = match (worn, contact && !self.exact) {
            (true, _) => (self.bounce.between(WORN_BOUNCES.0, WORN_BOUNCES.1), WORN_SETTLES),
            (false, true) => (self.bounce.between(0, BOUNCES), SETTLES),
            (false, false) => return,
        };
        let micros = u32::try_from(within.as_micros()).unwrap_or(u32::MAX);
        let mut moments: Vec<_> = (0..pairs * 2).map(|_| self.bounce.between(1, micros)).collect();
        moments.sort_unstable();
        for (number, moment) in moments.into_iter().enumerate() {
            let at = self.now + self.clock.of_bus(Duration::from_micros(moment.into()));
            let active = if number % 2 == 0 { !active } else { active };
            self.schedule.put(at, Event::Contact { place, active, turn });
        }
    }

    pub(super) fn contact(&mut self, place: usize, active: bool, turn: u64) {
        if self.lines.switches().get(place).is_some_and(|switch| switch.turn == turn) {
            self.lines.change(place, active, self.clock.to_bus(self.now));
        }
    }

    /// A waste box that is full presses its switch, and one that is not lets it go.
    pub(super) fn show_waste(&mut self) {
        for place in self.lines.meaning(SwitchMeaning::WasteFull) {
            let about = self.lines.switches().get(place).and_then(|switch| switch.supply.clone());
            let supply = self.physics.supplies.iter().find(|supply| Some(&supply.name) == about.as_ref());
            if let Some(full) = supply.map(|supply| supply.left() == 0) {
                self.put_switch(place, full);
            }
        }
    }

    /// Why nothing can be printed, as far as switches tell.
    pub(super) fn switch_stops(&self) -> Option<String> {
        self.lines.switches().iter().find_map(|switch| {
            let name = &switch.name;
            match (switch.meaning, switch.put) {
                (SwitchMeaning::Cover | SwitchMeaning::Interlock, true) => Some(format!("{name} was open")),
                (SwitchMeaning::Jam, true) => Some(format!("paper was stuck ({name})")),
                (SwitchMeaning::PaperEmpty, true) => Some(format!("there was no paper ({name})")),
                (SwitchMeaning::WasteFull, true) => Some(format!("the waste box was full ({name})")),
                (SwitchMeaning::WastePresent, false) => {
                    Some(format!("the waste box was not in its place ({name})"))
                }
                _ => None,
            }
        })
    }

    /// The state of a switch, for the person who asked.
    pub(super) fn state_of(&self, place: usize) -> String {
        let Some(switch) = self.lines.switches().get(place) else { return String::new() };
        let state = match (switch.meaning, switch.put) {
            (SwitchMeaning::Cover | SwitchMeaning::Interlock, true) => "open",
            (SwitchMeaning::Cover | SwitchMeaning::Interlock, false) => "closed",
            (_, true) => "active",
            (_, false) => "not active",
        };
        format!("{} is {state}", switch.name)
    }
}

/// Whether it is a contact of metal, which bounces and wakes the printer; the others are light barriers and
/// signals of the engine.
fn is_contact(meaning: SwitchMeaning) -> bool {
    use SwitchMeaning::{Cover, Interlock, OrderButton, ServiceButton, WastePresent};
    matches!(meaning, Cover | Interlock | OrderButton | ServiceButton | WastePresent)
}
