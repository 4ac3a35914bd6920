//! What the printer did, what applies, and what was asked for.

use std::fmt::Write as _;

use platen_protocol::device_to_manager::{Activity, EnteredBy};
use platen_protocol::facts::Celsius;
use platen_protocol::manager_to_device::CallState;
use platen_protocol::stamp::ClockQuality;

use super::{age, moment};
use crate::request::{Asked, Fate, Standing, Wish};
use crate::settings::{SetBy, SettingReport};

pub(super) fn activity(out: &mut String, activity: &Activity) {
    let _ = writeln!(out, "\nACTIVITY in the {} before the last utilisation report", age(activity.seconds));
    let states = [
        ("idle", activity.idle_seconds),
        ("printing", activity.printing_seconds),
        ("sleeping", activity.sleeping_seconds),
        ("stopped", activity.error_seconds),
    ];
    let states: Vec<_> = states.iter().map(|(name, seconds)| format!("{name} {}", age(*seconds))).collect();
    let _ = writeln!(out, "  {:<14} {}", "states", states.join(", "));
    if let Some(pages) = activity.pages {
        let _ = writeln!(out, "  {:<14} {pages}", "pages");
    }
    if let Some(pages) = activity.pages_per_day {
        let _ = writeln!(out, "  {:<14} {pages}", "pages a day");
    }
    for range in &activity.temperatures {
        let (lowest, highest) = (Celsius(range.lowest), Celsius(range.highest));
        let _ = writeln!(out, "  {:<14} {lowest} to {highest} °C", range.name);
    }
    for bus in &activity.buses {
        let _ = writeln!(
            out,
            "  {:<14} {} failed transfers, {} failed reads, {} times freed",
            bus.name, bus.failed_transfers, bus.failed_reads, bus.recoveries
        );
    }
}

pub(super) fn settings(out: &mut String, settings: &[SettingReport]) {
    if !settings.is_empty() {
        out.push_str("\nSETTINGS\n");
    }
    for SettingReport { name, value, unit, set_by } in settings {
        let value = format!("{value} {unit}");
        let _ = writeln!(out, "  {name:<32} {value:<12} {}", source(set_by));
    }
}

fn source(set_by: &SetBy) -> String {
    match set_by {
        SetBy::Default => "default".to_owned(),
        SetBy::AgentFile => "agent.toml".to_owned(),
        SetBy::BoardFile => "board.toml".to_owned(),
        SetBy::Manager { operator, at, .. } => {
            let operator = operator.as_deref().unwrap_or("an operator");
            format!("manager: {operator}, {}", moment(*at))
        }
    }
}

pub(super) fn asked(out: &mut String, asked: &[Asked]) {
    if !asked.is_empty() {
        out.push_str("\nREQUESTS\n");
    }
    for one in asked.iter().rev() {
        let doubt = if one.clock == ClockQuality::Synchronised { "" } else { " (clock not set)" };
        let by = match one.entered_by {
            EnteredBy::Button => " by button",
            EnteredBy::Command => "",
        };
        let (what, repeats) = (wish(&one.what), repeats(one));
        let _ = writeln!(out, "  {}{doubt}  {what}{by}{repeats}: {}", moment(one.at), fate(one));
    }
}

fn repeats(asked: &Asked) -> String {
    match asked.last_press {
        Some(last) => format!(", {} times, last {}", asked.presses, moment(last)),
        None => String::new(),
    }
}

/// Why an order is not made, and what to do.
pub fn ordered_already(asked: &Asked) -> String {
    let supply = match &asked.what {
        Wish::Order { supply, .. } => supply.as_str(),
        Wish::ServiceCall { .. } => "service",
    };
    format!(
        "{supply} is already ordered: {}, on {} by {}; {}. To order it again all the same, repeat with --again",
        wish(&asked.what),
        moment(asked.at),
        entered(asked.entered_by),
        fate(asked)
    )
}

/// What became of a call that repeats another one.
pub fn called_already(asked: &Asked) -> String {
    format!(
        "Service was already called on {} by {}: {}. This call is counted with it.",
        moment(asked.at),
        entered(asked.entered_by),
        fate(asked)
    )
}

