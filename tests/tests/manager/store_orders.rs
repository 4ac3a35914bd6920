//! The suite of the store over orders, on each engine: what is proposed and by which rule, what becomes one, what the machine
//! closes, who did what, and of two who act at once the second is told.

use jiff::SignedDuration;
use platen_manager::store::{
    DetailsChange, Grouping, Kept, NewCustomer, NewOrder, OrderFilter, OrderMove, OrderOrigin, OrderRecord,
    OrderRefusal, OrderState, OrderWhat, Proposes, Scope, Store,
};
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::{Action, Command};
use serde_json::{Value, json};

use platen_tests::rigs::manager::messages::{
    batch, cleared, full_supply, order, replaced, started, supply, toner_low, utilisation,
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

/// All orders, the newest first.
async fn orders(store: &Store) -> Vec<OrderRecord> {
    store.orders(ALL, OrderFilter::default(), None, 100).await.unwrap()
}

async fn only(store: &Store) -> OrderRecord {
    let mut orders = orders(store).await;
    assert_eq!(orders.len(), 1, "{orders:?}");
    orders.remove(0)
}

/// What was done with an order, the oldest first: who did what.
async fn history(store: &Store, order: &OrderRecord) -> Vec<(Option<String>, OrderWhat)> {
    let mut found = store.order_acts(ALL, order.key, (None, 100)).await.unwrap();
    found.reverse();
    found.into_iter().map(|act| (act.who, act.what)).collect()
}

async fn put(
    store: &Store,
    order: &OrderRecord,
    to: impl Into<OrderMove>,
    by: &str,
) -> Result<OrderRecord, OrderRefusal> {
    let seen = (order.key, Some(order.version));
    store.move_order(ALL, seen, to.into(), by.to_owned(), now()).await.unwrap()
}

/// The open requests of which the device is told.
async fn told(store: &Store, device: &DeviceId) -> Vec<String> {
    let open = store.open_requests(device).await.unwrap();
    open.orders.iter().map(ToString::to_string).collect()
}

/// An alert that black toner ends within its set value in days.
fn ends_soon(id: &str) -> Value {
    let mut alert = toner_low(id);
    let mut low = full_supply(40);
    low["set_days"] = json!(30);
    alert["alert"]["supply"] = low;
    alert
}

/// Another cartridge is in.
fn fitted(serial: &str, before: &str) -> Value {
    let mut body = replaced();
    body["fitted_supply"]["serial"] = json!(serial);
    body["removed_supply"]["serial"] = json!(before);
    body
}

/// Another cartridge is put in at a moment of its own.
async fn fit(store: &Store, device: &DeviceId, sequence: u64, (serial, before): (&str, &str)) {
    let mut batch = batch(sequence, &[fitted(serial, before)]);
    batch["reports"][0]["taken"]["monotonic_ms"] = json!(sequence * 1_000);
    ingest(store, device, batch).await.unwrap();
}

async fn retire(store: &Store, device: &DeviceId) {
    let expires = now() + SignedDuration::from_hours(1);
    let command = Command {
        id: format!("retire-{device}").parse().unwrap(),
        issued: now(),
        expires,
        action: Action::Retire,
        issued_by: None,
    };
    store.retire(device.clone(), command, "anna".into(), now()).await.unwrap().unwrap();
}

mod suite {
    use super::*;

    pub(super) async fn what_a_set_value_proposes_and_a_person_asks_for_is_one_order(store: Store) {
        let lobby = device(&store, "lobby", &[toner_low("a1")]).await;
        let proposed = only(&store).await;
        assert_eq!((proposed.state, proposed.entered_by), (OrderState::Proposed, OrderOrigin::SetValue));
        assert_eq!((proposed.id.as_ref(), proposed.quantity, proposed.version), (None, 1, 1));
        assert_eq!(told(&store, &lobby).await, [""; 0], "nobody asked there");
        // By its forecast as well, and then by a person: it stays the one order.
        ingest(&store, &lobby, batch(4, &[ends_soon("a2")])).await.unwrap();
        ingest(&store, &lobby, batch(5, &[order("o1", 2)])).await.unwrap();
        let asked = only(&store).await;
        assert_eq!((asked.key, asked.state, asked.quantity), (proposed.key, OrderState::Asked, 2));
        assert_eq!(asked.note.as_deref(), Some("two for the shelf"));
        assert_eq!((asked.entered_by, asked.duplicate_of), (OrderOrigin::Command, None));
        assert_eq!(told(&store, &lobby).await, ["o1"]);
        let done = [OrderWhat::Proposed, OrderWhat::Also, OrderWhat::Asked].map(|what| (None, what));
        assert_eq!(history(&store, &asked).await, done);
        // Told again by a device that lost its outbox.
        ingest(&store, &lobby, batch(6, &[order("o1", 2)])).await.unwrap();
        assert_eq!(only(&store).await, asked);
    }

    pub(super) async fn what_was_decided_stays_when_somebody_asks_for_it_too(store: Store) {
        let lobby = device(&store, "lobby", &[toner_low("a1")]).await;
        let approved = put(&store, &only(&store).await, OrderState::Approved, "anna").await.unwrap();
        ingest(&store, &lobby, batch(4, &[order("o1", 2)])).await.unwrap();
        let both = only(&store).await;
        assert_eq!(
            (both.state, both.quantity, both.version),
            (OrderState::Approved, 1, approved.version + 1)
        );
        assert_eq!(told(&store, &lobby).await, ["o1"]);
        // Somebody who insists gets an order beside it, about which an operator decides.
        let mut again = order("o2", 1);
        again["again"] = json!(true);
        ingest(&store, &lobby, batch(5, &[again])).await.unwrap();
        assert_eq!(orders(&store).await[0].duplicate_of, Some(both.key));
    }

    pub(super) async fn the_rule_is_for_everybody_or_for_one_customer_and_goes_by_what_speaks_for_it(
        store: Store,
    ) {
        let customer = NewCustomer { name: "Nord AG".into(), note: None };
        let customer = store.add_customer(customer).await.unwrap().unwrap();
        let lobby = device(&store, "lobby", &[]).await;
        let change = DetailsChange { customer: Some(Some(customer)), ..Default::default() };
        store.set_details(ALL, lobby.clone(), change, "anna".into(), now()).await.unwrap().unwrap();
        let mut sequence = 3;
        let mut proposes = async |rule: (Option<Proposes>, Option<Proposes>), alert: fn(&str) -> Value| {
            assert!(store.set_order_rule(None, rule.0).await.unwrap());
            assert!(store.set_order_rule(Some(customer), rule.1).await.unwrap());
            let id = format!("a{sequence}");
            ingest(&store, &lobby, batch(sequence, &[alert(&id)])).await.unwrap();
            let open = OrderFilter { open: Some(true), ..OrderFilter::default() };
            let proposed = store.orders(ALL, open, None, 10).await.unwrap().pop();
            ingest(&store, &lobby, batch(sequence + 1, &[cleared(&id)])).await.unwrap();
            sequence += 2;
            proposed.map(|order| order.entered_by)
        };
        let (on, set_value, off) = (Some(Proposes::On), Some(Proposes::SetValue), Some(Proposes::Off));
        assert_eq!(proposes((None, None), toner_low).await, Some(OrderOrigin::SetValue), "by default");
        assert_eq!(proposes((None, None), ends_soon).await, Some(OrderOrigin::Forecast));
        assert_eq!(proposes((off, None), toner_low).await, None);
        assert_eq!(proposes((off, on), toner_low).await, Some(OrderOrigin::SetValue));
        assert_eq!(proposes((on, set_value), ends_soon).await, None);
        assert_eq!(proposes((on, set_value), toner_low).await, Some(OrderOrigin::SetValue));
        assert_eq!(proposes((on, off), toner_low).await, None);
        let (all, customers) = store.order_rules().await.unwrap();
        assert_eq!((all, customers.len(), customers[0].proposes), (Proposes::On, 1, Proposes::Off));
        assert!(!store.set_order_rule(Some(customer + 1), off).await.unwrap());
        // Each was withdrawn with its alert, and says so.
        let ended = orders(&store).await;
        assert!(ended.iter().all(|order| order.state == OrderState::Cancelled));
        assert!(ended.iter().all(|order| order.reason.as_deref() == Some("the alert is over")));
    }

    pub(super) async fn another_cartridge_in_the_machine_closes_the_order_and_what_is_at_hand_is_not_proposed(
        store: Store,
    ) {
        let lobby = device(&store, "lobby", &[order("o1", 2)]).await;
        let shipped = OrderMove {
            carrier: Some("DHL".into()),
            tracking: Some("JJD01".into()),
            ..OrderState::Shipped.into()
        };
        put(&store, &only(&store).await, shipped, "anna").await.unwrap();
        fit(&store, &lobby, 4, ("K-2", "K-1")).await;
        let done = only(&store).await;
        assert_eq!((done.state, done.fitted, done.changed_by.as_deref()), (OrderState::Delivered, 1, None));
        assert_eq!((done.fitted_serial.as_deref(), done.tracking.as_deref()), (Some("K-2"), Some("JJD01")));
        assert_eq!(done.fitted_at, Some(now()));
        assert_eq!(
            told(&store, &lobby).await,
            [""; 0],
            "the device hears that it no longer stands in the way"
        );
        // The second piece lies beside the machine: nothing is proposed until it is in.
        ingest(&store, &lobby, batch(5, &[toner_low("a1")])).await.unwrap();
        assert_eq!(orders(&store).await.len(), 1);
        ingest(&store, &lobby, batch(6, &[cleared("a1")])).await.unwrap();
        fit(&store, &lobby, 7, ("K-3", "K-2")).await;
        let done = only(&store).await;
        assert_eq!((done.fitted, done.fitted_serial.as_deref()), (2, Some("K-2")));
        ingest(&store, &lobby, batch(8, &[toner_low("a2")])).await.unwrap();
        let [proposed, _] = orders(&store).await.try_into().unwrap();
        assert_eq!(proposed.state, OrderState::Proposed);
        // One of before is no new one, and of what was only proposed nothing was delivered.
        fit(&store, &lobby, 9, ("K-1", "K-3")).await;
        assert_eq!(orders(&store).await[0].state, OrderState::Proposed);
        fit(&store, &lobby, 10, ("K-4", "K-1")).await;
        let [over, _] = orders(&store).await.try_into().unwrap();
        assert_eq!((over.state, over.fitted), (OrderState::Cancelled, 0));
        assert!(over.reason.unwrap().contains("serial K-4"));
    }

    pub(super) async fn a_cartridge_that_comes_back_in_another_machine_is_told_and_closes_nothing(
        store: Store,
    ) {
        device(&store, "vault", &[fitted("K-7", "K-6")]).await;
        let lobby = device(&store, "lobby", &[order("o1", 1), fitted("K-6", "K-1")]).await;
        let replacement = store.replacements(ALL, Some(lobby.clone()), None, 10).await.unwrap().remove(0);
        assert_eq!((replacement.came_back, replacement.came_from), (true, Some(name("vault"))));
        assert_eq!(only(&store).await.state, OrderState::Asked);
        // Who does not see that machine does not hear its name.
        let customer = NewCustomer { name: "Nord AG".into(), note: None };
        let customer = store.add_customer(customer).await.unwrap().unwrap();
        let change = DetailsChange { customer: Some(Some(customer)), ..Default::default() };
        store.set_details(ALL, lobby.clone(), change, "anna".into(), now()).await.unwrap().unwrap();
        let scope = Scope::Of { customers: [customer].into(), sites: [].into() };
        let seen = store.replacements(&scope, Some(lobby), None, 10).await.unwrap().remove(0);
        assert_eq!((seen.came_back, seen.came_from), (true, None));
    }

    pub(super) async fn of_two_who_change_one_order_the_second_is_told_and_each_state_has_its_history(
        store: Store,
    ) {
        device(&store, "lobby", &[order("o1", 1)]).await;
        let seen = only(&store).await;
        let shipped = OrderMove { tracking: Some("JJD01".into()), ..OrderMove::from(OrderState::Shipped) };
        let by_anna = put(&store, &seen, shipped, "anna").await.unwrap();
        assert_eq!((by_anna.version, by_anna.changed_by.as_deref()), (2, Some("anna")));
        let refused = put(&store, &seen, OrderState::Cancelled, "ben").await.unwrap_err();
        let OrderRefusal::Changed(order, Some(last)) = refused else { panic!("{refused:?}") };
        assert_eq!((order.state, last.who.as_deref()), (OrderState::Shipped, Some("anna")));
        assert_eq!((last.what, last.words.as_deref()), (OrderWhat::Shipped, Some("JJD01")));
        let why = OrderMove { reason: Some("moved out".into()), ..OrderState::Cancelled.into() };
        let over = put(&store, &by_anna, why, "ben").await.unwrap();
        assert_eq!((over.reason.as_deref(), over.tracking.as_deref()), (Some("moved out"), Some("JJD01")));
        let back = put(&store, &over, OrderState::Approved, "anna").await.unwrap();
        assert_eq!((back.state, back.reason.as_deref()), (OrderState::Approved, None));
        let by = |who: &str, what| (Some(who.to_owned()), what);
        let expected = [
            (None, OrderWhat::Asked),
            by("anna", OrderWhat::Shipped),
            by("ben", OrderWhat::Cancelled),
            by("anna", OrderWhat::Approved),
        ];
        assert_eq!(history(&store, &back).await, expected);
        assert_eq!(put(&store, &back, OrderState::Proposed, "ben").await, Err(OrderRefusal::NoProposal));
        let scope = Scope::Of { customers: [].into(), sites: [].into() };
        let unseen =
            store.move_order(&scope, (back.key, None), OrderState::Shipped.into(), "ben".into(), now());
        assert_eq!(unseen.await.unwrap(), Err(OrderRefusal::Missing));
        assert_eq!(store.order(&scope, back.key).await.unwrap(), None);
        assert_eq!(store.order_acts(&scope, back.key, (None, 9)).await.unwrap(), []);
    }

    pub(super) async fn an_order_is_made_at_the_desk_one_of_a_supply_and_none_of_a_retired_device(
        store: Store,
    ) {
        let lobby = device(&store, "lobby", &[]).await;
        let new = || NewOrder {
            device: lobby.clone(),
            supply: serde_json::from_value(supply(50)).unwrap(),
            simulated: true,
            quantity: 3,
            note: Some("for the fair".into()),
        };
        let made = store.add_order(ALL, new(), "anna".into(), now()).await.unwrap().unwrap();
        assert_eq!(
            (made.state, made.entered_by, made.quantity),
            (OrderState::Asked, OrderOrigin::Operator, 3)
        );
        assert_eq!(told(&store, &lobby).await, [""; 0]);
        let again = store.add_order(ALL, new(), "ben".into(), now()).await.unwrap();
        assert_eq!(again, Err(OrderRefusal::Exists(made.key, OrderState::Asked)));
        let none = Scope::Of { customers: [].into(), sites: [].into() };
        let unseen = store.add_order(&none, new(), "ben".into(), now()).await.unwrap();
        assert_eq!(unseen, Err(OrderRefusal::Missing));
        retire(&store, &lobby).await;
        let retired = OrderRefusal::Retired(lobby.clone());
        assert_eq!(put(&store, &made, OrderState::Approved, "anna").await, Err(retired.clone()));
        assert!(put(&store, &made, OrderState::Cancelled, "anna").await.is_ok(), "it can be ended");
        assert_eq!(store.add_order(ALL, new(), "anna".into(), now()).await.unwrap(), Err(retired));
    }

    pub(super) async fn orders_are_found_by_state_customer_and_words(store: Store) {
        let lobby = device(&store, "lobby", &[order("o1", 1)]).await;
        device(&store, "vault", &[toner_low("a1")]).await;
        let customer = NewCustomer { name: "Nord AG".into(), note: None };
        let customer = store.add_customer(customer).await.unwrap().unwrap();
        let change = DetailsChange { customer: Some(Some(customer)), ..Default::default() };
        store.set_details(ALL, lobby, change, "anna".into(), now()).await.unwrap().unwrap();
        let found = async |filter: OrderFilter| -> Vec<String> {
            let orders = store.orders(ALL, filter, None, 10).await.unwrap();
            orders.into_iter().map(|order| order.device.to_string()).collect()
        };
        let of = OrderFilter { customer: Some(customer), ..OrderFilter::default() };
        assert_eq!(found(of).await, ["lobby"]);
        let proposed = OrderFilter { state: Some(OrderState::Proposed), ..OrderFilter::default() };
        assert_eq!(found(proposed).await, ["vault"]);
        for (words, expected) in [
            ("tk-8335", vec!["lobby"]),
            ("BLACK", vec!["vault", "lobby"]),
            ("lob shelf", vec!["lobby"]),
            ("lob vault", vec![]),
            ("%", vec![]),
            ("_", vec![]),
        ] {
            let by = OrderFilter { text: Some(words.to_owned()), ..OrderFilter::default() };
            assert_eq!(found(by).await, expected, "{words}");
        }
    }

    pub(super) async fn what_is_closed_is_let_go_of_with_its_history(store: Store) {
        device(&store, "lobby", &[order("o1", 1)]).await;
        device(&store, "vault", &[order("o2", 1)]).await;
        let [kept, gone] = orders(&store).await.try_into().unwrap();
        put(&store, &gone, OrderState::Delivered, "anna").await.unwrap();
        assert_eq!(store.let_go(Kept::Orders, i64::MAX, 100).await.unwrap(), 1);
        assert_eq!(only(&store).await.key, kept.key);
        assert_eq!(history(&store, &gone).await, []);
        assert_eq!(history(&store, &kept).await.len(), 1);
    }
}

on_every_store! {
    what_a_set_value_proposes_and_a_person_asks_for_is_one_order,
    what_was_decided_stays_when_somebody_asks_for_it_too,
    the_rule_is_for_everybody_or_for_one_customer_and_goes_by_what_speaks_for_it,
    another_cartridge_in_the_machine_closes_the_order_and_what_is_at_hand_is_not_proposed,
    a_cartridge_that_comes_back_in_another_machine_is_told_and_closes_nothing,
    of_two_who_change_one_order_the_second_is_told_and_each_state_has_its_history,
    an_order_is_made_at_the_desk_one_of_a_supply_and_none_of_a_retired_device,
    orders_are_found_by_state_customer_and_words,
    what_is_closed_is_let_go_of_with_its_history,
}
