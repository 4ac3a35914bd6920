//! What devices have used of their quotas, and whether they have too much open.

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Report, ReportBody};
use platen_protocol::identity::DeviceId;

use super::engine::{Bulk, Connection, values};
use super::records::{id, time_if_any, word};
use super::writer::WriteContext;
use super::{Store, StoreError, from_integer, statements};
use crate::quota::{Bucket, Noisy, OverQuota, Quota, Settings, Usage, UsageChange};

const USAGES: &str = "SELECT d.id, u.full_at, u.reserve_full_at, u.kept, u.noisy, u.noisy_since, u.noisy_last, u.refused \
     FROM device_usage u JOIN devices d ON d.key = u.device";
/// What is kept is added up by [`ADD_KEPT`]: several managers count the same device.
macro_rules! keep_usage {
    ($rows:literal, $held:literal) => {
        concat!(
            "INSERT INTO device_usage (device, full_at, reserve_full_at, kept, noisy, noisy_since, noisy_last, refused) \
             SELECT d.key, u.full_at, u.reserve_full_at, 0, u.noisy, u.since, u.last, u.refused FROM ",
            $rows,
            " JOIN devices d ON d.id = u.id WHERE 1 = 1",
            $held,
            " ON CONFLICT (device) DO UPDATE SET full_at = excluded.full_at, \
             reserve_full_at = excluded.reserve_full_at, \
             noisy = excluded.noisy, noisy_since = excluded.noisy_since, \
             noisy_last = excluded.noisy_last, refused = excluded.refused"
        )
    };
}
const KEEP_USAGE: Bulk = Bulk {
    each: keep_usage!(
        "(SELECT ?1 AS id, ?2 AS full_at, ?3 AS reserve_full_at, ?4 AS noisy, ?5 AS since, ?6 AS last, ?7 AS refused) u",
        ""
    ),
    all: keep_usage!(
        "unnest(?1::text[], ?2::bigint[], ?3::bigint[], ?4::text[], ?5::bigint[], ?6::bigint[], ?7::bigint[]) \
         AS u (id, full_at, reserve_full_at, noisy, since, last, refused)",
        " ORDER BY d.key FOR NO KEY UPDATE OF d"
    ),
};
const ADD_KEPT: Bulk = Bulk {
    each: "UPDATE device_usage SET kept = CASE WHEN kept + ?2 < 0 THEN 0 ELSE kept + ?2 END \
           WHERE device = (SELECT key FROM devices WHERE id = ?1)",
    all: "UPDATE device_usage SET kept = CASE WHEN device_usage.kept + u.more < 0 THEN 0 ELSE device_usage.kept + u.more END \
          FROM unnest(?1::text[], ?2::bigint[]) AS u (id, more) JOIN devices d ON d.id = u.id WHERE device_usage.device = d.key",
};
const OPEN_ALERTS: &str = "SELECT count(*) FROM alerts WHERE device = ?1 AND cleared IS NULL";
const OPEN_SERVICE_CALLS: &str = "SELECT count(*) FROM service_calls WHERE device = ?1 AND handled IS NULL";
const OPEN_ORDERS: &str =
    "SELECT count(*) FROM orders WHERE device = ?1 AND closed IS NULL AND id IS NOT NULL";

/// All of them, so that they can be tried.
pub(super) const ALL: &[(&str, &str)] = &[
    ("USAGES", USAGES),
    ("OPEN_ALERTS", OPEN_ALERTS),
    ("OPEN_SERVICE_CALLS", OPEN_SERVICE_CALLS),
    ("OPEN_ORDERS", OPEN_ORDERS),
];
/// The same for those of many rows.
pub(super) const ALL_BULK: &[(&str, &Bulk)] = &[("KEEP_USAGE", &KEEP_USAGE), ("ADD_KEPT", &ADD_KEPT)];

/// What reports would open, and close.
#[derive(Debug, Default)]
struct Opens {
    alerts: u64,
    alerts_cleared: u64,
    service_calls: u64,
    orders: u64,
}

impl Opens {
    fn of(reports: &[Report]) -> Self {
        let mut opens = Self::default();
        for report in reports {
            match &report.body {
                ReportBody::AlertRaised { .. } => opens.alerts += 1,
                ReportBody::AlertsStanding { alerts, .. } => {
                    opens.alerts += u64::try_from(alerts.len()).unwrap_or(u64::MAX);
                }
                ReportBody::AlertCleared { .. } => opens.alerts_cleared += 1,
                ReportBody::ServiceCall(call) if call.presses.is_none() => opens.service_calls += 1,
                ReportBody::Order(_) => opens.orders += 1,
                _ => {}
            }
        }
        opens
    }
}

