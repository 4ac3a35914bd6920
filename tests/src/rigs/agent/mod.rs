//! Agents for tests: the real program as a process ([`process`]), or the agent in the test's process ([`task`]), whose
//! simulated printer is then within reach of the test.

pub mod process;
pub mod task;
