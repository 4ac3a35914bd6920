//! The one place that reads the clock. Everything else takes the time as an argument.

use std::cell::RefCell;

use jiff::Timestamp;

/// Who tells the time on one thread.
type TimeSource = Box<dyn Fn() -> Timestamp>;

thread_local! {
    static TELLER: RefCell<Option<TimeSource>> = const { RefCell::new(None) };
}

/// From now on, who asks on this thread is told the time by `teller` and not by the machine: for a
/// simulation, which runs whole managers on one thread in a time of its own.
pub fn told_by(teller: impl Fn() -> Timestamp + 'static) {
    TELLER.with_borrow_mut(|told| *told = Some(Box::new(teller)));
}

/// Now, by the manager's clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Timestamp {
    TELLER.with_borrow(|teller| teller.as_ref().map_or_else(Timestamp::now, |teller| teller()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_told_the_time_does_not_ask_the_machine() {
        let told: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        std::thread::spawn(move || {
            told_by(move || told);
            assert_eq!(now(), told);
        })
        .join()
        .unwrap();
        assert_ne!(now(), told, "other threads ask it as ever");
    }
}
