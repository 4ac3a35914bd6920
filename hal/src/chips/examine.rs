//! Compares one bus with the board file, chip by chip.

use std::ops::RangeInclusive;

use embedded_hal::i2c::I2c;
use toml::Spanned;

use crate::board::{Finding, Verdict};
use crate::bus::Adapter;
use crate::chips::job::{Chip, Job, Value};
use crate::clock::Clock;
use crate::config::{Behind, BoardConfig};
use crate::fault::{BusFault, ReadFault};
use crate::recorder::RecordedBus;

/// Addresses of the kinds of chips that a board can have, and the multiplexers'. Reading one byte of such
/// a chip changes nothing in it.
const OURS: [(RangeInclusive<u8>, &str); 3] =
    [(0x48..=0x4f, "a thermometer or converter"), (0x50..=0x57, "a memory"), (0x70..=0x77, "a multiplexer")];

/// What stands in the board file about the places around a bus.
#[derive(Debug, Clone, Default)]
pub(crate) struct Examination {
    /// The multiplexer that the bus is behind.
    pub(crate) behind: Option<Behind>,
    /// Addresses that answer on this bus and belong elsewhere: multiplexers on it, and all chips of the
    /// buses that it hangs on, for a multiplexer connects them.
    pub(crate) known: Vec<u8>,
}

impl Examination {
    /// Of a bus of a board.
    pub(crate) fn of(config: &BoardConfig, bus: &str) -> Self {
        let find = |name: &str| config.buses.iter().find(|bus| bus.name.get_ref() == name);
        let behind_of = |name: &str| find(name).and_then(|bus| bus.behind.as_ref()).map(Spanned::get_ref);
        let multiplexers = |name: &str| {
            let all = config.buses.iter().filter_map(|bus| bus.behind.as_ref());
            let here: Vec<u8> =
                all.map(Spanned::get_ref).filter(|at| at.bus == name).map(|at| at.address).collect();
            here
        };
        let mut known = multiplexers(bus);
        let mut above = behind_of(bus);
        // The check refuses circles; a board has fewer levels than buses anyhow.
        for _ in 0..config.buses.len() {
            let Some(at) = above else { break };
            let chips = config.chips();
            known.extend(chips.iter().filter(|c| *c.bus.get_ref() == at.bus).map(|c| *c.address.get_ref()));
            known.extend(multiplexers(&at.bus));
            above = behind_of(&at.bus);
        }
        Self { behind: behind_of(bus).cloned(), known }
    }
}

/// Compares a bus with the board file: its `jobs` by their places on the board, and what else answers.
pub(crate) fn examine<A: Adapter>(
    name: &str,
    surroundings: &Examination,
    bus: &mut RecordedBus<A>,
    clock: &mut dyn Clock,
    jobs: &[(usize, Job)],
) -> Vec<Finding> {
    let begun = bus.adapter.begin();
    let place = bus_place(name, &bus.adapter.device(), surroundings.behind.as_ref());
    if let Err(fault) = begun {
        return vec![unusable(name, place, fault, bus.adapter.trouble())];
    }
    let results: Vec<_> = jobs.iter().map(|(_, job)| (job, job.read(bus, clock))).collect();
    let strangers = strangers(bus, jobs, &surroundings.known);
    let mut findings = vec![summary(name, &place, &results)];
    for (job, result) in &results {
        let held = bus.adapter.held_by(job.address);
        findings.push(of_chip(job, result, &place, held.as_deref(), &strangers));
    }
    findings.extend(strangers.iter().map(|(address, kind)| stranger(&place, *address, kind)));
    bus.adapter.give_up();
    findings
}

fn bus_place(name: &str, device: &str, behind: Option<&Behind>) -> String {
    match behind {
        None => format!("bus {name} ({device})"),
        Some(at) => format!(
            "bus {name} ({device}), channel {} of the multiplexer at {:#04x} on the bus {}",
            at.channel, at.address, at.bus
        ),
    }
}

fn unusable(name: &str, place: String, fault: BusFault, trouble: Option<String>) -> Finding {
    Finding {
        subject: format!("bus {name}"),
        place,
        verdict: Verdict::Failed,
        what: trouble.map_or_else(|| fault.to_string(), |more| format!("{fault}: {more}")),
        check: Some(
            "is I2C enabled (raspi-config, or the overlay in config.txt), is `device` or `adapter` the right one (`i2cdetect -l` lists them), and may this user read and write it (group i2c)?"
                .to_owned(),
        ),
    }
}

