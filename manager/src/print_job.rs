//! Prints: hands documents to printers, and looks how they stand there until they are on paper. One manager at a time does it;
//! everything that it does next is in the store, so that the next one goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::printing::{AtPrinter, Failed, Printers, ToPrint};
use crate::store::{PrintStep, PrintToDo, Store, StoreError};

/// How often it is looked for what is to be printed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Printers that are spoken to at once.
const AT_ONCE: usize = 8;
/// How often it is looked how a job stands at its printer.
const ASKED_EVERY: SignedDuration = SignedDuration::from_secs(5);
/// The pause after the first try that failed; it doubles with each, up to the longest.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// What is not on paper by then is given up: the day's list of yesterday is of no use.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How long prints are kept to be printed again.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Rounds between two looks for what is old.
const FORGET_EVERY: u32 = 1_800;

/// Prints.
pub struct Job {
    /// What is to be printed.
    pub store: Store,
    /// Where.
    pub printers: Arc<Printers>,
    /// Whether it is this manager that does it.
    pub turn: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// When a print that could not be handed over is tried next, after so many tries.
fn next(tries: u32, now: Timestamp) -> Timestamp {
    let doubled = FIRST_PAUSE.checked_mul(1 << tries.saturating_sub(1).min(16)).unwrap_or(LONGEST_PAUSE);
    now.checked_add(doubled.min(LONGEST_PAUSE)).unwrap_or(now)
}

impl Job {
    /// Until the manager stops.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rounds = 0_u32;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = look.tick() => {}
            }
            if !(self.turn)() {
                continue;
            }
            tokio::select! {
                biased;
                // What is being sent is looked for at the printer by who comes next, and sent only if it is not there.
                () = stop.cancelled() => return,
                round = self.round(clock::now()) => {
                    if let Err(error) = round {
                        tracing::debug!(%error, "nothing could be printed; retrying");
                    }
                }
            }
            rounds = rounds.wrapping_add(1);
            if rounds % FORGET_EVERY == 1
                && let Err(error) = self.forget(clock::now()).await
            {
                tracing::debug!(%error, "old prints could not be forgotten; retrying");
            }
        }
    }

    async fn forget(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        while self.store.forget_prints(before).await? {}
        Ok(())
    }

    /// One step with each print that is due; how many there were.
    pub async fn round(&self, now: Timestamp) -> Result<usize, StoreError> {
        let claimed = self.store.claim_prints(AT_ONCE, now).await?;
        let count = claimed.len();
        let mut steps = JoinSet::new();
        for print in claimed {
            let (store, printers) = (self.store.clone(), Arc::clone(&self.printers));
            steps.spawn(async move {
                let step = step(&store, &printers, &print, now).await;
                (print, step)
            });
        }
        while let Some(ended) = steps.join_next().await {
            // One that panicked is claimed until its time is over, and is looked after again then.
            let Ok((print, step)) = ended else { continue };
            let step = step?;
            tell(&print, &step);
            self.store.print_stands(print.key, step, now).await?;
        }
        Ok(count)
    }
}

fn tell(print: &PrintToDo, step: &PrintStep) {
    let (key, printer) = (print.key, &print.printer);
    match step {
        PrintStep::Printed => tracing::info!(key, printer, "a document was printed"),
        PrintStep::Failed(why) => tracing::error!(key, printer, why, "a document was not printed"),
        PrintStep::Again { words: Some(why), job: None, .. } if print.tries == 1 => {
            tracing::warn!(key, printer, why, "a document waits for its printer; it is tried again");
        }
        PrintStep::Again { words, .. } => {
            tracing::debug!(key, printer, words, "a document is not printed yet");
        }
    }
}

async fn step(
    store: &Store,
    printers: &Printers,
    print: &PrintToDo,
    now: Timestamp,
) -> Result<PrintStep, StoreError> {
    let Some(asker) = printers.asker(&print.printer) else {
        let why = "manager.toml has no printer of that name any more";
        return Ok(PrintStep::Failed(why.to_owned()));
    };
    let said = if let Some(job) = print.job {
        asker.job(job).await
    } else {
        let Some(file) = store.print_file(print.key).await? else {
            return Ok(PrintStep::Failed("its file is gone".to_owned()));
        };
        let wanted = ToPrint {
            id: print.id.clone(),
            title: print.title.clone(),
            by: print.by.clone(),
            file: file.into(),
        };
        asker.print(&wanted, print.tries > 1).await
    };
    Ok(judged(print, said, now))
}

/// What follows of what a printer said.
fn judged(print: &PrintToDo, asked: Result<AtPrinter, Failed>, now: Timestamp) -> PrintStep {
    let too_late = now.duration_since(print.made) >= GIVEN_UP_AFTER;
    let given_up = |why: Option<String>| {
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        PrintStep::Failed(format!("it was not printed within a day{why}"))
    };
    match asked {
        Ok(AtPrinter::Printed) => PrintStep::Printed,
        Ok(AtPrinter::GivenUp(why)) | Err(Failed::Never(why)) => PrintStep::Failed(why),
        Ok(AtPrinter::Under { why, .. }) if too_late => given_up(why),
        Err(Failed::Later(why)) if too_late => given_up(Some(why)),
        Ok(AtPrinter::Under { job, why }) => {
            let due = now.checked_add(ASKED_EVERY).unwrap_or(now);
            PrintStep::Again { due, job: Some(job), words: why }
        }
        Err(Failed::Later(why)) => {
            let due = next(print.tries, now);
            PrintStep::Again { due, job: print.job, words: Some(why) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(job: Option<i32>) -> PrintToDo {
        PrintToDo {
            key: 1,
            id: "0123".into(),
            printer: "Office".into(),
            title: "Order 7".into(),
            by: "anna".into(),
            made: "2026-12-01T07:00:00Z".parse().unwrap(),
            tries: 1,
            job,
        }
    }

    #[test]
    fn a_printer_that_is_away_is_called_again_and_one_that_refuses_is_not() {
        let now = print(None).made;
        let away = Err(Failed::Later("nobody answers".into()));
        let again =
            PrintStep::Again { due: now + FIRST_PAUSE, job: None, words: Some("nobody answers".into()) };
        assert_eq!(judged(&print(None), away.clone(), now), again);
        let refused = Err(Failed::Never("it takes no PDF".into()));
        assert_eq!(judged(&print(None), refused, now), PrintStep::Failed("it takes no PDF".into()));
        let late = judged(&print(None), away, now + GIVEN_UP_AFTER);
        assert_eq!(late, PrintStep::Failed("it was not printed within a day: nobody answers".into()));
    }

    #[test]
    fn a_job_without_paper_waits_for_it_and_keeps_its_number() {
        let now = print(None).made;
        let empty = Ok(AtPrinter::Under { job: 7, why: Some("it is out of paper".into()) });
        let step = judged(&print(Some(7)), empty, now);
        let due = now + ASKED_EVERY;
        assert_eq!(step, PrintStep::Again { due, job: Some(7), words: Some("it is out of paper".into()) });
        assert_eq!(judged(&print(Some(7)), Ok(AtPrinter::Printed), now), PrintStep::Printed);
    }

    #[test]
    fn the_pause_doubles_to_five_minutes() {
        let now = print(None).made;
        let pause = |tries| next(tries, now).duration_since(now).as_secs();
        assert_eq!([1, 2, 3, 5, 6, 999].map(pause), [10, 20, 40, 160, 300, 300]);
    }
}
