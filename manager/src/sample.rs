//! Reports for the tests beside the code.

use platen_protocol::VERSION;
use platen_protocol::alert::{Alert, AlertCode, AlertGroup, Severity, Training};
use platen_protocol::device_to_manager::{Report, ReportBatch, ReportBody, Utilisation};
use platen_protocol::readings::{Reading, Readings, SupplyReading, SwitchMeaning, SwitchReading};
use platen_protocol::stamp::{ClockQuality, Stamp};
use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyType, SupplyUnit};

pub(crate) fn supply(percent: u32) -> SupplyReading {
    SupplyReading {
        name: "black".into(),
        index: 1,
        class: SupplyClass::SupplyThatIsConsumed,
        supply_type: SupplyType::TonerCartridge,
        colorant: Some("black".into()),
        unit: SupplyUnit::TenthsOfGrams,
        capacity: Capacity::Known { amount: 1000 },
        level: Level::Known { amount: percent * 10 },
        set_percent: 5,
        serial: Some("K-1".into()),
    }
}

pub(crate) fn readings(percent: u32) -> Readings {
    Readings {
        supplies: vec![supply(percent)],
        parts: vec![],
        temperatures: vec![],
        switches: vec![SwitchReading {
            name: "cover".into(),
            meaning: SwitchMeaning::Cover,
            active: Reading::Known { value: false },
        }],
    }
}

pub(crate) fn alert(id: &str, code: AlertCode, subject: &str) -> Alert {
    Alert {
        id: id.parse().unwrap(),
        severity: Severity::Warning,
        training: Training::Untrained,
        group: AlertGroup::MarkerSupplies,
        group_index: Some(1),
        location: None,
        code,
        description: format!("about {subject}"),
        subject: subject.into(),
        supply: None,
        part: None,
    }
}

pub(crate) fn toner_low(id: &str, percent: u32) -> Alert {
    Alert { supply: Some(supply(percent)), ..alert(id, AlertCode::MarkerTonerAlmostEmpty, "black") }
}

pub(crate) fn cover_open(id: &str) -> Alert {
    Alert {
        severity: Severity::Critical,
        group: AlertGroup::Cover,
        ..alert(id, AlertCode::CoverOpen, "cover")
    }
}

pub(crate) fn report(sequence: u64, body: ReportBody) -> Report {
    Report {
        sequence,
        taken: Stamp {
            boot_id: "boot".into(),
            monotonic_ms: sequence,
            wall: "2026-11-22T10:00:00Z".parse().unwrap(),
            clock: ClockQuality::Synchronised,
        },
        simulated: true,
        body,
    }
}

pub(crate) fn utilisation(sequence: u64, percent: u32) -> Report {
    report(
        sequence,
        ReportBody::Utilisation(Utilisation {
            running_seconds: 1,
            failed_reads: 0,
            readings: readings(percent),
        }),
    )
}

pub(crate) fn batch(oldest_sequence: u64, reports: Vec<Report>) -> ReportBatch {
    ReportBatch { version: VERSION, epoch: "e1".parse().unwrap(), oldest_sequence, reports }
}
