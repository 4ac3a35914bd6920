//! The figures, as a table for people and as JSON for programs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// One figure.
struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// What others measured, or what the issue asks.
    beside: String,
    /// Whether what must hold does; `None` where nothing is asked yet.
    holds: Option<bool>,
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// A figure that is only shown, beside what it can be compared with.
    pub(crate) fn show(&mut self, name: &'static str, value: f64, unit: &'static str, beside: &str) {
        self.add(Row { name, value, unit, beside: beside.to_owned(), holds: None });
    }

    /// A figure that must not be above a limit.
    pub(crate) fn at_most(
        &mut self,
        name: &'static str,
        value: f64,
        unit: &'static str,
        limit: f64,
        beside: &str,
    ) {
        let beside = format!("at most {limit} {unit}; {beside}");
        self.add(Row { name, value, unit, beside, holds: Some(value <= limit) });
    }

    /// A figure that must not be below a limit.
    pub(crate) fn at_least(
        &mut self,
        name: &'static str,
        value: f64,
        unit: &'static str,
        limit: f64,
        beside: &str,
    ) {
        let beside = format!("at least {limit} {unit}; {beside}");
        self.add(Row { name, value, unit, beside, holds: Some(value >= limit) });
    }

    fn add(&mut self, row: Row) {
        eprintln!("  {}: {:.2} {}", row.name, row.value, row.unit);
        self.0.push(row);
    }

    /// Prints and writes everything; ends the program with failure if something does not hold.
    pub(crate) fn finish(&self, summary: &Path) {
        println!("\n{:<52} {:>12} {:<10} {:<7} beside", "figure", "value", "unit", "holds");
        for row in &self.0 {
            let holds = row.holds.map_or("", |holds| if holds { "yes" } else { "NO" });
            println!("{:<52} {:>12.2} {:<10} {:<7} {}", row.name, row.value, row.unit, holds, row.beside);
        }
        let rows: Vec<Value> = self
            .0
            .iter()
            .map(|row| {
                json!({"name": row.name, "value": row.value, "unit": row.unit, "beside": row.beside, "holds": row.holds})
            })
            .collect();
        fs::create_dir_all(summary.parent().unwrap()).unwrap();
        fs::write(summary, serde_json::to_string_pretty(&json!({ "figures": rows })).unwrap()).unwrap();
        println!("\nwritten to {}", summary.display());
        if self.0.iter().any(|row| row.holds == Some(false)) {
            println!("a goal does not hold");
            std::process::exit(1);
        }
    }
}
