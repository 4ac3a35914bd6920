//! `GET /devices/{id}`: what is wrong and what to do, and the supplies and parts. Everything else is in parts with addresses of
//! their own, `/devices/{id}/parts/{part}`, which a script puts into the page when they come into view (`assets/device.js`):
//! so the page is short, and asks the store for what somebody looks at. What is open is on the page itself.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Html;
use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;

use super::super::problem::Refusal;
use super::super::view::{
    AlertView, CommandView, DetailsView, DevicePrograms, DeviceView, OrderView, ReplacementView, ReportView,
    ServiceCallView, WatchView,
};
use super::super::who::Operator;
use super::super::{Operators, Shared, gather, now as needs, programs};
use super::depletion::{Ending, endings};
use super::device_parts::Part;
use super::gap::LostRuns;
use super::history::{LevelChart, level_charts};
use super::{Frame, filters, render_at, words};
use crate::clock;
use crate::rights::Right;
use crate::store::{
    AlertFilter, IdentityEntry, OrderFilter, ReportFilter, Scope, ServiceCallFilter, Trouble, WatchFilter,
};
use crate::watch::endings::EndingView;

/// The most of each list on the page.
const MAX_CLEARED: u32 = 20;
const MAX_SERVICE_CALLS: u32 = 20;
const MAX_ORDERS: u32 = 20;
const MAX_REPLACEMENTS: u32 = 10;
const MAX_REPORTS: u32 = 30;
const MAX_COMMANDS: u32 = 10;
/// Runs of lost reports that are looked at; those that belong together are one line.
const MAX_GAPS: u32 = 500;
/// So long the last command is shown beside the buttons.
const COMMAND_FOR: SignedDuration = SignedDuration::from_hours(24);

/// A part as it is on this page.
struct Piece {
    part: Part,
    /// Whether it is here; else it loads by itself.
    whole: bool,
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    frame: Frame,
    trouble: Option<Trouble>,
    endings: Vec<EndingView>,
    device: DeviceView,
    details: DetailsView,
    /// The part that is a page of its own here.
    alone: Option<Part>,
    pieces: Vec<Piece>,
    /// When each supply ends, in the order of the supplies.
    ends: Vec<Option<Ending>>,
    last_command: Option<CommandView>,
    watches_over: Vec<WatchView>,
    cleared: Vec<AlertView>,
    service_calls: Vec<ServiceCallView>,
    orders: Vec<OrderView>,
    replacements: Vec<ReplacementView>,
    commands: Vec<CommandView>,
    reports: Vec<ReportView>,
    gaps: Vec<LostRuns>,
    identity_log: Vec<IdentityEntry>,
    programs: DevicePrograms,
    levels: Vec<LevelChart>,
}

impl DevicePage {
    fn bring(view: &AlertView) -> Vec<needs::view::BringView> {
        needs::view::bring_for(&view.alert)
    }

    /// When a supply ends.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the call is askama's")]
    fn ending(&self, index: &usize) -> Option<&Ending> {
        self.ends.get(*index)?.as_ref()
    }

    async fn new(
        operators: &Operators,
        operator: Operator,
        id: DeviceId,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let scope = operator.scope();
        let endings = operators.watches.endings.to_act_on(now);
        let endings = if operator.may(Right::SeeAll) { endings } else { Vec::new() };
        let device = gather::view(operators, scope, id.clone(), now).await?;
        let details = gather::details(operators, scope, id).await?;
        Ok(Self {
            frame: Frame::new(Some(operator), true),
            trouble: operators.store.health().trouble(),
            endings,
            device,
            details,
            alone: None,
            pieces: Vec::new(),
            ends: Vec::new(),
            last_command: None,
            watches_over: Vec::new(),
            cleared: Vec::new(),
            service_calls: Vec::new(),
            orders: Vec::new(),
            replacements: Vec::new(),
            commands: Vec::new(),
            reports: Vec::new(),
            gaps: Vec::new(),
            identity_log: Vec::new(),
            programs: DevicePrograms::default(),
            levels: Vec::new(),
        })
    }

    /// Whether there is such a part of this device for who looks.
    fn has(&self, part: Part) -> bool {
        part != Part::Settings || (self.details.retired.is_none() && self.frame.may_tend())
    }

