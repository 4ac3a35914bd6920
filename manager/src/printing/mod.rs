//! Printers of the service centre, spoken to by IPP (RFC 8010 and 8011): which there are ([`settings`]), how they are reached
//! ([`dial`]), what is asked of them ([`ask`]), and what their answers mean for people ([`words`]). What is printed when is no
//! matter of this: [`crate::print_job`] works off the queue.

mod ask;
mod dial;
pub mod schedule;
mod settings;
pub mod words;

use std::sync::Arc;

use ask::Asker;

pub use ask::{AtPrinter, Failed, ToPrint};
pub use settings::{MAX_PRINTERS, Printer, check};

/// All printers.
pub struct Printers(Vec<(Printer, Arc<Asker>)>);

impl Printers {
    /// By these settings.
    pub fn new(printers: &[Printer]) -> Self {
        Self(printers.iter().map(|one| (one.clone(), Arc::new(Asker::new(one)))).collect())
    }

    /// In the order of `manager.toml`.
    pub fn all(&self) -> impl Iterator<Item = &Printer> {
        self.0.iter().map(|(printer, _)| printer)
    }

    /// One, by its name.
    pub fn named(&self, name: &str) -> Option<&Printer> {
        self.all().find(|printer| printer.name == name)
    }

    /// Who speaks to one.
    pub(crate) fn asker(&self, name: &str) -> Option<Arc<Asker>> {
        self.0.iter().find(|(printer, _)| printer.name == name).map(|(_, asker)| Arc::clone(asker))
    }
}
