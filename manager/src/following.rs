//! What this manager does because others use the same database. What is kept in memory here is brought up to what the
//! store holds whenever another manager says that it changed something, whenever the word of others may have been missed,
//! and from time to time in any case. Each device is watched over by the manager that heard of it last; of the devices of
//! one that is gone, the one that leads takes care until they are heard of.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use platen_protocol::identity::DeviceId;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::inform::{PROGRAM, ROLLOUT};
use crate::people_changes::PEOPLE;
use crate::replicas::Replicas;
use crate::store::{Heard, Hint, Replica, StoreError};
use crate::upkeep::Upkeep;

/// How often other managers learn which devices were heard of here first.
const CLAIM_EVERY: Duration = Duration::from_secs(1);
/// How often everything is read anew, whatever was heard: hints are a matter of speed, this one of being right.
const READ_EVERY: Duration = Duration::from_secs(60);
/// Devices that are taken over at once: whoever takes a report of one of them in waits until that is done.
const ADOPT_AT_ONCE: u32 = 500;
/// Devices that are looked up at once.
const LOOK_UP_AT_ONCE: usize = 500;
/// Heard pieces of news that are looked at together.
const HEARD_AT_ONCE: usize = 256;

/// What is to be looked at anew.
#[expect(clippy::struct_excessive_bools, reason = "each is a piece of news of its own")]
#[derive(Default)]
struct News {
    everything: bool,
    commands: BTreeSet<DeviceId>,
    open: BTreeSet<DeviceId>,
    whereabouts: BTreeSet<DeviceId>,
    programs: BTreeSet<DeviceId>,
    rollouts: bool,
    people: bool,
    identities: bool,
    told: BTreeSet<Hint>,
    present: Option<BTreeSet<Replica>>,
}

impl News {
    fn take(&mut self, heard: Heard, replicas: &Replicas) {
        match heard {
            Heard::All => self.everything = true,
            Heard::Cut => replicas.set_leads(false),
            Heard::Present { replicas: present, leads } => {
                tracing::info!(managers = present.len(), leads, "these managers share the database");
                replicas.set_leads(leads);
                self.present = Some(present);
            }
            Heard::Hints(hints) => hints.into_iter().for_each(|hint| self.hint(hint)),
        }
    }

    fn hint(&mut self, hint: Hint) {
        let Hint(kind, device) = &hint;
        if let Some(device) = device {
            let device = device.clone();
            match kind.as_str() {
                "command" | "outcome" => drop(self.commands.insert(device)),
                "service_call" | "service_call_changed" | "order" | "order_changed" => {
                    self.open.insert(device);
                }
                "contact" | CLAIMED | "watch" | "watch_over" => drop(self.whereabouts.insert(device)),
                "identity" | "superseded" | "certificate_ends" => self.identities = true,
                PROGRAM => drop(self.programs.insert(device)),
                _ => {}
            }
        }
        self.rollouts |= kind == ROLLOUT;
        self.people |= kind == PEOPLE;
        self.told.insert(hint);
    }
}

/// The kind of a hint that a device was heard of first by another manager; it is no event.
const CLAIMED: &str = "claimed";

/// Follows the other managers until this one stops.
pub(crate) async fn follow(
    upkeep: Arc<Upkeep>,
    replicas: Arc<Replicas>,
    mut heard: mpsc::Receiver<Heard>,
    stop: CancellationToken,
) {
    let every = |period| {
        let mut interval = tokio::time::interval_at(Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    };
    let (mut claim, mut read) = (every(CLAIM_EVERY), every(READ_EVERY));
    let mut present = BTreeSet::new();
    let mut some = Vec::new();
    loop {
        let mut news = News::default();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            count = heard.recv_many(&mut some, HEARD_AT_ONCE) => {
                if count == 0 {
                    return;
                }
                some.drain(..).for_each(|heard| news.take(heard, &replicas));
            }
            _ = claim.tick() => {
                match share_claims(&upkeep, &replicas, &present).await {
                    Ok(true) => claim.reset_immediately(),
                    Ok(false) => {}
                    Err(error) => tracing::debug!(%error, "other managers could not be told of devices; retrying"),
                }
                continue;
            }
            _ = read.tick() => news.everything = true,
        }
        if let Some(now_present) = news.present.take() {
            // One that is gone may have told nobody of what it did last.
            let gone = present.difference(&now_present).next().is_some();
            news.everything |= gone;
            if gone {
                upkeep.informer.everything_may_have_changed();
            }
            present = now_present;
        }
        if let Err(error) = look(&upkeep, &replicas, news).await {
            tracing::debug!(%error, "what other managers changed could not be read; retrying");
            read.reset_after(CLAIM_EVERY);
        }
    }
}

