//! What must agree in the repository: the header with its sources, versions, stages on both backends.

#![allow(missing_docs)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::root;

/// `CTM_UPDATE_HEADER=1 cargo test --workspace --lib --test repository is_current` writes the header anew.
#[cfg(feature = "capi")]
#[test]
fn the_header_is_current() {
    let generated = fs::read_to_string(env!("CTM_GENERATED_HEADER")).unwrap();
    let committed = root().join("include/ctm.h");
    if std::env::var_os("CTM_UPDATE_HEADER").is_some() {
        // At once, since another test reads it.
        let whole = root().join("target/ctm.h");
        fs::write(&whole, &generated).unwrap();
        fs::rename(whole, &committed).unwrap();
    }
    let committed = fs::read_to_string(committed).unwrap();
    assert!(
        committed == generated,
        "include/ctm.h is not what src/capi says; this writes it anew: \
         CTM_UPDATE_HEADER=1 cargo test --workspace --lib --test repository is_current"
    );
}

#[test]
fn versions_agree() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(ctm::VERSION, version);
    let header = fs::read_to_string(root().join("include/ctm.h")).unwrap();
    assert!(header.contains(&format!("#define CTM_VERSION \"{version}\"")));
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains(&format!("## {version}")), "CHANGELOG.md has no entry for {version}");
    assert!(!changelog.contains("## Unreleased"), "CHANGELOG.md has changes of no version");
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let text = fs::read_to_string(root().join(lock)).unwrap();
        assert!(
            text.contains(&format!("name = \"ctm\"\nversion = \"{version}\"")),
            "{lock} has another version"
        );
    }
}

/// What stands before a version of ctm in pages, examples and build files.
const BEFORE_VERSIONS: [&str; 4] = ["libctm.so.", "deb/ctm_", "find_package(ctm ", "\nctm "];

/// The whole version or its first numbers: `0`, `0.2` and `0.2.0` all stand for 0.2.0.
#[test]
fn pages_and_examples_name_this_version() {
    let version: Vec<&str> = env!("CARGO_PKG_VERSION").split('.').collect();
    let mut files =
        vec![root().join("README.md"), root().join("CMakeLists.txt"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "examples", "packaging", "bindings", "plugins", "tools"] {
        text_files(&root().join(folder), &mut files);
    }
    let mut named = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for before in BEFORE_VERSIONS {
            for (place, _) in text.match_indices(before) {
                let rest = &text[place + before.len()..];
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
                let numbers: Vec<&str> = rest[..end].trim_end_matches('.').split('.').collect();
                if numbers[0].is_empty() {
                    continue; // A word.
                }
                assert!(version.starts_with(&numbers), "{}: {before}{}", file.display(), &rest[..end]);
                named += usize::from(numbers.len() > 1);
            }
        }
    }
    assert!(named >= 6, "only {named} places name a version");
}

/// The files below a folder that people write by hand.
fn text_files(folder: &Path, found: &mut Vec<PathBuf>) {
    const ENDINGS: [&str; 8] = ["md", "txt", "toml", "in", "py", "sh", "c", "json"];
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() {
            if !["build", "node_modules", "__pycache__"].contains(&name.as_str()) {
                text_files(&path, found);
            }
        } else if ENDINGS.iter().any(|ending| path.extension().is_some_and(|has| has == *ending)) {
            found.push(path);
        }
    }
}

/// The processor's twin of a shader has its name.
#[test]
fn each_shader_has_a_twin() {
    let stages: Vec<String> = fs::read_dir(root().join("shaders"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".comp").map(str::to_owned))
        .collect();
    assert!(stages.iter().any(|stage| stage == "count"));
    for stage in stages {
        // The host expands for both backends.
        let twins = ["src/backend/cpu", "src/backend/cpu/many", "src/output"];
        let has_twin = twins.iter().any(|folder| root().join(format!("{folder}/{stage}.rs")).is_file());
        assert!(has_twin, "shaders/{stage}.comp has no twin {stage}.rs in any of {twins:?}");
    }
}
