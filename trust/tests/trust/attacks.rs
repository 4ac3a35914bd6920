//! The attacks that the specification of TUF lists (1.5.2), one by one. Extraneous dependencies are none of ours: a
//! program names no other. Slow retrieval is the matter of whoever fetches.

use platen_trust::{Distrust, Document, FileFault, KnownTime, Next, PrivateKey as _, Role};

use crate::maker::{Maker, all, day, file, forge, keys, on};

#[test]
fn what_the_maker_published_is_taken() {
    let mut maker = Maker::new();
    maker.publish("2", 1);
    let device = maker.brought_up(1);
    assert_eq!(device.paths(on(1)).unwrap(), ["engine/1", "engine/2"]);
    let program = device.program("engine/2", on(1)).unwrap();
    program.fits(&["Aria 4".into()]).unwrap();
    program.verify_file(&mut file("engine", "2").as_slice()).unwrap();
}

#[test]
fn arbitrary_installation_a_program_that_the_maker_did_not_sign_is_no_target() {
    let maker = Maker::new();
    let device = maker.brought_up(0);
    let refused = device.program("engine/666", on(0)).unwrap_err();
    assert_eq!(refused, Distrust::NotATarget { path: "engine/666".into() });
    let program = device.program("engine/1", on(0)).unwrap();
    assert!(matches!(program.verify_file(&mut &b"engine X"[..]), Err(FileFault::Swapped { .. })));
}

#[test]
fn arbitrary_installation_targets_under_other_keys_are_refused() {
    let mut maker = Maker::new();
    let device = maker.device();
    maker.keys.targets = keys(2);
    let document = maker.forged(Role::Targets, |signed| signed["version"] = 2.into());
    let refused = device.bring_up(&document, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::Signatures { role: Role::Targets, good: 0, threshold: 2 });
    assert_eq!(refused.next(), Next::Untrusted);
}

#[test]
fn endless_data_ends_at_the_limits() {
    let refused = Document::read(&mut std::io::repeat(b'[')).unwrap_err();
    assert!(matches!(refused, Distrust::TooMuch { unit: "bytes", .. }));
    let program = Maker::new().brought_up(0).program("engine/1", on(0)).unwrap();
    assert!(matches!(program.verify_file(&mut std::io::repeat(0)), Err(FileFault::Longer { .. })));
}

/// Whoever had the manager's keys used up the versions of snapshot and timestamp. The change of either key has both
/// forgotten (TUF 5.3.11).
#[test]
fn fast_forward_and_its_recovery() {
    let mut maker = Maker::new();
    let mut evil = maker.forged(Role::Snapshot, |signed| signed["version"] = u32::MAX.into());
    evil.timestamp = forge(&evil.timestamp, &all(&maker.keys.timestamp), |signed| {
        signed["version"] = u32::MAX.into();
    });
    let device = maker.device().bring_up(&evil, on(0)).unwrap();
    assert_eq!(device.versions().timestamp, Some(u32::MAX));
    assert_eq!(device.versions().snapshot, Some(u32::MAX));
    maker.publish("2", 1);
    let stuck = device.bring_up(&maker.document(), on(1)).unwrap_err();
    assert_eq!(stuck, Distrust::RolledBack { role: Role::Timestamp, seen: u32::MAX, offered: 2 });

    maker.rotate(1, |new| new.snapshot = keys(1));
    maker.snapshot(1);
    let recovered = device.bring_up(&maker.document(), on(1)).unwrap();
    assert_eq!(recovered.versions().timestamp, Some(3));
    assert_eq!(recovered.versions().snapshot, Some(3));
    assert!(recovered.program("engine/2", on(1)).is_ok());
}

