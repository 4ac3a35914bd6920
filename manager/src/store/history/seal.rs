//! Gathers what devices reported in blocks by device. It is done in small steps, and may be done again: what is
//! gathered twice is there once.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::super::engine::{Connection, values};
use super::super::records::id;
use super::super::writer::WriteContext;
use super::super::{Store, StoreError};
use super::{statements, stored, walk};
use crate::history::rows::Rows;
use crate::history::{Resolution, Settings, block};

/// Reports of an epoch that are gathered at once: what they take of memory, and of the time of one look-up.
const REPORTS_AT_ONCE: u32 = 500;

/// An epoch with reports that are not in the blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// Which epoch.
    pub epoch: i64,
    device: i64,
    id: DeviceId,
    last: i64,
    acknowledged: i64,
    mark: Mark,
}

/// How far an epoch is in the blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mark {
    /// All up to this report.
    sealed: i64,
    /// And these, once `at` has come to `sealed`.
    top: Option<i64>,
    at: Option<i64>,
}

/// What one step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What is left of the epoch.
    pub more: Option<Unsealed>,
    /// How many reports were gathered.
    pub reports: u32,
}

struct Block {
    resolution: Resolution,
    start: i64,
    body: String,
}

impl Store {
    /// Epochs with at least so many reports that are not in the blocks, behind this one.
    pub async fn unsealed(&self, after: i64, least: u32, limit: u32) -> Result<Vec<Unsealed>, StoreError> {
        let damage = Arc::clone(&self.damage);
        let find = move |connection: &Connection| {
            let found = connection.all(statements::UNSEALED, values![after, limit, least], |row| {
                Ok(damage.readable(row, 2, |row| {
                    Ok(Unsealed {
                        epoch: row.get(0)?,
                        device: row.get(1)?,
                        id: id("device", row.get(2)?)?,
                        last: row.get(3)?,
                        acknowledged: row.get(7)?,
                        mark: Mark { sealed: row.get(4)?, top: row.get(5)?, at: row.get(6)? },
                    })
                }))
            })?;
            Ok(found.into_iter().flatten().collect())
        };
        self.readers.clone().read(find).await
    }

    /// Gathers some of the reports of an epoch, the newest first. It is for one at a time to do.
    pub async fn seal(
        &self,
        what: Unsealed,
        settings: Settings,
        now: Timestamp,
    ) -> Result<Sealed, StoreError> {
        let damage = Arc::clone(&self.damage);
        let found = what.clone();
        let read = move |connection: &Connection| {
            let Unsealed { device, id, last, mark, .. } = &found;
            let at = mark.at.unwrap_or(*last);
            let walked = walk::back(connection, &damage, id, (at, mark.sealed), REPORTS_AT_ONCE)?;
            let mut raw = Rows::new(Resolution::Raw);
            walked.rows.into_iter().for_each(|row| raw.add(row));
            let mut blocks = Vec::new();
            for resolution in Resolution::ALL {
                let horizon = settings.horizon(resolution, now.as_millisecond());
                let mut rows = raw.thinned(resolution);
                rows.rows.retain(|bucket, _| *bucket >= horizon);
                for (start, mut rows) in rows.into_blocks() {
                    let table = statements::table(resolution);
                    let end = start.saturating_add(1);
                    let there: Option<String> =
                        connection.one(table.blocks, values![device, start, end, 1], |row| row.get(1))?;
                    if let Some(there) = there {
                        rows.join(stored(&damage, id, &there, resolution, start));
                    }
                    let body = block::write(&rows, start).map_err(super::unreadable)?;
                    blocks.push(Block { resolution, start, body });
                }
            }
            let top = mark.top.unwrap_or(*last);
            let next = match walked.next {
                Some(at) => Mark { sealed: mark.sealed, top: Some(top), at: Some(at) },
                None => Mark { sealed: top, top: None, at: None },
            };
            Ok((blocks, next, walked.looked))
        };
        let (blocks, next, reports) = self.readers.clone().read(read).await?;
        let (epoch, device, before, counted) = (what.epoch, what.device, what.mark, what.acknowledged);
        let written = self
            .writer
            .write(move |context: &mut WriteContext<'_>| {
                let connection = context.connection;
                let there = connection.one(statements::MARK, values![epoch], |row| {
                    Ok(Mark { sealed: row.get(0)?, top: row.get(1)?, at: row.get(2)? })
                })?;
                // Somebody else was here meanwhile, whose blocks these must not take the place of.
                if there.unwrap_or_default() != before {
                    return Ok(false);
                }
                for Block { resolution, start, body } in &blocks {
                    connection.execute(statements::table(*resolution).set, values![device, start, body])?;
                }
                let Mark { sealed, top, at } = next;
                connection.execute(statements::SET_MARK, values![epoch, sealed, top, at, counted])?;
                Ok(true)
            })
            .await?;
        let more = (written && next.at.is_some()).then_some(Unsealed { mark: next, ..what });
        Ok(Sealed { more, reports })
    }
}
