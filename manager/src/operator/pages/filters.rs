//! What templates do with a value to show it. The moment that ages are counted from is a value of the
//! rendering.

#![expect(
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    unreachable_pub,
    reason = "what `filter_fn` makes of a function is askama's"
)]

use std::any::Any;
use std::fmt::Display;

use askama::filters::Safe;
use askama::{Result, Values};
use jiff::Timestamp;
use platen_protocol::facts::words;

use super::super::view::Freshness;
use super::words::{counted, units};
use crate::ingest::date::{Dated, DatedBy};

/// The moment that ages are counted from, for a rendering.
pub(super) struct Now(pub(super) Timestamp);

impl Now {
    const NAME: &str = "now";
}

impl Values for Now {
    fn get_value<'a>(&'a self, key: &str) -> Option<&'a dyn Any> {
        (key == Self::NAME).then_some(&self.0 as &dyn Any)
    }
}

/// Something with an age.
pub(super) trait Aged {
    /// When it was.
    fn at(&self) -> Timestamp;

    /// How long ago that is, in seconds.
    fn seconds(&self, now: Timestamp) -> u64 {
        u64::try_from(now.duration_since(self.at()).as_secs()).unwrap_or(0)
    }

    /// Whether the moment is an estimate.
    fn is_estimate(&self) -> bool {
        false
    }
}

impl Aged for Timestamp {
    fn at(&self) -> Timestamp {
        *self
    }
}

impl Aged for Dated {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_estimate(&self) -> bool {
        self.by == Some(DatedBy::Estimate)
    }
}

impl Aged for Freshness {
    fn at(&self) -> Timestamp {
        self.taken.wall
    }

    /// The device's clock may be wrong: the view knows better how old they are.
    fn seconds(&self, _now: Timestamp) -> u64 {
        self.age_seconds
    }
}

impl<T: Aged> Aged for &T {
    fn at(&self) -> Timestamp {
        (**self).at()
    }

    fn seconds(&self, now: Timestamp) -> u64 {
        (**self).seconds(now)
    }

    fn is_estimate(&self) -> bool {
        (**self).is_estimate()
    }
}

/// A moment, shown by its age; the page counts on (`assets/live.js`).
#[askama::filter_fn]
pub(super) fn age<T: Aged>(moment: T, values: &dyn Values) -> Result<Safe<String>> {
    let now = *askama::get_value::<Timestamp>(values, Now::NAME)?;
    let (at, seconds) = (moment.at(), moment.seconds(now));
    let doubt = if moment.is_estimate() {
        "<span class=\"estimate\" title=\"Estimated: the device’s clock could not tell\">about</span> "
    } else {
        ""
    };
    let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let (exact, words) = (units::moment(at), units::ago(seconds));
    Ok(Safe(format!(
        "{doubt}<time datetime=\"{machine}\" title=\"{exact}\" data-age=\"{seconds}\">{words}</time>"
    )))
}

/// A moment itself: in UTC, and with script in the reader's zone and form (`assets/desk.js`).
#[askama::filter_fn]
pub(super) fn exact<T: Aged>(moment: T, _: &dyn Values) -> Result<Safe<String>> {
    let at = moment.at();
    let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    Ok(Safe(format!("<time datetime=\"{machine}\">{}</time>", units::moment(at))))
}

/// The day of a moment, likewise.
#[askama::filter_fn]
pub(super) fn day<T: Aged>(moment: T, _: &dyn Values) -> Result<Safe<String>> {
    let at = moment.at();
    let (machine, words) = (at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%d %b %Y"));
    Ok(Safe(format!("<time datetime=\"{machine}\" data-only=\"day\">{words}</time>")))
}

/// A day in UTC, which values by the day are of.
#[askama::filter_fn]
pub(super) fn utc_day<T: Aged>(moment: T, _: &dyn Values) -> Result<String> {
    Ok(moment.at().strftime("%d %b %Y").to_string())
}

/// A moment in UTC, as plain text.
#[askama::filter_fn]
pub(super) fn in_utc<T: Aged>(moment: T, _: &dyn Values) -> Result<String> {
    Ok(units::moment(moment.at()))
}

/// A name on the board, as people read it.
#[askama::filter_fn]
pub(super) fn label<T: AsRef<str>>(name: T, _: &dyn Values) -> Result<String> {
    Ok(words::label(name.as_ref()))
}

/// A text with its first letter large.
#[askama::filter_fn]
pub(super) fn title_case<T: AsRef<str>>(text: T, _: &dyn Values) -> Result<String> {
    Ok(words::title(text.as_ref()))
}

/// A number, in groups of three digits.
#[askama::filter_fn]
pub(super) fn grouped<T: Display>(number: T, _: &dyn Values) -> Result<String> {
    let text = number.to_string();
    Ok(text.parse::<u64>().map_or(text, words::grouped))
}

/// A number of devices.
#[askama::filter_fn]
pub(super) fn devices<T: Display>(number: T, _: &dyn Values) -> Result<String> {
    let text = number.to_string();
    Ok(text.parse().map_or(text, |number| counted(number, "device", "devices")))
}

/// Seconds, as a stretch of time.
#[askama::filter_fn]
pub(super) fn stretch<T: Display>(seconds: T, _: &dyn Values) -> Result<String> {
    let text = seconds.to_string();
    Ok(text.parse().map_or(text, units::stretch))
}

/// Thousandths of a degree Celsius, as a temperature; with script with the reader's decimal sign (`assets/desk.js`).
#[askama::filter_fn]
pub(super) fn celsius<T: Display>(millidegrees: T, _: &dyn Values) -> Result<Safe<String>> {
    let number: i32 = millidegrees.to_string().parse().unwrap_or_default();
    Ok(Safe(format!("<data value=\"{number}\">{}</data>", units::celsius(number))))
}

#[cfg(test)]
mod tests {
    use super::super::filters;
    use super::*;
    use askama::Template;

    #[derive(Template)]
    #[template(source = "{{ at|age }} {{ count|grouped }} {{ heat|celsius }} {{ name|label }}", ext = "html")]
    struct Shown {
        at: Dated,
        count: u64,
        heat: i32,
        name: String,
    }

    #[test]
    fn a_moment_is_shown_by_its_age_and_says_when_it_is_an_estimate() {
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let now = at + jiff::SignedDuration::from_secs(200);
        let by = Some(DatedBy::Estimate);
        let shown = Shown { at: Dated { at, by }, count: 1234, heat: 21_350, name: "<b>-1".into() };
        let text = shown.render_with_values(&Now(now)).unwrap();
        assert!(text.starts_with("<span class=\"estimate\""), "{text}");
        assert!(text.contains("datetime=\"2026-11-22T10:00:00Z\"") && text.contains(">3 min ago<"), "{text}");
        assert!(
            text.contains("1\u{202f}234 <data value=\"21350\">21.4 °C</data>") && !text.contains("<b>"),
            "{text}"
        );
    }
}
