//! Whether what is in a supply's place belongs there.

use std::fmt;

use crate::readings::SupplyReading;
use crate::supply::SupplyType;

impl SupplyType {
    /// Whether one can stand in the place of the other: a cartridge of toner is toner, and one of ink is
    /// ink; matte is another matter.
    pub const fn is_same_kind(self, other: Self) -> bool {
        let matte = matches!(self, Self::MatteToner | Self::MatteInk);
        let other_matte = matches!(other, Self::MatteToner | Self::MatteInk);
        self as u16 == other as u16
            || (matte == other_matte
                && ((self.is_toner() && other.is_toner()) || (self.is_ink() && other.is_ink())))
    }
}

/// How what is in a supply's place differs from what belongs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch<'a> {
    /// It is of another type.
    Type {
        /// What it says.
        said: SupplyType,
        /// What belongs there.
        expected: SupplyType,
    },
    /// It is of another colorant.
    Colorant {
        /// What it says.
        said: &'a str,
        /// What belongs there.
        expected: &'a str,
    },
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { said, expected } => {
                write!(f, "it says {}, and {} belongs there", said.words(), expected.words())
            }
            Self::Colorant { said, expected } => write!(f, "it says {said}, and {expected} belongs there"),
        }
    }
}

/// Whether what a supply says of itself (type and colorant) differs from what belongs in its place. What
/// a cartridge does not say is no difference, nor is what nobody expects; colorants are compared without
/// regard to capitals, as people write them in board files.
fn mismatch<'a>(
    (said, said_colorant): (SupplyType, Option<&'a str>),
    (expected, expected_colorant): (Option<SupplyType>, Option<&'a str>),
) -> Option<Mismatch<'a>> {
    let silent = matches!(said, SupplyType::Other | SupplyType::Unknown);
    if let Some(expected) = expected
        && !silent
        && !said.is_same_kind(expected)
    {
        return Some(Mismatch::Type { said, expected });
    }
    match (said_colorant, expected_colorant) {
        (Some(said), Some(expected)) if !said.eq_ignore_ascii_case(expected) => {
            Some(Mismatch::Colorant { said, expected })
        }
        _ => None,
    }
}

impl SupplyReading {
    /// How it differs from what belongs in its place, if it does and says so itself.
    pub fn mismatch(&self) -> Option<Mismatch<'_>> {
        let expected = self.expected.as_ref()?;
        mismatch(
            (self.supply_type, self.colorant.as_deref()),
            (expected.supply_type, expected.colorant.as_deref()),
        )
    }

    /// Whether something is in its place that does not belong there, and says so itself.
    pub fn is_wrong(&self) -> bool {
        self.mismatch().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_comes_in_a_cartridge_is_what_is_in_it_and_matte_is_another() {
        use SupplyType as T;
        for (said, expected, fits) in [
            (T::Toner, T::TonerCartridge, true),
            (T::TonerCartridge, T::Toner, true),
            (T::InkCartridge, T::Ink, true),
            (T::MatteToner, T::MatteToner, true),
            (T::MatteToner, T::Toner, false),
            (T::MatteToner, T::MatteInk, false),
            (T::Ink, T::Toner, false),
            (T::Developer, T::Toner, false),
            (T::Unknown, T::Toner, true),
            (T::Other, T::Toner, true),
        ] {
            let found = mismatch((said, None), (Some(expected), None));
            assert_eq!(found.is_none(), fits, "{said} where {expected} belongs");
        }
    }

    #[test]
    fn a_cartridge_is_wrong_only_by_what_it_says_and_what_is_expected() {
        let toner = SupplyType::Toner;
        let cyan = (toner, Some("Cyan"));
        assert_eq!(mismatch(cyan, (None, None)), None);
        assert_eq!(mismatch(cyan, (Some(toner), Some("cyan"))), None);
        assert_eq!(mismatch((toner, None), (None, Some("cyan"))), None);
        let wrong = mismatch(cyan, (Some(SupplyType::TonerCartridge), Some("black"))).unwrap();
        assert_eq!(wrong, Mismatch::Colorant { said: "Cyan", expected: "black" });
        assert_eq!(wrong.to_string(), "it says Cyan, and black belongs there");
    }

    fn any_type() -> impl Strategy<Value = SupplyType> {
        prop::sample::select(SupplyType::ALL)
    }

    proptest! {
        #[test]
        fn being_of_one_kind_is_mutual_and_everything_fits_its_own_place(one in any_type(), other in any_type()) {
            prop_assert_eq!(one.is_same_kind(other), other.is_same_kind(one));
            prop_assert_eq!(mismatch((one, Some("x")), (Some(one), Some("X"))), None);
        }
    }
}
