//! Whose devices were when, and what they lost: what a statement of their meters is cut by.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::engine::{Connection, values};
use super::records::{from_loss, id, time};
use super::statements::meters as statements;
use super::{Scope, Store, StoreError};
use crate::ingest::Loss;

/// Losses of one device that a statement can name.
const MAX_LOSSES: u32 = 200;

/// A time in which a device was a customer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// From this moment on, in milliseconds; 0 for what was so before it was ever written down.
    pub from: i64,
    /// Up to this one; none where it still is.
    pub until: Option<i64>,
    /// The site at which it stood then, where that is still known.
    pub site: Option<String>,
}

/// A device that was a customer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDevice {
    /// Its name.
    pub device: DeviceId,
    /// Its time zone, as far as somebody said.
    pub time_zone: Option<String>,
    /// Whether it is a simulated printer.
    pub simulated: bool,
    /// When it was that customer's and in service, the earliest first; what moved from site to site of one customer is one time.
    pub times: Vec<Owned>,
}

/// Something that a device lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossRecord {
    /// When that was noticed.
    pub recorded: Timestamp,
    /// What.
    pub loss: Loss,
}

/// A row of the journal.
struct Row {
    device: DeviceId,
    since: i64,
    customer: Option<i64>,
    site: Option<i64>,
    site_name: Option<String>,
    time_zone: Option<String>,
    simulated: bool,
    retired: Option<i64>,
}

/// Notes whose a device is from now on.
pub(super) fn note_owner(
    connection: &Connection,
    device: i64,
    customer: Option<i64>,
    site: Option<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .execute(statements::NOTE_OWNER, values![device, now.as_millisecond(), customer, site])
        .map(drop)
}

/// Whether what was of a customer, at a site, may be seen: by whose it was then, not by whose it is now.
fn may_see(scope: &Scope, customer: i64, site: Option<i64>) -> bool {
    match scope {
        Scope::All => true,
        Scope::Of { customers, sites } => {
            customers.contains(&customer) || site.is_some_and(|site| sites.contains(&site))
        }
    }
}

/// The times in which one device was a customer's, of the rows of its journal.
fn times(rows: &[Row], scope: &Scope, customer: i64) -> Vec<Owned> {
    let mut times: Vec<Owned> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let next = rows.get(index + 1).map(|next| next.since);
        // What is retired counts for nobody from then on.
        let until = next.into_iter().chain(row.retired).min();
        let is_over = until.is_some_and(|until| until <= row.since);
        if row.customer != Some(customer) || is_over || !may_see(scope, customer, row.site) {
            continue;
        }
        match times.last_mut() {
            Some(last) if last.until == Some(row.since) => {
                last.until = until;
                last.site.clone_from(&row.site_name);
            }
            _ => times.push(Owned { from: row.since, until, site: row.site_name.clone() }),
        }
    }
    times
}

impl Store {
    /// Devices that were ever a customer's before a moment, by name, behind one of a name, at most `limit`; with the times
    /// in which they were. Whether there may be more says the second.
    pub async fn owned(
        &self,
        scope: &Scope,
        customer: i64,
        after: Option<DeviceId>,
        before: i64,
        limit: u32,
    ) -> Result<(Vec<OwnedDevice>, bool), StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let after = after.as_ref().map_or("", DeviceId::as_str);
                let rows =
                    connection.all(statements::OWNERS, values![customer, after, before, limit], |row| {
                        Ok(Row {
                            device: id("device", row.get(0)?)?,
                            since: row.get(1)?,
                            customer: row.get(2)?,
                            site: row.get(3)?,
                            site_name: row.get(4)?,
                            time_zone: row.get(5)?,
                            simulated: row.get::<Option<i64>>(6)? == Some(1),
                            retired: row.get(7)?,
                        })
                    })?;
                let mut devices: Vec<Vec<Row>> = Vec::new();
                for row in rows {
                    match devices.last_mut() {
                        Some(of) if of.first().is_some_and(|first| first.device == row.device) => {
                            of.push(row);
                        }
                        _ => devices.push(vec![row]),
                    }
                }
                let more = devices.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
                let owned = devices.iter().filter_map(|rows| {
                    let first = rows.first()?;
                    Some(OwnedDevice {
                        device: first.device.clone(),
                        time_zone: first.time_zone.clone(),
                        simulated: first.simulated,
                        times: times(rows, &scope, customer),
                    })
                });
                Ok((owned.collect(), more))
            })
            .await
    }

    /// What a device lost, as it was noticed in a time; the earliest first. It is for whoever may see what the device was
    /// then.
    pub async fn losses_of(
        &self,
        device: DeviceId,
        from: i64,
        until: i64,
    ) -> Result<Vec<LossRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let name = device.as_str();
                connection.all(statements::LOSSES_OF, values![name, from, until, MAX_LOSSES], |row| {
                    Ok(LossRecord { recorded: time(row, 2)?, loss: from_loss(row, [0, 1, 3, 4])? })
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(since: i64, customer: Option<i64>, site: Option<i64>) -> Row {
        Row {
            device: "lobby".parse().unwrap(),
            since,
            customer,
            site,
            site_name: site.map(|site| format!("site {site}")),
            time_zone: None,
            simulated: false,
            retired: None,
        }
    }

    fn spans(rows: &[Row], scope: &Scope, customer: i64) -> Vec<(i64, Option<i64>)> {
        times(rows, scope, customer).into_iter().map(|time| (time.from, time.until)).collect()
    }

    #[test]
    fn a_device_that_comes_back_has_two_times_and_one_that_only_moves_has_one() {
        let rows = [
            row(0, Some(1), Some(7)),
            row(10, Some(1), Some(8)),
            row(20, Some(2), None),
            row(30, None, None),
            row(40, Some(1), None),
        ];
        assert_eq!(spans(&rows, &Scope::All, 1), [(0, Some(20)), (40, None)]);
        assert_eq!(spans(&rows, &Scope::All, 2), [(20, Some(30))]);
        assert_eq!(times(&rows, &Scope::All, 1)[0].site.as_deref(), Some("site 8"));
    }

    #[test]
    fn a_device_that_is_retired_counts_for_nobody_from_then_on() {
        let mut rows = [row(0, Some(1), Some(7)), row(10, Some(1), Some(8)), row(30, Some(1), None)];
        for row in &mut rows {
            row.retired = Some(20);
        }
        assert_eq!(spans(&rows, &Scope::All, 1), [(0, Some(20))]);
    }

    #[test]
    fn what_was_another_customers_is_not_seen_by_whose_the_device_is_now() {
        let rows = [row(0, Some(1), Some(7)), row(10, Some(1), Some(8)), row(20, Some(2), None)];
        let only = |customers: &[i64], sites: &[i64]| Scope::Of {
            customers: customers.iter().copied().collect(),
            sites: sites.iter().copied().collect(),
        };
        assert_eq!(spans(&rows, &only(&[2], &[]), 1), []);
        assert_eq!(spans(&rows, &only(&[2], &[]), 2), [(20, None)]);
        assert_eq!(spans(&rows, &only(&[], &[8]), 1), [(10, Some(20))]);
        assert_eq!(spans(&rows, &only(&[1], &[]), 1), [(0, Some(20))]);
    }
}
