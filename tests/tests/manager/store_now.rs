//! The suite of the store over what needs a person; on each engine.

use jiff::{SignedDuration, Timestamp};
use platen_manager::store::{
    ContactRecord, Deletion, DetailsChange, Grouping, Kept, NewCustomer, NewSite, NowAct, NowFilter, NowItem,
    NowKind, NowRefusal, NowShelf, NowWhat, OrderFilter, OrderState, Scope, ServiceCallFilter,
    ServiceCallState, Store, Urgency,
};
use platen_manager::watch::{Change, Finding, Step};
use platen_protocol::alert::Training;
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::{Action, Command};
use serde_json::{Value, json};

use platen_tests::rigs::manager::messages::{
    batch, cleared, condition, forecast, order, service_call, started, toner_low, utilisation,
};
use platen_tests::rigs::postgres::Cluster;

use super::store::{ingest, let_in, now, on_every_store, on_postgres};

const ALL: &Scope = &Scope::All;

fn name(name: &str) -> DeviceId {
    name.parse().unwrap()
}

/// Lets a device in that reports these things, each as its own batch.
async fn device(store: &Store, device: &str, bodies: &[Value]) -> DeviceId {
    let device = name(device);
    let_in(store, &device).await;
    ingest(store, &device, batch(1, &[started("MFP 450"), utilisation(50)])).await.unwrap();
    for (sequence, body) in (3..).zip(bodies) {
        ingest(store, &device, batch(sequence, std::slice::from_ref(body))).await.unwrap();
    }
    device
}

async fn listed(store: &Store, filter: NowFilter) -> Vec<NowItem> {
    store.now_items(ALL, filter, None, 200).await.unwrap()
}

/// What is listed, in its order: what it is, and where.
async fn seen(store: &Store, filter: NowFilter) -> Vec<(NowKind, String)> {
    let items = listed(store, filter).await.into_iter();
    items.map(|item| (item.kind, item.device.map(|device| device.to_string()).unwrap_or_default())).collect()
}

fn on(shelf: NowShelf) -> NowFilter {
    NowFilter { shelf: Some(shelf), ..NowFilter::default() }
}

async fn act(store: &Store, item: &NowItem, act: NowAct, by: &str) -> Result<NowItem, NowRefusal> {
    let seen = (item.key, Some(item.version));
    store.act_on_now(ALL, seen, (act, None), by.to_owned(), now()).await.unwrap()
}

async fn only(store: &Store) -> NowItem {
    let mut items = listed(store, NowFilter::default()).await;
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0)
}

async fn again(store: &Store, item: &NowItem) -> NowItem {
    store.now_item(ALL, item.key).await.unwrap().unwrap()
}

/// The item's history, the oldest first: who did what.
async fn history(store: &Store, item: &NowItem) -> Vec<(Option<String>, NowWhat)> {
    let mut found = store.now_history(ALL, item.key, (None, 100)).await.unwrap();
    found.reverse();
    found.into_iter().map(|entry| (entry.who, entry.what)).collect()
}

