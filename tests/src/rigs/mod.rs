//! What tests stand on: managers, agents, the proxies and networks between them and before the operators, a fleet with people who use it, a crowd of
//! light devices, disks that fail, a PostgreSQL, a browser, the Debian package and others made of it, a
//! printer's controller that loses its power.

pub mod agent;
pub mod api;
pub mod authority;
pub mod browser;
pub mod centre;
pub mod crowd;
pub mod debian;
pub mod disk;
pub mod fleet;
pub mod hook;
pub mod ipp_printer;
pub mod mailbox;
pub mod maker;
pub mod manager;
pub mod network;
pub mod pki;
pub mod postgres;
pub mod printer_guest;
pub mod process;
pub mod proxy;
pub mod random;
pub mod reverse_proxy;
pub mod versions;
