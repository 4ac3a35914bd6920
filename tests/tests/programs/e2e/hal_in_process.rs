//! The HAL's suite on the simulated backend, in this process.

use std::path::Path;

use platen_hal::engine::flash::target;
use platen_hal::engine::{Controller, Image};
use platen_hal::{Board, Output, config};
use platen_protocol::readings::Readings;
use platen_simulator::{SimCommand, SimPrinter, Simulated};
use platen_tests::hal_suite::{self, Rig};

struct InProcess {
    board: Box<dyn Board>,
    engine: Controller,
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

    fn flash(&mut self, image: &[u8], version: &str) -> Result<(), String> {
        let said = |error: platen_hal::engine::EngineFault| error.to_string();
        let image = Image::parse(image.to_vec()).map_err(|error| error.to_string())?;
        let (identity, state) = (self.engine.identity().map_err(said)?, self.engine.state().map_err(said)?);
        // As the installer: docs/installers.md.
        if image.header().model != identity.model {
            return Err(format!("it is for the engine {}", image.header().model));
        }
        if image.header().version != version {
            return Err(format!("{version} was signed"));
        }
        let bank = target(&identity, &state);
        self.engine.write(bank, &image, &mut |_| {}).map_err(said)?;
        self.engine.activate(bank, image.sum()).map_err(said)
    }

    fn firmware(&mut self) -> Option<String> {
        self.engine.running_version().unwrap()
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
    let engine = platen_simulator::engine(&config, &printer).unwrap();
    let mut rig = InProcess { board, engine, printer };
    assert!(rig.board.simulated(), "a simulated board must say so");
    hal_suite::run(&mut rig);
}
