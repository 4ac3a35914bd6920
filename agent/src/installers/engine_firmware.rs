//! The kind `engine-firmware`: an image goes over I2C into the flash of the engine's controller, page by page, while the
//! agent goes on reading the chips of the same bus.
//!
//! `check` writes down what runs and makes the way back: with two banks that is the other bank; with one it is the image
//! that was kept, or else the one that is read out of the engine. All that follows goes by what was written down, because
//! after a power cut the engine itself may say something else.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use platen_hal::engine::fault::EngineFault;
use platen_hal::engine::flash::target;
use platen_hal::engine::image::MAX_IMAGE_BYTES;
use platen_hal::engine::protocol::{Bank, Identity, Outcome, State};
use platen_hal::engine::{Controller, Image, Progress};
use serde::{Deserialize, Serialize};

use super::given::{Given, Halt, Step, read, read_if_there, say};
use super::{durable, versions};
use crate::board;
use crate::config;

/// What ran before, among what is kept.
const BEFORE: &str = "before.json";
/// Its image, where the engine has one bank.
const BEFORE_IMAGE: &str = "before.image";
/// The image that was kept last, where the engine has one bank.
const CURRENT_IMAGE: &str = "current.image";
/// `before.json` is a line.
const MAX_BEFORE_BYTES: usize = 4096;
/// A job is waited for so long: ten minutes of the fifteen that a step has.
const PRINTING_LOOKS: u32 = 300;
const PRINTING_PAUSE: Duration = Duration::from_secs(2);
/// So many times it is said how far the writing is.
const TOLD: u16 = 4;

/// How it stood when it was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    /// What ran; none where only the bootloader did.
    ran: Option<Ran>,
    /// The bank that is written to.
    target: u8,
    /// Banks of the engine.
    banks: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ran {
    bank: u8,
    version: String,
    /// The checksum of the image.
    sum: u32,
}

/// A step's view of the engine.
struct Engine {
    controller: Controller,
    identity: Identity,
}

impl Engine {
    fn open(config: &Path) -> Result<Self, Halt> {
        let config = config::load(config).map_err(|error| Halt::Refused(error.to_string()))?;
        let board =
            platen_hal::config::load(&config.board).map_err(|error| Halt::Refused(error.to_string()))?;
        let controller = board::engine(&board).map_err(|error| Halt::Refused(error.to_string()))?;
        let mut controller = controller.ok_or_else(|| {
            Halt::Refused(format!(
                "{} has no [engine-controller], so no engine is known here",
                config.board.display()
            ))
        })?;
        let identity = controller.identity().map_err(|fault| halt(&fault))?;
        Ok(Self { controller, identity })
    }

    fn state(&mut self) -> Result<State, Halt> {
        self.controller.state().map_err(|fault| halt(&fault))
    }

    /// What runs.
    fn runs(&mut self) -> Result<Option<Ran>, Halt> {
        let Some(bank) = self.state()?.running else { return Ok(None) };
        Ok(match self.controller.bank(bank).map_err(|fault| halt(&fault))? {
            Bank::Whole { version, sum, .. } => Some(Ran { bank, version, sum }),
            Bank::Empty | Bank::Unknown => None,
        })
    }

    fn runs_image(&mut self, sum: u32) -> Result<bool, Halt> {
        Ok(self.runs()?.is_some_and(|ran| ran.sum == sum))
    }

    /// Does what cannot be done while pages are printed, once they are.
    fn when_idle(
        &mut self,
        act: &mut dyn FnMut(&mut Controller) -> Result<(), EngineFault>,
    ) -> Result<(), Halt> {
        for _ in 0..PRINTING_LOOKS {
            match act(&mut self.controller) {
                Err(EngineFault::Refused { why: Outcome::Printing, .. }) => thread::sleep(PRINTING_PAUSE),
                done => return done.map_err(|fault| halt(&fault)),
            }
        }
        Err(Halt::Later("pages are being printed".to_owned()))
    }

    /// Writes an image and has it run.
    fn put(&mut self, bank: u8, image: &Image) -> Result<(), Halt> {
        let sum = image.sum();
        if self.runs_image(sum)? {
            say(&format!("{} runs already", image.header().version));
            return Ok(());
        }
        self.when_idle(&mut |controller| {
            let written = controller.write(bank, image, &mut tell)?;
            say(&format!(
                "bank {bank}: {} pages written, {} were there already",
                written.pages, written.kept
            ));
            Ok(())
        })?;
        self.activate(bank, sum)
    }

    fn activate(&mut self, bank: u8, sum: u32) -> Result<(), Halt> {
        self.when_idle(&mut |controller| controller.activate(bank, sum))
    }
}

/// Says now and then how far it is.
fn tell(Progress { done, of, .. }: Progress) {
    let part = (of / TOLD).max(1);
    if done % part == 0 && done < of {
        say(&format!("{done} of {of} pages"));
    }
}

/// What a fault means for a step that has begun.
fn halt(fault: &EngineFault) -> Halt {
    if fault.may_pass() { Halt::Later(fault.to_string()) } else { Halt::Failed(fault.to_string()) }
}

/// Does a step of the contract.
pub(super) fn execute(step: Step, given: &Given, config: &Path) -> Result<(), Halt> {
    match step {
        Step::Check => check(given, config),
        Step::Install => install(given, config),
        Step::Verify => verify(given, config),
        Step::Commit => commit(given),
        Step::Rollback => rollback(given, config),
        Step::Adopt => Ok(()),
    }
}

fn image(path: &Path) -> Result<Image, Halt> {
    let named = |error| Halt::Refused(format!("the image cannot be used: {error}"));
    Image::parse(read(path, MAX_IMAGE_BYTES)?).map_err(named)
}

