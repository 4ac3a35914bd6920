//! The manager was restored from a backup: what operators see of that, and what they decide.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Serialize;
use utoipa::ToSchema;

use super::Operators;
use super::problem::Refusal;
use crate::clock;
use crate::device::standing::apply;
use crate::inform::Event;
use crate::store::Arrival;

/// What stands between the two parts of a cursor; no serial number has it.
const BETWEEN: char = '.';

/// A restore that is not dealt with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct RestoredView {
    /// The moment of the backup: the manager knows nothing of what happened from then on.
    pub(super) made: Timestamp,
    /// When it was restored: up to then it knows nothing.
    pub(super) restored: Timestamp,
    /// The operator who let every device of that time in; `null` until one did.
    pub(super) consented_by: Option<String>,
    /// How many certificates of that time wait for consent.
    pub(super) waiting: u64,
    /// The same for people.
    pub(super) words: String,
    /// Certificates that wait, of this page.
    pub(super) items: Vec<Arrival>,
    /// Where the next page begins; `null` on the last.
    pub(super) next_cursor: Option<String>,
}

/// What an operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RestoredAction {
    /// One certificate is its device's.
    LetIn(DeviceId, String),
    /// All of that time are, those that wait and those that come.
    LetInAll,
    /// It is over.
    End,
}

/// What stands of it, from a place in the list of those that wait; `None` if the manager was not restored, or that is
/// dealt with.
pub(super) async fn view(
    operators: &Operators,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Option<RestoredView>, Refusal> {
    let open = operators.store.restored().open();
    let (Some(first), Some(last)) = (open.first(), open.last()) else { return Ok(None) };
    let after = cursor.map(place).transpose()?;
    let (mut items, waiting) = operators.store.arrivals(after, limit.saturating_add(1)).await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_more = items.len() > most;
    items.truncate(most);
    let next = items.last().filter(|_| is_more);
    let next_cursor = next.map(|arrival| format!("{}{BETWEEN}{}", arrival.serial, arrival.device));
    let consented_by = open.iter().rev().find_map(|one| one.consented_by.clone());
    let words = words(first.made, last.restored, waiting, consented_by.as_deref());
    let (made, restored) = (first.made, last.restored);
    Ok(Some(RestoredView { made, restored, consented_by, waiting, words, items, next_cursor }))
}

fn place(cursor: &str) -> Result<(DeviceId, String), Refusal> {
    let parts = cursor.split_once(BETWEEN);
    let place = parts.and_then(|(serial, device)| Some((device.parse().ok()?, serial.to_owned())));
    place.ok_or_else(|| {
        Refusal::new(
            ProblemKind::InvalidRequest,
            "cursor: pass the `next_cursor` of the page before, unchanged",
        )
    })
}

fn words(made: Timestamp, restored: Timestamp, waiting: u64, consented_by: Option<&str>) -> String {
    let minute = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC");
    let (made, restored) = (minute(made), minute(restored));
    let known = format!(
        "This manager was restored on {restored} from a backup of {made} and knows nothing of what happened in between."
    );
    let how = match (consented_by, waiting) {
        (Some(name), _) => {
            format!("Devices that enrolled or renewed their certificates in that time are let in as they come ({name}).")
        }
        (None, 0) => "Devices that enrolled or renewed their certificates in that time will wait until an operator lets them in.".to_owned(),
        (None, 1) => "One device that enrolled or renewed its certificate in that time waits to be let in.".to_owned(),
        (None, count) => {
            format!("{count} certificates that were issued in that time wait for their devices to be let in.")
        }
    };
    format!("{known} {how}")
}

/// Does what an operator decided, at once.
pub(super) async fn act(
    operators: &Operators,
    action: RestoredAction,
    operator: String,
) -> Result<(), Refusal> {
    let now = clock::now();
    tracing::warn!(
        ?action,
        operator,
        "an operator decided about devices that are newer than the restored store"
    );
    let let_in = match action {
        RestoredAction::LetIn(device, serial) => {
            let taken = operators.store.let_in_after_restore(device.clone(), serial, operator, now).await?;
            let standing = taken.ok_or_else(|| {
                let why =
                    format!("no such certificate of {device} waits to be let in, or the device is shut out");
                Refusal::new(ProblemKind::StateConflict, why)
            })?;
            vec![(device, standing)]
        }
        RestoredAction::LetInAll => {
            operators.store.consent_to_all(operator, now).await?.ok_or_else(not_restored)?
        }
        RestoredAction::End => {
            if !operators.store.end_restorations(operator, now).await? {
                return Err(not_restored());
            }
            Vec::new()
        }
    };
    for (device, standing) in let_in {
        apply(&operators.roster, &operators.mailbox, &operators.informer, &device, standing);
    }
    operators.informer.publish(Event::of_restored(now));
    Ok(())
}

fn not_restored() -> Refusal {
    Refusal::new(
        ProblemKind::StateConflict,
        "this manager was not restored from a backup, or that is dealt with",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_what_is_not_known_and_who_waits() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let told = |waiting, by| words(at("2026-11-29T03:00:00Z"), at("2026-11-30T10:00:00Z"), waiting, by);
        assert!(
            told(0, None).contains("restored on 2026-11-30 10:00 UTC from a backup of 2026-11-29 03:00 UTC")
        );
        assert!(told(1, None).ends_with(
            "One device that enrolled or renewed its certificate in that time waits to be let in."
        ));
        assert!(told(7, None).contains("7 certificates"));
        assert!(told(0, Some("olga")).contains("(olga)"));
    }

    #[test]
    fn a_cursor_names_a_place_and_nonsense_does_not() {
        assert_eq!(place("40aa.lobby-1.b").unwrap(), ("lobby-1.b".parse().unwrap(), "40aa".to_owned()));
        for wrong in ["", "lobby", "40aa.", "40aa.a/b"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
