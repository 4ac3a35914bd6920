//! What somebody types to plan a rollout, and the plan that it means. Pure.

use jiff::{Span, SpanRelativeTo};
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};

use super::super::super::fleet_query::FleetForm;
use super::super::super::problem::Refusal;
use super::super::super::said;
use crate::rollouts::plan::{HaltAt, Plan, Wave};
use crate::rollouts::window::{Day, Window};

const KIB: u64 = 1_024;
/// From midnight to midnight.
const WHOLE_DAYS: (&str, &str) = ("00:00", "00:00");
/// What a checkbox says.
const ON: &str = "on";

/// As it was typed or chosen, and stands in the address of a preview. An empty text is what is usual.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(in super::super) struct TypedPlan {
    /// `NAME/VERSION`.
    pub(super) program: String,
    pub(super) note: String,
    /// Names of devices; without any, those that the filter finds.
    pub(super) devices: String,
    pub(super) q: String,
    pub(super) model: String,
    pub(super) agent_version: String,
    pub(super) tag: String,
    pub(super) customer: String,
    pub(super) site: String,
    pub(super) waves: String,
    pub(super) pause: String,
    pub(super) enough_percent: String,
    pub(super) halt_failures: String,
    pub(super) halt_percent: String,
    pub(super) halt_of_at_least: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) time_zone: String,
    pub(super) monday: String,
    pub(super) tuesday: String,
    pub(super) wednesday: String,
    pub(super) thursday: String,
    pub(super) friday: String,
    pub(super) saturday: String,
    pub(super) sunday: String,
    pub(super) at_once: String,
    pub(super) kib_per_second: String,
    pub(super) downgrade: String,
    pub(super) fetch_within: String,
    pub(super) end_within: String,
    pub(super) silent_after: String,
}

impl Default for TypedPlan {
    fn default() -> Self {
        let empty = String::new;
        Self {
            program: empty(),
            note: empty(),
            devices: empty(),
            q: empty(),
            model: empty(),
            agent_version: empty(),
            tag: empty(),
            customer: empty(),
            site: empty(),
            waves: "5%, 25%".to_owned(),
            pause: "1 h".to_owned(),
            enough_percent: "90".to_owned(),
            halt_failures: empty(),
            halt_percent: "5".to_owned(),
            halt_of_at_least: "20".to_owned(),
            from: empty(),
            to: empty(),
            time_zone: empty(),
            monday: empty(),
            tuesday: empty(),
            wednesday: empty(),
            thursday: empty(),
            friday: empty(),
            saturday: empty(),
            sunday: empty(),
            at_once: "100".to_owned(),
            kib_per_second: empty(),
            downgrade: empty(),
            fetch_within: "1 h".to_owned(),
            end_within: "6 h".to_owned(),
            silent_after: "1 h".to_owned(),
        }
    }
}

fn refusal(detail: String) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, detail)
}

/// A whole number; none, of nothing.
fn number<T: std::str::FromStr>(what: &str, text: &str) -> Result<Option<T>, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).or(Err(refusal(format!("{what}: {text:?} is no whole number that can be meant"))))
}

/// A stretch of time as people write it, in seconds: `90 s`, `1 h 30 min`, `2 days`.
fn seconds(what: &str, text: &str, usual: u32) -> Result<u32, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(usual);
    }
    // A day is 24 hours here.
    let read = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let whole = read.ok().and_then(|stretch| u32::try_from(stretch.as_secs()).ok());
    whole.ok_or_else(|| refusal(format!("{what}: {text:?} is no stretch of time such as 90 min or 2 h")))
}

/// Waves as people write them: `10, 5%, 25 %`.
fn waves(text: &str) -> Result<Vec<Wave>, Refusal> {
    let read = |part: &str| {
        let share = part.strip_suffix('%').map(str::trim_end);
        let wave = match share {
            Some(share) => share.parse().ok().map(|percent| Wave { percent: Some(percent), devices: None }),
            None => part.parse().ok().map(|devices| Wave { percent: None, devices: Some(devices) }),
        };
        wave.ok_or_else(|| {
            refusal(format!("Waves: {part:?} is neither a number of devices nor a share such as 5%"))
        })
    };
    text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()).map(read).collect()
}

