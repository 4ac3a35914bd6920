//! Levels: which set value a supply or a part has come down to.

use crate::readings::{PartReading, SupplyReading};
use crate::supply::{Level, SupplyClass};

/// An alert by pages or days ends so many percent above its set value: both are estimates, which move more
/// than a level does.
pub const ESTIMATE_MARGIN_PERCENT: u64 = 20;

/// A set value that a supply has come down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetValue {
    /// In percent of its capacity.
    Percent(u8),
    /// In pages that are left, by the device's own estimate.
    Pages {
        /// The estimate.
        left: u32,
        /// The set value.
        set: u32,
    },
    /// In days that are left, by the device's own estimate.
    Days {
        /// The estimate.
        left: u32,
        /// The set value.
        set: u32,
    },
}

impl SupplyReading {
    /// The first set value that it has come down to: percent before pages before days. What is empty is below
    /// whatever was set in percent. An unknown level has come down to none, nor has one whose pages or days have not
    /// been learnt; a set value of 0 pages or days is none.
    pub fn reached(&self) -> Option<SetValue> {
        if self.is_empty() || self.share()?.is_at_most(self.set_percent) {
            return Some(SetValue::Percent(self.set_percent));
        }
        self.estimates().into_iter().flatten().find(|estimate| match estimate {
            SetValue::Pages { left, set } | SetValue::Days { left, set } => left <= set,
            SetValue::Percent(_) => false,
        })
    }

    /// Whether it is at or below one of its set values.
    pub fn is_low(&self) -> bool {
        self.reached().is_some()
    }

    /// Whether its pages or days are at most [`ESTIMATE_MARGIN_PERCENT`] above their set value.
    pub fn is_near_estimate(&self) -> bool {
        self.estimates().into_iter().flatten().any(|estimate| match estimate {
            SetValue::Pages { left, set } | SetValue::Days { left, set } => {
                u64::from(left) * 100 <= u64::from(set) * (100 + ESTIMATE_MARGIN_PERCENT)
            }
            SetValue::Percent(_) => false,
        })
    }

    /// Whether it fills: what is left is space.
    pub fn is_receptacle(&self) -> bool {
        self.class == SupplyClass::ReceptacleThatIsFilled
    }

    /// What is left, in words: `42 %`, `42 % free`, `<1 %`, `empty`, `full`, `some remains`, `unknown`. A
    /// number only where there is one.
    pub fn level_words(&self) -> String {
        match (&self.level, self.share()) {
            _ if self.is_empty() => self.empty_word().to_owned(),
            (_, Some(share)) if self.is_receptacle() => format!("{share} free"),
            (_, Some(share)) => share.to_string(),
            (Level::Unknown { .. } | Level::Known { .. }, None) => "unknown".to_owned(),
            (Level::SomeRemains, None) if self.is_receptacle() => "some space".to_owned(),
            (Level::SomeRemains, None) => "some remains".to_owned(),
            (Level::Unrestricted, None) => "no restriction".to_owned(),
        }
    }

    /// The word for it when it is empty: a receptacle is full then.
    pub fn empty_word(&self) -> &'static str {
        if self.is_receptacle() { "full" } else { "empty" }
    }

    /// Why there is no percentage, where there is none.
    pub fn why_no_percent(&self) -> Option<&str> {
        match (&self.level, self.share()) {
            (_, Some(_)) => None,
            (Level::Unknown { cause }, None) => Some(&cause.detail),
            (Level::Known { .. }, None) => Some("the capacity is not known"),
            (Level::SomeRemains, None) if self.is_receptacle() => {
                Some("not full; how much space is left is not known")
            }
            (Level::SomeRemains, None) => Some("not empty; how much is left is not known"),
            (Level::Unrestricted, None) => Some("its level has no restriction"),
        }
    }

    fn estimates(&self) -> [Option<SetValue>; 2] {
        let outlook = self.outlook.as_ref();
        let pages = outlook.and_then(|outlook| outlook.pages).map(|estimate| estimate.likely);
        let days = outlook.and_then(|outlook| outlook.days).map(|estimate| estimate.likely);
        let set = |value: Option<u32>| value.filter(|value| *value > 0);
        [
            pages.zip(set(self.set_pages)).map(|(left, set)| SetValue::Pages { left, set }),
            days.zip(set(self.set_days)).map(|(left, set)| SetValue::Days { left, set }),
        ]
    }
}

