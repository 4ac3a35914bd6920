//! The suite of the store over what operators say about devices, profiles, retiring and deleting; on each engine.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use platen_manager::store::{
    AlertFilter, Certificate, Choice, CommandRefusal, DeleteRefusal, Deletion, DetailsChange, DetailsRefusal,
    Duplicate, Group, GroupKind, Grouping, NewCustomer, NewProfile, NewSite, OrderFilter, PlaceRefusal,
    ProfileRefusal, Progress, ReportFilter, Scope, ServiceCallFilter, Store, TokenRefusal,
};
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::{Action, Command};
use serde_json::{Value, json};

use platen_tests::rigs::manager::messages::{
    batch, done, order, replaced, service_call, started, toner_low, utilisation,
};

use platen_tests::rigs::postgres::Cluster;

use super::store::{device, ingest, let_in, now, on_every_store, on_postgres};

const ALL: &Scope = &Scope::All;

fn named(name: &str) -> DeviceId {
    name.parse().unwrap()
}

async fn customer(store: &Store, name: &str) -> i64 {
    store.add_customer(NewCustomer { name: name.to_owned(), note: None }).await.unwrap().unwrap()
}

async fn site(store: &Store, customer: i64, name: &str) -> i64 {
    let time_zone = Some("Europe/Berlin".to_owned());
    store
        .add_site(NewSite { customer, name: name.to_owned(), address: None, time_zone })
        .await
        .unwrap()
        .unwrap()
}

async fn set(store: &Store, device: &DeviceId, change: DetailsChange) {
    store.set_details(ALL, device.clone(), change, "anna".into(), now()).await.unwrap().unwrap();
}

fn at_site(site: i64) -> DetailsChange {
    DetailsChange { site: Some(Some(site)), ..DetailsChange::default() }
}

fn tagged(tag: &str) -> DetailsChange {
    DetailsChange { add_tags: [tag.to_owned()].into(), ..DetailsChange::default() }
}

fn settings(pairs: &[(&str, u32)]) -> BTreeMap<String, u32> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn profile(name: &str, pairs: &[(&str, u32)], groups: &[(GroupKind, &str)]) -> NewProfile {
    let groups: BTreeSet<Group> =
        groups.iter().map(|(kind, name)| Group { kind: *kind, name: (*name).to_owned() }).collect();
    NewProfile { name: name.to_owned(), note: None, settings: settings(pairs), groups }
}

fn names(prefix: &str) -> Vec<CommandId> {
    (0..20).map(|number| format!("{prefix}-{number}").parse().unwrap()).collect()
}

/// Does what the manager does behind an operator's back; what was sent, by device.
async fn send(store: &Store, prefix: &str) -> Vec<(String, Action)> {
    while store.pass_profiles(now()).await.unwrap() {}
    let (applied, _) = store.apply_profiles(names(prefix), now()).await.unwrap();
    applied.sent.into_iter().map(|(device, command)| (device.to_string(), command.action)).collect()
}

fn set_action(pairs: &[(&str, u32)]) -> Action {
    Action::Set { settings: settings(pairs) }
}

fn reset(names: &[&str]) -> Action {
    Action::Reset { settings: names.iter().map(|name| (*name).to_owned()).collect() }
}

fn by_hand(id: &str, action: Action) -> Command {
    let expires = now() + SignedDuration::from_hours(1);
    Command { id: id.parse().unwrap(), issued: now(), expires, action, issued_by: None }
}

fn retire_command() -> Command {
    by_hand("retire", Action::Retire)
}

async fn progress(store: &Store, profile: i64) -> Progress {
    store.profile_progress(ALL, Some(profile)).await.unwrap().get(&profile).copied().unwrap_or_default()
}

fn outcome(command: &str, state: &str) -> Value {
    let mut outcome = done(command);
    outcome["result"] = json!({"state": state, "reason": "no such supply"});
    outcome
}

mod suite {
    use super::*;

