//! Every device that is let in, in memory: its certificate ([`certified`]), when it was last there ([`presence`]),
//! and how far its reports are acknowledged. So a parked device costs the database nothing; contacts are flushed
//! in batches.

mod certified;
mod presence;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::{DeviceId, Epoch};
use platen_protocol::stamp::Stamp;

use super::admit::{Admission, admit};
use crate::contact::{Contact, ContactState};
use crate::ingest::clone::{BatchHistory, CloneSign};
use crate::store::{
    Certificate, CertificateUse, ContactRecord, DeviceRecord, Replica, Standing, Superseded, Whereabouts,
};
pub(super) use certified::SETTLES;

use certified::Certified;
use presence::Presence;

/// What is known of one device.
#[derive(Debug, Default)]
struct Entry {
    certified: Certified,
    presence: Presence,
    /// The epoch that came last, how far it is acknowledged, and whether it is in memory only.
    acknowledged: Option<(Epoch, u64, bool)>,
    /// Who opens its connections on the way, as it said last.
    inspected_by: Option<String>,
    /// What tells two machines with one identity.
    trail: BatchHistory,
}

impl Entry {
    /// Whether it was taken out of service.
    fn is_retired(&self) -> bool {
        self.certified.standing.as_ref().is_some_and(|standing| standing.retired.is_some())
    }

    /// By the last batch that came: a request that is held may be that of a machine that is gone by now. Only who is
    /// let in has sent any.
    fn present(&self) -> Option<CertificateUse> {
        let side = self.trail.last()?;
        Some(CertificateUse { last: side.last, remote: side.remote, boot: side.boot.clone() })
    }

    /// The same, as far as it was known before this run of the manager.
    fn present_before(&self) -> Option<CertificateUse> {
        let (last, remote) = self.presence.last()?;
        Some(CertificateUse { last, remote, boot: None })
    }
}

/// The devices that are let in.
#[derive(Default)]
pub struct Roster {
    /// Held for a look-up, never across an await. In order, so that a simulation runs the same each time.
    entries: Mutex<BTreeMap<DeviceId, Entry>>,
}

/// As long as it lives, a device counts as parked.
pub struct ParkedHere {
    roster: Arc<Roster>,
    device: DeviceId,
}

impl Drop for ParkedHere {
    fn drop(&mut self) {
        if let Some(entry) = self.roster.entries().get_mut(&self.device) {
            entry.presence.unpark();
        }
    }
}

