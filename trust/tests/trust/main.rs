//! What a device takes and refuses, as its maker, its manager, and whoever is between them would hand it over.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests end the test, with its words"
)]

mod attacks;
mod compromise;
mod kept;
mod maker;
mod properties;
mod roots;
mod signing;
mod times;
