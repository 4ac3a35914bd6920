//! Has rollouts go on. What is to be done is in the store, so a restart forgets nothing, and of several managers one does it.
//! It looks when something was told or decided that concerns a rollout, and every few seconds for what follows from the time
//! alone; a device that asks rings no bell. Whether a device is in contact is known here, in memory: those that are away are
//! not offered anything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::contact::ContactState;
use crate::device::Devices;
use crate::inform::Event;
use crate::programs::attempt::{NoAttempt, new_attempt};
use crate::rollouts::decide::Counts;
use crate::store::{Candidate, RolloutWhat, StoreError, Wants};

/// How often it is looked for what follows from the time alone.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// At least so long between two rounds: what is told meanwhile is one round's work.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(100);
/// Between two steps of one rollout, so that reports have the store in between.
const BETWEEN_STEPS: Duration = Duration::from_millis(10);
/// Steps of one rollout in a round, before it is looked after the others.
const STEPS_AT_ONCE: usize = 50;
/// Offers in one step.
const OFFERS_AT_ONCE: usize = 100;
/// Devices that wait, looked at in one look-up.
const CANDIDATES_AT_ONCE: u32 = 500;
/// A rollout whose waiting devices are all away is looked through again after this.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Devices at which nothing happened for too long, in one transaction; and such transactions in a round.
const OVERDUE_AT_ONCE: u32 = 200;
const OVERDUE_ROUNDS: usize = 20;
/// A rollout that was not planned to its end in this time never will be.
const HALF_MADE_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Why a round failed. It is tried again.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Name(#[from] NoAttempt),
}

/// Has rollouts go on.
pub(crate) struct Job {
    pub(crate) devices: Arc<Devices>,
    /// Whether it is this manager that does it.
    pub(crate) turn: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// What is remembered of rollouts from one round to the next.
#[derive(Default)]
struct Memory {
    /// How the devices of each stood when that was last told.
    told: BTreeMap<i64, Counts>,
    /// When nobody was found in contact.
    nobody: BTreeMap<i64, Instant>,
}

impl Job {
    /// Until the manager stops.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut memory = Memory::default();
        loop {
            tokio::select! {
                // In order, so that a simulation runs the same each time.
                biased;
                () = stop.cancelled() => return,
                () = self.devices.rollout_bell.rung() => {}
                _ = look.tick() => {}
            }
            if !(self.turn)() {
                continue;
            }
            if let Err(error) = self.round(&mut memory, &stop).await {
                // Whether the store works is told by the store itself.
                tracing::debug!(%error, "rollouts could not go on; retrying");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(BETWEEN_ROUNDS) => {}
            }
        }
    }

    async fn round(&self, memory: &mut Memory, stop: &CancellationToken) -> Result<(), RoundError> {
        self.look_for_silence().await?;
        let live = self.devices.store.live_rollouts().await?;
        memory.nobody.retain(|rollout, _| live.contains(rollout));
        for rollout in &live {
            for _ in 0..STEPS_AT_ONCE {
                if stop.is_cancelled() || !self.step(*rollout, memory).await? {
                    break;
                }
                tokio::time::sleep(BETWEEN_STEPS).await;
            }
        }
        let before = clock::now() - HALF_MADE_AFTER;
        while !stop.is_cancelled() && self.devices.store.forget_half_made_rollout(before).await? {
            tokio::time::sleep(BETWEEN_STEPS).await;
        }
        Ok(())
    }

    /// Draws what follows of devices at which nothing has happened for too long.
    async fn look_for_silence(&self) -> Result<(), RoundError> {
        for _ in 0..OVERDUE_ROUNDS {
            let now = clock::now();
            let overdue = self.devices.store.overdue_rollout_devices(now, OVERDUE_AT_ONCE).await?;
            if overdue.is_empty() {
                return Ok(());
            }
            let heard = overdue.iter().map(|one| {
                let contact = self.devices.roster.contact(&one.device, now);
                let is_parked = contact.state == ContactState::Parked;
                (one.key, is_parked || contact.last.is_some_and(|last| last >= one.heard_since))
            });
            let changed = self.devices.store.settle_overdue(heard.collect(), now).await?;
            if changed.is_empty() {
                return Ok(());
            }
            self.tell_of(&changed, now);
            tokio::time::sleep(BETWEEN_STEPS).await;
        }
        Ok(())
    }

    /// One step of a rollout; says whether there is more to do at once.
    async fn step(&self, rollout: i64, memory: &mut Memory) -> Result<bool, RoundError> {
        let now = clock::now();
        let wants = self.devices.store.rollout_wants(rollout, now).await?;
        let candidates = self.candidates(rollout, wants, memory, now).await?;
        let named = candidates.into_iter().map(|candidate| Ok((candidate.key, new_attempt()?)));
        let named = named.collect::<Result<Vec<_>, NoAttempt>>()?;
        let Some(stepped) = self.devices.store.step_rollout(rollout, named, now).await? else {
            return Ok(false);
        };
        for (what, words) in &stepped.news {
            let rollout = &stepped.rollout;
            if *what == RolloutWhat::Halted {
                tracing::warn!(%rollout, "a rollout was halted: {words}");
            } else {
                tracing::info!(%rollout, what = what.word(), "a rollout goes on: {words}");
            }
        }
        self.tell_of(&stepped.offered, now);
        self.tell_of(&stepped.changed, now);
        // They are to ask now, and not at their interval.
        stepped.offered.iter().for_each(|device| self.devices.mailbox.wake(device));
        let is_news = memory.told.insert(rollout, wants.counts) != Some(wants.counts);
        if is_news || !stepped.news.is_empty() || stepped.more {
            self.devices.informer.publish(Event::of_rollout(stepped.rollout.clone(), now));
        }
        Ok(stepped.more)
    }

    /// Devices that wait for a rollout and are in contact.
    async fn candidates(
        &self,
        rollout: i64,
        wants: Wants,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Result<Vec<Candidate>, RoundError> {
        let most = usize::try_from(wants.offers).unwrap_or(usize::MAX).min(OFFERS_AT_ONCE);
        let mut found = Vec::new();
        if most == 0 || memory.nobody.get(&rollout).is_some_and(|then| then.elapsed() < LOOK_AGAIN_AFTER) {
            return Ok(found);
        }
        let mut after = 0;
        loop {
            let place = (after, CANDIDATES_AT_ONCE);
            let some = self.devices.store.rollout_candidates(rollout, wants.wave, place, now).await?;
            let is_last = some.len() < CANDIDATES_AT_ONCE as usize;
            after = some.last().map_or(after, |last| last.key);
            let here = |one: &Candidate| self.devices.roster.contact(&one.device, now).state.is_there();
            found.extend(some.into_iter().filter(here).take(most - found.len()));
            if found.len() >= most || is_last {
                break;
            }
        }
        if found.is_empty() {
            memory.nobody.insert(rollout, Instant::now());
        } else {
            memory.nobody.remove(&rollout);
        }
        Ok(found)
    }

    fn tell_of(&self, devices: &[DeviceId], now: Timestamp) {
        for device in devices {
            self.devices.informer.publish(Event::of_program(device.clone(), now));
        }
    }
}
