//! A device stands otherwise from now on: what follows from that in memory, the same whether an operator
//! did it on a page or an administrator on the command line.

use platen_protocol::identity::DeviceId;

use super::admit::is_readmitted;
use super::mailbox::Mailbox;
use super::roster::Roster;
use crate::clock;
use crate::inform::{Event, Informer};
use crate::store::Standing;

/// The roster knows it, a request of the device that is held is judged anew at once, and whoever listens is told.
pub fn apply(roster: &Roster, mailbox: &Mailbox, informer: &Informer, device: &DeviceId, standing: Standing) {
    let before = roster.standing(device);
    if before.as_ref() == Some(&standing) {
        return;
    }
    let shut_out = standing.revoked.is_some();
    let is_another = before.is_none_or(|before| before.certificate.serial != standing.certificate.serial);
    let call = shut_out || is_another || is_readmitted(&standing, clock::now());
    roster.know(device, standing);
    if shut_out {
        mailbox.wake(device);
    }
    if call {
        mailbox.anteroom().call(device);
    }
    informer.publish(Event::new("identity", device.clone(), clock::now()));
}
