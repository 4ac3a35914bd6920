//! The program on PostgreSQL: a database that is not there at the start, and the move to it.

use std::path::Path;
use std::process::{Child, Stdio};

use platen_manager::store::{Grouping, Store};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::postgres::{Cluster, ROLE};
use platen_tests::rigs::process::{Running, run, run_ok, until};
use serde_json::json;

use super::all_are_there;

fn lines(cluster: &Cluster, database: &str) -> String {
    format!(
        "store = {:?}\nstore_password_file = {:?}\n",
        cluster.url(ROLE, database),
        cluster.password_file().display().to_string()
    )
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_manager_whose_database_is_away_says_so_to_everybody_and_serves_once_it_is_there() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let mut manager = Manager::start_with(&lines(&cluster, &database));
    let operator = manager.operator();
    assert_eq!(operator.get("/api/v1/health").status, 200);
    assert!(!manager.state().join("manager.sqlite3").exists());
    // While it serves, whoever asks is told in words what to do.
    cluster.stop();
    let answer = until("it says that its database is away", || {
        operator.try_get("/api/v1/health").filter(|answer| answer.status == 503)
    });
    let words = answer.body.to_string();
    assert!(words.contains("cannot be reached: check that it runs"), "{words}");
    cluster.start_again();
    until("it stores again", || operator.try_get("/api/v1/health").filter(|answer| answer.status == 200));
    assert!(manager.stop());
    cluster.stop();
    // What an administrator asks at the command line is answered at once.
    let output = run(manager.command().args(["token", "create"]), "");
    assert!(!output.status.success() && said(&output).contains("cannot be used"), "{}", said(&output));
    let log = manager.state().with_extension("log");
    let mut waiting = Running::start(manager.command().arg("serve"), &log);
    until("it says what it waits for", || waiting.log().contains("waiting for the database").then_some(()));
    assert!(waiting.log().contains("cannot be reached"), "{}", waiting.log());
    let answer = until("it answers", || operator.try_get("/api/v1/devices"));
    assert_eq!((answer.status, answer.problem()), (503, "unavailable"));
    // Other reasons are told anew, and waited for as well.
    cluster.start_again();
    // Who is connected at that moment is cut off and comes again.
    until("it serves", || operator.try_get("/api/v1/health").filter(|answer| answer.status == 200));
    assert!(waiting.log().contains("the database can be used"), "{}", waiting.log());
    assert!(waiting.stop(), "it stops in order");
    cluster.stop();
    let mut waiting = Running::start(manager.command().arg("serve"), &log.with_extension("again"));
    until("it waits", || waiting.log().contains("waiting for the database").then_some(()));
    assert!(waiting.stop(), "it can be stopped while it waits");
}

#[test]
fn what_stands_wrong_in_files_ends_the_manager_at_once() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let manager = Manager::start_with(&lines(&cluster, &database));
    let missing = lines(&cluster, &database).replace("/password\"", "/nothing\"");
    manager.configure(&missing);
    let output = run(manager.command().args(["device", "list"]), "");
    assert!(!output.status.success() && said(&output).contains("nothing"), "{}", said(&output));
    manager.configure(&format!("store = \"postgresql://{ROLE}:secret@localhost/x\"\n"));
    let output = run(manager.command().args(["device", "list"]), "");
    assert!(
        said(&output).contains("store_password_file") && !said(&output).contains("secret"),
        "{}",
        said(&output)
    );
}

#[test]
fn two_managers_do_not_serve_from_one_file() {
    let manager = Manager::start();
    let other = manager.state().with_extension("toml");
    let text = std::fs::read_to_string(manager.config()).unwrap();
    let elsewhere = |line: &str| {
        let listens = line.starts_with("device_listen") || line.starts_with("operator_listen");
        let name = line.split(' ').next().unwrap_or_default();
        if listens { format!("{name} = \"127.0.0.1:0\"") } else { line.to_owned() }
    };
    std::fs::write(&other, text.lines().map(elsewhere).collect::<Vec<_>>().join("\n")).unwrap();
    let mut second = std::process::Command::new(platen_tests::rigs::process::program("platen-manager"));
    let output = run(second.arg("--config").arg(&other).arg("serve"), "");
    assert!(
        !output.status.success() && said(&output).contains("another manager is serving"),
        "{}",
        said(&output)
    );
    assert_eq!(manager.operator().get("/api/v1/health").status, 200);
}

