//! `platen-install status`: what the records say.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::directories::Directories;
use crate::records::{ATTEMPT, Attempt, HISTORY, History, INSTALLED, Installed, RECORD_LIMIT};
use crate::verify;

/// All that is shown.
#[derive(Debug, Serialize)]
struct Shown {
    attempt: Option<Attempt>,
    history: History,
    installed: Installed,
    trust: Option<verify::Shown>,
    /// Why nobody knows what is trusted here, if so.
    trouble: Option<String>,
}

/// Reads a record without touching it: who only looks sets nothing aside.
fn read<T: DeserializeOwned>(directories: &Directories, name: &str) -> anyhow::Result<Option<T>> {
    use anyhow::Context as _;
    use std::io::Read as _;

    let path = directories.record(name);
    let file = match std::fs::File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(|| path.display().to_string())?,
    };
    let mut text = Vec::new();
    file.take(RECORD_LIMIT).read_to_end(&mut text).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| path.display().to_string()).map(Some)
}

/// Prints it.
pub fn print(directories: &Directories, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let (trust, trouble) = match verify::shown(directories) {
        Ok(trust) => (trust, None),
        Err(why) => (None, Some(why.to_string())),
    };
    let shown = Shown {
        attempt: read(directories, ATTEMPT)?,
        history: read(directories, HISTORY)?.unwrap_or_default(),
        installed: read(directories, INSTALLED)?.unwrap_or_default(),
        trust,
        trouble,
    };
    let written = if json {
        serde_json::to_string_pretty(&shown).map_err(io::Error::from).and_then(|text| writeln!(out, "{text}"))
    } else {
        in_words(&shown, out)
    };
    match written {
        // It was read as far as somebody wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn in_words(shown: &Shown, out: &mut dyn Write) -> io::Result<()> {
    match (&shown.trust, &shown.trouble) {
        (_, Some(why)) => writeln!(out, "Nothing is installed: {why}")?,
        (Some(trust), None) => {
            writeln!(out, "Trusts root {} ({})", trust.root, trust.fingerprint)?;
            if let Some(at) = trust.not_before {
                writeln!(out, "Knows that it is later than {at}")?;
            }
        }
        (None, None) => writeln!(
            out,
            "Trusts nobody: nothing is installed until `platen-install trust FILE` has been run"
        )?,
    }
    match &shown.attempt {
        Some(one) => {
            let at = word(&one.position.step);
            writeln!(out, "Under way: {} {} is {at} (attempt {})", one.name, one.version, one.attempt)?;
            if let Some(reason) = &one.reason {
                writeln!(out, "  {reason}")?;
            }
        }
        None => writeln!(out, "Nothing is under way")?,
    }
    for (name, kept) in &shown.installed.programs {
        writeln!(out, "Installed: {name} {} ({})", kept.version, kept.kind)?;
    }
    for one in shown.history.attempts.iter().rev() {
        let (ended, how) = (one.ended.round(jiff::Unit::Second).unwrap_or(one.ended), word(&one.outcome));
        writeln!(out, "{ended}  {} {}: {how}: {}", one.name, one.version, one.reason)?;
    }
    out.flush()
}

/// A step or an outcome as it is written in the records.
fn word<T: Serialize>(of: &T) -> String {
    serde_json::to_value(of).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
