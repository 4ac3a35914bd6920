//! The parts of a device's page that have an address of their own, in the order in which they stand on it.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    ServiceCalls,
    Orders,
    Levels,
    PastAlerts,
    Replacements,
    /// What its switches, temperatures and buses say, and what it did lately.
    Machine,
    Counters,
    Commands,
    Programs,
    Contact,
    Details,
    Settings,
    Identity,
    Reports,
}

impl Part {
    /// All, in order.
    pub(super) const ALL: [Self; 14] = [
        Self::ServiceCalls,
        Self::Orders,
        Self::Levels,
        Self::PastAlerts,
        Self::Replacements,
        Self::Machine,
        Self::Counters,
        Self::Commands,
        Self::Programs,
        Self::Contact,
        Self::Details,
        Self::Settings,
        Self::Identity,
        Self::Reports,
    ];

    /// The word in its address, which is the `id` of its first section too.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::ServiceCalls => "service-calls",
            Self::Orders => "orders",
            Self::Levels => "levels",
            Self::PastAlerts => "past-alerts",
            Self::Replacements => "replacements",
            Self::Counters => "counters",
            Self::Machine => "state",
            Self::Commands => "commands",
            Self::Programs => "programs",
            Self::Contact => "contact",
            Self::Details => "details",
            Self::Settings => "settings",
            Self::Identity => "identity",
            Self::Reports => "reports",
        }
    }

    /// What it is called.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::ServiceCalls => "Service calls",
            Self::Orders => "Orders",
            Self::Levels => "Levels over time",
            Self::PastAlerts => "What was wrong before",
            Self::Replacements => "Replacements",
            Self::Counters => "Counters",
            Self::Machine => "State",
            Self::Commands => "Commands",
            Self::Programs => "Programs",
            Self::Contact => "Contact and freshness",
            Self::Details => "Place and profile",
            Self::Settings => "Settings",
            Self::Identity => "Identity",
            Self::Reports => "Raw reports",
        }
    }

    /// Whether it stands beside the supplies, below what is wrong.
    pub(super) const fn is_beside(self) -> bool {
        matches!(self, Self::ServiceCalls | Self::Orders)
    }

    /// The one of that word.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_found_by_its_word_and_no_other_is() {
        for part in Part::ALL {
            assert_eq!(Part::of(part.word()), Some(part));
        }
        assert_eq!(Part::of("orders "), None);
        assert_eq!(Part::of(""), None);
    }
}
