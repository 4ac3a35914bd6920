//! Temperature sensors, and what hangs on the converter.

use platen_protocol::unknown::UnknownReason;
use platen_simulator::{Fault, SimCommand};

use super::{Case, Need, Rig, fault, percent, reason, set, supply, temperature};

/// The converter and the curve together are as good as this, in thousandths of a degree; the simulated
/// fuser goes on cooling between the act and the reading, slowly without its heater.
const FUSER_TOLERANCE: i32 = 3_000;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a temperature is read above and below zero",
        needs: &[],
        run: a_temperature_is_read_above_and_below_zero,
    },
    Case {
        name: "a finer sensor is read to its sixteenth of a degree",
        needs: &[Need::Printer],
        run: a_finer_sensor_is_read,
    },
    Case {
        name: "a disturbed temperature is unknown and never a number",
        needs: &[Need::Printer],
        run: a_disturbed_temperature_is_unknown,
    },
    Case {
        name: "a level at the converter follows its curve",
        needs: &[Need::Converter],
        run: a_level_at_the_converter_follows_its_curve,
    },
    Case {
        name: "the fuser's thermistor is read at the converter",
        needs: &[Need::Converter],
        run: the_thermistor_is_read_at_the_converter,
    },
    Case {
        name: "a wire that is cut or short is unknown and never a number",
        needs: &[Need::Converter],
        run: a_cut_wire_is_unknown,
    },
];

fn heat(rig: &dyn Rig, sensor: &str, millidegrees_celsius: i32) {
    rig.act(&SimCommand::Heat { sensor: sensor.into(), millidegrees_celsius });
}

fn a_temperature_is_read_above_and_below_zero(rig: &mut dyn Rig) {
    for millidegrees in [22_500, -10_500] {
        heat(rig, "ambient", millidegrees);
        assert_eq!(temperature(&rig.sample(), "ambient"), Some(millidegrees));
    }
}

fn a_finer_sensor_is_read(rig: &mut dyn Rig) {
    for millidegrees in [41_250, -250] {
        heat(rig, "cabinet", millidegrees);
        assert_eq!(temperature(&rig.sample(), "cabinet"), Some(millidegrees));
    }
}

fn a_disturbed_temperature_is_unknown(rig: &mut dyn Rig) {
    fault(rig, "cabinet", Fault::Corrupt);
    assert_eq!(temperature(&rig.sample(), "cabinet"), None);
    fault(rig, "cabinet", Fault::None);
}

fn a_level_at_the_converter_follows_its_curve(rig: &mut dyn Rig) {
    for level in [100, 60, 37, 5] {
        set(rig, "hopper", level);
        let read = percent(rig, "hopper").unwrap();
        assert!(read.abs_diff(level) <= 1, "{read} % instead of {level} %");
    }
}

fn the_thermistor_is_read_at_the_converter(rig: &mut dyn Rig) {
    fault(rig, "fuser", Fault::Cold);
    for millidegrees in [185_000, 40_000] {
        heat(rig, "fuser", millidegrees);
        let read = temperature(&rig.sample(), "fuser").unwrap();
        assert!((read - millidegrees).abs() <= FUSER_TOLERANCE, "{read} instead of {millidegrees}");
    }
    fault(rig, "fuser", Fault::None);
}

fn a_cut_wire_is_unknown(rig: &mut dyn Rig) {
    for broken in [Fault::OpenCircuit, Fault::ShortCircuit] {
        fault(rig, "fuser", broken);
        fault(rig, "hopper", broken);
        let readings = rig.sample();
        assert_eq!(temperature(&readings, "fuser"), None, "{broken:?}");
        assert_eq!(reason(&supply(&readings, "hopper")), UnknownReason::Implausible, "{broken:?}");
        fault(rig, "fuser", Fault::None);
        fault(rig, "hopper", Fault::None);
    }
    assert!(percent(rig, "hopper").is_some());
}
