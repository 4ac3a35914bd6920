//! What becomes of a batch of reports, decided without clock, disk or network: whether its values can
//! be true ([`mod@validate`]), when they were taken ([`date`]), whether two
//! machines send with one identity ([`clone`]), which of its reports are new and which are lost
//! ([`plan()`], in words [`loss`]), and what an alert or a replacement tells about the state of the device
//! ([`merge`]).

pub mod clone;
pub mod date;
pub mod loss;
pub mod merge;
pub mod plan;
pub mod validate;

pub use loss::{Loss, LossReason};
pub use merge::{merge_alert, merge_end, merge_replacement};
pub use plan::{Gap, Plan, plan};
pub use validate::validate;