fn summary(name: &str, place: &str, results: &[(&Job, Result<Value, ReadFault>)]) -> Finding {
    let good = results.iter().filter(|(_, result)| result.is_ok()).count();
    Finding {
        subject: format!("bus {name}"),
        place: place.to_owned(),
        verdict: if good == results.len() {
            Verdict::Fine
        } else if good > 0 {
            Verdict::Doubtful
        } else {
            Verdict::Failed
        },
        what: format!("{good} of {} readings are right", results.len()),
        check: (good == 0 && !results.is_empty()).then(|| {
            "nothing on it can be read: is it the right bus, does it have pull-up resistors (about 2 to 10 kilohms to the supply, on SDA and SCL), and are its chips powered?"
                .to_owned()
        }),
    }
}

/// Addresses of our kinds at which something answers that the board file does not name.
fn strangers<I: I2c<Error = BusFault>>(
    bus: &mut I,
    jobs: &[(usize, Job)],
    known: &[u8],
) -> Vec<(u8, &'static str)> {
    let mut found = Vec::new();
    for (range, kind) in OURS {
        for address in range {
            let named = known.contains(&address) || jobs.iter().any(|(_, job)| job.address == address);
            if !named && bus.read(address, &mut [0]).is_ok() {
                found.push((address, kind));
            }
        }
    }
    found
}

fn of_chip(
    job: &Job,
    result: &Result<Value, ReadFault>,
    bus: &str,
    held: Option<&str>,
    strangers: &[(u8, &'static str)],
) -> Finding {
    let (verdict, what, mut check) = match result {
        Ok(value) => (Verdict::Fine, format!("{}: {value}", job.chip), None),
        Err(fault) => {
            let (what, check) = words(job, fault, strangers);
            (Verdict::Failed, format!("{}: {what}", job.chip), Some(check))
        }
    };
    if let (Some(driver), Some(check)) = (held, &mut check) {
        *check += "; the kernel's driver ";
        *check += driver;
        *check += " has this address as well: take it out of the device tree unless it is wanted";
    }
    Finding {
        subject: job.name.clone(),
        place: format!("{bus}, address {:#04x}", job.address),
        verdict,
        what,
        check,
    }
}

/// What a fault looks like, and what to check.
fn words(job: &Job, fault: &ReadFault, strangers: &[(u8, &'static str)]) -> (String, String) {
    match fault {
        ReadFault::Bus(BusFault::NoAnswer(_) | BusFault::TimedOut(_)) => {
            let (text, same) = (fault.to_string(), same_kind(job, strangers));
            let pins = if same.is_empty() {
                String::new()
            } else {
                format!("; {same} answers and is in no entry: is this its address?")
            };
            let check = format!(
                "is it in place and powered, do its address pins give {:#04x}, and is it on this bus?{pins}",
                job.address
            );
            (text, check)
        }
        ReadFault::Bus(BusFault::ArbitrationLost(_)) => (
            fault.to_string(),
            "does another controller share this bus, or do long wires or weak pull-ups disturb it?".to_owned(),
        ),
        ReadFault::Bus(BusFault::Stuck(_)) => (
            fault.to_string(),
            "switch the chips' power off and on; give the bus a `recover` line; take chips off until it is free"
                .to_owned(),
        ),
        ReadFault::Bus(_) => (
            fault.to_string(),
            "look at the kernel's log (dmesg) for what the adapter says".to_owned(),
        ),
        ReadFault::Constant(_) => (
            fault.to_string(),
            "is it the chip that the board file names, and was it ever written? Else its data line may be cut behind the address".to_owned(),
        ),
        ReadFault::Damaged(_) => (
            fault.to_string(),
            "is it the chip that the board file names, and is the cartridge of this printer's kind? If it comes and goes, the bus is disturbed: shorter wires, stronger pull-ups, a slower clock"
                .to_owned(),
        ),
        ReadFault::Implausible(_) => (
            fault.to_string(),
            match job.chip {
                Chip::Analog(_) => "is the sensor plugged in, is its wire whole, and is the curve that of this sensor?",
                _ => "is it the chip that the board file names? A cartridge or engine of another make may hold something else",
            }
            .to_owned(),
        ),
    }
}

/// The strangers that could be this chip at another address.
fn same_kind(job: &Job, strangers: &[(u8, &'static str)]) -> String {
    let here = |range: &RangeInclusive<u8>, address: u8| range.contains(&address);
    let range = OURS.iter().map(|(range, _)| range).find(|range| here(range, job.address));
    let at: Vec<_> = strangers
        .iter()
        .filter(|(address, _)| range.is_some_and(|range| here(range, *address)))
        .map(|(address, _)| format!("{address:#04x}"))
        .collect();
    at.join(", ")
}

fn stranger(bus: &str, address: u8, kind: &str) -> Finding {
    Finding {
        subject: "no entry".to_owned(),
        place: format!("{bus}, address {address:#04x}"),
        verdict: Verdict::Doubtful,
        what: format!("something answers, by its address {kind}, and no entry of the board file names it"),
        check: Some(
            "if it belongs to this printer, give it an entry; if it is a chip that does not answer where it should, its address pins are set differently"
                .to_owned(),
        ),
    }
}
