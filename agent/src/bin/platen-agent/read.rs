//! Reads the board once, prints its edges, or counts its pages, without outbox and network: for whoever wires it.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use platen_agent::tool::show;
use platen_hal::engine::Controller;
use platen_hal::{Board, BoardError, Edge};
use platen_protocol::readings::Readings;
use serde::Serialize;

/// What `platen-agent read --json` prints.
#[derive(Debug, Serialize)]
struct BoardReading<'a> {
    model: &'a str,
    simulated: bool,
    readings: Readings,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<EngineReading>,
}

/// The engine's controller, where the board has one.
#[derive(Debug, Serialize)]
struct EngineReading {
    /// The version of the firmware that runs; none while only the bootloader does.
    firmware: Option<String>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

impl EngineReading {
    fn of(controller: &mut Controller) -> Self {
        match controller.running_version() {
            Ok(firmware) => Self { firmware, fault: None },
            Err(fault) => Self { firmware: None, fault: Some(fault.to_string()) },
        }
    }

    fn words(&self) -> &str {
        let running = self.firmware.as_deref().unwrap_or("none, only its bootloader runs");
        self.fault.as_deref().unwrap_or(running)
    }
}

/// One edge as `platen-agent read --edges` prints it, a line of JSON each.
#[derive(Debug, Serialize)]
struct EdgeLine<'a> {
    switch: &'a str,
    meaning: platen_protocol::readings::SwitchMeaning,
    active: bool,
    at_monotonic_us: u64,
}

/// What `platen-agent read --pages` prints.
#[derive(Debug, Serialize)]
struct PageLine {
    pages: u64,
    printing_ms: u64,
}

/// Why the board was not read, or not printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The output.
    #[error("the readings cannot be printed: {0}")]
    Output(#[from] io::Error),
    /// Waiting for edges failed.
    #[error("waiting for edges failed: {0}")]
    Poll(#[from] Errno),
}

/// Reads everything once and prints it.
pub(crate) fn once(
    board: &mut dyn Board,
    engine: Option<&mut Controller>,
    json: bool,
    output: &mut dyn Write,
) -> Result<(), ReadError> {
    let readings = board.sample();
    let (model, simulated) = (board.model(), board.simulated());
    let engine = engine.map(EngineReading::of);
    if json {
        serde_json::to_writer_pretty(&mut *output, &BoardReading { model, simulated, readings, engine })
            .map_err(io::Error::from)?;
        writeln!(output)?;
    } else {
        writeln!(output, "{model}{}", if simulated { "  (SIMULATED)" } else { "" })?;
        write!(output, "{}", show::readings(&readings))?;
        if let Some(engine) = engine {
            writeln!(output, "engine firmware: {}", engine.words())?;
        }
    }
    Ok(output.flush()?)
}

/// Prints edges as they come, for a time.
pub(crate) fn edges(board: &mut dyn Board, time: Duration, output: &mut dyn Write) -> Result<(), ReadError> {
    listen(board, time, |edge| {
        let line = EdgeLine {
            switch: &edge.switch,
            meaning: edge.meaning,
            active: edge.active,
            at_monotonic_us: u64::try_from(edge.at.as_micros()).unwrap_or(u64::MAX),
        };
        serde_json::to_writer(&mut *output, &line).map_err(io::Error::from)?;
        writeln!(output)?;
        Ok(output.flush()?)
    })
}

/// Counts the pages that pass the exit during a time, and prints their number and for how long they came.
pub(crate) fn pages(board: &mut dyn Board, time: Duration, output: &mut dyn Write) -> Result<(), ReadError> {
    listen(board, time, |_| Ok(()))?;
    let pages = board.counts().pages;
    let line = PageLine {
        pages: pages.pages,
        printing_ms: u64::try_from(pages.printing.as_millis()).unwrap_or(u64::MAX),
    };
    serde_json::to_writer(&mut *output, &line).map_err(io::Error::from)?;
    writeln!(output)?;
    Ok(output.flush()?)
}

/// Takes edges for a time.
fn listen(
    board: &mut dyn Board,
    time: Duration,
    mut hear: impl FnMut(&Edge) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let end = Instant::now() + time;
    loop {
        board.take_edges()?.iter().try_for_each(&mut hear)?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        let mut fds: Vec<_> =
            board.edge_fds().into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use platen_hal::config;
    use platen_simulator::{SimCommand, SimPrinter};

    use super::*;

    const BOARD: &str = "backend = \"simulated\"\nmodel = \"m\"\n[[switch]]\nname = \"exit\"\nmeaning = \"page-exit\"\nline = 1\n[[switch]]\nname = \"cover\"\nmeaning = \"cover\"\nline = 2\n";

    fn board() -> (Box<dyn Board>, SimPrinter) {
        let config = config::parse(BOARD, Path::new("board.toml")).unwrap();
        let printer = SimPrinter::accelerated(&config).unwrap();
        (platen_simulator::open_inline(&config, &printer).unwrap(), printer)
    }

    /// Fifty pages, twenty a second, and then a cover that opens.
    fn print_and_open(printer: &SimPrinter) {
        printer.apply(&SimCommand::Print { pages: 50, per_minute: Some(1_200) }).unwrap();
        printer.advance(Duration::from_secs(5));
        printer.apply(&SimCommand::Open { switch: "cover".into() }).unwrap();
    }

    #[test]
    fn edges_are_lines_of_json_without_the_pages() {
        let (mut board, printer) = board();
        print_and_open(&printer);
        let mut output = Vec::new();
        edges(board.as_mut(), Duration::ZERO, &mut output).unwrap();
        let line: serde_json::Value = serde_json::from_slice(&output).unwrap();
        assert_eq!((line["switch"].as_str(), line["active"].as_bool()), (Some("cover"), Some(true)));
    }

    #[test]
    fn pages_are_counted() {
        let (mut board, printer) = board();
        print_and_open(&printer);
        let mut output = Vec::new();
        pages(board.as_mut(), Duration::ZERO, &mut output).unwrap();
        let line: serde_json::Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(line["pages"], 50);
    }
}
