//! A process of devices for `soak`: it says who they are, waits to be told where the managers are, and plays them until
//! it is told to end. What it says are lines of JSON.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use platen_protocol::limits::MAX_WAIT;
use platen_tests::rigs::crowd::figures::Figures;
use platen_tests::rigs::crowd::{Crowd, Habits};
use platen_tests::rigs::pki::{DEVICES_AT_ONCE, Pki, devices};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// As devices that no proxy cuts off, which report when they were held once.
const HABITS: Habits = Habits { wait: MAX_WAIT, report_every: Duration::from_secs(180) };
/// How often figures are said.
const SAY_EVERY: Duration = Duration::from_millis(500);

/// What a process is to play.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The number of its first device.
    pub(crate) first: usize,
    /// How many it has.
    pub(crate) count: usize,
    /// Where the authority is.
    pub(crate) folder: PathBuf,
}

/// Plays until it is told to end.
pub(crate) async fn play(order: Order) {
    let pki = Pki::of(&order.folder);
    let identities = pki.identities("soak", order.first, order.count);
    let file = order.folder.join(format!("soak-{}.sql", order.first));
    let mut sql = String::new();
    for some in identities.chunks(DEVICES_AT_ONCE) {
        writeln!(sql, "{}", devices(some)).unwrap();
    }
    std::fs::write(&file, sql).unwrap();
    say(&file.display().to_string());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let ports = told["ports"].as_array().unwrap().iter().map(|port| port.as_u64().unwrap());
    let ports = ports.map(|port| u16::try_from(port).unwrap()).collect();
    let crowd = Crowd::start(&Handle::current(), &pki, (order.first, &identities), ports, HABITS);
    let (end, mut told_to_end) = oneshot::channel();
    // It ends with the program.
    std::thread::spawn(move || {
        // Whatever it says, and also if it says nothing more.
        let _ = std::io::stdin().read_line(&mut String::new());
        let _ = end.send(());
    });
    let mut turns = tokio::time::interval(SAY_EVERY);
    while told_to_end.try_recv().is_err() {
        turns.tick().await;
        say(&serde_json::to_string(&crowd.figures()).unwrap());
    }
    let refusals = crowd.refusals();
    let books = crowd.end().await;
    if !refusals.is_empty() {
        eprintln!("managers refused: {refusals:#?}");
    }
    let acknowledged = books.iter().map(|book| book.acknowledged).sum();
    say(&serde_json::to_string(&Figures { acknowledged, ended: true, ..Figures::default() }).unwrap());
    // Whoever reads this ends the program.
    std::future::pending::<()>().await;
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
    output.flush().unwrap();
}
