//! What must agree in the repository: the header with its sources, versions, stages on both backends.

#![allow(missing_docs)]

mod common;

use std::collections::BTreeSet;
use std::fs;

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
}

#[test]
fn each_stage_is_on_both_backends() {
    let stems = |folder: &str, ending: &str| -> BTreeSet<String> {
        fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(ending).map(str::to_owned))
            .filter(|stem| stem != "mod")
            .collect()
    };
    let shaders = stems("shaders", ".comp");
    assert!(shaders.contains("count"));
    let mut twins = stems("src/cpu", ".rs");
    // The host expands for both backends, and codes are part of a stage there.
    twins.extend(stems("src", ".rs").into_iter().filter(|stem| stem == "expand"));
    twins.extend(stems("src/cpu/support", ".rs").into_iter().filter(|stem| stem == "codes"));
    assert_eq!(shaders, twins, "a stage has no twin");
}
