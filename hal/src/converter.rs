//! Analog sensors at an ADS1115: single shots of one input against ground. (TI ADS1115, SBAS444.)
//!
//! No driver of crates.io is used: `ads1x1x` sets rate and range one after the other, and each of these writes has the
//! bit that begins a conversion, so that every reading waited for two conversions and took nine transfers instead of
//! five. On a device that does nothing else, this was most of what woke it.

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;

use crate::config::{Curve, Sensor};
use crate::curve;
use crate::fault::{BusFault, ReadFault};

/// How often a conversion is tried before its failure counts.
const ATTEMPTS: u32 = 3;
/// A conversion at 860 samples a second lasts 1.2 ms (SBAS444, section 8.4.2); it is asked after each of
/// these pauses, so often, whether it is done.
const PAUSE_US: u32 = 1_300;
const POLLS: u32 = 8;

const CONVERSION_REGISTER: u8 = 0;
const CONFIGURATION_REGISTER: u8 = 1;
/// The bits of the configuration that we set: input, range and mode (SBAS444, table 8-3: 14 to 8).
const OURS: u16 = 0x7f00;
const SINGLE_SHOT: u16 = 0x0100;
/// Written, it begins a conversion; read, it says that none is under way (bit 15).
const START: u16 = 0x8000;
/// 860 samples a second, and no comparator (bits 7 to 0).
const RATE: u16 = 0x00e3;
/// The largest count: the input is at or above the range.
const SATURATED: i16 = i16::MAX;

/// The ranges, smallest first: millivolts at the largest count, and the bits that choose them.
const RANGES: [(f64, u16); 6] =
    [(256.0, 5), (512.0, 4), (1_024.0, 3), (2_048.0, 2), (4_096.0, 1), (6_144.0, 0)];
/// A range is chosen this much larger than its curve, so that a short circuit is seen as one.
const HEADROOM: f64 = 1.1;

/// A sensor at an input of a converter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Analog {
    /// The converter's address: 0x48 to 0x4b.
    pub(crate) address: u8,
    /// The input: 0 to 3.
    pub(crate) channel: u8,
    /// What the voltages mean.
    pub(crate) curve: Curve,
}

impl From<&Sensor> for Analog {
    fn from(sensor: &Sensor) -> Self {
        Self {
            address: *sensor.address.get_ref(),
            channel: *sensor.channel.get_ref(),
            curve: sensor.curve.get_ref().clone(),
        }
    }
}

impl Analog {
    /// What the sensor measures, in the unit of its curve.
    pub(crate) fn read<I, D>(&self, bus: &mut I, delay: &mut D) -> Result<f64, ReadFault>
    where
        I: I2c<Error = BusFault>,
        D: DelayNs + ?Sized,
    {
        let mut last = self.read_once(bus, delay);
        for _ in 1..ATTEMPTS {
            match last {
                // A voltage that was read rightly is as it is, plausible or not.
                Ok(_) | Err(ReadFault::Implausible(_)) => break,
                Err(ReadFault::Bus(fault)) if fault.is_of_the_bus() => break,
                Err(_) => last = self.read_once(bus, delay),
            }
        }
        curve::value_at(&self.curve, last?)
    }

    /// One conversion, in millivolts. There is no checksum: it counts when the converter says afterwards
    /// that it was set as it should be, and gives the same result a second time.
    fn read_once<I, D>(&self, bus: &mut I, delay: &mut D) -> Result<f64, ReadFault>
    where
        I: I2c<Error = BusFault>,
        D: DelayNs + ?Sized,
    {
        let (full_scale, range_bits) = self.range();
        let wanted = (0b100 | u16::from(self.channel)) << 12 | range_bits << 9 | SINGLE_SHOT;
        self.convert(bus, delay, wanted)?;
        let count = self.register(bus, CONVERSION_REGISTER)?;
        let is = self.register(bus, CONFIGURATION_REGISTER)?;
        let again = self.register(bus, CONVERSION_REGISTER)?;
        let [high, low] = is.to_be_bytes();
        if high == low && is == again {
            return Err(ReadFault::Constant(high));
        }
        if is & OURS != wanted {
            return Err(ReadFault::Damaged(format!(
                "the converter is set to {is:#06x} and not as it was told ({wanted:#06x}): the transfer was disturbed, or another program uses it"
            )));
        }
        if again != count {
            return Err(ReadFault::Damaged(format!(
                "the same conversion reads {} and then {}",
                count.cast_signed(),
                again.cast_signed()
            )));
        }
        let count = count.cast_signed();
        if count == SATURATED {
            return Err(ReadFault::Implausible(format!(
                "the sensor gives {full_scale:.0} mV or more: is it short, or its wire cut?"
            )));
        }
        Ok(f64::from(count) * full_scale / 32_768.0)
    }

