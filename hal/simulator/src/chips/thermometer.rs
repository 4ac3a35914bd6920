//! An LM75 or TMP102 at register level: a pointer, and registers of two bytes, the high byte first.
//! (NXP LM75B data sheet, section 7.4; TI TMP102, SBOS397, section 7.5.)

use embedded_hal::i2c::Operation;

use platen_hal::thermometer::ThermometerChip;

const TEMPERATURE: u8 = 0;
/// Configuration, hysteresis and limit as they are after power-on: one byte and two of the LM75, which
/// repeats the configuration when more is read; two bytes each of the TMP102.
const LM75_AFTER_POWER_ON: [[u8; 2]; 3] = [[0x00, 0x00], [0x4b, 0x00], [0x50, 0x00]];
const TMP102_AFTER_POWER_ON: [[u8; 2]; 3] = [[0x60, 0xa0], [0x4b, 0x00], [0x50, 0x00]];

/// One simulated sensor.
pub(crate) struct SimThermometer {
    chip: ThermometerChip,
    pointer: u8,
    registers: [[u8; 2]; 3],
}

impl SimThermometer {
    /// A sensor after power-on.
    pub(crate) fn new(chip: ThermometerChip) -> Self {
        let registers = match chip {
            ThermometerChip::Lm75 => LM75_AFTER_POWER_ON,
            ThermometerChip::Tmp102 => TMP102_AFTER_POWER_ON,
        };
        Self { chip, pointer: TEMPERATURE, registers }
    }

    pub(crate) fn transfer(&mut self, operations: &mut [Operation<'_>], millidegrees: i32) {
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.write(bytes),
                Operation::Read(buffer) => {
                    let register = self.register(millidegrees);
                    for (byte, value) in buffer.iter_mut().zip(register.into_iter().cycle()) {
                        *byte = value;
                    }
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some((pointer, values)) = bytes.split_first() else { return };
        self.pointer = pointer & 3;
        // The temperature cannot be written.
        if let Some(register) =
            self.pointer.checked_sub(1).and_then(|at| self.registers.get_mut(usize::from(at)))
        {
            for (byte, value) in register.iter_mut().zip(values) {
                *byte = *value;
            }
        }
    }

    fn register(&self, millidegrees: i32) -> [u8; 2] {
        match self.pointer.checked_sub(1) {
            None => self.temperature(millidegrees).to_be_bytes(),
            Some(at) => self.registers.get(usize::from(at)).copied().unwrap_or_default(),
        }
    }

    /// Two's complement, left-justified: in both chips the whole degrees are the high byte.
    fn temperature(&self, millidegrees: i32) -> i16 {
        let (step, shift) = match self.chip {
            ThermometerChip::Lm75 => (500_000, 7),
            ThermometerChip::Tmp102 => (62_500, 4),
        };
        let steps = (i64::from(millidegrees) * 1000 + step / 2).div_euclid(step);
        let limit = i64::from(i16::MAX >> shift);
        i16::try_from(steps.clamp(-limit - 1, limit)).unwrap_or(0) << shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(chip: ThermometerChip, register: u8, millidegrees: i32) -> [u8; 2] {
        let mut buffer = [0; 2];
        SimThermometer::new(chip)
            .transfer(&mut [Operation::Write(&[register]), Operation::Read(&mut buffer)], millidegrees);
        buffer
    }

    #[test]
    fn the_registers_are_those_of_the_data_sheets() {
        // LM75B, table 10; TMP102, table 4.
        assert_eq!(raw(ThermometerChip::Lm75, 0, 25_000), [0x19, 0x00]);
        assert_eq!(raw(ThermometerChip::Lm75, 0, -500), [0xff, 0x80]);
        assert_eq!(raw(ThermometerChip::Tmp102, 0, 80_000), [0x50, 0x00]);
        assert_eq!(raw(ThermometerChip::Tmp102, 0, -250), [0xff, 0xc0]);
        assert_eq!(raw(ThermometerChip::Tmp102, 0, 100_000), [0x64, 0x00]);
    }

    #[test]
    fn after_power_on_the_limits_are_75_and_80_degrees() {
        for chip in [ThermometerChip::Lm75, ThermometerChip::Tmp102] {
            assert_eq!(raw(chip, 2, 0), [75, 0]);
            assert_eq!(raw(chip, 3, 0), [80, 0]);
        }
        assert_eq!(raw(ThermometerChip::Tmp102, 1, 0), [0x60, 0xa0]);
    }

    #[test]
    fn a_limit_can_be_written_and_the_temperature_cannot() {
        let mut chip = SimThermometer::new(ThermometerChip::Lm75);
        let mut limit = [0; 2];
        chip.transfer(&mut [Operation::Write(&[3, 90, 0]), Operation::Read(&mut limit)], 0);
        assert_eq!(limit, [90, 0]);
        let mut temperature = [0; 2];
        chip.transfer(&mut [Operation::Write(&[0, 90, 0]), Operation::Read(&mut temperature)], 25_000);
        assert_eq!(temperature, [25, 0]);
    }

    #[test]
    fn a_temperature_beyond_the_register_stays_at_its_end() {
        assert_eq!(raw(ThermometerChip::Lm75, 0, 500_000), [0x7f, 0x80]);
        assert_eq!(raw(ThermometerChip::Tmp102, 0, -500_000), [0x80, 0x00]);
    }
}
