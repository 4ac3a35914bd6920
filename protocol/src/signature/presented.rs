//! Reads the fields of a signed message, within their limits, and checks them.

use ring::digest::{SHA256, digest};
use sfv::{BareItem, Dictionary, InnerList, Item, KeyRef, ListEntry, Parser};

use super::covered::{Answer, Bond, Request};
use super::key::{byte_sequence, key_id};
use super::{
    ALGORITHM, CERTIFICATE_FIELD, DIGEST_FIELD, INPUT_FIELD, LABEL, MAX_CERTIFICATE_BYTES, MAX_DIGEST_BYTES,
    MAX_INPUT_BYTES, MAX_SIGNATURE_BYTES, PublicKey, Refusal, SIGNATURE_FIELD, TAG, base,
};

/// What a message claims. Nothing of it holds until the certificate was found to be one that is trusted,
/// its key checked the message ([`Presented::check_request`], [`Presented::check_answer`]), and the body
/// was found to be the one that was signed ([`Presented::check_body`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Presented {
    member: InnerList,
    signature: Vec<u8>,
    certificate: Vec<u8>,
    digest: Vec<u8>,
    digest_field: String,
    created: i64,
    expires: Option<i64>,
    nonce: Option<String>,
}

impl Presented {
    /// Reads the fields. `field` gives the value of the one field of a name; nothing when there is none,
    /// or several.
    pub fn read<'a>(field: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self, Refusal> {
        let text = |name, most| match field(name) {
            None => Err(Refusal::Missing(name)),
            Some(value) if value.len() > most => Err(Refusal::TooLong(name)),
            Some(value) => Ok(value.trim()),
        };
        let member = member(text(INPUT_FIELD, MAX_INPUT_BYTES)?)?;
        let signature = bytes_in(SIGNATURE_FIELD, text(SIGNATURE_FIELD, MAX_SIGNATURE_BYTES)?, LABEL)?;
        let digest_field = text(DIGEST_FIELD, MAX_DIGEST_BYTES)?.to_owned();
        let digest = bytes_in(DIGEST_FIELD, &digest_field, "sha-256")?;
        let certificate = text(CERTIFICATE_FIELD, MAX_CERTIFICATE_BYTES)?;
        let certificate = Parser::new(certificate).parse::<Item>();
        let Ok(Item { bare_item: BareItem::ByteSequence(certificate), .. }) = certificate else {
            return Err(Refusal::Malformed(CERTIFICATE_FIELD));
        };
        for (name, agreed) in [(base::ALG, ALGORITHM), (base::TAG, TAG)] {
            if string(&member, name) != Some(agreed) {
                return Err(Refusal::Parameter(if agreed == ALGORITHM { "alg" } else { "tag" }));
            }
        }
        let id = string(&member, base::KEY_ID).ok_or(Refusal::Parameter("keyid"))?;
        if id != key_id(&certificate) {
            return Err(Refusal::OtherCertificate);
        }
        let created = integer(&member, base::CREATED).ok_or(Refusal::Parameter("created"))?;
        let expires = integer(&member, base::EXPIRES);
        let nonce = string(&member, base::NONCE).map(ToOwned::to_owned);
        Ok(Self { member, signature, certificate, digest, digest_field, created, expires, nonce })
    }

    /// The signer's certificate in DER, if it is one.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// When it was signed, in seconds since 1970, by the signer's clock.
    pub fn created(&self) -> i64 {
        self.created
    }

    /// When it is no longer to be taken.
    pub fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// What tells it from all others.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The digest that the body must have, SHA-256.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// What ties an answer to this request.
    pub fn bond(&self) -> Bond {
        Bond { input: base::text(&self.member), signature: byte_sequence(&self.signature) }
    }

    /// Checks the signature of a request; the body is still to be checked.
    pub fn check_request(&self, request: &Request<'_>, key: &PublicKey) -> Result<(), Refusal> {
        self.check(&base::request(request, &self.digest_field), key)
    }

    /// Checks the signature of an answer; the body is still to be checked.
    pub fn check_answer(&self, answer: &Answer<'_>, key: &PublicKey) -> Result<(), Refusal> {
        self.check(&base::answer(answer, &self.digest_field), key)
    }

    fn check(&self, lines: &[base::Line], key: &PublicKey) -> Result<(), Refusal> {
        if !base::covers(&self.member, lines) {
            return Err(Refusal::Components);
        }
        key.check(&base::base(lines, &self.member), &self.signature)
    }

    /// Checks that this body was signed.
    pub fn check_body(&self, body: &[u8]) -> Result<(), Refusal> {
        check_body(&self.digest, body)
    }
}

/// Checks that a body has a digest (SHA-256).
pub fn check_body(expected: &[u8], body: &[u8]) -> Result<(), Refusal> {
    // No secret is compared, so this need not take the same time always.
    if digest(&SHA256, body).as_ref() == expected { Ok(()) } else { Err(Refusal::Body) }
}

/// Our member of `Signature-Input`.
fn member(field: &str) -> Result<InnerList, Refusal> {
    let malformed = Refusal::Malformed(INPUT_FIELD);
    let Ok(mut fields) = Parser::new(field).parse::<Dictionary>() else { return Err(malformed) };
    match fields.swap_remove(LABEL) {
        Some(ListEntry::InnerList(member)) => Ok(member),
        _ => Err(malformed),
    }
}

/// A byte sequence in a dictionary.
fn bytes_in(name: &'static str, field: &str, member: &str) -> Result<Vec<u8>, Refusal> {
    let malformed = Refusal::Malformed(name);
    let Ok(mut fields) = Parser::new(field).parse::<Dictionary>() else { return Err(malformed) };
    match fields.swap_remove(member) {
        Some(ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), .. })) => Ok(bytes),
        _ => Err(malformed),
    }
}

fn string<'a>(member: &'a InnerList, name: &KeyRef) -> Option<&'a str> {
    member.params.get(name).and_then(BareItem::as_string).map(sfv::StringRef::as_str)
}

fn integer(member: &InnerList, name: &KeyRef) -> Option<i64> {
    member.params.get(name).and_then(BareItem::as_integer).map(i64::from)
}
