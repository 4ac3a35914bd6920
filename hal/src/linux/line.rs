//! One GPIO line: finding it by chip and offset or by name, and asking the kernel for it (version 2 of the
//! interface, include/uapi/linux/gpio.h).

use std::path::PathBuf;

use gpiocdev::line::{self, Drive, EdgeDetection, EventClock, Value};
use gpiocdev::{Chip, FoundLine, Request};

use crate::board::BoardError;
use crate::config::{ActiveLevel, Bias, Line, LineRef, Switch};

/// What `gpioinfo` shows as the user of our lines.
const CONSUMER: &str = "platen-agent";
/// The kernel keeps so many edges of a line until they are taken: at 20 pages a second, 25 seconds. It
/// drops the oldest then, and goes on numbering.
const KERNEL_EDGES: u32 = 1_024;

/// A line of the board file.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The switch or output.
    pub(super) name: String,
    gpio: Option<PathBuf>,
    line: LineRef,
    active: ActiveLevel,
    bias: Bias,
}

impl Wanted {
    pub(super) fn switch(entry: &Switch) -> Self {
        Self {
            name: entry.name.get_ref().clone(),
            gpio: entry.gpio.clone(),
            line: entry.line.get_ref().clone(),
            active: entry.active,
            bias: entry.bias,
        }
    }

    pub(super) fn output(name: &str, line: &Line) -> Self {
        Self {
            name: name.to_owned(),
            gpio: line.gpio.clone(),
            line: line.line.clone(),
            active: line.active,
            bias: Bias::AsIs,
        }
    }

    /// The chip and the line, for people.
    pub(super) fn place(&self) -> String {
        match &self.gpio {
            Some(chip) => format!("{} line {}", chip.display(), self.line),
            None => format!("line {}", self.line),
        }
    }

    /// Looks for the line.
    pub(super) fn find(&self) -> Result<FoundLine, BoardError> {
        match (&self.gpio, &self.line) {
            (Some(path), LineRef::Offset(offset)) => {
                let chip = Chip::from_path(path).map_err(|e| self.error(&e))?;
                let info = chip.line_info(*offset).map_err(|e| self.error(&e))?;
                Ok(FoundLine { chip: chip.path().to_owned(), info })
            }
            (Some(path), LineRef::Name(name)) => {
                let chip = Chip::from_path(path).map_err(|e| self.error(&e))?;
                let info = chip.find_line_info(name).ok_or_else(|| self.no_such_line(name))?;
                Ok(FoundLine { chip: chip.path().to_owned(), info })
            }
            (None, LineRef::Name(name)) => {
                gpiocdev::find_named_line(name).ok_or_else(|| self.no_such_line(name))
            }
            (None, LineRef::Offset(_)) => {
                Err(self.refusal("a line by its offset needs its `gpio`".to_owned()))
            }
        }
    }

    /// Asks for the line as a switch, with both edges told.
    pub(super) fn request_switch(&self, found: &FoundLine) -> Result<Request, BoardError> {
        let mut builder = Request::builder();
        builder
            .on_chip(found.chip.clone())
            .with_consumer(CONSUMER)
            .with_kernel_event_buffer_size(KERNEL_EDGES)
            .with_line(found.info.offset)
            .as_input()
            .with_edge_detection(EdgeDetection::BothEdges)
            .with_event_clock(EventClock::Monotonic)
            .with_bias(self.bias());
        if self.active == ActiveLevel::Low {
            builder.as_active_low();
        }
        builder.request().map_err(|e| self.error(&e))
    }

    /// Asks for the line as an output. One that is active low and `open_drain` is only ever pulled down.
    pub(super) fn request_output(&self, on: bool, open_drain: bool) -> Result<Request, BoardError> {
        let found = self.find()?;
        let mut builder = Request::builder();
        builder
            .on_chip(found.chip.clone())
            .with_consumer(CONSUMER)
            .with_line(found.info.offset)
            .as_output(value(on));
        if self.active == ActiveLevel::Low {
            builder.as_active_low();
            if open_drain {
                builder.with_drive(Drive::OpenDrain);
            }
        }
        builder.request().map_err(|e| self.error(&e))
    }

    fn bias(&self) -> Option<line::Bias> {
        match self.bias {
            Bias::AsIs => None,
            Bias::PullUp => Some(line::Bias::PullUp),
            Bias::PullDown => Some(line::Bias::PullDown),
            Bias::Disabled => Some(line::Bias::Disabled),
        }
    }

    fn no_such_line(&self, line: &str) -> BoardError {
        let chip = self.gpio.as_ref().map_or("no GPIO chip".to_owned(), |path| path.display().to_string());
        let has = if self.gpio.is_some() { "has no" } else { "has a" };
        self.refusal(format!(
            "{chip} {has} line that is named {line:?}: `gpioinfo` lists the names, which an overlay gives them"
        ))
    }

    pub(super) fn error(&self, error: &gpiocdev::Error) -> BoardError {
        self.refusal(format!(
            "{error}; does another program hold it (`gpioinfo` tells), and may this user use it (group gpio)?"
        ))
    }

    fn refusal(&self, what: String) -> BoardError {
        BoardError::Line { name: self.name.clone(), gpio: self.place(), what }
    }
}

pub(super) fn value(on: bool) -> Value {
    if on { Value::Active } else { Value::Inactive }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(gpio: Option<&str>, line: LineRef) -> Wanted {
        Wanted {
            name: "cover".into(),
            gpio: gpio.map(PathBuf::from),
            line,
            active: ActiveLevel::Low,
            bias: Bias::PullUp,
        }
    }

    #[test]
    fn a_chip_that_is_not_there_is_named_with_its_line_and_the_kernels_words() {
        let message = wanted(Some("/dev/gpiochip-none"), LineRef::Offset(4)).find().unwrap_err().to_string();
        assert!(
            message.starts_with("the line of cover (/dev/gpiochip-none line 4) cannot be used"),
            "{message}"
        );
        assert!(message.contains("No such file"), "{message}");
    }

    #[test]
    fn a_name_that_no_chip_has_is_refused_with_how_to_list_the_names() {
        let message = wanted(None, LineRef::Name("PLATEN_NOWHERE".into())).find().unwrap_err().to_string();
        assert!(message.contains("no GPIO chip has a line that is named \"PLATEN_NOWHERE\""), "{message}");
        assert!(message.contains("gpioinfo"), "{message}");
    }
}
