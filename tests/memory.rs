//! How much memory a call takes beside the caller's buffers, by an allocator that counts. Stacks of
//! threads are not counted, and neither is what Vulkan drivers allocate.

#![allow(missing_docs)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use common::{Case, DRIVERS, Random, assert_no_validation_messages, vulkan_options};
use ctm::{Backend, ColorCount, Context, Options, Selection};

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
        // SAFETY: as the caller guarantees.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown_by(layout.size());
        // SAFETY: as the caller guarantees.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as the caller guarantees.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both exist while the bytes move.
        grown_by(size);
        LIVE.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as the caller guarantees.
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
    let selection = Selection { min_pixels, max_count: MASKS };
    Case { width, height, channels: 3, pixels, selection }
}

/// StatsBuilder of 16 flat colours.
fn flat(width: u32, height: u32) -> Case {
    image(width, height, 1, |x, y| {
        let region = x * 4 / width + y * 4 / height * 4;
        [region as f32 / 16.0, 0.5, 1.0 - region as f32 / 32.0]
    })
}

/// Every pixel has a colour of its own.
fn all_different(width: u32, height: u32) -> Case {
    image(width, height, 1, |x, y| {
        let pixel = x + y * width;
        [(pixel % 256) as f32, (pixel / 256 % 256) as f32, (pixel / 65_536) as f32]
    })
}

/// Slow gradients with noise, in values of 8 bits, and a plain border.
fn photo(width: u32, height: u32, min_pixels: u64) -> Case {
    let channel = |place: u32, salt: u32| {
        let noise = Random(u64::from(place) << 8 | u64::from(salt)).below(24);
        ((place / (5 + salt) + noise) % 256) as f32 / 255.0
    };
    image(width, height, min_pixels, |x, y| {
        if x < 16 || y < 16 {
            return [0.0, 0.0, 0.0];
        }
        [channel(x + 7 * y, 1), channel(3 * x + y, 2), channel(x + width * y, 3)]
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
        context.run(&map, &case.selection, masks).unwrap();
        context.run(&map, &case.selection, masks).unwrap().colors
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

#[test]
fn the_limit_holds_however_many_colours_there_are() {
    alone(|| {
        for case in [
            all_different(1920, 1080),
            photo(1920, 1080, 1),
            photo(1920, 1080, 500),
            all_different(1999, 1777),
            flat(1920, 1080),
        ] {
            let mut expected = vec![0.0; case.plane() * MASKS as usize];
            let mut masks = expected.clone();
            let (colors, unlimited) = run(&options(0), &case, &mut expected);
            for limit in [32 * MIB, 64 * MIB] {
                masks.fill(0.0);
                let (limited_colors, peak) = run(&options(limit), &case, &mut masks);
                let name = format!("{} x {}, {:?}", case.width, case.height, case.selection);
                assert!(peak <= limit, "{name}: {peak} bytes; limit {limit}, without {unlimited}");
                assert_eq!(limited_colors, colors, "{name}");
                assert!(masks == expected, "{name}: other masks with a limit of {limit} bytes");
            }
        }
    });
}

/// A list of a million colours would take more than the limit.
#[test]
fn all_colours_are_counted_within_the_limit_and_listed_only_where_they_fit() {
    alone(|| {
        let mut case = all_different(1280, 720);
        case.selection.max_count = u32::MAX;
        let colors = case.plane();
        let devices = DRIVERS.map(|driver| (driver, vulkan_options(driver)));
        for (device, options) in [("CPU", options(0))].into_iter().chain(devices) {
            let memory_limit = 32 * MIB as u64;
            let mut context = Context::new(&Options { memory_limit, ..options.clone() }).unwrap();
            let (mask_count, peak) =
                peak_of(|| context.mask_count(&case.map(), &case.selection.into()).unwrap());
            assert_eq!(mask_count as usize, colors, "{device}");
            let held = |peak: usize, context: &Context| peak as u64 + context.call_stats().device_bytes;
            assert!(held(peak, &context) <= memory_limit, "{device}: {peak} bytes");

            let (refused, peak) = peak_of(|| context.palette(&case.map(), &case.selection).unwrap_err());
            let text =
                "out of memory: 921600 colours get a mask; options.memory_limit has room for lists of 32768";
            assert_eq!(refused.to_string(), text, "{device}");
            assert!(held(peak, &context) <= memory_limit, "{device}: {peak} bytes");

            let masks = &mut vec![0.5; 7 * colors];
            let too_small = context.run(&case.map(), &case.selection, masks).unwrap_err();
            let text = "the size of masks is 25804800; 921600 masks need 3397386240000 bytes";
            assert_eq!(too_small.to_string(), text, "{device}");
            assert!(masks.iter().all(|&value| value == 0.5), "{device}");

            let unlimited = Context::new(&options).unwrap().palette(&case.map(), &case.selection).unwrap();
            assert_eq!(unlimited.colors.len(), colors, "{device}");
        }
        assert_no_validation_messages();
    });
}

#[test]
fn the_limit_is_for_the_host_and_the_device_together() {
    alone(|| {
        let case = photo(1920, 1080, 1);
        let mut masks = vec![0.0; case.plane() * MASKS as usize];
        for driver in DRIVERS {
            for limit in [32 * MIB, 64 * MIB] {
                let options = Options { memory_limit: limit as u64, ..vulkan_options(driver) };
                let (device_bytes, peak) = peak_of(|| {
                    let mut context = Context::new(&options).unwrap();
                    context.run(&case.map(), &case.selection, &mut masks).unwrap();
                    context.call_stats().device_bytes
                });
                assert!(device_bytes > 0, "{driver}");
                let held = peak as u64 + device_bytes;
                assert!(held <= limit as u64, "{driver}: {peak} + {device_bytes} bytes; limit {limit}");
            }
        }
        assert_no_validation_messages();
    });
}