    pub(super) async fn a_device_at_a_site_is_its_customers_and_has_its_time_zone(store: Store) {
        let_in(&store, &device()).await;
        let (nord, sued) = (customer(&store, "Nord AG").await, customer(&store, "Süd KG").await);
        let kiel = site(&store, nord, "Kiel").await;
        set(&store, &device(), at_site(kiel)).await;
        let details = store.details(ALL, device()).await.unwrap().unwrap();
        assert_eq!(details.customer.as_ref().unwrap().name, "Nord AG");
        assert_eq!(
            (details.time_zone(), details.changed_by.as_deref()),
            (Some("Europe/Berlin"), Some("anna"))
        );
        let own = DetailsChange { time_zone: Some(Some("Asia/Tokyo".into())), ..DetailsChange::default() };
        set(&store, &device(), own).await;
        let details = store.details(ALL, device()).await.unwrap().unwrap();
        let site = details.site.as_ref().unwrap();
        assert_eq!((details.time_zone(), site.name.as_str()), (Some("Asia/Tokyo"), "Kiel"));
        let both = DetailsChange { customer: Some(Some(sued)), ..at_site(kiel) };
        let refused = store.set_details(ALL, device(), both, "anna".into(), now()).await.unwrap();
        assert_eq!(refused, Err(DetailsRefusal::OtherCustomer { site: kiel, customer: sued }));
        let moved = NewSite { customer: sued, name: "Kiel".into(), address: None, time_zone: None };
        store.set_site(kiel, moved, now()).await.unwrap().unwrap();
        let details = store.details(ALL, device()).await.unwrap().unwrap();
        assert_eq!(details.customer.unwrap().key, sued, "it goes with its site");
        let other = DetailsChange { customer: Some(Some(nord)), ..DetailsChange::default() };
        set(&store, &device(), other).await;
        let details = store.details(ALL, device()).await.unwrap().unwrap();
        assert_eq!((details.customer.unwrap().key, details.site), (nord, None));
    }

    pub(super) async fn customers_and_sites_are_removed_once_nothing_belongs_to_them(store: Store) {
        let_in(&store, &device()).await;
        let nord = customer(&store, "Nord AG").await;
        let again = store.add_customer(NewCustomer { name: "Nord AG".into(), note: None }).await.unwrap();
        assert!(matches!(again, Err(PlaceRefusal::NameTaken { .. })));
        let kiel = site(&store, nord, "Kiel").await;
        set(&store, &device(), at_site(kiel)).await;
        let in_use = |what, count| Err(PlaceRefusal::InUse { what, count });
        assert_eq!(store.remove_customer(nord).await.unwrap(), in_use("sites", 1));
        assert_eq!(store.remove_site(kiel).await.unwrap(), in_use("devices", 1));
        set(&store, &device(), DetailsChange { site: Some(None), ..DetailsChange::default() }).await;
        store.remove_site(kiel).await.unwrap().unwrap();
        assert_eq!(store.remove_customer(nord).await.unwrap(), in_use("devices", 1));
        set(&store, &device(), DetailsChange { customer: Some(None), ..DetailsChange::default() }).await;
        store.remove_customer(nord).await.unwrap().unwrap();
        assert_eq!(
            store.remove_customer(nord).await.unwrap(),
            Err(PlaceRefusal::Missing { what: "customer", key: nord })
        );
    }

    pub(super) async fn lists_go_by_name_and_on_from_where_a_page_ended(store: Store) {
        for name in ["b", "a", "d", "c"] {
            let key = customer(&store, name).await;
            site(&store, key, &format!("site of {name}")).await;
        }
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.customers(ALL, after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            assert!(page.iter().all(|one| (one.sites, one.devices) == (1, 0)));
            seen.extend(page.into_iter().map(|one| one.name));
        }
        assert_eq!(seen, ["a", "b", "c", "d"]);
        let sites = store.sites(ALL, None, None, 10).await.unwrap();
        assert_eq!(sites.len(), 4);
        let of_one = store.sites(ALL, Some(sites[0].customer), None, 10).await.unwrap();
        assert_eq!(of_one, sites[..1]);
    }

