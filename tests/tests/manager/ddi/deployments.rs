//! From an offer to the end of its attempt.

use hyper::StatusCode;
use platen_manager::database_path;
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::task::until;
use serde_json::json;

use super::super::programs::program_bytes;
use super::{Ddi, attempt, house, path};

#[tokio::test]
async fn a_client_is_shown_what_is_offered_and_downloads_it_in_parts() {
    let mut house = house().await;
    let bytes = program_bytes(50_000);
    house.publish_program("2.0", &bytes).await;
    let lobby = Ddi::new(&house.manager, "lobby").await;
    let poll = lobby.poll().await;
    assert_eq!(poll["config"]["polling"]["sleep"], "00:00:01");
    assert!(poll["_links"].get("deploymentBase").is_none(), "nothing is offered yet: {poll}");
    house.offer("2.0", &["lobby"]).await;
    let base = lobby.until_link("deploymentBase").await;
    assert_eq!(lobby.until_link("deploymentBase").await, base, "the number stays");
    assert!(attempt(&house.manager, "2.0").await.is_null(), "who only asks has begun nothing");
    let deployment = lobby.get(&base).await;
    let number = base.rsplit_once('/').unwrap().1;
    assert_eq!(deployment["id"], number);
    let chunk = &deployment["deployment"]["chunks"][0];
    assert_eq!((&chunk["name"], &chunk["version"]), (&json!("engine-firmware"), &json!("2.0")));
    let artifact = &chunk["artifacts"][0];
    assert_eq!(
        (&artifact["filename"], &artifact["size"]),
        (&json!("engine-firmware-2.0.swu"), &json!(200_000))
    );
    // By sha1sum and md5sum.
    assert_eq!(artifact["hashes"]["sha1"], "38898d0f5e72e29e64a04e8e9d740121c0493896");
    assert_eq!(artifact["hashes"]["md5"], "93bca2a75bf3835fb7bd07fefbc859f4");
    assert_eq!(artifact["hashes"]["sha256"], platen_manager::secret::fingerprint(&bytes));
    assert_eq!(attempt(&house.manager, "2.0").await["step"], "fetching");

    let file = path(artifact["_links"]["download"]["href"].as_str().unwrap());
    let whole = lobby.send_with("GET", &file, None, &[]).await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, &bytes[..]));
    let etag = whole.headers["etag"].to_str().unwrap();
    let rest = lobby.send_with("GET", &file, None, &[("range", "bytes=150000-"), ("if-range", etag)]).await;
    assert_eq!((rest.status, &rest.body[..]), (StatusCode::PARTIAL_CONTENT, &bytes[150_000..]));
    assert_eq!(rest.headers["content-range"], "bytes 150000-199999/200000");
    let other = lobby.send_with("GET", &file, None, &[("range", "bytes=5-"), ("if-range", "\"x\"")]).await;
    assert_eq!(other.status, StatusCode::OK, "a part of another file is of no use");
    let beyond = lobby.send_with("GET", &file, None, &[("range", "bytes=200000-")]).await;
    beyond.problem(ProblemKind::RangeNotSatisfiable);
}

#[tokio::test]
async fn what_a_client_tells_is_how_its_attempt_goes_and_what_runs() {
    let mut house = house().await;
    house.publish_program("2.0", &program_bytes(10)).await;
    let lobby = Ddi::new(&house.manager, "lobby").await;
    house.offer("2.0", &["lobby"]).await;
    let base = lobby.until_link("deploymentBase").await;
    lobby.get(&base).await;
    for (execution, step) in
        [("downloaded", "ready"), ("proceeding", "installing"), ("scheduled", "installing")]
    {
        assert_eq!(lobby.tell(&base, execution, "none", &[]).await.status, StatusCode::OK);
        assert_eq!(attempt(&house.manager, "2.0").await["step"], step, "{execution}");
    }
    assert_eq!(lobby.until_link("deploymentBase").await, base, "until it has ended");
    // Twice, as by one whose answer was lost.
    for _ in 0..2 {
        assert_eq!(lobby.tell(&base, "closed", "success", &[]).await.status, StatusCode::OK);
    }
    let ended = attempt(&house.manager, "2.0").await;
    assert_eq!((&ended["step"], &ended["reason"]), (&json!("kept"), &json!(null)));
    let program = house.manager.api("/api/v1/programs/engine-firmware/2.0").await;
    assert_eq!(
        (&program["devices"]["running"], &program["devices"]["kept"]),
        (&json!(1), &json!(1)),
        "{program}"
    );
    assert!(lobby.poll().await["_links"].get("deploymentBase").is_none());
    let gone = lobby.send_with("GET", &base, None, &[]).await;
    gone.problem(ProblemKind::NotFound);
    // Nothing is told that was not before the end.
    assert_eq!(lobby.tell(&base, "proceeding", "none", &[]).await.status, StatusCode::OK);
    assert_eq!(attempt(&house.manager, "2.0").await["step"], "kept");
    let known = house.manager.api("/api/v1/devices/lobby/ddi").await;
    let told: Vec<_> =
        known["actions"][0]["told"].as_array().unwrap().iter().map(|one| &one["execution"]).collect();
    assert_eq!(told, ["downloaded", "proceeding", "scheduled", "closed"]);

    for (version, execution, finished, details, step, reason) in [
        ("3.0", "closed", "failure", &["no room", "ended"][..], "failed", "no room; ended"),
        ("4.0", "rejected", "none", &[][..], "refused", "the client refused it, and does not say why"),
        ("5.0", "closed", "none", &[][..], "failed", "the client ended without saying that it succeeded"),
    ] {
        house.publish_program(version, &program_bytes(11)).await;
        house.offer(version, &["lobby"]).await;
        let next = lobby.until_link("deploymentBase").await;
        assert_ne!(next, base, "no number is used twice");
        lobby.get(&next).await;
        assert_eq!(lobby.tell(&next, execution, finished, details).await.status, StatusCode::OK);
        let ended = attempt(&house.manager, version).await;
        assert_eq!((&ended["step"], &ended["reason"]), (&json!(step), &json!(reason)));
    }
}

