//! The HAL's suite on the simulated backend, in this process.

#![allow(clippy::unwrap_used)] // Helpers of tests end the test, with its words.

use std::path::Path;

use platen_hal::sim::SimPrinter;
use platen_hal::{Board, config};
use platen_protocol::readings::Readings;
use platen_tests::hal_suite::{self, Rig};

struct InProcess {
    board: Box<dyn Board>,
    printer: SimPrinter,
}

impl Rig for InProcess {
    fn sample(&mut self) -> Readings {
        self.board.sample()
    }

    fn edges_during(&mut self, act: &mut dyn FnMut(&SimPrinter)) -> Vec<(String, bool)> {
        act(&self.printer);
        self.board.take_edges().unwrap().into_iter().map(|edge| (edge.switch, edge.active)).collect()
    }

    fn printer(&self) -> &SimPrinter {
        &self.printer
    }
}

#[test]
fn the_simulated_backend_passes_the_suite() {
    let config = config::parse(&hal_suite::board_file(None), Path::new("board.toml")).unwrap();
    let opened = platen_hal::open(&config).unwrap();
    let mut rig = InProcess { board: opened.board, printer: opened.simulator.unwrap() };
    assert!(rig.board.simulated(), "a simulated board must say so");
    hal_suite::run(&mut rig);
}
