//! The HAL's suite on the simulated backend, in this process.

use std::path::Path;

use platen_hal::{Board, Output, config};
use platen_protocol::readings::Readings;
use platen_simulator::{SimCommand, SimPrinter, Simulated};
use platen_tests::hal_suite::{self, Rig};

struct InProcess {
    board: Box<dyn Board>,
    printer: SimPrinter,
}

impl Rig for InProcess {
    fn sample(&mut self) -> Readings {
        // As the agent does: pages at the exit are counted as their edges are taken.
        drop(self.board.take_edges().unwrap());
        self.board.sample()
    }

    fn edges_during(&mut self, commands: &[SimCommand], _expected: usize) -> Vec<(String, bool)> {
        // What happened before is not asked for.
        drop(self.board.take_edges().unwrap());
        for command in commands {
            self.act(command);
        }
        self.board.take_edges().unwrap().into_iter().map(|edge| (edge.switch, edge.active)).collect()
    }

    fn act(&self, command: &SimCommand) {
        self.printer.apply(command).unwrap();
    }

    fn outputs(&mut self, lamp: bool, buzzer: bool) -> (bool, bool) {
        self.board.set_output(Output::ServiceLamp, lamp).unwrap();
        self.board.set_output(Output::Buzzer, buzzer).unwrap();
        (self.printer.lamp(), self.printer.buzzer())
    }
}

#[test]
fn the_simulated_backend_passes_the_suite() {
    let config = config::parse(&hal_suite::board_file(None), Path::new("board.toml")).unwrap();
    let Simulated { board, printer } = platen_simulator::open(&config).unwrap();
    let mut rig = InProcess { board, printer };
    assert!(rig.board.simulated(), "a simulated board must say so");
    hal_suite::run(&mut rig);
}
