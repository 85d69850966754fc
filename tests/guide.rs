//! The README and the guide: their links lead somewhere, on GitHub and in rustdoc, and they show
//! well in both.
//!
//! Everything here reads files as text. The examples are doctests of `src/lib.rs` and
//! `src/guide.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const DOCS_RS: &str = "https://docs.rs/softmdp/latest/softmdp/";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The chapters in their order: title and file, from the numbered list of the table of contents.
fn chapters() -> Vec<(String, String)> {
    let contents = read("docs/guide/README.md");
    let entries = contents.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    entries
        .map(|line| {
            let (_, link) = line.split_once('[').expect("an entry has a link");
            let (title, rest) = link.split_once("](").expect("an entry links to a file");
            (title.to_string(), rest.split_once(')').expect("a link ends").0.to_string())
        })
        .collect()
}

/// A page of Markdown: lines outside of code, lines of code by fence, and definitions of links.
struct Page {
    name: String,
    prose: Vec<String>,
    fences: Vec<(String, Vec<String>)>,
    definitions: Vec<(String, String)>,
}

impl Page {
    fn read(name: &str) -> Self {
        let (mut prose, mut fences, mut definitions) = (Vec::new(), Vec::new(), Vec::new());
        let mut in_code = false;
        for line in read(name).lines() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                in_code = !in_code;
                if in_code {
                    fences.push((language.to_string(), Vec::new()));
                }
            } else if in_code {
                fences.last_mut().expect("a fence is open").1.push(line.to_string());
            } else if let Some((label, target)) =
                line.strip_prefix('[').and_then(|rest| rest.split_once("]: "))
            {
                definitions.push((label.to_string(), target.to_string()));
            } else {
                prose.push(line.to_string());
            }
        }
        assert!(!in_code, "{name}: a fence is not closed");
        Self { name: name.to_string(), prose, fences, definitions }
    }

    /// README and chapters.
    fn all() -> Vec<Self> {
        let chapters = chapters();
        let names = chapters.iter().map(|(_, file)| format!("docs/guide/{file}"));
        std::iter::once("README.md".to_string()).chain(names).map(|name| Self::read(&name)).collect()
    }

    /// Labels of the links in the prose, and whatever is linked in place.
    fn links(&self) -> (BTreeSet<String>, Vec<String>) {
        let text: Vec<char> = self.prose.join("\n").chars().collect();
        let (mut labels, mut inline) = (BTreeSet::new(), Vec::new());
        let until = |from: usize, end: char| {
            let length = text[from..].iter().position(|&character| character == end);
            from + length.unwrap_or_else(|| panic!("{}: no {end} after character {from}", self.name))
        };
        let slice = |from: usize, to: usize| text[from..to].iter().collect::<String>().replace('\n', " ");
        let mut at = 0;
        while at < text.len() {
            match text[at] {
                '`' => at = until(at + 1, '`'),
                '[' => {
                    let end = until(at, ']');
                    let (label_start, label_end) = match text.get(end + 1) {
                        Some('[') => (end + 2, until(end + 1, ']')),
                        Some('(') => {
                            inline.push(slice(end + 2, until(end + 1, ')')));
                            at = end;
                            continue;
                        }
                        _ => (at + 1, end),
                    };
                    labels.insert(slice(label_start, label_end));
                    at = label_end;
                }
                _ => {}
            }
            at += 1;
        }
        (labels, inline)
    }
}

/// All sources of a module of the crate, given by its path from the root.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn contents_list_every_chapter_once() {
    let chapters = chapters();
    assert_eq!(chapters.len(), 15);
    let listed: BTreeSet<String> = chapters.iter().map(|(_, file)| file.clone()).collect();
    let files = fs::read_dir(root().join("docs/guide")).unwrap();
    let found: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|file| file != "README.md")
        .collect();
    assert_eq!(listed, found);

    let module = read("src/guide.rs");
    for (number, (title, file)) in chapters.iter().enumerate() {
        assert_eq!(
            read(format!("docs/guide/{file}")).lines().next(),
            Some(format!("# {title}").as_str()),
            "{file}"
        );
        let name = file.strip_suffix(".md").expect("a chapter is Markdown");
        assert!(
            module.contains(&format!("//! {}. [`{name}`]: ", number + 1)),
            "{name} is not in src/guide.rs"
        );
        assert!(module.contains(&format!("include_str!(\"../docs/guide/{file}\")")), "{name} is not shown");
    }
}

