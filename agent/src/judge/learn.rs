//! What a sample adds to what is known of the printer.

use platen_protocol::readings::{HeldKind, Readings};
use platen_protocol::supply::Level;

use super::past::{Printed, counts_colour, is_chromatic};
use super::replace::{self, Places};
use super::{Event, Judge, Moment};

impl Judge {
    /// Learns from a sample, and writes the epochs of its counters and the outlook of its supplies into it.
    /// What was told of a thing ends when another one is in its place.
    pub(super) fn learn(
        &mut self,
        readings: &mut Readings,
        moment: Moment,
        events: &mut Vec<Event>,
    ) -> Places {
        let at = moment.at;
        let span = at.saturating_sub(self.last_sample.unwrap_or(at));
        self.last_sample = Some(at);
        self.past.pass(span, moment.wall);
        let watched = self.past.watched_ms;
        let printed = self.past.counters.observe(readings, watched);
        self.past.daily.count(printed);
        self.past.jams.pass(self.past.counters.pages);

        let needed = self.config.debounce_samples;
        let mut places = replace::observe(&mut self.past, &self.alerts, readings, needed, !printed.fell);
        for replaced in std::mem::take(&mut places.replaced) {
            self.end_all(&replaced.subject, "was replaced", events);
            events.push(Event::Replacement(Box::new(replaced)));
        }
        self.learn_usage(readings, printed);
        self.learn_heat(readings, printed, moment);
        self.past.bound(readings);
        places
    }

    fn learn_usage(&mut self, readings: &mut Readings, printed: Printed) {
        let (needed, watched) = (self.config.debounce_samples, self.past.watched_ms);
        let counts_colour = counts_colour(readings);
        for supply in &mut readings.supplies {
            supply.outlook = None;
            let Some(known) = self.past.things.get_mut(&supply.name) else { continue };
            let wrong = supply.is_wrong();
            let colour = counts_colour && is_chromatic(supply);
            if printed.broken || wrong {
                known.usage.realign();
            }
            let page = if colour { self.past.counters.colour } else { self.past.counters.pages };
            let readable = !matches!(supply.level, Level::Unknown { .. });
            // Without the count of pages a level that falls says nothing; nor does that of another
            // cartridge which is not yet believed to be there, or of one that does not belong there.
            if printed.known && readable && !wrong && !known.is_doubtful() {
                known.usage.measure_by(colour);
                known.usage.observe(supply, page, needed, watched);
            }
            supply.outlook = known.usage.outlook(supply, self.past.daily.mean(colour));
        }
    }

    fn learn_heat(&mut self, readings: &Readings, printed: Printed, moment: Moment) {
        let at = moment.at;
        let printing = printed.pages > 0;
        self.warmth.observe(&readings.switches, &self.switches, printing, at);
        let hot = self.warmth.hot(at);
        for sensor in &readings.temperatures {
            let held = readings.held_of(HeldKind::Temperature, &sensor.name).is_some();
            let steady = !held && (hot || !sensor.is_fuser());
            let past = self.past.sensors.entry(sensor.name.clone()).or_default();
            past.observe(sensor, at, steady, hot && printing && sensor.is_fuser());
        }
    }
}
