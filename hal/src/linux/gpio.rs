//! The lines of a board by the kernel's GPIO character device: switches with edges, outputs, and lines
//! that free a bus.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::line::EdgeKind;

use crate::board::{BoardError, Finding, Output, Verdict};
use crate::bus::ClockLine;
use crate::config::{BoardConfig, Line};
use crate::lines::{BoardLines, LineEdge, state};
use crate::linux::line::{Wanted, value};

/// The most edges that one call takes from one line. The rest waits for the next call.
const MAX_EDGES: usize = 2_048;
/// Edges that are read from the kernel at once; each is 48 bytes.
const EDGES_AT_ONCE: usize = 16;

/// The lines of one board.
pub(crate) struct Lines {
    switches: Vec<SwitchLine>,
    outputs: Vec<OutputLine>,
}

/// A switch. Without a request its GPIO chip is away, or was never there.
struct SwitchLine {
    wanted: Wanted,
    request: Option<Request>,
    error: String,
    numbers: Numbers,
}

/// The edges of a switch, numbered from 1 over all times that its line was had again.
#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    kernel: u32,
}

impl Numbers {
    /// The number of an edge, by the number that the kernel gives it, which begins at 1 with each request
    /// and again at 0 after the largest.
    fn next(&mut self, kernel: u32) -> u64 {
        self.last += u64::from(kernel.wrapping_sub(self.kernel));
        self.kernel = kernel;
        self.last
    }

    /// The line is had again. Edges of the time between are lost.
    fn begin(&mut self) {
        self.kernel = 0;
    }
}

struct OutputLine {
    output: Output,
    wanted: Wanted,
    request: Option<Request>,
    error: String,
    on: bool,
}

impl Lines {
    /// The lines of a board, not yet asked for.
    pub(crate) fn new(config: &BoardConfig) -> Self {
        let switch = |entry| SwitchLine {
            wanted: Wanted::switch(entry),
            request: None,
            error: String::new(),
            numbers: Numbers::default(),
        };
        let output = |output, name, line: &Option<Line>| {
            line.as_ref().map(|line| OutputLine {
                output,
                wanted: Wanted::output(name, line),
                request: None,
                error: String::new(),
                on: false,
            })
        };
        let outputs = [
            output(Output::ServiceLamp, "the service lamp", &config.service_lamp),
            output(Output::Buzzer, "the buzzer", &config.buzzer),
        ];
        Self {
            switches: config.switches.iter().map(switch).collect(),
            outputs: outputs.into_iter().flatten().collect(),
        }
    }

    /// Asks for every line that is not had. Whether there is one now; the first error, if there is none.
    pub(crate) fn open_all(&mut self) -> Result<bool, BoardError> {
        let mut first_error = None;
        for switch in &mut self.switches {
            first_error = first_error.or(switch.open().err());
        }
        for output in &mut self.outputs {
            first_error = first_error.or(output.open().err());
        }
        let had = self.switches.iter().any(|switch| switch.request.is_some())
            || self.outputs.iter().any(|output| output.request.is_some());
        match first_error {
            Some(error) if !had => Err(error),
            _ => Ok(had),
        }
    }
}

impl SwitchLine {
    fn open(&mut self) -> Result<(), BoardError> {
        if self.request.is_some() {
            return Ok(());
        }
        let opened = self.wanted.find().and_then(|found| self.wanted.request_switch(&found));
        keep(&mut self.request, &mut self.error, opened)?;
        self.numbers.begin();
        Ok(())
    }

    /// Lets go of a line whose chip went away: its descriptor would be readable for ever.
    fn lose(&mut self, error: &gpiocdev::Error) {
        self.error = self.wanted.error(error).to_string();
        self.request = None;
    }

    fn take(&mut self, place: usize, edges: &mut Vec<LineEdge>) {
        if let Err(error) = self.take_from_kernel(place, edges) {
            self.lose(&error);
        }
    }

