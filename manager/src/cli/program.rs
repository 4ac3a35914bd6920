//! `platen-manager program`: what a maker does offline (keys, roots, targets), and what is done at the manager (publish,
//! list, revoke).

mod offline;
mod token;

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

pub(super) use self::offline::offline;
use self::offline::{Key, RootArguments, Sign};
use super::{account, say, unless_closed};
use crate::clock;
use crate::config::Config;
use crate::programs::Programs;
use crate::programs::online::OnlineKey;
use crate::programs::publish::Brought;
use crate::run::open_store;
use crate::store::{ProgramCounts, ProgramRecord, Published, Scope, Store};

/// Programs that are read at once.
const AT_ONCE: u32 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum ProgramCommand {
    /// Make a key for a person, in FILE, with its public half in FILE.pub, or in a token; or show the manager's own public
    /// key.
    Key(Key),
    /// Say which keys sign what: make the first root, or the next one.
    Root(RootArguments),
    /// Make the next targets file, which names the programs, or add signatures to a file that needs more.
    Sign(Sign),
    /// Publish what was signed, with the programs' files. Everything is checked as devices would, before any of it is kept.
    Publish(Publish),
    /// List programs, and until when their signatures are good.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a program back: publish a targets file that does not name it any more. A manager that serves stops giving it
    /// within seconds.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Publish {
    /// A root that is new to this manager; may be given several times, in order.
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,
    /// The new targets file.
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// The file of a program that is new to this manager; may be given several times.
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Which program, as NAME/VERSION.
    #[arg(value_name = "NAME/VERSION")]
    program: String,
    /// The new targets file, which does not name it.
    #[arg(long, value_name = "FILE")]
    targets: PathBuf,
}

/// Does what the command says at the manager.
pub(super) async fn execute(config: Config, command: ProgramCommand) -> anyhow::Result<()> {
    match command {
        ProgramCommand::Key(key) => online_key(&config, key.file()?),
        ProgramCommand::Publish(publish) => {
            if publish.root.is_empty() && publish.targets.is_none() {
                bail!("nothing is to be published: give --targets, or --root");
            }
            let published = take_in(&config, &publish).await?;
            tell(&published);
            Ok(())
        }
        ProgramCommand::List { json } => list(&config, json).await,
        ProgramCommand::Revoke(revoke) => revoke_one(&config, revoke).await,
        // Done before, without a configuration.
        ProgramCommand::Root(_) | ProgramCommand::Sign(_) => Ok(()),
    }
}

/// The public half of the manager's key, which is made where there is none.
fn online_key(config: &Config, to: Option<&PathBuf>) -> anyhow::Result<()> {
    // The state directory too, where there is none yet.
    let files = crate::programs::files::ProgramFiles::in_state(&config.state_directory);
    files.make_folder()?;
    let pem = OnlineKey::load_or_make(&config.state_directory)?.public_pem()?;
    match to {
        Some(path) => {
            let written = std::fs::write(path, pem.as_bytes());
            written.with_context(|| format!("{}: cannot be written", path.display()))?;
            say(format_args!("{} is this manager's public key, for snapshot and timestamp.", path.display()));
            Ok(())
        }
        None => unless_closed(write!(io::stdout(), "{pem}")),
    }
}

fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))
}

async fn take_in(config: &Config, publish: &Publish) -> anyhow::Result<Published> {
    let brought = Brought {
        roots: publish.root.iter().map(read).collect::<Result<_, _>>()?,
        targets: publish.targets.as_ref().map(read).transpose()?,
        files: publish.file.clone(),
    };
    let store = open_store(config)?;
    let programs = Programs::new(store.clone(), &config.state_directory);
    let published = programs.publish(&config.state_directory, &brought, &account(), clock::now()).await;
    store.close().await;
    Ok(published?)
}

fn tell(published: &Published) {
    for (name, version) in &published.added {
        say(format_args!("{name} {version} is published."));
    }
    for (name, version) in &published.revoked {
        say(format_args!("{name} {version} is revoked: a running manager stops giving it within seconds."));
    }
    if !published.taken_back.is_empty() {
        say(format_args!(
            "Devices that were offered it and had not got it yet: {}.",
            published.taken_back.len()
        ));
    }
    if published.added.is_empty() && published.revoked.is_empty() {
        say(format_args!("The new signatures are published. No program was added or revoked."));
    }
}

