//! What the programs offer is written where people look: each command and each option of `--help`, in the
//! manual pages of the package and, for the manager, in the README.

use std::path::Path;
use std::process::Command;

use platen_tests::rigs::debian::root;
use platen_tests::rigs::process::{program, run_ok};

/// Every program has these, and they explain themselves.
const OF_ALL: [&str; 3] = ["--help", "--version", "--config"];

/// The commands of a program, each with what stands before it, and its options; found by asking for help.
fn offered(program: &Path, before: &[String]) -> Vec<(String, Vec<String>)> {
    let help = run_ok(Command::new(program).args(before).arg("--help"), "");
    let word = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<String> = commands.take_while(|line| line.starts_with("  ")).filter_map(word).collect();
    let options = help.split_whitespace().filter(|word| word.starts_with("--"));
    let options = options.filter(|option| !OF_ALL.contains(option)).map(str::to_owned).collect();
    let mut all = vec![(before.join(" "), options)];
    for command in commands.into_iter().filter(|command| command != "help") {
        all.extend(offered(program, &[before, &[command]].concat()));
    }
    all
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

#[test]
fn each_command_and_option_of_the_agents_programs_is_in_its_manual_page() {
    for (name, page) in [
        ("platen-agent", "platen-agent.8"),
        ("platen", "platen.1"),
        ("platen-install", "platen-install.8"),
        ("platen-sim", "platen-sim.1"),
    ] {
        let page = read(&format!("packaging/debian/man/{page}")).replace("\\-", "-");
        let offered = offered(&program(name), &[]);
        let fewest = if name == "platen-sim" { 1 } else { 4 };
        assert!(offered.len() >= fewest, "{name} offers {offered:?}");
        for (command, options) in offered {
            let last = command.rsplit(' ').next().unwrap_or_default();
            assert!(
                page.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == last),
                "{name} {command}"
            );
            for option in options {
                assert!(page.contains(&option), "{name} {command} {option}");
            }
        }
    }
}

#[test]
fn each_command_and_option_of_the_manager_is_in_the_readme() {
    let readme = read("README.md");
    let offered = offered(&program("platen-manager"), &[]);
    // `token`, `operator` and `device` do nothing by themselves.
    let leaf = |command: &str| !offered.iter().any(|(other, _)| other.starts_with(&format!("{command} ")));
    let leaves: Vec<_> = offered.iter().filter(|(command, _)| !command.is_empty() && leaf(command)).collect();
    assert!(leaves.len() > 5, "{offered:?}");
    for (command, options) in leaves {
        assert!(readme.contains(&format!("platen-manager {command}")), "{command}");
        for option in options {
            assert!(readme.contains(option), "{command} {option}");
        }
    }
}
