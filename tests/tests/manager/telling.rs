//! People are told: by mail and by webhooks that are really received, once each, together where things belong together, and
//! not when nobody should be. The time is given, and a day passes in no time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_manager::deliver::{Deliver, Mail, Mailer, Webhooker, Webhooks, signature};
use platen_manager::store::{
    ChannelKind, DetailsChange, Grouping, MessageState, Muted, NewChannel, NewCustomer, NewMute, NewSite,
    Store,
};
use platen_manager::telling::rule::Rule;
use platen_manager::telling_job::{Done, Job};
use platen_protocol::identity::DeviceId;
use platen_tests::rigs::authority::Authority;
use platen_tests::rigs::hook::Hook;
use platen_tests::rigs::mailbox::Mailbox;
use platen_tests::rigs::manager::messages::{batch, cleared, service_call, toner_low};
use platen_tests::rigs::postgres::Cluster;
use serde_json::{Value, json};

use super::store::{ingest, let_in, now, on_postgres};

/// The manager, as it is named in what it sends.
const SOURCE: &str = "https://manager.example.org";
/// Short limits for peers that never answer: what is tested is that there is one.
const SHORT: Duration = Duration::from_millis(300);

fn webhooks() -> Webhooks {
    toml::from_str("allow = [\"127.0.0.1\"]").unwrap()
}

fn mail(server: &str, more: &str) -> Mail {
    toml::from_str(&format!("server = \"{server}\"\nfrom = \"Platen <platen@example.org>\"\n{more}\n"))
        .unwrap()
}

