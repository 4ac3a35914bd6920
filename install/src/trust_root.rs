//! `platen-install trust FILE`: a person says which maker this machine trusts.
//!
//! Trust must not come from the manager that hands out programs, so the root of trust comes with the image, or a technician
//! brings it and compares the fingerprint with what the maker has published.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use platen_trust::{Role, Trusted};

use crate::attempt;
use crate::directories::Directories;
use crate::durable;
use crate::run::{self, Lock};
use crate::verify::ROOT_LIMIT;

/// What is to be planted.
#[derive(Debug, Args)]
pub struct Plant {
    /// The maker's root file.
    file: PathBuf,
    /// The fingerprint that it has to have. Without it you are asked.
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Trust this one instead of the one that is there. What was learnt of that is forgotten.
    #[arg(long)]
    replace: bool,
}

/// Shows a root and plants it.
pub fn plant(directories: &Directories, plant: &Plant) -> anyhow::Result<()> {
    let named = || plant.file.display().to_string();
    let mut root = Vec::new();
    File::open(&plant.file)
        .and_then(|file| file.take(ROOT_LIMIT.saturating_add(1)).read_to_end(&mut root))
        .with_context(named)?;
    if u64::try_from(root.len()).unwrap_or(u64::MAX) > ROOT_LIMIT {
        bail!("{}: a root has at most {ROOT_LIMIT} bytes", named());
    }
    let trusted = Trusted::start(&root).with_context(named)?;
    show(&trusted)?;
    is_meant(&trusted, plant)?;
    run::prepare(directories).with_context(|| directories.state.display().to_string())?;
    let _lock = Lock::take(directories)?;
    is_new(&directories.root, trusted.root(), plant.replace)?;
    if let Some(folder) = directories.root.parent() {
        attempt::folder(folder, 0o755).with_context(|| folder.display().to_string())?;
    }
    // First what was learnt goes: should power be cut now, the old root is where trust begins.
    attempt::forget_trust(directories)?;
    durable::write(&directories.root, trusted.root())
        .with_context(|| directories.root.display().to_string())?;
    say(&format!("It is trusted from now on, as {}.", directories.root.display()));
    Ok(())
}

fn show(trusted: &Trusted) -> anyhow::Result<()> {
    let until = trusted.until(Role::Root).map(|until| until.to_string()).unwrap_or_default();
    say(&format!("Root {}, until {until}", trusted.versions().root));
    say(&format!("SHA-256 of the file: {}", trusted.fingerprint()));
    for (role, keys, threshold) in keys(trusted.root())? {
        say(&format!("{role}: {threshold} of {} keys have to sign", keys.len()));
        for key in keys {
            say(&format!("  {key}"));
        }
    }
    Ok(())
}

/// Each role's keys by their ids, and how many have to sign. The root has been verified in itself by now.
fn keys(root: &[u8]) -> anyhow::Result<Vec<(String, Vec<String>, u64)>> {
    let root: serde_json::Value = serde_json::from_slice(root)?;
    let roles = root.pointer("/signed/roles").and_then(|roles| roles.as_object());
    let told = roles.into_iter().flatten().map(|(name, role)| {
        let ids = role.get("keyids").and_then(|ids| ids.as_array()).into_iter().flatten();
        let ids = ids.filter_map(|id| id.as_str().map(str::to_owned)).collect();
        let threshold = role.get("threshold").and_then(serde_json::Value::as_u64).unwrap_or_default();
        (name.clone(), ids, threshold)
    });
    Ok(told.collect())
}

/// Whether it is the one that is meant: by its fingerprint, or by a person's word.
fn is_meant(trusted: &Trusted, plant: &Plant) -> anyhow::Result<()> {
    if let Some(expected) = &plant.fingerprint {
        if expected.trim().eq_ignore_ascii_case(&trusted.fingerprint()) {
            return Ok(());
        }
        bail!("its fingerprint is not the one that was given, so it is not trusted");
    }
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked here: give its fingerprint with --fingerprint");
    }
    say("Compare the fingerprint with the one that the maker has published.");
    say("Whoever holds these keys can install anything on this machine. Type \"yes\" to trust them:");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("cannot read standard input")?;
    if line.trim() == "yes" { Ok(()) } else { bail!("it is not trusted") }
}

fn is_new(path: &Path, root: &[u8], replace: bool) -> anyhow::Result<()> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
        Ok(there) if there == root || replace => Ok(()),
        Ok(_) => {
            bail!("{}: another root is trusted already; --replace puts this one in its place", path.display())
        }
    }
}

/// Tells the person at the command line.
fn say(what: &str) {
    // That there is nobody changes nothing.
    let _ = writeln!(io::stderr(), "{what}");
}
