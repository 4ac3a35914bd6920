//! The modules of a crate, the names in each, and what a path means.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemUse, UseTree};

/// No chain of re-exports is longer.
const MOST_HOPS: usize = 32;

/// The number of a module.
pub(super) type Id = usize;
/// The segments of a path.
pub(super) type Segments = Vec<String>;

/// What a name in a module stands for.
#[derive(Debug, Clone)]
enum Meaning {
    /// Something that is defined there.
    Item,
    /// A module.
    Module(Id),
    /// What another path means.
    Alias(Segments),
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// An item of a module, by its name there.
    Item(Id, String),
    /// A module itself.
    Module(Id),
}

/// A module.
pub(super) struct Module {
    /// The file that holds it.
    pub(super) file: PathBuf,
    parent: Option<Id>,
    /// A module with a file of its own has its contents here.
    pub(super) items: Vec<Item>,
    names: HashMap<String, Vec<Meaning>>,
    /// Of what all names are taken in.
    globs: Vec<Segments>,
}

/// The modules of a crate; the first is its root.
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
}

impl Tree {
    /// Reads a crate, from the file at which it begins.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self { modules: Vec::new() };
        let folder = root.parent().context("a file is in a folder")?;
        tree.read_file(root, None, folder)?;
        Ok(tree)
    }

    /// `below` is the folder in which the files of its children are.
    fn read_file(&mut self, file: &Path, parent: Option<Id>, below: &Path) -> anyhow::Result<Id> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let parsed = syn::parse_file(&text).with_context(|| file.display().to_string())?;
        self.add(file, parent, below, parsed.items)
    }

    fn add(&mut self, file: &Path, parent: Option<Id>, below: &Path, items: Vec<Item>) -> anyhow::Result<Id> {
        let id = self.modules.len();
        let mut names = Names::default();
        let items: Vec<Item> = items.into_iter().filter(|item| !only_for_tests(attributes(item))).collect();
        for item in &items {
            names.visit_item(item);
        }
        let Names { names, globs } = names;
        self.modules.push(Module { file: file.to_owned(), parent, items: Vec::new(), names, globs });
        let mut own = Vec::new();
        for item in items {
            let Item::Mod(module) = item else {
                own.push(item);
                continue;
            };
            let name = module.ident.to_string();
            let child = match module.content {
                Some((_, items)) => self.add(file, Some(id), &below.join(&name), items)?,
                None => self.read_child(&name, &module.attrs, file, id, below)?,
            };
            self.modules[id].names.entry(name).or_default().push(Meaning::Module(child));
        }
        self.modules[id].items = own;
        Ok(id)
    }

    fn read_child(
        &mut self,
        name: &str,
        attributes: &[Attribute],
        file: &Path,
        parent: Id,
        below: &Path,
    ) -> anyhow::Result<Id> {
        if let Some(given) = attributes.iter().find_map(given_path) {
            let child = file.parent().context("a file is in a folder")?.join(given);
            let folder = child.parent().context("a file is in a folder")?.to_owned();
            return self.read_file(&child, Some(parent), &folder);
        }
        let (flat, folder) = (below.join(format!("{name}.rs")), below.join(name));
        let child = if flat.is_file() { flat } else { folder.join("mod.rs") };
        self.read_file(&child, Some(parent), &folder)
    }

    /// Two modules with files of their own, children of one, of which one is or holds the first module and the other
    /// the second; none for a module and one below it.
    pub(super) fn siblings(&self, one: Id, other: Id) -> Option<(&Path, &Path)> {
        let (one, other) = (self.ancestry(one), self.ancestry(other));
        one.into_iter().zip(other).find(|(one, other)| one != other)
    }

    /// The files from the root to that of this module.
    fn ancestry(&self, module: Id) -> Vec<&Path> {
        let outwards = std::iter::successors(Some(module), |module| self.modules[*module].parent);
        let mut files: Vec<&Path> = outwards.map(|module| self.modules[module].file.as_path()).collect();
        files.reverse();
        // What stands within a file is that file.
        files.dedup();
        files
    }

    /// What a path in a module leads to within this crate; nothing for other crates, primitive types and
    /// local variables.
    pub(super) fn resolve(&self, from: Id, path: &[String]) -> Vec<Target> {
        self.follow(from, path, MOST_HOPS)
    }

    fn follow(&self, from: Id, path: &[String], hops: usize) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let mut found = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(from)],
            "super" => self.modules[from].parent.map(Target::Module).into_iter().collect(),
            name => self.look_up(from, name, hops),
        };
        for name in rest {
            // A module and a function may share a name; only one of them has something within.
            if found.iter().any(|target| matches!(target, Target::Module(_))) {
                found.retain(|target| matches!(target, Target::Module(_)));
            }
            let step = |target: Target| match target {
                Target::Module(module) => self.step(module, name, hops),
                // A variant, a method: they are where their type is.
                item @ Target::Item(..) => vec![item],
            };
            found = found.into_iter().flat_map(step).collect();
        }
        found
    }

    fn step(&self, module: Id, name: &str, hops: usize) -> Vec<Target> {
        if name == "super" {
            return self.modules[module].parent.map(Target::Module).into_iter().collect();
        }
        let found = self.look_up(module, name, hops);
        // What a macro has made there.
        if found.is_empty() { vec![Target::Item(module, name.to_owned())] } else { found }
    }

    fn look_up(&self, module: Id, name: &str, hops: usize) -> Vec<Target> {
        let Some(hops) = hops.checked_sub(1) else { return Vec::new() };
        let Module { names, globs, .. } = &self.modules[module];
        if let Some(meanings) = names.get(name) {
            let target = |meaning: &Meaning| match meaning {
                Meaning::Item => vec![Target::Item(module, name.to_owned())],
                Meaning::Module(id) => vec![Target::Module(*id)],
                // `use name::...` of a crate must not find itself.
                Meaning::Alias(path)
                    if path.first().is_some_and(|first| first == name) && path.len() == 1 =>
                {
                    Vec::new()
                }
                Meaning::Alias(path) => self.follow(module, path, hops),
            };
            return meanings.iter().flat_map(target).collect();
        }
        for glob in globs {
            for target in self.follow(module, glob, hops) {
                let Target::Module(other) = target else { continue };
                let found = if other == module { Vec::new() } else { self.look_up(other, name, hops) };
                if !found.is_empty() {
                    return found;
                }
            }
        }
        Vec::new()
    }
}

