//! What each piece of text is, for those who do not see how it looks.

use std::num::NonZeroU16;

use krilla::tagging::{Identifier, TableHeaderScope, Tag, TagGroup, TagTree};

/// The language of what the manager says.
const LANGUAGE: &str = "en";

/// The tree, with the branches that still grow.
pub(super) struct Tags {
    tree: TagTree,
    section: Option<TagGroup>,
    table: Option<TagGroup>,
    row: Option<TagGroup>,
}

impl Tags {
    pub(super) fn new() -> Self {
        let tree = TagTree::new().with_lang(Some(LANGUAGE.to_owned()));
        Self { tree, section: None, table: None, row: None }
    }

    fn put_into_section(&mut self, group: TagGroup) {
        match &mut self.section {
            Some(section) => section.push(group),
            None => self.tree.push(group),
        }
    }

    /// A heading; below the first level it begins a section.
    pub(super) fn heading(&mut self, level: u16, title: &str, pieces: Vec<Identifier>) {
        if level > 1 {
            self.end_section();
            self.section = Some(TagGroup::new(Tag::Section));
        }
        let level = NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
        let mut group = TagGroup::new(Tag::Hn(level, Some(title.to_owned())));
        for piece in pieces {
            group.push(piece);
        }
        self.put_into_section(group);
    }

    pub(super) fn paragraph(&mut self, pieces: Vec<Identifier>) {
        let mut group = TagGroup::new(Tag::P);
        for piece in pieces {
            group.push(piece);
        }
        self.put_into_section(group);
    }

    pub(super) fn begin_table(&mut self) {
        self.end_table();
        self.table = Some(TagGroup::new(Tag::Table));
    }

    pub(super) fn has_table(&self) -> bool {
        self.table.is_some()
    }

    pub(super) fn begin_row(&mut self) {
        self.row = Some(TagGroup::new(Tag::TR));
    }

    /// A cell that heads its column, or its row.
    pub(super) fn head_cell(&mut self, of_column: bool, pieces: Vec<Identifier>) {
        let scope = if of_column { TableHeaderScope::Column } else { TableHeaderScope::Row };
        self.push_cell(TagGroup::new(Tag::TH(scope)), pieces);
    }

    pub(super) fn cell(&mut self, pieces: Vec<Identifier>) {
        self.push_cell(TagGroup::new(Tag::TD), pieces);
    }

    fn push_cell(&mut self, mut group: TagGroup, pieces: Vec<Identifier>) {
        for piece in pieces {
            group.push(piece);
        }
        if let Some(row) = &mut self.row {
            row.push(group);
        }
    }

    pub(super) fn end_row(&mut self) {
        if let (Some(table), Some(row)) = (&mut self.table, self.row.take()) {
            table.push(row);
        }
    }

    fn end_table(&mut self) {
        if let Some(table) = self.table.take() {
            self.put_into_section(table);
        }
    }

    fn end_section(&mut self) {
        self.end_table();
        if let Some(section) = self.section.take() {
            self.tree.push(section);
        }
    }

    pub(super) fn finish(mut self) -> TagTree {
        self.end_section();
        self.tree
    }
}
