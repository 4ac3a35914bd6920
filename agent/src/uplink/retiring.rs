//! The last step of a device that retires ([`crate::identity::retired`]): the manager has been told, and key and
//! certificates are removed.

use super::{Uplink, UplinkError};
use crate::identity::retired;

impl Uplink {
    /// Whether the device has retired and nothing waits for the manager any more, the outcome of that included.
    pub(super) fn has_retired(&self) -> bool {
        let status = self.context.status.borrow();
        status.retired.is_some() && status.backlog == 0
    }

    /// A session has ended. If the device retires and the manager knows that it does, its key and certificates are
    /// removed; says whether that was so.
    pub(super) fn retire(&mut self, ended: &UplinkError) -> Result<bool, UplinkError> {
        let refused = ended.problem_kind().is_some_and(retired::is_settled_by);
        let is_told = matches!(ended, UplinkError::Retired) || refused;
        if !is_told || self.context.status.borrow().retired.is_none() {
            return Ok(false);
        }
        let Some(renewal) = self.source.renewal() else { return Ok(false) };
        let gone = retired::wipe(renewal.directory())?;
        self.tls = None;
        if gone {
            tracing::warn!(
                "this device was retired at the service centre, and its key and certificates are removed; to bring it back into service, enrol it again with a new token"
            );
            self.context.status.send_modify(|status| {
                status.certificate_ends = None;
                status.certificate_renewal = None;
            });
        } else {
            // It has been enrolled again meanwhile.
            self.context.recorder.retired(None);
        }
        Ok(true)
    }
}
