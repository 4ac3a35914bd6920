//! A 24Cxx or an FRAM at register level: an address pointer; in the EEPROM pages that wrap, and a write
//! cycle during which the chip does not answer (Microchip 24LC02B data sheet DS20001709, sections 6 to 8);
//! in the FRAM neither (Infineon FM24CL64B, 001-84458; Fujitsu MB85RC256V, DS501-00017).

use std::time::Duration;

use embedded_hal::i2c::Operation;

use platen_hal::fault::BusFault;
use platen_hal::memory::MemoryChip;

/// The write cycle of a typical EEPROM; the data sheet allows up to [`platen_hal::memory::WRITE_CYCLE`].
const WRITE_CYCLE: Duration = Duration::from_millis(3);

/// One simulated memory.
pub(crate) struct SimMemory {
    chip: MemoryChip,
    cells: Vec<u8>,
    pointer: usize,
    /// Bus time until which it does not answer.
    busy_until: Duration,
}

impl SimMemory {
    /// An erased one.
    pub(crate) fn new(chip: MemoryChip) -> Self {
        // An FRAM leaves the factory as zeros, an EEPROM as ones.
        let erased = if chip.write_cycle().is_zero() { 0 } else { 0xff };
        Self { chip, cells: vec![erased; chip.bytes()], pointer: 0, busy_until: Duration::ZERO }
    }

    /// Which chip it is.
    pub(crate) fn kind(&self) -> MemoryChip {
        self.chip
    }

    /// The engine writes, by its own wires. With `cycle`, an EEPROM is then in its write cycle.
    pub(crate) fn store(&mut self, at: usize, bytes: &[u8], cycle: bool, now: Duration) {
        for (cell, byte) in self.cells.iter_mut().skip(at).zip(bytes) {
            *cell = *byte;
        }
        if cycle {
            self.begin_write_cycle(now);
        }
    }

    /// Ends a write cycle, as if it had been long ago.
    pub(crate) fn rest(&mut self) {
        self.busy_until = Duration::ZERO;
    }

    /// What is in the first cells.
    #[cfg(test)]
    pub(crate) fn cells(&self, count: usize) -> Vec<u8> {
        self.cells.iter().take(count).copied().collect()
    }

    /// One transfer. All its operations belong to one START...STOP, so a write takes effect at its end.
    pub(crate) fn transfer(
        &mut self,
        operations: &mut [Operation<'_>],
        now: Duration,
    ) -> Result<(), BusFault> {
        if now < self.busy_until {
            return Err(BusFault::ABSENT);
        }
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.write(bytes, now),
                Operation::Read(buffer) => self.read(buffer),
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], now: Duration) {
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
            self.pointer = start + (self.pointer + 1 - start) % page;
        }
        self.begin_write_cycle(now);
    }

    fn begin_write_cycle(&mut self, now: Duration) {
        self.busy_until = now + WRITE_CYCLE.min(self.chip.write_cycle());
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

    const START: Duration = Duration::from_secs(100);

    fn write(chip: &mut SimMemory, bytes: &[u8], now: Duration) -> Result<(), BusFault> {
        chip.transfer(&mut [Operation::Write(bytes)], now)
    }

    fn read(chip: &mut SimMemory, address: &[u8], bytes: usize) -> Vec<u8> {
        let mut buffer = vec![0; bytes];
        let later = START + Duration::from_secs(1);
        chip.transfer(&mut [Operation::Write(address), Operation::Read(&mut buffer)], later).unwrap();
        buffer
    }

    #[test]
    fn a_write_over_the_end_of_a_page_wraps_within_it() {
        let mut chip = SimMemory::new(MemoryChip::C02);
        write(&mut chip, &[6, 1, 2, 3], START).unwrap();
        assert_eq!(read(&mut chip, &[0], 8), [3, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2]);
    }

    #[test]
    fn during_its_write_cycle_an_eeprom_does_not_answer() {
        let mut chip = SimMemory::new(MemoryChip::C02);
        write(&mut chip, &[0, 1], START).unwrap();
        assert_eq!(write(&mut chip, &[0], START), Err(BusFault::ABSENT));
        assert_eq!(write(&mut chip, &[0], START + WRITE_CYCLE), Ok(()));
    }

    #[test]
    fn an_fram_answers_at_once_after_a_write_and_has_no_pages() {
        for kind in [MemoryChip::Fm24cl64b, MemoryChip::Mb85rc256v] {
            let mut chip = SimMemory::new(kind);
            let mut bytes = vec![0, 60];
            bytes.extend(1..=100);
            write(&mut chip, &bytes, START).unwrap();
            write(&mut chip, &[0, 0], START).unwrap();
            assert_eq!(read(&mut chip, &[0, 60], 100), (1..=100).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn the_address_of_an_fram_wraps_at_the_end_of_the_chip() {
        let mut chip = SimMemory::new(MemoryChip::Fm24cl64b);
        write(&mut chip, &[0x1f, 0xff, 7, 9], START).unwrap();
        assert_eq!(read(&mut chip, &[0, 0], 1), [9]);
        // The three high bits of the address are not there.
        assert_eq!(read(&mut chip, &[0x3f, 0xff], 2), [7, 9]);
    }

    #[test]
    fn a_read_goes_on_from_the_pointer_and_wraps_at_the_end() {
        let mut chip = SimMemory::new(MemoryChip::C01);
        chip.store(0, &[7], false, START);
        chip.store(127, &[9], false, START);
        assert_eq!(read(&mut chip, &[127], 2), [9, 7]);
    }

    #[test]
    fn a_sixteen_bit_address_has_its_high_byte_first() {
        let mut chip = SimMemory::new(MemoryChip::C32);
        chip.store(0x0123, &[5], false, START);
        assert_eq!(read(&mut chip, &[0x01, 0x23], 1), [5]);
    }
}
