//! `scripts/soak.sh fleet`: a fleet for a long time. As many devices are parked as a manager's descriptors allow, at each of
//! the managers; the store knows more of them, and old reports are deleted all the while. Devices report, are woken, and
//! come back when they were cut off. At the end everything that was acknowledged must be there once.

pub(crate) mod clients;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use platen_manager::history::HOUR_MS;
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::crowd::figures::Figures;
use platen_tests::rigs::manager::process::{Manager, Stand};
use platen_tests::rigs::process::until_within;
use serde_json::json;

use crate::Bench;
use crate::centre::{Centre, Engine, Plan};
use crate::fleet::fill;
use crate::ingest::LIMITS;
use crate::machine::{memory, percentile};
use crate::store::{DELETING, fill_reports};
use crate::table::Table;
use clients::Order;

/// Devices that are parked at one manager: a process has 20,000 descriptors.
const PARKED_AT_ONE: usize = 15_000;
/// Old reports of each of the devices that are in the store only.
const OLD_REPORTS: u64 = 20;
/// They came in over so long until now. Kept for a day, some are too old at any time, and more with each minute.
const OLD_REPORTS_MS: i64 = 26 * HOUR_MS;
/// All are parked, and all have come back, within this: clients, managers and database share a machine, and most of it goes
/// into the handshakes of both sides.
const PARKED_WITHIN: Duration = Duration::from_secs(1_800);
/// How often somebody wakes a device, and how long its outcome may take.
const WAKE_EVERY: Duration = Duration::from_millis(500);
const OUTCOME_WITHIN: Duration = Duration::from_secs(30);
/// How often figures are printed.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Of so much time, the first part is not looked at for growth.
const WARM_PART: u32 = 4;
/// What memory may grow by from then on.
const GROWTH: f64 = 1.15;
/// Lines of a client's process that nobody has read.
const LINES: usize = 100;
const MIB: f64 = 1024.0 * 1024.0;

/// What is soaked.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Settings {
    /// Managers on one database, for the part `soak`; more than one takes PostgreSQL
    #[arg(long, default_value_t = 1)]
    pub(crate) managers: usize,
    /// How long, for the part `soak`
    #[arg(long, default_value_t = 60)]
    pub(crate) minutes: u64,
}

/// A process of clients.
struct Crowd {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    figures: Figures,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // One that has ended by itself needs nothing more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Crowd {
    fn start(bench: &Bench, first: usize, count: usize) -> Self {
        let order = Order { first, count, folder: bench.pki.folder().to_owned() };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--clients")
            .arg(serde_json::to_string(&order).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(LINES);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines, figures: Figures::default() }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
        self.input.flush().unwrap();
    }

