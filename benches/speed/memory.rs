//! Memory that a context takes beyond the caller's buffers, by an allocator that counts while it is told
//! to. Stacks of threads, and what Vulkan drivers allocate, are not counted.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use ctm::{ColorMap, Context, Error, Options, Selection};

use crate::columns::cpu_options;
use crate::inputs::{Input, Kind};
use crate::plan::{FULL_HD, UHD_4K};

/// While off, as in all rows that are timed, an allocation costs a load more.
struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

fn grown_by(bytes: usize) {
    if ON.load(Ordering::Relaxed) {
        let bytes = bytes as i64;
        let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
        PEAK.fetch_max(live, Ordering::Relaxed);
    }
}

fn shrunk_by(bytes: usize) {
    if ON.load(Ordering::Relaxed) {
        LIVE.fetch_sub(bytes as i64, Ordering::Relaxed);
    }
}

// SAFETY: the system's allocator does the work, and gets what this one was asked for.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown_by(layout.size());
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown_by(layout.size());
        // SAFETY: as the caller vouches.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        shrunk_by(layout.size());
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both exist while the bytes move.
        grown_by(size);
        shrunk_by(layout.size());
        // SAFETY: as the caller vouches.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most memory that a new context took for two equal calls.
pub struct Memory {
    pub name: String,
    pub bytes: u64,
    /// What the goal allows.
    pub most: u64,
}

const MIB: u64 = 1 << 20;

/// Few colours without a limit, and all colours different with limits, on the CPU.
pub fn measure() -> Result<Vec<Memory>, String> {
    let jobs = [
        (Kind::Flat16, UHD_4K, 0),
        (Kind::Noise4096, UHD_4K, 0),
        (Kind::AllDifferent, FULL_HD, 32 * MIB),
        (Kind::AllDifferent, FULL_HD, 64 * MIB),
        (Kind::AllDifferent, UHD_4K, 32 * MIB),
        (Kind::AllDifferent, UHD_4K, 64 * MIB),
    ];
    let job = |(kind, size, limit): (Kind, _, u64)| {
        let input = Input::new(kind, size, 3);
        let bytes = peak(&input, limit).map_err(|error| format!("memory, {}: {error}", kind.name()))?;
        let name = format!("{} {}x{}", kind.name(), input.width, input.height);
        Ok(Memory { name, bytes, most: if limit == 0 { 2 * input.plane() as u64 + 32 * MIB } else { limit } })
    };
    jobs.into_iter().map(job).collect()
}

fn peak(input: &Input, memory_limit: u64) -> Result<u64, Error> {
    let map = ColorMap::new(&input.floats, input.width, input.height, input.channels)?;
    let selection = Selection { min_pixels: 1, max_count: 5 };
    let mut masks = vec![0.0; 5 * input.plane()];
    let options = Options { memory_limit, ..cpu_options(0) };
    LIVE.store(0, Ordering::Relaxed);
    PEAK.store(0, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    let result = Context::new(&options).and_then(|mut context| {
        context.run(&map, &selection, &mut masks)?;
        context.run(&map, &selection, &mut masks)
    });
    ON.store(false, Ordering::Relaxed);
    result.map(|_| PEAK.load(Ordering::Relaxed).max(0) as u64)
}
