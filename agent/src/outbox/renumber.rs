//! A new name and new numbers for what waits: for when the manager knows an epoch otherwise than this file
//! does, as after an old copy of the disk was put back.

use std::collections::BTreeMap;

use platen_protocol::device_to_manager::Lost;

use super::losses::{Grown, Losses};
use super::state::{State, new_epoch, write_lost};
use super::{Outbox, OutboxError, to_db};

impl Outbox {
    /// Gives all that waits in the chapter that is being sent new sequences in a new epoch, and likewise
    /// what was given up of it and not told yet. Its place among the chapters stays.
    pub fn begin_epoch(&mut self) -> Result<(), OutboxError> {
        self.durably(Self::renumber)
    }

    fn renumber(&mut self) -> Result<(), OutboxError> {
        let mut state = self.state.clone();
        let epoch = new_epoch()?;
        let (chapter, places, numbers) = numbers(&state);
        let change = self.db.transaction()?;
        // Rising order and new <= old, in a column without a rule: no two clash.
        for (place, sequence) in &places {
            change
                .prepare_cached("UPDATE report SET sequence = ?1 WHERE place = ?2")?
                .execute([to_db(*sequence), to_db(*place)])?;
            if let Some(held) = state.held.get_mut(place) {
                held.sequence = *sequence;
            }
        }
        change.execute("DELETE FROM lost WHERE chapter = ?1", [to_db(chapter)])?;
        if let Some(chapter) = state.chapter_of(chapter) {
            chapter.epoch = epoch;
            (chapter.acknowledged, chapter.next) = (0, numbers.next);
            chapter.losses = Losses::load(numbers.lost, 0);
            for run in chapter.losses.iter() {
                write_lost(&change, chapter.number, &Grown { run: run.clone(), swallowed: None })?;
            }
        }
        state.write(&change)?;
        change.commit()?;
        self.settled(state);
        Ok(())
    }
}

struct Numbers {
    next: u64,
    lost: Vec<Lost>,
}

/// The chapter, the new sequence of each place, and the rest.
fn numbers(state: &State) -> (u64, BTreeMap<u64, u64>, Numbers) {
    let chapter = state.front();
    let mut numbers = Numbers { next: 1, lost: Vec::new() };
    let mut places = BTreeMap::new();
    let mut runs = chapter.losses.iter().peekable();
    let mut lose = |numbers: &mut Numbers, below: u64| {
        while let Some(run) = runs.next_if(|run| run.first < below) {
            let length = run.last - run.first;
            numbers.lost.push(Lost { first: numbers.next, last: numbers.next + length, ..run.clone() });
            numbers.next += length + 1;
        }
    };
    for (place, held) in state.held.iter().filter(|(_, held)| held.chapter == chapter.number) {
        lose(&mut numbers, held.sequence);
        places.insert(*place, numbers.next);
        numbers.next += 1;
    }
    lose(&mut numbers, u64::MAX);
    (chapter.number, places, numbers)
}
