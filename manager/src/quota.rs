//! How much one device may hand in and have open: the `[quota]` of `manager.toml`, and how much of it each has used.
//!
//! What a device hands in is taken from a bucket that holds a day's worth and fills again all the time: a device that
//! has used it up goes on at the rate of its quota, and is told when the next batch will fit. What a person asked for
//! at the device has a bucket of its own behind that. The bytes are reserved before a batch is read for its meaning,
//! and given back where nothing of it is stored. It is counted in memory and kept by the store from time to time: a
//! manager that stops at once forgets the last minute of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};

use crate::history::{DAY_MS, HOUR_MS};
use crate::limits::within;

const MIB: u64 = 1024 * 1024;
/// Who has too much open, or too much kept, is told to come again after this: only people, or time, change it.
const SLOWLY: Duration = Duration::from_secs(300);
/// Nobody is sent away for longer, for a person at the device may ask for something meanwhile.
const LONGEST: Duration = Duration::from_secs(300);
/// A device is shown as noisy for so long after it was last refused.
pub const NOISY_FOR_MS: i64 = DAY_MS;
/// Of two refusals, the second begins a new trouble if so much time lies between them.
const TROUBLE_OVER_MS: i64 = HOUR_MS;

/// What one device may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// MiB of reports in a day: 1 to 1,048,576.
    #[serde(deserialize_with = "within::<_, 1, 1_048_576>")]
    pub mib_per_day: u32,
    /// MiB of reports that are kept at once: 1 to 16,777,216.
    #[serde(deserialize_with = "within::<_, 1, 16_777_216>")]
    pub mib_kept: u32,
    /// MiB in a day beyond these, for batches with a service call or an order: 1 to 1,024.
    #[serde(deserialize_with = "within::<_, 1, 1_024>")]
    pub reserve_mib_per_day: u32,
    /// Alerts that are open at once: 1 to 1,000,000. An agent has at most 500.
    #[serde(deserialize_with = "within::<_, 1, 1_000_000>")]
    pub open_alerts: u32,
    /// Service calls that nobody has handled: 1 to 1,000,000.
    #[serde(deserialize_with = "within::<_, 1, 1_000_000>")]
    pub open_service_calls: u32,
    /// Orders that are neither delivered nor cancelled: 1 to 1,000,000.
    #[serde(deserialize_with = "within::<_, 1, 1_000_000>")]
    pub open_orders: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mib_per_day: 32,
            mib_kept: 512,
            reserve_mib_per_day: 2,
            open_alerts: 600,
            open_service_calls: 100,
            open_orders: 100,
        }
    }
}

/// One of the quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// `mib_per_day`.
    BytesPerDay,
    /// `mib_kept`.
    BytesKept,
    /// `open_alerts`.
    OpenAlerts,
    /// `open_service_calls`.
    OpenServiceCalls,
    /// `open_orders`.
    OpenOrders,
}

impl Quota {
    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BytesPerDay => "bytes_per_day",
            Self::BytesKept => "bytes_kept",
            Self::OpenAlerts => "open_alerts",
            Self::OpenServiceCalls => "open_service_calls",
            Self::OpenOrders => "open_orders",
        }
    }

    /// The key in `[quota]` of `manager.toml`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::BytesPerDay => "mib_per_day",
            Self::BytesKept => "mib_kept",
            Self::OpenAlerts => "open_alerts",
            Self::OpenServiceCalls => "open_service_calls",
            Self::OpenOrders => "open_orders",
        }
    }

    /// What there is too much of, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::BytesPerDay => "it reports more than a device may in a day",
            Self::BytesKept => "more of its reports are kept than a device may have",
            Self::OpenAlerts => "more of its alerts are open than a device may have",
            Self::OpenServiceCalls => "more of its service calls are open than a device may have",
            Self::OpenOrders => "more of its orders are open than a device may have",
        }
    }
}

/// A device is over one of its quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the device is over its quota `{}` of {limit}: {}; keep the reports and come again later", quota.key(), quota.words())]
pub struct OverQuota {
    /// Which.
    pub quota: Quota,
    /// How much it is, in the unit that its key ends with.
    pub limit: u32,
    /// When to come again.
    pub after: Duration,
}

impl OverQuota {
    /// What operators hear.
    pub fn words(&self) -> String {
        format!(
            "{} ({} = {} in manager.toml); its reports are refused until there is room",
            self.quota.words(),
            self.quota.key(),
            self.limit
        )
    }
}

