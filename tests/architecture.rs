//! No two modules depend on each other, and folders that could become crates use the public
//! interface only.
//!
//! The test reads the sources as text. It collects the paths in `use` items and in code, and
//! follows re-exports to the file that defines the item. It skips unit tests. It does not see
//! method calls on values, because they name no path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A path from the root of the crate, without `crate`.
type Names = Vec<String>;
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The names in one file.
#[derive(Default)]
struct Module {
    /// Each name that the module re-exports, and the path it stands for.
    exports: BTreeMap<String, Names>,
    /// Names that the module declares or re-exports as `pub`.
    public: BTreeSet<String>,
    /// Paths into the crate, without re-exports of the module's own descendants.
    paths: BTreeSet<Names>,
}

struct Sources(BTreeMap<Names, Module>);

impl Sources {
    /// The library.
    fn read() -> Self {
        Self::of("src")
    }

    /// A crate, whose root is in the folder. Programs in `src/bin` are crates of their own.
    fn of(folder: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut texts = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    if path != root.join("bin") {
                        folders.push(path);
                    }
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let inside = path.strip_prefix(&root).unwrap().with_extension("");
                    let mut names: Names = inside.iter().map(|name| name.to_str().unwrap().into()).collect();
                    names.pop_if(|name| name == "mod" || name == "lib" || name == "main");
                    texts.insert(names, code(&std::fs::read_to_string(path).unwrap()));
                }
            }
        }
        let modules: BTreeSet<Names> = texts.keys().cloned().collect();
        Self(texts.into_iter().map(|(here, text)| (here.clone(), module(&here, &text, &modules))).collect())
    }

    /// The module that defines the item at a path.
    fn resolve(&self, path: &[String]) -> Names {
        let inside = (0..=path.len()).rev().find(|&n| self.0.contains_key(&path[..n])).unwrap();
        let (here, rest) = path.split_at(inside);
        match rest.first().and_then(|name| self.0[here].exports.get(name)) {
            Some(from) => self.resolve(&[from, &rest[1..]].concat()),
            None => here.to_vec(),
        }
    }

    /// Whether a user of the crate can write the path.
    fn is_public(&self, path: &[String]) -> bool {
        let mut steps = (0..path.len()).map_while(|n| Some((self.0.get(&path[..n])?, &path[n])));
        steps.all(|(module, name)| module.public.contains(name))
    }

    /// Which modules use which. `name` maps a file to a node: itself, or its folder in `src`.
    fn graph(&self, name: impl Fn(&Names) -> String) -> Graph {
        let mut graph = Graph::new();
        for (here, module) in self.0.iter().filter(|(here, _)| !here.is_empty()) {
            let targets = module.paths.iter().map(|path| self.resolve(path));
            let others = targets.filter(|there| !there.is_empty()).map(|there| name(&there));
            graph.entry(name(here)).or_default().extend(others.filter(|there| *there != name(here)));
        }
        graph
    }

    /// The private paths out of a folder, except those that start with an allowed prefix.
    fn private_paths(&self, folder: &str, allowed: &[&str]) -> Vec<String> {
        let files = self.0.iter().filter(|(here, _)| here.first().is_some_and(|name| name == folder));
        let paths = files.flat_map(|(here, module)| module.paths.iter().map(move |path| (here, path)));
        let outside = paths.filter(|(_, path)| path.first().is_some_and(|name| name != folder));
        let private =
            outside.filter(|(_, path)| !self.is_public(path)).map(|(here, path)| (here, path.join("::")));
        let forbidden = private.filter(|(_, path)| !allowed.iter().any(|start| path.starts_with(start)));
        forbidden.map(|(here, path)| format!("{} uses crate::{path}", here.join("::"))).collect()
    }
}

/// Removes comments and unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap().to_owned() + "\n").collect()
}

