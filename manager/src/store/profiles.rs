//! Profiles: settings that many devices are to have. A device has at most one: the one that it was given itself, else
//! that of the first of its tags that has one, else that of its site, else that of its customer.
//!
//! A profile is sent as commands. What an operator set on one device by hand wins: that name is left out of what the
//! device is sent, until it is reset by hand.
//!
//! Three things are written down, so that nothing is forgotten whatever ends in between: when groups change, how far
//! the devices have been looked through since (`profile_pass`); which devices are to be compared with their profile
//! (`profile_due`); and what each was sent last (`profile_applications`), in the transaction that makes the commands.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::readings::Readings;
use platen_protocol::settings::SettingKey;
use serde::Serialize;

use super::conditions::Conditions;
use super::engine::{Connection, Row, values};
use super::records::{MAX_OPEN_COMMANDS, id, time};
use super::scope::Scope;
use super::statements as all_statements;
use super::{Store, StoreError, from_integer, from_json, statements::devices as statements, to_json};

/// So long a device may be out of contact and still get what its profile wants; then it is sent anew.
const PROFILE_VALID_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Devices that are looked through in one transaction after groups changed.
const PASSED_AT_ONCE: u32 = 1_000;
/// A device that has too many commands waiting is looked at again after this.
const PUT_OFF_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Devices from which a profile is taken away in one transaction.
const TAKEN_AT_ONCE: u32 = 500;
/// Commands that a profile needs at most for one device.
const COMMANDS_FOR_ONE: u32 = 2;

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
    /// A site or customer that is named is not there.
    #[error("there is no {} {name} here", .kind.word())]
    NoGroup {
        /// What kind of group.
        kind: GroupKind,
        /// Which.
        name: String,
    },
}

/// How far a profile has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// Devices in service that have the profile.
    pub devices: u64,
    /// Those that have accepted it.
    pub accepted: u64,
    /// Those to which it has been sent, or is about to be.
    pub waiting: u64,
    /// Those that refused it, or could not set it.
    pub refused: u64,
}

/// A device that did not accept its profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ProfileRefused {
    /// Which device.
    pub device: DeviceId,
    /// `refused` or `failed`.
    pub state: String,
    /// Why, in the device's words.
    pub reason: Option<String>,
    /// When it was sent.
    pub at: Timestamp,
}

/// A setting that an operator gave to one device by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OwnSetting {
    /// Name of the setting.
    pub name: String,
    /// Its value, in the unit that the name ends with.
    pub value: u32,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub at: Timestamp,
}

/// How the settings of a profile stand at one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationRecord {
    /// `due`, `waiting`, `done`, `failed`, `refused`, `expired`.
    pub state: String,
    /// Why, if the device did not accept them.
    pub reason: Option<String>,
    /// Settings of the profile from which this device differs, because an operator set them by hand.
    pub differing: Vec<String>,
}

/// What came of sending profiles: commands that wait now, and those that nobody needs any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// New commands with their devices.
    pub sent: Vec<(DeviceId, Command)>,
    /// Commands that were taken back before a device had fetched them.
    pub withdrawn: Vec<(DeviceId, CommandId)>,
}

