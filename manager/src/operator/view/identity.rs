//! How a device stands: its certificate, and whether it is let in.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::device::admit::{IdentityState, state};
use crate::ingest::clone::{CloneSide, CloneSign};
use crate::store::{CloneRecord, Standing};

/// How a device stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct IdentityView {
    /// What should be known of it.
    pub(in super::super) state: IdentityState,
    /// The same for people; `null` when nothing is the matter.
    pub(in super::super) words: Option<String>,
    /// When the certificate in use was issued.
    pub(in super::super) certificate_issued: Timestamp,
    /// When it ends.
    pub(in super::super) certificate_expires: Timestamp,
    /// When a renewed one was issued that the device has not used yet.
    pub(in super::super) renewal_issued: Option<Timestamp>,
    /// Until when the device may renew a certificate that has ended.
    pub(in super::super) readmitted_until: Option<Timestamp>,
    /// When the device was shut out, if it is.
    pub(in super::super) revoked: Option<Timestamp>,
    /// What tells that two machines use the identity, until an operator dismisses it.
    pub(in super::super) clone: Option<CloneView>,
}

/// A sign that two machines use one identity.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CloneView {
    /// When it was found.
    pub(in super::super) found: Timestamp,
    /// The same for people.
    pub(in super::super) words: String,
    /// What was found.
    #[serde(flatten)]
    pub(in super::super) sign: CloneSign,
}

impl From<CloneRecord> for CloneView {
    fn from(record: CloneRecord) -> Self {
        let side = |side: &CloneSide| {
            let boot = side.boot.as_deref().unwrap_or("unknown");
            let last = side.last.strftime("%Y-%m-%d %H:%M:%S UTC");
            format!("{} (boot {boot}, last heard {last})", side.remote)
        };
        let sides: Vec<String> = record.sign.sides.iter().map(side).collect();
        let words = format!(
            "Two machines use this identity, such as by a copied SD card: {}. Enrol one of them again under another name",
            sides.join(" and ")
        );
        Self { found: record.found, words, sign: record.sign }
    }
}

/// A stretch of time in the largest unit that fits.
fn stretch(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().unsigned_abs();
    let (number, unit) = match seconds {
        0..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

/// What people are told.
pub(crate) fn words(standing: &Standing, now: Timestamp) -> Option<String> {
    let ends = standing.certificate.expires;
    match state(standing, now) {
        IdentityState::Good => None,
        IdentityState::EndsSoon => {
            Some(format!("Certificate ends in {}, and the device has not renewed it", stretch(now, ends)))
        }
        IdentityState::Ended => Some(format!(
            "Certificate ended {} ago: the device is refused until it is readmitted",
            stretch(ends, now)
        )),
        IdentityState::Readmitted => Some(format!(
            "Certificate ended {} ago; readmitted, the device may renew it for another {}",
            stretch(ends, now),
            stretch(now, standing.readmitted_until.unwrap_or(now))
        )),
        IdentityState::ShutOut => Some(format!(
            "Shut out {} ago; a new token lets it in again",
            stretch(standing.revoked.unwrap_or(now), now)
        )),
    }
}

impl IdentityView {
    pub(in super::super) fn of(standing: Standing, now: Timestamp) -> Self {
        Self {
            state: state(&standing, now),
            words: words(&standing, now),
            certificate_issued: standing.certificate.issued,
            certificate_expires: standing.certificate.expires,
            renewal_issued: standing.next.map(|next| next.issued),
            readmitted_until: standing.readmitted_until,
            revoked: standing.revoked,
            clone: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Certificate;
    use jiff::SignedDuration;

    #[test]
    fn people_are_told_how_long_it_is_and_what_to_do() {
        let issued: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |days: i64| issued + SignedDuration::from_hours(24 * days);
        let mut standing = Standing {
            certificate: Certificate { serial: "40".into(), issued, expires: at(365) },
            next: None,
            revoked: None,
            readmitted_until: None,
        };
        assert_eq!(words(&standing, at(250)), None);
        let told = words(&standing, at(345)).unwrap();
        assert_eq!(told, "Certificate ends in 20 days, and the device has not renewed it");
        assert!(words(&standing, at(368)).unwrap().contains("ended 3 days ago"));
        standing.readmitted_until = Some(at(370));
        assert!(words(&standing, at(368)).unwrap().contains("for another 2 days"));
        standing.revoked = Some(at(366));
        assert!(words(&standing, at(368)).unwrap().starts_with("Shut out 2 days ago"));
    }
}
