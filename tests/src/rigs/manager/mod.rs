//! Managers for tests.
//!
//! | rig | is | for |
//! |---|---|---|
//! | [`process`] | the real program, as a process | end-to-end tests, crashes, disks, networks |
//! | [`task`] | the real manager in the test's process, its store within reach | the device's API, the operator's API and pages, by the clients of [`client`], which can also do what no agent does |
//! | [`scripted`] | the wire alone, with everything in memory | agents: it cuts, refuses, repeats and lies when a test asks, which no real manager does |
//!
//! The simulation has the real manager without sockets and in a time of its own (`crate::simulation`): neither a process
//! nor a task of a real runtime could live there.

pub mod app;
pub mod carried;
pub mod client;
pub mod messages;
pub mod month;
pub mod pages;
pub mod process;
pub mod scripted;
pub mod task;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use platen_manager::config::{self, Config};

/// A free port of 127.0.0.1.
pub(crate) const FREE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The text of a manager.toml, with more lines at its end.
pub(crate) fn manager_toml(
    devices: SocketAddr,
    operators: SocketAddr,
    state: &Path,
    names: &[String],
    extra: &str,
) -> String {
    format!(
        "device_listen = \"{devices}\"\noperator_listen = \"{operators}\"\nstate_directory = \"{}\"\n\
         names = {names:?}\n{extra}",
        state.display()
    )
}

/// The configuration of a manager in this process, as it reads it itself.
pub fn read_config(state: &Path, name: &str) -> Config {
    let text = manager_toml(FREE, FREE, state, &[name.to_owned()], "");
    config::parse(Path::new("manager.toml"), &text).unwrap()
}
