//! How fast a supply is used, and whether that can be.
//!
//! A level is compared with the page count each time that it has fallen by a step: between two steps
//! stands a rate, in millionths of the capacity for a thousand pages. Rates are learnt by an exponentially
//! weighted mean of pages and of what they took, which forgets after about ten steps.

use platen_protocol::alert::{AlertCode, AlertGroup};
use platen_protocol::facts::Share;
use platen_protocol::readings::SupplyReading;
use platen_protocol::supply::SupplyClass;
use serde::{Deserialize, Serialize};

use crate::judge::condition::{Oddity, Wording, evidence};

const MILLION: u64 = 1_000_000;
/// A level has fallen by a step when so much of its capacity is gone, in millionths: 1 %.
const STEP: u64 = 10_000;
/// Nothing is said about how long a supply lasts before so many steps.
const LEAST_STEPS: u32 = 3;
/// A supply's own rate is compared with after so many steps; until then that of the one before it.
const OWN_STEPS: u32 = 5;
/// Of what was learnt so many tenths remain at each step.
const KEPT_TENTHS: u64 = 9;
/// More than so many times the usual rate is too much.
const TOO_MUCH: u64 = 5;
/// Whatever is usual, no cartridge is made for fewer pages than this: in millionths for a thousand pages.
const NO_CARTRIDGE: u64 = MILLION * 1_000 / 100;
/// One step teaches no more than so many times, and no less than one part in so many of, the usual: what is
/// odd and not yet odd enough to tell must not become usual unseen.
const MOST_LESSON: u64 = 2;
/// So many steps that were too much, more than those that were not, are a leak.
const LEAK_STEPS: u8 = 3;
/// Less than one part in so many of the usual rate is too little.
const TOO_LITTLE: u64 = 10;
/// And it takes at least so many pages to say so.
const LEAST_PAGES_FOR_TOO_LITTLE: u64 = 1_000;
/// Where no usual rate is known: no cartridge lasts a hundred times as long as this.
const MOST_PAGES_FOR_A_STEP: u64 = 20_000;
/// Below this nothing is expected to fall any more, in percent.
const NEARLY_EMPTY_PERCENT: u8 = 5;
/// A level that rose by so much, in millionths, did not rise by a sensor's scatter: 5 %.
const RISE: u64 = 50_000;

/// What was learnt about a supply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::judge) struct Usage {
    /// The level, in millionths of the capacity, and the page of the last step.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    anchor: Option<(u64, u64)>,
    /// Whether the anchor is the moment of a step: what came before the first one is a part of a step.
    #[serde(rename = "x")]
    aligned: bool,
    /// Whether its pages are those in colour.
    #[serde(rename = "c")]
    by_colour: bool,
    /// What was used, in millionths of the capacity, and for how many pages; both fade.
    #[serde(rename = "v")]
    used: u64,
    #[serde(rename = "p")]
    pages: u64,
    #[serde(rename = "n")]
    steps: u32,
    /// How far steps are from the mean, in thousandths of it.
    #[serde(rename = "d")]
    spread: u64,
    /// The rate of the one that was in this place before; 0 where it is not known.
    #[serde(rename = "o")]
    former: u64,
    #[serde(rename = "f")]
    too_much: u8,
    #[serde(rename = "q", skip_serializing_if = "Option::is_none")]
    odd: Option<Odd>,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    refill: Option<Refill>,
    #[serde(skip)]
    rising: u32,
}

/// A rate that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Odd {
    what: Oddity,
    /// Pages for a step, as found and as usual.
    found: u64,
    usual: Option<u64>,
}

/// The last time that the level rose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::judge) struct Refill {
    pub(in crate::judge) times: u32,
    pub(in crate::judge) noted_ms: u64,
    from_percent: u64,
    to_percent: u64,
}

impl Usage {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What begins with another cartridge: only the rate of the former one is kept, to compare with.
    pub(in crate::judge) fn successor(&self) -> Self {
        Self { former: self.usual().unwrap_or(0), by_colour: self.by_colour, ..Self::default() }
    }

    /// Pages were lost to the count: comparing begins again here.
    pub(in crate::judge) fn realign(&mut self) {
        self.anchor = None;
        self.aligned = false;
    }

    /// From now on its pages are those in colour, or all. Counts of one are not compared with the other's.
    pub(in crate::judge) fn measure_by(&mut self, colour: bool) {
        if self.by_colour != colour {
            *self = Self { by_colour: colour, odd: self.odd, refill: self.refill, ..Self::default() };
        }
    }

    /// Takes in a level at a page of the odometer. `needed` samples in a row must agree that it rose.
    pub(in crate::judge) fn observe(
        &mut self,
        supply: &SupplyReading,
        page: u64,
        needed: u32,
        watched_ms: u64,
    ) {
        let Some(level) = millionths(supply) else { return };
        let Some((before, since)) = self.anchor else {
            self.anchor = Some((level, page));
            return;
        };
        if level >= before.saturating_add(RISE) {
            self.rising = self.rising.saturating_add(1);
            if self.rising >= needed {
                self.rose(supply, (before, level), watched_ms);
                self.anchor = Some((level, page));
                self.aligned = false;
            }
            return;
        }
        self.rising = 0;
        let (fell, pages) = (before.saturating_sub(level), page.saturating_sub(since));
        if fell < STEP {
            self.wait(supply, pages);
            return;
        }
        self.anchor = Some((level, page));
        if std::mem::replace(&mut self.aligned, true) {
            self.step(supply, fell, pages);
        }
    }

