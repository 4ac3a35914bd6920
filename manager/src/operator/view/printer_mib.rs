//! A printer's supplies and alerts as rows of the Printer MIB (RFC 3805), for programs that know printers: columns by their
//! names there, enumerations by number and label. docs/printer-words.md says where each comes from. Pure.

use jiff::Timestamp;
use platen_protocol::alert::AlertGroup;
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::{PartReading, Readings, SupplyReading};
use platen_protocol::supply::{Capacity, Level, SupplyClass};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::AlertRecord;

/// `other`: there is no restriction.
const UNRESTRICTED: i32 = -1;
/// `unknown`; of a location and of an index too.
const UNKNOWN: i32 = -2;
/// Some remains.
const SOME_REMAINS: i32 = -3;
/// Not applicable: what an alert is about has no row in its table.
const NO_ROW: i32 = -1;
/// The one printer of a device, and its one marker: a board knows of no other.
const ONLY: i32 = 1;
/// No colorant.
const NO_COLORANT: i32 = 0;

/// A value of an enumeration of the MIB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct MibValue {
    /// Its number.
    pub(in super::super) number: u16,
    /// Its label.
    pub(in super::super) label: &'static str,
}

macro_rules! value {
    ($value:expr) => {
        MibValue { number: $value.number(), label: $value.name() }
    };
}

/// A row of `prtMarkerSuppliesTable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct SupplyRow {
    /// Which printer of the host; a device is one.
    pub(in super::super) hr_device_index: i32,
    /// Which supply. Parts that wear follow the supplies.
    pub(in super::super) prt_marker_supplies_index: i32,
    /// Which marker uses it.
    pub(in super::super) prt_marker_supplies_marker_index: i32,
    /// Which row of the colorants, or 0.
    pub(in super::super) prt_marker_supplies_colorant_index: i32,
    /// Whether it is consumed or filled.
    pub(in super::super) prt_marker_supplies_class: MibValue,
    /// What it is.
    pub(in super::super) prt_marker_supplies_type: MibValue,
    /// For people.
    pub(in super::super) prt_marker_supplies_description: String,
    /// In what it is measured.
    pub(in super::super) prt_marker_supplies_supply_unit: MibValue,
    /// What it holds when it is full; -1 without restriction, -2 unknown.
    pub(in super::super) prt_marker_supplies_max_capacity: i32,
    /// What is left, of a receptacle the space; -1 without restriction, -2 unknown, -3 something.
    pub(in super::super) prt_marker_supplies_level: i32,
}

/// A row of `prtMarkerColorantTable`, as far as a board knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ColorantRow {
    /// Which printer of the host.
    pub(in super::super) hr_device_index: i32,
    /// Which colorant.
    pub(in super::super) prt_marker_colorant_index: i32,
    /// Which marker uses it.
    pub(in super::super) prt_marker_colorant_marker_index: i32,
    /// Its name.
    pub(in super::super) prt_marker_colorant_value: String,
}

/// A row of `prtAlertTable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct AlertRow {
    /// Which printer of the host.
    pub(in super::super) hr_device_index: i32,
    /// Which alert: it rises with each, and is never given twice.
    pub(in super::super) prt_alert_index: i64,
    /// How bad it is.
    pub(in super::super) prt_alert_severity_level: MibValue,
    /// Who can put it right.
    pub(in super::super) prt_alert_training_level: MibValue,
    /// In which group of the MIB what it is about stands.
    pub(in super::super) prt_alert_group: MibValue,
    /// In which row of that group's table; -1 in none.
    pub(in super::super) prt_alert_group_index: i32,
    /// Where in the printer; -2 unknown.
    pub(in super::super) prt_alert_location: i32,
    /// What happened.
    pub(in super::super) prt_alert_code: MibValue,
    /// For people.
    pub(in super::super) prt_alert_description: String,
    /// When it arose, as well as the manager can tell. The MIB's `prtAlertTime` counts from a start of the printer's,
    /// which nobody knows here.
    pub(in super::super) raised: Timestamp,
}

