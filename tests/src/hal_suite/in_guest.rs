//! Reading a board within a guest, by the agent's own command.

use platen_protocol::readings::Readings;
use serde_json::Value;

use crate::guests::Guest;
use crate::rigs::process::until;

/// When an agent that is forgotten stops listening by itself.
const LONGEST_LISTENING_SECONDS: u32 = 3_600;

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

/// The version of the firmware that the agent says the engine runs.
pub fn firmware(guest: &Guest) -> Option<String> {
    let text = guest.check("platen-agent read --json").unwrap();
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(value["engine"]["fault"], Value::Null, "{text}");
    value["engine"]["firmware"].as_str().map(str::to_owned)
}

/// What `platen-install` tells the installer of firmware, for the file `/tmp/firmware`.
pub fn told(version: &str) -> String {
    format!(
        "mkdir -p /tmp/kept /tmp/work; export PLATEN_PROGRAM=/tmp/firmware PLATEN_NAME=engine PLATEN_VERSION={version} \
         PLATEN_REPLACES= PLATEN_ATTEMPT=suite PLATEN_RUN=1 PLATEN_KEPT=/tmp/kept PLATEN_WORK=/tmp/work"
    )
}

/// Where the package has it.
pub const INSTALLER: &str = "/usr/lib/platen/installers/engine-firmware";

/// Installs firmware by the steps of its installer; else the last that it said.
pub fn flash(guest: &Guest, image: &[u8], version: &str) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), image).unwrap();
    guest.push_file(file.path(), "/tmp/firmware").unwrap();
    let steps = "for step in check install verify commit; do";
    let done = guest.run(&format!("{}; {steps} {INSTALLER} $step || exit; done", told(version))).unwrap();
    println!("{}", done.text.trim());
    if done.status == 0 { Ok(()) } else { Err(done.text) }
}

/// The edges that the agent sees from before `act` until `enough` says that all of them are there. However slow the guest is,
/// the agent listens for as long as that takes.
pub fn edges(
    guest: &Guest,
    act: impl FnOnce(),
    mut enough: impl FnMut(&[GuestEdge]) -> bool,
) -> Vec<GuestEdge> {
    let check = |command: &str| guest.check(command).unwrap();
    check(&format!(
        "platen-agent read --edges {LONGEST_LISTENING_SECONDS} >/tmp/edges 2>/tmp/edges.said & echo $! >/tmp/edges.pid"
    ));
    // That it holds a line is not enough: the kernel takes the lines one after the other.
    until("the agent listens", || {
        let said =
            check("cat /tmp/edges.said; kill -0 $(cat /tmp/edges.pid) 2>/dev/null || echo it has ended");
        assert!(!said.contains("it has ended"), "{said}");
        said.contains("listening").then_some(())
    });
    act();
    let seen = until("the edges are there", || {
        let seen = parse(&check("cat /tmp/edges"));
        enough(&seen).then_some(seen)
    });
    // Each line was written whole before the next was begun, so it may be ended at any time.
    check("kill $(cat /tmp/edges.pid) && rm /tmp/edges /tmp/edges.said /tmp/edges.pid");
    seen
}

/// All lines that are whole.
fn parse(text: &str) -> Vec<GuestEdge> {
    let edge = |line: &str| {
        let edge: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {text}"));
        GuestEdge {
            switch: edge["switch"].as_str().unwrap().to_owned(),
            active: edge["active"].as_bool().unwrap(),
            at_us: edge["at_monotonic_us"].as_u64().unwrap(),
        }
    };
    let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    whole.filter(|line| !line.is_empty()).map(edge).collect()
}
