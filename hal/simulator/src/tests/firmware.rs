//! Firmware that goes over the bus into the engine's controller, while everything goes wrong.

use std::path::Path;

use platen_hal::config::{self, BoardConfig, SimulatedEngine};
use platen_hal::engine::fault::EngineFault;
use platen_hal::engine::flash::target;
use platen_hal::engine::protocol::{Bank, Outcome};
use platen_hal::engine::{Controller, Image, Progress};
use platen_hal::fault::BusFault;
use proptest::prelude::*;

use crate::truth::FirmwareTruth;
use crate::{Fault, SimCommand, SimPrinter, engine};

const BOARD: &str = r#"
backend = "simulated"
model = "m"
[[bus]]
name = "main"
[engine-controller]
bus = "main"
address = 0x21
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
"#;
const MODEL: &str = "SIM-ENGINE";
/// Of a page.
const PAGE: usize = 256;

struct Bench {
    config: BoardConfig,
    printer: SimPrinter,
    controller: Controller,
}

impl Bench {
    fn new(banks: u8) -> Self {
        Self::of(&SimulatedEngine { banks, pages: 16, ..SimulatedEngine::default() })
    }

    fn of(like: &SimulatedEngine) -> Self {
        let config = config::parse(BOARD, Path::new("board.toml")).unwrap();
        let printer = SimPrinter::accelerated(&config).unwrap();
        printer.fit_engine(like);
        let controller = engine(&config, &printer).unwrap();
        Self { config, printer, controller }
    }

    /// Another program at the same bus.
    fn begin_anew(&mut self) {
        self.controller = engine(&self.config, &self.printer).unwrap();
    }

    fn fault(&self, fault: Fault) {
        fault_of(&self.printer, fault);
    }

    fn truth(&self) -> FirmwareTruth {
        self.printer.truth().firmware.unwrap()
    }

    fn target(&mut self) -> u8 {
        let (identity, state) = (self.controller.identity().unwrap(), self.controller.state().unwrap());
        target(&identity, &state)
    }

    fn write(&mut self, bank: u8, image: &Image) -> Result<(u16, u16), EngineFault> {
        let written = self.controller.write(bank, image, &mut |_| {})?;
        Ok((written.pages, written.kept))
    }
}

fn fault_of(printer: &SimPrinter, fault: Fault) {
    printer.apply(&SimCommand::Fault { target: "engine-controller".into(), fault }).unwrap();
}

fn image(version: &str, pages: usize) -> Image {
    let content: Vec<u8> = (3..251).cycle().take(pages * PAGE - 64).collect();
    Image::build(MODEL, version, &content).unwrap()
}

fn names(truth: &FirmwareTruth) -> (Option<&str>, Vec<Option<&str>>) {
    (truth.running.as_deref(), truth.banks.iter().map(Option::as_deref).collect())
}

#[test]
fn with_two_banks_the_old_firmware_runs_until_the_new_one_is_activated_and_is_there_to_go_back_to() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.controller.running_version(), Ok(Some("1.0.0".to_owned())));
    let new = image("2.0.0", 10);
    assert_eq!(bench.target(), 1);
    assert_eq!(bench.write(1, &new), Ok((10, 0)));
    assert_eq!(names(&bench.truth()), (Some("1.0.0"), vec![Some("1.0.0"), Some("2.0.0")]));
    bench.controller.activate(1, new.sum()).unwrap();
    assert_eq!(names(&bench.truth()), (Some("2.0.0"), vec![Some("1.0.0"), Some("2.0.0")]));
    assert_eq!(bench.target(), 0);
    let Bank::Whole { version, sum, .. } = bench.controller.bank(0).unwrap() else { panic!("it is whole") };
    bench.controller.activate(0, sum).unwrap();
    assert_eq!((version.as_str(), bench.truth().running.as_deref()), ("1.0.0", Some("1.0.0")));
}

