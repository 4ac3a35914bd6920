//! The worst that is the matter with a device, by which a fleet is ordered. One function says it, for the column that
//! the store keeps with each change and for whoever checks that column. Pure, and without a clock: what depends on time
//! (a device that has gone away, a consent that has ended) is written down when it is found.

use serde::{Deserialize, Serialize};

/// The worst that is the matter with a device; the order is that of the fleet's page.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Worst {
    /// A critical alert is open: the printer does not print.
    Critical,
    /// A person at the device waits for an answer.
    ServiceCall,
    /// A person at the device waits for a supply.
    Order,
    /// It is away for so long that somebody should look after it: what else is known of it is old.
    Overdue,
    /// A warning is open, a watch found something, it is over a quota, or two machines use its identity.
    Warning,
    /// Nothing has happened, but something is forecast.
    Forecast,
    /// It has not been in contact for long, or never.
    Silent,
    /// Nothing is the matter.
    #[default]
    Fine,
}

impl Worst {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Critical,
        Self::ServiceCall,
        Self::Order,
        Self::Overdue,
        Self::Warning,
        Self::Forecast,
        Self::Silent,
        Self::Fine,
    ];

    /// Its number in the store: the worse, the smaller.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Critical => 0,
            Self::ServiceCall => 1,
            Self::Order => 2,
            Self::Overdue => 3,
            Self::Warning => 4,
            Self::Forecast => 5,
            Self::Silent => 6,
            Self::Fine => 7,
        }
    }

    /// By its number in the store.
    pub fn of_rank(rank: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|worst| worst.rank() == rank)
    }

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::ServiceCall => "service_call",
            Self::Order => "order",
            Self::Overdue => "overdue",
            Self::Warning => "warning",
            Self::Forecast => "forecast",
            Self::Silent => "silent",
            Self::Fine => "fine",
        }
    }

    /// A word for the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::ServiceCall => "service",
            other => other.word(),
        }
    }

    /// A word for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Critical => "Stopped",
            Self::ServiceCall => "Service call",
            Self::Order => "Order",
            Self::Overdue => "Overdue",
            Self::Warning => "Warning",
            Self::Forecast => "May happen",
            Self::Silent => "Silent",
            Self::Fine => "Fine",
        }
    }
}

/// What is the matter with a device, counted. What may happen is counted apart from what has happened: it stops no
/// printer yet, however bad it would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is so or not")]
pub struct Matters {
    /// Open alerts that stop the printer.
    pub critical: u32,
    /// Open alerts of what has happened and does not stop it.
    pub warnings: u32,
    /// Open alerts of what may happen.
    pub forecasts: u32,
    /// Service calls that are not handled.
    pub service_calls: u32,
    /// Orders that are neither delivered nor cancelled.
    pub orders: u32,
    /// What watches found, apart from that it is away.
    pub watches: u32,
    /// It is away for so long that somebody should look after it.
    pub overdue: bool,
    /// It is away, or was never there.
    pub away: bool,
    /// An operator has to decide about its identity.
    pub identity: bool,
    /// Some of what is stored about it cannot be read.
    pub damaged: bool,
    /// It was refused lately, because it is over one of its quotas.
    pub noisy: bool,
}

impl Matters {
    /// The worst of it.
    pub const fn worst(&self) -> Worst {
        if self.critical > 0 {
            Worst::Critical
        } else if self.service_calls > 0 {
            Worst::ServiceCall
        } else if self.orders > 0 {
            Worst::Order
        } else if self.overdue {
            Worst::Overdue
        } else if self.warnings > 0 || self.watches > 0 || self.identity || self.damaged || self.noisy {
            Worst::Warning
        } else if self.forecasts > 0 {
            Worst::Forecast
        } else if self.away {
            Worst::Silent
        } else {
            Worst::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONE: Matters = Matters {
        critical: 0,
        warnings: 0,
        forecasts: 0,
        service_calls: 0,
        orders: 0,
        watches: 0,
        overdue: false,
        away: false,
        identity: false,
        damaged: false,
        noisy: false,
    };

    #[test]
    fn the_numbers_in_the_store_are_in_the_order_of_the_page() {
        assert!(Worst::ALL.is_sorted());
        for (rank, worst) in (0..).zip(Worst::ALL) {
            assert_eq!((worst.rank(), Worst::of_rank(rank)), (rank, Some(worst)));
            assert_eq!(serde_json::to_value(worst).unwrap(), worst.word());
        }
        assert_eq!((Worst::of_rank(8), Worst::of_rank(-1)), (None, None));
    }

    #[test]
    fn what_stops_printing_comes_before_a_warning_and_silence_before_nothing() {
        let warned = Matters { warnings: 1, ..NONE };
        assert_eq!(Matters { critical: 1, orders: 1, ..warned }.worst(), Worst::Critical);
        assert_eq!(Matters { service_calls: 1, orders: 1, ..warned }.worst(), Worst::ServiceCall);
        assert_eq!(Matters { orders: 1, ..warned }.worst(), Worst::Order);
        assert_eq!(Matters { away: true, ..warned }.worst(), Worst::Warning);
        assert_eq!(Matters { away: true, ..NONE }.worst(), Worst::Silent);
        assert_eq!(NONE.worst(), Worst::Fine);
    }

    #[test]
    fn a_device_that_is_overdue_comes_before_its_old_warnings_and_a_frozen_sensor_is_a_warning() {
        assert_eq!(Matters { overdue: true, away: true, warnings: 1, ..NONE }.worst(), Worst::Overdue);
        assert_eq!(Matters { watches: 1, ..NONE }.worst(), Worst::Warning);
        assert_eq!(Matters { identity: true, ..NONE }.worst(), Worst::Warning);
        assert_eq!(Matters { noisy: true, ..NONE }.worst(), Worst::Warning);
        assert_eq!(Matters { damaged: true, forecasts: 1, ..NONE }.worst(), Worst::Warning);
    }

    #[test]
    fn what_may_happen_stops_nothing() {
        assert_eq!(Matters { forecasts: 9, ..NONE }.worst(), Worst::Forecast);
        assert_eq!(Matters { forecasts: 9, warnings: 1, ..NONE }.worst(), Worst::Warning);
    }

    proptest! {
        #[test]
        fn one_more_matter_never_makes_a_device_look_better(
            counts in prop::array::uniform6(0_u32..3), flags in prop::array::uniform5(any::<bool>()),
        ) {
            let [critical, warnings, forecasts, service_calls, orders, watches] = counts;
            let [overdue, away, identity, damaged, noisy] = flags;
            let before = Matters {
                critical, warnings, forecasts, service_calls, orders, watches, overdue, away, identity, damaged,
                noisy,
            };
            for after in [
                Matters { critical: critical + 1, ..before },
                Matters { warnings: warnings + 1, ..before },
                Matters { forecasts: forecasts + 1, ..before },
                Matters { service_calls: service_calls + 1, ..before },
                Matters { orders: orders + 1, ..before },
                Matters { watches: watches + 1, ..before },
                Matters { overdue: true, ..before },
                Matters { away: true, ..before },
                Matters { identity: true, ..before },
                Matters { damaged: true, ..before },
                Matters { noisy: true, ..before },
            ] {
                prop_assert!(after.worst() <= before.worst());
            }
        }
    }
}
