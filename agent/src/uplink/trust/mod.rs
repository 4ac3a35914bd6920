//! Whom the device trusts at the other end of TLS.
//!
//! The manager's CA, which the enrolment gave, and nobody else. A chain of that CA is judged at the later
//! of the known good time and its own beginning: that our CA has signed it proves that the time has
//! reached its beginning, so a device that was away for a year does not lock itself out of a manager
//! whose certificate is newer than everything that it knows. All the rest is left to webpki.
//!
//! A chain of somebody else is refused, and the error says whose it is ([`PeerDiagnosis`]): most often that of
//! a proxy that inspects TLS. With the customer's consent the proxy's CA can be named in the
//! configuration (`inspecting_ca`). Then such a chain carries bytes and vouches for nothing: every
//! message on it is signed ([`sign`]).

pub mod inspecting_ca;
pub mod peer_diagnosis;
pub mod sign;

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme};

use crate::identity::certificate::facts;
use peer_diagnosis::PeerDiagnosis;

/// Who is at the other end of a trusted connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The manager is at the other end.
    Direct,
    /// A proxy is at the other end, and opens what passes; whose it is.
    Inspected(String),
}

/// Whom to trust.
#[derive(Debug)]
pub struct Trust {
    manager: Vec<CertificateDer<'static>>,
    ours: Arc<WebPkiServerVerifier>,
    inspecting: Option<Arc<WebPkiServerVerifier>>,
}

impl Trust {
    /// The manager's CA, and the CA of a proxy for transport only (none: an empty list).
    pub fn new(
        manager: &[CertificateDer<'static>],
        inspecting: &[CertificateDer<'static>],
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let ours = verifier(manager, &provider)?;
        let inspecting = if inspecting.is_empty() { None } else { Some(verifier(inspecting, &provider)?) };
        Ok(Self { manager: manager.to_vec(), ours, inspecting })
    }

    /// Judges a chain, the end entity's certificate first. `known` is the known good time.
    pub fn route(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        known: UnixTime,
    ) -> Result<Route, TlsError> {
        let [end_entity, rest @ ..] = chain else { return Err(TlsError::NoCertificatesPresented) };
        let Some(refused) = judge(&self.ours, end_entity, rest, name, known)? else {
            return Ok(Route::Direct);
        };
        let diagnosis = PeerDiagnosis::new(chain, name, &self.manager);
        let Some(inspecting) = &self.inspecting else { return Err(diagnosis.into_error(&refused)) };
        match judge(inspecting, end_entity, rest, name, known) {
            Ok(None) => Ok(Route::Inspected(diagnosis.issuer)),
            Ok(Some(refused)) => Err(diagnosis.into_error(&refused)),
            Err(cause) => Err(diagnosis.of_known_proxy(&cause).into_error(&cause)),
        }
    }

    /// Checks that our CA gave this certificate to the manager of a name: for signed answers.
    pub fn is_the_managers(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        known: UnixTime,
    ) -> Result<(), TlsError> {
        judge(&self.ours, certificate, &[], name, known)?.map_or(Ok(()), Err)
    }
}

/// Trusts chains that end at these roots, and nothing else.
pub(crate) fn verifier(
    roots: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone())?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
        .build()
        .map_err(|cause| TlsError::General(cause.to_string()))
}

/// Nothing when a chain holds; why not, when it is of somebody else; an error when it is of the trusted
/// CA and does not hold.
fn judge(
    verifier: &WebPkiServerVerifier,
    end_entity: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    known: UnixTime,
) -> Result<Option<TlsError>, TlsError> {
    let verify = |at| verifier.verify_server_cert(end_entity, rest, name, &[], at);
    let begins = begins(end_entity);
    let Err(refused) = verify(begins.map_or(known, |begins| known.max(begins))) else { return Ok(None) };
    // At its beginning no certificate has ended: what is wrong then is who signed it.
    match begins.map(verify) {
        Some(Err(cause)) if is_of_somebody_else(&cause) => Ok(Some(cause)),
        _ => Err(refused),
    }
}

fn is_of_somebody_else(cause: &TlsError) -> bool {
    matches!(
        cause,
        TlsError::InvalidCertificate(
            CertificateError::UnknownIssuer
                | CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
                | CertificateError::Other(_)
        )
    )
}

/// When a certificate begins to be valid.
pub(crate) fn begins(certificate: &CertificateDer<'_>) -> Option<UnixTime> {
    let seconds = u64::try_from(facts(certificate)?.begins.as_second()).ok()?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).cloned().collect();
        self.route(&chain, server_name, now).map(|_route| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.ours.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.ours.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.ours.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::peer_diagnosis::{Kind, PeerDiagnosis};
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    struct Authority {
        issuer: Issuer<'static, KeyPair>,
        certificate: CertificateDer<'static>,
    }

    fn named(organisation: Option<&str>, name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(organisation) = organisation {
            params.distinguished_name.push(DnType::OrganizationName, organisation);
        }
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    fn authority(organisation: Option<&str>, name: &str) -> Authority {
        let mut params = named(organisation, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Authority { issuer: Issuer::new(params, key), certificate }
    }

    impl Authority {
        /// For `manager.example`, valid in these years.
        fn leaf(&self, from: i32, to: i32) -> CertificateDer<'static> {
            self.leaf_for("manager.example", from, to)
        }

        fn leaf_for(&self, name: &str, from: i32, to: i32) -> CertificateDer<'static> {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(to, 1, 1);
            let key = KeyPair::generate().unwrap();
            params.signed_by(&key, &self.issuer).unwrap().der().clone()
        }
    }

    fn name() -> ServerName<'static> {
        ServerName::try_from("manager.example").unwrap()
    }

