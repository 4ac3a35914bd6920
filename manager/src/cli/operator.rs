//! `platen-manager operator`: who looks after the printers, what each may do, and tokens for their programs.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::SignedDuration;

use super::device::{customer_key, site_key};
use super::{first_line, say, show_once, unless_closed};
use crate::clock;
use crate::config::Config;
use crate::operator::view::OperatorView;
use crate::operator::{password, said};
use crate::rights::Role;
use crate::run::open_store;
use crate::secret::{self, SECRET_BYTES, fingerprint};
use crate::store::{
    NewOperator, NewOperatorToken, OperatorRecord, OperatorRefusal, OperatorTokenRefusal, Scope, Store,
};

/// Bytes of a password that the manager makes.
const PASSWORD_BYTES: usize = 12;
/// Operators that are read at once for a list.
const AT_ONCE: u32 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    /// Add an operator, or change an operator's password.
    Add(Add),
    /// List operators, what each may do and sees.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give an operator another role, or other customers and sites. A running manager follows within seconds.
    Set(Set),
    /// Give an operator another password; all sessions of the old one end.
    Reset {
        /// The operator's name.
        name: String,
        /// Read the password from the first line of standard input. Otherwise you are prompted for it; if you
        /// enter nothing, one is generated and printed.
        #[arg(long)]
        password_stdin: bool,
        /// Revoke the operator's tokens as well.
        #[arg(long)]
        revoke_tokens: bool,
    },
    /// Take the second factor of an operator away, who has lost it.
    RemoveSecondFactor {
        /// The operator's name.
        name: String,
    },
    /// Remove an operator, with all sessions and tokens.
    Remove {
        /// The operator's name.
        name: String,
    },
    /// Create a bearer token for the API and print it, once.
    Token(NewToken),
}

/// A token for programs.
#[derive(Debug, Args)]
pub(super) struct NewToken {
    /// The operator on whose behalf programs act with the token.
    name: String,
    /// What it is for, as lists show it.
    #[arg(long, default_value = "made at the command line", value_name = "TEXT")]
    label: String,
    /// The most that it may do: viewer, technician, dispatcher or administrator, and never more than its operator.
    #[arg(long)]
    role: Option<Role>,
    /// After how many days it ends; without it, only when it is revoked.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: Option<u32>,
}

/// Whose devices somebody sees.
#[derive(Debug, Args)]
struct Limits {
    /// Only devices of this customer (name or number) are seen; may be given several times.
    #[arg(long, value_name = "CUSTOMER")]
    customer: Vec<String>,
    /// Only devices at this site (name or number) are seen; may be given several times.
    #[arg(long, value_name = "SITE")]
    site: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The name to sign in with.
    name: String,
    /// viewer, technician, dispatcher or administrator. A known operator keeps the role.
    #[arg(long, default_value = "administrator")]
    role: Role,
    #[command(flatten)]
    limits: Limits,
    /// Read the password from the first line of standard input. Otherwise you are prompted for it; if you
    /// enter nothing, one is generated and printed.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The operator's name.
    name: String,
    /// viewer, technician, dispatcher or administrator; the present one, if it is left out.
    #[arg(long)]
    role: Option<Role>,
    #[command(flatten)]
    limits: Limits,
    /// Devices of all customers are seen.
    #[arg(long, conflicts_with_all = ["customer", "site"])]
    everything: bool,
}

impl Limits {
    fn is_given(&self) -> bool {
        !self.customer.is_empty() || !self.site.is_empty()
    }

    async fn scope(&self, store: &Store) -> anyhow::Result<Scope> {
        if !self.is_given() {
            return Ok(Scope::All);
        }
        let (mut customers, mut sites) = (BTreeSet::new(), BTreeSet::new());
        for name in &self.customer {
            customers.extend(customer_key(store, name).await?);
        }
        for name in &self.site {
            sites.extend(site_key(store, name).await?);
        }
        Ok(Scope::Of { customers, sites })
    }
}

pub(super) async fn execute(config: &Config, command: OperatorCommand) -> anyhow::Result<()> {
    match command {
        OperatorCommand::Add(new) => add(config, new).await,
        OperatorCommand::List { json } => list(config, json).await,
        OperatorCommand::Set(change) => set(config, change).await,
        OperatorCommand::Reset { name, password_stdin, revoke_tokens } => {
            reset(config, name, password_stdin, revoke_tokens).await
        }
        OperatorCommand::RemoveSecondFactor { name } => remove_second_factor(config, name).await,
        OperatorCommand::Remove { name } => remove(config, name).await,
        OperatorCommand::Token(new) => token(config, new).await,
    }
}

/// A password that somebody gives, or one that is made; whether it was.
fn ask_password(name: &str, from_stdin: bool) -> anyhow::Result<(String, bool)> {
    let (password, made) = if from_stdin {
        (first_line()?, false)
    } else if io::stdin().is_terminal() {
        write!(
            io::stderr(),
            "Password for {name} (leave empty to have one generated; it is visible as you type): "
        )?;
        let typed = first_line()?;
        if typed.is_empty() { (secret::random_hex::<PASSWORD_BYTES>()?, true) } else { (typed, false) }
    } else {
        (secret::random_hex::<PASSWORD_BYTES>()?, true)
    };
    password::check_password(&password)?;
    Ok((password, made))
}

fn tell_password(name: &str, password: &str, made: bool) -> anyhow::Result<()> {
    if made {
        show_once(&password, "the password was set but could not be shown, so run this again")?;
        say(format_args!("This is the password of {name}. It will not be shown again."));
    } else {
        say(format_args!("{name} can sign in."));
    }
    Ok(())
}

