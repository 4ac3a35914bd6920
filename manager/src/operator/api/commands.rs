//! `GET` and `POST /devices/{id}/commands`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::Action;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::cursor::RowCursor;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::view::CommandView;
use super::super::who::Operator;
use super::super::{Shared, command};
use super::list::{List, Page};
use super::refused::{Always, BadBody, BadQuery, Missing, TooManyWait};
use crate::store::CommandState;

/// Lists the commands of a device, with what became of them.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/commands",
    operation_id = "listCommands",
    tag = "Commands",
    params(("id" = DeviceId, Path, description = "The device."), Page),
    responses((status = 200, description = "Commands, the newest first.", body = List<CommandView>), BadQuery, Missing, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<CommandView>>, Refusal> {
    let (Path(id), Query(page)) = (id?, page?);
    let (before, limit) = page.place()?;
    if operators.store.device(id.clone()).await?.is_none() {
        return Err(Refusal::not_found("device"));
    }
    let records = operators.store.commands(operator.scope(), id, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), CommandView::from)))
}

/// A command for a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct NewCommand {
    /// What the device is to do.
    action: Action,
}

only_objects!(NewCommand);

/// Gives a command to a device.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/commands",
    operation_id = "issueCommand",
    tag = "Commands",
    params(("id" = DeviceId, Path, description = "The device.")),
    request_body = NewCommand,
    responses((status = 202, description = "The command is stored, and goes out with the next reply to the device.", body = CommandView), BadBody, Missing, Always, TooManyWait),
)]
pub(super) async fn issue(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    body: Result<Json<NewCommand>, JsonRejection>,
) -> Result<(StatusCode, Json<CommandView>), Refusal> {
    let (Path(device), Json(NewCommand { action })) = (id?, body?);
    let command = command::issue(&operators, device.clone(), action, &operator.name).await?;
    let view = CommandView {
        id: command.id,
        device,
        action: command.action,
        state: CommandState::Waiting,
        issued: command.issued,
        issued_by: operator.name,
        expires: command.expires,
        delivered: None,
        finished: None,
        reason: None,
    };
    Ok((StatusCode::ACCEPTED, Json(view)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point_and_a_fraction_is_refused() {
        let read = |percent: &str| {
            let settings = format!("{{\"supply.black.set-percent\": {percent}}}");
            let body = format!("{{\"action\": {{\"kind\": \"set\", \"settings\": {settings}}}}}");
            serde_json::from_str::<NewCommand>(&body).map(|new| new.action)
        };
        assert_eq!(read("33.0").unwrap(), read("33").unwrap());
        assert_eq!(read("-0.0").unwrap(), read("0").unwrap());
        assert_eq!(read("3.3e1").unwrap(), read("33").unwrap());
        for refused in ["33.5", "-1.0", "1e300", "\"33\""] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
