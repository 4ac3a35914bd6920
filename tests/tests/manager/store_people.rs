//! The suite of the store over operators; on each engine.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use platen_manager::rights::Role;
use platen_manager::store::{
    DetailsChange, DetailsRefusal, Grouping, MAX_OPERATOR_TOKENS, NewCustomer, NewOperator, NewOperatorToken,
    NewSession, NewSite, NewToken, OperatorRefusal, OperatorTokenRefusal, OrderFilter, OrderState,
    SESSION_IDLE, Scope, Store,
};
use platen_protocol::identity::DeviceId;

use platen_tests::rigs::manager::messages::{batch, order};
use platen_tests::rigs::postgres::Cluster;

use super::store::{ingest, let_in, now, on_every_store, on_postgres};

fn new(name: &str, role: Role, scope: Scope) -> NewOperator {
    NewOperator { name: name.to_owned(), password_hash: format!("hash of {name}"), role, scope }
}

fn of(customers: &[i64], sites: &[i64]) -> Scope {
    Scope::Of { customers: customers.iter().copied().collect(), sites: sites.iter().copied().collect() }
}

/// A session of somebody, from a browser at an address.
pub(super) fn session(hash: &str, operator: &str, expires: Timestamp) -> NewSession {
    NewSession {
        hash: hash.to_owned(),
        operator: operator.to_owned(),
        expires,
        address: "192.0.2.7".to_owned(),
        browser: "Firefox".to_owned(),
        by_provider: false,
    }
}

fn token(hash: &str, role: Option<Role>, expires: Option<Timestamp>) -> NewOperatorToken {
    NewOperatorToken {
        hash: hash.to_owned(),
        operator: "ben".to_owned(),
        name: format!("for {hash}"),
        role,
        expires,
    }
}

async fn customer(store: &Store, name: &str) -> i64 {
    store.add_customer(NewCustomer { name: name.to_owned(), note: None }).await.unwrap().unwrap()
}

async fn site(store: &Store, customer: i64, name: &str) -> i64 {
    let new = NewSite { customer, name: name.to_owned(), address: None, time_zone: None };
    store.add_site(new).await.unwrap().unwrap()
}

mod suite {
    use super::*;

    pub(super) async fn an_operator_is_let_in_with_its_role_and_what_it_sees(store: Store) {
        let (nord, west) = (customer(&store, "Nord").await, customer(&store, "West").await);
        let kiel = site(&store, nord, "Kiel").await;
        let limited = of(&[west], &[kiel]);
        let ben = new("ben", Role::Dispatcher, limited.clone());
        store.add_operator(ben.clone(), now()).await.unwrap().unwrap();
        let again = store.add_operator(ben, now()).await.unwrap();
        assert_eq!(again, Err(OperatorRefusal::NameTaken("ben".to_owned())));
        assert!(store.add_operator_token("t".into(), "ben".into(), now()).await.unwrap());
        let signed = store.operator_of_token("t".into(), now()).await.unwrap().unwrap();
        assert_eq!(
            (signed.name.as_str(), signed.role, signed.scope, signed.until),
            ("ben", Role::Dispatcher, limited, None)
        );
        let record = store.operator("ben".into()).await.unwrap().unwrap();
        let (customers, sites) = record.limited_to.unwrap();
        assert_eq!((customers[0].name.as_str(), customers[0].customer.as_deref()), ("West", None));
        assert_eq!((sites[0].name.as_str(), sites[0].customer.as_deref()), ("Kiel", Some("Nord")));
        let end = now() + SignedDuration::from_hours(1);
        store.add_session(session("s", "ben", end), now()).await.unwrap();
        let signed = store.operator_of_session("s".into(), now()).await.unwrap().unwrap();
        assert_eq!(signed.until, Some(end));
    }

    pub(super) async fn what_an_operator_cannot_be_is_refused_with_the_reason(store: Store) {
        let refused = |new| async { store.add_operator(new, now()).await.unwrap().unwrap_err() };
        assert_eq!(
            refused(new("ben", Role::Viewer, of(&[7], &[]))).await,
            OperatorRefusal::NoPlace { what: "customer", key: 7 }
        );
        assert_eq!(
            refused(new("ben", Role::Viewer, of(&[], &[8]))).await,
            OperatorRefusal::NoPlace { what: "site", key: 8 }
        );
        let west = customer(&store, "West").await;
        assert_eq!(
            refused(new("ben", Role::Administrator, of(&[west], &[]))).await,
            OperatorRefusal::LimitedAdministrator
        );
        let many = Scope::Of { customers: (0..201).collect(), sites: BTreeSet::new() };
        assert_eq!(refused(new("ben", Role::Viewer, many)).await, OperatorRefusal::TooManyLimits(201));
        let changed = store.change_operator("ben".into(), Role::Viewer, Scope::All).await.unwrap();
        assert_eq!(changed, Err(OperatorRefusal::Missing("ben".to_owned())));
        assert_eq!(store.operators(None, 10).await.unwrap(), []);
    }

