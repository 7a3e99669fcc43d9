//! How much memory a call takes beside the caller's buffers, by an allocator that counts. Stacks of
//! threads are not counted, and neither is what Vulkan drivers allocate.

#![allow(missing_docs)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use common::Case;
use ctm::{Backend, ColorCount, Context, Options, Params};

/// Counts the live bytes of the whole process, and the most there have been.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grown_by(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::SeqCst) + bytes;
    PEAK.fetch_max(live, Ordering::SeqCst);
}

// SAFETY: the system's allocator does the work, and gets what this one was asked for.
#[allow(unsafe_code)]
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
        LIVE.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both exist while the bytes move.
        grown_by(size);
        LIVE.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as the caller vouches.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What `work` gives, and the most bytes that there were meanwhile beyond those before.
fn peak_of<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = LIVE.load(Ordering::SeqCst);
    PEAK.store(before, Ordering::SeqCst);
    let result = work();
    (result, PEAK.load(Ordering::SeqCst) - before)
}

/// One test at a time: the bytes are those of the process.
fn alone<R>(test: impl FnOnce() -> R) -> R {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    test()
}

const MIB: usize = 1 << 20;
const MASKS: u32 = 5;

fn image(width: u32, height: u32, min_pixels: u64, color: impl Fn(u32, u32) -> [f32; 3]) -> Case {
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            pixels.extend_from_slice(&color(x, y));
        }
    }
    let params = Params { min_pixels, max_count: MASKS };
    Case { width, height, channels: 3, pixels, params }
}

/// Regions of 16 flat colours.
fn flat(width: u32, height: u32) -> Case {
    image(width, height, 1, |x, y| {
        let region = x * 4 / width + y * 4 / height * 4;
        [region as f32 / 16.0, 0.5, 1.0 - region as f32 / 32.0]
    })
}

fn options(memory_limit: usize) -> Options {
    Options { backend: Backend::Cpu, memory_limit: memory_limit as u64, ..Options::default() }
}

/// Makes a context and has it do the case twice; the palette, and the most bytes meanwhile.
fn run(options: &Options, case: &Case, masks: &mut [f32]) -> (Vec<ColorCount>, usize) {
    peak_of(|| {
        let mut context = Context::new(options).unwrap();
        let map = case.map();
        context.run(&map, &case.params, masks).unwrap();
        context.run(&map, &case.params, masks).unwrap().colors
    })
}

#[test]
fn few_colours_take_two_bytes_a_pixel_and_32_mib() {
    alone(|| {
        for (width, height) in [(1920, 1080), (3840, 2160), (2047, 1531)] {
            let case = flat(width, height);
            let mut masks = vec![0.0; case.plane() * MASKS as usize];
            let (colors, peak) = run(&options(0), &case, &mut masks);
            assert_eq!(colors.len(), MASKS as usize);
            let most = 2 * case.plane() + 32 * MIB;
            assert!(peak <= most, "{width} x {height}: {peak} bytes, {most} at most");
        }
    });
}
