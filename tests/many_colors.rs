//! Images with more colours than fit one table, on every backend, with and without a memory limit.

#![allow(missing_docs)]

mod common;

use common::{
    Case, DRIVERS, Random, all_options, assert_no_validation_messages, check, limits, oracle, vulkan_options,
};
use ctm::{Backend, Context, DebugOptions, Options, Selection};

/// Gradients with the noise of a sensor, and a black corner: some frequent colours, a great many rare
/// ones; some pixels with NaN, and zeros of both signs.
fn photo(random: &mut Random, width: u32, height: u32, channels: u32) -> Case {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for channel in 0..channels {
                let level = match channel {
                    _ if x < width / 4 && y < height / 3 => 0,
                    0 => 200 * x / width,
                    1 => 200 * y / height,
                    _ => 40 * (x * 5 / width),
                };
                let value = (level + random.below(8)) as f32 / 255.0;
                pixels.push(match random.below(5000) {
                    0 => f32::NAN,
                    _ if value == 0.0 && random.below(2) == 0 => -0.0,
                    _ => value,
                });
            }
        }
    }
    Case { width, height, channels, pixels, selection: Selection { min_pixels: 1, max_count: 5 } }
}

/// No colour twice, neither in order nor at random.
fn all_different(width: u32, height: u32, channels: u32) -> Case {
    let mut pixels = Vec::new();
    for number in 0..width * height {
        let mixed = number.wrapping_mul(0x9e37_79b1);
        let color = match channels {
            1 => [f32::from_bits(0x3e00_0000 + (mixed >> 8)), 0.0, 0.0, 0.0],
            _ => [mixed >> 16, mixed & 0xffff, number & 7, 1].map(|value| value as f32 / 65_535.0),
        };
        pixels.extend_from_slice(&color[..channels as usize]);
    }
    Case { width, height, channels, pixels, selection: Selection { min_pixels: 1, max_count: 5 } }
}

/// Colours in which only the upper bits of two channels differ: the hash tells them apart badly,
/// whatever its seed.
fn hard_to_hash(width: u32, height: u32) -> Case {
    let mut pixels = Vec::new();
    for number in 0..width * height {
        for bits in [number % 1024, number / 1024] {
            let folded = bits << 22;
            let bits = folded ^ folded >> 15 ^ folded >> 30;
            pixels.push(f32::from_bits(bits));
        }
    }
    Case { width, height, channels: 2, pixels, selection: Selection { min_pixels: 1, max_count: 5 } }
}

/// Devices whose memory the host does not see, so that they count without it.
fn separate_memory() -> impl Iterator<Item = Options> {
    DRIVERS.into_iter().map(|driver| {
        let device_limits = Some(limits(1 << 27, 65_535, 1 << 30, false));
        let debug = DebugOptions { device_limits, ..DebugOptions::default() };
        Options { debug, ..vulkan_options(driver) }
    })
}

fn hold(mut case: Case, params: &[(u64, u32)]) {
    for &(min_pixels, max_count) in params {
        case.selection = Selection { min_pixels, max_count };
        let answer = oracle::answer(&case);
        let limited = [0, Options::LEAST_MEMORY_LIMIT].into_iter().flat_map(|memory_limit| {
            all_options().into_iter().map(move |options| Options { memory_limit, ..options })
        });
        for options in limited.chain(separate_memory()) {
            let mut context = Context::new(&options).unwrap();
            check(&mut context, &case, &answer).unwrap();
            // Another image in between: nothing of it may be left.
            case.pixels.reverse();
            context.palette(&case.map(), &case.selection).unwrap();
            case.pixels.reverse();
            check(&mut context, &case, &answer).unwrap();
        }
    }
    assert_no_validation_messages();
}

#[test]
fn photos() {
    let mut random = Random(1);
    for channels in 1..=4 {
        hold(photo(&mut random, 700, 500, channels), &[(1, 5), (40, 3)]);
    }
    hold(photo(&mut random, 517, 331, 3), &[(2, 300)]);
}

#[test]
fn all_colors_different() {
    for channels in 1..=4 {
        hold(all_different(601, 401, channels), &[(1, 3)]);
    }
    hold(all_different(601, 401, 3), &[(2, 5)]);
}

