//! Pixels that are shared out to the masks around them, by an oracle that looks at each by itself; and how well an
//! anti-aliased map gives the countries of the flat one.

#![allow(missing_docs)]

mod common;

use std::collections::HashMap;

use common::{Random, assert_no_validation_messages, contexts, root};
use ctm::{
    Backend, Batch, ColorMap, Connectivity, Context, Format, LabelOutput, Layout, MaskLayout, MaskOutput,
    MaskStats, Metric, Nearest, Options, Outputs, Params, Selection, Shape, Unlisted,
};

type Color = [f64; 4];

/// A batch of images: what is stored, and each pixel's colour, if it has one.
struct Images {
    width: usize,
    height: usize,
    count: usize,
    channels: usize,
    floats: Vec<f32>,
    colors: Vec<Option<Color>>,
}

impl Images {
    fn new(width: usize, height: usize, count: usize, channels: usize, floats: Vec<f32>) -> Self {
        let color = |pixel: &[f32]| {
            let mut color = [0.0; 4];
            pixel.iter().zip(&mut color).for_each(|(&value, color)| *color = f64::from(value));
            (!pixel.iter().any(|value| value.is_nan())).then_some(color)
        };
        let colors = floats.chunks(channels).map(color).collect();
        Self { width, height, count, channels, floats, colors }
    }

    fn map(&self) -> ColorMap<'_> {
        let layout = Layout { format: Format::F32, image_count: self.count as u32, ..Layout::default() };
        // SAFETY: the pixels' bytes.
        #[allow(unsafe_code)]
        let bytes: &[u8] =
            unsafe { std::slice::from_raw_parts(self.floats.as_ptr().cast(), self.floats.len() * 4) };
        let shape = Shape::new(self.width as u32, self.height as u32, self.channels as u32).unwrap();
        ColorMap::with_layout(bytes, shape, &layout).unwrap()
    }

    fn plane(&self) -> usize {
        self.width * self.height
    }

    /// Each pixel's mask before any is shared out.
    fn masks(&self, palette: &[Color]) -> Vec<Option<usize>> {
        let mask = |color: &Option<Color>| color.and_then(|color| palette.iter().position(|c| *c == color));
        self.colors.iter().map(mask).collect()
    }

    /// The masks that a pixel is shared out to: of all pixels around it the nearest ones' masks.
    fn candidates(
        &self,
        masks: &[Option<usize>],
        palette: &[Color],
        pixel: usize,
        radius: usize,
    ) -> Vec<usize> {
        let (x, y) = (pixel % self.width, pixel / self.width % self.height);
        let image = pixel / self.plane() * self.plane();
        // Of each mask the least distance, and how many pixels it has there.
        let mut found: HashMap<usize, (usize, i64)> = HashMap::new();
        let rows = y.saturating_sub(radius)..(y + radius + 1).min(self.height);
        let columns = x.saturating_sub(radius)..(x + radius + 1).min(self.width);
        for (row, column) in rows.flat_map(|row| columns.clone().map(move |column| (row, column))) {
            let distance = row.abs_diff(y).max(column.abs_diff(x));
            let Some(mask) = masks[image + row * self.width + column] else { continue };
            if palette[mask].iter().any(|value| value.is_infinite()) {
                continue;
            }
            let entry = found.entry(mask).or_insert((distance, 0));
            match distance.cmp(&entry.0) {
                std::cmp::Ordering::Less => *entry = (distance, 1),
                std::cmp::Ordering::Equal => entry.1 += 1,
                std::cmp::Ordering::Greater => {}
            }
        }
        let mut order: Vec<_> =
            found.into_iter().map(|(mask, (near, pixels))| (near, -pixels, mask)).collect();
        order.sort_unstable();
        order.into_iter().take(4).map(|(_, _, mask)| mask).collect()
    }
}

fn squared(a: &Color, b: &Color) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn mix(colors: &[Color], weights: &[f64]) -> Color {
    let mut mix = [0.0; 4];
    for (color, weight) in colors.iter().zip(weights) {
        mix.iter_mut().zip(color).for_each(|(mix, value)| *mix += weight * value);
    }
    mix
}

