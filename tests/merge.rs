//! Near-duplicates become the colours that they are near, by an oracle that compares each colour with each.

#![allow(missing_docs)]

mod common;

use std::collections::HashMap;

use common::{Random, assert_no_validation_messages, contexts};
use ctm::{
    Batch, ColorMap, Format, LabelOutput, Layout, MaskOutput, Merge, Metric, Nearest, Outputs, Params,
    Selection, Shape,
};

type Values = [f32; 4];

/// Pixels of three values from 0 to 255.
struct Image {
    pixels: Vec<Values>,
}

impl Image {
    /// Flat areas of a few colours with noise on a part of their pixels, as compression leaves it.
    fn compressed(random: &mut Random, width: u32, height: u32, colors: u32, noise: u32) -> Self {
        let centers: Vec<[u32; 3]> = (0..colors).map(|_| [0; 3].map(|_: u32| random.below(256))).collect();
        let mut center = centers[0];
        let pixels = (0..width * height).map(|_| {
            if random.below(20) == 0 {
                center = centers[random.below(colors) as usize];
            }
            let noisy = random.below(3) == 0;
            let [r, g, b] = center.map(|value| {
                let value = if noisy { value + random.below(2 * noise + 1) } else { value + noise };
                value.saturating_sub(noise).min(255) as f32
            });
            [r, g, b, 0.0]
        });
        Self { pixels: pixels.collect() }
    }

    fn floats(&self, scale: f32) -> Vec<f32> {
        self.pixels.iter().flat_map(|p| [p[0] * scale, p[1] * scale, p[2] * scale]).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        self.pixels.iter().flat_map(|p| [p[0] as u8, p[1] as u8, p[2] as u8]).collect()
    }
}

fn bits(values: &Values) -> [u32; 4] {
    values.map(f32::to_bits)
}

fn distance(metric: Metric, a: &Values, b: &Values) -> f64 {
    let differences: [f64; 4] = std::array::from_fn(|c| (f64::from(a[c]) - f64::from(b[c])).abs());
    match metric {
        Metric::Euclidean => differences.iter().map(|d| d * d).sum::<f64>().sqrt(),
        Metric::Chebyshev => differences.into_iter().fold(0.0, f64::max),
    }
}

/// Colours with their pixels, in the order of masks.
fn counts<'a>(pixels: impl Iterator<Item = &'a Values>) -> Vec<(Values, u64)> {
    let mut counts = HashMap::new();
    for pixel in pixels {
        counts.entry(bits(pixel)).or_insert((*pixel, 0)).1 += 1;
    }
    sorted(counts.into_values().collect())
}

fn sorted(mut colors: Vec<(Values, u64)>) -> Vec<(Values, u64)> {
    colors.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.partial_cmp(&b.0).unwrap()));
    colors
}

/// What each colour becomes.
fn becomes(ranked: &[(Values, u64)], merge: Merge) -> HashMap<[u32; 4], Values> {
    let mut staying: Vec<Values> = Vec::new();
    let mut becomes = HashMap::new();
    for (color, pixels) in ranked {
        let may = merge.most_pixels == 0 || *pixels <= merge.most_pixels;
        let near = |other: &&Values| distance(merge.metric, color, other) <= merge.tolerance;
        let into = staying.iter().find(near).copied().filter(|_| may);
        if into.is_none() {
            staying.push(*color);
        }
        becomes.insert(bits(color), into.unwrap_or(*color));
    }
    becomes
}

struct Expected {
    palette: Vec<(Values, u64)>,
    labels: Vec<u32>,
    merged: Vec<(Values, u64, Values)>,
}

/// `counted`: how many of the pixels are counted.
fn expected(image: &Image, counted: usize, params: &Params) -> Expected {
    let merge = params.merge.unwrap();
    let all = counts(image.pixels.iter());
    let frequent: HashMap<_, _> =
        counts(image.pixels[..counted].iter()).into_iter().map(|(color, n)| (bits(&color), n)).collect();
    let ranked: Vec<_> =
        all.iter().map(|&(color, _)| (color, frequent.get(&bits(&color)).copied().unwrap_or(0))).collect();
    let becomes = becomes(&sorted(ranked), merge);
    let mut chosen = counts(image.pixels[..counted].iter().map(|pixel| &becomes[&bits(pixel)]));
    let ignored = |color: &Values| params.ignored.contains(color);
    chosen.retain(|(color, pixels)| *pixels >= params.selection.min_pixels && !ignored(color));
    chosen.truncate(params.selection.max_count as usize);
    let mask = |pixel: &Values| {
        let color = becomes[&bits(pixel)];
        if ignored(&color) {
            return 0;
        }
        let near = params.nearest.unwrap_or(Nearest { metric: Metric::Chebyshev, tolerance: 0.0 });
        let distances = chosen.iter().map(|(other, _)| distance(near.metric, &color, other));
        let reached = (1..).zip(distances).filter(|&(_, distance)| distance <= near.tolerance);
        reached.min_by(|a, b| a.1.partial_cmp(&b.1).unwrap()).map_or(0, |(label, _)| label)
    };
    let labels: Vec<u32> = image.pixels.iter().map(mask).collect();
    let palette = (1..)
        .zip(&chosen)
        .map(|(label, (color, _))| (*color, labels.iter().filter(|&&other| other == label).count() as u64));
    let moved = all.iter().map(|&(color, pixels)| (color, pixels, becomes[&bits(&color)]));
    let merged = moved.filter(|(color, _, into)| color != into).collect();
    Expected { palette: palette.collect(), labels, merged }
}

