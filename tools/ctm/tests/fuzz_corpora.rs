//! What the fuzzers once found worth keeping of image files and palettes. `scripts/fuzz` runs the same functions under libFuzzer
//! and AddressSanitizer.

#![cfg(unix)]
#![allow(missing_docs, unreachable_pub)]

include!("../../../fuzz/src/tool.rs");

#[path = "../../../fuzz/src/decoders.rs"]
mod decoders;
#[path = "../../../fuzz/src/palettes.rs"]
mod palettes;

use std::fs;
use std::panic;
use std::path::Path;

/// Runs a target's inputs, and names those that are findings.
fn replay(name: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let fails = |file: &&Path| panic::catch_unwind(|| run(&fs::read(file).unwrap())).is_err();
    let findings: Vec<&Path> = files.iter().map(AsRef::as_ref).filter(fails).collect();
    assert!(findings.is_empty(), "findings: {findings:?}");
}

#[test]
fn decoders() {
    replay("decoders", decoders::run);
}

#[test]
fn palettes() {
    replay("palettes", palettes::run);
}
