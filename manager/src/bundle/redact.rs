//! What must not leave a machine is left out of its support bundle: by where it stands (settings that are secrets, keys in
//! PEM), by what stands before it (`Bearer`, `password=`), by what it is (the contents of secret files), and at last by how it
//! looks: a long word without meaning. It rather leaves out too much. Pure.

use std::fmt::Write as _;

use serde_json::Value;

/// What stands in its place.
const LEFT_OUT: &str = "[left out]";
/// A word of letters and digits that is so long may be a secret.
const LONG_WORD: usize = 24;
/// What a secret file holds is looked for, unless it is so short that it would be found everywhere.
const SHORTEST_KNOWN: usize = 4;
/// Words in the name of a setting that holds a secret.
const SECRET_NAMES: [&str; 7] =
    ["password", "secret", "token", "passphrase", "credential", "private", "authorization"];
/// Words after which a secret comes.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// Leaves out secrets.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// Secrets that are known, the longest first.
    known: Vec<String>,
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// The form of a UUID, which names something and opens nothing.
fn is_uuid(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && word.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=')
}

/// A long run of letters and digits, mixed: a token, a key, a hash.
fn looks_secret(word: &str) -> bool {
    word.len() >= LONG_WORD
        && word.contains(|c: char| c.is_ascii_digit())
        && word.contains(|c: char| c.is_ascii_alphabetic())
        && !is_uuid(word)
}

/// A word between blanks without its long runs.
fn without_long_runs(word: &str) -> String {
    let (mut out, mut run) = (String::with_capacity(word.len()), String::new());
    for c in word.chars().map(Some).chain([None]) {
        if let Some(c) = c.filter(|c| is_part(*c)) {
            run.push(c);
            continue;
        }
        out.push_str(if looks_secret(&run) { LEFT_OUT } else { &run });
        run.clear();
        out.extend(c);
    }
    out
}

/// `scheme://user:password@host` without what stands before the `@`.
fn without_user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{LEFT_OUT}@{host}{path}"),
        None => word.to_owned(),
    }
}

/// `name=value` and `"name":"value"` without the value, if the name is a secret's. Says too whether the value is the word
/// that follows.
fn without_value(word: &str) -> (String, bool) {
    for mark in ['=', ':'] {
        if let Some((name, value)) = word.split_once(mark)
            && names_a_secret(name)
            && !value.starts_with("//")
        {
            return (format!("{name}{mark}{LEFT_OUT}"), value.is_empty());
        }
    }
    (word.to_owned(), false)
}

impl Redactor {
    /// With what secret files hold.
    pub(super) fn new(known: impl IntoIterator<Item = String>) -> Self {
        let known = known.into_iter().map(|secret| secret.trim().to_owned());
        let mut known: Vec<String> = known.filter(|secret| secret.len() >= SHORTEST_KNOWN).collect();
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { known }
    }

    fn without_known(&self, text: &str) -> String {
        self.known.iter().fold(text.to_owned(), |text, secret| text.replace(secret, LEFT_OUT))
    }

    fn line(&self, line: &str) -> String {
        let line = self.without_known(line);
        let (mut out, mut hides_next, mut named) = (String::with_capacity(line.len()), false, false);
        for word in line.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end_matches(char::is_whitespace);
            let blank = word.strip_prefix(bare).unwrap_or_default();
            let scheme = bare.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_lowercase();
            let is_scheme = SCHEMES.contains(&scheme.as_str());
            if hides_next && !bare.is_empty() {
                // `Authorization: Basic`, and then the secret.
                hides_next = is_scheme;
                out.push_str(LEFT_OUT);
            } else {
                let (shown, follows) = without_value(&without_user(bare));
                hides_next |= follows || is_scheme || (named && matches!(bare, "=" | ":"));
                out.push_str(&without_long_runs(&shown));
            }
            named = names_a_secret(bare);
            out.push_str(blank);
        }
        out
    }

    /// A text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        let (mut out, mut in_key) = (String::with_capacity(text.len()), false);
        for line in text.lines() {
            if line.contains("-----BEGIN ") && line.contains("PRIVATE KEY") {
                in_key = true;
                let _ = writeln!(out, "{LEFT_OUT}: a private key");
            }
            if !in_key {
                let _ = writeln!(out, "{}", self.line(line));
            }
            if line.contains("-----END ") {
                in_key = false;
            }
        }
        out
    }

    /// The same of what a configuration file says, whichever way it was written: by the names of its settings.
    pub(super) fn tree(&self, value: &mut Value) {
        self.setting(value, false);
    }

    fn setting(&self, value: &mut Value, is_secret: bool) {
        match value {
            Value::Object(table) => {
                for (name, value) in table.iter_mut() {
                    // A file with a secret is named, and not read.
                    let holds_one = names_a_secret(name) && !name.ends_with("_file");
                    self.setting(value, is_secret || holds_one);
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|one| self.setting(one, is_secret)),
            other if is_secret => *other = Value::String(LEFT_OUT.to_owned()),
            Value::String(text) => {
                let known = self.without_known(&without_user(text));
                *text = known.split_inclusive(char::is_whitespace).map(without_long_runs).collect();
            }
            _ => {}
        }
    }
}

