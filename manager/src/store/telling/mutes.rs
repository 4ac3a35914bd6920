//! Of what nothing is told for a while, such as during maintenance. What still stands at the end is told then.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::Serialize;

use super::super::engine::{Row, values};
use super::super::records::{id, time};
use super::super::statements::telling as statements;
use super::super::{Store, StoreError};
use super::{MAX_MUTES, TellingRefusal};

/// What is muted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Muted {
    /// One device.
    Device(DeviceId),
    /// All devices at a site.
    Site(i64),
}

/// A mute, as an operator writes it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMute {
    /// What is muted.
    pub what: Muted,
    /// Until when.
    pub until: Timestamp,
    /// Why, for people.
    pub note: Option<String>,
}

/// A mute that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MuteRecord {
    /// Number.
    #[serde(rename = "id")]
    pub key: i64,
    /// The device, if it is one.
    pub device: Option<DeviceId>,
    /// The number of the site, if it is one.
    pub site: Option<i64>,
    /// Its name.
    pub site_name: Option<String>,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub note: Option<String>,
    /// Since when.
    pub made: Timestamp,
    /// By whom.
    pub made_by: String,
}

fn record(row: &Row<'_>) -> Result<MuteRecord, StoreError> {
    let device: Option<String> = row.get(1)?;
    Ok(MuteRecord {
        key: row.get(0)?,
        device: device.map(|device| id("device", device)).transpose()?,
        site: row.get(2)?,
        site_name: row.get(3)?,
        until: time(row, 4)?,
        note: row.get(5)?,
        made: time(row, 6)?,
        made_by: row.get(7)?,
    })
}

impl Store {
    /// Those that stand, the first to end first.
    pub async fn mutes(&self, now: Timestamp) -> Result<Vec<MuteRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.all(statements::MUTES, values![now.as_millisecond()], record))
            .await
    }

    /// Adds one.
    pub async fn add_mute(
        &self,
        new: NewMute,
        by: String,
        now: Timestamp,
    ) -> Result<Result<i64, TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let (connection, now) = (context.connection, now.as_millisecond());
                let (mut device, mut site): (Option<i64>, Option<i64>) = (None, None);
                match &new.what {
                    Muted::Device(name) => {
                        device = connection.one(
                            super::super::statements::DEVICE_KEY,
                            values![name.as_str()],
                            |row| row.get(0),
                        )?;
                        if device.is_none() {
                            return Ok(Err(TellingRefusal::missing("device", &name)));
                        }
                    }
                    Muted::Site(key) => {
                        let found = super::super::statements::devices::CUSTOMER_OF_SITE;
                        if !connection.exists(found, values![*key])? {
                            return Ok(Err(TellingRefusal::missing("site", &key)));
                        }
                        site = Some(*key);
                    }
                }
                let count = connection.row(statements::COUNT_MUTES, values![now], |row| row.get::<i64>(0))?;
                if count >= MAX_MUTES {
                    return Ok(Err(TellingRefusal::TooMany(MAX_MUTES)));
                }
                connection.execute(statements::FORGET_MUTES, values![now])?;
                connection
                    .row(
                        statements::ADD_MUTE,
                        values![device, site, new.until.as_millisecond(), new.note, now, by],
                        |row| row.get(0),
                    )
                    .map(Ok)
            })
            .await
    }

    /// Ends one now: what waits for its end is told.
    pub async fn end_mute(&self, key: i64, now: Timestamp) -> Result<Result<(), TellingRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let (connection, now) = (context.connection, now.as_millisecond());
                if connection.execute(statements::END_MUTE, values![key, now])? == 0 {
                    return Ok(Err(TellingRefusal::missing("mute", &key)));
                }
                connection.execute(statements::HURRY, values![format!("mute:{key}:%"), now])?;
                Ok(Ok(()))
            })
            .await
    }
}