impl ProfileRecord {
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

/// What was set by hand on a device.
pub(super) fn by_hand(connection: &Connection, device: i64) -> Result<Vec<OwnSetting>, StoreError> {
    connection.all(statements::BY_HAND, values![device], |row| {
        Ok(OwnSetting { name: row.get(0)?, value: row.get(1)?, set_by: row.get(2)?, at: time(row, 3)? })
    })
}

/// How the settings of the profile of a device stand; device, profile and its version.
pub(super) fn application(
    connection: &Connection,
    (device, profile, version): (i64, i64, i64),
    settings: &str,
    by_hand: &[OwnSetting],
) -> Result<ApplicationRecord, StoreError> {
    let known = connection.one(statements::APPLICATION_STATE, values![device, profile, version], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let (state, reason) = known.unwrap_or_else(|| ("due".to_owned(), None));
    let settings: BTreeMap<String, u32> = from_json("settings of a profile", settings)?;
    let differs = |own: &&OwnSetting| settings.get(&own.name).is_some_and(|wanted| *wanted != own.value);
    let differing = by_hand.iter().filter(differs).map(|own| own.name.clone()).collect();
    Ok(ApplicationRecord { state, reason, differing })
}

/// A command that an operator gave to one device by hand is remembered, so that profiles leave it alone.
pub(super) fn note_by_hand(
    connection: &Connection,
    device: i64,
    command: &Command,
    by: &str,
) -> Result<(), StoreError> {
    let at = command.issued.as_millisecond();
    match &command.action {
        Action::Set { settings } => {
            let id = command.id.as_str();
            for (name, value) in settings {
                let parameters = values![device, name, *value, id, by, at];
                connection.execute(statements::SET_BY_HAND, parameters)?;
            }
            return Ok(());
        }
        Action::Reset { settings } if settings.is_empty() => {
            connection.execute(statements::RESET_ALL_BY_HAND, values![device])?;
        }
        Action::Reset { settings } => {
            for name in settings {
                connection.execute(statements::RESET_BY_HAND, values![device, name])?;
            }
        }
        Action::ReadNow | Action::Retire | Action::Unknown => return Ok(()),
    }
    // What was reset is the profile's again.
    connection.execute(statements::NOTE_DUE, values![device, at])?;
    Ok(())
}

/// A device enrolled again: what it was sent before may be gone with its disk.
pub(super) fn send_anew(
    connection: &Connection,
    device: &DeviceId,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection.execute(statements::FORGET_APPLICATION, values![device.as_str()])?;
    connection.execute(statements::DUE_BY_NAME, values![device.as_str(), now.as_millisecond()])?;
    Ok(())
}

/// A command has ended: what follows for settings that were set by hand, or because of a profile.
pub(super) fn command_ended(
    connection: &Connection,
    command: &CommandId,
    (state, reason): (&str, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = command.as_str();
    connection.execute(statements::APPLICATION_ENDED, values![id, state, reason])?;
    let at = now.as_millisecond();
    if state != "done" {
        let devices: Vec<i64> =
            connection.all(statements::NOT_SET_AFTER_ALL, values![id], |row| row.get(0))?;
        for device in devices {
            connection.execute(statements::NOTE_DUE, values![device, at])?;
        }
    }
    if state == "expired" {
        connection.execute(statements::DUE_AGAIN, values![id, at])?;
    }
    Ok(())
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
        self.readers
            .clone()
            .read(move |connection| {
                let found = connection.one(statements::PROFILE, values![key], ProfileRecord::from_row)?;
                let Some(mut profile) = found else { return Ok(None) };
                profile.groups = groups_of(connection, key)?;
                Ok(Some(profile))
            })
            .await
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
                let settings = to_json("settings of a profile", &new.settings)?;
                let at = now.as_millisecond();
                let parameters = values![key, new.name, new.note, settings, at, by];
                if connection.execute(statements::SET_PROFILE, parameters)? == 0 {
                    return Ok(Err(ProfileRefusal::Missing(key)));
                }
                connection.execute(statements::REMOVE_GROUPS, values![key])?;
                set_groups(connection, key, &new.groups)?;
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

    /// Takes a profile away from all devices that have it, some at a time, and removes it. Says whether it was there.
    pub async fn remove_profile(&self, key: i64, now: Timestamp) -> Result<bool, StoreError> {
        loop {
            let left = self
                .writer
                .write(move |context| {
                    let connection = context.connection;
                    // No device gets it from a group meanwhile.
                    connection.execute(statements::REMOVE_GROUPS, values![key])?;
                    let parameters = values![key, TAKEN_AT_ONCE];
                    let taken: Vec<i64> =
                        connection.all(statements::TAKE_PROFILE_AWAY, parameters, |row| row.get(0))?;
                    for device in &taken {
                        // It may have another one by another group.
                        connection.execute(statements::RESOLVE_PROFILE, values![*device])?;
                        connection.execute(statements::NOTE_DUE, values![*device, now.as_millisecond()])?;
                    }
                    if !taken.is_empty() {
                        return Ok(None);
                    }
                    Ok(Some(connection.execute(statements::REMOVE_PROFILE, values![key])? > 0))
                })
                .await?;
            if let Some(was_there) = left {
                return Ok(was_there);
            }
        }
    }

    /// How far profiles have come, by their keys: this one, or all. One that no device has is not among them.
    pub async fn profile_progress(
        &self,
        scope: &Scope,
        profile: Option<i64>,
    ) -> Result<BTreeMap<i64, Progress>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                conditions.and_within(&scope, "d");
                if let Some(profile) = &profile {
                    conditions.and_with("d.profile = {}", profile);
                }
                let (those, text) = (conditions.text(), statements::PROGRESS);
                let text = format!("{text}{those} GROUP BY d.profile, coalesce(a.state, 'due')");
                let mut found: BTreeMap<i64, Progress> = BTreeMap::new();
                connection.each(&text, conditions.values(), |row| {
                    let (state, count): (String, u64) = (row.get(1)?, from_integer(row.get(2)?));
                    let progress = found.entry(row.get(0)?).or_default();
                    progress.devices += count;
                    match state.as_str() {
                        "done" => progress.accepted += count,
                        "failed" | "refused" => progress.refused += count,
                        _ => progress.waiting += count,
                    }
                    Ok(())
                })?;
                Ok(found)
            })
            .await
    }

