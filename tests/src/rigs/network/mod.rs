//! Customers' networks, as network namespaces with virtual cables between them.
//!
//! ```text
//! site (agent) ===veth=== gate (firewall, proxy) ===veth=== internet (manager; the test stands here)
//! ```
//!
//! [`bed`] lays the three and takes them away again; [`namespace`] is one of them; [`firewall`] is what the
//! gate lets through, and what passed. [`crate::rigs::proxy`] breaks connections by a plan, in a
//! namespace or on 127.0.0.1. [`squid`] is a customer's proxy, [`portal`] the login page of a hotel.

pub(crate) mod background;
pub mod bed;
pub mod firewall;
pub mod namespace;
pub mod portal;
pub mod squid;
pub mod traffic;

pub use bed::{Bed, Families};
