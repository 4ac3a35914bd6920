//! The fleet, asked: over both engines, and on a manager's listener.

use std::collections::BTreeSet;

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_manager::ingest::clone::{CloneSide, CloneSign, CloneSignal};
use platen_manager::store::{
    AlertFilter, Certificate, CertificateUse, DetailsChange, Duplicate, FleetDevice, FleetFilter, FleetKey,
    FleetOrder, FleetPlace, Grouping, NewCustomer, NewSite, OrderFilter, OrderState, Reached, ReportFilter,
    Scope, ServiceCallFilter, ServiceCallState, Store, Superseded,
};
use platen_manager::watch::{Change, Finding, Step};
use platen_manager::worst::Worst;
use platen_protocol::identity::DeviceId;
use platen_tests::rigs::manager::messages::{
    batch, cleared, condition, forecast, order, replaced, service_call, started, toner_low, utilisation,
};
use platen_tests::rigs::manager::pages::{browser, get, sign_in};
use platen_tests::rigs::manager::task::TestManager;
use platen_tests::rigs::postgres::Cluster;
use platen_tests::rigs::random::Random;
use serde_json::{Value, json};

use super::store::{ingest, let_in, now, on_postgres};

/// Open things of a kind that are asked for of each device.
const MOST: u32 = 10;

fn name(text: &str) -> DeviceId {
    text.parse().unwrap()
}

fn sorted(by: FleetKey, backwards: bool) -> FleetOrder {
    FleetOrder { by, backwards }
}

async fn page(
    store: &Store,
    (filter, order): (&FleetFilter, FleetOrder),
    after: Option<FleetPlace>,
    limit: u32,
) -> Vec<(FleetPlace, FleetDevice)> {
    let which = (MOST, now() - SignedDuration::from_hours(1));
    store.fleet(&Scope::All, (filter.clone(), order), after, limit, which).await.unwrap()
}

/// All devices that are asked for, by pages.
async fn all(store: &Store, filter: &FleetFilter, order: FleetOrder) -> Vec<FleetDevice> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let some = page(store, (filter, order), after, 7).await;
        let Some((last, _)) = some.last() else { return found };
        after = Some(last.clone());
        found.extend(some.into_iter().map(|(_, device)| device));
    }
}

async fn names(store: &Store, filter: &FleetFilter, order: FleetOrder) -> Vec<String> {
    all(store, filter, order).await.into_iter().map(|found| found.device.id.to_string()).collect()
}

async fn search(store: &Store, text: &str) -> Vec<String> {
    let filter = FleetFilter { text: Some(text.into()), ..FleetFilter::default() };
    names(store, &filter, FleetOrder::default()).await
}

/// Devices `d00` and on with readings, and `zoo`, which is stopped and the last by name.
async fn fleet(store: &Store) {
    for number in 0..30_u32 {
        let device = name(&format!("d{number:02}"));
        let_in(store, &device).await;
        let model = if number % 2 == 0 { "Even 100%" } else { "Odd_200" };
        ingest(store, &device, batch(1, &[started(model), utilisation(10 + number)])).await.unwrap();
    }
    let zoo = name("zoo");
    let_in(store, &zoo).await;
    let jam = condition("jam", "jam", "mediaPath", "path");
    ingest(store, &zoo, batch(1, &[started("O'Neil \"X\" \\"), jam])).await.unwrap();
}

async fn open_orders_of_all(store: &Store) -> Vec<i64> {
    let open = OrderFilter { open: Some(true), ..OrderFilter::default() };
    let orders = store.orders(&Scope::All, open, None, 1_000).await.unwrap();
    orders.into_iter().map(|order| order.key).collect()
}

fn away(device: &DeviceId, step: Step) -> Change {
    let finding = Finding::Contact { last_contact: now() };
    Change { device: device.clone(), finding, begun: now(), step }
}

/// One device to which anything happens.
struct Lived {
    device: DeviceId,
    sequence: u64,
    alerts: u32,
}

