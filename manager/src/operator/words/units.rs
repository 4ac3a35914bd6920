//! Numbers with their units.

use jiff::Timestamp;
use platen_protocol::facts::Celsius;
use platen_protocol::facts::words::grouped;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago; `live.js` counts on in the same words.
pub(in super::super) fn ago(seconds: u64) -> String {
    match seconds {
        0..=1 => "just now".to_owned(),
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
            0 => format!("{} h", grouped(seconds / HOUR)),
            minutes => format!("{} h {minutes} min", grouped(seconds / HOUR)),
        },
    }
}

/// A moment, in UTC.
pub(in super::super) fn moment(time: Timestamp) -> String {
    time.strftime("%d %b %Y, %H:%M:%S UTC").to_string()
}

/// A temperature, with a real minus.
pub(in super::super) fn celsius(millidegrees: i32) -> String {
    format!("{} °C", Celsius(millidegrees)).replace('-', "−")
}

/// The limits of a temperature; either may be open.
pub(in super::super) fn range(lowest: Option<i32>, highest: Option<i32>) -> Option<String> {
    match (lowest, highest) {
        (Some(lowest), Some(highest)) => Some(format!("{} to {}", celsius(lowest), celsius(highest))),
        (Some(lowest), None) => Some(format!("{} or more", celsius(lowest))),
        (None, Some(highest)) => Some(format!("{} or less", celsius(highest))),
        (None, None) => None,
    }
}

/// So many of something, with the word for one or for several.
pub(in super::super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_several() {
        let of = |number| counted(number, "device", "devices");
        assert_eq!([of(0), of(1), of(2)], ["0 devices", "1 device", "2 devices"]);
        assert_eq!(of(1_200), "1\u{202f}200 devices");
    }

    #[test]
    fn ages_and_temperatures_read_as_people_say_them() {
        assert_eq!(ago(0), "just now");
        assert_eq!(ago(12), "12 s ago");
        assert_eq!(ago(200), "3 min ago");
        assert_eq!(ago(90_000), "1 d ago");
        assert_eq!(celsius(21_350), "21.4 °C");
        assert_eq!(celsius(-550), "−0.6 °C");
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