/// Reads what may have changed.
async fn look(upkeep: &Upkeep, replicas: &Replicas, news: News) -> Result<(), StoreError> {
    let now = clock::now();
    if news.everything || news.identities {
        upkeep.follow_identities().await;
    }
    if news.people || news.everything {
        upkeep.follow_people().await;
    }
    if news.everything {
        upkeep.follow_commands(None).await?;
        upkeep.store.read_open_requests().await?;
        upkeep.store.read_offers().await?;
        upkeep.said.forget_all();
        upkeep.follow_programs().await;
        upkeep.roster.learn(&upkeep.store.whereabouts(None).await?, replicas.me());
    }
    let commands: Vec<DeviceId> = news.commands.into_iter().collect();
    for some in commands.chunks(LOOK_UP_AT_ONCE) {
        upkeep.follow_commands(Some(some)).await?;
    }
    let programs: Vec<DeviceId> = news.programs.into_iter().collect();
    upkeep.store.offers_changed(&programs);
    if news.everything || news.rollouts || !programs.is_empty() {
        upkeep.rollout_bell.ring();
    }
    for device in &programs {
        upkeep.said.forget(device);
        // It may have been offered something.
        upkeep.mailbox.wake(device);
    }
    upkeep.store.open_requests_changed(&news.open.into_iter().collect::<Vec<_>>());
    let elsewhere: Vec<DeviceId> = news.whereabouts.into_iter().collect();
    for some in elsewhere.chunks(LOOK_UP_AT_ONCE) {
        let whereabouts = upkeep.store.whereabouts(Some(some.to_vec())).await?;
        upkeep.roster.learn(&whereabouts, replicas.me());
        let theirs = whereabouts.into_iter().filter(|one| one.replica != Some(replicas.me()));
        let theirs: Vec<DeviceId> = theirs.map(|one| one.device).collect();
        inherit(upkeep, &theirs).await?;
    }
    // Told last: whoever looks now sees it.
    for Hint(kind, device) in news.told {
        if kind != CLAIMED && kind != PEOPLE {
            upkeep.informer.publish_from_elsewhere(&kind, device, now);
        }
    }
    Ok(())
}

/// Tells others which devices are here now; and whoever leads takes care of those whose manager is gone. Some of them:
/// between these steps it is heard what others tell, above all which of them are there. Says whether more are left.
async fn share_claims(
    upkeep: &Upkeep,
    replicas: &Replicas,
    present: &BTreeSet<Replica>,
) -> Result<bool, StoreError> {
    let claims = upkeep.roster.take_claims(LOOK_UP_AT_ONCE);
    if !claims.is_empty() {
        if let Err(error) = upkeep.store.claim(claims.clone(), replicas.me()).await {
            upkeep.roster.claim_again(&claims);
            return Err(error);
        }
        take_over(upkeep, &claims).await?;
    }
    let more = claims.len() == LOOK_UP_AT_ONCE;
    if !replicas.leads() || !present.contains(&replicas.me()) {
        return Ok(more);
    }
    let adopted = upkeep.store.adopt(replicas.me(), ADOPT_AT_ONCE).await?;
    if adopted.is_empty() {
        return Ok(more);
    }
    tracing::info!(devices = adopted.len(), "took over devices whose manager is gone");
    upkeep.roster.adopt(&adopted, clock::now());
    let devices: Vec<DeviceId> = adopted.into_iter().map(|one| one.device).collect();
    take_over(upkeep, &devices).await?;
    Ok(true)
}

/// These devices are this manager's now: others are told, and what the watches knew of them is read.
async fn take_over(upkeep: &Upkeep, devices: &[DeviceId]) -> Result<(), StoreError> {
    for device in devices {
        upkeep.informer.hint(CLAIMED, Some(device));
    }
    inherit(upkeep, devices).await
}

async fn inherit(upkeep: &Upkeep, devices: &[DeviceId]) -> Result<(), StoreError> {
    for some in devices.chunks(LOOK_UP_AT_ONCE) {
        let inherited = upkeep.store.inherit(some.to_vec()).await?;
        upkeep.watches.inherit(some, inherited);
    }
    Ok(())
}