impl Lived {
    /// Something happens to it.
    async fn step(&mut self, store: &Store, random: &mut Random) {
        let device = self.device.clone();
        let later = |hours: i64| now() + SignedDuration::from_hours(hours);
        match random.below(17) {
            0..4 => self.report(store, utilisation(random.below(101))).await,
            4 => self.report(store, started(random.pick(&["A", "B"]))).await,
            5 | 6 => {
                self.alerts += 1;
                let id = format!("a{}", self.alerts);
                let alert = match random.below(3) {
                    0 => toner_low(&id),
                    1 => condition(&id, "jam", "mediaPath", "path"),
                    _ => forecast(&id),
                };
                self.report(store, alert).await;
            }
            7 => {
                let which = random.below(self.alerts + 1);
                self.report(store, cleared(&format!("a{which}"))).await;
            }
            8 => {
                let mut start = started("A");
                let standing: Vec<String> =
                    (1..=self.alerts).filter(|_| random.percent(50)).map(|id| format!("a{id}")).collect();
                start["standing_alerts"] = json!(standing);
                self.report(store, start).await;
            }
            9 => self.report(store, service_call("help")).await,
            10 => {
                let id = format!("o{}", random.below(4));
                self.report(store, order(&id, 1)).await;
            }
            11 => self.report(store, replaced()).await,
            12 => {
                if let Some(key) = open_orders_of_all(store).await.first().copied() {
                    let state =
                        random.pick(&[OrderState::Approved, OrderState::Delivered, OrderState::Asked]);
                    match random.below(3) {
                        0 => {
                            let settled = store
                                .settle_duplicate(&Scope::All, key, Duplicate::Merge, "anna".into(), now())
                                .await;
                            drop(settled.unwrap());
                        }
                        _ => drop(
                            store.set_order(&Scope::All, key, state, "anna".into(), now()).await.unwrap(),
                        ),
                    }
                }
            }
            13 => {
                let calls =
                    store.service_calls(&Scope::All, ServiceCallFilter::default(), None, 5).await.unwrap();
                if let Some(call) = calls.first() {
                    let state = random.pick(&[ServiceCallState::Seen, ServiceCallState::Done]);
                    store.set_service_call(&Scope::All, call.key, state, "anna".into(), now()).await.unwrap();
                }
            }
            14 => {
                let step = random.pick(&[
                    Step::Begin,
                    Step::Overdue(later(1)),
                    Step::End(later(2)),
                    Step::End(later(2)),
                ]);
                store.keep_watches(vec![away(&device, step)]).await.unwrap();
            }
            #[expect(clippy::single_match_else, reason = "as the other arms")]
            15 => match random.below(3) {
                0 => drop(store.dismiss_clone(device, "anna".into(), now()).await.unwrap()),
                _ => {
                    let (epoch, remote) = ("e".parse().unwrap(), [192, 0, 2, 1].into());
                    let side = CloneSide { boot: None, epoch, remote, first: now(), last: now() };
                    let sign = CloneSign { signal: CloneSignal::Boots, sides: vec![side] };
                    store.clone_found(device, sign, now()).await.unwrap();
                }
            },
            _ => self.identity(store, random).await,
        }
    }

    async fn identity(&self, store: &Store, random: &mut Random) {
        let device = self.device.clone();
        let certificate = |serial: &str| Certificate {
            serial: serial.to_owned(),
            issued: now(),
            expires: now() + SignedDuration::from_hours(24),
        };
        match random.below(5) {
            0 => {
                store.renewal_issued(device.clone(), certificate("new")).await.unwrap();
                store.renewed(device, "new".into(), now()).await.unwrap();
            }
            1 | 2 => {
                let used = CertificateUse { last: now(), remote: [192, 0, 2, 1].into(), boot: None };
                let seen = Superseded {
                    certificate: certificate("40aa"),
                    first: now(),
                    used,
                    present: None,
                    readmitted: false,
                };
                store.superseded_used(device, seen, now()).await.unwrap();
            }
            3 => {
                let until = now() + SignedDuration::from_hours(i64::from(random.below(4)));
                store.readmit(device, until, "anna".into(), now()).await.unwrap();
            }
            _ => drop(store.dismiss_superseded(device, Some("anna".into()), now()).await.unwrap()),
        }
    }

    async fn report(&mut self, store: &Store, body: Value) {
        self.sequence += 1;
        ingest(store, &self.device, batch(self.sequence, &[body])).await.unwrap();
    }
}

mod suite {
    use super::*;

