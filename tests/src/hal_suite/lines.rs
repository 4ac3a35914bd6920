//! Lines: switches, buttons, the page exit, outputs.

use platen_protocol::readings::CounterKind;
use platen_simulator::SimCommand;

use super::{Case, Need, Rig, print, set, switch};

pub(super) const CASES: &[Case] = &[
    Case { name: "the cover opens and closes, as a state", needs: &[], run: the_cover_is_read_as_a_state },
    Case {
        name: "the cover opens and closes, as edges",
        needs: &[Need::Edges],
        run: the_cover_opens_and_closes,
    },
    Case { name: "a press of a button is two edges", needs: &[Need::Edges], run: a_press_is_two_edges },
    Case {
        name: "a jam is a state with its place",
        needs: &[Need::Printer],
        run: a_jam_is_a_state_with_its_place,
    },
    Case {
        name: "pages at the exit are counted and are no edges",
        needs: &[Need::Edges, Need::Outputs],
        run: pages_at_the_exit_are_counted,
    },
    Case {
        name: "lamp and buzzer are driven each by itself",
        needs: &[Need::Outputs],
        run: outputs_are_driven,
    },
];

/// A finger that rests for as long that also a controller sees it which looks at its lines only now and then.
const HELD_MS: u32 = 500;

fn cover(open: bool) -> SimCommand {
    let switch = "cover".to_owned();
    if open { SimCommand::Open { switch } } else { SimCommand::Close { switch } }
}

fn the_cover_is_read_as_a_state(rig: &mut dyn Rig) {
    for open in [true, false] {
        rig.act(&cover(open));
        assert_eq!(switch(&rig.sample(), "cover").active.known(), Some(&open));
    }
}

fn the_cover_opens_and_closes(rig: &mut dyn Rig) {
    for open in [true, false] {
        let edges = rig.edges_during(&[cover(open)], 1);
        assert_eq!(edges, [("cover".to_owned(), open)]);
    }
}

fn a_press_is_two_edges(rig: &mut dyn Rig) {
    for button in ["service", "order"] {
        let press = SimCommand::Press { button: button.into(), milliseconds: Some(HELD_MS) };
        let edges = rig.edges_during(&[press], 2);
        assert_eq!(edges, [(button.to_owned(), true), (button.to_owned(), false)]);
    }
}

fn a_jam_is_a_state_with_its_place(rig: &mut dyn Rig) {
    for active in [true, false] {
        rig.act(&SimCommand::Switch { switch: "jam".into(), active });
        let jam = switch(&rig.sample(), "jam");
        assert_eq!((jam.active.known(), jam.location), (Some(&active), Some(4)));
    }
}

fn pages_at_the_exit_are_counted(rig: &mut dyn Rig) {
    for colorant in ["black", "cyan", "hopper"] {
        set(rig, colorant, 90);
    }
    let exits = |rig: &mut dyn Rig| {
        let readings = rig.sample();
        *readings.counter(CounterKind::PageExits).unwrap().value.known().unwrap()
    };
    let before = exits(rig);
    print(rig, 12);
    let counted = crate::rigs::process::until("twelve pages are counted", || {
        Some(exits(rig) - before).filter(|pages| *pages >= 12)
    });
    assert_eq!(counted, 12);
}

fn outputs_are_driven(rig: &mut dyn Rig) {
    for wanted in [(true, false), (false, true), (true, true), (false, false)] {
        assert_eq!(rig.outputs(wanted.0, wanted.1), wanted);
    }
}