/// What to do instead.
fn refused(refusal: OperatorRefusal) -> anyhow::Error {
    let hint = match &refusal {
        OperatorRefusal::Missing(_) => "`platen-manager operator list` lists them",
        OperatorRefusal::LastAdministrator(_) => {
            "`platen-manager operator set NAME --role administrator` makes somebody one"
        }
        _ => return refusal.into(),
    };
    anyhow::anyhow!("{refusal}; {hint}")
}

async fn add(config: &Config, new: Add) -> anyhow::Result<()> {
    let Add { name, role, limits, password_stdin } = new;
    password::check_name(&name)?;
    let (password, made) = ask_password(&name, password_stdin)?;
    let store = open_store(config)?;
    let scope = limits.scope(&store).await?;
    let password_hash = password::hash(password.clone()).await?;
    let new = NewOperator { name: name.clone(), password_hash: password_hash.clone(), role, scope };
    let added = match store.add_operator(new, clock::now()).await? {
        // As always: a known one is given another password.
        Err(OperatorRefusal::NameTaken(_)) => store.reset_password(name.clone(), password_hash).await?,
        added => added,
    };
    store.close().await;
    added.map_err(refused)?;
    tell_password(&name, &password, made)
}

async fn reset(
    config: &Config,
    name: String,
    password_stdin: bool,
    revoke_tokens: bool,
) -> anyhow::Result<()> {
    let store = open_store(config)?;
    if store.operator(name.clone()).await?.is_none() {
        return Err(refused(OperatorRefusal::Missing(name)));
    }
    let (password, made) = ask_password(&name, password_stdin)?;
    let hash = password::hash(password.clone()).await?;
    let done = store.give_password(name.clone(), hash, revoke_tokens).await?;
    store.close().await;
    done.map_err(refused)?;
    tell_password(&name, &password, made)
}

async fn set(config: &Config, set: Set) -> anyhow::Result<()> {
    let Set { name, role, limits, everything } = set;
    if role.is_none() && !everything && !limits.is_given() {
        bail!("nothing is to be set: give --role, --customer, --site or --everything");
    }
    let store = open_store(config)?;
    let Some(present) = store.operator(name.clone()).await? else {
        return Err(refused(OperatorRefusal::Missing(name)));
    };
    let scope =
        if everything || limits.is_given() { limits.scope(&store).await? } else { scope_of(&present) };
    let done = store.change_operator(name.clone(), role.unwrap_or(present.role), scope).await?;
    let now = store.operator(name.clone()).await?.map(OperatorView::from);
    store.close().await;
    done.map_err(refused)?;
    if let Some(now) = now {
        say(format_args!("{name} is a {} and sees {}.", now.role, now.sees()));
    }
    Ok(())
}

fn scope_of(record: &OperatorRecord) -> Scope {
    record.limited_to.as_ref().map_or(Scope::All, |(customers, sites)| Scope::Of {
        customers: customers.iter().map(|place| place.key).collect(),
        sites: sites.iter().map(|place| place.key).collect(),
    })
}

async fn remove_second_factor(config: &Config, name: String) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let removed = store.remove_second_factor(name.clone()).await?;
    store.close().await;
    if !removed {
        bail!(
            "there is no operator {name:?} with a second factor; `platen-manager operator list` lists operators"
        );
    }
    say(format_args!("The password alone lets {name} in, until another second factor is set up."));
    Ok(())
}

async fn remove(config: &Config, name: String) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let done = store.remove_operator(name.clone()).await?;
    store.close().await;
    done.map_err(refused)?;
    say(format_args!(
        "{name} is removed, with all sessions and tokens: a running manager follows within seconds."
    ));
    Ok(())
}

async fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let mut all: Vec<OperatorView> = Vec::new();
    loop {
        let after = all.last().map(|operator| operator.name.clone());
        let some = store.operators(after, AT_ONCE).await?;
        if some.is_empty() {
            break;
        }
        all.extend(some.into_iter().map(OperatorView::from));
    }
    store.close().await;
    unless_closed(print(&all, json))
}

fn print(all: &[OperatorView], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(all)?)?;
    } else {
        writeln!(out, "{:<24} {:<14} SEES", "OPERATOR", "ROLE")?;
        for one in all {
            writeln!(out, "{:<24} {:<14} {}", one.name, one.role.word(), one.sees())?;
        }
    }
    out.flush()
}

async fn token(config: &Config, new: NewToken) -> anyhow::Result<()> {
    let NewToken { name, label, role, days } = new;
    let (token, now) = (secret::random_hex::<SECRET_BYTES>()?, clock::now());
    let made = NewOperatorToken {
        hash: fingerprint(token.as_bytes()),
        operator: name.clone(),
        name: said::name("--label", &label)?,
        role,
        expires: days.map(|days| now + SignedDuration::from_hours(24 * i64::from(days))),
    };
    let store = open_store(config)?;
    let added = store.make_operator_token(made, now).await?;
    store.close().await;
    if let Err(refusal) = added {
        let hint = match refusal {
            OperatorTokenRefusal::Missing(_) => {
                format!(": add one with `platen-manager operator add {name}`")
            }
            OperatorTokenRefusal::TooMany => ": `platen-manager token list` lists them".to_owned(),
            OperatorTokenRefusal::TooMuch(..) => String::new(),
        };
        bail!("{refusal}{hint}");
    }
    show_once(&token, "the token was created but could not be shown, so create another")?;
    say(format_args!(
        "Send it as `Authorization: Bearer ...`. It acts on behalf of {name} and will not be shown again."
    ));
    Ok(())
}
