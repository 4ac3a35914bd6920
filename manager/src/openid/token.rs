//! Whether a token is the provider's, for this manager, of now and for this very sign-in (`OpenID` Connect Core 1.0, section
//! 3.1.3.7). Pure, but for the clock.

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

/// What is taken: no algorithm by which this manager could sign as well, and never none.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// By so much clocks may differ, in seconds.
const LEEWAY_SECONDS: u64 = 60;

/// What a token has to say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
}

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// The provider's key by which a token says that it is signed.
pub(super) fn key<'a>(token: &str, keys: &'a [Jwk]) -> Option<&'a Jwk> {
    let header = decode_header(token).ok()?;
    let mut fitting = keys.iter().filter(|key| {
        let common = &key.common;
        let of_signatures =
            common.public_key_use.as_ref().is_none_or(|of| matches!(of, PublicKeyUse::Signature));
        let named = header.kid.as_ref().is_none_or(|kid| common.key_id.as_ref() == Some(kid));
        let of_algorithm =
            common.key_algorithm.is_none_or(|algorithm| algorithm.to_string() == format!("{:?}", header.alg));
        of_signatures && named && of_algorithm
    });
    let first = fitting.next()?;
    // A token that names no key is good where there is only one.
    (header.kid.is_some() || fitting.next().is_none()).then_some(first)
}

/// What a token says, if all of it can be believed.
pub(super) fn check(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Claims, String> {
    let header = decode_header(token).map_err(|error| error.to_string())?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(format!("it is signed by {:?}", header.alg));
    }
    let key = key(token, keys).ok_or("it is signed by a key that the provider does not name")?;
    let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_SECONDS;
    let claims = decode::<Claims>(token, &key, &validation).map_err(|error| error.to_string())?.claims;
    if claims.get("nonce").and_then(Value::as_str) != Some(expected.nonce) {
        return Err("it is for another sign-in".to_owned());
    }
    if !claims.get("iat").is_some_and(Value::is_number) {
        return Err("it does not say when it was made".to_owned());
    }
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    match claims.get("azp") {
        None if several => return Err("it is for several, and does not say for whom it was made".to_owned()),
        Some(whom) if whom.as_str() != Some(expected.client_id) => {
            return Err("it was made for somebody else".to_owned());
        }
        _ => {}
    }
    Ok(claims)
}

/// Adds what else the provider says, if it is of the same person (Core 1.0, section 5.3.2). What was signed stands.
pub(super) fn add(claims: &mut Claims, more: Claims) -> Result<(), String> {
    if !more.is_empty() && more.get("sub") != claims.get("sub") {
        return Err("what it says beside the token is of somebody else".to_owned());
    }
    for (name, value) in more {
        claims.entry(name).or_insert(value);
    }
    Ok(())
}

