//! The board file and agent.toml, step by step.

use std::os::unix::fs::PermissionsExt as _;

use crate::machine::{FORTH, Machine};

const BOARD: &str = include_str!("../../board.toml");
const NEW: &str = "backend = \"linux\"\nmodel = \"another\"\n";
const AGENT: &str = "device = \"desk\"\nboard = '{board}'\n";

#[test]
fn a_board_file_is_replaced_kept_and_replaced_again() {
    let machine = Machine::new("board-file", BOARD, AGENT);
    std::fs::set_permissions(machine.path("board.toml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    machine.offer(NEW);
    machine.steps(&FORTH);
    assert_eq!(machine.read("board.toml"), NEW);
    machine.steps(&["rollback", "rollback"]);
    assert_eq!(machine.read("board.toml"), BOARD);
    machine.steps(&["check", "install", "install", "verify", "verify", "commit", "commit"]);
    let mode = machine.path("board.toml").metadata().unwrap().permissions().mode();
    assert_eq!((machine.read("board.toml").as_str(), mode & 0o777), (NEW, 0o640));
    // What was installed here last may be replaced.
    let third = NEW.replace("another", "a third");
    machine.offer(&third);
    machine.steps(&["check", "install", "verify", "commit"]);
    assert_eq!(machine.read("board.toml"), third);
}

#[test]
fn what_the_agent_would_refuse_is_refused_with_the_line() {
    let machine = Machine::new("board-file", BOARD, AGENT);
    for (text, words) in [
        ("backend = \"linux\"\nmodel = \"m\"\ncolour = 1\n", "board.toml:3: "),
        ("backend = \"simulated\"\nmodel = \"m\"\n", "a simulated printer"),
        ("\u{0}", "board.toml:1: "),
    ] {
        machine.offer(text);
        let (code, said) = machine.step("check");
        assert!(code == 10 && said.contains(words), "{code} {said}");
    }
    machine.offer([0xff, 0xfe]);
    assert!(machine.step("check").1.contains("no text"));
    machine.offer("#".repeat(1024 * 1024 + 1));
    assert!(machine.step("check").1.contains("more than 1048576 bytes"));
    assert_eq!(machine.read("board.toml"), BOARD);
    let machine = Machine::new("agent-config", BOARD, AGENT);
    machine.offer("device = \"desk\"\n[sample]\ninterval = 5\n");
    let (code, said) = machine.step("check");
    assert!(code == 10 && said.contains("agent.toml:3: "), "{code} {said}");
    machine.offer("device = \"desk\"\nboard = \"/nonexistent/board.toml\"\n");
    let (code, said) = machine.step("check");
    assert!(code == 10 && said.contains("/nonexistent/board.toml"), "{code} {said}");
}

#[test]
fn a_file_that_a_person_changed_is_left_alone_until_that_person_says_otherwise() {
    let machine = Machine::new("agent-config", BOARD, AGENT);
    let by_hand = machine.read("agent.toml");
    let new = by_hand.replace("desk", "lobby");
    machine.offer(&new);
    let (code, said) = machine.step("check");
    assert!(code == 10 && said.contains("was changed on this machine, and is not replaced"), "{code} {said}");
    assert!(said.contains("platen-agent installer agent-config adopt"), "{said}");
    assert_eq!(machine.step("adopt").0, 0);
    machine.steps(&["check", "install", "verify", "commit"]);
    assert_eq!(machine.read("agent.toml"), new);
    machine.write("agent.toml", by_hand.replace("desk", "hall"));
    machine.offer(&by_hand);
    assert_eq!(machine.step("check").0, 10, "it was changed again");
}

#[test]
fn a_file_that_is_changed_in_the_middle_of_an_attempt_is_left_as_it_is() {
    let machine = Machine::new("board-file", BOARD, AGENT);
    let by_hand = NEW.replace("another", "by hand");
    machine.offer(NEW);
    machine.steps(&["check"]);
    machine.write("board.toml", &by_hand);
    let (code, said) = machine.step("install");
    assert!(code == 1 && said.contains("was changed while"), "{code} {said}");
    assert_eq!(machine.step("verify").0, 1);
    let (code, said) = machine.step("rollback");
    assert!(code == 1 && said.contains("changed by somebody else"), "{code} {said}");
    assert_eq!(machine.read("board.toml"), by_hand);
}

#[test]
fn the_engine_has_no_file_to_adopt() {
    let machine = Machine::new("engine-firmware", BOARD, AGENT);
    assert_eq!(machine.step("adopt").0, 10);
}
