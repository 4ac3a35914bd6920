//! What operators may say about devices, customers, sites and profiles: names, texts, tags, time zones. Pure, but for
//! the machine's database of time zones.

use std::collections::{BTreeMap, BTreeSet};

use platen_protocol::limits::MAX_SETTINGS_PER_COMMAND;
use platen_protocol::manager_to_device::Action;
use platen_protocol::problem::ProblemKind;

use super::action;
use super::problem::Refusal;
use crate::store::MAX_TAGS;

/// The longest name of a customer, a site or a profile, in characters.
pub(super) const MAX_NAME_CHARS: usize = 100;
/// The longest place or address, in characters.
pub(super) const MAX_PLACE_CHARS: usize = 300;
/// The longest note, in characters.
pub(super) const MAX_NOTE_CHARS: usize = 2_000;
/// The longest tag, in characters.
pub(super) const MAX_TAG_CHARS: usize = 40;

/// Why something that an operator said is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsayable {
    /// A name is missing.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// A text is too long.
    #[error("{what} has {count} characters; at most {most} are allowed")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// How long it is.
        count: usize,
        /// How long it may be.
        most: usize,
    },
    /// A text has a character that is not shown.
    #[error("{what} contains the control character {character:?}: leave it out")]
    Control {
        /// Which text.
        what: &'static str,
        /// Which character.
        character: char,
    },
    /// A tag is none.
    #[error(
        "{0:?} cannot be a tag: a tag has 1 to {MAX_TAG_CHARS} characters, which are letters, digits and - _ . :"
    )]
    Tag(String),
    /// More tags than a device has.
    #[error("{0} tags are given; a device has at most {MAX_TAGS}")]
    TooManyTags(usize),
    /// No time zone has that name.
    #[error(
        "{0:?} is not a time zone: write its name in the IANA database, such as Europe/Berlin or America/New_York"
    )]
    TimeZone(String),
    /// There are no time zones here.
    #[error(
        "no time zone can be checked, because the manager's machine has no database of time zones: install the package tzdata there"
    )]
    NoTimeZones,
    /// A setting that no device has, or a value that it cannot have.
    #[error("{0}")]
    Setting(String),
}

impl From<Unsayable> for Refusal {
    fn from(refusal: Unsayable) -> Self {
        Self::new(ProblemKind::InvalidRequest, refusal.to_string())
    }
}

/// A text without the blanks around it; none if it is empty. Lines may be broken.
pub(crate) fn text(what: &'static str, text: &str, most: usize) -> Result<Option<String>, Unsayable> {
    let text = text.replace("\r\n", "\n");
    let count = text.chars().count();
    if count > most {
        return Err(Unsayable::TooLong { what, count, most });
    }
    if let Some(character) = text.chars().find(|one| one.is_control() && *one != '\n') {
        return Err(Unsayable::Control { what, character });
    }
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A text of one line.
pub(crate) fn line(what: &'static str, line: &str, most: usize) -> Result<Option<String>, Unsayable> {
    if let Some(character) = line.chars().find(|one| one.is_control()) {
        return Err(Unsayable::Control { what, character });
    }
    text(what, line, most)
}

/// A name, which there must be.
pub(crate) fn name(what: &'static str, name: &str) -> Result<String, Unsayable> {
    line(what, name, MAX_NAME_CHARS)?.ok_or(Unsayable::Empty(what))
}

/// Where a device stands at its site.
pub(crate) fn place(place: &str) -> Result<Option<String>, Unsayable> {
    line("the place", place, MAX_PLACE_CHARS)
}

/// Where a site is.
pub(crate) fn address(address: &str) -> Result<Option<String>, Unsayable> {
    text("the address", address, MAX_PLACE_CHARS)
}

/// A note.
pub(crate) fn note(note: &str) -> Result<Option<String>, Unsayable> {
    text("the note", note, MAX_NOTE_CHARS)
}

/// A tag, in small letters.
pub(crate) fn tag(tag: &str) -> Result<String, Unsayable> {
    let small = tag.trim().to_lowercase();
    let good = |one: char| one.is_alphanumeric() || matches!(one, '-' | '_' | '.' | ':');
    let count = small.chars().count();
    if count == 0 || count > MAX_TAG_CHARS || !small.chars().all(good) {
        return Err(Unsayable::Tag(tag.to_owned()));
    }
    Ok(small)
}

/// Tags, each once.
pub(crate) fn tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<String>, Unsayable> {
    let tags: BTreeSet<String> = tags.into_iter().map(tag).collect::<Result<_, _>>()?;
    if tags.len() > MAX_TAGS {
        return Err(Unsayable::TooManyTags(tags.len()));
    }
    Ok(tags)
}

/// Tags as they are typed: with blanks or commas between them.
pub(crate) fn typed_tags(typed: &str) -> Result<BTreeSet<String>, Unsayable> {
    tags(typed.split(|one: char| one == ',' || one.is_whitespace()).filter(|tag| !tag.is_empty()))
}

/// A time zone, by its name as the IANA database writes it.
pub(crate) fn time_zone(name: &str) -> Result<Option<String>, Unsayable> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(None);
    }
    let zones = jiff::tz::db();
    if zones.is_definitively_empty() {
        return Err(Unsayable::NoTimeZones);
    }
    let zone = zones.get(name).ok();
    // UTC has no name there, and is known all the same.
    let known = zone.and_then(|zone| zone.iana_name().map(ToOwned::to_owned));
    known.map(Some).ok_or_else(|| Unsayable::TimeZone(name.to_owned()))
}

