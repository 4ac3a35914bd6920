//! Who did what: in the transaction of what was done, for each address at which something can be changed, in a chain in which a
//! hole shows.

use hyper::StatusCode;
use platen_manager::audit::{Act, Verifier, during};
use platen_manager::operator::changing_addresses;
use platen_manager::rights::Role;
use platen_manager::store::{AuditFilter, Grouping, NewCustomer, NewOperator, Scope, Store};
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, TestManager};
use platen_tests::rigs::postgres::Cluster;

use super::people::{operator, send};
use super::store::{now, on_every_store, on_postgres};

fn act(what: &str) -> std::sync::Arc<Act> {
    Act::new(Some("anna".to_owned()), "session 0123", "192.0.2.1", (what.to_owned(), "/x"))
}

fn ben() -> NewOperator {
    NewOperator {
        name: "ben".to_owned(),
        password_hash: "hash".to_owned(),
        role: Role::Viewer,
        scope: Scope::All,
    }
}

async fn whole(store: &Store) -> u64 {
    let chain = store.audit_chain().await.unwrap();
    let mut verifier = Verifier::new(&chain);
    for entry in store.audit_after(chain.cut.0, 1_000).await.unwrap() {
        verifier.push(&entry).unwrap();
    }
    verifier.end(&chain).unwrap();
    verifier.good
}

mod suite {
    use super::*;

    pub(super) async fn what_the_store_does_in_an_act_stands_in_the_same_transaction(store: Store) {
        let add = act("POST /people");
        during(add.clone(), store.add_operator(ben(), now())).await.unwrap().unwrap();
        assert!(add.is_written());
        let refused = act("POST /people");
        let again = during(refused.clone(), store.add_operator(ben(), now())).await.unwrap();
        assert!(again.is_err() && !refused.is_written(), "nothing was changed");
        let change = store.change_operator("ben".into(), Role::Technician, Scope::All);
        during(act("POST /people/{name}"), change).await.unwrap().unwrap();
        // Outside of an act there is nothing to tell.
        let key = store.add_customer(NewCustomer { name: "Nord".into(), note: None }).await.unwrap().unwrap();
        let renamed = NewCustomer { name: "Nord AG".into(), note: Some("§".into()) };
        during(act("POST /customers/{id}"), store.set_customer(key, renamed)).await.unwrap().unwrap();
        during(act("POST /customers/{id}/remove"), store.remove_customer(key)).await.unwrap().unwrap();
        let all = store.audit(AuditFilter::default(), None, 10).await.unwrap();
        let told: Vec<_> = all.iter().map(|one| (one.number, one.act.as_str())).collect();
        assert_eq!(
            told,
            [
                (4, "POST /customers/{id}/remove"),
                (3, "POST /customers/{id}"),
                (2, "POST /people/{name}"),
                (1, "POST /people")
            ]
        );
        let state =
            |text: &Option<String>| -> Value { serde_json::from_str(text.as_deref().unwrap()).unwrap() };
        let changed = &all[2];
        assert_eq!(
            (&state(&changed.before)["role"], &state(&changed.after)["role"]),
            (&"viewer".into(), &"technician".into())
        );
        assert_eq!(
            (&state(&all[1].before)["name"], &state(&all[1].after)["name"]),
            (&"Nord".into(), &"Nord AG".into())
        );
        assert_eq!((all[0].after.as_ref(), state(&all[0].before)["note"].as_str()), (None, Some("§")));
        assert_eq!(
            (changed.operator.as_deref(), changed.credential.as_str(), changed.address.as_str()),
            (Some("anna"), "session 0123", "192.0.2.1")
        );
        assert_eq!(whole(&store).await, 4);
    }

