//! The `[[printers]]` of `manager.toml`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hyper::Uri;
use serde::Deserialize;

use crate::output::Paper;

/// Printers of one manager.
pub const MAX_PRINTERS: usize = 50;
/// The longest name, in characters.
const MAX_NAME: usize = 60;
/// Bytes of a fingerprint (SHA-256).
const FINGERPRINT: usize = 32;

/// A printer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Printer {
    /// How people call it.
    pub name: String,
    /// Where it is, such as `ipps://printer.example.org/ipp/print`.
    pub uri: Uri,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The authorities that its certificate may come from; those of this machine without it.
    pub ca: Option<PathBuf>,
    /// SHA-256 of its certificate: it is believed whoever issued it.
    pub fingerprint: Option<Vec<u8>>,
    /// What paper is in it.
    pub paper: Paper,
}

/// As it stands in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    uri: String,
    ca: Option<PathBuf>,
    fingerprint: Option<String>,
    #[serde(default)]
    paper: Paper,
}

fn fingerprint(text: &str) -> Result<Vec<u8>, String> {
    let digits: String = text.chars().filter(|sign| !matches!(sign, ':' | ' ')).collect();
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
    bytes.filter(|bytes| bytes.len() == FINGERPRINT).ok_or_else(|| {
        "fingerprint must be the 64 hexadecimal digits of SHA-256; `openssl x509 -noout -fingerprint -sha256` prints them"
            .to_owned()
    })
}

impl TryFrom<Written> for Printer {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { name, uri: text, ca, fingerprint: print, paper } = written;
        let plain = name.trim() == name && !name.is_empty() && !name.chars().any(char::is_control);
        if !plain || name.chars().count() > MAX_NAME {
            return Err(format!("name = {name:?} is no name: write 1 to {MAX_NAME} characters on one line"));
        }
        let wrong =
            |why: &str| format!("uri = {text:?} {why}; write \"ipps://printer.example.org/ipp/print\"");
        let uri: Uri = text.parse().map_err(|error| wrong(&format!("is no URI ({error})")))?;
        let tls = match uri.scheme_str() {
            Some("ipps") => true,
            Some("ipp") => false,
            _ => return Err(wrong("does not begin with ipp:// or ipps://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user or password in it, which would be shown"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(631);
        if !tls && (ca.is_some() || print.is_some()) {
            return Err(wrong("is not encrypted, so `ca` and `fingerprint` have nothing to check: use ipps"));
        }
        if ca.is_some() && print.is_some() {
            return Err("ca and fingerprint are two ways to trust a printer: give one of them".to_owned());
        }
        let fingerprint = print.as_deref().map(fingerprint).transpose()?;
        Ok(Self { name, uri, tls, host, port, ca, fingerprint, paper })
    }
}

/// Whether all of them together can be.
///
/// # Errors
/// Says what is wrong with them.
pub fn check(printers: &[Printer]) -> Result<(), String> {
    if printers.len() > MAX_PRINTERS {
        return Err(format!("{} printers are given; there can be {MAX_PRINTERS}", printers.len()));
    }
    let mut names = BTreeSet::new();
    match printers.iter().find(|printer| !names.insert(printer.name.as_str())) {
        Some(twice) => Err(format!("two printers have the name {:?}", twice.name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct All {
        printers: Vec<Printer>,
    }

    fn read(text: &str) -> Result<Vec<Printer>, String> {
        toml::from_str::<All>(text).map(|all| all.printers).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_printer_has_a_name_an_address_and_a_way_to_be_trusted() {
        let print = "AB:".repeat(31) + "ab";
        let text = format!(
            "[[printers]]\nname = \"Office\"\nuri = \"ipps://p.example.org/ipp/print\"\nfingerprint = \"{print}\"\npaper = \"letter\"\n\
             [[printers]]\nname = \"Store\"\nuri = \"ipp://[::1]:8631/ipp\"\n"
        );
        let all = read(&text).unwrap();
        assert_eq!((all[0].port, all[0].tls, all[0].paper), (631, true, Paper::Letter));
        assert_eq!(all[0].fingerprint, Some(vec![0xab; 32]));
        assert_eq!((all[1].host.as_str(), all[1].port, all[1].tls), ("::1", 8631, false));
        check(&all).unwrap();
        let twice = vec![all[0].clone(), all[0].clone()];
        assert!(check(&twice).unwrap_err().contains("Office"));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_write() {
        for (text, word) in [
            ("name = \"a\"\nuri = \"http://x/\"", "ipps://printer"),
            ("name = \"a\"\nuri = \"ipps://u:p@x/\"", "password"),
            ("name = \" \"\nuri = \"ipps://x/\"", "1 to 60"),
            ("name = \"a\"\nuri = \"ipps://x/\"\nfingerprint = \"abc\"", "openssl"),
            ("name = \"a\"\nuri = \"ipp://x/\"\nca = \"/x\"", "use ipps"),
            ("name = \"a\"\nuri = \"ipps://x/\"\npaper = \"a5\"", "a5"),
            ("name = \"a\"\nuri = \"ipps://x/\"\ncolour = \"red\"", "colour"),
        ] {
            let refused = read(&format!("[[printers]]\n{text}\n")).unwrap_err();
            assert!(refused.contains(word), "{text}: {refused}");
        }
    }
}
