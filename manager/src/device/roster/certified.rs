//! One device's certificate as the manager knows it: how it stands, what was renewed, whether a superseded one is used,
//! and what operators were told. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::admit::nears_its_end;
use crate::store::{Certificate, CertificateUse, Standing, Superseded};

/// A superseded certificate is used once when the answer to the first use of the renewed one was lost; the device
/// then uses that one. Whoever uses the old one again, or waits with it, so much later has no other.
pub(in super::super) const SETTLES: SignedDuration = SignedDuration::from_secs(5);
/// Its use is written down at most this often.
const NOTE_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// Uses that are further apart have causes of their own.
const APART: SignedDuration = SignedDuration::from_hours(1);

/// A superseded certificate that is used.
#[derive(Debug)]
struct Return {
    serial: String,
    first: Timestamp,
    last: Timestamp,
    noted: Option<Timestamp>,
    /// As it was last told: not every request tells it.
    boot: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Certified {
    /// `None` until the store was asked.
    pub(super) standing: Option<Standing>,
    /// When it was let ask for a renewed certificate.
    renewal_begun: Option<Timestamp>,
    /// The serial number of the certificate whose end operators were told of.
    told_end: Option<String>,
    /// The superseded certificate that was used last.
    returned: Option<Return>,
}

impl Certified {
    /// Whether it may be given a renewed certificate now; that it asks counts from now on.
    pub(super) fn begin_renewal(&mut self, now: Timestamp, least: SignedDuration) -> bool {
        let issued =
            self.standing.as_ref().and_then(|standing| standing.next.as_ref()).map(|next| next.issued);
        let lately = |at: Timestamp| now.duration_since(at).abs() < least;
        if issued.is_some_and(lately) || self.renewal_begun.is_some_and(lately) {
            return false;
        }
        self.renewal_begun = Some(now);
        true
    }

    /// It was given a renewed certificate.
    pub(super) fn issued(&mut self, next: Certificate) {
        if let Some(standing) = self.standing.as_mut() {
            standing.next = Some(next);
        }
    }

    /// It has used its renewed certificate.
    pub(super) fn renewed(&mut self, serial: &str) {
        if let Some(standing) = self.standing.as_mut()
            && standing.renew(serial)
        {
            self.returned = None;
        }
    }

    /// Whether the boot of who uses a superseded certificate is worth a look into the body of a request that is
    /// refused.
    pub(super) fn wants_boot(&self, serial: &str, now: Timestamp) -> bool {
        let of_it = self.returned.as_ref().filter(|one| one.serial == serial);
        of_it.is_none_or(|one| one.boot.is_none() || now.duration_since(one.last).abs() >= SETTLES)
    }

    /// Somebody uses a superseded certificate; what is to be written down, if anything is.
    pub(super) fn returns(
        &mut self,
        serial: &str,
        used: CertificateUse,
        present: Option<CertificateUse>,
    ) -> Option<Superseded> {
        let standing = self.standing.as_ref().filter(|standing| standing.revoked.is_none())?;
        let certificate = standing.former.iter().find(|one| one.serial == serial)?.clone();
        let now = used.last;
        let since = |at: Timestamp| now.duration_since(at).abs();
        let stands = standing.superseded.as_ref().is_some_and(|known| known.certificate.serial == serial);
        // What was written down and does not stand was dismissed: what comes now is looked at anew.
        let known = self.returned.take().filter(|one| {
            one.serial == serial && (stands || (one.noted.is_none() && since(one.last) < APART))
        });
        let mut one = known.unwrap_or_else(|| Return {
            serial: serial.to_owned(),
            first: now,
            last: now,
            noted: None,
            boot: None,
        });
        one.last = now;
        one.boot = used.boot.or(one.boot);
        let due = (stands || since(one.first) >= SETTLES)
            && one.noted.is_none_or(|noted| since(noted) >= NOTE_EVERY);
        let seen = due.then(|| Superseded {
            certificate,
            first: one.first,
            used: CertificateUse { last: now, remote: used.remote, boot: one.boot.clone() },
            present,
            readmitted: false,
        });
        if due {
            one.noted = Some(now);
        }
        self.returned = Some(one);
        seen
    }