    pub(super) async fn entries_are_found_by_who_when_and_how_it_went(store: Store) {
        let begun = now();
        store.note_act(act("a"), "done".into()).await.unwrap();
        store.note_act(act("b"), "refused (403)".into()).await.unwrap();
        let nobody = Act::new(None, "password", "::1", ("sign in".to_owned(), "/sign-in"));
        store.note_act(nobody, "refused (wrong name or password)".into()).await.unwrap();
        let found = async |filter| -> Vec<i64> {
            let all = store.audit(filter, None, 10).await.unwrap();
            all.iter().map(|one| one.number).collect()
        };
        let of =
            |operator: &str| AuditFilter { operator: Some(operator.to_owned()), ..AuditFilter::default() };
        assert_eq!(found(of("anna")).await, [2, 1]);
        assert_eq!(found(of("ben")).await, [0_i64; 0]);
        assert_eq!(found(AuditFilter { refused: true, ..AuditFilter::default() }).await, [3, 2]);
        assert_eq!(found(AuditFilter { until: Some(begun), ..AuditFilter::default() }).await, [0_i64; 0]);
        assert_eq!(found(AuditFilter { from: Some(begun), ..AuditFilter::default() }).await, [3, 2, 1]);
        assert_eq!(store.audit(AuditFilter::default(), Some(2), 10).await.unwrap()[0].number, 1);
    }

    pub(super) async fn what_is_old_is_cut_off_and_what_is_left_is_a_chain(store: Store) {
        for number in 0..7 {
            store.note_act(act(&format!("act {number}")), "done".into()).await.unwrap();
        }
        assert_eq!(store.cut_audit(0, 100).await.unwrap(), 0, "nothing is that old");
        // The year 2286: entries have the time of the clock.
        let later = 9_999_999_999_999;
        assert_eq!(store.cut_audit(later, 3).await.unwrap(), 3, "some at a time");
        assert_eq!(whole(&store).await, 4);
        assert_eq!(store.cut_audit(later, 100).await.unwrap(), 3, "the last one stays");
        assert_eq!(store.cut_audit(later, 100).await.unwrap(), 0);
        assert_eq!(whole(&store).await, 1);
        store.note_act(act("another"), "done".into()).await.unwrap();
        assert_eq!(whole(&store).await, 2);
        assert_eq!(store.audit_chain().await.unwrap().cut.0, 6);
    }
}

on_every_store! {
    what_the_store_does_in_an_act_stands_in_the_same_transaction,
    entries_are_found_by_who_when_and_how_it_went,
    what_is_old_is_cut_off_and_what_is_left_is_a_chain,
}

/// Each address by itself, so that one that is added later is tried too.
#[tokio::test]
async fn each_address_at_which_something_can_be_changed_leaves_an_entry() {
    let manager = TestManager::start().await;
    let token = operator(&manager, "ben", Role::Administrator, Scope::All).await;
    let all = changing_addresses();
    assert!(all.len() > 100, "{}", all.len());
    let mut connection = browser(&manager).await;
    for (method, pattern) in all {
        // Signing in and out is looked at below, and in the tests of the second factor.
        if ["/sign-in", "/sign-in/code", "/sign-out"].contains(&pattern.as_str()) {
            continue;
        }
        let mut path = pattern.clone();
        while let Some((before, rest)) = path.split_once('{') {
            path = format!("{before}999999{}", rest.split_once('}').unwrap().1);
        }
        let method = method.to_uppercase();
        let answer = send(&mut connection, &token, (&method, &path), Some(&json!({}))).await;
        assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let last = manager.store.audit(AuditFilter::default(), None, 1).await.unwrap().remove(0);
        assert_eq!(
            (last.act, last.about, last.operator.as_deref()),
            (format!("{method} {pattern}"), path.clone(), Some("ben")),
            "{method} {path} answered {}",
            answer.status
        );
        let is_done = answer.status.is_success() || answer.status.is_redirection();
        assert_eq!(last.outcome == "done", is_done, "{method} {path}: {}", last.outcome);
    }
    whole(&manager.store).await;
}