    /// Devices that did not accept their profile, by name.
    pub async fn profile_refusals(
        &self,
        scope: &Scope,
        key: i64,
        limit: u32,
    ) -> Result<Vec<ProfileRefused>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(values![limit]);
                conditions.and_with("p.key = {}", &key);
                conditions.and_within(&scope, "d");
                let (those, text) = (conditions.text(), statements::REFUSALS);
                let text = format!("{text}{those} ORDER BY d.id LIMIT ?1");
                connection.all(&text, conditions.values(), |row| {
                    Ok(ProfileRefused {
                        device: id("device", row.get(0)?)?,
                        state: row.get(1)?,
                        reason: row.get(2)?,
                        at: time(row, 3)?,
                    })
                })
            })
            .await
    }

    /// After groups or profiles changed: looks through the next devices for those that have another profile now. Says
    /// whether there are more.
    pub async fn pass_profiles(&self, now: Timestamp) -> Result<bool, StoreError> {
        let waits =
            self.readers.clone().read(|connection| connection.exists(statements::PASS, values![])).await?;
        if !waits {
            return Ok(false);
        }
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let upto: Option<i64> = connection.one(statements::PASS, values![], |row| row.get(0))?;
                let Some(upto) = upto else { return Ok(false) };
                let to: Option<i64> =
                    connection.row(statements::PASS_TO, values![upto, PASSED_AT_ONCE], |row| row.get(0))?;
                let Some(to) = to else {
                    connection.execute(statements::END_PASS, values![])?;
                    return Ok(false);
                };
                connection.execute(statements::RESOLVE_PROFILES, values![upto, to])?;
                connection.execute(statements::NOTE_ALL_DUE, values![upto, to, now.as_millisecond()])?;
                connection.execute(statements::SET_PASS, values![to])?;
                Ok(true)
            })
            .await
    }

    /// Whether any device is to be compared with its profile.
    pub async fn profiles_are_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.exists(statements::DUE, values![now.as_millisecond(), 1]))
            .await
    }

    /// Compares the devices that are due with their profiles, and makes the commands that they need, at most for half as
    /// many devices as there are names: a command takes one. Says how many devices were looked at.
    pub async fn apply_profiles(
        &self,
        names: Vec<CommandId>,
        now: Timestamp,
    ) -> Result<(Applied, usize), StoreError> {
        let most = u32::try_from(names.len()).unwrap_or(u32::MAX) / COMMANDS_FOR_ONE;
        self.writer
            .write(move |context| {
                let (mut names, mut applied) = (names.clone(), Applied::default());
                let connection = context.connection;
                // Another manager that does it at this moment has its own.
                let text = connection.text(statements::DUE, statements::DUE_AND_HELD);
                let at = now.as_millisecond();
                let due: Vec<i64> = connection.all(text, values![at, most], |row| row.get(0))?;
                for device in &due {
                    apply(connection, *device, now, &mut names, &mut applied)?;
                }
                Ok((applied, due.len()))
            })
            .await
    }
}

