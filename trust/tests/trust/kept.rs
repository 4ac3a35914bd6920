//! What a device trusts, on its disk.

use std::path::Path;

use platen_trust::folder::{COPY_NAME, FILE_NAME, Folder, Found};
use platen_trust::{Distrust, Next, Trusted};

use crate::maker::{Maker, keys, on};

/// What is trusted, read from files that are whole.
fn whole(trusted: &Trusted) -> Found {
    Found { trusted: trusted.clone(), damage: None }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = directory.read_dir().unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_trusted_comes_back_from_the_disk_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    assert_eq!(folder.read().unwrap(), None);
    let mut maker = Maker::new();
    let device = maker.device();
    folder.write(&device).unwrap();
    assert_eq!(folder.read().unwrap(), Some(whole(&device)));
    let device = maker.brought_up(2);
    folder.write(&device).unwrap();
    assert_eq!(folder.read().unwrap(), Some(whole(&device)));
    maker.rotate(0, |new| new.root = keys(3));
    let device = device.bring_up_roots(&maker.document()).unwrap();
    folder.write(&device).unwrap();
    assert_eq!(folder.read().unwrap(), Some(whole(&device)));
    // Nothing else is left there.
    assert_eq!(names(directory.path()), [COPY_NAME, FILE_NAME]);
}

#[test]
fn it_is_read_even_when_everything_has_expired() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    folder.write(&Maker::new().brought_up(0)).unwrap();
    let device = folder.read().unwrap().unwrap().trusted;
    assert!(matches!(device.program("engine/1", on(4_000)), Err(Distrust::Expired { .. })));
}

#[test]
fn a_cut_while_writing_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    let device = Maker::new().brought_up(0);
    folder.write(&device).unwrap();
    std::fs::write(directory.path().join("trusted.json.new"), b"{\"root\":").unwrap();
    assert_eq!(folder.read().unwrap(), Some(whole(&device)));
    folder.write(&device).unwrap();
    assert_eq!(folder.read().unwrap(), Some(whole(&device)));
}

/// What a disk may make of a file.
fn damages(text: &str) -> [String; 3] {
    [text.replace("\"Aria 4\"", "\"Aria 5\""), text[..text.len() / 2].to_owned(), String::new()]
}

#[test]
fn a_damaged_file_costs_nothing_as_long_as_its_copy_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    let device = Maker::new().brought_up(0);
    let (path, copy) = (directory.path().join(FILE_NAME), directory.path().join(COPY_NAME));
    folder.write(&device).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for damaged in damages(&text) {
        std::fs::write(&path, damaged).unwrap();
        let found = folder.read().unwrap().unwrap();
        assert_eq!(found.trusted, device, "no version is forgotten");
        assert!(found.damage.unwrap().to_string().contains("trusted.json: the file is damaged"));
        folder.write(&device).unwrap();
        assert_eq!(folder.read().unwrap(), Some(whole(&device)), "writing mends it");
    }
    std::fs::remove_file(&path).unwrap();
    let found = folder.read().unwrap().unwrap();
    assert_eq!(found.trusted, device);
    assert!(found.damage.unwrap().to_string().contains("gone"));
    folder.write(&device).unwrap();
    std::fs::write(&copy, "").unwrap();
    assert_eq!(folder.read().unwrap(), Some(whole(&device)));
}

#[test]
fn what_is_damaged_twice_is_not_trusted_and_a_person_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    folder.write(&Maker::new().brought_up(0)).unwrap();
    let (path, copy) = (directory.path().join(FILE_NAME), directory.path().join(COPY_NAME));
    let text = std::fs::read_to_string(&path).unwrap();
    let is_refused = || {
        let refused = folder.read().unwrap_err();
        assert!(matches!(refused, Distrust::Disk { .. }), "{refused}");
        assert_eq!(refused.next(), Next::Person);
    };
    for damaged in damages(&text) {
        std::fs::write(&path, &damaged).unwrap();
        std::fs::write(&copy, &damaged).unwrap();
        is_refused();
    }
    // One that is gone beside one that is damaged is not a new device.
    std::fs::remove_file(&path).unwrap();
    is_refused();
    std::fs::write(&path, "").unwrap();
    std::fs::remove_file(&copy).unwrap();
    is_refused();
    assert!(Folder::at(&directory.path().join("gone")).write(&Maker::new().device()).is_err());
}