    pub(super) async fn the_last_administrator_stays_one(store: Store) {
        store.set_operator("anna".into(), "hash".into(), now()).await.unwrap();
        store.add_operator(new("ben", Role::Viewer, Scope::All), now()).await.unwrap().unwrap();
        let last = Err(OperatorRefusal::LastAdministrator("anna".to_owned()));
        assert_eq!(store.remove_operator("anna".into()).await.unwrap(), last);
        assert_eq!(store.change_operator("anna".into(), Role::Viewer, Scope::All).await.unwrap(), last);
        store.change_operator("ben".into(), Role::Administrator, Scope::All).await.unwrap().unwrap();
        store.remove_operator("anna".into()).await.unwrap().unwrap();
        let left = store.operators(None, 10).await.unwrap();
        assert_eq!(
            left.iter().map(|one| (one.name.as_str(), one.role)).collect::<Vec<_>>(),
            [("ben", Role::Administrator)]
        );
    }

    pub(super) async fn who_is_removed_or_changed_is_let_in_no_more_as_before(store: Store) {
        store.set_operator("anna".into(), "hash".into(), now()).await.unwrap();
        let west = customer(&store, "West").await;
        store.add_operator(new("ben", Role::Viewer, of(&[west], &[])), now()).await.unwrap().unwrap();
        let end = now() + SignedDuration::from_hours(1);
        store.add_session(session("s", "ben", end), now()).await.unwrap();
        store.add_operator_token("t".into(), "ben".into(), now()).await.unwrap();
        let before = store.people_changes().await.unwrap();
        store.reset_password("ben".into(), "another".into()).await.unwrap().unwrap();
        assert_eq!(store.operator_of_session("s".into(), now()).await.unwrap(), None);
        assert!(
            store.operator_of_token("t".into(), now()).await.unwrap().is_some(),
            "that is its own secret"
        );
        store.change_operator("ben".into(), Role::Technician, Scope::All).await.unwrap().unwrap();
        let signed = store.operator_of_token("t".into(), now()).await.unwrap().unwrap();
        assert_eq!((signed.role, signed.scope), (Role::Technician, Scope::All));
        store.remove_operator("ben".into()).await.unwrap().unwrap();
        assert_eq!(store.operator_of_token("t".into(), now()).await.unwrap(), None);
        assert_eq!(store.people_changes().await.unwrap(), before + 3, "open streams look each time");
        let again = new("ben", Role::Viewer, Scope::All);
        store.add_operator(again, now()).await.unwrap().unwrap();
        assert_eq!(
            store.operator_of_token("t".into(), now()).await.unwrap(),
            None,
            "nor by another of that name"
        );
    }

    pub(super) async fn who_was_limited_to_what_is_removed_sees_nothing(store: Store) {
        let west = customer(&store, "West").await;
        let bonn = site(&store, west, "Bonn").await;
        store.add_operator(new("ben", Role::Viewer, of(&[west], &[bonn])), now()).await.unwrap().unwrap();
        store.add_operator_token("t".into(), "ben".into(), now()).await.unwrap();
        store.remove_site(bonn).await.unwrap().unwrap();
        store.remove_customer(west).await.unwrap().unwrap();
        let signed = store.operator_of_token("t".into(), now()).await.unwrap().unwrap();
        assert_eq!(signed.scope, of(&[], &[]));
        assert_eq!(store.customers(&signed.scope, None, 10).await.unwrap(), []);
    }

