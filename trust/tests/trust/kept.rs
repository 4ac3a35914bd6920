//! What a device trusts, on its disk.

use platen_trust::folder::{FILE_NAME, Folder};
use platen_trust::{Distrust, Next};

use crate::maker::{Maker, keys, on};

#[test]
fn what_is_trusted_comes_back_from_the_disk_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    assert_eq!(folder.read().unwrap(), None);
    let mut maker = Maker::new();
    let device = maker.device();
    folder.write(&device).unwrap();
    assert_eq!(folder.read().unwrap(), Some(device));
    let device = maker.brought_up(2);
    folder.write(&device).unwrap();
    assert_eq!(folder.read().unwrap(), Some(device.clone()));
    maker.rotate(0, |new| new.root = keys(3));
    let device = device.bring_up_roots(&maker.document()).unwrap();
    folder.write(&device).unwrap();
    assert_eq!(folder.read().unwrap(), Some(device));
    // Nothing else is left there.
    let names: Vec<_> =
        directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [FILE_NAME]);
}

#[test]
fn it_is_read_even_when_everything_has_expired() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    folder.write(&Maker::new().brought_up(0)).unwrap();
    let device = folder.read().unwrap().unwrap();
    assert!(matches!(device.program("engine/1", on(4_000)), Err(Distrust::Expired { .. })));
}

#[test]
fn a_cut_while_writing_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    let device = Maker::new().brought_up(0);
    folder.write(&device).unwrap();
    std::fs::write(directory.path().join("trusted.json.new"), b"{\"root\":").unwrap();
    assert_eq!(folder.read().unwrap(), Some(device.clone()));
    folder.write(&device).unwrap();
    assert_eq!(folder.read().unwrap(), Some(device));
}

#[test]
fn a_damaged_file_is_not_trusted_and_a_person_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::at(directory.path());
    folder.write(&Maker::new().brought_up(0)).unwrap();
    let path = directory.path().join(FILE_NAME);
    let text = std::fs::read_to_string(&path).unwrap();
    for damaged in
        [text.replace("\"Aria 4\"", "\"Aria 5\""), text[..text.len() / 2].to_owned(), String::new()]
    {
        std::fs::write(&path, damaged).unwrap();
        let refused = folder.read().unwrap_err();
        assert!(matches!(refused, Distrust::Disk { .. }), "{refused}");
        assert_eq!(refused.next(), Next::Person);
    }
    assert!(Folder::at(&directory.path().join("gone")).write(&Maker::new().device()).is_err());
}
