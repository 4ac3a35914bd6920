//! Levels: when is a supply low, when empty, and when is a part at the end of its life?
//!
//! One scale serves supplies, receptacles and parts, since all three count what remains: toner in a
//! cartridge, space in a waste box, life in a drum.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::facts::SetValue;
use platen_protocol::readings::{PartReading, Reading, SupplyReading, SwitchMeaning};
use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyType};

use super::condition::{Aspect, Standing, Wording};
use super::finding::{Finding, Scene, Verdict};
use super::subject::{of_part, of_supply};

/// What a percentage means, given what stood before. Leaving a state takes `hysteresis` points more
/// than entering it, so that a level that swings around the set value does not alarm twice.
pub fn stand(percent: u8, set_percent: u8, hysteresis: u8, before: Standing) -> Standing {
    let clear_of_low = set_percent.saturating_add(hysteresis).min(100);
    let clear_of_empty = hysteresis.max(1);
    match before {
        _ if percent == 0 => Standing::Empty,
        Standing::Empty if percent < clear_of_empty => Standing::Empty,
        _ if percent <= set_percent => Standing::Low,
        Standing::Low | Standing::Empty if percent < clear_of_low => Standing::Low,
        _ => Standing::Enough,
    }
}

/// The findings about the levels of supplies.
pub(super) fn supplies<'r>(scene: Scene<'_, 'r>) -> Vec<Finding<'r>> {
    let one = |supply: &'r SupplyReading| {
        let out = scene.supply_switch(&supply.name, SwitchMeaning::WastePresent) == Some(false);
        let verdict = match supply_standing(scene, supply) {
            // A box that is told of as missing is not also full.
            _ if out => Verdict::fine("was taken out"),
            None => Verdict::Unknown,
            Some(Standing::Enough) => Verdict::Fine(
                supply.percent().map_or("is not empty".into(), |percent| format!("is at {percent} %").into()),
            ),
            Some(standing) => {
                Verdict::holds(Aspect::Level(standing), supply_wording(supply, standing == Standing::Empty))
            }
        };
        let kind = Aspect::Level(Standing::Enough);
        Finding { subject: of_supply(supply), kind, verdict, needed: scene.config.debounce_samples }
    };
    scene.readings.supplies.iter().map(one).collect()
}

fn before(scene: Scene<'_, '_>, name: &str) -> Standing {
    match scene.alerts.of(name, Aspect::Level(Standing::Enough)) {
        Some(Aspect::Level(standing)) => standing,
        _ => Standing::Enough,
    }
}

fn supply_standing(scene: Scene<'_, '_>, supply: &SupplyReading) -> Option<Standing> {
    let full = scene.supply_switch(&supply.name, SwitchMeaning::WasteFull);
    if full == Some(true) {
        return Some(Standing::Empty);
    }
    let before = before(scene, &supply.name);
    if let Some(percent) = supply.percent() {
        let standing = stand(percent, supply.set_percent, scene.config.hysteresis_percent, before);
        let low = supply.is_low() || (before != Standing::Enough && supply.is_near_estimate());
        return Some(if standing == Standing::Enough && low { Standing::Low } else { standing });
    }
    match supply.level {
        // What is said to hold something is not empty; how much is in it stays unknown.
        Level::SomeRemains if before == Standing::Empty => Some(Standing::Enough),
        Level::Unrestricted => Some(Standing::Enough),
        // The switch is all that tells of this box, and it says that there is space.
        _ if full == Some(false) && before == Standing::Empty => Some(Standing::Enough),
        _ => None,
    }
}