    pub(super) async fn whoever_may_see_one_site_sees_that_and_nothing_else(store: Store) {
        let (one, two) = (named("one"), named("two"));
        let_in(&store, &one).await;
        let_in(&store, &two).await;
        let (nord, sued) = (customer(&store, "Nord").await, customer(&store, "Süd").await);
        let (kiel, ulm) = (site(&store, nord, "Kiel").await, site(&store, sued, "Ulm").await);
        set(&store, &one, at_site(kiel)).await;
        set(&store, &two, at_site(ulm)).await;
        set(&store, &one, tagged("a")).await;
        set(&store, &two, tagged("b")).await;
        for scope in [
            Scope::Of { customers: [nord].into(), sites: BTreeSet::new() },
            Scope::Of { customers: BTreeSet::new(), sites: [kiel].into() },
        ] {
            let customers = store.customers(&scope, None, 10).await.unwrap();
            assert_eq!(customers.iter().map(|one| one.key).collect::<Vec<_>>(), [nord]);
            let sites = store.sites(&scope, None, None, 10).await.unwrap();
            assert_eq!(sites.iter().map(|one| one.key).collect::<Vec<_>>(), [kiel]);
            assert!(store.customer(&scope, sued).await.unwrap().is_none());
            assert!(store.site(&scope, ulm).await.unwrap().is_none());
            assert!(store.details(&scope, one.clone()).await.unwrap().is_some());
            assert!(store.details(&scope, two.clone()).await.unwrap().is_none());
            let chosen = store.chosen(&scope, Choice::default(), None, 10).await.unwrap();
            assert_eq!(chosen, (vec![one.clone()], None));
            let change = tagged("c");
            let refused = store.set_details(&scope, two.clone(), change, "x".into(), now()).await.unwrap();
            assert_eq!(refused, Err(DetailsRefusal::UnknownDevice(two.clone())));
        }
        let nothing = Scope::Of { customers: BTreeSet::new(), sites: BTreeSet::new() };
        assert!(store.customers(&nothing, None, 10).await.unwrap().is_empty());
        assert!(store.sites(&nothing, None, None, 10).await.unwrap().is_empty());
    }

    pub(super) async fn many_devices_are_changed_at_once_and_who_cannot_be_is_named(store: Store) {
        let all: Vec<DeviceId> = (0..7).map(|number| named(&format!("d{number}"))).collect();
        for device in &all {
            let_in(&store, device).await;
        }
        let many: BTreeSet<String> = (0..20).map(|number| format!("t{number:02}")).collect();
        let full = DetailsChange { tags: Some(many), ..DetailsChange::default() };
        set(&store, &all[3], full).await;
        let mut asked = all.clone();
        asked.push(named("nobody"));
        let changes = store.set_details_of(ALL, asked, tagged("vip"), "anna".into(), now()).await.unwrap();
        assert_eq!(changes.changed, 6);
        let refused: Vec<_> = changes.refused.iter().map(|(device, _)| device.to_string()).collect();
        assert_eq!(refused, ["d3", "nobody"]);
        let vip = Choice { tag: Some("vip".into()), ..Choice::default() };
        let (first, next) = store.chosen(ALL, vip.clone(), None, 4).await.unwrap();
        let (rest, end) = store.chosen(ALL, vip, next, 4).await.unwrap();
        assert_eq!((first.len(), rest.len(), end), (4, 2, None));
    }