    /// Whether something is open there, so that it is on the page itself.
    fn is_open(&self, part: Part) -> bool {
        match part {
            Part::ServiceCalls => !self.device.service_calls.is_empty(),
            Part::Orders => !self.device.orders.is_empty(),
            // A person has to act on what stands there.
            Part::Identity => self.details.retired.is_some() || self.device.identity_words().is_some(),
            Part::Details => self.details.retired.is_some(),
            _ => false,
        }
    }

    /// Asks the store for what a part shows.
    async fn fill(
        &mut self,
        operators: &Operators,
        scope: &Scope,
        part: Part,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (store, id) = (&operators.store, self.device.id.clone());
        match part {
            Part::ServiceCalls => {
                let which = ServiceCallFilter { device: Some(id), open: None };
                let found = store.service_calls(scope, which, None, MAX_SERVICE_CALLS).await?;
                self.service_calls = found.into_iter().map(|call| ServiceCallView::new(call, now)).collect();
            }
            Part::Orders => {
                let which = OrderFilter { device: Some(id), ..OrderFilter::default() };
                let found = store.orders(scope, which, None, MAX_ORDERS).await?;
                self.orders = found.into_iter().map(OrderView::from).collect();
            }
            Part::PastAlerts => {
                let which = AlertFilter { device: Some(id), open: Some(false) };
                let found = store.alerts(scope, which, None, MAX_CLEARED).await?;
                self.cleared = found.into_iter().map(AlertView::from).collect();
            }
            Part::Contact => {
                let which = WatchFilter { device: Some(id), open: Some(false) };
                let found = store.watches(scope, which, None, MAX_CLEARED).await?;
                self.watches_over = found.into_iter().map(WatchView::from).collect();
            }
            Part::Replacements => {
                let found = store.replacements(scope, Some(id), None, MAX_REPLACEMENTS).await?;
                self.replacements = found.into_iter().map(ReplacementView::from).collect();
            }
            Part::Commands => {
                let found = store.commands(scope, id, None, MAX_COMMANDS).await?;
                self.commands = found.into_iter().map(CommandView::from).collect();
            }
            Part::Reports => {
                let which = ReportFilter { device: Some(id.clone()) };
                let found = store.reports(scope, which, None, MAX_REPORTS).await?;
                self.reports = found.into_iter().map(ReportView::from).collect();
                self.gaps = LostRuns::all(store.gaps(scope, id, MAX_GAPS).await?);
            }
            Part::Levels => self.levels = level_charts(operators, scope, &self.device, now).await?,
            Part::Programs => self.programs = programs::of_device(operators, scope, id).await?,
            Part::Identity => self.identity_log = store.identity_log(scope, id).await?,
            Part::Counters | Part::Machine | Part::Details | Part::Settings => {}
        }
        Ok(())
    }
}

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let (Path(id), now) = (id?, clock::now());
    let scope = operator.scope().clone();
    let mut page = DevicePage::new(&operators, operator, id.clone(), now).await?;
    for part in Part::ALL.into_iter().filter(|part| page.has(*part)).collect::<Vec<_>>() {
        let whole = page.is_open(part);
        if whole {
            page.fill(&operators, &scope, part, now).await?;
        }
        page.pieces.push(Piece { part, whole });
    }
    page.ends = endings(&operators, &scope, &page.device, now).await?;
    let last = operators.store.commands(&scope, id, None, 1).await?.into_iter().next().map(CommandView::from);
    page.last_command = last.filter(|last| now.duration_since(last.issued) < COMMAND_FOR);
    render_at(&page, now)
}

/// `GET /devices/{id}/parts/{part}`.
pub(super) async fn part(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(DeviceId, String)>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let (Path((id, word)), now) = (which?, clock::now());
    let scope = operator.scope().clone();
    let mut page = DevicePage::new(&operators, operator, id, now).await?;
    let part = Part::of(&word).filter(|part| page.has(*part));
    let part = part.ok_or_else(|| {
        let all: Vec<&str> = Part::ALL.into_iter().filter(|part| page.has(*part)).map(Part::word).collect();
        let why = format!("There is no such part of a device. There are: {}.", all.join(", "));
        Refusal::new(ProblemKind::NotFound, why)
    })?;
    page.fill(&operators, &scope, part, now).await?;
    page.alone = Some(part);
    page.pieces.push(Piece { part, whole: true });
    render_at(&page, now)
}
