//! Signing in by `OpenID` Connect (Core 1.0, the code flow, with PKCE of RFC 7636): what the provider is asked, and what it
//! answers. What it says of somebody is believed only when [`token`] has checked it.

mod crypto;
mod fetch;
mod settings;
mod token;

use std::path::Path;
use std::time::Duration;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use jsonwebtoken::jwk::Jwk;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::fetch::Fetcher;
pub use self::settings::OpenId;
use self::token::Expected;
use crate::secret::fingerprint;

/// For how long the provider's description and keys are taken as they are.
const FRESH_FOR: Duration = Duration::from_secs(3_600);
/// A token by a key that is not among them has them read again, but not more often than this.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// The provider did not answer, or not what the standard says.
    #[error("the provider does not answer as it should: {0}")]
    Provider(String),
    /// The provider answered, and not with a yes.
    #[error("the provider said no: {0}")]
    No(String),
    /// What it signed is not for this sign-in.
    #[error("what the provider signed cannot be believed: {0}")]
    Token(String),
    /// Something here keeps it from being asked.
    #[error("{0}")]
    Own(String),
}

/// What a provider says of itself (Discovery 1.0, section 3).
#[derive(Debug, Clone, Deserialize)]
struct Description {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default = "basic")]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What holds if it says nothing.
fn basic() -> Vec<String> {
    vec!["client_secret_basic".to_owned()]
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

#[derive(Clone)]
struct Known {
    description: Description,
    keys: Vec<Jwk>,
    read: Instant,
}

/// What a browser brings back from the provider, but for the state.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Brought {
    /// The code, where it said yes.
    pub code: Option<String>,
    /// Who says so (RFC 9207).
    pub iss: Option<String>,
    /// Why not, by a word of the standard.
    pub error: Option<String>,
    /// And in words.
    pub error_description: Option<String>,
}

/// One sign-in, from the secret in its browser's cookie: everything else follows from it, so nothing is kept here.
pub struct SignIn<'a> {
    secret: &'a str,
    /// Where the provider sends the browser back to.
    redirect: &'a str,
}

impl<'a> SignIn<'a> {
    /// The one of this secret.
    pub const fn new(secret: &'a str, redirect: &'a str) -> Self {
        Self { secret, redirect }
    }

    fn derived(&self, what: &str) -> String {
        fingerprint(format!("{what} of {}", self.secret).as_bytes())
    }

    /// What the browser brings back, so that it is known to be the one that began.
    pub fn state(&self) -> String {
        self.derived("state")
    }

    /// What the provider signs, so that its token is known to be for this one.
    fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What only this manager can show for the code (RFC 7636).
    fn verifier(&self) -> String {
        self.derived("verifier")
    }
}

/// The provider of `manager.toml`.
pub struct Provider {
    settings: OpenId,
    fetcher: Fetcher,
    known: Mutex<Option<Known>>,
}

impl Provider {
    /// With these settings.
    pub fn new(settings: OpenId) -> Self {
        crypto::install();
        let fetcher = Fetcher::new(settings.ca.as_deref());
        Self { settings, fetcher, known: Mutex::new(None) }
    }

    /// What its button says.
    pub fn label(&self) -> &str {
        &self.settings.label
    }

    async fn read(&self) -> Result<Known, OpenIdError> {
        let issuer = &self.settings.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let description: Description =
            self.fetcher.get(&address, None).await.map_err(OpenIdError::Provider)?;
        // Discovery 1.0, section 4.3: or one provider could speak for another.
        if description.issuer != *issuer {
            let why = format!("{address} is of {:?}, and {issuer:?} was expected", description.issuer);
            return Err(OpenIdError::Provider(why));
        }
        let keys: Keys =
            self.fetcher.get(&description.jwks_uri, None).await.map_err(OpenIdError::Provider)?;
        // Keys of kinds that are not known here are of no use, and no fault.
        let keys = keys.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        Ok(Known { description, keys, read: Instant::now() })
    }

