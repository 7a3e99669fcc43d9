//! Colours made to collide in the device's hash tables. In use the seeds are random and nobody can
//! make such an image; here they are known.

#![allow(missing_docs)]

mod common;

use common::{Case, DRIVERS, assert_no_validation_messages, check, oracle, vulkan_options};
use ctm::{Context, DebugOptions, Options, Params, Seeds};

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
    let params = Params { min_pixels: 1, max_count };
    Case { width: side, height: side, channels: 2, pixels, params }
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