impl TypedPlan {
    /// The days of the week, with the names of their fields, and whether they are chosen.
    pub(super) fn days(&self) -> [(Day, &'static str, &'static str, bool); 7] {
        let is = |field: &str| field == ON;
        [
            (Day::Monday, "monday", "Mon", is(&self.monday)),
            (Day::Tuesday, "tuesday", "Tue", is(&self.tuesday)),
            (Day::Wednesday, "wednesday", "Wed", is(&self.wednesday)),
            (Day::Thursday, "thursday", "Thu", is(&self.thursday)),
            (Day::Friday, "friday", "Fri", is(&self.friday)),
            (Day::Saturday, "saturday", "Sat", is(&self.saturday)),
            (Day::Sunday, "sunday", "Sun", is(&self.sunday)),
        ]
    }

    /// Whether devices that run a later version get this one all the same.
    pub(super) fn downgrades(&self) -> bool {
        self.downgrade == ON
    }

    /// Which program.
    pub(super) fn program(&self) -> Result<(&str, &str), Refusal> {
        let why = || refusal("Program: choose the one that is to be rolled out".to_owned());
        self.program
            .split_once('/')
            .filter(|(name, version)| !name.is_empty() && !version.is_empty())
            .ok_or_else(why)
    }

    /// Names of devices, if any were given.
    pub(super) fn names(&self) -> Vec<&str> {
        let by = |c: char| c.is_whitespace() || c == ',';
        self.devices.split(by).filter(|word| !word.is_empty()).collect()
    }

    /// What is asked of the fleet, where no devices are named.
    pub(super) fn filter(&self) -> FleetForm {
        FleetForm {
            q: self.q.clone(),
            model: self.model.clone(),
            agent_version: self.agent_version.clone(),
            tag: self.tag.clone(),
            customer: self.customer.clone(),
            site: self.site.clone(),
            ..FleetForm::default()
        }
    }

    /// The plan that it means, or what of it makes no sense.
    pub(super) fn plan(&self) -> Result<Plan, Refusal> {
        let usual = Plan::default();
        let plan = Plan {
            waves: waves(&self.waves)?,
            pause_seconds: seconds("Pause", &self.pause, usual.pause_seconds)?,
            enough_percent: number("Enough", &self.enough_percent)?.unwrap_or(usual.enough_percent),
            halt_at: HaltAt {
                failures: number("Halt at failures", &self.halt_failures)?,
                percent: number("Halt at percent", &self.halt_percent)?,
                of_at_least: number("Counted from", &self.halt_of_at_least)?
                    .unwrap_or(usual.halt_at.of_at_least),
            },
            window: self.window()?,
            at_once: number("At once", &self.at_once)?.unwrap_or(usual.at_once),
            bytes_per_second: number::<u64>("KiB a second", &self.kib_per_second)?
                .map(|kib| kib.saturating_mul(KIB)),
            downgrade: self.downgrades(),
            fetch_within_seconds: seconds("Fetched within", &self.fetch_within, usual.fetch_within_seconds)?,
            end_within_seconds: seconds("Ended within", &self.end_within, usual.end_within_seconds)?,
            silent_after_seconds: seconds("Heard of within", &self.silent_after, usual.silent_after_seconds)?,
        };
        plan.check().map_err(|error| refusal(error.to_string()))?;
        Ok(plan)
    }

    fn window(&self) -> Result<Option<Window>, Refusal> {
        let chosen = self.days().into_iter().filter(|(.., chosen)| *chosen);
        let days: Vec<Day> = chosen.map(|(day, ..)| day).collect();
        let (from, to) = match (self.from.trim(), self.to.trim()) {
            ("", "") if days.is_empty() => return Ok(None),
            ("", "") => WHOLE_DAYS,
            (from, to) if !from.is_empty() && !to.is_empty() => (from, to),
            _ => {
                return Err(refusal(
                    "Window: give both when it begins and when it ends, or neither".to_owned(),
                ));
            }
        };
        let time_zone = said::time_zone(&self.time_zone)?;
        Ok(Some(Window { days, from: from.to_owned(), to: to.to_owned(), time_zone }))
    }

