//! What the fuzzers once found worth keeping, and some thousand inputs from a fixed seed: quick, and without a fuzzer.
//! `scripts/fuzz` runs the same functions under libFuzzer and AddressSanitizer.

#![cfg(unix)]
#![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]

#[path = "../fuzz/src/library/mod.rs"]
mod fuzz;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The inputs of a target's corpus.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.into_iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

/// Bytes of any length, from a generator that is always the same.
fn random(number: u64) -> (String, Vec<u8>) {
    let mut state = number;
    let mut next = || {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let len = next() % 1000;
    (format!("random input {number}"), (0..len).map(|_| (next() >> 56) as u8).collect())
}

/// Runs a target's inputs, and names those that are findings.
fn replay(name: &str) {
    // The targets share contexts, which have one last error each.
    static ONE_BY_ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE_BY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let target = fuzz::TARGETS.iter().find(|target| target.name == name).unwrap();
    let inputs = corpus(name).into_iter().chain((0..target.random).map(random));
    let findings: Vec<String> = inputs
        .filter(|(_, bytes)| panic::catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err())
        .map(|(name, _)| name)
        .collect();
    assert!(findings.is_empty(), "findings:\n{}", findings.join("\n"));
}

#[test]
fn interface() {
    replay("interface");
}

#[test]
fn counts() {
    replay("counts");
}

#[test]
fn regions() {
    replay("regions");
}

#[test]
fn mosaics() {
    replay("mosaics");
}

#[test]
fn pipeline_cache() {
    replay("pipeline_cache");
}

#[test]
fn devices() {
    replay("devices");
}
