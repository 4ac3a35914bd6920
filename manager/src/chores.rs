//! What follows from what operators decided, done behind their backs in small steps: profiles reach the devices that
//! have them, retired devices are shut out once they have answered, deleted devices vanish row by row. What is to be
//! done is in the store, so a restart forgets nothing; of several managers each does some of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::identity::CommandId;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::device::Devices;
use crate::device::retire;
use crate::inform::Event;
use crate::secret::{self, NoRandom};
use crate::store::{CommandState, Deletion, StoreError};

/// How often it is looked whether there is something to do. What an operator decides here is begun at once; by this, what
/// another process decided.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Between two steps of a long job, so that reports have the store in between.
const BETWEEN_STEPS: Duration = Duration::from_millis(20);
/// Steps of one job before it is looked after the others.
const STEPS_AT_ONCE: usize = 50;
/// Devices that are sent their profile in one transaction.
const DEVICES_AT_ONCE: usize = 50;
/// Commands that one device may need.
const COMMANDS_FOR_ONE: usize = 2;
/// How often certificates of deleted devices are forgotten that have ended.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// Random bytes of a command's name.
const ID_BYTES: usize = 12;

/// Why a step failed. It is tried again.
#[derive(Debug, thiserror::Error)]
enum ChoreError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// Until the manager stops.
pub(crate) async fn at_intervals(devices: Arc<Devices>, stop: CancellationToken) {
    let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut forgot: Option<Instant> = None;
    loop {
        tokio::select! {
            // In order, so that a simulation runs the same each time.
            biased;
            () = stop.cancelled() => return,
            () = devices.bell.rung() => {}
            _ = look.tick() => {}
        }
        let mut more = true;
        while more && !stop.is_cancelled() {
            more = match work(&devices, clock::now()).await {
                Ok(more) => more,
                Err(error) => {
                    // Whether the store works is told by the store itself.
                    tracing::debug!(%error, "something that operators decided could not be done yet; retrying");
                    false
                }
            };
        }
        if forgot.is_none_or(|then| then.elapsed() >= FORGET_EVERY) {
            forgot = Some(Instant::now());
            if let Err(error) = devices.store.forget_deleted_certificates(clock::now()).await {
                tracing::debug!(%error, "certificates of deleted devices could not be forgotten; retrying");
            }
            if let Err(error) = devices.store.forget_old_answers(clock::now()).await {
                tracing::debug!(%error, "old answers could not be forgotten; retrying");
            }
        }
    }
}

/// Some steps of each job; says whether there is more to do at once.
async fn work(devices: &Devices, now: Timestamp) -> Result<bool, ChoreError> {
    retire::end_retirements(devices, now).await?;
    let profiles = send_profiles(devices, now).await?;
    Ok(delete(devices).await? || profiles)
}

async fn send_profiles(devices: &Devices, now: Timestamp) -> Result<bool, ChoreError> {
    let mut steps = 0;
    while steps < STEPS_AT_ONCE && devices.store.pass_profiles(now).await? {
        steps += 1;
        tokio::time::sleep(BETWEEN_STEPS).await;
    }
    if steps == STEPS_AT_ONCE {
        return Ok(true);
    }
    for _ in 0..STEPS_AT_ONCE {
        if !devices.store.profiles_are_due(now).await? {
            return Ok(false);
        }
        let names = names()?;
        let (applied, looked_at) = devices.store.apply_profiles(names, now).await?;
        for (device, id) in applied.withdrawn {
            devices.mailbox.remove(&device, &id);
            devices.informer.publish(Event::of_command(device, id, CommandState::Expired, now));
        }
        for (device, command) in applied.sent {
            let id = command.id.clone();
            // Told before it can be delivered, so that listeners hear of its states in their order.
            devices.informer.publish(Event::of_command(device.clone(), id, CommandState::Waiting, now));
            devices.mailbox.put(&device, command);
        }
        if looked_at < DEVICES_AT_ONCE {
            return Ok(false);
        }
        tokio::time::sleep(BETWEEN_STEPS).await;
    }
    Ok(true)
}

/// Names for commands: as many as the devices of one transaction may need.
fn names() -> Result<Vec<CommandId>, NoRandom> {
    let random: Result<Vec<String>, NoRandom> =
        (0..DEVICES_AT_ONCE * COMMANDS_FOR_ONE).map(|_| secret::random_hex::<ID_BYTES>()).collect();
    // Hexadecimal digits are always a name.
    Ok(random?.into_iter().filter_map(|digits| digits.parse().ok()).collect())
}

async fn delete(devices: &Devices) -> Result<bool, ChoreError> {
    for _ in 0..STEPS_AT_ONCE {
        match devices.store.delete_some().await? {
            Deletion::Nothing => return Ok(false),
            Deletion::Goes(_) => tokio::time::sleep(BETWEEN_STEPS).await,
            Deletion::Ended(device) => {
                tracing::warn!(%device, "a device is deleted for good");
                devices.roster.forget_unless_enrolled(&device);
            }
        }
    }
    Ok(true)
}
