//! The words of the contract for installers (docs/installers.md) that both sides of it need: who runs one, and the one that is
//! built in.

/// The exit code that says: not here, and nothing was changed. The last line of standard error says why.
pub const REFUSED: i32 = 10;
/// The exit code that says: not now.
pub const LATER: i32 = 11;
/// The kind whose installer is built in: the agent's own Debian package.
pub const AGENT_PACKAGE: &str = "agent-package";
/// Another root for dpkg; for tests.
pub const DPKG_ROOT: &str = "PLATEN_DPKG_ROOT";
