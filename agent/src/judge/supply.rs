//! Levels: when is a supply low, when empty, and when is a part at the end of its life? What is compared is
//! amounts; percent are only words.
//!
//! One scale serves supplies, receptacles and parts, since all three count what remains: toner in a
//! cartridge, space in a waste box, life in a drum.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::facts::{SetValue, Share};
use platen_protocol::readings::{PartReading, Reading, SupplyReading, SwitchMeaning};
use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyType};

use super::condition::{Aspect, Standing, Wording};
use super::finding::{Finding, Scene, Verdict};
use super::subject::{of_part, of_supply};

/// When a thing is low and when it is empty.
struct Scale {
    /// What is left of it.
    left: Share,
    /// What of that cannot be used.
    unusable: u32,
    /// Low at or below so many percent.
    set_percent: u8,
    /// Low no more so many points above that.
    hysteresis: u8,
    /// Empty no more at so many percent that can be used; 0 where a level is counted and does not shake.
    clear_of_empty: u8,
}

/// How it stands, given what stood before. It is empty by its amount, when nothing can be used any more.
/// Leaving a state takes more than entering it, so that a level that swings around the set value does not
/// alarm twice.
fn stand(scale: &Scale, before: Standing) -> Standing {
    let Scale { left, unusable, set_percent, hysteresis, clear_of_empty } = *scale;
    let clear_of_low = set_percent.saturating_add(hysteresis).min(100);
    let usable = left.above(unusable);
    match before {
        _ if usable.is_nothing() => Standing::Empty,
        Standing::Empty if usable.is_below(clear_of_empty) && !left.is_whole() => Standing::Empty,
        _ if left.is_at_most(set_percent) => Standing::Low,
        Standing::Low | Standing::Empty if left.is_below(clear_of_low) => Standing::Low,
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
                supply.share().map_or("is not empty".into(), |share| format!("is at {share}").into()),
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
    if let Some(left) = supply.share() {
        let hysteresis = scene.config.hysteresis_percent;
        let scale = Scale {
            left,
            unusable: supply.empty_amount(),
            set_percent: supply.set_percent,
            hysteresis,
            clear_of_empty: if supply.is_sensed() { hysteresis.max(1) } else { 0 },
        };
        let standing = stand(&scale, before);
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
    let left = supply.share().map_or_else(|| "an unknown level".to_owned(), |share| share.to_string());
    let what =
        if filled { format!("{name} has {left} of its space left") } else { format!("{name} is at {left}") };
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
        let verdict = match part.share_left() {
            None => Verdict::Unknown,
            Some(left) => {
                let hysteresis = scene.config.hysteresis_percent;
                let scale = Scale { left, unusable: 0, set_percent: set, hysteresis, clear_of_empty: 0 };
                match stand(&scale, before(scene, &part.name)) {
                    Standing::Enough => Verdict::Fine(format!("has {left} of its life left").into()),
                    standing => Verdict::holds(
                        Aspect::Level(standing),
                        part_wording(part, standing == Standing::Empty, left),
                    ),
                }
            }
        };
        let kind = Aspect::Level(Standing::Enough);
        Finding { subject: of_part(part), kind, verdict, needed: scene.config.debounce_samples }
    };
    scene.readings.parts.iter().map(one).collect()
}

/// The alert for a part. Parts with a life are changed by a technician: `fieldService`. One that is over prints
/// on, and what stops printing alone is critical.
fn part_wording(part: &PartReading, over: bool, left: Share) -> Wording {
    let opc = part.part_type == SupplyType::Opc;
    let code = match (over, opc) {
        (true, true) => AlertCode::MarkerOpcLifeOver,
        (true, false) => AlertCode::SubunitLifeOver,
        (false, true) => AlertCode::MarkerOpcLifeAlmostOver,
        (false, false) => AlertCode::SubunitLifeAlmostOver,
    };
    let name = &part.name;
    let what = if over {
        format!("the life of {name} is over: replace it")
    } else {
        format!("{name} has {left} of its life left: replace it soon")
    };
    let count = match (&part.used, part.rated_life) {
        (Reading::Known { value: used }, Capacity::Known { amount: rated }) => {
            format!(" ({used} of {rated} {})", part.unit)
        }
        _ => String::new(),
    };
    let number = part.part_number.as_ref().map(|number| format!(", part number {number}"));
    let description = format!("{what}{count}{}", number.unwrap_or_default());
    Wording::occurred((Severity::Warning, Training::FieldService), AlertGroup::Marker, code, description)
}
