//! What a call on a Vulkan device costs, by the counters: bytes over the bus, dispatches, allocations.

#![allow(missing_docs)]

mod common;

use common::{
    Case, DRIVERS, Random, assert_no_validation_messages, check, limits, oracle, random_case, vulkan_options,
};
use ctm::{CallStats, Context, DebugOptions, DeviceLimits, Options, Selection};

fn context(driver: &str, copy_pixels: bool, device_limits: Option<DeviceLimits>) -> Context {
    let debug = DebugOptions { copy_pixels, device_limits, ..DebugOptions::default() };
    Context::new(&Options { debug, ..vulkan_options(driver) }).unwrap()
}

/// What the second of two equal calls has cost.
fn warm_costs(context: &mut Context, case: &Case) -> CallStats {
    let mut masks = vec![0.0; case.plane() * case.selection.max_count.min(300) as usize];
    context.run(&case.map(), &case.selection, &mut masks).unwrap();
    let cold = context.call_stats();
    // Pipelines may be those of a context before.
    assert!(cold.device_allocations > 0, "{cold:?}");
    context.run(&case.map(), &case.selection, &mut masks).unwrap();
    context.call_stats()
}

/// Of the small table that the first call begins with: a label for each number.
const LABEL_TABLE_BYTES: u64 = 4 * (4096 + 1);
/// Of the report.
const REPORT_BYTES: u64 = 20;
/// Of an entry of the list of colours.
const ENTRY_BYTES: u64 = 12;
/// Of the word by which the device says that it has written the labels. It comes back with them.
const RECEIPT_BYTES: u64 = 4;

/// What comes back of a chunk with labels of so many bytes.
fn with_receipt(label_bytes: u64) -> u64 {
    label_bytes.next_multiple_of(256) + RECEIPT_BYTES
}

#[test]
fn a_pixel_crosses_the_bus_once_and_its_label_comes_back() {
    let random = &mut Random(7);
    let mut case = random_case(random, 400, 300, 3, 300, 1);
    let pixels = case.plane() as u64;
    // (driver, pixels are copied, the device's memory is its own)
    for (driver, copy, separate) in [
        ("llvmpipe", false, false),
        ("llvmpipe", true, false),
        ("llvmpipe", true, true),
        ("SwiftShader", true, false),
        ("SwiftShader", true, true),
    ] {
        let device_limits = separate.then(|| limits(1 << 27, 65_535, 1 << 30, false));
        for (max_count, label_bytes) in [(1, 1), (5, 1), (100, 1), (254, 1), (255, 2)] {
            case.selection = Selection { min_pixels: 1, max_count };
            let costs = warm_costs(&mut context(driver, copy, device_limits.clone()), &case);
            let expected = CallStats {
                bytes_to_device: if copy { 12 * pixels } else { 0 } + LABEL_TABLE_BYTES + RECEIPT_BYTES,
                bytes_from_device: with_receipt(label_bytes * pixels) + REPORT_BYTES + ENTRY_BYTES * 300,
                bytes_imported: if copy { 0 } else { 12 * pixels },
                dispatches: 3,
                // More colours than are copied along with the report are fetched over the bus.
                submissions: if separate { 3 } else { 2 },
                device_allocations: 0,
                pipelines: 0,
                pixels_read: pixels,
                device_bytes: costs.device_bytes,
                bytes_overlapped: 0, // there is one chunk
            };
            assert_eq!(costs, expected, "{driver}, copied: {copy}, separate: {separate}, {max_count} masks");
        }
    }
    assert_no_validation_messages();
}

#[test]
fn each_chunk_has_two_submissions_and_three_dispatches() {
    let case = random_case(&mut Random(8), 2048, 1024, 3, 20, 30);
    let pixels = case.plane() as u64;
    for driver in DRIVERS {
        let costs = warm_costs(&mut context(driver, true, None), &case);
        assert_eq!((costs.submissions, costs.dispatches), (8, 12), "{costs:?}");
        assert_eq!(costs.bytes_to_device, 12 * pixels + 4 * (LABEL_TABLE_BYTES + RECEIPT_BYTES));
        // All but the first chunk's are written while the device works on the chunk before.
        assert_eq!(costs.bytes_overlapped, 12 * pixels / 4 * 3);
        let labels = 4 * with_receipt(pixels / 4);
        assert_eq!(costs.bytes_from_device, labels + 4 * (REPORT_BYTES + ENTRY_BYTES * 256));
        assert_eq!((costs.pixels_read, costs.device_allocations, costs.pipelines), (pixels, 0, 0));
        // 2 bytes a pixel, and 32 MiB for all else.
        assert!(costs.device_bytes <= 2 * pixels + (32 << 20), "{costs:?}");
    }
    assert_no_validation_messages();
}

#[test]
fn a_small_call_is_two_submissions() {
    let case = random_case(&mut Random(9), 64, 64, 3, 16, 9);
    for driver in DRIVERS {
        let costs = warm_costs(&mut context(driver, false, None), &case);
        assert_eq!((costs.submissions, costs.dispatches), (2, 3), "{costs:?}");
        assert_eq!((costs.device_allocations, costs.pipelines, costs.bytes_imported), (0, 0, 0));
    }
    assert_no_validation_messages();
}

/// Once for the table that turns out to be too small, once for the bounds that rule all colours out.
#[test]
fn colors_that_cannot_matter_are_not_counted() {
    let mut case = random_case(&mut Random(10), 600, 400, 3, 240_000, 1);
    case.selection = Selection { min_pixels: 500, max_count: 5 };
    let pixels = case.plane() as u64;
    for driver in DRIVERS {
        let costs = warm_costs(&mut context(driver, false, None), &case);
        assert_eq!((costs.pixels_read, costs.submissions, costs.dispatches), (2 * pixels, 2, 3), "{costs:?}");
    }
    assert_no_validation_messages();
}

#[test]
fn memory_stays_below_the_limit() {
    let random = &mut Random(11);
    let mut all_different = random_case(random, 900, 700, 4, 630_000, 1);
    for (index, pixel) in all_different.pixels.chunks_mut(4).enumerate() {
        pixel[0] = (index / 2) as f32; // pairs of equal first channels, some of equal colours
    }
    all_different.selection.max_count = 100; // whose colours are read in several ways
    // One colour has half of the pixels, and so its bucket more than can be counted at a time.
    let mut mostly_one = all_different.clone();
    for pixel in mostly_one.pixels.chunks_mut(8) {
        pixel[..4].fill(0.25);
    }
    mostly_one.selection = Selection { min_pixels: 2, max_count: 300 };
    let few = random_case(random, 2000, 1500, 4, 300, 20);
    for driver in DRIVERS {
        let debug = DebugOptions { copy_pixels: true, ..DebugOptions::default() };
        let memory_limit = Options::LEAST_MEMORY_LIMIT;
        let options = Options { debug, memory_limit, ..vulkan_options(driver) };
        let mut context = Context::new(&options).unwrap();
        for case in [&few, &all_different, &mostly_one, &few] {
            check(&mut context, case, &oracle::answer(case)).unwrap();
            let costs = context.call_stats();
            assert!(costs.device_bytes <= memory_limit / 4 * 3, "{costs:?}");
        }
    }
    assert_no_validation_messages();
}
