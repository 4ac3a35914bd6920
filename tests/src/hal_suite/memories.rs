//! Memories: cartridges, parts, and the engine's counter store.

use platen_protocol::readings::{CounterKind, Readings};
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};
use platen_protocol::unknown::UnknownReason;
use platen_simulator::{Fault, SimCommand};

use super::{Case, Need, Rig, fault, percent, print, reason, set, supply};

/// How often a chip with occasional errors is read.
const DISTURBED_READS: usize = 20;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a cartridge says what it is and how much is left",
        needs: &[],
        run: a_cartridge_says_what_it_is,
    },
    Case { name: "a level that changes on the chip is read", needs: &[], run: a_level_that_changes_is_read },
    Case {
        name: "memories with 8-bit and with 16-bit addresses are read side by side",
        needs: &[Need::ShortAddresses],
        run: both_kinds_of_memory_are_read,
    },
    Case {
        name: "printing uses toner, ages the parts and counts",
        needs: &[Need::Printer, Need::ShortAddresses],
        run: printing_uses_toner_ages_and_counts,
    },
    Case {
        name: "a record with a wrong checksum is unknown",
        needs: &[Need::Printer],
        run: a_wrong_checksum_is_unknown,
    },
    Case {
        name: "a torn write is survived by the older copy",
        needs: &[Need::Printer, Need::ShortAddresses],
        run: a_torn_write_is_survived,
    },
    Case {
        name: "values that cannot be true are unknown",
        needs: &[Need::Printer, Need::ShortAddresses],
        run: implausible_values_are_unknown,
    },
    Case {
        name: "a bit that flips now and then never changes a level",
        needs: &[Need::Printer, Need::ShortAddresses],
        run: bit_flips_never_change_a_level,
    },
    Case {
        name: "a memory that answers constant bytes is unknown",
        needs: &[Need::Printer, Need::ShortAddresses],
        run: constant_bytes_are_unknown,
    },
    Case {
        name: "another cartridge in the same place has another serial number",
        needs: &[Need::Printer, Need::ShortAddresses],
        run: another_cartridge_has_another_serial,
    },
    Case {
        name: "a counter store that is damaged leaves counters and lives unknown",
        needs: &[Need::Printer],
        run: a_damaged_counter_store_is_unknown,
    },
];

fn a_cartridge_says_what_it_is(rig: &mut dyn Rig) {
    set(rig, "cyan", 50);
    let cyan = supply(&rig.sample(), "cyan");
    assert_eq!(cyan.supply_type, SupplyType::TonerCartridge);
    assert_eq!(cyan.colorant.as_deref(), Some("cyan"));
    assert_eq!(cyan.unit, SupplyUnit::TenthsOfGrams);
    assert_eq!(cyan.capacity, Capacity::Known { amount: 3000 });
    assert_eq!(cyan.level, Level::Known { amount: 1500 });
    assert_eq!(cyan.serial.as_deref(), Some("SIM-CYAN"));
}

fn a_level_that_changes_is_read(rig: &mut dyn Rig) {
    for level in [100, 42, 4, 0] {
        set(rig, "cyan", level);
        assert_eq!(percent(rig, "cyan"), Some(level));
    }
}

fn both_kinds_of_memory_are_read(rig: &mut dyn Rig) {
    set(rig, "black", 71);
    set(rig, "cyan", 29);
    let readings = rig.sample();
    assert_eq!(supply(&readings, "black").percent(), Some(71));
    assert_eq!(supply(&readings, "cyan").percent(), Some(29));
}

fn used(readings: &Readings, part: &str) -> Option<u32> {
    readings.parts.iter().find(|reading| reading.name == part).unwrap().used.known().copied()
}

fn counter(readings: &Readings, kind: CounterKind) -> Option<u64> {
    readings.counter(kind).unwrap().value.known().copied()
}

fn printing_uses_toner_ages_and_counts(rig: &mut dyn Rig) {
    for colorant in ["black", "cyan", "hopper"] {
        set(rig, colorant, 50);
    }
    let before = rig.sample();
    print(rig, 1000);
    let after = rig.sample();
    for part in ["drum", "fuser-unit"] {
        assert_eq!(used(&after, part).unwrap(), used(&before, part).unwrap() + 1000, "{part}");
    }
    let rose = |kind| counter(&after, kind).unwrap() - counter(&before, kind).unwrap();
    assert_eq!(rose(CounterKind::Impressions), 1000);
    assert_eq!(rose(CounterKind::FullColor) + rose(CounterKind::Monochrome), 1000);
    assert!((500..=1000).contains(&rose(CounterKind::Sheets)), "sheets have one or two sides");
    // 1000 pages of 30 mg are 30 g, a tenth of a cartridge.
    assert_eq!(supply(&after, "black").percent(), Some(40));
}

fn a_wrong_checksum_is_unknown(rig: &mut dyn Rig) {
    fault(rig, "cyan", Fault::Corrupt);
    assert_eq!(reason(&supply(&rig.sample(), "cyan")), UnknownReason::Damaged);
    fault(rig, "cyan", Fault::None);
}

fn a_torn_write_is_survived(rig: &mut dyn Rig) {
    set(rig, "black", 60);
    fault(rig, "black", Fault::Torn);
    assert_eq!(percent(rig, "black"), Some(60));
    fault(rig, "black", Fault::None);
}

fn implausible_values_are_unknown(rig: &mut dyn Rig) {
    for broken in [Fault::UsedAboveCapacity, Fault::AbsurdCapacity] {
        // Twice, so that both copies of the record are the broken engine's.
        fault(rig, "black", broken);
        fault(rig, "black", broken);
        assert_eq!(reason(&supply(&rig.sample(), "black")), UnknownReason::Implausible, "{broken:?}");
    }
    fault(rig, "black", Fault::None);
}

fn bit_flips_never_change_a_level(rig: &mut dyn Rig) {
    set(rig, "black", 63);
    fault(rig, "black", Fault::BitFlips);
    for _ in 0..DISTURBED_READS {
        let black = supply(&rig.sample(), "black");
        assert!(matches!(black.percent(), Some(63) | None), "{black:?}");
    }
    fault(rig, "black", Fault::None);
    assert_eq!(percent(rig, "black"), Some(63));
}

fn constant_bytes_are_unknown(rig: &mut dyn Rig) {
    fault(rig, "black", Fault::Constant);
    assert_eq!(reason(&supply(&rig.sample(), "black")), UnknownReason::Damaged);
    fault(rig, "black", Fault::None);
}

fn another_cartridge_has_another_serial(rig: &mut dyn Rig) {
    set(rig, "black", 5);
    let old = supply(&rig.sample(), "black");
    rig.act(&SimCommand::Replace { target: "black".into() });
    let fitted = crate::rigs::process::until("the new cartridge is in its place", || {
        let black = supply(&rig.sample(), "black");
        black.percent().is_some_and(|percent| percent > 5).then_some(black)
    });
    assert_eq!(fitted.percent(), Some(100));
    assert_ne!(fitted.serial, old.serial);
    rig.act(&SimCommand::Close { switch: "cover".into() });
}

fn a_damaged_counter_store_is_unknown(rig: &mut dyn Rig) {
    fault(rig, "engine", Fault::Corrupt);
    let readings = rig.sample();
    assert_eq!(counter(&readings, CounterKind::Impressions), None);
    assert_eq!(used(&readings, "fuser-unit"), None);
    fault(rig, "engine", Fault::None);
    assert!(counter(&rig.sample(), CounterKind::Impressions).is_some());
}
