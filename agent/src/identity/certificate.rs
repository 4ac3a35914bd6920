//! What a certificate says of itself: from when to when it is valid, and its number.

use jiff::Timestamp;
use platen_protocol::hex;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What is read from a certificate. Whether it can be believed depends on who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its beginning (`notBefore`).
    pub begins: Timestamp,
    /// Its end (`notAfter`).
    pub ends: Timestamp,
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// The common name of its subject, if it has one.
    pub name: Option<String>,
}

/// Reads a certificate; `None` when it is none.
pub fn facts(certificate: &CertificateDer<'_>) -> Option<Facts> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let moment = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    Some(Facts {
        begins: moment(certificate.validity().not_before)?,
        ends: moment(certificate.validity().not_after)?,
        serial: hex::encode(certificate.raw_serial()),
        name: certificate
            .subject()
            .iter_common_name()
            .next()
            .and_then(|name| name.as_str().ok())
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_certificate_says_when_it_begins_and_ends() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["lobby".into()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 11, 25);
        parameters.not_after = rcgen::date_time_ymd(2099, 1, 1);
        parameters.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x40, 1]));
        let facts = facts(parameters.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(facts.begins, "2026-11-25T00:00:00Z".parse().unwrap());
        assert_eq!(facts.ends, "2099-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(facts.serial, "4001");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_certificate_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = facts(&CertificateDer::from(bytes));
        }
    }
}
