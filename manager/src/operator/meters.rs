//! The meters of a customer's devices in a month, gathered of what the store knows: for the API and the pages.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use platen_protocol::identity::DeviceId;

use super::Operators;
use super::problem::Refusal;
use crate::history::points::{Point, Teller};
use crate::history::rows::Row;
use crate::history::{DAY_MS, Resolution, SubjectKind};
use crate::meters::{DeviceStatement, Period, Window, statement};
use crate::store::{CustomerRecord, HistoryQuery, LossRecord, OwnedDevice, Scope, StoreError};

/// How much later something may be noticed that was lost in a month: a device that was away tells of it when it is back.
const LOSSES_MS: i64 = 62 * DAY_MS;
/// Rows of a history that are read at once: those of two months by the hour.
const ROWS_AT_ONCE: usize = 1_500;
/// Rows behind the end of a month in which the next reading is looked for.
const ROWS_BEHIND: usize = 48;

/// The meters of one device, for a time in which it was the customer's.
#[derive(Debug)]
pub(super) struct DeviceMeters {
    pub(super) device: DeviceId,
    pub(super) simulated: bool,
    /// Where it stood last in that time.
    pub(super) site: Option<String>,
    /// By which the month begins and ends.
    pub(super) zone: TimeZone,
    /// The month, at the device.
    pub(super) month: Window,
    pub(super) statement: DeviceStatement,
    /// What the device said that it lost.
    pub(super) losses: Vec<LossRecord>,
}

impl DeviceMeters {
    /// Whether it became the customer's within the month.
    pub(super) fn joined(&self) -> bool {
        self.statement.window.from > self.month.from
    }

    /// Whether it became another's within the month.
    pub(super) fn left(&self) -> bool {
        self.statement.window.until < self.month.until
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) customer: i64,
    pub(super) period: Period,
    /// Devices behind that of this name.
    pub(super) after: Option<DeviceId>,
    /// At most so many devices.
    pub(super) limit: u32,
}

/// The meters of a customer's devices.
#[derive(Debug)]
pub(super) struct Meters {
    pub(super) customer: CustomerRecord,
    pub(super) period: Period,
    pub(super) made: Timestamp,
    /// By their names; one that was the customer's twice in that month is there twice.
    pub(super) devices: Vec<DeviceMeters>,
    /// Where it goes on.
    pub(super) next: Option<DeviceId>,
}

/// Gathers them.
pub(super) async fn gather(
    operators: &Operators,
    scope: &Scope,
    asked: Asked,
    made: Timestamp,
) -> Result<Meters, Refusal> {
    let Asked { customer: key, period, after, limit } = asked;
    let customer = operators.store.customer(scope, key).await?;
    let customer = customer.ok_or_else(|| Refusal::not_found("customer"))?;
    // A month ends last where the day does.
    let before = period.window(&TimeZone::UTC).until.saturating_add(DAY_MS);
    let (owned, more) = operators.store.owned(scope, key, after, before, limit).await?;
    let next = owned.last().filter(|_| more).map(|last| last.device.clone());
    let mut devices = Vec::new();
    for one in owned {
        devices.extend(of_device(operators, one, period, made).await?);
    }
    Ok(Meters { customer, period, made, devices, next })
}

async fn of_device(
    operators: &Operators,
    owned: OwnedDevice,
    period: Period,
    made: Timestamp,
) -> Result<Vec<DeviceMeters>, StoreError> {
    let OwnedDevice { device, time_zone, simulated, times } = owned;
    let now = made.as_millisecond();
    let zone = time_zone.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC);
    let month = period.window(&zone);
    let windows: Vec<(Window, Option<String>)> = times
        .into_iter()
        .map(|time| {
            let until = time.until.unwrap_or(i64::MAX).min(month.until);
            (Window { from: time.from.max(month.from), until }, time.site)
        })
        .filter(|(window, _)| window.from < window.until && window.from < now)
        .collect();
    let (Some((first, _)), Some((last, _))) = (windows.first(), windows.last()) else {
        return Ok(Vec::new());
    };
    let points = points(operators, &device, (first.from, last.until), now).await?;
    let upto = last.until.saturating_add(LOSSES_MS);
    let losses = operators.store.losses_of(device.clone(), first.from, upto).await?;
    let one = |(window, site)| DeviceMeters {
        device: device.clone(),
        simulated,
        site,
        zone: zone.clone(),
        month,
        statement: statement(points.clone(), window, now),
        losses: losses.clone(),
    };
    Ok(windows.into_iter().map(one).collect())
}

/// What the counters of a device were in a time, with the nearest readings before and behind it. That the device may be
/// looked at, whoever asks has found out by whose it was then.
async fn points(
    operators: &Operators,
    device: &DeviceId,
    (from, until): (i64, i64),
    now: i64,
) -> Result<Vec<Point>, StoreError> {
    let from = from.saturating_sub(DAY_MS);
    let to = until.saturating_add(DAY_MS).min(now.saturating_add(1));
    // By the hour a month is read in few rows, and the last value of an hour is the last before the next one.
    let resolution = Resolution::Hour.max(operators.history.finest(from, now));
    let mut reader = Reader { teller: Teller::new(resolution, 0, None), points: Vec::new(), carried: false };
    let (mut start, mut is_first, mut last_read) = (from, true, i64::MIN);
    loop {
        let query = HistoryQuery { device: device.clone(), resolution, from: start, to, rows: ROWS_AT_ONCE };
        let Some(part) = operators.store.history(&Scope::All, query).await? else { return Ok(Vec::new()) };
        if std::mem::take(&mut is_first) {
            part.before.into_iter().for_each(|row| reader.take(row));
        }
        for (_, row) in part.rows {
            last_read = row.last;
            reader.take(row);
        }
        let Some(upto) = part.upto else { break };
        start = upto;
    }
    let mut end = now;
    if last_read < until && to <= now {
        // It was not heard of when the time ended: by what it said next it is known what it counted until then.
        let query =
            HistoryQuery { device: device.clone(), resolution, from: to, to: now.saturating_add(1), rows: 1 };
        let part = operators.store.history(&Scope::All, query).await?;
        for (_, row) in part.map(|part| part.rows).unwrap_or_default().into_iter().take(ROWS_BEHIND) {
            end = row.last;
            reader.take(row);
        }
    } else if last_read >= until {
        end = last_read;
    }
    reader.points.extend(reader.teller.finish(end));
    Ok(reader.points)
}

/// Tells what rows say of counters.
struct Reader {
    teller: Teller,
    points: Vec<Point>,
    /// Something was missing before a row without counters: it is missing before the next that has some.
    carried: bool,
}

impl Reader {
    fn take(&mut self, mut row: Row) {
        let broken = row.begins_broken() || std::mem::take(&mut self.carried);
        row.cells.retain(|column, _| column.kind == SubjectKind::Counter);
        if row.cells.is_empty() {
            self.carried = broken;
            return;
        }
        if broken && !row.begins_broken() {
            let last = row.broken.map_or(row.first, |(_, last)| last);
            row.broken = Some((row.first, last));
        }
        self.points.extend(self.teller.tell(&row));
    }
}
