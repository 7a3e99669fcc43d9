//! Gives the shared library its name and its loader flags, and makes the C header for tests.

use std::env;
use std::path::PathBuf;

#[cfg(feature = "header")]
mod build_header;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");

    #[cfg(feature = "header")]
    write_header();

    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos" | "ios" | "windows") => {}
        _ => {
            let major = env::var("CARGO_PKG_VERSION_MAJOR").unwrap();
            let soname = format!("libctm.so.{major}");
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
            link_soname(&soname);
            // The library's threads must not outlive its code when a host unloads a plug-in.
            println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
    }
}

/// A program linked with target/PROFILE/libctm.so looks for its SONAME: puts that beside it, so that
/// the library can be used as it was built. Where that fails, installing it does the same.
fn link_soname(soname: &str) {
    #[cfg(unix)]
    if let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from)
        && let Some(profile_dir) = out.ancestors().nth(3)
    {
        let _ = std::os::unix::fs::symlink("libctm.so", profile_dir.join(soname));
    }
}

/// Writes the header, which a test compares with include/ctm.h: a build writes to target/ only.
#[cfg(feature = "header")]
fn write_header() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    println!("cargo::rerun-if-changed=build_header.rs");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=src/capi");
    let header = build_header::header(&root);
    std::fs::write(out.join("ctm.h"), &header).unwrap();
    std::fs::write(out.join("layout.rs"), build_header::layout(&header)).unwrap();
    println!("cargo::rustc-env=CTM_GENERATED_HEADER={}", out.join("ctm.h").display());
}
