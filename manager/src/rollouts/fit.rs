//! Whether a device is to have the program of a rollout, and when. Pure.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::plan::Plan;
use super::versions;
use super::window::{Opening, zone};

/// A program, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What it is.
    pub name: String,
    /// Which of it.
    pub version: String,
    /// Models and boards that it is for; none: any.
    pub hardware: Vec<String>,
}

/// What is known of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether it is shut out, retired or about to be deleted.
    pub out_of_service: bool,
    /// The model of the printer and of the board, as it told when it last asked for a program.
    pub hardware: Option<(String, Option<String>)>,
    /// Which version of the program runs there, as it told.
    pub running: Option<String>,
    /// What keeps rollouts from it: of all programs and of this one.
    pub holds: Vec<Hold>,
    /// Its time zone.
    pub time_zone: Option<String>,
    /// A newer rollout of the same program that it is part of, by its id.
    pub superseded_by: Option<String>,
}

/// What keeps rollouts from a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The version on which it stays; none: on whatever it has.
    pub version: Option<String>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: Option<String>,
}

/// What becomes of a device that is to be offered the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It is offered it. What it has not fetched by then is taken back.
    Offer {
        /// When.
        until: Timestamp,
    },
    /// It is not to have it at all, for this reason.
    Skip(String),
    /// Somebody has decided that it stays as it is, for so long.
    Hold {
        /// Why.
        reason: String,
        /// Until when; none: until it is let go.
        until: Option<Timestamp>,
    },
    /// Its window opens then.
    Wait(Timestamp),
}

/// What becomes of a device.
pub fn fit(plan: &Plan, program: &Program, device: &Known, now: Timestamp) -> Fit {
    if device.out_of_service {
        return Fit::Skip("it is out of service".to_owned());
    }
    if let Some(newer) = &device.superseded_by {
        return Fit::Skip(format!("superseded by the rollout {newer}"));
    }
    if let Some(why) = unfit(plan, program, device) {
        return Fit::Skip(why);
    }
    if let Some(hold) = held(device, program, now) {
        return hold;
    }
    let fetch_by = now + SignedDuration::from_secs(plan.fetch_within_seconds.into());
    let Some(window) = &plan.window else { return Fit::Offer { until: fetch_by } };
    match window.opening(&zone(device.time_zone.as_deref(), window.time_zone.as_deref()), now) {
        Opening::Until(end) => Fit::Offer { until: fetch_by.min(end) },
        Opening::From(begin) => Fit::Wait(begin),
    }
}

/// Why a device is not to have a program.
fn unfit(plan: &Plan, program: &Program, device: &Known) -> Option<String> {
    let Program { name, version, hardware } = program;
    if let Some((model, board)) = &device.hardware
        && !hardware.is_empty()
        && !hardware.iter().any(|one| one == model || Some(one) == board.as_ref())
    {
        let here = board.as_ref().map_or_else(|| model.clone(), |board| format!("{model} on {board}"));
        return Some(format!("it is for {}, and the device is {here}", hardware.join(", ")));
    }
    let running = device.running.as_ref()?;
    match versions::order(running, version) {
        Ordering::Equal => Some(format!("it runs {name} {running} already")),
        Ordering::Greater if !plan.downgrade => {
            Some(format!("it runs {name} {running}, which is later, and the rollout does not downgrade"))
        }
        Ordering::Greater | Ordering::Less => None,
    }
}

fn held(device: &Known, program: &Program, now: Timestamp) -> Option<Fit> {
    let stands = |hold: &&Hold| {
        hold.until.is_none_or(|until| until > now) && hold.version.as_ref() != Some(&program.version)
    };
    let hold = device.holds.iter().find(stands)?;
    let on = hold.version.as_ref().map_or_else(String::new, |version| format!(" on {version}"));
    let why = hold.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    Some(Fit::Hold { reason: format!("held{on} by {}{why}", hold.by), until: hold.until })
}

#[cfg(test)]
mod tests {
    use super::super::window::Window;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-30T10:00:00Z".parse().unwrap()
    }

    fn program() -> Program {
        Program { name: "engine".into(), version: "2.0".into(), hardware: vec!["MFP 450".into()] }
    }

    fn of(plan: &Plan, device: &Known) -> Fit {
        fit(plan, &program(), device, now())
    }

    fn skipped(plan: &Plan, device: &Known) -> String {
        match of(plan, device) {
            Fit::Skip(why) => why,
            other => panic!("{other:?}"),
        }
    }

    fn running(version: &str) -> Known {
        Known { running: Some(version.into()), ..Known::default() }
    }

    #[test]
    fn who_does_not_fit_is_left_out_with_the_reason() {
        let plan = Plan::default();
        assert!(matches!(of(&plan, &Known::default()), Fit::Offer { .. }), "of whom nothing is known");
        let other = Known { hardware: Some(("MFP 900".into(), Some("Pi 4".into()))), ..Known::default() };
        assert!(skipped(&plan, &other).contains("MFP 450, and the device is MFP 900 on Pi 4"));
        assert!(
            skipped(&plan, &Known { out_of_service: true, ..Known::default() }).contains("out of service")
        );
        assert!(skipped(&plan, &running("2.0")).contains("already"));
        assert!(skipped(&plan, &running("2.0.1")).contains("downgrade"));
        assert!(matches!(of(&plan, &running("1.9")), Fit::Offer { .. }));
        let downgrade = Plan { downgrade: true, ..Plan::default() };
        assert!(matches!(of(&downgrade, &running("2.0.1")), Fit::Offer { .. }));
        let superseded = Known { superseded_by: Some("r-9".into()), ..Known::default() };
        assert!(skipped(&plan, &superseded).contains("r-9"));
    }

    #[test]
    fn who_is_held_stays_until_then_and_a_pin_lets_its_own_version_through() {
        let hold = |version: Option<&str>, until: Option<Timestamp>| Known {
            holds: vec![Hold {
                version: version.map(Into::into),
                until,
                by: "anna".into(),
                why: Some("fair".into()),
            }],
            ..Known::default()
        };
        let plan = Plan::default();
        let kept = of(&plan, &hold(None, None));
        assert_eq!(kept, Fit::Hold { reason: "held by anna: fair".into(), until: None });
        let later = now() + SignedDuration::from_secs(1);
        let pinned = of(&plan, &hold(Some("1.0"), Some(later)));
        assert_eq!(pinned, Fit::Hold { reason: "held on 1.0 by anna: fair".into(), until: Some(later) });
        assert!(matches!(of(&plan, &hold(Some("2.0"), None)), Fit::Offer { .. }));
        assert!(matches!(of(&plan, &hold(None, Some(now()))), Fit::Offer { .. }), "it is over");
    }

    #[test]
    fn an_offer_ends_with_the_window() {
        let window = Window { days: Vec::new(), from: "10:00".into(), to: "10:30".into(), time_zone: None };
        let plan = Plan { window: Some(window), ..Plan::default() };
        let until = "2026-11-30T10:30:00Z".parse().unwrap();
        assert_eq!(of(&plan, &Known::default()), Fit::Offer { until });
        let berlin = Known { time_zone: Some("Europe/Berlin".into()), ..Known::default() };
        assert_eq!(of(&plan, &berlin), Fit::Wait("2026-12-01T09:00:00Z".parse().unwrap()));
    }
}
