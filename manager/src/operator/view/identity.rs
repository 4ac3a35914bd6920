//! How a device stands: its certificate, and whether it is let in.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::device::admit::{IdentityState, state};
use crate::ingest::clone::{CloneSide, CloneSign};
use crate::store::{Certificate, CertificateUse, CloneRecord, Standing, Superseded};

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
    /// The superseded certificate that is used; `null` without one, or once that is over.
    pub(in super::super) superseded: Option<SupersededView>,
    /// The sign that two machines use the identity; `null` without one, or once an operator has dismissed it.
    pub(in super::super) clone: Option<CloneView>,
}

/// Who used a certificate last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct UseView {
    /// When the certificate was issued.
    pub(in super::super) issued: Timestamp,
    /// When it was last used; `null` if the manager does not know.
    pub(in super::super) last: Option<Timestamp>,
    /// The IP address that it was last used from.
    #[schema(value_type = Option<String>)]
    pub(in super::super) remote: Option<IpAddr>,
    /// Random identifier of the boot of the machine that used it last, as far as that told it.
    pub(in super::super) boot: Option<String>,
}

/// A certificate that the device has replaced by renewal is used again. It is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct SupersededView {
    /// When it was first used again.
    pub(in super::super) first: Timestamp,
    /// The superseded certificate, and who uses it.
    pub(in super::super) superseded: UseView,
    /// The certificate that replaced it, and who uses that.
    pub(in super::super) present: UseView,
    /// `true` when the present certificate was used after the superseded one: then there are two machines. Otherwise
    /// it may be the device itself, whose state went back to an older one.
    pub(in super::super) both_in_use: bool,
    /// The same for people, with what to do.
    pub(in super::super) words: String,
}

impl UseView {
    fn of(certificate: &Certificate, used: Option<&CertificateUse>) -> Self {
        Self {
            issued: certificate.issued,
            last: used.map(|used| used.last),
            remote: used.map(|used| used.remote),
            boot: used.and_then(|used| used.boot.clone()),
        }
    }

    fn words(&self) -> String {
        let moment = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC");
        let issued = format!("issued {}", moment(self.issued));
        let Some((last, remote)) = self.last.zip(self.remote) else {
            return format!("{issued}, not seen in use");
        };
        let boot = self.boot.as_deref().unwrap_or("unknown");
        format!("{issued}, last used {} from {remote} (boot {boot})", moment(last))
    }
}

impl SupersededView {
    /// `present` is the newest that is known of the certificate in use.
    fn of(known: &Superseded, certificate: &Certificate, present: Option<&CertificateUse>) -> Self {
        // In memory the boot is known only once the device has reported to this run of the manager.
        let newest = [known.present.as_ref(), present].into_iter().flatten().max_by_key(|used| used.last);
        let mut newest = newest.cloned();
        if let (Some(newest), Some(stored)) = (&mut newest, &known.present)
            && newest.boot.is_none()
        {
            newest.boot.clone_from(&stored.boot);
        }
        let superseded = UseView::of(&known.certificate, Some(&known.used));
        let present = UseView::of(certificate, newest.as_ref());
        let both_in_use = present.last.is_some_and(|last| last > known.first);
        let meaning = if both_in_use {
            "Both are in use, so there are two machines, and somebody has a copy. If you do not know which is which, shut the device out and enrol it again"
        } else {
            "If this is the device, its state was restored from an older copy or does not outlive a restart: readmit it. If somebody else may have a copy, shut the device out and enrol it again"
        };
        let words = format!(
            "A superseded certificate is used, and refused ({}). The certificate that replaced it: {}. {meaning}",
            superseded.words(),
            present.words()
        );
        Self { first: known.first, superseded, present, both_in_use, words }
    }
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
        IdentityState::Superseded => Some(
            "A certificate is used that this device has replaced: it is refused until an operator decides"
                .to_owned(),
        ),
        IdentityState::Readmitted if standing.superseded.is_some() => Some(format!(
            "A superseded certificate is used; the device is readmitted and may renew it for another {}",
            stretch(now, standing.readmitted_until.unwrap_or(now))
        )),
        IdentityState::Readmitted => Some(format!(
            "Certificate expired {} ago; the device is readmitted and may renew it for another {}",
            stretch(ends, now),
            stretch(now, standing.readmitted_until.unwrap_or(now))
        )),
        IdentityState::Retired => Some(format!(
            "Retired {} ago: not under service; a new token brings it back",
            stretch(standing.retired.unwrap_or(now), now)
        )),
        IdentityState::ShutOut => Some(format!(
            "Shut out {} ago; a new token lets it back in",
            stretch(standing.revoked.unwrap_or(now), now)
        )),
    }
}

impl IdentityView {
    /// `present` is who used the certificate in use last.
    pub(in super::super) fn of(standing: Standing, present: Option<&CertificateUse>, now: Timestamp) -> Self {
        let superseded = standing
            .superseded
            .as_ref()
            .map(|known| SupersededView::of(known, &standing.certificate, present));
        Self {
            state: state(&standing, now),
            words: words(&standing, now),
            superseded,
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
    use jiff::SignedDuration;

    #[test]
    fn of_a_superseded_certificate_both_sides_are_told_and_whether_there_must_be_two_machines() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let certificate =
            |serial: &str, issued| Certificate { serial: serial.into(), issued, expires: issued };
        let used = |last, remote: [u8; 4], boot: &str| CertificateUse {
            last,
            remote: remote.into(),
            boot: Some(boot.into()),
        };
        let mut standing = Standing::enrolled(certificate("02", at("2026-09-01T00:00:00Z")));
        standing.superseded = Some(Superseded {
            certificate: certificate("01", at("2026-01-01T00:00:00Z")),
            first: at("2026-11-22T10:00:00Z"),
            used: used(at("2026-11-22T10:05:00Z"), [192, 0, 2, 7], "now"),
            present: Some(used(at("2026-11-22T09:00:00Z"), [192, 0, 2, 1], "then")),
            readmitted: false,
        });
        let view = |present| IdentityView::of(standing.clone(), present, at("2026-11-22T11:00:00Z"));
        let one = view(None);
        assert_eq!(one.state, IdentityState::Superseded);
        let told = one.superseded.unwrap();
        for part in ["192.0.2.7 (boot now)", "192.0.2.1 (boot then)", "2026-11-22 10:05:00", "readmit it"] {
            assert!(told.words.contains(part), "{part}: {}", told.words);
        }
        assert!(!told.both_in_use);
        let since = CertificateUse { boot: None, ..used(at("2026-11-22T10:06:00Z"), [192, 0, 2, 1], "") };
        let told = view(Some(&since)).superseded.unwrap();
        assert!(told.both_in_use && told.words.contains("two machines"), "{}", told.words);
        assert_eq!(told.present.boot.as_deref(), Some("then"), "as far as it is known");
    }

    #[test]
    fn people_are_told_how_long_it_is_and_what_to_do() {
        let issued: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |days: i64| issued + SignedDuration::from_hours(24 * days);
        let mut standing = Standing::enrolled(Certificate { serial: "40".into(), issued, expires: at(365) });
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