    pub(super) async fn a_profile_reaches_the_devices_of_its_groups_once(store: Store) {
        let (tagged_one, at_kiel, own, other) = (named("a"), named("b"), named("c"), named("d"));
        for device in [&tagged_one, &at_kiel, &own, &other] {
            let_in(&store, device).await;
        }
        let nord = customer(&store, "Nord").await;
        let kiel = site(&store, nord, "Kiel").await;
        set(&store, &tagged_one, at_site(kiel)).await;
        set(&store, &tagged_one, tagged("vip")).await;
        set(&store, &at_kiel, at_site(kiel)).await;
        set(&store, &own, at_site(kiel)).await;
        let interval = |seconds| [("sample.interval-seconds", seconds)];
        let add = async |profile| store.add_profile(profile, "anna".into(), now()).await.unwrap();
        let (kiel_key, nord_key) = (kiel.to_string(), nord.to_string());
        let of_site = add(profile("site", &interval(5), &[(GroupKind::Site, &kiel_key)])).await.unwrap();
        let of_tag = add(profile("tag", &interval(6), &[(GroupKind::Tag, "vip")])).await.unwrap();
        add(profile("customer", &interval(7), &[(GroupKind::Customer, &nord_key)])).await.unwrap();
        let of_own = add(profile("own", &interval(8), &[])).await.unwrap();
        let taken = add(profile("second", &interval(9), &[(GroupKind::Tag, "vip")])).await;
        assert!(matches!(taken, Err(ProfileRefusal::GroupTaken { .. })), "{taken:?}");
        let nowhere = add(profile("third", &interval(9), &[(GroupKind::Site, "99")])).await;
        assert!(matches!(nowhere, Err(ProfileRefusal::NoGroup { .. })), "{nowhere:?}");
        let given = DetailsChange { profile: Some(Some(of_own)), ..DetailsChange::default() };
        set(&store, &own, given).await;
        let mut sent = send(&store, "p1").await;
        sent.sort_by(|one, two| one.0.cmp(&two.0));
        let expected = [("a", 6), ("b", 5), ("c", 8)]
            .map(|(device, seconds)| (device.to_owned(), set_action(&interval(seconds))));
        assert_eq!(sent, expected);
        assert!(send(&store, "p2").await.is_empty(), "each is sent it once");
        assert_eq!(
            progress(&store, of_site).await,
            Progress { devices: 1, waiting: 1, ..Progress::default() }
        );
        // One that joins later has it as well.
        set(&store, &other, tagged("vip")).await;
        assert_eq!(send(&store, "p3").await, [("d".to_owned(), set_action(&interval(6)))]);
        // What nobody has fetched is not needed any more once the profile is another one.
        let of_two = profile("tag", &[("judge.part-percent", 9)], &[(GroupKind::Tag, "vip")]);
        store.set_profile(of_tag, of_two, "anna".into(), now()).await.unwrap().unwrap();
        while store.pass_profiles(now()).await.unwrap() {}
        let (applied, _) = store.apply_profiles(names("p4"), now()).await.unwrap();
        assert_eq!(applied.withdrawn.len(), 2);
        let actions: Vec<_> = applied.sent.iter().map(|(_, command)| command.action.clone()).collect();
        let (back, now_set) = (reset(&["sample.interval-seconds"]), set_action(&[("judge.part-percent", 9)]));
        assert_eq!(actions, [back.clone(), now_set.clone(), back, now_set]);
        store.remove_profile(of_tag, now()).await.unwrap().unwrap();
        let sent: BTreeSet<String> = send(&store, "p5").await.into_iter().map(|(device, _)| device).collect();
        assert_eq!(
            sent,
            BTreeSet::from(["a".to_owned(), "d".to_owned()]),
            "one is its site's now, one nobody's"
        );
    }

