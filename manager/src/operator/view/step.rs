//! How far an attempt to install a program is, for people.

use platen_protocol::programs::ProgramStep;

pub(super) const fn step_words(step: ProgramStep) -> &'static str {
    match step {
        ProgramStep::Fetching => "is being transferred",
        ProgramStep::Ready => "is there, and waits to be installed",
        ProgramStep::Installing => "is being installed",
        ProgramStep::Confirming => "is installed, and must prove itself",
        ProgramStep::GoingBack => "is being taken back",
        ProgramStep::Refused => "refused",
        ProgramStep::RolledBack => "went back to the one before",
        ProgramStep::Failed => "failed: somebody has to look",
        ProgramStep::Kept => "kept",
        ProgramStep::Other => "does what this manager does not know",
    }
}
