//! How long what happened is kept: the `[retention]` of `manager.toml`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::history::DAY_MS;
use crate::limits::within;

/// Days for which rows of each list are kept; each 1 to 36,500. What can be open is kept for so long after it was
/// closed, and what is open always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Reports, by their kind.
    pub reports: Reports,
    /// Alerts, after their end.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub alerts_days: u32,
    /// Service calls, after they were handled.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub service_calls_days: u32,
    /// Orders, after they were delivered or cancelled.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub orders_days: u32,
    /// Supplies and parts that were changed.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub replacements_days: u32,
    /// Commands, after their end.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub commands_days: u32,
    /// What the watches found, after its end.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub watches_days: u32,
    /// What devices lost.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub losses_days: u32,
    /// What was written for operators to be told.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub notices_days: u32,
    /// Signs of two machines with one identity, after they were dismissed.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub clones_days: u32,
    /// What was done to identities.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub identity_log_days: u32,
    /// Enrolment tokens, after they ended.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub tokens_days: u32,
    /// Who did what.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub audit_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reports: Reports::default(),
            alerts_days: 730,
            service_calls_days: 730,
            orders_days: 1_095,
            replacements_days: 1_825,
            commands_days: 365,
            watches_days: 365,
            losses_days: 365,
            notices_days: 90,
            clones_days: 730,
            identity_log_days: 1_825,
            tokens_days: 90,
            audit_days: 1_095,
        }
    }
}

/// Days for which reports are kept, by their kind; each 1 to 36,500. Those that come at an interval are let go of
/// first: the values in them stay in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, default)]
pub struct Reports {
    /// `utilisation` and `readings`.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub readings_days: u32,
    /// `started`.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub started_days: u32,
    /// `alert_raised`, `alert_cleared` and `alerts_standing`.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub alerts_days: u32,
    /// `service_call`.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub service_calls_days: u32,
    /// `order`.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub orders_days: u32,
    /// `replacement`.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub replacements_days: u32,
    /// `outcome`.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub outcomes_days: u32,
    /// `outbox_replaced`, and what a later version may bring.
    #[serde(deserialize_with = "within::<_, 1, 36_500>")]
    pub others_days: u32,
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            readings_days: 30,
            started_days: 365,
            alerts_days: 365,
            service_calls_days: 730,
            orders_days: 1_095,
            replacements_days: 365,
            outcomes_days: 365,
            others_days: 365,
        }
    }
}

/// Reports would be let go of in another order than they can be.
#[derive(Debug, thiserror::Error)]
#[error(
    "readings_days = {readings} is more than another kind of report is kept ({shortest} days): reports that come at an interval are let go of first, so write a smaller readings_days or larger others"
)]
struct OutOfOrder {
    readings: u32,
    shortest: u32,
}

impl<'de> Deserialize<'de> for Reports {
    fn deserialize<D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
        // What is derived, which reads the fields.
        let reports = Self::deserialize(file)?;
        let shortest = reports.shortest();
        if shortest < reports.readings_days {
            return Err(D::Error::custom(OutOfOrder { readings: reports.readings_days, shortest }));
        }
        Ok(reports)
    }
}

impl Reports {
    /// How long a kind is kept, in days.
    pub fn days(&self, kind: &str) -> u32 {
        match kind {
            "utilisation" | "readings" => self.readings_days,
            "started" => self.started_days,
            "alert_raised" | "alert_cleared" | "alerts_standing" => self.alerts_days,
            "service_call" => self.service_calls_days,
            "order" => self.orders_days,
            "replacement" => self.replacements_days,
            "outcome" => self.outcomes_days,
            _ => self.others_days,
        }
    }

    fn shortest(&self) -> u32 {
        self.lengths().first().copied().unwrap_or(self.readings_days)
    }

    /// Each number of days that some kind is kept, the shortest first: reports are gone through once for each.
    pub fn lengths(&self) -> Vec<u32> {
        let mut lengths = vec![
            self.readings_days,
            self.started_days,
            self.alerts_days,
            self.service_calls_days,
            self.orders_days,
            self.replacements_days,
            self.outcomes_days,
            self.others_days,
        ];
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }
}

/// So many days before a moment, in milliseconds.
pub fn days_before(now: i64, days: u32) -> i64 {
    now.saturating_sub(i64::from(days) * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_at_an_interval_are_let_go_of_first() {
        let read = |text: &str| toml::from_str::<Settings>(text).map(|settings| settings.reports);
        let reports = read("[reports]\nreadings_days = 7\n").unwrap();
        assert_eq!((reports.days("readings"), reports.days("outcome"), reports.days("new")), (7, 365, 365));
        assert_eq!(reports.lengths(), [7, 365, 730, 1_095]);
        let error = read("[reports]\nreadings_days = 400\n").unwrap_err().to_string();
        assert!(error.contains("readings_days = 400") && error.contains("365 days"), "{error}");
        assert!(
            read("[reports]\noutcomes_days = 0\n").unwrap_err().to_string().contains("between 1 and 36500")
        );
        assert!(read("[reports]\nreading_days = 5\n").is_err());
    }
}