fn at(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

/// A device is out of contact since then, and somebody should look after it.
async fn silent(store: &Store, device: &DeviceId, since: Timestamp, remote: &str) {
    let contact = ContactRecord { device: device.clone(), last_contact: since, remote: remote.to_owned() };
    store.keep_contacts(vec![contact]).await.unwrap();
    let finding = Finding::Contact { last_contact: since };
    let step = |step| Change { device: device.clone(), finding: finding.clone(), begun: now(), step };
    store.keep_watches(vec![step(Step::Begin), step(Step::Overdue(now()))]).await.unwrap();
}

async fn back(store: &Store, device: &DeviceId, since: Timestamp) {
    let finding = Finding::Contact { last_contact: since };
    let change = Change { device: device.clone(), finding, begun: now(), step: Step::End(now()) };
    store.keep_watches(vec![change]).await.unwrap();
}

/// A site, and its customer.
async fn site(store: &Store, customer: &str, site: &str) -> (i64, i64) {
    let customer =
        store.add_customer(NewCustomer { name: customer.into(), note: None }).await.unwrap().unwrap();
    let new = NewSite { customer, name: site.into(), address: None, time_zone: None };
    (customer, store.add_site(new).await.unwrap().unwrap())
}

async fn put_at(store: &Store, device: &DeviceId, site: i64) {
    let change = DetailsChange { site: Some(Some(site)), ..Default::default() };
    store.set_details(ALL, device.clone(), change, "anna".into(), now()).await.unwrap().unwrap();
}

async fn retire(store: &Store, device: &DeviceId) {
    let expires = now() + SignedDuration::from_hours(1);
    let id = format!("retire-{device}").parse().unwrap();
    let command = Command { id, issued: now(), expires, action: Action::Retire, issued_by: None };
    store.retire(device.clone(), command, "anna".into(), now()).await.unwrap().unwrap();
}

async fn is_right(store: &Store) {
    assert_eq!(store.states_astray().await.unwrap(), []);
    assert_eq!(store.rows_of_nobody().await.unwrap(), []);
}

mod suite {
    use super::*;

    pub(super) async fn what_is_open_is_listed_the_most_urgent_first_and_goes_by_itself(store: Store) {
        use NowKind::{Alert, Order, ServiceCall, Silent};
        device(&store, "low", &[toner_low("a1")]).await;
        device(&store, "coming", &[forecast("a1")]).await;
        device(&store, "asks", &[order("o1", 2), service_call("it rattles")]).await;
        let stopped = device(&store, "stopped", &[condition("a1", "jam", "mediaPath", "path")]).await;
        let away = device(&store, "away", &[]).await;
        silent(&store, &away, at(-60), "192.0.2.1").await;
        let expected = [
            (Alert, "stopped"),
            (ServiceCall, "asks"),
            (Order, "asks"),
            (Silent, "away"),
            (Alert, "low"),
            (Alert, "coming"),
        ];
        let expected = expected.map(|(kind, device)| (kind, device.to_owned()));
        assert_eq!(seen(&store, NowFilter::default()).await, expected);
        is_right(&store).await;

        // What was reported twice is there once; what ends is over, and its item stays to be looked up.
        let item = listed(&store, NowFilter::default()).await.remove(0);
        assert_eq!((item.urgency, item.training, item.version), (Urgency::Stopped, Training::Untrained, 1));
        ingest(&store, &stopped, batch(3, &[condition("a1", "jam", "mediaPath", "path")])).await.unwrap();
        ingest(&store, &stopped, batch(4, &[cleared("a1")])).await.unwrap();
        back(&store, &away, at(-60)).await;
        assert_eq!(seen(&store, NowFilter::default()).await.len(), 4);
        assert!(again(&store, &item).await.ended.is_some());
        let call = store.service_calls(ALL, ServiceCallFilter::default(), None, 10).await.unwrap().remove(0);
        let handled = ServiceCallState::Done;
        store.set_service_call(ALL, call.key, handled, "anna".into(), now()).await.unwrap().unwrap();
        let ordered = store.orders(ALL, OrderFilter::default(), None, 10).await.unwrap().remove(0);
        store.set_order(ALL, ordered.key, OrderState::Approved, "anna".into(), now()).await.unwrap().unwrap();
        assert_eq!(seen(&store, NowFilter::default()).await, expected[4..]);
        is_right(&store).await;
    }

    pub(super) async fn an_item_is_taken_given_back_commented_on_and_each_act_is_written_down(store: Store) {
        device(&store, "lobby", &[toner_low("a1")]).await;
        let item = only(&store).await;
        let taken = act(&store, &item, NowAct::Take, "anna").await.unwrap();
        assert_eq!(
            (taken.shelf, taken.taken_by.as_deref(), taken.version),
            (NowShelf::Taken, Some("anna"), 2)
        );
        assert_eq!(act(&store, &taken, NowAct::Take, "anna").await, Err(NowRefusal::TakenAlready));
        // Words need no version, and overwrite nothing.
        for by in ["berta", "carl"] {
            let (seen, words) = ((item.key, None), (NowAct::Comment, Some(format!("{by} was there"))));
            store.act_on_now(ALL, seen, words, by.into(), now()).await.unwrap().unwrap();
        }
        let now_so = again(&store, &item).await;
        assert_eq!((now_so.version, now_so.words), (4, 2));
        assert_eq!(now_so.comment.clone().unwrap().words.as_deref(), Some("carl was there"));
        let over = act(&store, &now_so, NowAct::Take, "berta").await.unwrap();
        assert_eq!(over.taken_by.as_deref(), Some("berta"));
        let given = act(&store, &over, NowAct::GiveBack, "anna").await.unwrap();
        assert_eq!((given.shelf, given.taken_by.as_deref()), (NowShelf::Waiting, None));
        assert_eq!(act(&store, &given, NowAct::GiveBack, "anna").await, Err(NowRefusal::Waits));
        let who = |who: &str, what| (Some(who.to_owned()), what);
        let expected = [
            who("anna", NowWhat::Taken),
            who("berta", NowWhat::Commented),
            who("carl", NowWhat::Commented),
            who("berta", NowWhat::Taken),
            who("anna", NowWhat::GivenBack),
        ];
        assert_eq!(history(&store, &item).await, expected);
        let page = store.now_history(ALL, item.key, (None, 2)).await.unwrap();
        let rest = store.now_history(ALL, item.key, (Some(page[1].key), 10)).await.unwrap();
        assert_eq!((page.len(), rest.len()), (2, 3));
    }

    pub(super) async fn of_two_who_act_at_once_the_second_is_told_what_the_first_did(store: Store) {
        device(&store, "lobby", &[toner_low("a1")]).await;
        let item = only(&store).await;
        act(&store, &item, NowAct::Take, "anna").await.unwrap();
        for act in [NowAct::Take, NowAct::Close, NowAct::Snooze(at(60)), NowAct::GiveBack] {
            let refused = super::act(&store, &item, act, "berta").await.unwrap_err();
            let NowRefusal::Changed(as_it_is, Some(last)) = refused else { panic!("{refused:?}") };
            assert_eq!((as_it_is.version, as_it_is.taken_by.as_deref()), (2, Some("anna")));
            assert_eq!((last.who.as_deref(), last.what), (Some("anna"), NowWhat::Taken));
        }
        assert_eq!(history(&store, &item).await.len(), 1, "what was refused is not written down");
        let any = (item.key, None);
        store.act_on_now(ALL, any, (NowAct::Close, None), "berta".into(), now()).await.unwrap().unwrap();
        let nobody = (item.key + 1_000, Some(1));
        let missing =
            store.act_on_now(ALL, nobody, (NowAct::Take, None), "berta".into(), now()).await.unwrap();
        assert_eq!(missing, Err(NowRefusal::Missing));
    }

    pub(super) async fn what_sleeps_wakes_at_its_moment_and_who_had_taken_it_has_it_again(store: Store) {
        device(&store, "lobby", &[toner_low("a1"), service_call("x")]).await;
        let [call, alert] = listed(&store, NowFilter::default()).await.try_into().unwrap();
        let taken = act(&store, &alert, NowAct::Take, "anna").await.unwrap();
        let asleep = act(&store, &taken, NowAct::Snooze(at(60)), "anna").await.unwrap();
        assert_eq!((asleep.shelf, asleep.until), (NowShelf::Snoozed, Some(at(60))));
        act(&store, &call, NowAct::Snooze(at(30)), "berta").await.unwrap();
        assert_eq!(seen(&store, NowFilter::default()).await, []);
        assert_eq!(store.wake_now(at(29)).await.unwrap(), Vec::<i64>::new());
        assert_eq!(store.wake_now(at(30)).await.unwrap(), [call.key]);
        assert_eq!(store.wake_now(at(90)).await.unwrap(), [alert.key]);
        assert_eq!(again(&store, &call).await.shelf, NowShelf::Waiting);
        let alert = again(&store, &alert).await;
        assert_eq!(
            (alert.shelf, alert.taken_by.as_deref(), alert.until),
            (NowShelf::Taken, Some("anna"), None)
        );
        let all = [NowWhat::Taken, NowWhat::Snoozed, NowWhat::Woken];
        let what: Vec<NowWhat> = history(&store, &alert).await.into_iter().map(|(_, what)| what).collect();
        assert_eq!(what, all);
    }

    pub(super) async fn to_close_handles_a_call_orders_an_order_and_keeps_an_alert_closed_until_it_comes_anew(
        store: Store,
    ) {
        let lobby = device(&store, "lobby", &[toner_low("a1"), order("o1", 1), service_call("x")]).await;
        for item in listed(&store, NowFilter::default()).await {
            let closed = act(&store, &item, NowAct::Close, "anna").await.unwrap();
            assert_eq!(closed.shelf, NowShelf::Closed);
            assert_eq!(closed.ended.is_some(), item.kind != NowKind::Alert);
        }
        let call = store.service_calls(ALL, ServiceCallFilter::default(), None, 10).await.unwrap().remove(0);
        assert_eq!((call.state, call.changed_by.as_deref()), (ServiceCallState::Done, Some("anna")));
        let order = store.orders(ALL, OrderFilter::default(), None, 10).await.unwrap().remove(0);
        assert_eq!(order.state, OrderState::Approved);
        assert_eq!(seen(&store, NowFilter::default()).await, []);

        // The device says it once more, and it stays closed; what is raised anew is not.
        let standing = json!({"kind": "alerts_standing", "standing_alerts": ["a1"], "alerts": []});
        ingest(&store, &lobby, batch(6, &[standing, toner_low("a1")])).await.unwrap();
        assert_eq!(seen(&store, NowFilter::default()).await, []);
        let closed = listed(&store, on(NowShelf::Closed)).await.remove(0);
        let put_back = act(&store, &closed, NowAct::GiveBack, "anna").await.unwrap();
        assert_eq!(seen(&store, NowFilter::default()).await.len(), 1);
        act(&store, &put_back, NowAct::Close, "anna").await.unwrap();
        ingest(&store, &lobby, batch(8, &[cleared("a1"), toner_low("a2")])).await.unwrap();
        assert_eq!(only(&store).await.version, 1, "another item");
        let gone = again(&store, &closed).await;
        assert!(gone.ended.is_some());
        assert!(matches!(act(&store, &gone, NowAct::Take, "anna").await, Err(NowRefusal::Over(_))));
        is_right(&store).await;
    }

    pub(super) async fn filters_counts_and_pages_agree(store: Store) {
        let (nord, kiel) = site(&store, "Nord", "Kiel").await;
        for number in 0..7 {
            let lobby = device(
                &store,
                &format!("d{number}"),
                &[toner_low("a1"), condition("a2", "jam", "mediaPath", "path"), service_call("x")],
            )
            .await;
            if number < 3 {
                put_at(&store, &lobby, kiel).await;
            }
        }
        let all = listed(&store, NowFilter::default()).await;
        assert_eq!(all.len(), 21);
        for item in &all[..4] {
            act(&store, item, NowAct::Take, "anna").await.unwrap();
        }
        act(&store, &all[5], NowAct::Take, "berta").await.unwrap();
        act(&store, &all[6], NowAct::Close, "berta").await.unwrap();
        let counts = store.now_counts(ALL, NowFilter::default(), "anna".into()).await.unwrap();
        assert_eq!((counts.waiting, counts.taken, counts.mine, counts.closed), (15, 5, 4, 1));
        assert_eq!(counts.urgencies.values().map(|(waiting, _)| waiting).sum::<u64>(), 15);

        // A page at a time it is the same list, those that are taken last.
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let page = store.now_items(ALL, NowFilter::default(), after, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.place_in_list());
            paged.extend(page);
        }
        assert_eq!(paged, listed(&store, NowFilter::default()).await);
        assert_eq!(paged.iter().filter(|item| item.shelf == NowShelf::Waiting).count(), 15);
        assert!(paged.is_sorted_by_key(NowItem::place_in_list));

        let count = async |filter| listed(&store, filter).await.len();
        assert_eq!(count(NowFilter { customer: Some(nord), ..NowFilter::default() }).await, 9);
        assert_eq!(count(NowFilter { taken_by: Some("anna".into()), ..NowFilter::default() }).await, 4);
        assert_eq!(count(on(NowShelf::Taken)).await, 5);
        let calls = NowFilter { urgency: Some(Urgency::ServiceCall), ..NowFilter::default() };
        assert_eq!(count(calls).await, 7);
        let technician = NowFilter { training: Some(Training::FieldService), ..NowFilter::default() };
        assert_eq!(count(technician).await, 7);
        let by_customer = store.now_by_customer(ALL, NowFilter::default(), 10).await.unwrap();
        let of_nord = by_customer.iter().find(|of| of.customer == Some((nord, Some("Nord".into())))).unwrap();
        assert_eq!(by_customer.iter().map(|of| of.items).sum::<u64>(), 20);
        assert_eq!(of_nord.urgency, Urgency::Stopped);
    }

    pub(super) async fn a_site_that_falls_silent_is_one_line_and_over_when_all_are_back(store: Store) {
        let (nord, kiel) = site(&store, "Nord", "Kiel").await;
        let mut devices = Vec::new();
        for number in 0..6 {
            let one = device(&store, &format!("d{number}"), &[]).await;
            put_at(&store, &one, kiel).await;
            devices.push(one);
        }
        // Two, and one elsewhere: each for itself.
        silent(&store, &devices[0], at(-60), "198.51.100.7").await;
        silent(&store, &devices[1], at(-58), "198.51.100.7").await;
        silent(&store, &devices[5], at(-59), "203.0.113.1").await;
        assert!(!store.gather_causes(now()).await.unwrap());
        assert_eq!(seen(&store, NowFilter::default()).await.len(), 3);
        // The third makes it one; the one that fell silent long before stays for itself, as does what somebody took.
        silent(&store, &devices[2], at(-55), "198.51.100.7").await;
        silent(&store, &devices[3], at(-600), "198.51.100.7").await;
        assert!(store.gather_causes(now()).await.unwrap());
        assert!(!store.gather_causes(now()).await.unwrap(), "there is nothing more to find");
        let items = listed(&store, NowFilter::default()).await;
        assert_eq!(items.len(), 3);
        let many = &items[0];
        assert_eq!((many.kind, many.devices, many.since), (NowKind::SiteSilent, (3, 3), at(-60)));
        assert_eq!(many.customer, Some((nord, Some("Nord".into()))));
        assert_eq!(many.remote.as_deref(), Some("198.51.100.7"));
        let below = NowFilter { cause: Some(many.key), ..NowFilter::default() };
        let parts = listed(&store, below.clone()).await;
        assert_eq!(parts.len(), 3);
        assert_eq!(act(&store, &parts[0], NowAct::Take, "anna").await, Err(NowRefusal::PartOf(many.key)));
        assert_eq!(history(&store, &parts[0]).await, [(None, NowWhat::PutBelow)]);
        let counts = store.now_counts(ALL, NowFilter::default(), "anna".into()).await.unwrap();
        assert_eq!(counts.waiting, 3, "parts are not counted");

        // One that comes late belongs to it; it is taken as a whole, and over when nobody is left.
        act(&store, many, NowAct::Take, "anna").await.unwrap();
        silent(&store, &devices[4], at(-62), "198.51.100.7").await;
        assert!(store.gather_causes(now()).await.unwrap());
        assert_eq!(again(&store, many).await.devices, (4, 4));
        for (device, minutes) in [(0, -60), (1, -58), (2, -55)] {
            back(&store, &devices[device], at(minutes)).await;
        }
        assert!(!store.gather_causes(now()).await.unwrap());
        assert_eq!(again(&store, many).await.devices, (4, 1));
        back(&store, &devices[4], at(-62)).await;
        assert!(store.gather_causes(now()).await.unwrap());
        let over = again(&store, many).await;
        assert!(over.ended.is_some() && over.taken_by.as_deref() == Some("anna"));
        is_right(&store).await;
    }

    pub(super) async fn a_scope_sees_counts_and_acts_on_its_own_alone(store: Store) {
        let (nord, kiel) = site(&store, "Nord", "Kiel").await;
        let (sued, _) = site(&store, "Sued", "Ulm").await;
        let lobby = device(&store, "lobby", &[toner_low("a1")]).await;
        let other = device(&store, "other", &[toner_low("a1")]).await;
        put_at(&store, &lobby, kiel).await;
        let of = |customer| Scope::Of { customers: [customer].into(), sites: [].into() };
        let at_kiel = Scope::Of { customers: [].into(), sites: [kiel].into() };
        let items = listed(&store, NowFilter::default()).await;
        let theirs = items.iter().find(|item| item.device.as_ref() == Some(&other)).unwrap();
        let ours = items.iter().find(|item| item.device.as_ref() == Some(&lobby)).unwrap();
        for scope in [of(nord), at_kiel] {
            let seen = store.now_items(&scope, NowFilter::default(), None, 10).await.unwrap();
            assert_eq!(seen.iter().map(|item| item.key).collect::<Vec<_>>(), [ours.key]);
            assert_eq!(
                store.now_counts(&scope, NowFilter::default(), "carl".into()).await.unwrap().waiting,
                1
            );
            assert_eq!(store.now_by_customer(&scope, NowFilter::default(), 10).await.unwrap().len(), 1);
            assert_eq!(store.now_item(&scope, theirs.key).await.unwrap(), None);
            assert_eq!(store.now_history(&scope, theirs.key, (None, 10)).await.unwrap(), []);
            let take = (theirs.key, Some(1));
            let refused =
                store.act_on_now(&scope, take, (NowAct::Take, None), "carl".into(), now()).await.unwrap();
            assert_eq!(refused, Err(NowRefusal::Missing));
        }
        // The site is another customer's from now on, and all that is known of it with it.
        let moved = NewSite { customer: sued, name: "Kiel".into(), address: None, time_zone: None };
        store.set_site(kiel, moved, now()).await.unwrap().unwrap();
        assert_eq!(store.now_item(&of(nord), ours.key).await.unwrap(), None);
        assert!(store.now_item(&of(sued), ours.key).await.unwrap().is_some());
        is_right(&store).await;
    }

    pub(super) async fn of_a_device_that_is_retired_or_deleted_nothing_needs_a_person(store: Store) {
        let lobby = device(&store, "lobby", &[toner_low("a1"), service_call("x")]).await;
        let [call, alert] = listed(&store, NowFilter::default()).await.try_into().unwrap();
        act(&store, &alert, NowAct::Take, "anna").await.unwrap();
        retire(&store, &lobby).await;
        assert_eq!(seen(&store, NowFilter::default()).await, []);
        assert!(again(&store, &call).await.ended.is_some());
        is_right(&store).await;
        store.begin_deletion(lobby, "anna".into(), now()).await.unwrap().unwrap();
        assert_eq!(store.now_item(ALL, alert.key).await.unwrap(), None);
        while store.delete_some().await.unwrap() != Deletion::Nothing {}
        is_right(&store).await;
    }

    pub(super) async fn what_is_over_is_let_go_of_with_its_history(store: Store) {
        let lobby = device(&store, "lobby", &[toner_low("a1")]).await;
        let item = only(&store).await;
        act(&store, &item, NowAct::Take, "anna").await.unwrap();
        let for_ever = i64::MAX;
        assert_eq!(store.let_go(Kept::NowItems, for_ever, 100).await.unwrap(), 0, "what is open stays");
        ingest(&store, &lobby, batch(4, &[cleared("a1"), toner_low("a2")])).await.unwrap();
        assert_eq!(store.let_go(Kept::NowItems, 1, 100).await.unwrap(), 0, "it is over since lately");
        assert_eq!(store.let_go(Kept::NowItems, for_ever, 100).await.unwrap(), 1);
        assert_eq!(store.now_item(ALL, item.key).await.unwrap(), None);
        assert_eq!(seen(&store, NowFilter::default()).await.len(), 1);
    }
}

on_every_store! {
    what_is_open_is_listed_the_most_urgent_first_and_goes_by_itself,
    an_item_is_taken_given_back_commented_on_and_each_act_is_written_down,
    of_two_who_act_at_once_the_second_is_told_what_the_first_did,
    what_sleeps_wakes_at_its_moment_and_who_had_taken_it_has_it_again,
    to_close_handles_a_call_orders_an_order_and_keeps_an_alert_closed_until_it_comes_anew,
    filters_counts_and_pages_agree,
    a_site_that_falls_silent_is_one_line_and_over_when_all_are_back,
    a_scope_sees_counts_and_acts_on_its_own_alone,
    of_a_device_that_is_retired_or_deleted_nothing_needs_a_person,
    what_is_over_is_let_go_of_with_its_history,
}
