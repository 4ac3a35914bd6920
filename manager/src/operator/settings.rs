//! The `[operators]` of `manager.toml`.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::origin::Origin;
use crate::networks::Networks;
use crate::openid::OpenId;
use crate::rights::Role;

/// How operators come to their listener, if not directly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// By which address browsers reach the pages, where a reverse proxy gives the manager another `Host`.
    pub public_origin: Option<Origin>,
    /// Reverse proxies that are believed who asks, by `Forwarded` or `X-Forwarded-For`.
    pub trusted_proxies: Networks,
    /// A provider by which operators sign in, beside their passwords.
    pub openid: Option<OpenId>,
    /// Roles that do nothing at pages until they have a second factor.
    pub second_factor_for: BTreeSet<Role>,
}