/// Solves a system of linear equations, whose right sides are the last column; `None` where it has no single solution.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let count = rows.len();
    for column in 0..count {
        let pivot = (column..count)
            .max_by(|&a, &b| rows[a][column].abs().partial_cmp(&rows[b][column].abs()).unwrap())?;
        if rows[pivot][column].abs() < 1e-7 {
            return None;
        }
        rows.swap(column, pivot);
        for row in (0..count).filter(|&row| row != column) {
            let factor = rows[row][column] / rows[column][column];
            let subtracted = rows[column].clone();
            rows[row].iter_mut().zip(subtracted).for_each(|(value, other)| *value -= factor * other);
        }
    }
    Some((0..count).map(|row| rows[row][count] / rows[row][row]).collect())
}

/// The best shares, by the equations of Lagrange for each choice of colours that have one; and whether no others are
/// as good.
fn best_shares(colors: &[Color], point: &Color) -> (Vec<f64>, bool) {
    let dot = |a: &Color, b: &Color| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut best: Option<(f64, Vec<f64>)> = None;
    let mut unique = true;
    for chosen in 1..1usize << colors.len() {
        let members: Vec<usize> = (0..colors.len()).filter(|index| chosen >> index & 1 == 1).collect();
        let mut rows: Vec<Vec<f64>> = members
            .iter()
            .map(|&a| {
                let mut row: Vec<f64> = members.iter().map(|&b| dot(&colors[a], &colors[b])).collect();
                row.extend([1.0, dot(&colors[a], point)]);
                row
            })
            .collect();
        rows.push(members.iter().map(|_| 1.0).chain([0.0, 1.0]).collect());
        let Some(solution) = solve(rows) else {
            unique = false;
            continue;
        };
        if solution[..members.len()].iter().any(|&weight| weight < -1e-12) {
            continue;
        }
        let mut weights = vec![0.0; colors.len()];
        members.iter().zip(solution).for_each(|(&member, weight)| weights[member] = weight);
        let distance = squared(&mix(colors, &weights), point);
        if best.as_ref().is_none_or(|best| distance < best.0) {
            best = Some((distance, weights));
        }
    }
    (best.unwrap().1, unique)
}

/// What a call gave.
#[derive(Clone, PartialEq)]
struct Answer {
    labels: Vec<u32>,
    /// As bits.
    coverage: Vec<u32>,
    palette: Vec<([u32; 4], u64)>,
    regions: Vec<MaskStats>,
}

fn analyze(context: &mut Context, images: &Images, params: &Params, mask_count: usize) -> Answer {
    let pixels = images.colors.len();
    let mut labels = vec![u32::MAX; pixels];
    let mut coverage = vec![f32::NAN; mask_count * pixels + 3];
    let outputs = Outputs {
        labels: Some(LabelOutput::U32(&mut labels)),
        masks: Some(MaskOutput::Coverage(&mut coverage)),
        mask_stats: true,
        ..Outputs::default()
    };
    let analysis = context.analyze(&images.map(), params, outputs).unwrap();
    assert!(coverage.split_off(mask_count * pixels).iter().all(|value| value.is_nan()));
    assert_eq!(analysis.palette.colors.len(), mask_count);
    // Without shares: the same labels, palette, and masks that follow from the labels.
    let (mut again, mut masks) = (vec![u16::MAX; pixels], vec![7; mask_count * pixels]);
    let outputs = Outputs {
        labels: Some(LabelOutput::U16(&mut again)),
        masks: Some(MaskOutput::U8 { masks: &mut masks, inside: 1 }),
        mask_stats: true,
        ..Outputs::default()
    };
    let binary = context.analyze(&images.map(), params, outputs).unwrap();
    assert!(again.iter().map(|&label| u32::from(label)).eq(labels.iter().copied()));
    for (index, &mask) in masks.iter().enumerate() {
        assert_eq!(mask == 1, labels[index % pixels] as usize == index / pixels + 1);
    }
    assert_eq!(binary.palette.colors, analysis.palette.colors);
    for (index, region) in binary.mask_stats.iter().enumerate() {
        check_box(region, images, index % images.count, |pixel| {
            labels[pixel] as usize == index / images.count + 1
        });
        let with_shares = analysis.mask_stats[index];
        let of_shares = |region: MaskStats| MaskStats { left: 0, top: 0, width: 0, height: 0, ..region };
        assert_eq!(of_shares(*region), of_shares(with_shares));
        check_box(&with_shares, images, index % images.count, |pixel| {
            coverage[index / images.count * pixels + pixel] > 0.0
        });
    }
    Answer {
        labels,
        coverage: coverage.iter().map(|value| value.to_bits()).collect(),
        palette: analysis
            .palette
            .colors
            .iter()
            .map(|entry| (entry.color.values().map(f32::to_bits), entry.pixels))
            .collect(),
        regions: analysis.mask_stats,
    }
}

