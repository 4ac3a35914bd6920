//! What is a fact about a reading: whether it is low, wrong or beyond a limit, how it is rounded, and its
//! name in words. Decided here once, for the judge, `platen`, the manager's API and its pages. Pure.
//!
//! A fact knows one reading and nothing from before: hysteresis and debounce are the judge's.

mod counter;
mod fit;
mod held;
mod level;
mod share;
mod switch;
mod temperature;
pub mod words;

pub use counter::billing_words;
pub use fit::Mismatch;
pub use level::{ESTIMATE_MARGIN_PERCENT, SetValue};
pub use share::Share;
pub use temperature::{Celsius, TemperatureLimit};
