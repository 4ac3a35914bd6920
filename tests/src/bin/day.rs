//! An ordinary day of a simulated colour printer, with the real judge and the real outbox in a directory: `day DIRECTORY`.
//! Says at the end what this process wrote, by the kernel's account. A process of its own, so that this is the day's alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper of tests ends with the words of what failed"
)]

use std::path::Path;
use std::time::Duration;

use platen_agent::compose;
use platen_agent::judge::{CHANGE_PAUSE_SAMPLES, Judge, JudgeConfig, Moment};
use platen_agent::outbox::{Blob, Entry, Finished, NewReport, Outbox, OutboxConfig};
use platen_agent::recorder;
use platen_agent::utilise::ActivityMeter;
use platen_hal::{Board, config};
use platen_protocol::device_to_manager::{Outcome, OutcomeResult, ReadingsCause, ReportBody};
use platen_protocol::manager_to_device::{Action, Command as Wish};
use platen_protocol::readings::Readings;
use platen_protocol::stamp::{ClockQuality, Stamp};
use platen_simulator::open_inline;
use platen_simulator::{SimCommand, SimPrinter};
use platen_tests::rigs::process::charged;

const BOARD: &str = include_str!("../../../scripts/demo/lobby.toml");
/// Before it, the judge has learnt for so many days.
const LEARNT_DAYS: u32 = 10;
/// Jobs of a day, and pages of a job.
const JOBS: u32 = 25;
const JOB_PAGES: u32 = 20;
/// Between samples, as it is shipped; while the judge learns, fewer do.
const SAMPLE: Duration = Duration::from_secs(5);
const LEARNING: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
const UTILISATION: Duration = Duration::from_secs(15 * 60);

struct Life {
    printer: SimPrinter,
    board: Box<dyn Board>,
    judge: Judge,
    meter: ActivityMeter,
    outbox: Option<Outbox>,
    last: Readings,
    told: Duration,
    kept: Count,
}

#[derive(Default)]
struct Count {
    reports: u64,
    bytes: u64,
    writes: u64,
}

impl Life {
    fn pass(&mut self, time: Duration) {
        self.printer.advance(time);
        let mut events = Vec::new();
        let mut judge = self.judge.clone();
        for edge in self.board.take_edges().unwrap() {
            events.extend(judge.edge(&edge).unwrap());
        }
        let mut readings = self.board.sample();
        let at = self.printer.clock();
        let wall = Some(self.stamp().wall);
        events.extend(judge.sample(&mut readings, Moment { at, wall }).unwrap());
        self.meter.observe(&readings, &self.board.counts(), judge.alerts().any_critical(), at);
        self.last = readings;
        let mut bodies = compose::events(&events, Some(&self.last), &[]).unwrap().bodies;
        self.store(judge, std::mem::take(&mut bodies));
        if at.saturating_sub(self.told) >= UTILISATION {
            self.told = at;
            let mut judge = self.judge.clone();
            judge.told(&self.last);
            let activity = self.meter.take(at);
            self.store(judge, vec![compose::utilisation(at.as_secs(), 0, &self.last, activity)]);
        }
    }

    fn stamp(&self) -> Stamp {
        let at = self.printer.clock();
        let begin: jiff::Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        Stamp {
            boot_id: "0b1c2d3e-1111-2222-3333-444455556666".into(),
            monotonic_ms: u64::try_from(at.as_millis()).unwrap(),
            wall: begin + jiff::SignedDuration::try_from(at).unwrap(),
            clock: ClockQuality::Synchronised,
        }
    }

    /// As the agent does it: reports, the alerts if they changed, what was learnt; then the manager's word.
    fn store(&mut self, judge: Judge, bodies: Vec<ReportBody>) {
        let alerts = (judge.alerts() != self.judge.alerts()).then(|| judge.alerts());
        let taken = self.stamp();
        if let Some(outbox) = &mut self.outbox
            && !bodies.is_empty()
        {
            let report = |body| NewReport { taken: taken.clone(), simulated: true, body };
            let reports: Vec<_> = bodies.into_iter().map(report).collect();
            self.kept.reports += reports.len() as u64;
            let alerts = alerts.map(|alerts| alerts as &dyn Blob);
            outbox.keep(&Entry { reports, alerts, past: Some(judge.past()), ..Entry::default() }).unwrap();
            self.kept.writes += 1;
            self.kept.bytes += outbox.backlog_bytes();
            acknowledged(outbox, taken.wall);
        }
        self.judge = judge;
    }

