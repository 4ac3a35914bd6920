//! PDFs are read by programs of others: poppler says what stands in them, and qpdf whether they are sound.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;

use platen_manager::output::document::{Document, MAX_ROWS, Section, Table};
use platen_manager::output::{Paper, Unprintable, csv, pdf};

fn made() -> Timestamp {
    "2026-12-01T07:00:00Z".parse().unwrap()
}

fn small() -> Document {
    let mut facts = Section::new("Device");
    facts.fact("Name", "lobby");
    facts.fact("Place", "2nd floor, Straße der Köche, Łódź, Ελλάδα, Київ");
    let mut table = Table::new(["Supply", "#Left", "Part number"]);
    table.row(["Black".into(), "12 %".into(), "TN-450".into()]);
    table.row(["Cyan".into(), "unknown".into(), String::new()]);
    let supplies = Section { table: Some(table), ..Section::new("Supplies") };
    let none = Section::new("Orders").or_none("None.");
    Document {
        about: vec!["2nd floor · Kiel · Nord AG".into()],
        sections: vec![facts, supplies, none],
        ..Document::new("Report on lobby", "report-lobby", made())
    }
}

fn long(rows: usize) -> Document {
    let mut table = Table::new(["#Number", "What", "Device", "Where", "Since", "Who can fix it"]);
    for row in 0..rows {
        table.row([
            row.to_string(),
            format!("Fuser too hot ({} °C, allowed 220)", row % 300),
            format!("device-{row:05}"),
            "2nd floor · Kiel · Nord AG and a name that does not fit the column at all".into(),
            "01 Dec 2026, 06:12".into(),
            "A technician".into(),
        ]);
    }
    let section = Section { table: Some(table), ..Section::new("Needs a person") };
    Document { sections: vec![section], is_wide: true, ..Document::new("Day's list", "day", made()) }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}; scripts/test.sh installs it"));
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{program}: {said}{}", String::from_utf8_lossy(&done.stderr));
    said
}

/// What stands in a file, and that it is sound.
fn read(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.pdf");
    std::fs::write(&file, bytes).unwrap();
    keep(&file);
    let name = file.to_str().unwrap();
    assert!(!run("qpdf", &["--check", name]).contains("WARNING"));
    run("pdftotext", &["-layout", name, "-"])
}

/// Where somebody wants to look at it (`PLATEN_KEEP_PDF`).
fn keep(file: &Path) {
    if let Some(folder) = std::env::var_os("PLATEN_KEEP_PDF") {
        let name = std::thread::current().name().unwrap_or("test").replace(':', "-");
        std::fs::copy(file, Path::new(&folder).join(format!("{name}.pdf"))).unwrap();
    }
}

/// Without spaces: where a line breaks is no matter of what is said.
fn bare(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_whitespace()).collect()
}

#[test]
fn a_pdf_says_what_the_document_says_in_letters_of_all_europe_and_is_tagged() {
    let document = small();
    let bytes = pdf::make(&document, Paper::A4).unwrap();
    let text = bare(&read(&bytes));
    let mut all = vec![document.title.clone(), "1of1".into(), "None.".into()];
    for section in &document.sections {
        all.push(section.title.clone());
        all.extend(section.facts.iter().flat_map(|fact| [fact.name.clone(), fact.value.clone()]));
        all.extend(section.table.iter().flat_map(|table| table.rows.concat()));
    }
    for said in all {
        assert!(text.contains(&bare(&said)), "{said:?} is not in {text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.pdf");
    std::fs::write(&file, &bytes).unwrap();
    let info = run("pdfinfo", &[file.to_str().unwrap()]);
    assert!(info.contains("Tagged:          yes") && info.contains("Report on lobby"), "{info}");
    assert!(info.contains("(A4)"), "{info}");
    let structure = run("pdfinfo", &["-struct-text", file.to_str().unwrap()]);
    for tag in ["H1", "H2", "Table", "TR", "TH", "TD"] {
        assert!(structure.contains(tag), "{tag} is not in {structure}");
    }
}

#[test]
fn letters_that_no_face_has_stay_text() {
    let mut document = small();
    document.about.push("東京".into());
    let text = read(&pdf::make(&document, Paper::Letter).unwrap());
    assert!(text.contains("東京"), "{text}");
}

#[test]
fn ten_thousand_lines_are_made_within_bounded_memory_and_each_page_says_of_how_many_it_is() {
    const ROWS: usize = 10_000;
    let document = long(ROWS);
    let before = peak_kib();
    let bytes = pdf::make(&document, Paper::A4).unwrap();
    let grown = peak_kib() - before;
    // 165 MiB were measured without optimisation.
    assert!(grown < 400 * 1024, "{grown} KiB");
    let text = read(&bytes);
    let pages: Vec<&str> = text.split('\u{c}').filter(|page| !page.trim().is_empty()).collect();
    assert!(pages.len() > 100, "{}", pages.len());
    for (number, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("{} of {}", number + 1, pages.len())), "{page}");
        assert!(page.contains("Who can fix it"), "each page has the head of the table");
    }
    for row in (0..ROWS).step_by(97) {
        assert!(text.contains(&format!("device-{row:05}")), "{row}");
    }
}

/// The most memory that this process had; each test is a process of its own.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn what_is_too_long_is_refused_with_what_to_do() {
    let refused = pdf::make(&long(MAX_ROWS + 1), Paper::A4).unwrap_err();
    assert!(matches!(refused, Unprintable::TooLong(_)));
    assert!(refused.to_string().contains("take CSV or JSON"), "{refused}");
}

#[test]
fn a_row_that_would_fill_a_page_and_one_without_a_space_are_cut_and_broken() {
    let mut table = Table::new(["What", "#Number"]);
    table.row(["word ".repeat(2_000), "1".into()]);
    table.row(["x".repeat(900), "2".into()]);
    let section = Section { table: Some(table), ..Section::new("Long") };
    let document = Document { sections: vec![section], ..Document::new("Long", "long", made()) };
    let text = read(&pdf::make(&document, Paper::A4).unwrap());
    assert_eq!(bare(&text).matches('x').count(), 900, "{text}");
    assert!(text.contains("1 of 1"), "{text}");
}

#[test]
fn csv_has_a_row_for_each_row_or_for_each_cell_and_no_formula() {
    let text = csv::text(&long(2)).unwrap();
    let mut rows = ::csv::Reader::from_reader(text.as_bytes());
    assert_eq!(rows.headers().unwrap().get(2), Some("What"));
    assert_eq!(rows.records().count(), 2);
    let mut document = small();
    document.sections[0].fact("Note", "=1+1");
    let text = csv::text(&document).unwrap();
    let mut rows = ::csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<Vec<String>> =
        rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    assert!(rows.contains(&vec!["Device".into(), String::new(), "Note".into(), "'=1+1".into()]));
    assert!(rows.contains(&vec!["Supplies".into(), "1".into(), "Left".into(), "12 %".into()]));
}
