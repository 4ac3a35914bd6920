//! Judges what the board thread sees, keeps what follows from it, and tells the service manager that there is
//! progress ([`watchdog`]).

pub mod watchdog;

use std::sync::Arc;
use std::time::Duration;

use platen_hal::Edge;
use platen_protocol::device_to_manager::ReportBody;
use platen_protocol::identity::InvalidId;
use platen_protocol::readings::Readings;
use platen_protocol::stamp::{ClockQuality, Stamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::compose;
use crate::judge::{Event, Judge, Moment};
use crate::random::CannotName;
use crate::recorder::{Learnt, Recorder};
use crate::sample::{BoardHandle, Rhythm, Sample, Seen};
use crate::settings::{Applied, Current, Settings};
use crate::status::Status;
use crate::uplink::Progress;
use crate::utilise::ActivityMeter;

/// Why monitoring ended.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The board's thread has ended by itself.
    #[error("the board's thread has ended")]
    BoardEnded,
    /// An alert could not be named.
    #[error(transparent)]
    Alert(#[from] InvalidId),
    /// What was asked for by a button could not be named.
    #[error(transparent)]
    Request(#[from] CannotName),
}

/// What a monitor is made of.
pub struct Setup {
    /// Who judges.
    pub judge: Judge,
    /// Takes what follows.
    pub recorder: Arc<Recorder>,
    /// What is seen.
    pub board: BoardHandle,
    /// What the agent knows of itself.
    pub status: watch::Sender<Status>,
    /// Stamps what is seen.
    pub clock: Arc<Clock>,
    /// Thresholds and intervals.
    pub settings: Current,
    /// Whether the uplink goes on.
    pub progress: Arc<Progress>,
    /// How soon an undecided level is read again.
    pub settle: Duration,
    /// The rhythm that the board's thread has.
    pub rhythm: Rhythm,
    /// Between reports of the utilisation state.
    pub utilisation: Duration,
    /// Until the first of them.
    pub first_utilisation: Duration,
    /// Between tries of a disk that failed.
    pub retry_disk: Duration,
}

/// Takes what the board is seen to do through judge, compose and recorder, and what it knows in between.
pub struct Monitor {
    judge: Judge,
    meter: ActivityMeter,
    recorder: Arc<Recorder>,
    board: BoardHandle,
    status: watch::Sender<Status>,
    clock: Arc<Clock>,
    progress: Arc<Progress>,
    settings: Current,
    new_settings: watch::Receiver<Settings>,
    settle: Duration,
    rhythm: Rhythm,
    /// The rhythm that the board's thread has not taken yet.
    new_rhythm: bool,
    started: bool,
    last: Option<Sample>,
    /// Whether the last try to keep something failed.
    troubled: bool,
    utilisation: Duration,
    next_utilisation: Instant,
    retry_disk: Duration,
    next_try: Instant,
}

impl Monitor {
    /// Nothing has been seen yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            judge: setup.judge,
            meter: ActivityMeter::default(),
            recorder: setup.recorder,
            board: setup.board,
            status: setup.status,
            clock: setup.clock,
            new_settings: setup.settings.subscribe(),
            settings: setup.settings,
            progress: setup.progress,
            settle: setup.settle,
            rhythm: setup.rhythm,
            new_rhythm: false,
            started: false,
            last: None,
            troubled: false,
            utilisation: setup.utilisation,
            next_utilisation: Instant::now() + setup.first_utilisation,
            retry_disk: setup.retry_disk,
            next_try: Instant::now() + setup.retry_disk,
        }
    }

    /// The judge, with what it has learnt.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Works for as long as the board's thread does.
    pub async fn run(&mut self, mut seen: mpsc::Receiver<Seen>) -> Result<(), MonitorError> {
        loop {
            tokio::select! {
                seen = seen.recv() => match seen {
                    Some(Seen::Sample { sample, asker }) => {
                        let sample = self.sample(*sample)?;
                        if let Some(asker) = asker {
                            // The asker may have gone; the sample was judged all the same.
                            let _ = asker.send(sample);
                        }
                    }
                    Some(Seen::Edges(edges)) => self.edges(&edges)?,
                    None => return Err(MonitorError::BoardEnded),
                },
                Ok(()) = self.new_settings.changed() => self.configure(),
                () = tokio::time::sleep_until(self.next_utilisation) => self.utilisation()?,
                () = tokio::time::sleep_until(self.next_try) => self.try_disk(),
            }
        }
    }

    fn try_disk(&mut self) {
        self.next_try = Instant::now() + self.retry_disk;
        if self.recorder.disk_fault().is_some() {
            self.recorder.try_disk();
        }
    }

    /// Applies what the manager set or took back.
    fn configure(&mut self) {
        let Applied { sample_interval, utilisation_interval, judge } = self.settings.applied();
        let rhythm = Rhythm { interval: sample_interval, repeats: judge.debounce_samples, ..self.rhythm };
        self.new_rhythm |= rhythm != self.rhythm;
        self.rhythm = rhythm;
        self.judge.configure(judge);
        self.utilisation = utilisation_interval;
        self.next_utilisation = self.next_utilisation.min(Instant::now() + utilisation_interval);
        self.tell_rhythm();
    }

    /// A thread that is too busy to be told is told after its next sample.
    fn tell_rhythm(&mut self) {
        if self.new_rhythm {
            match self.board.keep_time(self.rhythm) {
                Ok(()) => self.new_rhythm = false,
                Err(cause) => tracing::warn!("the new interval applies after the next sample: {cause}"),
            }
        }
    }

    /// Judges a sample; returns it as the judge left it.
    fn sample(&mut self, mut sample: Sample) -> Result<Sample, MonitorError> {
        let taken = self.clock.stamp_at(sample.at);
        let wall = (taken.clock == ClockQuality::Synchronised).then_some(taken.wall);
        let mut judge = self.judge.clone();
        judge.note_disk(self.recorder.disk_fault());
        let events = judge.sample(&mut sample.readings, Moment { at: sample.at, wall })?;
        let critical = judge.alerts().any_critical();
        self.meter.observe(&sample.readings, &sample.counts, critical, sample.at);
        self.show(&sample);
        let mut bodies = Vec::new();
        if !self.started {
            judge.told(&sample.readings);
            bodies.push(compose::started(&self.status.borrow().model, &sample.readings, self.judge.alerts()));
        }
        self.started |= self.store(judge, &events, bodies, &taken)?;
        let undecided = self.judge.undecided().then_some(self.settle);
        if let Some(soon) = undecided.or(self.judge.settling())
            && let Err(cause) = self.board.sample_within(soon)
        {
            tracing::warn!("{cause}");
        }
        self.tell_rhythm();
        if self.progress.is_timely(self.clock.monotonic()) {
            watchdog::feed();
        }
        Ok(sample)
    }

    fn show(&mut self, sample: &Sample) {
        self.last = Some(sample.clone());
        self.status.send_if_modified(|status| {
            let changed = status.readings.as_ref() != Some(&sample.readings);
            status.readings = Some(sample.readings.clone());
            status.failed_reads = sample.counts.failed_reads;
            changed
        });
    }

    fn edges(&mut self, edges: &[Edge]) -> Result<(), MonitorError> {
        for edge in edges {
            tracing::debug!(switch = edge.switch, active = edge.active, "an edge");
            let mut judge = self.judge.clone();
            let events = judge.edge(edge)?;
            self.store(judge, &events, Vec::new(), &self.clock.stamp_at(edge.at))?;
        }
        Ok(())
    }

    fn utilisation(&mut self) -> Result<(), MonitorError> {
        self.next_utilisation += self.utilisation;
        let Some(Sample { readings, counts, .. }) = self.last.clone() else { return Ok(()) };
        let now = self.clock.monotonic();
        let running = now.saturating_sub(self.status.borrow().began).as_secs();
        let mut judge = self.judge.clone();
        judge.told(&readings);
        let mut meter = self.meter.clone();
        let mut activity = meter.take(now);
        activity.pages_per_day = judge.past().pages_per_day();
        let body = compose::utilisation(running, counts.failed_reads, &readings, activity.clone());
        // Kept or not: what was not kept is told with the next one.
        if self.store(judge, &[], vec![body], &self.clock.stamp())? {
            self.meter = meter;
            self.status.send_modify(|status| status.activity = Some(activity));
        }
        Ok(())
    }

    /// Keeps what was concluded together with the state that it leaves behind. Should that fail, the
    /// old state stands, so that the next sample comes to the same conclusion again. Says whether it
    /// was kept.
    fn store(
        &mut self,
        judge: Judge,
        events: &[Event],
        mut bodies: Vec<ReportBody>,
        taken: &Stamp,
    ) -> Result<bool, MonitorError> {
        bodies.extend(compose::events(events, self.last_readings())?);
        if bodies.is_empty() {
            self.judge = judge;
            return Ok(true);
        }
        let alerts = (judge.alerts() != self.judge.alerts()).then(|| judge.alerts());
        // No write of its own: it changes with almost every sample, and an SD card wears.
        let learnt = Learnt { alerts, past: Some(judge.past()) };
        match self.recorder.conclude(taken, bodies, learnt) {
            Ok(()) => {
                self.troubled = false;
                events.iter().for_each(log);
                self.judge = judge;
                Ok(true)
            }
            Err(cause) => {
                if !self.troubled {
                    tracing::error!("an event could not be stored and will be retried: {cause}");
                }
                self.troubled = true;
                Ok(false)
            }
        }
    }

    fn last_readings(&self) -> Option<&Readings> {
        self.last.as_ref().map(|sample| &sample.readings)
    }
}

fn log(event: &Event) {
    match event {
        Event::Raised(alert) => {
            tracing::warn!(code = %alert.code, subject = alert.subject, "alert: {}", alert.description);
        }
        Event::Cleared { id, description } => tracing::info!(alert = %id, "alert ended: {description}"),
        Event::ServiceCall => tracing::info!("the service button was pressed"),
        Event::ReportWanted => tracing::info!("the service button was held: the readings are reported"),
        Event::Order { supplies } => {
            let names: Vec<&str> = supplies.iter().map(|supply| supply.name.as_str()).collect();
            tracing::info!("the order button was pressed: {}", names.join(", "));
        }
        Event::Replacement(replacement) => {
            tracing::info!(subject = replacement.subject, change = ?replacement.change, "a supply or part was changed");
        }
        Event::Changed => tracing::debug!("the readings changed"),
    }
}