fn check(maps: &[ColorMap], counted: usize, image: &Image, scale: f32, params: &Params) {
    // The oracle works on whole numbers, the maps have them times `scale`.
    let expected = expected(image, counted, params);
    let scaled = |values: &[Values]| -> Vec<Values> {
        values.iter().map(|values| values.map(|value| value * scale)).collect()
    };
    let ignored = scaled(params.ignored);
    let tolerance = |tolerance: f64| tolerance * f64::from(scale);
    let params = Params {
        ignored: &ignored,
        merge: params.merge.map(|merge| Merge { tolerance: tolerance(merge.tolerance), ..merge }),
        nearest: params.nearest.map(|near| Nearest { tolerance: tolerance(near.tolerance), ..near }),
        ..*params
    };
    for map in maps {
        for context in &mut contexts() {
            let name = format!("{}, {:?}, {params:?}", context.device_name(), map.format());
            for most in [0, 2, u32::MAX] {
                let mut labels = vec![u32::MAX; expected.labels.len()];
                let mut masks = vec![9; expected.labels.len() * expected.palette.len()];
                let outputs = Outputs {
                    masks: Some(MaskOutput::U8 { masks: &mut masks, inside: 1 }),
                    labels: Some(LabelOutput::U32(&mut labels)),
                    merged: most,
                    ..Outputs::default()
                };
                let found = context.analyze(map, &params, outputs).unwrap_or_else(|e| panic!("{name}: {e}"));
                let palette: Vec<_> =
                    found.palette.colors.iter().map(|entry| (entry.color.values(), entry.pixels)).collect();
                let wanted: Vec<_> =
                    expected.palette.iter().map(|(color, n)| (color.map(|v| v * scale), *n)).collect();
                assert_eq!(palette, wanted, "{name}");
                assert!(labels == expected.labels, "{name}: labels");
                for (label, plane) in (1..).zip(masks.chunks(labels.len())) {
                    let inside = expected.labels.iter().map(|&other| u8::from(other == label));
                    assert!(plane.iter().copied().eq(inside), "{name}: mask {label}");
                }
                assert_eq!(found.merged.colors, expected.merged.len() as u64, "{name}");
                assert_eq!(found.merged.pixels, expected.merged.iter().map(|entry| entry.1).sum::<u64>());
                let listed: Vec<_> = found
                    .merged
                    .most_frequent
                    .iter()
                    .map(|entry| (entry.color.values(), entry.pixels, entry.into.values()))
                    .collect();
                let wanted: Vec<_> = expected
                    .merged
                    .iter()
                    .take(most as usize)
                    .map(|(color, n, into)| (color.map(|v| v * scale), *n, into.map(|v| v * scale)))
                    .collect();
                assert_eq!(listed, wanted, "{name}");
            }
            assert_eq!(context.mask_count(map, &params).unwrap() as usize, expected.palette.len());
        }
    }
}

const METRICS: [Metric; 2] = [Metric::Euclidean, Metric::Chebyshev];

