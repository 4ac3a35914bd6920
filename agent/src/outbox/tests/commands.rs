//! Commands act once, whatever dies in between: a manager that repeats each until it has the outcome, an
//! agent that can be killed before and after every step, and a disk that comes and goes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::settings::{Chosen, Origin, Settings};

/// A setting stands for what a command does: it is there if the command has acted and lasts.
const SETTING: &str = "sample.interval-seconds";

#[derive(Debug, Clone)]
enum Act {
    /// An operator wants something.
    Issue,
    /// A reply brings every command without an outcome; `stale` says that it was asked for before the last
    /// acknowledgement.
    Reply {
        stale: bool,
    },
    /// One command is carried out to its end.
    Work,
    /// A batch reaches the manager; the acknowledgement may get lost.
    Send {
        heard: bool,
    },
    Kill,
    FailToWrite,
    TryDisk,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Issue),
        4 => any::<bool>().prop_map(|stale| Act::Reply { stale }),
        4 => Just(Act::Work),
        3 => any::<bool>().prop_map(|heard| Act::Send { heard }),
        2 => Just(Act::Kill),
        1 => Just(Act::FailToWrite),
        1 => Just(Act::TryDisk),
    ]
}

/// The whole of it.
struct Play {
    directory: TempDir,
    outbox: Outbox,
    /// At the manager: every command, and its outcome as it came in.
    asked: BTreeMap<String, Option<OutcomeResult>>,
    /// How far each epoch is acknowledged there.
    acknowledged: BTreeMap<String, u64>,
    /// How often each has acted, in what lasts; and what died with memory.
    acted: BTreeMap<String, u32>,
    only_in_memory: Vec<String>,
    marks: Vec<u64>,
}

impl Play {
    fn begin() -> Self {
        let directory = tempdir().unwrap();
        let outbox = open_in(directory.path());
        let (asked, acknowledged) = (BTreeMap::new(), BTreeMap::new());
        let (acted, only_in_memory, marks) = (BTreeMap::new(), Vec::new(), vec![0]);
        Self { directory, outbox, asked, acknowledged, acted, only_in_memory, marks }
    }

    fn reply(&mut self, stale: bool) {
        let waiting: Vec<Command> =
            self.asked.iter().filter(|(_, end)| end.is_none()).map(|(id, _)| command(id)).collect();
        let mark = if stale { self.marks[self.marks.len().saturating_sub(2)] } else { self.outbox.mark() };
        let received = self.outbox.receive(&waiting, mark).unwrap();
        for outcome in received.lost {
            self.end(&outcome, None);
        }
    }

    fn work(&mut self) {
        let Some(command) = self.outbox.next_unfinished().unwrap() else { return };
        let command = command.unwrap();
        let id = command.id.to_string();
        let number: u32 = id.trim_start_matches("c-").parse().unwrap();
        let origin = Origin { operator: None, command: command.id.clone(), at: time() };
        let settings = Settings::from_stored([(SETTING.parse().unwrap(), Chosen { value: number, origin })]);
        let outcome = Outcome { command_id: command.id, finished: time(), result: OutcomeResult::Done };
        self.end(&outcome, Some(&settings));
        *self.acted.entry(id.clone()).or_default() += 1;
        if self.outbox.disk_trouble().is_some() {
            self.only_in_memory.push(id);
        }
    }

    fn end(&mut self, outcome: &Outcome, settings: Option<&Settings>) {
        let finished = Some(Finished { outcome, taken: &stamp(), simulated: true });
        let settings = settings.map(|settings| settings.rows().unwrap());
        self.outbox.keep(&Entry { settings, finished, ..Entry::default() }).unwrap();
    }

    fn send(&mut self, heard: bool) -> bool {
        let Some(Batch { body, .. }) = self.outbox.next_batch(100).unwrap() else { return false };
        let at = self.acknowledged.entry(body.epoch.to_string()).or_default();
        for report in body.reports.iter().filter(|report| report.sequence > *at) {
            if let ReportBody::Outcome(outcome) = &report.body {
                let end = self.asked.get_mut(outcome.command_id.as_str()).unwrap();
                end.get_or_insert_with(|| outcome.result.clone());
            }
        }
        *at = (*at).max(body.reports.last().map_or(0, |report| report.sequence));
        if heard {
            self.marks.push(self.outbox.mark());
            self.outbox.acknowledge(&body.epoch, *at, time()).unwrap();
        }
        true
    }

    fn kill(&mut self) {
        // What died with memory may be done again: nothing of it lasts, and the manager need not have it.
        for id in self.only_in_memory.drain(..) {
            if let Some(times) = self.acted.get_mut(&id) {
                *times -= 1;
            }
        }
        let placeholder = tempdir().unwrap();
        self.outbox = open_in(placeholder.path());
        self.outbox = open_in(self.directory.path());
        self.marks = vec![self.outbox.mark()];
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Issue => {
                self.asked.insert(format!("c-{}", self.asked.len() + 1), None);
            }
            Act::Reply { stale } => self.reply(*stale),
            Act::Work => self.work(),
            Act::Send { heard } => {
                self.send(*heard);
            }
            Act::Kill => self.kill(),
            Act::FailToWrite => {
                if self.outbox.disk_trouble().is_none() {
                    self.outbox.db.pragma_update(None, "query_only", true).unwrap();
                }
            }
            Act::TryDisk => {
                assert!(self.outbox.try_disk().unwrap());
                self.only_in_memory.clear();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_command_acts_once_and_has_an_outcome_whatever_dies_in_between(
        acts in prop::collection::vec(any_act(), 1..60),
    ) {
        let mut play = Play::begin();
        for act in &acts {
            play.act(act);
        }
        // Nothing dies any more: it comes to an end by itself.
        play.act(&Act::TryDisk);
        for _ in 0..4 {
            play.act(&Act::Reply { stale: false });
            while !play.outbox.unfinished().unwrap().is_empty() {
                play.work();
            }
            while play.send(true) {}
        }
        let ended: BTreeSet<_> = play.asked.iter().filter(|(_, end)| end.is_some()).map(|(id, _)| id).collect();
        prop_assert_eq!(ended.len(), play.asked.len(), "one has no outcome: {:?}", play.asked);
        for (id, times) in &play.acted {
            prop_assert!(*times <= 1, "{id} acted {times} times");
        }
    }
}
