//! Profiles are sent as commands. Three things are written down, so that nothing is forgotten whatever ends in between:
//! when groups change, how far the devices have been looked through since (`profile_pass`); which devices are to be
//! compared with their profile (`profile_due`); and what each was sent last (`profile_applications`), in the transaction
//! that makes the commands.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::settings::SettingKey;

use super::engine::{Connection, values};
use super::last_told::LastTold;
use super::profile_applications::by_hand;
use super::records::{MAX_OPEN_COMMANDS, id};
use super::statements as all_statements;
use super::{Store, StoreError, from_json, statements::devices as statements, to_json};

/// So long a device may be out of contact and still get what its profile wants; then it is sent anew.
const PROFILE_VALID_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Devices that are looked through in one transaction after groups changed.
const PASSED_AT_ONCE: u32 = 1_000;
/// A device that has too many commands waiting is looked at again after this.
const PUT_OFF_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Commands that a profile needs at most for one device.
const COMMANDS_FOR_ONE: u32 = 2;

/// What came of sending profiles: commands that wait now, and those that nobody needs any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// New commands with their devices.
    pub sent: Vec<(DeviceId, Command)>,
    /// Commands that were taken back before a device had fetched them.
    pub withdrawn: Vec<(DeviceId, CommandId)>,
}

impl Store {
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
    Ok(LastTold::of(connection, device)?.readings.map(|readings| {
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