/// The settings of a profile, with values that they can have.
pub(crate) fn settings(settings: BTreeMap<String, u32>) -> Result<BTreeMap<String, u32>, Unsayable> {
    if settings.len() > MAX_SETTINGS_PER_COMMAND {
        let count = settings.len();
        return Err(Unsayable::Setting(format!(
            "{count} settings are given; a profile has at most {MAX_SETTINGS_PER_COMMAND}"
        )));
    }
    if settings.is_empty() {
        return Err(Unsayable::Setting(
            "settings is empty: give at least one setting with its value".to_owned(),
        ));
    }
    let action = Action::Set { settings: settings.clone() };
    action::check(&action).map_err(|refusal| Unsayable::Setting(refusal.to_string()))?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_zone_is_known_by_its_name_and_no_other_text_is_one() {
        assert_eq!(time_zone(" europe/berlin ").unwrap().as_deref(), Some("Europe/Berlin"));
        assert_eq!(time_zone("").unwrap(), None);
        for wrong in ["Berlin", "CEST", "+02:00", "../../etc/passwd", "Europe/", "Europe/Berlin\n[x]"] {
            let refused = time_zone(wrong).unwrap_err().to_string();
            assert!(refused.contains("IANA database, such as Europe/Berlin"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn tags_are_short_words_and_each_is_there_once() {
        let typed = typed_tags("Floor-2, vip\nfloor-2  DÜSSELDORF").unwrap();
        assert_eq!(typed.into_iter().collect::<Vec<_>>(), ["düsseldorf", "floor-2", "vip"]);
        for wrong in ["a b", "", "<b>", "a/b", "%", &"x".repeat(MAX_TAG_CHARS + 1)] {
            assert!(matches!(tag(wrong), Err(Unsayable::Tag(_))), "{wrong}");
        }
        let many: Vec<String> = (0..=MAX_TAGS).map(|number| format!("t{number}")).collect();
        assert_eq!(tags(many.iter().map(String::as_str)), Err(Unsayable::TooManyTags(MAX_TAGS + 1)));
    }

    #[test]
    fn a_text_keeps_its_lines_and_nothing_that_is_not_shown() {
        assert_eq!(note(" a\r\nb ").unwrap().as_deref(), Some("a\nb"));
        assert!(matches!(note("a\u{7}"), Err(Unsayable::Control { .. })));
        assert!(matches!(place("a\nb"), Err(Unsayable::Control { .. })));
        assert_eq!(name("the name", "  "), Err(Unsayable::Empty("the name")));
        let long = "ä".repeat(MAX_NAME_CHARS + 1);
        assert!(name("the name", &long).unwrap_err().to_string().contains("at most 100"));
    }

    #[test]
    fn a_profile_has_settings_that_there_are() {
        let one = |name: &str, value| settings([(name.to_owned(), value)].into());
        assert!(one("supply.black.set-percent", 20).is_ok());
        assert!(one("supply.black.set-percent", 101).unwrap_err().to_string().contains("between 0 and 100"));
        assert!(one("colour", 1).unwrap_err().to_string().contains("is not a setting"));
        assert!(settings(BTreeMap::new()).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_as_tags_is_taken_once_more_as_it_was_taken(typed in ".{0,80}") {
            if let Ok(taken) = typed_tags(&typed) {
                let again: Vec<String> = taken.iter().cloned().collect();
                prop_assert_eq!(typed_tags(&again.join(", ")).unwrap(), taken);
            }
        }
    }
}
