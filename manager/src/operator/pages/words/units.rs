//! Numbers with their units.

use jiff::Timestamp;
use platen_protocol::readings::{Estimate, Outlook};
use platen_protocol::supply::SupplyUnit;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago; `live.js` counts on in the same words.
pub(in super::super) fn ago(seconds: u64) -> String {
    match seconds {
        0..=1 => "now".to_owned(),
        2..MINUTE => format!("{seconds} s ago"),
        MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        HOUR..DAY => format!("{} h ago", seconds / HOUR),
        _ => format!("{} d ago", seconds / DAY),
    }
}

/// How long.
pub(in super::super) fn duration(seconds: u64) -> String {
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

/// How long, to the minute: for stretches that are compared with each other.
pub(in super::super) fn stretch(seconds: u64) -> String {
    match seconds {
        0..HOUR => duration(seconds),
        _ => match seconds % HOUR / MINUTE {
            0 => format!("{} h", thousands(seconds / HOUR)),
            minutes => format!("{} h {minutes} min", thousands(seconds / HOUR)),
        },
    }
}

/// A moment, in UTC.
pub(in super::super) fn moment(time: Timestamp) -> String {
    time.strftime("%d %b %Y, %H:%M:%S UTC").to_string()
}

/// An amount with its unit, in units that people use.
pub(in super::super) fn amount(unit: SupplyUnit, amount: u32) -> String {
    match unit {
        SupplyUnit::TenthsOfGrams => format!("{} g", tenths(amount)),
        SupplyUnit::TenthsOfMilliliters => format!("{} ml", tenths(amount)),
        SupplyUnit::Percent => format!("{amount} %"),
        SupplyUnit::TenThousandthsOfInches => format!("{amount} × 0.0001 in"),
        SupplyUnit::Micrometers => format!("{amount} µm"),
        SupplyUnit::Impressions => format!("{} impressions", thousands(amount)),
        SupplyUnit::Sheets => format!("{} sheets", thousands(amount)),
        SupplyUnit::Hours => format!("{} h", thousands(amount)),
        SupplyUnit::ThousandthsOfOunces => format!("{amount} × 0.001 oz"),
        SupplyUnit::HundrethsOfFluidOunces => format!("{amount} × 0.01 fl oz"),
        SupplyUnit::Feet => format!("{amount} ft"),
        SupplyUnit::Meters => format!("{amount} m"),
        SupplyUnit::Items => format!("{amount} items"),
        SupplyUnit::Other | SupplyUnit::Unknown => thousands(amount),
    }
}

fn tenths(amount: u32) -> String {
    match (amount / 10, amount % 10) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{rest}"),
    }
}

/// A number in groups of three digits.
pub(in super::super) fn thousands(amount: impl Into<u64>) -> String {
    let digits = amount.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            // A narrow space that does not break.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A temperature.
pub(in super::super) fn celsius(millidegrees: i32) -> String {
    let tenths = (i64::from(millidegrees) + if millidegrees < 0 { -50 } else { 50 }) / 100;
    let sign = if tenths < 0 { "−" } else { "" };
    format!("{sign}{}.{} °C", tenths.abs() / 10, tenths.abs() % 10)
}

/// The limits of a temperature or what it ranged over; either may be open.
pub(in super::super) fn range(lowest: Option<i32>, highest: Option<i32>) -> Option<String> {
    match (lowest, highest) {
        (Some(lowest), Some(highest)) => Some(format!("{} to {}", celsius(lowest), celsius(highest))),
        (Some(lowest), None) => Some(format!("{} or more", celsius(lowest))),
        (None, Some(highest)) => Some(format!("{} or less", celsius(highest))),
        (None, None) => None,
    }
}

/// How long a supply will last, in a few words: "about 1 200 pages, 12 to 19 days".
pub(in super::super) fn outlook(outlook: &Outlook) -> Option<String> {
    let pages = outlook.pages.map(|pages| format!("about {} pages", thousands(pages.likely)));
    let days = outlook.days.map(|days| match days {
        Estimate { at_least, at_most, .. } if at_least == at_most => {
            format!("about {} days", thousands(at_least))
        }
        Estimate { at_least, at_most, .. } => {
            format!("{} to {} days", thousands(at_least), thousands(at_most))
        }
    });
    let words: Vec<String> = pages.into_iter().chain(days).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// The same with the whole band of error.
pub(in super::super) fn outlook_band(outlook: &Outlook) -> String {
    let band = |estimate: Option<Estimate>, unit: &str| {
        estimate.map(|Estimate { likely, at_least, at_most }| {
            let (least, most) = (thousands(at_least), thousands(at_most));
            format!("{least} to {most} {unit}, most likely {}", thousands(likely))
        })
    };
    let words: Vec<String> =
        band(outlook.pages, "pages").into_iter().chain(band(outlook.days, "days")).collect();
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn ages_and_amounts_read_as_people_say_them() {
        assert_eq!(ago(0), "now");
        assert_eq!(ago(12), "12 s ago");
        assert_eq!(ago(200), "3 min ago");
        assert_eq!(ago(90_000), "1 d ago");
        assert_eq!(amount(SupplyUnit::TenthsOfGrams, 1234), "123.4 g");
        assert_eq!(amount(SupplyUnit::Impressions, 1_234_567), "1\u{202f}234\u{202f}567 impressions");
        assert_eq!(celsius(23_449), "23.4 °C");
        assert_eq!(celsius(-550), "−0.6 °C");
    }

    #[test]
    fn an_outlook_reads_as_a_guess_and_not_as_a_promise() {
        let full = sample::full_supply(50).outlook.unwrap();
        assert_eq!(outlook(&full).unwrap(), "about 1\u{202f}200 pages, 12 to 19 days");
        assert!(
            outlook_band(&full).starts_with("1\u{202f}000 to 1\u{202f}500 pages, most likely 1\u{202f}200; ")
        );
        let exact = Outlook { pages: None, days: Some(sample::estimate(3, 3, 3)) };
        assert_eq!(outlook(&exact).unwrap(), "about 3 days");
        assert_eq!(outlook(&Outlook { pages: None, days: None }), None);
    }

    #[test]
    fn stretches_and_ranges_keep_what_matters() {
        assert_eq!(stretch(59), "59 s");
        assert_eq!(stretch(3_600), "1 h");
        assert_eq!(stretch(90_000 + 120), "25 h 2 min");
        assert_eq!(range(Some(160_000), Some(210_000)).unwrap(), "160.0 °C to 210.0 °C");
        assert_eq!(range(None, Some(50_000)).unwrap(), "50.0 °C or less");
        assert_eq!(range(None, None), None);
    }
}
