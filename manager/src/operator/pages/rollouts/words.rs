//! A plan in words, for people. Pure.

use super::super::words::{counted, units};
use crate::rollouts::plan::{Plan, Wave};
use crate::rollouts::window::{Day, Window};

/// What a plan says, a line for each thing: its name, and the words.
pub(super) fn plan(plan: &Plan) -> Vec<(&'static str, String)> {
    let seconds = |seconds: u32| units::stretch(seconds.into());
    let mut lines = vec![("Waves", waves(&plan.waves))];
    if !plan.waves.is_empty() {
        let pause = match plan.pause_seconds {
            0 => "the next one at once".to_owned(),
            pause => format!("the next one {} later", seconds(pause)),
        };
        lines.push((
            "A wave has succeeded",
            format!("when {} % of it have ended; {pause}", plan.enough_percent),
        ));
    }
    lines.push(("It halts", halts(plan)));
    lines.push(("When", plan.window.as_ref().map_or_else(|| "at any time".to_owned(), window)));
    let rate = plan.bytes_per_second.map(|rate| format!(", together at most {} KiB a second", rate / 1_024));
    lines.push(("At once", counted(plan.at_once.into(), "device", "devices") + &rate.unwrap_or_default()));
    let later = if plan.downgrade { "get it all the same" } else { "are skipped" };
    lines.push(("Devices with a later version", later.to_owned()));
    lines.push((
        "A device",
        format!(
            "fetches it within {}, or another one has its turn; is a failure if it has not told the end {} after it was given it, or is not heard of for {} after it kept it",
            seconds(plan.fetch_within_seconds),
            seconds(plan.end_within_seconds),
            seconds(plan.silent_after_seconds),
        ),
    ));
    lines
}

fn waves(waves: &[Wave]) -> String {
    let words = |wave: &Wave| match (wave.devices, wave.percent) {
        (Some(devices), _) => counted(devices.into(), "device", "devices"),
        (None, percent) => format!("{} %", percent.unwrap_or(0)),
    };
    let named: Vec<String> = waves.iter().map(words).collect();
    if named.is_empty() { "all at once".to_owned() } else { format!("{}, the rest", named.join(", ")) }
}

fn halts(plan: &Plan) -> String {
    let halt = plan.halt_at;
    let share = halt.percent.map(|percent| {
        let least = counted(halt.of_at_least.into(), "device", "devices");
        format!("when {percent} % of at least {least} failed, or of a wave at its end")
    });
    let count =
        halt.failures.map(|failures| format!("at {}", counted(failures.into(), "failure", "failures")));
    let all: Vec<String> = count.into_iter().chain(share).collect();
    all.join(", and ")
}

fn window(window: &Window) -> String {
    let days: Vec<&str> = window.days.iter().map(|day| day_words(*day)).collect();
    let days = if days.is_empty() { String::new() } else { format!("{}, ", days.join(", ")) };
    let hours = if window.from == window.to {
        "all day".to_owned()
    } else {
        format!("{} to {}", window.from, window.to)
    };
    let zone = window.time_zone.as_deref().unwrap_or("UTC");
    format!("{days}{hours}, by the time at each device ({zone} where that is not known)")
}

const fn day_words(day: Day) -> &'static str {
    match day {
        Day::Monday => "Mondays",
        Day::Tuesday => "Tuesdays",
        Day::Wednesday => "Wednesdays",
        Day::Thursday => "Thursdays",
        Day::Friday => "Fridays",
        Day::Saturday => "Saturdays",
        Day::Sunday => "Sundays",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_in_words() {
        let mut planned = Plan { waves: vec![Wave { percent: None, devices: Some(10) }], ..Plan::default() };
        planned.window = Some(Window {
            days: vec![Day::Monday],
            from: "22:00".into(),
            to: "05:00".into(),
            time_zone: None,
        });
        planned.bytes_per_second = Some(524_288);
        let lines = plan(&planned);
        let of = |name: &str| lines.iter().find(|(one, _)| *one == name).unwrap().1.clone();
        assert_eq!(of("Waves"), "10 devices, the rest");
        assert!(of("A wave has succeeded").contains("90 %"), "{lines:?}");
        assert!(of("It halts").contains("5 % of at least 20"), "{lines:?}");
        assert_eq!(
            of("When"),
            "Mondays, 22:00 to 05:00, by the time at each device (UTC where that is not known)"
        );
        assert_eq!(of("At once"), "100 devices, together at most 512 KiB a second");
        let simple = plan(&Plan::default());
        assert!(simple.contains(&("Waves", "all at once".to_owned())));
        assert!(!simple.iter().any(|(name, _)| *name == "A wave has succeeded"));
    }
}