    /// Whether the certificate in use is used in the very boot in which the superseded one was used last: then it
    /// was the device itself, and it has both.
    pub(super) fn is_back(&self, boot: &str) -> bool {
        let superseded = self.standing.as_ref().and_then(|standing| standing.superseded.as_ref());
        superseded.is_some_and(|known| known.used.boot.as_deref() == Some(boot))
    }

    /// Its certificate, if that nears its end or has ended and operators were not told; they count as told.
    pub(super) fn take_ending(&mut self, now: Timestamp) -> Option<Certificate> {
        let standing = self.standing.as_ref()?;
        let certificate = &standing.certificate;
        if !nears_its_end(standing, now) || self.told_end.as_ref() == Some(&certificate.serial) {
            return None;
        }
        self.told_end = Some(certificate.serial.clone());
        Some(certificate.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn certificate(serial: &str) -> Certificate {
        Certificate { serial: serial.to_owned(), issued: second(0), expires: second(1_000_000) }
    }

    fn renewed() -> Certified {
        let mut standing = Standing::enrolled(certificate("01"));
        standing.next = Some(certificate("02"));
        let mut certified = Certified { standing: Some(standing), ..Certified::default() };
        certified.renewed("02");
        certified
    }

    fn returns(certified: &mut Certified, serial: &str, boot: Option<&str>, at: i64) -> Option<Superseded> {
        let remote = [192, 0, 2, 1].into();
        certified.returns(
            serial,
            CertificateUse { last: second(at), remote, boot: boot.map(str::to_owned) },
            None,
        )
    }

    #[test]
    fn one_use_of_a_superseded_certificate_is_a_lost_answer_and_a_second_one_later_is_told() {
        let mut certified = renewed();
        assert_eq!(returns(&mut certified, "01", Some("b"), 100), None);
        assert_eq!(returns(&mut certified, "01", None, 101), None, "it asks for a renewal at once");
        let told = returns(&mut certified, "01", None, 105).unwrap();
        assert_eq!((told.first, told.used.last), (second(100), second(105)));
        assert_eq!(told.used.boot.as_deref(), Some("b"), "as it was told before");
        certified.standing.as_mut().unwrap().superseded_by_use(told);
        assert_eq!(returns(&mut certified, "01", None, 106), None, "it is written down now and then");
        assert!(returns(&mut certified, "01", None, 170).is_some());
        // Uses that lie far apart are each a lost answer.
        let mut certified = renewed();
        assert_eq!(returns(&mut certified, "01", None, 100), None);
        assert_eq!(returns(&mut certified, "01", None, 4_000), None);
    }

    #[test]
    fn what_was_dismissed_and_goes_on_is_told_again() {
        let mut certified = renewed();
        returns(&mut certified, "01", None, 100);
        assert!(returns(&mut certified, "01", None, 105).is_some());
        // Nothing stands: an operator has dismissed it.
        assert_eq!(returns(&mut certified, "01", None, 107), None);
        assert_eq!(returns(&mut certified, "01", None, 112).unwrap().first, second(107));
    }

    #[test]
    fn what_is_no_superseded_certificate_or_of_a_device_that_is_shut_out_is_not_told() {
        let mut certified = renewed();
        for at in [100, 200] {
            assert_eq!(returns(&mut certified, "02", None, at), None);
            assert_eq!(returns(&mut certified, "07", None, at), None);
        }
        certified.standing.as_mut().unwrap().revoked = Some(second(90));
        for at in [100, 200] {
            assert_eq!(returns(&mut certified, "01", None, at), None);
        }
    }

    #[test]
    fn a_device_that_uses_its_present_certificate_in_the_same_boot_is_back() {
        let mut certified = renewed();
        assert!(!certified.is_back("b"));
        returns(&mut certified, "01", Some("b"), 100);
        let told = returns(&mut certified, "01", Some("b"), 110).unwrap();
        certified.standing.as_mut().unwrap().superseded_by_use(told);
        assert!(certified.is_back("b") && !certified.is_back("c"));
    }

    #[test]
    fn no_more_former_certificates_are_kept_than_the_newest() {
        let mut standing = Standing::enrolled(certificate("00"));
        for number in 1..30 {
            standing.next = Some(certificate(&number.to_string()));
            assert!(standing.renew(&number.to_string()));
        }
        let kept: Vec<_> = standing.former.iter().map(|one| one.serial.as_str()).collect();
        assert_eq!(kept, ["21", "22", "23", "24", "25", "26", "27", "28"]);
    }
}
