//! Writes an image to a controller, page by page.
//!
//! What is there already is not written again: each page is asked for its checksum first. So whoever was cut off begins
//! anew, by the same call, and goes on where the cut was. The page with the header comes last: until then the image is not
//! whole, and no bootloader starts it.

use crate::engine::controller::Controller;
use crate::engine::fault::EngineFault;
use crate::engine::image::{ERASED, Image, checksum};
use crate::engine::protocol::{Act, Bank, CHUNK_BYTES, Identity, Outcome, State};

/// A page is tried so often: the power of the engine may have been cut at it, and come back.
const PAGE_TRIES: u32 = 5;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Pages that are as they should be.
    pub done: u16,
    /// Pages of the image.
    pub of: u16,
    /// Whether the last one had to be written.
    pub written: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// To which bank.
    pub bank: u8,
    /// Pages that were written.
    pub pages: u16,
    /// Pages that were right already.
    pub kept: u16,
}

/// The bank that the next firmware is written to: with two, the one that is not started.
pub fn target(identity: &Identity, state: &State) -> u8 {
    match state.running.or(state.active) {
        Some(0) if identity.banks > 1 => 1,
        _ => 0,
    }
}

impl Controller {
    /// Writes an image to a bank, and has the controller look at it. It is not started: that is [`Self::activate`]. With one
    /// bank the engine's firmware ends first, and only the bootloader runs from then on.
    ///
    /// Whoever goes on after a cut names the bank that was named before: what [`target`] says may be another by then.
    pub fn write(
        &mut self,
        bank: u8,
        image: &Image,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Written, EngineFault> {
        let identity = self.identity()?;
        if image.bytes().len() > identity.bank_bytes() {
            return Err(EngineFault::TooLarge { image: image.bytes().len(), bank: identity.bank_bytes() });
        }
        if image.header().model != identity.model {
            return Err(EngineFault::Refused { what: "take an image", why: Outcome::OtherModel });
        }
        let pages: Vec<_> = (0_u16..).zip(image.pages(identity.page_bytes)).collect();
        let of = u16::try_from(pages.len()).unwrap_or(u16::MAX);
        let mut written = Written { bank, pages: 0, kept: 0 };
        for (page, content) in pages.iter().skip(1).chain(pages.first()) {
            let wrote = self.page(&identity, bank, *page, content)?;
            *(if wrote { &mut written.pages } else { &mut written.kept }) += 1;
            progress(Progress { done: written.pages + written.kept, of, written: wrote });
        }
        match self.look(&identity, bank)? {
            Bank::Whole { sum, .. } if sum == image.sum() => Ok(written),
            _ => Err(EngineFault::NotWhole(bank)),
        }
    }

    /// Brings one page to what it should hold; whether it had to be written.
    fn page(
        &mut self,
        identity: &Identity,
        bank: u8,
        page: u16,
        content: &[u8],
    ) -> Result<bool, EngineFault> {
        let wanted = checksum(content);
        let erased = checksum(&vec![ERASED; content.len()]);
        let mut wrote = false;
        for _ in 0..PAGE_TRIES {
            let is = self.page_sum(bank, page)?;
            if is == wanted {
                return Ok(wrote);
            }
            wrote = true;
            let done = self.write_page(identity, (bank, page), content, is == erased);
            match done {
                // The power was cut between two of the steps, and what was in the buffer is gone.
                Ok(()) | Err(EngineFault::Refused { why: Outcome::OtherSum | Outcome::NotErased, .. }) => {}
                // The firmware is started when the power comes back, if it is still whole.
                Err(EngineFault::Refused { why: Outcome::Running, .. }) if identity.banks == 1 => {
                    self.stop()?;
                }
                Err(fault) => return Err(fault),
            }
        }
        if self.page_sum(bank, page)? == wanted { Ok(true) } else { Err(EngineFault::Worn { bank, page }) }
    }

    fn write_page(
        &mut self,
        identity: &Identity,
        (bank, page): (u8, u16),
        content: &[u8],
        is_erased: bool,
    ) -> Result<(), EngineFault> {
        if !is_erased {
            self.command(Act::Erase { bank, page }, identity.page_time)?;
        }
        let sum = checksum(content);
        if sum == checksum(&vec![ERASED; content.len()]) {
            return Ok(());
        }
        self.fill(content)?;
        self.command(Act::Write { bank, page, sum }, identity.page_time)
    }

    /// Has it look at a bank; what it found.
    pub fn look(&mut self, identity: &Identity, bank: u8) -> Result<Bank, EngineFault> {
        match self.command(Act::Check { bank }, identity.check_time) {
            Ok(()) | Err(EngineFault::Refused { why: Outcome::NotWhole, .. }) => self.bank(bank),
            Err(fault) => Err(fault),
        }
    }

    /// From now on the image with this checksum, in this bank, is what the engine starts; and starts it.
    pub fn activate(&mut self, bank: u8, sum: u32) -> Result<(), EngineFault> {
        let identity = self.identity()?;
        self.command(Act::Activate { bank, sum }, identity.restart_time + identity.check_time)
    }

    /// Ends the firmware.
    pub fn stop(&mut self) -> Result<(), EngineFault> {
        let takes = self.identity()?.restart_time;
        self.command(Act::Stop, takes)
    }

    /// Starts the firmware that is active.
    pub fn start(&mut self) -> Result<(), EngineFault> {
        let takes = self.identity()?.restart_time;
        self.command(Act::Start, takes)
    }

    /// Reads the image that a bank holds.
    pub fn read(&mut self, bank: u8) -> Result<Image, EngineFault> {
        let identity = self.identity()?;
        if !identity.readable {
            return Err(EngineFault::NotReadable);
        }
        let Bank::Whole { bytes, sum, .. } = self.look(&identity, bank)? else {
            return Err(EngineFault::NotWhole(bank));
        };
        if bytes > identity.bank_bytes() {
            return Err(EngineFault::TooLarge { image: bytes, bank: identity.bank_bytes() });
        }
        let mut read = Vec::with_capacity(bytes + CHUNK_BYTES);
        while read.len() < bytes {
            let at = u32::try_from(read.len()).unwrap_or(u32::MAX);
            read.extend(self.data(bank, at)?);
        }
        read.truncate(bytes);
        match Image::parse(read) {
            Ok(image) if image.sum() == sum => Ok(image),
            _ => Err(EngineFault::NotWhole(bank)),
        }
    }
}
