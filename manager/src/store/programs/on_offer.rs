//! What is offered to each device, remembered: most devices that ask are told from memory that there is nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use platen_protocol::identity::{AttemptId, DeviceId};
use platen_protocol::programs::ProgramStep;

use super::super::engine::{Connection, values};
use super::super::known::Known;
use super::super::rollouts::RolloutId;
use super::super::statements::programs as statements;
use super::super::{Store, StoreError};
use super::records::OfferRecord;

/// What a device is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnOffer {
    /// The offer.
    pub key: i64,
    /// The attempt that comes of it.
    pub attempt: AttemptId,
    /// The program, by its key.
    pub program: i64,
    /// How far the attempt is; none before the device was given it.
    pub step: Option<ProgramStep>,
    /// Why it is not given, where that is so.
    pub waits: Option<String>,
    /// The rollout that made the offer, if that sets how fast it is sent to all its devices together, and how fast.
    pub paced: Option<(RolloutId, u64)>,
}

impl From<OfferRecord> for OnOffer {
    fn from(offer: OfferRecord) -> Self {
        let OfferRecord { key, attempt, program, waits, step, rollout, bytes_per_second, .. } = offer;
        Self { key, attempt, program, step, waits, paced: rollout.zip(bytes_per_second) }
    }
}

/// What is offered to each device.
pub(in super::super) struct OnOffers(Known<Arc<[OnOffer]>>);

impl OnOffers {
    /// By what the store holds.
    pub(in super::super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        Ok(Self(Known::new(all(connection)?)))
    }

    /// Something that is offered to this device was changed.
    pub(in super::super) fn changed(&self, device: &DeviceId) {
        self.0.changed(device);
    }
}

fn all(connection: &Connection) -> Result<BTreeMap<DeviceId, Arc<[OnOffer]>>, StoreError> {
    let mut devices: BTreeMap<DeviceId, Vec<OnOffer>> = BTreeMap::new();
    connection.each(statements::ALL_OFFERS, values![], |row| {
        // What cannot be read is offered to nobody.
        if let Ok(offer) = OfferRecord::from_row(row) {
            devices.entry(offer.device.clone()).or_default().push(offer.into());
        }
        Ok(())
    })?;
    Ok(devices.into_iter().map(|(device, offers)| (device, offers.into())).collect())
}

impl Store {
    /// What a device is to have, in the order in which it is given that.
    pub async fn on_offer(&self, device: &DeviceId) -> Result<Arc<[OnOffer]>, StoreError> {
        let change = match self.on_offer.0.get(device) {
            Ok(offers) => return Ok(offers),
            Err(change) => change,
        };
        let offers: Vec<OnOffer> =
            self.offers_of(device.clone()).await?.into_iter().map(OnOffer::from).collect();
        let offers = Arc::from(offers);
        self.on_offer.0.learn(device, change, &offers);
        Ok(offers)
    }

    /// Whether a device is to ask for a program: something is offered to it that it was not given yet, and nothing is
    /// known to be in the way.
    pub async fn has_new_offer(&self, device: &DeviceId) -> bool {
        let is_new = |offer: &OnOffer| offer.step.is_none() && offer.waits.is_none();
        // Where it cannot be looked up, the device asks at its interval.
        self.on_offer(device).await.is_ok_and(|offers| offers.first().is_some_and(is_new))
    }

    /// Another manager changed what is offered to these devices.
    pub fn offers_changed(&self, devices: &[DeviceId]) {
        for device in devices {
            self.on_offer.changed(device);
        }
    }

    /// Others may have changed what is offered to any device: all of it is read anew.
    pub async fn read_offers(&self) -> Result<(), StoreError> {
        let on_offer = Arc::clone(&self.on_offer);
        self.readers
            .clone()
            .read(move |connection| {
                let changes = on_offer.0.changes();
                on_offer.0.learn_all(changes, all(connection)?);
                Ok(())
            })
            .await
    }
}
