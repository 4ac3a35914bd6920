//! Proxies that misbehave, between agent and manager.
//!
//! * [`faults`] passes bytes on below TLS and breaks connections, by a [`plan`] or when it is told to; it stands in the
//!   manager's place, or is asked by CONNECT ([`connect`]);
//! * [`inspector`] opens TLS, which no proxy below it can, and alters what it reads.
//!
//! A real one is [`crate::rigs::network::squid`]. The simulation has one of its own (`crate::simulation`): its
//! connections are turmoil's, in a time of their own.

mod connect;
pub mod faults;
pub mod inspector;
pub mod plan;