    pub(super) async fn what_is_set_by_hand_wins_until_it_is_reset(store: Store) {
        let_in(&store, &device()).await;
        let name = "sample.interval-seconds";
        let command = by_hand("hand", set_action(&[(name, 9)]));
        store.add_command(device(), command, "berta".into()).await.unwrap().unwrap();
        let pairs = [(name, 5), ("judge.part-percent", 8)];
        let new = profile("p", &pairs, &[(GroupKind::Tag, "vip")]);
        let key = store.add_profile(new, "anna".into(), now()).await.unwrap().unwrap();
        set(&store, &device(), tagged("vip")).await;
        assert_eq!(send(&store, "p1").await, [("lobby".to_owned(), set_action(&pairs[1..]))]);
        let details = store.details(ALL, device()).await.unwrap().unwrap();
        assert_eq!(details.application.unwrap().differing, [name]);
        assert_eq!((details.by_hand[0].value, details.by_hand[0].set_by.as_str()), (9, "berta"));
        ingest(&store, &device(), batch(1, &[done("hand"), done("p1-19")])).await.unwrap();
        assert_eq!(progress(&store, key).await, Progress { devices: 1, accepted: 1, ..Progress::default() });
        let back = by_hand("back", reset(&[name]));
        store.add_command(device(), back, "berta".into()).await.unwrap().unwrap();
        assert_eq!(send(&store, "p2").await, [("lobby".to_owned(), set_action(&pairs))]);
        assert!(store.details(ALL, device()).await.unwrap().unwrap().by_hand.is_empty());
        // What the device does not take is not what it has.
        let odd = by_hand("odd", set_action(&[(name, 3)]));
        store.add_command(device(), odd, "berta".into()).await.unwrap().unwrap();
        ingest(&store, &device(), batch(3, &[outcome("odd", "refused"), outcome("p2-19", "refused")]))
            .await
            .unwrap();
        assert!(store.details(ALL, device()).await.unwrap().unwrap().by_hand.is_empty());
        let refusals = store.profile_refusals(ALL, key, 10).await.unwrap();
        assert_eq!(refusals[0].reason.as_deref(), Some("no such supply"));
        assert_eq!(progress(&store, key).await.refused, 1);
        assert!(store.send_profile_again(key, "anna".into(), now()).await.unwrap());
        assert_eq!(send(&store, "p3").await.len(), 1);
    }

    pub(super) async fn a_device_is_sent_what_is_about_supplies_and_parts_that_it_has(store: Store) {
        let_in(&store, &device()).await;
        let pairs = [
            ("supply.black.set-percent", 15),
            ("supply.cyan.set-percent", 15),
            ("part.nothing.set-percent", 5),
        ];
        let new = profile("p", &pairs, &[(GroupKind::Tag, "vip")]);
        store.add_profile(new, "anna".into(), now()).await.unwrap().unwrap();
        set(&store, &device(), tagged("vip")).await;
        assert!(send(&store, "p1").await.is_empty(), "it has not said what it has");
        ingest(&store, &device(), batch(1, &[utilisation(50)])).await.unwrap();
        while store.pass_profiles(now()).await.unwrap() {}
        let later = now() + SignedDuration::from_mins(6);
        let (applied, _) = store.apply_profiles(names("p2"), later).await.unwrap();
        let actions: Vec<_> = applied.sent.into_iter().map(|(_, command)| command.action).collect();
        assert_eq!(actions, [set_action(&pairs[..1])]);
    }

    pub(super) async fn a_retired_device_is_refused_once_it_has_answered_and_its_history_stays(store: Store) {
        let_in(&store, &device()).await;
        let waiting = by_hand("w", Action::ReadNow);
        store.add_command(device(), waiting, "anna".into()).await.unwrap().unwrap();
        ingest(&store, &device(), batch(1, &[utilisation(50), service_call("help")])).await.unwrap();
        let retire =
            async || store.retire(device(), retire_command(), "anna".into(), now()).await.unwrap().unwrap();
        let retired = retire().await;
        assert!(retired.is_told && retired.standing.retired.is_some() && retired.standing.revoked.is_none());
        assert_eq!(retired.ended.len(), 1);
        assert!(!retire().await.is_told, "it is retired once");
        let refused =
            store.add_command(device(), by_hand("x", Action::ReadNow), "anna".into()).await.unwrap();
        assert_eq!(refused, Err(CommandRefusal::Retired));
        assert!(store.end_retirements(now()).await.unwrap().is_empty());
        assert_eq!(store.retirement(ALL, device()).await.unwrap().unwrap().state.as_deref(), Some("waiting"));
        let open = store.open_commands_of(vec![device()]).await.unwrap();
        assert_eq!(open.iter().map(|one| one.command.id.as_str()).collect::<Vec<_>>(), ["retire"]);
        store.note_delivered(vec!["retire".parse().unwrap()], now()).await.unwrap();
        ingest(&store, &device(), batch(3, &[done("retire")])).await.unwrap();
        let ended = store.end_retirements(now()).await.unwrap();
        assert!(ended[0].1.revoked.is_some());
        let retirement = store.retirement(ALL, device()).await.unwrap().unwrap();
        assert_eq!((retirement.state.as_deref(), retirement.by.as_deref()), (Some("done"), Some("anna")));
        let log: Vec<&str> = store
            .identity_log(ALL, device())
            .await
            .unwrap()
            .iter()
            .rev()
            .map(|one| one.what.word())
            .collect();
        assert_eq!(log, ["enrolled", "retired", "retirement_ended"]);
        assert_eq!(
            store.reports(ALL, ReportFilter { device: Some(device()) }, None, 10).await.unwrap().len(),
            3
        );
        // A new token brings it back.
        enrol_anew(&store, &device()).await.unwrap();
        assert!(store.retirement(ALL, device()).await.unwrap().is_none());
    }