    pub(super) async fn the_worst_is_first_over_the_whole_fleet(store: Store) {
        fleet(&store).await;
        let first = page(&store, (&FleetFilter::default(), FleetOrder::default()), None, 3).await;
        let shown: Vec<_> =
            first.iter().map(|(_, found)| (found.device.id.as_str(), found.device.state.worst)).collect();
        assert_eq!(shown, [("zoo", Worst::Critical), ("d00", Worst::Fine), ("d01", Worst::Fine)]);
        assert_eq!(first[0].1.open.alerts.len(), 1);
        let stopped = FleetFilter { worst: Some(Worst::Critical), ..FleetFilter::default() };
        assert_eq!(names(&store, &stopped, sorted(FleetKey::Name, false)).await, ["zoo"]);
    }

    pub(super) async fn what_is_open_at_one_device_takes_nothing_away_from_another(store: Store) {
        fleet(&store).await;
        let cover = condition("cover", "coverOpen", "cover", "cover");
        ingest(&store, &name("d03"), batch(3, &[cover, service_call("help")])).await.unwrap();
        let noisy: Vec<Value> =
            (0..150).map(|id| condition(&format!("a{id}"), "jam", "mediaPath", "path")).collect();
        let calls: Vec<Value> = (0..90).map(|id| service_call(&format!("call {id}"))).collect();
        ingest(&store, &name("d20"), batch(3, &noisy)).await.unwrap();
        ingest(&store, &name("d20"), batch(153, &calls)).await.unwrap();
        let found = all(&store, &FleetFilter::default(), FleetOrder::default()).await;
        let of = |id: &str| found.iter().find(|found| found.device.id.as_str() == id).unwrap();
        let quiet = of("d03");
        assert_eq!((quiet.device.state.worst, quiet.device.state.critical), (Worst::Critical, 1));
        assert_eq!((quiet.open.alerts.len(), quiet.open.service_calls.len()), (1, 1));
        let noisy = of("d20");
        assert_eq!(
            (noisy.device.state.critical, noisy.device.state.service_calls),
            (150, 90),
            "counted exactly"
        );
        assert_eq!(
            (noisy.open.alerts.len(), noisy.open.service_calls.len()),
            (10, 10),
            "handed out to a limit"
        );
        let counts = store.fleet_counts(&Scope::All, FleetFilter::default()).await.unwrap();
        assert_eq!((counts.critical, counts.open_service_calls), (3, 91));
    }

    pub(super) async fn every_order_has_every_device_once(store: Store) {
        fleet(&store).await;
        for by in [
            FleetKey::Worst,
            FleetKey::Name,
            FleetKey::LastContact,
            FleetKey::Supply,
            FleetKey::Model,
            FleetKey::Place,
            FleetKey::AgentVersion,
        ] {
            let forwards = names(&store, &FleetFilter::default(), sorted(by, false)).await;
            assert_eq!(forwards.iter().collect::<BTreeSet<_>>().len(), 31, "{by:?}");
            assert_eq!(forwards.len(), 31, "{by:?}");
            let mut backwards = names(&store, &FleetFilter::default(), sorted(by, true)).await;
            backwards.reverse();
            assert_eq!(backwards, forwards, "{by:?}");
        }
        let lowest = names(&store, &FleetFilter::default(), sorted(FleetKey::Supply, false)).await;
        assert_eq!(lowest[..3], ["d00", "d01", "d02"]);
        let low = FleetFilter { supply_at_most: Some(11), ..FleetFilter::default() };
        assert_eq!(names(&store, &low, FleetOrder::default()).await, ["d00", "d01"]);
    }

    pub(super) async fn a_search_takes_every_letter_as_it_stands(store: Store) {
        fleet(&store).await;
        assert_eq!(search(&store, "ZO").await, ["zoo"]);
        assert_eq!(search(&store, "0%").await.len(), 15, "the model of half of them");
        assert_eq!(search(&store, "d_2").await.len(), 15);
        for only_zoo in ["o'neil", "\"x\"", "\\", "neil \\ zoo"] {
            assert_eq!(search(&store, only_zoo).await, ["zoo"], "{only_zoo}");
        }
        for nobody in ["%_", "_%", "''", "\\\\", "; DROP TABLE states", "zoo d00", "%"] {
            let found = search(&store, nobody).await;
            assert_eq!(found.len(), if nobody == "%" { 15 } else { 0 }, "{nobody}: {found:?}");
        }
        assert_eq!(search(&store, "k-1").await.len(), 31, "the serial number of the cartridge");
        assert_eq!(search(&store, "   ").await.len(), 31);
    }