/// The operator's name. An address of mail counts only where the provider has verified it: else people could write another's.
pub(super) fn name(claims: &Claims, claim: &str) -> Result<String, String> {
    let name = claims.get(claim).and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| format!("it does not say {claim:?}, by which operators are named here"))?;
    if claim == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err(format!("the provider has not verified the address {name}"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use ring::hmac;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const EXPECTED: Expected<'_> =
        Expected { issuer: "https://login.example.org", client_id: "platen", nonce: "n-1" };

    /// A provider's key.
    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            super::super::crypto::install();
            let random = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap())
        }

        fn public(&self, kid: &str) -> Jwk {
            let point = self.0.public_key().as_ref();
            let (x, y) = (BASE64URL_NOPAD.encode(&point[1..33]), BASE64URL_NOPAD.encode(&point[33..]));
            let key = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256"});
            serde_json::from_value(key).unwrap()
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let text = unsigned(header, claims);
            let signed = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
            format!("{text}.{}", BASE64URL_NOPAD.encode(signed.as_ref()))
        }
    }

    fn unsigned(header: &Value, claims: &Value) -> String {
        let encoded = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        format!("{}.{}", encoded(header), encoded(claims))
    }

    fn header() -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": "k-1"})
    }

    fn claims() -> Value {
        let now = crate::clock::now().as_second();
        json!({
            "iss": EXPECTED.issuer, "aud": EXPECTED.client_id, "sub": "248289761001", "nonce": EXPECTED.nonce,
            "iat": now, "exp": now + 300, "preferred_username": "anna",
        })
    }

    fn with(changed: &Value) -> Value {
        let mut all = claims();
        for (name, value) in changed.as_object().unwrap() {
            match value {
                Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
                value => all[name] = value.clone(),
            }
        }
        all
    }

    #[test]
    fn a_token_of_the_provider_for_this_sign_in_is_believed() {
        let provider = Signer::new();
        let keys = [Signer::new().public("k-0"), provider.public("k-1")];
        let token = provider.sign(&header(), &claims());
        let said = check(&token, &keys, &EXPECTED).unwrap();
        assert_eq!(name(&said, "preferred_username").unwrap(), "anna");
        let several = with(&json!({"aud": ["platen", "other"], "azp": "platen"}));
        check(&provider.sign(&header(), &several), &keys, &EXPECTED).unwrap();
        let one_key = [provider.public("k-1")];
        let nameless = provider.sign(&json!({"alg": "ES256"}), &claims());
        check(&nameless, &one_key, &EXPECTED).unwrap();
        check(&nameless, &keys, &EXPECTED).unwrap_err();
    }

    #[test]
    fn whatever_is_not_as_it_should_be_is_not_believed() {
        let provider = Signer::new();
        let keys = [provider.public("k-1")];
        let past = crate::clock::now().as_second() - 3_600;
        for changed in [
            json!({"iss": "https://evil.example"}),
            json!({"iss": null}),
            json!({"aud": "other"}),
            json!({"aud": null}),
            json!({"aud": ["platen", "other"]}),
            json!({"azp": "other"}),
            json!({"nonce": "n-2"}),
            json!({"nonce": null}),
            json!({"exp": past}),
            json!({"exp": null}),
            json!({"exp": "tomorrow"}),
            json!({"nbf": past + 7_200}),
            json!({"iat": null}),
            json!({"sub": null}),
        ] {
            let token = provider.sign(&header(), &with(&changed));
            assert!(check(&token, &keys, &EXPECTED).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_token_that_somebody_else_signed_or_nobody_is_not_believed() {
        let provider = Signer::new();
        let public = provider.public("k-1");
        let keys = [public.clone()];
        let good = provider.sign(&header(), &claims());
        let (text, signature) = good.rsplit_once('.').unwrap();
        let stranger = Signer::new().sign(&header(), &claims());
        check(&stranger, &keys, &EXPECTED).unwrap_err();
        check(&provider.sign(&json!({"alg": "ES256", "kid": "k-2"}), &claims()), &keys, &EXPECTED)
            .unwrap_err();
        for none in ["none", "None", "HS256", "RS256", "ES384"] {
            let text = unsigned(&json!({"alg": none, "kid": "k-1"}), &claims());
            // The classic: the public key as the secret of an HMAC.
            let secret = serde_json::to_vec(&public).unwrap();
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), text.as_bytes());
            for signature in [String::new(), signature.to_owned(), BASE64URL_NOPAD.encode(mac.as_ref())] {
                assert!(check(&format!("{text}.{signature}"), &keys, &EXPECTED).is_err(), "{none}");
            }
        }
        let other = unsigned(&header(), &with(&json!({"preferred_username": "olga"})));
        for wrong in [
            format!("{other}.{signature}"),
            format!("{text}."),
            text.to_owned(),
            String::new(),
            "a.b.c".to_owned(),
        ] {
            assert!(check(&wrong, &keys, &EXPECTED).is_err(), "{wrong}");
        }
        let encryption = serde_json::from_value::<Jwk>({
            let mut key = serde_json::to_value(&public).unwrap();
            key["use"] = json!("enc");
            key
        });
        check(&good, &[encryption.unwrap()], &EXPECTED).unwrap_err();
    }

    #[test]
    fn what_is_said_beside_the_token_counts_for_the_same_person_and_changes_nothing_that_was_signed() {
        let of = |value: Value| value.as_object().unwrap().clone();
        let mut claims = of(json!({"sub": "1", "email": "a@example.org"}));
        let more = json!({"sub": "1", "email": "b@example.org", "preferred_username": "anna"});
        add(&mut claims, of(more)).unwrap();
        assert_eq!(claims, of(json!({"sub": "1", "email": "a@example.org", "preferred_username": "anna"})));
        for other in [json!({"sub": "2", "name": "olga"}), json!({"name": "olga"})] {
            assert!(add(&mut claims, of(other)).is_err());
        }
        add(&mut claims, Claims::new()).unwrap();
        assert!(!claims.contains_key("name"));
    }

    #[test]
    fn a_name_is_what_the_claim_says_and_an_address_only_a_verified_one() {
        let of = |claims: Value, claim: &str| name(claims.as_object().unwrap(), claim);
        assert!(of(json!({"sub": "1"}), "preferred_username").unwrap_err().contains("preferred_username"));
        assert!(of(json!({"preferred_username": ""}), "preferred_username").is_err());
        assert!(of(json!({"email": "a@example.org"}), "email").is_err());
        assert!(of(json!({"email": "a@example.org", "email_verified": "true"}), "email").is_err());
        let verified = json!({"email": "a@example.org", "email_verified": true});
        assert_eq!(of(verified, "email").unwrap(), "a@example.org");
    }
}
