//! Names of keys in tokens (RFC 7512): `pkcs11:token=Maker;object=root`. Pure.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{anyhow, bail};
use percent_encoding::percent_decode_str;

/// What such a name begins with.
const SCHEME: &str = "pkcs11:";
/// The longest name that is read.
const MAX_BYTES: usize = 2_048;

/// Which key in which token. What is not said may be anything; what is said must be so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in super::super) struct TokenUri {
    /// As it was given, for messages. There is no PIN in it.
    text: String,
    pub(super) token: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) slot: Option<u64>,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    /// The file of the module that talks to the token.
    pub(super) module: Option<PathBuf>,
    /// The file with the PIN.
    pub(super) pin_file: Option<PathBuf>,
}

impl TokenUri {
    /// Whether this is meant to be such a name.
    pub(in super::super) fn is_one(text: &str) -> bool {
        text.get(..SCHEME.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(SCHEME))
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for TokenUri {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_BYTES {
            bail!("the name of a key in a token has at most {MAX_BYTES} bytes");
        }
        let said = text.get(SCHEME.len()..).filter(|_| Self::is_one(text));
        let said = said.ok_or_else(|| anyhow!("the name of a key in a token begins with {SCHEME}"))?;
        let (path, query) = said.split_once('?').unwrap_or((said, ""));
        let mut uri = Self { text: text.to_owned(), ..Self::default() };
        let mut seen = Vec::new();
        for (part, is_query) in parts(path, ';', false).chain(parts(query, '&', true)) {
            let Some((name, value)) = part.split_once('=') else { bail!("{part:?} is not NAME=VALUE") };
            if seen.contains(&name) {
                bail!("{name} is there twice");
            }
            seen.push(name);
            uri.take(name, &percent_decode_str(value).collect::<Vec<u8>>(), is_query)?;
        }
        if uri.object.is_none() && uri.id.is_none() {
            bail!("it names no key: add object=LABEL or id=%HEX");
        }
        Ok(uri)
    }
}

fn parts(text: &str, by: char, is_query: bool) -> impl Iterator<Item = (&str, bool)> {
    text.split(by).filter(|part| !part.is_empty()).map(move |part| (part, is_query))
}

impl TokenUri {
    fn take(&mut self, name: &str, value: &[u8], is_query: bool) -> anyhow::Result<()> {
        if (is_query, name) == (false, "id") {
            self.id = Some(value.to_vec());
            return Ok(());
        }
        let words =
            std::str::from_utf8(value).map_err(|error| anyhow!("{name} is not text in UTF-8: {error}"))?;
        match (is_query, name) {
            (false, "token") => self.token = Some(words.to_owned()),
            (false, "serial") => self.serial = Some(words.to_owned()),
            (false, "manufacturer") => self.manufacturer = Some(words.to_owned()),
            (false, "model") => self.model = Some(words.to_owned()),
            (false, "slot-id") => {
                self.slot =
                    Some(words.parse().map_err(|error| anyhow!("slot-id {words:?} is no number: {error}"))?);
            }
            (false, "object") => self.object = Some(words.to_owned()),
            (false, "type") if words == "private" => {}
            (false, "type") => bail!("type={words}: only a private key signs"),
            (true, "module-path") => self.module = Some(words.into()),
            (true, "pin-source") => self.pin_file = Some(words.strip_prefix("file:").unwrap_or(words).into()),
            (true, "pin-value") => bail!(
                "a PIN in the name of a key is seen by everybody who lists processes: use --pin-file or pin-source=FILE, or none of both and you are asked for it"
            ),
            _ => bail!(
                "{name} is not understood here; token, serial, manufacturer, model, slot-id, object, id and type are, and behind ? module-path and pin-source"
            ),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<TokenUri> {
        text.parse()
    }

    #[test]
    fn a_key_is_named_by_its_token_and_its_label_or_number() {
        let uri = read(
            "pkcs11:token=The%20maker;serial=0a;object=root;id=%00%ff?module-path=/m.so&pin-source=file:/p",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("The maker"));
        assert_eq!((uri.serial.as_deref(), uri.object.as_deref()), (Some("0a"), Some("root")));
        assert_eq!(uri.id.as_deref(), Some(&[0, 0xff][..]));
        assert_eq!((uri.module, uri.pin_file), (Some("/m.so".into()), Some("/p".into())));
        let uri = read("PKCS11:object=root;slot-id=3;type=private").unwrap();
        assert_eq!((uri.slot, uri.token), (Some(3), None));
    }

    #[test]
    fn what_is_wrong_in_a_name_is_said() {
        for (text, said) in [
            ("root.key", "begins with pkcs11:"),
            ("pkcs11:", "names no key"),
            ("pkcs11:token=Maker", "names no key"),
            ("pkcs11:object", "NAME=VALUE"),
            ("pkcs11:object=a;object=b", "twice"),
            ("pkcs11:object=%ff", "UTF-8"),
            ("pkcs11:object=a;slot-id=x", "no number"),
            ("pkcs11:object=a;type=cert", "private key"),
            ("pkcs11:object=a;colour=red", "colour is not understood"),
            ("pkcs11:object=a;module-path=/m", "module-path is not understood"),
            ("pkcs11:object=a?pin-value=1234", "--pin-file"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("1234"), "{error}");
        }
        assert!(read(&format!("pkcs11:object={}", "a".repeat(MAX_BYTES))).is_err());
    }
}
