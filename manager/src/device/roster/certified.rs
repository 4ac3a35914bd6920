//! One device's certificate as the manager knows it: how it stands, what was renewed, and what operators were told.
//! Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::admit::nears_its_end;
use crate::store::{Certificate, Standing};

#[derive(Debug, Default)]
pub(super) struct Certified {
    /// `None` until the store was asked.
    pub(super) standing: Option<Standing>,
    /// When it was let ask for a renewed certificate.
    renewal_begun: Option<Timestamp>,
    /// The serial number of the certificate whose end operators were told of.
    told_end: Option<String>,
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
            && let Some(next) = standing.next.take_if(|next| next.serial == serial)
        {
            standing.certificate = next;
            standing.readmitted_until = None;
        }
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