fn module(here: &[String], text: &str, modules: &BTreeSet<Names>) -> Module {
    let mut module = Module::default();
    let mut rest = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (before, tree) = line.split_once("use ").unwrap_or((line, ""));
        let visibility = before.trim();
        if tree.is_empty() || !["", "pub", "pub(crate)", "pub(super)"].contains(&visibility) {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.next() == Some("pub") {
                let kinds = ["", "const", "enum", "fn", "mod", "struct", "trait", "type"];
                module.public.extend(words.find(|word| !kinds.contains(word)).map(Into::into));
            }
            rest.push_str(line);
            rest.push('\n');
            continue;
        }
        let mut tree = tree.to_owned();
        while !tree.ends_with(';') {
            tree += lines.next().expect("the end of a use").trim();
        }
        for (path, name) in flat(tree.trim_end_matches(';'), "") {
            if visibility == "pub" {
                module.public.insert(name.clone());
            }
            let Some(path) = absolute(here, &path, modules) else { continue };
            if visibility.is_empty() || !path.starts_with(here) {
                module.paths.insert(path.clone());
            }
            if !visibility.is_empty() && path != [here, std::slice::from_ref(&name)].concat() {
                module.exports.insert(name, path);
            }
        }
    }
    let words = rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    let paths = words.map(|word| word.trim_matches(':')).filter(|word| word.contains("::"));
    module.paths.extend(paths.filter_map(|path| absolute(here, path, modules)));
    module
}

/// Splits a use tree into paths, each with the name that it brings in.
fn flat(tree: &str, prefix: &str) -> Vec<(String, String)> {
    let mut depth = 0;
    let parts = tree.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    let paths = parts.flat_map(|part| {
        if let Some((head, tail)) = part.split_once('{') {
            flat(tail.strip_suffix('}').unwrap(), &format!("{prefix}{head}"))
        } else {
            let path = format!("{prefix}{part}");
            let (path, name) = path.split_once(" as ").unwrap_or((&path, path.trim_end_matches("::self")));
            vec![(path.to_owned(), name.rsplit("::").next().unwrap().to_owned())]
        }
    });
    paths.collect()
}

/// The path from the root of the crate, or `None` if it starts in another crate or in this file.
fn absolute(here: &[String], path: &str, modules: &BTreeSet<Names>) -> Option<Names> {
    let mut base = here.to_vec();
    let mut names: Vec<&str> = path.split("::").map(str::trim).collect();
    names.pop_if(|name| *name == "self" || *name == "*");
    match *names.first()? {
        "crate" => base.clear(),
        "self" | "super" => {}
        name if modules.contains(&[here, &[name.to_owned()]].concat()) => {}
        _ => return None,
    }
    let is_step = |name: &&str| ["crate", "self", "super"].contains(name);
    for _ in names.iter().take_while(|name| is_step(name)).filter(|name| **name == "super") {
        base.pop();
    }
    base.extend(names.iter().skip_while(|name| is_step(name)).map(|name| (*name).to_owned()));
    Some(base)
}

/// The edges that lie on a cycle.
fn cycles(graph: &Graph) -> Vec<String> {
    let reaches = |from: &String, to: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(graph.get(node).into_iter().flatten());
            }
        }
        seen.contains(to)
    };
    let edges = graph.iter().flat_map(|(from, targets)| targets.iter().map(move |to| (from, to)));
    edges.filter(|(from, to)| reaches(to, from)).map(|(from, to)| format!("{from} uses {to}")).collect()
}

#[test]
fn top_level_modules_have_no_cycle() {
    let graph = Sources::read().graph(|names| names[0].clone());
    assert!(graph["backward"].contains("mdp"), "paths are found");
    assert_eq!(cycles(&graph), [""; 0]);
}

#[test]
fn files_have_no_cycle() {
    let graph = Sources::read().graph(|names| names.join("::"));
    assert!(graph["mdp::builder"].contains("mdp::prior"), "paths are found, and re-exports followed");
    assert_eq!(cycles(&graph), [""; 0]);
}

/// It is a crate of its own, so that the compiler holds it to the public interface.
#[test]
fn files_of_the_command_have_no_cycle() {
    let graph = Sources::of("src/bin/softmdp").graph(|names| names.join("::"));
    assert!(graph["finite"].contains("problem"), "paths are found");
    assert_eq!(cycles(&graph), [""; 0]);
}

#[test]
fn separable_folders_use_only_the_public_interface() {
    let sources = Sources::read();
    let found = [
        sources.private_paths("plot", &["arrays", "color"]),
        sources.private_paths("io", &["arrays", "color"]),
        sources.private_paths("gridworld", &["arrays", "color"]),
        sources.private_paths("learning", &["arrays", "kernels", "mdp::check", "mdp::Check"]),
    ];
    assert_eq!(found.concat(), [""; 0]);
    assert_ne!(sources.private_paths("learning", &[]), [""; 0], "private paths are found");
}
