//! Documents over the API and as pages: what a PDF says, read by poppler, is what the page says.

use std::process::Command;

use hyper::StatusCode;
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::messages::{
    batch, condition, full_supply, order, service_call, started, toner_low,
};
use platen_tests::rigs::manager::month::month;
use platen_tests::rigs::manager::pages::{browser, get, sign_in};
use platen_tests::rigs::manager::task::TestManager;
use serde_json::Value;

/// Without spaces: where lines break is no matter.
fn bare(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_whitespace()).collect()
}

/// What stands in a PDF that is sound.
fn read(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.pdf");
    std::fs::write(&file, bytes).unwrap();
    if let Some(keep) = std::env::var_os("PLATEN_KEEP_PDF") {
        let name = format!("{}.pdf", std::process::id() + u32::from(bytes[bytes.len() / 2]));
        std::fs::copy(&file, std::path::Path::new(&keep).join(name)).unwrap();
    }
    let checked = Command::new("qpdf").arg("--check").arg(&file).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let text = Command::new("pdftotext").arg("-raw").arg(&file).arg("-").output();
    String::from_utf8(text.unwrap().stdout).unwrap()
}

/// All that a document says, as the API tells it.
fn said(document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all = vec![text(&document["title"])];
    all.extend(document["about"].as_array().unwrap().iter().map(text));
    for section in document["sections"].as_array().unwrap() {
        all.push(text(&section["title"]));
        for fact in section["facts"].as_array().unwrap() {
            all.extend([text(&fact["name"]), text(&fact["value"])]);
        }
        for row in section["table"]["rows"].as_array().into_iter().flatten() {
            all.extend(row.as_array().unwrap().iter().map(text));
        }
    }
    all
}

/// That page, PDF, CSV and JSON of a document say the same; what the JSON says.
async fn agree(manager: &TestManager, (page, file, query): (&str, &str, &str)) -> Value {
    let json = manager.api(&format!("{file}{query}")).await;
    let pdf = manager.ask_api("GET", &format!("{file}.pdf{query}"), None).await;
    assert_eq!(
        (pdf.status, &pdf.headers["content-type"]),
        (StatusCode::OK, &"application/pdf".parse().unwrap())
    );
    let on_paper = bare(&read(&pdf.body));
    let csv = manager.ask_api("GET", &format!("{file}.csv{query}"), None).await;
    assert_eq!(csv.status, StatusCode::OK, "{}", csv.text());
    let mut reader = browser(manager).await;
    let session = sign_in(&mut reader).await;
    let shown = get(&mut reader, &format!("{page}{query}"), &session).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
    let escapes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    let html = escapes.iter().fold(shown.text(), |text, (escape, sign)| text.replace(escape, sign));
    let html = bare(&html);
    // The minute may have changed between the answers.
    for one in said(&json).iter().filter(|one| !one.starts_with("As of ")) {
        assert!(on_paper.contains(&bare(one)), "{one:?} is not on paper: {on_paper}");
        assert!(html.contains(&bare(one)), "{one:?} is not on the page: {html}");
    }
    json
}

#[tokio::test]
async fn a_report_the_days_list_and_an_order_say_the_same_on_paper_on_a_page_and_as_data() {
    let manager = TestManager::start().await;
    let client = manager.enrol("lobby").await;
    let mut low = toner_low("a1");
    low["alert"]["supply"] = full_supply(4);
    let bodies = [
        started("MFP 450"),
        low,
        condition("a2", "jam", "mediaPath", "path"),
        order("o1", 2),
        service_call("it <b>rattles</b> & smells"),
    ];
    client.report(manager.device, &batch(1, &bodies)).await;

    let report = agree(&manager, ("/devices/lobby/report", "/api/v1/devices/lobby/report", "")).await;
    let all = said(&report).join("\n");
    for words in ["MFP 450", "Paper jam", "it <b>rattles</b> & smells", "TK-8335K"] {
        assert!(all.contains(words), "{words} is not in {all}");
    }

    let day = agree(&manager, ("/day", "/api/v1/day", "?zone=Europe%2FBerlin")).await;
    let (needs, happened) = (&day["sections"][0]["table"]["rows"], &day["sections"][1]["table"]["rows"]);
    assert_eq!(needs[0][0], "Stopped", "the most urgent first");
    assert_eq!((needs.as_array().unwrap().len(), happened.as_array().unwrap().len()), (4, 4));
    let csv = manager.ask_api("GET", "/api/v1/day.csv", None).await.text();
    assert!(csv.starts_with("section,How urgent,What,Device,"), "{csv}");
    assert_eq!(csv.matches("lobby").count(), 8, "{csv}");

    let id = manager.api("/api/v1/orders").await["items"][0]["id"].as_i64().unwrap();
    let (page, file) = (format!("/orders/{id}/sheet"), format!("/api/v1/orders/{id}/sheet"));
    let sheet = agree(&manager, (&page, &file, "")).await;
    assert!(said(&sheet).contains(&"2".to_owned()) && said(&sheet).contains(&"TK-8335K".to_owned()));
}

#[tokio::test]
async fn a_statement_of_meters_is_on_paper_what_it_is_on_its_page() {
    let manager = TestManager::start().await;
    let month = month(&manager).await;
    let query = format!("customer={}&period={}", month.nord, month.period);
    let pdf = manager.ask_api("GET", &format!("/api/v1/meters.pdf?{query}&paper=letter"), None).await;
    assert_eq!(pdf.status, StatusCode::OK, "{}", pdf.text());
    let text = bare(&read(&pdf.body));
    let statement = manager.api(&format!("/api/v1/meters?{query}")).await;
    for item in statement["items"].as_array().unwrap() {
        assert!(text.contains(item["device"].as_str().unwrap()), "{text}");
        for counter in item["counters"].as_array().unwrap() {
            let count = counter["count"].to_string();
            assert!(text.contains(&bare(counter["words"].as_str().unwrap())), "{text}");
            let grouped: String = count
                .chars()
                .rev()
                .collect::<Vec<_>>()
                .chunks(3)
                .map(|three| three.iter().collect::<String>())
                .collect();
            let grouped: String = grouped.chars().rev().collect();
            assert!(text.contains(&grouped), "{count} is not in {text}");
        }
    }
    assert!(text.contains("Notcomplete") && text.contains("1of"), "{text}");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_nonsense_is_refused() {
    let manager = TestManager::start().await;
    for missing in [
        "/api/v1/devices/nobody/report.pdf",
        "/api/v1/orders/7/sheet.pdf",
        "/api/v1/orders/9223372036854775807/sheet",
        "/api/v1/meters.pdf?customer=7&period=2026-11",
        "/api/v1/day.csv?customer=7",
    ] {
        manager.ask_api("GET", missing, None).await.problem(ProblemKind::NotFound);
    }
    for (wrong, word) in [
        ("/api/v1/day?zone=Kiel", "Europe/Berlin"),
        ("/api/v1/day.pdf?paper=a5", "paper"),
        ("/api/v1/day?paper=a4", "paper"),
        ("/api/v1/meters.pdf?customer=7&period=2026-13", "2026-11"),
        ("/api/v1/devices/nobody/report?x=1", "x"),
    ] {
        let told = manager.ask_api("GET", wrong, None).await.problem(ProblemKind::InvalidRequest);
        assert!(told.contains(word), "{wrong}: {told}");
    }
}
