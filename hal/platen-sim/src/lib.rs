//! The simulated printer behind CP2112 bridges, on this very Linux: a real `/dev/i2c-N` and an 8-line
//! `/dev/gpiochipN` without hardware and without a kernel of our own.
//!
//! Silicon Labs' CP2112 is a USB device that turns HID reports into I2C transfers and GPIO levels; Debian's
//! kernel has its driver, `hid-cp2112`. `/dev/uhid` lets a program be the device at the other end of those
//! reports, so this is the driver's chip:
//!
//! ```text
//! the agent -- /dev/i2c-N, /dev/gpiochipN -- hid-cp2112 -- /dev/uhid -- uhid.rs   events of the kernel
//!                                                                       device.rs a thread for each bridge
//!                                                                       bridge.rs the chip: report in, reports out
//!                                                                       reports.rs their bytes
//!                                                                       printer.rs SimPrinter
//! ```
//!
//! `platen-sim` is the program (`main.rs`); docs/simulator.md says how to use it.

pub mod board;
pub mod bridge;
pub mod device;
pub mod nodes;
pub mod printer;
pub mod reports;
pub mod uhid;
