//! What is known of the file without reading it: chapters, what waits, what is acknowledged.
//!
//! Two ways to name a report. On the wire it is (epoch, sequence). In here it is its *place*: a number
//! that rises over all chapters and never changes, so that the journal and the list of requests need not follow
//! when an epoch is numbered anew.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Lost, LostReason, ReportBody};
use platen_protocol::hex;
use platen_protocol::identity::Epoch;
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};

use super::limits::{Held, Rank, UNKNOWN_KIND, known_kind};
use super::losses::{Grown, Losses};
use super::remembered::RequestList;
use super::{OutboxError, from_db, to_db};
use crate::random;

/// Random bytes in an epoch's name: enough that no two lives of a fleet share one.
const EPOCH_BYTES: usize = 8;

/// One epoch of this outbox. All but the last are sealed: nothing is added, and they go once the manager
/// has all of them.
#[derive(Debug, Clone)]
pub(super) struct Chapter {
    /// Rises from chapter to chapter.
    pub(super) number: u64,
    pub(super) epoch: Epoch,
    /// The sequence that its next report gets.
    pub(super) next: u64,
    /// Everything up to and with this is with the manager. What is above it and below `next` is held or
    /// lost.
    pub(super) acknowledged: u64,
    pub(super) losses: Losses,
    /// Begun in memory, and not on the disk yet.
    pub(super) in_memory: bool,
}

impl Chapter {
    pub(super) fn begin(number: u64, in_memory: bool) -> Result<Self, OutboxError> {
        let epoch = new_epoch()?;
        Ok(Self { number, epoch, next: 1, acknowledged: 0, losses: Losses::default(), in_memory })
    }

    /// Whether the manager has all of it.
    pub(super) fn is_done(&self) -> bool {
        self.acknowledged + 1 >= self.next
    }
}

pub(super) fn new_epoch() -> Result<Epoch, OutboxError> {
    Ok(hex::encode(&random::bytes::<EPOCH_BYTES>()?).parse()?)
}

/// What the outbox itself has to tell, kept with the reports until it is one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notices {
    /// Goes before the next report, with its stamp.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pending: Vec<ReportBody>,
    /// The manager may take other alerts for standing than those that do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) alerts_in_doubt: bool,
}

impl Notices {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// All of it. A change works on a copy, which counts once the transaction is committed.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Sealed ones first; there is always the open one.
    pub(super) sealed: Vec<Chapter>,
    pub(super) open: Chapter,
    /// What is not acknowledged, by place.
    pub(super) held: BTreeMap<u64, Held>,
    /// The place that the next report gets.
    pub(super) next_place: u64,
    /// The highest place that was acknowledged.
    pub(super) acknowledged: u64,
    pub(super) known_time: Option<Timestamp>,
    pub(super) requests: RequestList,
    pub(super) notices: Notices,
}

/// The one row that holds the rest.
#[derive(Serialize, Deserialize)]
struct Row {
    next_place: u64,
    acknowledged_place: u64,
    known_time: Option<i64>,
    chapters: Vec<ChapterRow>,
    #[serde(default, rename = "own", skip_serializing_if = "Notices::is_nothing")]
    notices: Notices,
}

#[derive(Serialize, Deserialize)]
struct ChapterRow {
    number: u64,
    epoch: Epoch,
    next: u64,
    acknowledged: u64,
}

impl State {
    /// Nothing has been kept yet.
    pub(super) fn begin(in_memory: bool) -> Result<Self, OutboxError> {
        Ok(Self {
            sealed: Vec::new(),
            open: Chapter::begin(1, in_memory)?,
            held: BTreeMap::new(),
            next_place: 1,
            acknowledged: 0,
            known_time: None,
            requests: RequestList::default(),
            notices: Notices::default(),
        })
    }

    /// From the file, in which nothing may have been written yet.
    pub(super) fn load(db: &Connection) -> Result<Self, OutboxError> {
        let mut state = Self::read(db)?;
        state.hold(db, "ASC")?;
        state.requests = RequestList::load(db, state.acknowledged, state.known_time)?;
        for (chapter, run) in state.count_holes(LostReason::Other) {
            write_lost(db, chapter, &Grown { run, swallowed: None })?;
        }
        Ok(state)
    }

