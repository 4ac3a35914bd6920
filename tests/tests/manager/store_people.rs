//! The suite of the store over operators; on each engine.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use platen_manager::rights::Role;
use platen_manager::store::{
    DetailsChange, DetailsRefusal, Grouping, NewCustomer, NewOperator, NewSite, OperatorRefusal, OrderFilter,
    OrderState, Scope, Store,
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
        store.add_session("s".into(), "ben".into(), now(), end).await.unwrap();
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
        store.add_session("s".into(), "ben".into(), now(), end).await.unwrap();
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
}

on_every_store! {
    an_operator_is_let_in_with_its_role_and_what_it_sees,
    what_an_operator_cannot_be_is_refused_with_the_reason,
    the_last_administrator_stays_one,
    who_is_removed_or_changed_is_let_in_no_more_as_before,
    who_was_limited_to_what_is_removed_sees_nothing,
    who_is_limited_changes_nothing_of_others_and_loses_no_device_out_of_sight,
}