fn entered(by: EnteredBy) -> &'static str {
    match by {
        EnteredBy::Button => "the button",
        EnteredBy::Command => "command",
    }
}

fn wish(wish: &Wish) -> String {
    match wish {
        Wish::ServiceCall { message: None, .. } => "service".to_owned(),
        Wish::ServiceCall { message: Some(message), .. } => format!("service ({message:?})"),
        Wish::Order { supply, part_number, quantity, note, .. } => {
            let mut text = format!("{quantity} x {supply}");
            if let Some(number) = part_number {
                let _ = write!(text, " [{number}]");
            }
            if let Some(note) = note {
                let _ = write!(text, " ({note:?})");
            }
            text
        }
    }
}

/// How far a call has got at the service centre.
fn stands(standing: &Standing) -> String {
    let who =
        standing.technician.as_deref().map(|name| format!(" ({})", name.escape_debug())).unwrap_or_default();
    match standing.state {
        CallState::Seen => "somebody there has seen it".to_owned(),
        CallState::Dispatched => format!("a technician is to come{who}"),
        CallState::OnTheWay => format!("a technician is on the way{who}"),
        CallState::AtDevice => format!("a technician is here{who}"),
        CallState::Unknown => "it is being dealt with".to_owned(),
    }
}

fn fate(asked: &Asked) -> String {
    match &asked.fate {
        Fate::Waiting => "stored, waiting to be sent to the service centre".to_owned(),
        Fate::Acknowledged { at } if asked.closed => {
            format!("received by the service centre at {}, and done", moment(*at))
        }
        Fate::Acknowledged { at } => {
            let received = format!("received by the service centre at {}", moment(*at));
            asked
                .standing
                .as_ref()
                .map_or_else(|| received.clone(), |standing| format!("{received}; {}", stands(standing)))
        }
        Fate::NotTaken => "REFUSED BY THE SERVICE CENTRE: phone them".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn time() -> Timestamp {
        "2026-05-31T10:20:30.4Z".parse().unwrap()
    }

    #[test]
    fn an_order_is_shown_with_what_when_and_whether_the_service_centre_has_it() {
        let what = Wish::Order {
            id: "order-1".parse().unwrap(),
            supply: "black".into(),
            part_number: Some("TN-210K".into()),
            quantity: 2,
            note: Some("by Friday".into()),
        };
        let mut one = Asked {
            at: time(),
            clock: ClockQuality::Synchronised,
            entered_by: EnteredBy::Command,
            what,
            fate: Fate::Waiting,
            closed: false,
            presses: 1,
            last_press: None,
            standing: None,
        };
        let show = |one: &Asked| {
            let mut out = String::new();
            asked(&mut out, std::slice::from_ref(one));
            out
        };
        let shown = show(&one);
        assert!(
            shown.contains("2026-05-31T10:20:30Z  2 x black [TN-210K] (\"by Friday\"): stored"),
            "{shown}"
        );
        one.fate = Fate::Acknowledged { at: time() };
        let standing = |state| Some(Standing { state, technician: Some("Tom".into()) });
        let on_the_way = Asked { standing: standing(CallState::OnTheWay), ..one.clone() };
        assert!(show(&on_the_way).contains("; a technician is on the way (Tom)"), "{}", show(&on_the_way));
        assert!(show(&one).contains("received by the service centre at 2026-05-31T10:20:30Z"));
    }

    #[test]
    fn a_setting_of_the_manager_names_the_operator_and_the_time() {
        let manager =
            SetBy::Manager { operator: Some("anna".into()), command: "c-1".parse().unwrap(), at: time() };
        let report = SettingReport {
            name: "supply.black.set-percent".into(),
            value: 20,
            unit: "%".into(),
            set_by: manager,
        };
        let mut out = String::new();
        settings(&mut out, &[report]);
        assert!(out.contains("20 %") && out.contains("manager: anna, 2026-05-31T10:20:30Z"), "{out}");
    }
}
