//! Finds modules of a crate that need each other in a circle.
//!
//! A module needs the one that defines what it names: in `use`, in a path of its code, in the tokens of a macro, or in
//! the string of an attribute (`#[serde(with = "path")]`). Re-exports are followed to the file that defines. A module
//! and what lies below it belong together: what they need of each other makes no circle, and to its neighbours a
//! module is one with what lies below it. What only tests need does not count.
//!
//! It reads source with `syn` and knows no types: a method is found only by the type that a path names.

mod collect;
mod graph;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use graph::Graph;
use tree::Tree;

/// Modules that need each other in a circle, by their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// They, relative to the workspace.
    pub files: BTreeSet<PathBuf>,
    /// What one needs of another.
    pub needs: BTreeMap<(PathBuf, PathBuf), BTreeSet<String>>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a circle of {} files", self.files.len())?;
        for file in &self.files {
            writeln!(f, "  {}", file.display())?;
            for ((_, to), items) in self.needs.iter().filter(|((from, _), _)| from == file) {
                let items: Vec<_> = items.iter().map(String::as_str).collect();
                writeln!(f, "    needs {}: {}", to.display(), items.join(", "))?;
            }
        }
        Ok(())
    }
}

/// The circles of every crate of a workspace whose folder is not among `without`.
///
/// # Errors
/// A file that cannot be read, or is no Rust.
pub fn of_workspace(root: &Path, without: &[&str]) -> anyhow::Result<Vec<Circle>> {
    let manifest: toml::Table = std::fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let members = manifest["workspace"]["members"].as_array().context("no members of the workspace")?;
    let mut circles = Vec::new();
    for member in members.iter().filter_map(toml::Value::as_str).filter(|member| !without.contains(member)) {
        circles.extend(of_crate(root, &root.join(member))?);
    }
    Ok(circles)
}

/// The circles of the crate in a folder; its library and each of its programs for itself.
///
/// # Errors
/// As [`of_workspace`].
pub fn of_crate(root: &Path, folder: &Path) -> anyhow::Result<Vec<Circle>> {
    let mut circles = Vec::new();
    for entrance in entrances(&folder.join("src"))? {
        let tree = Tree::read(&entrance)?;
        let mut graph = Graph::default();
        collect::needs(&tree, &mut graph);
        circles.extend(graph.circles().map(|circle| circle.relative_to(root)));
    }
    Ok(circles)
}

impl Circle {
    fn relative_to(self, root: &Path) -> Self {
        let short = |file: &Path| file.strip_prefix(root).unwrap_or(file).to_owned();
        let needs = self.needs.into_iter().map(|((from, to), items)| ((short(&from), short(&to)), items));
        Self { files: self.files.iter().map(|file| short(file)).collect(), needs: needs.collect() }
    }
}

/// The files at which the crates of a package begin.
fn entrances(src: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut candidates = vec![src.join("lib.rs"), src.join("main.rs")];
    if let Ok(programs) = std::fs::read_dir(src.join("bin")) {
        for program in programs {
            let path = program?.path();
            candidates.push(if path.is_dir() { path.join("main.rs") } else { path });
        }
    }
    candidates.retain(|file| file.is_file());
    candidates.sort();
    anyhow::ensure!(!candidates.is_empty(), "{}: no crate begins here", src.display());
    Ok(candidates)
}

#[cfg(test)]
mod tests;
