//! Whose keys are stolen, one role at a time: what the thief can do, and what he cannot (TUF 1.5.2, vulnerability to key
//! compromises). He is between device and manager, and has everything that was published.

use platen_trust::{Distrust, Document, Role, Trusted};

use crate::maker::{Maker, all, day, forge, keys, naming, on};

/// A maker who has published twice, what was there before, and a device that has taken the newest.
fn story() -> (Maker, Document, Trusted) {
    let mut maker = Maker::new();
    let old = maker.document();
    maker.publish("2", 0);
    let device = maker.brought_up(0);
    (maker, old, device)
}

#[test]
fn the_timestamp_key_freezes_and_nothing_else() {
    let (maker, old, device) = story();
    let document = maker.document();
    // He can have what is newest stay so, until the snapshot expires.
    let frozen = forge(&document.timestamp, &all(&maker.keys.timestamp), |signed| {
        signed["version"] = 3.into();
        signed["expires"] = "2027-01-01T00:00:00Z".into();
    });
    let frozen = Document { timestamp: frozen, ..document.clone() };
    assert!(device.bring_up(&frozen, on(29)).is_ok());
    let refused = device.bring_up(&frozen, on(30)).unwrap_err();
    assert_eq!(refused, Distrust::Expired { role: Role::Snapshot, until: day(30), now: day(30) });
    // He cannot name the snapshot of before, nor one that he made.
    let named = naming("snapshot.json", &old.snapshot);
    let timestamp = forge(&document.timestamp, &all(&maker.keys.timestamp), named);
    let refused = device.bring_up(&Document { timestamp, ..old.clone() }, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::RolledBack { role: Role::Snapshot, seen: 2, offered: 1 });
    let snapshot = forge(&document.snapshot, &all(&keys(1)), naming("targets.json", &old.targets));
    let named = naming("snapshot.json", &snapshot);
    let timestamp = forge(&document.timestamp, &all(&maker.keys.timestamp), named);
    let refused = device.bring_up(&Document { timestamp, snapshot, ..old }, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::Signatures { role: Role::Snapshot, good: 0, threshold: 1 });
}

#[test]
fn the_snapshot_key_alone_is_worth_nothing() {
    let (maker, _, device) = story();
    let mut document = maker.document();
    document.snapshot = forge(&document.snapshot, &all(&maker.keys.snapshot), |signed| {
        signed["version"] = 3.into();
    });
    let refused = device.bring_up(&document, on(0)).unwrap_err();
    assert!(matches!(refused, Distrust::Mixed { role: Role::Snapshot, by: Role::Timestamp, .. }));
}

/// This is whoever broke into the manager.
#[test]
fn snapshot_and_timestamp_keys_bring_no_other_program_and_none_of_before() {
    let (maker, old, device) = story();
    let rolled_back = {
        let document = maker.document();
        let snapshot =
            forge(&document.snapshot, &all(&maker.keys.snapshot), naming("targets.json", &old.targets));
        let named = naming("snapshot.json", &snapshot);
        let timestamp = forge(&document.timestamp, &all(&maker.keys.timestamp), named);
        Document { roots: vec![], timestamp, snapshot, targets: old.targets }
    };
    let refused = device.bring_up(&rolled_back, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::RolledBack { role: Role::Targets, seen: 2, offered: 1 });

    let mut thief = maker;
    thief.keys.targets = keys(2);
    let refused = device.bring_up(&thief.forged(Role::Targets, |signed| signed["version"] = 3.into()), on(0));
    assert_eq!(refused, Err(Distrust::Signatures { role: Role::Targets, good: 0, threshold: 2 }));
}

#[test]
fn targets_keys_below_their_threshold_are_worth_nothing() {
    let (mut maker, _, device) = story();
    maker.keys.targets.truncate(1);
    let refused = device.bring_up(&maker.forged(Role::Targets, |signed| signed["version"] = 3.into()), on(0));
    assert_eq!(refused, Err(Distrust::Signatures { role: Role::Targets, good: 1, threshold: 2 }));
}

#[test]
fn targets_keys_need_the_managers_keys_too() {
    let (maker, _, device) = story();
    let mut document = maker.document();
    document.targets = forge(&document.targets, &all(&maker.keys.targets), |signed| {
        signed["targets"]["engine/2"]["hashes"]["sha256"] = "00".repeat(32).into();
        signed["version"] = 3.into();
    });
    let refused = device.bring_up(&document, on(0)).unwrap_err();
    assert!(matches!(refused, Distrust::Mixed { role: Role::Targets, by: Role::Snapshot, .. }));
}

#[test]
fn root_keys_below_their_threshold_are_worth_nothing() {
    let (mut maker, _, device) = story();
    maker.rotate(0, |new| new.targets = keys(2));
    let stolen = &maker.keys.root[..1];
    let root = forge(maker.roots.last().unwrap(), &all(stolen), |_| {});
    let document = Document { roots: vec![root], ..maker.document() };
    let refused = device.bring_up(&document, on(0)).unwrap_err();
    assert_eq!(refused, Distrust::Signatures { role: Role::Root, good: 1, threshold: 2 });
}

/// After the theft: new keys, and what the thief signs with the old ones is worth nothing.
#[test]
fn a_new_root_takes_stolen_keys_out_of_use() {
    let (mut maker, _, device) = story();
    let thief = maker.keys.clone();
    maker.rotate(0, |new| {
        new.targets = keys(2);
        new.snapshot = keys(1);
        new.timestamp = keys(1);
    });
    let honest = maker.keys.clone();
    maker.keys = thief;
    maker.renew_targets(0);
    maker.snapshot(0);
    let refused = device.bring_up(&maker.document(), on(0)).unwrap_err();
    assert_eq!(refused, Distrust::Signatures { role: Role::Timestamp, good: 0, threshold: 1 });
    maker.keys = honest;
    maker.renew_targets(0);
    maker.snapshot(0);
    assert!(device.bring_up(&maker.document(), on(0)).is_ok());
}
