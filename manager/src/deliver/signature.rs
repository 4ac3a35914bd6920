//! Standard Webhooks (standardwebhooks.com): an HMAC-SHA256 over the id, the time and the body.

use data_encoding::BASE64;
use ring::hmac;

use crate::secret::{self, NoRandom};

/// How a secret begins.
const PREFIX: &str = "whsec_";
/// Random bytes of one.
const BYTES: usize = 32;

/// A new secret.
pub fn new_secret() -> Result<String, NoRandom> {
    Ok(format!("{PREFIX}{}", BASE64.encode(&secret::random::<BYTES>()?)))
}

/// The header `webhook-signature`; `None` for what is no secret.
pub fn signature(secret: &str, id: &str, seconds: i64, body: &[u8]) -> Option<String> {
    let key = BASE64.decode(secret.strip_prefix(PREFIX)?.as_bytes()).ok()?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    Some(format!("v1,{}", BASE64.encode(context.sign().as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(signature("no secret", "m", 0, b""), None);
        assert_ne!(new_secret().unwrap(), new_secret().unwrap());
    }
}
