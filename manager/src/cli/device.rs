//! `platen-manager device show`, `set`, `retire` and `delete`: what an administrator does with one device beside a
//! manager that serves, or without one.

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use clap::Args;
use platen_protocol::identity::DeviceId;

use super::{account, say, unless_closed};
use crate::clock;
use crate::config::Config;
use crate::operator::retire as retiring;
use crate::operator::said;
use crate::operator::view::DetailsView;
use crate::run::open_store;
use crate::store::{DeleteRefusal, DetailsChange, Scope, Store};

/// Customers, sites and profiles that are read at once.
const AT_ONCE: u32 = 500;

/// What is to be said about a device. An empty value takes away what stood there.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// The device's name.
    device: DeviceId,
    /// Whose it is: name or number of a customer.
    #[arg(long, value_name = "CUSTOMER")]
    customer: Option<String>,
    /// Where it stands: name or number of a site. The device is that customer's then.
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Where at the site.
    #[arg(long, value_name = "TEXT")]
    place: Option<String>,
    /// Its time zone, such as Europe/Berlin, where that is another one than the site's.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Whatever is to be remembered of it.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// A tag that it gets; may be given several times.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// A tag that it loses; may be given several times.
    #[arg(long, value_name = "TAG")]
    untag: Vec<String>,
    /// The profile that it is given itself: its name or number.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
}

/// A key by a number, or by a name among what a list has; nothing for an empty text.
async fn key_of<L, F>(what: &str, asked: &str, mut list: L) -> anyhow::Result<Option<i64>>
where
    L: FnMut(Option<i64>) -> F,
    F: Future<Output = anyhow::Result<Vec<(i64, String)>>>,
{
    let asked = asked.trim();
    if asked.is_empty() {
        return Ok(None);
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let some = list(after).await?;
        let Some((end, _)) = some.last() else { break };
        after = Some(*end);
        found.extend(some.into_iter().filter(|(_, name)| name == asked).map(|(key, _)| key));
    }
    match (found.as_slice(), asked.parse::<i64>()) {
        ([one], _) => Ok(Some(*one)),
        ([], Ok(key)) => Ok(Some(key)),
        ([], Err(_)) => bail!("there is no {what} named {asked:?}; the page Customers and sites lists them"),
        (many, _) => bail!("{} {what}s are named {asked:?}: give the number of one", many.len()),
    }
}

/// The key of a customer, by its name or number; nothing for an empty text.
pub(super) async fn customer_key(store: &Store, asked: &str) -> anyhow::Result<Option<i64>> {
    let list = async |after| {
        let some = store.customers(&Scope::All, after, AT_ONCE).await?;
        Ok(some.into_iter().map(|one| (one.key, one.name)).collect())
    };
    key_of("customer", asked, list).await
}

/// The same of a site.
pub(super) async fn site_key(store: &Store, asked: &str) -> anyhow::Result<Option<i64>> {
    let list = async |after| {
        let some = store.sites(&Scope::All, None, after, AT_ONCE).await?;
        Ok(some.into_iter().map(|one| (one.key, one.name)).collect())
    };
    key_of("site", asked, list).await
}

async fn change(store: &Store, set: &Set) -> anyhow::Result<DetailsChange> {
    let mut change = DetailsChange::default();
    if let Some(customer) = &set.customer {
        change.customer = Some(customer_key(store, customer).await?);
    }
    if let Some(site) = &set.site {
        change.site = Some(site_key(store, site).await?);
    }
    if let Some(profile) = &set.profile {
        let list = async |after| {
            let some = store.profiles(after, AT_ONCE).await?;
            Ok(some.into_iter().map(|one| (one.key, one.name)).collect())
        };
        change.profile = Some(key_of("profile", profile, list).await?);
    }
    change.place = set.place.as_deref().map(said::place).transpose()?;
    change.time_zone = set.time_zone.as_deref().map(said::time_zone).transpose()?;
    change.note = set.note.as_deref().map(said::note).transpose()?;
    change.add_tags = said::tags(set.tag.iter().map(String::as_str))?;
    change.remove_tags = said::tags(set.untag.iter().map(String::as_str))?;
    if change == DetailsChange::default() {
        bail!("nothing is to be set: `platen-manager device set --help` lists what can be");
    }
    Ok(change)
}

pub(super) async fn set(config: &Config, set: Set) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let change = change(&store, &set).await?;
    let done = store.set_details(&Scope::All, set.device.clone(), change, account(), clock::now()).await?;
    store.close().await;
    done.with_context(|| format!("{} was not changed", set.device))?;
    say(format_args!("{} is changed.", set.device));
    Ok(())
}

pub(super) async fn show(config: &Config, device: DeviceId, json: bool) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let details = store.details(&Scope::All, device.clone()).await?;
    let retirement = store.retirement(&Scope::All, device.clone()).await?;
    store.close().await;
    let Some(details) = details else { bail!(unknown(&device)) };
    let details = DetailsView::new(details, retirement);
    let mut out = io::stdout().lock();
    if json {
        let text = serde_json::to_string_pretty(&details)?;
        return unless_closed(writeln!(out, "{text}").and_then(|()| out.flush()));
    }
    let written = details.lines().into_iter().try_for_each(|(name, value)| {
        let mut lines = value.lines();
        writeln!(out, "{name:<12}{}", lines.next().unwrap_or("-"))?;
        lines.try_for_each(|line| writeln!(out, "{:<12}{line}", ""))
    });
    unless_closed(written.and_then(|()| out.flush()))
}

fn unknown(device: &DeviceId) -> String {
    format!("there is no device {device}; `platen-manager device list` lists them")
}

pub(super) async fn retire(config: &Config, device: DeviceId) -> anyhow::Result<()> {
    let (by, now) = (account(), clock::now());
    let command = retiring::command(&by).map_err(anyhow::Error::from_boxed)?;
    let store = open_store(config)?;
    let retired = store.retire(device.clone(), command, by, now).await?;
    store.close().await;
    let Some(retired) = retired else { bail!(unknown(&device)) };
    if retired.is_told {
        say(format_args!(
            "{device} is retired: it is told when it is in contact, and removes its key; from then on it is refused."
        ));
    } else if retired.standing.revoked.is_some() {
        say(format_args!("{device} is retired. It is refused, so it cannot be told: its key stays on it."));
    } else {
        say(format_args!("{device} was retired before, and has not answered yet."));
    }
    say(format_args!(
        "What it reported is kept. To delete that as well: `platen-manager device delete {device} --confirm {device}`"
    ));
    Ok(())
}

pub(super) async fn delete(config: &Config, device: DeviceId, confirm: &str) -> anyhow::Result<()> {
    if confirm != device.as_str() {
        bail!("--confirm must repeat the device's name, {device}; {confirm:?} is not that");
    }
    let store = open_store(config)?;
    let begun = store.begin_deletion(device.clone(), account(), clock::now()).await?;
    match begun {
        Ok(()) => {}
        Err(DeleteRefusal::UnknownDevice) => bail!(unknown(&device)),
        Err(DeleteRefusal::InService) => bail!(
            "{device} is in service: retire it first (`platen-manager device retire {device}`), or revoke it if it is lost"
        ),
    }
    say(format_args!("deleting {device}; if this is interrupted, a manager that serves goes on with it"));
    retiring::delete_all(&store).await?;
    store.close().await;
    say(format_args!("{device} is deleted for good. Backups that were made before still have it."));
    Ok(())
}
