//! Cartridges and parts that are taken out, and others or the same that are put in.

use std::time::Duration;

use platen_protocol::readings::SwitchMeaning;

use super::{Event, World};
use crate::error::SimError;
use crate::event_log::Happened;
use crate::faults::{Gauge, Kind};
use crate::truth::{Replacement, What};
use platen_hal::sim_command::Fault;

/// How long the slot is empty, in printer's time.
pub(super) const TAKES: Duration = Duration::from_secs(2);

/// What is out, until it is put in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Swap {
    pub(super) target: usize,
    /// Another one, not the same.
    pub(super) fresh: bool,
    pub(super) out: Duration,
    /// The cover that was opened for it.
    pub(super) cover: Option<usize>,
}

impl World {
    /// Opens the cover, if there is one and it is closed, and takes a cartridge or part out; it is put in
    /// after [`TAKES`].
    pub(super) fn take_out(&mut self, target: usize, fresh: bool) -> Result<String, SimError> {
        let name = self.faults.name(target).to_owned();
        if self.out.contains(&target) {
            return Err(SimError::BeingChanged(name));
        }
        let covers = self.lines.meaning(SwitchMeaning::Cover);
        let open = |place: &usize| self.lines.switches().get(*place).is_some_and(|switch| switch.put);
        let cover = if covers.iter().any(open) { None } else { covers.first().copied() };
        if let Some(cover) = cover {
            self.put_switch(cover, true);
        }
        let opened = cover.map(|cover| self.switch_name(cover));
        self.note(Happened::Out { target: name.clone(), fresh, cover: opened });
        self.out.push(target);
        self.slot(target, true);
        self.history.begin(&name, What::Out, self.now);
        self.schedule.put(self.now + TAKES, Event::PutIn(Swap { target, fresh, out: self.now, cover }));
        let what = if fresh { "another one is put in" } else { "the same one is put in again" };
        Ok(format!("{name} is taken out, and {what} after {} s", TAKES.as_secs()))
    }

    pub(super) fn put_in(&mut self, swap: Swap) {
        let Swap { target, fresh, out, cover } = swap;
        let name = self.faults.name(target).to_owned();
        self.out.retain(|other| *other != target);
        let (old_serial, residue) = self.identity(target);
        self.slot(target, false);
        if fresh {
            self.renew(target, &name);
        } else {
            // What changed while it was out is written now.
            let moment = self.moment();
            self.physics.store(&mut self.wiring, &self.faults, false, moment);
        }
        let (new_serial, _) = self.identity(target);
        self.note_stock();
        self.note(Happened::In {
            target: name.clone(),
            old_serial: old_serial.clone(),
            new_serial: new_serial.clone(),
            residue,
        });
        self.history.end(&name, What::Out, self.now);
        let replacement = Replacement { target: name, out, back: self.now, old_serial, new_serial, residue };
        self.history.replaced(replacement);
        self.show_waste();
        if let Some(cover) = cover {
            self.put_switch(cover, false);
        }
    }

    /// Empties a slot or fills it: the memory does not answer, the waste box's switch opens.
    pub(super) fn slot(&mut self, target: usize, out: bool) {
        if self.has_memory(target)
            && let Some(chip) = self.wiring.chip_of(target)
        {
            self.wiring.take_out(chip, out);
        }
        let name = self.faults.name(target).to_owned();
        for place in self.lines.meaning(SwitchMeaning::WastePresent) {
            let about = self.lines.switches().get(place).and_then(|switch| switch.supply.clone());
            if about.as_ref() == Some(&name) {
                self.put_switch(place, !out);
            }
        }
    }

    /// A new cartridge has a new chip, so what was wrong with the old one is gone with it.
    fn renew(&mut self, target: usize, name: &str) {
        for supply in self.physics.supplies.iter_mut().filter(|supply| supply.target == target) {
            supply.renew();
        }
        for part in self.physics.parts.iter_mut().filter(|part| part.target == Some(target)) {
            part.renew();
        }
        if self.has_memory(target) {
            if let Some(chip) = self.wiring.chip_of(target) {
                self.wiring.renew(chip);
            }
            let before = self.faults.set(target, Fault::None, self.now);
            self.note_fault(name, before, Fault::None);
        }
        let moment = self.moment();
        self.physics.store_one(target, &mut self.wiring, &self.faults, moment);
    }

    fn has_memory(&self, target: usize) -> bool {
        matches!(self.faults.kind(target), Some(Kind::Supply(Gauge::Memory) | Kind::Part { memory: true }))
    }

    /// The serial number of what is in a slot, and what is left of it in thousandths.
    fn identity(&self, target: usize) -> (String, u32) {
        let supply = self.physics.supplies.iter().find(|supply| supply.target == target);
        let part = || self.physics.parts.iter().find(|part| part.target == Some(target));
        supply
            .map(|supply| (supply.serial.clone(), supply.left()))
            .or_else(|| part().map(|part| (part.serial.clone(), part.left())))
            .unwrap_or_default()
    }
}