/// The targets' versions are forgotten only where none of their keys stays: what was signed before is void then.
#[test]
fn fast_forward_of_targets_and_its_recovery() {
    let mut maker = Maker::new();
    let device = maker.device();
    let device =
        device.bring_up(&maker.forged(Role::Targets, |signed| signed["version"] = 1_000.into()), on(0));
    let device = device.unwrap();
    maker.rotate(1, |new| new.targets[0] = keys(1).remove(0));
    maker.rotate(1, |new| new.snapshot = keys(1));
    maker.renew_targets(1);
    maker.snapshot(1);
    let stuck = device.bring_up(&maker.document(), on(1)).unwrap_err();
    assert_eq!(stuck, Distrust::RolledBack { role: Role::Targets, seen: 1_000, offered: 2 });

    maker.rotate(1, |new| new.targets = keys(2));
    maker.renew_targets(1);
    maker.snapshot(1);
    let recovered = device.bring_up(&maker.document(), on(1)).unwrap();
    assert_eq!(recovered.versions().targets, Some(3));
}

#[test]
fn indefinite_freeze_is_noticed_once_the_timestamp_has_expired() {
    let mut maker = Maker::new();
    let frozen = maker.document();
    let device = maker.brought_up(0);
    assert!(device.bring_up(&frozen, on(6)).is_ok());
    let refused = device.bring_up(&frozen, on(7)).unwrap_err();
    assert_eq!(refused, Distrust::Expired { role: Role::Timestamp, until: day(7), now: day(7) });
    assert!(device.program("engine/1", on(8)).is_err());
    maker.timestamp(7);
    assert!(device.bring_up(&maker.document(), on(7)).is_ok());
}

#[test]
fn malicious_mirrors_can_only_hand_over_what_was_signed_and_is_newest() {
    let mut maker = Maker::new();
    let old = maker.document();
    maker.publish("2", 1);
    let device = maker.brought_up(1);
    let refused = device.bring_up(&old, on(1)).unwrap_err();
    assert_eq!(refused, Distrust::RolledBack { role: Role::Timestamp, seen: 2, offered: 1 });
    // What was refused changed nothing.
    assert!(device.program("engine/2", on(1)).is_ok());
}

#[test]
fn mix_and_match_files_of_different_times_do_not_belong_together() {
    let mut maker = Maker::new();
    let old = maker.document();
    maker.publish("2", 1);
    let new = maker.document();
    let device = maker.device();
    let mixed = |document: Document| device.bring_up(&document, on(1)).unwrap_err();
    let refused = mixed(Document { snapshot: old.snapshot.clone(), ..new.clone() });
    assert!(
        matches!(refused, Distrust::Mixed { role: Role::Snapshot, by: Role::Timestamp, .. }),
        "{refused}"
    );
    let refused = mixed(Document { targets: old.targets.clone(), ..new.clone() });
    assert!(matches!(refused, Distrust::Mixed { role: Role::Targets, by: Role::Snapshot, .. }), "{refused}");
    let refused = mixed(Document { timestamp: old.timestamp, ..new });
    assert!(matches!(refused, Distrust::Mixed { role: Role::Snapshot, .. }), "{refused}");
}

/// Two files of one version, both signed by the maker: only the one that is named by its hash is taken.
#[test]
fn mix_and_match_within_one_version_is_refused_by_length_and_hash() {
    let maker = Maker::new();
    let document = maker.document();
    let other = forge(&document.targets, &all(&maker.keys.targets), |signed| {
        signed["targets"]["engine/1"]["hashes"]["sha256"] = "00".repeat(32).into();
    });
    assert_eq!(other.len(), document.targets.len());
    let refused =
        maker.device().bring_up(&Document { targets: other, ..document.clone() }, on(0)).unwrap_err();
    let hash = "it has another hash";
    assert_eq!(refused, Distrust::Mixed { role: Role::Targets, by: Role::Snapshot, what: hash });

    for (without, what) in
        [("length", "it is named without its length"), ("hashes", "it is named without its SHA-256")]
    {
        let mut document = document.clone();
        document.timestamp = forge(&document.timestamp, &all(&maker.keys.timestamp), |signed| {
            signed["meta"]["snapshot.json"].as_object_mut().unwrap().remove(without);
        });
        let refused = maker.device().bring_up(&document, on(0)).unwrap_err();
        assert_eq!(refused, Distrust::Mixed { role: Role::Snapshot, by: Role::Timestamp, what });
    }
}