/// A device in the words of the Printer MIB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct PrinterMib {
    /// The device.
    pub(in super::super) device: DeviceId,
    /// When the manager received the readings below; `null` before the first.
    pub(in super::super) received: Option<Timestamp>,
    /// Its supplies, and behind them its parts that wear.
    pub(in super::super) prt_marker_supplies_table: Vec<SupplyRow>,
    /// Their colorants.
    pub(in super::super) prt_marker_colorant_table: Vec<ColorantRow>,
    /// What stands, the oldest first; at most 200. What may only happen is not among it: the MIB knows no forecasts.
    pub(in super::super) prt_alert_table: Vec<AlertRow>,
}

/// An amount as the MIB's `Integer32`; one that does not fit is as good as not known.
fn integer(amount: u32, otherwise: i32) -> i32 {
    i32::try_from(amount).unwrap_or(otherwise)
}

fn capacity(capacity: Capacity) -> i32 {
    match capacity {
        Capacity::Known { amount } => integer(amount, UNKNOWN),
        Capacity::Unrestricted => UNRESTRICTED,
        Capacity::Unknown => UNKNOWN,
    }
}

fn level(level: &Level) -> i32 {
    match level {
        Level::Known { amount } => integer(*amount, SOME_REMAINS),
        Level::Unrestricted => UNRESTRICTED,
        Level::SomeRemains => SOME_REMAINS,
        Level::Unknown { .. } => UNKNOWN,
    }
}

fn description(name: &str, part_number: Option<&String>) -> String {
    match part_number {
        Some(number) => format!("{name} ({number})"),
        None => name.to_owned(),
    }
}

fn supply(reading: &SupplyReading, colorants: &[String]) -> SupplyRow {
    let colorant = reading.colorant.as_ref().and_then(|name| colorants.iter().position(|one| one == name));
    SupplyRow {
        hr_device_index: ONLY,
        prt_marker_supplies_index: i32::from(reading.index),
        prt_marker_supplies_marker_index: ONLY,
        prt_marker_supplies_colorant_index: colorant.map_or(NO_COLORANT, place),
        prt_marker_supplies_class: value!(reading.class),
        prt_marker_supplies_type: value!(reading.supply_type),
        prt_marker_supplies_description: description(&reading.name, reading.part_number.as_ref()),
        prt_marker_supplies_supply_unit: value!(reading.unit),
        prt_marker_supplies_max_capacity: capacity(reading.capacity),
        prt_marker_supplies_level: level(&reading.level),
    }
}

/// A part is a supply of which its life is consumed.
fn part(reading: &PartReading, behind: i32) -> SupplyRow {
    let left = match (reading.used.known(), reading.rated_life) {
        (Some(used), Capacity::Known { amount }) => integer(amount.saturating_sub(*used), SOME_REMAINS),
        (_, Capacity::Unrestricted) => UNRESTRICTED,
        _ => UNKNOWN,
    };
    SupplyRow {
        hr_device_index: ONLY,
        prt_marker_supplies_index: behind.saturating_add(i32::from(reading.index)),
        prt_marker_supplies_marker_index: ONLY,
        prt_marker_supplies_colorant_index: NO_COLORANT,
        prt_marker_supplies_class: value!(SupplyClass::SupplyThatIsConsumed),
        prt_marker_supplies_type: value!(reading.part_type),
        prt_marker_supplies_description: description(&reading.name, reading.part_number.as_ref()),
        prt_marker_supplies_supply_unit: value!(reading.unit),
        prt_marker_supplies_max_capacity: capacity(reading.rated_life),
        prt_marker_supplies_level: left,
    }
}

/// Places are counted from 1.
fn place(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(i32::MAX).saturating_add(1)
}

