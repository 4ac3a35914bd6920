//! What people do on a printer all year: they print, they put in new cartridges and parts when the old ones
//! end, and go home in the evening.

use std::time::Duration;

use platen_simulator::SimCommand;

use super::{BUSY, Life, QUIET, catalogue};

/// Blocks of printing on a working day.
const BLOCKS: u32 = 4;
/// Pages of a block, and how fast they come.
const PAGES: (u32, u32) = (60, 300);
const PAGES_A_MINUTE: u32 = 30;
/// How long the quiet between blocks, and the night, are: so many samples.
const BETWEEN_BLOCKS: u32 = 6;
const NIGHT: u32 = 80;
/// Two days of the week nobody is there.
const WEEK: u32 = 7;
const WORKING_DAYS: u32 = 5;
/// A cartridge is replaced at or below so many thousandths of its capacity, once it was told of.
const NEARLY_EMPTY: u32 = 15;
/// A sensor's own past is known after so many days, and so long after another fuser was put in.
const SETTLED_DAYS: u32 = 30;
const SETTLED: Duration = Duration::from_secs(30 * 24 * 3600);
/// A cartridge is known after so long, and lasts for a while with so much left in it, in thousandths.
const LEARNT: Duration = Duration::from_secs(4 * 24 * 3600);
const LASTING: std::ops::RangeInclusive<u32> = 600..=950;
/// On how many of ten working days something goes wrong.
const EVENTFUL_IN_TEN: u32 = 6;

impl Life {
    /// One day and the night after it.
    pub(super) fn day(&mut self, day: u32) {
        if day % WEEK < WORKING_DAYS {
            let eventful = self.random.below(10) < EVENTFUL_IN_TEN;
            let at = if eventful { self.random.below(BLOCKS) } else { BLOCKS };
            for block in 0..BLOCKS {
                if block == at {
                    let learnt = self.learnt();
                    let settled = self.is_settled(day);
                    let episode = catalogue::draw(&mut self.random, &learnt, settled);
                    self.episode(&episode);
                }
                self.block();
            }
        }
        for _ in 0..NIGHT {
            self.pass(QUIET);
        }
    }

    /// Whether the fuser's sensor is known long enough.
    fn is_settled(&self, day: u32) -> bool {
        let truth = self.printer.truth();
        let changed = truth.replacements.iter().rev().find(|replaced| replaced.target == "fuser");
        day >= SETTLED_DAYS && changed.is_none_or(|replaced| truth.at.saturating_sub(replaced.back) > SETTLED)
    }

    /// Cartridges that have been used long enough to be known, and will last for a while.
    fn learnt(&self) -> Vec<&'static str> {
        let truth = self.printer.truth();
        let known = |name: &&&str| {
            let changed = truth.replacements.iter().rev().find(|replaced| replaced.target == **name);
            let since = changed.map_or(Duration::ZERO, |replaced| replaced.back);
            let supply = truth.supplies.iter().find(|supply| supply.name == **name);
            truth.at.saturating_sub(since) > LEARNT
                && supply.is_some_and(|supply| {
                    LASTING.contains(&supply.told) && LASTING.contains(&supply.thousandths)
                })
        };
        catalogue::COLORANTS.iter().filter(known).copied().collect()
    }

    /// Some pages, what they used up is replaced, and a while of quiet.
    pub(super) fn block(&mut self) {
        let pages = self.random.between(PAGES.0, PAGES.1);
        self.act(&SimCommand::Print { pages, per_minute: Some(PAGES_A_MINUTE) });
        let minutes = pages / PAGES_A_MINUTE + 2;
        let samples = u64::from(minutes) * 60 / BUSY.as_secs();
        for _ in 0..samples {
            self.pass(BUSY);
        }
        self.refill();
        for _ in 0..BETWEEN_BLOCKS {
            self.pass(QUIET);
        }
    }

    /// Puts in what has ended, unless just that is what is broken.
    fn refill(&mut self) {
        let truth = self.printer.truth();
        let supplies =
            truth.supplies.iter().filter(|supply| supply.told.min(supply.thousandths) <= NEARLY_EMPTY);
        let parts = truth.parts.iter().filter(|part| part.used >= part.rated);
        let ended: Vec<String> =
            supplies.map(|supply| supply.name.clone()).chain(parts.map(|part| part.name.clone())).collect();
        for target in ended {
            if !self.oracle.is_troubled(&target) {
                // Somebody has seen the alert, and goes for a new one.
                self.pass(BUSY);
                self.oracle.changes(self.printer.printer_time());
                self.act(&SimCommand::Replace { target });
                self.figures.replaced += 1;
                self.pass(Duration::from_secs(60));
            }
        }
    }
}