#[test]
fn colors_that_are_hard_to_hash() {
    hold(hard_to_hash(1024, 300), &[(1, 4)]);
}

/// What the device counts for the host comes in several chunks, parts and blocks.
#[test]
fn images_of_several_chunks_that_the_host_and_the_device_count_together() {
    let mut case = photo(&mut Random(3), 1900, 1301, 1);
    for (index, value) in case.pixels.iter_mut().enumerate() {
        // Rare colours beside the frequent ones, which alone would be few.
        if index % 3 == 0 {
            *value = 2.0 + index as f32;
        }
    }
    case.selection.max_count = 60;
    let answer = oracle::answer(&case);
    for driver in DRIVERS {
        // Chunks of 2^18 pixels at most, eight to a block.
        let device_limits = Some(limits(1 << 22, 65_535, 1 << 30, true));
        let debug = DebugOptions { device_limits, ..DebugOptions::default() };
        for max_threads in [1, 5] {
            let options = Options { debug: debug.clone(), max_threads, ..vulkan_options(driver) };
            let mut context = Context::new(&options).unwrap();
            check(&mut context, &case, &answer).unwrap();
            // For the table that is too small, for the codes, and for the labels.
            let pixels = case.plane() as u64;
            let read = context.call_stats().pixels_read;
            assert!(read > 2 * pixels && read < 3 * pixels, "{read} of {pixels}");
        }
    }
    assert_no_validation_messages();
}

/// Otherwise an image would be read again, and the number of its colours would stay unknown.
#[test]
fn few_colors_are_counted_in_one_read() {
    let mut case = all_different(600, 400, 3);
    for colors in [1, 16, 254, 300, 4000] {
        for (index, pixel) in case.pixels.chunks_mut(3).enumerate() {
            pixel.fill((index % colors) as f32);
        }
        for max_threads in [1, 2] {
            let options = Options { backend: Backend::Cpu, max_threads, ..Options::default() };
            let mut context = Context::new(&options).unwrap();
            let palette = context.palette(&case.map(), &case.selection).unwrap();
            assert_eq!(palette.distinct_colors, Some(colors as u64));
            assert_eq!(context.call_stats().pixels_read, case.plane() as u64, "{colors} colours");
        }
    }
}

/// One pass gives up, one counts buckets and keeps codes; without room for them, all others read the image.
#[test]
fn many_colors_are_counted_in_two_reads() {
    let mut case = all_different(3000, 3000, 1);
    let pixels = case.plane() as u64;
    let mut masks = vec![0.0; 5 * case.plane()];
    let mut reads = |case: &Case, memory_limit| {
        let options = Options { backend: Backend::Cpu, memory_limit, ..Options::default() };
        let mut context = Context::new(&options).unwrap();
        context.run(&case.map(), &case.selection, &mut masks).unwrap();
        assert_eq!(context.call_stats().pixels_read % pixels, 0);
        context.call_stats().pixels_read / pixels
    };
    assert_eq!(reads(&case, 0), 2);
    // 18 MB of codes are more than half of this.
    assert!(reads(&case, Options::LEAST_MEMORY_LIMIT) > 3);
    // Few colours: counted once, and once more for labels that could not be kept.
    case.pixels.iter_mut().enumerate().for_each(|(index, value)| *value = (index % 9) as f32);
    assert_eq!(reads(&case, 0), 1);
    assert_eq!(reads(&case, Options::LEAST_MEMORY_LIMIT), 2);
}

/// Colours that a part of the image, or its first tiles, do not have, beside pixels without a colour.
#[test]
fn colors_that_some_parts_lack() {
    let (width, height) = (512, 256); // eight tiles of the CPU's
    let pixel = |index: u32| match (index * 16 / (width * height), index % 16) {
        (_, 0) => f32::NAN,
        (0..4, _) => 1.0,                            // a tile or two of one colour
        (4..7, 1..9) => 2.0 + (index % 3000) as f32, // more numbers than a byte has
        (7, _) => 0.5,                               // the last number, and frequent
        (8.., _) => 0.25,                            // in the other half alone
        _ => 0.75,
    };
    let pixels = (0..width * height).map(pixel).collect();
    let case =
        Case { width, height, channels: 1, pixels, selection: Selection { min_pixels: 1, max_count: 5 } };
    hold(case, &[(1, 5), (1000, 300)]);
}
