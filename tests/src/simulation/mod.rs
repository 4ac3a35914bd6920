//! Agents and a manager, simulated: their own code for outbox, keeping, carrying out, uplink, device service, ingest,
//! store, mailbox and roster, on one thread, over a network of turmoil and in its time. Played are the board (as
//! samples and bodies of reports that can be told apart), the people, TLS (a word at the beginning of a connection
//! says who it is) and what goes wrong.
//!
//! A seed draws everything ([`plan`]): devices with small outboxes, what happens there, what operators ask, and
//! faults ([`fault`]): messages lost both ways or one, connections cut, requests said twice, agents and manager
//! killed at any await or with their power, stopped in order, clocks that begin in 1970 or 2099 or are set, a database
//! that takes nothing. [`world`] runs it, [`judge`] looks on, [`book`] is what really happened, and [`checker`]
//! compares that with the manager's store. The same seed gives the same [`history`], to the byte.
//!
//! [`recovery`] is another question to the same code: a fleet that comes back after a week.

mod bodies;
mod book;
mod centre;
mod checker;
mod device;
mod fault;
mod figures;
mod history;
mod judge;
mod plan;
mod prepared;
mod proxy;
mod recovery;
mod route;
mod shared;
mod world;

pub use figures::Figures;
pub use recovery::{Curve, recover};
pub use world::{MOST_DIALS, Run, SETTLED_WITHIN, run};