    /// A command comes, is written down, acted on, and answered.
    fn command(&mut self, number: u32) {
        let taken = self.stamp();
        let id: platen_protocol::identity::CommandId = format!("command-{number}").parse().unwrap();
        let wish = Wish {
            id: id.clone(),
            issued: taken.wall,
            expires: taken.wall,
            action: Action::ReadNow,
            issued_by: None,
        };
        let body = compose::readings(ReadingsCause::Command, &self.last);
        let outbox = self.outbox.as_mut().unwrap();
        outbox.receive(&[wish], outbox.mark()).unwrap();
        let outcome = Outcome { command_id: id, finished: taken.wall, result: OutcomeResult::Done };
        let finished = Some(Finished { outcome: &outcome, taken: &taken, simulated: true });
        let reports = vec![NewReport { taken: taken.clone(), simulated: true, body }];
        outbox.keep(&Entry { reports, finished, ..Entry::default() }).unwrap();
        acknowledged(outbox, taken.wall);
    }

    fn day(&mut self) {
        let end = self.printer.clock() + DAY;
        let mut jobs = 0;
        while self.printer.clock() < end {
            let left = end.saturating_sub(self.printer.clock());
            // People come between the ninth and the seventeenth hour.
            let hour = 24 - left.as_secs() / 3600;
            if (9..18).contains(&hour) && jobs < JOBS {
                jobs += 1;
                self.printer.apply(&SimCommand::Print { pages: JOB_PAGES, per_minute: Some(30) }).unwrap();
                self.wait(Duration::from_secs(60), SAMPLE);
                match jobs {
                    5 => self.cover(),
                    10 | 20 if self.outbox.is_some() => self.command(jobs),
                    _ => {}
                }
                self.wait(Duration::from_secs(20 * 60), self.rhythm());
            } else {
                self.pass(self.rhythm());
            }
        }
    }

    fn rhythm(&self) -> Duration {
        if self.outbox.is_some() { SAMPLE } else { LEARNING }
    }

    fn wait(&mut self, time: Duration, step: Duration) {
        let end = self.printer.clock() + time;
        while self.printer.clock() < end {
            self.pass(step);
        }
    }

    fn cover(&mut self) {
        for open in [true, false] {
            let switch = "cover".to_owned();
            let command = if open { SimCommand::Open { switch } } else { SimCommand::Close { switch } };
            self.printer.apply(&command).unwrap();
            self.pass(SAMPLE);
            self.pass(SAMPLE);
        }
    }
}

/// All that waits is sent and acknowledged.
fn acknowledged(outbox: &mut Outbox, at: jiff::Timestamp) {
    while let Some(batch) = outbox.next_batch(100).unwrap() {
        let (_, last) = batch.span().unwrap();
        outbox.acknowledge(&batch.body.epoch, last, at).unwrap();
    }
}

fn main() {
    let directory = std::env::args_os().nth(1).expect("the directory to live the day in");
    let config = config::parse(BOARD, Path::new("lobby.toml")).unwrap();
    let printer = SimPrinter::accelerated(&config).unwrap();
    let board = open_inline(&config, &printer).unwrap();
    let (outbox, remembered) = recorder::open(Path::new(&directory), OutboxConfig::default()).unwrap();
    let change_pause = SAMPLE * CHANGE_PAUSE_SAMPLES;
    let no_power = config.no_power_in_sleep();
    let judge_config = JudgeConfig { change_pause, no_power, ..JudgeConfig::default() };
    let judge = Judge::new(judge_config, remembered.alerts, remembered.past);
    let meter = ActivityMeter::default();
    let (last, told, kept) = (Readings::default(), Duration::ZERO, Count::default());
    let mut life = Life { printer, board, judge, meter, outbox: None, last, told, kept };
    for _ in 0..LEARNT_DAYS {
        life.day();
    }
    life.outbox = Some(outbox);
    let started = compose::started("Colour MFP", &life.last, life.judge.alerts(), None);
    let judge = life.judge.clone();
    life.store(judge, vec![started]);
    let account = || (charged(std::process::id(), "write_bytes"), charged(std::process::id(), "syscw"));
    let before = account();
    life.kept = Count::default();
    life.day();
    let past = serde_json::to_vec(life.judge.past()).unwrap().len();
    let after = account();
    println!(
        "day: {} written; {} calls, {} reports of {} bytes in {} transactions, past of {past} bytes",
        after.0 - before.0,
        after.1 - before.1,
        life.kept.reports,
        life.kept.bytes,
        life.kept.writes
    );
}
