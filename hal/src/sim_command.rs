//! What a person, a test or a demo can do to a simulated printer: the messages of `platen sim`, and the steps of
//! scenarios.
//!
//! They are here, and not with the simulator, because the technician's tool speaks them and an agent for real
//! printers has to refuse them; neither has a simulator in it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a simulated finger stays on a button.
pub const PRESS_DURATION: Duration = Duration::from_millis(120);

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
        /// How long, in milliseconds of the printer's time; [`PRESS_DURATION`] without it.
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
    /// Cut the power of the engine's controller in the middle of a page that is written to its flash, for a while.
    CutEngine {
        /// Pages that are written whole before.
        pages: u32,
        /// How long, in milliseconds.
        milliseconds: u32,
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
    /// The engine's counter store (target `engine`): its impressions are brought to ten before they begin again at
    /// 0, once.
    NearlyFull,
    /// The engine's controller (target `engine-controller`): it has no power. Of a page that was being written there is what
    /// was written by then.
    NoPower,
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
        ("nearly-full", Self::NearlyFull),
        ("no-power", Self::NoPower),
        ("lines-gone", Self::LinesGone),
        ("bounces", Self::Bounces),
    ];

    /// Its name in commands, scenario files and help texts.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("unknown", |(name, _)| name)
    }
}

/// A simulated printer as whoever plays it sees it.
pub trait Simulator: Send + Sync {
    /// Does one command, and says what was done. Blocks for as long as a finger presses a button.
    ///
    /// # Errors
    /// Why it was not done, in a sentence for the person who asked.
    fn act(&self, command: &SimCommand) -> Result<String, String>;
}
