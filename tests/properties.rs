//! Random cases against the oracle, bit for bit, on every backend.

#![allow(missing_docs)]

mod common;

use common::{Case, assert_no_validation_messages, check, contexts_of_all_levels, oracle};
use ctm::{Context, Selection};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Channel values that could be mistaken for each other.
const SPECIAL: [u32; 20] = [
    0x0000_0000, // +0
    0x8000_0000, // −0
    0x0000_0001, // the smallest subnormal
    0x8000_0001,
    0x007f_ffff, // the largest subnormal
    0x807f_ffff,
    0x0080_0000, // the smallest normal number
    0x8080_0000,
    0x3f7f_ffff, // one ulp below 1
    0x3f80_0000, // 1
    0x3f80_0001, // one ulp above 1
    0xbf80_0000,
    0x7f7f_ffff, // the largest number
    0x7f80_0000, // +infinity
    0xff80_0000,
    0x7fc0_0000, // NaNs
    0xffc0_0000,
    0x7f80_0001,
    0xff80_0001,
    0xffff_ffff,
];

fn special() -> impl Strategy<Value = f32> {
    prop::sample::select(&SPECIAL[..]).prop_map(f32::from_bits)
}

fn eight_bit() -> impl Strategy<Value = f32> {
    any::<u8>().prop_map(|value| f32::from(value) / 255.0)
}

fn any_bits() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits)
}

fn params(pixels: u64) -> impl Strategy<Value = Selection> {
    let min_pixels = prop_oneof![
        4 => 0..=pixels / 3 + 1,
        2 => 0..=2u64,
        1 => Just(pixels),
        1 => Just(pixels + 1),
        1 => prop::sample::select(vec![1 << 31, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX]),
    ];
    let max_count = prop_oneof![6 => 0..20u32, 2 => 200..300u32, 1 => Just(u32::MAX)];
    (min_pixels, max_count).prop_map(|(min_pixels, max_count)| Selection { min_pixels, max_count })
}

/// Images whose pixels are drawn, in runs, from at most `colors` colours.
fn cases<V>(value: impl Fn() -> V, colors: usize, most_pixels: u32) -> impl Strategy<Value = Case>
where
    V: Strategy<Value = f32>,
{
    let color = prop::collection::vec(value(), 4);
    let palette = prop::collection::vec(color, 1..=colors);
    (1..=most_pixels, 1..=40u32, 1..=4u32, palette, 1..=30usize).prop_flat_map(
        move |(pixels, height, channels, palette, longest_run)| {
            let width = pixels.div_ceil(height);
            let plane = (width * height) as usize;
            let run = (0..palette.len(), 1..=longest_run);
            let runs = prop::collection::vec(run, 1..=plane.div_ceil(longest_run).clamp(1, 400));
            (runs, params(plane as u64)).prop_map(move |(runs, selection)| {
                let runs = runs.iter().cycle();
                let indices = runs.flat_map(|&(color, length)| std::iter::repeat_n(color, length));
                let pixels = indices
                    .take(plane)
                    .flat_map(|color| palette[color][..channels as usize].to_vec())
                    .collect();
                Case { width, height, channels, pixels, selection }
            })
        },
    )
}

/// Holds every backend against the oracle.
fn hold(number: u32, cases: impl Strategy<Value = Case>) {
    let contexts = std::cell::RefCell::new(contexts_of_all_levels());
    let config = Config { cases: number, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&cases, |case| {
        let answer = oracle::answer(&case);
        let check = |context: &mut Context| check(context, &case, &answer);
        contexts.borrow_mut().iter_mut().try_for_each(check).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert_no_validation_messages();
}

// Together more than 10,000 cases.

#[test]
fn special_values() {
    hold(4000, cases(special, 12, 300));
}

#[test]
fn eight_bit_maps() {
    hold(4000, cases(eight_bit, 60, 3000));
}

#[test]
fn any_bit_patterns() {
    hold(2000, cases(any_bits, 600, 1500));
}

#[test]
fn single_pixels_and_lines() {
    hold(1000, cases(special, 3, 8));
}