    fn take_from_kernel(&mut self, place: usize, edges: &mut Vec<LineEdge>) -> gpiocdev::Result<()> {
        let Some(request) = &self.request else { return Ok(()) };
        let size = request.edge_event_u64_size();
        // Not `read_edge_event`: it reads several edges and gives the first.
        let mut buffer = vec![0; size * EDGES_AT_ONCE];
        for _ in 0..MAX_EDGES / EDGES_AT_ONCE {
            if !request.has_edge_event()? {
                break;
            }
            let words = request.read_edge_events_into_slice(&mut buffer)?;
            for one in buffer.get(..words).unwrap_or_default().chunks_exact(size) {
                let event = request.edge_event_from_slice(one)?;
                edges.push(LineEdge {
                    switch: place,
                    // On a line that is active low the kernel has turned the sense of the edge already.
                    active: event.kind == EdgeKind::Rising,
                    at: Duration::from_nanos(event.timestamp_ns),
                    sequence: self.numbers.next(event.line_seqno),
                });
            }
            if words == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl OutputLine {
    fn open(&mut self) -> Result<(), BoardError> {
        if self.request.is_some() {
            return Ok(());
        }
        let opened = self.wanted.request_output(self.on, false);
        keep(&mut self.request, &mut self.error, opened)
    }
}

/// Keeps a line that could be had, or why not.
fn keep(
    request: &mut Option<Request>,
    error: &mut String,
    opened: Result<Request, BoardError>,
) -> Result<(), BoardError> {
    match opened {
        Ok(opened) => {
            *request = Some(opened);
            Ok(())
        }
        Err(cause) => {
            *error = cause.to_string();
            Err(cause)
        }
    }
}

impl BoardLines for Lines {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        self.switches.iter().filter_map(|switch| switch.request.as_ref()).map(|r| r.as_fd()).collect()
    }

    fn take_edges(&mut self) -> Result<Vec<LineEdge>, BoardError> {
        let mut edges = Vec::new();
        for (place, switch) in self.switches.iter_mut().enumerate() {
            switch.take(place, &mut edges);
        }
        edges.sort_by_key(|edge| edge.at);
        Ok(edges)
    }

    fn begin(&mut self) {
        // What is missing is told with each reading of it.
        let _ = self.open_all();
    }

    fn active(&mut self, switch: usize) -> Result<bool, String> {
        let switch = self.switches.get_mut(switch).ok_or("there is no such switch")?;
        let Some(request) = &switch.request else { return Err(switch.error.clone()) };
        match request.lone_value() {
            Ok(now) => Ok(now == value(true)),
            Err(error) => {
                switch.lose(&error);
                Err(switch.error.clone())
            }
        }
    }

    fn set_output(&mut self, output: Output, on: bool) -> Result<(), BoardError> {
        for line in self.outputs.iter_mut().filter(|line| line.output == output) {
            line.on = on;
            let Some(request) = &line.request else { continue };
            if let Err(error) = request.set_lone_value(value(on)) {
                // It gets this state when it is had again.
                line.error = line.wanted.error(&error).to_string();
                line.request = None;
            }
        }
        Ok(())
    }

    fn examine(&mut self) -> Vec<Finding> {
        let switches = (0..self.switches.len()).map(|place| {
            let now = self.active(place).map(|active| format!("it is {}", state(active)));
            self.switches.get(place).map(|switch| finding(&switch.wanted, now))
        });
        let mut findings: Vec<_> = switches.flatten().collect();
        for line in &self.outputs {
            let state = if line.on { "it is on" } else { "it is off" };
            let now = line.request.as_ref().map(|_| state.to_owned()).ok_or_else(|| line.error.clone());
            findings.push(finding(&line.wanted, now));
        }
        findings
    }
}

fn finding(wanted: &Wanted, now: Result<String, String>) -> Finding {
    let (subject, place) = (wanted.name.clone(), wanted.place());
    match now {
        Ok(what) => Finding { subject, place, verdict: Verdict::Fine, what, check: None },
        Err(what) => {
            let holder = wanted.find().ok().filter(|found| found.info.used).map(|found| found.info.consumer);
            let check = match holder {
                Some(holder) => {
                    format!("{holder:?} holds the line: stop that program, or take the line from its driver")
                }
                None => "is the GPIO chip there (`gpiodetect`), and does it have the line (`gpioinfo`)?"
                    .to_owned(),
            };
            Finding { subject, place, verdict: Verdict::Failed, what, check: Some(check) }
        }
    }
}

/// A line that pulls the clock of a bus down.
pub(crate) struct KernelClockLine {
    wanted: Wanted,
    request: Option<Request>,
}

impl KernelClockLine {
    pub(crate) fn new(bus: &str, line: &Line) -> Self {
        Self { wanted: Wanted::output(&format!("the recover line of the bus {bus}"), line), request: None }
    }
}

impl ClockLine for KernelClockLine {
    fn pull(&mut self, down: bool) -> Result<(), String> {
        if self.request.is_none() {
            let opened = self.wanted.request_output(false, true).map_err(|error| error.to_string())?;
            self.request = Some(opened);
        }
        let Some(request) = &self.request else { return Ok(()) };
        request.set_lone_value(value(down)).map_err(|error| {
            let what = self.wanted.error(&error).to_string();
            self.request = None;
            what
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_numbered_on_over_requests_and_the_largest_number() {
        let mut numbers = Numbers::default();
        assert_eq!([1, 2, 5].map(|kernel| numbers.next(kernel)), [1, 2, 5]);
        numbers.begin();
        assert_eq!([1, 2].map(|kernel| numbers.next(kernel)), [6, 7]);
        numbers = Numbers { last: u64::from(u32::MAX), kernel: u32::MAX };
        assert_eq!(numbers.next(1), u64::from(u32::MAX) + 2);
    }

    #[test]
    fn a_switch_whose_chip_is_away_says_so_and_has_no_descriptor() {
        let text = "backend = \"linux\"\nmodel = \"m\"\n[[switch]]\nname = \"cover\"\nmeaning = \"cover\"\ngpio = \"/dev/gpiochip-none\"\nline = 3\n";
        let config = crate::config::parse(text, std::path::Path::new("board.toml")).unwrap();
        let mut lines = Lines::new(&config);
        assert!(lines.open_all().unwrap_err().to_string().contains("/dev/gpiochip-none"));
        assert!(lines.active(0).unwrap_err().contains("No such file"));
        assert!(lines.fds().is_empty());
        assert_eq!(lines.take_edges().unwrap(), []);
        assert_eq!(lines.examine()[0].verdict, Verdict::Failed);
    }
}
