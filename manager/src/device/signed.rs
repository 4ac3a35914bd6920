//! Requests that are signed, from sites whose proxy opens TLS: no client certificate comes through there,
//! and what comes may have been altered or sent again. Who signed it is who asks, by the same rules as
//! with a certificate in TLS ([`super::identity`]), and the answer is signed too, for this request alone.
//!
//! Nothing of this costs anything where TLS is not opened: a request without the field `Signature-Input`
//! does not come here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response};
use jiff::Timestamp;
use platen_protocol::prefer;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::signature::presented::check_body;
use platen_protocol::signature::{
    self, Answer as Covered, Bond, INPUT_FIELD, Presented, PublicKey, Refusal, WINDOW, sign_answer,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::answer::{Answer, internal, refuse};
use super::nonces::{Nonces, Refused};
use super::shown::Shown;
use crate::ca::named_by;
use crate::tls::{self, ServerCertificate, TlsError};

/// What checks signed requests and signs answers.
pub struct Signatures {
    verifier: Arc<dyn ClientCertVerifier>,
    own: Arc<ServerCertificate>,
    /// Held for a look-up, never across an await.
    nonces: Mutex<Nonces>,
}

/// The digest that the body of a signed request must have: with the request, for whoever reads it.
#[derive(Debug, Clone)]
pub(super) struct SignedDigest(Arc<[u8]>);

impl SignedDigest {
    /// Whether that is the body that was signed.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), Problem> {
        check_body(&self.0, body).map_err(|refusal| invalid(&refusal))
    }
}

/// Whether a request is signed, or means to be.
pub(super) fn is_signed<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(INPUT_FIELD)
}

pub(super) fn invalid(refusal: &Refusal) -> Problem {
    Problem::new(ProblemKind::SignatureInvalid, refusal.to_string())
}

impl Signatures {
    /// For devices of this CA; answers are signed with the key of the certificate that TLS shows.
    pub(crate) fn new(
        ca: &CertificateDer<'static>,
        own: Arc<ServerCertificate>,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone())?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), tls::provider()).build()?;
        // As in TLS: that a certificate has ended is told by [`super::identity`].
        let verifier = tls::ended_too(verifier);
        Ok(Self { verifier, own, nonces: Mutex::new(Nonces::new(now.as_second())) })
    }

    /// Who signed a request, if all of it holds; the body is still to come.
    pub(super) fn verify<B>(
        &self,
        presented: &Presented,
        request: &Request<B>,
        now: Timestamp,
    ) -> Result<(Shown, SignedDigest), Problem> {
        let certificate = CertificateDer::from(presented.certificate());
        let key = self.key_of_device(&certificate, now)?;
        let fields = request.headers();
        if request.uri().query().is_some() {
            return Err(invalid(&Refusal::Components));
        }
        let covered = signature::Request {
            method: request.method().as_str(),
            path: request.uri().path(),
            content_type: only(fields, CONTENT_TYPE.as_str()).unwrap_or_default(),
            prefer: if fields.contains_key(prefer::HEADER) {
                Some(only(fields, prefer::HEADER).ok_or_else(|| invalid(&Refusal::Components))?)
            } else {
                None
            },
        };
        presented.check_request(&covered, &key).map_err(|refusal| invalid(&refusal))?;
        let Some((device, named)) = named_by(&certificate) else {
            return Ok((Shown::NoDevice, SignedDigest(presented.digest().into())));
        };
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let (created, expires) = (presented.created(), presented.expires());
        nonces.take(&device, presented.nonce(), created, expires, now.as_second()).map_err(not_taken)?;
        drop(nonces);
        Ok((Shown::Device(device, named), SignedDigest(presented.digest().into())))
    }

    /// The key in a certificate, which must be one that TLS would let in.
    fn key_of_device(&self, certificate: &CertificateDer<'_>, now: Timestamp) -> Result<PublicKey, Problem> {
        let refused = |cause: &dyn std::fmt::Display| {
            Problem::new(
                ProblemKind::SignatureInvalid,
                format!("the signing certificate does not belong to a device of this manager: {cause}"),
            )
        };
        let seconds = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
        self.verifier
            .verify_client_cert(certificate, &[], UnixTime::since_unix_epoch(seconds))
            .map_err(|cause| refused(&cause))?;
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|cause| refused(&cause))?;
        Ok(PublicKey::new(&parsed.public_key().subject_public_key.data))
    }

    /// Signs an answer for the request that it answers.
    pub(super) async fn sign(&self, answer: Answer, to: &Bond, now: Timestamp) -> Answer {
        let (mut head, body) = answer.into_parts();
        let body = match body.collect().await {
            Ok(whole) => whole.to_bytes(),
            // A part of a program whose file cannot be read to its end.
            Err(error) => {
                let instead = refuse(&internal(&error), 0);
                let (instead, body) = instead.into_parts();
                head = instead;
                body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default()
            }
        };
        let covered = Covered {
            status: head.status.as_u16(),
            content_type: only(&head.headers, CONTENT_TYPE.as_str()).unwrap_or_default(),
            retry_after: only(&head.headers, RETRY_AFTER.as_str()),
            to,
        };
        let fields =
            self.own.signing().and_then(|key| sign_answer(&key, &covered, &body, now.as_second()).ok());
        if let Some(signed) = fields {
            for (name, value) in signed.fields {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    head.headers.insert(HeaderName::from_static(name), value);
                }
            }
        } else {
            tracing::error!("an answer could not be signed; the device will reject it");
        }
        Response::from_parts(head, body.into())
    }
}

pub(super) fn not_taken(refused: Refused) -> Problem {
    let window = WINDOW.as_secs();
    let stale = |detail: String| Problem::new(ProblemKind::SignatureStale, detail);
    match refused {
        Refused::Stale(age) => stale(format!(
            "the request was signed {age} s ago by the manager's clock and is accepted only within {window} s: sign it again, using the time in the signature of this answer"
        )),
        Refused::BeforeStart => {
            stale("the request was signed before the manager began: sign it again".to_owned())
        }
        Refused::Again => stale("the request has been accepted before: sign each one anew".to_owned()),
        Refused::TooMany => {
            Problem::new(ProblemKind::TooMany, "too many requests were signed by this device lately")
        }
        Refused::NoNonce => invalid(&Refusal::Parameter("nonce")),
    }
}

/// The only field of a name.
pub(super) fn only<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = fields.get_all(name).iter();
    let only = all.next().filter(|_| all.next().is_none())?;
    only.to_str().ok()
}
