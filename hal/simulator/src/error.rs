//! Why a command cannot be done.

use platen_hal::sim_command::Fault;

/// Why an act is not possible on this printer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// Nothing on the board has the name.
    #[error("this printer has no {what} named {name:?}; it has: {known}")]
    NoSuch {
        /// What was looked for, such as `supply`.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A percentage above 100.
    #[error("a percentage must be between 0 and 100, not {0}")]
    AboveHundred(u8),
    /// The target cannot have the fault.
    #[error("{target} cannot have the fault {}; {possible}", fault.name())]
    WrongFault {
        /// The name that was given.
        target: String,
        /// The fault that was asked for.
        fault: Fault,
        /// What it can have, in words.
        possible: String,
    },
    /// More pages than one act prints.
    #[error("the number of pages must be between 1 and {limit}, not {pages}")]
    Pages {
        /// What was asked.
        pages: u32,
        /// What is possible.
        limit: u32,
    },
    /// A pace that no engine has.
    #[error("pages per minute must be between 1 and {limit}, not {per_minute}")]
    Pace {
        /// What was asked.
        per_minute: u32,
        /// What is possible.
        limit: u32,
    },
    /// Too many jobs wait.
    #[error("{0} jobs are waiting to be printed: try again when one is done")]
    Jobs(usize),
    /// A finger that stays too long, or not at all.
    #[error("a press must last between 1 and {limit} milliseconds, not {milliseconds}")]
    Press {
        /// What was asked.
        milliseconds: u32,
        /// What is possible.
        limit: u32,
    },
    /// No sensor of a printer comes so far.
    #[error("a temperature must be between -273,150 and 1,000,000 thousandths of a degree Celsius, not {0}")]
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
