//! Brings the list of what needs a person up to what is open at a device, in the transaction that changes that. What is wanted is read from the rows
//! that are there and compared with what is listed, so that nothing is added that could be forgotten: an alert that is reported
//! twice, or of which the end was lost, ends here like every other one.

mod kinds;

use jiff::Timestamp;
use platen_protocol::alert::{Alert, Training};
use serde::Deserialize;

use super::StoreError;
use super::engine::{Connection, Row, values};
use super::records::word;
use super::statements::now as statements;
use crate::clock;

pub use kinds::{NowKind, Urgency};

/// What of how a device stands decides about its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stands {
    /// Whether it is in service: of one that is not, nothing needs a person.
    pub(super) in_service: bool,
    /// Whether an operator has to decide about its identity.
    pub(super) identity: bool,
    pub(super) customer: Option<i64>,
    pub(super) site: Option<i64>,
}

/// Something that needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    kind: NowKind,
    origin: i64,
    class: i64,
    since: Option<i64>,
}

/// Something that is in the list.
struct Listed {
    key: i64,
    kind: NowKind,
    origin: i64,
    moved: bool,
}

/// When a superseded certificate was used first.
#[derive(Deserialize)]
struct Used {
    first: Timestamp,
}

impl Wanted {
    fn urgency(self) -> Urgency {
        match (self.kind, self.class) {
            (NowKind::Alert, 0) => Urgency::Stopped,
            (NowKind::Alert, 2) => Urgency::Forecast,
            (NowKind::Alert | NowKind::Watch, _) => Urgency::Warning,
            (NowKind::ServiceCall, _) => Urgency::ServiceCall,
            (NowKind::Order, _) => Urgency::Order,
            (NowKind::Silent, _) => Urgency::Overdue,
            (NowKind::Clone | NowKind::Identity, _) => Urgency::Identity,
            (NowKind::SiteSilent, _) => Urgency::SiteSilent,
        }
    }

    /// Who can fix it: an alert says so. A person at the site looks whether a device is switched on; what its controller or a
    /// sensor does needs a technician, as does what a person calls for; orders and identities are for the desk.
    fn training(self, connection: &Connection) -> Result<Training, StoreError> {
        Ok(match self.kind {
            NowKind::Alert => {
                let body: Option<String> =
                    connection.one(statements::ALERT_BODY, values![self.origin], |row| row.get(0))?;
                let alert = body.and_then(|body| serde_json::from_str::<Alert>(&body).ok());
                // What cannot be read is listed all the same.
                alert.map_or(Training::Unknown, |alert| alert.training)
            }
            NowKind::ServiceCall | NowKind::Watch => Training::FieldService,
            NowKind::Silent => Training::Untrained,
            NowKind::SiteSilent => Training::Trained,
            NowKind::Order | NowKind::Clone | NowKind::Identity => Training::Management,
        })
    }

    fn since(self, connection: &Connection, now: Timestamp) -> Result<i64, StoreError> {
        if let Some(since) = self.since {
            return Ok(since);
        }
        let superseded: Option<Option<String>> =
            connection.one(statements::SUPERSEDED, values![self.origin], |row| row.get(0))?;
        let used = superseded.flatten().and_then(|text| serde_json::from_str::<Used>(&text).ok());
        Ok(used.map_or(now, |used| used.first).as_millisecond())
    }
}

/// What is listed of a device, and what should be: in one look-up, for every report of an alert waits for it.
fn read(
    connection: &Connection,
    device: i64,
    stands: Stands,
) -> Result<(Vec<Listed>, Vec<Wanted>), StoreError> {
    let (mut listed, mut wanted) = (Vec::new(), Vec::new());
    connection.each(statements::LISTED_AND_WANTED, values![device], |row: &Row<'_>| {
        let (kind, origin) = (word("kind of an item", row.get(0)?)?, row.get(1)?);
        match row.get::<Option<i64>>(4)? {
            Some(key) => {
                let place: (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
                let moved = place != (stands.customer, stands.site);
                listed.push(Listed { key, kind, origin, moved });
            }
            None if stands.in_service => {
                wanted.push(Wanted { kind, origin, class: row.get(2)?, since: Some(row.get(3)?) });
            }
            None => {}
        }
        Ok(())
    })?;
    if stands.identity && stands.in_service {
        wanted.push(Wanted { kind: NowKind::Identity, origin: device, class: 0, since: None });
    }
    Ok((listed, wanted))
}

/// Makes and ends items of a device, so that the list has what should be there.
pub(super) fn settle(connection: &Connection, device: i64, stands: Stands) -> Result<(), StoreError> {
    let (listed, wanted) = read(connection, device, stands)?;
    if wanted.is_empty() && listed.is_empty() {
        return Ok(());
    }
    let now = clock::now();
    let is = |one: &Listed, other: &Wanted| (one.kind, one.origin) == (other.kind, other.origin);
    for gone in listed.iter().filter(|one| !wanted.iter().any(|other| is(one, other))) {
        connection.execute(statements::END, values![gone.key, now.as_millisecond()])?;
    }
    if listed.iter().any(|one| one.moved) {
        connection.execute(statements::MOVE_DEVICE, values![device, stands.customer, stands.site])?;
    }
    for new in wanted.iter().filter(|one| !listed.iter().any(|other| is(other, one))) {
        let since = new.since(connection, now)?;
        let training = new.training(connection)?.name();
        connection.execute(
            statements::ADD,
            values![
                device,
                new.kind.word(),
                new.origin,
                new.urgency().rank(),
                since,
                training,
                stands.customer,
                stands.site,
                now.as_millisecond()
            ],
        )?;
    }
    Ok(())
}

/// A device is being deleted: nothing of it is listed any more.
pub(super) fn end_all(connection: &Connection, device: i64, now: Timestamp) -> Result<(), StoreError> {
    connection.execute(statements::END_OF_DEVICE, values![device, now.as_millisecond()]).map(drop)
}

/// What is wrong with the list of a device, in words: nothing, unless the manager has a fault.
pub(super) fn astray(
    connection: &Connection,
    device: i64,
    stands: Stands,
) -> Result<Option<String>, StoreError> {
    let (listed, wanted) = read(connection, device, stands)?;
    let mut should: Vec<_> = wanted.iter().map(|one| (one.kind, one.origin)).collect();
    let mut is: Vec<_> = listed.iter().map(|one| (one.kind, one.origin)).collect();
    should.sort_unstable();
    is.sort_unstable();
    let fault = is != should || listed.iter().any(|one| one.moved);
    Ok(fault.then(|| format!("listed as needing a person: {is:?}; should be: {should:?}")))
}
