//! What was counted in a month, for whoever bills: the value of each counter at the beginning and at the end, what it
//! counted between, and every stretch of that time of which nothing is known, with its reason. Pure: it is fed with a
//! counter's history ([`crate::history::points`]) and with the times in which a device was a customer's.
//!
//! **Nothing is counted twice, and nothing falls between two statements.** The value at a boundary (the end of a month,
//! the moment in which a device changed its customer) is a function of the two readings around it, whichever statement
//! asks: it is the last reading before the boundary. Only where a gap lies over the boundary is it worked out from both
//! readings, and then it is called an estimate. So what one statement leaves the next one takes, and the lines of a
//! counter always add up to what it counted ([`lines`]).

mod lines;
mod period;
mod statement;
#[cfg(test)]
mod tests;

pub use lines::{Account, Boundary, Kind, Line, Reason, Window, account, resets};
pub use period::{BadPeriod, Period};
pub use statement::{CounterStatement, DeviceStatement, Total, is_billed, statement, totals, words};
