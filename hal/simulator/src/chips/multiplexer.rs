//! A PCA9548 at register level: one register whose bits connect the channels (NXP PCA9548A data sheet,
//! section 7.2).

use embedded_hal::i2c::Operation;

/// One simulated multiplexer; after power-on no channel is connected.
#[derive(Default)]
pub(crate) struct SimMultiplexer {
    control: u8,
}

impl SimMultiplexer {
    /// Whether a channel, 0 to 7, is connected to the bus above.
    pub(crate) fn connects(&self, channel: u8) -> bool {
        self.control.checked_shr(channel.into()).unwrap_or(0) & 1 == 1
    }

    pub(crate) fn transfer(&mut self, operations: &mut [Operation<'_>]) {
        for operation in operations {
            match operation {
                // Of several bytes the last one stays.
                Operation::Write(bytes) => self.control = bytes.last().copied().unwrap_or(self.control),
                Operation::Read(buffer) => buffer.fill(self.control),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_of_the_register_connects_a_channel_and_is_read_back() {
        let mut chip = SimMultiplexer::default();
        assert!((0..8).all(|channel| !chip.connects(channel)));
        let mut back = [0];
        chip.transfer(&mut [Operation::Write(&[0xff, 0b1000_0100]), Operation::Read(&mut back)]);
        assert_eq!(back, [0b1000_0100]);
        let connected: Vec<_> = (0..10).filter(|channel| chip.connects(*channel)).collect();
        assert_eq!(connected, [2, 7]);
    }
}
