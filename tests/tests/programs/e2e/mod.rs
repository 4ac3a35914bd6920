//! What needs neither root nor a guest: agent and manager as processes, over real TLS and SQLite.

mod backpressure;
mod bad_input;
mod balanced;
mod certificates;
mod endings;
mod failover;
mod first_light;
mod frozen_state;
mod hal_in_process;
mod inspected;
mod manuals;
mod replicas;
mod restored;
mod retiring;
mod traces;
mod whole_printer;
