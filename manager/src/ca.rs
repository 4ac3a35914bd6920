//! The manager's own certificate authority: made on the first start, it names devices (client
//! certificates) and the manager itself (the certificate of its listeners).

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::enroll::CA_COMMON_NAME;
use platen_protocol::hex;
use platen_protocol::identity::DeviceId;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::certificate_files::{CertificateFiles, Facts, FileError, ServerFiles, load, read};
use crate::file_set::{LockedDirectory, PRIVATE, PUBLIC};
use crate::secret::{self, NoRandom};
use crate::store::Certificate;

/// As long as a fleet lives: replacing it means enrolling every device again.
const CA_LIFE: SignedDuration = SignedDuration::from_hours(20 * 365 * 24);
/// How long a device's certificate lives unless `manager.toml` says otherwise. The device renews it when
/// two thirds are over.
pub const DEVICE_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// The shortest and the longest life that can be configured: below, a device would renew all the time (the
/// shortest is for tests); above, a stolen key would be good for longer than a printer is leased.
pub const DEVICE_LIFE_BOUNDS: std::ops::RangeInclusive<SignedDuration> =
    SignedDuration::from_secs(60)..=SignedDuration::from_hours(5 * 365 * 24);
/// The manager renews its own by itself.
const SERVER_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long before its end the server's certificate is renewed.
const SERVER_RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Certificates are valid from this long ago, for devices whose clocks are behind.
const BACKDATE: SignedDuration = SignedDuration::from_hours(24);
/// A device's certificate is back-dated by no more than this part of its life: the device renews by how much
/// of it is over.
const BACKDATE_PART: i32 = 20;
/// Bytes of a serial number: RFC 5280 allows 20.
const SERIAL_BYTES: usize = 16;
/// The CA's certificate, in the state directory.
pub(crate) const CA_PEM: &str = "ca.pem";
pub(crate) const CA_KEY: &str = "ca.key";
/// The manager's own certificate, there as well.
pub(crate) const SERVER_PEM: &str = "server.pem";
pub(crate) const SERVER_KEY: &str = "server.key";
/// The files of a state directory that belong together, beside the database.
pub(crate) const STATE_FILES: [&str; 4] = [CA_KEY, CA_PEM, SERVER_KEY, SERVER_PEM];