fn alert(record: AlertRecord, behind: i32) -> AlertRow {
    let alert = record.alert;
    // A part has its row behind those of the supplies.
    let of_part = alert.part.is_some() && alert.group == AlertGroup::MarkerSupplies;
    let row = alert.group_index.map_or(NO_ROW, i32::from);
    AlertRow {
        hr_device_index: ONLY,
        prt_alert_index: record.key,
        prt_alert_severity_level: value!(alert.severity),
        prt_alert_training_level: value!(alert.training),
        prt_alert_group: value!(alert.group),
        prt_alert_group_index: if of_part { row.saturating_add(behind) } else { row },
        prt_alert_location: alert.location.unwrap_or(UNKNOWN),
        prt_alert_code: value!(alert.code),
        prt_alert_description: alert.description,
        raised: record.raised_dated.at,
    }
}

impl PrinterMib {
    /// What a device read last, and what is open there.
    pub(in super::super) fn new(
        device: DeviceId,
        received: Option<Timestamp>,
        readings: &Readings,
        alerts: Vec<AlertRecord>,
    ) -> Self {
        let mut colorants: Vec<String> = Vec::new();
        for name in readings.supplies.iter().filter_map(|supply| supply.colorant.as_ref()) {
            if !colorants.contains(name) {
                colorants.push(name.clone());
            }
        }
        let behind = readings.supplies.iter().map(|supply| i32::from(supply.index)).max().unwrap_or(0);
        let mut rows: Vec<SupplyRow> =
            readings.supplies.iter().map(|reading| supply(reading, &colorants)).collect();
        rows.extend(readings.parts.iter().map(|reading| part(reading, behind)));
        let mut stand: Vec<AlertRow> = alerts
            .into_iter()
            .filter(|record| !record.alert.forecast)
            .map(|record| alert(record, behind))
            .collect();
        stand.sort_by_key(|row| row.prt_alert_index);
        let colorants = colorants.into_iter().enumerate().map(|(at, name)| ColorantRow {
            hr_device_index: ONLY,
            prt_marker_colorant_index: place(at),
            prt_marker_colorant_marker_index: ONLY,
            prt_marker_colorant_value: name,
        });
        Self {
            device,
            received,
            prt_marker_supplies_table: rows,
            prt_marker_colorant_table: colorants.collect(),
            prt_alert_table: stand,
        }
    }

