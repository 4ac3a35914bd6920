//! Reading a board within a guest, by the agent's own command.

use platen_protocol::readings::Readings;
use serde_json::Value;

use crate::guests::Guest;
use crate::rigs::process::until;

/// An edge that the agent printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestEdge {
    /// The switch's name on the board.
    pub switch: String,
    /// The state after it.
    pub active: bool,
    /// When, in microseconds of the guest's monotonic clock.
    pub at_us: u64,
}

/// Reads the board once. What the kernel's devices say is not marked as simulated.
pub fn read_board(guest: &Guest) -> Readings {
    let text = guest.check("platen-agent read --json").unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(value["simulated"], false, "the kernel's devices are not simulated ones");
    serde_json::from_value(value["readings"].take()).unwrap()
}

/// The edges that the agent sees in so many seconds, `act` among them. It has to be done by then.
pub fn edges(guest: &Guest, seconds: u32, act: impl FnOnce()) -> Vec<GuestEdge> {
    let check = |command: &str| guest.check(command).unwrap();
    let over = || check("ls /tmp").contains("edges.end");
    // In the guest its own job: it ends by itself, and its lines are read then.
    check(&format!(
        "(platen-agent read --edges {seconds} >/tmp/edges 2>/tmp/edges.said; touch /tmp/edges.end) &"
    ));
    // That it holds a line is not enough: the kernel takes the lines one after the other.
    until("the agent listens", || {
        let said = check("cat /tmp/edges.said 2>/dev/null || true");
        assert!(!over() || said.contains("listening"), "{said}");
        said.contains("listening").then_some(())
    });
    act();
    assert!(!over(), "the acts took longer than the agent listened");
    until("the time is over", || over().then_some(()));
    let text = check("cat /tmp/edges; rm /tmp/edges /tmp/edges.said /tmp/edges.end");
    let edge = |line: &str| {
        let edge: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {text}"));
        GuestEdge {
            switch: edge["switch"].as_str().unwrap().to_owned(),
            active: edge["active"].as_bool().unwrap(),
            at_us: edge["at_monotonic_us"].as_u64().unwrap(),
        }
    };
    text.lines().filter(|line| !line.is_empty()).map(edge).collect()
}