impl Settings {
    /// How much a quota is, in the unit of its key.
    pub const fn limit(&self, quota: Quota) -> u32 {
        match quota {
            Quota::BytesPerDay => self.mib_per_day,
            Quota::BytesKept => self.mib_kept,
            Quota::OpenAlerts => self.open_alerts,
            Quota::OpenServiceCalls => self.open_service_calls,
            Quota::OpenOrders => self.open_orders,
        }
    }

    /// That a device is over a quota that time alone does not help.
    pub fn over(&self, quota: Quota) -> OverQuota {
        OverQuota { quota, limit: self.limit(quota), after: SLOWLY }
    }
}

/// A bucket that holds a day's worth: the moment at which it is full again, by the wall clock, for it outlives the
/// manager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// In milliseconds.
    pub full_at: i64,
}

impl Bucket {
    /// Takes bytes out, or says after how many milliseconds they will fit.
    fn take(&mut self, bytes: u64, bytes_per_day: u64, now: i64) -> Result<(), i64> {
        // A clock that was set back leaves no device waiting for longer than a day.
        let full_at = self.full_at.clamp(now, now.saturating_add(DAY_MS));
        let filled = full_at.saturating_add(fill_ms(bytes, bytes_per_day));
        let late = filled.saturating_sub(now).saturating_sub(DAY_MS);
        if late > 0 {
            return Err(late);
        }
        self.full_at = filled;
        Ok(())
    }

    fn give_back(&mut self, bytes: u64, bytes_per_day: u64) {
        self.full_at = self.full_at.saturating_sub(fill_ms(bytes, bytes_per_day));
    }
}

fn fill_ms(bytes: u64, bytes_per_day: u64) -> i64 {
    let day = u128::from(DAY_MS.unsigned_abs());
    let filled = (u128::from(bytes) * day).div_ceil(u128::from(bytes_per_day.max(1)));
    i64::try_from(filled).unwrap_or(i64::MAX)
}

/// That a device was refused for its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Noisy {
    /// Which quota it was over last.
    pub quota: Quota,
    /// When that began.
    pub since: Timestamp,
    /// When it was refused last.
    pub last: Timestamp,
    /// How often it was refused since it began.
    pub refused: u64,
}

/// What a device has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of what it hands in.
    pub bytes: Bucket,
    /// Of what people there ask for, when the other one is empty.
    pub reserve: Bucket,
    /// Bytes of its reports that are kept.
    pub kept: u64,
    /// When it was last refused.
    pub noisy: Option<Noisy>,
}

#[derive(Default)]
struct Entry {
    usage: Usage,
    /// What has become more, or less, of what is kept since the store was told.
    kept_change: i64,
    changed: bool,
}

/// What the store is to keep of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageChange {
    /// Whose.
    pub device: DeviceId,
    /// How it stands; `kept` is as this manager counts.
    pub usage: Usage,
    /// What there is more, or less, to be kept.
    pub kept_change: i64,
}

/// What all devices have used.
pub struct Quotas {
    settings: Settings,
    /// One for each device that ever handed something in. Held for a look-up, never across an await.
    of: Mutex<BTreeMap<DeviceId, Entry>>,
}

/// Bytes that a batch may take. What it does not take is given back.
pub struct Reservation {
    quotas: Arc<Quotas>,
    device: DeviceId,
    bytes: u64,
    /// Why it is from the reserve, if it is.
    over: Option<OverQuota>,
}

impl Reservation {
    /// What the device is over, if only what a person asked for may use this.
    pub fn only_for_people(&self) -> Option<OverQuota> {
        self.over
    }

    /// So much was stored; the rest is given back.
    pub fn stored(mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.quotas.keep(&self.device, bytes);
        self.quotas.give_back(&self.device, self.bytes - bytes, self.over.is_some());
        self.bytes = 0;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.quotas.give_back(&self.device, self.bytes, self.over.is_some());
        }
    }
}

impl Quotas {
    /// As the store remembers it.
    pub fn new(settings: Settings, known: impl IntoIterator<Item = (DeviceId, Usage)>) -> Arc<Self> {
        let entry = |usage| Entry { usage, ..Entry::default() };
        let of = known.into_iter().map(|(device, usage)| (device, entry(usage))).collect();
        Arc::new(Self { settings, of: Mutex::new(of) })
    }

