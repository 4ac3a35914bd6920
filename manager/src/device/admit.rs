//! Whether a device that shows a certificate is let in, by how it stands. Pure.

use jiff::{SignedDuration, Timestamp};

use serde::Serialize;

use crate::store::{Standing, Superseded};

/// How long a device may renew a certificate that has ended, once an operator has readmitted it. Long
/// enough for one that asks at a slow pace, or is switched off over a weekend; it is not for ever, for a
/// device that was stolen may come back too.
pub const READMITTED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Operators are told when less than this part of a certificate's life is left: the device has tried to
/// renew it since a third was left, in vain.
const TELL_BELOW_PART: i32 = 4;

/// What a certificate is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is the device's.
    Current,
    /// It is the renewed one, and is used for the first time.
    Renewed,
    /// It has ended.
    Expired {
        /// When.
        ended: Timestamp,
        /// Whether an operator lets the device renew it all the same.
        readmitted: bool,
    },
    /// The device itself has replaced it by renewal, and used the new one: its state went back, or somebody has a
    /// copy.
    Superseded {
        /// Whether an operator lets whoever has it renew it all the same.
        readmitted: bool,
    },
    /// The device was let in with another one since.
    Replaced,
    /// The device is shut out.
    Revoked,
}

/// Judges a certificate by its serial number.
pub fn admit(standing: &Standing, serial: &str, now: Timestamp) -> Admission {
    if standing.revoked.is_some() {
        return Admission::Revoked;
    }
    let (certificate, good) = match &standing.next {
        Some(next) if next.serial == serial => (next, Admission::Renewed),
        _ if standing.certificate.serial == serial => (&standing.certificate, Admission::Current),
        _ if standing.former.iter().any(|former| former.serial == serial) => {
            let consented = |used: &Superseded| used.readmitted && used.certificate.serial == serial;
            let readmitted =
                is_readmitted(standing, now) && standing.superseded.as_ref().is_some_and(consented);
            return Admission::Superseded { readmitted };
        }
        _ => return Admission::Replaced,
    };
    if now < certificate.expires {
        return good;
    }
    Admission::Expired { ended: certificate.expires, readmitted: is_readmitted(standing, now) }
}

/// Whether a device may renew a certificate that has ended, or that is superseded.
pub fn is_readmitted(standing: &Standing, now: Timestamp) -> bool {
    standing.readmitted_until.is_some_and(|until| now < until)
}

/// Whether operators are to be told that a device's certificate nears its end, or has ended.
pub fn nears_its_end(standing: &Standing, now: Timestamp) -> bool {
    let life = standing.certificate.expires.duration_since(standing.certificate.issued);
    standing.revoked.is_none()
        && standing.retired.is_none()
        && standing.certificate.expires.duration_since(now) < life / TELL_BELOW_PART
}

/// What an operator should know of a device's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityState {
    /// All is well.
    Good,
    /// The certificate expires soon, and the device has not renewed it.
    EndsSoon,
    /// The certificate has expired: an operator must readmit the device.
    Ended,
    /// A certificate is used that the device had replaced before: its state went back to an older one, or somebody has
    /// a copy. An operator must readmit it or shut it out.
    Superseded,
    /// The certificate has expired or is superseded, and the device may renew it.
    Readmitted,
    /// An operator has shut the device out.
    ShutOut,
    /// An operator has taken the device out of service.
    Retired,
}