/// Why certificates cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file cannot be read or written, or does not hold what it should.
    #[error(transparent)]
    File(#[from] FileError),
    /// One of two files that belong together is missing.
    #[error(
        "{} is missing beside {}. If no device has been enrolled here yet (the first start was interrupted), delete {} and start again; otherwise restore {} from the backup, or every device must be enrolled again",
        missing.display(), there.display(), there.display(), missing.display()
    )]
    Half {
        /// Which is missing.
        missing: PathBuf,
        /// Which is there.
        there: PathBuf,
    },
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// Why a certificate request is refused. It is the asker's fault.
#[derive(Debug, thiserror::Error)]
pub enum CsrError {
    /// It is no PKCS#10, or its signature is not by the key in it.
    #[error("it is not a PKCS#10 request in PEM with a valid signature: {0}")]
    Malformed(#[source] rcgen::Error),
    /// Its common name is missing or there are several.
    #[error("its subject must hold one common name, the device's")]
    Name,
    /// Its common name is no device's.
    #[error("{0}")]
    Device(#[from] platen_protocol::identity::InvalidId),
    /// Its key is of another kind.
    #[error("its key must be ECDSA P-256")]
    Key,
}

/// A certificate request that is what it says.
#[derive(Debug)]
pub struct CheckedCsr {
    /// Who asks.
    pub device: DeviceId,
    key: rcgen::PublicKey,
}

/// Checks a request's form, signature, key and name.
pub fn check_csr(pem: &str) -> Result<CheckedCsr, CsrError> {
    let request = CertificateSigningRequestParams::from_pem(pem).map_err(CsrError::Malformed)?;
    let names: Vec<&DnValue> = request
        .params
        .distinguished_name
        .iter()
        .filter_map(|(kind, value)| (*kind == DnType::CommonName).then_some(value))
        .collect();
    let name = match names.as_slice() {
        [DnValue::Utf8String(name)] => name.clone(),
        [DnValue::PrintableString(name)] => name.as_str().to_owned(),
        _ => return Err(CsrError::Name),
    };
    let device = name.parse()?;
    if *rcgen::PublicKeyData::algorithm(&request.public_key) != rcgen::PKCS_ECDSA_P256_SHA256 {
        return Err(CsrError::Key);
    }
    Ok(CheckedCsr { device, key: request.public_key })
}

/// A certificate for a device, not handed over yet.
#[derive(Debug)]
pub struct Issued {
    /// The device's certificate and the CA's, in PEM.
    pub chain: String,
    /// As the store keeps it.
    pub certificate: Certificate,
}

/// The CA, with its key.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    facts: Facts,
    pem: String,
}

impl Ca {
    /// Reads the CA from `ca.pem` and `ca.key`, or makes it when there is neither.
    pub fn load_or_make(directory: &Path, now: Timestamp) -> Result<Self, CaError> {
        let (certificate_path, key_path) = (directory.join(CA_PEM), directory.join(CA_KEY));
        {
            let locked = LockedDirectory::take(directory).map_err(FileError::io(directory))?;
            match (certificate_path.exists(), key_path.exists()) {
                (true, true) => {}
                (false, false) => make_ca(&locked, directory, now)?,
                (true, false) => return Err(CaError::Half { missing: key_path, there: certificate_path }),
                (false, true) => return Err(CaError::Half { missing: certificate_path, there: key_path }),
            }
        }
        let pem = read(&certificate_path)?;
        let key =
            KeyPair::from_pem(&read(&key_path)?).map_err(|error| FileError::contents(&key_path, error))?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| FileError::contents(&certificate_path, error))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| FileError::contents(&certificate_path, error))?;
        let facts = Facts::of(std::slice::from_ref(&certificate)).ok_or_else(|| {
            FileError::contents(&certificate_path, "holds a certificate that cannot be read")
        })?;
        Ok(Self { issuer, certificate, facts, pem })
    }

    /// The CA's certificate, in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The CA's certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What its certificate says of itself.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What a token carries, so that a device knows the manager: SHA-256 of the certificate.
    pub fn fingerprint(&self) -> String {
        secret::fingerprint(&self.certificate)
    }

    /// A client certificate for a device.
    pub fn issue(&self, csr: &CheckedCsr, now: Timestamp, life: SignedDuration) -> Result<Issued, CaError> {
        // As the store keeps it.
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let (number, serial) = new_serial()?;
        let mut parameters = parameters(csr.device.as_str(), now - backdate(life), now + life, number);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = parameters.signed_by(&csr.key, &self.issuer)?;
        Ok(Issued {
            chain: format!("{}{}", certificate.pem(), self.pem),
            certificate: Certificate { serial, issued: now, expires: now + life },
        })
    }

    /// The certificate of the listeners: what stands in `server.pem` and `server.key` if that fits and can be
    /// used, or else a new one.
    pub fn server(&self, directory: &Path, names: &[String], now: Timestamp) -> Result<ServerFiles, CaError> {
        let files =
            CertificateFiles { certificate: directory.join(SERVER_PEM), key: directory.join(SERVER_KEY) };
        let locked = LockedDirectory::take(directory).map_err(FileError::io(directory))?;
        if files.certificate.exists() || files.key.exists() {
            match load(&files) {
                Ok(found) if !self.fits(&found, names, now) => {}
                Ok(found) if is_pair(&found) => return Ok(found),
                Ok(_) => tracing::warn!("the listeners' key and certificate do not match"),
                Err(error) => tracing::warn!(%error, "the certificate of the listeners cannot be used"),
            }
        }
        let (serial, _) = new_serial()?;
        let common_name = names.first().map_or("platen-manager", String::as_str);
        let mut parameters = parameters(common_name, now - BACKDATE, now + SERVER_LIFE, serial);
        parameters.subject_alt_names = CertificateParams::new(names.to_vec())?.subject_alt_names;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        let (key, chain) = (key.serialize_pem(), format!("{}{}", certificate.pem(), self.pem));
        locked
            .make(&[(SERVER_KEY, key.as_bytes(), PRIVATE), (SERVER_PEM, chain.as_bytes(), PUBLIC)])
            .map_err(FileError::io(directory))?;
        tracing::info!(?names, "made a certificate for the listeners");
        Ok(load(&files)?)
    }

    /// Whether a server certificate is ours, carries exactly these names, and lives long enough.
    fn fits(&self, found: &ServerFiles, names: &[String], now: Timestamp) -> bool {
        let [leaf, issuer] = found.chain.as_slice() else { return false };
        let Ok((_, leaf)) = X509Certificate::from_der(leaf) else { return false };
        let wanted = CertificateParams::new(names.to_vec()).map(|made| made.subject_alt_names);
        let carried = leaf.subject_alternative_name().ok().flatten().map(|extension| {
            extension.value.general_names.iter().filter_map(name_text).collect::<Vec<String>>()
        });
        let names_fit = wanted.is_ok_and(|wanted| Some(wanted.iter().map(san_text).collect()) == carried);
        *issuer == self.certificate && names_fit && !is_due(&found.facts, now)
    }
}

