//! The suite of the store over parts and shelves, on each engine: what an order takes and gives back, what is told to the second of
//! two who change a place, and what a cartridge that was taken out was worth.

use platen_manager::money::Money;
use platen_manager::store::{
    DetailsChange, Grouping, NewCustomer, NewPart, NewSite, OrderFilter, OrderMove, OrderRecord, OrderState,
    OrderWhat, PartRefusal, PlaceRefusal, Scope, ShelfFilter, Store,
};
use platen_protocol::identity::DeviceId;
use serde_json::json;

use platen_tests::rigs::manager::messages::{batch, order, replaced, started, utilisation};
use platen_tests::rigs::postgres::Cluster;

use super::store::{ingest, let_in, now, on_every_store, on_postgres};

const ALL: &Scope = &Scope::All;
/// What the devices of these tests order.
const NUMBER: &str = "TK-8335K";

fn part(number: &str, price: Option<&str>) -> NewPart {
    NewPart {
        number: number.to_owned(),
        name: "Black toner".to_owned(),
        price: price.map(|amount| Money::parse(amount, "EUR").unwrap()),
        yields: Some(25_000),
    }
}

/// A device at a site, which orders two; its order.
async fn ordered(store: &Store) -> (OrderRecord, i64, i64) {
    let customer = NewCustomer { name: "Nord AG".into(), note: None };
    let customer = store.add_customer(customer).await.unwrap().unwrap();
    let site = NewSite { customer, name: "Kiel".into(), address: None, time_zone: None };
    let site = store.add_site(site).await.unwrap().unwrap();
    let lobby: DeviceId = "lobby".parse().unwrap();
    let_in(store, &lobby).await;
    ingest(store, &lobby, batch(1, &[started("MFP 450"), utilisation(50)])).await.unwrap();
    let change = DetailsChange { site: Some(Some(site)), ..Default::default() };
    store.set_details(ALL, lobby.clone(), change, "anna".into(), now()).await.unwrap().unwrap();
    ingest(store, &lobby, batch(3, &[order("o1", 2)])).await.unwrap();
    let order = store.orders(ALL, OrderFilter::default(), None, 10).await.unwrap().remove(0);
    (order, customer, site)
}

async fn put(store: &Store, order: &OrderRecord, to: impl Into<OrderMove>) -> OrderRecord {
    let moved = store.move_order(ALL, (order.key, None), to.into(), "anna".into(), now()).await.unwrap();
    moved.unwrap()
}

/// Gives the part a place, and says which.
async fn place(store: &Store, site: Option<i64>, pieces: u32, reorder_at: u32) -> i64 {
    let of = (NUMBER.to_owned(), site);
    store.add_shelf(of, (pieces, reorder_at), "anna".into(), now()).await.unwrap().unwrap()
}

async fn lie(store: &Store, place: i64) -> u32 {
    store.shelf(place).await.unwrap().unwrap().pieces
}

mod suite {
    use super::*;

