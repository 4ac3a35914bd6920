//! What installs programs on a controller. Run as root and never resident: it begins when something lies ready in the
//! agent's spool, and ends when that is kept, or gone back from, or refused.
//!
//! By file name: what lies ready is taken as input that nobody vouches for (`spool`), copied, and verified (`verify`).
//! From then on it is an attempt with a position. The rules by which it moves are a table without any I/O (`state`); each
//! position is on the disk (`attempt`, `durable`) before its action begins, so that `drive`, which acts, can begin anew
//! after a power cut wherever that came. An action is mostly a step of an installer (`installer`), which runs below a
//! process that lets nothing of it escape (`supervise`); the installer of the agent's own package is built in
//! (`agent_package`). Between installing and making it permanent the agent has to say that all is well (`confirm`).
//!
//! `run` takes the lock and brings all of it together; `cli` is the command line; `clock` alone reads clocks.
//! [`records`] is what others may read: the agent tells the manager from it how attempts ended.

pub mod agent_package;
pub mod attempt;
pub mod cli;
pub mod clock;
pub mod confirm;
pub mod contract;
pub mod directories;
pub mod drive;
pub mod durable;
pub mod hardware;
pub mod installer;
pub mod records;
pub mod run;
pub mod spool;
pub mod state;
pub mod status;
pub mod stop;
pub mod supervise;
pub mod trust_root;
pub mod verify;
