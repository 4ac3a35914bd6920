//! What operators say about a device: whose it is and where it stands, its time zone, its tags, a note, and which
//! profile it is given.

use std::collections::BTreeSet;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde_json::{Value as Json, json};

use super::conditions::Conditions;
use super::engine::{Connection, values};
use super::meters::note_owner;
use super::profile_applications::{self, ApplicationRecord, OwnSetting};
use super::records::{id, time_if_any};
use super::scope::Scope;
use super::seen::{ChangedMeanwhile, mark};
use super::states::refresh;
use super::writer::WriteContext;
use super::{Store, StoreError, statements::devices as statements};

/// The most tags of one device.
pub const MAX_TAGS: usize = 20;
/// Devices whose details are changed in one transaction.
const CHANGED_AT_ONCE: u32 = 100;

/// A thing with a key and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// By which it is asked for.
    pub key: i64,
    /// For people.
    pub name: String,
}

/// What is known of a device beside what it reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailsRecord {
    /// Which device.
    pub device: DeviceId,
    /// Whose it is.
    pub customer: Option<Named>,
    /// Where it stands.
    pub site: Option<Named>,
    /// The site's address.
    pub address: Option<String>,
    /// Where at the site.
    pub place: Option<String>,
    /// Its own time zone, where that is said.
    pub own_time_zone: Option<String>,
    /// That of its site.
    pub site_time_zone: Option<String>,
    /// Whatever is to be remembered.
    pub note: Option<String>,
    /// In order.
    pub tags: Vec<String>,
    /// The profile that it was given itself.
    pub own_profile: Option<Named>,
    /// The profile that it has.
    pub profile: Option<Named>,
    /// How the settings of that stand.
    pub application: Option<ApplicationRecord>,
    /// What was set on it by hand.
    pub by_hand: Vec<OwnSetting>,
    /// When this was said last.
    pub changed: Option<Timestamp>,
    /// And by whom.
    pub changed_by: Option<String>,
}

impl DetailsRecord {
    /// What operators said of this device, as the audit log has it.
    fn state(&self) -> Json {
        let key = |named: &Option<Named>| named.as_ref().map(|named| named.key);
        json!({
            "device": self.device,
            "customer": key(&self.customer),
            "site": key(&self.site),
            "place": self.place,
            "time_zone": self.own_time_zone,
            "note": self.note,
            "tags": self.tags,
            "profile": key(&self.own_profile),
        })
    }

    /// The mark of this state.
    pub fn mark(&self) -> String {
        mark(&self.state())
    }

    /// The time zone at the device, as far as somebody said.
    pub fn time_zone(&self) -> Option<&str> {
        self.own_time_zone.as_deref().or(self.site_time_zone.as_deref())
    }
}

/// What is to be said otherwise; `None` leaves it as it is, and `Some(None)` takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DetailsChange {
    /// Whose it is. The customer of a device at a site is the site's.
    pub customer: Option<Option<i64>>,
    /// Where it stands.
    pub site: Option<Option<i64>>,
    /// Where at the site.
    pub place: Option<Option<String>>,
    /// Its own time zone.
    pub time_zone: Option<Option<String>>,
    /// Whatever is to be remembered.
    pub note: Option<Option<String>>,
    /// All its tags.
    pub tags: Option<BTreeSet<String>>,
    /// Tags beside those that it has.
    pub add_tags: BTreeSet<String>,
    /// Tags that it has no longer.
    pub remove_tags: BTreeSet<String>,
    /// The profile that it is given itself.
    pub profile: Option<Option<i64>>,
}

/// Why details are not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetailsRefusal {
    /// No such device.
    #[error("there is no device {0} here")]
    UnknownDevice(DeviceId),
    /// Something that is named is not there.
    #[error("there is no {what} {key} here")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// By which number.
        key: i64,
    },
    /// The site is another customer's.
    #[error(
        "site {site} is not one of customer {customer}: give the site alone, and the device has its customer"
    )]
    OtherCustomer {
        /// The site.
        site: i64,
        /// The customer that was named with it.
        customer: i64,
    },
    /// Whoever says it would see the device no more.
    #[error("{0} would leave the customers and sites that you are limited to: name one of those")]
    OutOfSight(DeviceId),
    /// A profile is given by whoever sees all devices.
    #[error("{0} keeps its profile: profiles are for all customers, and you are limited to some")]
    ProfileStays(DeviceId),
    /// It is not as it was seen.
    #[error(transparent)]
    Changed(#[from] ChangedMeanwhile),
    /// It would have more than it may.
    #[error("{device} would have {count} tags; a device has at most {MAX_TAGS}")]
    TooManyTags {
        /// Which device.
        device: DeviceId,
        /// How many.
        count: usize,
    },
}

