//! `/dev/gpiochipN` by gpio-cdev: switches as lines with events on both edges, the lamp as an output.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gpio_cdev::{Chip, EventRequestFlags, EventType, LineEventHandle, LineHandle, LineRequestFlags};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::board::BoardError;
use crate::chips::{LineEdge, SwitchLines};
use crate::config::{ActiveLevel, BoardConfig, LineRef};
use crate::fault::BusFault;

/// What `gpioinfo` shows as the user of our lines.
const CONSUMER: &str = "platen-agent";
/// The most edges that one call takes from one line. The kernel keeps 16 for each line and drops what
/// is newer (`linereq` of drivers/gpio/gpiolib-cdev.c), so what is above has yet to happen.
const MAX_EDGES: usize = 64;

/// The lines of one board.
pub(crate) struct Lines {
    switches: Vec<LineEventHandle>,
    lamp: Option<LineHandle>,
    lamp_name: String,
}

/// A line of the board file.
struct Wanted<'a> {
    name: &'a str,
    gpio: Option<&'a PathBuf>,
    line: &'a LineRef,
    active: ActiveLevel,
}

impl Wanted<'_> {
    fn find(&self) -> Result<gpio_cdev::Line, BoardError> {
        let path = self.gpio.map_or(Path::new(""), PathBuf::as_path);
        let mut chip = Chip::new(path).map_err(|source| self.error(source))?;
        match self.line {
            LineRef::Offset(offset) => chip.get_line(*offset).map_err(|source| self.error(source)),
            LineRef::Name(name) => chip
                .lines()
                .find(|line| line.info().is_ok_and(|info| info.name() == Some(name)))
                .ok_or_else(|| BoardError::NoSuchLine {
                    name: self.name.to_owned(),
                    gpio: path.display().to_string(),
                    line: name.clone(),
                }),
        }
    }

    fn flags(&self) -> LineRequestFlags {
        match self.active {
            ActiveLevel::High => LineRequestFlags::empty(),
            ActiveLevel::Low => LineRequestFlags::ACTIVE_LOW,
        }
    }

    fn error(&self, source: gpio_cdev::Error) -> BoardError {
        let chip = self.gpio.map_or(String::new(), |path| path.display().to_string());
        BoardError::Line { name: self.name.to_owned(), gpio: format!("{chip} line {}", self.line), source }
    }
}

impl Lines {
    pub(crate) fn open(config: &BoardConfig) -> Result<Self, BoardError> {
        let mut switches = Vec::new();
        for switch in &config.switches {
            let wanted = Wanted {
                name: switch.name.get_ref(),
                gpio: switch.gpio.as_ref(),
                line: switch.line.get_ref(),
                active: switch.active,
            };
            let line = wanted.find()?;
            let events = line
                .events(LineRequestFlags::INPUT | wanted.flags(), EventRequestFlags::BOTH_EDGES, CONSUMER)
                .map_err(|source| wanted.error(source))?;
            switches.push(events);
        }
        let mut lines = Self { switches, lamp: None, lamp_name: String::new() };
        if let Some(lamp) = &config.service_lamp {
            let wanted = Wanted {
                name: "the service lamp",
                gpio: lamp.gpio.as_ref(),
                line: &lamp.line,
                active: lamp.active,
            };
            let handle = wanted
                .find()?
                .request(LineRequestFlags::OUTPUT | wanted.flags(), 0, CONSUMER)
                .map_err(|source| wanted.error(source))?;
            lines.lamp = Some(handle);
            lines.lamp_name = format!("line {}", lamp.line);
        }
        Ok(lines)
    }
}

impl SwitchLines for Lines {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        self.switches.iter().map(AsFd::as_fd).collect()
    }

    fn take_edges(&mut self) -> Result<Vec<LineEdge>, BoardError> {
        let mut edges = Vec::new();
        for (switch, handle) in self.switches.iter_mut().enumerate() {
            for _ in 0..MAX_EDGES {
                if !is_readable(handle.as_fd()).map_err(std::io::Error::from)? {
                    break;
                }
                let event = handle.get_event().map_err(|source| BoardError::Line {
                    name: format!("switch {switch}"),
                    gpio: "its events".to_owned(),
                    source,
                })?;
                edges.push(LineEdge {
                    switch,
                    // With ACTIVE_LOW the kernel has turned the sense of the edge already.
                    active: event.event_type() == EventType::RisingEdge,
                    at: Duration::from_nanos(event.timestamp()),
                });
            }
        }
        edges.sort_by_key(|edge| edge.at);
        Ok(edges)
    }

    fn active(&mut self, switch: usize) -> Result<bool, BusFault> {
        let handle = self.switches.get(switch).ok_or(BusFault::Kernel(Errno::ENODEV))?;
        match handle.get_value() {
            Ok(value) => Ok(value != 0),
            Err(error) => Err(BusFault::Kernel(errno_of(&error))),
        }
    }

    fn set_lamp(&mut self, on: bool) -> Result<(), BoardError> {
        self.lamp.as_ref().map_or(Ok(()), |lamp| {
            lamp.set_value(on.into()).map_err(|source| BoardError::Line {
                name: "the service lamp".to_owned(),
                gpio: self.lamp_name.clone(),
                source,
            })
        })
    }
}

fn is_readable(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}

/// The number that the kernel gave, from within gpio-cdev's error.
fn errno_of(error: &gpio_cdev::Error) -> Errno {
    let source = std::error::Error::source(error);
    let number = source
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .and_then(std::io::Error::raw_os_error);
    number.map_or(Errno::EIO, Errno::from_raw)
}
