//! `platen-manager audit`: whether the audit log is whole.

use anyhow::bail;
use clap::{Args, Subcommand};

use super::say;
use crate::audit::{Break, Verifier};
use crate::config::Config;
use crate::run::open_store;

/// Entries that are read at once.
const AT_ONCE: u32 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Follow the chain of hashes from its beginning to its end, and say where it breaks.
    Check(Check),
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// An entry that was noted down elsewhere, as this command printed it: who changes all entries behind one, and their
    /// hashes, changes this one too.
    #[arg(long, value_name = "NUMBER:HASH", value_parser = noted)]
    expect: Option<(i64, String)>,
}

fn noted(text: &str) -> Result<(i64, String), String> {
    let wrong = || format!("{text:?} is not what `audit check` prints: a number, a colon and 64 digits");
    let (number, hash) = text.split_once(':').ok_or_else(wrong)?;
    let number = number.parse().map_err(|_is_no_number| wrong())?;
    if hash.len() != 64 {
        return Err(wrong());
    }
    Ok((number, hash.to_owned()))
}

pub(super) async fn execute(config: &Config, command: AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Check(Check { expect }) = command;
    let store = open_store(config)?;
    // What is added meanwhile is for the next time.
    let chain = store.audit_chain().await?;
    if let Some((number, _)) = expect.as_ref().filter(|(number, _)| *number <= chain.cut.0) {
        bail!(
            "entry {number} is not there any more: those up to {} were let go of because they were old",
            chain.cut.0
        );
    }
    let mut verifier = Verifier::new(&chain);
    let mut after = chain.cut.0;
    let mut found = Ok(());
    'chain: while after < chain.last.0 {
        let some = store.audit_after(after, AT_ONCE).await?;
        let Some(last) = some.last() else { break };
        after = last.number;
        for entry in some.iter().filter(|entry| entry.number <= chain.last.0) {
            let is_noted = expect.as_ref().filter(|(number, _)| *number == entry.number);
            found = match is_noted {
                Some((number, hash)) if *hash != entry.hash => Err(Break::Noted(*number)),
                _ => verifier.push(entry),
            };
            if found.is_err() {
                break 'chain;
            }
        }
    }
    let found = found.and_then(|()| verifier.end(&chain));
    store.close().await;
    if let Err(wrong) = found {
        bail!("the audit log is not whole: {wrong}; {} entries before that are good", verifier.good);
    }
    if let Some((number, _)) = expect.filter(|(number, _)| *number > chain.last.0) {
        bail!("entry {number} is not there: the last one is {}", chain.last.0);
    }
    if chain.cut.0 > 0 {
        say(format_args!("Entries up to {} were let go of because they were old.", chain.cut.0));
    }
    say(format_args!("The audit log is whole: {} entries. Note down the last one elsewhere:", verifier.good));
    super::unless_closed(print(&format!("{}:{}", chain.last.0, chain.last.1)))
}

fn print(line: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
