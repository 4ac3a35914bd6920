//! An LM75 or TMP102 at register level: a pointer, and registers of two bytes, the high byte first.
//! (NXP LM75B data sheet, section 7.4; TI TMP102, SBOS397, section 7.5.)

use embedded_hal::i2c::Operation;

use crate::thermometer::ThermometerChip;

const TEMPERATURE: u8 = 0;
/// Configuration, hysteresis and limit read as they are after power-on.
const AFTER_POWER_ON: [[u8; 2]; 3] = [[0x60, 0xa0], [0x4b, 0x00], [0x50, 0x00]];

/// One simulated sensor.
pub(super) struct SimThermometer {
    chip: ThermometerChip,
    pointer: u8,
    millidegrees: i32,
}

impl SimThermometer {
    /// A sensor at a temperature in thousandths of a degree Celsius.
    pub(super) fn new(chip: ThermometerChip, millidegrees: i32) -> Self {
        Self { chip, pointer: TEMPERATURE, millidegrees }
    }

    pub(super) fn millidegrees(&mut self) -> &mut i32 {
        &mut self.millidegrees
    }

    pub(super) fn transfer(&mut self, operations: &mut [Operation<'_>]) {
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.pointer = bytes.first().map_or(self.pointer, |byte| byte & 3),
                Operation::Read(buffer) => {
                    let register = self.register();
                    for (byte, place) in buffer.iter_mut().zip(0..) {
                        *byte = register.get(place % 2).copied().unwrap_or(0);
                    }
                }
            }
        }
    }

    fn register(&self) -> [u8; 2] {
        if self.pointer == TEMPERATURE {
            return self.temperature().to_be_bytes();
        }
        let place = usize::from(self.pointer) - 1;
        AFTER_POWER_ON.get(place).copied().unwrap_or([0, 0])
    }

    /// Two's complement, left-justified: in both chips the whole degrees are the high byte.
    fn temperature(&self) -> i16 {
        let (step, shift) = match self.chip {
            ThermometerChip::Lm75 => (500_000, 7),
            ThermometerChip::Tmp102 => (62_500, 4),
        };
        let steps = i64::from(self.millidegrees) * 1000 / step;
        let limit = i64::from(i16::MAX >> shift);
        i16::try_from(steps.clamp(-limit - 1, limit)).unwrap_or(0) << shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(chip: ThermometerChip, millidegrees: i32) -> [u8; 2] {
        let mut buffer = [0; 2];
        SimThermometer::new(chip, millidegrees)
            .transfer(&mut [Operation::Write(&[0]), Operation::Read(&mut buffer)]);
        buffer
    }

    #[test]
    fn the_registers_are_those_of_the_data_sheets() {
        // LM75B, table 10; TMP102, table 4.
        assert_eq!(raw(ThermometerChip::Lm75, 25_000), [0x19, 0x00]);
        assert_eq!(raw(ThermometerChip::Lm75, -500), [0xff, 0x80]);
        assert_eq!(raw(ThermometerChip::Tmp102, 80_000), [0x50, 0x00]);
        assert_eq!(raw(ThermometerChip::Tmp102, -250), [0xff, 0xc0]);
        assert_eq!(raw(ThermometerChip::Tmp102, 100_000), [0x64, 0x00]);
    }
}
