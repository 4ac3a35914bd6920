//! Persons at printers and operators, who go on whatever dies around them, and note what they are told.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use platen_agent::request::Fate;
use platen_agent::status::StatusReport;
use platen_agent::tool::control::message::{Answer, Question, Request, VERSION};
use platen_protocol::manager_to_device::Action;
use platen_simulator::event_log::{Entry, Happened, Told as Signal};
use platen_simulator::{Fault, SimCommand};
use serde_json::json;

use crate::oracles::books::people::{Asked, Commanded, People, Pressed, Seen, Told, now};
use crate::rigs::api::Operator;
use crate::rigs::process::until;
use crate::rigs::random::Random;

/// An agent that does not answer within this is taken for dead.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a person stands before a printer and waits for something.
const STAYS: Duration = Duration::from_secs(4);
/// Longer than any signal of the buzzer: three beeps and the pauses between them take 480 ms.
const SIGNALS_END: Duration = Duration::from_millis(550);
/// How often a person looks.
const LOOK: Duration = Duration::from_millis(25);
/// Between two acts of a person, at most.
const PAUSE_MS: u32 = 150;
/// Between two commands of an operator, at most.
const OPERATOR_PAUSE_MS: u32 = 400;

/// The agent's control socket, whether or not an agent is behind it.
#[derive(Debug, Clone)]
pub struct Control(pub PathBuf);

impl Control {
    /// Asks; the first answer, if one comes.
    pub fn ask(&self, request: Request) -> Option<Answer> {
        serde_json::from_str(&self.line(request)?).ok()
    }

    fn line(&self, request: Request) -> Option<String> {
        let mut stream = UnixStream::connect(&self.0).ok()?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).ok()?;
        let question = serde_json::to_string(&Question { version: VERSION, request }).unwrap();
        stream.write_all(format!("{question}\n").as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        Some(line)
    }

    /// `platen status`.
    pub fn status(&self) -> Option<StatusReport> {
        match self.ask(Request::Status)? {
            Answer::Status(status) => Some(*status),
            _ => None,
        }
    }

    /// `platen status --json`, as a person's script has it.
    pub fn status_json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.line(Request::Status)?).ok()
    }

    /// Plays the printer; whether it was done for sure.
    pub fn sim(&self, command: SimCommand) -> bool {
        matches!(self.ask(Request::Sim { command }), Some(Answer::Done { .. }))
    }

    /// Plays the printer until it is done.
    pub fn sim_surely(&self, command: &SimCommand) {
        until("an agent plays its printer", || self.sim(command.clone()).then_some(()));
    }
}

/// A person at one printer.
pub struct Person {
    control: Control,
    random: Random,
    /// Makes texts different.
    name: String,
    count: u32,
    ears: Ears,
    people: People,
}

impl Person {
    /// Somebody who acts by a seed.
    pub fn new(name: &str, control: Control, physical: PathBuf, random: Random) -> Self {
        let ears = Ears { log: physical, offset: 0 };
        Self { control, random, name: name.to_owned(), count: 0, ears, people: People::default() }
    }

    /// Lives until told to stop; what was done and heard.
    pub fn live(mut self, stop: &AtomicBool) -> People {
        while !stop.load(Ordering::Relaxed) {
            self.act();
            std::thread::sleep(Duration::from_millis(self.random.below(PAUSE_MS).into()));
        }
        self.people
    }

    fn act(&mut self) {
        match self.random.below(12) {
            0..=1 => {
                let pages = 1 + self.random.below(20);
                self.control.sim(SimCommand::Print { pages, per_minute: None });
            }
            2 => {
                self.control.sim(SimCommand::Print { pages: 6, per_minute: Some(600) });
            }
            3 => {
                let supply = self.random.pick(&["black", "cyan", "magenta", "yellow"]).to_owned();
                let percent = u8::try_from(3 + self.random.below(90)).unwrap();
                self.control.sim(SimCommand::Set { supply, percent });
            }
            4 => self.stand("cover", &open("cover"), &close("cover")),
            5 => {
                let name = self.random.pick(&["jam", "paper-low", "paper-empty"]);
                self.stand(name, &switch(name, true), &switch(name, false));
            }
            6 => {
                let target = self.random.pick(&["cyan", "magenta"]).to_owned();
                self.control.sim(SimCommand::Replace { target });
            }
            7 => self.stand("yellow", &fault("yellow", Fault::Absent), &fault("yellow", Fault::None)),
            8..=9 => {
                let button = self.random.pick(&["service", "order"]);
                self.press(button);
            }
            10 => {
                let supply = self.random.pick(&["black", "cyan", "waste"]).to_owned();
                let quantity = u16::try_from(1 + self.random.below(9)).unwrap();
                let text = self.text();
                let (order, note) = (Some((supply.clone(), quantity)), Some(text.clone()));
                self.ask_for(text, order, Request::Order { supply, quantity, note, again: true });
            }
            _ => {
                let text = self.text();
                self.ask_for(text.clone(), None, Request::CallService { message: Some(text) });
            }
        }
    }

    fn text(&mut self) -> String {
        self.count += 1;
        format!("{} {}", self.name, self.count)
    }

    fn ask_for(&mut self, text: String, order: Option<(String, u16)>, request: Request) {
        let told = Told::by(self.control.ask(request).as_ref());
        self.people.asked.push(Asked { text, order, told });
    }

