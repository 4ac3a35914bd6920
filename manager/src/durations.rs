//! How long something takes, counted into steps, for whoever draws it.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

/// The upper ends of the steps, in seconds: from a commit on a fast disk to the time after which a device gives up.
const STEPS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 20.0];

/// Counts since the manager began. Clones share them.
#[derive(Debug, Clone)]
pub struct Durations(Histogram);

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::new(STEPS))
    }
}

impl Durations {
    /// Something took so long.
    pub fn note(&self, time: Duration) {
        self.0.observe(time.as_secs_f64());
    }

    /// For a registry of metrics.
    pub(crate) fn histogram(&self) -> Histogram {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode_registry;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn what_is_noted_is_counted_and_clones_share_it() {
        let durations = Durations::default();
        durations.clone().note(Duration::from_millis(3));
        durations.note(Duration::from_secs(60));
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register("it_seconds", "It", durations.histogram());
        encode_registry(&mut text, &registry).unwrap();
        let line = |line: &str| assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        line("it_seconds_count 2");
        line("it_seconds_bucket{le=\"0.0025\"} 0");
        line("it_seconds_bucket{le=\"0.005\"} 1");
        line("it_seconds_bucket{le=\"20.0\"} 1");
    }
}