/// The alert for a supply. The users of a printer change its cartridges themselves: `untrained`.
fn supply_wording(supply: &SupplyReading, empty: bool) -> Wording {
    use AlertCode as Code;
    let filled = supply.class == SupplyClass::ReceptacleThatIsFilled;
    let (low_code, empty_code) = match supply.supply_type {
        toner if toner.is_toner() && !filled => (Code::MarkerTonerAlmostEmpty, Code::MarkerTonerEmpty),
        ink if ink.is_ink() && !filled => (Code::MarkerInkAlmostEmpty, Code::MarkerInkEmpty),
        SupplyType::Developer if !filled => (Code::MarkerDeveloperAlmostEmpty, Code::MarkerDeveloperEmpty),
        SupplyType::WasteToner => {
            (Code::MarkerWasteTonerReceptacleAlmostFull, Code::MarkerWasteTonerReceptacleFull)
        }
        _ if filled => (Code::SubunitAlmostFull, Code::SubunitFull),
        _ => (Code::SubunitAlmostEmpty, Code::SubunitEmpty),
    };
    let (severity, code) =
        if empty { (Severity::Critical, empty_code) } else { (Severity::Warning, low_code) };
    let name = &supply.name;
    let description = match (empty, filled) {
        (true, false) => format!("{name} is empty"),
        (true, true) => format!("{name} is full"),
        (false, filled) => low_description(supply, filled),
    };
    Wording::occurred((severity, Training::Untrained), AlertGroup::MarkerSupplies, code, description)
}

fn low_description(supply: &SupplyReading, filled: bool) -> String {
    let name = &supply.name;
    let percent = supply.percent().unwrap_or(0);
    let what = if filled {
        format!("{name} has {percent} % of its space left")
    } else {
        format!("{name} is at {percent} %")
    };
    match supply.reached() {
        Some(SetValue::Pages { left, set }) => {
            format!("{what}, about {left} pages: at or below its set value of {set} pages")
        }
        Some(SetValue::Days { left, set }) => {
            format!("{what}, about {left} days: at or below its set value of {set} days")
        }
        Some(SetValue::Percent(set)) => format!("{what}, at or below its set value of {set} %"),
        None => format!("{what}, little above its set value"),
    }
}

/// The findings about the lives of parts.
pub(super) fn parts<'r>(scene: Scene<'_, 'r>) -> Vec<Finding<'r>> {
    let one = |part: &'r PartReading| {
        let set = part.set_percent.unwrap_or(scene.config.part_percent);
        let verdict = match part.percent_left() {
            None => Verdict::Unknown,
            Some(percent) => {
                match stand(percent, set, scene.config.hysteresis_percent, before(scene, &part.name)) {
                    Standing::Enough => Verdict::Fine(format!("has {percent} % of its life left").into()),
                    standing => Verdict::holds(
                        Aspect::Level(standing),
                        part_wording(part, standing == Standing::Empty, percent),
                    ),
                }
            }
        };
        let kind = Aspect::Level(Standing::Enough);
        Finding { subject: of_part(part), kind, verdict, needed: scene.config.debounce_samples }
    };
    scene.readings.parts.iter().map(one).collect()
}

/// The alert for a part. Parts with a life are changed by a technician: `fieldService`.
fn part_wording(part: &PartReading, over: bool, percent: u8) -> Wording {
    let opc = part.part_type == SupplyType::Opc;
    let (severity, code) = match (over, opc) {
        (true, true) => (Severity::Critical, AlertCode::MarkerOpcLifeOver),
        (true, false) => (Severity::Critical, AlertCode::SubunitLifeOver),
        (false, true) => (Severity::Warning, AlertCode::MarkerOpcLifeAlmostOver),
        (false, false) => (Severity::Warning, AlertCode::SubunitLifeAlmostOver),
    };
    let name = &part.name;
    let what = if over {
        format!("the life of {name} is over: replace it")
    } else {
        format!("{name} has {percent} % of its life left: replace it soon")
    };
    let count = match (&part.used, part.rated_life) {
        (Reading::Known { value: used }, Capacity::Known { amount: rated }) => {
            format!(" ({used} of {rated} {})", part.unit)
        }
        _ => String::new(),
    };
    let number = part.part_number.as_ref().map(|number| format!(", part number {number}"));
    let description = format!("{what}{count}{}", number.unwrap_or_default());
    Wording::occurred((severity, Training::FieldService), AlertGroup::Marker, code, description)
}