fn at(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

/// The worker of one manager, over a store.
struct Worker {
    job: Job,
    done: Done,
}

impl Worker {
    fn new(store: &Store, mail: Option<&Mail>) -> Self {
        let deliver = Arc::new(Deliver::new(mail, &webhooks(), SOURCE));
        Self::with(store, deliver)
    }

    fn with(store: &Store, deliver: Arc<Deliver>) -> Self {
        let job = Job {
            store: store.clone(),
            deliver,
            watches: None,
            state_directory: PathBuf::from("/nowhere"),
            kept_days: 90,
            turn: Arc::new(|| true),
        };
        Self { job, done: Done::default() }
    }

    async fn round(&mut self, now: Timestamp) -> usize {
        self.job.round(&mut self.done, now).await.unwrap()
    }
}

async fn channel(store: &Store, name: &str, kind: ChannelKind, address: &str) -> i64 {
    let secret = (kind == ChannelKind::Webhook).then(|| SECRET.to_owned());
    let new = NewChannel { name: name.to_owned(), kind, address: address.to_owned() };
    store.add_channel(new, secret, "anna".to_owned(), now()).await.unwrap().unwrap()
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn rule(store: &Store, channel: i64, more: &Value) -> i64 {
    let mut rule = json!({"name": "all", "channel": channel, "gather_seconds": 0, "pause_seconds": 0});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let rule: Rule = serde_json::from_value(rule).unwrap();
    store.add_telling_rule(rule, "anna".to_owned(), now()).await.unwrap().unwrap()
}

fn named(name: &str) -> DeviceId {
    name.parse().unwrap()
}

async fn site(store: &Store) -> i64 {
    let customer = NewCustomer { name: "Nord AG".to_owned(), note: None };
    let customer = store.add_customer(customer).await.unwrap().unwrap();
    let site = NewSite { customer, name: "Kiel".to_owned(), address: None, time_zone: None };
    store.add_site(site).await.unwrap().unwrap()
}

async fn device_at(store: &Store, name: &str, site: i64) -> DeviceId {
    let device = named(name);
    let_in(store, &device).await;
    let change = DetailsChange { site: Some(Some(site)), ..DetailsChange::default() };
    store
        .set_details(&platen_manager::store::Scope::All, device.clone(), change, "anna".to_owned(), now())
        .await
        .unwrap()
        .unwrap();
    device
}

fn events(hook: &Hook) -> Vec<Value> {
    hook.taken().iter().map(|taken| serde_json::from_str(&taken.body).unwrap()).collect()
}

fn titles(hook: &Hook) -> Vec<String> {
    events(hook).iter().map(|event| event["data"]["title"].as_str().unwrap().to_owned()).collect()
}

mod suite {
    use super::*;

    pub(super) async fn each_event_is_told_once_and_its_end_follows_it(store: Store) {
        let hook = Hook::open().await;
        let channel = channel(&store, "desk", ChannelKind::Webhook, &hook.url()).await;
        rule(&store, channel, &json!({})).await;
        let site = site(&store).await;
        let lobby = device_at(&store, "lobby", site).await;
        ingest(&store, &lobby, batch(1, &[toner_low("a1")])).await.unwrap();
        ingest(&store, &lobby, batch(1, &[toner_low("a1")])).await.unwrap();
        let mut worker = Worker::new(&store, None);
        hook.answer(Some("200 OK\r\ncontent-length: 19\r\n\r\n{\"ticket\": \"INC-7\"}"));
        worker.round(at(0)).await;
        worker.round(at(1)).await;
        assert_eq!(titles(&hook), ["lobby: black toner at 4 %"]);
        let taken = &hook.taken()[0];
        let (id, seconds) = (taken.header("webhook-id"), taken.header("webhook-timestamp"));
        let expected = signature(SECRET, id, seconds.parse().unwrap(), taken.body.as_bytes()).unwrap();
        assert_eq!(taken.header("webhook-signature").to_lowercase(), expected.to_lowercase());
        let event = &events(&hook)[0];
        assert_eq!((&event["id"], &event["source"]), (&json!(id), &json!(SOURCE)));
        assert_eq!(event["data"]["items"][0]["site"], "Kiel");
        let message = store.message(id.to_owned()).await.unwrap().unwrap();
        assert_eq!((message.state, message.ticket.as_deref()), (MessageState::Sent, Some("INC-7")));
        ingest(&store, &lobby, batch(2, &[cleared("a1")])).await.unwrap();
        worker.round(at(2)).await;
        worker.round(at(3)).await;
        assert_eq!(titles(&hook)[1..], ["Resolved: lobby: black toner at 4 %"]);
        assert_eq!(events(&hook)[1]["data"]["follows"], json!(id));
    }

    pub(super) async fn who_crashed_while_sending_has_it_sent_once_more_under_the_same_id(store: Store) {
        let hook = Hook::open().await;
        let channel = channel(&store, "desk", ChannelKind::Webhook, &hook.url()).await;
        rule(&store, channel, &json!({})).await;
        let_in(&store, &named("lobby")).await;
        ingest(&store, &named("lobby"), batch(1, &[service_call("streaks")])).await.unwrap();
        store.route_notices(at(0)).await.unwrap();
        // It sends, and dies before it can say so.
        let claimed = store.claim_messages(8, at(0)).await.unwrap();
        let deliver = Deliver::new(None, &webhooks(), SOURCE);
        let body = claimed[0].message.cloud_event(SOURCE).to_string().into_bytes();
        deliver.webhooks.send(&claimed[0].to.address, SECRET, &claimed[0].message.id, at(0), body).await;
        let mut next = Worker::new(&store, None);
        assert_eq!(next.round(at(1)).await, 0, "somebody may still be sending it");
        assert_eq!(next.round(at(6)).await, 1);
        assert_eq!(next.round(at(60)).await, 0);
        let ids: Vec<_> = hook.taken().iter().map(|taken| taken.header("webhook-id").to_owned()).collect();
        assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    }

    pub(super) async fn a_site_whose_printers_all_say_the_same_is_one_message(store: Store) {
        let hook = Hook::open().await;
        let channel = channel(&store, "desk", ChannelKind::Webhook, &hook.url()).await;
        rule(&store, channel, &json!({"gather_seconds": 60, "pause_seconds": 3600})).await;
        let site = site(&store).await;
        let mut worker = Worker::new(&store, None);
        for number in 0..25 {
            let device = device_at(&store, &format!("p{number}"), site).await;
            ingest(&store, &device, batch(1, &[toner_low("a1")])).await.unwrap();
            worker.round(at(0)).await;
        }
        worker.round(at(2)).await;
        assert_eq!(titles(&hook), ["Kiel: 25 times black toner at 4 %"]);
        let late = device_at(&store, "late", site).await;
        ingest(&store, &late, batch(1, &[toner_low("a1")])).await.unwrap();
        worker.round(at(10)).await;
        assert_eq!(titles(&hook).len(), 1, "not so soon again");
        worker.round(at(63)).await;
        assert_eq!(titles(&hook)[1..], ["late: black toner at 4 %"]);
    }

    pub(super) async fn what_is_over_before_its_time_or_within_a_mute_is_never_told(store: Store) {
        let hook = Hook::open().await;
        let channel = channel(&store, "desk", ChannelKind::Webhook, &hook.url()).await;
        rule(&store, channel, &json!({"after_seconds": 600})).await;
        let site = site(&store).await;
        let lobby = device_at(&store, "lobby", site).await;
        let mut worker = Worker::new(&store, None);
        ingest(&store, &lobby, batch(1, &[toner_low("a1")])).await.unwrap();
        worker.round(at(0)).await;
        ingest(&store, &lobby, batch(2, &[cleared("a1")])).await.unwrap();
        worker.round(at(5)).await;
        worker.round(at(20)).await;
        let mute = NewMute { what: Muted::Site(site), until: at(120), note: None };
        let mute = store.add_mute(mute, "anna".to_owned(), at(20)).await.unwrap().unwrap();
        ingest(&store, &lobby, batch(3, &[toner_low("a2"), toner_low("a3")])).await.unwrap();
        worker.round(at(30)).await;
        ingest(&store, &lobby, batch(5, &[cleared("a2")])).await.unwrap();
        worker.round(at(119)).await;
        assert_eq!(titles(&hook), Vec::<String>::new());
        worker.round(at(121)).await;
        assert_eq!(titles(&hook), ["lobby: black toner at 4 %"], "what still stands at its end");
        assert!(store.end_mute(mute, at(121)).await.unwrap().is_err(), "it has ended");
        let soon = NewMute { what: Muted::Device(lobby.clone()), until: at(999), note: None };
        let soon = store.add_mute(soon, "anna".to_owned(), at(121)).await.unwrap().unwrap();
        ingest(&store, &lobby, batch(6, &[service_call("help")])).await.unwrap();
        worker.round(at(200)).await;
        assert_eq!(titles(&hook).len(), 1);
        store.end_mute(soon, at(201)).await.unwrap().unwrap();
        worker.round(at(201)).await;
        assert_eq!(titles(&hook).len(), 2);
    }

    pub(super) async fn others_are_told_of_what_nobody_takes(store: Store) {
        let (hook, boss) = (Hook::open().await, Hook::open().await);
        let first = channel(&store, "desk", ChannelKind::Webhook, &hook.url()).await;
        let second = channel(&store, "boss", ChannelKind::Webhook, &boss.url()).await;
        rule(&store, first, &json!({"escalate_after_seconds": 1800, "escalate_to": second})).await;
        let_in(&store, &named("lobby")).await;
        let mut worker = Worker::new(&store, None);
        ingest(&store, &named("lobby"), batch(1, &[service_call("one")])).await.unwrap();
        worker.round(at(0)).await;
        ingest(&store, &named("lobby"), batch(2, &[service_call("two")])).await.unwrap();
        worker.round(at(1)).await;
        let taken = events(&hook)[1]["id"].as_str().unwrap().to_owned();
        store.take_message(taken.clone(), "bert".to_owned(), at(2)).await.unwrap().unwrap();
        assert!(store.take_message(taken, "carl".to_owned(), at(3)).await.unwrap().is_err());
        worker.round(at(29)).await;
        assert_eq!(titles(&boss), Vec::<String>::new());
        worker.round(at(31)).await;
        worker.round(at(300)).await;
        let told = titles(&boss);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("Nobody has taken it: lobby") && told[0].ends_with("one"), "{told:?}");
    }

    pub(super) async fn a_system_that_fails_for_a_day_loses_nothing_and_after_four_it_is_a_dead_letter(
        store: Store,
    ) {
        let hook = Hook::open().await;
        let channel = channel(&store, "desk", ChannelKind::Webhook, &hook.url()).await;
        rule(&store, channel, &json!({"events": ["service_call"]})).await;
        let_in(&store, &named("lobby")).await;
        hook.answer(Some("500 Internal Server Error\r\n\r\n"));
        ingest(&store, &named("lobby"), batch(1, &[service_call("streaks")])).await.unwrap();
        let mut worker = Worker::new(&store, None);
        for minutes in (0..24 * 60).step_by(30) {
            worker.round(at(minutes)).await;
        }
        let tries = hook.taken().len();
        assert!((20..60).contains(&tries), "{tries} tries in a day");
        let message = store.messages(None, None, 10).await.unwrap().remove(0);
        assert_eq!(message.state, MessageState::Waiting);
        assert!(message.error.as_ref().unwrap().contains("500"), "{message:?}");
        hook.answer(Some("204 No Content\r\n\r\n"));
        worker.round(at(25 * 60)).await;
        assert_eq!(store.message(message.id).await.unwrap().unwrap().state, MessageState::Sent);
        hook.answer(Some("410 Gone\r\n\r\n"));
        ingest(&store, &named("lobby"), batch(2, &[service_call("again")])).await.unwrap();
        worker.round(at(26 * 60)).await;
        let dead = store.messages(Some(MessageState::Dead), None, 10).await.unwrap().remove(0);
        hook.answer(Some("200 OK\r\n\r\n"));
        store.send_again(dead.id.clone(), at(27 * 60)).await.unwrap().unwrap();
        assert!(store.send_again(dead.id.clone(), at(27 * 60)).await.unwrap().is_err());
        worker.round(at(27 * 60)).await;
        assert_eq!(store.message(dead.id).await.unwrap().unwrap().state, MessageState::Sent);
    }

    pub(super) async fn the_managers_own_troubles_are_told_and_that_they_are_over(store: Store) {
        let hook = Hook::open().await;
        let channel = channel(&store, "desk", ChannelKind::Webhook, &hook.url()).await;
        rule(&store, channel, &json!({"events": ["manager"]})).await;
        let mut worker = Worker::new(&store, None);
        worker.round(at(0)).await;
        let trouble = ("disk".to_owned(), "The disk is almost full.".to_owned());
        assert!(store.own_troubles([trouble.clone()].into(), at(0)).await.unwrap());
        assert!(!store.own_troubles([trouble].into(), at(0)).await.unwrap(), "it is known");
        worker.round(at(0)).await;
        // Now the worker looks itself, and there is none.
        worker.round(at(2)).await;
        worker.round(at(3)).await;
        assert_eq!(
            titles(&hook),
            ["the manager: The disk is almost full.", "Resolved: the manager: The disk is almost full."]
        );
    }
}

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
    each_event_is_told_once_and_its_end_follows_it,
    who_crashed_while_sending_has_it_sent_once_more_under_the_same_id,
    a_site_whose_printers_all_say_the_same_is_one_message,
    what_is_over_before_its_time_or_within_a_mute_is_never_told,
    others_are_told_of_what_nobody_takes,
    a_system_that_fails_for_a_day_loses_nothing_and_after_four_it_is_a_dead_letter,
    the_managers_own_troubles_are_told_and_that_they_are_over,
}

