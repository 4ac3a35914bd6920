//! What stands in the columns of [`super::states`] for what has no number of its own.

/// For the level of the lowest supply where none is known: behind all that are.
pub(super) const UNKNOWN_LEVEL: i64 = 1_000;
/// For the rank of a device that is out of service: behind all that are in it.
pub(super) const RETIRED: i64 = 8;

/// The level of a lowest supply, where one is known.
pub(super) fn level(lowest: i64) -> Option<u8> {
    u8::try_from(lowest).ok().filter(|percent| *percent <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worst::Worst;

    #[test]
    fn what_has_no_number_is_behind_all_that_have_one() {
        assert!(Worst::ALL.iter().all(|worst| worst.rank() < RETIRED));
        assert_eq!((level(0), level(100), level(UNKNOWN_LEVEL)), (Some(0), Some(100), None));
        const { assert!(UNKNOWN_LEVEL > 100) };
    }
}
