//! Signs that two machines are using one identity, until an operator dismisses them.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::engine::{Row, values};
use super::records::{id, time};
use super::states::refresh_named;
use super::{Store, StoreError, from_json, statements, to_json};
use crate::ingest::clone::CloneSign;

/// A sign that is not dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneRecord {
    /// Whose identity.
    pub device: DeviceId,
    /// When it was found.
    pub found: Timestamp,
    /// What was found.
    pub sign: CloneSign,
}

impl CloneRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let body: String = row.get(2)?;
        Ok(Self {
            device: id("device", row.get(0)?)?,
            found: time(row, 1)?,
            sign: from_json("sign of a clone", &body)?,
        })
    }
}

impl Store {
    /// Keeps a sign, with the notice of it, unless one of that device is open; says whether it did.
    pub async fn clone_found(
        &self,
        device: DeviceId,
        sign: CloneSign,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let open: Option<i64> =
                    context
                        .connection
                        .one(statements::CLONE_OPEN, values![device.as_str()], |row| row.get(0))?;
                if open.is_some() {
                    return Ok(false);
                }
                let (found, body) = (now.as_millisecond(), to_json("sign of a clone", &sign)?);
                context.connection.execute(statements::ADD_CLONE, values![device.as_str(), found, body])?;
                let origin = format!("{device}/{found}/clone");
                context.connection.execute(
                    statements::ADD_NOTICE_OF,
                    values![origin, device.as_str(), "clone", found, body],
                )?;
                refresh_named(context.connection, &device)?;
                Ok(true)
            })
            .await
    }

    /// An operator dismisses what is open of a device; says whether anything was.
    pub async fn dismiss_clone(
        &self,
        device: DeviceId,
        by: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let dismissed = context
                    .connection
                    .execute(statements::DISMISS_CLONE, values![device.as_str(), now.as_millisecond(), by])?;
                refresh_named(context.connection, &device)?;
                Ok(dismissed > 0)
            })
            .await
    }
}
