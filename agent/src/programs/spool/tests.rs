use std::os::unix::fs::PermissionsExt as _;

use super::*;

const BOOT: &str = "boot-1";

fn offered(metadata_length: u64, whole: u64) -> Offered {
    Offered {
        attempt: "try-1".parse().unwrap(),
        program: "agent-package/platen-agent/0.2.0".parse().unwrap(),
        etag: "\"1\"".to_owned(),
        metadata_length,
        whole,
    }
}

fn body(whole: u64) -> Vec<u8> {
    (0..whole).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn what_is_whole_lies_ready_with_its_metadata_and_program_apart_and_nothing_else_is_left() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::new(state.path());
    let body = body(1000);
    let mut transfer = spool.begin(offered(300, 1000), BOOT).unwrap();
    for part in body.chunks(70) {
        assert!(!transfer.is_whole());
        transfer.append(part).unwrap();
    }
    assert!(transfer.is_whole() && !spool.is_ready());
    transfer.hand_over().unwrap();
    let ready = state.path().join("programs/ready");
    assert_eq!(fs::read(ready.join("metadata.json")).unwrap(), body[..300]);
    assert_eq!(fs::read(ready.join("program")).unwrap(), body[300..]);
    let request = spool.ready().unwrap();
    assert_eq!((request.attempt.as_str(), request.version.as_str()), ("try-1", "0.2.0"));
    assert_eq!(fs::read_dir(state.path().join("programs")).unwrap().count(), 1);
    let mode = fs::metadata(ready.join("program")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_agent_that_was_started_again_goes_on_at_the_byte_where_it_was() {
    for cut in [0, 1, 299, 300, 301, 999] {
        let state = tempfile::tempdir().unwrap();
        let spool = Spool::new(state.path());
        let body = body(1000);
        let mut transfer = spool.begin(offered(300, 1000), BOOT).unwrap();
        transfer.append(&body[..cut]).unwrap();
        drop(transfer);
        let mut transfer = spool.resume(BOOT).unwrap();
        assert_eq!(transfer.bytes(), cut as u64);
        transfer.append(&body[cut..]).unwrap();
        transfer.hand_over().unwrap();
        let ready = state.path().join("programs/ready");
        assert_eq!(fs::read(ready.join("metadata.json")).unwrap(), body[..300]);
        assert_eq!(fs::read(ready.join("program")).unwrap(), body[300..]);
    }
}

#[test]
fn after_a_power_cut_only_what_was_made_durable_counts() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::new(state.path());
    let whole = 3 * SYNC_BYTES;
    let body = body(whole);
    let mut transfer = spool.begin(offered(300, whole), BOOT).unwrap();
    for part in body[..usize::try_from(2 * SYNC_BYTES + 100).unwrap()].chunks(100_000) {
        transfer.append(part).unwrap();
    }
    drop(transfer);
    let transfer = spool.resume("boot-2").unwrap();
    let durable = transfer.bytes();
    assert!((SYNC_BYTES..=2 * SYNC_BYTES + 100).contains(&durable), "{durable}");
    let kept = state.path().join("programs/fetching/program");
    assert_eq!(fs::metadata(kept).unwrap().len(), durable - 300);
}

#[test]
fn what_cannot_be_continued_is_removed() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::new(state.path());
    assert!(spool.resume(BOOT).is_none());
    drop(spool.begin(offered(300, 1000), BOOT).unwrap());
    fs::write(state.path().join("programs/progress.json"), "{\"offered\": ").unwrap();
    assert!(spool.resume(BOOT).is_none());
    assert_eq!(fs::read_dir(state.path().join("programs")).unwrap().count(), 0);
    drop(spool.begin(offered(300, 1000), BOOT).unwrap());
    fs::remove_file(state.path().join("programs/fetching/program")).unwrap();
    assert!(spool.resume(BOOT).is_none());
}

#[test]
fn nothing_is_put_over_what_lies_ready() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::new(state.path());
    for expected in [true, false] {
        let mut transfer = spool.begin(offered(3, 10), BOOT).unwrap();
        transfer.append(&body(10)).unwrap();
        assert_eq!(transfer.hand_over().is_ok(), expected);
    }
    assert!(spool.resume(BOOT).is_some_and(|transfer| transfer.is_whole()), "it is handed over later");
}

#[test]
fn what_is_to_stay_free_does_not_count_as_free() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::new(state.path());
    assert!(spool.free_bytes(0) > 0, "before there is a spool, its disk is that of the state directory");
    assert_eq!(spool.free_bytes(u64::MAX), 0);
}