#[test]
fn rollback_of_each_role_is_refused() {
    let mut maker = Maker::new();
    maker.publish("2", 0);
    let device = maker.brought_up(0);
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
        let document = maker.forged(role, |signed| signed["version"] = 1.into());
        let refused = device.bring_up(&document, on(0)).unwrap_err();
        assert_eq!(refused, Distrust::RolledBack { role, seen: 2, offered: 1 });
    }
}

/// The crate `tuf` forgets all versions at each new root; here a new root brings nothing old back.
#[test]
fn rollback_across_a_new_root_is_refused() {
    let mut maker = Maker::new();
    let mut old = maker.document();
    maker.publish("2", 0);
    let device = maker.brought_up(0);
    maker.rotate(0, |new| new.root = keys(3));
    old.roots.clone_from(&maker.roots);
    let refused = device.bring_up(&old, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::RolledBack { role: Role::Timestamp, seen: 2, offered: 1 });
    // In two steps neither.
    let device = device.bring_up_roots(&old).unwrap();
    assert_eq!(device.bring_up(&old, on(0)).unwrap_err(), refused);
    assert_eq!(device.program("engine/2", on(0)), Err(Distrust::NothingYet));
    assert!(device.bring_up(&maker.document(), on(0)).unwrap().program("engine/2", on(0)).is_ok());
}

#[test]
fn a_version_says_the_same_for_ever() {
    let maker = Maker::new();
    let device = maker.brought_up(0);
    let document = maker.forged(Role::Timestamp, |signed| signed["expires"] = "2030-01-01T00:00:00Z".into());
    let refused = device.bring_up(&document, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::Changed { role: Role::Timestamp, version: 1 });
}

#[test]
fn wrong_software_a_description_under_another_path_is_refused() {
    let maker = Maker::new();
    let document = maker.forged(Role::Targets, |signed| {
        let program = signed["targets"]["engine/1"].clone();
        signed["targets"]["agent/9"] = program;
    });
    let device = maker.device().bring_up(&document, on(0)).unwrap();
    assert!(matches!(device.program("agent/9", on(0)), Err(Distrust::UnsoundProgram { .. })));
    assert!(device.program("engine/1", on(0)).is_ok());
}

#[test]
fn wrong_hardware_is_refused() {
    let program = Maker::new().brought_up(0).program("engine/1", on(0)).unwrap();
    let refused = program.fits(&["Lobby 2".into()]).unwrap_err();
    assert_eq!(refused.to_string(), "the program is for Aria 4, and this is Lobby 2");
}

#[test]
fn delegations_are_refused() {
    let maker = Maker::new();
    let delegate = maker.keys.targets[0].public().clone();
    let document = maker.forged(Role::Targets, |signed| {
        signed["delegations"] = serde_json::json!({
            "keys": { delegate.key_id().to_string(): delegate },
            "roles": [{"name": "other", "terminating": true, "threshold": 1,
                       "keyids": [delegate.key_id().to_string()], "paths": ["engine/"]}],
        });
    });
    let refused = maker.device().bring_up(&document, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::Delegated(Role::Targets));

    let document = maker.forged(Role::Snapshot, |signed| {
        let named = signed["meta"]["targets.json"].clone();
        signed["meta"]["other.json"] = named;
    });
    let refused = maker.device().bring_up(&document, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::Delegated(Role::Snapshot));
}

#[test]
fn a_clock_that_is_not_synchronised_does_not_shield_old_metadata() {
    let mut maker = Maker::new();
    let old = maker.document();
    maker.publish("2", 30);
    let device = maker.brought_up(30);
    let refused = device.bring_up(&old, KnownTime::unsynchronised(day(0))).unwrap_err();
    assert_eq!(refused, Distrust::Expired { role: Role::Timestamp, until: day(7), now: day(30) });
}
