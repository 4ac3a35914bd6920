//! The engine's controller: firmware goes over the bus, whatever happens on it.

use platen_hal::engine::Image;
use platen_simulator::{Fault, SimCommand};

use super::{Case, Need, Rig, fault};

/// What a simulated engine is called.
const MODEL: &str = "SIM-ENGINE";
/// Pages of the images here: few, for some buses are slow.
const PAGES: usize = 6;
/// Bytes of a page of the simulated controller.
const PAGE_BYTES: usize = 256;

pub(super) const CASES: &[Case] = &[
    Case { name: "firmware is written and runs", needs: &[Need::Engine], run: firmware_is_written_and_runs },
    Case {
        name: "what is no firmware for this engine is refused and the old one runs on",
        needs: &[Need::Engine],
        run: what_is_none_is_refused,
    },
    Case {
        name: "firmware arrives over a bus that disturbs every fourth transfer",
        needs: &[Need::Engine, Need::Printer],
        run: firmware_arrives_over_a_disturbed_bus,
    },
    Case {
        name: "the engine's power goes in the middle of a page, and it goes on where it was",
        needs: &[Need::Engine, Need::Printer],
        run: a_power_cut_in_the_middle,
    },
];

fn image(version: &str) -> Image {
    let firmware: Vec<u8> = (0..253).cycle().take(PAGES * PAGE_BYTES - 100).collect();
    Image::build(MODEL, version, &firmware).unwrap()
}

fn flash(rig: &mut dyn Rig, version: &str) {
    let image = image(version);
    rig.flash(image.bytes(), version).unwrap();
    assert_eq!(rig.firmware().as_deref(), Some(version));
}

fn firmware_is_written_and_runs(rig: &mut dyn Rig) {
    assert!(rig.firmware().is_some());
    flash(rig, "2.0.1");
}

fn what_is_none_is_refused(rig: &mut dyn Rig) {
    let before = rig.firmware();
    let whole = image("2.0.2").bytes().to_vec();
    let cut = &whole[..whole.len() - 1];
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    let other = Image::build("OTHER", "2.0.2", b"x").unwrap();
    let large = Image::build(MODEL, "2.0.2", &vec![7; 64 * PAGE_BYTES]).unwrap();
    for (bytes, words) in [
        (cut, "cut short"),
        (&damaged, "checksum is wrong"),
        (other.bytes(), "is for the engine OTHER"),
        (large.bytes(), "a bank of this engine has 16384"),
        (b"\x7fELF", "no firmware of an engine"),
    ] {
        let said = rig.flash(bytes, "2.0.2").unwrap_err();
        assert!(said.contains(words), "{said}");
    }
    let said = rig.flash(&whole, "2.0.3").unwrap_err();
    assert!(said.contains("2.0.3 was signed"), "{said}");
    assert_eq!(rig.firmware(), before);
}

fn firmware_arrives_over_a_disturbed_bus(rig: &mut dyn Rig) {
    fault(rig, "engine-controller", Fault::BitFlips);
    flash(rig, "2.1.0");
    fault(rig, "engine-controller", Fault::None);
}

fn a_power_cut_in_the_middle(rig: &mut dyn Rig) {
    rig.act(&SimCommand::CutEngine { pages: 2, milliseconds: 700 });
    flash(rig, "2.2.0");
}
