//! The manager over its real listeners: devices and operators as clients of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "helpers of tests end the test, with its words"
)]

mod backup;
mod balancers;
mod calls;
mod dates;
mod ddi;
mod device;
mod endings;
mod enrolment;
mod first_start;
mod fleet;
mod history;
mod identities;
mod load;
mod log;
mod maker;
mod maker_tokens;
mod meters;
mod monitoring;
mod now;
mod numbers;
mod operator;
mod parked;
mod people;
mod places;
mod postgresql;
mod program;
mod program_rig;
mod programs;
mod refusals;
mod restored;
mod rollouts;
mod secrets;
mod sign_in_flood;
mod signed;
mod store;
mod store_calls;
mod store_devices;
mod store_now;
mod store_people;
mod store_programs;
mod store_rollouts;
mod superseded;
mod telling;
mod telling_desk;
mod watches;
mod whole_printer;