fn san_text(name: &rcgen::SanType) -> String {
    match name {
        rcgen::SanType::DnsName(name) => name.as_str().to_owned(),
        rcgen::SanType::IpAddress(address) => address.to_string(),
        other => format!("{other:?}"),
    }
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).ok().map(std::net::IpAddr::from);
            let sixteen = <[u8; 16]>::try_from(*bytes).ok().map(std::net::IpAddr::from);
            four.or(sixteen).map(|address| address.to_string())
        }
        other => Some(format!("{other:?}")),
    }
}

/// Who a client certificate names, and what it is, in whole seconds. The TLS layer has checked that our CA signed it.
pub fn named_by(certificate: &CertificateDer<'_>) -> Option<(DeviceId, Certificate)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let device = names.next()?.as_str().ok()?.parse().ok()?;
    let validity = certificate.validity();
    let second = |time: i64| Timestamp::from_second(time).ok();
    let (from, expires) = (second(validity.not_before.timestamp())?, second(validity.not_after.timestamp())?);
    let serial = hex::encode(certificate.raw_serial());
    let issued = issued_at(from, expires);
    names.next().is_none().then_some((device, Certificate { serial, issued, expires }))
}

/// How far a device's certificate of a life is back-dated.
fn backdate(life: SignedDuration) -> SignedDuration {
    BACKDATE.min(life / BACKDATE_PART)
}

/// When a device's certificate was issued that is valid from and until these moments.
fn issued_at(from: Timestamp, until: Timestamp) -> Timestamp {
    let whole = until.duration_since(from);
    // Either it is back-dated by the most, or by the part.
    let by = (whole / (BACKDATE_PART + 1)).min(BACKDATE);
    from + by
}

/// When a certificate ends, in seconds since 1970.
pub fn ends(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    u64::try_from(certificate.validity().not_after.timestamp()).ok()
}

/// Whether the manager's own certificate is to be renewed: its end is near. That it has not begun is no reason:
/// a clock that begins in 1970 would have one made that is of no use once it is right.
pub(crate) fn is_due(own: &Facts, now: Timestamp) -> bool {
    own.until <= now + SERVER_RENEW_BEFORE
}

/// Whether a key is that of its certificate.
fn is_pair(files: &ServerFiles) -> bool {
    let copy =
        ServerFiles { chain: files.chain.clone(), key: files.key.clone_key(), facts: files.facts.clone() };
    copy.certified(&rustls::crypto::ring::default_provider()).is_ok()
}

fn make_ca(locked: &LockedDirectory<'_>, directory: &Path, now: Timestamp) -> Result<(), CaError> {
    let (serial, _) = new_serial()?;
    let mut parameters = parameters(CA_COMMON_NAME, now - BACKDATE, now + CA_LIFE, serial);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = parameters.self_signed(&key)?;
    let (key, certificate) = (key.serialize_pem(), certificate.pem());
    locked
        .make(&[(CA_KEY, key.as_bytes(), PRIVATE), (CA_PEM, certificate.as_bytes(), PUBLIC)])
        .map_err(FileError::io(directory))?;
    tracing::info!(directory = %directory.display(), "made a device CA");
    Ok(())
}

