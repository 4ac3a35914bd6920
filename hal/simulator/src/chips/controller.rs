//! The controller of an engine, by its bootloader: docs/engine-bootloader.md. It has flash in pages and banks, takes its
//! time for it, and does not answer meanwhile. A power cut leaves of a page what was erased or written by then.

use std::time::Duration;

use embedded_hal::i2c::Operation;
use platen_hal::config::SimulatedEngine;
use platen_hal::engine::image::{ERASED, Image, checksum};
use platen_hal::engine::protocol::{Act, Bank, CHUNK_BYTES, Identity, Order, Outcome, Question, State};
use platen_hal::fault::BusFault;

/// Bytes of a page.
const PAGE_BYTES: usize = 256;
/// How long a page takes, and a restart, in which it also looks at its banks; and how long it says that they take at most.
const ERASE: Duration = Duration::from_millis(8);
const WRITE: Duration = Duration::from_millis(4);
const CHECK: Duration = Duration::from_millis(20);
const RESTART: Duration = Duration::from_millis(60);
const PAGE_TIME: Duration = Duration::from_millis(40);
const CHECK_TIME: Duration = Duration::from_millis(200);
const RESTART_TIME: Duration = Duration::from_millis(1_500);
/// Of a bank, the firmware that it came with fills one part in so many.
const FACTORY_SHARE: usize = 3;
/// Firmware that ends so never reports to the bootloader, which then goes on alone.
const DEAD: &[u8] = b"DEAD";

/// What has changed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// What is in a page.
    Page { bank: u8, page: u16 },
    /// Which bank is started.
    Active,
}

/// Flash work that is under way.
#[derive(Debug, Clone)]
struct Work {
    act: Act,
    began: Duration,
    takes: Duration,
}

/// A power cut that is to come, or has come.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// In the middle of the page after so many, for so long.
    After(u32, Duration),
    /// The power is back at this bus time.
    Until(Duration),
}

/// One simulated controller.
pub(crate) struct SimController {
    identity: Identity,
    banks: Vec<Vec<u8>>,
    /// What each bank holds, as far as it has looked.
    looked: Vec<Bank>,
    active: Option<u8>,
    running: Option<u8>,
    powered: bool,
    buffer: Vec<u8>,
    tag: u8,
    outcome: Outcome,
    work: Option<Work>,
    /// Bus time until which it does not answer for a restart.
    silent_until: Duration,
    pages_written: u64,
    cut: Option<Cut>,
    changes: Vec<Change>,
}

impl SimController {
    /// As it leaves the factory, running.
    pub(crate) fn new(engine: &SimulatedEngine) -> Self {
        let identity = Identity {
            model: engine.model.clone(),
            banks: engine.banks,
            readable: engine.readable,
            page_bytes: PAGE_BYTES,
            pages: engine.pages,
            page_time: PAGE_TIME,
            check_time: CHECK_TIME,
            restart_time: RESTART_TIME,
        };
        let erased = vec![ERASED; identity.bank_bytes()];
        let mut banks = vec![erased; engine.banks.into()];
        let content: Vec<u8> = (0..251).cycle().take(identity.bank_bytes() / FACTORY_SHARE).collect();
        let factory = Image::build(&engine.model, &engine.firmware, &content);
        if let (Some(bank), Ok(image)) = (banks.first_mut(), factory) {
            put(bank, 0, image.bytes());
        }
        let mut chip = Self {
            looked: vec![Bank::Unknown; banks.len()],
            identity,
            banks,
            active: Some(0),
            running: None,
            powered: true,
            buffer: vec![ERASED; PAGE_BYTES],
            tag: 0,
            outcome: Outcome::None,
            work: None,
            silent_until: Duration::ZERO,
            pages_written: 0,
            cut: None,
            changes: Vec::new(),
        };
        chip.boot();
        chip
    }