    pub(super) async fn an_order_takes_from_the_nearest_shelf_once_and_gives_back_when_nothing_comes_of_it(
        store: Store,
    ) {
        let (order, _, site) = ordered(&store).await;
        store.add_part(part(NUMBER, Some("89.90"))).await.unwrap().unwrap();
        let (own, there) = (place(&store, None, 5, 4).await, place(&store, Some(site), 3, 0).await);
        let approved = put(&store, &order, OrderState::Approved).await;
        assert_eq!((lie(&store, own).await, lie(&store, there).await), (5, 1), "its own site is nearest");
        assert_eq!((approved.taken, approved.price.unwrap().to_string().as_str()), (2, "89.90 EUR"));
        let shipped = put(&store, &approved, OrderState::Shipped).await;
        let delivered = put(&store, &shipped, OrderState::Delivered).await;
        assert_eq!((lie(&store, there).await, delivered.taken), (1, 2), "once");
        // A price of later is not the order's.
        let key = store.parts(None, None, 10).await.unwrap()[0].key;
        store.set_part((key, None), part(NUMBER, Some("99"))).await.unwrap().unwrap();
        let over = put(&store, &delivered, OrderState::Cancelled).await;
        assert_eq!((lie(&store, there).await, over.taken), (3, 0));
        assert_eq!(over.price.unwrap().to_string(), "89.90 EUR");
        // Where its site has too few, the service centre's shelf gives it; then that is too low.
        store.put_on_shelf((there, -2), ("ben".into(), Some("lent".into())), now()).await.unwrap().unwrap();
        put(&store, &over, OrderState::Shipped).await;
        assert_eq!((lie(&store, own).await, lie(&store, there).await), (3, 1));
        let below = ShelfFilter { below: true, ..ShelfFilter::default() };
        let below = store.shelves(below, None, 10).await.unwrap();
        assert_eq!(below.iter().map(|one| one.key).collect::<Vec<_>>(), [own]);
        let written = store.shelf_moves(there, (None, 10)).await.unwrap();
        let moved: Vec<_> = written.iter().map(|one| (one.more, one.pieces, one.order)).collect();
        let key = Some(order.key);
        assert_eq!(moved, [(-2, 1, None), (2, 3, key), (-2, 1, key), (3, 3, None)]);
        let acts = store.order_acts(ALL, order.key, (None, 50)).await.unwrap();
        let of_shelves: Vec<_> = acts
            .iter()
            .rev()
            .filter_map(|act| {
                matches!(act.what, OrderWhat::Taken | OrderWhat::GivenBack).then_some(act.words.as_deref()?)
            })
            .collect();
        let expected = [
            "2 from the shelf at Kiel, where 1 are left",
            "2 to the shelf at Kiel",
            "2 from the service centre's shelf, where 3 are left",
        ];
        assert_eq!(of_shelves, expected);
    }

    pub(super) async fn what_no_shelf_has_comes_from_the_supplier_and_a_machine_takes_nothing(store: Store) {
        let (order, ..) = ordered(&store).await;
        store.add_part(part(NUMBER, None)).await.unwrap().unwrap();
        let own = place(&store, None, 1, 0).await;
        let approved = put(&store, &order, OrderState::Approved).await;
        assert_eq!((approved.taken, approved.price, lie(&store, own).await), (0, None, 1));
        // By the time it is sent there are enough.
        store.put_on_shelf((own, 4), ("ben".into(), None), now()).await.unwrap().unwrap();
        assert_eq!(put(&store, &approved, OrderState::Shipped).await.taken, 2);
        assert_eq!(lie(&store, own).await, 3);
        let back = put(&store, &approved, OrderState::Asked).await;
        assert_eq!((back.taken, lie(&store, own).await), (0, 5));
        // Somebody at the site put one in that nobody sent.
        ingest(&store, &order.device, batch(4, &[replaced()])).await.unwrap();
        let fitted = store.order(ALL, order.key).await.unwrap().unwrap();
        assert_eq!((fitted.state, fitted.taken, lie(&store, own).await), (OrderState::Delivered, 0, 5));
    }

