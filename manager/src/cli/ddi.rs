//! `platen-manager ddi token`, `list` and `revoke`: tokens for update clients that are not ours (docs/hawkbit.md).

use std::io::{self, Write as _};

use anyhow::bail;
use clap::Subcommand;
use platen_protocol::identity::DeviceId;

use super::{account, say, show_once, unless_closed};
use crate::clock;
use crate::config::Config;
use crate::run::open_store;
use crate::secret::{SECRET_BYTES, fingerprint, random_hex};
use crate::store::{NewDdiToken, Scope};

#[derive(Debug, Subcommand)]
pub(super) enum DdiCommand {
    /// Create a token with which an update client asks for the programs of a device, and print it, once. A device that
    /// is not known is let in by it.
    Token {
        /// The device; the client has to use its name as its controller id.
        #[arg(long)]
        device: DeviceId,
    },
    /// List the tokens of a device, without their secrets.
    List {
        /// The device.
        #[arg(long)]
        device: DeviceId,
    },
    /// Revoke one token of a device, or all of them.
    Revoke {
        /// The device.
        #[arg(long)]
        device: DeviceId,
        /// The token's number, as `list` shows it; all of the device's without it.
        #[arg(long, value_name = "NUMBER")]
        token: Option<i64>,
    },
}

pub(super) async fn execute(config: &Config, command: DdiCommand) -> anyhow::Result<()> {
    match command {
        DdiCommand::Token { device } => token(config, device).await,
        DdiCommand::List { device } => list(config, device).await,
        DdiCommand::Revoke { device, token } => revoke(config, device, token).await,
    }
}

async fn token(config: &Config, device: DeviceId) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let secret = random_hex::<SECRET_BYTES>()?;
    let hash = fingerprint(secret.as_bytes());
    let new = NewDdiToken { device: device.clone(), hash, by: account() };
    let made = store.add_ddi_token(&Scope::All, new, clock::now()).await?;
    store.close().await;
    let made = made?;
    show_once(&secret, "the token was created but could not be shown, so create another")?;
    let whom = if made.new_device.is_some() { "the new device" } else { "the device" };
    say(format_args!(
        "It is token {} of {whom} {device}, good until it is revoked. It will not be shown again.",
        made.key
    ));
    say(format_args!(
        "The client's tenant is {}, its controller id {device}; it sends `Authorization: TargetToken …`.",
        config.ddi.tenant
    ));
    if !config.ddi.enabled {
        say(format_args!(
            "Such clients are not served yet: write [ddi] and enabled = true to the configuration."
        ));
    }
    Ok(())
}

async fn list(config: &Config, device: DeviceId) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let tokens = store.ddi_tokens(&Scope::All, device.clone()).await?;
    store.close().await;
    let Some(tokens) = tokens else {
        bail!("there is no device {device}; `platen-manager device list` lists them");
    };
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{:<8} {:<24} BY", "TOKEN", "CREATED").and_then(|()| {
        tokens.iter().try_for_each(|one| {
            let created = one.created.round(jiff::Unit::Second).unwrap_or(one.created);
            writeln!(out, "{:<8} {:<24} {}", one.key, created.to_string(), one.created_by)
        })
    });
    unless_closed(written.and_then(|()| out.flush()))
}

async fn revoke(config: &Config, device: DeviceId, token: Option<i64>) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let revoked = store.revoke_ddi_tokens(&Scope::All, device.clone(), token).await?;
    store.close().await;
    if revoked == 0 {
        bail!("{device} has no such token; `platen-manager ddi list --device {device}` lists them");
    }
    say(format_args!("{revoked} of the tokens of {device} let nobody in any more."));
    Ok(())
}