    pub(super) async fn counts_are_those_of_the_lists(store: Store) {
        fleet(&store).await;
        ingest(&store, &name("d01"), batch(3, &[toner_low("t"), utilisation(4)])).await.unwrap();
        ingest(&store, &name("d02"), batch(3, &[forecast("f")])).await.unwrap();
        ingest(&store, &name("d04"), batch(3, &[service_call("help")])).await.unwrap();
        ingest(&store, &name("d05"), batch(3, &[order("o", 1)])).await.unwrap();
        store.keep_watches(vec![away(&name("d06"), Step::Begin)]).await.unwrap();
        store
            .keep_watches(vec![away(&name("d07"), Step::Begin), away(&name("d07"), Step::Overdue(now()))])
            .await
            .unwrap();
        let_in(&store, &name("new")).await;
        let by_text = FleetFilter { text: Some("d0".into()), ..FleetFilter::default() };
        for filter in [FleetFilter::default(), by_text] {
            let counts = store.fleet_counts(&Scope::All, filter.clone()).await.unwrap();
            for worst in Worst::ALL {
                let only = FleetFilter { worst: Some(worst), ..filter.clone() };
                let listed = names(&store, &only, FleetOrder::default()).await.len() as u64;
                assert_eq!(counts.of(worst), listed, "{worst:?}");
            }
            assert_eq!(counts.devices, names(&store, &filter, FleetOrder::default()).await.len() as u64);
        }
        let counts = store.fleet_counts(&Scope::All, FleetFilter::default()).await.unwrap();
        assert_eq!((counts.silent, counts.overdue, counts.never_in_contact), (2, 1, 1));
        assert_eq!((counts.low_supply, counts.warning_without_low_supply), (1, 0));
        let reached = |reached| FleetFilter { reached: Some(reached), ..FleetFilter::default() };
        let order = FleetOrder::default();
        assert_eq!(names(&store, &reached(Reached::Away), order).await, ["d07", "d06", "new"]);
        assert_eq!(names(&store, &reached(Reached::Never), order).await, ["new"]);
        assert_eq!(names(&store, &reached(Reached::Overdue), order).await, ["d07"]);
        assert_eq!(names(&store, &reached(Reached::There), order).await.len(), 29);
        assert!(names(&store, &reached(Reached::Retired), order).await.is_empty());
        let since = FleetFilter { silent_since: Some(now()), ..FleetFilter::default() };
        assert_eq!(names(&store, &since, order).await, ["new"]);
    }

    pub(super) async fn what_operators_say_of_a_device_is_asked_for_and_a_scope_has_no_other(store: Store) {
        fleet(&store).await;
        let nord =
            store.add_customer(NewCustomer { name: "Nord AG".into(), note: None }).await.unwrap().unwrap();
        let site = NewSite { customer: nord, name: "Kiel".into(), address: None, time_zone: None };
        let kiel = store.add_site(site).await.unwrap().unwrap();
        let say = async |device: &str, change: DetailsChange| {
            let set = store.set_details(&Scope::All, name(device), change, "anna".into(), now()).await;
            set.unwrap().unwrap();
        };
        say(
            "d08",
            DetailsChange {
                site: Some(Some(kiel)),
                place: Some(Some("Keller".into())),
                ..Default::default()
            },
        )
        .await;
        say(
            "d09",
            DetailsChange {
                customer: Some(Some(nord)),
                add_tags: ["colour".into()].into(),
                ..Default::default()
            },
        )
        .await;
        let order = FleetOrder::default();
        let by_customer = FleetFilter { customer: Some(nord), ..FleetFilter::default() };
        assert_eq!(names(&store, &by_customer, order).await, ["d08", "d09"]);
        let by_site = FleetFilter { site: Some(kiel), ..FleetFilter::default() };
        assert_eq!(names(&store, &by_site, order).await, ["d08"]);
        let by_tag = FleetFilter { tag: Some("colour".into()), ..FleetFilter::default() };
        assert_eq!(names(&store, &by_tag, order).await, ["d09"]);
        assert_eq!(search(&store, "keller").await, ["d08"]);
        let by_place = names(&store, &FleetFilter::default(), sorted(FleetKey::Place, true)).await;
        assert_eq!(by_place[0], "d08");

        let scope = Scope::Of { customers: [nord].into(), sites: BTreeSet::new() };
        let which = (MOST, now());
        let listed = store.fleet(&scope, (FleetFilter::default(), order), None, 50, which).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(store.fleet_counts(&scope, FleetFilter::default()).await.unwrap().devices, 2);
        let asked = vec![name("d08"), name("zoo")];
        assert_eq!(store.some_devices(&scope, asked, which).await.unwrap().len(), 1);
        let reports = store.reports(&scope, ReportFilter::default(), None, 100).await.unwrap();
        assert_eq!(reports.len(), 4);
        let of_zoo = ReportFilter { device: Some(name("zoo")) };
        assert!(store.reports(&scope, of_zoo, None, 100).await.unwrap().is_empty());
        assert!(store.alerts(&scope, AlertFilter::default(), None, 10).await.unwrap().is_empty());
        assert_eq!(store.alerts(&Scope::All, AlertFilter::default(), None, 10).await.unwrap().len(), 1);
        let retire = platen_protocol::manager_to_device::Command {
            id: "retire".parse().unwrap(),
            issued: now(),
            expires: now() + SignedDuration::from_hours(1),
            action: platen_protocol::manager_to_device::Action::Retire,
            issued_by: None,
        };
        store.retire(name("d08"), retire, "anna".into(), now()).await.unwrap().unwrap();
        assert_eq!(names(&store, &by_site, order).await, Vec::<String>::new(), "it is out of service");
        let retired = FleetFilter { reached: Some(Reached::Retired), ..FleetFilter::default() };
        assert_eq!(names(&store, &retired, order).await, ["d08"]);
        let counts = store.fleet_counts(&Scope::All, FleetFilter::default()).await.unwrap();
        assert_eq!((counts.devices, counts.retired), (30, 1));
        assert_eq!(store.states_astray().await.unwrap(), []);
    }