fn groups_of(connection: &Connection, profile: i64) -> Result<Vec<(Group, String)>, StoreError> {
    connection.all(statements::GROUPS_OF, values![profile], |row| {
        let kind: GroupKind = super::records::word("kind of group", row.get(0)?)?;
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

/// What was sent to a device before.
struct Former {
    profile: Option<i64>,
    version: Option<i64>,
    settings: BTreeMap<String, u32>,
    taken_back: Vec<String>,
    command: Option<String>,
    state: String,
}

/// What a device is to have.
struct Wanted {
    device: DeviceId,
    profile: Option<i64>,
    name: String,
    version: Option<i64>,
    settings: BTreeMap<String, u32>,
    by: String,
    in_service: bool,
}

fn former(connection: &Connection, device: i64) -> Result<Option<Former>, StoreError> {
    connection.one(statements::APPLICATION, values![device], |row| {
        Ok(Former {
            profile: row.get(0)?,
            version: row.get(1)?,
            settings: from_json("settings of a profile", &row.get::<String>(2)?)?,
            taken_back: from_json("settings of a profile", &row.get::<String>(3)?)?,
            command: row.get(4)?,
            state: row.get(5)?,
        })
    })
}

fn wanted(connection: &Connection, device: i64) -> Result<Option<Wanted>, StoreError> {
    connection.one(statements::PROFILE_TO_APPLY, values![device], |row| {
        let settings: Option<String> = row.get(4)?;
        let settings =
            settings.map(|text| from_json("settings of a profile", &text)).transpose()?.unwrap_or_default();
        Ok(Wanted {
            device: id("device", row.get(0)?)?,
            profile: row.get(1)?,
            name: row.get::<Option<String>>(2)?.unwrap_or_default(),
            version: row.get(3)?,
            settings,
            by: row.get::<Option<String>>(5)?.unwrap_or_default(),
            in_service: row.get(6)?,
        })
    })
}

/// Sends a device what its profile wants, if it has not been sent that already.
fn apply(
    connection: &Connection,
    device: i64,
    now: Timestamp,
    names: &mut Vec<CommandId>,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let (Some(mut wanted), former) = (wanted(connection, device)?, former(connection, device)?) else {
        connection.execute(statements::NOT_DUE, values![device])?;
        return Ok(());
    };
    let nothing_ever = wanted.profile.is_none() && former.is_none();
    if !wanted.in_service || nothing_ever {
        connection.execute(statements::NOT_DUE, values![device])?;
        return Ok(());
    }
    let own: BTreeSet<String> = by_hand(connection, device)?.into_iter().map(|own| own.name).collect();
    let has = subjects(connection, device)?;
    if has.is_none() && wanted.settings.keys().any(|name| is_about_something(name)) {
        // It has not said yet what it has.
        let later = (now + PUT_OFF_FOR).as_millisecond();
        connection.execute(statements::PUT_OFF_DUE, values![device, later])?;
        return Ok(());
    }
    wanted.settings.retain(|name, _| !own.contains(name) && fits(name, has.as_ref()));
    let stands = |former: &Former| {
        former.profile == wanted.profile
            && former.version == wanted.version
            && former.settings == wanted.settings
            && former.state != "expired"
    };
    if former.as_ref().is_some_and(stands) {
        connection.execute(statements::NOT_DUE, values![device])?;
        return Ok(());
    }
    let open: u32 = connection.row(all_statements::OPEN_COMMANDS_OF, values![device], |row| row.get(0))?;
    if open + COMMANDS_FOR_ONE > MAX_OPEN_COMMANDS || names.len() < COMMANDS_FOR_ONE as usize {
        let later = (now + PUT_OFF_FOR).as_millisecond();
        connection.execute(statements::PUT_OFF_DUE, values![device, later])?;
        return Ok(());
    }
    let taken_back = take_back(connection, former, &wanted, &own, now, applied)?;
    let actions = [
        (!taken_back.is_empty()).then(|| Action::Reset { settings: taken_back.clone() }),
        (!wanted.settings.is_empty()).then(|| Action::Set { settings: wanted.settings.clone() }),
    ];
    let mut last: Option<CommandId> = None;
    for action in actions.into_iter().flatten() {
        let Some(id) = names.pop() else { continue };
        let by = if wanted.profile.is_some() {
            format!("{} (profile {})", wanted.by, wanted.name)
        } else {
            "the manager (no profile any more)".to_owned()
        };
        let command = Command {
            id: id.clone(),
            issued: now,
            expires: now + PROFILE_VALID_FOR,
            action,
            issued_by: Some(by.clone()),
        };
        connection.execute(
            all_statements::ADD_COMMAND,
            values![
                id.as_str(),
                device,
                to_json("action", &command.action)?,
                now.as_millisecond(),
                by,
                command.expires.as_millisecond()
            ],
        )?;
        applied.sent.push((wanted.device.clone(), command));
        last = Some(id);
    }
    let state = if last.is_some() { "waiting" } else { "done" };
    connection.execute(
        statements::SET_APPLICATION,
        values![
            device,
            wanted.profile,
            wanted.version,
            to_json("settings of a profile", &wanted.settings)?,
            to_json("settings of a profile", &taken_back)?,
            last.as_ref().map(CommandId::as_str),
            state,
            now.as_millisecond()
        ],
    )?;
    connection.execute(statements::NOT_DUE, values![device])?;
    Ok(())
}

/// Names that are to be reset: what was sent before and is not wanted any more. A former command that nobody has
/// fetched is withdrawn; what it was to reset is still to be reset then.
fn take_back(
    connection: &Connection,
    former: Option<Former>,
    wanted: &Wanted,
    own: &BTreeSet<String>,
    now: Timestamp,
    applied: &mut Applied,
) -> Result<Vec<String>, StoreError> {
    let Some(former) = former else { return Ok(Vec::new()) };
    let mut names: BTreeSet<String> = former.settings.into_keys().collect();
    if let Some(command) = former.command.filter(|_| former.state == "waiting") {
        let reason = "the profile was changed before the device fetched this";
        let at = now.as_millisecond();
        let parameters = values![command, at, reason];
        if connection.execute(statements::WITHDRAW, parameters)? > 0 {
            names.extend(former.taken_back);
            applied.withdrawn.push((wanted.device.clone(), id("command", command)?));
        }
    }
    names.retain(|name| !wanted.settings.contains_key(name) && !own.contains(name));
    Ok(names.into_iter().collect())
}

/// The supplies and parts that a device has, if it has said so.
fn subjects(connection: &Connection, device: i64) -> Result<Option<BTreeSet<String>>, StoreError> {
    let found: Option<(Option<String>, String)> =
        connection.one(all_statements::LATEST, values![device], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((merged, body)) = found else { return Ok(None) };
    // What cannot be read says nothing; that it is damaged is told elsewhere.
    let readings: Option<Readings> = match merged {
        Some(merged) => serde_json::from_str(&merged).ok(),
        None => serde_json::from_str::<platen_protocol::device_to_manager::Report>(&body)
            .ok()
            .and_then(|report| report.body.readings().cloned()),
    };
    Ok(readings.map(|readings| {
        let supplies = readings.supplies.iter().map(|supply| format!("supply {}", supply.name));
        supplies.chain(readings.parts.iter().map(|part| format!("part {}", part.name))).collect()
    }))
}

fn is_about_something(name: &str) -> bool {
    name.parse::<SettingKey>().is_ok_and(|key| key.subject().is_some())
}

/// Whether a device has what a setting is about: one profile may be for printers of several kinds.
fn fits(name: &str, has: Option<&BTreeSet<String>>) -> bool {
    let (Some(has), Ok(key)) = (has, name.parse::<SettingKey>()) else { return true };
    match &key {
        SettingKey::SupplyPercent(name) | SettingKey::SupplyPages(name) | SettingKey::SupplyDays(name) => {
            has.contains(&format!("supply {name}"))
        }
        SettingKey::PartSetPercent(name) => has.contains(&format!("part {name}")),
        _ => true,
    }
}
