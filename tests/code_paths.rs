//! The code paths of other devices: their limits, their memory, images larger than a storage buffer,
//! tables that must grow, and stages split over both backends.

#![allow(missing_docs)]

mod common;

use common::{
    Case, DRIVERS, Random, assert_no_validation_messages, check, contexts, limits, oracle, random_case,
    vulkan_options,
};
use ctm::{Backend, ColorMap, Context, DebugOptions, DeviceLimits, Options, Selection};

const UNLIMITED: u64 = 1 << 30;

/// Images that could break at chunk, dispatch, table or palette edges.
fn awkward_cases() -> Vec<Case> {
    let random = &mut Random(1);
    let mut cases = Vec::new();
    let sizes = [(1, 1), (63, 1), (64, 1), (65, 1), (1, 129), (97, 31), (256, 64), (333, 100)];
    for (width, height) in sizes {
        for channels in 1..=4 {
            for colors in [1, 2, 300, width * height] {
                for longest_run in [1, 40] {
                    let mut case = random_case(random, width, height, channels, colors, longest_run);
                    case.selection = Selection {
                        min_pixels: random.below(4).into(),
                        max_count: [1, 5, 300][random.below(3) as usize],
                    };
                    cases.push(case);
                }
            }
        }
    }
    // NaN first, last, and everywhere.
    let mut nan = random_case(random, 130, 3, 3, 4, 5);
    nan.pixels[0] = f32::NAN;
    *nan.pixels.last_mut().unwrap() = f32::NAN;
    cases.push(nan.clone());
    nan.pixels.fill(f32::NAN);
    cases.push(nan);
    cases
}

fn hold(context: &mut Context, cases: &[Case]) {
    for case in cases {
        check(context, case, &oracle::answer(case)).unwrap();
    }
}