    /// Something is wrong until its alert is shown, or the person has had enough; then it is mended.
    fn stand(&mut self, subject: &str, breaks: &SimCommand, mends: &SimCommand) {
        // The alert of before has to be over, or it would be taken for that of now.
        if !self.is_fine(subject) || !self.control.sim(breaks.clone()) {
            return self.control.sim_surely(mends);
        }
        let begin = Instant::now();
        while begin.elapsed() < STAYS {
            if let Some(id) = self.shown(subject) {
                self.people.seen.push(Seen { subject: subject.to_owned(), id, at: now() });
                break;
            }
            std::thread::sleep(LOOK);
        }
        self.control.sim_surely(mends);
    }

    /// The name of the alert about this in the status, if there is one.
    fn shown(&self, subject: &str) -> Option<String> {
        let status = self.control.status()?;
        status.alerts.iter().find(|alert| alert.subject == subject).map(|alert| alert.id.to_string())
    }

    /// The status has no alert about this.
    fn is_fine(&self, subject: &str) -> bool {
        let status = self.control.status();
        status.is_some_and(|status| status.alerts.iter().all(|alert| alert.subject != subject))
    }

    fn press(&mut self, button: &str) {
        let quiet_since = self.is_quiet().then(now);
        std::thread::sleep(SIGNALS_END);
        self.ears.attend();
        let command = SimCommand::Press { button: button.to_owned(), milliseconds: None };
        if self.control.sim(command) {
            self.ears.listen();
        }
        let (button, listened_until) = (button.to_owned(), now());
        self.people.pressed.push(Pressed { button, quiet_since, listened_until });
    }

    /// Nothing waits for the manager, so that no beep can be for something else.
    fn is_quiet(&self) -> bool {
        self.control.status().is_some_and(|status| {
            let waits = status.outbox.service_call_waits || status.outbox.order_waits;
            !waits && status.asked.iter().all(|asked| asked.fate != Fate::Waiting)
        })
    }
}

/// Hears the buzzer, by the physical log.
struct Ears {
    log: PathBuf,
    offset: u64,
}

impl Ears {
    /// From now on.
    fn attend(&mut self) {
        self.offset = std::fs::metadata(&self.log).map_or(0, |log| log.len());
    }

    /// Until there is a beep, the agent dies, or the person has had enough.
    fn listen(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < STAYS {
            if self.heard() {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn heard(&mut self) -> bool {
        let Ok(mut file) = File::open(&self.log) else { return false };
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.offset += whole as u64;
        text[..whole].lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok()).any(|entry| {
            matches!(
                entry.what,
                Happened::Started { .. } | Happened::Output { output: Signal::Buzzer, on: true }
            )
        })
    }
}

/// The next call and the next order that an operator sees to, so that others can come.
struct SeenTo {
    call: u32,
    order: u32,
}

impl SeenTo {
    fn go_on(&mut self, operator: &Operator) {
        let done = |path: String, state: &str| {
            operator.try_post(&path, &json!({ "state": state })).is_some_and(|answer| answer.status == 204)
        };
        self.call += u32::from(done(format!("/api/v1/service-calls/{}", self.call), "handled"));
        self.order += u32::from(done(format!("/api/v1/orders/{}", self.order), "delivered"));
    }
}

/// An operator who gives commands to several devices and sees to calls and orders until told to stop; what was given to each.
pub fn operate(
    operator: &Operator,
    devices: &[String],
    mut random: Random,
    stop: &AtomicBool,
) -> Vec<Vec<Commanded>> {
    let mut given = vec![Vec::new(); devices.len()];
    let mut seen_to = SeenTo { call: 1, order: 1 };
    while !stop.load(Ordering::Relaxed) {
        seen_to.go_on(operator);
        let place = random.below(u32::try_from(devices.len()).unwrap()) as usize;
        let action = action(&mut random);
        let path = format!("/api/v1/devices/{}/commands", devices[place]);
        let answer = operator.try_post(&path, &json!({ "action": action }));
        let id = answer.as_ref().filter(|answer| answer.status == 202);
        let id = id.and_then(|answer| answer.body["id"].as_str()).map(str::to_owned);
        let refused = answer.is_some_and(|answer| answer.status != 202 && answer.status < 500);
        if !refused {
            given[place].push(Commanded { id, action });
        }
        std::thread::sleep(Duration::from_millis(random.below(OPERATOR_PAUSE_MS).into()));
    }
    given
}

fn action(random: &mut Random) -> Action {
    let supply = random.pick(&["black", "cyan"]);
    match random.below(6) {
        0..=2 => Action::ReadNow,
        3..=4 => {
            let set_percent = (format!("supply.{supply}.set-percent"), 5 + random.below(30));
            Action::Set { settings: [set_percent].into() }
        }
        _ => Action::Reset { settings: vec![format!("supply.{supply}.set-percent")] },
    }
}

/// Opens a cover.
pub fn open(switch: &str) -> SimCommand {
    SimCommand::Open { switch: switch.to_owned() }
}

/// Closes it.
pub fn close(switch: &str) -> SimCommand {
    SimCommand::Close { switch: switch.to_owned() }
}

/// Puts another switch.
pub fn switch(switch: &str, active: bool) -> SimCommand {
    SimCommand::Switch { switch: switch.to_owned(), active }
}

/// Breaks something, or mends it.
pub fn fault(target: &str, fault: Fault) -> SimCommand {
    SimCommand::Fault { target: target.to_owned(), fault }
}