    /// Has one conversion made, and waits until it is done.
    fn convert<I, D>(&self, bus: &mut I, delay: &mut D, wanted: u16) -> Result<(), ReadFault>
    where
        I: I2c<Error = BusFault>,
        D: DelayNs + ?Sized,
    {
        let [high, low] = (START | wanted | RATE).to_be_bytes();
        bus.write(self.address, &[CONFIGURATION_REGISTER, high, low])?;
        for _ in 0..POLLS {
            delay.delay_us(PAUSE_US);
            if self.register(bus, CONFIGURATION_REGISTER)? & START != 0 {
                return Ok(());
            }
        }
        Err(ReadFault::Damaged("the converter never says that it is done".to_owned()))
    }

    fn register<I: I2c<Error = BusFault>>(&self, bus: &mut I, register: u8) -> Result<u16, BusFault> {
        let mut bytes = [0; 2];
        bus.write_read(self.address, &[register], &mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    }

    /// The smallest range that holds the curve: millivolts and bits.
    fn range(&self) -> (f64, u16) {
        let highest = self.curve.last().map_or(0.0, |(millivolts, _)| millivolts * HEADROOM);
        let [.., largest] = RANGES;
        RANGES.into_iter().find(|(limit, _)| highest <= *limit).unwrap_or(largest)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bus::tests::{Scripted, Stopped};

    const CURVE: [(f64, f64); 2] = [(400.0, 0.0), (1_600.0, 100.0)];

    /// A sensor at input 2 of the converter at 0x49; its curve wants the range of 2.048 V.
    fn sensor() -> Analog {
        Analog { address: 0x49, channel: 2, curve: CURVE.to_vec() }
    }

    /// What the converter answers to one reading: the conversion, and at its end the setting and the
    /// conversion again.
    fn answers(conversion: u16, setting: u16, again: u16) -> Vec<Result<Vec<u8>, BusFault>> {
        let word = |word: u16| Ok(word.to_be_bytes().to_vec());
        let written = || Ok(Vec::new());
        vec![
            written(),    // begin
            word(0x65e3), // not yet
            word(0xe5e3), // done
            word(conversion),
            word(setting),
            word(again),
        ]
    }

    fn read(answers: Vec<Result<Vec<u8>, BusFault>>) -> Result<f64, ReadFault> {
        sensor().read(&mut Scripted::new(answers), &mut Stopped::default())
    }

    #[test]
    fn one_input_is_converted_once_and_checked() {
        let mut bus = Scripted::new(answers(16_000, 0xe5e3, 16_000));
        let written = Arc::clone(&bus.written);
        // 16000 of 32768 of 2048 mV are 1000 mV.
        assert_eq!(sensor().read(&mut bus, &mut Stopped::default()), Ok(50.0));
        let expected: [(u8, Vec<u8>); 6] = [
            // Input 2 against ground, within 2.048 V, single shot, 860 samples a second, begin.
            (0x49, vec![1, 0xe5, 0xe3]),
            (0x49, vec![1]),
            (0x49, vec![1]),
            (0x49, vec![0]),
            (0x49, vec![1]),
            (0x49, vec![0]),
        ];
        assert_eq!(*written.lock().unwrap(), expected);
    }

    #[test]
    fn a_conversion_that_reads_differently_the_second_time_is_read_again() {
        let disturbed = answers(16_000, 0xe5e3, 16_032);
        assert_eq!(read([disturbed.clone(), answers(16_000, 0xe5e3, 16_000)].concat()), Ok(50.0));
        let never = read([disturbed.clone(), disturbed.clone(), disturbed].concat());
        assert!(
            matches!(&never, Err(ReadFault::Damaged(what)) if what.contains("16000 and then 16032")),
            "{never:?}"
        );
    }

    #[test]
    fn a_converter_that_is_set_otherwise_is_not_believed() {
        let other_input = answers(16_000, 0xd5e3, 16_000);
        let fault = read([other_input.clone(), other_input.clone(), other_input].concat());
        assert!(matches!(&fault, Err(ReadFault::Damaged(what)) if what.contains("0xd5e3")), "{fault:?}");
    }

    #[test]
    fn the_end_of_the_range_is_no_voltage() {
        let fault = read(answers(0x7fff, 0xe5e3, 0x7fff));
        assert!(
            matches!(&fault, Err(ReadFault::Implausible(what)) if what.contains("2048 mV or more")),
            "{fault:?}"
        );
    }

    #[test]
    fn a_converter_that_is_never_done_is_damaged() {
        let word = |word: u16| Ok(word.to_be_bytes().to_vec());
        let attempt = || [vec![Ok(Vec::new())], vec![word(0); 8]].concat();
        let fault = read([attempt(), attempt(), attempt()].concat());
        assert!(matches!(&fault, Err(ReadFault::Damaged(what)) if what.contains("never says")), "{fault:?}");
    }

    #[test]
    fn the_range_is_the_smallest_that_holds_the_curve_and_a_little_more() {
        for (highest, range) in
            [(200.0, 256.0), (240.0, 512.0), (1_800.0, 2_048.0), (2_000.0, 4_096.0), (5_500.0, 6_144.0)]
        {
            let sensor = Analog { curve: vec![(0.0, 0.0), (highest, 1.0)], ..sensor() };
            assert!((sensor.range().0 - range).abs() < f64::EPSILON, "{highest} mV");
        }
    }
}
