//! Which file needs which, and where that goes in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Circle;

/// Files, and what one needs of another.
#[derive(Debug, Default)]
pub(super) struct Graph {
    needs: BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>,
}

impl Graph {
    pub(super) fn add(&mut self, from: &Path, to: &Path, item: &str) {
        let items = self.needs.entry(from.to_owned()).or_default().entry(to.to_owned()).or_default();
        items.insert(item.to_owned());
    }

    fn reachable<'g>(&'g self, from: &'g Path) -> BTreeSet<&'g Path> {
        let mut found = BTreeSet::new();
        let mut rest = vec![from];
        while let Some(file) = rest.pop() {
            let next = self.needs.get(file).into_iter().flat_map(BTreeMap::keys);
            rest.extend(next.map(PathBuf::as_path).filter(|next| found.insert(*next)));
        }
        found
    }

    /// Every set of files of which each reaches each.
    pub(super) fn circles(&self) -> impl Iterator<Item = Circle> {
        let reach: BTreeMap<&Path, BTreeSet<&Path>> =
            self.needs.keys().map(|file| (file.as_path(), self.reachable(file))).collect();
        let mut done = BTreeSet::new();
        let mut circles = Vec::new();
        for (file, reached) in &reach {
            if !reached.contains(file) || done.contains(file) {
                continue;
            }
            let back = |other: &&&Path| reach.get(**other).is_some_and(|from| from.contains(file));
            let files: BTreeSet<&Path> = reached.iter().filter(back).copied().collect();
            done.extend(files.iter().copied());
            circles.push(self.circle(&files));
        }
        circles.into_iter()
    }

    fn circle(&self, files: &BTreeSet<&Path>) -> Circle {
        let mut needs = BTreeMap::new();
        for from in files {
            for (to, items) in self.needs.get(*from).into_iter().flatten() {
                if files.contains(to.as_path()) {
                    needs.insert(((*from).to_owned(), to.clone()), items.clone());
                }
            }
        }
        Circle { files: files.iter().map(|file| (*file).to_owned()).collect(), needs }
    }
}