    /// The level rose. A receptacle was emptied, and a hopper without a serial number may be filled by
    /// anyone; a cartridge is not.
    fn rose(&mut self, supply: &SupplyReading, (from, to): (u64, u64), watched_ms: u64) {
        self.rising = 0;
        self.too_much = 0;
        if supply.serial.is_some() && supply.class == SupplyClass::SupplyThatIsConsumed {
            let times = self.refill.map_or(0, |refill| refill.times).saturating_add(1);
            let (from_percent, to_percent) = (from / STEP, to / STEP);
            self.refill = Some(Refill { times, noted_ms: watched_ms, from_percent, to_percent });
        }
    }

    fn step(&mut self, supply: &SupplyReading, fell: u64, pages: u64) {
        if self.odd.take_if(|odd| odd.what == Oddity::TooLittle).is_some() {
            // It took far too long, and says nothing about the pages to come.
            return;
        }
        let rate = fell.saturating_mul(1_000).checked_div(pages).unwrap_or(u64::MAX);
        let usual = self.usual();
        let limit = usual.map_or(NO_CARTRIDGE, |usual| usual.saturating_mul(TOO_MUCH));
        if rate > limit && supply.class == SupplyClass::SupplyThatIsConsumed {
            self.too_much = self.too_much.saturating_add(1).min(LEAK_STEPS);
            if self.too_much >= LEAK_STEPS {
                let (found, usual) = (step_pages(rate), usual.map(step_pages));
                self.odd = Some(Odd { what: Oddity::TooMuch, found, usual });
            }
            return;
        }
        self.too_much = self.too_much.saturating_sub(1);
        if self.too_much == 0 {
            self.odd = None;
        }
        if let Some(mean) = self.rate() {
            let off = rate.abs_diff(mean).saturating_mul(1_000) / mean.max(1);
            self.spread = (self.spread.saturating_mul(KEPT_TENTHS).saturating_add(off)) / 10;
        }
        let pages = match usual {
            Some(usual) if usual > 0 => {
                let due = fell.saturating_mul(1_000) / usual;
                pages.clamp(due / MOST_LESSON, due.saturating_mul(MOST_LESSON).max(1))
            }
            _ => pages,
        };
        let fade = |sum: u64, new: u64| (sum / 10).saturating_mul(KEPT_TENTHS).saturating_add(new);
        self.used = fade(self.used, fell);
        self.pages = fade(self.pages, pages.saturating_mul(1_000));
        self.steps = self.steps.saturating_add(1);
    }

    /// Pages pass, and the level does not fall.
    fn wait(&mut self, supply: &SupplyReading, pages: u64) {
        let counts = supply.class == SupplyClass::SupplyThatIsConsumed
            && (supply.supply_type.is_toner() || supply.supply_type.is_ink())
            && supply.share().is_some_and(|share| !share.is_at_most(NEARLY_EMPTY_PERCENT));
        let usual = self.usual().map(step_pages);
        let most = usual.map_or(MOST_PAGES_FOR_A_STEP, |usual| {
            usual.saturating_mul(TOO_LITTLE).max(LEAST_PAGES_FOR_TOO_LITTLE)
        });
        if counts && pages > most && self.odd.is_none() {
            self.odd = Some(Odd { what: Oddity::TooLittle, found: pages, usual });
        }
    }

    fn rate(&self) -> Option<u64> {
        // The pages are kept in thousandths, so that what fades is not lost to rounding.
        (self.steps > 0).then(|| self.used.saturating_mul(MILLION).checked_div(self.pages)).flatten()
    }

    fn usual(&self) -> Option<u64> {
        let own = self.rate().filter(|_| self.steps >= OWN_STEPS);
        own.or(Some(self.former)).filter(|rate| *rate > 0)
    }

    /// The rate (millionths of the capacity for a thousand pages) and its spread (thousandths of it), once
    /// there is enough to say so.
    pub(super) fn learnt(&self) -> Option<(u64, u64)> {
        let rate = self.rate().filter(|rate| *rate > 0 && self.steps >= LEAST_STEPS)?;
        Some((rate, self.spread))
    }

    /// What is odd, if anything is.
    pub(in crate::judge) fn odd(&self) -> Option<Oddity> {
        self.odd.map(|odd| odd.what)
    }

    /// The last time that the level rose.
    pub(in crate::judge) fn refill(&self) -> Option<Refill> {
        self.refill
    }

    /// The alert about what is odd.
    pub(in crate::judge) fn odd_wording(&self, name: &str, colour: bool) -> Option<Wording> {
        let odd = self.odd?;
        let text = match odd.what {
            Oddity::TooMuch => format!("{name} empties far faster than pages are printed: it may leak"),
            Oddity::TooLittle => {
                format!("{name} hardly empties while pages are printed: it may be counterfeit or refilled")
            }
        };
        let unit =
            if colour { "color pages for 1 % of its capacity" } else { "pages for 1 % of its capacity" };
        let shown = evidence("consumption", unit, odd.found, odd.usual);
        let code = AlertCode::SubunitRecoverableFailure;
        Some(Wording::forecast(AlertGroup::MarkerSupplies, code, text, vec![shown]))
    }
}

impl Refill {
    /// The forecast that a cartridge was refilled.
    pub(in crate::judge) fn wording(&self, name: &str) -> Wording {
        let shown = evidence("level", "percent of its capacity", self.to_percent, Some(self.from_percent));
        let text =
            format!("{name} holds more than before and is the same cartridge: it may have been refilled");
        let code = AlertCode::SubunitRecoverableFailure;
        Wording::forecast(AlertGroup::MarkerSupplies, code, text, vec![shown])
    }
}

/// Pages for one step at a rate.
fn step_pages(rate: u64) -> u64 {
    STEP * 1_000 / rate.max(1)
}

/// What is left, in millionths of the capacity.
fn millionths(supply: &SupplyReading) -> Option<u64> {
    supply.share().map(Share::millionths)
}