fn check_box(region: &MaskStats, images: &Images, image: usize, inside: impl Fn(usize) -> bool) {
    let plane = images.plane();
    let pixels = (image * plane..(image + 1) * plane).filter(|&pixel| inside(pixel));
    let places: Vec<_> =
        pixels.map(|pixel| ((pixel % images.width) as u32, (pixel % plane / images.width) as u32)).collect();
    let found = (region.left, region.top, region.width, region.height);
    let Some(left) = places.iter().map(|place| place.0).min() else {
        assert_eq!(found, (0, 0, 0, 0));
        return;
    };
    let top = places.iter().map(|place| place.1).min().unwrap();
    let width = places.iter().map(|place| place.0).max().unwrap() - left + 1;
    let height = places.iter().map(|place| place.1).max().unwrap() - top + 1;
    assert_eq!(found, (left, top, width, height));
}

/// Checks an answer against the oracle.
fn check(images: &Images, palette: &[Color], ignored: &[Color], radius: usize, answer: &Answer) {
    let masks = images.masks(palette);
    let pixels = images.colors.len();
    let mut counts = vec![0; palette.len()];
    for pixel in 0..pixels {
        let share = |mask: usize| f32::from_bits(answer.coverage[mask * pixels + pixel]);
        let shares: Vec<f32> = (0..palette.len()).map(share).collect();
        let sum: f32 = shares.iter().sum();
        let label = answer.labels[pixel] as usize;
        if label > 0 {
            counts[label - 1] += 1;
        }
        if let Some(mask) = masks[pixel] {
            assert!(shares[mask] == 1.0 && sum == 1.0 && label == mask + 1);
            continue;
        }
        let color = images.colors[pixel].filter(|color| !ignored.contains(color));
        let color = color.filter(|color| color.iter().all(|value| value.is_finite()));
        let candidates = color.map(|_| images.candidates(&masks, palette, pixel, radius)).unwrap_or_default();
        let Some(color) = color.filter(|_| !candidates.is_empty()) else {
            assert!(sum == 0.0 && label == 0);
            continue;
        };
        assert_eq!(sum, 1.0);
        let most = shares.iter().copied().fold(0.0, f32::max);
        assert_eq!(shares.iter().position(|&share| share == most), Some(label - 1));
        let named = |(mask, share): (usize, &f32)| *share == 0.0 || candidates.contains(&mask);
        assert!(shares.iter().enumerate().all(named), "{shares:?}, {candidates:?}");
        let colors: Vec<Color> = candidates.iter().map(|&mask| palette[mask]).collect();
        let found: Vec<f64> = candidates.iter().map(|&mask| f64::from(shares[mask])).collect();
        assert!(found.iter().all(|share| (share * 65_536.0).fract() == 0.0));
        let (best, unique) = best_shares(&colors, &color);
        let scale = colors.iter().map(|other| squared(other, &color)).fold(0.0, f64::max).sqrt();
        let distance = |shares: &[f64]| squared(&mix(&colors, shares), &color).sqrt();
        let slack = 1e-4 * scale;
        assert!(distance(&found) <= distance(&best) + slack, "{colors:?} {color:?} {found:?} {best:?}");
        if unique {
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 2e-4;
            assert!(found.iter().zip(&best).all(near), "{colors:?} {color:?} {found:?} {best:?}");
        }
    }
    assert!(answer.palette.iter().map(|entry| entry.1).eq(counts));
}

