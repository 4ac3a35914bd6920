//! Statements of meters, as the API tells them and the pages show them.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::supply::SupplyUnit;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::meters::{DeviceMeters, Meters};
use crate::ingest::Loss;
use crate::meters::{self, Account, Boundary, CounterStatement, Kind, Line, Reason, Total};
use crate::store::LossRecord;

/// What the devices of a customer counted in a month.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct MeterStatement {
    /// The customer.
    pub(in super::super) customer: MeterCustomer,
    /// The month.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$")]
    pub(in super::super) period: String,
    /// When this was made: what is handed in later is not in it.
    pub(in super::super) made: Timestamp,
    /// Whether nothing is missing or estimated, and the month is over, for the devices below.
    pub(in super::super) complete: bool,
    /// How it stands with those.
    pub(in super::super) completeness: Completeness,
    /// The sums over the devices below, by counter.
    pub(in super::super) totals: Vec<TotalView>,
    /// The devices, by name. One that was the customer's twice in the month is there twice.
    pub(in super::super) items: Vec<DeviceMetersView>,
    /// Pass it back as `cursor` for the next devices; `null` on the last page.
    #[schema(value_type = Option<String>)]
    pub(in super::super) next_cursor: Option<DeviceId>,
}

/// A customer, by number and name.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct MeterCustomer {
    /// Its number.
    pub(in super::super) id: i64,
    /// Its name.
    pub(in super::super) name: String,
}

/// How many devices are how complete.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in super::super) struct Completeness {
    /// All of them.
    pub(in super::super) devices: u64,
    /// Nothing missing, nothing estimated.
    pub(in super::super) complete: u64,
    /// With a value that was worked out.
    pub(in super::super) estimated: u64,
    /// With a stretch of which something is not known.
    pub(in super::super) missing: u64,
    /// That began a new count.
    pub(in super::super) new_counts: u64,
    /// Without a counter.
    pub(in super::super) without_counters: u64,
    /// Whose month is not over.
    pub(in super::super) running: u64,
}

/// The sum of counters of one name.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct TotalView {
    /// The counter: `impressions`, `monochrome`, `full-color`, `sheets`, or a billing counter by its name.
    pub(in super::super) counter: String,
    /// The same in words.
    pub(in super::super) words: String,
    /// Its unit.
    pub(in super::super) unit: &'static str,
    /// What was counted.
    pub(in super::super) count: u64,
    /// On how many devices.
    pub(in super::super) devices: u64,
    /// On how many of them something is missing or estimated.
    pub(in super::super) doubtful: u64,
}

/// What a device counted in a time in which it was the customer's.
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own in the API")]
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct DeviceMetersView {
    /// The device.
    pub(in super::super) device: DeviceId,
    /// `true` for a simulated printer: its counters are not to be billed.
    pub(in super::super) simulated: bool,
    /// The site at which it stood last in that time; `null` where that is not known.
    pub(in super::super) site: Option<String>,
    /// The time zone in which the month begins and ends; `UTC` where nobody said one.
    pub(in super::super) time_zone: String,
    /// From this moment on: the beginning of the month, or when it became the customer's.
    pub(in super::super) from: Timestamp,
    /// Up to this moment: the end of the month, or when it became another's.
    pub(in super::super) until: Timestamp,
    /// `true` when it became the customer's within the month.
    pub(in super::super) joined: bool,
    /// `true` when it became another's within the month.
    pub(in super::super) left: bool,
    /// Whether nothing is missing and nothing estimated, and that time is over.
    pub(in super::super) complete: bool,
    /// `true` while that time is not over.
    pub(in super::super) running: bool,
    /// What it counted; empty where no counter of it is known.
    pub(in super::super) counters: Vec<CounterMetersView>,
    /// Reports that the device lost, as it told in that time or up to two months later.
    pub(in super::super) losses: Vec<LostView>,
}

/// Reports that a device lost.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct LostView {
    /// When that was noticed.
    pub(in super::super) recorded: Timestamp,
    /// What was lost, and why.
    #[serde(flatten)]
    pub(in super::super) loss: Loss,
    /// The same in words.
    pub(in super::super) words: String,
}

/// What a counter counted.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct CounterMetersView {
    /// The counter.
    pub(in super::super) counter: String,
    /// The same in words.
    pub(in super::super) words: String,
    /// Its unit.
    pub(in super::super) unit: &'static str,
    /// The value at the beginning, through all wraps; `null` where nothing was read before.
    pub(in super::super) begin: Option<BoundaryView>,
    /// The value at the end, or the last one so far; `null` where there is none.
    pub(in super::super) end: Option<BoundaryView>,
    /// What it counted: the sum of its lines.
    pub(in super::super) count: u64,
    /// Whether something of it was worked out.
    pub(in super::super) estimate: bool,
    /// Stretches without a hole, the earliest first.
    pub(in super::super) lines: Vec<LineView>,
}

/// A value at an end of the time.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct BoundaryView {
    /// The value.
    pub(in super::super) value: u64,
    /// When it was read: the last reading before the end of the time. Of an estimate, that end.
    pub(in super::super) at: Timestamp,
    /// Whether it was worked out from the readings before and after.
    pub(in super::super) estimate: bool,
}