    /// What is known of the provider; read again if it is older than that.
    async fn known(&self, at_most: Duration) -> Result<Known, OpenIdError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.read.elapsed() < at_most) {
            return Ok(known.clone());
        }
        let read = self.read().await?;
        *known = Some(read.clone());
        Ok(read)
    }

    /// Where a browser is sent, to be sent back.
    pub async fn begin(&self, sign_in: &SignIn<'_>) -> Result<String, OpenIdError> {
        let known = self.known(FRESH_FOR).await?;
        let challenge = BASE64URL_NOPAD.encode(digest(&SHA256, sign_in.verifier().as_bytes()).as_ref());
        let (state, nonce) = (sign_in.state(), sign_in.nonce());
        let query = serde_urlencoded::to_string([
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", sign_in.redirect),
            ("scope", &self.settings.scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ])
        .map_err(|error| OpenIdError::Own(error.to_string()))?;
        let endpoint = &known.description.authorization_endpoint;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{joint}{query}"))
    }

    /// Who came back, by the claim that names operators.
    pub async fn finish(&self, sign_in: &SignIn<'_>, brought: Brought) -> Result<String, OpenIdError> {
        let mut known = self.known(FRESH_FOR).await?;
        let description = known.description.clone();
        let is_from_it = match &brought.iss {
            Some(issuer) => *issuer == description.issuer,
            None => !description.authorization_response_iss_parameter_supported,
        };
        if !is_from_it {
            return Err(OpenIdError::Token("it comes from another provider".to_owned()));
        }
        if let Some(error) = brought.error {
            return Err(OpenIdError::No(brought.error_description.unwrap_or(error)));
        }
        let code = brought.code.ok_or_else(|| OpenIdError::No("it sent no code".to_owned()))?;
        let Tokens { id_token, access_token } = self.redeem(&description, sign_in, &code).await?;
        let nonce = sign_in.nonce();
        let expected =
            Expected { issuer: &description.issuer, client_id: &self.settings.client_id, nonce: &nonce };
        if token::key(&id_token, &known.keys).is_none() {
            // It has a new one.
            known = self.known(READ_AGAIN_AFTER).await?;
        }
        let mut claims = token::check(&id_token, &known.keys, &expected).map_err(OpenIdError::Token)?;
        if !claims.contains_key(&self.settings.name_claim) {
            let more = self.more(&description, access_token.as_deref()).await?;
            token::add(&mut claims, more).map_err(OpenIdError::Token)?;
        }
        token::name(&claims, &self.settings.name_claim).map_err(OpenIdError::Token)
    }

    /// What else it says of somebody (Core 1.0, section 5.3); many providers say names only here.
    async fn more(
        &self,
        description: &Description,
        access_token: Option<&str>,
    ) -> Result<token::Claims, OpenIdError> {
        let (Some(endpoint), Some(token)) = (&description.userinfo_endpoint, access_token) else {
            return Ok(token::Claims::new());
        };
        self.fetcher.get(endpoint, Some(format!("Bearer {token}"))).await.map_err(OpenIdError::Provider)
    }

    /// The tokens for a code.
    async fn redeem(
        &self,
        description: &Description,
        sign_in: &SignIn<'_>,
        code: &str,
    ) -> Result<Tokens, OpenIdError> {
        let verifier = sign_in.verifier();
        let client_id = self.settings.client_id.as_str();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", sign_in.redirect),
            ("code_verifier", &verifier),
        ];
        let secret = self.settings.client_secret_file.as_deref().map(secret).transpose()?;
        let mut authorization = None;
        match &secret {
            None => form.push(("client_id", client_id)),
            Some(secret) if description.is_basic() => authorization = Some(basic_word(client_id, secret)?),
            Some(secret) => form.extend([("client_id", client_id), ("client_secret", secret.as_str())]),
        }
        let form = serde_urlencoded::to_string(form).map_err(|error| OpenIdError::Own(error.to_string()))?;
        let asked = self.fetcher.post::<Tokens>(&description.token_endpoint, form, authorization);
        asked.await.map_err(OpenIdError::Provider)
    }
}

impl Description {
    /// Whether the client shows its secret in the header (RFC 6749, section 2.3.1), which is what a provider has to take.
    fn is_basic(&self) -> bool {
        let methods = &self.token_endpoint_auth_methods_supported;
        methods.iter().any(|method| method == "client_secret_basic")
            || !methods.iter().any(|method| method == "client_secret_post")
    }
}

/// The secret of the client. It is read each time, so that another one needs no restart.
fn secret(file: &Path) -> Result<String, OpenIdError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| OpenIdError::Own(format!("client_secret_file {}: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// Both are encoded as in forms before they stand in the header (RFC 6749, section 2.3.1).
fn basic_word(client_id: &str, secret: &str) -> Result<String, OpenIdError> {
    let encoded = |text: &str| {
        let pair = serde_urlencoded::to_string([("", text)]);
        pair.map(|pair| pair.trim_start_matches('=').to_owned())
            .map_err(|error| OpenIdError::Own(error.to_string()))
    };
    let both = format!("{}:{}", encoded(client_id)?, encoded(secret)?);
    Ok(format!("Basic {}", BASE64.encode(both.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_a_sign_in_follows_from_its_secret_and_nothing_says_it() {
        let one = SignIn::new("a", "https://x/back");
        let other = SignIn::new("b", "https://x/back");
        let of = |one: &SignIn<'_>| [one.state(), one.nonce(), one.verifier()];
        assert_eq!(of(&one), of(&SignIn::new("a", "https://x/back")));
        let mut all: Vec<String> = of(&one).into_iter().chain(of(&other)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6);
        // RFC 7636, section 4.1: 43 to 128 characters.
        assert_eq!(one.verifier().len(), 64);
    }

    #[test]
    fn a_secret_with_signs_stands_in_the_header_as_the_standard_says() {
        let word = basic_word("a b", "p:w%").unwrap();
        assert_eq!(word, format!("Basic {}", BASE64.encode(b"a+b:p%3Aw%25")));
    }
}
