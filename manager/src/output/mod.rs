//! Documents for paper and files: what a page says ([`document`]), put into a PDF ([`pdf`]) or CSV ([`csv`]). Pure: whoever
//! gathers a document has looked up everything that stands in it.
//!
//! A PDF is laid out twice in the same way: first only the heights of all lines are worked out, so that pages are known and
//! each can say of how many it is one; then page by page is drawn. What is kept between the two is a number a line, so a long
//! list needs little more memory than its text. Text stays text (it can be searched, copied and read out), and what it is
//! (heading, table, cell) is told by tags, as PDF/UA wants it.

pub mod csv;
pub mod document;
mod draw;
mod fonts;
mod layout;
pub mod pdf;
mod tags;

pub use document::{Column, Document, Fact, Section, Table};
pub use pdf::{Paper, Unprintable};
