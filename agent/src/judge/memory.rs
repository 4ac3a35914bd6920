//! Memories that stay unreadable, and cartridges that do not belong where they are.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::readings::{
    CounterKind, HeldKind, PartReading, Reading, Readings, SupplyReading, SwitchMeaning, SwitchReading,
    TemperatureReading,
};
use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyType};
use platen_protocol::unknown::{UnknownCause, UnknownReason};

use super::condition::{Access, Aspect, Wording};
use super::finding::{Finding, Scene, Verdict};
use super::subject::{ENGINE, LINES, Subject, of_part, of_supply};

/// What a cause means for the chip; `None` while its whole bus fails, which is told by itself.
pub(super) fn access(cause: Option<&UnknownCause>, bus_failing: bool) -> Option<Access> {
    match cause.map(|cause| cause.reason) {
        None | Some(UnknownReason::NotMeasured) => Some(Access::Readable),
        Some(UnknownReason::NoAnswer) => Some(Access::Missing),
        Some(UnknownReason::BusFailing) if bus_failing => None,
        Some(UnknownReason::BusFailing | UnknownReason::Damaged | UnknownReason::Implausible) => {
            Some(Access::Failing)
        }
    }
}

/// Whether any bus fails as a whole, or has no power.
pub(super) fn bus_failing(readings: &Readings) -> bool {
    readings.buses.iter().any(|bus| bus.failing.is_some())
        || readings.held.iter().any(|held| held.kind == HeldKind::Bus)
}

/// Why the engine's counters cannot be read, if they cannot.
fn engine_cause(readings: &Readings) -> Option<&UnknownCause> {
    readings.counters.iter().filter(|counter| counter.kind != CounterKind::PageExits).find_map(|counter| {
        match &counter.value {
            Reading::Unknown { cause } => Some(cause),
            Reading::Known { .. } => None,
        }
    })
}

/// Why a supply cannot be read, if it cannot.
pub(super) fn supply_cause(supply: &SupplyReading) -> Option<&UnknownCause> {
    match &supply.level {
        Level::Unknown { cause } => Some(cause),
        _ => None,
    }
}

/// The first on the board of those whom a cause keeps from being read: they share a chip or a line, and one
/// event is told once. Causes name the chip's place; what a chip says wrong may be the same of two.
fn first_with<'r>(readings: &'r Readings, cause: &UnknownCause) -> Option<&'r str> {
    let is = |one: Option<&UnknownCause>| one == Some(cause);
    if is(engine_cause(readings)) {
        return Some(ENGINE);
    }
    let lost =
        |switch: &SwitchReading| matches!(&switch.active, Reading::Unknown { cause: one } if one == cause);
    if readings.switches.iter().any(lost) {
        return Some(LINES);
    }
    if !matches!(cause.reason, UnknownReason::NoAnswer | UnknownReason::BusFailing) {
        return None;
    }
    let supply = readings.supplies.iter().find(|s| is(supply_cause(s))).map(|s| s.name.as_str());
    let part = || readings.parts.iter().find(|p| is(part_cause(p))).map(|p| p.name.as_str());
    let sensor = || readings.temperatures.iter().find(|t| is(sensor_cause(t))).map(|t| t.name.as_str());
    supply.or_else(part).or_else(sensor)
}

/// Whether the cause that keeps a thing from being read is told of another one.
pub(super) fn told_of_another(readings: &Readings, name: &str, cause: &UnknownCause) -> bool {
    first_with(readings, cause).is_some_and(|first| first != name)
}

/// Why a temperature cannot be read, if it cannot.
pub(super) fn sensor_cause(sensor: &TemperatureReading) -> Option<&UnknownCause> {
    match &sensor.millidegrees_celsius {
        Reading::Unknown { cause } => Some(cause),
        Reading::Known { .. } => None,
    }
}

fn part_cause(part: &PartReading) -> Option<&UnknownCause> {
    match &part.used {
        Reading::Unknown { cause } => Some(cause),
        Reading::Known { .. } => None,
    }
}

/// The findings about the memories of supplies and parts and about the engine's counter store.
pub(super) fn findings<'r>(scene: Scene<'_, 'r>) -> Vec<Finding<'r>> {
    let failing = bus_failing(scene.readings);
    let engine = engine_cause(scene.readings);
    let supplies = scene.readings.supplies.iter().map(|supply| {
        let missing = missing_supply(supply.class, supply.supply_type);
        let verdict = match scene.supply_switch(&supply.name, SwitchMeaning::WastePresent) {
            Some(false) => {
                let text = format!("{} is missing: its switch says so", supply.name);
                Verdict::holds(
                    Aspect::Memory(Access::Missing),
                    missing_wording(missing, AlertGroup::MarkerSupplies, text),
                )
            }
            _ if scene.readings.held_of(HeldKind::Supply, &supply.name).is_some() => Verdict::Unknown,
            _ => match supply_cause(supply) {
                Some(cause) if told_of_another(scene.readings, &supply.name, cause) => Verdict::Unknown,
                Some(cause) if is_lost_sensor(supply, cause) => sensor_lost(supply, cause),
                cause => verdict(&supply.name, cause, failing, missing, AlertGroup::MarkerSupplies),
            },
        };
        (of_supply(supply), verdict)
    });
    let parts = scene.readings.parts.iter().map(|part| {
        let verdict = match part_cause(part) {
            _ if scene.readings.held_of(HeldKind::Part, &part.name).is_some() => Verdict::Unknown,
            // Lives that the engine counts are lost with its store, which is told.
            Some(cause) if told_of_another(scene.readings, &part.name, cause) => Verdict::Unknown,
            cause => verdict(&part.name, cause, failing, AlertCode::SubunitMissing, AlertGroup::Marker),
        };
        (of_part(part), verdict)
    });
    let kind = Aspect::Memory(Access::Readable);
    let needed = scene.config.debounce_samples;
    let mut findings: Vec<Finding<'r>> =
        supplies.chain(parts).map(|(subject, verdict)| Finding { subject, kind, verdict, needed }).collect();
    if scene.readings.counters.iter().any(|counter| counter.kind != CounterKind::PageExits) {
        let held = scene.readings.held_of(HeldKind::Counters, ENGINE).is_some();
        findings.push(engine_finding(engine, failing, needed, held));
    }
    findings
}

