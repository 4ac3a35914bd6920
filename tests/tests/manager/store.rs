//! The suite of the store, written over its handle: another engine runs the same functions.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use platen_manager::ingest::Loss;
use platen_manager::store::{
    AlertFilter, CommandState, Enrolment, Grouping, Ingest, IngestRefusal, Ingested, NewToken, OrderFilter,
    OrderState, ReportFilter, Scope, ServiceCallFilter, ServiceCallState, Store, TokenRefusal,
};
use platen_protocol::device_to_manager::ReportBatch;
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::{Action, Command};
use serde_json::{Value, json};

use platen_tests::rigs::postgres::Cluster;

use platen_tests::rigs::manager::messages::{
    active, batch, batch_of, cleared, condition, done, order, replaced, service_call, started, toner_low,
    utilisation,
};

const NOW: &str = "2026-11-22T10:00:00Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(super) fn device() -> DeviceId {
    "lobby".parse().unwrap()
}

pub(super) async fn let_in(store: &Store, device: &DeviceId) {
    let hash = format!("hash-of-{device}");
    let expires = now() + SignedDuration::from_hours(1);
    let token = NewToken { hash: hash.clone(), device: None, created: now(), expires };
    store.add_token(token).await.unwrap();
    store.enrol(enrolment(&hash, device)).await.unwrap().unwrap();
}

fn enrolment(hash: &str, device: &DeviceId) -> Enrolment {
    Enrolment {
        token_hash: hash.to_owned(),
        device: device.clone(),
        certificate_serial: "40aa".to_owned(),
        certificate_expires: now() + SignedDuration::from_hours(24),
        now: now(),
    }
}

pub(super) async fn ingest(
    store: &Store,
    device: &DeviceId,
    batch: Value,
) -> Result<Ingested, IngestRefusal> {
    let batch: ReportBatch = serde_json::from_value(batch).unwrap();
    store.ingest(Ingest { device: device.clone(), batch: Arc::new(batch), received: now() }).await.unwrap()
}

mod suite {
    use super::*;

    pub(super) async fn reports_are_stored_once_and_in_order(store: Store) {
        let_in(&store, &device()).await;
        let first = ingest(&store, &device(), batch(1, &[utilisation(50), utilisation(49)])).await.unwrap();
        assert_eq!((first.acknowledged, first.new), (2, 0..2));
        let again = ingest(&store, &device(), batch(1, &[utilisation(50), utilisation(49)])).await.unwrap();
        assert_eq!((again.acknowledged, again.new.len()), (2, 0));
        let ahead = ingest(&store, &device(), batch_of(3, 5, &[utilisation(1)])).await.unwrap();
        assert_eq!((ahead.acknowledged, ahead.new.len()), (2, 0));
        let lost = ingest(&store, &device(), batch(5, &[utilisation(40)])).await.unwrap();
        assert_eq!((lost.acknowledged, lost.losses), (5, vec![Loss::untold(3, 4)]));
        let stored = store.reports(&Scope::All, ReportFilter::default(), None, 10).await.unwrap();
        assert_eq!(stored.iter().map(|one| one.report.sequence).collect::<Vec<_>>(), [5, 2, 1]);
        assert_eq!(store.gaps(&Scope::All, device(), 10).await.unwrap().len(), 1);
        let record = store.device(device()).await.unwrap().unwrap();
        assert_eq!(record.readings.unwrap().supplies[0].percent(), Some(40));
    }

    pub(super) async fn a_conflict_stores_nothing_of_the_batch(store: Store) {
        let_in(&store, &device()).await;
        ingest(&store, &device(), batch(1, &[utilisation(50)])).await.unwrap();
        let refused = ingest(&store, &device(), batch(1, &[utilisation(9), service_call("x")])).await;
        assert_eq!(refused, Err(IngestRefusal::Conflict { sequence: 1 }));
        assert_eq!(store.reports(&Scope::All, ReportFilter::default(), None, 10).await.unwrap().len(), 1);
        assert!(
            store
                .service_calls(&Scope::All, ServiceCallFilter::default(), None, 10)
                .await
                .unwrap()
                .is_empty()
        );
    }