#[test]
fn near_duplicates_become_the_most_frequent_color_near_them() {
    let random = &mut Random(61);
    for (width, height, colors, noise) in [(150, 111, 12, 3), (200, 150, 300, 2), (63, 41, 2, 60)] {
        let image = Image::compressed(random, width, height, colors, noise);
        // A power of two, so that the floats' distances are exactly the whole numbers' times it.
        let scale = 1.0 / 256.0;
        let (floats, bytes) = (image.floats(scale), image.bytes());
        let float_map = ColorMap::new(&floats, width, height, 3).unwrap();
        let shape = Shape::new(width, height, 3).unwrap();
        let layout = Layout { format: Format::U8, ..Layout::default() };
        let byte_map = ColorMap::with_layout(&bytes, shape, &layout).unwrap();
        let background = counts(image.pixels.iter())[0].0;
        for (index, tolerance) in [0.0, 1.0, 3.0, 7.5, 1e9, f64::INFINITY].into_iter().enumerate() {
            for metric in METRICS {
                for most_pixels in [0, 5] {
                    let merge = Some(Merge { metric, tolerance, most_pixels });
                    let selection = Selection { min_pixels: 1 + 10 * (index as u64 % 2), max_count: 9 };
                    let mut params = Params { merge, ..selection.into() };
                    check(&[byte_map], image.pixels.len(), &image, 1.0, &params);
                    if index == 2 && most_pixels == 0 {
                        check(&[float_map], image.pixels.len(), &image, scale, &params);
                        let ignored = [background];
                        params.ignored = &ignored;
                        check(&[byte_map], image.pixels.len(), &image, 1.0, &params);
                        params.nearest = Some(Nearest { metric, tolerance: 40.0 });
                        check(&[byte_map], image.pixels.len(), &image, 1.0, &params);
                    }
                }
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn the_first_image_decides_what_the_others_colors_become() {
    let image = Image::compressed(&mut Random(62), 90, 120, 10, 4);
    let bytes = image.bytes();
    let layout = Layout { format: Format::U8, image_count: 3, ..Layout::default() };
    let map = ColorMap::with_layout(&bytes, Shape::new(90, 40, 3).unwrap(), &layout).unwrap();
    for metric in METRICS {
        let merge = Some(Merge { metric, tolerance: 4.0, most_pixels: 0 });
        let selection = Selection { min_pixels: 3, max_count: 20 };
        let params = Params { merge, batch: Batch::First, ..selection.into() };
        check(&[map], 90 * 40, &image, 1.0, &params);
    }
    assert_no_validation_messages();
}

#[test]
fn many_colors_merge_alike() {
    // More palette colours than are compared one by one, and more colours than two bytes number.
    let image = Image::compressed(&mut Random(63), 260, 300, 3000, 20);
    let bytes = image.bytes();
    let layout = Layout { format: Format::U8, ..Layout::default() };
    let map = ColorMap::with_layout(&bytes, Shape::new(260, 300, 3).unwrap(), &layout).unwrap();
    let merge = Some(Merge { metric: Metric::Euclidean, tolerance: 6.0, most_pixels: 0 });
    let selection = Selection { min_pixels: 1, max_count: 700 };
    let nearest = Some(Nearest { metric: Metric::Chebyshev, tolerance: 5.0 });
    for nearest in [None, nearest] {
        check(&[map], image.pixels.len(), &image, 1.0, &Params { merge, nearest, ..selection.into() });
    }
    assert_no_validation_messages();
}

/// The square of the root of 3 is less than 3.
#[test]
fn distances_are_compared_with_the_tolerance_not_their_squares() {
    let pixels = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0];
    let map = ColorMap::new(&pixels, 3, 1, 3).unwrap();
    for context in &mut contexts() {
        for (tolerance, colors) in [(3.0_f64.sqrt(), 1), (3.0_f64.sqrt().next_down(), 2)] {
            let merge = Some(Merge { metric: Metric::Euclidean, tolerance, most_pixels: 0 });
            let params = Params { merge, ..Selection { min_pixels: 1, max_count: 9 }.into() };
            let found = context.analyze(&map, &params, Outputs::default()).unwrap();
            assert_eq!(found.palette.colors.len(), colors, "{}, {tolerance}", context.device_name());
        }
    }
    assert_no_validation_messages();
}

#[test]
fn infinities_merge_with_nothing_but_at_any_distance() {
    let pixels = [f32::INFINITY, f32::INFINITY, 3e38, f32::NEG_INFINITY, f32::NAN, 3e38, 1.0, -0.0];
    let map = ColorMap::new(&pixels, 8, 1, 1).unwrap();
    for context in &mut contexts() {
        for (tolerance, colors) in [(1e30, 4), (f64::MAX, 3), (f64::INFINITY, 1)] {
            let merge = Some(Merge { metric: Metric::Chebyshev, tolerance, most_pixels: 0 });
            let params = Params { merge, ..Selection { min_pixels: 1, max_count: 9 }.into() };
            let found = context.analyze(&map, &params, Outputs::default()).unwrap();
            assert_eq!(found.palette.colors.len(), colors, "{}, {tolerance}", context.device_name());
        }
    }
    assert_no_validation_messages();
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let pixels = [0.0, 1.0];
    let map = ColorMap::new(&pixels, 2, 1, 1).unwrap();
    let mut context = contexts().remove(0);
    let merge = |tolerance| Some(Merge { metric: Metric::Euclidean, tolerance, most_pixels: 0 });
    for tolerance in [-0.5, f64::NAN] {
        let params = Params { merge: merge(tolerance), ..Params::default() };
        let text = context.mask_count(&map, &params).unwrap_err().to_string();
        assert_eq!(text, format!("merge_tolerance is {tolerance}; at least 0 is expected"));
    }
    let palette = [[0.0; 4]];
    let params = Params { merge: merge(1.0), palette: Some(&palette), ..Params::default() };
    let text = context.mask_count(&map, &params).unwrap_err().to_string();
    assert!(text.starts_with("merge is on and a palette is given"), "{text}");
}
