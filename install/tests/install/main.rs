//! The installer as a whole: real processes, real signatures, a real dpkg on a root of its own.

mod agent_package;
mod escape;
mod flow;
mod machine;
mod maker;
mod power;
