use std::os::unix::fs::symlink;
use std::path::PathBuf;

use nix::unistd::{geteuid, mkfifo};
use tempfile::TempDir;

use super::*;

struct Rig {
    folder: TempDir,
}

impl Rig {
    fn new() -> Self {
        let rig = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(rig.ready("")).unwrap();
        std::fs::create_dir(rig.staged("")).unwrap();
        rig
    }

    fn ready(&self, name: &str) -> PathBuf {
        self.folder.path().join("programs/ready").join(name)
    }

    fn staged(&self, name: &str) -> PathBuf {
        self.folder.path().join("staged").join(name)
    }

    fn spool(&self) -> Spool {
        Spool::open(&self.folder.path().join("programs"), geteuid().as_raw()).unwrap().unwrap()
    }

    fn copy(&self, length: u64, beside: u64) -> Result<(), String> {
        let spool = self.spool();
        let ready = spool.ready().unwrap().unwrap();
        ready.copy_program(&self.staged("program"), length, beside).map_err(|error| error.to_string())
    }
}

#[test]
fn what_lies_ready_is_copied_and_removed() {
    let rig = Rig::new();
    std::fs::write(rig.ready("metadata.json"), "{}").unwrap();
    std::fs::write(rig.ready("request.json"), "[]").unwrap();
    std::fs::write(rig.ready("program"), "bytes").unwrap();
    let spool = rig.spool();
    let ready = spool.ready().unwrap().unwrap();
    assert_eq!(ready.metadata().unwrap(), b"{}");
    assert_eq!(ready.request().unwrap(), b"[]");
    ready.copy_program(&rig.staged("program"), 5, 0).unwrap();
    assert_eq!(std::fs::read(rig.staged("program")).unwrap(), b"bytes");
    spool.clear().unwrap();
    spool.clear().unwrap();
    assert!(spool.ready().unwrap().is_none());
}

#[test]
fn no_spool_and_nothing_ready_are_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Spool::open(&folder.path().join("none"), 0).unwrap().is_none());
    let spool = Spool::open(folder.path(), 0).unwrap().unwrap();
    assert!(spool.ready().unwrap().is_none());
    assert!(spool.note("confirmed.json").unwrap().is_none());
}

#[test]
fn links_pipes_folders_and_second_names_are_refused() {
    let rig = Rig::new();
    let secret = rig.folder.path().join("secret");
    std::fs::write(&secret, "{}").unwrap();
    let words = |spool: &Spool| spool.ready().unwrap().unwrap().metadata().unwrap_err().to_string();
    let spool = rig.spool();
    assert_eq!(words(&spool), "metadata.json in the spool is missing");
    symlink(&secret, rig.ready("metadata.json")).unwrap();
    assert_eq!(words(&spool), "metadata.json in the spool is a link");
    std::fs::remove_file(rig.ready("metadata.json")).unwrap();
    std::fs::hard_link(&secret, rig.ready("metadata.json")).unwrap();
    assert_eq!(words(&spool), "metadata.json in the spool has a second name");
    std::fs::remove_file(rig.ready("metadata.json")).unwrap();
    mkfifo(&rig.ready("metadata.json"), Mode::S_IRWXU).unwrap();
    assert_eq!(words(&spool), "metadata.json in the spool is no regular file");
    std::fs::remove_file(rig.ready("metadata.json")).unwrap();
    std::fs::create_dir(rig.ready("metadata.json")).unwrap();
    assert_eq!(words(&spool), "metadata.json in the spool is no regular file");
    // And all of that can be removed.
    symlink("/", rig.ready("all")).unwrap();
    spool.clear().unwrap();
    assert_eq!(std::fs::read(&secret).unwrap(), b"{}");
}

#[test]
fn a_spool_or_a_ready_that_is_a_link_leads_nowhere() {
    let rig = Rig::new();
    let away = rig.folder.path().join("away");
    std::fs::create_dir(&away).unwrap();
    std::fs::write(away.join("precious"), "").unwrap();
    symlink(&away, rig.folder.path().join("linked")).unwrap();
    assert!(Spool::open(&rig.folder.path().join("linked"), geteuid().as_raw()).is_err());
    let spool = rig.spool();
    spool.clear().unwrap();
    symlink(&away, rig.ready(""))
        .unwrap_or_else(|_| symlink(&away, rig.folder.path().join("programs/ready")).unwrap());
    assert_eq!(spool.ready().unwrap_err().to_string(), "ready in the spool is no folder");
    spool.clear().unwrap();
    assert!(away.join("precious").exists());
    assert!(spool.ready().unwrap().is_none());
    // Nor is a file in its place a hindrance.
    std::fs::write(rig.folder.path().join("programs/ready"), "").unwrap();
    assert!(spool.ready().is_err());
    spool.clear().unwrap();
    assert!(spool.ready().unwrap().is_none());
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let rig = Rig::new();
    std::fs::write(rig.ready("request.json"), "{}").unwrap();
    let other = geteuid().as_raw() + 1;
    let spool = Spool::open(&rig.folder.path().join("programs"), other).unwrap().unwrap();
    let error = spool.ready().unwrap().unwrap().request().unwrap_err();
    assert_eq!(error.to_string(), "request.json in the spool does not belong to the agent");
}

#[test]
fn sizes_have_limits() {
    let rig = Rig::new();
    std::fs::write(rig.ready("metadata.json"), vec![b' '; 256 * 1024]).unwrap();
    let spool = rig.spool();
    assert_eq!(spool.ready().unwrap().unwrap().metadata().unwrap().len(), 256 * 1024);
    std::fs::write(rig.ready("metadata.json"), vec![b' '; 256 * 1024 + 1]).unwrap();
    let error = spool.ready().unwrap().unwrap().metadata().unwrap_err();
    assert_eq!(error.to_string(), "metadata.json in the spool has more than 262144 bytes");

    std::fs::write(rig.ready("program"), "12345").unwrap();
    assert_eq!(rig.copy(4, 0).unwrap_err(), "program in the spool has 5 bytes and 4 were signed");
    assert_eq!(rig.copy(6, 0).unwrap_err(), "program in the spool has 5 bytes and 6 were signed");
    let huge = File::create(rig.ready("program")).unwrap();
    huge.set_len(PROGRAM_LIMIT + 1).unwrap();
    assert!(rig.copy(PROGRAM_LIMIT + 1, 0).unwrap_err().contains("more than 1073741824"));
    assert!(!rig.staged("program").exists(), "nothing was written");
}

#[test]
fn without_room_nothing_is_written() {
    let rig = Rig::new();
    std::fs::write(rig.ready("program"), "12345").unwrap();
    let words = rig.copy(5, u64::MAX / 2).unwrap_err();
    assert!(words.contains("only") && words.contains("33554432 stay free"), "{words}");
    assert!(!rig.staged("program").exists());
}
