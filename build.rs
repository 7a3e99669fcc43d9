//! Makes the C header, and gives the shared library its name and its loader flags.

use std::env;
use std::path::PathBuf;

/// The header's sources, in the order of their items in it.
const C_INTERFACE: [&str; 10] = [
    "src/capi/status.rs",
    "src/capi/options.rs",
    "src/capi/counters.rs",
    "src/capi/context.rs",
    "src/capi/device_memory.rs",
    "src/capi/image.rs",
    "src/capi/params.rs",
    "src/capi/outputs.rs",
    "src/capi/analyze.rs",
    "src/capi/counts.rs",
];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=src/capi");
    println!("cargo::rerun-if-changed=shaders"); // The shader macros read more files than they name.

    let header = PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("ctm.h");
    generate_header(&root).write_to_file(&header);
    // A test compares it with include/ctm.h, which is committed: a build writes to target/ only.
    println!("cargo::rustc-env=CTM_GENERATED_HEADER={}", header.display());

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

fn generate_header(root: &std::path::Path) -> cbindgen::Bindings {
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let part = |name| env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap();
    let (major, minor, patch) = (part("MAJOR"), part("MINOR"), part("PATCH"));
    config.after_includes = Some(format!(
        "\n/** The version of this header; `ctm_version` gives that of the library. */\n\
         #define CTM_VERSION \"{major}.{minor}.{patch}\"\n\
         /** Its first number. */\n\
         #define CTM_VERSION_MAJOR {major}\n\
         /** Its second number. */\n\
         #define CTM_VERSION_MINOR {minor}\n\
         /** Its third number. */\n\
         #define CTM_VERSION_PATCH {patch}\n\n\
         /** Initialises a `ctm_options` to the defaults: `ctm_options options = CTM_OPTIONS_INIT;` */\n\
         #define CTM_OPTIONS_INIT {{ sizeof(ctm_options), CTM_BACKEND_AUTO, 0, NULL, 0, 0, 0, NULL, 0, NULL, NULL, 0, 0 }}\n\n\
         /** Initialises a `ctm_counters` to be filled: `ctm_counters counters = CTM_COUNTERS_INIT;` */\n\
         #define CTM_COUNTERS_INIT {{ sizeof(ctm_counters), 0, 0, 0, 0, 0, 0, 0, 0, 0 }}\n\n\
         /** Initialises a `ctm_device_memory`: the sizes, the file descriptor and the memory type are to be filled in. */\n\
         #define CTM_DEVICE_MEMORY_INIT {{ sizeof(ctm_device_memory), 0, 0, -1, CTM_HANDLE_OPAQUE_FD, 0, 0 }}\n\n\
         /** Initialises a `ctm_image`, whose pixels and shape are to be filled in. */\n\
         #define CTM_IMAGE_INIT {{ sizeof(ctm_image), NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL }}\n\n\
         /** Initialises a `ctm_params`: all colours get a mask. */\n\
         #define CTM_PARAMS_INIT {{ sizeof(ctm_params), 1, UINT32_MAX, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL }}\n\n\
         /** Initialises a `ctm_outputs`: nothing is written. */\n\
         #define CTM_OUTPUTS_INIT {{ sizeof(ctm_outputs), NULL, 0, 0, 0, NULL, 0, NULL, 0, sizeof(ctm_palette_entry), NULL, 0, 0, 0, 0, 0, 0, NULL, 0, NULL, NULL }}\n\n\
         /** Initialises a `ctm_result` to be filled. */\n\
         #define CTM_RESULT_INIT {{ sizeof(ctm_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }}"
    ));
    let builder = cbindgen::Builder::new().with_config(config);
    C_INTERFACE
        .iter()
        .fold(builder, |builder, file| builder.with_src(root.join(file)))
        .generate()
        .expect("src/capi is what cbindgen understands")
}
