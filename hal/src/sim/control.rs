//! What a person, a test or a demo can do to a simulated printer.

use serde::{Deserialize, Serialize};

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SimCommand {
    /// Bring a supply to a percentage of its capacity; with more than before it is another cartridge.
    Set {
        /// The supply's name on the board.
        supply: String,
        /// 0 to 100.
        percent: u8,
    },
    /// Print pages: toner goes down, parts age, the fuser warms, and each page passes the exit.
    Print {
        /// How many.
        pages: u32,
        /// How many a minute, in the printer's time; all at once without it.
        #[serde(default)]
        per_minute: Option<u32>,
    },
    /// From now on, pages are covered so much with each colorant.
    Coverage {
        /// Percent of the page: 0 to 100.
        percent: u8,
    },
    /// Open a cover or an interlock.
    Open {
        /// The switch's name on the board, such as `cover`.
        switch: String,
    },
    /// Close a cover or an interlock.
    Close {
        /// The switch's name on the board, such as `cover`.
        switch: String,
    },
    /// Press a button and let it go again.
    Press {
        /// The switch's name on the board, or `service` or `order` for the only button of that kind.
        button: String,
        /// How long, in milliseconds of the printer's time; [`super::PRESS_DURATION`] without it.
        #[serde(default)]
        milliseconds: Option<u32>,
    },
    /// Bring any other switch to a state: a jam, paper, the waste box, sleep.
    Switch {
        /// Its name on the board.
        switch: String,
        /// Whether it is active.
        active: bool,
    },
    /// Take a cartridge or part out and put a new one in: full, with another serial number. The slot is
    /// empty for a moment, so that the board can see it.
    Replace {
        /// The supply's or part's name on the board.
        target: String,
    },
    /// Take a cartridge or part out and put the same one in again.
    Reseat {
        /// The supply's or part's name on the board.
        target: String,
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

/// What breaks a simulated printer. Which targets a fault can have stands with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Mended: none of the others. Any target.
    None,
    /// A chip that does not answer its address, as if it were pulled out.
    Absent,
    /// A chip: every byte that is read has a bit flipped, as by a corrupted clock stretch.
    Corrupt,
    /// A chip: now and then a bit of a transfer is flipped; a second read is right.
    BitFlips,
    /// A chip that answers with the same byte for everything.
    Constant,
    /// A chip or a bus whose transfers time out.
    TimesOut,
    /// A chip or bus whose transfers lose arbitration.
    ArbitrationLost,
    /// A bus whose data line a chip holds down, until its clock is pulsed nine times or it is mended.
    StuckData,
    /// A bus that does not come back from a transfer until it is mended.
    Hangs,
    /// A memory: the newest record is half written, as by a power cut; the older one is whole.
    Torn,
    /// A memory: the record says that more was used than the cartridge holds, with a right checksum.
    UsedAboveCapacity,
    /// A memory: the record's capacity is absurd, with a right checksum.
    AbsurdCapacity,
    /// A supply with a memory: a cartridge of another colorant, or without one of another type.
    WrongType,
    /// A supply with a memory or a sensor: it loses eight times what pages use.
    Leak,
    /// A supply with a memory: its level hardly goes down, whatever is printed, as of a refilled cartridge.
    Counterfeit,
    /// A temperature: it drifts away from where it should be, slowly.
    Drift,
    /// A temperature: it is noisy.
    Noisy,
    /// An analog sensor whose wire is cut.
    OpenCircuit,
    /// An analog sensor with a short circuit.
    ShortCircuit,
    /// A temperature of the fuser: its heater stays on.
    Overheats,
    /// A temperature of the fuser: its heater does not work.
    Cold,
    /// The engine's counter store (target `engine`): its counters lose 1,000 impressions, once.
    CountsBackwards,
    /// The lines (target `gpio`): the GPIO chip is gone.
    LinesGone,
    /// A switch that bounces more than a contact should.
    Bounces,
}

impl Fault {
    /// Every fault, for help texts.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("absent", Self::Absent),
        ("corrupt", Self::Corrupt),
        ("bit-flips", Self::BitFlips),
        ("constant", Self::Constant),
        ("times-out", Self::TimesOut),
        ("arbitration-lost", Self::ArbitrationLost),
        ("stuck-data", Self::StuckData),
        ("hangs", Self::Hangs),
        ("torn", Self::Torn),
        ("used-above-capacity", Self::UsedAboveCapacity),
        ("absurd-capacity", Self::AbsurdCapacity),
        ("wrong-type", Self::WrongType),
        ("leak", Self::Leak),
        ("counterfeit", Self::Counterfeit),
        ("drift", Self::Drift),
        ("noisy", Self::Noisy),
        ("open-circuit", Self::OpenCircuit),
        ("short-circuit", Self::ShortCircuit),
        ("overheats", Self::Overheats),
        ("cold", Self::Cold),
        ("counts-backwards", Self::CountsBackwards),
        ("lines-gone", Self::LinesGone),
        ("bounces", Self::Bounces),
    ];

    /// Its name in commands, scenario files and help texts.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("unknown", |(name, _)| name)
    }
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
    /// The target cannot have the fault.
    #[error("{target} cannot have the fault {}; it can have: {possible}", fault.name())]
    WrongFault {
        /// The name that was given.
        target: String,
        /// The fault that was asked for.
        fault: Fault,
        /// What it can have.
        possible: String,
    },
    /// More pages than one act prints.
    #[error("one act prints 1 to {limit} pages, not {pages}")]
    Pages {
        /// What was asked.
        pages: u32,
        /// What is possible.
        limit: u32,
    },
    /// A pace that no engine has.
    #[error("a printer prints 1 to {limit} pages a minute, not {per_minute}")]
    Pace {
        /// What was asked.
        per_minute: u32,
        /// What is possible.
        limit: u32,
    },
    /// Too many jobs wait.
    #[error("{0} jobs wait to be printed: no more are taken until one is done")]
    Jobs(usize),
    /// A finger that stays too long, or not at all.
    #[error("a button is pressed for 1 to {limit} milliseconds, not {milliseconds}")]
    Press {
        /// What was asked.
        milliseconds: u32,
        /// What is possible.
        limit: u32,
    },
    /// No sensor of a printer comes so far.
    #[error("{0} thousandths of a degree Celsius are outside -273,150 to 1,000,000")]
    Temperature(i32),
    /// It is out of its slot already.
    #[error("{0} is being changed: wait until it is back in its place")]
    BeingChanged(String),
    /// What happens could not be written down.
    #[error("nothing is done to this printer any more, because its log cannot be written: {0}")]
    Log(String),
    /// There is no printer to be played.
    #[error("this printer replays a trace: nothing can be done to it")]
    Replays,
}