    pub(super) async fn parts_and_places_are_kept_once_and_removed_when_nothing_lies_there(store: Store) {
        let (.., site) = ordered(&store).await;
        let key = store.add_part(part(NUMBER, Some("89.90"))).await.unwrap().unwrap();
        let again = store.add_part(part(NUMBER, None)).await.unwrap();
        assert_eq!(again, Err(PartRefusal::NumberTaken(NUMBER.to_owned())));
        let other = store.add_part(part("TK-1", None)).await.unwrap().unwrap();
        let renamed = store.set_part((other, None), part(NUMBER, None)).await.unwrap();
        assert_eq!(renamed, Err(PartRefusal::NumberTaken(NUMBER.to_owned())));
        let set = |version| store.set_part((key, Some(version)), part(NUMBER, Some("90")));
        assert_eq!(set(1).await.unwrap(), Ok(()));
        assert_eq!(set(1).await.unwrap(), Err(PartRefusal::Changed), "the second is told");
        let found = store.parts(Some("tk- toner".into()), None, 10).await.unwrap();
        assert_eq!(found.iter().map(|one| one.number.as_str()).collect::<Vec<_>>(), ["TK-1", NUMBER]);
        assert_eq!(store.parts(None, Some("TK-1".into()), 10).await.unwrap().len(), 1);

        let there = place(&store, Some(site), 2, 1).await;
        let twice = store.add_shelf((NUMBER.into(), Some(site)), (1, 0), "ben".into(), now()).await.unwrap();
        assert_eq!(twice, Err(PartRefusal::LiesThere(there)));
        let nowhere =
            store.add_shelf((NUMBER.into(), Some(site + 1)), (1, 0), "ben".into(), now()).await.unwrap();
        assert_eq!(nowhere, Err(PartRefusal::Missing("site")));
        let less = store.put_on_shelf((there, -3), ("ben".into(), None), now()).await.unwrap();
        assert_eq!(less, Err(PartRefusal::TooFew(2)));
        let count = |version| store.set_shelf((there, Some(version)), (4, 1), ("ben".into(), None), now());
        assert_eq!(count(1).await.unwrap(), Ok(()));
        assert_eq!(count(1).await.unwrap(), Err(PartRefusal::Changed));
        assert_eq!(store.part(key).await.unwrap().unwrap().pieces, 4);
        assert_eq!(store.remove_shelf(there).await.unwrap(), Err(PartRefusal::OnShelves(4)));
        assert_eq!(store.remove_part(key).await.unwrap(), Err(PartRefusal::OnShelves(4)));
        // A site whose shelf is not empty stays.
        let empty = NewSite { customer: 1, name: "Bonn".into(), address: None, time_zone: None };
        let bonn = store.add_site(empty).await.unwrap().unwrap();
        let at_bonn = place(&store, Some(bonn), 1, 0).await;
        let in_use = PlaceRefusal::InUse { what: "pieces on its shelf", count: 1 };
        assert_eq!(store.remove_site(bonn).await.unwrap(), Err(in_use));
        store.put_on_shelf((at_bonn, -1), ("ben".into(), None), now()).await.unwrap().unwrap();
        assert_eq!(store.remove_site(bonn).await.unwrap(), Ok(()));
        assert!(store.shelf(at_bonn).await.unwrap().is_none());
        store.put_on_shelf((there, -4), ("ben".into(), None), now()).await.unwrap().unwrap();
        assert_eq!(store.remove_part(key).await.unwrap(), Ok(()));
        assert!(store.shelf(there).await.unwrap().is_none());
    }

    pub(super) async fn prices_are_for_who_sees_everything(store: Store) {
        let (order, customer, _) = ordered(&store).await;
        store.add_part(part(NUMBER, Some("89.90"))).await.unwrap().unwrap();
        put(&store, &order, OrderState::Approved).await;
        let mut out = replaced();
        out["removed_supply"]["part_number"] = json!(NUMBER);
        ingest(&store, &order.device, batch(4, &[out])).await.unwrap();
        let limited = Scope::Of { customers: [customer].into(), sites: [].into() };
        for (scope, sees) in [(ALL, true), (&limited, false)] {
            let orders = store.orders(scope, OrderFilter::default(), None, 10).await.unwrap();
            assert_eq!(orders[0].price.is_some(), sees);
            assert_eq!(store.order(scope, order.key).await.unwrap().unwrap().price.is_some(), sees);
            let replacements = store.replacements(scope, None, None, 10).await.unwrap();
            assert_eq!(replacements[0].price.is_some(), sees);
        }
    }
}

on_every_store! {
    an_order_takes_from_the_nearest_shelf_once_and_gives_back_when_nothing_comes_of_it,
    what_no_shelf_has_comes_from_the_supplier_and_a_machine_takes_nothing,
    parts_and_places_are_kept_once_and_removed_when_nothing_lies_there,
    prices_are_for_who_sees_everything,
}
