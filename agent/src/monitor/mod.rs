//! Judges what the board thread sees, keeps what follows from it, and tells the service manager that there is
//! progress ([`watchdog`]). Presses that repeat an open call are counted, and reported now and then ([`presses`]).

mod presses;
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
use crate::compose::{self, Composed};
use crate::judge::{Event, Judge, Moment};
use crate::random::CannotName;
use crate::recorder::{Learnt, Recorder};
use crate::request::service_call;
use crate::sample::{BoardHandle, Rhythm, Sample, Seen};
use crate::settings::{Applied, Current, Settings};
use crate::status::Status;
use crate::uplink::Progress;
use crate::utilise::ActivityMeter;
use presses::PressReports;

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
    presses: PressReports,
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
            presses: PressReports::default(),
        }
    }

    /// The judge, with what it has learnt.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Works for as long as the board's thread does.
    pub async fn run(&mut self, mut seen: mpsc::Receiver<Seen>) -> Result<(), MonitorError> {
        loop {
            // A device that is well is not woken to look.
            let disk_fails = self.recorder.disk_fault().is_some();
            if !disk_fails {
                self.next_try = Instant::now() + self.retry_disk;
            }
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
                () = tokio::time::sleep_until(self.next_try), if disk_fails => self.try_disk(),
                () = self.recorder.presses() => self.presses.note(Instant::now()),
                () = presses::due(&self.presses) => self.report_presses(),
            }
        }
    }

    /// Reports how often open calls have been made by now.
    fn report_presses(&mut self) {
        self.presses.reported();
        // As a stamp counts: the clock that goes on while the controller is suspended.
        let now = self.clock.since_boot();
        let ago = |at: Duration| u32::try_from(now.saturating_sub(at).as_secs()).unwrap_or(u32::MAX);
        let bodies: Vec<ReportBody> = {
            let outbox = self.recorder.outbox();
            let untold = outbox.untold_presses();
            untold.filter_map(|(call, last)| service_call::repeated(call, ago(last))).collect()
        };
        if bodies.is_empty() {
            return;
        }
        if let Err(cause) = self.recorder.record(&self.clock.stamp(), bodies, Learnt::default()) {
            tracing::warn!("how often service was called is told later: {cause}");
            self.presses.note(Instant::now());
        }
    }

    fn try_disk(&mut self) {
        self.next_try = Instant::now() + self.retry_disk;
        self.recorder.try_disk();
    }

    /// Applies what the manager set or took back.
    fn configure(&mut self) {
        let Applied { sample_interval, utilisation_interval, judge, programs_interval: _ } =
            self.settings.applied();
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
            let (model, volatile) = {
                let status = self.status.borrow();
                (status.model.clone(), status.volatile_state.clone())
            };
            bodies.push(compose::started(&model, &sample.readings, self.judge.alerts(), volatile));
        }
        self.started |= self.store(judge, &events, bodies, (&taken, sample.at))?;
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
            self.store(judge, &events, Vec::new(), (&self.clock.stamp_at(edge.at), edge.at))?;
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
        if self.store(judge, &[], vec![body], (&self.clock.stamp(), now))? {
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
        mut judge: Judge,
        events: &[Event],
        mut bodies: Vec<ReportBody>,
        (taken, at): (&Stamp, Duration),
    ) -> Result<bool, MonitorError> {
        let is_wish = |event: &Event| matches!(event, Event::ServiceCall | Event::Order { .. });
        let asked = if events.iter().any(is_wish) { self.recorder.asked() } else { Vec::new() };
        let composed = compose::events(events, self.last_readings(), &asked)?;
        let Composed { bodies: more, repeated, refused } = composed;
        let is_already = more.is_empty() && (repeated.is_some() || !refused.is_empty());
        if is_already && !refused.is_empty() {
            judge.refuse(refused, at);
        }
        bodies.extend(more);
        if !bodies.is_empty() && !self.keep(&judge, bodies, taken) {
            return Ok(false);
        }
        events.iter().for_each(log);
        if let Some(call) = repeated {
            self.recorder.press_again(&call, taken);
        }
        if is_already {
            tracing::info!("what the button wants is asked for already");
            self.recorder.already();
        }
        self.judge = judge;
        Ok(true)
    }

    /// Keeps reports with the state that the judge has after them; says whether they were kept.
    fn keep(&mut self, judge: &Judge, bodies: Vec<ReportBody>, taken: &Stamp) -> bool {
        let alerts = (judge.alerts() != self.judge.alerts()).then(|| judge.alerts());
        // No write of its own: it changes with almost every sample, and an SD card wears.
        let learnt = Learnt { alerts, past: Some(judge.past()) };
        match self.recorder.conclude(taken, bodies, learnt) {
            Ok(()) => {
                self.troubled = false;
                true
            }
            Err(cause) => {
                if !self.troubled {
                    tracing::error!("an event could not be stored and will be retried: {cause}");
                }
                self.troubled = true;
                false
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
        Event::Order { supplies, .. } => {
            let names: Vec<&str> = supplies.iter().map(|supply| supply.name.as_str()).collect();
            tracing::info!("the order button was pressed: {}", names.join(", "));
        }
        Event::Replacement(replacement) => {
            tracing::info!(subject = replacement.subject, change = ?replacement.change, "a supply or part was changed");
        }
        Event::Changed => tracing::debug!("the readings changed"),
    }
}
