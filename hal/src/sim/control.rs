//! What a person, a test or a demo can do to a simulated printer.

use serde::{Deserialize, Serialize};

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum SimCommand {
    /// Bring a supply to a percentage of its capacity.
    Set {
        /// The supply's name on the board.
        supply: String,
        /// 0 to 100.
        percent: u8,
    },
    /// Print pages: toner goes down, parts age, the fuser warms.
    Print {
        /// How many.
        pages: u32,
    },
    /// Open a cover.
    Open {
        /// The switch's name on the board, such as `cover`.
        switch: String,
    },
    /// Close a cover.
    Close {
        /// The switch's name on the board, such as `cover`.
        switch: String,
    },
    /// Press a button and let it go again; takes [`super::PRESS_DURATION`].
    Press {
        /// The switch's name on the board, or `service` for the service button.
        button: String,
    },
    /// Bring a temperature sensor to a temperature.
    Heat {
        /// The sensor's name on the board.
        sensor: String,
        /// In thousandths of a degree Celsius.
        millidegrees_celsius: i32,
    },
    /// Break a chip, or mend it.
    Fault {
        /// The name on the board of the supply, part or sensor.
        target: String,
        /// What breaks.
        fault: Fault,
    },
}

/// What breaks a simulated chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Mended: none of the others.
    None,
    /// The chip does not answer its address, as if it were pulled out.
    Absent,
    /// Every byte that is read has a bit flipped, as by a corrupted clock stretch.
    Corrupt,
    /// The newest record is half written, as by a power cut; the older one is whole.
    Torn,
    /// The record says that more was used than the cartridge holds, with a right checksum.
    UsedAboveCapacity,
    /// The record's capacity is absurd, with a right checksum.
    AbsurdCapacity,
}

impl Fault {
    /// Every fault, for help texts.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("absent", Self::Absent),
        ("corrupt", Self::Corrupt),
        ("torn", Self::Torn),
        ("used-above-capacity", Self::UsedAboveCapacity),
        ("absurd-capacity", Self::AbsurdCapacity),
    ];
}

/// Why an act is not possible on this printer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// Nothing on the board has the name.
    #[error("this printer has no {what} that is named {name:?}; it has: {known}")]
    NoSuch {
        /// What was looked for, such as `supply`.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A percentage above 100.
    #[error("{0} % is above 100 %")]
    AboveHundred(u8),
    /// The fault is not one of that chip.
    #[error("{target} is no cartridge memory, so it cannot have the fault {fault:?}")]
    WrongFault {
        /// The name that was given.
        target: String,
        /// The fault that was asked for.
        fault: Fault,
    },
    /// More pages than one act prints.
    #[error("one act prints 1 to {limit} pages, not {pages}")]
    Pages {
        /// What was asked.
        pages: u32,
        /// What is possible.
        limit: u32,
    },
    /// The descriptor that tells of edges failed.
    #[error("the simulated lines failed: {0}")]
    Lines(String),
}
