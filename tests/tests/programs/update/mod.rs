//! The agent's own package updated by the manager, the whole way: a maker signs, the manager publishes and offers, the agent
//! in a guest with systemd fetches, `platen-install` verifies and installs with dpkg, the agent confirms. A newer version
//! stays; one that cannot start and one that does not reach the manager are gone back from; and wherever the power is cut
//! (`echo b >/proc/sysrq-trigger`, nothing is written any more), the guest comes up with one of the two versions, which
//! works, and the manager knows which.
//!
//! `PLATEN_UPDATE_CUTS` says how often the power is cut.

mod points;
mod site;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use platen_tests::rigs::printer_guest::Powered;
use platen_tests::rigs::random::number;

use points::{After, Point, spread};
use site::{DEAF, ENDS, Ended, FIRST, SECOND, Site, journal};

/// Cuts of `make test`.
const CUTS: u32 = 2;
/// From an offer to the cut: at the end of a version that is given a minute to confirm.
const CUT_WITHIN: Duration = Duration::from_secs(480);

#[test]
fn a_newer_version_stays_a_bad_one_never_does_and_power_may_be_cut_at_any_time() {
    let cuts = number("PLATEN_UPDATE_CUTS", CUTS);
    let begin = Instant::now();
    let step = |what: &str| println!("[{:>4} s] {what}", begin.elapsed().as_secs());
    let site = Site::new();
    step("the versions are published; the guest boots");
    let mut powered = site.controller.power_on();
    step("the first version is installed");
    site.install(&powered.guest);
    let took = a_newer_version_stays(&site, &powered);
    step(&format!("a newer version was kept; milliseconds of each step: {took:?}"));
    one_that_cannot_start_is_gone_back_from(&site, &powered);
    step("one that cannot start was gone back from");
    powered.guest.check("sync").unwrap();
    let (mut runs, mut took) = (SECOND, took);
    for (number, point) in (1..).zip(spread(cuts as usize)) {
        let cut;
        (powered, cut) = cut_and_start_again(&site, powered, point, &mut took, runs);
        println!("[{:>4} s] cut {number}: {cut}", begin.elapsed().as_secs());
        runs = cut.after;
    }
    let journal = journal(&powered.guest);
    assert!(!journal.contains("panicked"), "{journal}");
    step("done");
}

fn a_newer_version_stays(site: &Site, powered: &Powered) -> BTreeMap<String, u64> {
    let guest = &powered.guest;
    assert_eq!(site.known(), FIRST);
    // A person has changed what the package ships; it stays, there and back.
    guest.check("echo '# by hand' >>/etc/platen/agent.toml").unwrap();
    Site::watch(guest, "");
    site.offer(SECOND);
    let ended = site.until_ended(guest, &serde_json::Value::Null, SECOND);
    assert_eq!(ended.step, "kept", "{ended:?}\n{}", journal(guest));
    site.is_well(powered, SECOND);
    guest.check("grep -q 'by hand' /etc/platen/agent.toml").unwrap();
    // The agent knows what is trusted, and can tell.
    let programs = guest.check("platen programs --json").unwrap();
    let programs: serde_json::Value = serde_json::from_str(&programs).unwrap();
    assert_eq!((&programs["trusted"]["root"], &programs["trusted"]["targets"]), (&1.into(), &1.into()));
    Site::took(guest)
}

fn one_that_cannot_start_is_gone_back_from(site: &Site, powered: &Powered) {
    let guest = &powered.guest;
    Site::watch(guest, "");
    let before = site.newest_id();
    site.offer(ENDS);
    let Ended { step, reason } = site.until_ended(guest, &before, ENDS);
    assert_eq!(step, "rolled_back", "{reason}\n{}", journal(guest));
    assert!(reason.contains("platen-agent.service"), "{reason}");
    site.is_well(powered, SECOND);
    guest.check("grep -q 'by hand' /etc/platen/agent.toml").unwrap();
    println!("it was gone back from: {reason}; milliseconds of each step: {:?}", Site::took(guest));
}

/// A cut, and what became of it.
struct Cut {
    /// Where it was meant to be, and where it was.
    wanted: String,
    at: String,
    from: &'static str,
    to: &'static str,
    /// What the manager believed when the guest was up again.
    believed: String,
    ended: Ended,
    after: &'static str,
    /// How long the start took.
    up: Duration,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { wanted, at, from, to, believed, ended, after, up } = self;
        write!(
            f,
            "{from} -> {to}, wanted {wanted}, was at {at}; up after {} s, when the manager knew {believed}; {} ({}): \
             {after} runs, and the manager knows",
            up.as_secs(),
            ended.step,
            ended.reason
        )
    }
}

fn cut_and_start_again(
    site: &Site,
    powered: Powered,
    point: Point,
    took: &mut BTreeMap<String, u64>,
    from: &'static str,
) -> (Powered, Cut) {
    let to = match from {
        _ if point.is_of_a_bad_version() => DEAF,
        FIRST => SECOND,
        _ => FIRST,
    };
    // Going back is an installation as well.
    let of = |step: &str| took.get(step).or_else(|| took.get("installing")).copied().unwrap_or(1_000);
    let after = match point.after {
        After::Milliseconds(milliseconds) => milliseconds,
        After::Percent(percent) => of(point.step) * percent / 100,
    };
    let wanted = format!("{} + {after} ms", point.step);
    let before = site.newest_id();
    Site::watch(&powered.guest, &format!("{} {after}", point.step));
    site.offer(to);
    let console = powered.guest.wait_until_off(CUT_WITHIN).unwrap();
    let at = console.rsplit_once("the power is cut at ").map(|(_, rest)| rest);
    let at = at.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned();
    assert!(!at.is_empty(), "the guest went off by itself:\n{console}");
    let begin = Instant::now();
    let powered = site.controller.power_on();
    let (up, believed) = (begin.elapsed(), site.known());
    let guest = &powered.guest;
    let ended = site.until_ended(guest, &before, to);
    let after = match ended.step.as_str() {
        "kept" => to,
        "rolled_back" => from,
        other => panic!("{other}: {}\n{}", ended.reason, journal(guest)),
    };
    assert!(after != DEAF, "it reaches nobody, and stays: {ended:?}");
    site.is_well(&powered, after);
    guest.check("grep -q 'by hand' /etc/platen/agent.toml && sync").unwrap();
    (powered, Cut { wanted, at, from, to, believed, ended, after, up })
}