/// The files that hold secrets, by what a configuration file says.
pub(super) fn secret_files(configuration: &Value) -> Vec<String> {
    let Value::Object(table) = configuration else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in table {
        match value {
            Value::String(path) if name.ends_with("_file") && names_a_secret(name) => {
                found.push(path.clone());
            }
            other => found.extend(secret_files(other)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redactor() -> Redactor {
        Redactor::new(["correct horse\n".to_owned(), "abc".to_owned()])
    }

    #[test]
    fn secrets_are_left_out_wherever_they_stand() {
        let planted = [
            "authorization: Bearer s3cr3t-of-somebody",
            "Authorization: Basic YWxhZGRpbjpvcGVu",
            "postgresql://platen:s3cr3t-of-somebody@db.example.org/platen",
            "password=s3cr3t-of-somebody",
            "password = s3cr3t-of-somebody",
            "{\"password\":\"s3cr3t-of-somebody\"}",
            "token: s3cr3t-of-somebody",
            "whsec_s3cr3t0of0somebody0MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "platen1-5c0ffee5c0ffee5c0ffee5c0ffee5c0f-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "the mail server says: correct horse is wrong",
        ];
        for line in planted {
            let text = redactor().text(line);
            for secret in ["s3cr3t", "YWxhZ", "5c0ffee", "correct horse"] {
                assert!(!text.contains(secret), "{line}: {text}");
            }
            assert!(text.contains(LEFT_OUT), "{line}: {text}");
        }
        let key = "before\n-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\nafter";
        assert_eq!(redactor().text(key), "before\n[left out]: a private key\nafter\n");
    }

    #[test]
    fn what_helps_stays() {
        for line in [
            "2026-11-22T10:00:00Z lobby 1 INFO listening devices=127.0.0.1:8443",
            "epoch 0198c3a2-7e1c-7d40-9b1e-5f6a7b8c9d0e of printer-on-the-second-floor",
            "https://manager.example.org:8443/now?site=3",
        ] {
            assert_eq!(redactor().text(line), format!("{line}\n"));
        }
    }

    #[test]
    fn a_configuration_names_files_with_secrets_and_shows_none() {
        let mut tree = serde_json::json!({
            "store": "postgresql://u:s3cr3t@db/p", "names": ["a"], "x": {"client_secret": "s3cr3t", "tokens": ["s3cr3t"]},
            "mail": {"password_file": "/etc/platen/mail-password", "server": "correct horse"},
        });
        assert_eq!(secret_files(&tree), ["/etc/platen/mail-password"]);
        redactor().tree(&mut tree);
        let expected = serde_json::json!({
            "store": "postgresql://[left out]@db/p", "names": ["a"],
            "x": {"client_secret": LEFT_OUT, "tokens": [LEFT_OUT]},
            "mail": {"password_file": "/etc/platen/mail-password", "server": LEFT_OUT},
        });
        assert_eq!(tree, expected);
    }

    proptest! {
        #[test]
        fn a_known_secret_is_never_shown(before in ".{0,40}", after in ".{0,40}", secret in "[a-zA-Z0-9 ]{6,30}") {
            let secret = secret.trim().to_owned();
            prop_assume!(secret.len() >= SHORTEST_KNOWN && !LEFT_OUT.contains(&secret));
            let shown = Redactor::new([secret.clone()]).text(&format!("{before}{secret}{after}"));
            prop_assert!(!shown.contains(&secret), "{}", shown);
        }
    }
}
