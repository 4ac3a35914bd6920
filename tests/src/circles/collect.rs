//! What each module names.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemUse, Macro, Meta};

use super::graph::Graph;
use super::tree::{Id, Segments, Target, Tree, attributes, attributes_within, imports, only_for_tests};

/// Keys of attributes whose strings are words and no paths.
const WORDS: [&str; 10] = [
    "alias",
    "content",
    "doc",
    "expecting",
    "path",
    "reason",
    "rename",
    "rename_all",
    "rename_all_fields",
    "tag",
];

/// Adds what each module of a crate needs of others, but for a module and what lies below it.
pub(super) fn needs(tree: &Tree, graph: &mut Graph) {
    for (module, content) in tree.modules.iter().enumerate() {
        let mut collector = Collector { tree, module, graph };
        for item in &content.items {
            collector.visit_item(item);
        }
    }
}

struct Collector<'t> {
    tree: &'t Tree,
    module: Id,
    graph: &'t mut Graph,
}

impl Collector<'_> {
    fn needs(&mut self, path: &[String]) {
        for target in self.tree.resolve(self.module, path) {
            // Who names a module goes through it to what it means; that is found where it is named.
            if let Target::Item(module, name) = target {
                self.add(module, &name);
            }
        }
    }

    fn needs_module(&mut self, path: &[String]) {
        for target in self.tree.resolve(self.module, path) {
            match target {
                Target::Item(module, name) => self.add(module, &name),
                Target::Module(module) => self.add(module, &path.join("::")),
            }
        }
    }

    fn add(&mut self, module: Id, name: &str) {
        if let Some((from, to)) = self.tree.siblings(self.module, module) {
            let own = &self.tree.modules[self.module].file;
            let below =
                own.file_name().filter(|_| own != from).map(|file| format!(" (in {})", file.display()));
            self.graph.add(from, to, &format!("{name}{}", below.unwrap_or_default()));
        }
    }

    /// Every path in the tokens of a macro or an attribute.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut tokens = tokens.into_iter().peekable();
        // What stands behind a dot is a field or a method.
        let mut behind_dot = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(name) => {
                    if !behind_dot {
                        path.push(name.to_string());
                    }
                    behind_dot = false;
                    // `::` and a further name go on with the path.
                    let mut ahead = tokens.clone();
                    let colons = (0..2)
                        .all(|_| matches!(ahead.next(), Some(TokenTree::Punct(p)) if p.as_char() == ':'));
                    if colons && matches!(ahead.next(), Some(TokenTree::Ident(_))) && !path.is_empty() {
                        tokens.nth(1);
                        continue;
                    }
                    self.needs(&std::mem::take(&mut path));
                }
                TokenTree::Punct(punct) => behind_dot = punct.as_char() == '.',
                TokenTree::Group(group) => {
                    behind_dot = false;
                    self.scan(group.stream());
                }
                TokenTree::Literal(_) => behind_dot = false,
            }
        }
    }

    /// `key = "text"` in the tokens of an attribute.
    fn scan_strings(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for token in &tokens {
            if let TokenTree::Group(group) = token {
                self.scan_strings(group.stream());
            }
        }
        for window in tokens.windows(3) {
            let [TokenTree::Ident(key), TokenTree::Punct(equals), TokenTree::Literal(literal)] = window
            else {
                continue;
            };
            let text: Option<syn::LitStr> = syn::parse2(TokenTree::Literal(literal.clone()).into()).ok();
            if let Some(text) =
                text.filter(|_| equals.as_char() == '=' && !WORDS.contains(&key.to_string().as_str()))
            {
                self.string(&key.to_string(), &text);
            }
        }
    }

    fn string(&mut self, key: &str, text: &syn::LitStr) {
        // serde's `with` names a module, or a type.
        if key == "with" {
            if let Ok(path) = text.parse::<syn::Path>() {
                self.needs_module(&segments(&path));
            }
        } else if let Ok(kind) = text.parse::<syn::Type>() {
            self.visit_type(&kind);
        }
    }
}

fn segments(path: &syn::Path) -> Segments {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

impl Visit<'_> for Collector<'_> {
    fn visit_item(&mut self, item: &Item) {
        if !only_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        if !only_for_tests(attributes_within(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        if item.leading_colon.is_none() {
            for import in imports(&item.tree).into_iter().filter(|import| import.name.is_some()) {
                self.needs(&import.path);
            }
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.needs(&segments(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &Macro) {
        self.visit_path(&called.path);
        self.scan(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        if let Meta::List(list) = &attribute.meta {
            self.scan(list.tokens.clone());
            self.scan_strings(list.tokens.clone());
        }
    }
}
