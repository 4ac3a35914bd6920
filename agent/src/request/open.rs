//! What is open already: one want is one order, and one call. Whoever asks again is told so; what is asked again on
//! purpose is asked again.

use super::asked::{Asked, Wish};

/// So many orders of one supply can be open by its button, the repeated ones included; a person with `platen order`
/// has no such limit.
pub const MAX_OPEN_BY_BUTTON: usize = 3;

/// The newest call that is open.
pub fn call(asked: &[Asked]) -> Option<&Asked> {
    asked.iter().rev().find(|asked| asked.is_open() && matches!(asked.what, Wish::ServiceCall { .. }))
}

/// The newest open call that a call by command repeats: with a message only one with the same message, for other
/// words are another call.
pub fn repeated<'a>(asked: &'a [Asked], message: Option<&str>) -> Option<&'a Asked> {
    let Some(message) = message else { return call(asked) };
    asked.iter().rev().find(|asked| {
        let same = matches!(&asked.what, Wish::ServiceCall { message: Some(said), .. } if said == message);
        same && asked.is_open()
    })
}

/// The open orders of a supply, the newest first.
pub fn orders<'a>(asked: &'a [Asked], supply: &str) -> impl Iterator<Item = &'a Asked> {
    asked.iter().rev().filter(move |asked| {
        let same = matches!(&asked.what, Wish::Order { supply: ordered, .. } if ordered == supply);
        same && asked.is_open()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Fate;
    use platen_protocol::device_to_manager::EnteredBy;
    use platen_protocol::stamp::ClockQuality;

    fn asked(what: Wish, fate: Fate, closed: bool) -> Asked {
        Asked {
            at: jiff::Timestamp::UNIX_EPOCH,
            clock: ClockQuality::Synchronised,
            entered_by: EnteredBy::Command,
            what,
            fate,
            closed,
            presses: 1,
            last_press: None,
            standing: None,
        }
    }

    fn received() -> Fate {
        Fate::Acknowledged { at: jiff::Timestamp::UNIX_EPOCH }
    }

    fn order(supply: &str) -> Wish {
        let (id, supply) = ("order-1".parse().unwrap(), supply.to_owned());
        Wish::Order { id, supply, part_number: None, quantity: 1, note: None }
    }

    fn called(message: Option<&str>) -> Wish {
        Wish::ServiceCall { id: None, message: message.map(Into::into) }
    }

    #[test]
    fn an_order_is_open_until_the_manager_refuses_it_or_has_seen_to_it() {
        let of = |fate, closed| orders(&[asked(order("black"), fate, closed)], "black").count();
        assert_eq!([of(Fate::Waiting, false), of(received(), false)], [1, 1]);
        assert_eq!([of(Fate::NotTaken, false), of(received(), true)], [0, 0]);
        assert_eq!(orders(&[asked(order("black"), Fate::Waiting, false)], "cyan").count(), 0);
    }

    #[test]
    fn a_call_without_words_repeats_the_newest_and_one_with_words_only_the_same_words() {
        let list =
            [called(Some("streaks")), called(Some("it hums"))].map(|what| asked(what, received(), false));
        assert_eq!(repeated(&list, None), Some(&list[1]));
        assert_eq!(repeated(&list, Some("streaks")), Some(&list[0]));
        assert_eq!(repeated(&list, Some("smoke!")), None, "other words are another call");
        assert_eq!(call(&[asked(called(None), received(), true)]), None);
    }
}
