//! Service calls, from the device or the desk to a technician and to their end.
//!
//! A call is opened in the transaction that takes its report in ([`open`]), with how the machine was at that moment
//! ([`snapshot`]) and what the service agreement of its customer says is due ([`agreements`]). What people do with it ([`acts`]) names
//! the version that they saw, so that of two who act at once the second is told; each act is a row. [`list`] shows calls by what is due
//! next, and counts which times were kept.

mod acts;
mod agreements;
mod list;
mod open;
mod records;
mod snapshot;

pub(super) use acts::CallNotice;
pub use acts::{Acted, CallAct, CallRefusal};
pub(super) use acts::{close_by_hand, ticket_came};
pub use agreements::AgreementRecord;
pub use list::{CallCounts, CallFilter, CallPlace, CallTimes};
pub(super) use open::opened;
pub use open::{NewCall, OpenRefusal};
pub use records::{
    CallDetail, CallEntry, CallSignal, CallWhat, MAX_PARTS_USED, PartUsed, ServiceCallRecord,
    ServiceCallState,
};
pub use snapshot::{LastError, Snapshot};