    fn year(year: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600 + 86_400))
    }

    fn diagnosis(refused: Result<Route, TlsError>) -> PeerDiagnosis {
        let cause = refused.unwrap_err();
        PeerDiagnosis::in_error(&cause).unwrap_or_else(|| panic!("{cause:?}")).clone()
    }

    #[test]
    fn a_device_that_was_away_for_long_is_not_locked_out_by_a_newer_certificate() {
        let ours = authority(None, "Platen device CA");
        let trust = Trust::new(std::slice::from_ref(&ours.certificate), &[]).unwrap();
        let chain = [ours.leaf(2026, 2027), ours.certificate.clone()];
        for known in [1970, 2020, 2026] {
            assert_eq!(trust.route(&chain, &name(), year(known)).unwrap(), Route::Direct, "{known}");
        }
    }

    #[test]
    fn a_certificate_of_ours_that_has_ended_or_is_for_another_name_is_refused_for_that() {
        let ours = authority(None, "Platen device CA");
        let trust = Trust::new(std::slice::from_ref(&ours.certificate), &[]).unwrap();
        let ended = trust.route(&[ours.leaf(2026, 2027)], &name(), year(2028)).unwrap_err();
        assert!(
            matches!(ended, TlsError::InvalidCertificate(CertificateError::ExpiredContext { .. })),
            "{ended:?}"
        );
        let other =
            trust.route(&[ours.leaf_for("other.example", 2026, 2027)], &name(), year(2026)).unwrap_err();
        let refused = CertificateError::NotValidForNameContext {
            expected: name(),
            presented: vec!["DnsName(\"other.example\")".to_owned()],
        };
        assert_eq!(other, TlsError::InvalidCertificate(refused));
    }

    #[test]
    fn a_certificate_of_somebody_else_says_nothing_about_the_time() {
        let (ours, proxy) = (authority(None, "Platen device CA"), authority(None, "Proxy CA"));
        let trust = Trust::new(std::slice::from_ref(&ours.certificate), &[]).unwrap();
        for known in [1970, 2026, 2050] {
            let refused = diagnosis(trust.route(&[proxy.leaf(2026, 2027)], &name(), year(known)));
            assert_eq!(refused.kind, Kind::Inspected, "in {known} as well");
        }
    }

    #[test]
    fn the_proxy_that_opens_the_connection_is_named() {
        let ours = authority(None, "Platen device CA");
        let trust = Trust::new(std::slice::from_ref(&ours.certificate), &[]).unwrap();
        let cases = [
            (Some("Example Corp"), "Proxy CA", "Proxy CA (Example Corp)"),
            (Some("Example Corp"), "Example Corp Proxy CA", "Example Corp Proxy CA"),
            (None, "Proxy CA", "Proxy CA"),
            (None, "Evil\u{1b}[31m\nCA\u{202e}", "Evil[31mCA"),
        ];
        for (organisation, common, told) in cases {
            let proxy = authority(organisation, common);
            let leaf = proxy.leaf(2026, 2027);
            for chain in [vec![leaf.clone()], vec![leaf, proxy.certificate.clone()]] {
                let refused = diagnosis(trust.route(&chain, &name(), year(2026)));
                assert_eq!((refused.kind, refused.issuer.as_str()), (Kind::Inspected, told));
            }
        }
        let long = authority(None, &"x".repeat(5000));
        let refused = diagnosis(trust.route(&[long.leaf(2026, 2027)], &name(), year(2026)));
        assert!(refused.issuer.chars().count() <= 100, "{}", refused.issuer.len());
    }

    #[test]
    fn another_manager_a_login_page_and_a_wrong_address_are_not_taken_for_inspection() {
        let ours = authority(None, "Platen device CA");
        let trust = Trust::new(std::slice::from_ref(&ours.certificate), &[]).unwrap();
        let other = authority(None, "Platen device CA");
        let refused = diagnosis(trust.route(&[other.leaf(2026, 2027)], &name(), year(2026)));
        assert_eq!(refused.kind, Kind::OtherManager);
        let chain = [other.leaf(2026, 2027), other.certificate.clone()];
        assert_eq!(diagnosis(trust.route(&chain, &name(), year(2026))).kind, Kind::OtherManager);

        let mut alone = named(None, "Router");
        alone.subject_alt_names =
            CertificateParams::new(vec!["manager.example".to_owned()]).unwrap().subject_alt_names;
        let alone = alone.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
        assert_eq!(diagnosis(trust.route(&[alone], &name(), year(2026))).kind, Kind::SelfSigned);

        let elsewhere = authority(None, "Public CA").leaf_for("login.example", 2026, 2027);
        assert_eq!(diagnosis(trust.route(&[elsewhere], &name(), year(2026))).kind, Kind::OtherServer);
    }

    #[test]
    fn an_inspecting_ca_that_was_named_is_trusted_for_transport_and_for_nothing_else() {
        let (ours, proxy) = (authority(None, "Platen device CA"), authority(None, "Proxy CA"));
        let roots = std::slice::from_ref(&ours.certificate);
        let trust = Trust::new(roots, std::slice::from_ref(&proxy.certificate)).unwrap();
        let inspected = proxy.leaf(2026, 2027);
        for known in [1970, 2026] {
            let route = trust.route(std::slice::from_ref(&inspected), &name(), year(known)).unwrap();
            assert_eq!(route, Route::Inspected("Proxy CA".to_owned()));
        }
        assert_eq!(trust.route(&[ours.leaf(2026, 2027)], &name(), year(2026)).unwrap(), Route::Direct);
        assert!(trust.is_the_managers(&inspected, &name(), year(2026)).is_err(), "it signs no answers");
        assert!(trust.is_the_managers(&ours.leaf(2026, 2027), &name(), year(2026)).is_ok());
        let ended = diagnosis(trust.route(&[inspected], &name(), year(2028)));
        assert!(matches!(ended.kind, Kind::KnownProxy(_)), "{ended:?}");
        let third = authority(None, "Third CA");
        assert_eq!(
            diagnosis(trust.route(&[third.leaf(2026, 2027)], &name(), year(2026))).kind,
            Kind::Inspected
        );
    }

    #[test]
    fn a_certificate_of_a_device_signs_no_answers() {
        let ours = authority(None, "Platen device CA");
        let trust = Trust::new(std::slice::from_ref(&ours.certificate), &[]).unwrap();
        let mut device = CertificateParams::new(vec!["manager.example".to_owned()]).unwrap();
        device.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let device = device.signed_by(&KeyPair::generate().unwrap(), &ours.issuer).unwrap();
        assert!(trust.is_the_managers(device.der(), &name(), year(2026)).is_err());
    }
}
