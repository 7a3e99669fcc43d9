//! A map of thousands of provinces becomes all that people make of it in one call, in little memory.

#![cfg(unix)]

use std::ffi::OsStr;

use crate::common::python;

/// MiB. The masks as planes would be 8 GB; the pixels, their labels and all files take a hundredth.
const MOST_MEMORY: u64 = 500;

#[test]
fn provinces_become_masks_coco_svg_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let peak = python("provinces.py", &[OsStr::new(env!("CARGO_BIN_EXE_ctm")), folder.path().as_os_str()]);
    let peak: u64 = peak.trim().parse().unwrap();
    assert!((10..MOST_MEMORY).contains(&peak), "{peak} MiB");
}
