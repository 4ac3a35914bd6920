//! The manager over its real listeners: devices and operators as clients of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "helpers of tests end the test, with its words"
)]

mod audit;
mod backup;
mod balancers;
mod bulk;
mod calls;
mod credentials;
mod dates;
mod ddi;
mod device;
mod device_page;
mod documents;
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
mod marks;
mod meters;
mod monitoring;
mod now;
mod numbers;
mod once;
mod operator;
mod orders;
mod paper;
mod parked;
mod people;
mod places;
mod postgresql;
mod prints;
mod program;
mod program_rig;
mod programs;
mod refusals;
mod restored;
mod rollouts;
mod second_factor;
mod secrets;
mod sign_in_flood;
mod signed;
mod store;
mod store_bulk;
mod store_calls;
mod store_devices;
mod store_now;
mod store_orders;
mod store_parts;
mod store_people;
mod store_programs;
mod store_rollouts;
mod superseded;
mod telling;
mod telling_desk;
mod watches;
mod whole_printer;
