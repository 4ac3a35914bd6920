//! The suite of the store over service calls; on each engine.

use jiff::{SignedDuration, Timestamp};
use platen_manager::agreement::Agreement;
use platen_manager::rights::Role;
use platen_manager::store::{
    CallAct, CallDetail, CallFilter, CallRefusal, CallWhat, Deletion, DetailsChange, Grouping, Kept, NewCall,
    NewCustomer, NewOperator, NowFilter, OpenRefusal, PartUsed, Scope, ServiceCallState, Store,
};
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::{Action, CallState, Command};
use serde_json::{Value, json};

use platen_tests::rigs::manager::messages::{
    active, batch, cleared, condition, service_call, started, toner_low,
};
use platen_tests::rigs::postgres::Cluster;

use super::store::{ingest, let_in, now, on_every_store, on_postgres};

const ALL: &Scope = &Scope::All;

fn lobby() -> DeviceId {
    "lobby".parse().unwrap()
}

fn named(name: &str) -> Value {
    let mut call = service_call("it rattles");
    call["call_id"] = json!(name);
    call
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// A device with these reports in one batch.
async fn device(store: &Store, bodies: &[Value]) {
    let_in(store, &lobby()).await;
    ingest(store, &lobby(), batch(1, bodies)).await.unwrap();
}

async fn technician(store: &Store, name: &str, role: Role) {
    let new =
        NewOperator { name: name.into(), password_hash: format!("hash of {name}"), role, scope: Scope::All };
    store.add_operator(new, now()).await.unwrap().unwrap();
}

async fn listed(store: &Store, filter: CallFilter) -> Vec<CallDetail> {
    store.calls(ALL, filter, None, 100).await.unwrap()
}

async fn only(store: &Store) -> CallDetail {
    let mut calls = listed(store, CallFilter::default()).await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    store.call(ALL, calls.remove(0).call.key).await.unwrap().unwrap()
}

fn to(state: ServiceCallState) -> CallAct {
    CallAct::Move(state, None, Vec::new())
}

/// Does something with the version that is there.
async fn act(store: &Store, act: CallAct, words: Option<&str>, by: &str, at: Timestamp) -> CallDetail {
    let seen = only(store).await.call;
    let which = (seen.key, Some(seen.version));
    store
        .act_on_call(ALL, which, (act, words.map(Into::into)), None, (by.into(), at))
        .await
        .unwrap()
        .unwrap();
    store.call(ALL, seen.key).await.unwrap().unwrap()
}

fn on_the_way(id: &str) -> Command {
    let issued = now();
    Command {
        id: id.parse::<CommandId>().unwrap(),
        issued,
        expires: issued + SignedDuration::from_hours(4),
        action: Action::TechnicianOnTheWay { service_call: None, technician: Some("tom".into()) },
        issued_by: Some("tom".into()),
    }
}

mod suite {
    use super::*;

    pub(super) async fn a_call_keeps_how_the_machine_was_when_it_came(store: Store) {
        let jam = condition("j", "jam", "mediaPath", "path");
        let bodies = [started("MFP 450"), jam, cleared("j"), toner_low("a1"), active(37), named("call-1")];
        device(&store, &bodies).await;
        // What comes later is not in it.
        ingest(&store, &lobby(), batch(7, &[cleared("a1"), active(90)])).await.unwrap();
        let snapshot = only(&store).await.snapshot.unwrap();
        let alerts: Vec<&str> = snapshot.alerts.iter().map(|alert| alert.id.as_str()).collect();
        assert_eq!(alerts, ["a1"]);
        let readings = snapshot.readings.unwrap();
        assert_eq!(readings.supplies[0].percent(), Some(37));
        assert_eq!(readings.counters.len(), 2);
        let last = snapshot.last_error.unwrap();
        assert_eq!((last.alert.id.as_str(), last.cleared), ("a1", None));
        // Readings of an earlier batch do as well.
        ingest(&store, &lobby(), batch(9, &[named("call-2")])).await.unwrap();
        let calls = listed(&store, CallFilter::default()).await;
        let second = calls.iter().map(|call| call.call.key).max().unwrap();
        let second = store.call(ALL, second).await.unwrap().unwrap();
        assert_eq!(second.snapshot.unwrap().readings.unwrap().supplies[0].percent(), Some(90));
    }

    pub(super) async fn a_call_goes_from_the_device_to_done_and_each_step_is_written_down(store: Store) {
        device(&store, &[started("MFP 450"), named("call-1")]).await;
        technician(&store, "tom", Role::Technician).await;
        technician(&store, "vera", Role::Viewer).await;
        let begun = now();
        act(&store, to(ServiceCallState::Seen), None, "dora", begun).await;
        let sent = CallAct::Move(ServiceCallState::Dispatched, Some("tom".into()), Vec::new());
        let call = act(&store, sent, Some("bring the belt"), "dora", begun).await.call;
        assert_eq!((call.technician.as_deref(), call.answered), (Some("tom"), Some(ms(begun))));
        let viewer = CallAct::Move(ServiceCallState::Dispatched, Some("vera".into()), Vec::new());
        let refused =
            store.act_on_call(ALL, (call.key, None), (viewer, None), None, ("dora".into(), begun)).await;
        assert_eq!(refused.unwrap().unwrap_err(), CallRefusal::NoTechnician("vera".into()));
        act(&store, to(ServiceCallState::OnTheWay), None, "tom", begun).await;
        act(&store, to(ServiceCallState::AtDevice), None, "tom", begun).await;
        act(&store, CallAct::Comment, Some("the belt is worn"), "tom", begun).await;
        act(&store, CallAct::Ticket(Some("INC-7".into())), None, "dora", begun).await;
        let parts = vec![PartUsed { part: "BT-450".into(), quantity: 1 }];
        let done = CallAct::Move(ServiceCallState::Done, None, parts.clone());
        let call = act(&store, done, Some("changed the belt"), "tom", begun).await.call;
        assert_eq!((call.state, call.closed), (ServiceCallState::Done, Some(ms(begun))));
        assert_eq!((call.work.as_deref(), call.parts), (Some("changed the belt"), parts));
        assert_eq!(call.ticket.as_deref(), Some("INC-7"));
        let history = store.call_history(ALL, call.key, (None, 100)).await.unwrap();
        let told: Vec<_> =
            history.iter().rev().map(|one| (one.what, one.state.word(), one.who.as_deref())).collect();
        assert_eq!(
            told,
            [
                (CallWhat::Opened, "open", None),
                (CallWhat::Moved, "seen", Some("dora")),
                (CallWhat::Moved, "dispatched", Some("dora")),
                (CallWhat::Moved, "on_the_way", Some("tom")),
                (CallWhat::Moved, "at_device", Some("tom")),
                (CallWhat::Commented, "at_device", Some("tom")),
                (CallWhat::Ticketed, "at_device", Some("dora")),
                (CallWhat::Moved, "done", Some("tom")),
            ]
        );
        assert!(store.now_items(ALL, NowFilter::default(), None, 10).await.unwrap().is_empty());
        assert!(store.states_astray().await.unwrap().is_empty());
        assert_eq!(store.check_statements().await.unwrap(), []);
        // Let go of with its history.
        ingest(&store, &lobby(), batch(3, &[named("call-2")])).await.unwrap();
        assert_eq!(store.let_go(Kept::ServiceCalls, i64::MAX, 100).await.unwrap(), 1);
        assert_eq!(store.call_history(ALL, call.key, (None, 100)).await.unwrap(), []);
    }

    fn ms(at: Timestamp) -> Timestamp {
        Timestamp::from_millisecond(at.as_millisecond()).unwrap()
    }

    pub(super) async fn of_two_who_move_a_call_at_once_the_second_is_told_what_the_first_did(store: Store) {
        device(&store, &[named("call-1")]).await;
        let seen = only(&store).await.call;
        let which = (seen.key, Some(seen.version));
        let take = |by: &str| (to(ServiceCallState::Dispatched), None, (by.to_owned(), now()));
        let (first, second) = (take("tom"), take("tina"));
        store.act_on_call(ALL, which, (first.0, None), first.1, first.2).await.unwrap().unwrap();
        let told = store.act_on_call(ALL, which, (second.0, None), second.1, second.2).await.unwrap();
        let Err(CallRefusal::Changed(call, Some(last))) = told else { panic!("{told:?}") };
        assert_eq!((call.technician.as_deref(), last.who.as_deref()), (Some("tom"), Some("tom")));
        assert_eq!(only(&store).await.call.technician.as_deref(), Some("tom"));
    }

    pub(super) async fn what_was_agreed_is_due_and_kept_or_missed(store: Store) {
        let nord =
            store.add_customer(NewCustomer { name: "Nord".into(), note: None }).await.unwrap().unwrap();
        let agreed = |answer, repair| Agreement {
            answer_minutes: Some(answer),
            repair_minutes: Some(repair),
            ..Agreement::default()
        };
        assert!(store.set_agreement(0, agreed(60, 600), "dora".into(), now()).await.unwrap());
        assert!(store.set_agreement(nord, agreed(30, 300), "dora".into(), now()).await.unwrap());
        assert!(!store.set_agreement(99, agreed(30, 300), "dora".into(), now()).await.unwrap());
        assert_eq!(store.agreements().await.unwrap().len(), 2);
        device(&store, &[named("call-1")]).await;
        let first = only(&store).await;
        assert_eq!(first.call.answer_due, Some(first.call.received + minutes(60)), "as with everybody");
        let change = DetailsChange { customer: Some(Some(nord)), ..DetailsChange::default() };
        store.set_details(ALL, lobby(), change, "dora".into(), now()).await.unwrap().unwrap();
        ingest(&store, &lobby(), batch(2, &[named("call-2")])).await.unwrap();
        let calls = listed(&store, CallFilter::default()).await;
        let [of_nord, of_all] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!(of_nord.call.answer_due, Some(of_nord.call.received + minutes(30)), "due first");
        assert_eq!(of_nord.call.repair_due, Some(of_nord.call.received + minutes(300)));
        assert_eq!(
            (of_all.call.key, of_nord.customer.as_ref().map(|one| one.0)),
            (first.call.key, Some(nord))
        );
        let (soon, late) = (now() + minutes(31), now() + minutes(301));
        let overdue = |at| CallFilter { due_before: Some(at), ..CallFilter::default() };
        assert_eq!(listed(&store, overdue(soon)).await.len(), 1);
        let counts = store.call_counts(ALL, CallFilter::default(), "tom".into(), soon).await.unwrap();
        assert_eq!((counts.open, counts.overdue, counts.mine), (2, 1, 0));
        // One is answered too late and repaired in time, the other answered in time and open still.
        let move_on = async |key, state, at| {
            let what = (to(state), None);
            store.act_on_call(ALL, (key, None), what, None, ("tom".into(), at)).await.unwrap().unwrap();
        };
        move_on(of_nord.call.key, ServiceCallState::Dispatched, soon).await;
        move_on(of_nord.call.key, ServiceCallState::Done, soon).await;
        move_on(of_all.call.key, ServiceCallState::Seen, soon).await;
        let since = (now() - minutes(60), late);
        let times = store.call_times(ALL, since, None, late).await.unwrap();
        let [all] = times.as_slice() else { panic!("{times:?}") };
        assert_eq!((all.calls, all.answer, all.repair), (2, (1, 1), (1, 0)));
        let much_later = store.call_times(ALL, since, Some(nord), now() + minutes(601)).await.unwrap();
        assert_eq!(much_later[0].repair, (1, 1), "what is open and late is missed");
        assert!(store.remove_agreement(nord).await.unwrap() && !store.remove_agreement(nord).await.unwrap());
    }

    pub(super) async fn a_call_is_opened_at_the_desk_and_from_an_alert(store: Store) {
        device(&store, &[started("MFP 450"), toner_low("a1")]).await;
        let open = async |device: &str, message: Option<&str>, alert| {
            let new = NewCall { device: device.parse().unwrap(), message: message.map(Into::into), alert };
            store.open_call(ALL, new, "dora".into(), now()).await.unwrap()
        };
        assert_eq!(open("cellar", Some("x"), None).await, Err(OpenRefusal::UnknownDevice));
        assert_eq!(open("lobby", None, None).await, Err(OpenRefusal::AboutNothing));
        assert_eq!(open("lobby", None, Some(99)).await, Err(OpenRefusal::UnknownAlert));
        let alert =
            store.alerts(ALL, platen_manager::store::AlertFilter::default(), None, 1).await.unwrap()[0].key;
        let key = open("lobby", None, Some(alert)).await.unwrap();
        let CallDetail { call, snapshot, .. } = store.call(ALL, key).await.unwrap().unwrap();
        assert_eq!((call.message.as_deref(), call.alert), (Some("black toner at 4 %"), Some(alert)));
        assert_eq!((call.opened_by.as_deref(), call.entered_by), (Some("dora"), None));
        assert_eq!(snapshot.unwrap().alerts.len(), 1);
        let nobody = Scope::Of { customers: [7].into(), sites: [].into() };
        assert_eq!(store.call(&nobody, key).await.unwrap(), None);
        let new = NewCall { device: lobby(), message: Some("x".into()), alert: None };
        let refused = store.open_call(&nobody, new, "dora".into(), now()).await.unwrap();
        assert_eq!(refused, Err(OpenRefusal::UnknownDevice));
        // It needs a person, and no reply names it: the device does not know it.
        assert_eq!(store.now_items(ALL, NowFilter::default(), None, 10).await.unwrap().len(), 2);
        assert!(store.open_requests(&lobby()).await.unwrap().service_calls.is_empty());
        assert!(store.states_astray().await.unwrap().is_empty());
    }

    pub(super) async fn the_device_is_told_how_its_call_stands_and_that_somebody_is_on_the_way(store: Store) {
        device(&store, &[started("MFP 450"), named("call-1")]).await;
        let standings = async || store.open_requests(&lobby()).await.unwrap().standings;
        assert!(standings().await.is_empty(), "there is nothing to say of it yet");
        let key = only(&store).await.call.key;
        let go = async |id: &str| {
            let what = (to(ServiceCallState::OnTheWay), None);
            let by = ("tom".to_owned(), now());
            store.act_on_call(ALL, (key, None), what, Some(on_the_way(id)), by).await.unwrap().unwrap()
        };
        let acted = go("c-1").await;
        assert_eq!(acted.command, Some(Ok(())));
        let told = standings().await;
        assert_eq!((told[0].state, told[0].technician.as_deref()), (CallState::OnTheWay, Some("tom")));
        assert_eq!(store.open_commands().await.unwrap().len(), 1, "in the same transaction");
        let outcome = json!({
            "kind": "outcome", "command_id": "c-1", "finished": "2026-12-01T10:00:00Z",
            "result": {"state": "refused", "reason": "version 0.1.0 of the agent knows no such command"}
        });
        ingest(&store, &lobby(), batch(3, &[outcome])).await.unwrap();
        let signal = only(&store).await.call.signal.unwrap();
        assert_eq!(signal.state.map(platen_manager::store::CommandState::word), Some("refused"));
        assert!(signal.reason.unwrap().contains("knows no such command"));
        // A call that is over is named no more, and one that is made again is open again.
        act(&store, to(ServiceCallState::Cancelled), Some("false alarm"), "dora", now() - minutes(1)).await;
        assert!(store.open_requests(&lobby()).await.unwrap().service_calls.is_empty());
        let mut again = named("call-1");
        (again["presses"], again["last_press_seconds_ago"]) = (json!(2), json!(0));
        ingest(&store, &lobby(), batch(4, &[again])).await.unwrap();
        let call = only(&store).await.call;
        assert_eq!((call.state, call.answered, call.presses), (ServiceCallState::Open, None, 2));
    }

    pub(super) async fn of_a_device_that_is_deleted_no_call_is_left(store: Store) {
        device(&store, &[named("call-1")]).await;
        act(&store, to(ServiceCallState::Seen), None, "dora", now()).await;
        store.revoke(lobby(), "dora".into(), now()).await.unwrap();
        store.begin_deletion(lobby(), "dora".into(), now()).await.unwrap().unwrap();
        assert!(listed(&store, CallFilter::default()).await.is_empty());
        while store.delete_some().await.unwrap() != Deletion::Nothing {}
        assert_eq!(store.rows_of_nobody().await.unwrap(), []);
    }
}

on_every_store! {
    a_call_keeps_how_the_machine_was_when_it_came,
    a_call_goes_from_the_device_to_done_and_each_step_is_written_down,
    of_two_who_move_a_call_at_once_the_second_is_told_what_the_first_did,
    what_was_agreed_is_due_and_kept_or_missed,
    a_call_is_opened_at_the_desk_and_from_an_alert,
    the_device_is_told_how_its_call_stands_and_that_somebody_is_on_the_way,
    of_a_device_that_is_deleted_no_call_is_left,
}
