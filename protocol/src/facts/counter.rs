//! Counters: what they have counted, and how they go on when they are full.

use crate::readings::{BillingReading, CounterReading, DEFAULT_WRAPS_AT};

impl CounterReading {
    /// After how many counts it begins again at 0; never 0.
    pub fn wraps_at(&self) -> u64 {
        self.wraps_at.filter(|width| *width > 0).unwrap_or(DEFAULT_WRAPS_AT)
    }

    /// All counts of its epoch, those from before it began again at 0 included; `None` while it cannot be read.
    /// This is what meters go by.
    pub fn total(&self) -> Option<u64> {
        let value = *self.value.known()?;
        Some(u64::from(self.wraps).saturating_mul(self.wraps_at()).saturating_add(value))
    }
}

/// Ends of the names of [`BillingReading`]s, and their words.
const COLOURS: [(&str, &str); 2] = [(".monochrome", "monochrome"), (".full-color", "colour")];
/// Sizes of paper as people say them, by the media size names of PWG 5101.1.
const MEDIA: [(&str, &str); 10] = [
    ("iso_a3_297x420mm", "A3"),
    ("iso_a4_210x297mm", "A4"),
    ("iso_a5_148x210mm", "A5"),
    ("iso_a6_105x148mm", "A6"),
    ("na_letter_8.5x11in", "Letter"),
    ("na_legal_8.5x14in", "Legal"),
    ("na_ledger_11x17in", "Ledger"),
    ("jis_b4_257x364mm", "JIS B4"),
    ("jis_b5_182x257mm", "JIS B5"),
    ("other", "Other sizes"),
];

impl BillingReading {
    /// All counts of its epoch, as [`CounterReading::total`].
    pub fn total(&self) -> Option<u64> {
        let value = *self.value.known()?;
        Some(u64::from(self.wraps).saturating_mul(DEFAULT_WRAPS_AT).saturating_add(value))
    }

    /// What it counts, in words that fit one line of a table.
    pub fn words(&self) -> String {
        billing_words(&self.name)
    }
}

/// What a billing counter of that name counts, in words: `A4, monochrome`. A name that is not known is its own word.
pub fn billing_words(name: &str) -> String {
    if name == "duplex-sheets" {
        return "Sheets, both sides".to_owned();
    }
    for (end, colour) in COLOURS {
        if let Some(media) = name.strip_suffix(end) {
            let words = MEDIA.iter().find(|(known, _)| *known == media).map_or(media, |(_, words)| words);
            return format!("{words}, {colour}");
        }
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::billing_words;
    use crate::readings::{BillingReading, CounterKind, CounterReading, Reading};
    use crate::supply::SupplyUnit;
    use proptest::prelude::*;

    fn counter(value: u64, wraps: u32, wraps_at: Option<u64>) -> CounterReading {
        CounterReading {
            kind: CounterKind::Impressions,
            unit: SupplyUnit::Impressions,
            value: Reading::Known { value },
            epoch: 0,
            wraps,
            wraps_at,
        }
    }

    #[test]
    fn the_total_goes_on_through_a_wrap_of_whatever_width() {
        assert_eq!(counter(u64::from(u32::MAX), 0, None).total(), Some(4_294_967_295));
        assert_eq!(counter(4, 1, None).total(), Some(4_294_967_300));
        assert_eq!(counter(0, 1, Some(10_000_000)).total(), Some(10_000_000));
        assert_eq!(counter(7, 2, Some(0)).total(), Some(7 + 2 * (1 << 32)), "no counter has no width");
    }

    #[test]
    fn billing_counters_have_words_and_go_on_through_a_wrap() {
        for (name, words) in [
            ("iso_a4_210x297mm.monochrome", "A4, monochrome"),
            ("na_letter_8.5x11in.full-color", "Letter, colour"),
            ("other.monochrome", "Other sizes, monochrome"),
            ("custom_1x2mm.full-color", "custom_1x2mm, colour"),
            ("duplex-sheets", "Sheets, both sides"),
            ("folded", "folded"),
        ] {
            assert_eq!(billing_words(name), words);
        }
        let unit = SupplyUnit::Impressions;
        let one = BillingReading {
            name: "duplex-sheets".into(),
            unit,
            value: Reading::Known { value: 4 },
            epoch: 0,
            wraps: 1,
        };
        assert_eq!(one.total(), Some((1 << 32) + 4));
    }

    proptest! {
        #[test]
        fn no_number_makes_a_total_overflow(value: u64, wraps: u32, width: Option<u64>) {
            prop_assert!(counter(value, wraps, width).total() >= Some(value));
        }
    }
}
