//! Which of the programs that a device is to have it is given now: pure.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::programs::{ProgramRequest, ProgramStep};
use platen_trust::Role;

use crate::programs::shelf::{Given, Shelf};
use crate::store::OnOffer;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Picked<'a> {
    /// Nothing.
    Nothing,
    /// It runs this one already.
    Runs(&'a OnOffer),
    /// It cannot be given any, and this is why the first one is not.
    Waits(&'a OnOffer, String),
    /// It is given this one.
    Give(&'a OnOffer, Arc<Given>),
}

/// Picks. What is offered is given in its order, one after the other: while an attempt is under way, nothing else is. The
/// device holds so many bytes of it already.
pub(super) fn pick<'a>(
    offers: &'a [OnOffer],
    shelf: &Shelf,
    (asked, held): (&ProgramRequest, u64),
    now: Timestamp,
) -> Picked<'a> {
    let mut waits = None;
    for offer in offers {
        if offer.step.is_some_and(|step| step != ProgramStep::Fetching) {
            return Picked::Nothing;
        }
        // One that is revoked is taken back in the same transaction, which this manager may not have heard of yet.
        let Some(given) = shelf.program(offer.program) else { continue };
        let record = &given.record;
        let runs = asked
            .running
            .iter()
            .any(|one| (&one.kind, &one.name, &one.version) == (&record.kind, &record.name, &record.version));
        if runs {
            return Picked::Runs(offer);
        }
        match in_the_way(given, shelf, (asked, held), now) {
            None => return Picked::Give(offer, Arc::clone(given)),
            Some(why) => waits = waits.or(Some((offer, why))),
        }
    }
    match waits {
        Some((offer, why)) if offer.waits.as_deref() != Some(why.as_str()) => Picked::Waits(offer, why),
        _ => Picked::Nothing,
    }
}