    pub(super) async fn a_consent_that_ends_is_a_warning_again(store: Store) {
        let device = name("lobby");
        let_in(&store, &device).await;
        ingest(&store, &device, batch(1, &[utilisation(50)])).await.unwrap();
        let worst = async || {
            let found = page(&store, (&FleetFilter::default(), FleetOrder::default()), None, 1).await;
            found[0].1.device.state.worst
        };
        let certificate = |serial: &str| Certificate {
            serial: serial.to_owned(),
            issued: now(),
            expires: now() + SignedDuration::from_hours(24),
        };
        store.renewal_issued(device.clone(), certificate("new")).await.unwrap();
        store.renewed(device.clone(), "new".into(), now()).await.unwrap();
        let used = CertificateUse { last: now(), remote: [192, 0, 2, 1].into(), boot: None };
        let seen = Superseded {
            certificate: certificate("40aa"),
            first: now(),
            used,
            present: None,
            readmitted: false,
        };
        store.superseded_used(device.clone(), seen, now()).await.unwrap();
        assert_eq!(worst().await, Worst::Warning);
        let until = now() + SignedDuration::from_hours(1);
        store.readmit(device.clone(), until, "anna".into(), now()).await.unwrap();
        assert_eq!(worst().await, Worst::Fine);
        store.settle_identities(until - SignedDuration::from_secs(1)).await.unwrap();
        assert_eq!(worst().await, Worst::Fine);
        store.settle_identities(until).await.unwrap();
        assert_eq!(worst().await, Worst::Warning);
        ingest(&store, &device, batch(2, &[toner_low("t"), cleared("t")])).await.unwrap();
        assert_eq!(worst().await, Worst::Warning, "until somebody decides");
        store.dismiss_superseded(device, Some("anna".into()), now()).await.unwrap();
        assert_eq!(worst().await, Worst::Fine);
    }

    pub(super) async fn whatever_happens_the_columns_say_what_the_rows_say(store: Store) {
        let mut random = Random::new(12, 1);
        let mut devices: Vec<Lived> = Vec::new();
        for number in 0..6_u32 {
            let device = name(&format!("d{number}"));
            let_in(&store, &device).await;
            devices.push(Lived { device, sequence: 0, alerts: 0 });
        }
        for step in 0..240_u32 {
            let which = random.below(6) as usize;
            devices[which].step(&store, &mut random).await;
            if step % 40 == 39 {
                let hours = i64::from(random.below(3));
                store.settle_identities(now() + SignedDuration::from_hours(hours)).await.unwrap();
                assert_eq!(store.states_astray().await.unwrap(), [], "after {step} steps");
            }
        }
    }
}

