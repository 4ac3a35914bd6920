//! Firmware of the engine over the guest's own I2C, as a device gets it: signed, verified and installed by
//! `platen-install`, while the agent reads the same bus and then confirms. In the middle of a page the engine loses its
//! power, and `platen-install` is killed with all that it runs; then both begin again.

use std::time::Duration;

use jiff::Timestamp;
use platen_hal::config::SimulatedEngine;
use platen_hal::engine::Image;
use platen_simulator::{Fault, SimCommand};
use platen_tests::hal_suite::Rig as _;
use platen_tests::rigs::maker::Maker;
use platen_tests::rigs::process::{until, until_within};
use platen_trust::sign::{SigningKey, online};
use platen_trust::{Document, PrivateKey as _};

use super::Bench;

/// Until then what is signed here is good: a guest's clock is that of its host.
const GOOD_UNTIL: &str = "2099-01-01T00:00:00Z";
const VERSION: &str = "3.0.0";
/// Bytes of the firmware, and pages of the image that it is in.
const FIRMWARE_BYTES: usize = 10_000;
const PAGES: u64 = 40;
/// Pages that were being written when the power went count as written, and are written again: one at each cut.
const WRITTEN_TWICE: u64 = 3;
/// So many pages are written before the cut.
const PAGES_BEFORE: u32 = 10;
/// An installer that says "not now" is called again a minute later.
const KEPT_WITHIN: Duration = Duration::from_secs(300);
const SPOOL: &str = "/var/lib/platen-agent/programs";

pub(super) fn is_cut_off_and_taken_up_again(bench: &Bench) {
    // With one bank, the engine runs nothing from the first page to the last.
    bench.printer.fit_engine(&SimulatedEngine { banks: 1, ..SimulatedEngine::default() });
    let firmware: Vec<u8> = (0..247).cycle().take(FIRMWARE_BYTES).collect();
    let image = Image::build("SIM-ENGINE", VERSION, &firmware).unwrap();
    let truth = || bench.printer.truth().firmware.unwrap();
    assert_eq!(truth().running.as_deref(), Some("1.0.0"));

    bench.act(&SimCommand::CutEngine { pages: PAGES_BEFORE, milliseconds: 2_000 });
    offer(bench, image.bytes());
    until("some pages are written", || (truth().pages_written >= u64::from(PAGES_BEFORE)).then_some(()));
    fault(bench, Fault::NoPower);
    bench.check("systemctl kill --kill-whom=all --signal=KILL platen-install");
    let cut = truth();
    assert_eq!((cut.running.as_deref(), &cut.banks[..]), (None, &[None][..]), "it is broken: {cut:?}");
    fault(bench, Fault::None);
    bench.check("systemctl reset-failed platen-install; systemctl restart platen-install");
    until_within(KEPT_WITHIN, "the agent has confirmed it, and it is kept", || {
        let history = bench.guest.run("cat /var/lib/platen-install/history.json").ok()?.text;
        assert!(!history.contains("rolled-back") && !history.contains("failed"), "{history}");
        history.contains("\"kept\"").then_some(())
    });
    let after = truth();
    println!("firmware: {} pages before the cut, {} in all", cut.pages_written, after.pages_written);
    assert_eq!(after.running.as_deref(), Some(VERSION));
    assert!(after.pages_written <= PAGES + WRITTEN_TWICE, "what was there was written again");
    let said = bench.check("platen-agent read --json");
    assert!(said.contains(VERSION), "{said}");
    bench.check("rm /etc/platen/programs/root.json");
}

fn fault(bench: &Bench, fault: Fault) {
    bench.act(&SimCommand::Fault { target: "engine-controller".into(), fault });
}

/// Lays an image ready as the agent does when it has fetched one, signed by a maker whose root is planted.
fn offer(bench: &Bench, image: &[u8]) {
    let until: Timestamp = GOOD_UNTIL.parse().unwrap();
    let key = SigningKey::generate().unwrap();
    let mut maker = Maker::new(key.public(), until);
    let targets = maker.sign(&[Maker::program("engine", VERSION, image)], &[]);
    let snapshot = online::snapshot(None, &targets, until, &[&key]).unwrap();
    let timestamp = online::timestamp(None, &snapshot, until, &[&key]).unwrap();
    let document = Document { roots: Vec::new(), timestamp, snapshot, targets }.to_bytes().unwrap();
    let request = format!("{{\"attempt\": \"firmware\", \"name\": \"engine\", \"version\": \"{VERSION}\"}}");
    for (to, bytes) in [
        ("/etc/platen/programs/root.json", &maker.root[..]),
        ("/root/ready/request.json", request.as_bytes()),
        ("/root/ready/metadata.json", &document),
        ("/root/ready/program", image),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        bench.guest.push_file(file.path(), to).unwrap();
    }
    bench.check(&format!(
        "chmod 644 /etc/platen/programs/root.json; mkdir -p {SPOOL}
         cp -r /root/ready {SPOOL}/fetched && chown -R platen-agent: {SPOOL} && mv {SPOOL}/fetched {SPOOL}/ready"
    ));
}