    fn of(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Entry>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes_per_day(&self, reserve: bool) -> u64 {
        let mib = if reserve { self.settings.reserve_mib_per_day } else { self.settings.mib_per_day };
        u64::from(mib) * MIB
    }

    /// Reserves what a batch of so many bytes may take.
    pub fn reserve(
        self: &Arc<Self>,
        device: &DeviceId,
        bytes: u64,
        now: Timestamp,
    ) -> Result<Reservation, OverQuota> {
        let now = now.as_millisecond();
        let mut of = self.of();
        let entry = of.entry(device.clone()).or_default();
        let reserved = |over| Reservation { quotas: Arc::clone(self), device: device.clone(), bytes, over };
        let most = u64::from(self.settings.mib_kept) * MIB;
        let over = if entry.usage.kept.saturating_add(bytes) > most {
            self.settings.over(Quota::BytesKept)
        } else {
            match entry.usage.bytes.take(bytes, self.bytes_per_day(false), now) {
                Ok(()) => {
                    entry.changed = true;
                    return Ok(reserved(None));
                }
                Err(late) => {
                    let after = Duration::from_millis(late.unsigned_abs()).min(LONGEST);
                    OverQuota { after, ..self.settings.over(Quota::BytesPerDay) }
                }
            }
        };
        match entry.usage.reserve.take(bytes, self.bytes_per_day(true), now) {
            Ok(()) => {
                entry.changed = true;
                Ok(reserved(Some(over)))
            }
            Err(_) => Err(over),
        }
    }

    fn give_back(&self, device: &DeviceId, bytes: u64, reserve: bool) {
        let per_day = self.bytes_per_day(reserve);
        if let Some(Entry { usage, .. }) = self.of().get_mut(device) {
            let bucket = if reserve { &mut usage.reserve } else { &mut usage.bytes };
            bucket.give_back(bytes, per_day);
        }
    }

    fn keep(&self, device: &DeviceId, bytes: u64) {
        if let Some(entry) = self.of().get_mut(device) {
            entry.usage.kept = entry.usage.kept.saturating_add(bytes);
            entry.kept_change = entry.kept_change.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
            entry.changed = true;
        }
    }

    /// Reports of a device were deleted.
    pub fn freed(&self, device: &DeviceId, bytes: u64) {
        if let Some(entry) = self.of().get_mut(device) {
            entry.usage.kept = entry.usage.kept.saturating_sub(bytes);
            entry.kept_change = entry.kept_change.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
            entry.changed = true;
        }
    }

    /// A device was refused; says whether that is news to operators.
    pub fn refused(&self, device: &DeviceId, over: &OverQuota, now: Timestamp) -> bool {
        let mut of = self.of();
        let entry = of.entry(device.clone()).or_default();
        entry.changed = true;
        let trouble = entry.usage.noisy.filter(|noisy| {
            noisy.quota == over.quota
                && now.as_millisecond().saturating_sub(noisy.last.as_millisecond()) < TROUBLE_OVER_MS
        });
        let since = trouble.map_or(now, |noisy| noisy.since);
        let refused = trouble.map_or(0, |noisy| noisy.refused).saturating_add(1);
        entry.usage.noisy = Some(Noisy { quota: over.quota, since, last: now, refused });
        trouble.is_none()
    }

    /// Whether a device was refused of late.
    pub fn noisy(&self, device: &DeviceId, now: Timestamp) -> Option<Noisy> {
        let noisy = self.of().get(device)?.usage.noisy?;
        (now.as_millisecond().saturating_sub(noisy.last.as_millisecond()) < NOISY_FOR_MS).then_some(noisy)
    }

    /// What has changed since the store was told, of at most so many devices.
    pub fn take_changes(&self, most: usize) -> Vec<UsageChange> {
        let mut of = self.of();
        let changed = of.iter_mut().filter(|(_, entry)| entry.changed).take(most);
        let change = |(device, entry): (&DeviceId, &mut Entry)| {
            entry.changed = false;
            let kept_change = std::mem::take(&mut entry.kept_change);
            UsageChange { device: device.clone(), usage: entry.usage, kept_change }
        };
        changed.map(change).collect()
    }

    /// They could not be kept.
    pub fn give_back_changes(&self, changes: Vec<UsageChange>) {
        let mut of = self.of();
        for change in changes {
            let entry = of.entry(change.device).or_default();
            entry.changed = true;
            entry.kept_change = entry.kept_change.saturating_add(change.kept_change);
        }
    }

    /// A device is gone for good.
    pub fn forget(&self, device: &DeviceId) {
        self.of().remove(device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_764_460_800 + seconds).unwrap()
    }

    fn quotas(settings: Settings) -> (Arc<Quotas>, DeviceId) {
        (Quotas::new(settings, []), "lobby".parse().unwrap())
    }

    fn small() -> Settings {
        Settings { mib_per_day: 1, reserve_mib_per_day: 1, ..Settings::default() }
    }

    #[test]
    fn a_device_that_has_used_its_day_goes_on_at_its_rate_and_others_do_not_notice() {
        let (quotas, lobby) = quotas(small());
        for _ in 0..4 {
            quotas.reserve(&lobby, MIB / 4, at(0)).unwrap().stored(MIB / 4);
        }
        let more = quotas.reserve(&lobby, MIB / 24, at(0)).unwrap();
        let over = more.only_for_people().unwrap();
        assert_eq!((over.quota, over.after), (Quota::BytesPerDay, LONGEST));
        drop(more);
        assert!(quotas.reserve(&lobby, MIB / 24, at(3_600)).unwrap().only_for_people().is_none());
        let cellar = "cellar".parse().unwrap();
        assert!(quotas.reserve(&cellar, MIB / 4, at(0)).unwrap().only_for_people().is_none());
        assert!(over.to_string().contains("`mib_per_day` of 1"), "{over}");
    }

    #[test]
    fn what_people_ask_for_has_a_reserve_and_that_ends_too() {
        let (quotas, lobby) = quotas(small());
        quotas.reserve(&lobby, MIB, at(0)).unwrap().stored(MIB);
        quotas.reserve(&lobby, MIB, at(0)).unwrap().stored(MIB);
        assert_eq!(quotas.reserve(&lobby, MIB / 24, at(0)).map(drop).unwrap_err().quota, Quota::BytesPerDay);
    }

    #[test]
    fn what_is_not_stored_is_given_back() {
        let (quotas, lobby) = quotas(small());
        for _ in 0..100 {
            drop(quotas.reserve(&lobby, MIB, at(0)).unwrap());
        }
        quotas.reserve(&lobby, MIB, at(0)).unwrap().stored(10);
        assert_eq!(quotas.of()[&lobby].usage.kept, 10);
        assert!(quotas.reserve(&lobby, MIB / 2, at(0)).unwrap().only_for_people().is_none());
    }

    #[test]
    fn what_is_kept_has_its_own_limit_and_what_was_deleted_makes_room() {
        let (quotas, lobby) = quotas(Settings { mib_kept: 1, ..Settings::default() });
        quotas.reserve(&lobby, MIB, at(0)).unwrap().stored(MIB);
        let refused = || quotas.reserve(&lobby, 1, at(1)).unwrap().only_for_people().map(|over| over.quota);
        assert_eq!(refused(), Some(Quota::BytesKept));
        quotas.freed(&lobby, 1);
        assert_eq!(refused(), None);
        let changes = quotas.take_changes(10);
        assert_eq!(changes[0].kept_change, i64::try_from(MIB).unwrap() - 1);
        assert!(quotas.take_changes(10).is_empty());
        quotas.give_back_changes(changes.clone());
        assert_eq!(quotas.take_changes(10), changes);
    }

    #[test]
    fn operators_hear_once_that_a_device_is_noisy_until_it_has_been_quiet() {
        let (quotas, lobby) = quotas(small());
        let over = small().over(Quota::OpenAlerts);
        assert!(quotas.refused(&lobby, &over, at(0)));
        assert!(!quotas.refused(&lobby, &over, at(3_599)));
        let noisy = quotas.noisy(&lobby, at(4_000)).unwrap();
        assert_eq!((noisy.since, noisy.last, noisy.refused), (at(0), at(3_599), 2));
        assert!(quotas.refused(&lobby, &over, at(10_000)), "again, after more than an hour");
        assert!(quotas.noisy(&lobby, at(10_000 + 86_400)).is_none());
    }

    proptest! {
        #[test]
        fn over_any_time_no_more_than_two_days_worth_and_the_rate_get_through(
            steps in prop::collection::vec((0_i64..3_600_000, 0_u64..300_000), 1..200),
        ) {
            let (per_day, mut bucket) = (MIB, Bucket::default());
            let start = 1_764_460_800_000;
            let (mut now, mut taken) = (start, 0_u64);
            for (passed, bytes) in steps {
                now += passed;
                match bucket.take(bytes, per_day, now) {
                    Ok(()) => taken += bytes,
                    Err(late) => {
                        let mut later = bucket;
                        prop_assert!(later.take(bytes, per_day, now + late).is_ok());
                    }
                }
                let filled = per_day + per_day * u64::try_from(now - start).unwrap() / DAY_MS.unsigned_abs();
                prop_assert!(taken <= filled + 1);
            }
        }

        #[test]
        fn no_clock_locks_a_device_out_for_more_than_a_day(full_at: i64, now in 0_i64..4_000_000_000_000) {
            let mut bucket = Bucket { full_at };
            prop_assert!(bucket.take(MIB, MIB, now.saturating_add(DAY_MS)).is_ok() || full_at > now);
            let mut ahead = Bucket { full_at: i64::MAX };
            prop_assert!(ahead.take(1, MIB, now).is_err_and(|late| late <= DAY_MS));
        }
    }
}
