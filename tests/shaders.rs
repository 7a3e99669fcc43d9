//! The compiled shaders are those of the sources, and a build needs no shader compiler.

#![allow(missing_docs)]

mod common;

use std::process::Command;

use common::root;

/// A command's output, if it succeeds.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.current_dir(root()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

#[test]
#[cfg(unix)]
fn the_modules_are_what_the_sources_give() {
    output(Command::new("scripts/shaders").arg("--check")).unwrap_or_else(|why| panic!("{why}"));
}

/// Packages that a C++ compiler, CMake or Python builds.
const HEAVY: [&str; 4] = ["shaderc", "shaderc-sys", "cmake", "cc"];

#[test]
fn a_build_needs_rust_and_a_linker_only() {
    let tree = |features: &str| {
        let arguments =
            ["tree", "--package", "ctm", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
        let mut cargo = Command::new(env!("CARGO"));
        output(cargo.args(arguments).args(["--locked", "--features", features])).unwrap()
    };
    let heavy = |tree: &str| {
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        names.filter(|name| HEAVY.contains(name)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(heavy(&tree("")), [""; 0]);
    // So it is found where it is.
    assert!(heavy(&tree("compile-shaders")).contains(&"shaderc-sys".to_owned()));
}
