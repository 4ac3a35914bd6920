//! An ADS1115 at register level: a pointer, and four registers of two bytes, the high byte first (TI
//! ADS1115 data sheet SBAS444, sections 8.5 and 8.6).

use std::time::Duration;

use embedded_hal::i2c::Operation;

use super::Surroundings;

const CONVERSION: u8 = 0;
const CONFIG: u8 = 1;
/// The registers after power-on: nothing converted; input 0 against input 1, +-2.048 V, single-shot, 128 a
/// second, comparator off; its thresholds at the ends.
const AFTER_POWER_ON: [u16; 4] = [0x0000, 0x8583, 0x8000, 0x7fff];
/// The bit that starts a single conversion when it is written, and is 0 while one is on its way.
const START: u16 = 0x8000;
const SINGLE_SHOT: u16 = 0x0100;
/// Full scale in millivolts by the bits of the gain.
const FULL_SCALE: [f64; 8] = [6144.0, 4096.0, 2048.0, 1024.0, 512.0, 256.0, 256.0, 256.0];
/// Conversions a second by the bits of the rate.
const RATE: [u32; 8] = [8, 16, 32, 64, 128, 250, 475, 860];
/// After a single shot is asked for, the chip wakes this long before it converts (section 7.4.2.1).
const WAKE_UP: Duration = Duration::from_micros(25);

/// One simulated converter.
pub(crate) struct SimConverter {
    pointer: u8,
    registers: [u16; 4],
    /// The conversion on its way: when it is done, and what it will yield.
    pending: Option<(Duration, u16)>,
}

impl SimConverter {
    /// A chip after power-on.
    pub(crate) fn new() -> Self {
        Self { pointer: CONVERSION, registers: AFTER_POWER_ON, pending: None }
    }