/// The quota of what is open that a device would be over with these reports. Most reports open nothing, and cost
/// nothing here.
pub(super) fn over_open(
    connection: &Connection,
    settings: &Settings,
    device: i64,
    reports: &[Report],
) -> Result<Option<OverQuota>, StoreError> {
    let opens = Opens::of(reports);
    let checks = [
        (Quota::OpenAlerts, OPEN_ALERTS, opens.alerts, opens.alerts_cleared),
        (Quota::OpenServiceCalls, OPEN_SERVICE_CALLS, opens.service_calls, 0),
        (Quota::OpenOrders, OPEN_ORDERS, opens.orders, 0),
    ];
    for (quota, statement, more, fewer) in checks.into_iter().filter(|(_, _, more, _)| *more > 0) {
        let open: i64 = connection.row(statement, values![device], |row| row.get(0))?;
        let after = from_integer(open).saturating_add(more).saturating_sub(fewer);
        if after > u64::from(settings.limit(quota)) {
            return Ok(Some(settings.over(quota)));
        }
    }
    Ok(None)
}

impl Store {
    /// Sets how much a device may have open; until then it is the default.
    pub fn limit_open(&self, settings: Settings) {
        // Whoever set it first has started this manager.
        let _ = self.quota.set(settings);
    }

    /// What devices have used of their quotas, as it was kept last.
    pub async fn usages(&self) -> Result<Vec<(DeviceId, Usage)>, StoreError> {
        let damage = std::sync::Arc::clone(&self.damage);
        let find = move |connection: &Connection| {
            damage.collect(connection, USAGES, &[], 0, |row| {
                let quota: Option<String> = row.get(4)?;
                let quota: Option<Quota> = quota.map(|quota| word("quota", quota)).transpose()?;
                let times = time_if_any(row, 5)?.zip(time_if_any(row, 6)?);
                let refused = from_integer(row.get(7)?);
                let noisy =
                    quota.zip(times).map(|(quota, (since, last))| Noisy { quota, since, last, refused });
                let usage = Usage {
                    bytes: Bucket { full_at: row.get(1)? },
                    reserve: Bucket { full_at: row.get(2)? },
                    kept: from_integer(row.get(3)?),
                    noisy,
                };
                Ok((id("device", row.get(0)?)?, usage))
            })
        };
        self.readers.clone().read(find).await
    }

    /// Writes for operators that a device is over a quota.
    pub async fn noisy(&self, device: DeviceId, over: OverQuota, now: Timestamp) -> Result<(), StoreError> {
        let origin = format!("{device}/{}/{}/noisy", over.quota.word(), now.as_millisecond());
        let told =
            serde_json::json!({"quota": over.quota.word(), "limit": over.limit, "words": over.words()});
        let act = move |context: &mut WriteContext<'_>| {
            let (device, at, told) = (device.as_str(), now.as_millisecond(), told.to_string());
            let row = values![origin, device, "noisy", at, told];
            context.connection.execute(statements::ADD_NOTICE_OF, row).map(drop)
        };
        self.writer.write(act).await
    }

    /// Keeps what devices have used.
    pub async fn keep_usages(&self, changes: Vec<UsageChange>) -> Result<(), StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            for UsageChange { device, usage, kept_change } in &changes {
                let noisy = usage.noisy;
                let milliseconds = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
                let refused = noisy.map_or(0, |noisy| i64::try_from(noisy.refused).unwrap_or(i64::MAX));
                context.later(
                    &KEEP_USAGE,
                    values![
                        device.as_str(),
                        usage.bytes.full_at,
                        usage.reserve.full_at,
                        noisy.map(|noisy| noisy.quota.word()),
                        milliseconds(noisy.map(|noisy| noisy.since)),
                        milliseconds(noisy.map(|noisy| noisy.last)),
                        refused
                    ],
                )?;
                if *kept_change != 0 {
                    context.later(&ADD_KEPT, values![device.as_str(), *kept_change])?;
                }
            }
            Ok(())
        };
        self.writer.write(act).await
    }
}
