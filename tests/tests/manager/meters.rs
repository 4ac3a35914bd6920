//! Whose devices were when, over the store's handle on each engine; and the meters of a month, over the listener.

use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};
use platen_manager::store::{
    DetailsChange, Grouping, NewCustomer, NewSite, OwnedDevice, PlaceRefusal, Scope, Store,
};
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::month::{DAILY, FIRST, LAST, LOST, MOVES, month};
use platen_tests::rigs::manager::pages::{browser, get, sign_in};
use platen_tests::rigs::manager::task::TestManager;
use platen_tests::rigs::postgres::Cluster;
use serde_json::{Value, json};

use super::store::{device, let_in, now, on_postgres};

const ALL: &Scope = &Scope::All;

/// So many hours after the moment of the tests.
fn hour(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

async fn customer(store: &Store, name: &str) -> i64 {
    store.add_customer(NewCustomer { name: name.to_owned(), note: None }).await.unwrap().unwrap()
}

async fn set(store: &Store, change: DetailsChange, at: Timestamp) {
    store.set_details(ALL, device(), change, "anna".into(), at).await.unwrap().unwrap();
}

fn of(customer: Option<i64>) -> DetailsChange {
    DetailsChange { customer: Some(customer), ..DetailsChange::default() }
}

/// The times in which the device was a customer's, in hours.
fn hours(owned: &[OwnedDevice]) -> Vec<(i64, Option<i64>)> {
    let after = |at: i64| (at - now().as_millisecond()) / 3_600_000;
    let times = owned.iter().flat_map(|one| &one.times);
    times.map(|time| (after(time.from), time.until.map(after))).collect()
}

async fn owned(store: &Store, scope: &Scope, customer: i64) -> Vec<(i64, Option<i64>)> {
    let (owned, more) = store.owned(scope, customer, None, hour(1_000).as_millisecond(), 10).await.unwrap();
    assert!(!more);
    hours(&owned)
}

mod suite {
    use super::*;

    pub(super) async fn whose_a_device_was_is_kept_from_each_change_on(store: Store) {
        let_in(&store, &device()).await;
        let (nord, sued) = (customer(&store, "Nord AG").await, customer(&store, "Süd KG").await);
        set(&store, of(Some(nord)), hour(0)).await;
        // What changes neither customer nor site is no change of this.
        let place = DetailsChange { place: Some(Some("hall".into())), ..DetailsChange::default() };
        set(&store, place, hour(1)).await;
        set(&store, of(Some(sued)), hour(2)).await;
        set(&store, of(None), hour(3)).await;
        set(&store, of(Some(nord)), hour(4)).await;
        assert_eq!(owned(&store, ALL, nord).await, [(0, Some(2)), (4, None)]);
        assert_eq!(owned(&store, ALL, sued).await, [(2, Some(3))]);
        // By a site that becomes another customer's.
        let zone = Some("Europe/Berlin".to_owned());
        let kiel =
            |customer| NewSite { customer, name: "Kiel".into(), address: None, time_zone: zone.clone() };
        let site = store.add_site(kiel(nord)).await.unwrap().unwrap();
        set(&store, DetailsChange { site: Some(Some(site)), ..DetailsChange::default() }, hour(5)).await;
        store.set_site(site, kiel(sued), hour(6)).await.unwrap().unwrap();
        assert_eq!(owned(&store, ALL, nord).await, [(0, Some(2)), (4, Some(6))]);
        assert_eq!(owned(&store, ALL, sued).await, [(2, Some(3)), (6, None)]);
        let (told, _) = store.owned(ALL, sued, None, hour(9).as_millisecond(), 10).await.unwrap();
        assert_eq!(told[0].times[1].site.as_deref(), Some("Kiel"));
        assert_eq!(told[0].time_zone.as_deref(), Some("Europe/Berlin"));
        let before = store.owned(ALL, sued, None, hour(1).as_millisecond(), 10).await.unwrap();
        assert_eq!(before, (vec![], false), "it was not theirs yet");
        let behind = store.owned(ALL, sued, Some(device()), hour(9).as_millisecond(), 10).await.unwrap();
        assert_eq!(behind, (vec![], false));
        let only = Scope::Of { customers: [sued].into(), sites: [].into() };
        assert_eq!(owned(&store, &only, nord).await, [], "what it was before is not theirs to see");
        assert_eq!(owned(&store, &only, sued).await, [(2, Some(3)), (6, None)]);
    }

    pub(super) async fn a_customer_that_is_removed_leaves_nothing_to_the_next_of_its_number(store: Store) {
        let_in(&store, &device()).await;
        let (nord, sued) = (customer(&store, "Nord AG").await, customer(&store, "Süd KG").await);
        set(&store, of(Some(sued)), hour(0)).await;
        let refused = store.remove_customer(sued).await.unwrap().unwrap_err();
        assert!(matches!(refused, PlaceRefusal::InUse { .. }), "{refused:?}");
        set(&store, of(Some(nord)), hour(1)).await;
        store.remove_customer(sued).await.unwrap().unwrap();
        let next = customer(&store, "West GmbH").await;
        for key in [sued, next] {
            assert_eq!(owned(&store, ALL, key).await, []);
        }
        assert_eq!(owned(&store, ALL, nord).await, [(1, None)]);
    }
}

/// Runs every function of the suite on a fresh store of each kind.
macro_rules! on_both_engines {
    ($($name:ident,)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                let store = super::Store::open(&directory.path().join("s"), super::Grouping::Group).unwrap();
                super::suite::$name(store).await;
            })*
        }
        mod postgresql {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let mut cluster = super::Cluster::start();
                let store = super::on_postgres(&mut cluster, super::Grouping::Group).await;
                super::suite::$name(store).await;
            })*
        }
    };
}

