//! A manager and printers in processes, under load, and the end of the load: everything comes to rest, and the
//! books are read.

pub mod load;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use platen_agent::status::ContactState;
use platen_agent::tool::control::message::{Answer, Request};
use platen_simulator::{Fault, SimCommand};

use crate::oracles::books::device;
use crate::oracles::books::held::Held;
use crate::oracles::books::people::{Asked, Commanded, People};
use crate::oracles::books::physical::Physical;
use crate::oracles::check::{Allowed, Books, Clocks, Figures, Verdict, check};
use crate::rigs::agent::process::{BOARD, Device};
use crate::rigs::manager::process::Manager;
use crate::rigs::process::until;
use crate::rigs::random::Random;
use load::{Control, Person, close, fault, operate, switch};

/// The file of the physical log beside each board file.
pub const PHYSICAL: &str = "physical.jsonl";

/// A board whose printer writes down what happens to it, in a file that is relative to the board's folder. Its buses
/// have time: on a machine that is busy with everything else here, one that is late is no fault of the printer.
pub fn board(seed: u64) -> String {
    BOARD
        .replace("seed = 450", &format!("seed = {seed}\nlog = \"{PHYSICAL}\""))
        .replace("deadline-ms = 500\n", "")
        .replace("[[bus]]\n", "[[bus]]\ndeadline-ms = 10000\n")
}

/// Every press of a button is an order of its own, and an alert may come as often as the test makes it.
pub const JUDGE: &str = "[judge]\norder_window = \"0s\"\nflap_limit = 60\n";

/// The people of the test are quicker than any: the manager is not to turn their printers away for it.
const LIMITS: &str =
    "[limits]\nrequests_per_minute = 60000\nrequests_burst = 10000\nretry_after_seconds = 1\n";

/// The fleet, while people use it.
pub struct TestFleet {
    /// The manager.
    pub manager: Arc<Mutex<Manager>>,
    /// The printers.
    pub devices: Vec<Arc<Mutex<Device>>>,
    controls: Vec<Control>,
    names: Vec<String>,
    stop: Arc<AtomicBool>,
    noted: Mutex<Vec<(usize, Asked)>>,
    persons: Vec<JoinHandle<People>>,
    operator: Option<JoinHandle<Vec<Vec<Commanded>>>>,
}

impl TestFleet {
    /// Starts a manager and so many printers; nobody uses them yet.
    pub fn start(printers: usize, seed: u64, extra: &str) -> Self {
        let manager = Manager::start_with(LIMITS);
        let mut fleet = Self {
            manager: Arc::new(Mutex::new(manager)),
            devices: Vec::new(),
            controls: Vec::new(),
            names: Vec::new(),
            stop: Arc::default(),
            noted: Mutex::default(),
            persons: Vec::new(),
            operator: None,
        };
        for number in 0..printers {
            let name = format!("printer-{number}");
            let manager = fleet.manager.lock().unwrap();
            let board = board(seed + number as u64);
            let mut device = Device::with(&name, &manager.device_url(), &board, &format!("{JUDGE}{extra}"));
            device.enroll(&manager.token(&["--device", &name]));
            drop(manager);
            device.start();
            fleet.controls.push(Control(device.file("control.sock")));
            fleet.devices.push(Arc::new(Mutex::new(device)));
            fleet.names.push(name);
        }
        (0..printers).for_each(|place| fleet.until_it_answers(place));
        fleet
    }

    /// People begin, each by the seed.
    pub fn use_it(&mut self, seed: u64) {
        for (place, (control, device)) in self.controls.iter().zip(&self.devices).enumerate() {
            let physical = device.lock().unwrap().file(PHYSICAL);
            let person =
                Person::new(&self.names[place], control.clone(), physical, Random::new(seed, place as u64));
            let stop = Arc::clone(&self.stop);
            self.persons.push(thread::spawn(move || person.live(&stop)));
        }
        let operator = self.manager.lock().unwrap().operator();
        let (names, stop, random) = (self.names.clone(), Arc::clone(&self.stop), Random::new(seed, 1_000));
        self.operator = Some(thread::spawn(move || operate(&operator, &names, random, &stop)));
    }

    /// Waits until the agent of a printer answers.
    pub fn until_it_answers(&self, place: usize) {
        until("the agent answers", || self.controls[place].status());
    }

    /// The agent's control socket.
    pub fn control(&self, place: usize) -> &Control {
        &self.controls[place]
    }

    /// Puts into the book of people what the test itself asked a printer for.
    pub fn note(&self, place: usize, asked: Asked) {
        self.noted.lock().unwrap().push((place, asked));
    }

    /// Stops the agent of a printer cleanly, lets something be done to where it keeps its things, and starts it.
    pub fn with_agent_stopped<T>(&self, place: usize, act: impl FnOnce(&mut Device) -> T) -> T {
        let mut device = self.devices[place].lock().unwrap();
        assert!(device.stop(), "the agent ends cleanly: {}", device.log());
        let done = act(&mut device);
        device.start();
        drop(device);
        self.until_it_answers(place);
        done
    }

    /// The same with the manager.
    pub fn with_manager_stopped<T>(&self, act: impl FnOnce(&mut Manager) -> T) -> T {
        let mut manager = self.manager.lock().unwrap();
        assert!(manager.stop(), "the manager ends cleanly");
        let done = act(&mut manager);
        manager.resume();
        done
    }