/// Rectangles of a few colours, of which pixels here and there, and all along edges, are mixed with their neighbours.
fn soft_images(
    random: &mut Random,
    (width, height, count, channels): (usize, usize, usize, usize),
    palette: &[Color],
    scale: f32,
) -> Images {
    let tall = height * count;
    let cell = 2 + random.below(9) as usize;
    let cells: Vec<usize> = (0..(width / cell + 2) * (tall / cell + 2))
        .map(|_| random.below(palette.len() as u32) as usize)
        .collect();
    let flat = |x: usize, y: usize| palette[cells[y / cell * (width / cell + 2) + x / cell]];
    let mut floats = Vec::new();
    for (y, x) in (0..tall).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let mut color = flat(x, y);
        let edge = x % cell == 0 || y % cell == 0;
        if (edge && random.below(10) < 8) || random.below(20) == 0 {
            let other =
                flat((x + random.below(5) as usize).saturating_sub(2).min(width - 1), y.saturating_sub(1));
            let part = f64::from(random.below(255)) / 255.0;
            for (value, other) in color.iter_mut().zip(other) {
                *value = ((1.0 - part) * *value + part * other).round();
            }
        }
        if random.below(100) == 0 {
            color[random.below(channels as u32) as usize] = f64::from(random.below(256));
        }
        let nan = random.below(200) == 0;
        floats
            .extend(color[..channels].iter().map(|&value| if nan { f32::NAN } else { value as f32 * scale }));
    }
    Images::new(width, height, count, channels, floats)
}

fn random_palette(random: &mut Random, channels: usize, count: usize) -> Vec<Color> {
    let mut palette: Vec<Color> = Vec::new();
    while palette.len() < count {
        let mut color = [0.0; 4];
        color[..channels].iter_mut().for_each(|value| *value = f64::from(random.below(256)));
        if !palette.contains(&color) {
            palette.push(color);
        }
    }
    palette
}

fn floats(colors: &[Color]) -> Vec<[f32; 4]> {
    colors.iter().map(|color| color.map(|value| value as f32)).collect()
}

