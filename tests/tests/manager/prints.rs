//! What is printed, over the API and on its page, at a printer of CUPS; and the queue over the store's handle on each engine.

use std::process::Command;
use std::sync::Arc;

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_manager::print_job;
use platen_manager::printing::schedule::Days;
use platen_manager::printing::{Printer, Printers};
use platen_manager::store::{
    Grouping, NewPrint, NewSchedule, PrintRefusal, PrintState, PrintStep, ScheduleBody, ScheduleRefusal,
    Scheduled, Store,
};
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::ipp_printer::IppPrinter;
use platen_tests::rigs::manager::messages::{batch, order, started};
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{TestManager, until};
use platen_tests::rigs::postgres::Cluster;
use serde_json::{Value, json};

use super::store::{now, on_postgres};

fn printer(name: &str, uri: &str, more: &str) -> Printer {
    #[derive(serde::Deserialize)]
    struct One {
        one: Printer,
    }
    let text = format!("[one]\nname = \"{name}\"\nuri = \"{uri}\"\n{more}\n");
    toml::from_str::<One>(&text).unwrap().one
}

async fn with_printers(printers: Vec<Printer>) -> TestManager {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let manager = TestManager::start_configured(directory, |config| config.printers = printers).await;
    let client = manager.enrol("lobby").await;
    client.report(manager.device, &batch(1, &[started("MFP 450"), order("o1", 2)])).await;
    manager
}

fn report_at(printer: &str) -> Value {
    json!({"printer": printer, "document": {"kind": "device", "device": "lobby"}})
}

async fn ask(manager: &TestManager, path: &str, body: Option<&Value>) -> Value {
    let answer = manager.ask_api("POST", path, body).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text());
    answer.json()
}

