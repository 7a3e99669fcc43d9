//! Cryptomattes as the specification has them, written and decoded by another program.

#![cfg(unix)]

mod common;

use std::ffi::OsStr;
use std::fs;

use common::{Run, python, run};
use tempfile::TempDir;

fn written() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    python("cryptomatte.py", &[OsStr::new("write"), folder.path().as_os_str()]);
    folder
}

fn segmented(folder: &TempDir, name: &str, more: &[&str]) -> Run {
    let (image, output) = (folder.path().join(name), folder.path().join("out"));
    let args = ["segment", image.to_str().unwrap(), "-o", output.to_str().unwrap(), "--json"];
    run([&args, &["--cryptomatte"][..], more].concat())
}

fn names(run: Run) -> Vec<String> {
    let json = run.quiet().json();
    let masks = json["masks"].as_array().unwrap();
    masks.iter().map(|mask| mask["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn masks_are_those_of_another_decoder() {
    let folder = written();
    for (name, layer, objects) in [
        ("render.exr", "CryptoObject", 8),
        ("render.exr", "View.CryptoMaterial", 3),
        ("plain.exr", "CryptoObject", 8),
        ("window.exr", "CryptoObject", 8),
        ("tiles.exr", "CryptoObject", 8),
        ("half-coverage.exr", "CryptoObject", 8),
    ] {
        let all = [layer, "--min-pixels", "0", "--max-count", "all", "--format", "png,exr,npz,tiff"];
        let told = segmented(&folder, name, &all).quiet();
        assert_eq!(told.json()["cryptomatte"], layer);
        let output = folder.path().join("out");
        fs::write(output.join("told.json"), &told.stdout).unwrap();
        let image = folder.path().join(name);
        let args = [OsStr::new("check"), image.as_os_str(), OsStr::new(layer), output.as_os_str()];
        assert_eq!(python("cryptomatte.py", &args).trim(), objects.to_string(), "{name}");
    }
}
