//! The table of docs/ffi.md: how large the structs are and where their fields lie, for languages that read no C header.

use std::fmt::Write as _;
use std::path::Path;

use crate::capi::counters::ctm_counters;
use crate::capi::device_memory::ctm_device_memory;
use crate::capi::image::ctm_image;
use crate::capi::options::ctm_options;
use crate::capi::outlines::ctm_outlines;
use crate::capi::outputs::{ctm_merged_color, ctm_outputs, ctm_palette_entry};
use crate::capi::params::ctm_params;
use crate::capi::result::ctm_result;
use crate::capi::runs::ctm_runs;

const BEGIN: &str = "<!-- layout: begin -->\n";
const END: &str = "<!-- layout: end -->\n";

/// Every struct of the header with all of its fields: `build_header.rs` lists them.
fn table() -> String {
    let structs = include!(concat!(env!("OUT_DIR"), "/layout.rs"));
    let mut text = String::new();
    for (name, size, fields) in structs {
        write!(text, "\n`{name}`: {size} bytes\n\n| offset | field |\n| --: | --- |\n").unwrap();
        for (declaration, offset) in fields {
            writeln!(text, "| {offset} | `{declaration}` |").unwrap();
        }
    }
    text + "\n"
}

/// A C program of `c_tests` compares the same table with what the C compiler says.
#[test]
#[cfg(target_pointer_width = "64")]
fn the_layout_table_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ffi.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (listed, tail) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("CTM_UPDATE_HEADER").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
    } else {
        assert!(
            listed == table,
            "the table in docs/ffi.md is not what src/capi says; this writes it anew: \
             CTM_UPDATE_HEADER=1 cargo test --workspace --lib --test repository is_current"
        );
    }
}
