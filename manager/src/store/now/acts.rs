//! What people do with an item. Each act is one transaction, and names the version of the item that the person saw: of two who
//! act at once the second is told what the first did, and nothing is overwritten. Words only come to what is there, so they
//! need no version.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::calls::close_by_hand;
use super::super::damage::Damage;
use super::super::engine::{Connection, values};
use super::super::needs::NowKind;
use super::super::orders::approve_for_now;
use super::super::statements::{fleet, now as statements};
use super::super::states::refresh;
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError};
use super::list::one;
use super::records::{NowEntry, NowItem, NowShelf, NowWhat};

/// Items that wake in one transaction.
const WOKEN_AT_ONCE: u32 = 200;

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NowAct {
    /// It is theirs from now on.
    Take,
    /// It waits for somebody again.
    GiveBack,
    /// They write something.
    Comment,
    /// It sleeps until a moment.
    Snooze(Timestamp),
    /// It is dealt with: a service call is handled, an order is approved; what a device still says stays closed until that ends.
    Close,
}

impl NowAct {
    const fn what(self) -> NowWhat {
        match self {
            Self::Take => NowWhat::Taken,
            Self::GiveBack => NowWhat::GivenBack,
            Self::Comment => NowWhat::Commented,
            Self::Snooze(_) => NowWhat::Snoozed,
            Self::Close => NowWhat::Closed,
        }
    }
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NowRefusal {
    /// There is none of that name, as far as whoever asks sees.
    Missing,
    /// Somebody did something since the person saw it: the item as it is now, and that.
    Changed(Box<NowItem>, Option<NowEntry>),
    /// It is over.
    Over(Box<NowItem>),
    /// It is a part of this item: that is what is dealt with.
    PartOf(i64),
    /// It waits for somebody already.
    Waits,
    /// Whoever takes it has it already.
    TakenAlready,
    /// It is decided about at the device.
    AtTheDevice,
}

/// What is to be done by whom.
struct Asked {
    key: i64,
    version: Option<i64>,
    act: NowAct,
    words: Option<String>,
    by: String,
    now: Timestamp,
}

impl Store {
    /// Does something with an item, if it still is what the person saw; what it is then.
    pub async fn act_on_now(
        &self,
        scope: &Scope,
        (key, version): (i64, Option<i64>),
        (act, words): (NowAct, Option<String>),
        by: String,
        now: Timestamp,
    ) -> Result<Result<NowItem, NowRefusal>, StoreError> {
        let (scope, damage, open) = (scope.clone(), Arc::clone(&self.damage), Arc::clone(&self.open));
        let asked = Asked { key, version, act, words, by, now };
        let acted = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let find = || one(connection, &damage, &scope, asked.key);
            let Some(seen) = find()? else { return Ok(Err(NowRefusal::Missing)) };
            hold(connection, &seen)?;
            // What it is now that nobody else can do anything with it.
            let Some(item) = find()? else { return Ok(Err(NowRefusal::Missing)) };
            if let Some(refusal) = refused(connection, &item, &asked)? {
                return Ok(Err(refusal));
            }
            do_it(connection, &damage, &item, &asked)?;
            find()?.map(Ok).ok_or(StoreError::NoRow)
        };
        let then = move |done: &Result<NowItem, NowRefusal>| {
            if let Ok(NowItem { device: Some(device), kind: NowKind::ServiceCall | NowKind::Order, .. }) =
                done
            {
                open.changed(device);
            }
        };
        self.writer.write_then(acted, then).await
    }

    /// Wakes what slept until now; the keys of that.
    pub async fn wake_now(&self, now: Timestamp) -> Result<Vec<i64>, StoreError> {
        let at = now.as_millisecond();
        let due = self
            .readers
            .clone()
            .read(move |connection| connection.exists(statements::DUE, values![at, 1]))
            .await?;
        if !due {
            return Ok(Vec::new());
        }
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let due: Vec<(i64, Option<i64>)> =
                    connection.all(statements::DUE, values![at, WOKEN_AT_ONCE], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?;
                let mut woken = Vec::new();
                for (key, device) in due {
                    if connection.execute(statements::WAKE, values![key])? == 1 {
                        note(connection, (key, device), (None, NowWhat::Woken), (None, None), now)?;
                        woken.push(key);
                    }
                }
                Ok(woken)
            })
            .await
    }
}

