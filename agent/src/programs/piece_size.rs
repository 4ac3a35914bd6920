//! How much of a program is asked for at once: learnt, pure.
//!
//! As with reports (`uplink/batch_size.rs`): some networks let little pass at once. A piece that failed is followed by
//! one of half its size, and one that came whole by one half as large again.

use platen_protocol::limits::{MAX_PIECE_BYTES, MIN_PIECE_BYTES};

/// The size of the next piece.
#[derive(Debug, Clone)]
pub(super) struct PieceSize(u64);

impl Default for PieceSize {
    fn default() -> Self {
        Self(MAX_PIECE_BYTES)
    }
}

impl PieceSize {
    /// So many bytes at the most.
    pub(super) fn bytes(&self) -> u64 {
        self.0
    }

    /// A piece came whole.
    pub(super) fn came(&mut self) {
        self.0 = self.0.saturating_add(self.0 / 2).min(MAX_PIECE_BYTES);
    }

    /// A piece did not get through.
    pub(super) fn failed(&mut self) {
        self.0 = (self.0 / 2).max(MIN_PIECE_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_program_gets_through_whatever_passes_at_once(
            passes in MIN_PIECE_BYTES..2 * MAX_PIECE_BYTES, program in 1_u64..30 * MAX_PIECE_BYTES,
        ) {
            let mut size = PieceSize::default();
            let (mut left, mut tries) = (program, 0);
            while left > 0 {
                prop_assert!((MIN_PIECE_BYTES..=MAX_PIECE_BYTES).contains(&size.bytes()));
                let piece = size.bytes().min(left);
                if piece <= passes { size.came(); left -= piece } else { size.failed() }
                tries += 1;
            }
            prop_assert!(tries <= 10 + 6 * program / passes.min(MAX_PIECE_BYTES), "{tries} tries");
        }
    }
}
