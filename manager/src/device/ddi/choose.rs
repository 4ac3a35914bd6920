//! What a client is to do now: pure.

use std::collections::BTreeMap;

use crate::programs::shelf::{Given, Shelf};
use crate::store::{ActionRecord, OnOffer};

/// In the words of a client that goes on with what was taken back.
pub(super) const GOES_ON: &str = "cancel rejected";
/// Attributes by which a client says what its device is, the first that is there.
const MODEL: [&str; 2] = ["model", "hw_model"];
const BOARD: &str = "board";

/// What is to be done.
#[derive(Debug)]
pub(super) enum Chosen<'a> {
    /// Nothing.
    Nothing,
    /// It is to stop what was taken back.
    Cancel(&'a ActionRecord),
    /// It is to install this, which it was shown already under that number.
    Install(&'a OnOffer, Option<&'a ActionRecord>),
    /// It cannot be given any, and this is why the first one is not.
    Waits(&'a OnOffer, String),
}

/// Chooses. What was taken back is stopped first; then offers are gone through in their order, one at a time.
pub(super) fn choose<'a>(
    offers: &'a [OnOffer],
    open: &'a [ActionRecord],
    shelf: &Shelf,
    attributes: &BTreeMap<String, String>,
) -> Chosen<'a> {
    let stands = |action: &ActionRecord| offers.iter().any(|offer| offer.attempt == action.attempt);
    let goes_on = |action: &ActionRecord| action.told.iter().any(|one| one.execution == GOES_ON);
    let taken_back =
        open.iter().find(|action| action.fetched.is_some() && !stands(action) && !goes_on(action));
    if let Some(action) = taken_back {
        return Chosen::Cancel(action);
    }
    let mut waits = None;
    for offer in offers {
        let action = open.iter().find(|action| action.attempt == offer.attempt);
        if offer.step.is_some() && action.is_none() {
            // An agent of ours is at it.
            return Chosen::Nothing;
        }
        let Some(given) = shelf.program(offer.program) else { continue };
        match in_the_way(given, action, attributes) {
            None => return Chosen::Install(offer, action),
            Some(why) => waits = waits.or(Some((offer, why))),
        }
    }
    match waits {
        Some((offer, why)) if offer.waits.as_deref() != Some(why.as_str()) => Chosen::Waits(offer, why),
        _ => Chosen::Nothing,
    }
}

/// Whether clients can read a number.
pub(super) fn is_readable(number: i64) -> bool {
    i32::try_from(number).is_ok_and(|number| number > 0)
}

/// Why a number is not told to clients.
pub(super) fn unreadable(number: i64) -> String {
    format!("the number of its action, {number}, is beyond what clients of the DDI can read (2147483647)")
}