#[test]
fn with_one_bank_the_bootloader_stays_where_the_firmware_is_broken() {
    let mut bench = Bench::new(1);
    let old = bench.controller.read(0).unwrap();
    assert_eq!(old.header().version, "1.0.0");
    let new = image("2.0.0", 12);
    let printer = bench.printer.clone();
    let broken = bench.controller.write(0, &new, &mut |Progress { done, .. }| {
        if done == 5 {
            fault_of(&printer, Fault::NoPower);
        }
    });
    assert!(matches!(broken, Err(EngineFault::Silent(BusFault::NoAnswer(_)))), "{broken:?}");
    bench.fault(Fault::None);
    assert_eq!(names(&bench.truth()), (None, vec![None]));
    assert!(
        bench
            .printer
            .apply(&SimCommand::Print { pages: 1, per_minute: None })
            .unwrap()
            .contains("no firmware")
    );
    assert_eq!(bench.controller.running_version(), Ok(None), "the bootloader answers");
    bench.begin_anew();
    let (written, kept) = bench.write(0, &new).unwrap();
    assert_eq!((written + kept, kept >= 5), (12, true), "what is there is not written again: {kept}");
    bench.controller.activate(0, new.sum()).unwrap();
    assert_eq!(bench.truth().running.as_deref(), Some("2.0.0"));
    // And back, by the image that was read.
    bench.write(0, &old).unwrap();
    bench.controller.activate(0, old.sum()).unwrap();
    assert_eq!(bench.truth().running.as_deref(), Some("1.0.0"));
}

#[test]
fn a_page_that_was_being_written_when_the_power_went_is_half_there_and_written_again() {
    let mut bench = Bench::new(2);
    let new = image("2.0.0", 8);
    let printer = bench.printer.clone();
    let mut cut = false;
    let done = bench.controller.write(1, &new, &mut |Progress { done, .. }| {
        if done == 3 && !cut {
            cut = true;
            fault_of(&printer, Fault::NoPower);
            fault_of(&printer, Fault::None);
        }
    });
    assert_eq!(done.map(|written| written.pages), Ok(8), "it waits until the engine is back, and goes on");
    assert_eq!(bench.truth().banks[1].as_deref(), Some("2.0.0"));
}

#[test]
fn an_image_that_is_there_is_not_written_again() {
    let mut bench = Bench::new(2);
    let new = image("2.0.0", 8);
    assert_eq!(bench.write(1, &new), Ok((8, 0)));
    let before = bench.truth().pages_written;
    assert_eq!(bench.write(1, &new), Ok((0, 8)));
    assert_eq!(bench.truth().pages_written, before);
}

#[test]
fn what_the_bootloader_must_not_do_it_refuses() {
    let mut bench = Bench::new(2);
    let refused = |done: Result<(), EngineFault>| match done {
        Err(EngineFault::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    let new = image("2.0.0", 8);
    assert_eq!(refused(bench.write(0, &new).map(drop)), Outcome::Running);
    assert_eq!(refused(bench.controller.activate(1, new.sum())), Outcome::NotWhole);
    assert_eq!(refused(bench.controller.activate(2, new.sum())), Outcome::NoSuchPlace);
    bench.write(1, &new).unwrap();
    assert_eq!(refused(bench.controller.activate(1, new.sum() ^ 1)), Outcome::OtherSum);
    let other = Image::build("OTHER", "2.0.0", b"x").unwrap();
    assert_eq!(refused(bench.write(1, &other).map(drop)), Outcome::OtherModel);
    let large = image("3.0.0", 17);
    assert!(matches!(bench.write(1, &large), Err(EngineFault::TooLarge { image: 4352, bank: 4096 })));
    bench.printer.apply(&SimCommand::Print { pages: 10, per_minute: Some(60) }).unwrap();
    assert_eq!(refused(bench.controller.activate(1, new.sum())), Outcome::Printing);
    assert_eq!(refused(bench.controller.stop()), Outcome::Printing);
    bench.printer.advance(std::time::Duration::from_secs(60));
    bench.controller.stop().unwrap();
    assert_eq!(bench.truth().running, None);
    bench.controller.start().unwrap();
    assert_eq!(bench.truth().running.as_deref(), Some("1.0.0"));
}

#[test]
fn firmware_that_never_reports_leaves_the_bootloader_and_the_other_bank_is_activated_again() {
    let mut bench = Bench::new(2);
    let dead = Image::build(MODEL, "2.0.0", b"it ends at once: DEAD").unwrap();
    bench.write(1, &dead).unwrap();
    bench.controller.activate(1, dead.sum()).unwrap();
    assert_eq!(bench.controller.running_version(), Ok(None));
    let Bank::Whole { sum, .. } = bench.controller.bank(0).unwrap() else { panic!("it is whole") };
    bench.controller.activate(0, sum).unwrap();
    assert_eq!(bench.truth().running.as_deref(), Some("1.0.0"));
}

#[test]
fn an_engine_whose_flash_is_closed_is_not_read_back() {
    let mut bench = Bench::of(&SimulatedEngine { banks: 1, readable: false, ..SimulatedEngine::default() });
    assert_eq!(bench.controller.read(0), Err(EngineFault::NotReadable));
}

#[test]
fn what_answers_and_is_no_controller_is_named_and_one_that_is_not_there_is_silent() {
    let mut bench = Bench::new(2);
    bench.fault(Fault::Corrupt);
    assert_eq!(bench.controller.identity(), Err(EngineFault::Garbled));
    bench.fault(Fault::Absent);
    assert!(bench.controller.identity().unwrap_err().may_pass());
    bench.fault(Fault::None);
    assert_eq!(bench.controller.identity().unwrap().model, MODEL);
}

#[test]
fn a_printer_that_goes_on_from_its_log_has_the_firmware_that_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let board = format!("{BOARD}[simulation]\nlog = \"log\"\nengine = {{ pages = 16 }}\n");
    let config = config::parse(&board, &folder.path().join("board.toml")).unwrap();
    let new = image("2.0.0", 9);
    {
        let printer = SimPrinter::accelerated(&config).unwrap();
        let mut controller = engine(&config, &printer).unwrap();
        controller.write(1, &new, &mut |_| {}).unwrap();
        controller.activate(1, new.sum()).unwrap();
        fault_of(&printer, Fault::NoPower);
    }
    let printer = SimPrinter::accelerated(&config).unwrap();
    assert_eq!(printer.truth().firmware.unwrap().running, None, "it has no power");
    fault_of(&printer, Fault::None);
    assert_eq!(printer.truth().firmware.unwrap().running.as_deref(), Some("2.0.0"));
    assert_eq!(engine(&config, &printer).unwrap().read(1).unwrap(), new);
}

/// What goes wrong after so many pages.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// The engine's power goes for a moment.
    EnginePower,
    /// The engine's power goes, and whoever writes gives up.
    LongCut,
    /// Whoever writes ends, as by a power cut of the controller.
    WriterEnds,
    /// Somebody asks the same controller what runs, in between.
    SomebodyAsks,
}

