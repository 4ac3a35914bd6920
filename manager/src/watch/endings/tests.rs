use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn day(day: i32) -> Timestamp {
    Timestamp::UNIX_EPOCH + DAY * day
}

fn certificate(until: i32, trouble: Option<&str>) -> Ending {
    Ending {
        what: What::OperatorCertificate,
        key: "operators".to_owned(),
        used_for: "listener for operators",
        subject: "CN=m".to_owned(),
        from: Some(day(0)),
        until: Some(day(until)),
        trouble: trouble.map(str::to_owned),
        files: None,
    }
}

/// What is told over some days of what there is on each.
fn told(days: impl IntoIterator<Item = (i32, Ending)>) -> Vec<(i32, NewsKind, EndState)> {
    let endings = Endings::default();
    let mut all = Vec::new();
    for (on, ending) in days {
        let news = endings.certificates(vec![ending], day(on));
        all.extend(news.into_iter().map(|news| (on, news.kind, news.state)));
    }
    all
}

#[test]
fn each_threshold_is_told_once_and_the_renewal_as_well() {
    let days = (0..=100).map(|on| (on, certificate(if on < 95 { 90 } else { 365 }, None)));
    let nears = NewsKind::Nears;
    assert_eq!(
        told(days),
        [
            (60, nears, EndState::Within30Days),
            (83, nears, EndState::Within7Days),
            (89, nears, EndState::Within1Day),
            (90, nears, EndState::Ended),
            (95, NewsKind::Renewed, EndState::Good),
        ]
    );
}

#[test]
fn a_renewal_in_time_is_not_told_and_the_next_end_is_told_anew() {
    let days = [(0, 90), (59, 90), (60, 150), (119, 150), (120, 150), (121, 210), (180, 210)];
    let days = days.map(|(on, until)| (on, certificate(until, None)));
    assert_eq!(
        told(days),
        [
            (120, NewsKind::Nears, EndState::Within30Days),
            (121, NewsKind::Renewed, EndState::Good),
            (180, NewsKind::Nears, EndState::Within30Days),
        ]
    );
}

#[test]
fn a_trouble_is_told_when_it_begins_changes_and_ends() {
    let days = [None, Some("a"), Some("a"), Some("b"), None, None];
    let days = (0..).zip(days).map(|(on, trouble)| (on, certificate(365, trouble)));
    let (trouble, over) = (NewsKind::Trouble, NewsKind::TroubleOver);
    assert_eq!(
        told(days).into_iter().map(|(on, kind, _)| (on, kind)).collect::<Vec<_>>(),
        [(1, trouble), (3, trouble), (4, over)]
    );
}

#[test]
fn a_clock_that_goes_back_tells_nothing_twice() {
    let days = [70, 40, 70, 84, 70, 84].map(|on| (on, certificate(90, None)));
    let states: Vec<_> = told(days).into_iter().map(|(on, _, state)| (on, state)).collect();
    assert_eq!(states, [(70, EndState::Within30Days), (84, EndState::Within7Days)]);
}

#[test]
fn operators_need_not_act_on_a_token_that_has_ended_but_on_a_certificate() {
    let endings = Endings::default();
    let token = Ending::of_token("h".to_owned(), Some("lobby"), day(0), day(31));
    assert!(endings.tokens(vec![token.clone()], day(20)).is_empty());
    let news = endings.tokens(vec![token.clone()], day(25));
    assert!(news[0].words.contains("for lobby ends in 6 days"), "{news:?}");
    assert_eq!(endings.to_act_on(day(25)).len(), 1);
    endings.tokens(vec![token], day(31));
    endings.certificates(vec![certificate(30, None)], day(31));
    let matters = endings.to_act_on(day(31));
    assert_eq!(matters.iter().map(|view| view.what).collect::<Vec<_>>(), [What::OperatorCertificate]);
    assert_eq!(endings.all(day(31)).0.len(), 2);
}

#[test]
fn of_many_tokens_that_end_some_are_named_and_the_rest_are_counted() {
    let endings = Endings::default();
    let tokens =
        (0..300).map(|number| Ending::of_token(format!("h{number}"), None, day(0), day(31))).collect();
    endings.tokens(tokens, day(30));
    let shown = endings.to_act_on(day(30));
    assert_eq!(shown.len(), MAX_TOKENS_SHOWN);
    assert!(shown[2].words.as_ref().unwrap().contains("297 more"), "{:?}", shown[2].words);
    assert_eq!(endings.all(day(30)).0.len(), 300, "the API has all");
}

#[test]
fn devices_are_counted_and_each_is_told_of_once_a_threshold() {
    let endings = Endings::default();
    let look = |fleet: &[(&str, i32)], on| {
        let each = |visit: &mut dyn FnMut(&DeviceId, Timestamp, Timestamp)| {
            for (name, until) in fleet {
                visit(&name.parse().unwrap(), day(0), day(*until));
            }
        };
        let names = |news: DeviceNews| {
            let names: Vec<String> = news.devices.iter().map(ToString::to_string).collect();
            (news.state, names.join(" "))
        };
        endings.devices(each, day(on)).into_iter().map(names).collect::<Vec<_>>()
    };
    let fleet = [("a", 365), ("b", 340), ("d", 300)];
    assert_eq!(look(&fleet, 200), []);
    let first = [(EndState::Within30Days, "b".to_owned()), (EndState::Ended, "d".to_owned())];
    assert_eq!(look(&fleet, 311), first);
    assert_eq!(look(&fleet, 312), []);
    let fleet = [("a", 365), ("b", 600), ("d", 300)];
    assert_eq!(look(&fleet, 360), [(EndState::Within7Days, "a".to_owned())]);
    let counts = DeviceCertificates { good: 1, within_7_days: 1, ended: 1, ..DeviceCertificates::default() };
    assert_eq!(endings.all(day(360)).1, counts);
}

proptest! {
    #[test]
    fn whenever_it_is_looked_no_step_is_told_twice_and_the_end_is_never_kept_quiet(
        until in 1_i32..400, mut days in prop::collection::vec(0_i32..500, 1..60),
    ) {
        days.sort_unstable();
        let last = days.last().copied().unwrap();
        let told = told(days.into_iter().map(|on| (on, certificate(until, None))));
        let states: Vec<EndState> = told.iter().map(|(_, _, state)| *state).collect();
        prop_assert!(states.is_sorted_by(|one, next| one < next), "{states:?}");
        prop_assert_eq!(states.last() == Some(&EndState::Ended), last >= until);
    }
}
