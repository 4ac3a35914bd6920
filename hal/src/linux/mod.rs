//! The real kernel's I2C buses and GPIO lines.

pub(crate) mod gpio;
pub(crate) mod i2c;
