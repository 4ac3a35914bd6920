//! What happens by itself: the steps of a scenario, the switches of a trace.

use super::{Event, World};
use crate::replay::Replay;
use crate::scenario::Step;

impl World {
    /// Plays steps, from now on.
    pub(crate) fn play(&mut self, steps: Vec<Step>) {
        let first = self.scenario.len();
        for (number, step) in steps.iter().enumerate() {
            let event = Event::Step { step: first + number, left: step.repeat };
            self.schedule.put(self.now + step.after, event);
        }
        self.scenario.extend(steps);
    }

    pub(super) fn step(&mut self, number: usize, left: Option<u32>) {
        let Some(step) = self.scenario.get(number).cloned() else { return };
        // Its names were checked when it was read; what the printer refuses now is told with the truth.
        if let Err(error) = self.resolve(&step.command).and_then(|act| self.act(act)) {
            self.history.refused(error.to_string(), self.now);
        }
        let left = left.map(|left| left - 1);
        if let Some(every) = step.every.filter(|_| left != Some(0)) {
            self.schedule.put(self.now + every, Event::Step { step: number, left });
        }
    }

    /// From now on buses and switches do what a trace says, and nothing else happens.
    pub(crate) fn replay(&mut self, trace: Replay) {
        for (place, active) in trace.first_states() {
            self.lines.preset(place, active);
        }
        self.schedule = crate::schedule::Schedule::default();
        if let Some(first) = trace.moves.first() {
            self.schedule.put(self.now + first.at, Event::Move(0));
        }
        self.trace = Some(trace);
    }

    /// What a person should know of the trace.
    pub(crate) fn notice(&self) -> Option<&str> {
        self.trace.as_ref()?.notice.as_deref()
    }

    pub(super) fn follow(&mut self, number: usize) {
        let Some(moves) = self.trace.as_ref().map(|trace| &trace.moves) else { return };
        let Some(this) = moves.get(number).copied() else { return };
        let next = moves.get(number + 1).map(|next| next.at.saturating_sub(this.at));
        self.lines.change(this.place, this.active, self.clock.to_bus(self.now));
        if let Some(pause) = next {
            self.schedule.put(self.now + pause, Event::Move(number + 1));
        }
    }
}
