//! Settings against a small board.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use platen_hal::config::parse;
use proptest::prelude::*;

use super::*;
use crate::judge::JudgeConfig;

const BOARD: &str = r#"
backend = "simulated"
model = "Test"
[[bus]]
name = "main"
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
set-percent = 15
[[supply]]
name = "cyan"
bus = "main"
chip = "24c02"
address = 0x51
[[part]]
name = "drum"
bus = "main"
chip = "24c02"
address = 0x52
"#;

fn files() -> Files {
    let board = parse(BOARD, Path::new("board.toml")).unwrap();
    let given = BTreeSet::from([SettingKey::SampleInterval]);
    let (sample, utilisation) = (Duration::from_millis(2_500), Duration::from_secs(900));
    let programs = Duration::from_secs(86_400);
    Files::new(sample, utilisation, programs, &JudgeConfig::default(), &given, &board)
}

fn origin() -> Origin {
    let at = "2026-05-31T00:00:00Z".parse().unwrap();
    Origin { operator: Some("anna".into()), command: "c-1".parse().unwrap(), at }
}

fn wanted(pairs: &[(&str, u32)]) -> BTreeMap<String, u32> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn set(pairs: &[(&str, u32)]) -> Result<Settings, CannotSet> {
    Settings::default().set(&files(), &wanted(pairs), &origin())
}

fn shown(settings: &Settings, name: &str) -> Option<(u32, String, SetBy)> {
    let rows = report(&files(), settings);
    let row = rows.into_iter().find(|row| row.name == name)?;
    Some((row.value, row.unit, row.set_by))
}

#[test]
fn each_value_says_who_set_it() {
    let none = Settings::default();
    assert_eq!(shown(&none, "sample.interval-seconds"), Some((2_500, "ms".into(), SetBy::AgentFile)));
    assert_eq!(shown(&none, "utilisation.interval-seconds"), Some((900, "s".into(), SetBy::Default)));
    assert_eq!(shown(&none, "supply.black.set-percent"), Some((15, "%".into(), SetBy::BoardFile)));
    assert_eq!(shown(&none, "supply.cyan.set-percent"), Some((10, "%".into(), SetBy::Default)));
    assert_eq!(shown(&none, "supply.cyan.set-pages"), None);
    let settings = set(&[("supply.black.set-percent", 20), ("supply.cyan.set-pages", 500)]).unwrap();
    let Origin { operator, command, at } = origin();
    let manager = SetBy::Manager { operator, command, at };
    assert_eq!(shown(&settings, "supply.black.set-percent"), Some((20, "%".into(), manager.clone())));
    assert_eq!(shown(&settings, "supply.cyan.set-pages"), Some((500, "pages".into(), manager)));
}

#[test]
fn what_the_manager_sets_applies_until_it_is_reset() {
    let settings = set(&[
        ("sample.interval-seconds", 5),
        ("utilisation.interval-seconds", 60),
        ("programs.interval-seconds", 7_200),
        ("judge.hysteresis-percent", 7),
        ("judge.debounce-samples", 4),
        ("judge.part-percent", 12),
        ("supply.black.set-percent", 20),
        ("supply.black.set-days", 9),
        ("part.drum.set-percent", 30),
    ])
    .unwrap();
    let applied = apply(&files(), &settings);
    assert_eq!(applied.sample_interval, Duration::from_secs(5));
    assert_eq!(applied.utilisation_interval, Duration::from_secs(60));
    assert_eq!(applied.programs_interval, Duration::from_secs(7_200));
    let judge = &applied.judge;
    assert_eq!((judge.hysteresis_percent, judge.debounce_samples, judge.part_percent), (7, 4, 12));
    let black = &judge.set_values["black"];
    assert_eq!((black.percent, black.pages, black.days), (Some(20), None, Some(9)));
    assert_eq!(judge.part_percents["drum"], 30);
    let one = settings.reset(&["sample.interval-seconds".into()]).unwrap();
    assert_eq!(apply(&files(), &one).sample_interval, files().sample_interval);
    assert_eq!(apply(&files(), &one).judge.part_percent, 12);
    assert_eq!(one.reset(&[]).unwrap(), Settings::default());
}

#[test]
fn one_setting_that_cannot_be_leaves_all_as_they_were_and_is_named_with_what_can_be() {
    for (pair, words) in [
        (("judge.hysteresis-percent", 51), "between 0 and 50"),
        (("supply.blak.set-percent", 5), "black, cyan"),
        (("part.fuser.set-percent", 5), "drum"),
        (("judge.colour", 5), "judge.part-percent"),
    ] {
        let refused = set(&[("supply.black.set-percent", 20), pair]).unwrap_err().to_string();
        assert!(refused.contains(words) && refused.contains(pair.0), "{refused}");
    }
    assert_eq!(set(&[]), Err(CannotSet::Nothing));
    assert!(Settings::default().reset(&["judge".into()]).is_err());
    let many = (0..=MAX_SETTINGS_PER_COMMAND).map(|n| (format!("supply.s{n}.set-pages"), 1)).collect();
    let refused = Settings::default().set(&files(), &many, &origin()).unwrap_err();
    assert_eq!(refused, CannotSet::TooMany(MAX_SETTINGS_PER_COMMAND + 1));
}

proptest! {
    #[test]
    fn whatever_is_set_stays_within_its_bounds(
        value in any::<u32>(),
        name in prop::sample::select(vec![
            "sample.interval-seconds", "utilisation.interval-seconds", "programs.interval-seconds",
            "judge.hysteresis-percent", "judge.debounce-samples", "judge.part-percent", "supply.black.set-percent",
            "supply.cyan.set-pages", "supply.cyan.set-days", "part.drum.set-percent",
        ]),
    ) {
        match set(&[(name, value)]) {
            Ok(settings) => {
                let (key, chosen) = settings.iter().next().unwrap();
                prop_assert!(key.bounds().contains(&chosen.value));
                prop_assert_eq!(shown(&settings, name).unwrap().0, value);
            }
            Err(cause) => {
                let named = matches!(cause, CannotSet::OutOfBounds(_));
                prop_assert!(named, "{}", cause);
            }
        }
    }
}