    pub(super) async fn a_device_that_does_not_answer_is_refused_in_the_end(store: Store) {
        for (name, delivered) in [("silent", false), ("mute", true)] {
            let_in(&store, &named(name)).await;
            let command = by_hand(name, Action::Retire);
            store.retire(named(name), command, "anna".into(), now()).await.unwrap().unwrap();
            if delivered {
                store.note_delivered(vec![name.parse().unwrap()], now()).await.unwrap();
            }
        }
        let later = now() + SignedDuration::from_hours(25);
        let ended = store.end_retirements(later).await.unwrap();
        assert_eq!(ended.iter().map(|(device, _)| device.as_str()).collect::<Vec<_>>(), ["mute"]);
        store.expire_commands(later).await.unwrap();
        let ended = store.end_retirements(later).await.unwrap();
        assert_eq!(ended.iter().map(|(device, _)| device.as_str()).collect::<Vec<_>>(), ["silent"]);
        let retirement = store.retirement(ALL, named("silent")).await.unwrap().unwrap();
        assert_eq!(retirement.state.as_deref(), Some("expired"));
    }

    async fn enrol_anew(store: &Store, device: &DeviceId) -> Result<(), TokenRefusal> {
        let hash = format!("again-{device}");
        let expires = now() + SignedDuration::from_hours(1);
        let token = platen_manager::store::NewToken {
            hash: hash.clone(),
            device: Some(device.clone()),
            created: now(),
            expires,
        };
        store.add_token(token).await.unwrap();
        let enrolment = platen_manager::store::Enrolment {
            token_hash: hash,
            device: device.clone(),
            certificate_serial: "40bb".to_owned(),
            certificate_expires: expires,
            now: now(),
        };
        store.enrol(enrolment).await.unwrap()
    }