/// A store with one service call that is to be told by one channel.
async fn with_a_call(directory: &tempfile::TempDir, kind: ChannelKind, address: &str) -> Store {
    let store = Store::open(&directory.path().join("s"), Grouping::Group).unwrap();
    let channel = channel(&store, "desk", kind, address).await;
    rule(&store, channel, &json!({})).await;
    let_in(&store, &named("lobby")).await;
    ingest(&store, &named("lobby"), batch(1, &[service_call("streaks <b>on</b> every page")])).await.unwrap();
    store
}

async fn error(store: &Store) -> (MessageState, String) {
    let message = store.messages(None, None, 1).await.unwrap().remove(0);
    (message.state, message.error.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_really_received_with_all_that_the_message_says_and_one_that_is_refused_comes_later() {
    let (directory, mailbox) = (tempfile::tempdir().unwrap(), Mailbox::open());
    let store = with_a_call(&directory, ChannelKind::Email, "anna@example.org, bert@example.org").await;
    let settings = mail(&mailbox.address.to_string(), "security = \"none\"");
    let mut worker = Worker::new(&store, Some(&settings));
    mailbox.refuse(true);
    worker.round(at(0)).await;
    let (state, why) = error(&store).await;
    assert_eq!(state, MessageState::Waiting);
    assert!(why.contains("not now"), "{why}");
    mailbox.refuse(false);
    worker.round(at(1)).await;
    worker.round(at(60)).await;
    let mails = mailbox.mails();
    assert_eq!(mails.len(), 1);
    let message = store.messages(None, None, 1).await.unwrap().remove(0);
    let mail = &mails[0];
    for piece in [
        "X-To: anna@example.org,bert@example.org",
        "From: Platen <platen@example.org>",
        &format!("Message-ID: <{}@manager.example.org>", message.id),
        "Auto-Submitted: auto-generated",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "streaks &#60;b&#62;on",
        "Device: lobby",
    ] {
        assert!(
            mail.contains(piece) || mail.replace("=\r\n", "").contains(piece),
            "{piece} is not in\n{mail}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_slow_or_not_the_right_one_is_named_and_asked_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_a_call(&directory, ChannelKind::Email, "anna@example.org").await;
    // Nobody listens on port 1.
    let mut worker = Worker::new(&store, Some(&mail("127.0.0.1:1", "security = \"none\"")));
    worker.round(at(0)).await;
    assert!(error(&store).await.1.contains("refused"), "{:?}", error(&store).await);
    let slow = Mailbox::slow();
    let settings = mail(&slow.address.to_string(), "security = \"none\"");
    let deliver = |mailer: Mailer| {
        Arc::new(Deliver {
            mail: Ok(Some(mailer)),
            webhooks: Webhooker::new(&webhooks()),
            source: SOURCE.into(),
        })
    };
    let mut worker = Worker::with(&store, deliver(Mailer::within(&settings, SHORT, SHORT * 4).unwrap()));
    worker.round(at(60)).await;
    assert_eq!(error(&store).await.0, MessageState::Waiting);
    // A server whose certificate is of an authority that nobody trusts.
    let authority = Authority::new();
    let (certificate, key) = authority.issue_to("localhost", &["localhost"]);
    let [certificate_file, key_file] = ["server.pem", "server.key"].map(|name| directory.path().join(name));
    std::fs::write(&certificate_file, certificate).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let mailbox = Mailbox::with_tls(&certificate_file, &key_file);
    let address = format!("localhost:{}", mailbox.address.port());
    let mut worker = Worker::new(&store, Some(&mail(&address, "")));
    worker.round(at(120)).await;
    let (state, why) = error(&store).await;
    assert_eq!(state, MessageState::Waiting);
    assert!(why.contains("ertificate"), "{why}");
    assert_eq!(mailbox.mails().len(), 0, "nothing was said to it");
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, &authority.pem).unwrap();
    let mut worker = Worker::new(&store, Some(&mail(&address, &format!("ca = \"{}\"", ca.display()))));
    worker.round(at(24 * 60)).await;
    assert_eq!(error(&store).await.0, MessageState::Sent);
    // And that messages did not get through for a day.
    let subjects = ["Subject: lobby: Somebody", "Subject: the manager: Messages do not get through"];
    let of = |subject| mailbox.mails().iter().filter(|mail| mail.contains(subject)).count();
    assert_eq!((subjects.map(of), mailbox.mails().len()), ([1, 1], 2), "{:#?}", mailbox.mails());
}

#[tokio::test]
async fn a_webhook_that_never_answers_or_redirects_or_is_within_is_not_followed() {
    let (directory, hook, other) = (tempfile::tempdir().unwrap(), Hook::open().await, Hook::open().await);
    let store = with_a_call(&directory, ChannelKind::Webhook, &hook.url()).await;
    hook.answer(None);
    let deliver = Arc::new(Deliver {
        mail: Ok(None),
        webhooks: Webhooker::within(&webhooks(), SHORT),
        source: SOURCE.into(),
    });
    Worker::with(&store, deliver).round(at(0)).await;
    assert_eq!(error(&store).await, (MessageState::Waiting, "no answer in time".to_owned()));
    hook.answer(Some(&format!("302 Found\r\nlocation: {}\r\n\r\n", other.url())));
    Worker::new(&store, None).round(at(1)).await;
    assert!(error(&store).await.1.contains("redirects are not followed"), "{:?}", error(&store).await);
    assert_eq!(other.taken().len(), 0);
    // Without leave, what is within is not reached at all.
    let deliver =
        Deliver { mail: Ok(None), webhooks: Webhooker::new(&Webhooks::default()), source: SOURCE.into() };
    let before = hook.taken().len();
    Worker::with(&store, Arc::new(deliver)).round(at(60)).await;
    let (state, why) = error(&store).await;
    assert_eq!((state, hook.taken().len()), (MessageState::Dead, before));
    assert!(why.contains("must not be reached"), "{why}");
}
