//! What is printed, or was: a durable queue. Whoever works it off claims a print, does one step with it, and writes down how it
//! stands; a crash between the two has it looked for at the printer before it is sent again.

mod queue;
mod records;
mod schedules;

pub use queue::{PrintStep, PrintToDo};
pub use records::{NewPrint, PrintRecord, PrintRefusal, PrintState};
pub use schedules::{NewSchedule, ScheduleBody, ScheduleRecord, ScheduleRefusal, Scheduled};
