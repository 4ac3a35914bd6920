//! When one device was last there, and what of that operators and the store were told. Pure.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::contact::{Contact, ContactState, silent_after};

#[derive(Debug, Default)]
pub(super) struct Presence {
    last: Option<Timestamp>,
    remote: Option<IpAddr>,
    /// Requests of its that are held now.
    parked: u32,
    /// How long it waits, as it said last.
    wait: Option<Duration>,
    /// When the manager began, for one that was there before: nobody is silent for that time.
    excused: Option<Timestamp>,
    /// It was silent when the manager began, and has not been there since.
    was_silent: bool,
    /// Whether the store does not know yet when it was last there.
    unflushed: bool,
    /// Whether operators were last told that it is there.
    told_there: bool,
    /// Which manager heard of it last, where there are several.
    watched: Watched,
}

/// Which manager watches over a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Watched {
    /// This one.
    #[default]
    Here,
    /// This one since a moment ago, and the others do not know.
    HereSinceNow,
    /// Another one, or nobody yet.
    Elsewhere,
}

impl Presence {
    /// As the store knew it when the manager began, at `now`.
    pub(super) fn before(last: Option<Timestamp>, remote: Option<IpAddr>, now: Timestamp) -> Self {
        let mut presence = Self { last, remote, excused: Some(now), ..Self::default() };
        presence.told_there = presence.state(now).is_there();
        presence
    }

    fn state(&self, now: Timestamp) -> ContactState {
        match self.last {
            _ if self.parked > 0 => ContactState::Parked,
            None => ContactState::Never,
            Some(_) if self.was_silent => ContactState::Silent,
            // When it falls silent, the one that watches over it says so.
            Some(_) if self.watched == Watched::Elsewhere => ContactState::Recent,
            Some(last) => {
                let counted = self.excused.map_or(last, |excused| excused.max(last));
                if now.duration_since(counted) < silent_after(self.wait) {
                    ContactState::Recent
                } else {
                    ContactState::Silent
                }
            }
        }
    }

    pub(super) fn contact(&self, now: Timestamp) -> Contact {
        Contact { state: self.state(now), last: self.last, remote: self.remote }
    }

    /// When and where it was last there.
    pub(super) fn last(&self) -> Option<(Timestamp, IpAddr)> {
        self.last.zip(self.remote)
    }

    /// It is there; says whether it was away before, so far as operators know.
    pub(super) fn seen(&mut self, remote: IpAddr, now: Timestamp) -> bool {
        self.last = Some(now);
        self.remote = Some(remote);
        self.unflushed = true;
        self.was_silent = false;
        if self.watched == Watched::Elsewhere {
            self.watched = Watched::HereSinceNow;
        }
        !std::mem::replace(&mut self.told_there, true)
    }

    /// It said how long it will wait for an answer.
    pub(super) fn waits(&mut self, wait: Duration) {
        self.wait = Some(wait);
    }

    pub(super) fn park(&mut self) {
        self.parked += 1;
    }

    pub(super) fn unpark(&mut self) {
        self.parked = self.parked.saturating_sub(1);
    }

    /// It was silent before the manager began: its silence goes on until it is there.
    pub(super) fn still_silent(&mut self) {
        self.was_silent = true;
        self.told_there = false;
    }

    /// Whether it is silent and operators were not told; they count as told.
    pub(super) fn has_fallen_silent(&mut self, now: Timestamp) -> bool {
        let fallen = self.is_watched_here() && self.told_there && !self.state(now).is_there();
        self.told_there &= !fallen;
        fallen
    }

    /// When and where it was last there, if the store does not know; it counts as knowing.
    pub(super) fn take_unflushed(&mut self) -> Option<(Timestamp, IpAddr)> {
        let seen = self.last.zip(self.remote).filter(|_| self.unflushed)?;
        self.unflushed = false;
        Some(seen)
    }

    /// Whether others do not know yet that this manager watches over it.
    pub(super) fn is_claimed(&self) -> bool {
        self.watched == Watched::HereSinceNow
    }

    /// Whether this manager watches over it.
    pub(super) fn is_watched_here(&self) -> bool {
        self.watched != Watched::Elsewhere
    }

    /// Another manager watches over it, and knows this of it.
    pub(super) fn elsewhere(&mut self, last: Option<Timestamp>, remote: Option<IpAddr>, away: bool) {
        // What is not written down yet of the time when it was here is newer.
        if self.last.is_none_or(|known| last.is_some_and(|last| last > known)) {
            (self.last, self.remote) = (last, remote);
        }
        self.was_silent = away;
        // Who was never there has not gone.
        self.told_there = !away && self.last.is_some();
        self.watched = Watched::Elsewhere;
    }

    /// This manager watches over it from now on, for the one that did is gone: nobody is silent for that time.
    pub(super) fn adopted(
        &mut self,
        last: Option<Timestamp>,
        remote: Option<IpAddr>,
        away: bool,
        now: Timestamp,
    ) {
        self.elsewhere(last, remote, away);
        self.excused = Some(now);
        self.watched = Watched::Here;
    }

    /// Whether others must be told that this manager watches over it; they count as told.
    pub(super) fn take_claim(&mut self) -> bool {
        let claimed = self.watched == Watched::HereSinceNow;
        if claimed {
            self.watched = Watched::Here;
        }
        claimed
    }

    /// They could not be told after all.
    pub(super) fn claim_again(&mut self) {
        if self.watched == Watched::Here {
            self.watched = Watched::HereSinceNow;
        }
    }

    /// The store could not be told after all.
    pub(super) fn give_back(&mut self) {
        self.unflushed = true;
    }
}
