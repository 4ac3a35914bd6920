//! `GET /devices/{id}/printer-mib` and `/devices/{id}/ipp-attributes`: a device in the words that programs for printers know.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use platen_protocol::identity::DeviceId;

use super::super::problem::Refusal;
use super::super::view::{IppAttributes, PrinterMib};
use super::super::who::Operator;
use super::super::{Shared, gather};
use super::refused::{Always, Missing};

/// Shows a device's supplies and alerts as rows of the Printer MIB (RFC 3805).
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/printer-mib",
    operation_id = "getPrinterMib",
    tag = "Devices",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The rows.", body = PrinterMib), Missing, Always),
)]
pub(super) async fn printer_mib(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<PrinterMib>, Refusal> {
    let Path(id) = id?;
    gather::printer_mib(&operators, operator.scope(), id).await.map(Json)
}

/// Shows a device's supplies and alerts as attributes of IPP (PWG 5100.13 and 5100.9).
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/ipp-attributes",
    operation_id = "getIppAttributes",
    tag = "Devices",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The attributes.", body = IppAttributes), Missing, Always),
)]
pub(super) async fn ipp_attributes(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<IppAttributes>, Refusal> {
    let Path(id) = id?;
    let mib = gather::printer_mib(&operators, operator.scope(), id).await?;
    Ok(Json(IppAttributes::from(&mib)))
}
