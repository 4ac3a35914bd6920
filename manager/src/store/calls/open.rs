//! Opening a call: what is written beside its row, whether a device asked for it or somebody at the desk.

use jiff::Timestamp;
use platen_protocol::alert::Alert;
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::Readings;

use super::super::engine::{Connection, values};
use super::super::last_told::LastTold;
use super::super::sight::sees_device;
use super::super::statements::{self as all_statements, calls as statements, devices};
use super::super::states::refresh;
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError};
use super::acts::{CallNotice, NEVER_DUE, note, notice};
use super::agreements::due;
use super::records::{CallWhat, ServiceCallState};
use super::snapshot::take;

/// Calls that can be open at one device before nobody at the desk can open one more.
const MAX_OPEN_BY_HAND: i64 = 100;

/// A call that somebody opens at the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// For which device.
    pub device: DeviceId,
    /// What it is about.
    pub message: Option<String>,
    /// The key of an alert of that device that it is about.
    pub alert: Option<i64>,
}

/// Why no call is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenRefusal {
    /// No such device, as far as whoever asks sees.
    #[error("there is no such device")]
    UnknownDevice,
    /// The device was taken out of service.
    #[error("the device is retired: nobody is sent to it any more")]
    Retired,
    /// The device has no such alert.
    #[error("the device has no such alert: look for it in the list of alerts")]
    UnknownAlert,
    /// Neither words nor an alert.
    #[error("say what the call is about: write a message, or name an alert")]
    AboutNothing,
    /// Too many are open.
    #[error("{MAX_OPEN_BY_HAND} calls are open at this device already: close those that are over first")]
    TooMany,
}

/// A call was opened, or once more: how the machine is, what is due, and the first line of its history.
pub(in crate::store) fn opened(
    connection: &Connection,
    (device, call): (i64, i64),
    readings: Option<Readings>,
    (who, words): (Option<&str>, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let readings = match readings {
        Some(readings) => Some(readings),
        None => LastTold::of(connection, device)?.readings,
    };
    let snapshot = take(connection, device, readings, now)?;
    let due = due(connection, device, now)?;
    let [answer, repair] = [due.answer, due.repair].map(|due| due.map(Timestamp::as_millisecond));
    let next = answer.into_iter().chain(repair).min().unwrap_or(NEVER_DUE);
    connection.execute(statements::OPENED, values![call, snapshot, answer, repair, next])?;
    note(connection, (call, device), (who, CallWhat::Opened, ServiceCallState::Open), (None, words), now)
}

impl Store {
    /// Opens a call at the desk, and says under which key.
    pub async fn open_call(
        &self,
        scope: &Scope,
        new: NewCall,
        by: String,
        now: Timestamp,
    ) -> Result<Result<i64, OpenRefusal>, StoreError> {
        let scope = scope.clone();
        self.writer.write(move |context| open_by_hand(context, &scope, &new, &by, now)).await
    }
}

fn open_by_hand(
    context: &WriteContext<'_>,
    scope: &Scope,
    new: &NewCall,
    by: &str,
    now: Timestamp,
) -> Result<Result<i64, OpenRefusal>, StoreError> {
    let connection = context.connection;
    let device: Option<i64> =
        connection.one(all_statements::DEVICE_KEY, values![new.device.as_str()], |row| row.get(0))?;
    let Some(device) = device else { return Ok(Err(OpenRefusal::UnknownDevice)) };
    if !sees_device(connection, scope, &new.device)? {
        return Ok(Err(OpenRefusal::UnknownDevice));
    }
    if connection.exists(devices::IS_RETIRED, values![device])? {
        return Ok(Err(OpenRefusal::Retired));
    }
    let open: i64 = connection.row(statements::OPEN_OF_DEVICE, values![device], |row| row.get(0))?;
    if open >= MAX_OPEN_BY_HAND {
        return Ok(Err(OpenRefusal::TooMany));
    }
    let mut message = new.message.clone();
    if let Some(alert) = new.alert {
        let body: Option<String> =
            connection.one(statements::ALERT_OF, values![alert, device], |row| row.get(0))?;
        let Some(body) = body else { return Ok(Err(OpenRefusal::UnknownAlert)) };
        // What cannot be read has no words of its own.
        let alert: Option<Alert> = serde_json::from_str(&body).ok();
        message = message.or_else(|| alert.map(|alert| alert.description));
    }
    if message.is_none() {
        return Ok(Err(OpenRefusal::AboutNothing));
    }
    let simulated: bool = connection.row(statements::IS_SIMULATED, values![device], |row| row.get(0))?;
    let at = now.as_millisecond();
    let row = values![device, at, simulated, message, by, new.alert];
    let call: i64 = connection.row(statements::OPEN_BY_HAND, row, |row| row.get(0))?;
    opened(connection, (device, call), None, (Some(by), message.as_deref()), now)?;
    let told = CallNotice {
        service_call: call,
        state: ServiceCallState::Open,
        message: message.as_deref(),
        by: Some(by),
        technician: None,
        words: None,
    };
    notice(connection, (device, 1), "service_call", &told, now)?;
    refresh(connection, device, None)?;
    Ok(Ok(call))
}
