//! The figures, as a table for people and as JSON for programs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// One figure.
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    /// What others measured, or what is aimed at.
    beside: String,
    /// Whether what must hold does; `None` where nothing is asked.
    holds: Option<bool>,
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    /// What could not be measured, and why.
    missing: Vec<String>,
    /// What broke while it was measured.
    failed: Vec<String>,
    /// How long each part took.
    parts: Vec<(String, Duration)>,
    /// Nothing is asked of figures at other sizes than the goals' own.
    asks_nothing: bool,
}

impl Table {
    /// One for a run at smaller sizes: it shows figures, and asks nothing of them.
    pub(crate) fn asking_nothing() -> Self {
        Self { asks_nothing: true, ..Self::default() }
    }

    /// A figure that is only shown, beside what it can be compared with.
    pub(crate) fn show(&mut self, name: impl Into<String>, value: f64, unit: &'static str, beside: &str) {
        self.add(Row { name: name.into(), value, unit, beside: beside.to_owned(), holds: None });
    }

    /// A figure that must not be above a limit.
    pub(crate) fn at_most(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: f64,
        beside: &str,
    ) {
        let beside = with(format!("at most {limit} {unit}"), beside);
        self.add(Row { name: name.into(), value, unit, beside, holds: Some(value <= limit) });
    }

    /// A figure that must not be below a limit.
    pub(crate) fn at_least(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: f64,
        beside: &str,
    ) {
        let beside = with(format!("at least {limit} {unit}"), beside);
        self.add(Row { name: name.into(), value, unit, beside, holds: Some(value >= limit) });
    }

    fn add(&mut self, mut row: Row) {
        row.holds = row.holds.filter(|_| !self.asks_nothing);
        let missed = if row.holds == Some(false) { " MISSED" } else { "" };
        eprintln!("  {}: {:.2} {}{missed}", row.name, row.value, row.unit);
        self.rows.push(row);
    }

    /// Something cannot be measured here.
    pub(crate) fn missing(&mut self, why: impl Into<String>) {
        let why = why.into();
        eprintln!("  MISSING: {why}");
        if !self.missing.contains(&why) {
            self.missing.push(why);
        }
    }

    /// A part is over.
    pub(crate) fn took(&mut self, part: &str, time: Duration) {
        eprintln!("  {part} took {:.0} s", time.as_secs_f64());
        self.parts.push((part.to_owned(), time));
    }

    /// A part broke; what it had measured by then stays.
    pub(crate) fn failed(&mut self, part: &str, why: &str) {
        eprintln!("  FAILED: {part}: {why}");
        self.failed.push(format!("{part}: {why}"));
    }

    /// Prints and writes everything; whether all holds that must.
    #[must_use]
    pub(crate) fn finish(&self, summary: &Path) -> bool {
        println!("\n{:<58} {:>12} {:<10} {:<7} beside", "figure", "value", "unit", "holds");
        for row in &self.rows {
            let holds = row.holds.map_or("", |holds| if holds { "yes" } else { "MISSED" });
            println!("{:<58} {:>12.2} {:<10} {:<7} {}", row.name, row.value, row.unit, holds, row.beside);
        }
        let (count, seconds) = (self.parts.len(), self.parts.iter().map(|(_, time)| time.as_secs_f64()));
        let seconds: f64 = seconds.sum();
        println!("\n{count} parts in {seconds:.0} s, without builds");
        for why in &self.missing {
            println!("not measured: {why}");
        }
        for why in &self.failed {
            println!("FAILED: {why}");
        }
        self.write(summary);
        let missed: Vec<&Row> = self.rows.iter().filter(|row| row.holds == Some(false)).collect();
        for row in &missed {
            println!("MISSED: {}: {:.2} {}; {}", row.name, row.value, row.unit, row.beside);
        }
        missed.is_empty() && self.failed.is_empty()
    }

    fn write(&self, summary: &Path) {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({"name": row.name, "value": row.value, "unit": row.unit, "beside": row.beside, "holds": row.holds})
            })
            .collect();
        let parts: Vec<Value> = self
            .parts
            .iter()
            .map(|(part, time)| json!({"part": part, "seconds": time.as_secs_f64()}))
            .collect();
        let text = json!({"figures": rows, "parts": parts, "missing": self.missing, "failed": self.failed});
        fs::create_dir_all(summary.parent().unwrap()).unwrap();
        fs::write(summary, serde_json::to_string_pretty(&text).unwrap()).unwrap();
        println!("written to {}", summary.display());
    }
}

fn with(limit: String, beside: &str) -> String {
    if beside.is_empty() { limit } else { format!("{limit}; {beside}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_missed_is_told_at_the_end_and_one_at_another_size_is_not_asked() {
        let folder = tempfile::tempdir().unwrap();
        let summary = folder.path().join("bench/summary.json");
        let mut table = Table::default();
        table.at_most("size", 3.0, "MB", 4.0, "");
        assert!(table.finish(&summary));
        table.at_least("rate", 3.0, "1/s", 4.0, "");
        assert!(!table.finish(&summary));
        let written: Value = serde_json::from_str(&fs::read_to_string(&summary).unwrap()).unwrap();
        assert_eq!(written["figures"][1]["holds"], false);
        let mut small = Table::asking_nothing();
        small.at_least("rate", 3.0, "1/s", 4.0, "");
        assert!(small.finish(&summary));
    }

    #[test]
    fn a_part_that_broke_makes_the_run_fail_and_one_that_is_missing_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Table::default();
        table.missing("a peer is not installed");
        assert!(table.finish(&folder.path().join("summary.json")));
        table.failed("wake", "no answer");
        assert!(!table.finish(&folder.path().join("summary.json")));
    }
}
