//! The engine's firmware: which runs, and what of it is written down.

use std::time::Duration;

use platen_hal::config::{ENGINE_CONTROLLER, SimulatedEngine};
use platen_hal::sim_command::Fault;
use platen_protocol::hex;

use super::World;
use crate::chips::{Change, SimController};
use crate::event_log::{Before, Happened};
use crate::truth::FirmwareTruth;

/// What is true of a controller.
pub(super) fn truth(chip: &SimController) -> FirmwareTruth {
    FirmwareTruth {
        running: chip.running(),
        banks: (0..chip.banks()).map(|bank| chip.version(bank)).collect(),
        active: chip.active(),
        pages_written: chip.pages_written(),
    }
}

impl World {
    /// Another controller in the place of the one that is there: as it leaves the factory.
    pub(crate) fn fit_engine(&mut self, engine: &SimulatedEngine) {
        if let Some(chip) = self.wiring.controller_mut() {
            *chip = SimController::new(engine);
        }
        self.note_firmware();
    }

    /// The power of the controller will go in the middle of a page.
    pub(super) fn cut_engine(&mut self, pages: u32, time: Duration) -> String {
        if let Some(chip) = self.wiring.controller_mut() {
            chip.cut_after(pages, time);
        }
        format!(
            "the engine's controller loses its power after {pages} more pages, for {} ms",
            time.as_millis()
        )
    }

    /// What the controller was doing is done by now, if its time is over.
    pub(super) fn settle_firmware(&mut self) {
        let now = self.moment().bus_time;
        if let Some(chip) = self.wiring.controller_mut() {
            chip.settle(now);
        }
        self.note_firmware();
    }

    /// Gives the controller its power, or takes it, by the fault that it has.
    pub(super) fn power_controller(&mut self) {
        let now = self.moment().bus_time;
        let target = self.faults.place(ENGINE_CONTROLLER, |_| true);
        let powered = target.is_none_or(|target| self.faults.of(target) != Fault::NoPower);
        if let Some(chip) = self.wiring.controller_mut() {
            chip.power(powered, now);
        }
        self.note_firmware();
    }

    /// Writes down what has changed in the controller's flash, and which firmware runs.
    pub(super) fn note_firmware(&mut self) {
        let Some(chip) = self.wiring.controller_mut() else { return };
        let (changes, running) = (chip.take_changes(), chip.running());
        if self.log.is_some() {
            for change in changes {
                self.note_change(change);
            }
        }
        if running != self.firmware {
            self.firmware.clone_from(&running);
            self.note(Happened::Firmware { running });
        }
    }

    fn note_change(&mut self, change: Change) {
        let Some(chip) = self.wiring.controller() else { return };
        let what = match change {
            Change::Page { bank, page } => {
                let content = chip.page(bank, page).map(hex::encode).unwrap_or_default();
                Happened::Flash { bank, page, content }
            }
            Change::Active => match chip.active() {
                Some(bank) => Happened::Activated { bank },
                None => return,
            },
        };
        self.note(what);
    }

    /// The flash as a file says that it was left.
    pub(super) fn restore_firmware(&mut self, before: &Before) {
        let pages = before.flash.iter().filter_map(|(place, content)| Some((*place, hex::decode(content)?)));
        let pages: Vec<_> = pages.collect();
        if let Some(chip) = self.wiring.controller_mut() {
            chip.restore(pages, before.active);
        }
        self.power_controller();
    }

    /// Why nothing can be printed.
    pub(super) fn firmware_stops(&self) -> Option<String> {
        let chip = self.wiring.controller()?;
        chip.running().is_none().then(|| "the engine had no firmware that runs".to_owned())
    }
}
