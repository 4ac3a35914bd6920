//! A 24Cxx at register level: an address pointer, pages that wrap, and a write cycle during which the
//! chip does not answer (Microchip 24LC02B data sheet, DS20001709: sections 6 to 8).

use std::time::{Duration, Instant};

use embedded_hal::i2c::Operation;

use crate::fault::BusFault;
use crate::memory::MemoryChip;

/// The write cycle of a typical chip; the data sheet allows up to [`crate::memory::WRITE_CYCLE`].
const WRITE_CYCLE: Duration = Duration::from_millis(3);

/// One simulated memory.
pub(super) struct Eeprom {
    chip: MemoryChip,
    cells: Vec<u8>,
    pointer: usize,
    busy_until: Option<Instant>,
}

impl Eeprom {
    /// An erased one.
    pub(super) fn new(chip: MemoryChip) -> Self {
        Self { chip, cells: vec![0xff; chip.bytes()], pointer: 0, busy_until: None }
    }

    /// What the engine of the printer sees: the cells, without the bus.
    pub(super) fn cells(&mut self) -> &mut [u8] {
        &mut self.cells
    }

    /// One transfer. All its operations belong to one START...STOP, so a write takes effect at its end.
    pub(super) fn transfer(
        &mut self,
        operations: &mut [Operation<'_>],
        now: Instant,
    ) -> Result<(), BusFault> {
        if self.busy_until.is_some_and(|until| now < until) {
            return Err(BusFault::NoAnswer);
        }
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.write(bytes, now),
                Operation::Read(buffer) => self.read(buffer),
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], now: Instant) {
        let (address, data) = bytes.split_at(bytes.len().min(self.chip.address_bytes()));
        if address.len() == self.chip.address_bytes() {
            let value = address.iter().fold(0, |value, byte| value << 8 | usize::from(*byte));
            self.pointer = value % self.cells.len();
        }
        if data.is_empty() {
            return;
        }
        let page = self.chip.page_bytes();
        let start = self.pointer / page * page;
        for byte in data {
            if let Some(cell) = self.cells.get_mut(self.pointer) {
                *cell = *byte;
            }
            self.pointer = start + (self.pointer + 1) % page;
        }
        self.busy_until = Some(now + WRITE_CYCLE);
    }

    fn read(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.cells.get(self.pointer).copied().unwrap_or(0xff);
            self.pointer = (self.pointer + 1) % self.cells.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_over_the_end_of_a_page_wraps_within_it() {
        let mut chip = Eeprom::new(MemoryChip::C02);
        chip.transfer(&mut [Operation::Write(&[6, 1, 2, 3])], Instant::now()).unwrap();
        assert_eq!(&chip.cells()[..8], &[3, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2]);
    }

    #[test]
    fn during_its_write_cycle_the_chip_does_not_answer() {
        let mut chip = Eeprom::new(MemoryChip::C02);
        let now = Instant::now();
        chip.transfer(&mut [Operation::Write(&[0, 1])], now).unwrap();
        assert_eq!(chip.transfer(&mut [Operation::Write(&[0])], now), Err(BusFault::NoAnswer));
        assert_eq!(chip.transfer(&mut [Operation::Write(&[0])], now + WRITE_CYCLE), Ok(()));
    }

    #[test]
    fn a_read_goes_on_from_the_pointer_and_wraps_at_the_end() {
        let mut chip = Eeprom::new(MemoryChip::C01);
        chip.cells()[0] = 7;
        chip.cells()[127] = 9;
        let mut buffer = [0; 2];
        chip.transfer(&mut [Operation::Write(&[127]), Operation::Read(&mut buffer)], Instant::now()).unwrap();
        assert_eq!(buffer, [9, 7]);
    }

    #[test]
    fn a_sixteen_bit_address_has_its_high_byte_first() {
        let mut chip = Eeprom::new(MemoryChip::C32);
        chip.cells()[0x0123] = 5;
        let mut buffer = [0];
        chip.transfer(&mut [Operation::Write(&[0x01, 0x23]), Operation::Read(&mut buffer)], Instant::now())
            .unwrap();
        assert_eq!(buffer, [5]);
    }
}
