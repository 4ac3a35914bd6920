//! Whether an action can be asked of a device, before anything of it is stored. Pure.

use platen_protocol::limits::MAX_SETTINGS_PER_COMMAND;
use platen_protocol::manager_to_device::Action;
use platen_protocol::settings::{OutOfBounds, SettingKey, UnknownSetting};

/// Why an action is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ActionRefusal {
    /// The kind is none of ours.
    #[error("action.kind is unknown: use read_now, set, reset or check_programs")]
    UnknownKind,
    /// Not by a command alone.
    #[error("a device is not retired by a command alone: use POST /api/v1/devices/{{id}}/retire")]
    Retire,
    /// Not by a command alone.
    #[error(
        "that somebody is on the way is said of a service call: use POST /api/v1/service-calls/{{id}}/move with the state on_the_way"
    )]
    OnTheWay,
    /// Nothing is to be set.
    #[error("action.settings is empty: give at least one setting with its value")]
    NoSettings,
    /// More settings than a command takes.
    #[error("action.settings names {0} settings; a command takes at most {MAX_SETTINGS_PER_COMMAND}")]
    TooMany(usize),
    /// A name that is no setting's.
    #[error(transparent)]
    Unknown(#[from] UnknownSetting),
    /// A value that the setting cannot have.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
}

fn key(name: &str) -> Result<SettingKey, ActionRefusal> {
    Ok(name.parse()?)
}

/// Refuses an action that no device would carry out.
pub(super) fn check(action: &Action) -> Result<(), ActionRefusal> {
    match action {
        Action::ReadNow | Action::CheckPrograms => Ok(()),
        Action::Set { settings } if settings.is_empty() => Err(ActionRefusal::NoSettings),
        Action::Set { settings } if settings.len() > MAX_SETTINGS_PER_COMMAND => {
            Err(ActionRefusal::TooMany(settings.len()))
        }
        Action::Set { settings } => {
            settings.iter().try_for_each(|(name, value)| Ok(key(name)?.check(*value)?))
        }
        Action::Reset { settings } if settings.len() > MAX_SETTINGS_PER_COMMAND => {
            Err(ActionRefusal::TooMany(settings.len()))
        }
        Action::Reset { settings } => settings.iter().try_for_each(|name| key(name).map(drop)),
        Action::Retire => Err(ActionRefusal::Retire),
        Action::TechnicianOnTheWay { .. } => Err(ActionRefusal::OnTheWay),
        Action::Unknown => Err(ActionRefusal::UnknownKind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(name: &str, value: u32) -> Action {
        Action::Set { settings: [(name.to_owned(), value)].into() }
    }

    fn refusal(action: &Action) -> String {
        check(action).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_with_a_setting_is_said_with_its_bounds_or_with_the_names_that_there_are() {
        assert_eq!(
            refusal(&set("supply.black.set-percent", 101)),
            "supply.black.set-percent must be between 0 and 100, not 101"
        );
        let unknown = refusal(&set("colour", 1));
        assert!(
            unknown.contains("\"colour\" is not a setting; the settings are sample.interval-seconds"),
            "{unknown}"
        );
        let unknown =
            refusal(&Action::Reset { settings: vec!["sample.interval-seconds".into(), "x".into()] });
        assert!(unknown.contains("\"x\" is not a setting"), "{unknown}");
        assert!(refusal(&Action::Set { settings: [].into() }).contains("at least one setting"));
        assert!(refusal(&Action::Unknown).contains("read_now, set, reset or check_programs"));
    }

    #[test]
    fn a_command_takes_no_more_settings_than_its_limit() {
        let name = |number: usize| format!("supply.s{number}.set-percent");
        let settings = |count: usize| Action::Set { settings: (0..count).map(|n| (name(n), 5)).collect() };
        let resets = |count: usize| Action::Reset { settings: (0..count).map(name).collect() };
        assert_eq!(check(&settings(MAX_SETTINGS_PER_COMMAND)), Ok(()));
        assert_eq!(check(&resets(MAX_SETTINGS_PER_COMMAND)), Ok(()));
        assert_eq!(check(&settings(51)), Err(ActionRefusal::TooMany(51)));
        assert_eq!(check(&resets(51)), Err(ActionRefusal::TooMany(51)));
        assert_eq!(check(&resets(0)), Ok(()), "none means all");
    }

    proptest! {
        #[test]
        fn a_value_is_taken_exactly_within_the_bounds_of_its_setting(value in 0_u32..2_000_000) {
            for name in ["sample.interval-seconds", "judge.debounce-samples", "supply.black.set-pages"] {
                let bounds = name.parse::<SettingKey>().unwrap().bounds();
                prop_assert_eq!(check(&set(name, value)).is_ok(), bounds.contains(&value));
            }
        }

        #[test]
        fn a_name_is_taken_exactly_when_it_is_a_settings(name in "(supply|part|judge)[.][a-z.-]{0,24}") {
            let known = name.parse::<SettingKey>().is_ok();
            prop_assert_eq!(check(&Action::Reset { settings: vec![name] }).is_ok(), known);
        }
    }
}
