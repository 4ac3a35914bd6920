//! A statement of meters.

use jiff::Timestamp;
use platen_protocol::facts::words::grouped;
use platen_protocol::problem::ProblemKind;

use super::super::Operators;
use super::super::meter_rows::{DeviceRows, Value, rows, whole};
use super::super::problem::Refusal;
use super::super::view::meters::MeterStatement;
use crate::meters::{BadPeriod, Period};
use crate::output::{Document, Section, Table};
use crate::store::Scope;

/// Devices of one statement.
const MAX_DEVICES: usize = 2_000;

/// The statement.
pub(super) async fn statement(
    operators: &Operators,
    scope: &Scope,
    (customer, period): (i64, &str),
    now: Timestamp,
) -> Result<Document, Refusal> {
    let invalid = |error: BadPeriod| Refusal::new(ProblemKind::InvalidRequest, error.to_string());
    let period: Period = period.parse().map_err(invalid)?;
    let (statement, cut) = whole(operators, scope, (customer, period), (MAX_DEVICES, now)).await?;
    let devices = rows(&statement.items);
    let mut about = vec![
        format!("As of {}", super::super::words::units::moment(now)),
        "The month begins and ends by the time zone of each device. ≈ is an estimate: no reading was near."
            .to_owned(),
    ];
    if cut {
        about.push(format!("These are the first {MAX_DEVICES} devices by name; the API has all of them."));
    }
    let file = format!("meters-{customer}-{period}");
    Ok(Document {
        about,
        sections: vec![completeness(&statement), sums(&statement), counted(&devices), missing(&devices)],
        ..Document::new(format!("Meters of {}, {}", statement.customer.name, period.words()), file, now)
    })
}

fn completeness(statement: &MeterStatement) -> Section {
    let told = &statement.completeness;
    let title = match (told.devices, statement.complete) {
        (0, _) => "No devices",
        (_, true) => "Complete",
        (_, false) => "Not complete",
    };
    let mut section = Section::new(title);
    section.fact("Nothing missing or estimated", format!("{} of {}", told.complete, told.devices));
    let others = [
        ("With an estimate", told.estimated),
        ("With a gap", told.missing),
        ("That began a new count", told.new_counts),
        ("Without a counter", told.without_counters),
        ("Whose month is not over", told.running),
    ];
    for (name, count) in others {
        if count > 0 {
            section.fact(name, count.to_string());
        }
    }
    section
}

fn sums(statement: &MeterStatement) -> Section {
    let mut table = Table::new(["Counter", "#Counted", "#Devices", "Remark"]);
    for total in &statement.totals {
        let remark = match total.doubtful {
            0 => String::new(),
            some => format!("something missing or estimated on {some}"),
        };
        table.row([total.words.clone(), grouped(total.count), total.devices.to_string(), remark]);
    }
    Section { table: Some(table), ..Section::new("Sums") }.or_none("None.")
}

fn value(value: Option<&Value>) -> String {
    value.map_or_else(
        || "not known".to_owned(),
        |value| format!("{}{}", if value.estimate { "≈ " } else { "" }, value.number),
    )
}

/// What is said of a device once, in its first row.
fn remark(row: &DeviceRows) -> String {
    let simulated = row.simulated.then_some("simulated: in no sum".to_owned());
    let complete = row.complete.then_some("complete".to_owned());
    let remarks = row.remarks.iter().map(|remark| (*remark).to_owned());
    complete.into_iter().chain(remarks).chain(simulated).chain(row.cut.clone()).collect::<Vec<_>>().join(", ")
}

fn counted(devices: &[DeviceRows]) -> Section {
    let mut table = Table::new(["Device", "Site", "Counter", "#Beginning", "#End", "#Counted", "Remark"]);
    for row in devices {
        let site = || row.site.clone().unwrap_or_default();
        if row.counters.is_empty() {
            let none = || "–".to_owned();
            table.row([
                row.device.clone(),
                site(),
                "none known".to_owned(),
                none(),
                none(),
                none(),
                remark(row),
            ]);
        }
        for (place, counter) in row.counters.iter().enumerate() {
            let mark = if counter.estimate { "≈ " } else { "" };
            table.row([
                row.device.clone(),
                site(),
                counter.words.clone(),
                value(counter.begin.as_ref()),
                value(counter.end.as_ref()),
                format!("{mark}{}", grouped(counter.count)),
                if place == 0 { remark(row) } else { String::new() },
            ]);
        }
    }
    Section { table: Some(table), ..Section::new("Devices") }
        .or_none("No device was this customer’s in this month.")
}

fn missing(devices: &[DeviceRows]) -> Section {
    let mut table = Table::new(["Device", "Counter", "What", "From", "Until", "#Counted", "Why"]);
    for row in devices {
        for line in &row.evidence {
            let from_to = match (line.begin.as_str(), line.end.as_str()) {
                ("", "") => String::new(),
                (begin, end) => format!(" ({begin} → {end})"),
            };
            table.row([
                row.device.clone(),
                line.counter.clone(),
                line.kind.to_owned(),
                line.from.clone(),
                line.until.clone(),
                grouped(line.count),
                format!("{}{from_to}", line.why),
            ]);
        }
        for lost in &row.losses {
            let empty = String::new;
            table.row([
                row.device.clone(),
                empty(),
                "lost".to_owned(),
                empty(),
                empty(),
                empty(),
                lost.clone(),
            ]);
        }
    }
    let note = (!table.rows.is_empty()).then(|| "Times at each device.".to_owned());
    Section { table: Some(table), note, ..Section::new("What is missing, estimated or begun anew") }
        .or_none("Nothing.")
}