#[test]
fn chapters_lead_to_the_previous_and_to_the_next_one() {
    let chapters = chapters();
    for (place, (_, file)) in chapters.iter().enumerate() {
        let page = Page::read(&format!("docs/guide/{file}"));
        let previous = (place > 0).then(|| format!("Previous: [{}]", chapters[place - 1].0));
        let next = chapters.get(place + 1).map(|(title, _)| format!("Next: [{title}]"));
        let contents = Some("Contents: [guide]".to_string());
        let expected: Vec<String> = [previous, next, contents].into_iter().flatten().collect();
        let last = page.prose.iter().rev().find(|line| !line.is_empty()).cloned();
        assert_eq!(last, Some(expected.join(" · ")), "{file}");
        for (label, target) in &page.definitions {
            if let Some((_, chapter)) = chapters.iter().find(|(title, _)| title == label) {
                assert_eq!(target, chapter, "{file}");
            }
        }
    }
}

#[test]
fn links_are_defined_and_definitions_are_used() {
    for page in Page::all() {
        let (used, inline) = page.links();
        assert_eq!(inline, Vec::<String>::new(), "{}: use references, which rustdoc can replace", page.name);
        let defined: BTreeSet<String> = page.definitions.iter().map(|(label, _)| label.clone()).collect();
        assert!(!defined.is_empty(), "{} has no block of links", page.name);
        assert_eq!(used, defined, "{}", page.name);
        assert_eq!(defined.len(), page.definitions.len(), "{}: a link is defined twice", page.name);
    }
}

#[test]
fn linked_items_and_files_exist() {
    let mut crate_text = String::new();
    sources(&root().join("src"), &mut crate_text);
    let in_rustdoc = format!("{}\n{}", read("src/links.md"), read("docs/pictures/inline.md"));
    for page in Page::all() {
        for (label, target) in &page.definitions {
            let place = format!("{}: [{label}]", page.name);
            if let Some(path) = target.strip_prefix(DOCS_RS) {
                let (modules, file) = path.rsplit_once('/').unwrap_or(("", path));
                let parts: Vec<&str> = file.split('.').collect();
                let (kind, name) = match parts[..] {
                    ["index", "html"] => ("mod", modules),
                    [kind @ ("struct" | "enum" | "trait" | "fn"), name, "html"] => (kind, name),
                    _ => panic!("{place}: {target} is no page of an item"),
                };
                assert_eq!(label.trim_matches('`'), name, "{place}");
                let declaration = format!("pub {kind} {name}");
                let declared = crate_text.match_indices(&declaration).any(|(at, found)| {
                    let after = crate_text[at + found.len()..].chars().next();
                    after.is_some_and(|character| !character.is_alphanumeric() && character != '_')
                });
                assert!(declared, "{place}: no {kind} {name} in src");
            } else {
                let folder = root().join(&page.name).parent().expect("a page is in a folder").to_path_buf();
                assert!(folder.join(target).exists(), "{place}: no file {target}");
                let replaced = in_rustdoc.lines().any(|line| line.starts_with(&format!("[{label}]: ")));
                assert!(replaced, "{place}: rustdoc has no files; define it in src/links.md");
            }
        }
    }
}

#[test]
fn code_shows_well_on_github() {
    for page in Page::all() {
        for (language, lines) in &page.fences {
            assert!(
                ["rust", "rust,no_run", "text", "sh"].contains(&language.as_str()),
                "{}: a fence of language {language:?}",
                page.name
            );
            for line in lines.iter().filter(|_| language.starts_with("rust")) {
                assert!(
                    line != "#" && !line.trim_start().starts_with("# "),
                    "{}: hidden line {line}",
                    page.name
                );
            }
        }
        let text = read(&page.name);
        assert!(!text.contains("crate::"), "{}: a link that only rustdoc knows", page.name);
        for line in text.lines().filter(|line| !line.starts_with(['|', '['])) {
            assert!(line.chars().count() <= 100, "{}: a long line: {line}", page.name);
        }
    }
}

/// What `docs/pictures/shrink.py` writes: a picture as part of a link.
#[test]
fn pictures_of_rustdoc_are_those_of_github() {
    for line in read("docs/pictures/inline.md").lines() {
        let (label, picture) = line.split_once("]: <data:image/svg+xml,").expect("a picture is an SVG");
        let name = match label {
            "[two policies" => "two_policies",
            "[first map" => "first_model",
            "[goal inference" => "goal_inference",
            _ => panic!("{label}] is not known to this test"),
        };
        let mut expected = read(format!("docs/pictures/{name}.svg")).replace('\n', " ").trim().to_string();
        for (character, code) in [("%", "%25"), ("#", "%23"), ("<", "%3C"), (">", "%3E"), ("\"", "'")] {
            expected = expected.replace(character, code);
        }
        assert_eq!(picture.strip_suffix('>'), Some(expected.as_str()), "{name}: run docs/pictures/shrink.py");
    }
}
