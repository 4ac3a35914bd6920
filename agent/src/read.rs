//! Reads the board once, or prints its edges, without outbox and network: for whoever wires it.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use platen_hal::{Board, BoardError};
use platen_protocol::readings::Readings;
use serde::Serialize;

use crate::show;

/// What `platen-agent read --json` prints.
#[derive(Debug, Serialize)]
struct BoardReading<'a> {
    model: &'a str,
    simulated: bool,
    readings: Readings,
}

/// One edge as `platen-agent read --edges` prints it, a line of JSON each.
#[derive(Debug, Serialize)]
struct EdgeLine<'a> {
    switch: &'a str,
    meaning: platen_protocol::readings::SwitchMeaning,
    active: bool,
    at_monotonic_us: u64,
}

/// Why the board was not read, or not printed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
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
pub fn once(board: &mut dyn Board, json: bool, output: &mut dyn Write) -> Result<(), ReadError> {
    let readings = board.sample();
    let (model, simulated) = (board.model(), board.simulated());
    if json {
        serde_json::to_writer_pretty(&mut *output, &BoardReading { model, simulated, readings })
            .map_err(io::Error::from)?;
        writeln!(output)?;
    } else {
        writeln!(output, "{model}{}", if simulated { "  (SIMULATED)" } else { "" })?;
        write!(output, "{}", show::readings(&readings))?;
    }
    Ok(output.flush()?)
}

/// Prints edges as they come, for a time.
pub fn edges(board: &mut dyn Board, time: Duration, output: &mut dyn Write) -> Result<(), ReadError> {
    let end = Instant::now() + time;
    loop {
        for edge in board.take_edges()? {
            let line = EdgeLine {
                switch: &edge.switch,
                meaning: edge.meaning,
                active: edge.active,
                at_monotonic_us: u64::try_from(edge.at.as_micros()).unwrap_or(u64::MAX),
            };
            serde_json::to_writer(&mut *output, &line).map_err(io::Error::from)?;
            writeln!(output)?;
            output.flush()?;
        }
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