    /// Kills the agent of a printer with `kill -9`, and starts it again after a time.
    pub fn kill_agent(&self, place: usize, down: Duration) {
        let mut device = self.devices[place].lock().unwrap();
        device.kill();
        thread::sleep(down);
        device.start();
    }

    /// Kills the manager with `kill -9`, and starts it again after a time.
    pub fn kill_manager(&self, down: Duration) {
        let mut manager = self.manager.lock().unwrap();
        manager.kill();
        thread::sleep(down);
        manager.resume();
    }

    /// People stop, everything is mended, all reports and outcomes arrive, and the programs end cleanly.
    pub fn come_to_rest(mut self) -> AtRest {
        self.stop.store(true, Ordering::Relaxed);
        let persons = std::mem::take(&mut self.persons).into_iter();
        let mut people: Vec<People> = persons.map(|person| person.join().unwrap()).collect();
        if let Some(operator) = self.operator.take() {
            for (people, commanded) in people.iter_mut().zip(operator.join().unwrap()) {
                people.commanded = commanded;
            }
        }
        people.resize(self.devices.len(), People::default());
        for (place, asked) in self.noted.lock().unwrap().drain(..) {
            people[place].asked.push(asked);
        }
        let operator = self.manager.lock().unwrap().operator();
        for (place, control) in self.controls.iter().enumerate() {
            self.mend(place);
            until("alerts end and nothing waits", || {
                let status = control.status()?;
                let calm = status.alerts.iter().all(|alert| alert.forecast);
                let sent = status.backlog == 0 && status.contact.state == ContactState::Parked;
                (calm && sent).then_some(())
            });
            let path = format!("/api/v1/devices/{}/commands?limit=200", self.names[place]);
            until("every command has ended", || {
                let commands = operator.json(&path)["items"].as_array()?.clone();
                commands.iter().all(|command| command["finished"].is_string()).then_some(())
            });
            until("the last readings are kept", || {
                matches!(control.ask(Request::Report)?, Answer::Kept).then_some(())
            });
            self.devices[place].lock().unwrap().until_parked();
        }
        let stopped = self.devices.iter().all(|device| device.lock().unwrap().stop());
        assert!(stopped, "agents end cleanly");
        assert!(self.manager.lock().unwrap().stop(), "the manager ends cleanly");
        AtRest { people, manager: self.manager, devices: self.devices, names: self.names }
    }

    fn mend(&self, place: usize) {
        let physical = self.devices[place].lock().unwrap().file(PHYSICAL);
        let control = &self.controls[place];
        until("the last page is out", || {
            let pages = || Physical::read(&physical).last().map(|stock| stock.pages);
            let before = pages();
            // Jobs of these people have a page each 100 ms.
            thread::sleep(Duration::from_secs(1));
            (pages() == before).then_some(())
        });
        until("what is out is put in", || {
            let standing = Physical::read(&physical).conditions;
            standing.iter().all(|condition| condition.ended.is_some()).then_some(()).or_else(|| {
                for command in [
                    close("cover"),
                    switch("jam", false),
                    switch("paper-low", false),
                    switch("paper-empty", false),
                    fault("yellow", Fault::None),
                ] {
                    control.sim(command);
                }
                None
            })
        });
        for supply in ["black", "cyan", "magenta", "yellow", "waste"] {
            control.sim_surely(&SimCommand::Set { supply: supply.into(), percent: 100 });
        }
    }
}

/// A fleet that has come to rest.
pub struct AtRest {
    people: Vec<People>,
    manager: Arc<Mutex<Manager>>,
    devices: Vec<Arc<Mutex<Device>>>,
    names: Vec<String>,
}

impl AtRest {
    /// The manager's store.
    pub fn store(&self) -> PathBuf {
        self.manager.lock().unwrap().state().join("manager.sqlite3")
    }

    /// How many printers there are.
    pub fn printers(&self) -> usize {
        self.devices.len()
    }

    /// A printer's name.
    pub fn name(&self, place: usize) -> &str {
        &self.names[place]
    }

    /// The books of one printer.
    pub fn books(&self, place: usize, allowed: Allowed) -> Books {
        let device = self.devices[place].lock().unwrap();
        Books {
            physical: Physical::read(&device.file(PHYSICAL)),
            people: self.people[place].clone(),
            device: device::Device::read(&device.file("state").join(platen_agent::outbox::FILE_NAME)),
            held: Held::read(&self.store(), &self.names[place]),
            clocks: Clocks::here(Duration::ZERO),
            allowed,
        }
    }

    /// Compares the books of all; the test ends if there is a mistake.
    pub fn must_agree(&self, allowed: Allowed) -> Figures {
        let mut figures = Figures::default();
        let mut mistakes = Vec::new();
        for place in 0..self.devices.len() {
            let Verdict { mistakes: found, figures: compared } = check(&self.books(place, allowed));
            figures += compared;
            mistakes.extend(found.into_iter().map(|what| format!("{}: {what}", self.names[place])));
        }
        assert!(mistakes.is_empty(), "{} mistakes:\n{}", mistakes.len(), mistakes.join("\n"));
        figures
    }
}
