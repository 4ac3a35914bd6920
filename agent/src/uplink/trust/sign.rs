//! Signs what goes out and checks what comes back, on a connection that a proxy inspects.
//!
//! On such a connection nothing is the manager's but what it has signed. An answer without a signature is
//! the proxy's own (a page that says why it lets nothing through, for example), and one with a signature
//! that does not fit was altered in transit; neither has any effect.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use platen_protocol::hex;
use platen_protocol::signature::{
    Answer, Bond, INPUT_FIELD, NONCE_BYTES, Presented, PublicKey, Refusal, Request, SIGNATURE_FIELD, Signed,
    SigningKey, WINDOW, When, sign_request,
};
use rustls::Error as TlsError;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Route, Trust};
use crate::clock::Clock;
use crate::identity::Identity;
use crate::random;

/// Why a message cannot be signed, or an answer not believed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key and the certificates cannot sign.
    #[error("the identity of this device cannot be used: {0}")]
    Credentials(#[source] TlsError),
    /// A proxy that opens the connection answered itself.
    #[error(
        "«{by}», which inspects the connection, answered {status} itself: the answer is not the manager's"
    )]
    Unsigned {
        /// Whose proxy.
        by: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer is not as the manager signed it.
    #[error("an answer was altered in transit, where «{by}» inspects the connection: {why}")]
    Altered {
        /// Whose proxy.
        by: String,
        /// What does not fit.
        why: String,
    },
}

/// The device's key for messages, and whom to believe answers.
#[derive(Debug)]
pub struct Signing {
    key: SigningKey,
    trust: Arc<Trust>,
    clock: Arc<Clock>,
    name: ServerName<'static>,
    /// The manager's clock when it last answered, in seconds since 1970, and when that was on our
    /// monotonic clock. The known good time of the device is never ahead of it, but may be behind.
    told: Mutex<Option<(i64, Duration)>>,
}

/// A connection that a proxy inspects.
#[derive(Debug)]
pub struct Inspected {
    /// By whom, as far as the proxy's certificate says.
    pub by: String,
    signing: Arc<Signing>,
}

impl Signing {
    /// With the device's key, for a manager of this name.
    pub fn new(
        identity: &Identity,
        trust: &Arc<Trust>,
        clock: &Arc<Clock>,
        host: &str,
    ) -> Result<Self, SigningError> {
        let unusable = |what: String| SigningError::Credentials(TlsError::General(what));
        let (PrivateKeyDer::Pkcs8(key), Some(certificate)) = (&identity.key, identity.chain.first()) else {
            return Err(unusable("the key is not in PKCS#8".to_owned()));
        };
        let key = SigningKey::new(key.secret_pkcs8_der(), certificate);
        let key = key.map_err(|cause| unusable(cause.to_string()))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|cause| unusable(cause.to_string()))?;
        Ok(Self { key, trust: Arc::clone(trust), clock: Arc::clone(clock), name, told: Mutex::new(None) })
    }

    /// Whether the chain of a connection is that of an inspecting proxy, so that messages have to be signed.
    pub fn inspection(self: &Arc<Self>, chain: &[CertificateDer<'_>]) -> Result<Option<Inspected>, TlsError> {
        Ok(match self.trust.route(chain, &self.name, self.clock.certificate_time())? {
            Route::Direct => None,
            Route::Inspected(by) => Some(Inspected { by, signing: Arc::clone(self) }),
        })
    }

    /// The time that is written into signatures: the manager's, as it was told last and what has passed
    /// since; before it was, the known good time.
    fn now(&self) -> i64 {
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = |passed: u64| i64::try_from(passed).unwrap_or(i64::MAX);
        match told {
            Some((time, then)) => {
                time.saturating_add(seconds(self.clock.monotonic().saturating_sub(then).as_secs()))
            }
            None => seconds(self.clock.certificate_time().as_secs()),
        }
    }

    fn learn(&self, time: i64) {
        let told = (time, self.clock.monotonic());
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }

    /// The key of the manager, if this is its certificate.
    fn key_of_manager(&self, certificate: &[u8]) -> Result<PublicKey, String> {
        let der = CertificateDer::from(certificate);
        let known = self.clock.certificate_time();
        self.trust
            .is_the_managers(&der, &self.name, known)
            .map_err(|cause| format!("it is signed with a certificate that is not the manager's: {cause}"))?;
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|cause| cause.to_string())?;
        Ok(PublicKey::new(&parsed.public_key().subject_public_key.data))
    }
}

impl Inspected {
    /// Signs a request to post JSON.
    pub(in super::super) fn sign(
        &self,
        path: &str,
        content_type: &str,
        prefer: Option<&str>,
        body: &[u8],
    ) -> Result<Signed, SigningError> {
        let unusable = |what: String| SigningError::Credentials(TlsError::General(what));
        let nonce = random::bytes::<NONCE_BYTES>().map_err(|cause| unusable(cause.to_string()))?;
        let created = self.signing.now();
        let expires = Some(created.saturating_add(i64::try_from(WINDOW.as_secs()).unwrap_or(0)));
        let request = Request { method: "POST", path, content_type, prefer };
        let when = When { created, expires, nonce: Some(&hex::encode(&nonce)) };
        sign_request(&self.signing.key, &request, body, &when).map_err(|cause| unusable(cause.to_string()))
    }

