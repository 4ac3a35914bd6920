//! What is written down of a printer, and how it goes on from that.

use platen_protocol::readings::SwitchMeaning;

use super::swap::{Swap, TAKES};
use super::{Event, World};
use crate::error::SimError;
use crate::event_log::{Before, EventLog, Happened};
use crate::faults::LINES;
use crate::truth::What;
use platen_hal::sim_command::Fault;

impl World {
    /// From now on everything is written down; and the printer is as it was when the file ended.
    pub(crate) fn go_on(&mut self, log: EventLog, before: Before) {
        if let Some(stock) = &before.stock {
            self.physics.restock(stock);
        }
        self.log = Some(log);
        self.note(Happened::Started { stock: self.physics.stock() });
        for (name, fault) in &before.faults {
            if let Some(target) = self.faults.place(name, |_| true).filter(|_| *fault != Fault::None) {
                self.faults.set(target, *fault, self.now);
                self.note_fault(name, Fault::None, *fault);
            }
        }
        self.restore_firmware(&before);
        self.lines.set_gone(before.faults.get(LINES) == Some(&Fault::LinesGone));
        self.physics.steer(&self.faults, self.asleep, self.now);
        for (name, (meaning, active)) in before.switches {
            use SwitchMeaning::{OrderButton, PageExit, ServiceButton, Sleep};
            let stays = !matches!(meaning, OrderButton | ServiceButton | Sleep | PageExit);
            let place = self.lines.switches().iter().position(|switch| switch.name == name);
            match place {
                Some(place) if stays => self.preset(place, active),
                // It is let go, and whoever reads the file is told.
                Some(_) if active => self.note(Happened::Switch { name, meaning, active: false }),
                _ => {}
            }
        }
        for (name, (fresh, cover)) in before.out {
            let Some(target) = self.faults.place(&name, |_| true) else { continue };
            let cover =
                cover.and_then(|name| self.lines.switches().iter().position(|switch| switch.name == name));
            self.out.push(target);
            self.slot(target, true);
            let swap = Swap { target, fresh, out: self.now, cover };
            self.schedule.put(self.now + TAKES, Event::PutIn(swap));
        }
        // As at the start: what the chips hold was written long ago.
        let moment = self.moment();
        self.physics.store(&mut self.wiring, &self.faults, true, moment);
        self.wiring.rest();
    }

    /// A switch is where it was left: nobody touches it now, so its contact does not bounce.
    fn preset(&mut self, place: usize, active: bool) {
        self.lines.preset(place, active);
        let Some(switch) = self.lines.switches().get(place) else { return };
        let (name, meaning) = (switch.name.clone(), switch.meaning);
        if active != (meaning == SwitchMeaning::WastePresent) {
            self.history.begin(&name, What::Switch(meaning), self.now);
        }
        self.note(Happened::Switch { name, meaning, active });
    }

    /// Writes a line, if there is a file.
    pub(super) fn note(&mut self, what: Happened) {
        let at = self.clock.to_bus(self.now);
        if let Some(log) = &mut self.log {
            log.write(at, what);
        }
    }

    /// Writes down what the printer has.
    pub(super) fn note_stock(&mut self) {
        if self.log.is_some() {
            self.note(Happened::Stock { stock: self.physics.stock() });
        }
    }

    /// Whether everything that happened could be written down.
    pub(crate) fn is_written(&self) -> Result<(), SimError> {
        let failed = self.log.as_ref().and_then(EventLog::failed);
        failed.map_or(Ok(()), |why| Err(SimError::Log(why.to_owned())))
    }
}