    pub(super) async fn who_is_limited_changes_nothing_of_others_and_loses_no_device_out_of_sight(
        store: Store,
    ) {
        let (nord, west) = (customer(&store, "Nord").await, customer(&store, "West").await);
        let bonn = site(&store, west, "Bonn").await;
        let (lobby, vault): (DeviceId, DeviceId) = ("lobby".parse().unwrap(), "vault".parse().unwrap());
        for (device, customer) in [(&lobby, nord), (&vault, west)] {
            let_in(&store, device).await;
            ingest(&store, device, batch(1, &[order("o1", 2)])).await.unwrap();
            let change = DetailsChange { customer: Some(Some(customer)), ..DetailsChange::default() };
            store
                .set_details(&Scope::All, device.clone(), change, "anna".into(), now())
                .await
                .unwrap()
                .unwrap();
        }
        let scope = of(&[nord], &[]);
        let both = [lobby.clone(), vault.clone()].into();
        assert_eq!(store.within(&scope, both).await.unwrap(), [lobby.clone()].into());
        for order in store.orders(&Scope::All, OrderFilter::default(), None, 10).await.unwrap() {
            let set =
                store.set_order(&scope, order.key, OrderState::Approved, "ben".into(), now()).await.unwrap();
            assert_eq!(set.as_ref(), (order.device == lobby).then_some(&lobby));
        }
        let set = |change| store.set_details(&scope, lobby.clone(), change, "ben".into(), now());
        let to = |customer, site| DetailsChange { customer, site, ..DetailsChange::default() };
        for (change, refusal) in [
            (to(Some(Some(west)), None), DetailsRefusal::Missing { what: "customer", key: west }),
            (to(None, Some(Some(bonn))), DetailsRefusal::Missing { what: "site", key: bonn }),
            (to(Some(None), None), DetailsRefusal::OutOfSight(lobby.clone())),
        ] {
            assert_eq!(set(change).await.unwrap(), Err(refusal));
        }
        set(DetailsChange { note: Some(Some("x".into())), ..DetailsChange::default() })
            .await
            .unwrap()
            .unwrap();
    }

    pub(super) async fn a_session_ends_when_nobody_uses_it_and_when_its_time_is_over(store: Store) {
        store.set_operator("ben".into(), "hash".into(), now()).await.unwrap();
        let (begun, second) = (now(), SignedDuration::from_secs(1));
        let end = begun + SESSION_IDLE * 2;
        store.add_session(session("s", "ben", end), begun).await.unwrap();
        let until = async |at| store.operator_of_session("s".into(), at).await.unwrap().map(|one| one.until);
        let idle = begun + SESSION_IDLE;
        assert_eq!(until(idle - second).await, Some(Some(idle)));
        assert_eq!(until(idle).await, None, "nobody used it");
        let used = idle - second;
        store.note_uses([("s".to_owned(), used)].into(), BTreeMap::new()).await.unwrap();
        assert_eq!(until(idle).await, Some(Some(used + SESSION_IDLE)));
        let listed = store.sessions_of("ben".into(), idle).await.unwrap();
        assert_eq!((listed.len(), listed[0].used, listed[0].address.as_str()), (1, used, "192.0.2.7"));
        store.note_uses([("s".to_owned(), begun)].into(), BTreeMap::new()).await.unwrap();
        assert_eq!(store.sessions_of("ben".into(), idle).await.unwrap()[0].used, used, "what is later stays");
        store.note_uses([("s".to_owned(), end - second)].into(), BTreeMap::new()).await.unwrap();
        assert_eq!(until(end - second).await, Some(Some(end)), "used or not");
        assert_eq!(until(end).await, None);
        assert_eq!(store.sessions_of("ben".into(), end).await.unwrap(), []);
    }

    pub(super) async fn sessions_are_ended_one_by_one_or_all_but_one(store: Store) {
        for name in ["anna", "ben"] {
            store.set_operator(name.into(), "hash".into(), now()).await.unwrap();
        }
        let end = now() + SignedDuration::from_hours(1);
        let hashes = ["a".repeat(64), "b".repeat(64), "c".repeat(64)];
        for hash in &hashes {
            store.add_session(session(hash, "ben", end), now()).await.unwrap();
        }
        let before = store.people_changes().await.unwrap();
        let first = hashes[0][..16].to_owned();
        assert!(!store.end_session_of(first.clone(), Some("anna".into())).await.unwrap(), "it is not hers");
        assert!(store.end_session_of(first.clone(), Some("ben".into())).await.unwrap());
        assert!(!store.end_session_of(first, None).await.unwrap(), "it has ended");
        assert_eq!(store.end_sessions_of("ben".into(), Some(hashes[1].clone())).await.unwrap(), 1);
        let left = store.sessions_of("ben".into(), now()).await.unwrap();
        assert_eq!(left.iter().map(|one| &one.hash).collect::<Vec<_>>(), [&hashes[1]]);
        assert_eq!(store.people_changes().await.unwrap(), before + 2, "open streams look each time");
    }

    pub(super) async fn somebody_has_so_many_sessions_and_the_one_unused_for_longest_ends(store: Store) {
        store.set_operator("ben".into(), "hash".into(), now()).await.unwrap();
        let begun = now();
        for number in 0..52_i64 {
            let at = begun + SignedDuration::from_secs(number);
            let new = session(&format!("s{number:02}"), "ben", begun + SignedDuration::from_hours(1));
            store.add_session(new, at).await.unwrap();
        }
        let listed = store.sessions_of("ben".into(), begun).await.unwrap();
        let hashes: Vec<&str> = listed.iter().map(|one| one.hash.as_str()).collect();
        assert_eq!((hashes.len(), hashes[0], hashes[49]), (50, "s51", "s02"));
    }

