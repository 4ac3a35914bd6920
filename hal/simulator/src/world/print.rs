//! Jobs: pages at once, or over the printer's time.

use std::time::Duration;

use platen_protocol::readings::SwitchMeaning;

use super::{Event, World};
use crate::error::SimError;
use crate::physics::heat::WARM_UP;
use crate::truth::Job;

/// Jobs that wait behind each other.
const MAX_JOBS: usize = 64;
/// A page is at the exit for this many hundredths of the time between two.
const AT_EXIT_HUNDREDTHS: u32 = 40;

/// A job that prints over time.
pub(super) struct Printing {
    asked: u32,
    printed: u32,
    interval: Duration,
}

impl World {
    /// Prints pages in no time: levels and counters jump, and the pages' edges come in one go.
    pub(super) fn print_at_once(&mut self, pages: u32) -> String {
        self.wake();
        let mut job = Job { end: self.now, asked: pages, printed: 0, stopped: None };
        let exits = self.lines.meaning(SwitchMeaning::PageExit);
        while job.printed < pages {
            job.stopped = self.stops(false);
            if job.stopped.is_some() {
                break;
            }
            self.physics.print_page(&self.faults, false, self.now);
            self.show_waste();
            for active in [true, false] {
                for place in &exits {
                    self.put_switch(*place, active);
                }
            }
            job.printed += 1;
        }
        self.store();
        let told = told(&job);
        self.history.printed(job);
        told
    }

    /// Puts a job behind those that wait.
    pub(super) fn print_paced(&mut self, pages: u32, per_minute: u32) -> Result<String, SimError> {
        if self.jobs.len() == MAX_JOBS {
            return Err(SimError::Jobs(MAX_JOBS));
        }
        let was_asleep = self.asleep;
        self.wake();
        let interval = Duration::from_secs(60) / per_minute;
        self.jobs.push_back(Printing { asked: pages, printed: 0, interval });
        if self.jobs.len() == 1 {
            let first = if was_asleep { interval.max(WARM_UP) } else { interval };
            self.schedule.put(self.now + first, Event::Page);
        }
        Ok(format!("{pages} pages are being printed, {per_minute} a minute"))
    }

    /// The next page of the first job.
    pub(super) fn page(&mut self) {
        let stopped = self.stops(true);
        let now = self.now;
        self.wake();
        if stopped.is_none() {
            self.physics.print_page(&self.faults, true, now);
            self.show_waste();
            self.store();
        }
        let Some(job) = self.jobs.front_mut() else { return };
        job.printed += u32::from(stopped.is_none());
        let (interval, done) = (job.interval, stopped.is_some() || job.printed == job.asked);
        if stopped.is_none() {
            self.page_at_exit(interval);
        }
        let next = if done { self.end_job(stopped) } else { Some(interval) };
        if let Some(interval) = next {
            self.schedule.put(now + interval, Event::Page);
        }
    }

    /// Ends the first job; how long the first page of the next one takes, if there is one.
    fn end_job(&mut self, stopped: Option<String>) -> Option<Duration> {
        let job = self.jobs.pop_front()?;
        self.history.printed(Job { end: self.now, asked: job.asked, printed: job.printed, stopped });
        self.jobs.front().map(|next| next.interval)
    }

    fn page_at_exit(&mut self, interval: Duration) {
        let exits = self.lines.meaning(SwitchMeaning::PageExit);
        if !exits.is_empty() {
            for place in exits {
                self.put_switch(place, true);
            }
            self.schedule.put(self.now + interval * AT_EXIT_HUNDREDTHS / 100, Event::PageGone);
        }
    }

    pub(super) fn page_gone(&mut self) {
        for place in self.lines.meaning(SwitchMeaning::PageExit) {
            self.put_switch(place, false);
        }
    }

    /// Why no page can be printed now.
    fn stops(&self, on_time: bool) -> Option<String> {
        let out = self.out.first().map(|target| format!("{} was being changed", self.faults.name(*target)));
        out.or_else(|| self.firmware_stops())
            .or_else(|| self.switch_stops())
            .or_else(|| self.physics.stops(&self.faults, on_time, self.now))
    }

    fn store(&mut self) {
        self.note_stock();
        let moment = self.moment();
        self.physics.store(&mut self.wiring, &self.faults, self.exact, moment);
    }
}

fn told(job: &Job) -> String {
    match &job.stopped {
        None => format!("{} pages printed", job.printed),
        Some(why) => format!("{} of {} pages printed, then {why}", job.printed, job.asked),
    }
}
