//! Conditions in the words of the Printer MIB (RFC 3805, `prtAlertTable`; codes of
//! `PrtAlertCodeTC` in the IANA Printer MIB registry). One event is one alert, with the most generic
//! code that fits.

use serde::{Deserialize, Serialize};

use crate::identity::AlertId;
use crate::readings::{PartReading, SupplyReading};
use crate::supply::mib_enum;

mib_enum! {
    /// How bad it is (`PrtAlertSeverityLevelTC`).
    Severity {
        Other = 1 "other",
        Critical = 3 "critical",
        Warning = 4 "warning",
        WarningBinaryChangeEvent = 5 "warningBinaryChangeEvent",
    }
}

mib_enum! {
    /// Who can mend it (`PrtAlertTrainingLevelTC`).
    Training {
        Other = 1 "other",
        Unknown = 2 "unknown",
        Untrained = 3 "untrained",
        Trained = 4 "trained",
        FieldService = 5 "fieldService",
        Management = 6 "management",
        NoInterventionRequired = 7 "noInterventionRequired",
    }
}

mib_enum! {
    /// Which part of the printer (`PrtAlertGroupTC`).
    AlertGroup {
        GeneralPrinter = 5 "generalPrinter",
        Cover = 6 "cover",
        Input = 8 "input",
        Output = 9 "output",
        Marker = 10 "marker",
        MarkerSupplies = 11 "markerSupplies",
        MarkerColorant = 12 "markerColorant",
        MediaPath = 13 "mediaPath",
        Channel = 14 "channel",
        Interpreter = 15 "interpreter",
        ConsoleDisplayBuffer = 16 "consoleDisplayBuffer",
        ConsoleLights = 17 "consoleLights",
        Alert = 18 "alert",
        FinDevice = 30 "finDevice",
        FinSupply = 31 "finSupply",
    }
}

mib_enum! {
    /// What happened (`PrtAlertCodeTC`).
    AlertCode {
        CoverOpen = 3 "coverOpen",
        CoverClosed = 4 "coverClosed",
        InterlockOpen = 5 "interlockOpen",
        InterlockClosed = 6 "interlockClosed",
        ConfigurationChange = 7 "configurationChange",
        Jam = 8 "jam",
        SubunitMissing = 9 "subunitMissing",
        SubunitLifeAlmostOver = 10 "subunitLifeAlmostOver",
        SubunitLifeOver = 11 "subunitLifeOver",
        SubunitAlmostEmpty = 12 "subunitAlmostEmpty",
        SubunitEmpty = 13 "subunitEmpty",
        SubunitAlmostFull = 14 "subunitAlmostFull",
        SubunitFull = 15 "subunitFull",
        SubunitNearLimit = 16 "subunitNearLimit",
        SubunitAtLimit = 17 "subunitAtLimit",
        SubunitOpened = 18 "subunitOpened",
        SubunitClosed = 19 "subunitClosed",
        SubunitTurnedOn = 20 "subunitTurnedOn",
        SubunitTurnedOff = 21 "subunitTurnedOff",
        SubunitOffline = 22 "subunitOffline",
        SubunitPowerSaver = 23 "subunitPowerSaver",
        SubunitWarmingUp = 24 "subunitWarmingUp",
        SubunitAdded = 25 "subunitAdded",
        SubunitRemoved = 26 "subunitRemoved",
        SubunitRecoverableFailure = 29 "subunitRecoverableFailure",
        SubunitUnrecoverableFailure = 30 "subunitUnrecoverableFailure",
        SubunitMotorFailure = 33 "subunitMotorFailure",
        SubunitMemoryExhausted = 34 "subunitMemoryExhausted",
        SubunitUnderTemperature = 35 "subunitUnderTemperature",
        SubunitOverTemperature = 36 "subunitOverTemperature",
        SubunitTimingFailure = 37 "subunitTimingFailure",
        SubunitThermistorFailure = 38 "subunitThermistorFailure",
        PowerUp = 503 "powerUp",
        PowerDown = 504 "powerDown",
        PrinterNmsReset = 505 "printerNMSReset",
        PrinterManualReset = 506 "printerManualReset",
        PrinterReadyToPrint = 507 "printerReadyToPrint",
        InputMediaTrayMissing = 801 "inputMediaTrayMissing",
        InputMediaSupplyLow = 807 "inputMediaSupplyLow",
        InputMediaSupplyEmpty = 808 "inputMediaSupplyEmpty",
        OutputMediaTrayAlmostFull = 902 "outputMediaTrayAlmostFull",
        OutputMediaTrayFull = 903 "outputMediaTrayFull",
        MarkerFuserUnderTemperature = 1001 "markerFuserUnderTemperature",
        MarkerFuserOverTemperature = 1002 "markerFuserOverTemperature",
        MarkerFuserTimingFailure = 1003 "markerFuserTimingFailure",
        MarkerFuserThermistorFailure = 1004 "markerFuserThermistorFailure",
        MarkerAdjustingPrintQuality = 1005 "markerAdjustingPrintQuality",
        MarkerTonerEmpty = 1101 "markerTonerEmpty",
        MarkerInkEmpty = 1102 "markerInkEmpty",
        MarkerPrintRibbonEmpty = 1103 "markerPrintRibbonEmpty",
        MarkerTonerAlmostEmpty = 1104 "markerTonerAlmostEmpty",
        MarkerInkAlmostEmpty = 1105 "markerInkAlmostEmpty",
        MarkerWasteTonerReceptacleAlmostFull = 1107 "markerWasteTonerReceptacleAlmostFull",
        MarkerWasteTonerReceptacleFull = 1109 "markerWasteTonerReceptacleFull",
        MarkerOpcLifeAlmostOver = 1111 "markerOpcLifeAlmostOver",
        MarkerOpcLifeOver = 1112 "markerOpcLifeOver",
        MarkerDeveloperAlmostEmpty = 1113 "markerDeveloperAlmostEmpty",
        MarkerDeveloperEmpty = 1114 "markerDeveloperEmpty",
        MarkerTonerCartridgeMissing = 1115 "markerTonerCartridgeMissing",
        AlertRemovalOfBinaryChangeEntry = 1801 "alertRemovalOfBinaryChangeEntry",
    }
}

/// One condition of the printer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// Made by the device; raising and clearing share it.
    pub id: AlertId,
    /// How bad it is.
    pub severity: Severity,
    /// Who can mend it.
    pub training: Training,
    /// Which part of the printer.
    pub group: AlertGroup,
    /// The index of that part in its table; `None` is the MIB's -1, not applicable.
    pub group_index: Option<u16>,
    /// Where it is, by the maker's numbering; `None` is the MIB's -2, unknown.
    pub location: Option<i32>,
    /// What happened.
    pub code: AlertCode,
    /// What happened, in words.
    pub description: String,
    /// The name on the board of what it is about, such as `black` or `cover`.
    pub subject: String,
    /// The supply that it is about, as it was read then.
    pub supply: Option<SupplyReading>,
    /// The part that it is about, as it was read then.
    pub part: Option<PartReading>,
    /// Whether it has not happened yet and possibly will; then [`Self::evidence`] says why.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forecast: bool,
    /// What speaks for it, in numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// One number that speaks for an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// What was measured, such as `jams`.
    pub measure: String,
    /// In what, such as `in the last 1000 pages`.
    pub unit: String,
    /// What was found.
    pub observed: i64,
    /// What it was compared with, such as the printer's own past.
    pub expected: Option<i64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !value
}