/// Why a device is not given a program, for people.
fn in_the_way(
    given: &Given,
    shelf: &Shelf,
    (asked, held): (&ProgramRequest, u64),
    now: Timestamp,
) -> Option<String> {
    let record = &given.record;
    if asked.trusted.is_none() {
        return Some(
            "nobody has told the device whom to trust: plant the maker's root of trust there".to_owned(),
        );
    }
    if shelf.newest(Role::Timestamp).is_none_or(|(_, signed)| signed.expires <= now) {
        return Some("the manager's timestamp has expired: see its log".to_owned());
    }
    let (model, board) = (asked.hardware.model.as_str(), asked.hardware.board.as_deref());
    if !record.fits(model, board) {
        let here = board.map_or_else(|| model.to_owned(), |board| format!("{model} on {board}"));
        return Some(format!("it is for {}, and the device is {here}", record.hardware.join(", ")));
    }
    let needed = record.size.saturating_add(record.room).saturating_sub(held);
    if asked.free_bytes < needed {
        return Some(format!("it needs {needed} bytes, and the device has {} free", asked.free_bytes));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MetadataFile, ProgramRecord};

    fn now() -> Timestamp {
        "2026-11-30T00:00:00Z".parse().unwrap()
    }

    fn asked(change: impl FnOnce(&mut ProgramRequest)) -> ProgramRequest {
        let text = include_str!("../../../protocol/frozen/v1/program-request.json");
        let mut asked: ProgramRequest = serde_json::from_str(text).unwrap();
        change(&mut asked);
        asked
    }

    fn record(key: i64, hardware: &[&str]) -> ProgramRecord {
        ProgramRecord {
            key,
            name: "engine-firmware".parse().unwrap(),
            version: format!("{key}.0").parse().unwrap(),
            kind: "engine-firmware".parse().unwrap(),
            hardware: hardware.iter().map(|name| (*name).to_owned()).collect(),
            size: 1000,
            room: 500,
            sha256: String::new(),
            published: now(),
            published_by: "anna".into(),
            revoked: None,
            revoked_by: None,
        }
    }

    fn shelf(programs: Vec<ProgramRecord>) -> Shelf {
        let expires = "2026-12-01T00:00:00Z".parse().unwrap();
        let timestamp = MetadataFile { role: "timestamp".into(), version: 1, body: "{}".into(), expires };
        Shelf::default().next(1, vec![timestamp], programs)
    }

    fn offer(program: i64, step: Option<ProgramStep>) -> OnOffer {
        let attempt = format!("try-{program}").parse().unwrap();
        OnOffer { key: program, attempt, program, step, waits: None, paced: None }
    }

    #[test]
    fn what_fits_is_given_in_the_order_in_which_it_was_offered() {
        let shelf = shelf(vec![record(1, &["MFP 900"]), record(2, &["MFP 450"]), record(3, &[])]);
        let offers = [offer(1, None), offer(2, None), offer(3, None)];
        assert!(
            matches!(pick(&offers, &shelf, (&asked(|_| {}), 0), now()), Picked::Give(given, _) if given.key == 2)
        );
        assert!(matches!(pick(&[], &shelf, (&asked(|_| {}), 0), now()), Picked::Nothing));
        // A controller is hardware too, and what is revoked is given to nobody.
        let by_board = asked(|asked| asked.hardware.board = Some("MFP 900".into()));
        assert!(
            matches!(pick(&offers, &shelf, (&by_board, 0), now()), Picked::Give(given, _) if given.key == 1)
        );
        assert!(matches!(pick(&[offer(9, None)], &shelf, (&asked(|_| {}), 0), now()), Picked::Nothing));
    }

    #[test]
    fn while_an_attempt_is_under_way_nothing_else_is_given() {
        let shelf = shelf(vec![record(1, &[]), record(2, &[])]);
        for step in [ProgramStep::Ready, ProgramStep::Installing, ProgramStep::Confirming, ProgramStep::Other]
        {
            let offers = [offer(1, Some(step)), offer(2, None)];
            assert!(matches!(pick(&offers, &shelf, (&asked(|_| {}), 0), now()), Picked::Nothing), "{step:?}");
        }
        let offers = [offer(1, Some(ProgramStep::Fetching)), offer(2, None)];
        assert!(
            matches!(pick(&offers, &shelf, (&asked(|_| {}), 0), now()), Picked::Give(given, _) if given.key == 1)
        );
    }

    #[test]
    fn what_runs_already_is_over() {
        let shelf = shelf(vec![record(1, &[])]);
        let runs = asked(|asked| {
            let text = r#"[{"kind": "engine-firmware", "name": "engine-firmware", "version": "1.0"}]"#;
            asked.running = serde_json::from_str(text).unwrap();
        });
        assert!(matches!(pick(&[offer(1, None)], &shelf, (&runs, 0), now()), Picked::Runs(_)));
    }

    #[test]
    fn what_is_in_the_way_is_said_once() {
        let shelf = shelf(vec![record(1, &["MFP 900"]), record(2, &[])]);
        let why = |request: &ProgramRequest, offer: &OnOffer| {
            let offers = [offer.clone()];
            match pick(&offers, &shelf, (request, 0), now()) {
                Picked::Waits(_, why) => why,
                other => panic!("{other:?}"),
            }
        };
        let (other, fits) = (offer(1, None), offer(2, None));
        assert!(why(&asked(|_| {}), &other).contains("MFP 900, and the device is MFP 450 on Raspberry"));
        assert!(why(&asked(|asked| asked.trusted = None), &fits).contains("root of trust"));
        let full = asked(|asked| asked.free_bytes = 1499);
        assert_eq!(why(&full, &fits), "it needs 1500 bytes, and the device has 1499 free");
        // What it holds of a transfer that broke off takes its space already.
        assert!(matches!(pick(std::slice::from_ref(&fits), &shelf, (&full, 1), now()), Picked::Give(..)));
        let known = OnOffer { waits: Some(why(&full, &fits)), ..fits };
        assert!(matches!(pick(&[known], &shelf, (&full, 0), now()), Picked::Nothing));
        let late = "2026-12-01T00:00:00Z".parse().unwrap();
        let offers = [offer(2, None)];
        assert!(
            matches!(pick(&offers, &shelf, (&asked(|_| {}), 0), late), Picked::Waits(_, why) if why.contains("expired"))
        );
    }
}
