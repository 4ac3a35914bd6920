//! A printer's supplies and alerts as attributes of IPP: `printer-supply` and its description (PWG 5100.13), and
//! `printer-alert` and its description (PWG 5100.9), each value as it goes over IPP. docs/printer-words.md says where each
//! part comes from. Pure.

use platen_protocol::identity::DeviceId;
use serde::Serialize;
use utoipa::ToSchema;

use super::printer_mib::{AlertRow, PrinterMib, SupplyRow};

/// The most bytes of a value of `text` and `octetString` (RFC 8011).
const MAX_BYTES: usize = 1023;

/// A device as attributes of IPP. A list without values stands for `no-value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) struct IppAttributes {
    /// The device.
    device: DeviceId,
    /// A supply each.
    printer_supply: Vec<String>,
    /// The same supplies, for people.
    printer_supply_description: Vec<String>,
    /// An alert each, the oldest first.
    printer_alert: Vec<String>,
    /// The same alerts, for people.
    printer_alert_description: Vec<String>,
}

/// A text of at most so many bytes as IPP takes.
fn text(text: &str) -> String {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// A name between `=` and `;`: what could end it stands as `-`.
fn name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(MAX_BYTES / 4).collect()
}

fn supply(mib: &PrinterMib, row: &SupplyRow) -> String {
    let (index, class, kind, unit) = (
        row.prt_marker_supplies_index,
        row.prt_marker_supplies_class.label,
        row.prt_marker_supplies_type.label,
        row.prt_marker_supplies_supply_unit.label,
    );
    let (capacity, level) = (row.prt_marker_supplies_max_capacity, row.prt_marker_supplies_level);
    let colorant = mib.colorant_of(row).map_or("unknown".to_owned(), name);
    format!(
        "index={index};class={class};type={kind};unit={unit};maxcapacity={capacity};level={level};colorantname={colorant};"
    )
}

fn alert(row: &AlertRow) -> String {
    let (code, index, severity, training) = (
        row.prt_alert_code.label,
        row.prt_alert_index,
        row.prt_alert_severity_level.label,
        row.prt_alert_training_level.label,
    );
    let (group, at, location) =
        (row.prt_alert_group.label, row.prt_alert_group_index, row.prt_alert_location);
    format!(
        "code={code};index={index};severity={severity};training={training};group={group};groupindex={at};location={location}"
    )
}

impl From<&PrinterMib> for IppAttributes {
    fn from(mib: &PrinterMib) -> Self {
        let (supplies, alerts) = (&mib.prt_marker_supplies_table, &mib.prt_alert_table);
        Self {
            device: mib.device.clone(),
            printer_supply: supplies.iter().map(|row| supply(mib, row)).collect(),
            printer_supply_description: supplies
                .iter()
                .map(|row| text(&row.prt_marker_supplies_description))
                .collect(),
            printer_alert: alerts.iter().map(alert).collect(),
            printer_alert_description: alerts.iter().map(|row| text(&row.prt_alert_description)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::printer_mib::tests::example;
    use super::*;

    #[test]
    fn supplies_and_alerts_are_what_a_printer_says_over_ipp() {
        let attributes = serde_json::to_value(IppAttributes::from(&example())).unwrap();
        assert_eq!(
            attributes["printer-supply"],
            serde_json::json!([
                "index=1;class=supplyThatIsConsumed;type=tonerCartridge;unit=tenthsOfGrams;maxcapacity=1000;level=420;colorantname=black;",
                "index=2;class=receptacleThatIsFilled;type=wasteToner;unit=tenthsOfGrams;maxcapacity=-2;level=-3;colorantname=unknown;",
                "index=3;class=supplyThatIsConsumed;type=fuser;unit=impressions;maxcapacity=200000;level=10000;colorantname=unknown;",
            ])
        );
        assert_eq!(attributes["printer-supply-description"][2], "fuser (FK-8350)");
        assert_eq!(
            attributes["printer-alert"][1],
            "code=subunitLifeAlmostOver;index=9;severity=warning;training=untrained;group=markerSupplies;groupindex=3;location=7"
        );
        assert_eq!(attributes["printer-alert-description"][1], "The fuser is near its end");
    }

    #[test]
    fn what_could_end_a_value_does_not_stand_in_it() {
        assert_eq!(name("x;level=0;é"), "x-level-0--");
        let long = text(&"é".repeat(1_000));
        assert_eq!((long.len(), long.chars().all(|c| c == 'é')), (1022, true));
    }
}