/// A stretch of a counter.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct LineView {
    /// What it is: `counted`; `missing`, of which something is not known and whose count is known by its two ends;
    /// `new_count`, where nothing is counted because the counter began again; `not_known`, before the first or behind the
    /// last reading.
    pub(in super::super) kind: Kind,
    /// From this moment on.
    pub(in super::super) from: Timestamp,
    /// Up to this moment.
    pub(in super::super) until: Timestamp,
    /// The value at its beginning.
    pub(in super::super) begin: Option<u64>,
    /// The value at its end.
    pub(in super::super) end: Option<u64>,
    /// What is counted.
    pub(in super::super) count: u64,
    /// Whether one of the two values was worked out.
    pub(in super::super) estimate: bool,
    /// Why, of a line that is not simply counted.
    pub(in super::super) reasons: Vec<Reason>,
    /// The same in words.
    pub(in super::super) words: String,
}

fn time(at: i64) -> Timestamp {
    // What is stored lies within the years that can be shown: dates are checked as they come in.
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn unit(number: u16) -> &'static str {
    SupplyUnit::from_number(number).unwrap_or(SupplyUnit::Unknown).name()
}

impl From<Boundary> for BoundaryView {
    fn from(boundary: Boundary) -> Self {
        let Boundary { value, at, estimate } = boundary;
        Self { value, at: time(at), estimate }
    }
}

impl From<Line> for LineView {
    fn from(line: Line) -> Self {
        let Line { kind, from, until, begin, end, count, estimate, reasons } = line;
        let words = reasons.iter().map(|reason| reason.words()).collect::<Vec<_>>().join("; ");
        let reasons = reasons.into_iter().collect();
        Self { kind, from: time(from), until: time(until), begin, end, count, estimate, reasons, words }
    }
}

impl From<CounterStatement> for CounterMetersView {
    fn from(statement: CounterStatement) -> Self {
        let CounterStatement { counter, unit: number, account } = statement;
        let estimate = account.is_estimate();
        let Account { begin, end, count, lines } = account;
        Self {
            words: meters::words(&counter),
            counter,
            unit: unit(number),
            begin: begin.map(BoundaryView::from),
            end: end.map(BoundaryView::from),
            count,
            estimate,
            lines: lines.into_iter().map(LineView::from).collect(),
        }
    }
}

impl From<LossRecord> for LostView {
    fn from(record: LossRecord) -> Self {
        Self { recorded: record.recorded, words: record.loss.words(), loss: record.loss }
    }
}

impl From<Total> for TotalView {
    fn from(total: Total) -> Self {
        let Total { counter, unit: number, count, devices, doubtful } = total;
        Self { words: meters::words(&counter), counter, unit: unit(number), count, devices, doubtful }
    }
}

impl DeviceMetersView {
    fn of(meters: DeviceMeters, now: i64) -> Self {
        let (joined, left) = (meters.joined(), meters.left());
        let DeviceMeters { device, simulated, site, zone, statement, losses, .. } = meters;
        let running = statement.window.until > now;
        Self {
            device,
            simulated,
            site,
            time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            from: time(statement.window.from),
            until: time(statement.window.until),
            joined,
            left,
            complete: statement.is_complete() && !running,
            running,
            counters: statement.counters.into_iter().map(CounterMetersView::from).collect(),
            losses: losses.into_iter().map(LostView::from).collect(),
        }
    }

    /// Lines of a kind, of all its counters.
    pub(in super::super) fn has(&self, kind: Kind) -> bool {
        self.counters.iter().any(|counter| counter.lines.iter().any(|line| line.kind == kind))
    }

    /// Whether something of it was worked out.
    pub(in super::super) fn is_estimate(&self) -> bool {
        self.counters.iter().any(|counter| counter.estimate)
    }

    /// Whether something of it is not known.
    pub(in super::super) fn is_missing(&self) -> bool {
        self.has(Kind::Missing) || self.has(Kind::NotKnown)
    }
}

impl From<Meters> for MeterStatement {
    fn from(meters: Meters) -> Self {
        let Meters { customer, period, made, devices, next } = meters;
        // What simulated printers count is in no sum that somebody may be billed on.
        let real = devices.iter().filter(|device| !device.simulated).map(|device| &device.statement);
        let totals = meters::totals(real).into_iter().map(TotalView::from).collect();
        let now = made.as_millisecond();
        let items: Vec<DeviceMetersView> =
            devices.into_iter().map(|device| DeviceMetersView::of(device, now)).collect();
        let count = |of: fn(&DeviceMetersView) -> bool| {
            u64::try_from(items.iter().filter(|item| of(item)).count()).unwrap_or(u64::MAX)
        };
        let completeness = Completeness {
            devices: count(|_| true),
            complete: count(|item| item.complete),
            estimated: count(DeviceMetersView::is_estimate),
            missing: count(DeviceMetersView::is_missing),
            new_counts: count(|item| item.has(Kind::NewCount)),
            without_counters: count(|item| item.counters.is_empty()),
            running: count(|item| item.running),
        };
        Self {
            customer: MeterCustomer { id: customer.key, name: customer.name },
            period: period.to_string(),
            made,
            complete: completeness.complete == completeness.devices,
            completeness,
            totals,
            items,
            next_cursor: next,
        }
    }
}
