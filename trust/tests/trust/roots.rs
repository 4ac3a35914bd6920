//! From root to root.

use platen_trust::limits::MAX_ROOTS;
use platen_trust::{Distrust, Document, PrivateKey as _, Role, Trusted};
use serde_json::Value;

use crate::maker::{Maker, all, day, forge, keys, on};

#[test]
fn a_device_that_was_away_climbs_all_roots_of_a_document() {
    let mut maker = Maker::new();
    let device = maker.brought_up(0);
    for _ in 1..MAX_ROOTS {
        maker.rotate(0, |new| new.root = keys(3));
    }
    let bytes = maker.document().to_bytes().unwrap();
    let device = device.bring_up(&Document::parse(&bytes).unwrap(), on(0)).unwrap();
    assert_eq!(device.versions().root, u32::try_from(MAX_ROOTS).unwrap());
    assert_eq!(device.root(), maker.roots.last().unwrap());
}

#[test]
fn a_gap_between_roots_is_refused() {
    let mut maker = Maker::new();
    let device = maker.device();
    maker.rotate(0, |new| new.root = keys(3));
    maker.rotate(0, |new| new.root = keys(3));
    maker.roots.remove(1);
    let refused = device.bring_up(&maker.document(), on(0)).unwrap_err();
    assert_eq!(refused, Distrust::RootGap { trusted: 1, offered: 3 });
}

#[test]
fn a_root_needs_the_signatures_of_the_one_before_and_of_its_own_keys() {
    let mut maker = Maker::new();
    let device = maker.device();
    let old = maker.keys.clone();
    maker.rotate(0, |new| new.root = keys(3));
    let root = maker.roots.pop().unwrap();
    for (signers, threshold) in [(&maker.keys.root, 2), (&old.root, 2)] {
        let roots = vec![forge(&root, &all(signers), |_| {})];
        let refused = device.bring_up(&Document { roots, ..maker.document() }, on(0)).unwrap_err();
        assert_eq!(refused, Distrust::Signatures { role: Role::Root, good: 0, threshold });
    }
}

#[test]
fn an_expired_root_is_climbed_over_and_not_stayed_on() {
    let mut maker = Maker::new();
    let device = maker.device();
    maker.rotate(0, |new| new.root = keys(3));
    let document = maker.document();
    maker.rotate(400, |new| new.root = keys(3));
    maker.renew_targets(400);
    maker.snapshot(400);
    assert!(device.bring_up(&maker.document(), on(400)).is_ok());

    let refused = device.bring_up(&document, on(400)).unwrap_err();
    assert_eq!(refused, Distrust::Expired { role: Role::Root, until: day(365), now: day(400) });
}

/// The root expires while a device trusts it: from then on nothing is installed by it.
#[test]
fn a_root_that_expired_vouches_for_nothing_any_more() {
    let mut maker = Maker::new();
    maker.renew_targets(360);
    maker.snapshot(360);
    let device = maker.brought_up(360);
    assert!(device.program("engine/1", on(364)).is_ok());
    let refused = device.program("engine/1", on(365)).unwrap_err();
    assert_eq!(refused, Distrust::Expired { role: Role::Root, until: day(365), now: day(365) });
}

/// TUF 5.3.8: a new root stays, whatever comes after it.
#[test]
fn roots_are_kept_where_the_rest_is_refused() {
    let mut maker = Maker::new();
    let device = maker.brought_up(0);
    maker.rotate(0, |new| new.timestamp = keys(1));
    // Without new signatures, for the keys are changed.
    let document = maker.document();
    assert!(device.bring_up(&document, on(0)).is_err());
    let device = device.bring_up_roots(&document).unwrap();
    assert_eq!(device.versions().root, 2);
    assert_eq!(device.program("engine/1", on(0)), Err(Distrust::NothingYet));
    maker.timestamp(0);
    assert!(device.bring_up(&maker.document(), on(0)).is_ok());
}

#[test]
fn older_roots_are_passed_over() {
    let mut maker = Maker::new();
    maker.rotate(0, |new| new.root = keys(3));
    let device = maker.brought_up(0);
    let again = device.bring_up(&Document { roots: maker.roots[..1].to_vec(), ..maker.document() }, on(0));
    assert_eq!(again.unwrap(), device);
}

/// What nobody can mean, though it is signed as it has to be.
#[test]
fn a_root_whose_keys_or_thresholds_make_no_sense_is_refused() {
    type Change = fn(&mut Value, &Maker);
    let changes: [(Change, &str); 7] = [
        (|root, _| root["roles"]["targets"]["threshold"] = 0.into(), "the targets needs no signature"),
        (
            |root, _| root["roles"]["timestamp"]["threshold"] = 2.into(),
            "the timestamp needs 2 signatures and has 1 keys",
        ),
        (
            |root, _| {
                let name = root["roles"]["targets"]["keyids"][0].clone();
                root["roles"]["targets"]["keyids"][1] = name;
            },
            "the targets names one key twice",
        ),
        (
            |root, _| root["roles"]["snapshot"]["keyids"][0] = "ab".repeat(32).into(),
            "a key of the snapshot is not there, or not under its own name",
        ),
        (
            // One key under two names would be counted as two.
            |root, maker| {
                let key = maker.keys.targets[0].public();
                let other = tuf::crypto::PublicKey::from_ed25519_with_keyid_hash_algorithms(
                    key.as_bytes(),
                    Some(vec!["sha256".into()]),
                )
                .unwrap();
                let name = other.key_id().to_string();
                root["keys"][&name] = serde_json::to_value(&other).unwrap();
                root["roles"]["targets"]["keyids"] = vec![key.key_id().to_string(), name].into();
            },
            "the targets has one key under two names",
        ),
        (
            |root, _| {
                root["roles"].as_object_mut().unwrap().remove("snapshot");
            },
            "it has no keys for the snapshot",
        ),
        (
            |root, _| {
                let rsa = serde_json::json!({"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": "x"}});
                let name = serde_json::from_value::<tuf::crypto::PublicKey>(rsa.clone()).unwrap();
                let name = name.key_id().to_string();
                root["keys"][&name] = rsa;
                root["roles"]["timestamp"]["keyids"] = vec![name].into();
            },
            "a key of the timestamp is not of the type ed25519",
        ),
    ];
    let maker = Maker::new();
    for (change, words) in changes {
        let root = forge(&maker.roots[0], &all(&maker.keys.root), |root| change(root, &maker));
        assert_eq!(Trusted::start(&root), Err(Distrust::UnsoundRoot { version: 1, cause: words.into() }));
        let next = forge(&root, &all(&maker.keys.root), |root| root["version"] = 2.into());
        let refused = maker.device().bring_up(&Document { roots: vec![next], ..maker.document() }, on(0));
        assert_eq!(refused, Err(Distrust::UnsoundRoot { version: 2, cause: words.into() }));
    }
}

#[test]
fn a_first_root_is_signed_by_its_own_keys_and_known_by_its_fingerprint() {
    let maker = Maker::new();
    let unsigned = forge(&maker.roots[0], &all(&keys(2)), |_| {});
    let refused = Trusted::start(&unsigned).unwrap_err();
    assert_eq!(refused, Distrust::Signatures { role: Role::Root, good: 0, threshold: 2 });
    let with_end_of_line = [maker.roots[0].as_slice(), b"\n"].concat();
    assert_eq!(Trusted::start(&with_end_of_line).unwrap(), maker.device());
    assert_eq!(maker.device().fingerprint().len(), 64);
    assert_ne!(maker.device().fingerprint(), Maker::new().device().fingerprint());
}