async fn revoke_one(config: &Config, revoke: Revoke) -> anyhow::Result<()> {
    let Revoke { program, targets } = revoke;
    let Some((name, version)) = program.split_once('/') else {
        bail!("{program:?} is not NAME/VERSION");
    };
    let store = open_store(config)?;
    let known = store.program(name.to_owned(), version.to_owned()).await?;
    store.close().await;
    let Some(known) = known else {
        bail!("there is no program {name} {version}; `platen-manager program list` lists them");
    };
    if known.revoked.is_some() {
        bail!("{name} {version} is revoked already");
    }
    let named = offline::names(&targets, &program)?;
    if named {
        bail!(
            "{} still names {program}: sign one without it (`platen-manager program sign ... --remove {program}`)",
            targets.display()
        );
    }
    let publish = Publish { root: Vec::new(), targets: Some(targets), file: Vec::new() };
    let published = take_in(config, &publish).await?;
    tell(&published);
    Ok(())
}

async fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let read = read_all(&store).await;
    store.close().await;
    let (programs, metadata) = read?;
    let mut out = io::stdout().lock();
    let written = if json {
        let items: Vec<_> = programs.iter().map(|(program, counts)| in_json(program, *counts)).collect();
        let metadata: Vec<_> = metadata
            .iter()
            .map(|(role, version, until)| serde_json::json!({"role": role, "version": version, "until": until}))
            .collect();
        let all = serde_json::json!({"programs": items, "metadata": metadata});
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)
    } else {
        print(&mut out, &programs, &metadata)
    };
    unless_closed(written.and_then(|()| out.flush()))
}

/// Programs with how they stand, and the newest file of each role with its end.
type All = (Vec<(ProgramRecord, ProgramCounts)>, Vec<(String, u64, jiff::Timestamp)>);

async fn read_all(store: &Store) -> anyhow::Result<All> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let some = store.programs(before, AT_ONCE).await?;
        let Some(last) = some.last() else { break };
        before = Some(last.key);
        all.extend(store.program_counts(&Scope::All, some).await?);
    }
    let mut newest: Vec<(String, u64, jiff::Timestamp)> = Vec::new();
    for file in store.program_metadata().await? {
        newest.retain(|(role, ..)| *role != file.role);
        newest.push((file.role, file.version, file.expires));
    }
    Ok((all, newest))
}

fn in_json(program: &ProgramRecord, counts: ProgramCounts) -> serde_json::Value {
    serde_json::json!({
        "name": program.name,
        "version": program.version,
        "kind": program.kind,
        "hardware": program.hardware,
        "size": program.size,
        "sha256": program.sha256,
        "published": program.published,
        "published_by": program.published_by,
        "revoked": program.revoked,
        "revoked_by": program.revoked_by,
        "devices": counts,
    })
}

fn print(
    out: &mut impl io::Write,
    programs: &[(ProgramRecord, ProgramCounts)],
    metadata: &[(String, u64, jiff::Timestamp)],
) -> io::Result<()> {
    writeln!(out, "{:<24} {:<16} {:<16} {:>11}  DEVICES", "PROGRAM", "VERSION", "KIND", "BYTES")?;
    for (program, counts) in programs {
        let ProgramCounts { running, offered, trying, .. } = counts;
        let revoked = if program.revoked.is_some() { ", revoked" } else { "" };
        writeln!(
            out,
            "{:<24} {:<16} {:<16} {:>11}  {running} run it, {} to get it{revoked}",
            program.name.as_str(),
            program.version.as_str(),
            program.kind.as_str(),
            program.size,
            offered + trying,
        )?;
    }
    if !metadata.is_empty() {
        writeln!(out, "\n{:<24} {:<16} GOOD UNTIL", "SIGNATURES", "VERSION")?;
    }
    for (role, version, until) in metadata {
        writeln!(out, "{role:<24} {version:<16} {}", until.round(jiff::Unit::Second).unwrap_or(*until))?;
    }
    Ok(())
}
