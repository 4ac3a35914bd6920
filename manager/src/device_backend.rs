//! The manager without its sockets: what serves devices, and what is done beside that. [`crate::run()`] puts
//! it behind TLS; a simulation puts it behind a network of its own.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::identity::{CommandId, DeviceId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bell::Bell;
use crate::certificates::Certificates;
use crate::chores;
use crate::config::Config;
use crate::device::mailbox::Mailbox;
use crate::device::roster::Roster;
use crate::device::traffic::Traffic;
use crate::device::{Arrivals, Devices, Paces, Said, Signatures};
use crate::following;
use crate::inform::Informer;
use crate::people_changes::PeopleChanges;
use crate::programs::Programs;
use crate::quota::Quotas;
use crate::replicas::Replicas;
use crate::retention_job::Job;
use crate::rollout_job;
use crate::run_error::RunError;
use crate::store::{DeviceRecord, Heard, Store, StoreError};
use crate::throttle::Throttle;
use crate::upkeep::{self, Upkeep};
use crate::watch::Watches;

/// First deliveries that may be on their way to the store.
const DELIVERIES: usize = 1024;
/// Devices that are read at once at the start.
const DEVICES_AT_ONCE: u32 = 1000;
/// Where the kernel tells the name of this machine.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// Failed enrolments from one address before it must wait, and for how long.
const ENROL_FAILURES: u32 = 20;
const ENROL_WINDOW: Duration = Duration::from_secs(60);
/// Failures of one device's clients of the DDI from one address before they must wait, and for how long. One that is set up
/// wrongly shuts out none of its neighbours.
const DDI_FAILURES: u32 = 20;
const DDI_WINDOW: Duration = Duration::from_secs(60);

/// Everything that serves devices.
pub struct DeviceBackend {
    /// What a connection of a device is served with.
    pub devices: Arc<Devices>,
    pub(crate) upkeep: Arc<Upkeep>,
    delivered: mpsc::Receiver<(DeviceId, CommandId)>,
    /// What other managers tell, where there can be some.
    heard: Option<mpsc::Receiver<Heard>>,
}

impl DeviceBackend {
    /// Takes up what the store holds.
    pub async fn open(
        config: Config,
        store: Store,
        certificates: Certificates,
        now: Timestamp,
    ) -> Result<Self, RunError> {
        // First the place in the log: what is done meanwhile is read once more.
        let identities = store.identities_changed(None).await?.upto;
        if let Err(error) = store.forget_damage().await {
            // They are shown as damaged until the next start, which harms less than no manager.
            tracing::warn!(%error, "what was damaged before could not be looked at anew");
        }
        let roster = Arc::new(Roster::new(all_devices(&store).await?, now));
        know_all(&store, &roster).await?;
        let (deliveries, delivered) = mpsc::channel(DELIVERIES);
        let replicas = enter(&store, &certificates, &roster, now).await?;
        let open = store.open_commands().await?;
        let open = open.into_iter().map(|record| (record.device, record.command));
        let mailbox = Arc::new(Mailbox::new(open, deliveries));
        let informer = Arc::new(Informer::new()?);
        let mut heard = None;
        if let Some(replicas) = &replicas
            && let Some((teller, hears)) = store.hear(replicas.me())
        {
            informer.tell_others(teller);
            heard = Some(hears);
        }
        let watches = watch_over(&store, &roster, &config, now).await?;
        let limits = &config.limits;
        store.limit_open(config.quota);
        let quotas = Quotas::new(config.quota, store.usages().await?);
        let programs = Arc::new(Programs::new(store.clone(), &config.state_directory));
        programs.follow().await?;
        let said = Arc::<Said>::default();
        let rollout_bell = Arc::<Bell>::default();
        let people = Arc::<PeopleChanges>::default();
        let devices = Arc::new(Devices {
            store: store.clone(),
            ca: Arc::clone(&certificates.ca),
            certificate_life: config.device_certificate_life,
            roster: Arc::clone(&roster),
            arrivals: Arrivals::default(),
            mailbox: Arc::clone(&mailbox),
            informer: Arc::clone(&informer),
            watches: Arc::clone(&watches),
            bell: Arc::default(),
            rollout_bell: Arc::clone(&rollout_bell),
            paces: Paces::new(limits),
            people: Arc::clone(&people),
            signatures: Signatures::new(certificates.ca.certificate(), Arc::clone(&certificates.own), now)?,
            enrol_failures: Throttle::new(ENROL_FAILURES, ENROL_WINDOW),
            ddi: config.ddi.clone(),
            ddi_failures: Throttle::new(DDI_FAILURES, DDI_WINDOW),
            traffic: Traffic::new(limits),
            programs: Arc::clone(&programs),
            said: Arc::clone(&said),
            quotas: Arc::clone(&quotas),
            history: config.history,
            counters: Arc::default(),
            retry_after_seconds: limits.retry_after_seconds,
        });
        let identities = identities.into();
        let upkeep = Arc::new(Upkeep {
            store,
            roster,
            mailbox,
            watches,
            informer,
            certificates,
            config,
            identities,
            replicas,
            quotas,
            programs,
            said,
            rollout_bell,
            people,
        });
        Ok(Self { devices, upkeep, delivered, heard })
    }