/// What the items of a module define and import, those within its functions included.
#[derive(Default)]
struct Names {
    names: HashMap<String, Vec<Meaning>>,
    globs: Vec<Segments>,
}

impl Names {
    fn define(&mut self, name: &syn::Ident) {
        self.names.entry(name.to_string()).or_default().push(Meaning::Item);
    }
}

impl Visit<'_> for Names {
    fn visit_item(&mut self, item: &Item) {
        if only_for_tests(attributes(item)) {
            return;
        }
        match item {
            Item::Const(item) => self.define(&item.ident),
            Item::Enum(item) => self.define(&item.ident),
            Item::Fn(item) => self.define(&item.sig.ident),
            Item::Static(item) => self.define(&item.ident),
            Item::Struct(item) => self.define(&item.ident),
            Item::Trait(item) => self.define(&item.ident),
            Item::Type(item) => self.define(&item.ident),
            Item::Union(item) => self.define(&item.ident),
            Item::Macro(item) => item.ident.iter().for_each(|name| self.define(name)),
            // Its names are its own, and it is entered by the tree.
            Item::Mod(_) => return,
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        if item.leading_colon.is_some() {
            return;
        }
        for Import { path, name } in imports(&item.tree) {
            match name {
                Some(name) => self.names.entry(name).or_default().push(Meaning::Alias(path)),
                None => self.globs.push(path),
            }
        }
    }
}

/// One leaf of a `use`.
pub(super) struct Import {
    pub(super) path: Segments,
    /// The name that it gets; none for `*`.
    pub(super) name: Option<String>,
}

/// The leaves of a `use`.
pub(super) fn imports(tree: &UseTree) -> Vec<Import> {
    fn walk(tree: &UseTree, prefix: &[String], found: &mut Vec<Import>) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), found),
            UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, prefix, found)),
            UseTree::Glob(_) => found.push(Import { path: prefix.to_vec(), name: None }),
            UseTree::Name(name) if name.ident == "self" => {
                found.push(Import { path: prefix.to_vec(), name: prefix.last().cloned() });
            }
            UseTree::Name(name) => {
                found.push(Import { path: with(&name.ident), name: Some(name.ident.to_string()) });
            }
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" { prefix.to_vec() } else { with(&rename.ident) };
                found.push(Import { path, name: Some(rename.rename.to_string()) });
            }
        }
    }
    let mut found = Vec::new();
    walk(tree, &[], &mut found);
    found
}

/// Whether attributes say `#[cfg(test)]`, alone or with more.
pub(super) fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let condition = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        condition == "test" || condition.starts_with("all (test") || condition.starts_with("all(test")
    })
}

/// The attributes of an item.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of an item of an `impl`.
pub(super) fn attributes_within(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

fn given_path(attribute: &Attribute) -> Option<String> {
    let pair = attribute.meta.require_name_value().ok().filter(|pair| pair.path.is_ident("path"))?;
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return None };
    Some(text.value())
}
