//! Tells people: makes messages of notices, sends those that are due, escalates what nobody takes, and looks after the
//! manager's own troubles. One manager at a time does it; everything that it does next is in the store, so that the next one
//! goes on where it was.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::deliver::{Deliver, Delivered};
use crate::store::{ChannelKind, Claimed, Outcome, Store, StoreError, Way};
use crate::telling::message::Message;
use crate::watch::Watches;

/// How often it is looked for what is to be told.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked for the manager's own troubles.
const OWN_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// How often old messages are looked for.
const FORGET_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Messages that are sent at once, each by another channel.
const SENT_AT_ONCE: usize = 8;
/// Rounds of sending before notices are looked at again.
const ROUNDS_AT_ONCE: usize = 100;
/// A message that waits for so long is stuck.
const STUCK_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// One that was given up so long ago is nobody's trouble any more.
const STUCK_FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A disk with less free space than this is almost full: in percent, and in bytes.
const FREE_PERCENT: u64 = 5;
const FREE_BYTES: u64 = 500 * 1024 * 1024;

/// Tells people.
pub struct Job {
    /// What is told, and how it stands.
    pub store: Store,
    /// The ways out.
    pub deliver: Arc<Deliver>,
    /// How near things are to their ends; none in a test.
    pub watches: Option<Arc<Watches>>,
    /// Whose disk is looked at.
    pub state_directory: PathBuf,
    /// How long messages are kept.
    pub kept_days: u32,
    /// Whether it is this manager that does it.
    pub turn: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// What is done at longer intervals, and when that was.
#[derive(Debug, Default)]
pub struct Done {
    own: Option<Timestamp>,
    forgotten: Option<Timestamp>,
}

/// Whether an interval is over since something was done; if so, it is done now.
fn is_time(last: &mut Option<Timestamp>, every: SignedDuration, now: Timestamp) -> bool {
    // A clock that was set back is no reason to wait for it.
    let is_time = last.is_none_or(|last| now < last || now.duration_since(last) >= every);
    if is_time {
        *last = Some(now);
    }
    is_time
}

impl Job {
    /// Until the manager stops.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut done = Done::default();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = look.tick() => {}
            }
            if !(self.turn)() {
                continue;
            }
            tokio::select! {
                biased;
                // What is being sent is sent once more by who comes next, under the same id.
                () = stop.cancelled() => return,
                round = self.round(&mut done, clock::now()) => {
                    if let Err(error) = round {
                        // Whether the store works is told by the store itself.
                        tracing::debug!(%error, "people could not be told; retrying");
                    }
                }
            }
        }
    }

    /// Everything that is to be done at a moment; how many messages were tried.
    pub async fn round(&self, done: &mut Done, now: Timestamp) -> Result<usize, StoreError> {
        if is_time(&mut done.own, OWN_EVERY, now) {
            self.store.own_troubles(self.own_troubles(now).await?, now).await?;
        }
        while self.store.route_notices(now).await?.more {}
        self.store.escalate(now).await?;
        if is_time(&mut done.forgotten, FORGET_EVERY, now) {
            let kept = SignedDuration::from_hours(i64::from(self.kept_days) * 24);
            let before = now.checked_sub(kept).unwrap_or(Timestamp::MIN);
            while self.store.forget_messages(before).await? {}
        }
        let mut tried = 0;
        for _ in 0..ROUNDS_AT_ONCE {
            let claimed = self.store.claim_messages(SENT_AT_ONCE, now).await?;
            if claimed.is_empty() {
                break;
            }
            tried += claimed.len();
            self.send_all(claimed, now).await?;
        }
        Ok(tried)
    }

    async fn send_all(&self, claimed: Vec<Claimed>, now: Timestamp) -> Result<(), StoreError> {
        let mut sending = JoinSet::new();
        for claimed in claimed {
            let deliver = Arc::clone(&self.deliver);
            sending.spawn(async move {
                let delivered = deliver.message(&claimed.message, &claimed.to, now).await;
                (claimed, delivered)
            });
        }
        while let Some(sent) = sending.join_next().await {
            // One that panicked is claimed until its time is over, and is tried again then.
            let Ok((claimed, delivered)) = sent else { continue };
            let id = claimed.message.id.clone();
            let (outcome, why) = match delivered {
                Delivered::Taken(ticket) => (Outcome::Sent(ticket), None),
                Delivered::Later(why) => (Outcome::Failed(why.clone()), Some(why)),
                Delivered::Never(why) => (Outcome::Refused(why.clone()), Some(why)),
            };
            let given_up = self.store.message_tried(&claimed, outcome, now).await?;
            let channel = claimed.to.name;
            match why {
                None => tracing::info!(%id, channel, "a message was sent"),
                Some(why) if given_up => tracing::error!(%id, channel, why, "a message was given up"),
                Some(why) if claimed.tries == 1 => {
                    tracing::warn!(%id, channel, why, "a message was not taken; it is tried again");
                }
                Some(why) => tracing::debug!(%id, channel, why, "a message was not taken; it is tried again"),
            }
        }
        Ok(())
    }

    /// What is wrong with the manager itself, by a name for each.
    async fn own_troubles(&self, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        let mut all = BTreeMap::new();
        for ending in self.watches.iter().flat_map(|watches| watches.endings.to_act_on(now)) {
            if let Some(words) = ending.words {
                all.insert(format!("{}/{}", ending.what.word(), ending.subject), words);
            }
        }
        if let Some(words) = almost_full(&self.state_directory) {
            all.insert("disk".to_owned(), words);
        }
        let before = now.checked_sub(STUCK_AFTER).unwrap_or(Timestamp::MIN);
        let after = now.checked_sub(STUCK_FORGOTTEN_AFTER).unwrap_or(Timestamp::MIN);
        for (channel, count) in self.store.stuck_channels(before, after).await? {
            let words = format!(
                "Messages do not get through the channel {channel}: {count} wait or were given up. The page Messages says why."
            );
            all.insert(format!("stuck/{channel}"), words);
        }
        Ok(all)
    }
}