#[tokio::test]
async fn signing_in_and_out_and_failing_to_stand_in_the_log_without_what_was_typed() {
    let manager = TestManager::start().await;
    let mut anna = browser(&manager).await;
    let wrong = format!("name={OPERATOR}&password=not-this-one");
    post_form(&mut anna, "/sign-in", &wrong, Some(OWN), "").await;
    let typed = "name=my-secret-password&password=x";
    post_form(&mut anna, "/sign-in", typed, Some(OWN), "").await;
    let cookie = sign_in(&mut anna).await;
    post_form(&mut anna, "/sign-out", "", Some(OWN), &cookie).await;
    let listed = manager.api("/api/v1/audit").await;
    let told: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["act"].as_str().unwrap(), one["operator"].as_str(), one["outcome"].as_str().unwrap()))
        .collect();
    let wrong = "refused (wrong name or password)";
    assert_eq!(
        told,
        [
            ("sign out", Some(OPERATOR), "done"),
            ("sign in", Some(OPERATOR), "done"),
            ("sign in", None, wrong),
            ("sign in", Some(OPERATOR), wrong)
        ]
    );
    let session = listed["items"][1]["after"].as_str().unwrap();
    let credential = listed["items"][0]["credential"].as_str().unwrap();
    let id = credential.strip_prefix("session ").unwrap();
    assert!(session.contains(id), "{session} {credential}");
    assert!(!listed.to_string().contains("secret"), "{listed}");
}

#[tokio::test]
async fn what_was_done_and_what_was_refused_is_told_to_administrators_on_a_page_and_in_files() {
    let manager = TestManager::start().await;
    let mut connection = browser(&manager).await;
    let viewer = operator(&manager, "ben", Role::Viewer, Scope::All).await;
    let customer = json!({"name": "<b>Nord"});
    let made = manager.ask_api("POST", "/api/v1/customers", Some(&customer)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    send(&mut connection, &viewer, ("POST", "/api/v1/customers"), Some(&customer))
        .await
        .problem(ProblemKind::RightMissing);
    send(&mut connection, &viewer, ("GET", "/api/v1/audit"), None).await.problem(ProblemKind::RightMissing);
    let cookie = sign_in(&mut connection).await;
    let page = get(&mut connection, "/audit", &cookie).await.text();
    assert!(page.contains("data-entry=\"1\"") && page.contains("refused (403)"), "{page}");
    assert!(!page.contains("<b>Nord") && page.contains("b&#62;Nord"), "{page}");
    let refused = get(&mut connection, "/audit?refused=yes&operator=ben", &cookie).await.text();
    assert_eq!(refused.matches("data-entry=").count(), 1, "{refused}");
    let filtered = manager.api("/api/v1/audit?operator=ben&refused=true").await;
    assert_eq!(filtered["items"][0]["act"], "POST /api/v1/customers");
    assert_eq!(filtered["items"][0]["address"], "127.0.0.1");
    let paged = manager.api("/api/v1/audit?limit=1").await;
    let next = paged["next_cursor"].as_str().unwrap();
    let second = manager.api(&format!("/api/v1/audit?limit=1&cursor={next}")).await;
    assert_eq!(
        second["items"][0]["number"].as_i64().unwrap() + 1,
        paged["items"][0]["number"].as_i64().unwrap()
    );
    // A file is whole in itself: its hashes can be computed from what stands in it.
    let lines = get(&mut connection, "/audit.jsonl", &cookie).await.text();
    let mut previous = String::new();
    let mut count = 0;
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let at: jiff::Timestamp = entry["at"].as_str().unwrap().parse().unwrap();
        let fields = json!([
            entry["number"],
            at.as_millisecond(),
            entry["operator"],
            entry["credential"],
            entry["address"],
            entry["act"],
            entry["about"],
            entry["outcome"],
            entry["before"],
            entry["after"]
        ]);
        let hash = platen_manager::secret::fingerprint(format!("{previous}{fields}").as_bytes());
        assert_eq!(entry["hash"], hash.as_str(), "{line}");
        previous = hash;
        count += 1;
    }
    assert_eq!(count, 3, "{lines}");
    let csv = get(&mut connection, "/audit.csv", &cookie).await.text();
    assert_eq!((csv.lines().count(), csv.lines().next().unwrap().split(',').count()), (4, 11), "{csv}");
    let rest = manager.ask_api("GET", "/api/v1/audit.csv?after=2", None).await.text();
    assert_eq!(rest.lines().count(), 2, "{rest}");
}
