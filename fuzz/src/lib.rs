//! What the fuzz targets do with bytes, as functions: `fuzz_targets/` hands libFuzzer's to them, `tests/fuzz_corpora.rs` those
//! of the corpora. A finding is a panic, a touched guard page, or what a sanitizer says.

#![allow(missing_docs)]

// The C functions are in there.
use ctm as _;

pub mod c;
pub mod case;
pub mod counts;
pub mod devices;
pub mod guarded;
pub mod interface;
pub mod oracle;
pub mod pipeline_cache;

// The tool's files in. They call each other `crate::…`, and so lie here. Not in the test that replays the corpora, which is
// another crate: the tool's own tests replay theirs.
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/decode/mod.rs"]
mod decode;
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/decoder_process.rs"]
mod decoder_process;
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/input.rs"]
mod input;
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/interrupt.rs"]
mod interrupt;
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/memory.rs"]
mod memory;
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/palette.rs"]
mod palette;
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/source.rs"]
mod source;
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/terminal.rs"]
mod terminal;
#[cfg(feature = "tool")]
#[allow(dead_code)]
#[path = "../../tools/ctm/src/values.rs"]
mod values;

#[cfg(feature = "tool")]
pub mod decoders;
#[cfg(feature = "tool")]
pub mod palettes;

/// What libFuzzer, or a replay, hands bytes to.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// How many random inputs a replay has time for.
    pub random: u64,
}

pub const TARGETS: [Target; 4] = [
    Target { name: "interface", run: interface::run, random: 5000 },
    Target { name: "counts", run: counts::run, random: 3000 },
    Target { name: "pipeline_cache", run: pipeline_cache::run, random: 20 },
    Target { name: "devices", run: devices::run, random: 50 },
];