    /// Checks that the manager gave this answer to that request.
    pub(in super::super) fn check(
        &self,
        status: u16,
        fields: &HeaderMap,
        body: &[u8],
        to: &Bond,
    ) -> Result<(), SigningError> {
        let field = |name| {
            let mut all = fields.get_all(name).iter();
            let only = all.next().filter(|_| all.next().is_none())?;
            only.to_str().ok()
        };
        if field(INPUT_FIELD).is_none() && field(SIGNATURE_FIELD).is_none() {
            return Err(SigningError::Unsigned { by: self.by.clone(), status });
        }
        let altered = |why| SigningError::Altered { by: self.by.clone(), why };
        let refused = |refusal: Refusal| altered(refusal.to_string());
        let presented = Presented::read(field).map_err(refused)?;
        let key = self.signing.key_of_manager(presented.certificate()).map_err(altered)?;
        let answer = Answer {
            status,
            content_type: field(CONTENT_TYPE.as_str()).unwrap_or_default(),
            retry_after: field(RETRY_AFTER.as_str()),
            to,
        };
        presented.check_answer(&answer, &key).map_err(refused)?;
        presented.check_body(body).map_err(refused)?;
        self.signing.learn(presented.created());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moved;
    use crate::identity::{self, IdentityFile};
    use platen_protocol::signature::sign_answer;
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

    const JSON: &str = "application/json";

    struct World {
        clock: Arc<Moved>,
        inspected: Inspected,
        ca: Issuer<'static, KeyPair>,
    }

    fn world() -> World {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let ca = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let device = CertificateParams::new(vec!["lobby".into()]).unwrap().signed_by(&key, &ca).unwrap();
        let identity = identity::parse(&IdentityFile {
            known_time: None,
            device: "lobby".parse().unwrap(),
            manager: "https://manager.example".parse().unwrap(),
            key: key.serialize_pem(),
            certificate_chain: device.pem(),
            manager_ca: certificate.pem(),
        })
        .unwrap();
        let moved = Arc::new(Moved::new("boot", "1970-01-01T00:00:00Z".parse().unwrap()));
        let clock = Arc::new(Clock::moved(Arc::clone(&moved)));
        let trust = Arc::new(Trust::new(&identity.manager_ca, &[]).unwrap());
        let signing = Arc::new(Signing::new(&identity, &trust, &clock, "manager.example").unwrap());
        World { clock: moved, inspected: Inspected { by: "Proxy CA".into(), signing }, ca }
    }

    /// A key with a certificate of the CA for this name and purpose.
    fn signer(world: &World, name: &str, purpose: ExtendedKeyUsagePurpose) -> SigningKey {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &world.ca).unwrap();
        SigningKey::new(&key.serialize_der(), certificate.der()).unwrap()
    }

    fn fields(signed: Signed) -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, JSON.parse().unwrap());
        for (name, value) in signed.fields {
            fields.insert(name, value.parse().unwrap());
        }
        fields
    }

    fn answered(world: &World, by: &SigningKey, created: i64) -> Result<(), SigningError> {
        let asked = world.inspected.sign("/v1/reports", JSON, None, b"{}").unwrap();
        let answer = Answer { status: 200, content_type: JSON, retry_after: None, to: &asked.bond };
        let signed = sign_answer(by, &answer, b"{}", created).unwrap();
        world.inspected.check(200, &fields(signed), b"{}", &asked.bond)
    }

    fn created(world: &World) -> i64 {
        let asked = world.inspected.sign("/v1/reports", JSON, None, b"{}").unwrap();
        let fields = fields(asked);
        Presented::read(|name| fields.get(name)?.to_str().ok()).unwrap().created()
    }

    #[test]
    fn a_device_without_a_clock_signs_by_the_time_that_the_manager_told_and_what_has_passed_since() {
        let world = world();
        let manager = signer(&world, "manager.example", ExtendedKeyUsagePurpose::ServerAuth);
        assert_eq!(created(&world), 0);
        answered(&world, &manager, 1_780_000_000).unwrap();
        world.clock.advance(Duration::from_secs(90));
        assert_eq!(created(&world), 1_780_000_090);
        // A manager whose clock was wrong and was put right is followed in both directions.
        answered(&world, &manager, 1_770_000_000).unwrap();
        assert_eq!(created(&world), 1_770_000_000);
    }

    #[test]
    fn nobody_but_the_manager_answers_and_nobody_else_tells_the_time() {
        let world = world();
        let mut others = vec![
            signer(&world, "manager.example", ExtendedKeyUsagePurpose::ClientAuth),
            signer(&world, "other.example", ExtendedKeyUsagePurpose::ServerAuth),
        ];
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["manager.example".into()]).unwrap().self_signed(&key).unwrap();
        others.push(SigningKey::new(&key.serialize_der(), own.der()).unwrap());
        for other in others {
            let refused = answered(&world, &other, 1_780_000_000).unwrap_err();
            assert!(matches!(refused, SigningError::Altered { .. }), "{refused}");
        }
        assert_eq!(created(&world), 0);
    }

    #[test]
    fn an_answer_without_a_signature_is_the_proxys_own() {
        let world = world();
        let asked = world.inspected.sign("/v1/reports", JSON, None, b"{}").unwrap();
        let refused = world.inspected.check(403, &HeaderMap::new(), b"<h1>", &asked.bond).unwrap_err();
        let told = refused.to_string();
        assert!(told.contains("«Proxy CA»") && told.contains("403"), "{told}");
    }
}
