//! Carries the frames of the protocol over a bus. A controller that is busy does not answer its address, as a memory in
//! its write cycle; so silence is waited out, as long as anything that it does can take.

use std::time::Duration;

use embedded_hal::i2c::Operation;

use crate::bus::Adapter;
use crate::clock::Clock;
use crate::engine::fault::EngineFault;
use crate::engine::protocol::{Act, Bank, CHUNK_BYTES, Identity, Order, Outcome, Question, State};
use crate::fault::BusFault;

/// How long it may be silent beyond what its own work takes: an engine whose power was cut is back by then, if it comes
/// back.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may be silent when somebody only wants to know.
const LITTLE_PATIENCE: Duration = Duration::from_millis(200);
/// What it does is known to the host only once it has said how long that takes at most.
const LONGEST_WORK: Duration = Duration::from_secs(2);
/// From one try to the next.
const POLL_US: u32 = 1_000;
/// A damaged answer is asked for again so often. On a bus that disturbs every fourth transfer, so many in a row are none of
/// chance.
const MAX_DAMAGED: u32 = 12;
/// A command is given so often when the controller does not know of it afterwards.
const MAX_GIVEN: u32 = 4;

/// A controller on its bus.
pub struct Controller {
    bus: Box<dyn Adapter>,
    clock: Box<dyn Clock>,
    address: u8,
    patience: Duration,
    /// That of the last command; none before the first one.
    tag: Option<u8>,
}

impl Controller {
    /// The one at an address.
    pub fn new(bus: Box<dyn Adapter>, clock: Box<dyn Clock>, address: u8) -> Self {
        Self { bus, clock, address, patience: PATIENCE, tag: None }
    }

    /// For whoever only wants to know: one that is silent is not waited for.
    #[must_use]
    pub fn impatient(self) -> Self {
        Self { patience: LITTLE_PATIENCE, ..self }
    }

    /// What it is.
    pub fn identity(&mut self) -> Result<Identity, EngineFault> {
        let content = self.ask(Question::Identity, Duration::ZERO)?;
        Identity::decode(&content).map_err(EngineFault::Unknown)
    }

    /// What it does.
    pub fn state(&mut self) -> Result<State, EngineFault> {
        self.state_within(Duration::ZERO)
    }

    /// What a bank holds, as far as it has looked.
    pub fn bank(&mut self, bank: u8) -> Result<Bank, EngineFault> {
        Ok(Bank::decode(&self.ask(Question::Bank(bank), Duration::ZERO)?))
    }

    /// The version of the firmware that runs; none while only the bootloader does.
    pub fn running_version(&mut self) -> Result<Option<String>, EngineFault> {
        self.identity()?;
        let Some(bank) = self.state()?.running else { return Ok(None) };
        Ok(match self.bank(bank)? {
            Bank::Whole { version, .. } => Some(version),
            Bank::Empty | Bank::Unknown => None,
        })
    }

    /// The checksum of a page.
    pub(super) fn page_sum(&mut self, bank: u8, page: u16) -> Result<u32, EngineFault> {
        let content = self.ask(Question::Page { bank, page }, Duration::ZERO)?;
        let four = content.first_chunk::<4>().copied();
        four.map(u32::from_le_bytes).ok_or(EngineFault::Garbled)
    }

    /// [`CHUNK_BYTES`] of a bank.
    pub(super) fn data(&mut self, bank: u8, at: u32) -> Result<Vec<u8>, EngineFault> {
        self.ask(Question::Data { bank, at }, Duration::ZERO)
    }

    /// Fills the buffer of a page.
    pub(super) fn fill(&mut self, page: &[u8]) -> Result<(), EngineFault> {
        for (at, chunk) in (0..).step_by(CHUNK_BYTES).zip(page.chunks(CHUNK_BYTES)) {
            self.give(&Order::Buffer { at, bytes: chunk.to_vec() })?;
        }
        Ok(())
    }

    /// Has it do something, and waits until it is done; `takes` is how long that may be.
    pub(super) fn command(&mut self, act: Act, takes: Duration) -> Result<(), EngineFault> {
        for _ in 0..MAX_GIVEN {
            let tag = self.next_tag()?;
            self.give(&Order::Command { tag, act })?;
            let state = self.state_within(takes)?;
            match state.outcome {
                Outcome::Done if state.tag == tag => return Ok(()),
                why if state.tag == tag && why != Outcome::None => {
                    return Err(EngineFault::Refused { what: act.words(), why });
                }
                // It was restarted, which some commands are meant to do, or lost its power.
                _ if act.is_reached(&state) => return Ok(()),
                _ => {}
            }
        }
        Err(EngineFault::Lost(act.words()))
    }

    /// A tag that the last command did not have, whoever gave that.
    fn next_tag(&mut self) -> Result<u8, EngineFault> {
        let last = match self.tag {
            Some(tag) => tag,
            None => self.state()?.tag,
        };
        let tag = last.checked_add(1).unwrap_or(1);
        self.tag = Some(tag);
        Ok(tag)
    }

    fn state_within(&mut self, takes: Duration) -> Result<State, EngineFault> {
        Ok(State::decode(&self.ask(Question::State, takes)?))
    }

    /// Asks until there is an answer that is whole.
    fn ask(&mut self, question: Question, takes: Duration) -> Result<Vec<u8>, EngineFault> {
        let asked = question.encode();
        for _ in 0..MAX_DAMAGED {
            let mut answer = vec![0; question.answer_bytes()];
            self.transfer(takes, &mut |bus, address| {
                bus.transaction(address, &mut [Operation::Write(&asked), Operation::Read(&mut answer)])
            })?;
            if let Some(content) = question.content(&answer) {
                return Ok(content.to_vec());
            }
        }
        Err(EngineFault::Garbled)
    }

    /// Gives an order. A frame that is damaged on the way is not acknowledged, and so given again.
    fn give(&mut self, order: &Order) -> Result<(), EngineFault> {
        let frame = order.encode();
        self.transfer(LONGEST_WORK, &mut |bus, address| bus.write(address, &frame))
    }

    /// Tries a transfer until it succeeds, or the time for it is over.
    fn transfer(
        &mut self,
        takes: Duration,
        act: &mut dyn FnMut(&mut dyn Adapter, u8) -> Result<(), BusFault>,
    ) -> Result<(), EngineFault> {
        let until = self.clock.now() + takes + self.patience;
        loop {
            let begun = self.bus.begin();
            match begun.and_then(|()| act(self.bus.as_mut(), self.address)) {
                Ok(()) => return Ok(()),
                Err(fault) if self.clock.now() >= until => return Err(EngineFault::Silent(fault)),
                // An adapter that was pulled is another one when it is back.
                Err(BusFault::Gone(_)) => self.bus.give_up(),
                Err(_) => {}
            }
            self.clock.delay_us(POLL_US);
        }
    }
}