fn any_mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        Just(Mishap::EnginePower),
        Just(Mishap::LongCut),
        Just(Mishap::WriterEnds),
        Just(Mishap::SomebodyAsks),
    ]
}

/// The panic by which a writer ends in the middle.
struct Ended;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever goes wrong in between, on a bus that disturbs transfers: no broken image ever runs, the old one runs on
    /// with two banks, and in the end the new one runs.
    #[test]
    fn whatever_goes_wrong_the_new_firmware_comes_and_no_broken_one_runs(
        banks in 1..=2_u8, pages in 2..16_usize, noisy: bool,
        mishaps in prop::collection::vec((any_mishap(), 0..16_u16), 0..5),
    ) {
        let mut bench = Bench::new(banks);
        let new = image("2.0.0", pages);
        let bank = bench.target();
        if noisy {
            bench.fault(Fault::BitFlips);
        }
        for (mishap, after) in mishaps {
            let printer = bench.printer.clone();
            let mut other = engine(&bench.config, &printer).unwrap().impatient();
            let controller = &mut bench.controller;
            let ends = std::panic::AssertUnwindSafe(|| {
                let mut happened = false;
                controller.write(bank, &new, &mut |Progress { done, .. }| {
                    if done < after || std::mem::replace(&mut happened, true) {
                        return;
                    }
                    match mishap {
                        Mishap::EnginePower => {
                            fault_of(&printer, Fault::NoPower);
                            fault_of(&printer, if noisy { Fault::BitFlips } else { Fault::None });
                        }
                        Mishap::LongCut => fault_of(&printer, Fault::NoPower),
                        Mishap::WriterEnds => std::panic::resume_unwind(Box::new(Ended)),
                        Mishap::SomebodyAsks => drop(other.running_version()),
                    }
                })
            });
            let _ = std::panic::catch_unwind(ends);
            bench.fault(if noisy { Fault::BitFlips } else { Fault::None });
            bench.begin_anew();
            let truth = bench.truth();
            // With one bank, a restart starts what is whole.
            let whole = banks == 1 && truth.banks[0].as_deref() == Some("2.0.0");
            let runs = truth.running.as_deref();
            prop_assert!(runs.is_none() || runs == Some(if whole { "2.0.0" } else { "1.0.0" }), "{truth:?}");
            prop_assert!(banks == 1 || truth.running.is_some(), "the old one runs on: {truth:?}");
        }
        bench.write(bank, &new).unwrap();
        bench.controller.activate(bank, new.sum()).unwrap();
        prop_assert_eq!(bench.controller.running_version(), Ok(Some("2.0.0".to_owned())));
        prop_assert_eq!(bench.truth().running, Some("2.0.0".to_owned()));
    }
}
