//! The `[operators.openid]` of `manager.toml`.

use std::path::PathBuf;

use serde::Deserialize;

/// A provider by which operators sign in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Written")]
pub struct OpenId {
    /// Its address, as it stands in its tokens.
    pub issuer: String,
    /// As what the manager is known there.
    pub client_id: String,
    /// The file with the client's secret; none for a client without one.
    pub client_secret_file: Option<PathBuf>,
    /// Which claim is the operator's name.
    pub name_claim: String,
    /// What is asked for.
    pub scope: String,
    /// Authorities that its certificate may come from; those of this machine without it.
    pub ca: Option<PathBuf>,
    /// What the button says.
    pub label: String,
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    #[serde(default = "name_claim")]
    name_claim: String,
    #[serde(default = "scope")]
    scope: String,
    ca: Option<PathBuf>,
    #[serde(default = "label")]
    label: String,
}

fn name_claim() -> String {
    "preferred_username".to_owned()
}

fn scope() -> String {
    "openid profile email".to_owned()
}

fn label() -> String {
    "Sign in with OpenID Connect".to_owned()
}

impl TryFrom<Written> for OpenId {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { issuer, client_id, client_secret_file, name_claim, scope, ca, label } = written;
        if !issuer.starts_with("https://") || issuer.contains(['?', '#']) {
            return Err(format!(
                "issuer: {issuer:?} is no address of a provider: write it as the provider does, with https:// and without ? and #"
            ));
        }
        if !scope.split(' ').any(|one| one == "openid") {
            return Err(format!("scope: {scope:?} lacks the word openid, without which there is no token"));
        }
        Ok(Self { issuer, client_id, client_secret_file, name_claim, scope, ca, label })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_read_and_what_is_none_is_named() {
        let read = |text: &str| toml::from_str::<OpenId>(text).map_err(|error| error.to_string());
        let good = "issuer = \"https://login.example.org\"\nclient_id = \"platen\"\n";
        assert_eq!(read(good).unwrap().name_claim, "preferred_username");
        let plain = read("issuer = \"http://login.example.org\"\nclient_id = \"platen\"\n").unwrap_err();
        assert!(plain.contains("is no address of a provider"), "{plain}");
        assert!(read(&format!("{good}scope = \"profile\"\n")).unwrap_err().contains("lacks the word openid"));
        assert!(read(&format!("{good}colour = \"red\"\n")).unwrap_err().contains("colour"));
    }
}