#[tokio::test]
async fn what_is_taken_back_is_cancelled_at_a_client_that_has_begun() {
    let mut house = house().await;
    house.publish_program("2.0", &program_bytes(10)).await;
    let lobby = Ddi::new(&house.manager, "lobby").await;
    let offer = "/api/v1/programs/engine-firmware/2.0/offers/lobby";
    house.offer("2.0", &["lobby"]).await;
    lobby.until_link("deploymentBase").await;
    house.manager.ask_api("DELETE", offer, None).await;
    let poll = lobby.poll().await;
    assert!(poll["_links"].get("cancelAction").is_none(), "nothing had begun: {poll}");

    house.offer("2.0", &["lobby"]).await;
    let base = lobby.until_link("deploymentBase").await;
    let deployment = lobby.get(&base).await;
    let file = &deployment["deployment"]["chunks"][0]["artifacts"][0]["_links"]["download"]["href"];
    house.manager.ask_api("DELETE", offer, None).await;
    let cancel = lobby.until_link("cancelAction").await;
    let number = base.rsplit_once('/').unwrap().1;
    assert_eq!(lobby.get(&cancel).await, json!({"id": number, "cancelAction": {"stopId": number}}));
    let late = lobby.send_with("GET", &path(file.as_str().unwrap()), None, &[]).await;
    assert!(late.problem(ProblemKind::NotFound).contains("taken back"));
    assert_eq!(lobby.tell(&cancel, "closed", "success", &["stopped"]).await.status, StatusCode::OK);
    let ended = attempt(&house.manager, "2.0").await;
    assert_eq!(ended["step"], "failed");
    assert!(ended["reason"].as_str().unwrap().contains("taken back"), "{ended}");
    assert!(lobby.poll().await["_links"].get("cancelAction").is_none());
}

#[tokio::test]
async fn a_client_that_goes_on_with_what_was_taken_back_still_tells_how_that_ends() {
    let mut house = house().await;
    house.publish_program("2.0", &program_bytes(10)).await;
    let lobby = Ddi::new(&house.manager, "lobby").await;
    house.offer("2.0", &["lobby"]).await;
    let base = lobby.until_link("deploymentBase").await;
    lobby.get(&base).await;
    house.manager.ask_api("DELETE", "/api/v1/programs/engine-firmware/2.0/offers/lobby", None).await;
    let cancel = lobby.until_link("cancelAction").await;
    assert_eq!(lobby.tell(&cancel, "rejected", "none", &[]).await.status, StatusCode::OK);
    assert!(lobby.poll().await["_links"].get("cancelAction").is_none(), "it is not asked again");
    assert_eq!(lobby.tell(&base, "closed", "success", &[]).await.status, StatusCode::OK);
    assert_eq!(attempt(&house.manager, "2.0").await["step"], "kept");
}

#[tokio::test]
async fn a_client_that_says_what_it_is_is_asked_once() {
    let house = house().await;
    let lobby = Ddi::new(&house.manager, "lobby").await;
    let link = lobby.until_link("configData").await;
    let told = json!({"mode": "merge", "data": {"model": "MFP 450", "serial": "1"}, "id": "", "status": {}});
    assert_eq!(lobby.send_with("PUT", &link, Some(&told), &[]).await.status, StatusCode::OK);
    assert!(lobby.poll().await["_links"].get("configData").is_none());
    let known = house.manager.api("/api/v1/devices/lobby/ddi").await;
    assert_eq!(known["attributes"], json!({"model": "MFP 450", "serial": "1"}));
    let contact = house.manager.api("/api/v1/devices/lobby").await;
    assert_eq!(contact["contact"]["state"], "recent", "{contact}");
}

#[tokio::test]
async fn a_number_that_clients_cannot_read_is_not_told_and_said_at_the_offer() {
    let mut house = house().await;
    house.publish_program("2.0", &program_bytes(10)).await;
    let lobby = Ddi::new(&house.manager, "lobby").await;
    let stored = rusqlite::Connection::open(database_path(house.manager.directory.path())).unwrap();
    let last = "INSERT INTO ddi_actions (key, device, attempt, program, shown, closed, told) \
                SELECT 2147483647, key, 'x', 1, 0, 0, '[]' FROM devices WHERE id = 'lobby'";
    assert_eq!(stored.execute(last, []).unwrap(), 1);
    house.offer("2.0", &["lobby"]).await;
    let waits = until(|| async {
        assert!(lobby.poll().await["_links"].get("deploymentBase").is_none());
        let offers = house.manager.api("/api/v1/programs/engine-firmware/2.0/offers").await;
        offers["items"][0]["waits"].as_str().map(str::to_owned)
    });
    assert!(waits.await.contains("2147483648, is beyond what clients"));
    lobby.send("GET", "/deploymentBase/2147483648", None).await.problem(ProblemKind::NotFound);
}