    /// Starts what is done at intervals and behind the answers.
    pub fn start_upkeep(self, tasks: &mut JoinSet<()>, stopped: CancellationToken) {
        let Self { upkeep, delivered, heard, devices } = self;
        if let (Some(heard), Some(replicas)) = (heard, upkeep.replicas.clone()) {
            tasks.spawn(following::follow(Arc::clone(&upkeep), replicas, heard, stopped.clone()));
        }
        let leader = Arc::clone(&upkeep);
        let job = Job {
            store: upkeep.store.clone(),
            history: upkeep.config.history,
            retention: upkeep.config.retention,
            quotas: Arc::clone(&upkeep.quotas),
            turn: Arc::new(move || leader.leads()),
        };
        tasks.spawn(job.run(stopped.clone()));
        let leader = Arc::clone(&upkeep);
        let rollouts =
            rollout_job::Job { devices: Arc::clone(&devices), turn: Arc::new(move || leader.leads()) };
        tasks.spawn(rollouts.run(stopped.clone()));
        tasks.spawn(chores::at_intervals(devices, stopped.clone()));
        tasks.spawn(upkeep::note_deliveries(Arc::clone(&upkeep), delivered, stopped.clone()));
        tasks.spawn(upkeep::at_intervals(upkeep, stopped));
    }
}

/// Makes sure that the devices in the database are those of this CA, and enters it where other managers may use it as well.
async fn enter(
    store: &Store,
    certificates: &Certificates,
    roster: &Roster,
    now: Timestamp,
) -> Result<Option<Arc<Replicas>>, StoreError> {
    store.keep_authority(certificates.ca.fingerprint()).await?;
    if !store.is_shared() {
        return Ok(None);
    }
    roster.all_elsewhere();
    let name = std::fs::read_to_string(HOST_NAME).unwrap_or_default();
    let me = store.enter(format!("{}, process {}", name.trim(), std::process::id()), now).await?;
    Ok(Some(Arc::new(Replicas::new(me))))
}

async fn all_devices(store: &Store) -> Result<Vec<DeviceRecord>, StoreError> {
    let mut all: Vec<DeviceRecord> = Vec::new();
    loop {
        let after: Option<DeviceId> = all.last().map(|device| device.id.clone());
        let some = store.devices(after, DEVICES_AT_ONCE).await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some);
    }
}

/// The watches, as they stood when the manager was there last.
async fn watch_over(
    store: &Store,
    roster: &Roster,
    config: &Config,
    now: Timestamp,
) -> Result<Arc<Watches>, StoreError> {
    let (memories, standing) = (store.watch_memories().await?, store.standing_watches().await?);
    let watches = Watches::new(config.watches, memories, standing, now);
    roster.still_silent(&watches.away());
    Ok(Arc::new(watches))
}

/// How every device stands, into the roster.
async fn know_all(store: &Store, roster: &Roster) -> Result<(), StoreError> {
    let mut after: Option<DeviceId> = None;
    loop {
        let some = store.standings(after, DEVICES_AT_ONCE).await?;
        let Some((last, _)) = some.last() else { return Ok(()) };
        after = Some(last.clone());
        for (device, standing) in some {
            roster.know(&device, standing);
        }
    }
}
