//! Names and numbers in a person's words.

use std::fmt;

use crate::readings::CounterKind;
use crate::supply::{Capacity, SupplyType, SupplyUnit};

/// A text with its first letter large.
pub fn title(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A name on the board as people read it: `black-drum` is `Black drum`.
pub fn label(name: &str) -> String {
    title(&name.replace(['-', '_'], " "))
}

/// A name of the MIB as people read it: `subunitLifeAlmostOver` is `subunit life almost over`. Letters that
/// stand for words stay large.
pub fn spaced(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    let mut before: Option<char> = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins_word = letters.peek().is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && before.is_some_and(|before| before.is_lowercase() || begins_word) {
            text.push(' ');
        }
        if letter.is_uppercase() && begins_word {
            text.extend(letter.to_lowercase());
        } else {
            text.push(letter);
        }
        before = Some(letter);
    }
    text
}

impl SupplyType {
    /// Its name in words, such as `toner cartridge`.
    pub fn words(self) -> String {
        match self {
            Self::Opc => "photoconductor (OPC)".to_owned(),
            other => spaced(other.name()),
        }
    }
}

impl CounterKind {
    /// What it counts, in words that fit one line of a table.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Impressions => "Impressions",
            Self::FullColor => "In colour",
            Self::Monochrome => "Monochrome",
            Self::Sheets => "Sheets",
            Self::PageExits => "Pages at exit",
        }
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Impressions => "impressions",
            Self::FullColor => "full-color",
            Self::Monochrome => "monochrome",
            Self::Sheets => "sheets",
            Self::PageExits => "page-exits",
        }
    }
}

/// A number in groups of three digits, with a narrow space that does not break (U+202F).
pub fn grouped(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// An amount with its unit, in units that people use: `123.4 g`. By `{:#}` large numbers are in groups of
/// three digits, which not every console shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// How many units.
    pub amount: u32,
    /// The unit.
    pub unit: SupplyUnit,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { amount, unit } = *self;
        let number = if f.alternate() { grouped(amount) } else { amount.to_string() };
        let tenths = || match (amount / 10, amount % 10) {
            (whole, 0) => whole.to_string(),
            (whole, rest) => format!("{whole}.{rest}"),
        };
        match unit {
            SupplyUnit::TenthsOfGrams => write!(f, "{} g", tenths()),
            SupplyUnit::TenthsOfMilliliters => write!(f, "{} ml", tenths()),
            SupplyUnit::Percent => write!(f, "{amount} %"),
            SupplyUnit::TenThousandthsOfInches => write!(f, "{amount} × 0.0001 in"),
            SupplyUnit::Micrometers => write!(f, "{number} µm"),
            SupplyUnit::Impressions => write!(f, "{number} impressions"),
            SupplyUnit::Sheets => write!(f, "{number} sheets"),
            SupplyUnit::Hours => write!(f, "{number} h"),
            SupplyUnit::ThousandthsOfOunces => write!(f, "{amount} × 0.001 oz"),
            SupplyUnit::HundrethsOfFluidOunces => write!(f, "{amount} × 0.01 fl oz"),
            SupplyUnit::Feet => write!(f, "{number} ft"),
            SupplyUnit::Meters => write!(f, "{number} m"),
            SupplyUnit::Items => write!(f, "{number} items"),
            SupplyUnit::Other | SupplyUnit::Unknown => f.write_str(&number),
        }
    }
}

/// A part of a whole, both in words, with the unit only once: `95 of 100 impressions`.
pub fn part_of(part: &str, whole: &str) -> String {
    match (part.split_once(' '), whole.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} of {whole}"),
        _ => format!("{part} of {whole}"),
    }
}

impl Capacity {
    /// It in words, with its unit; `{:#}` of [`Amount`] if `groups`.
    pub fn words(self, unit: SupplyUnit, groups: bool) -> String {
        match self {
            Self::Known { amount } if groups => format!("{:#}", Amount { amount, unit }),
            Self::Known { amount } => Amount { amount, unit }.to_string(),
            Self::Unrestricted => "no restriction".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertCode;
    use proptest::prelude::*;

    #[test]
    fn amounts_read_as_people_say_them() {
        let amount = |unit, amount| Amount { amount, unit };
        assert_eq!(amount(SupplyUnit::TenthsOfGrams, 1234).to_string(), "123.4 g");
        assert_eq!(amount(SupplyUnit::TenthsOfGrams, 1230).to_string(), "123 g");
        let many = amount(SupplyUnit::Impressions, 1_234_567);
        assert_eq!(many.to_string(), "1234567 impressions");
        assert_eq!(format!("{many:#}"), "1\u{202f}234\u{202f}567 impressions");
        assert_eq!(Capacity::Unknown.words(SupplyUnit::Sheets, true), "unknown");
        assert_eq!(part_of("95 sheets", "100 sheets"), "95 of 100 sheets");
        assert_eq!(part_of("95 sheets", "no restriction"), "95 sheets of no restriction");
        assert_eq!(part_of("unknown", "100 sheets"), "unknown of 100 sheets");
    }

    #[test]
    fn names_read_as_words() {
        assert_eq!(label("light-cyan"), "Light cyan");
        assert_eq!(spaced("subunitLifeAlmostOver"), "subunit life almost over");
        assert_eq!(spaced("printerNMSReset"), "printer NMS reset");
        assert_eq!(SupplyType::TonerCartridge.words(), "toner cartridge");
        for kind in [CounterKind::Impressions, CounterKind::FullColor, CounterKind::PageExits] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_name_of_the_mib_has_no_large_letters_but_in_short_words() {
        for code in AlertCode::ALL {
            let words = spaced(code.name());
            let plain =
                |word: &str| word.chars().all(char::is_lowercase) || word.chars().all(char::is_uppercase);
            assert!(words.split(' ').all(plain), "{words}");
        }
    }

    proptest! {
        #[test]
        fn grouping_changes_no_digit(number: u64) {
            prop_assert_eq!(grouped(number).replace('\u{202f}', ""), number.to_string());
        }
    }
}
