//! What the agent knows of itself at this moment, for `platen` and for the service manager.

pub mod programs;

use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::Activity;
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::Readings;
use serde::{Deserialize, Serialize};

use crate::identity::retired::Retired;
use crate::judge::DiskFault;
use crate::outbox::DiskTrouble;
use crate::request::Asked;
use crate::settings::SettingReport;
use crate::version::version;
use programs::Standing;

/// How the device stands with its manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContactState {
    /// It has no identity yet.
    NotEnrolled,
    /// It is connecting.
    Connecting,
    /// It is connected and sends.
    Sending,
    /// It is connected, and one request waits at the manager.
    Parked,
    /// The last try failed, and it waits for the next.
    Waiting,
    /// The agent is being stopped.
    Stopping,
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Time: the agent goes on trying.
    Later,
    /// Somebody at the service centre, or an enrolment: the manager said no.
    Refused,
    /// Care: whoever answered is not the manager that this device was enrolled with.
    Untrusted,
}

/// Why there is no contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleReport {
    /// What helps: time (`later`), the service centre (`refused`), or care (`untrusted`).
    pub sort: Sort,
    /// What happened.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// The next try, in seconds from now.
    pub next_try_seconds: Option<u64>,
}

/// How the device stands with its manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactReport {
    /// How it stands.
    pub state: ContactState,
    /// Since so many seconds.
    pub since_seconds: u64,
    /// When the manager last answered, by this device's clock.
    pub last_reply: Option<Timestamp>,
    /// The same, in seconds before now.
    pub last_reply_seconds_ago: Option<u64>,
    /// The protocol, such as `HTTP/1.1`, while connected.
    pub protocol: Option<String>,
    /// The proxy on the way, if there is one.
    #[serde(default)]
    pub proxy: Option<String>,
    /// How long the parked request waits, in seconds; learnt.
    #[serde(default)]
    pub wait_seconds: Option<u64>,
    /// After how many seconds the site cuts an idle request, as far as is known.
    #[serde(default)]
    pub cut_seconds: Option<u64>,
    /// Who opens the connection on the way, if somebody does: messages are signed then.
    #[serde(default)]
    pub inspected_by: Option<String>,
    /// Whether only small packets seem to get through to the manager, so that these are used.
    #[serde(default)]
    pub small_packets: bool,
    /// Why there is no contact, if there is none.
    pub trouble: Option<TroubleReport>,
}

/// How the outbox stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxReport {
    /// The size of what waits.
    pub bytes: u64,
    /// Whether a service call is among them.
    pub service_call_waits: bool,
    /// Whether an order is among them.
    #[serde(default)]
    pub order_waits: bool,
    /// Reports that had to be discarded since the start, because too much waited or the manager would
    /// never take them.
    #[serde(rename = "given_up")]
    pub discarded: u64,
    /// Why nothing can be kept, if that is so.
    pub trouble: Option<String>,
    /// Why it is kept in memory only, if that is so.
    #[serde(default)]
    pub disk: Option<DiskReport>,
}

/// What is wrong with the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskReport {
    /// What can be told apart: `full`, `read_only`, `failing`.
    pub fault: DiskFault,
    /// What is wrong, and what follows from it.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// Since so many seconds.
    pub since_seconds: u64,
}

/// `platen status --json`. Fields are added over time, and none changes its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The agent's version.
    pub agent_version: String,
    /// The name under which the manager knows, or is to know, the device.
    pub device: DeviceId,
    /// The printer's model, from the board file.
    pub model: String,
    /// Whether the board is a simulated one.
    pub simulated: bool,
    /// The manager's address, if one is known.
    pub manager: Option<String>,
    /// How it stands with the manager.
    pub contact: ContactReport,
    /// Reports that the manager has not acknowledged.
    pub backlog: u64,
    /// More about what waits.
    pub outbox: OutboxReport,
    /// Seconds that the agent has been running.
    pub running_seconds: u64,
    /// Reads that failed since the start.
    pub failed_reads: u64,
    /// The last sample that differed or was due; `None` until the first.
    pub readings: Option<Readings>,
    /// The alerts that stand, oldest first.
    pub alerts: Vec<Alert>,
    /// What the printer did in the stretch of the last utilisation report; `None` before the first.
    #[serde(default)]
    pub activity: Option<Activity>,
    /// Thresholds and intervals that apply, and who set them.
    #[serde(default)]
    pub settings: Vec<SettingReport>,
    /// Service calls and orders of late, oldest first.
    #[serde(default)]
    pub asked: Vec<Asked>,
    /// When the device's certificate ends; it is renewed long before.
    #[serde(default)]
    pub certificate_ends: Option<Timestamp>,
    /// From when on the device renews it.
    #[serde(default)]
    pub certificate_renewal: Option<Timestamp>,
    /// What the state directory is on, when what is written there does not outlive a restart.
    #[serde(default)]
    pub volatile_state: Option<String>,
    /// That the service centre has taken the device out of service, if it has.
    #[serde(default)]
    pub retired: Option<Retired>,
}

