//! Profiles: settings that many devices are to have. A device has at most one: the one that it was given itself, else
//! that of the first of its tags that has one, else that of its site, else that of its customer.
//!
//! Whatever is said about a profile here is written down as still to be done; [`super::apply_profiles`] does it, and
//! [`super::profile_applications`] is how it stands at the devices.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::engine::{Connection, Row, values};
use super::records::{time, word};
use super::seen::{ChangedMeanwhile, mark};
use super::{Store, StoreError, from_integer, from_json, statements::devices as statements, to_json};

/// Devices from which a profile is taken away in one transaction.
const TAKEN_AT_ONCE: u32 = 500;

/// Whom a profile is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// All devices with a tag.
    Tag,
    /// All devices at a site.
    Site,
    /// All devices of a customer.
    Customer,
}

impl GroupKind {
    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Site => "site",
            Self::Customer => "customer",
        }
    }
}

/// A group of devices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// What kind.
    pub kind: GroupKind,
    /// The tag, or the key of the site or customer.
    pub name: String,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRecord {
    /// By which it is asked for.
    pub key: i64,
    /// For people.
    pub name: String,
    /// Whatever is to be remembered.
    pub note: Option<String>,
    /// Values by the names of the settings.
    pub settings: BTreeMap<String, u32>,
    /// Rises when the settings change.
    pub version: u64,
    /// When it was changed last.
    pub changed: Timestamp,
    /// And by whom.
    pub changed_by: String,
    /// Whom it is for, each with its name for people; filled for one profile.
    pub groups: Vec<(Group, String)>,
}

/// What an operator says about a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProfile {
    /// For people.
    pub name: String,
    /// Whatever is to be remembered.
    pub note: Option<String>,
    /// Values by the names of the settings.
    pub settings: BTreeMap<String, u32>,
    /// Whom it is for.
    pub groups: BTreeSet<Group>,
}

/// Why a profile is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileRefusal {
    /// There is none of that number.
    #[error("there is no profile {0} here")]
    Missing(i64),
    /// Another one has that name.
    #[error("there is a profile named {0:?} already: choose another name")]
    NameTaken(String),
    /// A group has a profile already.
    #[error("the {} {name:?} has the profile {profile:?} already: a group has at most one", .kind.word())]
    GroupTaken {
        /// What kind of group.
        kind: GroupKind,
        /// Which.
        name: String,
        /// The other profile.
        profile: String,
    },
    /// It is not as it was seen.
    #[error(transparent)]
    Changed(#[from] ChangedMeanwhile),
    /// A site or customer that is named is not there.
    #[error("there is no {} {name} here", .kind.word())]
    NoGroup {
        /// What kind of group.
        kind: GroupKind,
        /// Which.
        name: String,
    },
}

impl ProfileRecord {
    /// As the audit log has it.
    fn state(&self) -> Json {
        let groups = self.groups.iter().map(|(group, _)| format!("{} {}", group.kind.word(), group.name));
        json!({
            "profile": self.key,
            "name": self.name,
            "note": self.note,
            "settings": self.settings,
            "groups": groups.collect::<BTreeSet<_>>(),
        })
    }

    /// The mark of this state; of a profile with its groups.
    pub fn mark(&self) -> String {
        mark(&self.state())
    }

    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            name: row.get(1)?,
            note: row.get(2)?,
            settings: from_json("settings of a profile", &row.get::<String>(3)?)?,
            version: from_integer(row.get(4)?),
            changed: time(row, 5)?,
            changed_by: row.get(6)?,
            groups: Vec::new(),
        })
    }
}

