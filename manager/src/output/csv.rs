//! A document as CSV (RFC 4180). Where it is nothing but tables, a row of theirs is a row of the file, with the columns of all
//! of them; else each cell is one, behind its section and the number of its row, so that the file has the same columns whatever
//! stands in it.

use super::document::Document;

/// The columns of a file in which each cell is a row.
const CELLS: [&str; 4] = ["section", "row", "name", "value"];

/// The text of the file.
pub fn text(document: &Document) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if document.sections.iter().all(|section| section.facts.is_empty()) {
        rows(document, &mut writer)?;
    } else {
        cells(document, &mut writer)?;
    }
    let bytes =
        writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn rows(document: &Document, writer: &mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error> {
    let tables = || document.sections.iter().filter_map(|section| Some((section, section.table.as_ref()?)));
    let mut names: Vec<&str> = Vec::new();
    for column in tables().flat_map(|(_, table)| &table.columns) {
        if !names.contains(&column.name.as_str()) {
            names.push(&column.name);
        }
    }
    writer.write_record(std::iter::once("section").chain(names.iter().copied()))?;
    for (section, table) in tables() {
        let place = |name: &&str| table.columns.iter().position(|column| column.name == **name);
        let places: Vec<Option<usize>> = names.iter().map(place).collect();
        for row in &table.rows {
            let cell =
                |place: &Option<usize>| place.and_then(|place| row.get(place)).map_or("", String::as_str);
            let cells = std::iter::once(section.title.as_str()).chain(places.iter().map(cell));
            writer.write_record(cells.map(said))?;
        }
    }
    Ok(())
}

fn cells(document: &Document, writer: &mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error> {
    writer.write_record(CELLS)?;
    for section in &document.sections {
        for fact in &section.facts {
            writer.write_record([
                said(&section.title),
                String::new(),
                said(&fact.name),
                said(&fact.value),
            ])?;
        }
        let Some(table) = &section.table else { continue };
        for (number, row) in table.rows.iter().enumerate() {
            for (column, cell) in table.columns.iter().zip(row) {
                let number = (number + 1).to_string();
                writer.write_record([said(&section.title), number, said(&column.name), said(cell)])?;
            }
        }
    }
    Ok(())
}

/// A spreadsheet takes some beginnings for a formula, so those get an apostrophe.
fn said(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
