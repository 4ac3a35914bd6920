//! What an alert is about: a thing on the board, or what belongs to the controller itself.

use platen_protocol::alert::AlertGroup;
use platen_protocol::readings::{
    PartReading, SupplyReading, SwitchMeaning, SwitchReading, TemperatureReading,
};

/// The name under which alerts tell of the engine's counter store.
pub const ENGINE: &str = "engine";
/// The name under which alerts tell of lines that cannot be read.
pub const LINES: &str = "lines";
/// The outbox, as the subject of an alert.
pub const OUTBOX: &str = "outbox";

/// What an alert is about.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) index: Option<u16>,
    pub(super) location: Option<i32>,
    pub(super) supply: Option<&'a SupplyReading>,
    pub(super) part: Option<&'a PartReading>,
}

/// A supply, as the subject of an alert.
pub(super) fn of_supply(supply: &SupplyReading) -> Subject<'_> {
    Subject { name: &supply.name, index: Some(supply.index), supply: Some(supply), ..Subject::default() }
}

/// A part, as the subject of an alert.
pub(super) fn of_part(part: &PartReading) -> Subject<'_> {
    Subject { name: &part.name, index: Some(part.index), part: Some(part), ..Subject::default() }
}

/// A sensor, as the subject of an alert.
pub(super) fn of_sensor(sensor: &TemperatureReading) -> Subject<'_> {
    Subject { name: &sensor.name, ..Subject::default() }
}

/// The fuser is part of the marker; what is elsewhere belongs to the printer in general.
pub(super) fn group(sensor: &TemperatureReading) -> AlertGroup {
    if sensor.is_fuser() { AlertGroup::Marker } else { AlertGroup::GeneralPrinter }
}

/// The place of a switch among those of some meanings, from 1.
pub(super) fn index_among(
    switches: &[SwitchReading],
    at: usize,
    counts: impl Fn(SwitchMeaning) -> bool,
) -> Option<u16> {
    let number = switches.iter().take(at + 1).filter(|switch| counts(switch.meaning)).count();
    u16::try_from(number).ok().filter(|number| *number > 0)
}
