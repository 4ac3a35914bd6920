//! What `platen` and the agent say to each other. Both programs use these types.

use platen_hal::Finding;
use platen_hal::sim_command::SimCommand;
use platen_hal::trace::TraceEntry;
use serde::{Deserialize, Serialize};

use crate::request::Asked;
use crate::status::StatusReport;
use crate::status::programs::ProgramsReport;
use crate::uplink::examine::ConnectionCheck;

/// The version of these messages. `platen` and the agent come in one package and agree, unless one was
/// updated while the other runs on.
pub const VERSION: u16 = 1;

/// One line from `platen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// [`VERSION`].
    pub version: u16,
    /// What is asked.
    pub request: Request,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Request {
    /// One [`Answer::Status`].
    Status,
    /// An [`Answer::Status`] now and after every change, until the asker goes.
    Watch,
    /// [`Answer::Kept`] as soon as the call is durable, then [`Answer::Acknowledged`] when the manager has
    /// it, or the end of the connection. [`Answer::Already`] alone where it repeats an open call.
    CallService {
        /// What the person wrote, if anything.
        message: Option<String>,
    },
    /// Orders a supply; answered like a service call, by [`Answer::Already`] where the supply is ordered and this
    /// is not said to be again.
    Order {
        /// Its name on the board.
        supply: String,
        /// How many: 1 to [`platen_protocol::limits::MAX_ORDER_QUANTITY`].
        quantity: u16,
        /// What the person wrote, if anything.
        note: Option<String>,
        /// It is wanted although it is ordered already.
        #[serde(default)]
        again: bool,
    },
    /// Reads everything now and reports it; answered like a service call.
    Report,
    /// Compares the board file with the board, and checks the connection to the manager: [`Answer::Findings`].
    Doctor,
    /// Hands over what the buses and lines say: [`Answer::Trace`] again and again, until the asker closes
    /// its side of the connection; then the entries that were under way, and [`Answer::Done`].
    Record,
    /// One [`Answer::Programs`].
    Programs,
    /// Asks the manager for programs now: [`Answer::Done`].
    CheckPrograms,
    /// Plays the printer, on a simulated board: [`Answer::Done`].
    Sim {
        /// What is done to it.
        command: SimCommand,
    },
}

/// One line from the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Answer {
    /// How things stand.
    Status(Box<StatusReport>),
    /// The report is durable, and will reach the manager.
    Kept,
    /// The manager has it.
    Acknowledged,
    /// The same is asked for already, and open: an order is not made a second time, a call is counted there.
    Already {
        /// What was asked for.
        asked: Asked,
    },
    /// What the comparison found.
    Findings {
        /// Whether the board is a simulated one.
        simulated: bool,
        /// Chip by chip and line by line.
        findings: Vec<Finding>,
        /// The connection to the manager, step by step.
        #[serde(default, rename = "way")]
        connection: ConnectionCheck,
    },
    /// One entry of a recording; the first is [`TraceEntry::Begin`].
    Trace {
        /// The entry.
        entry: TraceEntry,
    },
    /// How it stands with programs.
    Programs(Box<ProgramsReport>),
    /// It was done.
    Done {
        /// What was done, in words.
        what: String,
    },
    /// It was not done.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
}