/// Runs every function of the suite on a fresh store of each engine.
macro_rules! on_both_engines {
    ($($name:ident,)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                let store = super::Store::open(&directory.path().join("s"), super::Grouping::Group).unwrap();
                super::suite::$name(store).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                let mut cluster = super::Cluster::start();
                let store = super::on_postgres(&mut cluster, super::Grouping::Group).await;
                super::suite::$name(store).await;
            })*
        }
    };
}

on_both_engines! {
    the_worst_is_first_over_the_whole_fleet,
    what_is_open_at_one_device_takes_nothing_away_from_another,
    every_order_has_every_device_once,
    a_search_takes_every_letter_as_it_stands,
    counts_are_those_of_the_lists,
    what_operators_say_of_a_device_is_asked_for_and_a_scope_has_no_other,
    a_consent_that_ends_is_a_warning_again,
    whatever_happens_the_columns_say_what_the_rows_say,
}

#[tokio::test]
async fn the_api_asks_searches_counts_and_pages() {
    let manager = TestManager::start().await;
    fleet(&manager.store).await;
    let first = manager.api("/api/v1/devices?limit=2").await;
    assert_eq!(first["items"][0]["id"], "zoo");
    assert_eq!(
        (&first["items"][0]["worst"], &first["items"][0]["open"]["critical"]),
        (&json!("critical"), &json!(1))
    );
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let list = manager.api(&format!("/api/v1/devices?limit=7&sort=-supply{cursor}")).await;
        for item in list["items"].as_array().unwrap() {
            assert!(seen.insert(item["id"].as_str().unwrap().to_owned()), "twice: {item}");
        }
        let Some(next) = list["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 31);
    let found = manager.api("/api/v1/devices?q=o%27neil&supply=60").await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["lowest_percent"], 60);
    let counts = manager.api("/api/v1/device-counts").await;
    assert_eq!(
        (&counts["devices"], &counts["critical"], &counts["fine"]),
        (&json!(31), &json!(1), &json!(30))
    );
    let counts = manager.api("/api/v1/device-counts?model=Odd_200").await;
    assert_eq!(counts["devices"], 15);
    for nonsense in [
        "cursor=nonsense",
        "cursor=d",
        "cursor=fw4",
        "sort=colour",
        "worst=bad",
        "supply=101",
        "supply=-1",
        "q=a%00",
        "silent_since=yesterday",
        "customer=0",
        "limit=0",
        "colour=red",
    ] {
        let answer = manager.ask_api("GET", &format!("/api/v1/devices?{nonsense}"), None).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
}

#[tokio::test]
async fn the_page_lists_filters_and_gives_rows_anew() {
    let manager = TestManager::start().await;
    fleet(&manager.store).await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let fleet = get(&mut browser, "/", &cookie).await.text();
    let at = |text: &str, what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in {text}"));
    assert!(at(&fleet, "id=\"row-zoo\"") < at(&fleet, "id=\"row-d00\""), "the worst first");
    assert!(fleet.contains("31 devices") && fleet.contains("1 stopped"), "{fleet}");
    assert!(fleet.contains("id=\"more\"") && !fleet.contains("id=\"row-d29\""), "24 cards, and more");
    let table = get(&mut browser, "/?view=table&q=zoo&sort=", &cookie).await.text();
    assert!(table.contains("<tr class=\"critical\"") && !table.contains("row-d00"), "{table}");
    assert!(table.contains("aria-sort=\"ascending\"") && table.contains("1 found"), "{table}");
    let none = get(&mut browser, "/?q=%3Cb%3E%25_%27%22%5C", &cookie).await.text();
    assert!(none.contains("id=\"none\"") && none.contains("&#60;b&#62;"), "{none}");
    let rows = get(&mut browser, "/fleet/rows?view=cards&rows=zoo,d01,nobody", &cookie).await.text();
    assert!(rows.contains("row-zoo") && rows.contains("row-d01") && !rows.contains("row-d00"), "{rows}");
    for nonsense in ["/?supply=ten", "/?cursor=x", "/fleet/rows?rows=../x"] {
        assert_eq!(get(&mut browser, nonsense, &cookie).await.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
    assert_eq!(get(&mut browser, "/fleet/rows?rows=zoo", "").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(get(&mut browser, "/live", "").await.status, StatusCode::UNAUTHORIZED);
}
