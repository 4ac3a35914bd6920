//! The simulated printer at the pins of a bridge.

use embedded_hal::i2c::Operation;
use platen_hal::config::LineRef;
use platen_hal::fault::BusFault;
use platen_simulator::SimPrinter;
use platen_simulator::lines::SimLine;

use crate::bridge::{Bus, Lines, TransferFault};
use crate::reports::LINES;

/// One bus of a printer.
pub struct PrinterBus {
    printer: SimPrinter,
    name: String,
}

impl PrinterBus {
    /// The bus that the board file gives a name.
    pub fn new(printer: &SimPrinter, name: &str) -> Self {
        Self { printer: printer.clone(), name: name.to_owned() }
    }
}

impl Bus for PrinterBus {
    fn transfer(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), TransferFault> {
        self.printer.transfer(&self.name, address, operations).map_err(|fault| match fault {
            BusFault::NoAnswer(_) => TransferFault::NoAcknowledge,
            BusFault::ArbitrationLost(_) => TransferFault::ArbitrationLost,
            BusFault::TimedOut(_) | BusFault::Stuck(_) | BusFault::Busy => TransferFault::Stuck,
            _ => TransferFault::Incomplete,
        })
    }
}

/// The lines of a printer.
pub struct PrinterLines {
    printer: SimPrinter,
    map: LineMap,
}

impl PrinterLines {
    /// Those of a map; what it leaves out is not there.
    pub fn new(printer: &SimPrinter, map: LineMap) -> Self {
        Self { printer: printer.clone(), map }
    }
}

impl Lines for PrinterLines {
    /// A pin that the board does not use is low.
    fn level(&mut self, line: usize) -> bool {
        self.map.at(line).is_some_and(|pin| self.printer.electrical_level(pin.place))
    }

    fn drive(&mut self, line: usize, high: bool) {
        // A switch is stronger than the pin.
        if let Some(pin) = self.map.at(line).filter(|pin| pin.output) {
            drive(&self.printer, pin.place, high);
        }
    }
}

/// The one place where the printer's outputs are driven.
fn drive(printer: &SimPrinter, place: usize, high: bool) {
    printer.drive_output(place, high);
}

/// A line of the printer on a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pin {
    /// The line's place in the printer's layout.
    place: usize,
    output: bool,
}

/// Which line of the board is on which pin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineMap {
    pins: [Option<Pin>; LINES],
}

/// The board has more lines than the bridge has pins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this board has {count} lines and a CP2112 has {LINES}: drop {} from the board file, such as those with line = {}",
    count - LINES,
    too_many.join(", line = ")
)]
pub struct TooManyLines {
    count: usize,
    too_many: Vec<String>,
}

impl LineMap {
    /// Lays lines out: one whose offset the bridge has keeps it, every other gets the lowest pin that is free. (The
    /// driver gives its pins no names, so a line that the board file names has to be found by its offset too.)
    pub fn new(layout: &[SimLine]) -> Result<Self, TooManyLines> {
        let mut map = Self::default();
        let mut rest = Vec::new();
        for (place, SimLine { line, output, .. }) in layout.iter().enumerate() {
            let pin = Pin { place, output: *output };
            let offset = match line {
                LineRef::Offset(offset) => usize::try_from(*offset).ok(),
                LineRef::Name(_) => None,
            };
            match offset.and_then(|offset| map.pins.get_mut(offset)) {
                Some(free @ None) => *free = Some(pin),
                _ => rest.push((pin, line)),
            }
        }
        let mut too_many = Vec::new();
        for (pin, line) in rest {
            match map.pins.iter_mut().find(|pin| pin.is_none()) {
                Some(free) => *free = Some(pin),
                None => too_many.push(match line {
                    LineRef::Offset(offset) => offset.to_string(),
                    LineRef::Name(name) => format!("{name:?}"),
                }),
            }
        }
        if too_many.is_empty() { Ok(map) } else { Err(TooManyLines { count: layout.len(), too_many }) }
    }

    /// The pin of the line at a place of the layout.
    pub fn pin_of(&self, place: usize) -> Option<usize> {
        self.pins.iter().position(|pin| pin.is_some_and(|pin| pin.place == place))
    }

    fn at(&self, line: usize) -> Option<Pin> {
        self.pins.get(line).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(lines: &[LineRef]) -> Vec<SimLine> {
        lines.iter().map(|line| SimLine { line: line.clone(), output: false }).collect()
    }

    fn offset(offset: u32) -> LineRef {
        LineRef::Offset(offset)
    }

    #[test]
    fn offsets_that_the_bridge_has_are_kept_and_all_else_fills_what_is_free() {
        let lines = layout(&[offset(17), offset(1), LineRef::Name("LAMP".into()), offset(0), offset(1)]);
        let map = LineMap::new(&lines).unwrap();
        let pins: Vec<_> = (0..lines.len()).map(|place| map.pin_of(place)).collect();
        assert_eq!(pins, [Some(2), Some(1), Some(3), Some(0), Some(4)]);
    }

    #[test]
    fn lines_beyond_the_pins_are_named() {
        let mut lines: Vec<_> = (0..8).map(offset).collect();
        lines.extend([offset(22), LineRef::Name("BUZZER".into())]);
        let message = LineMap::new(&layout(&lines)).unwrap_err().to_string();
        assert!(message.contains("10 lines") && message.contains("drop 2"), "{message}");
        assert!(message.ends_with("line = 22, line = \"BUZZER\""), "{message}");
    }
}
