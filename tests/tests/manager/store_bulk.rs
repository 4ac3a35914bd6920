//! The suite of the store over saved views and bulk commands; on each engine.

use jiff::SignedDuration;
use platen_manager::rights::Role;
use platen_manager::store::{
    BulkAct, BulkChoice, BulkDone, BulkOutcome, BulkRefusal, FleetFilter, Grouping, NewBulk, NewOperator,
    NewView, Scope, Store, ViewRefusal, Viewer,
};
use platen_protocol::identity::DeviceId;

use platen_tests::rigs::postgres::Cluster;

use super::store::{let_in, now, on_every_store, on_postgres};

fn viewer(name: &str) -> Viewer {
    Viewer { name: name.to_owned(), sees_shared: true, changes_all: false }
}

fn view(name: &str, shared: bool) -> NewView {
    NewView { name: name.to_owned(), shared, body: "{}".to_owned() }
}

fn bulk(act: BulkAct, choice: BulkChoice) -> NewBulk {
    NewBulk { act, choice, chosen: "by name".to_owned(), expected: None, operator: "ada".to_owned() }
}

fn all() -> BulkChoice {
    BulkChoice::Found(Box::default())
}

async fn devices(store: &Store) -> Vec<DeviceId> {
    let names: Vec<DeviceId> = ["a", "b", "c"].map(|name| name.parse().unwrap()).into();
    for name in &names {
        let_in(store, name).await;
    }
    names
}

mod suite {
    use super::*;

    pub(super) async fn a_view_is_seen_by_who_keeps_it_and_by_all_if_it_is_shared(store: Store) {
        for name in ["ada", "ben"] {
            let new = NewOperator {
                name: name.into(),
                password_hash: "x".into(),
                role: if name == "ada" { Role::Administrator } else { Role::Dispatcher },
                scope: Scope::All,
            };
            store.add_operator(new, now()).await.unwrap().unwrap();
        }
        let own = store.add_view("ben".into(), view("Mine", false), now()).await.unwrap().unwrap();
        let shared = store.add_view("ben".into(), view("Ours", true), now()).await.unwrap().unwrap();
        let again = store.add_view("ben".into(), view("Mine", true), now()).await.unwrap();
        assert_eq!(again, Err(ViewRefusal::NameTaken("Mine".into())));
        store.add_view("ada".into(), view("Mine", false), now()).await.unwrap().unwrap();
        let names = |views: Vec<platen_manager::store::ViewRecord>| {
            views.into_iter().map(|view| (view.name, view.owner.unwrap_or_default())).collect::<Vec<_>>()
        };
        let of = |name: &str, owner: &str| (name.to_owned(), owner.to_owned());
        assert_eq!(names(store.views(viewer("ada")).await.unwrap()), [of("Mine", "ada"), of("Ours", "ben")]);
        let limited = Viewer { sees_shared: false, ..viewer("eve") };
        assert_eq!(store.views(limited.clone()).await.unwrap(), []);
        assert_eq!(store.view(limited, shared).await.unwrap(), None);
        assert_eq!(store.view(viewer("ada"), own).await.unwrap(), None, "not shared");
        // The default, until it is shared no more.
        store.set_default_view(viewer("ada"), Some(shared)).await.unwrap().unwrap();
        assert_eq!(store.default_view(viewer("ada")).await.unwrap().unwrap().name, "Ours");
        let refused = store.set_view(viewer("ada"), shared, view("Mine too", true), now()).await.unwrap();
        assert!(matches!(refused, Err(ViewRefusal::NotYours { .. })), "{refused:?}");
        let unseen = store.set_default_view(viewer("ada"), Some(own)).await.unwrap();
        assert_eq!(unseen, Err(ViewRefusal::Missing(own)));
        store.set_view(viewer("ben"), shared, view("Ours", false), now()).await.unwrap().unwrap();
        assert_eq!(store.default_view(viewer("ada")).await.unwrap(), None);
        // What goes with who kept it.
        store.set_view(viewer("ben"), shared, view("Ours", true), now()).await.unwrap().unwrap();
        store.set_default_view(viewer("ben"), Some(own)).await.unwrap().unwrap();
        store.remove_operator("ben".into()).await.unwrap().unwrap();
        assert_eq!(store.view(viewer("ben"), own).await.unwrap(), None);
        assert_eq!(names(store.views(viewer("ada")).await.unwrap()), [of("Mine", "ada"), of("Ours", "")]);
        let administrator = Viewer { changes_all: true, ..viewer("ada") };
        store.remove_view(administrator, shared).await.unwrap().unwrap();
        assert_eq!(store.view(viewer("ada"), shared).await.unwrap(), None);
    }