    /// What it said last, without waiting.
    fn look(&mut self) -> &Figures {
        while let Ok(line) = self.lines.try_recv() {
            self.figures = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
        &self.figures
    }
}

/// What all of them say.
fn look(crowds: &mut [Crowd]) -> Figures {
    let all = crowds.iter_mut().map(|crowd| *crowd.look()).reduce(|all, figures| all + figures);
    all.unwrap_or_default()
}

pub(crate) fn measure(bench: &Bench, table: &mut Table) {
    let Settings { managers, minutes } = bench.soak;
    let engine = bench.engines.first().copied().filter(|_| bench.engines.len() == 1);
    let engine = engine.unwrap_or(if managers > 1 { Engine::Postgresql } else { Engine::Sqlite });
    assert!(managers == 1 || engine == Engine::Postgresql, "more than one manager takes --engine postgresql");
    let at_one = bench.sizes.of(PARKED_AT_ONE);
    let (parked, known) = (at_one * managers, bench.sizes.of(100_000) as u64);
    eprintln!("{parked} devices at {managers} managers, {known} in the store on {}", engine.name());
    let mut crowds: Vec<Crowd> =
        (0..managers).map(|place| Crowd::start(bench, place * at_one, at_one)).collect();
    let mut centre = prepare(bench, engine, &mut crowds, known);
    centre.serve();
    let mut others = Vec::new();
    for _ in 1..managers {
        others.push(another(bench, &centre));
    }
    let all: Vec<&Manager> = std::iter::once(&centre.manager).chain(&others).collect();
    let ports: Vec<u16> = all.iter().map(|manager| manager.device_port()).collect();
    for crowd in &mut crowds {
        crowd.say(&json!({ "ports": ports }).to_string());
    }
    let begin = Instant::now();
    let mut told = begin;
    until_within(PARKED_WITHIN, "all devices are parked", || {
        let now = look(&mut crowds).parked;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            eprintln!("  {:>4} s: {now} of {parked} parked", begin.elapsed().as_secs());
        }
        (now == parked as u64).then_some(())
    });
    table.show(
        "all parked",
        begin.elapsed().as_secs_f64(),
        "s",
        &format!("{parked} devices, {managers} managers"),
    );
    let soaked = soak(&centre, &all, &mut crowds, parked, Duration::from_secs(minutes * 60));
    soaked.tell(table, minutes);
    // Nobody sends any more; then the books are compared.
    for crowd in &mut crowds {
        crowd.say("end");
    }
    until_within(PARKED_WITHIN, "the devices have ended", || look(&mut crowds).ended.then_some(()));
    let figures = look(&mut crowds);
    let held =
        centre.store.count("SELECT coalesce(sum(acknowledged), 0) FROM epochs WHERE epoch LIKE 'soak-%'");
    table.show("reports that were acknowledged", figures.acknowledged as f64, "", "");
    let lost = figures.acknowledged.saturating_sub(u64::try_from(held).unwrap());
    table.at_most("acknowledged, and not in the store", lost as f64, "", 0.0, "");
    let twice = centre.store.count(
        "SELECT count(*) FROM (SELECT r.epoch, r.sequence FROM reports r JOIN epochs e ON e.key = r.epoch \
         WHERE e.epoch LIKE 'soak-%' GROUP BY r.epoch, r.sequence HAVING count(*) > 1) twice",
    );
    table.at_most("in the store twice", twice as f64, "", 0.0, "");
}

/// A store with everything in it.
fn prepare(bench: &Bench, engine: Engine, crowds: &mut [Crowd], known: u64) -> Centre {
    let first = bench.pki.identities("busy", 0, 1);
    let mut centre = Centre::prepared(&bench.pki, &first, Plan { engine, lines: LIMITS, ..Plan::default() });
    if centre.store.has("retention_marks") {
        centre.set_lines(&format!("{LIMITS}{DELETING}"));
    }
    centre.serve();
    bench.runtime.block_on(fill::report_everything(bench, &centre.manager, &first[0]));
    assert!(centre.manager.stop(), "the manager ends cleanly");
    for crowd in crowds.iter_mut() {
        // The first thing that it says is who its devices are.
        let file = crowd.lines.recv().expect("a client's process says who its devices are");
        let sql = std::fs::read_to_string(&file).unwrap();
        for statement in sql.lines() {
            centre.store.fill(statement);
        }
    }
    let enrolled = centre.store.count("SELECT count(*) FROM devices");
    let others = known.saturating_sub(u64::try_from(enrolled).unwrap()).max(1);
    fill::fill(&centre, others, 1);
    fill_reports(&centre, "printer-0", others, (others * OLD_REPORTS, OLD_REPORTS_MS));
    centre
}

/// Another manager on the same database.
fn another(bench: &Bench, centre: &Centre) -> Manager {
    let stand = Stand { names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()], ..Stand::default() };
    let mut manager = Manager::prepared(stand, "");
    manager.set_lines(&centre.lines());
    bench.pki.plant(&manager.state());
    manager.resume();
    manager
}