impl Roster {
    /// From what the store knows; how devices stand is told by [`Self::know`].
    pub fn new(devices: Vec<DeviceRecord>, now: Timestamp) -> Self {
        let entries = devices
            .into_iter()
            .map(|device| {
                let remote = device.remote.and_then(|remote| remote.parse().ok());
                let presence = Presence::before(device.last_contact, remote, now);
                (device.id, Entry { presence, ..Entry::default() })
            })
            .collect();
        Self { entries: Mutex::new(entries) }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a certificate of a device is good for; `None` when the device is not let in.
    pub fn admission(&self, device: &DeviceId, serial: &str, now: Timestamp) -> Option<Admission> {
        let entries = self.entries();
        let standing = entries.get(device)?.certified.standing.as_ref()?;
        Some(admit(standing, serial, now))
    }

    /// How a device stands.
    pub fn standing(&self, device: &DeviceId) -> Option<Standing> {
        self.entries().get(device)?.certified.standing.clone()
    }

    /// How a device stands from now on: it was let in, shut out, or readmitted.
    pub fn know(&self, device: &DeviceId, standing: Standing) {
        self.entries().entry(device.clone()).or_default().certified.standing = Some(standing);
    }

    /// Whether a device was taken out of service.
    pub fn is_retired(&self, device: &DeviceId) -> bool {
        let entries = self.entries();
        entries.get(device).is_some_and(Entry::is_retired)
    }

    /// There is no such device any more.
    pub fn forget(&self, device: &DeviceId) {
        self.entries().remove(device);
    }

    /// What was left of a device is deleted; it stays known if a device of that name has enrolled since.
    pub fn forget_unless_enrolled(&self, device: &DeviceId) {
        let mut entries = self.entries();
        let in_service = |entry: &Entry| {
            entry.certified.standing.as_ref().is_some_and(|standing| standing.revoked.is_none())
        };
        if entries.get(device).is_some_and(|entry| !in_service(entry)) {
            entries.remove(device);
        }
    }

    /// A device was let in with a certificate; whatever was with its identity before is over.
    pub fn enrolled(&self, device: &DeviceId, certificate: Certificate) {
        self.know(device, Standing::enrolled(certificate));
    }

    /// Whether the boot of who uses a superseded certificate is worth a look into a body that is refused.
    pub fn wants_boot(&self, device: &DeviceId, serial: &str, now: Timestamp) -> bool {
        self.entries().get(device).is_some_and(|entry| entry.certified.wants_boot(serial, now))
    }

    /// Somebody uses a certificate that a device has replaced; what is to be written down of that, if anything is.
    pub fn returns(&self, device: &DeviceId, serial: &str, used: CertificateUse) -> Option<Superseded> {
        let mut entries = self.entries();
        let entry = entries.get_mut(device)?;
        let present = entry.present().or_else(|| entry.present_before());
        entry.certified.returns(serial, used, present)
    }

    /// Whether a device that used a superseded certificate uses the one that replaced it, in the same boot.
    pub fn is_back(&self, device: &DeviceId, boot: &str) -> bool {
        self.entries().get(device).is_some_and(|entry| entry.certified.is_back(boot))
    }

    /// Who used the certificate in use last, in this run of the manager.
    pub fn present(&self, device: &DeviceId) -> Option<CertificateUse> {
        self.entries().get(device)?.present()
    }

    /// A device may be given a renewed certificate, unless one was issued or asked for less than `least` ago.
    /// That it asks counts from now on: of many at once, one may.
    pub fn begin_renewal(&self, device: &DeviceId, now: Timestamp, least: SignedDuration) -> bool {
        let mut entries = self.entries();
        entries.get_mut(device).is_some_and(|entry| entry.certified.begin_renewal(now, least))
    }

    /// A device was given a renewed certificate.
    pub fn renewal_issued(&self, device: &DeviceId, next: Certificate) {
        if let Some(entry) = self.entries().get_mut(device) {
            entry.certified.issued(next);
        }
    }

    /// A device has used its renewed certificate.
    pub fn renewed(&self, device: &DeviceId, serial: &str) {
        if let Some(entry) = self.entries().get_mut(device) {
            entry.certified.renewed(serial);
        }
    }

    /// A batch of a device came in; a sign, if two machines use its identity.
    pub fn trace(
        &self,
        device: &DeviceId,
        sent: Option<&Stamp>,
        epoch: &Epoch,
        remote: IpAddr,
        now: Timestamp,
    ) -> Option<CloneSign> {
        self.entries().get_mut(device)?.trail.see(sent, epoch, remote, now)
    }

    /// A batch of a device conflicted with what is stored.
    pub fn conflict(&self, device: &DeviceId, now: Timestamp) -> Option<CloneSign> {
        self.entries().get_mut(device)?.trail.conflict(now)
    }

    /// Certificates that near their end, or have ended, and of which operators were not told by this run.
    pub fn take_ending(&self, now: Timestamp) -> Vec<(DeviceId, Certificate)> {
        let mut entries = self.entries();
        let ending = entries.iter_mut().filter_map(|(device, entry)| {
            entry.certified.take_ending(now).map(|certificate| (device.clone(), certificate))
        });
        ending.collect()
    }

    /// The beginning and the end of the certificate of each device that is let in.
    pub fn each_certificate(&self, visit: &mut dyn FnMut(&DeviceId, Timestamp, Timestamp)) {
        for (device, entry) in self.entries().iter() {
            let standing = entry
                .certified
                .standing
                .as_ref()
                .filter(|standing| standing.revoked.is_none() && standing.retired.is_none())
                .filter(|standing| !standing.certificate.is_none());
            if let Some(Standing { certificate, .. }) = standing {
                visit(device, certificate.issued, certificate.expires);
            }
        }
    }

    /// Of several managers this one begins: others watch over these, until they are heard of here.
    pub fn all_elsewhere(&self) {
        for entry in self.entries().values_mut() {
            let (last, remote) = entry.presence.last().unzip();
            entry.presence.elsewhere(last, remote, false);
        }
    }

    /// Where devices are that are not here, as others know it.
    pub fn learn(&self, whereabouts: &[Whereabouts], me: Replica) {
        let mut entries = self.entries();
        for one in whereabouts.iter().filter(|one| one.replica != Some(me)) {
            let Some(entry) = entries.get_mut(&one.device) else { continue };
            // Who was heard of here a moment ago is not written down yet.
            if one.replica.is_some() && !entry.presence.is_claimed() {
                entry.presence.elsewhere(one.last_contact, one.remote, one.away);
            }
        }
    }

    /// These are watched over by this manager from now on: nobody else does.
    pub fn adopt(&self, adopted: &[Whereabouts], now: Timestamp) {
        let mut entries = self.entries();
        for one in adopted {
            if let Some(entry) = entries.get_mut(&one.device)
                && !entry.presence.is_watched_here()
            {
                entry.presence.adopted(one.last_contact, one.remote, one.away, now);
            }
        }
    }

    /// Devices that were first heard of here since the last time, at most `most`; they count as told to others.
    pub fn take_claims(&self, most: usize) -> Vec<DeviceId> {
        let mut entries = self.entries();
        let claimed = entries
            .iter_mut()
            .filter_map(|(device, entry)| entry.presence.take_claim().then(|| device.clone()));
        claimed.take(most).collect()
    }

    /// Others could not be told of these after all.
    pub fn claim_again(&self, devices: &[DeviceId]) {
        let mut entries = self.entries();
        for device in devices {
            if let Some(entry) = entries.get_mut(device) {
                entry.presence.claim_again();
            }
        }
    }

    /// These were silent before the manager began: their silence goes on until they are there.
    pub fn still_silent(&self, devices: &[DeviceId]) {
        let mut entries = self.entries();
        for device in devices {
            if let Some(entry) = entries.get_mut(device) {
                entry.presence.still_silent();
            }
        }
    }

    /// A device said how long it will wait for an answer.
    pub fn waits(&self, device: &DeviceId, wait: Duration) {
        if let Some(entry) = self.entries().get_mut(device) {
            entry.presence.waits(wait);
        }
    }

    /// How each device can be reached that this manager watches over.
    pub fn each(&self, now: Timestamp, mut visit: impl FnMut(&DeviceId, Contact)) {
        for (device, entry) in self.entries().iter().filter(|(_, entry)| entry.presence.is_watched_here()) {
            // Nobody waits for one that is out of service.
            let contact = Contact { state: ContactState::Never, last: None, remote: None };
            let contact = if entry.is_retired() { contact } else { entry.presence.contact(now) };
            visit(device, contact);
        }
    }

    /// A device is there; says whether it was away before, so far as operators know.
    pub fn seen(&self, device: &DeviceId, remote: IpAddr, now: Timestamp) -> bool {
        let mut entries = self.entries();
        entries.get_mut(device).is_some_and(|entry| entry.presence.seen(remote, now))
    }

    /// Notes who opens a device's connections on the way, as it says.
    pub fn inspected(&self, device: &DeviceId, by: Option<&str>) {
        if let Some(entry) = self.entries().get_mut(device)
            && entry.inspected_by.as_deref() != by
        {
            let told = by.unwrap_or("nobody any longer");
            tracing::warn!(%device, by = told, "TLS is inspected at the device's site");
            entry.inspected_by = by.map(ToOwned::to_owned);
        }
    }

    /// Who opens a device's connections on the way. Unknown after a restart until it was there.
    pub fn inspected_by(&self, device: &DeviceId) -> Option<String> {
        self.entries().get(device).and_then(|entry| entry.inspected_by.clone())
    }

    /// Counts a device as parked for as long as the answer lives.
    pub fn park(self: &Arc<Self>, device: &DeviceId) -> ParkedHere {
        if let Some(entry) = self.entries().get_mut(device) {
            entry.presence.park();
        }
        ParkedHere { roster: Arc::clone(self), device: device.clone() }
    }

    /// How a device can be reached.
    pub fn contact(&self, device: &DeviceId, now: Timestamp) -> Contact {
        let never = Contact { state: ContactState::Never, last: None, remote: None };
        self.entries().get(device).map_or(never, |entry| entry.presence.contact(now))
    }

    /// How far a device's reports of an epoch are acknowledged, if that is remembered and the epoch is
    /// kept as it was.
    pub fn acknowledged(&self, device: &DeviceId, epoch: &Epoch, in_memory: bool) -> Option<u64> {
        let entries = self.entries();
        let (known, sequence, kept) = entries.get(device)?.acknowledged.as_ref()?;
        (known == epoch && *kept == in_memory).then_some(*sequence)
    }

    /// Remembers how far they are acknowledged.
    pub fn acknowledge(&self, device: &DeviceId, epoch: &Epoch, sequence: u64, in_memory: bool) {
        if let Some(entry) = self.entries().get_mut(device) {
            match &mut entry.acknowledged {
                Some((known, high, kept)) if known == epoch => {
                    *high = sequence.max(*high);
                    *kept = in_memory;
                }
                other => *other = Some((epoch.clone(), sequence, in_memory)),
            }
        }
    }

    /// Devices that have fallen silent since the last sweep.
    pub fn sweep(&self, now: Timestamp) -> Vec<DeviceId> {
        let mut entries = self.entries();
        let silent = entries
            .iter_mut()
            .filter_map(|(device, entry)| entry.presence.has_fallen_silent(now).then(|| device.clone()));
        silent.collect()
    }

    /// These could not be flushed after all.
    pub fn give_back(&self, contacts: &[ContactRecord]) {
        let mut entries = self.entries();
        for contact in contacts {
            if let Some(entry) = entries.get_mut(&contact.device) {
                entry.presence.give_back();
            }
        }
    }

    /// Contacts that are not in the store yet; they count as flushed.
    pub fn take_unflushed(&self) -> Vec<ContactRecord> {
        let mut entries = self.entries();
        let contacts = entries.iter_mut().filter_map(|(device, entry)| {
            let (last_contact, remote) = entry.presence.take_unflushed()?;
            Some(ContactRecord { device: device.clone(), last_contact, remote: remote.to_string() })
        });
        contacts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::silent_after;
    use crate::store::DeviceState;

    fn certificate(serial: &str) -> Certificate {
        let issued: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        Certificate {
            serial: serial.to_owned(),
            issued,
            expires: issued + jiff::SignedDuration::from_hours(100),
        }
    }

    #[test]
    fn the_old_certificate_is_good_until_the_new_one_has_been_used() {
        let (roster, device) = roster();
        let now = certificate("01").issued;
        let of = |serial| roster.admission(&device, serial, now);
        roster.renewal_issued(&device, certificate("02"));
        assert_eq!((of("01"), of("02")), (Some(Admission::Current), Some(Admission::Renewed)));
        roster.renewed(&device, "07");
        assert_eq!(of("01"), Some(Admission::Current));
        roster.renewed(&device, "02");
        assert_eq!(
            (of("01"), of("02")),
            (Some(Admission::Superseded { readmitted: false }), Some(Admission::Current))
        );
    }

    #[test]
    fn the_end_of_a_certificate_is_told_once_for_each_certificate() {
        let (roster, device) = roster();
        let late = certificate("01").expires;
        assert!(roster.take_ending(certificate("01").issued).is_empty());
        assert_eq!(roster.take_ending(late).len(), 1);
        assert!(roster.take_ending(late).is_empty());
        roster.enrolled(&device, certificate("02"));
        assert_eq!(roster.take_ending(late).len(), 1);
    }

    fn roster() -> (Arc<Roster>, DeviceId) {
        let (roster, device) = (Arc::new(Roster::default()), "lobby".parse().unwrap());
        roster.enrolled(&device, certificate("01"));
        (roster, device)
    }

    #[test]
    fn a_device_goes_from_never_to_recent_to_silent_and_back() {
        let (roster, device) = roster();
        let (remote, start): (IpAddr, Timestamp) =
            (IpAddr::from([192, 0, 2, 1]), "2026-11-22T10:00:00Z".parse().unwrap());
        assert_eq!(roster.contact(&device, start).state, ContactState::Never);
        assert!(roster.seen(&device, remote, start), "the first contact is news");
        assert!(!roster.seen(&device, remote, start), "the second is not");
        assert_eq!(roster.contact(&device, start).state, ContactState::Recent);
        assert!(roster.sweep(start).is_empty());
        roster.waits(&device, Duration::from_secs(50));
        let later = start + silent_after(Some(Duration::from_secs(50)));
        assert_eq!(roster.sweep(later), std::slice::from_ref(&device));
        assert!(roster.sweep(later).is_empty(), "told once");
        assert_eq!(roster.contact(&device, later).state, ContactState::Silent);
        assert!(roster.seen(&device, remote, later), "its return is news");
    }

    #[test]
    fn after_a_restart_only_those_are_silent_who_were_or_who_stay_away() {
        let record = |name: &str, last: &str| DeviceRecord {
            key: 1,
            state: DeviceState::default(),
            id: name.parse().unwrap(),
            certificate_serial: "01".to_owned(),
            certificate_expires: Timestamp::MAX,
            enrolled: Timestamp::MIN,
            model: None,
            agent_version: None,
            simulated: false,
            readings: None,
            readings_taken: None,
            readings_received: None,
            activity: None,
            last_contact: Some(last.parse().unwrap()),
            remote: None,
            volatile_state: None,
            damaged: None,
        };
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let (gone, there): (DeviceId, DeviceId) = ("gone".parse().unwrap(), "there".parse().unwrap());
        let records = vec![record("gone", "2026-11-01T10:00:00Z"), record("there", "2026-11-21T10:00:00Z")];
        let roster = Roster::new(records, start);
        roster.still_silent(std::slice::from_ref(&gone));
        assert_eq!(roster.contact(&gone, start).state, ContactState::Silent);
        assert_eq!(roster.contact(&there, start).state, ContactState::Recent, "the manager was away itself");
        assert!(roster.sweep(start).is_empty());
        let later = start + silent_after(None);
        assert_eq!(roster.sweep(later), [there], "and the other has been told of before");
        assert!(roster.seen(&gone, IpAddr::from([192, 0, 2, 1]), later), "its return is news");
        assert_eq!(roster.contact(&gone, later).state, ContactState::Recent);
    }

    #[test]
    fn who_was_never_there_does_not_fall_silent_when_another_manager_takes_over() {
        let (roster, device) = roster();
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let gone = Whereabouts {
            device: device.clone(),
            replica: Some(Replica(7)),
            last_contact: None,
            remote: None,
            away: false,
        };
        roster.learn(std::slice::from_ref(&gone), Replica(1));
        roster.adopt(&[gone], now);
        assert_eq!(roster.contact(&device, now).state, ContactState::Never);
        assert!(roster.sweep(now + silent_after(None) * 2).is_empty());
    }

    #[test]
    fn contacts_are_flushed_once() {
        let (roster, device) = roster();
        roster.seen(&device, IpAddr::from([192, 0, 2, 1]), "2026-11-22T10:00:00Z".parse().unwrap());
        assert_eq!(roster.take_unflushed().len(), 1);
        assert!(roster.take_unflushed().is_empty());
    }

    #[test]
    fn what_is_acknowledged_never_goes_back_within_an_epoch() {
        let (roster, device) = roster();
        let (one, two): (Epoch, Epoch) = ("e1".parse().unwrap(), "e2".parse().unwrap());
        roster.acknowledge(&device, &one, 7, false);
        roster.acknowledge(&device, &one, 3, false);
        assert_eq!(roster.acknowledged(&device, &one, false), Some(7));
        assert_eq!(roster.acknowledged(&device, &one, true), None, "it is kept otherwise now");
        roster.acknowledge(&device, &two, 1, false);
        assert_eq!(roster.acknowledged(&device, &one, false), None);
    }
}