/// Which devices; what is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Those of a customer.
    pub customer: Option<i64>,
    /// Those at a site.
    pub site: Option<i64>,
    /// Those that have a profile.
    pub profile: Option<i64>,
    /// Those with a tag.
    pub tag: Option<String>,
}

/// What became of a change of many devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// How many devices were changed.
    pub changed: u64,
    /// Those that were not, and why.
    pub refused: Vec<(DeviceId, DetailsRefusal)>,
    /// Where to go on, if there are more.
    pub next: Option<i64>,
}

struct Present {
    key: i64,
    customer: Option<i64>,
    site: Option<i64>,
    place: Option<String>,
    time_zone: Option<String>,
    note: Option<String>,
    own_profile: Option<i64>,
}

impl Store {
    /// What operators said about a device, if it is known.
    pub async fn details(
        &self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Option<DetailsRecord>, StoreError> {
        let scope = scope.clone();
        self.readers.clone().read(move |connection| details(connection, &scope, &device)).await
    }

    /// Says something else about a device.
    pub async fn set_details(
        &self,
        scope: &Scope,
        device: DeviceId,
        change: DetailsChange,
        by: String,
        now: Timestamp,
    ) -> Result<Result<(), DetailsRefusal>, StoreError> {
        let scope = scope.clone();
        self.writer
            .write(move |context| {
                let before = state_now(context.connection, &scope, &device)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                set_and_note(context, &scope, &device, &change, (&by, now))
            })
            .await
    }

    /// Says something else about some devices, each for itself.
    pub async fn set_details_of(
        &self,
        scope: &Scope,
        devices: Vec<DeviceId>,
        change: DetailsChange,
        by: String,
        now: Timestamp,
    ) -> Result<Changes, StoreError> {
        let mut all = Changes::default();
        for some in devices.chunks(CHANGED_AT_ONCE as usize) {
            let (some, scope) = (some.to_vec(), scope.clone());
            let (change, by) = (change.clone(), by.clone());
            let done = self
                .writer
                .write(move |context| {
                    let mut done = Changes::default();
                    for device in &some {
                        match set_and_note(context, &scope, device, &change, (&by, now))? {
                            Ok(()) => done.changed += 1,
                            Err(refusal) => done.refused.push((device.clone(), refusal)),
                        }
                    }
                    Ok(done)
                })
                .await?;
            all.changed += done.changed;
            all.refused.extend(done.refused);
        }
        Ok(all)
    }

    /// The next devices of a choice, by their keys, at most `limit`, and where to go on if there are more.
    pub async fn chosen(
        &self,
        scope: &Scope,
        choice: Choice,
        after: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<DeviceId>, Option<i64>), StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(values![limit]);
                conditions.and_within(&scope, "d");
                for (condition, key) in [
                    ("d.key > {}", &after),
                    ("d.customer = {}", &choice.customer),
                    ("d.site = {}", &choice.site),
                    ("d.profile = {}", &choice.profile),
                ] {
                    if let Some(key) = key {
                        conditions.and_with(condition, key);
                    }
                }
                if let Some(tag) = &choice.tag {
                    conditions.and_with(statements::HAS_TAG, tag);
                }
                let text = format!("{}{} ORDER BY d.key LIMIT ?1", statements::CHOSEN, conditions.text());
                let found: Vec<(i64, DeviceId)> = connection
                    .all(&text, conditions.values(), |row| Ok((row.get(0)?, id("device", row.get(1)?)?)))?;
                let more = found.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
                let next = found.last().filter(|_| more).map(|(key, _)| *key);
                Ok((found.into_iter().map(|(_, device)| device).collect(), next))
            })
            .await
    }
}