    /// As much as can be read of a corrupt file.
    pub(super) fn salvage(db: &Connection) -> Result<Self, OutboxError> {
        let mut state = Self::read(db)?;
        // From both ends to where it is damaged.
        for order in ["ASC", "DESC"] {
            if let Err(cause) = state.hold(db, order) {
                tracing::debug!("reports of the corrupt outbox can be read in part: {cause}");
            }
        }
        state.requests = RequestList::load(db, state.acknowledged, state.known_time).unwrap_or_default();
        state.count_holes(LostReason::Unreadable);
        Ok(state)
    }

    fn read(db: &Connection) -> Result<Self, OutboxError> {
        let row: Option<String> = db.query_row("SELECT state FROM meta", [], |row| row.get(0)).optional()?;
        let Some(row) = row else {
            let state = Self::begin(false)?;
            state.write(db)?;
            return Ok(state);
        };
        let row: Row = serde_json::from_str(&row)?;
        let mut chapters = Vec::new();
        for chapter in row.chapters {
            let losses = losses(db, &chapter)?;
            let ChapterRow { number, epoch, next, acknowledged } = chapter;
            chapters.push(Chapter { number, epoch, next, acknowledged, losses, in_memory: false });
        }
        let mut state = match chapters.pop() {
            Some(open) => Self { sealed: chapters, open, ..Self::begin(false)? },
            None => Self::begin(false)?,
        };
        state.next_place = row.next_place;
        state.acknowledged = row.acknowledged_place;
        state.notices = row.notices;
        state.known_time = row.known_time.and_then(|seconds| Timestamp::from_second(seconds).ok());
        Ok(state)
    }

    fn hold(&mut self, db: &Connection, order: &str) -> Result<(), OutboxError> {
        let mut query = db.prepare(&format!(
            "SELECT place, chapter, sequence, rank, kind, bytes FROM report WHERE place > ?1 ORDER BY place {order}"
        ))?;
        let mut rows = query.query([to_db(self.acknowledged)])?;
        while let Some(row) = rows.next()? {
            let kind: String = row.get(4)?;
            let held = Held {
                chapter: from_db(row.get(1)?),
                sequence: from_db(row.get(2)?),
                rank: Rank::from_db(row.get(3)?),
                kind: known_kind(&kind),
                bytes: from_db(row.get(5)?),
            };
            self.held.insert(from_db(row.get(0)?), held);
        }
        Ok(())
    }

    /// What is neither acknowledged nor held nor known to be lost was lost unseen: by an earlier version,
    /// which counted nothing, or with a page of the file. Returns it, by chapter.
    fn count_holes(&mut self, reason: LostReason) -> Vec<(u64, Lost)> {
        let mut found = Vec::new();
        let held: Vec<(u64, u64)> = self.held.values().map(|held| (held.chapter, held.sequence)).collect();
        for chapter in self.sealed.iter_mut().chain([&mut self.open]) {
            let mut at = chapter.acknowledged;
            let of_chapter = held.iter().filter(|(number, _)| *number == chapter.number);
            let mut holes = Vec::new();
            for sequence in of_chapter.map(|(_, sequence)| *sequence).chain([chapter.next]) {
                while at + 1 < sequence {
                    if let Some(run) = chapter.losses.at(at + 1) {
                        at = run.last;
                        continue;
                    }
                    let known = chapter.losses.iter().map(|run| run.first).find(|first| *first > at);
                    let last = known.unwrap_or(sequence).min(sequence) - 1;
                    let kinds = [(UNKNOWN_KIND.to_owned(), last - at)].into();
                    holes.push(Lost { first: at + 1, last, kinds, reason });
                    at = last;
                }
                at = at.max(sequence);
            }
            for run in holes {
                found.push((chapter.number, run.clone()));
                chapter.losses.put(run);
            }
        }
        found
    }

    /// Seals the open chapter, and opens another one.
    pub(super) fn begin_chapter(&mut self, in_memory: bool) -> Result<(), OutboxError> {
        let next = Chapter::begin(self.open.number + 1, in_memory)?;
        let sealed = std::mem::replace(&mut self.open, next);
        if !sealed.is_done() {
            self.sealed.push(sealed);
        }
        Ok(())
    }

    /// The lowest place in use.
    pub(super) fn first_place(&self) -> u64 {
        self.held.keys().next().copied().unwrap_or(self.next_place)
    }