impl PartReading {
    /// Whether the life that is left is at or below its set value.
    pub fn is_low(&self) -> bool {
        self.share_left().zip(self.set_percent).is_some_and(|(left, set)| left.is_at_most(set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::{Estimate, Outlook, Reading};
    use crate::supply::{Capacity, SupplyType, SupplyUnit};
    use crate::unknown::{UnknownCause, UnknownReason};
    use proptest::prelude::*;

    fn supply(amount: u32) -> SupplyReading {
        SupplyReading {
            name: "black".into(),
            index: 1,
            class: SupplyClass::SupplyThatIsConsumed,
            supply_type: SupplyType::Toner,
            colorant: None,
            unit: SupplyUnit::TenthsOfGrams,
            capacity: Capacity::Known { amount: 1000 },
            level: Level::Known { amount },
            set_percent: 10,
            serial: None,
            set_pages: Some(500),
            set_days: Some(7),
            part_number: None,
            expected: None,
            outlook: Some(Outlook { pages: Some(about(1200)), days: Some(about(15)) }),
            empty_at: None,
        }
    }

    fn about(likely: u32) -> Estimate {
        Estimate { likely, at_least: likely, at_most: likely }
    }

    #[test]
    fn a_supply_is_low_by_whichever_set_value_it_comes_down_to_first() {
        assert_eq!(supply(100).reached(), Some(SetValue::Percent(10)));
        assert_eq!(supply(101).reached(), None, "10.1 % are above 10 %");
        assert_eq!(supply(500).reached(), None);
        let mut few = supply(500);
        few.outlook = Some(Outlook { pages: Some(about(500)), days: Some(about(7)) });
        assert_eq!(few.reached(), Some(SetValue::Pages { left: 500, set: 500 }));
        few.set_pages = Some(0);
        assert_eq!(few.reached(), Some(SetValue::Days { left: 7, set: 7 }), "0 pages are no set value");
        few.set_days = None;
        assert!(!few.is_low());
    }

    #[test]
    fn empty_is_an_amount_and_no_rounded_percentage() {
        let of = |amount| SupplyReading { capacity: Capacity::Known { amount: 1_000_000 }, ..supply(amount) };
        assert!(of(0).is_empty() && of(0).level_words() == "empty");
        assert!(!of(1).is_empty() && of(1).is_low() && of(1).level_words() == "<1 %");
        let board = |amount| SupplyReading { empty_at: Some(250), set_percent: 0, ..supply(amount) };
        assert!(!board(251).is_empty() && !board(251).is_low());
        assert!(board(250).is_empty() && board(250).is_low(), "what the board calls empty is low");
        assert_eq!(board(250).level_words(), "empty");
        let class = SupplyClass::ReceptacleThatIsFilled;
        assert_eq!(SupplyReading { class, ..of(1) }.level_words(), "<1 % free");
        assert_eq!(SupplyReading { class, ..of(0) }.level_words(), "full");
    }

    #[test]
    fn a_full_supply_is_not_empty_whatever_the_board_says_of_it() {
        for empty_at in [1000, 1001, u32::MAX] {
            let supply = SupplyReading { empty_at: Some(empty_at), ..supply(1000) };
            assert!(!supply.is_empty() && supply.empty_amount() == 0);
        }
        let unknown = SupplyReading { capacity: Capacity::Unknown, empty_at: Some(5), ..supply(5) };
        assert!(!unknown.is_empty() && unknown.level_words() == "unknown");
    }

    #[test]
    fn an_unknown_level_is_not_low_and_no_number() {
        let cause = UnknownCause { reason: UnknownReason::NoAnswer, detail: "no answer".into() };
        for level in [Level::Unknown { cause }, Level::SomeRemains, Level::Unrestricted] {
            let mut supply = SupplyReading { level, ..supply(0) };
            supply.outlook = Some(Outlook { pages: Some(about(1)), days: Some(about(1)) });
            assert!(!supply.is_low() && !supply.is_empty());
            assert!(!supply.level_words().contains(|c: char| c.is_ascii_digit()), "{supply:?}");
            assert!(supply.why_no_percent().is_some());
        }
        let class = SupplyClass::ReceptacleThatIsFilled;
        assert_eq!(SupplyReading { class, ..supply(400) }.level_words(), "40 % free");
        assert_eq!(
            SupplyReading { class, level: Level::SomeRemains, ..supply(0) }.level_words(),
            "some space"
        );
    }

    #[test]
    fn a_part_is_low_at_its_set_value_if_it_has_one() {
        let mut drum = PartReading {
            name: "drum".into(),
            index: 1,
            part_type: SupplyType::Opc,
            unit: SupplyUnit::Impressions,
            used: Reading::Known { value: 95 },
            rated_life: Capacity::Known { amount: 100 },
            serial: None,
            part_number: None,
            set_percent: Some(5),
        };
        assert!(drum.is_low());
        (drum.used, drum.rated_life) = (Reading::Known { value: 949 }, Capacity::Known { amount: 1000 });
        assert!(!drum.is_low(), "5.1 % are left");
        (drum.used, drum.rated_life) = (Reading::Known { value: 94 }, Capacity::Known { amount: 100 });
        assert!(!drum.is_low());
        (drum.used, drum.set_percent) = (Reading::Known { value: 1000 }, None);
        assert!(!drum.is_low());
    }

    proptest! {
        #[test]
        fn a_fuller_supply_is_never_low_where_an_emptier_one_is_not(
            one in 0_u32..=1000, other in 0_u32..=1000, set in 0_u8..=100, pages: u32, set_pages: u32,
        ) {
            let low = |amount| SupplyReading {
                set_percent: set,
                set_pages: Some(set_pages),
                outlook: Some(Outlook { pages: Some(about(pages)), days: None }),
                ..supply(amount)
            }.is_low();
            prop_assert!(low(one.min(other)) || !low(one.max(other)));
        }

        #[test]
        fn what_is_low_by_an_estimate_is_near_it(left: u32, set in 1_u32..) {
            let outlook = Some(Outlook { pages: Some(about(left)), days: None });
            let supply = SupplyReading { set_pages: Some(set), outlook, ..supply(1000) };
            prop_assert!(!supply.is_low() || supply.is_near_estimate());
        }
    }
}
