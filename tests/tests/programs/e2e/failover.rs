//! A fleet behind several managers while one of them is killed, PostgreSQL is killed and started again, and its standby
//! takes over. Nothing that a device or an operator was told is kept may be lost or there twice, and everybody comes back.
//! How long that takes, and how many come at once, is printed: docs/scale.md has figures.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use platen_tests::rigs::api::Operator;
use platen_tests::rigs::centre::{Centre, Plan};
use platen_tests::rigs::crowd::books::{Kept, faults};
use platen_tests::rigs::crowd::{Crowd, Habits};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::pki::Pki;
use platen_tests::rigs::process::{until, until_within};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use super::replicas::{read_now, until_done};

const MANAGERS: usize = 3;
/// Devices, unless `PLATEN_FAILOVER_DEVICES` names another number: as `scripts/soak.sh failover` does.
const DEVICES: usize = 500;
/// With so few, managers say that they be asked again soon, so that the test is short; with more they say what they
/// always do.
const SOON: &str = "[limits]\nretry_after_seconds = 4\n";
/// Devices of which each must answer a command after a failure.
const SAMPLE: usize = 12;
/// Devices that were told "not now" before a server is there again.
const TURNED_AWAY: u64 = 10;
/// How often an operator sends a command.
const COMMAND_EVERY: Duration = Duration::from_millis(100);
/// Everybody is back within this: who is told to come again later is told so for a minute at most, and may be more than once.
const BACK_WITHIN: Duration = Duration::from_secs(300);

/// What an operator was told who sends commands all the while.
#[derive(Debug, Default)]
struct Sent {
    /// The ids of those that were accepted.
    accepted: Vec<String>,
    /// Answers that it cannot be done now, and requests that no answer came to.
    not_now: usize,
    unanswered: usize,
    longest: Duration,
}

/// Sends commands to one device after the other by one manager after the other, until told to end.
fn send_commands(operators: Vec<Operator>, devices: usize, end: &'static AtomicBool) -> JoinHandle<Sent> {
    thread::spawn(move || {
        let (mut sent, mut turn) = (Sent::default(), 0_usize);
        while !end.load(Ordering::Relaxed) {
            // One far from the one before it.
            turn += 7_919;
            let path = format!("/api/v1/devices/{}/commands", name(turn % devices));
            let asked = Instant::now();
            let answer =
                operators[turn % operators.len()].try_post(&path, &json!({"action": {"kind": "read_now"}}));
            sent.longest = sent.longest.max(asked.elapsed());
            match answer {
                Some(answer) if answer.status == 202 => {
                    sent.accepted.push(answer.body["id"].as_str().unwrap().to_owned());
                }
                Some(answer) => {
                    assert_eq!(answer.status, 503, "{answer:?}");
                    sent.not_now += 1;
                }
                None => sent.unanswered += 1,
            }
            thread::sleep(COMMAND_EVERY);
        }
        sent
    })
}

fn name(number: usize) -> String {
    format!("light-{number}")
}

struct Fleet {
    runtime: Runtime,
    crowd: Crowd,
    devices: usize,
}

impl Fleet {
    fn until_parked(&self) {
        until_within(BACK_WITHIN, "every device is parked", || {
            let refusals = self.crowd.refusals();
            assert!(refusals.is_empty(), "{refusals:#?}");
            (self.crowd.figures().parked == self.devices as u64).then_some(())
        });
    }