#[derive(Default)]
struct Soaked {
    /// The managers' memory, a look a minute.
    memory: Vec<f64>,
    outcomes: Vec<Duration>,
    /// Commands that the manager did not take.
    refused: u64,
    overdue: u64,
    fewest: u64,
    last: Figures,
    deleted: i64,
}

fn soak(
    centre: &Centre,
    managers: &[&Manager],
    crowds: &mut [Crowd],
    parked: usize,
    time: Duration,
) -> Soaked {
    let operator = centre.manager.operator();
    // What the store was filled with, and devices have reported by now.
    let old = centre.store.count("SELECT max(key) FROM reports");
    let kept = || centre.store.count(&format!("SELECT count(*) FROM reports WHERE key <= {old}"));
    let (begin, first) = (Instant::now(), kept());
    let mut soaked = Soaked { fewest: parked as u64, ..Soaked::default() };
    let (mut turn, mut told) = (0_usize, Instant::now());
    while begin.elapsed() < time {
        // One far from the one before it.
        turn = turn.wrapping_add(7_919);
        let path = format!("/api/v1/devices/soak-{}/commands", turn % parked);
        let asked = Instant::now();
        let answer = operator.try_post(&path, &json!({"action": {"kind": "read_now"}}));
        let taken = answer.as_ref().filter(|answer| answer.status == 202);
        if let Some(id) = taken.and_then(|answer| answer.body["id"].as_str()) {
            soaked.follow(&operator, &path, id, asked);
        } else {
            eprintln!("  {:>4} s: {path} was answered with {answer:?}", begin.elapsed().as_secs());
            soaked.refused += 1;
        }
        soaked.last = look(crowds);
        soaked.fewest = soaked.fewest.min(soaked.last.parked);
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let bytes: f64 = managers.iter().map(|manager| memory(manager.id(), "Rss:")).sum();
            soaked.memory.push(bytes);
            eprintln!(
                "  {:>4} s: {:?}, {:.0} MiB of the managers, {} old reports kept",
                begin.elapsed().as_secs(),
                soaked.last,
                bytes / MIB,
                kept()
            );
        }
        thread::sleep(WAKE_EVERY.saturating_sub(asked.elapsed()));
    }
    soaked.deleted = first - kept();
    soaked
}

impl Soaked {
    /// Waits until a command has its outcome.
    fn follow(&mut self, operator: &Operator, path: &str, command: &str, asked: Instant) {
        let has_ended = || {
            let answer = operator.try_get(path);
            let mut commands = answer.iter().filter_map(|answer| answer.body["items"].as_array()).flatten();
            commands.any(|one| one["id"] == command && one["finished"].is_string())
        };
        while !has_ended() {
            if asked.elapsed() > OUTCOME_WITHIN {
                self.overdue += 1;
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.outcomes.push(asked.elapsed());
    }

    fn tell(&self, table: &mut Table, minutes: u64) {
        let ms = |percent| percentile(self.outcomes.clone(), percent).as_secs_f64() * 1e3;
        table.show("from a command to its outcome, p50", ms(50.0), "ms", &format!("{}", self.outcomes.len()));
        table.show("from a command to its outcome, p99", ms(99.0), "ms", "");
        table.at_most("commands that were not taken", self.refused as f64, "", 0.0, "");
        table.at_most("commands without an outcome", self.overdue as f64, "", 0.0, "");
        table.show("fewest parked at once", self.fewest as f64, "", "");
        table.show("cut off, and tries in vain", self.last.cut as f64, "", "");
        let again = self.last.asked_again as f64;
        table.at_most("commands that were handed over after their outcome", again, "", 0.0, "");
        table.show("old reports deleted", self.deleted as f64, "", &format!("in {minutes} minutes"));
        let warm = self.memory.get(self.memory.len() / WARM_PART as usize).copied();
        if let (Some(warm), Some(last)) = (warm, self.memory.last()) {
            table.show("memory of the managers at the end", last / MIB, "MiB", "");
            table.at_most("their growth since the first quarter", last / warm, "times", GROWTH, "");
        }
    }
}
