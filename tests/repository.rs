//! What must agree in the repository: the header with its sources, versions, stages on both backends.

#![allow(missing_docs)]

mod common;

use std::fs;

use common::root;

/// `CTM_UPDATE_HEADER=1 cargo test --test repository` writes the header anew.
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
        "include/ctm.h is not what src/capi says; CONTRIBUTING.md says how to update it"
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