fn engine_finding<'r>(
    cause: Option<&UnknownCause>,
    bus_failing: bool,
    needed: u32,
    held: bool,
) -> Finding<'r> {
    let group = AlertGroup::GeneralPrinter;
    let verdict = match (access(cause, bus_failing), cause) {
        _ if held => Verdict::Unknown,
        (None, _) => Verdict::Unknown,
        (Some(Access::Readable), _) | (_, None) => Verdict::fine("can be read again"),
        (Some(access), Some(cause)) => {
            let code = match access {
                Access::Missing => AlertCode::SubunitMissing,
                _ => AlertCode::SubunitRecoverableFailure,
            };
            let text = format!("the counters of the engine cannot be read: {cause}");
            let rank = (Severity::Warning, Training::FieldService);
            Verdict::holds(Aspect::Engine(access), Wording::occurred(rank, group, code, text))
        }
    };
    let subject = Subject { name: ENGINE, ..Subject::default() };
    Finding { subject, kind: Aspect::Engine(Access::Readable), verdict, needed }
}

/// A chip that is there and cannot be read is a technician's matter, and the printer may print on.
fn verdict(
    name: &str,
    cause: Option<&UnknownCause>,
    bus_failing: bool,
    missing: AlertCode,
    group: AlertGroup,
) -> Verdict {
    match (access(cause, bus_failing), cause) {
        (None, _) => Verdict::Unknown,
        (Some(Access::Readable), _) | (_, None) => Verdict::fine("can be read again"),
        (Some(Access::Missing), Some(cause)) => Verdict::holds(
            Aspect::Memory(Access::Missing),
            missing_wording(missing, group, format!("{name} is missing: {cause}")),
        ),
        (Some(Access::Failing), Some(cause)) => {
            let code = AlertCode::SubunitRecoverableFailure;
            let text = format!("{name} cannot be read: {cause}");
            let rank = (Severity::Warning, Training::FieldService);
            Verdict::holds(Aspect::Memory(Access::Failing), Wording::occurred(rank, group, code, text))
        }
    }
}

/// Whether the converter of a supply's sensor is gone. A supply with a memory tells its capacity only while
/// that can be read; one with a sensor has it from the board file.
fn is_lost_sensor(supply: &SupplyReading, cause: &UnknownCause) -> bool {
    cause.reason == UnknownReason::NoAnswer && matches!(supply.capacity, Capacity::Known { .. })
}

/// The supply itself may be where it belongs, and the printer prints on.
fn sensor_lost(supply: &SupplyReading, cause: &UnknownCause) -> Verdict {
    let text = format!("the sensor of {} is lost: {cause}", supply.name);
    let rank = (Severity::Warning, Training::FieldService);
    let code = AlertCode::SubunitMissing;
    let wording = Wording::occurred(rank, AlertGroup::MarkerSupplies, code, text);
    Verdict::holds(Aspect::Memory(Access::Missing), wording)
}

/// Something missing stops printing, and anyone can put it back.
fn missing_wording(code: AlertCode, group: AlertGroup, text: String) -> Wording {
    Wording::occurred((Severity::Critical, Training::Untrained), group, code, text)
}

/// Only a toner cartridge has a code of its own for "missing"; the rest takes the generic one.
fn missing_supply(class: SupplyClass, supply_type: SupplyType) -> AlertCode {
    if class == SupplyClass::SupplyThatIsConsumed && supply_type.is_toner() {
        AlertCode::MarkerTonerCartridgeMissing
    } else {
        AlertCode::SubunitMissing
    }
}

/// The findings about cartridges in the wrong place. The MIB has no code for them: the place is not empty
/// (`subunitMissing`), nothing is broken for good (`subunitUnrecoverableFailure`), and it is mended without
/// a new part, which is what `subunitRecoverableFailure` says.
pub(super) fn wrong_types<'r>(scene: Scene<'_, 'r>) -> Vec<Finding<'r>> {
    let one = |supply: &'r SupplyReading| {
        let verdict = if supply_cause(supply).is_some() {
            Verdict::Unknown
        } else {
            match supply.mismatch() {
                None => Verdict::fine("belongs in its place"),
                Some(what) => {
                    let text = format!("the wrong supply is in the place of {}: {what}", supply.name);
                    let rank = (Severity::Critical, Training::Untrained);
                    let code = AlertCode::SubunitRecoverableFailure;
                    let wording = Wording::occurred(rank, AlertGroup::MarkerSupplies, code, text);
                    Verdict::holds(Aspect::WrongType, wording)
                }
            }
        };
        let (kind, needed) = (Aspect::WrongType, scene.config.debounce_samples);
        Finding { subject: of_supply(supply), kind, verdict, needed }
    };
    scene.readings.supplies.iter().map(one).collect()
}