    pub(super) async fn a_new_epoch_counts_from_one_again(store: Store) {
        let_in(&store, &device()).await;
        ingest(&store, &device(), batch(1, &[utilisation(50), utilisation(49)])).await.unwrap();
        let mut second = batch(1, &[utilisation(48)]);
        second["epoch"] = json!("e2");
        assert_eq!(ingest(&store, &device(), second).await.unwrap().acknowledged, 1);
        assert_eq!(store.reports(&Scope::All, ReportFilter::default(), None, 10).await.unwrap().len(), 3);
    }

    pub(super) async fn a_devices_reports_are_paged_from_its_newest_life_back(store: Store) {
        let other: DeviceId = "other".parse().unwrap();
        let_in(&store, &device()).await;
        let_in(&store, &other).await;
        for sequence in 1..=4 {
            ingest(&store, &device(), batch(sequence, &[utilisation(50)])).await.unwrap();
            ingest(&store, &other, batch(sequence, &[utilisation(50)])).await.unwrap();
        }
        let mut second = batch(1, &[utilisation(40), utilisation(39)]);
        second["epoch"] = json!("e2");
        ingest(&store, &device(), second).await.unwrap();
        let filter = || ReportFilter { device: Some(device()) };
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = store.reports(&Scope::All, filter(), before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.key);
            seen.extend(page.iter().map(|one| (one.epoch.to_string(), one.report.sequence)));
        }
        let expected = [("e2", 2), ("e2", 1), ("e1", 4), ("e1", 3), ("e1", 2), ("e1", 1)];
        assert_eq!(seen, expected.map(|(epoch, sequence)| (epoch.to_owned(), sequence)));
        let foreign =
            store.reports(&Scope::All, ReportFilter { device: Some(other) }, None, 1).await.unwrap();
        assert!(store.reports(&Scope::All, filter(), Some(foreign[0].key), 10).await.unwrap().is_empty());
    }

    pub(super) async fn who_is_not_let_in_stores_nothing(store: Store) {
        let refused = ingest(&store, &device(), batch(1, &[utilisation(50)])).await;
        assert_eq!(refused, Err(IngestRefusal::UnknownDevice));
    }

    pub(super) async fn many_devices_at_once_are_all_stored(store: Store) {
        let devices: Vec<DeviceId> = (0..40).map(|number| format!("d{number}").parse().unwrap()).collect();
        let mut tasks = tokio::task::JoinSet::new();
        for device in devices.clone() {
            let store = store.clone();
            tasks.spawn(async move {
                let_in(&store, &device).await;
                for sequence in 1..=5 {
                    let bodies = [toner_low(&format!("a{sequence}"))];
                    ingest(&store, &device, batch(sequence, &bodies)).await.unwrap();
                }
                // One among them that is refused takes none with it.
                ingest(&store, &device, batch(1, &[utilisation(1)])).await.unwrap_err();
            });
        }
        tasks.join_all().await;
        for device in devices {
            let filter = ReportFilter { device: Some(device.clone()) };
            assert_eq!(store.reports(&Scope::All, filter, None, 10).await.unwrap().len(), 5);
            let filter = AlertFilter { device: Some(device), open: Some(true) };
            assert_eq!(store.alerts(&Scope::All, filter, None, 10).await.unwrap().len(), 5);
        }
    }

    pub(super) async fn a_token_lets_in_once_and_a_refusal_does_not_use_it_up(store: Store) {
        let (one, two): (DeviceId, DeviceId) = ("one".parse().unwrap(), "two".parse().unwrap());
        let expires = now() + SignedDuration::from_hours(1);
        let bound = NewToken { hash: "h".into(), device: Some(one.clone()), created: now(), expires };
        store.add_token(bound).await.unwrap();
        assert_eq!(store.enrol(enrolment("x", &one)).await.unwrap(), Err(TokenRefusal::Wrong));
        assert_eq!(store.enrol(enrolment("h", &two)).await.unwrap(), Err(TokenRefusal::BoundToOther));
        let late = Enrolment { now: expires, ..enrolment("h", &one) };
        assert_eq!(store.enrol(late).await.unwrap(), Err(TokenRefusal::Expired));
        assert_eq!(store.enrol(enrolment("h", &one)).await.unwrap(), Ok(()));
        assert_eq!(store.enrol(enrolment("h", &one)).await.unwrap(), Err(TokenRefusal::Used));
    }

    pub(super) async fn a_command_goes_from_waiting_to_its_outcome(store: Store) {
        let_in(&store, &device()).await;
        let expires = now() + SignedDuration::from_hours(1);
        for id in ["c1", "c2"] {
            let id = id.parse().unwrap();
            let command = Command { id, issued: now(), expires, action: Action::ReadNow, issued_by: None };
            store.add_command(device(), command, "anna".to_owned()).await.unwrap().unwrap();
        }
        assert_eq!(store.open_commands().await.unwrap().len(), 2);
        let noted = store.note_delivered(vec!["c1".parse().unwrap()], now()).await.unwrap();
        assert_eq!(noted.len(), 1);
        assert!(store.note_delivered(noted, now()).await.unwrap().is_empty(), "noted once");
        ingest(&store, &device(), batch(1, &[done("c1")])).await.unwrap();
        let ended = store.expire_commands(expires).await.unwrap();
        assert_eq!(ended, [("c2".parse().unwrap(), device())]);
        let list = store.commands(&Scope::All, device(), None, 10).await.unwrap();
        let states: Vec<CommandState> = list.iter().map(|one| one.state).collect();
        assert_eq!(states, [CommandState::Expired, CommandState::Done]);
        assert_eq!(list[0].command.issued_by.as_deref(), Some("anna"), "the device is told who asked");
    }

    pub(super) async fn a_command_keeps_its_settings(store: Store) {
        let_in(&store, &device()).await;
        let settings = [("supply.black.set-percent".to_owned(), 20)].into();
        let action = Action::Set { settings };
        let expires = now() + SignedDuration::from_hours(1);
        let id = "c1".parse().unwrap();
        let command = Command { id, issued: now(), expires, action, issued_by: Some("anna".into()) };
        store.add_command(device(), command.clone(), "anna".to_owned()).await.unwrap().unwrap();
        assert_eq!(store.open_commands().await.unwrap()[0].command, command);
    }

    pub(super) async fn an_order_that_is_repeated_is_one_order(store: Store) {
        let_in(&store, &device()).await;
        let other: DeviceId = "other".parse().unwrap();
        let_in(&store, &other).await;
        ingest(&store, &device(), batch(1, &[order("o1", 2), order("o1", 2)])).await.unwrap();
        let mut again = batch(1, &[order("o1", 2), order("o2", 1)]);
        again["epoch"] = json!("e2");
        ingest(&store, &device(), again).await.unwrap();
        ingest(&store, &other, batch(1, &[order("o1", 1)])).await.unwrap();
        let of = |device| OrderFilter { device: Some(device), ..OrderFilter::default() };
        let list = store.orders(&Scope::All, of(device()), None, 10).await.unwrap();
        let ids: Vec<_> = list.iter().map(|one| (one.id.as_ref().unwrap().as_str(), one.quantity)).collect();
        assert_eq!(ids, [("o2", 1), ("o1", 2)]);
        assert_eq!(
            store.orders(&Scope::All, of(other), None, 10).await.unwrap().len(),
            1,
            "names are each device's own"
        );
        assert_eq!(
            store.orders(&Scope::All, OrderFilter::default(), Some(list[0].key), 10).await.unwrap().len(),
            1
        );
        let first = &list[1];
        assert_eq!(
            (first.supply.percent(), first.supply.part_number.as_deref()),
            (Some(4), Some("TK-8335K"))
        );
        assert_eq!((first.state, first.simulated, &first.changed_by), (OrderState::Asked, true, &None));
    }

    pub(super) async fn a_service_call_that_is_repeated_is_one_call(store: Store) {
        let_in(&store, &device()).await;
        let named = |name: &str| {
            let mut call = service_call("streaks");
            call["call_id"] = json!(name);
            call
        };
        ingest(&store, &device(), batch(1, &[named("call-1"), named("call-2")])).await.unwrap();
        let mut again = batch(1, &[named("call-2"), service_call("streaks"), service_call("streaks")]);
        again["epoch"] = json!("e2");
        assert_eq!(ingest(&store, &device(), again).await.unwrap().acknowledged, 3);
        let calls = store.service_calls(&Scope::All, ServiceCallFilter::default(), None, 10).await.unwrap();
        assert_eq!(calls.len(), 4, "two with names, and two without");
    }

    pub(super) async fn a_call_that_is_made_again_after_it_was_handled_is_open_again(store: Store) {
        let_in(&store, &device()).await;
        let made = |presses: u32| {
            let mut call = service_call("streaks");
            call["call_id"] = json!("call-1");
            (call["presses"], call["last_press_seconds_ago"]) = (json!(presses), json!(0));
            call
        };
        let only = async || {
            let calls =
                store.service_calls(&Scope::All, ServiceCallFilter::default(), None, 10).await.unwrap();
            assert_eq!(calls.len(), 1);
            calls.into_iter().next().unwrap()
        };
        ingest(&store, &device(), batch(1, &[made(1)])).await.unwrap();
        let handle = async |at: Timestamp| {
            let key = only().await.key;
            store
                .set_service_call(&Scope::All, key, ServiceCallState::Done, "olga".into(), at)
                .await
                .unwrap();
        };
        // What is counted late was pressed before.
        handle(now() + SignedDuration::from_secs(1)).await;
        ingest(&store, &device(), batch(2, &[made(2)])).await.unwrap();
        assert_eq!((only().await.state, only().await.presses), (ServiceCallState::Done, 2));
        handle(now() - SignedDuration::from_secs(1)).await;
        ingest(&store, &device(), batch(3, &[made(3)])).await.unwrap();
        assert_eq!((only().await.state, only().await.presses), (ServiceCallState::Open, 3));
        assert_eq!(store.open_requests(&device()).await.unwrap().service_calls.len(), 1);
    }

    pub(super) async fn alerts_are_brought_up_to_what_stands_on_the_device(store: Store) {
        let_in(&store, &device()).await;
        let jam = |id: &str| condition(id, "jam", "mediaPath", "path");
        let bodies = [jam("a"), jam("b"), jam("c"), cleared("c"), jam("d"), cleared("d")];
        ingest(&store, &device(), batch(1, &bodies)).await.unwrap();
        let other: DeviceId = "other".parse().unwrap();
        let_in(&store, &other).await;
        ingest(&store, &other, batch(1, &[jam("a")])).await.unwrap();
        let open = async || {
            let alerts = store.alerts(&Scope::All, AlertFilter::default(), None, 10).await.unwrap();
            let open = alerts.into_iter().filter(|alert| alert.cleared.is_none() && alert.device == device());
            open.map(|alert| alert.alert.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(open().await, ["b", "a"]);
        let standing = json!({
            "kind": "alerts_standing", "standing_alerts": ["b", "c", "e", "never-told"],
            "alerts": [jam("b")["alert"], jam("e")["alert"]],
        });
        ingest(&store, &device(), batch(7, &[standing, utilisation(50)])).await.unwrap();
        let why =
            "a is over, the end of c was of an outbox that is lost, and so was the report that raised e";
        assert_eq!(open().await, ["e", "c", "b"], "{why}");
        ingest(&store, &device(), batch(9, &[started("M")])).await.unwrap();
        assert_eq!(open().await, ["e", "c", "b"], "a first version does not tell what stands");
        let mut began = started("M");
        began["standing_alerts"] = json!([]);
        ingest(&store, &device(), batch(10, &[began])).await.unwrap();
        assert!(open().await.is_empty());
        let of_other = AlertFilter { device: Some(other), ..AlertFilter::default() };
        assert_eq!(store.alerts(&Scope::All, of_other, None, 10).await.unwrap()[0].cleared, None);
    }

    pub(super) async fn an_order_is_open_until_it_is_delivered_or_cancelled(store: Store) {
        let_in(&store, &device()).await;
        ingest(&store, &device(), batch(1, &[order("o1", 2)])).await.unwrap();
        let key = store.orders(&Scope::All, OrderFilter::default(), None, 1).await.unwrap()[0].key;
        for (state, open) in [
            (OrderState::Approved, true),
            (OrderState::Delivered, false),
            (OrderState::Asked, true),
            (OrderState::Cancelled, false),
        ] {
            let of = store.set_order(&Scope::All, key, state, "anna".into(), now()).await.unwrap();
            assert_eq!(of, Some(device()));
            for wanted in [true, false] {
                let filter =
                    OrderFilter { device: Some(device()), open: Some(wanted), ..OrderFilter::default() };
                let found = store.orders(&Scope::All, filter, None, 10).await.unwrap();
                assert_eq!(found.len(), usize::from(wanted == open), "{state:?}");
                let filter = OrderFilter { open: Some(wanted), ..OrderFilter::default() };
                assert_eq!(store.orders(&Scope::All, filter, None, 10).await.unwrap(), found);
            }
        }
        let order = store.orders(&Scope::All, OrderFilter::default(), None, 1).await.unwrap().remove(0);
        assert_eq!((order.changed, order.changed_by.as_deref()), (Some(now()), Some("anna")));
        assert_eq!(
            store.set_order(&Scope::All, key + 1, OrderState::Approved, "anna".into(), now()).await.unwrap(),
            None
        );
    }

    pub(super) async fn a_replacement_is_listed_and_changes_what_is_known(store: Store) {
        let_in(&store, &device()).await;
        ingest(&store, &device(), batch(1, &[active(3)])).await.unwrap();
        ingest(&store, &device(), batch(2, &[replaced()])).await.unwrap();
        let record = store.device(device()).await.unwrap().unwrap();
        let supply = &record.readings.unwrap().supplies[0];
        assert_eq!((supply.percent(), supply.serial.as_deref()), (Some(100), Some("K-2")));
        for whose in [None, Some(device())] {
            let list = store.replacements(&Scope::All, whose, None, 10).await.unwrap();
            assert_eq!(list.len(), 1);
            let removed = list[0].replacement.removed_supply.as_ref().unwrap();
            assert_eq!(removed.percent(), Some(3), "the residue");
            assert!(store.replacements(&Scope::All, None, Some(list[0].key), 10).await.unwrap().is_empty());
        }
        let nobody: DeviceId = "nobody".parse().unwrap();
        assert!(store.replacements(&Scope::All, Some(nobody), None, 10).await.unwrap().is_empty());
    }

    pub(super) async fn a_replacement_that_comes_again_in_another_epoch_is_the_same(store: Store) {
        let_in(&store, &device()).await;
        let other: DeviceId = "other".parse().unwrap();
        let_in(&store, &other).await;
        let later = {
            let mut batch = batch(1, &[replaced(), replaced()]);
            batch["epoch"] = json!("e2");
            batch["reports"][1]["taken"]["monotonic_ms"] = json!(2);
            batch
        };
        ingest(&store, &device(), batch(1, &[replaced()])).await.unwrap();
        assert_eq!(ingest(&store, &device(), later).await.unwrap().acknowledged, 2);
        ingest(&store, &other, batch(1, &[replaced()])).await.unwrap();
        let of = async |whose| store.replacements(&Scope::All, Some(whose), None, 10).await.unwrap().len();
        assert_eq!((of(device()).await, of(other).await), (2, 1));
    }

    pub(super) async fn an_activity_stays_while_other_readings_follow_it(store: Store) {
        let_in(&store, &device()).await;
        ingest(&store, &device(), batch(1, &[utilisation(50)])).await.unwrap();
        let before = store.device(device()).await.unwrap().unwrap();
        assert_eq!(before.activity, None, "that report told none");
        ingest(&store, &device(), batch(2, &[active(49)])).await.unwrap();
        let told = store.device(device()).await.unwrap().unwrap();
        assert_eq!(told.activity.as_ref().unwrap().activity.pages, Some(120));
        assert_eq!(told.readings.unwrap().counters.len(), 2);
        ingest(&store, &device(), batch(3, &[utilisation(48), toner_low("a1")])).await.unwrap();
        let later = store.device(device()).await.unwrap().unwrap();
        assert_eq!(later.activity, told.activity);
        assert_eq!(later.readings.unwrap().supplies[0].percent(), Some(4), "by the alert");
        assert_eq!(store.devices(None, 10).await.unwrap()[0].activity, told.activity);
    }

    pub(super) async fn a_jam_is_known_before_the_next_readings(store: Store) {
        let_in(&store, &device()).await;
        ingest(&store, &device(), batch(1, &[active(50)])).await.unwrap();
        let jammed = async || {
            let readings = store.device(device()).await.unwrap().unwrap().readings.unwrap();
            let path = readings.switches.iter().find(|switch| switch.name == "path").unwrap();
            path.active.known().copied()
        };
        assert_eq!(jammed().await, Some(false));
        ingest(&store, &device(), batch(2, &[condition("a1", "jam", "mediaPath", "path")])).await.unwrap();
        assert_eq!(jammed().await, Some(true));
        ingest(&store, &device(), batch(3, &[platen_tests::rigs::manager::messages::cleared("a1")]))
            .await
            .unwrap();
        assert_eq!(jammed().await, Some(false));
    }

    pub(super) async fn a_new_password_ends_the_sessions_of_the_old(store: Store) {
        let expires = now() + SignedDuration::from_hours(1);
        assert!(!store.add_operator_token("t".into(), "anna".into(), now()).await.unwrap());
        store.set_operator("anna".into(), "hash1".into(), now()).await.unwrap();
        store.add_session(super::super::store_people::session("s", "anna", expires), now()).await.unwrap();
        let signed = store.operator_of_session("s".into(), now()).await.unwrap();
        assert_eq!(signed.map(|signed| signed.name).as_deref(), Some("anna"));
        assert_eq!(store.operator_of_session("s".into(), expires).await.unwrap(), None, "its time is over");
        store.set_operator("anna".into(), "hash2".into(), now()).await.unwrap();
        assert_eq!(store.operator_of_session("s".into(), now()).await.unwrap(), None);
        assert_eq!(store.password_hash("anna".into()).await.unwrap().as_deref(), Some("hash2"));
    }

    pub(super) async fn every_statement_is_understood(store: Store) {
        assert_eq!(store.check_statements().await.unwrap(), Vec::new());
    }

    pub(super) async fn what_is_asked_after_the_close_is_refused(store: Store) {
        store.close().await;
        store.close().await;
        assert!(store.set_operator("anna".into(), "h".into(), now()).await.is_err());
    }
}

/// A store on an empty database of this server.
pub(super) async fn on_postgres(cluster: &mut Cluster, grouping: Grouping) -> Store {
    let database = cluster.database();
    let (config, state) = (cluster.config(&database), cluster.state());
    // Not on a thread of the runtime: a session of PostgreSQL waits for its server.
    let config = config.with_journal(state);
    let opening = tokio::task::spawn_blocking(move || Store::open_postgres(config, grouping));
    opening.await.unwrap().unwrap()
}

/// Runs every function of the suite on a fresh store of each kind.
macro_rules! on_every_store {
    ($($name:ident,)*) => {
        mod sqlite_in_groups {
            $(#[tokio::test] async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                let store = super::Store::open(&directory.path().join("s"), super::Grouping::Group).unwrap();
                super::suite::$name(store).await;
            })*
        }
        mod postgres_in_groups {
            $(#[tokio::test] async fn $name() {
                let mut cluster = super::Cluster::start();
                let store = super::on_postgres(&mut cluster, super::Grouping::Group).await;
                super::suite::$name(store).await;
            })*
        }
        mod sqlite_one_by_one {
            $(#[tokio::test] async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                let store = super::Store::open(&directory.path().join("s"), super::Grouping::Single).unwrap();
                super::suite::$name(store).await;
            })*
        }
        mod sqlite_without_threads {
            $(#[tokio::test] async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                let grouping = super::Grouping::Simulated { disk: std::time::Duration::from_millis(1) };
                let store = super::Store::open(&directory.path().join("s"), grouping).unwrap();
                super::suite::$name(store).await;
            })*
        }
    };
}
pub(super) use on_every_store;

on_every_store! {
    reports_are_stored_once_and_in_order,
    a_conflict_stores_nothing_of_the_batch,
    a_new_epoch_counts_from_one_again,
    a_devices_reports_are_paged_from_its_newest_life_back,
    who_is_not_let_in_stores_nothing,
    many_devices_at_once_are_all_stored,
    a_token_lets_in_once_and_a_refusal_does_not_use_it_up,
    a_command_goes_from_waiting_to_its_outcome,
    a_command_keeps_its_settings,
    an_order_that_is_repeated_is_one_order,
    a_service_call_that_is_repeated_is_one_call,
    a_call_that_is_made_again_after_it_was_handled_is_open_again,
    alerts_are_brought_up_to_what_stands_on_the_device,
    an_order_is_open_until_it_is_delivered_or_cancelled,
    a_replacement_is_listed_and_changes_what_is_known,
    a_replacement_that_comes_again_in_another_epoch_is_the_same,
    an_activity_stays_while_other_readings_follow_it,
    a_jam_is_known_before_the_next_readings,
    a_new_password_ends_the_sessions_of_the_old,
    every_statement_is_understood,
    what_is_asked_after_the_close_is_refused,
}
