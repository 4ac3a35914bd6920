//! `platen-sim`: a simulated printer behind a real `/dev/i2c-N` and `/dev/gpiochipN` of this Linux.
//!
//! docs/simulator.md, "A real bus on your own Linux", says how to use it; the library beside it how it works.
//! What a person may type is printed at the start. It ends at Ctrl-C, SIGTERM or `quit`.

mod control;
mod words;

use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use platen_hal::config::{self, BoardConfig};
use platen_sim::board::for_this_machine;
use platen_sim::device::Cp2112;
use platen_sim::printer::{LineMap, PrinterBus, PrinterLines};
use platen_simulator::SimPrinter;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use words::Line;

/// Lines that wait to be done; whoever writes more waits.
const MAX_WAITING_LINES: usize = 16;

/// Plugs a simulated printer into this Linux: an I2C bus and a GPIO chip, by the kernel's own driver hid-cp2112.
#[derive(Parser)]
#[command(name = "platen-sim", version)]
struct Arguments {
    /// The printer: any board file; what it says of devices does not matter.
    #[arg(long, value_name = "FILE")]
    board: PathBuf,
    /// Also take acts from `platen --socket SOCKET sim ...`.
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
    /// Write the board file that fits this machine to a file, not to the output.
    #[arg(long, value_name = "FILE")]
    write_board: Option<PathBuf>,
}

/// The printer, and its bridges by the bus's name.
struct Plugged {
    printer: SimPrinter,
    bridges: Vec<(String, Cp2112<PrinterLines>)>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platen-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let text = std::fs::read_to_string(&arguments.board)
        .with_context(|| format!("{} cannot be read", arguments.board.display()))?;
    let board = config::parse(&text, &arguments.board)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let plugged = plug_in(&board, &text, arguments.write_board.as_deref())?;
    let played = runtime.block_on(play(&plugged, arguments.control.as_deref()));
    println!("{}", figures(&plugged));
    drop(plugged);
    println!("unplugged");
    played
}

/// Plugs a bridge in for each bus, the lines on the first.
fn plug_in(board: &BoardConfig, text: &str, write_board: Option<&Path>) -> Result<Plugged> {
    let printer = SimPrinter::new(board)?;
    if let Some(words) = printer.notice() {
        eprintln!("platen-sim: {words}");
    }
    let layout = printer.line_layout();
    let map = LineMap::new(&layout)?;
    // A bus behind a multiplexer hangs on that one's adapter.
    let own = board.buses.iter().filter(|bus| bus.behind.is_none());
    let mut names: Vec<_> = own.map(|bus| bus.name.get_ref().clone()).collect();
    if names.is_empty() {
        // A board of lines alone.
        names.push("none".to_owned());
    }
    let mut bridges: Vec<(String, Cp2112<PrinterLines>)> = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        let lines = if number == 0 { map.clone() } else { LineMap::default() };
        let unique = format!("platen-sim-{}-{number}", std::process::id());
        let bus = PrinterBus::new(&printer, &name);
        let bridge = Cp2112::plug_in(bus, PrinterLines::new(&printer, lines), &unique)?;
        println!("bus {name}: {}", bridge.nodes().i2c.display());
        bridges.push((name, bridge));
    }
    let gpio = bridges.first().map(|(_, bridge)| bridge.nodes().gpio.clone()).unwrap_or_default();
    println!("lines: {}", gpio.display());
    let buses: Vec<_> =
        bridges.iter().map(|(name, bridge)| (name.clone(), bridge.nodes().i2c.as_path())).collect();
    let fitting = for_this_machine(text, &buses, &gpio, &layout, &map)?;
    match write_board {
        Some(file) => {
            std::fs::write(file, fitting).with_context(|| format!("{} cannot be written", file.display()))?;
            println!("board file: {}", file.display());
        }
        None => println!("\nThe board file for these devices:\n\n{fitting}"),
    }
    Ok(Plugged { printer, bridges })
}

/// Does what is asked until the end is asked for.
async fn play(plugged: &Plugged, socket: Option<&Path>) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    if let Some(socket) = socket {
        let listener = platen_agent::tool::control::bind(socket)?;
        println!("control: platen --socket {} sim ...", socket.display());
        tokio::spawn(control::serve(listener, plugged.printer.clone()));
    }
    println!("ready: type `set black 4`, `print 10`, `open cover` ..., or `help`; Ctrl-C ends this");
    let (sender, mut lines) = mpsc::channel(MAX_WAITING_LINES);
    // Not joined: reading the input cannot be ended from here, and the process ends with it.
    std::thread::Builder::new().name("input".to_owned()).spawn(move || read_lines(&sender))?;
    loop {
        let line = tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            // At the input's end the printer stays: it may have been started in the background.
            Some(line) = lines.recv() => line,
        };
        match words::read(&line) {
            Ok(Line::Quit) => return Ok(()),
            Ok(Line::Figures) => println!("{}", figures(plugged)),
            Ok(Line::Act(command)) => match control::act(plugged.printer.clone(), command).await {
                Ok(what) => println!("done: {what}"),
                Err(reason) => println!("refused: {reason}"),
            },
            Err(words) => println!("refused: {words}"),
        }
    }
}

fn read_lines(sender: &mpsc::Sender<String>) {
    for line in io::stdin().lock().lines() {
        match line {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
            Err(error) => {
                eprintln!("the input failed: {error}");
                return;
            }
        }
    }
}

fn figures(plugged: &Plugged) -> String {
    let all: Vec<_> = plugged.bridges.iter().map(|(_, bridge)| bridge.figures()).collect();
    let sum = |of: fn(&platen_sim::bridge::Figures) -> u64| all.iter().map(of).sum::<u64>();
    format!(
        "figures: {} transfers, {} of them failed; {} reads of the lines; {} reports ignored",
        sum(|figures| figures.transfers),
        sum(|figures| figures.failed),
        sum(|figures| figures.line_reads),
        sum(|figures| figures.ignored),
    )
}
