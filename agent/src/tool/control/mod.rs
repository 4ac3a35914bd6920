//! The control socket: how `platen` talks to the agent.
//!
//! A Unix socket, mode 0660: whoever is in its group may ask. One request a connection, as one line of
//! JSON; then answers, one a line, until the agent closes ([`message`]). Both directions have limits
//! ([`codec`]). Connections are taken in [`mod@serve`], questions answered in [`handler`], recordings handed over
//! in [`record`].

pub mod codec;
mod handler;
pub mod message;
mod record;
mod serve;

use std::path::PathBuf;

pub use handler::Context;
pub use serve::{BindError, bind, serve};

/// Where the socket is unless said otherwise.
pub const DEFAULT_SOCKET: &str = "/run/platen-agent/control.sock";

/// What the control socket wants to know.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    /// Where the socket is.
    pub socket: PathBuf,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self { socket: DEFAULT_SOCKET.into() }
    }
}
