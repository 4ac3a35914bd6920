//! Numbers and codes in a person's words. Pure.

mod conditions;
mod identity;
mod report;
mod units;

use platen_protocol::device_to_manager::EnteredBy;
use platen_protocol::readings::{CounterKind, Reading};

pub(super) use conditions::{alert_title, evidence, switch_is_loud, switch_state, training};
pub(super) use identity::{identity, identity_change};
pub(super) use report::{content, kind, left, residue};
pub(super) use units::{ago, amount, celsius, moment, outlook, outlook_band, range, stretch, thousands};

/// A name with its first letter large.
pub(super) fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A name on the board as people read it.
pub(super) fn label(name: &str) -> String {
    title(&name.replace(['-', '_'], " "))
}

/// `subunitLifeAlmostOver` as "Subunit life almost over"; letters that stand for words stay large.
pub(super) fn spaced(name: &str) -> String {
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
    title(&text)
}

/// What a counter counts.
pub(super) fn counter(kind: CounterKind) -> (&'static str, &'static str) {
    match kind {
        CounterKind::Impressions => ("impressions", "All impressions"),
        CounterKind::FullColor => ("full-color", "In colour"),
        CounterKind::Monochrome => ("monochrome", "In one colour"),
        CounterKind::Sheets => ("sheets", "Sheets of paper"),
        CounterKind::PageExits => ("page-exits", "Pages at the exit since the agent began"),
    }
}

/// Where a person asked.
pub(super) fn entered_by(by: EnteredBy) -> &'static str {
    match by {
        EnteredBy::Button => "With the button on the printer",
        EnteredBy::Command => "With the command on the controller",
    }
}

/// The cause of something unknown.
pub(super) fn cause<T>(reading: &Reading<T>) -> Option<&str> {
    match reading {
        Reading::Known { .. } => None,
        Reading::Unknown { cause } => Some(&cause.detail),
    }
}