    pub(crate) fn transfer(&mut self, operations: &mut [Operation<'_>], around: &Surroundings<'_>) {
        self.finish(around);
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.write(bytes, around),
                Operation::Read(buffer) => {
                    let register = self.register(self.pointer).to_be_bytes();
                    for (byte, value) in buffer.iter_mut().zip(register.into_iter().cycle()) {
                        *byte = value;
                    }
                }
            }
        }
    }

    fn register(&self, at: u8) -> u16 {
        let value = self.registers.get(usize::from(at)).copied().unwrap_or(0);
        match (at, self.is_converting()) {
            (CONFIG, true) => value & !START,
            (CONFIG, false) => value | START,
            _ => value,
        }
    }

    /// In continuous mode the bit of the configuration says "converting" all the time.
    fn is_converting(&self) -> bool {
        self.pending.is_some() || self.config() & SINGLE_SHOT == 0
    }

    fn config(&self) -> u16 {
        self.registers.get(usize::from(CONFIG)).copied().unwrap_or(0)
    }

    fn put(&mut self, at: u8, value: u16) {
        if let Some(register) = self.registers.get_mut(usize::from(at)) {
            *register = value;
        }
    }

    fn write(&mut self, bytes: &[u8], around: &Surroundings<'_>) {
        let Some((pointer, values)) = bytes.split_first() else { return };
        self.pointer = pointer & 3;
        let &[high, low, ..] = values else { return };
        let value = u16::from_be_bytes([high, low]);
        match self.pointer {
            // The result cannot be written.
            CONVERSION => {}
            CONFIG => {
                let was_busy = self.pending.is_some();
                self.put(CONFIG, value);
                let single = value & SINGLE_SHOT != 0;
                if !single || (value & START != 0 && !was_busy) {
                    self.begin(around);
                }
            }
            threshold => self.put(threshold, value),
        }
    }

    fn begin(&mut self, around: &Surroundings<'_>) {
        self.pending = Some((around.now + WAKE_UP + self.conversion_time(), self.convert(around)));
    }

    /// What became ready since the last transfer.
    fn finish(&mut self, around: &Surroundings<'_>) {
        let Some((done, value)) = self.pending else { return };
        if around.now < done {
            return;
        }
        self.pending = None;
        if self.config() & SINGLE_SHOT != 0 {
            self.put(CONVERSION, value);
        } else {
            // It has gone on converting, and the latest result is that of now.
            let latest = self.convert(around);
            self.put(CONVERSION, latest);
            self.pending = Some((around.now + self.conversion_time(), latest));
        }
    }

    fn conversion_time(&self) -> Duration {
        let rate = RATE.get(usize::from(self.config() >> 5 & 7)).copied().unwrap_or(128);
        Duration::from_secs(1) / rate
    }

    fn convert(&self, around: &Surroundings<'_>) -> u16 {
        let config = self.config();
        let volts = around.millivolts;
        let difference = match config >> 12 & 7 {
            0 => volts(0) - volts(1),
            1 => volts(0) - volts(3),
            2 => volts(1) - volts(3),
            3 => volts(2) - volts(3),
            4 => volts(0),
            5 => volts(1),
            6 => volts(2),
            _ => volts(3),
        };
        let full = FULL_SCALE.get(usize::from(config >> 9 & 7)).copied().unwrap_or(2048.0);
        let steps = (difference / full * 32_768.0).round().clamp(-32_768.0, 32_767.0);
        #[allow(clippy::cast_possible_truncation, reason = "it was clamped just above")]
        let steps = steps as i16;
        steps.cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        chip: SimConverter,
        now: Duration,
        inputs: [f64; 4],
    }

    impl Bench {
        fn new(inputs: [f64; 4]) -> Self {
            Self { chip: SimConverter::new(), now: Duration::from_secs(50), inputs }
        }

        fn transfer(&mut self, operations: &mut [Operation<'_>]) {
            let inputs = self.inputs;
            let millivolts = move |input: u8| inputs[usize::from(input)];
            let around =
                Surroundings { now: self.now, millidegrees: 0, printing: false, millivolts: &millivolts };
            self.chip.transfer(operations, &around);
        }

        fn write(&mut self, register: u8, value: u16) {
            let [high, low] = value.to_be_bytes();
            self.transfer(&mut [Operation::Write(&[register, high, low])]);
        }

        fn read(&mut self, register: u8) -> u16 {
            let mut bytes = [0; 2];
            self.transfer(&mut [Operation::Write(&[register]), Operation::Read(&mut bytes)]);
            u16::from_be_bytes(bytes)
        }

        fn wait(&mut self, micros: u64) {
            self.now += Duration::from_micros(micros);
        }
    }

    #[test]
    fn after_power_on_the_registers_are_those_of_the_data_sheet() {
        let mut bench = Bench::new([0.0; 4]);
        let registers: Vec<_> = (0..4).map(|register| bench.read(register)).collect();
        assert_eq!(registers, AFTER_POWER_ON);
    }

    #[test]
    fn a_single_shot_is_ready_after_its_conversion_time_and_not_before() {
        let mut bench = Bench::new([1024.0, 0.0, 0.0, 0.0]);
        // Input 0 against ground, +-2.048 V, single-shot, 128 a second.
        bench.write(CONFIG, 0xc583);
        assert_eq!(bench.read(CONFIG), 0x4583, "busy");
        bench.wait(7_000);
        assert_eq!(bench.read(CONVERSION), 0, "the result of before");
        bench.wait(1_000);
        assert_eq!(bench.read(CONFIG), 0xc583, "idle");
        assert_eq!(bench.read(CONVERSION), 0x4000);
    }

    #[test]
    fn each_gain_and_each_input_yields_its_code() {
        let mut bench = Bench::new([100.0, 200.0, 300.0, 400.0]);
        for (mux, millivolts) in [
            (0, -100.0),
            (1, -300.0),
            (2, -200.0),
            (3, -100.0),
            (4, 100.0),
            (5, 200.0),
            (6, 300.0),
            (7, 400.0),
        ] {
            for (gain, full) in (0_u16..).zip(FULL_SCALE) {
                bench.write(CONFIG, 0x8183 | mux << 12 | gain << 9);
                bench.wait(10_000);
                let code = f64::from(bench.read(CONVERSION).cast_signed());
                let wanted = (millivolts / full * 32_768.0_f64).clamp(-32_768.0, 32_767.0);
                assert!((code - wanted).abs() <= 0.5, "mux {mux}, gain {gain}: {code} for {wanted}");
            }
        }
    }

    #[test]
    fn a_voltage_beyond_the_scale_reads_as_its_end() {
        let mut bench = Bench::new([5000.0, 0.0, 0.0, 0.0]);
        bench.write(CONFIG, 0xc583);
        bench.wait(10_000);
        assert_eq!(bench.read(CONVERSION), 0x7fff);
    }

    #[test]
    fn in_continuous_mode_the_latest_result_is_there() {
        let mut bench = Bench::new([1024.0, 0.0, 0.0, 0.0]);
        bench.write(CONFIG, 0x4483);
        bench.wait(10_000);
        assert_eq!(bench.read(CONVERSION), 0x4000);
        bench.inputs[0] = 512.0;
        bench.wait(10_000);
        assert_eq!(bench.read(CONVERSION), 0x2000);
    }

    #[test]
    fn thresholds_can_be_written_and_the_result_cannot() {
        let mut bench = Bench::new([0.0; 4]);
        bench.write(2, 0x1234);
        bench.write(3, 0x5678);
        bench.write(CONVERSION, 0x9abc);
        assert_eq!([bench.read(2), bench.read(3), bench.read(CONVERSION)], [0x1234, 0x5678, 0]);
    }
}
