//! The simulated printer of the HAL as the guest's hardware: the chips and lines that a test in process has.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use embedded_hal::i2c::Operation;
use platen_hal::config::LineRef;
use platen_simulator::SimPrinter;
use platen_simulator::lines::{LineWatch, SimLine};

use super::gpio::{self, Edge};
use super::i2c::{self, TransferFailed};
use super::{Device, VhostError};
use crate::guests::GuestOptions;

/// The printer's devices, until this is dropped.
pub struct PrinterDevices {
    i2c: Vec<Device>,
    gpio: Device,
}

impl PrinterDevices {
    /// Puts buses of a printer, and all its lines, behind sockets in a folder.
    ///
    /// In the guest they are `/dev/i2c-0` and so on, in the order of `buses`, and `/dev/gpiochip0`. A bus
    /// behind a multiplexer is not among them: the guest reaches it through the multiplexer. A line that the board file gives an offset has
    /// that offset; one that it gives a name has the name, at the lowest offset that is free.
    pub fn start(printer: &SimPrinter, buses: &[&str], folder: &Path) -> Result<Self, VhostError> {
        let start = |name: &&str| {
            let bus = Bus { printer: printer.clone(), name: (*name).to_owned() };
            i2c::start(&folder.join(format!("i2c-{name}.sock")), bus)
        };
        let lines = Lines {
            chip: chip_of(&printer.line_layout()),
            watch: printer.watch_lines()?,
            printer: printer.clone(),
        };
        Ok(Self {
            i2c: buses.iter().map(start).collect::<Result<_, _>>()?,
            gpio: gpio::start(&folder.join("gpio.sock"), lines)?,
        })
    }

    /// Options of a guest that has this printer.
    pub fn guest_options(&self) -> GuestOptions {
        GuestOptions {
            i2c: self.i2c.iter().map(|device| device.socket().to_owned()).collect(),
            gpio: Some(self.gpio.socket().to_owned()),
            ..GuestOptions::default()
        }
    }
}

struct Bus {
    printer: SimPrinter,
    name: String,
}

impl i2c::Transfer for Bus {
    fn transfer(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), TransferFailed> {
        // The guest's driver knows one kind of failure, whatever the printer's is.
        self.printer.transfer(&self.name, address, operations).or(Err(TransferFailed))
    }
}

/// One line of the chip that the guest sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ChipLine {
    name: String,
    /// The line's place in the printer's layout; an offset that the board does not use has none.
    place: Option<usize>,
    output: bool,
}

/// Lays the printer's lines out on one chip.
fn chip_of(layout: &[SimLine]) -> Vec<ChipLine> {
    let mut chip: Vec<ChipLine> = Vec::new();
    for (place, SimLine { line, output }) in layout.iter().enumerate() {
        if let LineRef::Offset(offset) = line {
            let offset = *offset as usize;
            chip.resize(chip.len().max(offset + 1), ChipLine::default());
            if let Some(free) = chip.get_mut(offset) {
                *free = ChipLine { name: String::new(), place: Some(place), output: *output };
            }
        }
    }
    for (place, SimLine { line, output }) in layout.iter().enumerate() {
        if let LineRef::Name(name) = line {
            let named = ChipLine { name: name.clone(), place: Some(place), output: *output };
            match chip.iter_mut().find(|line| line.place.is_none()) {
                Some(free) => *free = named,
                None => chip.push(named),
            }
        }
    }
    chip
}

struct Lines {
    printer: SimPrinter,
    watch: LineWatch,
    chip: Vec<ChipLine>,
}

impl gpio::Lines for Lines {
    fn names(&self) -> Vec<String> {
        self.chip.iter().map(|line| line.name.clone()).collect()
    }

    fn level(&mut self, line: usize) -> bool {
        let place = self.chip.get(line).and_then(|line| line.place);
        place.is_some_and(|place| self.printer.electrical_level(place))
    }

    fn drive(&mut self, line: usize, high: bool) {
        // A switch is stronger than the pin: only an output follows.
        if let Some(ChipLine { place: Some(place), output: true, .. }) = self.chip.get(line) {
            self.printer.drive_output(*place, high);
        }
    }

    fn edges_ready(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }

    fn take_edges(&mut self) -> io::Result<Vec<Edge>> {
        let changes = self.watch.take()?.into_iter();
        let edges = changes.filter_map(|change| {
            let line = self.chip.iter().position(|line| line.place == Some(change.place))?;
            Some(Edge { line, high: change.high })
        });
        Ok(edges.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> LineRef {
        LineRef::Name(name.to_owned())
    }

    #[test]
    fn offsets_are_kept_and_names_fill_what_is_free() {
        let layout = [(named("COVER"), false), (LineRef::Offset(2), false), (named("LAMP"), true)];
        let layout: Vec<_> = layout.into_iter().map(|(line, output)| SimLine { line, output }).collect();
        let chip: Vec<_> =
            chip_of(&layout).into_iter().map(|line| (line.name, line.place, line.output)).collect();
        assert_eq!(
            chip,
            [
                ("COVER".to_owned(), Some(0), false),
                ("LAMP".to_owned(), Some(2), true),
                (String::new(), Some(1), false)
            ]
        );
    }
}
