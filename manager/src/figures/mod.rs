//! Figures of the manager for programs that watch over it (`/metrics`, in the text format of Prometheus). [`Figures`] knows
//! where each comes from; [`text`] puts them into words, purely.

mod text;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock;
use crate::contact::ContactState;
use crate::counters::Counters;
use crate::device::Devices;
use crate::device::roster::Roster;
use crate::device::traffic::Traffic;
use crate::store::{FleetCounts, FleetFilter, Scope, Store, StoreError, StoreFigures};
use crate::watch::Watches;

/// What is looked up in the store is kept so long: whoever asks more often costs it nothing.
const KEPT_FOR: Duration = Duration::from_secs(5);
/// A store that does not answer in this time is left out of the answer.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// What the store knows, as it was looked up last.
#[derive(Debug, Clone)]
pub(crate) struct OfStore {
    counts: FleetCounts,
    own: StoreFigures,
    /// The moment that the last backup holds.
    backup: Option<Timestamp>,
}

/// Where the figures come from.
pub(crate) struct Figures {
    store: Store,
    roster: Arc<Roster>,
    watches: Arc<Watches>,
    traffic: Arc<Traffic>,
    counters: Arc<Counters>,
    /// Held while the store is asked, so that it is asked once.
    kept: Mutex<Option<(Instant, Option<OfStore>)>>,
}

impl Figures {
    /// Of what devices are served with.
    pub(crate) fn new(devices: &Devices) -> Self {
        Self {
            store: devices.store.clone(),
            roster: Arc::clone(&devices.roster),
            watches: Arc::clone(&devices.watches),
            traffic: Arc::clone(&devices.traffic),
            counters: Arc::clone(&devices.counters),
            kept: Mutex::default(),
        }
    }

    /// All of them, as Prometheus reads them. While the store cannot be asked, what only it knows is left out.
    pub(crate) async fn text(&self) -> String {
        let now = clock::now();
        let of_store = self.of_store().await;
        let mut parked = 0;
        self.roster.each(now, |_, contact| parked += i64::from(contact.state == ContactState::Parked));
        let (endings, device_certificates) = self.watches.endings.all(now);
        let health = self.store.health();
        text::text(&text::Snapshot {
            now,
            parked,
            endings: &endings,
            device_certificates,
            of_store: of_store.as_ref(),
            storing: health.trouble().is_none(),
            log_bytes: health.log().bytes,
            commits: health.commits(),
            waiting_writes: self.store.waiting(),
            waiting_batches: self.traffic.waiting(),
            turned_away: self.counters.read(),
            intake: self.counters.intake(),
        })
    }

    async fn of_store(&self) -> Option<OfStore> {
        let mut kept = self.kept.lock().await;
        if let Some((looked, found)) = kept.as_ref()
            && looked.elapsed() < KEPT_FOR
        {
            return found.clone();
        }
        let asked = tokio::time::timeout(STORE_ANSWERS_WITHIN, self.ask_store()).await;
        let found = match asked {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the store's figures could not be looked up");
                None
            }
            Err(_late) => None,
        };
        *kept = Some((Instant::now(), found.clone()));
        found
    }

    async fn ask_store(&self) -> Result<OfStore, StoreError> {
        let counts = self.store.fleet_counts(&Scope::All, FleetFilter::default()).await?;
        let own = self.store.figures().await?;
        let (backup, _) = self.store.last_backup().await?;
        Ok(OfStore { counts, own, backup: backup.map(|backup| backup.made) })
    }
}
