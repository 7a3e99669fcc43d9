//! The library's targets, by what a host calls. `tests/fuzz_corpora.rs` has them as a module of its own.

// The C functions are in there.
use ctm as _;

pub mod c;
pub mod call;
pub mod case;
pub mod counts;
pub mod devices;
pub mod guarded;
pub mod interface;
pub mod mosaics;
pub mod object;
pub mod oracle;
pub mod pipeline_cache;
pub mod regions;
pub mod shapes;

/// What libFuzzer, or a replay, hands bytes to.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// How many random inputs a replay has time for.
    pub random: u64,
}

pub const TARGETS: [Target; 6] = [
    Target { name: "interface", run: interface::run, random: 5000 },
    Target { name: "counts", run: counts::run, random: 3000 },
    Target { name: "regions", run: regions::run, random: 2000 },
    Target { name: "mosaics", run: mosaics::run, random: 2000 },
    Target { name: "pipeline_cache", run: pipeline_cache::run, random: 20 },
    Target { name: "devices", run: devices::run, random: 50 },
];
