//! What can need a person, and how urgent each is.

use serde::{Deserialize, Serialize};

/// What an item stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NowKind {
    /// An alert that is open.
    Alert,
    /// A person at the device asks for service.
    ServiceCall,
    /// A person at the device asks for a supply, and nobody has ordered it.
    Order,
    /// A device is out of contact for so long that somebody should look after it.
    Silent,
    /// Readings that are late, or a sensor that does not change.
    Watch,
    /// Two machines use one identity.
    Clone,
    /// A device is refused until somebody decides about its identity.
    Identity,
    /// Many devices of a site fell silent together.
    SiteSilent,
}

impl NowKind {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::ServiceCall => "service_call",
            Self::Order => "order",
            Self::Silent => "silent",
            Self::Watch => "watch",
            Self::Clone => "clone",
            Self::Identity => "identity",
            Self::SiteSilent => "site_silent",
        }
    }
}

/// How urgent it is; the order is that of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// A printer does not print.
    Stopped,
    /// Many devices of a site are out of contact.
    SiteSilent,
    /// A person at a device waits for an answer.
    ServiceCall,
    /// A device is refused, or two machines use its identity.
    Identity,
    /// A person at a device waits for a supply.
    Order,
    /// A device is out of contact for too long.
    Overdue,
    /// Something is not as it should be, and stops no printer.
    Warning,
    /// Nothing has happened, but something is forecast.
    Forecast,
}

impl Urgency {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Stopped,
        Self::SiteSilent,
        Self::ServiceCall,
        Self::Identity,
        Self::Order,
        Self::Overdue,
        Self::Warning,
        Self::Forecast,
    ];

    /// Its number in the store: the more urgent, the smaller.
    pub fn rank(self) -> i64 {
        Self::ALL.iter().zip(0..).find(|(one, _)| **one == self).map_or(i64::MAX, |(_, rank)| rank)
    }

    /// By its number in the store; what a later version knows is as a warning here.
    pub fn of_rank(rank: i64) -> Self {
        let at = usize::try_from(rank).unwrap_or(usize::MAX);
        Self::ALL.get(at).copied().unwrap_or(Self::Warning)
    }

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::SiteSilent => "site_silent",
            Self::ServiceCall => "service_call",
            Self::Identity => "identity",
            Self::Order => "order",
            Self::Overdue => "overdue",
            Self::Warning => "warning",
            Self::Forecast => "forecast",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_words_come_back() {
        for urgency in Urgency::ALL {
            assert_eq!(Urgency::of_rank(urgency.rank()), urgency);
            assert_eq!(serde_json::to_value(urgency).unwrap(), urgency.word());
        }
        assert!(Urgency::Stopped < Urgency::Forecast, "the more urgent comes first");
    }
}
