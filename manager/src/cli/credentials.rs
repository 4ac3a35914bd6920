//! `platen-manager token` and `platen-manager session`: by what devices, programs and people are let in. Each can be listed,
//! and taken back. A running manager follows within seconds.

use std::io::{self, Write as _};

use anyhow::bail;
use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use super::{say, unless_closed};
use crate::clock;
use crate::config::Config;
use crate::operator::view::{EnrolmentTokenView, SessionView, TokenView};
use crate::run::open_store;

/// Tokens of each kind that are listed.
const MAX_LISTED: u32 = 10_000;

#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// List the sessions of an operator, those used last first.
    List {
        /// The operator's name.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End a session, with its open streams.
    End {
        /// Its identifier, as `session list` shows it.
        #[arg(required_unless_present = "all_of", conflicts_with = "all_of")]
        id: Option<String>,
        /// End all sessions of this operator.
        #[arg(long, value_name = "NAME")]
        all_of: Option<String>,
    },
}

/// All tokens that are good.
#[derive(Debug, Serialize)]
struct Tokens {
    /// Those with which devices enrol, the first to end first.
    enrolment: Vec<EnrolmentTokenView>,
    /// Those of programs, by operator.
    api: Vec<TokenView>,
}

/// `token list`.
pub(super) async fn list_tokens(config: &Config, json: bool) -> anyhow::Result<()> {
    let (store, now) = (open_store(config)?, clock::now());
    let enrolment = store.unused_tokens(now, MAX_LISTED).await?;
    let api = store.operator_tokens(MAX_LISTED).await?;
    store.close().await;
    let tokens = Tokens {
        enrolment: enrolment.into_iter().map(EnrolmentTokenView::from).collect(),
        api: api.into_iter().map(TokenView::from).collect(),
    };
    unless_closed(print_tokens(&tokens, json))
}

fn minute(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

fn print_tokens(tokens: &Tokens, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(tokens)?)?;
        return out.flush();
    }
    writeln!(
        out,
        "{:<17} {:<10} {:<24} {:<14} {:<17} {:<17} NAME",
        "ID", "KIND", "FOR", "ROLE", "UNTIL", "USED"
    )?;
    for token in &tokens.enrolment {
        let device = token.device.as_ref().map_or("one new device", |device| device.as_str());
        let until = minute(Some(token.expires));
        writeln!(
            out,
            "{:<17} {:<10} {device:<24} {:<14} {until:<17} {:<17}",
            token.id, "enrolment", "-", "-"
        )?;
    }
    for token in &tokens.api {
        let role = token.role.map_or("-", crate::rights::Role::word);
        let (until, used) = (minute(token.expires), minute(token.used));
        writeln!(
            out,
            "{:<17} {:<10} {:<24} {role:<14} {until:<17} {used:<17} {}",
            token.id, "API", token.operator, token.name
        )?;
    }
    out.flush()
}

/// `token revoke`.
pub(super) async fn revoke_token(config: &Config, id: String) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let enrolment = store.revoke_token(id.clone()).await?;
    let api = if enrolment { None } else { store.revoke_operator_token(id.clone(), None).await? };
    store.close().await;
    match api {
        Some(operator) => say(format_args!("The token {id} of {operator} is revoked.")),
        None if enrolment => say(format_args!("The token {id} lets no device in any more.")),
        None => bail!("there is no token {id:?}; `platen-manager token list` lists them"),
    }
    Ok(())
}

/// `session`.
pub(super) async fn sessions(config: &Config, command: SessionCommand) -> anyhow::Result<()> {
    match command {
        SessionCommand::List { name, json } => list_sessions(config, name, json).await,
        SessionCommand::End { all_of: Some(name), .. } => {
            let store = open_store(config)?;
            let count = store.end_sessions_of(name.clone(), None).await?;
            store.close().await;
            say(format_args!("{count} sessions of {name} are ended."));
            Ok(())
        }
        SessionCommand::End { id, all_of: None } => end_session(config, id.unwrap_or_default()).await,
    }
}

async fn list_sessions(config: &Config, name: String, json: bool) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let known = store.operator(name.clone()).await?.is_some();
    let sessions = store.sessions_of(name.clone(), clock::now()).await?;
    store.close().await;
    if !known {
        bail!("there is no operator {name:?}; `platen-manager operator list` lists them");
    }
    let sessions: Vec<_> = sessions.into_iter().map(|session| SessionView::new(session, None)).collect();
    unless_closed(print_sessions(&sessions, json))
}

fn print_sessions(sessions: &[SessionView], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(sessions)?)?;
        return out.flush();
    }
    writeln!(out, "{:<17} {:<17} {:<17} {:<17} {:<40} WITH", "ID", "SINCE", "USED", "UNTIL", "FROM")?;
    for SessionView { id, created, used, until, address, browser, .. } in sessions {
        let [since, used, until] = [created, used, until].map(|time| minute(Some(*time)));
        writeln!(out, "{id:<17} {since:<17} {used:<17} {until:<17} {address:<40} {browser}")?;
    }
    out.flush()
}

async fn end_session(config: &Config, id: String) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let ended = store.end_session_of(id.clone(), None).await?;
    store.close().await;
    if !ended {
        bail!("there is no session {id:?}; `platen-manager session list NAME` lists those of an operator");
    }
    say(format_args!("The session {id} is ended."));
    Ok(())
}