/// Until a print stands so.
async fn stands(manager: &TestManager, id: &Value, state: &str, words: &str) -> Value {
    until(|| async {
        let print = manager.api(&format!("/api/v1/prints/{id}")).await;
        let said = print["words"].as_str().unwrap_or("");
        (print["state"] == state && said.contains(words)).then_some(print)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_comes_out_of_the_printer_as_the_page_says_it_and_waits_for_paper() {
    let office = IppPrinter::start();
    let manager = with_printers(vec![printer("Office", &office.uri("ipp"), "")]).await;
    let listed = manager.api("/api/v1/printers").await;
    assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["paper"]), (&json!("Office"), &json!("a4")));

    let added = ask(&manager, "/api/v1/prints", Some(&report_at("Office"))).await;
    assert_eq!((&added["state"], &added["title"]), (&json!("waiting"), &json!("Device lobby")));
    stands(&manager, &added["id"], "printed", "").await;
    let [paper] = &office.printed()[..] else { panic!("{:?}", office.printed()) };
    let text = Command::new("pdftotext").arg("-layout").arg(paper).arg("-").output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    for words in ["Device lobby", "MFP 450", "TK-8335K", "1 of 1"] {
        assert!(text.contains(words), "{words} is not in {text}");
    }

    // Without paper the job waits at the printer, and says for what.
    office.paper(false);
    let added = ask(&manager, "/api/v1/prints", Some(&report_at("Office"))).await;
    let waits = stands(&manager, &added["id"], "sent", "out of paper").await;
    assert!(waits["job"].is_number(), "{waits}");
    let late = manager.ask_api("POST", &format!("/api/v1/prints/{}/cancel", added["id"]), None).await;
    assert!(late.problem(ProblemKind::StateConflict).contains("at the printer"));
    // Another one finds the printer busy, and is printed when that is over.
    let second = ask(&manager, "/api/v1/prints", Some(&report_at("Office"))).await;
    office.paper(true);
    stands(&manager, &added["id"], "printed", "").await;

    // What the printer gives up is printed again by a button.
    stands(&manager, &second["id"], "printed", "").await;
    office.broken(true);
    let lost = ask(&manager, "/api/v1/prints", Some(&report_at("Office"))).await;
    stands(&manager, &lost["id"], "failed", "gave the job up").await;
    office.broken(false);
    let mut page = browser(&manager).await;
    let session = sign_in(&mut page).await;
    let shown = get(&mut page, "/prints", &session).await.text();
    assert!(shown.contains("gave the job up") && shown.contains("Print again: Device lobby"), "{shown}");
    let address = format!("/prints/{}/again", lost["id"]);
    let answer = post_form(&mut page, &address, "", Some(OWN), &session).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let newest = manager.api("/api/v1/prints").await["items"][0].clone();
    assert_ne!(newest["id"], lost["id"]);
    stands(&manager, &newest["id"], "printed", "").await;
    assert_eq!(office.printed().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_by_itself_is_written_down_and_taken_back_on_a_page() {
    let manager = with_printers(vec![printer("Office", "ipp://127.0.0.1:1/ipp/print", "")]).await;
    ask(&manager, "/api/v1/customers", Some(&json!({"name": "Nord AG"}))).await;
    let mut page = browser(&manager).await;
    let session = sign_in(&mut page).await;
    let empty = get(&mut page, "/prints/schedules", &session).await.text();
    assert!(empty.contains("None yet") && empty.contains("<option>Office</option>"), "{empty}");

    let form = "name=Meters&printer=Office&document=meters&customer=1&zone=+Europe%2FBerlin&days=first_of_month&at=06%3A30";
    let answer = post_form(&mut page, "/prints/schedules", form, Some(OWN), &session).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let kept = manager.api("/api/v1/print-schedules").await["items"][0].clone();
    assert_eq!(
        (&kept["customer"], &kept["zone"], &kept["days"], &kept["at"], &kept["document"]),
        (&json!(1), &json!("Europe/Berlin"), &json!("first_of_month"), &json!("06:30"), &json!("meters"))
    );
    let shown = get(&mut page, "/prints/schedules", &session).await.text();
    for words in ["month before, of Nord AG", "on the first of the month, 06:30", "not yet"] {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }

    // What is wrong is said with where it stands.
    for (wrong, words) in [
        (form.replace("customer=1", "customer="), "say whose"),
        (form.replace("Berlin", "Atlantis"), "no time zone"),
        (form.replace("06%3A30", "6.30"), "write it as 07:00"),
        (form.replace("Office", "Kitchen"), "none of that name"),
        (form.replace("customer=1", "customer=Nord"), "none of the choices"),
    ] {
        let answer = post_form(&mut page, "/prints/schedules", &wrong, Some(OWN), &session).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    let again = post_form(&mut page, "/prints/schedules", form, Some(OWN), &session).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text());

    let remove = format!("/prints/schedules/{}/remove", kept["id"]);
    let gone = post_form(&mut page, &remove, "", Some(OWN), &session).await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER, "{}", gone.text());
    assert_eq!(manager.api("/api/v1/print-schedules").await["items"], json!([]));
    let missing = post_form(&mut page, &remove, "", Some(OWN), &session).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_that_is_away_refuses_or_is_another_is_told_in_words() {
    let office = IppPrinter::with_formats("image/jpeg");
    let wrong = "00".repeat(32);
    let manager = with_printers(vec![
        printer("Jpeg", &office.uri("ipp"), ""),
        printer("Away", "ipp://127.0.0.1:1/ipp/print", ""),
        printer("Path", &office.uri("ipp").replace("/ipp/print", "/nowhere"), ""),
        printer("Other", &office.uri("ipps"), &format!("fingerprint = \"{wrong}\"")),
        printer("Stranger", &office.uri("ipps"), ""),
    ])
    .await;
    let mut asked = Vec::new();
    for (name, state, words) in [
        ("Jpeg", "failed", "takes no PDF"),
        ("Away", "waiting", "switched on"),
        ("Other", "waiting", "fingerprint"),
        ("Stranger", "waiting", "not trusted"),
    ] {
        asked.push((ask(&manager, "/api/v1/prints", Some(&report_at(name))).await, state, words));
    }
    for (print, state, words) in &asked {
        stands(&manager, &print["id"], state, words).await;
    }
    // One that waits is cancelled, and is over.
    let away = &asked[1].0["id"];
    let over = ask(&manager, &format!("/api/v1/prints/{away}/cancel"), None).await;
    assert_eq!(over["state"], "cancelled");
    let body = report_at("Kitchen");
    let refused = manager.ask_api("POST", "/api/v1/prints", Some(&body)).await;
    let told = refused.problem(ProblemKind::InvalidRequest);
    assert!(told.contains("Jpeg, Away"), "{told}");
    let body = json!({"printer": "Away", "document": {"kind": "order", "order": 999}});
    manager.ask_api("POST", "/api/v1/prints", Some(&body)).await.problem(ProblemKind::NotFound);
    manager.ask_api("POST", "/api/v1/prints/999/again", None).await.problem(ProblemKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_a_crash_is_found_at_the_printer_and_not_printed_twice() {
    let office = IppPrinter::start();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("s"), Grouping::Group).unwrap();
    let pdf = b"%PDF-1.7 not a real one".to_vec();
    let new =
        NewPrint { id: "00112233aabbccdd".into(), printer: "Office".into(), title: "Day".into(), file: pdf };
    let key = store.add_print(new, "anna".into(), now()).await.unwrap().unwrap();
    let printers = Arc::new(Printers::new(&[printer("Office", &office.uri("ipp"), "")]));
    let job = print_job::Job { store: store.clone(), printers, turn: Arc::new(|| true) };
    assert_eq!(job.round(now()).await.unwrap(), 1);
    until(|| async { (office.printed().len() == 1).then_some(()) }).await;
    // As if it had been killed before it could write down that the printer has it.
    let step = PrintStep::Again { due: now(), job: None, words: None };
    store.print_stands(key, step, now()).await.unwrap();
    let rounds = std::cell::Cell::new(0_i64);
    until(|| async {
        rounds.set(rounds.get() + 1);
        job.round(now() + SignedDuration::from_mins(rounds.get())).await.unwrap();
        let print = store.print(None, key).await.unwrap().unwrap();
        (print.state == PrintState::Printed).then_some(())
    })
    .await;
    assert_eq!(office.printed().len(), 1, "once, not twice");
}

mod suite {
    use super::*;

    fn new(id: &str, printer: &str) -> NewPrint {
        NewPrint { id: id.into(), printer: printer.into(), title: format!("Order {id}"), file: vec![1, 2, 3] }
    }

    pub(super) async fn a_schedule_is_printed_once_for_each_time(store: Store) {
        let body = ScheduleBody {
            document: Scheduled::Day,
            customer: None,
            zone: "Europe/Berlin".into(),
            days: Days::Weekdays,
            at: "07:00".into(),
        };
        let schedule = NewSchedule { name: "Morning".into(), printer: "Office".into(), body, next: now() };
        let key = store.add_print_schedule(schedule.clone(), "anna".into(), now()).await.unwrap().unwrap();
        let again = store.add_print_schedule(schedule, "anna".into(), now()).await.unwrap();
        assert_eq!(again, Err(ScheduleRefusal::NameTaken("Morning".into())));
        assert_eq!(store.due_schedules(now() - SignedDuration::from_secs(1)).await.unwrap(), []);
        let due = store.due_schedules(now()).await.unwrap();
        let then = now() + SignedDuration::from_hours(24);
        // Two managers believe that it is their turn.
        for id in ["a", "b"] {
            store.schedule_ran(due[0].clone(), then, Ok(new(id, "Office")), now()).await.unwrap();
        }
        let prints = store.prints(None, None, 10).await.unwrap();
        assert_eq!(prints.len(), 1, "{prints:?}");
        assert_eq!(prints[0].made_by, "Morning");
        let listed = store.print_schedules().await.unwrap();
        assert_eq!((listed[0].next, listed[0].last, listed[0].words.as_deref()), (then, Some(now()), None));
        store.schedule_ran(listed[0].clone(), then, Err("no printer".into()), now()).await.unwrap();
        assert_eq!(store.print_schedules().await.unwrap()[0].words.as_deref(), Some("no printer"));
        assert!(store.remove_print_schedule(key).await.unwrap());
        assert!(!store.remove_print_schedule(key).await.unwrap());
    }

    pub(super) async fn the_queue_gives_each_print_to_one_and_keeps_what_becomes_of_it(store: Store) {
        let mut keys = Vec::new();
        for (id, printer, by) in [("a", "Office", "anna"), ("b", "Office", "ben"), ("c", "Store", "anna")] {
            keys.push(store.add_print(new(id, printer), by.into(), now()).await.unwrap().unwrap());
        }
        let claimed = store.claim_prints(8, now()).await.unwrap();
        let ids: Vec<&str> = claimed.iter().map(|print| print.id.as_str()).collect();
        assert_eq!(ids, ["a", "c"], "of each printer one, what came first first");
        assert_eq!(claimed[0].tries, 1);
        assert_eq!(store.print_file(keys[0]).await.unwrap(), Some(vec![1, 2, 3]));
        let others = store.claim_prints(8, now()).await.unwrap();
        assert_eq!(others.iter().map(|print| print.id.as_str()).collect::<Vec<_>>(), ["b"]);
        // It is at the printer, then on paper.
        let step = PrintStep::Again { due: now(), job: Some(7), words: Some("it is out of paper".into()) };
        store.print_stands(keys[0], step, now()).await.unwrap();
        let sent = store.print(None, keys[0]).await.unwrap().unwrap();
        assert_eq!(
            (sent.state, sent.job, sent.words.as_deref()),
            (PrintState::Sent, Some(7), Some("it is out of paper"))
        );
        let again = store.claim_prints(8, now()).await.unwrap();
        assert_eq!(
            (again[0].id.as_str(), again[0].job, again[0].tries),
            ("a", Some(7), 1),
            "it is not sent again"
        );
        store.print_stands(keys[0], PrintStep::Printed, now()).await.unwrap();
        store.print_stands(keys[1], PrintStep::Failed("it takes no PDF".into()), now()).await.unwrap();
        // Whoever sees only their own sees no others.
        let of = |by: &str| store.prints(Some(by.to_owned()), None, 10);
        assert_eq!(of("ben").await.unwrap().len(), 1);
        assert_eq!(store.print(Some("ben".into()), keys[0]).await.unwrap(), None);
        let all = store.prints(None, None, 10).await.unwrap();
        assert_eq!(all.iter().map(|print| print.key).rev().collect::<Vec<_>>(), keys);
        let more =
            store.print_again((Some("anna".into()), keys[1]), ("d".into(), "anna".into()), now()).await;
        assert_eq!(more.unwrap(), Err(PrintRefusal::Missing));
        let more =
            store.print_again((None, keys[1]), ("d".into(), "anna".into()), now()).await.unwrap().unwrap();
        assert_eq!(store.print_file(more).await.unwrap(), Some(vec![1, 2, 3]));
        store.cancel_print(None, more, now()).await.unwrap().unwrap();
        assert_eq!(store.cancel_print(None, more, now()).await.unwrap(), Err(PrintRefusal::TooLate));
        let later = now() + SignedDuration::from_hours(1);
        assert!(!store.forget_prints(later).await.unwrap());
        let left = store.prints(None, None, 10).await.unwrap();
        assert_eq!(
            left.iter().map(|print| print.key).collect::<Vec<_>>(),
            [keys[2]],
            "what is not over is kept"
        );
    }
}

#[tokio::test]
async fn the_queue_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("s"), Grouping::Group).unwrap();
    suite::the_queue_gives_each_print_to_one_and_keeps_what_becomes_of_it(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_on_postgresql() {
    let mut cluster = Cluster::start();
    let store = on_postgres(&mut cluster, Grouping::Group).await;
    suite::the_queue_gives_each_print_to_one_and_keeps_what_becomes_of_it(store).await;
}

#[tokio::test]
async fn schedules_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("s"), Grouping::Group).unwrap();
    suite::a_schedule_is_printed_once_for_each_time(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_on_postgresql() {
    let mut cluster = Cluster::start();
    let store = on_postgres(&mut cluster, Grouping::Group).await;
    suite::a_schedule_is_printed_once_for_each_time(store).await;
}
