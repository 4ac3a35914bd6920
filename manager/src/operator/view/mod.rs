//! What an operator sees of the store's records: one form for pages and API. Pure; `now` comes from
//! outside.
//!
//! [`device`] puts one device together: its [`readings`] and how old they are ([`freshness`]), when it was last there
//! ([`contact`]), what it did ([`activity`]), how its [`identity`] stands, and what is [`open`] there, by which the
//! fleet's page is ordered. What is open has forms of its own, which lists show too: alerts and other reports
//! ([`happened`]), service calls ([`call`]), orders and commands ([`asked`]), what the watches found ([`watched`]). What operators
//! say about it is in [`details`], and a [`profile`] is settings for many; a [`program`] is what is installed, a
//! [`rollout`] how it comes to many, [`ddi`] who else installs it. [`printer_mib`] and [`ipp`] are a device in others' words. [`facts`]
//! answers what a page asks of a device. An [`operator`] is who looks after them.

mod activity;
mod asked;
mod audit;
mod call;
mod contact;
mod credential;
mod ddi;
mod details;
mod device;
mod facts;
mod freshness;
mod happened;
mod identity;
mod ipp;
pub(super) mod meters;
mod open;
mod operator;
mod printer_mib;
mod profile;
mod program;
mod readings;
mod rollout;
mod step;
mod watched;

pub(super) use asked::{CommandView, OrderView};
pub(super) use audit::AuditView;
pub(super) use call::{ServiceCallView, SignalView, TimeView};
pub(crate) use credential::{EnrolmentTokenView, SessionView, TokenView};
pub(super) use ddi::{DdiActionView, DdiTokenView, DdiView};
pub(crate) use details::DetailsView;
pub(super) use device::DeviceView;
pub(super) use freshness::Freshness;
pub(super) use happened::{AlertView, ReplacementView, ReportView};
pub(crate) use identity::words as identity_words;
pub(super) use identity::{CloneView, IdentityView};
pub(super) use ipp::IppAttributes;
pub(super) use open::Open;
pub(crate) use operator::OperatorView;
pub(super) use printer_mib::PrinterMib;
pub(super) use profile::ProfileView;
pub(super) use program::{AttemptView, DevicePrograms, OfferView, ProgramView};
pub(super) use rollout::{RolloutDeviceView, RolloutView, WaveView};
pub(super) use watched::WatchView;