    /// The name of a supply's colorant.
    pub(super) fn colorant_of(&self, row: &SupplyRow) -> Option<&str> {
        let of = |colorant: &&ColorantRow| {
            colorant.prt_marker_colorant_index == row.prt_marker_supplies_colorant_index
        };
        self.prt_marker_colorant_table.iter().find(of).map(|found| found.prt_marker_colorant_value.as_str())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ingest::date::Dated;
    use crate::sample;
    use platen_protocol::alert::{Alert, AlertCode};
    use platen_protocol::readings::Reading;
    use platen_protocol::supply::{SupplyType, SupplyUnit};
    use platen_protocol::unknown::{UnknownCause, UnknownReason};

    fn at() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn record(key: i64, alert: Alert) -> AlertRecord {
        AlertRecord {
            key,
            device: "lobby".parse().unwrap(),
            raised: at(),
            cleared: None,
            raised_dated: Dated { at: at(), by: None },
            cleared_dated: None,
            cleared_because: None,
            simulated: true,
            alert,
        }
    }

    fn no_answer() -> UnknownCause {
        UnknownCause { reason: UnknownReason::NoAnswer, detail: "no answer at 0x50".into() }
    }

    fn fuser() -> PartReading {
        PartReading {
            name: "fuser".into(),
            index: 1,
            part_type: SupplyType::Fuser,
            unit: SupplyUnit::Impressions,
            used: Reading::Known { value: 190_000 },
            rated_life: Capacity::Known { amount: 200_000 },
            serial: None,
            part_number: Some("FK-8350".into()),
            set_percent: Some(10),
        }
    }

    /// A printer with a cartridge, a waste box of which something is left, a fuser, and alerts in the wrong order.
    pub(in super::super) fn example() -> PrinterMib {
        let waste = SupplyReading {
            name: "waste".into(),
            index: 2,
            class: SupplyClass::ReceptacleThatIsFilled,
            supply_type: SupplyType::WasteToner,
            colorant: None,
            capacity: Capacity::Unknown,
            level: Level::SomeRemains,
            ..sample::supply(0)
        };
        let readings = Readings {
            supplies: vec![sample::full_supply(42), waste],
            parts: vec![fuser()],
            ..Readings::default()
        };
        let worn = Alert {
            part: Some(fuser()),
            supply: None,
            code: AlertCode::SubunitLifeAlmostOver,
            group_index: Some(1),
            location: Some(7),
            subject: "fuser".into(),
            description: "The fuser is near its end".into(),
            group: AlertGroup::MarkerSupplies,
            ..sample::toner_low("b", 4)
        };
        let coming = Alert { forecast: true, ..sample::toner_low("c", 4) };
        let alerts = vec![record(9, worn), record(11, coming), record(7, sample::toner_low("a", 4))];
        PrinterMib::new("lobby".parse().unwrap(), Some(at()), &readings, alerts)
    }

    #[test]
    fn supplies_and_parts_are_rows_with_the_numbers_of_the_mib() {
        let mib = serde_json::to_value(example()).unwrap();
        let rows = &mib["prtMarkerSuppliesTable"];
        assert_eq!(
            rows[0]["prtMarkerSuppliesType"],
            serde_json::json!({"number": 21, "label": "tonerCartridge"})
        );
        assert_eq!(rows[0]["prtMarkerSuppliesLevel"], 420);
        assert_eq!(rows[0]["prtMarkerSuppliesDescription"], "black (TK-8335K)");
        assert_eq!(rows[0]["prtMarkerSuppliesColorantIndex"], 1);
        assert_eq!(mib["prtMarkerColorantTable"][0]["prtMarkerColorantValue"], "black");
        assert_eq!(
            (&rows[1]["prtMarkerSuppliesLevel"], &rows[1]["prtMarkerSuppliesMaxCapacity"]),
            (&(-3).into(), &(-2).into())
        );
        assert_eq!(rows[1]["prtMarkerSuppliesClass"]["number"], 4);
        assert_eq!(rows[2]["prtMarkerSuppliesIndex"], 3, "parts follow the supplies");
        assert_eq!(rows[2]["prtMarkerSuppliesLevel"], 10_000, "what is left of its life");
        assert_eq!(rows[2]["hrDeviceIndex"], 1);
    }

    #[test]
    fn alerts_stand_in_their_order_without_forecasts_and_name_their_rows() {
        let mib = example();
        let of = |row: &AlertRow| (row.prt_alert_index, row.prt_alert_code.label, row.prt_alert_group_index);
        let rows: Vec<_> = mib.prt_alert_table.iter().map(of).collect();
        assert_eq!(rows, [(7, "markerTonerAlmostEmpty", 1), (9, "subunitLifeAlmostOver", 3)]);
        assert_eq!(mib.prt_alert_table[1].prt_alert_location, 7);
    }

    #[test]
    fn what_is_not_known_or_does_not_fit_is_never_a_number() {
        let unknown = Level::Unknown { cause: no_answer() };
        assert_eq!((level(&unknown), level(&Level::Unrestricted)), (-2, -1));
        assert_eq!(level(&Level::Known { amount: u32::MAX }), -3);
        assert_eq!(capacity(Capacity::Known { amount: u32::MAX }), -2);
        let unread = PartReading { used: Reading::Unknown { cause: no_answer() }, ..fuser() };
        assert_eq!(part(&unread, 0).prt_marker_supplies_level, -2);
        let worn = PartReading { used: Reading::Known { value: 300_000 }, ..fuser() };
        assert_eq!(part(&worn, 0).prt_marker_supplies_level, 0);
    }
}
