//! What a person at the device asks the service centre for: a service call ([`service_call`]), a supply
//! ([`order`]). Each becomes a report, unless the same is open already ([`open`]); how it stands is remembered
//! ([`Asked`]) and shown ([`Lamp`]).

mod asked;
mod lamp;
pub mod open;
pub mod order;
pub mod service_call;

pub use asked::{Asked, Fate, Standing, Wish};
pub use lamp::Lamp;
