//! `backup`, `restore` and `check`, as an administrator or a timer runs them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::program_rig::{Site, text};

/// A site with an operator, and a folder for its backups.
struct House {
    site: Site,
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let house = Self { site: Site::new(), folder: tempfile::tempdir().unwrap() };
        house.succeed(&["operator", "add", "anna"]);
        house
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.site.run(arguments, "");
        let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        (output.status.success(), said)
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let (success, said) = self.run(arguments);
        assert!(success, "{arguments:?}: {said}");
        said
    }

    fn refuse(&self, arguments: &[&str]) -> String {
        let (success, said) = self.run(arguments);
        assert!(!success, "{arguments:?}: {said}");
        said
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_of_a_manager_that_serves_is_whole_private_and_leaves_nothing_beside_it() {
    let house = House::new();
    let mut serving = house.site.serve();
    serving.until_listening();
    let file = house.file("b.tar");
    let said = house.succeed(&["backup", file.to_str().unwrap()]);
    assert!(said.contains("b.tar") && said.contains("bytes"), "{said}");
    assert_eq!(names(house.folder.path()), ["b.tar"]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let said = house.succeed(&["check", file.to_str().unwrap()]);
    assert!(said.contains("All is well"), "{said}");
    assert_eq!(names(house.folder.path()), ["b.tar"]);
    let said = house.succeed(&["check"]);
    assert!(said.contains("All is well") && said.contains("manager.journal"), "{said}");
    let status = house.succeed(&["status"]);
    assert!(status.contains("brings this manager back") && status.contains("b.tar"), "{status}");
    // It may be made again under its name; what is no backup stays.
    house.succeed(&["backup", file.to_str().unwrap()]);
    let other = house.file("notes.txt");
    std::fs::write(&other, "mine").unwrap();
    let said = house.refuse(&["backup", other.to_str().unwrap()]);
    assert!(said.contains("is no backup of a manager"), "{said}");
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine");
    serving.stop();
}

#[test]
fn in_a_directory_backups_are_named_by_the_time_and_the_oldest_go() {
    let house = House::new();
    let directory = house.folder.path().to_str().unwrap().to_owned();
    for old in ["platen-2020-01-01T000000Z.tar", "platen-2020-01-02T000000Z.tar"] {
        std::fs::write(house.file(old), "old").unwrap();
    }
    house.succeed(&["backup", "--directory", &directory, "--keep", "2"]);
    let left = names(house.folder.path());
    assert_eq!((left.len(), left[0].as_str()), (2, "platen-2020-01-02T000000Z.tar"));
    house.refuse(&["backup"]);
    house.refuse(&["backup", "--keep", "2", &house.file("b.tar").display().to_string()]);
    let nowhere = house.file("nowhere/b.tar");
    let said = house.refuse(&["backup", nowhere.to_str().unwrap()]);
    assert!(said.contains("nowhere/b.tar") && said.contains("No such file"), "{said}");
}

#[test]
fn a_restore_refuses_what_would_lose_something_and_says_what_to_do() {
    let house = House::new();
    let file = house.file("b.tar").display().to_string();
    house.succeed(&["token", "create"]);
    house.succeed(&["backup", &file]);
    let said = house.refuse(&["restore", &file]);
    assert!(said.contains("there is a store already") && said.contains("--replace"), "{said}");
    let mut serving = house.site.serve();
    serving.until_listening();
    let said = house.refuse(&["restore", &file, "--replace"]);
    assert!(said.contains("another manager is serving"), "{said}");
    serving.stop();
    // What is damaged, cut off or none is not put in place.
    let whole = std::fs::read(house.file("b.tar")).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 3] ^= 1;
    for (bytes, words) in [
        (&damaged[..], "is damaged"),
        (&whole[..whole.len() / 2], "its end is missing"),
        (&b"no backup"[..], "no backup of a manager"),
    ] {
        std::fs::write(house.file("bad.tar"), bytes).unwrap();
        let bad = house.file("bad.tar").display().to_string();
        for arguments in [&["restore", &bad, "--replace"][..], &["check", &bad]] {
            let said = house.refuse(arguments);
            assert!(said.contains(words), "{arguments:?}: {said}");
        }
    }
    house.succeed(&["check"]);
    let said = house.succeed(&["restore", &file, "--replace"]);
    assert!(said.contains("What was there before is in") && said.contains("restored let-in"), "{said}");
    let aside = names(&house.site.state()).into_iter().find(|name| name.starts_with("replaced-")).unwrap();
    assert!(house.site.state().join(aside).join("manager.sqlite3").exists());
    house.succeed(&["check"]);
    let status = house.succeed(&["status"]);
    assert!(status.contains("Restored from a backup"), "{status}");
    let mut serving = house.site.serve();
    serving.until_listening();
    let said = house.succeed(&["restored", "list"]);
    assert!(said.contains("Restored") && said.contains("DEVICE"), "{said}");
    house.succeed(&["restored", "let-in", "--all"]);
    let said = house.refuse(&["restored", "let-in", "nobody"]);
    assert!(said.contains("no certificate of nobody waits"), "{said}");
    house.succeed(&["restored", "end"]);
    assert!(house.succeed(&["restored", "list"]).contains("not restored"));
    serving.stop();
}

#[test]
fn a_burnt_down_manager_is_back_on_an_empty_machine() {
    let house = House::new();
    let file = house.file("b.tar").display().to_string();
    let token = house.succeed(&["token", "create"]);
    house.succeed(&["backup", &file]);
    let ca = std::fs::read(house.site.state().join("ca.pem")).unwrap();
    std::fs::remove_dir_all(house.site.state()).unwrap();
    house.succeed(&["restore", &file]);
    assert_eq!(std::fs::read(house.site.state().join("ca.pem")).unwrap(), ca);
    for key in ["ca.key", "server.key", "manager.sqlite3", "manager.journal"] {
        let path = house.site.state().join(key);
        // One that has never served has no certificate for its listeners yet.
        if key != "server.key" || path.exists() {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{key}");
        }
    }
    let status = house.succeed(&["status"]);
    assert!(status.contains("enrolment token"), "{status} {token}");
    let mut serving = house.site.serve();
    serving.until_listening();
    serving.stop();
}

#[test]
fn a_check_finds_what_is_wrong_and_says_so() {
    let house = House::new();
    let said = Site::new().run(&["check"], "");
    assert!(text(&said.stderr).contains("nothing to check"));
    let mut serving = house.site.serve();
    serving.until_listening();
    serving.stop();
    let state = house.site.state();
    std::fs::set_permissions(state.join("ca.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = house.refuse(&["check"]);
    assert!(said.contains("ca.key can be read or written by others") && said.contains("chmod 600"), "{said}");
    std::fs::set_permissions(state.join("ca.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::copy(state.join("ca.key"), state.join("server.key")).unwrap();
    let said = house.refuse(&["check"]);
    assert!(said.contains("server.key is not the key of"), "{said}");
    let connection = rusqlite::Connection::open(state.join("manager.sqlite3")).unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO reports (device, epoch, sequence, kind, received, body) VALUES (77, 88, 1, 'readings', 0, '{');",
        )
        .unwrap();
    drop(connection);
    let said = house.refuse(&["check"]);
    assert!(said.contains("refer to rows that are not there") && said.contains("report 1: "), "{said}");
    std::fs::remove_file(state.join("manager.journal")).unwrap();
    let said = house.refuse(&["check"]);
    assert!(said.contains("manager.journal is missing"), "{said}");
}

#[test]
fn a_database_that_others_brought_back_is_told_of() {
    let house = House::new();
    let said = house.succeed(&["restore", "--as-of", "2026-01-01T00:00:00Z"]);
    assert!(said.contains("2026-01-01T00:00:00Z"), "{said}");
    assert!(house.succeed(&["status"]).contains("Restored from a backup"));
    let said = house.refuse(&["restore", "--as-of", "2999-01-01T00:00:00Z"]);
    assert!(said.contains("has not come yet"), "{said}");
    house.refuse(&["restore"]);
}
