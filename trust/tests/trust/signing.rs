//! Signing in steps, by several people.

use platen_trust::sign::{Draft, SignError, programs, roles};
use platen_trust::{Distrust, PrivateKey as _, Role, Trusted};

use crate::maker::{Keys, Maker, all, day, keys, program, set, sign};

#[test]
fn holders_of_keys_sign_one_after_the_other_or_at_the_same_time() {
    let maker = Maker::new();
    let root = &maker.roots[0];
    let draft = programs::change(Some(&maker.targets), &[program("engine", "2")], &[], day(365)).unwrap();
    let handed_out = draft.to_bytes().unwrap();
    let copy = || Draft::read(Role::Targets, &handed_out).unwrap();
    let [first, second] = &all(&maker.keys.targets)[..] else { panic!("two keys") };

    let one = sign(copy(), &[*first]);
    let enough = one.enough(root).unwrap_err();
    assert!(
        matches!(
            enough,
            SignError::Draft(Distrust::Signatures { role: Role::Targets, good: 1, threshold: 2 })
        ),
        "{enough}"
    );
    let mut other = sign(copy(), &[*second]);
    other.merge(&one).unwrap();
    other.enough(root).unwrap();
    assert_eq!(other.to_bytes().unwrap(), sign(one, &[*second]).to_bytes().unwrap());
    assert_eq!(other.signers().len(), 2);
}

#[test]
fn signatures_of_another_draft_are_not_merged() {
    let maker = Maker::new();
    let change =
        |version| programs::change(Some(&maker.targets), &[program("engine", version)], &[], day(365));
    let mut one = change("2").unwrap();
    let other = sign(change("3").unwrap(), &all(&maker.keys.targets));
    assert!(matches!(one.merge(&other), Err(SignError::OtherDraft)));
    assert!(matches!(
        one.merge(&Draft::read(Role::Root, &maker.roots[0]).unwrap()),
        Err(SignError::OtherDraft)
    ));
    assert!(one.signers().is_empty());
}

#[test]
fn the_next_root_is_enough_only_with_old_and_new_signatures() {
    let maker = Maker::new();
    let current = Draft::read(Role::Root, &maker.roots[0]).unwrap();
    current.enough_to_begin().unwrap();
    assert!(current.enough(&maker.roots[0]).is_err());
    let mut new = maker.keys.clone();
    new.root = keys(3);
    let next = roles::next_root(&current, &new.roles(), day(365)).unwrap();
    assert_eq!(next.version(), 2);
    assert!(next.enough_to_begin().is_err());
    let old_only = sign(next.clone(), &all(&maker.keys.root[1..]));
    assert!(old_only.enough(&maker.roots[0]).is_err());
    let both = sign(old_only, &all(&new.root[1..]));
    both.enough(&maker.roots[0]).unwrap();
    assert!(Trusted::start(&both.to_bytes().unwrap()).is_ok());
}

#[test]
fn a_person_reads_what_is_to_be_signed() {
    let maker = Maker::new();
    let lines = maker.targets.lines();
    assert_eq!(lines[0], "targets 1, good until 2027-06-01T00:00:00Z");
    assert!(lines[1].starts_with("program engine/1: 8 bytes, "), "{}", lines[1]);
    let root = Draft::read(Role::Root, &maker.roots[0]).unwrap().lines();
    assert!(root[1].starts_with("root is signed by 2 of 3: "), "{}", root[1]);
    assert!(root[1].contains(&maker.keys.root[2].public().key_id().to_string()));
    assert!(root[2].starts_with("timestamp is signed by 1 of 1: "), "{}", root[2]);
}

#[test]
fn a_key_of_the_manager_is_none_of_the_offline_roles() {
    let keys = Keys::new();
    let refused = |change: &dyn Fn(&mut platen_trust::sign::Roles)| {
        let mut roles = keys.roles();
        change(&mut roles);
        roles::first_root(&roles, day(1)).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&|roles| roles.timestamp = set(&keys.targets[..1], 1)),
        "a key of the timestamp, which the manager holds, is also one of the targets"
    );
    assert_eq!(
        refused(&|roles| roles.root.threshold = 4),
        "the root needs 1 to 3 signatures of its 3 keys, and not 4"
    );
    assert_eq!(
        refused(&|roles| roles.targets.keys = vec![keys.targets[0].public().clone(); 2]),
        "one key of the targets is given twice"
    );
}

#[test]
fn one_version_is_one_program_for_ever() {
    let maker = Maker::new();
    let mut other = program("engine", "1");
    programs::change(Some(&maker.targets), &[other.clone()], &[], day(1)).unwrap();
    other.content.size += 1;
    let refused = programs::change(Some(&maker.targets), &[other], &[], day(1)).unwrap_err();
    assert_eq!(refused.to_string(), "engine/1: another program is there under this version");
}

#[test]
fn a_program_is_withdrawn() {
    let mut maker = Maker::new();
    maker.publish("2", 0);
    let without = programs::change(Some(&maker.targets), &[], &["engine/1"], day(365)).unwrap();
    assert_eq!(without.version(), 3);
    assert_eq!(without.lines().len(), 2);
    let refused = programs::change(Some(&without), &[], &["engine/1"], day(365)).unwrap_err();
    assert_eq!(refused.to_string(), "engine/1: it is not there");
}