#[test]
fn shares_are_the_best_and_the_same_everywhere() {
    let mut contexts = contexts();
    let random = &mut Random(71);
    for (shape, colors, radius) in [
        ((60, 40, 1, 3), 6, 1),
        ((60, 40, 1, 3), 12, 2),
        ((41, 33, 2, 3), 5, 3),
        ((50, 30, 1, 1), 4, 2),
        ((30, 25, 3, 4), 7, 16),
        ((1, 400, 1, 3), 5, 2),
        ((400, 1, 2, 2), 4, 5),
        ((257, 130, 1, 3), 300, 2),
        ((5, 5, 1, 3), 3, 16),
    ] {
        let palette = random_palette(random, shape.3, colors);
        let images = soft_images(random, shape, &palette, 1.0);
        // A given palette, two of whose colours are ignored.
        let (ignored, given) = palette.split_at(if colors > 4 { 2 } else { 0 });
        let (given_floats, ignored_floats) = (floats(given), floats(ignored));
        let params = Params {
            palette: Some(&given_floats),
            ignored: &ignored_floats,
            unmix_radius: radius,
            ..Params::default()
        };
        let answers: Vec<Answer> =
            contexts.iter_mut().map(|context| analyze(context, &images, &params, given.len())).collect();
        check(&images, given, ignored, radius as usize, &answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{shape:?}");
        // The most frequent ones.
        let selection = Selection { min_pixels: 9, max_count: 12 };
        let params = Params { unmix_radius: radius, ..selection.into() };
        let found = contexts[0].palette(&images.map(), &selection).unwrap();
        let most: Vec<Color> = found.colors.iter().map(|entry| entry.color.values().map(f64::from)).collect();
        let answers: Vec<Answer> =
            contexts.iter_mut().map(|context| analyze(context, &images, &params, most.len())).collect();
        check(&images, &most, &[], radius as usize, &answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{shape:?}");
    }
    assert_no_validation_messages();
}

#[test]
fn images_of_several_tiles_are_no_different() {
    let mut contexts = contexts();
    let random = &mut Random(72);
    for shape in [(16_384, 3, 1, 3), (129, 127 * 2, 2, 3), (300, 200, 1, 3)] {
        let palette = random_palette(random, shape.3, 5);
        let images = soft_images(random, shape, &palette, 1.0 / 255.0);
        let palette: Vec<Color> =
            palette.iter().map(|color| color.map(|value| f64::from(value as f32 * (1.0 / 255.0)))).collect();
        let given = floats(&palette);
        let params = Params { palette: Some(&given), unmix_radius: 1, ..Params::default() };
        let answers: Vec<Answer> =
            contexts.iter_mut().map(|context| analyze(context, &images, &params, 5)).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{shape:?}");
        if shape.0 < 1000 {
            check(&images, &palette, &[], 1, &answers[0]);
        }
    }
    assert_no_validation_messages();
}

/// A row of pixels of one channel; the shares of each mask, by pixel.
fn row(context: &mut Context, pixels: &[f32], palette: &[f32], radius: u32) -> Vec<Vec<f32>> {
    let images = Images::new(pixels.len(), 1, 1, 1, pixels.to_vec());
    let palette: Vec<[f32; 4]> = palette.iter().map(|&value| [value, 0.0, 0.0, 0.0]).collect();
    let params = Params { palette: Some(&palette), unmix_radius: radius, ..Params::default() };
    let answer = analyze(context, &images, &params, palette.len());
    answer
        .coverage
        .chunks(pixels.len())
        .map(|mask| mask.iter().map(|&bits| f32::from_bits(bits)).collect())
        .collect()
}

#[test]
fn rules_in_small() {
    for context in &mut contexts() {
        // A quarter of the way; half of it belongs to the first mask.
        let shares = row(context, &[0.0, 25.0, 100.0, 50.0, 0.0], &[100.0, 0.0], 1);
        assert_eq!(shares, [[0.0, 0.25, 1.0, 0.5, 0.0], [1.0, 0.75, 0.0, 0.5, 1.0]]);
        // Beyond both: the nearer one's. Out of reach: nobody's.
        let shares = row(context, &[0.0, 120.0, 100.0, 40.0, 40.0, 40.0], &[100.0, 0.0], 1);
        assert_eq!(shares, [[0.0, 1.0, 1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]);
        // Masks that are farther away are found when they are in reach.
        let shares = row(context, &[0.0, 40.0, 40.0, 100.0], &[100.0, 0.0], 2);
        assert_eq!(
            shares[1].iter().map(|share| (share * 10.0).round()).collect::<Vec<_>>(),
            [10.0, 6.0, 6.0, 0.0]
        );
        // Infinite colours take no part, neither as masks nor as pixels.
        let inf = f32::INFINITY;
        let shares = row(context, &[inf, 40.0, 0.0, -inf, 0.0], &[inf, 0.0], 1);
        assert_eq!(shares, [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0, 1.0]]);
        // Subnormals and very large values are values.
        let tiny = f32::from_bits(4);
        let shares = row(context, &[0.0, f32::from_bits(1), tiny], &[tiny, 0.0], 1);
        assert_eq!(shares, [[0.0, 0.25, 1.0], [1.0, 0.75, 0.0]]);
        let shares = row(context, &[-f32::MAX, 0.0, f32::MAX], &[f32::MAX, -f32::MAX], 1);
        assert_eq!(shares, [[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]]);
    }
    assert_no_validation_messages();
}

#[test]
fn strides_and_crops_have_the_same_shares() {
    let random = &mut Random(73);
    let palette = random_palette(random, 3, 4);
    let images = soft_images(random, (45, 31, 2, 3), &palette, 1.0);
    let given = floats(&palette);
    let params = Params { palette: Some(&given), unmix_radius: 2, ..Params::default() };
    let pixels = images.colors.len();
    for context in &mut contexts() {
        let expected = analyze(context, &images, &params, 4);
        let share = |mask: usize, image: usize, row: usize, column: usize| {
            f32::from_bits(expected.coverage[mask * pixels + image * images.plane() + row * 45 + column])
        };
        // Bottom up, with gaps.
        let mask_layout =
            MaskLayout { row_stride: -(4 * 47), image_stride: 4 * 47 * 33, mask_stride: 4 * 47 * 70 };
        let mut masks = vec![-1.0; 47 * 70 * 4];
        let outputs =
            Outputs { masks: Some(MaskOutput::Coverage(&mut masks)), mask_layout, ..Outputs::default() };
        context.analyze(&images.map(), &params, outputs).unwrap();
        let mut strided = vec![-1.0; 47 * 70 * 4];
        let places = (0..4).flat_map(|mask| (0..2).map(move |image| (mask, image)));
        for (mask, image) in places {
            for (row, column) in (0..31).flat_map(|row| (0..45).map(move |column| (row, column))) {
                strided[mask * 47 * 70 + image * 47 * 33 + (30 - row) * 47 + column] =
                    share(mask, image, row, column);
            }
        }
        assert!(masks == strided);
        let mut masks = vec![-1.0; 4 * pixels];
        let outputs = Outputs {
            masks: Some(MaskOutput::Coverage(&mut masks)),
            cropped: true,
            mask_stats: true,
            ..Outputs::default()
        };
        let analysis = context.analyze(&images.map(), &params, outputs).unwrap();
        assert!(analysis.mask_stats == expected.regions);
        let mut cropped = Vec::new();
        for (index, region) in analysis.mask_stats.iter().enumerate() {
            assert_eq!(analysis.crop_starts[index], 4 * cropped.len() as u64);
            for row in region.top..region.top + region.height {
                let columns = region.left..region.left + region.width;
                cropped
                    .extend(columns.map(|column| share(index / 2, index % 2, row as usize, column as usize)));
            }
        }
        assert!(masks[..cropped.len()] == cropped[..]);
        assert!(masks[cropped.len()..].iter().all(|&value| value == -1.0));
    }
    assert_no_validation_messages();
}

/// Near colours join masks first, what is left is unmixed; regions come last.
#[test]
fn other_settings_come_before_and_regions_after() {
    let random = &mut Random(74);
    let palette = random_palette(random, 3, 5);
    let images = soft_images(random, (80, 37, 2, 3), &palette, 1.0);
    let given = floats(&palette);
    let unmixed = Params { palette: Some(&given), unmix_radius: 2, ..Params::default() };
    let nearest = Nearest { metric: Metric::Chebyshev, tolerance: 20.0 };
    for context in &mut contexts() {
        let plain = analyze(context, &images, &Params { unmix_radius: 0, ..unmixed }, 5);
        let expected = analyze(context, &images, &unmixed, 5);
        assert!(plain.labels.iter().filter(|&&label| label == 0).count() > 300);
        let near = Params { nearest: Some(nearest), ..unmixed };
        let joined = analyze(context, &images, &Params { unmix_radius: 0, ..near }, 5);
        let both = analyze(context, &images, &near, 5);
        for (pixel, &label) in joined.labels.iter().enumerate().filter(|(_, label)| **label > 0) {
            assert_eq!(both.labels[pixel], label);
            assert_eq!(both.coverage[(label as usize - 1) * images.colors.len() + pixel], 1f32.to_bits());
        }
        assert!(both.labels != joined.labels && both.labels != expected.labels);
        // Nothing is left to be unmixed.
        let all = Params { unlisted: Unlisted::Nearest, ..unmixed };
        let everything = analyze(context, &images, &all, 5);
        assert!(everything.coverage.iter().all(|&bits| bits == 0 || bits == 1f32.to_bits()));
        // StatsBuilder of an image that has the same labels as colours.
        let pixels: Vec<f32> =
            expected.labels.iter().map(|&label| if label == 0 { f32::NAN } else { label as f32 }).collect();
        let labels = Images::new(80, 37, 2, 1, pixels);
        let numbers: Vec<[f32; 4]> = (1..=5).map(|label| [label as f32, 0.0, 0.0, 0.0]).collect();
        let selection = Selection { min_pixels: 2, max_count: 500 };
        let connected = Some(Connectivity::Eight);
        let of_regions = |context: &mut Context, images: &Images, params: Params| {
            let mut found = vec![0; images.colors.len()];
            let outputs = Outputs { labels: Some(LabelOutput::U32(&mut found)), ..Outputs::default() };
            let params = Params { selection, connected, ..params };
            let analysis = context.analyze(&images.map(), &params, outputs).unwrap();
            (found, analysis.palette.colors.iter().map(|entry| entry.pixels).collect::<Vec<_>>())
        };
        let of_colors = of_regions(context, &labels, Params { palette: Some(&numbers), ..Params::default() });
        assert!(of_colors.1.len() > 20);
        assert!(of_regions(context, &images, unmixed) == of_colors);
        // The first image's colours, for both.
        let first = Params {
            selection: Selection { min_pixels: 20, max_count: 3 },
            batch: Batch::First,
            unmix_radius: 1,
            ..Params::default()
        };
        let answer = analyze(context, &images, &first, 3);
        let most: Vec<Color> =
            answer.palette.iter().map(|entry| entry.0.map(|bits| f64::from(f32::from_bits(bits)))).collect();
        check(&images, &most, &[], 1, &answer);
    }
    assert_no_validation_messages();
}

#[test]
fn a_radius_out_of_range_is_refused() {
    let images = Images::new(2, 1, 1, 1, vec![0.0, 1.0]);
    let params = Params { unmix_radius: 17, ..Params::default() };
    let refused = contexts().remove(0).mask_count(&images.map(), &params).unwrap_err();
    assert_eq!(refused.to_string(), "unmix_radius is 17; 0 (off) to 16 are expected");
}

fn image(name: &str) -> Vec<u8> {
    let file = std::fs::File::open(root().join("data").join(name)).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!((info.width, info.height, bytes.len()), (2048, 1024, 2048 * 1024 * 3));
    bytes
}

/// A country's pixels in the flat map, and how much of them and of what was found is both.
type Overlap = (usize, f64);

/// For each colour of the flat map, but the sea.
fn overlaps(context: &mut Context, flat: &[[u8; 3]], soft: &[u8], params: &Params) -> Vec<Overlap> {
    let shape = Shape::new(2048, 1024, 3).unwrap();
    let layout = Layout { format: Format::U8, ..Layout::default() };
    let map = ColorMap::with_layout(soft, shape, &layout).unwrap();
    let mut labels = vec![0; flat.len()];
    let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
    let analysis = context.analyze(&map, params, outputs).unwrap();
    let color = |values: [f32; 4]| [values[0] as u8, values[1] as u8, values[2] as u8];
    let found: Vec<[u8; 3]> =
        analysis.palette.colors.iter().map(|entry| color(entry.color.values())).collect();
    let mut sizes: HashMap<[u8; 3], [usize; 3]> = HashMap::new();
    for (flat, &label) in flat.iter().zip(&labels) {
        sizes.entry(*flat).or_default()[0] += 1;
        if let Some(found) = (label as usize).checked_sub(1).map(|mask| found[mask]) {
            sizes.entry(found).or_default()[1] += 1;
            sizes.entry(*flat).or_default()[2] += usize::from(found == *flat);
        }
    }
    let mut overlaps: Vec<Overlap> = sizes
        .values()
        .filter(|[flat, _, _]| *flat > 0)
        .map(|&[flat, found, both]| (flat, both as f64 / (flat + found - both) as f64))
        .collect();
    overlaps.sort_unstable_by(|a, b| b.partial_cmp(a).unwrap());
    assert_eq!(overlaps.remove(0).0, flat.iter().filter(|&&color| color == flat[0]).count()); // the sea
    overlaps
}

/// Median, mean, worst, and how many of all are above 0.9.
fn summary(overlaps: &[Overlap]) -> (f64, f64, f64, f64) {
    let mut sorted: Vec<f64> = overlaps.iter().map(|overlap| overlap.1).collect();
    sorted.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap());
    let count = sorted.len();
    let median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0;
    let above = sorted.iter().filter(|&&overlap| overlap > 0.9).count();
    (median, sorted.iter().sum::<f64>() / count as f64, sorted[0], above as f64 / count as f64)
}

#[test]
fn an_anti_aliased_map_gives_the_countries_of_the_flat_one() {
    let flat: Vec<[u8; 3]> =
        image("world-countries-2048.png").chunks(3).map(|p| [p[0], p[1], p[2]]).collect();
    let soft = image("world-countries-antialiased-2048.png");
    let mut colors = flat.clone();
    colors.sort_unstable();
    colors.dedup();
    let palette: Vec<[f32; 4]> =
        colors.iter().map(|c| [c[0].into(), c[1].into(), c[2].into(), 0.0]).collect();
    assert_eq!(palette.len(), 216);
    let mut context = Context::new(&Options { backend: Backend::Cpu, ..Options::default() }).unwrap();
    let given = Params { palette: Some(&palette), ..Params::default() };
    let automatic: Params = Selection { min_pixels: 30, max_count: 1000 }.into();
    // The least of all countries, of those with at least 100 pixels, and of those with at least 1,000: median, mean,
    // worst, how many are above 0.9. What docs/cleaning.md says was measured is a little more.
    for (name, params, floors) in [
        (
            "given palette",
            given,
            [(0.975, 0.81, 0.0, 0.76), (0.985, 0.98, 0.9, 1.0), (0.99, 0.989, 0.945, 1.0)],
        ),
        (
            "30 pixels or more",
            automatic,
            [(0.965, 0.70, 0.0, 0.66), (0.98, 0.965, 0.75, 0.93), (0.985, 0.97, 0.79, 0.92)],
        ),
    ] {
        let exact = overlaps(&mut context, &flat, &soft, &params);
        let unmixed = overlaps(&mut context, &flat, &soft, &Params { unmix_radius: 4, ..params });
        assert!(summary(&unmixed).1 > summary(&exact).1 + 0.07);
        const ALL: usize = usize::MAX;
        let sizes = [(1, ALL), (100, ALL), (1000, ALL)]; // With floors; what docs/cleaning.md has, too:
        let rows = [(10_000, ALL), (1000, 10_000), (100, 1000), (10, 100), (1, 10)].map(|size| (size, None));
        for ((least, most), floor) in sizes.into_iter().zip(floors.map(Some)).chain(rows) {
            let of_size = |overlaps: &[Overlap]| -> Vec<Overlap> {
                overlaps.iter().copied().filter(|overlap| (least..most).contains(&overlap.0)).collect()
            };
            let (exact, unmixed) = (of_size(&exact), of_size(&unmixed));
            let (median, mean, worst, above) = summary(&unmixed);
            let range = if most == ALL { "or more".into() } else { format!("to {}", most - 1) };
            println!(
                "{name}, {} countries of {least} {range} pixels: median {median:.4}, mean {mean:.4}, \
                 worst {worst:.4}, above 0.9 {above:.4}; median without unmixing {:.4}",
                unmixed.len(),
                summary(&exact).0
            );
            if let Some(floor) = floor {
                assert!(
                    median >= floor.0 && mean >= floor.1 && worst >= floor.2 && above >= floor.3,
                    "{name}"
                );
            }
        }
    }
    let nearest = Params { unlisted: Unlisted::Nearest, ..given };
    let (median, ..) = summary(&overlaps(&mut context, &flat, &soft, &nearest));
    println!("given palette and the nearest colour at any distance, without unmixing: median {median:.4}");
}

#[test]
fn images_with_palettes_of_their_own_are_as_by_themselves() {
    let random = &mut Random(75);
    let palette = random_palette(random, 3, 9);
    let images = soft_images(random, (70, 41, 3, 3), &palette, 1.0);
    let (plane, floats) = (images.plane(), images.floats.chunks(images.plane() * 3));
    let alone: Vec<Images> = floats.map(|floats| Images::new(70, 41, 1, 3, floats.to_vec())).collect();
    let selection = Selection { min_pixels: 25, max_count: 40 };
    let unmixed = Params { unmix_radius: 2, ..selection.into() };
    let connected = Params { connected: Some(Connectivity::Four), ..selection.into() };
    let both = Params { connected: Some(Connectivity::Eight), ..unmixed };
    for context in &mut contexts() {
        for params in [unmixed, connected, both] {
            let coverage = params.connected.is_none();
            let mut analyze = |images: &Images, batch: Batch| {
                let mut labels = vec![u32::MAX; images.colors.len()];
                let mut masks = vec![-1.0; 40 * images.colors.len()];
                let outputs = Outputs {
                    labels: Some(LabelOutput::U32(&mut labels)),
                    masks: Some(match coverage {
                        true => MaskOutput::Coverage(&mut masks),
                        false => MaskOutput::F32(&mut masks),
                    }),
                    mask_stats: true,
                    ..Outputs::default()
                };
                let params = Params { batch, ..params };
                let mask_count = context.mask_count(&images.map(), &params).unwrap();
                let analysis = context.analyze(&images.map(), &params, outputs).unwrap();
                assert_eq!(mask_count, analysis.mask_count);
                (labels, masks, analysis.mask_stats, mask_count as usize)
            };
            let (labels, masks, regions, mask_count) = analyze(&images, Batch::Each);
            let mut most = 0;
            for (index, image) in alone.iter().enumerate() {
                let (own_labels, own_masks, own_regions, own_count) = analyze(image, Batch::All);
                assert!(labels[index * plane..][..plane] == own_labels[..]);
                for mask in 0..mask_count {
                    let found = &masks[(mask * 3 + index) * plane..][..plane];
                    let region = regions[mask * 3 + index];
                    match mask < own_count {
                        true => {
                            assert!(*found == own_masks[mask * plane..][..plane]);
                            assert_eq!(region, own_regions[mask]);
                        }
                        false => {
                            assert!(found.iter().all(|&value| value == 0.0));
                            assert_eq!(region, MaskStats::default());
                        }
                    }
                }
                most = most.max(own_count);
            }
            assert_eq!(mask_count, most);
        }
    }
    assert_no_validation_messages();
}