/// The move as a process, which can be killed.
fn begin_move(manager: &Manager, cluster: &Cluster, database: &str, more: &[&str]) -> Child {
    let mut command = manager.command();
    command.args(["store", "migrate-to", &cluster.url(ROLE, database), "--password-file"]);
    command.arg(cluster.password_file()).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A device that was let in, and its reports as rows.
fn fill(database: &Path, reports: u32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(database, Grouping::Group).unwrap();
        super::let_in(&store, &super::device()).await;
        store.close().await;
    });
    let received = platen_tests::rigs::manager::task::now().as_millisecond();
    let connection = rusqlite::Connection::open(database).unwrap();
    connection
        .execute_batch(&format!(
            "INSERT INTO epochs (key, device, epoch, acknowledged) SELECT 1, key, 'e', {reports} FROM devices;
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {reports})
             INSERT INTO reports (key, device, epoch, sequence, kind, received, body)
             SELECT i, (SELECT key FROM devices), 1, i, 'alert_cleared', {received} + i, '{{\"text\":\"' || i || '\"}}' FROM n;"
        ))
        .unwrap();
}

#[test]
fn a_service_centre_is_moved_while_it_serves_and_is_killed_and_goes_on_from_postgresql() {
    const REPORTS: u32 = 30_000;
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let mut manager = Manager::start();
    let sqlite = manager.state().join("manager.sqlite3");
    fill(&sqlite, REPORTS);
    let operator = manager.operator();
    // As far as can be while it serves.
    let refused = begin_move(&manager, &cluster, &database, &[]).wait_with_output().unwrap();
    assert!(said(&refused).contains("--while-serving"), "{}", said(&refused));
    let nearly = begin_move(&manager, &cluster, &database, &["--while-serving"]).wait_with_output().unwrap();
    assert!(nearly.status.success() && said(&nearly).contains("stop the manager"), "{}", said(&nearly));
    assert_eq!(operator.get("/api/v1/health").status, 200);
    assert!(manager.stop());
    // Killed after longer and longer times: each time it finds what is there.
    cluster.administer_in(&database, "DELETE FROM reports WHERE key % 3 = 0");
    let mut killed = 0;
    let mut wait = std::time::Duration::from_millis(20);
    let last = loop {
        let mut moving = begin_move(&manager, &cluster, &database, &[]);
        std::thread::sleep(wait);
        if moving.try_wait().unwrap().is_none() {
            moving.kill().unwrap();
            killed += 1;
            wait = wait * 3 / 2;
            // Nobody serves the half of it.
            manager.configure(&lines(&cluster, &database));
            let output = run(manager.command().args(["device", "list"]), "");
            assert!(!output.status.success(), "{}", said(&output));
            manager.configure("");
        }
        let ended = moving.wait_with_output().unwrap();
        if ended.status.success() {
            break ended;
        }
        assert!(killed < 40, "{}", said(&ended));
    };
    println!("killed {killed} times");
    let told = said(&last);
    assert!(told.contains(&format!("store = {:?}", cluster.url(ROLE, &database))), "{told}");
    all_are_there(&cluster, &database, REPORTS.into());
    // The old file says where everything went.
    let output = run(manager.command().args(["serve"]), "");
    assert!(
        said(&output).contains("was moved") && said(&output).contains("store reclaim"),
        "{}",
        said(&output)
    );
    manager.configure(&lines(&cluster, &database));
    manager.resume();
    assert_eq!(
        operator.json("/api/v1/devices/lobby")["id"],
        json!("lobby"),
        "and the operator's token is there"
    );
    run_ok(manager.command().args(["token", "create"]), "");
    assert!(manager.stop());
    // And back.
    manager.configure("");
    let back = run(manager.command().args(["store", "reclaim"]), "");
    assert!(back.status.success() && said(&back).contains("is used again"), "{}", said(&back));
    manager.resume();
    assert_eq!(manager.operator().get("/api/v1/health").status, 200);
}

#[test]
fn what_the_guide_says_makes_a_database_that_the_manager_uses() {
    let guide =
        std::fs::read_to_string(platen_tests::rigs::debian::root().join("docs/postgresql.md")).unwrap();
    let sql = guide.split_once("```sql\n").unwrap().1.split_once("```").unwrap().0;
    let cluster = Cluster::start();
    cluster.administer(sql);
    let address = cluster.socket_url("platen").replace(&format!("{ROLE}@"), "platen-manager@");
    let manager = Manager::start_with(&format!("store = {address:?}\n"));
    assert_eq!(manager.operator().get("/api/v1/health").status, 200);
}