    /// One transfer.
    pub(crate) fn transfer(
        &mut self,
        operations: &mut [Operation<'_>],
        now: Duration,
        printing: bool,
    ) -> Result<(), BusFault> {
        self.settle(now);
        if !self.powered || self.work.is_some() || now < self.silent_until {
            return Err(BusFault::ABSENT);
        }
        let mut asked = None;
        for operation in operations {
            match operation {
                // Who only looks whether somebody is there.
                Operation::Write([]) => {}
                Operation::Write(frame) => {
                    asked = Question::decode(frame);
                    if asked.is_none() {
                        // Its last byte is not acknowledged where the frame makes no sense.
                        let order = Order::decode(frame).ok_or(BusFault::ABSENT)?;
                        self.obey(order, now, printing)?;
                    }
                }
                Operation::Read(buffer) => {
                    let answer = asked.map(|question| question.answer(&self.content(question, printing)));
                    let bytes = answer.unwrap_or_default().into_iter().chain(std::iter::repeat(ERASED));
                    buffer.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
                }
            }
        }
        Ok(())
    }

    fn content(&self, question: Question, printing: bool) -> Vec<u8> {
        let absent = Bank::Unknown;
        match question {
            Question::Identity => self.identity.encode(),
            Question::State => {
                let Self { running, active, tag, outcome, .. } = self;
                State { running: *running, active: *active, printing, tag: *tag, outcome: *outcome }.encode()
            }
            Question::Bank(bank) => self.looked.get(usize::from(bank)).unwrap_or(&absent).encode(),
            Question::Page { bank, page } => {
                let sum = self.page(bank, page).map_or(0, checksum);
                sum.to_le_bytes().to_vec()
            }
            Question::Data { bank, at } => {
                let bank = self.banks.get(usize::from(bank)).filter(|_| self.identity.readable);
                let from = bank.and_then(|bank| bank.get(at as usize..)).unwrap_or_default();
                from.iter().copied().chain(std::iter::repeat(ERASED)).take(CHUNK_BYTES).collect()
            }
        }
    }

    fn obey(&mut self, order: Order, now: Duration, printing: bool) -> Result<(), BusFault> {
        match order {
            Order::Buffer { at, bytes } => {
                let at = usize::from(at);
                if at + bytes.len() > self.buffer.len() {
                    return Err(BusFault::ABSENT);
                }
                put(&mut self.buffer, at, &bytes);
            }
            // The same once more: whoever gave it did not hear that it had arrived.
            Order::Command { tag, .. } if tag == self.tag => {}
            Order::Command { tag, act } => {
                self.tag = tag;
                self.outcome = Outcome::None;
                match self.refusal(act, printing) {
                    Some(why) => self.outcome = why,
                    None => self.begin(act, now),
                }
            }
        }
        Ok(())
    }

    /// Why something cannot be done.
    fn refusal(&self, act: Act, printing: bool) -> Option<Outcome> {
        let flash = |bank: u8, page: u16| {
            if self.page(bank, page).is_none() {
                return Some(Outcome::NoSuchPlace);
            }
            (self.running == Some(bank)).then_some(Outcome::Running)
        };
        match act {
            Act::Erase { bank, page } => flash(bank, page),
            Act::Write { bank, page, sum } => flash(bank, page).or_else(|| {
                let erased =
                    self.page(bank, page).is_some_and(|page| page.iter().all(|byte| *byte == ERASED));
                match (checksum(&self.buffer) == sum, erased) {
                    (false, _) => Some(Outcome::OtherSum),
                    (true, false) => Some(Outcome::NotErased),
                    (true, true) => None,
                }
            }),
            Act::Check { bank } => self.page(bank, 0).is_none().then_some(Outcome::NoSuchPlace),
            Act::Activate { bank, sum } => {
                let Some(content) = self.banks.get(usize::from(bank)) else {
                    return Some(Outcome::NoSuchPlace);
                };
                let Some(image) = Image::in_bank(content) else { return Some(Outcome::NotWhole) };
                if image.header().model != self.identity.model {
                    return Some(Outcome::OtherModel);
                }
                if image.sum() != sum {
                    return Some(Outcome::OtherSum);
                }
                printing.then_some(Outcome::Printing)
            }
            Act::Stop => (printing && self.running.is_some()).then_some(Outcome::Printing),
            Act::Start => {
                let active = self.active.and_then(|bank| self.banks.get(usize::from(bank)));
                let startable = self.running.is_some() || active.is_some_and(|bank| self.is_startable(bank));
                (!startable).then_some(Outcome::NotWhole)
            }
        }
    }

    fn begin(&mut self, act: Act, now: Duration) {
        match act {
            Act::Erase { .. } => self.work = Some(Work { act, began: now, takes: ERASE }),
            Act::Write { .. } => self.work = Some(Work { act, began: now, takes: WRITE }),
            Act::Check { .. } => self.work = Some(Work { act, began: now, takes: CHECK }),
            Act::Activate { bank, .. } if [self.running, self.active] == [Some(bank); 2] => {
                self.outcome = Outcome::Done;
            }
            Act::Activate { bank, .. } => {
                self.active = Some(bank);
                self.changes.push(Change::Active);
                self.restart(now, true);
            }
            Act::Stop if self.running.is_some() => self.restart(now, false),
            Act::Start if self.running.is_none() => self.restart(now, true),
            Act::Stop | Act::Start => self.outcome = Outcome::Done,
        }
    }

    fn restart(&mut self, now: Duration, firmware: bool) {
        self.silent_until = now + RESTART;
        self.boot();
        if !firmware {
            self.running = None;
        }
    }

    /// What the bootloader does first: it looks at the banks, and starts what is active; where that is not whole, the other.
    fn boot(&mut self) {
        self.tag = 0;
        self.outcome = Outcome::None;
        self.buffer.fill(ERASED);
        self.looked = self.banks.iter().map(|bank| look(bank)).collect();
        let whole =
            |bank: &u8| self.banks.get(usize::from(*bank)).is_some_and(|bank| self.is_startable(bank));
        let first = self.active.filter(whole).or_else(|| (0..self.identity.banks).find(whole));
        self.running = first.filter(|bank| {
            let image = self.banks.get(usize::from(*bank)).and_then(|bank| Image::in_bank(bank));
            image.is_some_and(|image| !image.bytes().ends_with(DEAD))
        });
    }

    fn is_startable(&self, bank: &[u8]) -> bool {
        Image::in_bank(bank).is_some_and(|image| image.header().model == self.identity.model)
    }

    /// The power goes in the middle of the page that is written after so many, for a while.
    pub(crate) fn cut_after(&mut self, pages: u32, time: Duration) {
        self.cut = Some(Cut::After(pages, time));
    }

    /// What was under way is done, if its time is over.
    pub(crate) fn settle(&mut self, now: Duration) {
        match self.cut {
            Some(Cut::Until(back)) if now >= back => {
                self.cut = None;
                self.power(true, now);
            }
            Some(Cut::After(pages, time)) => {
                let writing = self.work.as_ref().filter(|work| matches!(work.act, Act::Write { .. }));
                let over = writing.map(|work| work.began + work.takes).filter(|end| now >= *end);
                match (over, pages) {
                    (Some(end), 0) => {
                        self.cut = Some(Cut::Until(now + time));
                        return self.power_off(end.saturating_sub(WRITE / 2));
                    }
                    (Some(_), _) => self.cut = Some(Cut::After(pages - 1, time)),
                    (None, _) => {}
                }
            }
            _ => {}
        }
        let Some(Work { act, .. }) = self.work.take_if(|work| now >= work.began + work.takes) else { return };
        self.outcome = Outcome::Done;
        match act {
            Act::Check { bank } => {
                let found = self.banks.get(usize::from(bank)).map(|bank| look(bank));
                if !matches!(found, Some(Bank::Whole { .. })) {
                    self.outcome = Outcome::NotWhole;
                }
                if let (Some(place), Some(found)) = (self.looked.get_mut(usize::from(bank)), found) {
                    *place = found;
                }
            }
            act => self.flash(act, PAGE_BYTES),
        }
    }

    /// Erases or writes so many bytes of a page.
    fn flash(&mut self, act: Act, bytes: usize) {
        let (bank, page, content) = match act {
            Act::Erase { bank, page } => (bank, page, vec![ERASED; bytes]),
            Act::Write { bank, page, .. } => {
                self.pages_written += 1;
                (bank, page, self.buffer.iter().copied().take(bytes).collect())
            }
            _ => return,
        };
        let at = usize::from(page) * PAGE_BYTES;
        if let Some(cells) = self.banks.get_mut(usize::from(bank)) {
            put(cells, at, &content);
        }
        if let Some(looked) = self.looked.get_mut(usize::from(bank)) {
            *looked = Bank::Unknown;
        }
        self.changes.push(Change::Page { bank, page });
    }

    /// The power goes, or comes back.
    pub(crate) fn power(&mut self, on: bool, now: Duration) {
        if on == self.powered {
            return;
        }
        self.settle(now);
        if on {
            self.powered = true;
            self.silent_until = now + RESTART;
            self.boot();
        } else {
            self.power_off(now);
        }
    }

    /// Of what was being erased or written, there is what was done by now.
    fn power_off(&mut self, now: Duration) {
        if let Some(Work { act, began, takes }) = self.work.take() {
            let part = now.saturating_sub(began).as_secs_f64() / takes.as_secs_f64();
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a part of a page"
            )]
            let bytes = (part.clamp(0.0, 1.0) * PAGE_BYTES as f64) as usize;
            self.flash(act, bytes);
        }
        self.powered = false;
        self.running = None;
    }

    /// The version of the firmware that runs.
    pub(crate) fn running(&self) -> Option<String> {
        self.version(self.running?)
    }

    /// The version of the whole image in a bank.
    pub(crate) fn version(&self, bank: u8) -> Option<String> {
        let image = Image::in_bank(self.banks.get(usize::from(bank))?)?;
        Some(image.header().version.clone())
    }

    /// How many banks it has.
    pub(crate) fn banks(&self) -> u8 {
        self.identity.banks
    }

    /// The bank that is started.
    pub(crate) fn active(&self) -> Option<u8> {
        self.active
    }

    /// How many pages were written since the simulation began.
    pub(crate) fn pages_written(&self) -> u64 {
        self.pages_written
    }

    /// What is in a page.
    pub(crate) fn page(&self, bank: u8, page: u16) -> Option<&[u8]> {
        let at = usize::from(page) * PAGE_BYTES;
        self.banks.get(usize::from(bank))?.get(at..at + PAGE_BYTES)
    }

    /// Takes what has changed since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// As it was left: pages by bank and number, and what is active.
    pub(crate) fn restore(
        &mut self,
        pages: impl IntoIterator<Item = ((u8, u16), Vec<u8>)>,
        active: Option<u8>,
    ) {
        for ((bank, page), content) in pages {
            if let Some(cells) = self.banks.get_mut(usize::from(bank)) {
                put(cells, usize::from(page) * PAGE_BYTES, &content);
            }
        }
        self.active = active.or(self.active);
        self.boot();
    }
}

fn look(bank: &[u8]) -> Bank {
    match Image::in_bank(bank) {
        Some(image) => Bank::Whole {
            version: image.header().version.clone(),
            bytes: image.bytes().len(),
            sum: image.sum(),
        },
        None if bank.iter().all(|byte| *byte == ERASED) => Bank::Empty,
        None => Bank::Unknown,
    }
}

fn put(cells: &mut [u8], at: usize, content: &[u8]) {
    cells.iter_mut().skip(at).zip(content).for_each(|(cell, byte)| *cell = *byte);
}