/// Whether the disk of a directory has too little space.
fn almost_full(directory: &std::path::Path) -> Option<String> {
    let disk = nix::sys::statvfs::statvfs(directory).ok()?;
    let (free, all) = (disk.blocks_available(), disk.blocks());
    let bytes = free.saturating_mul(disk.fragment_size());
    let percent = free.saturating_mul(100).checked_div(all)?;
    (percent < FREE_PERCENT && bytes < FREE_BYTES).then(|| {
        format!(
            "The manager's disk is almost full: {} MiB are free at {}. Free space there, before nothing can be stored.",
            bytes / (1024 * 1024),
            directory.display()
        )
    })
}

impl Deliver {
    /// Sends a message by a channel.
    pub(crate) async fn message(&self, message: &Message, to: &Way, now: Timestamp) -> Delivered {
        match to.kind {
            ChannelKind::Email => self.by_mail(message, &to.address).await,
            ChannelKind::Webhook => {
                let body = message.cloud_event(&self.source).to_string().into_bytes();
                let secret = to.secret.as_deref().unwrap_or_default();
                self.webhooks.send(&to.address, secret, &message.id, now, body).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_over_after_its_time_and_when_the_clock_was_set_back() {
        let start: Timestamp = "2026-11-30T09:00:00Z".parse().unwrap();
        let mut last = None;
        assert!(is_time(&mut last, OWN_EVERY, start));
        assert!(!is_time(&mut last, OWN_EVERY, start + SignedDuration::from_secs(59)));
        assert!(is_time(&mut last, OWN_EVERY, start + SignedDuration::from_secs(60)));
        assert!(is_time(&mut last, OWN_EVERY, start));
    }
}
