//! A first start that others race, or that is cut off: with the real program, on an empty state directory.

use std::process::Stdio;
use std::time::{Duration, Instant};

use platen_protocol::enroll::Token;

use crate::program_rig::{Site, text};

/// First starts of each kind.
const TRIES: u32 = 50;

/// What an administrator does with what is there, and that nothing unfinished is left.
fn works(site: &Site, because: &str) {
    let output = site.run(&["token", "create"], "");
    assert!(output.status.success(), "{because}: {}", text(&output.stderr));
    text(&output.stdout).parse::<Token>().unwrap();
    let mut serving = site.serve();
    serving.until_listening();
    serving.stop();
    let mut names: Vec<String> = std::fs::read_dir(site.state())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        // The database's log may be there or not.
        .filter(|name| !name.starts_with("manager.sqlite3-"))
        .collect();
    names.sort();
    let expected = [
        ".lock",
        ".serving",
        "ca.key",
        "ca.pem",
        "manager.journal",
        "manager.sqlite3",
        "server.key",
        "server.pem",
    ];
    assert_eq!(names, expected, "{because}");
}

#[test]
fn whoever_is_started_together_on_an_empty_directory_all_works() {
    for number in 1..=TRIES {
        let site = Site::new();
        let mut serving = site.serve();
        let beside: Vec<_> = [&["token", "create"][..], &["device", "list"], &["token", "create"]]
            .map(|arguments| {
                site.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .collect();
        for output in &beside {
            assert!(output.status.success(), "try {number}: {}", text(&output.stderr));
        }
        serving.until_listening();
        serving.stop();
        let fingerprints: Vec<String> = [0, 2]
            .map(|one| text(&beside.get(one).unwrap().stdout).parse::<Token>().unwrap().ca_fingerprint)
            .into();
        assert_eq!(fingerprints.first(), fingerprints.last(), "try {number}: there is one CA");
        works(&site, &format!("try {number}"));
    }
}

#[test]
fn a_first_start_that_is_killed_at_any_moment_is_followed_by_one_that_works() {
    let whole = {
        let site = Site::new();
        let begun = Instant::now();
        let mut serving = site.serve();
        serving.until_listening();
        let whole = begun.elapsed();
        serving.stop();
        whole
    };
    for number in 1..=TRIES {
        let site = Site::new();
        let mut serving = site.serve();
        // Spread over a whole start, and a little more.
        std::thread::sleep((whole * number / TRIES).min(Duration::from_secs(5)));
        serving.kill();
        works(&site, &format!("killed after {number}/{TRIES} of a start"));
    }
}