/// In PostgreSQL nobody else does anything with the item from here on, and nothing of its device changes: held in the order in
/// which whoever takes a report in holds them.
fn hold(connection: &Connection, item: &NowItem) -> Result<(), StoreError> {
    if let Connection::Postgres(_) = connection {
        if let Some(device) = item.device_key {
            connection.exists(fleet::HOLD_STATE, values![device])?;
        }
        connection.exists(statements::HOLD, values![item.key])?;
    }
    Ok(())
}

/// Why it cannot be done, if so.
fn refused(connection: &Connection, item: &NowItem, asked: &Asked) -> Result<Option<NowRefusal>, StoreError> {
    let of_item = || Box::new(item.clone());
    if item.ended.is_some() && asked.act != NowAct::Comment {
        return Ok(Some(NowRefusal::Over(of_item())));
    }
    if asked.version.is_some_and(|version| version != item.version) {
        let newest = values![item.key, i64::MAX, 1];
        let last = connection.one(statements::ACTS, newest, NowEntry::from_row)?;
        return Ok(Some(NowRefusal::Changed(of_item(), last)));
    }
    Ok(match (asked.act, item.cause) {
        (NowAct::Comment, _) => None,
        (_, Some(cause)) => Some(NowRefusal::PartOf(cause)),
        (NowAct::GiveBack, None) if item.shelf == NowShelf::Waiting => Some(NowRefusal::Waits),
        (NowAct::Take, None)
            if item.shelf == NowShelf::Taken && item.taken_by.as_deref() == Some(asked.by.as_str()) =>
        {
            Some(NowRefusal::TakenAlready)
        }
        (NowAct::Close, None) if matches!(item.kind, NowKind::Identity | NowKind::Clone) => {
            Some(NowRefusal::AtTheDevice)
        }
        _ => None,
    })
}

fn do_it(connection: &Connection, damage: &Damage, item: &NowItem, asked: &Asked) -> Result<(), StoreError> {
    let Asked { act, words, by, now, .. } = asked;
    let (key, at) = (item.key, now.as_millisecond());
    let until = match act {
        NowAct::Snooze(until) => Some(*until),
        _ => None,
    };
    match act {
        NowAct::Take => connection.execute(statements::TAKE, values![key, by, at])?,
        NowAct::GiveBack => connection.execute(statements::GIVE_BACK, values![key])?,
        NowAct::Comment => connection.execute(statements::TOUCH, values![key])?,
        NowAct::Snooze(until) => {
            connection.execute(statements::SNOOZE, values![key, until.as_millisecond()])?
        }
        NowAct::Close => connection.execute(statements::CLOSE, values![key])?,
    };
    let of = (key, item.device_key);
    note(connection, of, (Some(by.as_str()), act.what()), (until, words.as_deref()), *now)?;
    if *act == NowAct::Close {
        close_origin(connection, damage, item, by, *now)?;
    }
    Ok(())
}

/// What a person asked for is dealt with by that, and the item is over.
fn close_origin(
    connection: &Connection,
    damage: &Damage,
    item: &NowItem,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (origin, at) = (item.origin, now.as_millisecond());
    match item.kind {
        NowKind::ServiceCall => {
            close_by_hand(connection, origin, by, now)?;
        }
        NowKind::Order => approve_for_now(connection, damage, origin, by, at)?,
        _ => return Ok(()),
    }
    item.device_key.map_or(Ok(()), |device| refresh(connection, device, None))
}

/// Writes down who did what.
pub(super) fn note(
    connection: &Connection,
    (item, device): (i64, Option<i64>),
    (who, what): (Option<&str>, NowWhat),
    (until, words): (Option<Timestamp>, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let (until, at, what) = (until.map(Timestamp::as_millisecond), now.as_millisecond(), what.word());
    let entry = values![item, device, at, who, what, until, words];
    connection.execute(statements::NOTE, entry).map(drop)
}