on_both_engines! {
    whose_a_device_was_is_kept_from_each_change_on,
    a_customer_that_is_removed_leaves_nothing_to_the_next_of_its_number,
}

fn value(days: i64) -> u64 {
    FIRST + DAILY * u64::try_from(days + 1).unwrap()
}

fn counter<'a>(item: &'a Value, name: &str) -> &'a Value {
    item["counters"].as_array().unwrap().iter().find(|one| one["counter"] == name).unwrap()
}

fn kinds(counter: &Value) -> Vec<(&str, u64)> {
    let lines = counter["lines"].as_array().unwrap();
    lines.iter().map(|line| (line["kind"].as_str().unwrap(), line["count"].as_u64().unwrap())).collect()
}

#[tokio::test]
async fn the_meters_of_a_month_have_no_hole_and_are_cut_where_the_customer_changes() {
    let manager = TestManager::start().await;
    let month = month(&manager).await;
    let of = async |customer: i64| {
        manager.api(&format!("/api/v1/meters?customer={customer}&period={}", month.period)).await
    };
    let nord = of(month.nord).await;
    let items = nord["items"].as_array().unwrap();
    let [attic, lobby] = items.as_slice() else { panic!("{nord}") };
    assert_eq!((&attic["device"], &attic["simulated"]), (&json!("attic"), &json!(true)));
    assert_eq!(
        (&lobby["device"], &lobby["left"], &lobby["joined"]),
        (&json!("lobby"), &json!(true), &json!(false))
    );
    assert_eq!((&lobby["time_zone"], &lobby["complete"]), (&json!("UTC"), &json!(false)));
    let names: Vec<&Value> =
        lobby["counters"].as_array().unwrap().iter().map(|one| &one["counter"]).collect();
    assert_eq!(names, ["impressions", "iso_a4_210x297mm.monochrome"], "pages at the exit are not billed");

    // From the last reading of the month before to the last before it left, with a gap where a report was lost.
    let impressions = counter(lobby, "impressions");
    let (begin, end) = (&impressions["begin"], &impressions["end"]);
    assert_eq!((&begin["value"], &begin["estimate"]), (&json!(value(-1)), &json!(false)));
    let noon_before = month.begin - SignedDuration::from_hours(12);
    assert_eq!(begin["at"], json!(noon_before.to_string()));
    assert_eq!(end["value"], json!(value(MOVES - 1)));
    let expected = [
        ("counted", value(LOST - 1) - FIRST),
        ("missing", 2 * DAILY),
        ("counted", value(MOVES - 1) - value(LOST + 1)),
    ];
    assert_eq!(kinds(impressions), expected);
    assert_eq!(impressions["count"], json!(value(MOVES - 1) - FIRST));
    assert_eq!(impressions["lines"][1]["reasons"], json!(["not_heard"]));
    let lost = lobby["losses"].as_array().unwrap();
    assert_eq!(lost.len(), 1, "{lobby}");

    // What the next customer begins with is what the one before ended with.
    let sued = of(month.sued).await;
    let [lobby] = sued["items"].as_array().unwrap().as_slice() else { panic!("{sued}") };
    let then = counter(lobby, "impressions");
    assert_eq!((&then["begin"], &lobby["joined"]), (end, &json!(true)));
    let expected = [("counted", value(LAST) - value(MOVES - 1)), ("not_known", 0)];
    assert_eq!(kinds(then), expected, "behind its last reading nothing is known");
    assert_eq!(then["lines"][1]["reasons"], json!(["not_heard", "no_reading_after"]));
    let sum = impressions["count"].as_u64().unwrap() + then["count"].as_u64().unwrap();
    assert_eq!(sum, value(LAST) - FIRST, "all of it, and nothing twice");

    // Simulated printers are in no sum.
    assert_eq!(nord["totals"][0]["count"], impressions["count"]);
    assert_eq!(nord["completeness"]["missing"], json!(2));
    assert_eq!(nord["complete"], json!(false));

    // By pages of one device: the same.
    let address = format!("/api/v1/meters?customer={}&period={}&limit=1", month.nord, month.period);
    let first = manager.api(&address).await;
    assert_eq!(first["next_cursor"], json!("attic"));
    let second = manager.api(&format!("{address}&cursor=attic")).await;
    assert_eq!(second["items"][0]["counters"], items[1]["counters"]);
}

