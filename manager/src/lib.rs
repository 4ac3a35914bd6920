//! Platen's manager: what stands at the service centre.
//!
//! The flow, by file name. [`listen`] takes connections in, TLS 1.3 and no less. On the listener for
//! devices a client certificate is the identity: [`device`] lets a device in once (`enroll`), takes its
//! reports (`reports`), and holds its request while nothing is to be said (`mailbox`). [`ingest`]
//! decides what a batch means, without clock or disk; [`store`] commits it, together with the batches
//! of other devices, before anything is acknowledged. [`inform`] tells whoever listens. On the listener
//! for operators, [`operator`] serves pages and the JSON API from the same views.
//!
//! Down it goes the other way: an operator's command is a row in the store, then waits in the mailbox,
//! rides on the next reply, and ends with the outcome that the device reports. The manager opens no
//! connection to any device.
//!
//! [`watch`] finds what nobody reports: a device that is away, readings that are late, a frozen sensor, a
//! certificate or a token that ends; [`certificates`] renews those of the listeners while connections stand.
//!
//! [`device_backend`] composes what serves devices, and [`mod@run`] puts it and the operators' side on sockets, from a
//! configuration and until a stop signal; [`ca`] makes the
//! certificates, [`secret`] the random words, [`upkeep`] does what is done at intervals, and [`cli`] is
//! the program's other subcommands.

pub mod agreement;
pub mod audit;
pub mod backup;
pub mod bell;
mod bundle;
pub mod ca;
pub mod certificate_files;
pub mod certificates;
mod chores;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contact;
pub mod counters;
pub mod deliver;
mod descriptors;
pub mod device;
pub mod device_backend;
pub mod durations;
mod figures;
mod file_set;
mod following;
pub mod history;
pub mod inform;
pub mod ingest;
pub mod intake;
pub mod jitter;
pub mod limits;
pub mod listen;
mod memory;
pub mod meters;
pub mod money;
pub mod networks;
pub mod openid;
pub mod operator;
pub mod output;
pub mod people_changes;
pub mod print_job;
pub mod printing;
pub mod probes;
pub mod programs;
pub mod quota;
mod replicas;
pub mod retention;
pub mod retention_job;
pub mod rights;
mod rollout_job;
pub mod rollouts;
mod run;
mod run_error;
#[cfg(test)]
mod sample;
pub mod secret;
mod status;
pub mod store;
mod systemd;
pub mod telling;
pub mod telling_job;
mod throttle;
mod tls;
mod tls_provider;
mod upkeep;
mod waiting;
pub mod watch;
pub mod worst;

pub use file_set::Held;
pub use run::{Listeners, database_path, open_store, run};
pub use run_error::RunError;