    pub(super) async fn a_token_may_no_more_than_was_said_and_ends(store: Store) {
        store.add_operator(new("ben", Role::Dispatcher, Scope::All), now()).await.unwrap().unwrap();
        let end = now() + SignedDuration::from_hours(24);
        let made = store.make_operator_token(token("t", Some(Role::Technician), Some(end)), now()).await;
        assert_eq!(made.unwrap(), Ok(()));
        let who = async |at| store.operator_of_token("t".into(), at).await.unwrap();
        let signed = who(now()).await.unwrap();
        assert_eq!((signed.role, signed.until), (Role::Technician, Some(end)));
        assert_eq!(who(end).await, None, "its time is over");
        store.change_operator("ben".into(), Role::Viewer, Scope::All).await.unwrap().unwrap();
        assert_eq!(who(now()).await.unwrap().role, Role::Viewer, "nor more than its operator");
        let more = store.make_operator_token(token("u", Some(Role::Dispatcher), None), now()).await.unwrap();
        assert_eq!(more, Err(OperatorTokenRefusal::TooMuch(Role::Dispatcher, Role::Viewer)));
        for number in 1..MAX_OPERATOR_TOKENS {
            let new = token(&format!("t{number}"), None, None);
            store.make_operator_token(new, now()).await.unwrap().unwrap();
        }
        let more = store.make_operator_token(token("u", None, None), now()).await.unwrap();
        assert_eq!(more, Err(OperatorTokenRefusal::TooMany));
    }

    pub(super) async fn a_token_is_listed_with_its_last_use_and_taken_back(store: Store) {
        store.set_operator("ben".into(), "hash".into(), now()).await.unwrap();
        let hash = "ab".repeat(32);
        store.make_operator_token(token(&hash, None, None), now()).await.unwrap().unwrap();
        let used = now();
        store.note_uses(BTreeMap::new(), [(hash.clone(), used)].into()).await.unwrap();
        let listed = store.tokens_of("ben".into()).await.unwrap();
        assert_eq!(
            (listed.len(), listed[0].used, listed[0].name.as_str()),
            (1, Some(used), &*format!("for {hash}"))
        );
        let id = hash[..16].to_owned();
        assert_eq!(store.revoke_operator_token(id.clone(), Some("anna".into())).await.unwrap(), None);
        assert_eq!(store.revoke_operator_token(id, None).await.unwrap().as_deref(), Some("ben"));
        assert_eq!(store.operator_of_token(hash, now()).await.unwrap(), None);
        for hash in ["t1", "t2"] {
            store.make_operator_token(token(hash, None, None), now()).await.unwrap().unwrap();
        }
        store.give_password("ben".into(), "another".into(), true).await.unwrap().unwrap();
        assert_eq!(store.tokens_of("ben".into()).await.unwrap(), [], "with the password, as was asked for");
    }

    pub(super) async fn an_enrolment_token_that_is_taken_back_lets_nobody_in(store: Store) {
        let (hash, at) = ("cd".repeat(32), now());
        let expires = at + SignedDuration::from_hours(1);
        let new = NewToken { hash: hash.clone(), device: None, created: at, expires };
        store.add_token(new).await.unwrap();
        assert!(store.revoke_token(hash[..16].to_owned()).await.unwrap());
        assert!(!store.revoke_token(hash[..16].to_owned()).await.unwrap());
        let lobby: DeviceId = "lobby".parse().unwrap();
        let refused = store.check_token(hash, lobby, at).await.unwrap().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "this manager does not know the token: ask for a new one created here"
        );
        assert!(store.unused_tokens(at, 10).await.unwrap().is_empty());
    }
}

on_every_store! {
    an_operator_is_let_in_with_its_role_and_what_it_sees,
    what_an_operator_cannot_be_is_refused_with_the_reason,
    the_last_administrator_stays_one,
    who_is_removed_or_changed_is_let_in_no_more_as_before,
    who_was_limited_to_what_is_removed_sees_nothing,
    a_session_ends_when_nobody_uses_it_and_when_its_time_is_over,
    sessions_are_ended_one_by_one_or_all_but_one,
    somebody_has_so_many_sessions_and_the_one_unused_for_longest_ends,
    a_token_may_no_more_than_was_said_and_ends,
    a_token_is_listed_with_its_last_use_and_taken_back,
    an_enrolment_token_that_is_taken_back_lets_nobody_in,
    who_is_limited_changes_nothing_of_others_and_loses_no_device_out_of_sight,
}