#[tokio::test]
async fn meters_are_told_as_csv_and_on_a_page_and_nonsense_is_refused() {
    let manager = TestManager::start().await;
    let month = month(&manager).await;
    let query = format!("customer={}&period={}", month.nord, month.period);
    let csv = manager.ask_api("GET", &format!("/api/v1/meters.csv?{query}"), None).await;
    assert_eq!(csv.status, StatusCode::OK, "{}", csv.text());
    assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let text = csv.text();
    let rows: Vec<&str> = text.split("\r\n").filter(|row| !row.is_empty()).collect();
    assert!(rows[0].starts_with("customer,period,device,"), "{text}");
    // Each of two counters of two devices has three lines; that of the silent one a fourth.
    assert_eq!(rows.len(), 1 + 2 * 3 + 2 * 4, "{text}");
    let gap = rows
        .iter()
        .find(|row| row.contains(",lobby,") && row.contains(",impressions,") && row.contains(",missing,"));
    let count = format!(",{},{},{},", value(LOST - 1), value(LOST + 1), 2 * DAILY);
    assert!(gap.unwrap().contains(&count), "{gap:?}");

    let address = "/api/v1/meters";
    for (query, word) in [
        (format!("customer={}&period=2026-13", month.nord), "2026-11"),
        (format!("customer={}&period=", month.nord), "2026-11"),
        (format!("customer={}", month.nord), "period"),
        ("customer=x&period=2026-11".to_owned(), "customer"),
        (format!("{query}&limit=0"), "between 1 and 500"),
        (format!("{query}&colour=red"), "colour"),
        (format!("{query}&cursor=no%20name"), "cursor"),
    ] {
        let answer = manager.ask_api("GET", &format!("{address}?{query}"), None).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.problem(ProblemKind::InvalidRequest).contains(word), "{query}: {}", answer.text());
    }
    let nobody = manager.ask_api("GET", &format!("{address}?customer=999&period=2026-11"), None).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let later = manager.api(&format!("{address}?customer={}&period=9998-12", month.nord)).await;
    assert_eq!((&later["items"], &later["totals"]), (&json!([]), &json!([])), "it has not begun");

    // For people: what is missing stands before the sums, and each device's line leads to why.
    let mut page = browser(&manager).await;
    let cookie = sign_in(&mut page).await;
    let text = get(&mut page, &format!("/meters?{query}"), &cookie).await.text();
    let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
    assert!(at("Not complete") < at("id=\"totals\"") && at("id=\"totals\"") < at("id=\"meters\""));
    assert!(text.contains("simulated: in no sum") && text.contains("data-evidence=\"lobby\""), "{text}");
    assert!(text.contains("A4, monochrome") && text.contains("nothing was heard of the device"), "{text}");
    let choice = get(&mut page, "/meters", &cookie).await.text();
    assert!(choice.contains("Whose meters?") && choice.contains("Nord AG"), "{choice}");
    let refused = get(&mut page, "/meters?period=soon", &cookie).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}