    /// Makes room below for what was there before.
    pub(super) fn shift(&mut self, places: u64, chapters: u64) {
        for chapter in self.sealed.iter_mut().chain([&mut self.open]) {
            chapter.number += chapters;
        }
        self.held = std::mem::take(&mut self.held)
            .into_iter()
            .map(|(place, held)| (place + places, Held { chapter: held.chapter + chapters, ..held }))
            .collect();
        self.next_place += places;
        self.requests.shift(places);
    }

    pub(super) fn chapters(&self) -> impl Iterator<Item = &Chapter> {
        self.sealed.iter().chain([&self.open])
    }

    pub(super) fn chapter_of(&mut self, number: u64) -> Option<&mut Chapter> {
        self.sealed.iter_mut().chain([&mut self.open]).find(|chapter| chapter.number == number)
    }

    /// The chapter that is being told to the manager: the oldest of which something is left, or the open
    /// one.
    pub(super) fn front(&self) -> &Chapter {
        self.sealed.iter().find(|chapter| !chapter.is_done()).unwrap_or(&self.open)
    }

    /// Where a report of a chapter is.
    pub(super) fn place(&self, chapter: u64, sequence: u64) -> Option<u64> {
        let is_it = |(_, held): &(&u64, &Held)| (held.chapter, held.sequence) == (chapter, sequence);
        self.held.iter().find(is_it).map(|(place, _)| *place)
    }

    /// Takes a report out: it is lost, and told of as such.
    pub(super) fn lose(
        &mut self,
        change: &Transaction<'_>,
        place: u64,
        reason: LostReason,
    ) -> Result<(), OutboxError> {
        let Some(held) = self.held.remove(&place) else { return Ok(()) };
        if held.rank.is_asked() {
            self.requests.not_taken(place);
        }
        change.prepare_cached("DELETE FROM report WHERE place = ?1")?.execute([to_db(place)])?;
        let Some(chapter) = self.chapter_of(held.chapter) else { return Ok(()) };
        let grown = chapter.losses.add(held.sequence, held.kind, reason);
        write_lost(change, held.chapter, &grown)
    }

    /// Brings the one row up to this.
    pub(super) fn write(&self, db: &Connection) -> Result<(), OutboxError> {
        let row = Row {
            next_place: self.next_place,
            acknowledged_place: self.acknowledged,
            known_time: self.known_time.map(Timestamp::as_second),
            chapters: self
                .chapters()
                .map(|chapter| ChapterRow {
                    number: chapter.number,
                    epoch: chapter.epoch.clone(),
                    next: chapter.next,
                    acknowledged: chapter.acknowledged,
                })
                .collect(),
            notices: self.notices.clone(),
        };
        db.prepare_cached(
            "INSERT INTO meta (only_one, state) VALUES (1, ?1)
             ON CONFLICT (only_one) DO UPDATE SET state = excluded.state",
        )?
        .execute([serde_json::to_string(&row)?])?;
        Ok(())
    }
}

fn losses(db: &Connection, chapter: &ChapterRow) -> Result<Losses, OutboxError> {
    let mut query =
        db.prepare("SELECT first, last, reason, kinds FROM lost WHERE chapter = ?1 AND last > ?2")?;
    let mut rows = query.query([to_db(chapter.number), to_db(chapter.acknowledged)])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let (reason, kinds): (String, String) = (row.get(2)?, row.get(3)?);
        runs.push(Lost {
            first: from_db(row.get(0)?),
            last: from_db(row.get(1)?),
            reason: serde_json::from_value(reason.into())?,
            kinds: serde_json::from_str(&kinds)?,
        });
    }
    Ok(Losses::load(runs, chapter.next))
}

pub(super) fn write_lost(db: &Connection, chapter: u64, grown: &Grown) -> Result<(), OutboxError> {
    let Grown { run, swallowed } = grown;
    if let Some(swallowed) = swallowed {
        db.prepare_cached("DELETE FROM lost WHERE chapter = ?1 AND first = ?2")?
            .execute([to_db(chapter), to_db(*swallowed)])?;
    }
    let reason = serde_json::to_value(run.reason)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO lost (chapter, first, last, reason, kinds) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        to_db(chapter),
        to_db(run.first),
        to_db(run.last),
        reason.as_str().unwrap_or_default(),
        serde_json::to_string(&run.kinds)?,
    ))?;
    Ok(())
}
