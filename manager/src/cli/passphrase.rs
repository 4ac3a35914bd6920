//! Passphrases of keys, and PINs of tokens: asked for at the terminal, without showing what is typed, or read from a file.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use platen_protocol::text::secret_line;
use platen_trust::sign::SignError;
use platen_trust::sign::{SigningKey, key_file};

/// By which a passphrase, or a PIN, is given where nobody is asked.
const PASSPHRASE_OPTION: &str = "--passphrase-file";
const PIN_OPTION: &str = "--pin-file";
/// The fewest characters of a passphrase: the file of a key may be copied and guessed at for years.
const LEAST: usize = 12;

/// Shows again what is typed when it is dropped.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(io::stdin().as_fd())?;
        let mut unseen = before.clone();
        unseen.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin().as_fd(), SetArg::TCSAFLUSH, &unseen)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSAFLUSH, &self.0);
        let _ = writeln!(io::stderr());
    }
}

/// Asks at the terminal; without one, by which option it is given.
fn ask(prompt: &str, option: &str) -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        bail!("{prompt}: it is asked for at a terminal; without one, give it by {option}");
    }
    write!(io::stderr(), "{prompt}: ")?;
    let _unseen = Unseen::begin()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("cannot read what is typed")?;
    Ok(secret_line(&line).to_owned())
}

fn of_file(path: &Path) -> anyhow::Result<String> {
    let mut line = String::new();
    let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    io::BufReader::new(file).read_line(&mut line)?;
    Ok(secret_line(&line).to_owned())
}

/// A passphrase for a new key.
pub(super) fn new(file: Option<&Path>) -> anyhow::Result<String> {
    let passphrase = if let Some(path) = file {
        of_file(path)?
    } else {
        let typed = ask("Passphrase for the new key", PASSPHRASE_OPTION)?;
        if typed != ask("The same once more", PASSPHRASE_OPTION)? {
            bail!("the two are not the same: no key was made");
        }
        typed
    };
    if passphrase.chars().count() < LEAST {
        bail!("a passphrase needs at least {LEAST} characters: no key was made");
    }
    Ok(passphrase)
}

/// The key in a file; its passphrase is asked for where it has one.
pub(super) fn open_key(path: &Path, file: Option<&Path>) -> anyhow::Result<SigningKey> {
    match key_file::read_private(path, None) {
        Err(SignError::PassphraseNeeded) => {}
        read => return read.with_context(|| format!("{}: cannot be used", path.display())),
    }
    let passphrase = match file {
        Some(file) => of_file(file)?,
        None => ask(&format!("Passphrase of {}", path.display()), PASSPHRASE_OPTION)?,
    };
    key_file::read_private(path, Some(&passphrase))
        .with_context(|| format!("{}: cannot be used", path.display()))
}

/// The PIN of a token.
pub(super) fn pin(token: &str, file: Option<&Path>) -> anyhow::Result<String> {
    match file {
        Some(file) => of_file(file),
        None => ask(&format!("PIN of the token {token}"), PIN_OPTION),
    }
}