    pub(super) async fn a_bulk_command_is_written_down_with_its_devices_and_how_it_went(store: Store) {
        let names = devices(&store).await;
        let refused = |choice| store.count_bulk(&Scope::All, choice);
        assert_eq!(refused(all()).await.unwrap(), Ok(3));
        let none = BulkChoice::Named(vec!["nobody".parse().unwrap()]);
        assert_eq!(refused(none).await.unwrap(), Err(BulkRefusal::Nothing));
        let nowhere = Scope::Of { customers: [].into(), sites: [].into() };
        assert_eq!(store.count_bulk(&nowhere, all()).await.unwrap(), Err(BulkRefusal::Nothing));
        let four = NewBulk { expected: Some(4), ..bulk(BulkAct::Retire, all()) };
        let changed = store.add_bulk(&Scope::All, four, now()).await.unwrap();
        assert_eq!(changed, Err(BulkRefusal::Changed { now: 3, expected: 4 }));
        assert_eq!(store.next_bulk(10).await.unwrap(), None, "nothing was begun");

        let twice = [names.clone(), names.clone()].concat();
        let asked = NewBulk { expected: Some(3), ..bulk(BulkAct::ReadNow, BulkChoice::Named(twice)) };
        let key = store.add_bulk(&Scope::All, asked, now()).await.unwrap().unwrap();
        let (next, waiting) = store.next_bulk(2).await.unwrap().unwrap();
        assert_eq!((next.key, next.act, next.total, waiting.len()), (key, BulkAct::ReadNow, 3, 2));
        let done = |place: usize, outcome, words: Option<&str>| BulkDone {
            key: waiting[place].0,
            outcome,
            words: words.map(str::to_owned),
            command: None,
        };
        let some = vec![
            done(0, BulkOutcome::Done, None),
            done(1, BulkOutcome::Refused, Some("it is out of service")),
        ];
        store.note_bulk(key, some, now()).await.unwrap();
        let record = store.bulk(key, None).await.unwrap().unwrap();
        assert_eq!((record.done, record.refused, record.ended), (1, 1, None));
        assert_eq!(store.bulk(key, Some("eve".into())).await.unwrap(), None);
        let (_, waiting) = store.next_bulk(10).await.unwrap().unwrap();
        assert_eq!(waiting.len(), 1);
        let last = BulkDone { key: waiting[0].0, outcome: BulkOutcome::Done, words: None, command: None };
        store.note_bulk(key, vec![last], now()).await.unwrap();
        assert_eq!(store.bulk(key, None).await.unwrap().unwrap().ended, Some(now()));
        assert_eq!(store.next_bulk(10).await.unwrap(), None);
        let refused =
            store.bulk_devices(&Scope::All, key, Some(BulkOutcome::Refused), None, 10).await.unwrap();
        assert_eq!(refused[0].words.as_deref(), Some("it is out of service"));
        assert_eq!(store.bulk_devices(&nowhere, key, None, None, 10).await.unwrap(), []);
    }

    pub(super) async fn how_bulk_commands_went_is_let_go_of_after_90_days(store: Store) {
        devices(&store).await;
        let first = store.add_bulk(&Scope::All, bulk(BulkAct::LetGo, all()), now()).await.unwrap().unwrap();
        let (_, waiting) = store.next_bulk(10).await.unwrap().unwrap();
        let done = |(key, _)| BulkDone { key, outcome: BulkOutcome::Done, words: None, command: None };
        store.note_bulk(first, waiting.into_iter().map(done).collect(), now()).await.unwrap();
        let later = now() + SignedDuration::from_hours(91 * 24);
        let filter = FleetFilter { model: None, ..FleetFilter::default() };
        let found = BulkChoice::Found(Box::new(filter));
        let second = store.add_bulk(&Scope::All, bulk(BulkAct::LetGo, found), later).await.unwrap().unwrap();
        let keys: Vec<i64> =
            store.bulks(None, 10, None).await.unwrap().iter().map(|record| record.key).collect();
        assert_eq!(keys, [second]);
    }
}

on_every_store! {
    a_view_is_seen_by_who_keeps_it_and_by_all_if_it_is_shared,
    a_bulk_command_is_written_down_with_its_devices_and_how_it_went,
    how_bulk_commands_went_is_let_go_of_after_90_days,
}
