//! A program that heard no answer asks again under the same key: what it asked for is done once.

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_manager::store::{Grouping, KeptAnswer, KeyState, Store};
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::{Answer, Client, request};
use platen_tests::rigs::manager::task::TestManager;
use platen_tests::rigs::postgres::Cluster;

use super::store::{now, on_every_store, on_postgres};

const KEY: &str = "7ad3e8f0-9b1c-4b7e-8a57-5f1d2c9e0b44";

mod suite {
    use super::*;

    async fn begin(store: &Store, key: &str, asked: &str) -> KeyState {
        store.begin_answer("olga".into(), key.into(), asked.into(), now()).await.unwrap()
    }

    fn answer() -> KeptAnswer {
        let headers = [("location".to_owned(), "/api/v1/customers/1".to_owned())].into();
        KeptAnswer { status: 201, headers, body: Some("{\"id\":1}".to_owned()) }
    }

    pub(super) async fn what_is_asked_for_twice_under_a_key_is_known_with_its_answer(store: Store) {
        assert_eq!(begin(&store, "k", "a").await, KeyState::First);
        assert_eq!(begin(&store, "k", "a").await, KeyState::UnderWay);
        assert_eq!(begin(&store, "k", "b").await, KeyState::Otherwise);
        store.keep_answer("olga".into(), "k".into(), answer()).await.unwrap();
        assert_eq!(begin(&store, "k", "a").await, KeyState::Before(answer()));
        assert_eq!(begin(&store, "k", "b").await, KeyState::Otherwise);
        let other = store.begin_answer("ben".into(), "k".into(), "b".into(), now()).await.unwrap();
        assert_eq!(other, KeyState::First, "everybody has keys of their own");
    }

    pub(super) async fn what_was_refused_may_be_asked_for_again(store: Store) {
        assert_eq!(begin(&store, "k", "a").await, KeyState::First);
        store.forget_answer("olga".into(), "k".into()).await.unwrap();
        assert_eq!(begin(&store, "k", "b").await, KeyState::First);
    }

    pub(super) async fn an_answer_is_kept_for_a_day_and_of_a_thousand_the_oldest_goes_first(store: Store) {
        let later = now() + SignedDuration::from_hours(24) + SignedDuration::from_millis(1);
        let begin_at = async |key: &str, at| {
            store.begin_answer("olga".into(), key.into(), "a".into(), at).await.unwrap()
        };
        for key in ["k", "l"] {
            assert_eq!(begin_at(key, now()).await, KeyState::First);
            store.keep_answer("olga".into(), key.into(), answer()).await.unwrap();
        }
        assert_eq!(begin_at("k", later).await, KeyState::First, "it is old");
        assert_eq!(store.forget_old_answers(later).await.unwrap(), 1, "the other one");
        store.keep_answer("olga".into(), "k".into(), answer()).await.unwrap();
        for number in 0..1000 {
            let key = format!("n{number}");
            assert_eq!(begin_at(&key, later + SignedDuration::from_secs(1)).await, KeyState::First);
            store.keep_answer("olga".into(), key, answer()).await.unwrap();
        }
        assert_eq!(begin_at("n0", later).await, KeyState::Before(answer()));
        assert_eq!(begin_at("k", later).await, KeyState::First, "a thousand came after it");
    }
}

on_every_store! {
    what_is_asked_for_twice_under_a_key_is_known_with_its_answer,
    what_was_refused_may_be_asked_for_again,
    an_answer_is_kept_for_a_day_and_of_a_thousand_the_oldest_goes_first,
}

async fn post(manager: &TestManager, path: &str, key: Option<&str>, body: &Value) -> Answer {
    let mut asked = request("POST", &format!("/api/v1{path}"), body.to_string());
    let headers = asked.headers_mut();
    headers.insert("authorization", format!("Bearer {}", manager.bearer).parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    if let Some(key) = key {
        headers.insert("idempotency-key", key.parse().unwrap());
    }
    let mut connection = Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap();
    connection.send(asked).await.unwrap()
}

async fn customers(manager: &TestManager) -> usize {
    manager.api("/api/v1/customers").await["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn what_is_posted_twice_under_one_key_is_done_once_and_answered_as_the_first_time() {
    let manager = TestManager::start().await;
    let nord = json!({"name": "Nord AG"});
    let first = post(&manager, "/customers", Some(KEY), &nord).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let quoted = format!("\"{KEY}\"");
    let second = post(&manager, "/customers", Some(&quoted), &nord).await;
    assert_eq!((second.status, second.text()), (first.status, first.text()));
    for header in ["location", "content-type"] {
        assert_eq!(second.headers.get(header), first.headers.get(header), "{header}");
    }
    assert_eq!(customers(&manager).await, 1);
    let entries = manager.api("/api/v1/audit?limit=200").await;
    let added = entries["items"].as_array().unwrap().iter();
    assert_eq!(added.filter(|entry| entry["act"] == "POST /api/v1/customers").count(), 1, "{entries}");
    let other = post(&manager, "/customers", Some(KEY), &json!({"name": "Süd GmbH"})).await;
    assert!(other.problem(ProblemKind::KeyUsed).contains("use a new key"));
    let elsewhere = post(&manager, "/profiles", Some(KEY), &nord).await;
    elsewhere.problem(ProblemKind::KeyUsed);
    let again = post(&manager, "/customers", None, &nord).await;
    again.problem(ProblemKind::StateConflict);
    assert_eq!(customers(&manager).await, 1);
}

#[tokio::test]
async fn what_was_refused_can_be_mended_under_the_same_key_and_a_key_that_is_none_is_named() {
    let manager = TestManager::start().await;
    let refused = post(&manager, "/customers", Some(KEY), &json!({"name": ""})).await;
    refused.problem(ProblemKind::InvalidRequest);
    let mended = post(&manager, "/customers", Some(KEY), &json!({"name": "Nord AG"})).await;
    assert_eq!(mended.status, StatusCode::CREATED, "{}", mended.text());
    let none = post(&manager, "/customers", Some("a key"), &json!({"name": "West"})).await;
    assert!(none.problem(ProblemKind::InvalidRequest).contains("such as a UUID"));
    assert_eq!(customers(&manager).await, 1);
}

#[tokio::test]
async fn a_secret_is_shown_once_and_made_once() {
    let manager = TestManager::start().await;
    let wanted = json!({"name": "billing"});
    let first = post(&manager, "/me/tokens", Some(KEY), &wanted).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let second = post(&manager, "/me/tokens", Some(KEY), &wanted).await;
    assert!(second.problem(ProblemKind::StateConflict).contains("this was done"));
    let tokens = manager.api("/api/v1/me/tokens").await;
    let named = tokens["items"].as_array().unwrap().iter().filter(|token| token["name"] == "billing");
    assert_eq!(named.count(), 1);
}

#[tokio::test]
async fn of_many_who_ask_at_once_under_one_key_one_is_done() {
    let manager = TestManager::start().await;
    let nord = json!({"name": "Nord AG"});
    let asked = (0..8).map(|_| post(&manager, "/customers", Some(KEY), &nord));
    let answers = futures_util::future::join_all(asked).await;
    for answer in &answers {
        if answer.status != StatusCode::CREATED {
            assert!(answer.problem(ProblemKind::StateConflict).contains("has not been answered"));
        }
    }
    assert!(answers.iter().any(|answer| answer.status == StatusCode::CREATED));
    assert_eq!(customers(&manager).await, 1);
}
