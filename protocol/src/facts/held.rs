//! What stands since the printer fell asleep: whether it does, and its words.

use crate::readings::{HeldKind, HeldReading, Reading, Readings, SwitchMeaning};

impl Readings {
    /// Whether the printer says that it sleeps.
    pub fn is_asleep(&self) -> bool {
        let asleep = Reading::Known { value: true };
        self.switches.iter().any(|switch| switch.meaning == SwitchMeaning::Sleep && switch.active == asleep)
    }

    /// Whether it may sleep: it does not say that it is awake.
    pub fn may_sleep(&self) -> bool {
        let awake = Reading::Known { value: false };
        !self.switches.iter().any(|switch| switch.meaning == SwitchMeaning::Sleep && switch.active == awake)
    }

    /// How something stands since the printer fell asleep, if it does.
    pub fn held_of(&self, kind: HeldKind, name: &str) -> Option<&HeldReading> {
        self.held.iter().find(|held| held.kind == kind && held.name == name)
    }
}

impl HeldReading {
    /// It in words: `as of 2 h ago, printer asleep`. The age is given in the words of whoever shows it.
    pub fn words(&self, age: impl FnOnce(u64) -> String, asleep: bool) -> String {
        let why = if asleep { "printer asleep" } else { "printer waking up" };
        match self.age_seconds {
            Some(seconds) => format!("as of {}, {why}", age(seconds)),
            None => format!("not read yet, {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::SwitchReading;

    #[test]
    fn what_stands_since_sleep_says_how_old_it_is_and_why() {
        let mut held = HeldReading { kind: HeldKind::Supply, name: "black".into(), age_seconds: Some(7_200) };
        let age = |seconds| format!("{seconds} s ago");
        assert_eq!(held.words(age, true), "as of 7200 s ago, printer asleep");
        held.age_seconds = None;
        assert_eq!(held.words(age, false), "not read yet, printer waking up");
        let switch = SwitchReading {
            name: "sleep".into(),
            meaning: SwitchMeaning::Sleep,
            active: Reading::Known { value: true },
            location: None,
            supply: None,
        };
        let readings = Readings { switches: vec![switch], held: vec![held], ..Readings::default() };
        assert!(readings.is_asleep() && readings.may_sleep());
        assert!(!Readings::default().is_asleep() && Readings::default().may_sleep());
        assert!(readings.held_of(HeldKind::Supply, "black").is_some());
        assert_eq!(readings.held_of(HeldKind::Part, "black"), None);
    }
}
