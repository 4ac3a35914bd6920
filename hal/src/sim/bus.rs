//! A simulated bus, as the chip drivers see it.

use embedded_hal::i2c::{ErrorType, I2c, Operation};

use crate::fault::BusFault;
use crate::sim::SimPrinter;

/// One bus of a simulated printer.
pub(crate) struct SimBus {
    pub(crate) printer: SimPrinter,
    pub(crate) name: String,
}

impl ErrorType for SimBus {
    type Error = BusFault;
}

impl I2c for SimBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
        self.printer.transfer(&self.name, address, operations)
    }
}
