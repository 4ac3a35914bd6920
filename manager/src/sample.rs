//! Reports for the tests beside the code.

use platen_protocol::VERSION;
use platen_protocol::alert::{Alert, AlertCode, AlertGroup, Severity, Training};
use platen_protocol::device_to_manager::{
    Activity, BusErrors, EnteredBy, Order, Replacement, ReplacementKind, Report, ReportBatch, ReportBody,
    TemperatureRange, Utilisation,
};
use platen_protocol::readings::{
    BusReading, CounterKind, CounterReading, Estimate, ExpectedSupply, Outlook, PartReading, Reading,
    Readings, SupplyReading, SwitchMeaning, SwitchReading, TemperatureReading, TemperatureRole,
};
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
        set_pages: None,
        set_days: None,
        part_number: None,
        expected: None,
        outlook: None,
        empty_at: None,
    }
}

/// A supply with everything that a board file and a history can say of it.
pub(crate) fn full_supply(percent: u32) -> SupplyReading {
    SupplyReading {
        set_pages: Some(500),
        set_days: Some(7),
        part_number: Some("TK-8335K".into()),
        expected: Some(ExpectedSupply {
            supply_type: Some(SupplyType::TonerCartridge),
            colorant: Some("black".into()),
        }),
        outlook: Some(Outlook {
            pages: Some(Estimate { likely: 1200, at_least: 1000, at_most: 1500 }),
            days: Some(Estimate { likely: 15, at_least: 12, at_most: 19 }),
        }),
        ..supply(percent)
    }
}

pub(crate) fn estimate(at_least: u32, likely: u32, at_most: u32) -> Estimate {
    Estimate { likely, at_least, at_most }
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
            location: None,
            supply: None,
        }],
        counters: vec![],
        billing: vec![],
        buses: vec![],
        held: vec![],
    }
}

pub(crate) fn switch(
    name: &str,
    meaning: SwitchMeaning,
    active: bool,
    supply: Option<&str>,
) -> SwitchReading {
    SwitchReading {
        name: name.into(),
        meaning,
        active: Reading::Known { value: active },
        location: Some(3),
        supply: supply.map(str::to_owned),
    }
}

pub(crate) fn counter(kind: CounterKind, value: u64) -> CounterReading {
    CounterReading {
        kind,
        unit: SupplyUnit::Impressions,
        value: Reading::Known { value },
        epoch: 0,
        wraps: 0,
        wraps_at: None,
    }
}

/// What a printer with every kind of sensor reads.
pub(crate) fn full_readings(percent: u32) -> Readings {
    Readings {
        supplies: vec![full_supply(percent)],
        parts: vec![PartReading {
            name: "fuser".into(),
            index: 1,
            part_type: SupplyType::Fuser,
            unit: SupplyUnit::Impressions,
            used: Reading::Known { value: 90_000 },
            rated_life: Capacity::Known { amount: 100_000 },
            serial: Some("F-1".into()),
            part_number: Some("FK-8500".into()),
            set_percent: Some(5),
        }],
        temperatures: vec![TemperatureReading {
            name: "fuser".into(),
            millidegrees_celsius: Reading::Known { value: 185_000 },
            role: Some(TemperatureRole::Fuser),
            under: Some(160_000),
            over: Some(210_000),
        }],
        switches: vec![
            switch("cover", SwitchMeaning::Cover, false, None),
            switch("interlock", SwitchMeaning::Interlock, false, None),
            switch("path", SwitchMeaning::Jam, false, None),
            switch("tray-low", SwitchMeaning::PaperLow, false, None),
            switch("tray-empty", SwitchMeaning::PaperEmpty, false, None),
            switch("waste-in", SwitchMeaning::WastePresent, true, Some("waste")),
            switch("waste-full", SwitchMeaning::WasteFull, false, Some("waste")),
            switch("sleep", SwitchMeaning::Sleep, false, None),
        ],
        counters: vec![counter(CounterKind::Impressions, 123_456), counter(CounterKind::FullColor, 23_456)],
        billing: vec![],
        buses: vec![BusReading { name: "main".into(), failing: None }],
        held: vec![],
    }
}

pub(crate) fn activity() -> Activity {
    Activity {
        seconds: 900,
        idle_seconds: 500,
        printing_seconds: 300,
        sleeping_seconds: 60,
        error_seconds: 40,
        pages: Some(120),
        pages_per_day: Some(850),
        temperatures: vec![TemperatureRange { name: "fuser".into(), lowest: 180_000, highest: 190_000 }],
        buses: vec![BusErrors { name: "main".into(), failed_transfers: 2, failed_reads: 1, recoveries: 1 }],
    }
}

pub(crate) fn order(id: &str, quantity: u16) -> Order {
    Order {
        id: id.parse().unwrap(),
        supply: full_supply(4),
        quantity,
        note: Some("two for the shelf".into()),
        entered_by: EnteredBy::Command,
        again: false,
    }
}

/// A black cartridge with 3 % left in it gave way to a full one.
pub(crate) fn replacement() -> Replacement {
    Replacement {
        subject: "black".into(),
        change: ReplacementKind::Replaced,
        removed_supply: Some(full_supply(3)),
        fitted_supply: Some(SupplyReading { serial: Some("K-2".into()), ..full_supply(100) }),
        removed_part: None,
        fitted_part: None,
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
        forecast: false,
        evidence: vec![],
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
            activity: None,
        }),
    )
}

/// The utilisation of a printer with every kind of sensor.
pub(crate) fn full_utilisation(sequence: u64, percent: u32) -> Report {
    let readings = full_readings(percent);
    let activity = Some(activity());
    report(
        sequence,
        ReportBody::Utilisation(Utilisation { running_seconds: 900, failed_reads: 1, readings, activity }),
    )
}

pub(crate) fn batch(oldest_sequence: u64, reports: Vec<Report>) -> ReportBatch {
    ReportBatch {
        version: VERSION,
        epoch: "e1".parse().unwrap(),
        oldest_sequence,
        sent: None,
        in_memory: false,
        inspected_by: None,
        next_within_seconds: None,
        lost: Vec::new(),
        reports,
    }
}