fn named(key: Option<i64>, name: Option<String>) -> Option<Named> {
    Some(Named { key: key?, name: name? })
}

/// The device, if it is within the scope.
fn only<'a>(scope: &Scope, device: &'a DeviceId) -> Conditions<'a> {
    let mut conditions = Conditions::new(&[]);
    conditions.and_with("d.id = {}", device.as_str());
    conditions.and_within(scope, "d");
    conditions
}

fn details(
    connection: &Connection,
    scope: &Scope,
    device: &DeviceId,
) -> Result<Option<DetailsRecord>, StoreError> {
    let conditions = only(scope, device);
    let text = format!("{}{}", statements::DETAILS, conditions.text());
    let found = connection.one(&text, conditions.values(), |row| {
        let record = DetailsRecord {
            device: device.clone(),
            customer: named(row.get(1)?, row.get(2)?),
            site: named(row.get(3)?, row.get(4)?),
            address: row.get(5)?,
            place: row.get(7)?,
            own_time_zone: row.get(8)?,
            site_time_zone: row.get(6)?,
            note: row.get(9)?,
            tags: Vec::new(),
            own_profile: named(row.get(12)?, row.get(13)?),
            profile: named(row.get(14)?, row.get(15)?),
            application: None,
            by_hand: Vec::new(),
            changed: time_if_any(row, 10)?,
            changed_by: row.get(11)?,
        };
        let profile: Option<(i64, String, i64)> =
            match (row.get(14)?, row.get::<Option<String>>(16)?, row.get(17)?) {
                (Some(key), Some(settings), Some(version)) => Some((key, settings, version)),
                _ => None,
            };
        Ok((row.get::<i64>(0)?, record, profile))
    })?;
    let Some((key, mut record, profile)) = found else { return Ok(None) };
    record.tags = connection.all(statements::TAGS_OF, values![key], |row| row.get(0))?;
    record.by_hand = profile_applications::by_hand(connection, key)?;
    if let Some((profile, settings, version)) = profile {
        record.application = Some(profile_applications::application(
            connection,
            (key, profile, version),
            &settings,
            &record.by_hand,
        )?);
    }
    Ok(Some(record))
}

fn present(connection: &Connection, scope: &Scope, device: &DeviceId) -> Result<Option<Present>, StoreError> {
    let conditions = only(scope, device);
    let text = format!("{}{}", statements::DETAILS, conditions.text());
    connection.one(&text, conditions.values(), |row| {
        Ok(Present {
            key: row.get(0)?,
            customer: row.get(1)?,
            site: row.get(3)?,
            place: row.get(7)?,
            time_zone: row.get(8)?,
            note: row.get(9)?,
            own_profile: row.get(12)?,
        })
    })
}

/// What operators said, as the audit log has it.
fn state_now(connection: &Connection, scope: &Scope, device: &DeviceId) -> Result<Option<Json>, StoreError> {
    Ok(details(connection, scope, device)?.map(|record| record.state()))
}

/// Says something else about a device, with an entry of what it was and is.
fn set_and_note(
    context: &mut WriteContext<'_>,
    scope: &Scope,
    device: &DeviceId,
    change: &DetailsChange,
    by: (&str, Timestamp),
) -> Result<Result<(), DetailsRefusal>, StoreError> {
    let connection = context.connection;
    let before = state_now(connection, scope, device)?;
    let done = set(connection, scope, device, change, by)?;
    if done.is_ok() {
        context.changed(before.as_ref(), state_now(connection, scope, device)?.as_ref());
    }
    Ok(done)
}