/// What an operator should know.
pub fn state(standing: &Standing, now: Timestamp) -> IdentityState {
    if standing.retired.is_some() {
        IdentityState::Retired
    } else if standing.revoked.is_some() {
        IdentityState::ShutOut
    } else if let Some(used) = &standing.superseded {
        if used.readmitted && is_readmitted(standing, now) {
            IdentityState::Readmitted
        } else {
            IdentityState::Superseded
        }
    } else if now >= standing.certificate.expires {
        if is_readmitted(standing, now) { IdentityState::Readmitted } else { IdentityState::Ended }
    } else if nears_its_end(standing, now) {
        IdentityState::EndsSoon
    } else {
        IdentityState::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Certificate, CertificateUse};
    use proptest::prelude::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn certificate(serial: &str, issued: i64, expires: i64) -> Certificate {
        Certificate { serial: serial.to_owned(), issued: second(issued), expires: second(expires) }
    }

    fn standing() -> Standing {
        Standing {
            certificate: certificate("a", 0, 1200),
            next: Some(certificate("b", 900, 2100)),
            revoked: None,
            readmitted_until: None,
            former: vec![certificate("f", -1000, 200)],
            superseded: None,
            retired: None,
        }
    }

    fn used(serial: &str, readmitted: bool) -> Superseded {
        Superseded {
            certificate: certificate(serial, -1000, 200),
            first: second(950),
            used: CertificateUse { last: second(960), remote: [192, 0, 2, 1].into(), boot: None },
            present: None,
            readmitted,
        }
    }

    #[test]
    fn a_superseded_certificate_is_good_for_nothing_but_a_renewal_that_an_operator_has_consented_to() {
        let readmitted_until = Some(second(5000));
        let of = |superseded, until, now| {
            let standing = Standing { superseded, readmitted_until: until, ..standing() };
            (admit(&standing, "f", second(now)), state(&standing, second(now)))
        };
        let refused = Admission::Superseded { readmitted: false };
        assert_eq!(of(None, None, 100), (refused, IdentityState::Good));
        assert_eq!(of(Some(used("f", false)), readmitted_until, 100), (refused, IdentityState::Superseded));
        let may = (Admission::Superseded { readmitted: true }, IdentityState::Readmitted);
        assert_eq!(of(Some(used("f", true)), readmitted_until, 100), may);
        assert_eq!(of(Some(used("f", true)), readmitted_until, 4999), may, "though it has ended as well");
        assert_eq!(of(Some(used("f", true)), readmitted_until, 5000), (refused, IdentityState::Superseded));
        assert_eq!(
            of(Some(used("g", true)), readmitted_until, 100).0,
            refused,
            "that consent was for another"
        );
    }

    #[test]
    fn old_and_new_are_good_until_each_ends_and_any_other_is_not() {
        assert_eq!(admit(&standing(), "a", second(1000)), Admission::Current);
        assert_eq!(admit(&standing(), "b", second(1000)), Admission::Renewed);
        assert_eq!(admit(&standing(), "c", second(1000)), Admission::Replaced);
        let ended = Admission::Expired { ended: second(1200), readmitted: false };
        assert_eq!(admit(&standing(), "a", second(1200)), ended);
        assert_eq!(admit(&standing(), "b", second(1200)), Admission::Renewed);
    }

    #[test]
    fn a_readmission_lasts_for_its_time() {
        let standing = Standing { readmitted_until: Some(second(5000)), ..standing() };
        let of = |now| admit(&standing, "a", second(now));
        assert_eq!(of(4999), Admission::Expired { ended: second(1200), readmitted: true });
        assert_eq!(of(5000), Admission::Expired { ended: second(1200), readmitted: false });
    }

    #[test]
    fn an_end_is_told_when_the_renewal_is_late_and_not_before() {
        let near = |now| nears_its_end(&standing(), second(now));
        assert!(!near(0) && !near(800) && !near(900), "the device renews from 800 on");
        assert!(near(901) && near(1200) && near(9999));
        assert!(!nears_its_end(&Standing { revoked: Some(second(5)), ..standing() }, second(1100)));
    }

    proptest! {
        #[test]
        fn who_is_shut_out_is_let_in_by_nothing(
            serial in "[abcf]", now in 0_i64..10_000, next in any::<bool>(), until in prop::option::of(0_i64..10_000),
        ) {
            let mut standing = Standing { revoked: Some(second(1)), readmitted_until: until.map(second), ..standing() };
            if !next {
                standing.next = None;
            }
            prop_assert_eq!(admit(&standing, &serial, second(now)), Admission::Revoked);
        }

        #[test]
        fn nothing_that_has_ended_is_let_in(
            serial in "[ab]", now in 0_i64..10_000, until in prop::option::of(0_i64..10_000),
        ) {
            let standing = Standing { readmitted_until: until.map(second), ..standing() };
            let end = if serial == "a" { 1200 } else { 2100 };
            let admitted = admit(&standing, &serial, second(now));
            let good = matches!(admitted, Admission::Current | Admission::Renewed);
            prop_assert_eq!(good, now < end);
        }
    }
}