fn parameters(
    common_name: &str,
    begins: Timestamp,
    ends: Timestamp,
    serial: SerialNumber,
) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    let moment = |time: Timestamp| {
        let seconds = u64::try_from(time.as_second()).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    let mut parameters = CertificateParams::default();
    parameters.not_before = moment(begins);
    parameters.not_after = moment(ends);
    parameters.serial_number = Some(serial);
    parameters.distinguished_name = name;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

/// Random; its first byte is from 0x40 to 0x7f, so that it is positive and written in one way only.
fn new_serial() -> Result<(SerialNumber, String), NoRandom> {
    let mut bytes = secret::random::<SERIAL_BYTES>()?;
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    Ok((SerialNumber::from_slice(&bytes), hex::encode(&bytes)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn csr(name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> String {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.serialize_request(&key).unwrap().pem().unwrap()
    }

    #[test]
    fn the_ca_survives_a_restart_and_its_keys_are_private() {
        let directory = tempfile::tempdir().unwrap();
        let now = NOW.parse().unwrap();
        let first = Ca::load_or_make(directory.path(), now).unwrap();
        first.server(directory.path(), &["localhost".to_owned()], now).unwrap();
        let second = Ca::load_or_make(directory.path(), now).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        for key in ["ca.key", "server.key"] {
            let mode = std::fs::metadata(directory.path().join(key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn a_device_certificate_names_the_device_and_its_serial() {
        let directory = tempfile::tempdir().unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        let ca = Ca::load_or_make(directory.path(), now).unwrap();
        let request = check_csr(&csr("lobby-mfp", &rcgen::PKCS_ECDSA_P256_SHA256)).unwrap();
        let issued = ca.issue(&request, now, DEVICE_LIFE).unwrap();
        let certificate = CertificateDer::from_pem_slice(issued.chain.as_bytes()).unwrap();
        let (device, named) = named_by(&certificate).unwrap();
        assert_eq!((device.as_str(), &named.serial), ("lobby-mfp", &issued.certificate.serial));
        assert_eq!((named.issued, named.expires), (now, now + DEVICE_LIFE));
        // However long it lives, and to the second.
        for life in [*DEVICE_LIFE_BOUNDS.start(), SignedDuration::from_hours(480), *DEVICE_LIFE_BOUNDS.end()]
        {
            let issued = ca.issue(&request, now, life).unwrap();
            let certificate = CertificateDer::from_pem_slice(issued.chain.as_bytes()).unwrap();
            let (_, named) = named_by(&certificate).unwrap();
            assert!(
                named.issued.duration_since(now).abs() <= SignedDuration::from_secs(1),
                "{life}: {named:?}"
            );
        }
    }

    #[test]
    fn the_servers_certificate_is_kept_until_names_change_or_its_end_is_near() {
        let directory = tempfile::tempdir().unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        let ca = Ca::load_or_make(directory.path(), now).unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let first = ca.server(directory.path(), &names, now).unwrap().chain;
        assert_eq!(first, ca.server(directory.path(), &names, now).unwrap().chain);
        let renamed = ca.server(directory.path(), &names[..1], now).unwrap().chain;
        assert_ne!(first, renamed);
        let later = now + SERVER_LIFE - SERVER_RENEW_BEFORE;
        assert_ne!(renamed, ca.server(directory.path(), &names[..1], later).unwrap().chain);
    }

    #[test]
    fn a_request_with_a_bad_name_key_or_signature_is_refused() {
        assert!(matches!(check_csr("no pem"), Err(CsrError::Malformed(_))));
        assert!(matches!(
            check_csr(&csr("../etc/passwd", &rcgen::PKCS_ECDSA_P256_SHA256)),
            Err(CsrError::Device(_))
        ));
        assert!(matches!(check_csr(&csr("a", &rcgen::PKCS_ED25519)), Err(CsrError::Key)));
    }

    #[test]
    fn half_a_ca_is_not_replaced_silently() {
        let directory = tempfile::tempdir().unwrap();
        let now = NOW.parse().unwrap();
        Ca::load_or_make(directory.path(), now).unwrap();
        std::fs::remove_file(directory.path().join("ca.key")).unwrap();
        let refused = Ca::load_or_make(directory.path(), now).err().unwrap().to_string();
        assert!(
            refused.contains("ca.key is missing beside") && refused.contains("from the backup"),
            "{refused}"
        );
    }

    #[test]
    fn a_certificate_of_the_listeners_that_was_cut_off_or_has_another_key_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        let ca = Ca::load_or_make(directory.path(), now).unwrap();
        let names = ["localhost".to_owned()];
        let first = ca.server(directory.path(), &names, now).unwrap().chain;
        let key = directory.path().join(SERVER_KEY);
        for broken in ["", "-----BEGIN PRIVATE KEY-----", &KeyPair::generate().unwrap().serialize_pem()] {
            std::fs::write(&key, broken).unwrap();
            let anew = ca.server(directory.path(), &names, now).unwrap();
            assert!(is_pair(&anew) && anew.chain != first);
        }
        std::fs::remove_file(&key).unwrap();
        assert!(is_pair(&ca.server(directory.path(), &names, now).unwrap()));
    }
}