/// Why a client is not given a program, for people.
fn in_the_way(
    given: &Given,
    action: Option<&ActionRecord>,
    attributes: &BTreeMap<String, String>,
) -> Option<String> {
    if let Some(action) = action.filter(|action| !is_readable(action.key)) {
        return Some(unreadable(action.key));
    }
    let record = &given.record;
    let model = MODEL.into_iter().find_map(|name| attributes.get(name)).map(String::as_str);
    let board = attributes.get(BOARD).map(String::as_str);
    if record.fits(model.unwrap_or_default(), board) {
        return None;
    }
    let only = record.hardware.join(", ");
    Some(match model.or(board) {
        Some(here) => format!("it is for {only}, and the device is {here}"),
        None => {
            format!("it is for {only}, and the client has not said what it is: set the attribute model there")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Feedback, ProgramRecord};
    use jiff::Timestamp;
    use platen_protocol::programs::ProgramStep;

    fn now() -> Timestamp {
        "2026-11-30T00:00:00Z".parse().unwrap()
    }

    fn shelf(hardware: &[&str]) -> Shelf {
        let record = |key| ProgramRecord {
            key,
            name: "app".parse().unwrap(),
            version: "1.0".parse().unwrap(),
            kind: "swu".parse().unwrap(),
            hardware: hardware.iter().map(|one| (*one).to_owned()).collect(),
            size: 3,
            room: 0,
            sha256: String::new(),
            published: now(),
            published_by: "anna".into(),
            revoked: None,
            revoked_by: None,
        };
        Shelf::default().next(1, Vec::new(), vec![record(1), record(2)])
    }

    fn offer(program: i64, step: Option<ProgramStep>) -> OnOffer {
        let attempt = format!("try-{program}").parse().unwrap();
        OnOffer { key: program, attempt, program, step, waits: None, paced: None }
    }

    fn action(key: i64, program: i64, fetched: bool) -> ActionRecord {
        let attempt = format!("try-{program}").parse().unwrap();
        let fetched = fetched.then(now);
        ActionRecord { key, attempt, program, shown: now(), fetched, closed: None, told: Vec::new() }
    }

    fn model(name: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("model".to_owned(), name.to_owned())])
    }

    #[test]
    fn offers_are_shown_one_after_the_other_until_each_has_ended() {
        let offers = [offer(1, Some(ProgramStep::Installing)), offer(2, None)];
        let open = [action(7, 1, true)];
        let chosen = choose(&offers, &open, &shelf(&[]), &model(""));
        assert!(matches!(chosen, Chosen::Install(offer, Some(action)) if offer.key == 1 && action.key == 7));
        assert!(matches!(
            choose(&offers[1..], &[], &shelf(&[]), &model("")),
            Chosen::Install(offer, None) if offer.key == 2
        ));
        assert!(matches!(choose(&[], &[], &shelf(&[]), &model("")), Chosen::Nothing));
        // One that an agent of ours is at is none of theirs.
        assert!(matches!(choose(&offers, &[], &shelf(&[]), &model("")), Chosen::Nothing));
    }

    #[test]
    fn what_was_taken_back_is_stopped_where_the_client_has_begun_and_not_where_it_goes_on() {
        let begun = [action(7, 1, true)];
        let offers = [offer(2, None)];
        assert!(
            matches!(choose(&offers, &begun, &shelf(&[]), &model("")), Chosen::Cancel(one) if one.key == 7)
        );
        let unseen = [action(7, 1, false)];
        assert!(matches!(choose(&offers, &unseen, &shelf(&[]), &model("")), Chosen::Install(..)));
        let told = Feedback {
            at: now(),
            execution: GOES_ON.into(),
            finished: "none".into(),
            details: String::new(),
        };
        let goes_on = [ActionRecord { told: vec![told], ..action(7, 1, true) }];
        assert!(matches!(choose(&offers, &goes_on, &shelf(&[]), &model("")), Chosen::Install(..)));
    }

    #[test]
    fn what_is_in_the_way_is_said_once() {
        let offers = [offer(1, None)];
        let why = |attributes: &BTreeMap<_, _>, open: &[ActionRecord]| match choose(
            &offers,
            open,
            &shelf(&["MFP 450"]),
            attributes,
        ) {
            Chosen::Waits(_, why) => why,
            other => panic!("{other:?}"),
        };
        assert!(why(&BTreeMap::new(), &[]).contains("has not said what it is"));
        assert!(why(&model("MFP 900"), &[]).ends_with("and the device is MFP 900"));
        assert!(why(&model("MFP 450"), &[action(2_147_483_648, 1, false)]).contains("2147483648"));
        let fits = choose(&offers, &[], &shelf(&["MFP 450"]), &model("MFP 450"));
        assert!(matches!(fits, Chosen::Install(..)));
        let known = [OnOffer { waits: Some(why(&model("MFP 900"), &[])), ..offer(1, None) }];
        assert!(matches!(choose(&known, &[], &shelf(&["MFP 450"]), &model("MFP 900")), Chosen::Nothing));
    }
}
