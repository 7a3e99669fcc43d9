//! Colours made to collide in the device's hash tables. In use the seeds are random and nobody can
//! make such an image; here they are known.

#![allow(missing_docs)]

mod common;

use common::{Case, DRIVERS, assert_no_validation_messages, check, limits, oracle, vulkan_options};
use ctm::{Context, DebugOptions, Options, Seeds, Selection};

/// Two-channel colours that all have the same hash under the seed 0, by the first steps of
/// `hash_color` in shaders/color.glsl.
fn colliding_case(side: u32, max_count: u32) -> Case {
    let mut pixels = Vec::new();
    let pixel_count = (side * side) as usize;
    for first in 1.. {
        let mixed = u32::wrapping_mul(first, 0x9e37_79b1);
        let second = f32::from_bits((mixed ^ (mixed >> 15)) ^ 0x1234_5678);
        if second.is_nan() || second == 0.0 {
            continue;
        }
        pixels.extend([f32::from_bits(first), second]);
        if pixels.len() == 2 * pixel_count {
            break;
        }
    }
    let selection = Selection { min_pixels: 1, max_count };
    Case { width: side, height: side, channels: 2, pixels, selection }
}

fn hold(hash_seeds: Seeds, sides: &[u32]) {
    for driver in DRIVERS {
        let debug = DebugOptions { hash_seeds: Some(hash_seeds), ..DebugOptions::default() };
        let mut context = Context::new(&Options { debug, ..vulkan_options(driver) }).unwrap();
        for &side in sides {
            let case = colliding_case(side, 300);
            check(&mut context, &case, &oracle::answer(&case)).unwrap();
        }
    }
    assert_no_validation_messages();
}

#[test]
fn another_seed_is_tried() {
    hold(Seeds { next: 0, step: 1 }, &[16, 68, 256]);
}

#[test]
fn where_every_seed_fails_the_result_is_still_right() {
    hold(Seeds { next: 0, step: 0 }, &[16, 68, 256]);
}

/// A bucket with more colours than a group may have, though the table has slots for them: the list has no
/// room.
#[test]
fn a_bucket_may_have_more_colors_than_the_list_has_room_for() {
    for driver in DRIVERS {
        for side in [36, 38, 40] {
            let case = colliding_case(side, 3000);
            let expected = oracle::answer(&case);
            let debug = DebugOptions {
                // The first is that of the buckets.
                hash_seeds: Some(Seeds { next: 0, step: 1 }),
                many_device_colors: true,
                // Lists of 1,024 colours, tables of 2,048 slots, chunks of 1,920 pixels.
                device_limits: Some(limits(1 << 14, 65_535, 1 << 30, true)),
                ..DebugOptions::default()
            };
            let mut context = Context::new(&Options { debug, ..vulkan_options(driver) }).unwrap();
            let palette = context.palette(&case.map(), &case.selection).unwrap();
            let found: Vec<_> =
                palette.colors.iter().map(|e| (e.color.values().map(f32::to_bits), e.pixels)).collect();
            assert_eq!(found, expected.colors, "{side}");
        }
    }
    assert_no_validation_messages();
}
