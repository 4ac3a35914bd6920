//! Buses: missing chips, failing adapters, multiplexers.

use platen_protocol::unknown::UnknownReason;
use platen_simulator::Fault;

use super::{Case, Need, Rig, bus, fault, percent, reason, set, supply, temperature};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a chip that does not answer is unknown and the others are not",
        needs: &[Need::Printer],
        run: an_absent_chip_is_unknown,
    },
    Case {
        name: "two chips at one address are told apart by the multiplexer",
        needs: &[Need::Multiplexer, Need::Printer],
        run: the_multiplexer_tells_chips_apart,
    },
    Case {
        name: "a bus on which everything times out is told once, and the other bus is read",
        needs: &[Need::ErrorKinds],
        run: a_bus_that_times_out_is_told_once,
    },
    Case {
        name: "lost arbitration is the bus's fault and not the chip's",
        needs: &[Need::ErrorKinds],
        run: lost_arbitration_is_the_bus_fault,
    },
    Case {
        name: "a data line that is held down is freed by pulses of the clock",
        needs: &[Need::ErrorKinds],
        run: a_held_data_line_is_freed,
    },
];

fn an_absent_chip_is_unknown(rig: &mut dyn Rig) {
    set(rig, "cyan", 42);
    fault(rig, "cyan", Fault::Absent);
    fault(rig, "ambient", Fault::Absent);
    let readings = rig.sample();
    assert_eq!(reason(&supply(&readings, "cyan")), UnknownReason::NoAnswer);
    assert_eq!(temperature(&readings, "ambient"), None);
    assert!(temperature(&readings, "cabinet").is_some());
    assert!(readings.buses.iter().all(|bus| bus.failing.is_none()), "{:?}", readings.buses);
    fault(rig, "cyan", Fault::None);
    fault(rig, "ambient", Fault::None);
    assert_eq!(percent(rig, "cyan"), Some(42));
}

fn the_multiplexer_tells_chips_apart(rig: &mut dyn Rig) {
    set(rig, "magenta", 81);
    set(rig, "yellow", 18);
    let readings = rig.sample();
    let (magenta, yellow) = (supply(&readings, "magenta"), supply(&readings, "yellow"));
    assert_eq!((magenta.percent(), yellow.percent()), (Some(81), Some(18)));
    assert_eq!(magenta.colorant.as_deref(), Some("magenta"));
    assert_eq!(yellow.colorant.as_deref(), Some("yellow"));
}

fn a_bus_that_times_out_is_told_once(rig: &mut dyn Rig) {
    fault(rig, "sensors", Fault::TimesOut);
    let readings = rig.sample();
    assert!(bus(&readings, "sensors").failing.is_some());
    assert!(bus(&readings, "main").failing.is_none());
    assert_eq!(temperature(&readings, "ambient"), None);
    assert!(supply(&readings, "cyan").percent().is_some());
    fault(rig, "sensors", Fault::None);
    let readings = rig.sample();
    assert!(bus(&readings, "sensors").failing.is_none() && temperature(&readings, "ambient").is_some());
}

fn lost_arbitration_is_the_bus_fault(rig: &mut dyn Rig) {
    fault(rig, "cyan", Fault::ArbitrationLost);
    assert_eq!(reason(&supply(&rig.sample(), "cyan")), UnknownReason::BusFailing);
    fault(rig, "cyan", Fault::None);
    assert!(percent(rig, "cyan").is_some());
}

fn a_held_data_line_is_freed(rig: &mut dyn Rig) {
    set(rig, "black", 55);
    fault(rig, "main", Fault::StuckData);
    // The board sees it, pulses the clock, and the next reading is whole.
    let freed = crate::rigs::process::until("the bus is free", || percent(rig, "black"));
    assert_eq!(freed, 55);
}