    /// All that it says, as fields of another form.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let query = self.query();
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// The same as an address has it.
    pub(super) fn query(&self) -> String {
        // A form of texts always has one; should it not, an empty form is shown.
        serde_urlencoded::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(change: fn(&mut TypedPlan)) -> String {
        let mut form = TypedPlan::default();
        change(&mut form);
        form.plan().unwrap_err().0.detail
    }

    #[test]
    fn what_is_typed_is_the_plan_that_it_means() {
        let form = TypedPlan {
            waves: "10, 5%; 25 %".into(),
            pause: "1 h 30 min".into(),
            halt_failures: "3".into(),
            halt_percent: String::new(),
            from: "22:00".into(),
            to: "05:00".into(),
            time_zone: "Europe/Berlin".into(),
            saturday: ON.into(),
            kib_per_second: "512".into(),
            downgrade: ON.into(),
            ..TypedPlan::default()
        };
        let plan = form.plan().unwrap();
        let shares: Vec<_> = plan.waves.iter().map(|wave| (wave.devices, wave.percent)).collect();
        assert_eq!(shares, [(Some(10), None), (None, Some(5)), (None, Some(25))]);
        assert_eq!((plan.pause_seconds, plan.bytes_per_second, plan.downgrade), (5_400, Some(524_288), true));
        assert_eq!((plan.halt_at.failures, plan.halt_at.percent), (Some(3), None));
        let window = plan.window.unwrap();
        assert_eq!((window.days.as_slice(), window.from.as_str()), (&[Day::Saturday][..], "22:00"));
        assert_eq!(window.time_zone.as_deref(), Some("Europe/Berlin"));
    }

    #[test]
    fn an_empty_form_is_the_usual_plan_and_says_so() {
        let shown = TypedPlan::default();
        let plan = shown.plan().unwrap();
        assert_eq!(
            Plan { waves: Vec::new(), ..plan },
            Plan::default(),
            "what stands in the form is what is usual"
        );
        let empty: TypedPlan = serde_urlencoded::from_str("waves=&pause=&at_once=&end_within=").unwrap();
        assert_eq!(empty.plan().unwrap(), Plan::default());
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        assert!(refused(|form| form.waves = "5%, many".into()).contains("\"many\" is neither"));
        assert!(refused(|form| form.waves = "0".into()).contains("waves[0]"));
        assert!(refused(|form| form.pause = "-1 h".into()).contains("Pause"));
        assert!(refused(|form| form.pause = "60".into()).contains("such as 90 min"));
        assert!(refused(|form| form.pause = "31 days".into()).contains("pause_seconds"));
        assert!(refused(|form| form.from = "22:00".into()).contains("or neither"));
        assert!(refused(|form| (form.from, form.to) = ("25:00".into(), "05:00".into())).contains("window"));
        assert!(refused(|form| (form.sunday, form.time_zone) = (ON.into(), "Kiel".into())).contains("Kiel"));
        assert!(refused(|form| form.halt_percent = String::new()).contains("halt_at"));
        assert!(TypedPlan::default().program().is_err());
    }

    #[test]
    fn whole_days_are_a_window_too() {
        let form = TypedPlan { sunday: ON.into(), ..TypedPlan::default() };
        let window = form.plan().unwrap().window.unwrap();
        assert_eq!((window.from.as_str(), window.to.as_str()), ("00:00", "00:00"));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_plan_or_refused_and_stands_in_the_address(
            texts in prop::array::uniform5(".{0,20}"),
        ) {
            let [waves, pause, from, halt_failures, devices] = texts;
            let form = TypedPlan { devices, waves, pause, halt_failures, from, ..TypedPlan::default() };
            let _ = form.plan();
            prop_assert_eq!(serde_urlencoded::from_str::<TypedPlan>(&form.query()).unwrap(), form);
        }
    }
}
