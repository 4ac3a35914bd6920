//! Switches: their states in words, and which of them a person should look at.

use crate::readings::{SwitchMeaning, SwitchReading};

impl SwitchMeaning {
    /// Its state in a word: while it is active, and while it is not.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Cover | Self::Interlock => ("open", "closed"),
            Self::ServiceButton | Self::OrderButton => ("pressed", "released"),
            Self::Jam => ("jammed", "clear"),
            Self::PaperLow => ("low", "enough"),
            Self::PaperEmpty => ("empty", "loaded"),
            Self::WastePresent => ("present", "missing"),
            Self::WasteFull => ("full", "free"),
            Self::PageExit => ("passing", "clear"),
            Self::Sleep => ("asleep", "awake"),
        }
    }
}

impl SwitchReading {
    /// Its state in a word; `unknown` when it could not be read.
    pub fn state(&self) -> &'static str {
        let (active, inactive) = self.meaning.words();
        match self.active.known() {
            Some(true) => active,
            Some(false) => inactive,
            None => "unknown",
        }
    }

    /// Whether a person at the printer should look at it: it stops printing, or soon will.
    pub fn needs_attention(&self) -> bool {
        let active = self.active.known();
        match self.meaning {
            SwitchMeaning::Cover
            | SwitchMeaning::Interlock
            | SwitchMeaning::Jam
            | SwitchMeaning::PaperEmpty
            | SwitchMeaning::WasteFull => active == Some(&true),
            SwitchMeaning::WastePresent => active == Some(&false),
            SwitchMeaning::ServiceButton
            | SwitchMeaning::OrderButton
            | SwitchMeaning::PaperLow
            | SwitchMeaning::PageExit
            | SwitchMeaning::Sleep => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::Reading;

    #[test]
    fn a_switch_that_is_as_it_should_be_needs_no_attention() {
        let switch = |meaning, value| SwitchReading {
            name: "one".into(),
            meaning,
            active: Reading::Known { value },
            location: None,
            supply: None,
        };
        for (meaning, active, needs) in [
            (SwitchMeaning::Cover, true, true),
            (SwitchMeaning::Cover, false, false),
            (SwitchMeaning::Jam, true, true),
            (SwitchMeaning::WastePresent, true, false),
            (SwitchMeaning::WastePresent, false, true),
            (SwitchMeaning::PaperLow, true, false),
            (SwitchMeaning::Sleep, true, false),
        ] {
            assert_eq!(switch(meaning, active).needs_attention(), needs, "{meaning:?} {active}");
        }
        assert_eq!(switch(SwitchMeaning::Cover, true).state(), "open");
        assert_eq!(switch(SwitchMeaning::WasteFull, false).state(), "free");
    }
}