impl Store {
    /// Profiles by key, those behind one.
    pub async fn profiles(&self, after: Option<i64>, limit: u32) -> Result<Vec<ProfileRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let after = after.unwrap_or(0);
                let parameters = values![after, limit];
                connection.all(statements::PROFILES, parameters, ProfileRecord::from_row)
            })
            .await
    }

    /// One profile with its groups.
    pub async fn profile(&self, key: i64) -> Result<Option<ProfileRecord>, StoreError> {
        self.readers.clone().read(move |connection| profile_now(connection, key)).await
    }

    /// Adds a profile, and says under which key.
    pub async fn add_profile(
        &self,
        new: NewProfile,
        by: String,
        now: Timestamp,
    ) -> Result<Result<i64, ProfileRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if let Some(refusal) = refused(connection, &new, 0)? {
                    return Ok(Err(refusal));
                }
                let settings = to_json("settings of a profile", &new.settings)?;
                let at = now.as_millisecond();
                let parameters = values![new.name, new.note, settings, at, by];
                let key: i64 = connection.row(statements::ADD_PROFILE, parameters, |row| row.get(0))?;
                set_groups(connection, key, &new.groups)?;
                context.changed(None, state_now(connection, key)?.as_ref());
                Ok(Ok(key))
            })
            .await
    }

    /// Says something else about a profile.
    pub async fn set_profile(
        &self,
        key: i64,
        new: NewProfile,
        by: String,
        now: Timestamp,
    ) -> Result<Result<(), ProfileRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if let Some(refusal) = refused(connection, &new, key)? {
                    return Ok(Err(refusal));
                }
                let before = state_now(connection, key)?;
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                let settings = to_json("settings of a profile", &new.settings)?;
                let at = now.as_millisecond();
                let parameters = values![key, new.name, new.note, settings, at, by];
                if connection.execute(statements::SET_PROFILE, parameters)? == 0 {
                    return Ok(Err(ProfileRefusal::Missing(key)));
                }
                connection.execute(statements::REMOVE_GROUPS, values![key])?;
                set_groups(connection, key, &new.groups)?;
                context.changed(before.as_ref(), state_now(connection, key)?.as_ref());
                Ok(Ok(()))
            })
            .await
    }

    /// Has a profile sent again to all devices that have it.
    pub async fn send_profile_again(&self, key: i64, by: String, now: Timestamp) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let at = now.as_millisecond();
                let parameters = values![key, at, by];
                let known = context.connection.execute(statements::RAISE_PROFILE, parameters)? > 0;
                context.connection.execute(statements::BEGIN_PASS, values![])?;
                Ok(known)
            })
            .await
    }

    /// Takes a profile away from all devices that have it, some at a time, and removes it.
    pub async fn remove_profile(
        &self,
        key: i64,
        now: Timestamp,
    ) -> Result<Result<(), ProfileRefusal>, StoreError> {
        let begun = self
            .writer
            .write(move |context| {
                let connection = context.connection;
                let before = state_now(connection, key)?;
                if before.is_none() {
                    return Ok(Err(ProfileRefusal::Missing(key)));
                }
                if context.is_stale(before.as_ref()) {
                    return Ok(Err(ChangedMeanwhile.into()));
                }
                // No device gets it from a group meanwhile.
                connection.execute(statements::REMOVE_GROUPS, values![key])?;
                context.changed(before.as_ref(), None);
                Ok(Ok(()))
            })
            .await?;
        if let Err(refusal) = begun {
            return Ok(Err(refusal));
        }
        loop {
            let left = self
                .writer
                .write(move |context| {
                    let connection = context.connection;
                    connection.execute(statements::REMOVE_GROUPS, values![key])?;
                    let parameters = values![key, TAKEN_AT_ONCE];
                    let taken: Vec<i64> =
                        connection.all(statements::TAKE_PROFILE_AWAY, parameters, |row| row.get(0))?;
                    for device in &taken {
                        // It may have another one by another group.
                        connection.execute(statements::RESOLVE_PROFILE, values![*device])?;
                        connection.execute(statements::NOTE_DUE, values![*device, now.as_millisecond()])?;
                    }
                    if taken.is_empty() {
                        connection.execute(statements::REMOVE_PROFILE, values![key])?;
                    }
                    Ok(!taken.is_empty())
                })
                .await?;
            if !left {
                return Ok(Ok(()));
            }
        }
    }
}

fn profile_now(connection: &Connection, key: i64) -> Result<Option<ProfileRecord>, StoreError> {
    let found = connection.one(statements::PROFILE, values![key], ProfileRecord::from_row)?;
    let Some(mut profile) = found else { return Ok(None) };
    profile.groups = groups_of(connection, key)?;
    Ok(Some(profile))
}

fn state_now(connection: &Connection, key: i64) -> Result<Option<Json>, StoreError> {
    Ok(profile_now(connection, key)?.map(|profile| profile.state()))
}

fn groups_of(connection: &Connection, profile: i64) -> Result<Vec<(Group, String)>, StoreError> {
    connection.all(statements::GROUPS_OF, values![profile], |row| {
        let kind: GroupKind = word("kind of group", row.get(0)?)?;
        let name: String = row.get(1)?;
        let (shown, customer): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        let shown = match (shown, customer) {
            (Some(site), Some(customer)) => format!("{site}, {customer}"),
            (Some(shown), None) => shown,
            _ => name.clone(),
        };
        Ok((Group { kind, name }, shown))
    })
}

fn refused(
    connection: &Connection,
    new: &NewProfile,
    key: i64,
) -> Result<Option<ProfileRefusal>, StoreError> {
    if connection.exists(statements::PROFILE_NAME_TAKEN, values![new.name, key])? {
        return Ok(Some(ProfileRefusal::NameTaken(new.name.clone())));
    }
    for Group { kind, name } in &new.groups {
        let there = match (kind, name.parse::<i64>()) {
            (GroupKind::Tag, _) => true,
            (GroupKind::Site, Ok(key)) => connection.exists(statements::CUSTOMER_OF_SITE, values![key])?,
            (GroupKind::Customer, Ok(key)) => connection.exists(statements::CUSTOMER_EXISTS, values![key])?,
            (_, Err(_)) => false,
        };
        if !there {
            return Ok(Some(ProfileRefusal::NoGroup { kind: *kind, name: name.clone() }));
        }
        let other: Option<String> =
            connection.one(statements::GROUP_OF_OTHER, values![kind.word(), name, key], |row| row.get(0))?;
        if let Some(profile) = other {
            return Ok(Some(ProfileRefusal::GroupTaken { kind: *kind, name: name.clone(), profile }));
        }
    }
    Ok(None)
}

fn set_groups(connection: &Connection, profile: i64, groups: &BTreeSet<Group>) -> Result<(), StoreError> {
    for Group { kind, name } in groups {
        connection.execute(statements::ADD_GROUP, values![kind.word(), name, profile])?;
    }
    connection.execute(statements::BEGIN_PASS, values![])?;
    Ok(())
}
