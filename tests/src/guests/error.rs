//! What can go wrong with a guest. Whatever it is, the end of the console says most about it.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use super::channel::ChannelError;

/// Why a guest cannot be had, or cannot do something.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The guest's files cannot be built.
    #[error("tests/guest/build.sh failed ({status}); what it printed says why")]
    Build {
        /// How it ended.
        status: ExitStatus,
    },
    /// This machine refused something.
    #[error("{what}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// QEMU ended before it was told to.
    #[error("QEMU ended ({status}); it printed:\n{messages}\nthe console's end:\n{console}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// QEMU's own words.
        messages: String,
        /// The end of the guest's console.
        console: String,
    },
    /// QEMU did not connect to the command channel.
    #[error("QEMU did not open the command channel in {limit:?}; it printed:\n{messages}")]
    NotConnected {
        /// The limit.
        limit: Duration,
        /// QEMU's own words.
        messages: String,
    },
    /// The guest did not come up, or not in good order.
    #[error("the guest is not up: {state}; the console's end:\n{console}")]
    NotUp {
        /// What systemd said, and which units failed.
        state: String,
        /// The end of the guest's console.
        console: String,
    },
    /// QEMU did not do what it was told by its monitor or test port.
    #[error("QEMU answered {answer:?} to {request:?}")]
    Refused {
        /// What it was told.
        request: String,
        /// Its answer; empty if it closed the port.
        answer: String,
    },
    /// A device tree overlay does not apply.
    #[error("fdtoverlay cannot apply the overlays:\n{messages}")]
    Overlay {
        /// What it said.
        messages: String,
    },
    /// A command could not be run to its end.
    #[error("in the guest, `{command}`: {source}; the console's end:\n{console}")]
    Command {
        /// The command.
        command: String,
        /// What went wrong.
        source: ChannelError,
        /// The end of the guest's console.
        console: String,
    },
    /// A command that had to succeed did not.
    #[error("in the guest, `{command}` ended with {status}; it printed:\n{text}")]
    Failed {
        /// The command.
        command: String,
        /// Its exit status.
        status: u8,
        /// What it printed.
        text: String,
    },
}