    pub(super) async fn of_a_device_that_is_deleted_for_good_no_table_keeps_a_row(store: Store) {
        let stays = named("stays");
        for device in [&device(), &stays] {
            let_in(&store, device).await;
            let first = [
                started("Simulated"),
                utilisation(50),
                service_call("call Mrs Miller"),
                order("o1", 1),
                order("o2", 1),
                replaced(),
                toner_low("a1"),
            ];
            ingest(&store, device, batch(1, &first)).await.unwrap();
            let mut lost = batch(20, &[utilisation(49)]);
            lost["epoch"] = json!("e2");
            ingest(&store, device, lost).await.unwrap();
            set(&store, device, tagged("vip")).await;
            let command = by_hand(&format!("c-{device}"), set_action(&[("judge.part-percent", 3)]));
            store.add_command(device.clone(), command, "anna".into()).await.unwrap().unwrap();
            let expires = now() + SignedDuration::from_hours(48);
            let next = Certificate { serial: format!("next-{device}"), issued: now(), expires };
            store.renewal_issued(device.clone(), next).await.unwrap();
        }
        store
            .add_profile(
                profile("p", &[("judge.part-percent", 5)], &[(GroupKind::Tag, "vip")]),
                "anna".into(),
                now(),
            )
            .await
            .unwrap()
            .unwrap();
        send(&store, "p").await;
        for order in store
            .orders(ALL, OrderFilter { device: Some(device()), ..OrderFilter::default() }, None, 10)
            .await
            .unwrap()
        {
            let settled =
                store.settle_duplicate(&Scope::All, order.key, Duplicate::Merge, "anna".into(), now());
            drop(settled.await.unwrap());
        }
        let begin = async || store.begin_deletion(device(), "anna".into(), now()).await.unwrap();
        assert_eq!(begin().await, Err(DeleteRefusal::InService));
        store.retire(device(), retire_command(), "anna".into(), now()).await.unwrap().unwrap();
        assert_eq!(begin().await, Ok(()));
        assert_eq!(begin().await, Ok(()), "it goes on");
        assert!(store.device(device()).await.unwrap().is_none(), "it is shown nowhere at once");
        assert_eq!(enrol_anew(&store, &device()).await, Err(TokenRefusal::BeingDeleted));
        let mut steps = 0;
        loop {
            match store.delete_some().await.unwrap() {
                Deletion::Goes(_) => steps += 1,
                Deletion::Ended(deleted) => {
                    assert_eq!(deleted, device());
                    break;
                }
                Deletion::Nothing => panic!("it was to be deleted"),
            }
        }
        assert!(steps > 5);
        assert_eq!(store.delete_some().await.unwrap(), Deletion::Nothing);
        let left = store.rows_of_nobody().await.unwrap();
        assert!(left.is_empty(), "no table keeps a row of it: {left:?}");
        let of_other = || Some(stays.clone());
        assert_eq!(store.reports(ALL, ReportFilter::default(), None, 100).await.unwrap().len(), 8);
        let calls = ServiceCallFilter { device: of_other(), open: None };
        assert_eq!(store.service_calls(ALL, calls, None, 10).await.unwrap().len(), 1);
        assert_eq!(store.service_calls(ALL, ServiceCallFilter::default(), None, 10).await.unwrap().len(), 1);
        assert_eq!(store.alerts(ALL, AlertFilter::default(), None, 10).await.unwrap().len(), 1);
        for serial in ["40aa", "next-lobby"] {
            assert!(store.certificate_deleted(serial.to_owned()).await.unwrap(), "{serial}");
        }
        assert!(!store.certificate_deleted("next-stays".to_owned()).await.unwrap());
        let later = now() + SignedDuration::from_hours(49);
        assert_eq!(store.forget_deleted_certificates(later).await.unwrap(), 2);
        // The name is free for another device, of which nothing of the first is known.
        enrol_anew(&store, &device()).await.unwrap();
        let stored = ingest(&store, &device(), batch(1, &[utilisation(50)])).await.unwrap();
        assert_eq!((stored.acknowledged, stored.new.len()), (1, 1));
        assert_eq!(
            store.reports(ALL, ReportFilter { device: Some(device()) }, None, 10).await.unwrap().len(),
            1
        );
    }
}

on_every_store! {
    a_device_at_a_site_is_its_customers_and_has_its_time_zone,
    customers_and_sites_are_removed_once_nothing_belongs_to_them,
    lists_go_by_name_and_on_from_where_a_page_ended,
    whoever_may_see_one_site_sees_that_and_nothing_else,
    many_devices_are_changed_at_once_and_who_cannot_be_is_named,
    a_profile_reaches_the_devices_of_its_groups_once,
    what_is_set_by_hand_wins_until_it_is_reset,
    a_device_is_sent_what_is_about_supplies_and_parts_that_it_has,
    a_retired_device_is_refused_once_it_has_answered_and_its_history_stays,
    a_device_that_does_not_answer_is_refused_in_the_end,
    of_a_device_that_is_deleted_for_good_no_table_keeps_a_row,
}