    /// Something happens, and everybody comes back; the figures of that are printed.
    fn through<'a>(
        &self,
        what: &str,
        operators: impl Iterator<Item = &'a Operator>,
        act: impl FnOnce(&Self),
    ) {
        let (before, since) = (self.crowd.figures(), self.crowd.time());
        act(self);
        let after_act = self.crowd.time();
        self.until_parked();
        let (after, now) = (self.crowd.figures(), self.crowd.time());
        let busiest = self.crowd.busiest_second(since);
        eprintln!(
            "{what}: all {} parked {:.1} s after it began, {:.1} s after it was over; {} connections ended or failed, {} \
             answers \"not now\"; {busiest} connections in the busiest second, {:.0} % of the devices",
            self.devices,
            now.saturating_sub(since).as_secs_f64(),
            now.saturating_sub(after_act).as_secs_f64(),
            after.cut - before.cut,
            after.turned_away - before.turned_away,
            percent(busiest, self.devices),
        );
        // Reports are stored again, and devices answer whichever manager is asked.
        until("reports are acknowledged", || {
            (self.crowd.figures().acknowledged > after.acknowledged).then_some(())
        });
        for (number, operator) in operators.enumerate() {
            until("the manager is well", || {
                let health = operator.try_get("/api/v1/health")?;
                (health.status == 200 && health.body["trouble"].is_null()).then_some(())
            });
            let sample: Vec<String> =
                (0..SAMPLE).map(|one| name((one * self.devices / SAMPLE + number) % self.devices)).collect();
            let commands: Vec<String> = sample.iter().map(|device| read_now(operator, device)).collect();
            for (device, command) in sample.iter().zip(&commands) {
                until_done(operator, device, command);
            }
        }
    }

    /// Waits until devices were told that nothing can be stored.
    fn until_turned_away(&self) {
        let before = self.crowd.figures().turned_away;
        until("devices are told to come again later", || {
            (self.crowd.figures().turned_away >= before + TURNED_AWAY).then_some(())
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is printed")]
fn percent(part: usize, of: usize) -> f64 {
    part as f64 * 100.0 / of as f64
}

#[test]
fn a_fleet_outlives_a_manager_a_database_server_and_its_promoted_standby_with_nothing_lost_and_nothing_twice()
{
    static END: AtomicBool = AtomicBool::new(false);
    let wished = std::env::var("PLATEN_FAILOVER_DEVICES").ok().map(|devices| devices.parse().unwrap());
    let devices = wished.unwrap_or(DEVICES);
    let pki = Pki::new();
    let identities = pki.identities("light", 0, devices);
    let lines = if devices <= DEVICES { SOON } else { "" };
    let plan = Plan { managers: MANAGERS, lines, standby: true, fleet: Some((&pki, &identities)) };
    let mut centre = Centre::start_with(plan);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ports = vec![centre.device_port()];
    let crowd = Crowd::start(runtime.handle(), &pki, (0, &identities), ports, Habits::default());
    let fleet = Fleet { runtime, crowd, devices };
    fleet.until_parked();
    eprintln!("all {devices} parked {:.1} s after they were switched on", fleet.crowd.time().as_secs_f64());
    let operators = || centre.managers.iter().map(Manager::operator).collect::<Vec<_>>();
    let (own, all) = (operators(), operators());
    let sending = send_commands(own, devices, &END);
    // A fleet in its usual state: most have been parked for a while.
    until_within(BACK_WITHIN, "half of the devices have reported", || {
        (fleet.crowd.figures().acknowledged >= devices as u64 / 2).then_some(())
    });

    let left = all.iter().enumerate().filter(|(number, _)| *number != 1).map(|(_, operator)| operator);
    fleet.through("a manager is killed", left, |fleet| {
        let before = fleet.crowd.figures().cut;
        centre.kill(1);
        until("devices notice it", || (fleet.crowd.figures().cut > before).then_some(()));
    });
    centre.resume(1);
    fleet.through("PostgreSQL is killed and starts again", all.iter(), |fleet| {
        centre.cluster.kill();
        fleet.until_turned_away();
        centre.cluster.start_again();
    });
    fleet.through("PostgreSQL is killed and its standby promoted", all.iter(), |fleet| {
        centre.cluster.kill();
        fleet.until_turned_away();
        centre.promote_standby();
    });

    END.store(true, Ordering::Relaxed);
    let sent = sending.join().unwrap();
    until_within(BACK_WITHIN, "every command has ended", || {
        let open = centre.ask("SELECT count(*) FROM commands WHERE state IN ('waiting', 'delivered')");
        (open.trim() == "0").then_some(())
    });
    let Fleet { runtime, crowd, .. } = fleet;
    let (figures, refusals) = (crowd.figures(), crowd.refusals());
    let books = runtime.block_on(crowd.end());
    eprintln!(
        "{} reports acknowledged, {} commands carried out, {} asked for again after that; of an operator's, {} were \
         accepted, {} turned away, {} not answered; the slowest answer took {:.1} s",
        figures.acknowledged,
        figures.woken,
        figures.asked_again,
        sent.accepted.len(),
        sent.not_now,
        sent.unanswered,
        sent.longest.as_secs_f64(),
    );
    assert_eq!(books.len(), devices);
    assert!(refusals.is_empty(), "{refusals:#?}");
    let faults = faults(&books, &sent.accepted, &Kept::read(|sql| centre.ask(sql)));
    assert!(faults.is_empty(), "{} faults: {:#?}", faults.len(), &faults[..faults.len().min(20)]);
}
