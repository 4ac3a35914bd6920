//! `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
//!
//! A date is compared with the `Date` of the same answer and not with this device's clock, which may
//! be wrong by decades. A date without a `Date` beside it says nothing that could be used.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{DATE, HeaderName, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// How long the sender of an answer wants to be left alone.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wish = timestamp(text)?.duration_since(date(headers, DATE)?);
    // A date that is past asks for nothing.
    Some(Duration::try_from(wish).unwrap_or(Duration::ZERO))
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    timestamp(headers.get(name)?.to_str().ok()?)
}

/// The date of HTTP is one of the forms that RFC 2822 has.
fn timestamp(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    fn read(wish: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(wish.as_bytes()).ok()?);
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn seconds_and_dates_are_understood_and_a_date_is_measured_by_the_senders_own_clock() {
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read("120", None), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:51:37 GMT", now), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(read("Sun, 06 Nov 1994 08:51:37 GMT", None), None);
        assert_eq!(read("-5", now), None);
        assert_eq!(read("soon", now), None);
    }

    proptest! {
        #[test]
        fn no_header_does_worse_than_say_nothing(wish in "[ -~]{0,60}", date in "[ -~]{0,60}") {
            let _ = read(&wish, Some(&date));
        }

        #[test]
        fn a_date_is_worth_as_many_seconds_as_it_lies_ahead(now in 0_i64..4_000_000_000, ahead in 0_u64..1_000_000) {
            let later = now + i64::try_from(ahead).unwrap();
            let text = |at: i64| {
                rfc2822::DateTimePrinter::new()
                    .timestamp_to_rfc9110_string(&Timestamp::from_second(at).unwrap())
                    .unwrap()
            };
            prop_assert_eq!(read(&text(later), Some(&text(now))), Some(Duration::from_secs(ahead)));
        }
    }
}
