//! Rows about what needs a person, with their texts read.

use jiff::Timestamp;
use platen_protocol::alert::Training;
use platen_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};

use super::super::calls::ServiceCallRecord;
use super::super::clones::CloneRecord;
use super::super::engine::Row;
use super::super::needs::{NowKind, Urgency};
use super::super::order_records::OrderRecord;
use super::super::records::{AlertRecord, id, time, time_if_any, word};
use super::super::watches::WatchRecord;
use super::super::{StoreError, from_integer};

/// Where in the list an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NowShelf {
    /// It waits for somebody.
    Waiting,
    /// Somebody has taken it.
    Taken,
    /// It sleeps until a moment.
    Snoozed,
    /// A person closed it, and it still stands: it is over when that ends.
    Closed,
}

impl NowShelf {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Taken, Self::Snoozed, Self::Closed];

    /// Its number in the store.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Taken => 1,
            Self::Snoozed => 2,
            Self::Closed => 3,
        }
    }

    /// By its number in the store.
    pub fn of_rank(rank: i64) -> Self {
        Self::ALL.into_iter().find(|shelf| shelf.rank() == rank).unwrap_or(Self::Waiting)
    }

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Taken => "taken",
            Self::Snoozed => "snoozed",
            Self::Closed => "closed",
        }
    }
}

/// What is open, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NowSubject {
    /// An alert.
    Alert(Box<AlertRecord>),
    /// A service call.
    ServiceCall(Box<ServiceCallRecord>),
    /// An order.
    Order(Box<OrderRecord>),
    /// What a watch found.
    Watch(Box<WatchRecord>),
    /// A sign that two machines use one identity.
    Clone(Box<CloneRecord>),
    /// The device itself, or its site.
    Itself,
    /// It cannot be read, or is kept no more.
    Unknown,
}

/// One thing that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowItem {
    /// Its key, and its name.
    pub key: i64,
    /// What it stands for.
    pub kind: NowKind,
    /// The key of that.
    pub(in crate::store) origin: i64,
    /// The item of which it is a part.
    pub cause: Option<i64>,
    /// How urgent it is.
    pub urgency: Urgency,
    /// Since when it is so.
    pub since: Timestamp,
    /// Who can fix it.
    pub training: Training,
    /// Whose it is: the customer's key and name.
    pub customer: Option<(i64, Option<String>)>,
    /// At which site: its key and name.
    pub site: Option<(i64, Option<String>)>,
    /// From where a silent device, or those of a site, were heard last.
    pub remote: Option<String>,
    /// When it came into the list.
    pub begun: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Where in the list it is.
    pub shelf: NowShelf,
    /// Who has taken it.
    pub taken_by: Option<String>,
    /// When.
    pub taken: Option<Timestamp>,
    /// Until when it sleeps.
    pub until: Option<Timestamp>,
    /// Rises with everything that is done to it.
    pub version: i64,
    /// The device; none for what many have.
    pub device: Option<DeviceId>,
    /// Where that stands.
    pub place: Option<String>,
    /// Devices that it is about, and those of which it still is so.
    pub devices: (u64, u64),
    /// How often somebody wrote something.
    pub words: u64,
    /// The key of the device.
    pub(in crate::store) device_key: Option<i64>,
    /// What is open.
    pub subject: NowSubject,
    /// The newest comment.
    pub comment: Option<NowEntry>,
}

impl NowItem {
    /// Its place in the list.
    pub fn place_in_list(&self) -> NowPlace {
        NowPlace {
            shelf: self.shelf.rank(),
            urgency: self.urgency.rank(),
            since: self.since.as_millisecond(),
            key: self.key,
        }
    }

    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let named = |key: usize| -> Result<Option<(i64, Option<String>)>, StoreError> {
            let name: Option<String> = row.get(key + 1)?;
            Ok(row.get::<Option<i64>>(key)?.map(|key| (key, name)))
        };
        let device: Option<String> = row.get(19)?;
        let one_device = device.is_some();
        let counts = (from_integer(row.get(21)?), from_integer(row.get(22)?));
        let ended = time_if_any(row, 13)?;
        Ok(Self {
            key: row.get(0)?,
            kind: word("kind of an item", row.get(1)?)?,
            origin: row.get(2)?,
            cause: row.get(3)?,
            urgency: Urgency::of_rank(row.get(4)?),
            since: time(row, 5)?,
            training: word("training level", row.get(6)?).unwrap_or(Training::Unknown),
            customer: named(7)?,
            site: named(9)?,
            remote: row.get(11)?,
            begun: time(row, 12)?,
            shelf: NowShelf::of_rank(row.get(14)?),
            taken_by: row.get(15)?,
            taken: time_if_any(row, 16)?,
            until: time_if_any(row, 17)?,
            version: row.get(18)?,
            device: device.map(|device| id("device", device)).transpose()?,
            place: row.get::<Option<String>>(20)?.filter(|place| !place.is_empty()),
            devices: if one_device { (1, u64::from(ended.is_none())) } else { counts },
            words: from_integer(row.get(23)?),
            device_key: row.get(24)?,
            ended,
            subject: NowSubject::Unknown,
            comment: None,
        })
    }
}

/// A place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NowPlace {
    /// The number of the shelf.
    pub shelf: i64,
    /// How urgent.
    pub urgency: i64,
    /// Since when, in milliseconds.
    pub since: i64,
    /// The item's key.
    pub key: i64,
}

/// What was done with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NowWhat {
    /// Somebody took it.
    Taken,
    /// Somebody put it back into the list.
    GivenBack,
    /// Somebody wrote something.
    Commented,
    /// Somebody put it to sleep.
    Snoozed,
    /// It woke.
    Woken,
    /// Somebody closed it.
    Closed,
    /// It became a part of what many devices have.
    PutBelow,
}

impl NowWhat {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::GivenBack => "given_back",
            Self::Commented => "commented",
            Self::Snoozed => "snoozed",
            Self::Woken => "woken",
            Self::Closed => "closed",
            Self::PutBelow => "put_below",
        }
    }
}

/// One thing that was done with an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct NowEntry {
    /// Its place in the item's history.
    #[serde(skip)]
    pub key: i64,
    /// When.
    pub at: Timestamp,
    /// Who did it; `null` for the manager itself.
    pub who: Option<String>,
    /// What was done.
    pub what: NowWhat,
    /// Until when, of an item that was put to sleep; otherwise `null`.
    pub until: Option<Timestamp>,
    /// What the person wrote; `null` without words.
    pub words: Option<String>,
}

impl NowEntry {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            at: time(row, 1)?,
            who: row.get(2)?,
            what: word("act", row.get(3)?)?,
            until: time_if_any(row, 4)?,
            words: row.get(5)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_words_come_back() {
        for shelf in NowShelf::ALL {
            assert_eq!(NowShelf::of_rank(shelf.rank()), shelf);
            assert_eq!(serde_json::to_value(shelf).unwrap(), shelf.word());
        }
    }
}
