//! How a device stands: its certificate, and whether it is let in.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::device::admit::{IdentityState, state};
use crate::ingest::clone::{CloneSide, CloneSign};
use crate::store::{CloneRecord, Standing};

/// Whether a device is let in, and the certificate by which.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct IdentityView {
    /// What an operator should know of it, as a keyword.
    pub(in super::super) state: IdentityState,
    /// The same for people; `null` when all is well.
    pub(in super::super) words: Option<String>,
    /// When the certificate in use was issued.
    pub(in super::super) certificate_issued: Timestamp,
    /// When the certificate in use expires; the device renews it before.
    pub(in super::super) certificate_expires: Timestamp,
    /// When a renewed certificate was issued that the device has not used yet; `null` if there is none.
    pub(in super::super) renewal_issued: Option<Timestamp>,
    /// Until when the device may renew a certificate that has expired; `null` unless an operator readmitted
    /// it.
    pub(in super::super) readmitted_until: Option<Timestamp>,
    /// When the device was shut out; `null` if it is not.
    pub(in super::super) revoked: Option<Timestamp>,
    /// The sign that two machines use the identity; `null` without one, or once an operator has dismissed it.
    pub(in super::super) clone: Option<CloneView>,
}

/// A sign that two machines are using one identity.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CloneView {
    /// When the manager found it.
    pub(in super::super) found: Timestamp,
    /// What to do about it, for people.
    pub(in super::super) words: String,
    /// What was found, and the two machines.
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
            "Two machines are using this identity, perhaps because an SD card was copied: {}. Enrol one of them again under another name",
            sides.join(" and ")
        );
        Self { found: record.found, words, sign: record.sign }
    }
}

/// A stretch of time in the largest unit that fits.
fn stretch(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().unsigned_abs();
    let (number, unit) = match seconds {
        0..60 => return "less than a minute".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
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
            Some(format!("Certificate expires in {}, and the device has not renewed it", stretch(now, ends)))
        }
        IdentityState::Ended => Some(format!(
            "Certificate expired {} ago: the device is refused until it is readmitted",
            stretch(ends, now)
        )),
        IdentityState::Readmitted => Some(format!(
            "Certificate expired {} ago; the device is readmitted and may renew it for another {}",
            stretch(ends, now),
            stretch(now, standing.readmitted_until.unwrap_or(now))
        )),
        IdentityState::ShutOut => Some(format!(
            "Shut out {} ago; a new token lets it back in",
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
        assert_eq!(told, "Certificate expires in 20 days, and the device has not renewed it");
        assert!(words(&standing, at(368)).unwrap().contains("expired 3 days ago"));
        standing.readmitted_until = Some(at(370));
        assert!(words(&standing, at(368)).unwrap().contains("for another 2 days"));
        standing.revoked = Some(at(366));
        assert!(words(&standing, at(368)).unwrap().starts_with("Shut out 2 days ago"));
        assert!(words(&standing, at(366)).unwrap().starts_with("Shut out less than a minute ago"));
    }
}