/// Whether the image is for this engine, and the way back.
fn check(given: &Given, config: &Path) -> Result<(), Halt> {
    let image = image(&given.program)?;
    let version = &image.header().version;
    if *version != given.version {
        return Err(Halt::Refused(format!(
            "the image is version {version}, and {} was signed",
            given.version
        )));
    }
    let mut engine = Engine::open(config).map_err(|halt| match halt {
        Halt::Failed(why) => Halt::Refused(why),
        other => other,
    })?;
    fits(&engine.identity, &image)?;
    let state = engine.state()?;
    let ran = engine.runs()?;
    if let Some(ran) = &ran
        && !given.replaces.is_empty()
        && !versions::at_least(&ran.version, &given.replaces)
    {
        let (is, wanted) = (&ran.version, &given.replaces);
        return Err(Halt::Refused(format!(
            "it is installed over {wanted} or later only, and {is} runs on this engine"
        )));
    }
    if state.printing {
        return Err(Halt::Later("pages are being printed".to_owned()));
    }
    let before = Before { ran, target: target(&engine.identity, &state), banks: engine.identity.banks };
    if before.banks == 1 {
        keep_image(&mut engine, before.ran.as_ref(), &given.kept)?;
    }
    let text = serde_json::to_vec(&before).map_err(|error| Halt::Failed(error.to_string()))?;
    Ok(durable::write(&given.kept.join(BEFORE), &text)?)
}

fn fits(identity: &Identity, image: &Image) -> Result<(), Halt> {
    let (is, wanted) = (&identity.model, &image.header().model);
    if is != wanted {
        return Err(Halt::Refused(format!("the image is for the engine {wanted}, and this one is {is}")));
    }
    let (bytes, bank) = (image.bytes().len(), identity.bank_bytes());
    if bytes > bank {
        let fault = EngineFault::TooLarge { image: bytes, bank };
        return Err(Halt::Refused(fault.to_string()));
    }
    Ok(())
}

/// Keeps the image of what runs: the one that was installed here last, or the one that the engine holds.
fn keep_image(engine: &mut Engine, ran: Option<&Ran>, kept: &Path) -> Result<(), Halt> {
    let (before, current) = (kept.join(BEFORE_IMAGE), kept.join(CURRENT_IMAGE));
    let Some(ran) = ran else {
        say("no firmware runs on this engine, so there is no way back to one");
        return Ok(durable::remove(&before)?);
    };
    let is_it = |path: &PathBuf| {
        let bytes = read_if_there(path, MAX_IMAGE_BYTES).ok().flatten();
        bytes.and_then(|bytes| Image::parse(bytes).ok()).filter(|image| image.sum() == ran.sum)
    };
    if is_it(&before).is_some() {
        return Ok(());
    }
    let image = match is_it(&current) {
        Some(image) => image,
        None => engine.controller.read(ran.bank).map_err(|fault| match fault {
            EngineFault::NotReadable => Halt::Refused(format!(
                "there would be no way back: {fault}, and no image of {} was kept",
                ran.version
            )),
            fault => halt(&fault),
        })?,
    };
    Ok(durable::write(&before, image.bytes())?)
}

fn before(kept: &Path) -> Result<Before, Halt> {
    let text = read(&kept.join(BEFORE), MAX_BEFORE_BYTES)?;
    serde_json::from_slice(&text).map_err(|error| Halt::Failed(format!("{BEFORE}: {error}")))
}

fn install(given: &Given, config: &Path) -> Result<(), Halt> {
    let (image, before) = (image(&given.program)?, before(&given.kept)?);
    Engine::open(config)?.put(before.target, &image)
}

fn verify(given: &Given, config: &Path) -> Result<(), Halt> {
    let image = image(&given.program)?;
    runs(&mut Engine::open(config)?, image.sum(), &image.header().version)
}

/// Whether this very image runs.
fn runs(engine: &mut Engine, sum: u32, version: &str) -> Result<(), Halt> {
    match engine.runs()? {
        Some(ran) if ran.sum == sum => Ok(()),
        Some(ran) => Err(Halt::Failed(format!("the engine runs {}, not {version}", ran.version))),
        None => Err(Halt::Failed(format!("{version} does not run: only the engine's bootloader does"))),
    }
}

/// What was kept for the way back is not needed any more; with one bank, this image is for the next time.
fn commit(given: &Given) -> Result<(), Halt> {
    let kept = &given.kept;
    if read_if_there(&kept.join(BEFORE), MAX_BEFORE_BYTES)?.is_some() && before(kept)?.banks == 1 {
        durable::write(&kept.join(CURRENT_IMAGE), image(&given.program)?.bytes())?;
    }
    durable::remove(&kept.join(BEFORE_IMAGE))?;
    Ok(durable::remove(&kept.join(BEFORE))?)
}

/// Has the engine run what it ran before.
fn rollback(given: &Given, config: &Path) -> Result<(), Halt> {
    let before = before(&given.kept)?;
    let Some(ran) = before.ran else {
        return Err(Halt::Failed(
            "no firmware ran on the engine before, so there is none to go back to".to_owned(),
        ));
    };
    let mut engine = Engine::open(config)?;
    if engine.runs_image(ran.sum)? {
        say(&format!("{} was never replaced, or runs again", ran.version));
        return Ok(());
    }
    if before.banks == 1 {
        engine.put(ran.bank, &image(&given.kept.join(BEFORE_IMAGE))?)?;
    } else {
        engine.activate(ran.bank, ran.sum)?;
    }
    runs(&mut engine, ran.sum, &ran.version)
}