fn set(
    connection: &Connection,
    scope: &Scope,
    device: &DeviceId,
    change: &DetailsChange,
    (by, now): (&str, Timestamp),
) -> Result<Result<(), DetailsRefusal>, StoreError> {
    let Some(present) = present(connection, scope, device)? else {
        return Ok(Err(DetailsRefusal::UnknownDevice(device.clone())));
    };
    let (customer, site) = match whose(connection, &present, change)? {
        Ok(whose) => whose,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(refusal) = out_of_sight(scope, device, (&present, change), (customer, site)) {
        return Ok(Err(refusal));
    }
    let own_profile = change.profile.unwrap_or(present.own_profile);
    if let Some(key) = own_profile
        && !connection.exists(statements::PROFILE_EXISTS, values![key])?
    {
        return Ok(Err(DetailsRefusal::Missing { what: "profile", key }));
    }
    let before: BTreeSet<String> =
        connection.all(statements::TAGS_OF, values![present.key], |row| row.get(0))?.into_iter().collect();
    let mut tags = change.tags.clone().unwrap_or_else(|| before.clone());
    tags.extend(change.add_tags.iter().cloned());
    tags.retain(|tag| !change.remove_tags.contains(tag));
    if tags.len() > MAX_TAGS {
        return Ok(Err(DetailsRefusal::TooManyTags { device: device.clone(), count: tags.len() }));
    }
    connection.execute(
        statements::SET_DETAILS,
        values![
            present.key,
            customer,
            site,
            change.place.as_ref().unwrap_or(&present.place),
            change.time_zone.as_ref().unwrap_or(&present.time_zone),
            change.note.as_ref().unwrap_or(&present.note),
            own_profile,
            now.as_millisecond(),
            by
        ],
    )?;
    if (customer, site) != (present.customer, present.site) {
        note_owner(connection, present.key, customer, site, now)?;
    }
    if tags != before {
        connection.execute(statements::REMOVE_TAGS, values![present.key])?;
        for tag in &tags {
            connection.execute(statements::ADD_TAG, values![present.key, tag])?;
        }
    }
    if connection.execute(statements::RESOLVE_PROFILE, values![present.key])? > 0 {
        connection.execute(statements::NOTE_DUE, values![present.key, now.as_millisecond()])?;
    }
    // By its place, customer and site the fleet is asked as well.
    refresh(connection, present.key, None)?;
    Ok(Ok(()))
}

/// Who is limited to some customers and sites moves devices between those alone, hears of no others, and leaves profiles
/// as they are: those are for all.
fn out_of_sight(
    scope: &Scope,
    device: &DeviceId,
    (present, change): (&Present, &DetailsChange),
    (customer, site): CustomerAndSite,
) -> Option<DetailsRefusal> {
    let Scope::Of { customers, sites } = scope else { return None };
    if change.profile.is_some_and(|profile| profile != present.own_profile) {
        return Some(DetailsRefusal::ProfileStays(device.clone()));
    }
    let within =
        customer.is_some_and(|key| customers.contains(&key)) || site.is_some_and(|key| sites.contains(&key));
    if within {
        return None;
    }
    Some(match (change.customer, change.site) {
        (_, Some(Some(key))) => DetailsRefusal::Missing { what: "site", key },
        (Some(Some(key)), _) => DetailsRefusal::Missing { what: "customer", key },
        _ => DetailsRefusal::OutOfSight(device.clone()),
    })
}

/// The keys of a customer and of a site.
type CustomerAndSite = (Option<i64>, Option<i64>);

/// Customer and site from now on: a device at a site is its customer's.
fn whose(
    connection: &Connection,
    present: &Present,
    change: &DetailsChange,
) -> Result<Result<CustomerAndSite, DetailsRefusal>, StoreError> {
    let mut site = change.site.unwrap_or(present.site);
    if change.site.is_none() && change.customer.is_some_and(|customer| customer != present.customer) {
        // Another customer's device does not stand at the site of the former one.
        site = None;
    }
    let Some(key) = site else {
        let customer = change.customer.unwrap_or(present.customer);
        if let Some(key) = customer
            && !connection.exists(statements::CUSTOMER_EXISTS, values![key])?
        {
            return Ok(Err(DetailsRefusal::Missing { what: "customer", key }));
        }
        return Ok(Ok((customer, None)));
    };
    let of_site: Option<i64> =
        connection.one(statements::CUSTOMER_OF_SITE, values![key], |row| row.get(0))?;
    let Some(of_site) = of_site else {
        return Ok(Err(DetailsRefusal::Missing { what: "site", key }));
    };
    if let Some(Some(customer)) = change.customer
        && customer != of_site
    {
        return Ok(Err(DetailsRefusal::OtherCustomer { site: key, customer }));
    }
    Ok(Ok((Some(of_site), Some(key))))
}
