//! The search of the documentation finds items by the words that people look for.
//!
//! Needs the pages of `cargo doc --no-deps --all-features`. Then:
//! `cargo test --all-features --test suite search_index -- --ignored`.

use std::path::Path;
use std::{fs, io};

/// The names in the search index, aliases included, as one text.
///
/// Newer versions of rustdoc write a folder of files, older ones one script.
fn names(pages: &Path) -> io::Result<String> {
    let folder = pages.join("search.index/name");
    let is_index = |path: &Path| {
        path.starts_with(&folder)
            || path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("search-index"))
    };
    let mut names = String::new();
    for file in fs::read_dir(if folder.is_dir() { &folder } else { pages })? {
        let path = file?.path();
        if is_index(&path) {
            names.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(names)
}

#[test]
#[ignore = "reads what `cargo doc` has written"]
fn aliases_reach_the_search_index() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let names = names(&target.join("doc")).expect("`cargo doc --no-deps --all-features` has run");
    // None of them is part of any other name.
    let aliases = [
        "backward_induction",    // on the re-export of a function
        "compressed_sparse_row", // of a type of a public module
        "deadline",              // of a type
        "policy_iteration",      // of an enum
        "smoothing",
        "reinforce",         // in a module
        "occupancy_measure", // on methods
        "likelihood",
        "gumbel", // on a variant
        "nfxp",
        "birl",
        "maximum_entropy_irl",
        "nested_pseudo_likelihood",
    ];
    let missing: Vec<_> = aliases.into_iter().filter(|alias| !names.contains(alias)).collect();
    assert!(missing.is_empty(), "not in the index: {missing:?}");
}