/// The same, while the agent works: times as moments on the monotonic clock.
#[derive(Debug, Clone)]
pub struct Status {
    /// The name.
    pub device: DeviceId,
    /// The model.
    pub model: String,
    /// Whether the board is a simulated one.
    pub simulated: bool,
    /// The manager's address.
    pub manager: Option<String>,
    /// How it stands.
    pub contact: ContactState,
    /// Since when.
    pub contact_since: Duration,
    /// When the manager last answered.
    pub last_reply: Option<Duration>,
    /// The protocol, while connected.
    pub protocol: Option<&'static str>,
    /// The proxy on the way, if there is one.
    pub proxy: Option<String>,
    /// How long requests are parked at this site, and after how long it cuts them.
    pub wait: Option<(Duration, Option<Duration>)>,
    /// Who opens the connection on the way.
    pub inspected_by: Option<String>,
    /// Whether only small packets seem to get through.
    pub small_packets: bool,
    /// Why there is no contact, and when the next try is.
    pub trouble: Option<(Trouble, Option<Duration>)>,
    /// How many reports wait.
    pub backlog: u64,
    /// More about what waits.
    pub outbox: OutboxReport,
    /// What is wrong with the disk, and since when.
    pub disk: Option<(DiskTrouble, Duration)>,
    /// Everything up to and with this place is with the manager.
    pub acknowledged: u64,
    /// When the agent began.
    pub began: Duration,
    /// Reads that failed.
    pub failed_reads: u64,
    /// The last sample.
    pub readings: Option<Readings>,
    /// The alerts that stand.
    pub alerts: Vec<Alert>,
    /// What the printer did in the stretch of the last utilisation report.
    pub activity: Option<Activity>,
    /// What applies, and who set it.
    pub settings: Vec<SettingReport>,
    /// What was asked for of late.
    pub asked: Vec<Asked>,
    /// When the certificate ends.
    pub certificate_ends: Option<Timestamp>,
    /// From when on it is renewed.
    pub certificate_renewal: Option<Timestamp>,
    /// What the state directory is on, when what is written there does not last.
    pub volatile_state: Option<String>,
    /// How it stands with programs.
    pub programs: Standing,
    /// That the device was taken out of service, once the outcome of that is written.
    pub retired: Option<Retired>,
}

/// Why there is no contact, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What helps.
    pub sort: Sort,
    /// What happened.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Status {
    /// The beginning.
    pub fn new(device: DeviceId, model: &str, simulated: bool, now: Duration) -> Self {
        Self {
            device,
            model: model.to_owned(),
            simulated,
            manager: None,
            contact: ContactState::NotEnrolled,
            contact_since: now,
            last_reply: None,
            protocol: None,
            proxy: None,
            wait: None,
            inspected_by: None,
            small_packets: false,
            trouble: None,
            backlog: 0,
            outbox: OutboxReport::default(),
            disk: None,
            acknowledged: 0,
            began: now,
            failed_reads: 0,
            readings: None,
            alerts: Vec::new(),
            activity: None,
            settings: Vec::new(),
            asked: Vec::new(),
            certificate_ends: None,
            certificate_renewal: None,
            volatile_state: None,
            programs: Standing::default(),
            retired: None,
        }
    }

    /// Notes a change in the contact. Trying and waiting in turns is one state of being out of contact.
    pub fn enter(&mut self, state: ContactState, now: Duration) {
        let out = |state| matches!(state, ContactState::Connecting | ContactState::Waiting);
        if self.contact != state && !(out(self.contact) && out(state)) {
            self.contact_since = now;
        }
        self.contact = state;
    }

    /// For people, at a moment.
    pub fn report(&self, now: Duration, wall: Timestamp) -> StatusReport {
        let ago = |then: Duration| now.saturating_sub(then);
        StatusReport {
            agent_version: version().to_owned(),
            device: self.device.clone(),
            model: self.model.clone(),
            simulated: self.simulated,
            manager: self.manager.clone(),
            contact: ContactReport {
                state: self.contact,
                since_seconds: ago(self.contact_since).as_secs(),
                last_reply: self.last_reply.and_then(|then| wall.checked_sub(ago(then)).ok()),
                last_reply_seconds_ago: self.last_reply.map(|then| ago(then).as_secs()),
                protocol: self.protocol.map(ToOwned::to_owned),
                proxy: self.proxy.clone(),
                wait_seconds: self.wait.map(|(wait, _)| wait.as_secs()),
                cut_seconds: self.wait.and_then(|(_, cut)| cut).map(|cut| cut.as_secs()),
                inspected_by: self.inspected_by.clone(),
                small_packets: self.small_packets,
                trouble: self.trouble.as_ref().map(|(trouble, next)| TroubleReport {
                    sort: trouble.sort,
                    what: trouble.what.clone(),
                    remedy: trouble.remedy.clone(),
                    next_try_seconds: next.map(|next| next.saturating_sub(now).as_secs()),
                }),
            },
            backlog: self.backlog,
            outbox: OutboxReport {
                disk: self.disk.as_ref().map(|(trouble, since)| DiskReport {
                    fault: trouble.fault,
                    what: trouble.what(),
                    remedy: trouble.remedy(),
                    since_seconds: ago(*since).as_secs(),
                }),
                ..self.outbox.clone()
            },
            running_seconds: ago(self.began).as_secs(),
            failed_reads: self.failed_reads,
            readings: self.readings.clone(),
            alerts: self.alerts.clone(),
            activity: self.activity.clone(),
            settings: self.settings.clone(),
            asked: self.asked.clone(),
            certificate_ends: self.certificate_ends,
            certificate_renewal: self.certificate_renewal,
            volatile_state: self.volatile_state.clone(),
            retired: self.retired.clone(),
        }
    }
}