/// The drivers take turns, so that each has half of the cases, of every kind.
fn hold_with_limits(limits: &DeviceLimits) {
    let cases = awkward_cases();
    for (turn, driver) in DRIVERS.into_iter().enumerate() {
        let debug = DebugOptions { device_limits: Some(limits.clone()), ..DebugOptions::default() };
        let options = Options { debug, ..vulkan_options(driver) };
        let context = &mut Context::new(&options).unwrap();
        for (index, case) in cases.iter().enumerate() {
            // Neighbours differ in one thing alone.
            if (index + index / 2) % DRIVERS.len() == turn {
                hold(context, std::slice::from_ref(case));
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn plain() {
    let cases = awkward_cases();
    contexts().iter_mut().for_each(|context| hold(context, &cases));
    assert_no_validation_messages();
}

/// Pixels that begin anywhere in a page, in images that are large enough to be imported, of one chunk
/// and of several; and the same copied.
#[test]
fn pixels_are_read_where_they_lie() {
    let random = &mut Random(12);
    for (width, height, channels) in [(1000, 333, 1), (700, 501, 3), (1500, 1501, 2)] {
        let case = random_case(random, width, height, channels, 300, 20);
        let answer = oracle::answer(&case);
        let mut masks = vec![0.0; answer.masks.len()];
        for copy_pixels in [false, true] {
            let debug = DebugOptions { copy_pixels, ..DebugOptions::default() };
            for driver in DRIVERS {
                let options = Options { debug: debug.clone(), ..vulkan_options(driver) };
                let mut context = Context::new(&options).unwrap();
                for before in [0, 1, 63, 1023] {
                    let mut pixels = vec![f32::NAN; before];
                    pixels.extend(&case.pixels);
                    let map = ColorMap::new(&pixels[before..], width, height, channels).unwrap();
                    masks.fill(0.5);
                    context.run(&map, &case.selection, &mut masks).unwrap();
                    assert!(masks == answer.masks, "{driver}, copied: {copy_pixels}, {before} floats before");
                    let imported = context.call_stats().bytes_imported;
                    let expected =
                        if copy_pixels || driver == "SwiftShader" { 0 } else { 4 * case.pixels.len() };
                    assert_eq!(imported, expected as u64);
                }
            }
        }
    }
    assert_no_validation_messages();
}

/// Bounds by bucket, groups, and looking colours up, on images of all kinds.
#[test]
fn images_counted_as_if_they_had_very_many_colors() {
    let cases: Vec<_> = awkward_cases().into_iter().step_by(7).collect();
    let devices = [
        None,
        Some(limits(1 << 13, 3, UNLIMITED, true)),
        Some(limits(1 << 16, 65_535, 1 << 18, false)),
        Some(DeviceLimits { writable_memory: true, ..limits(1 << 16, 65_535, UNLIMITED, false) }),
    ];
    for driver in DRIVERS {
        for device_limits in &devices {
            let debug = DebugOptions {
                many_device_colors: true,
                device_limits: device_limits.clone(),
                ..DebugOptions::default()
            };
            hold(&mut Context::new(&Options { debug, ..vulkan_options(driver) }).unwrap(), &cases);
        }
    }
    assert_no_validation_messages();
}

/// As a GPU deals pixels to invocations, with memory that the host sees and pixels where they lie.
#[test]
fn workgroups_of_other_sizes() {
    for (workgroup_size, count_copies) in [(1, 7), (16, 2), (64, 3), (128, 1)] {
        let all = limits(1 << 27, 65_535, UNLIMITED, true);
        hold_with_limits(&DeviceLimits { workgroup_size, count_copies, ..all });
    }
}

#[test]
fn small_storage_buffers() {
    hold_with_limits(&limits(1 << 13, 65_535, UNLIMITED, true));
    hold_with_limits(&limits(1 << 16, 65_535, UNLIMITED, true));
}

#[test]
fn few_workgroups() {
    hold_with_limits(&limits(1 << 27, 1, UNLIMITED, true));
    hold_with_limits(&limits(1 << 27, 3, UNLIMITED, true));
}

#[test]
fn memory_that_the_host_cannot_see() {
    hold_with_limits(&limits(1 << 27, 65_535, UNLIMITED, false));
    hold_with_limits(&limits(1 << 16, 65_535, UNLIMITED, false));
}

/// What the host writes goes over the bus at once; what it reads is copied.
#[test]
fn memory_that_the_host_writes_to() {
    let written =
        |range, memory| DeviceLimits { writable_memory: true, ..limits(range, 65_535, memory, false) };
    hold_with_limits(&written(1 << 27, UNLIMITED));
    hold_with_limits(&written(1 << 16, UNLIMITED));
    hold_with_limits(&written(1 << 13, 1 << 17));
}

#[test]
fn little_memory() {
    hold_with_limits(&limits(1 << 27, 65_535, 1 << 18, true));
    hold_with_limits(&limits(1 << 27, 65_535, 1 << 17, false));
    hold_with_limits(&limits(1 << 13, 2, 1 << 16, false));
}

/// What is kept from image to image fills the memory again and again, and is released.
#[test]
fn images_that_push_each_other_out_of_memory() {
    let random = &mut Random(6);
    let cases: Vec<Case> = (0..150)
        .map(|_| {
            let (width, height) = (1 + random.below(200), 1 + random.below(120));
            let channels = 1 + random.below(4);
            let colors = if random.below(2) == 0 { 9 } else { width * height };
            random_case(random, width, height, channels, colors, 3)
        })
        .collect();
    for driver in DRIVERS {
        for range in [1 << 15, 1 << 27] {
            let device_limits = Some(limits(range, 65_535, 1_200_000, true));
            let debug = DebugOptions { device_limits, ..DebugOptions::default() };
            let options = Options { debug, ..vulkan_options(driver) };
            hold(&mut Context::new(&options).unwrap(), &cases);
        }
    }
    assert_no_validation_messages();
}

#[test]
fn stages_on_different_backends() {
    let cases = awkward_cases();
    for driver in DRIVERS {
        for stages in [[Backend::Vulkan, Backend::Cpu], [Backend::Cpu, Backend::Vulkan]] {
            let debug = DebugOptions { stages: Some(stages), ..DebugOptions::default() };
            let options = Options { debug, ..vulkan_options(driver) };
            hold(&mut Context::new(&options).unwrap(), &cases);
        }
    }
    assert_no_validation_messages();
}

/// Larger than the drivers' own storage-buffer range in four channels: several chunks without any
/// limit lowered, and tables that grow to millions of colours.
#[test]
fn images_larger_than_a_storage_buffer() {
    let random = &mut Random(2);
    // 16 bytes a pixel: a row more than 128 MiB, which is what lavapipe's buffers hold.
    let (width, height) = (4096, 2049);
    for (colors, longest_run) in [(4096, 1), (16, 500), (width * height, 1)] {
        let mut case = random_case(random, width, height, 4, colors, longest_run);
        case.selection = Selection { min_pixels: 2, max_count: 3 };
        let answer = oracle::answer(&case);
        for driver in DRIVERS {
            check(&mut Context::new(&vulkan_options(driver)).unwrap(), &case, &answer).unwrap();
        }
    }
    assert_no_validation_messages();
}

/// Labels of one, two and four bytes, and their edges.
#[test]
fn many_masks() {
    let random = &mut Random(3);
    let mut contexts = contexts();
    for (side, max_count) in [(40, 254), (40, 255), (64, 1000), (65, 4225)] {
        let mut case = random_case(random, side, side, 3, side * side, 1);
        for (index, pixel) in case.pixels.chunks_mut(3).enumerate() {
            pixel[0] = index as f32;
        }
        case.selection = Selection { min_pixels: 1, max_count };
        contexts.iter_mut().for_each(|context| hold(context, std::slice::from_ref(&case)));
    }
    assert_no_validation_messages();
}

/// The planes of 70,000 masks would need 20 GB here: the number is asked for, and a buffer for fewer
/// masks is refused.
#[test]
fn more_masks_than_memory_holds() {
    let pixels: Vec<f32> = (0..70_000).map(|value| value as f32).collect();
    let width = pixels.len() as u32;
    let selection = Selection { min_pixels: 1, max_count: u32::MAX };
    let case = Case { width, height: 1, channels: 1, pixels, selection };
    for mut context in contexts() {
        assert_eq!(context.palette(&case.map(), &selection).unwrap().colors.len(), width as usize);
        let refused = context.run(&case.map(), &selection, &mut [0.0; 1000]);
        assert!(
            matches!(&refused, Err(ctm::Error::TooSmall { mask_count, .. }) if *mask_count == width),
            "{refused:?}"
        );
    }
    assert_no_validation_messages();
}
