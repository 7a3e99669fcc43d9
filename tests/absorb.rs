//! Small regions that are absorbed, and holes that are filled, against a pixel by pixel count of the rule.

#![allow(missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::images::Images;
use common::outlines::Labels;
use common::{Random, assert_no_validation_messages, contexts, contexts_of_all_levels};
use ctm::{
    Absorb, AbsorbedRegions, Batch, ColorCounts, Connectivity, Context, LabelOutput, MaskOutput, Outputs,
    Params, RunOrder, Selection,
};

impl Images {
    /// Squares of random colours, some without any, and some pixels of other colours.
    fn squares(random: &mut Random, size: [usize; 3], colors: u32, side: usize, one_in: u32) -> Self {
        let [width, height, count] = size;
        let color = |random: &mut Random| match random.below(colors + 1) {
            0 => f32::NAN,
            color => color as f32,
        };
        let squares: Vec<f32> = (0..width * height * count).map(|_| color(random)).collect();
        let pixels = (0..width * height * count)
            .map(|pixel| match random.below(one_in) {
                0 => color(random),
                _ => squares[pixel / width / side * width + pixel % width / side],
            })
            .collect();
        Self { size, pixels }
    }

    /// Squares within squares.
    fn rings(size: [usize; 3], thickness: usize, colors: usize) -> Self {
        let [width, height, count] = size;
        let pixel = |pixel: usize| {
            let (x, y) = (pixel % width, pixel / width % height);
            (x.min(y).min(width - 1 - x).min(height - 1 - y) / thickness % colors) as f32
        };
        Self { size, pixels: (0..width * height * count).map(pixel).collect() }
    }
}

fn images() -> Vec<Images> {
    let random = &mut Random(77);
    let mut all: Vec<Images> = [
        ([1, 1, 1], 1, 1, 2),
        ([1, 90, 2], 3, 4, 4),
        ([90, 1, 3], 3, 4, 4),
        ([2, 2, 30], 2, 1, 9),
        ([5, 4, 30], 2, 1, 9),
        ([40, 31, 2], 2, 1, 9),
        ([64, 50, 1], 4, 1, 9),
        ([70, 45, 1], 5, 6, 5),
        ([33, 37, 3], 3, 9, 12),
        ([150, 120, 1], 300, 3, 12),
    ]
    .into_iter()
    .map(|(size, colors, side, one_in)| Images::squares(random, size, colors, side, one_in))
    .collect();
    all.push(Images::rings([31, 29, 2], 1, 2));
    all.push(Images::rings([40, 37, 1], 2, 3));
    all
}

/// Pixels and their neighbours within an image.
struct Pixels {
    size: [usize; 3],
}

impl Pixels {
    fn around(&self, pixel: usize, connectivity: Connectivity) -> impl Iterator<Item = usize> + use<> {
        let [width, height, _] = self.size;
        let (x, y) = ((pixel % width) as isize, (pixel / width % height) as isize);
        let image = pixel / (width * height);
        let offsets = (-1..=1isize).flat_map(|dy| (-1..=1isize).map(move |dx| (dx, dy)));
        let near = offsets.filter(move |&(dx, dy)| match connectivity {
            Connectivity::Four => dx.abs() + dy.abs() == 1,
            Connectivity::Eight => (dx, dy) != (0, 0),
        });
        let inside = near
            .map(move |(dx, dy)| (x + dx, y + dy))
            .filter(move |&(x, y)| (0..width as isize).contains(&x) && (0..height as isize).contains(&y));
        inside.map(move |(x, y)| (image * height + y as usize) * width + x as usize)
    }

    fn is_at_border(&self, pixel: usize) -> bool {
        self.around(pixel, Connectivity::Eight).count() < 8
    }

    /// Connected pixels of the same value, and the value.
    fn regions<T: PartialEq + Copy>(&self, values: &[T], connectivity: Connectivity) -> Vec<(T, Vec<usize>)> {
        let mut seen = vec![false; values.len()];
        let mut regions = Vec::new();
        for first in 0..values.len() {
            if std::mem::replace(&mut seen[first], true) {
                continue;
            }
            let (mut region, mut done) = (vec![first], 0);
            while done < region.len() {
                for pixel in self.around(region[done], connectivity) {
                    if values[pixel] == values[first] && !std::mem::replace(&mut seen[pixel], true) {
                        region.push(pixel);
                    }
                }
                done += 1;
            }
            regions.push((values[first], region));
        }
        regions
    }
}

/// What becomes of labels, by the words of the documentation.
fn expected(
    size: [usize; 3],
    labels: &[u32],
    absorb: Absorb,
    connectivity: Connectivity,
) -> (Vec<u32>, AbsorbedRegions) {
    let (grid, mut labels, mut report) = (Pixels { size }, labels.to_vec(), AbsorbedRegions::default());
    let is_small = |(label, region): &(u32, Vec<usize>)| {
        (region.len() as u64) < if *label == 0 { absorb.unmasked } else { absorb.pixels }
    };
    let (mut small, large): (Vec<_>, Vec<_>) =
        grid.regions(&labels, connectivity).into_iter().partition(is_small);
    let mut is_known = vec![false; labels.len()];
    large
        .iter()
        .filter(|(label, _)| *label > 0)
        .flat_map(|(_, region)| region)
        .for_each(|&pixel| is_known[pixel] = true);
    loop {
        let mut given = Vec::new();
        small.retain(|(label, region)| {
            let mut sides = BTreeMap::new();
            for &pixel in region {
                for other in grid.around(pixel, Connectivity::Four).filter(|&other| is_known[other]) {
                    *sides.entry(labels[other]).or_insert(0u32) += 1;
                }
            }
            let most = sides.values().max().copied();
            let first = sides.iter().find(|&(_, sides)| Some(*sides) == most);
            given.extend(first.map(|(&to, _)| (*label, to, region.clone())));
            first.is_none()
        });
        if given.is_empty() {
            break;
        }
        for (from, to, region) in given {
            if from != to {
                report.regions += 1;
                report.pixels += region.len() as u64;
            }
            region.iter().for_each(|&pixel| (labels[pixel], is_known[pixel]) = (to, true));
        }
    }
    let other = if connectivity == Connectivity::Four { Connectivity::Eight } else { Connectivity::Four };
    for mask in 1..=labels.iter().copied().max().unwrap_or(0) {
        let inside: Vec<bool> = labels.iter().map(|&label| label == mask).collect();
        for (is_inside, region) in grid.regions(&inside, other) {
            let touches = region.iter().any(|&pixel| grid.is_at_border(pixel));
            if !is_inside && !touches && region.len() as u64 <= absorb.holes {
                report.holes += 1;
                report.hole_pixels += region.len() as u64;
                region.iter().for_each(|&pixel| labels[pixel] = mask);
            }
        }
    }
    (labels, report)
}

fn labels_of(context: &mut Context, images: &Images, params: &Params) -> Vec<u32> {
    let mut labels = vec![u32::MAX; images.pixels.len()];
    let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
    context.analyze(&images.map(), params, outputs).unwrap();
    labels
}

/// Everything that a call writes is that of these labels.
fn check(
    context: &mut Context,
    images: &Images,
    params: &Params,
    (truth, report): &(Vec<u32>, AbsorbedRegions),
) {
    let [width, height, count] = images.size;
    let plane = width * height;
    let name = format!("{}, {:?}, {params:?}", context.device_name(), images.size);
    assert!(labels_of(context, images, params) == *truth, "{name}: labels alone");
    let masks_there_are = context.mask_count(&images.map(), params).unwrap() as usize;
    let mut labels = vec![u32::MAX; truth.len()];
    let mut masks = vec![7; masks_there_are * truth.len()];
    let outputs = Outputs {
        labels: Some(LabelOutput::U32(&mut labels)),
        masks: Some(MaskOutput::U8 { masks: &mut masks, inside: 1 }),
        mask_stats: true,
        runs: Some(RunOrder::Rows),
        outlines: Some(Connectivity::Four.into()),
        ..Outputs::default()
    };
    let found = context.analyze(&images.map(), params, outputs).unwrap();
    let mask_count = found.mask_count as usize;
    assert_eq!(mask_count, masks_there_are, "{name}");
    assert_eq!(found.absorbed, *report, "{name}");
    assert!(labels == *truth, "{name}: labels");
    let outlines = Labels { labels: truth, width, height, images: count, mask_count };
    outlines.check(Connectivity::Four, &found.outlines.unwrap());
    let runs = found.runs.unwrap();
    for slot in 0..mask_count * count {
        let (mask, image) = (slot / count, slot % count);
        let inside: Vec<bool> =
            truth[image * plane..][..plane].iter().map(|&label| label as usize == mask + 1).collect();
        let written: Vec<bool> = masks[slot * plane..][..plane].iter().map(|&value| value == 1).collect();
        assert!(written == inside, "{name}: mask {mask} of image {image}");
        let lengths = &runs.counts[runs.offsets[slot] as usize..runs.offsets[slot + 1] as usize];
        let told = lengths.iter().enumerate().flat_map(|(at, &length)| (0..length).map(move |_| at % 2 == 1));
        assert!(told.eq(inside.iter().copied()), "{name}: runs of mask {mask} of image {image}");
        let stats = found.mask_stats[slot];
        assert_eq!(stats.pixels, inside.iter().filter(|&&inside| inside).count() as u64, "{name}");
        let first = inside.iter().position(|&inside| inside).unwrap_or(0);
        assert_eq!(stats.first_pixel, ((first % width) as u32, (first / width) as u32), "{name}");
    }
    let of_image = |mask: usize, image: usize| found.mask_stats[mask * count + image].pixels;
    for (mask, entry) in found.palette.colors.iter().enumerate() {
        assert_eq!(entry.pixels, (0..count).map(|image| of_image(mask, image)).sum::<u64>(), "{name}");
    }
    for (image, palette) in found.image_palettes.iter().enumerate().filter(|_| count > 1) {
        let pixels = palette.colors.iter().map(|entry| entry.pixels);
        assert!(pixels.enumerate().all(|(mask, pixels)| pixels == of_image(mask, image)), "{name}");
    }
}

fn rules() -> Vec<Absorb> {
    let rule = |pixels, unmasked, holes| Absorb { pixels, unmasked, holes, connectivity: None };
    vec![
        rule(3, 0, 0),
        rule(12, 5, 0),
        rule(40, u64::MAX, 6),
        rule(0, 9, 30),
        rule(0, 0, 1000),
        rule(u64::MAX, u64::MAX, 2),
    ]
}

#[test]
fn regions_and_holes_go_where_the_rule_says() {
    let mut contexts = contexts_of_all_levels();
    for images in &images() {
        for (index, absorb) in rules().into_iter().enumerate() {
            for connectivity in [Connectivity::Four, Connectivity::Eight] {
                let max_count = [2, 3, 9, 250][index % 4];
                let batch = if images.size[2] > 1 && index % 3 == 1 { Batch::Each } else { Batch::All };
                let plain = Params { batch, ..Selection { min_pixels: 1, max_count }.into() };
                let labels = labels_of(&mut contexts[0], images, &plain);
                let truth = expected(images.size, &labels, absorb, connectivity);
                let absorb = Absorb { connectivity: Some(connectivity), ..absorb };
                contexts
                    .iter_mut()
                    .for_each(|context| check(context, images, &Params { absorb, ..plain }, &truth));
            }
        }
    }
    assert_no_validation_messages();
}

/// Of connected regions those are left that are large enough, by the connectivity of both.
#[test]
fn masks_of_regions_are_those_that_are_left() {
    for context in &mut contexts() {
        for images in &images() {
            for connectivity in [Connectivity::Four, Connectivity::Eight] {
                let absorb = Absorb { pixels: 7, unmasked: 4, holes: 3, connectivity: None };
                let labels = labels_of(context, images, &Params::default());
                let (truth, report) = expected(images.size, &labels, absorb, connectivity);
                let params = Params { absorb, connected: Some(connectivity), ..Params::default() };
                let found = context.analyze(&images.map(), &params, Outputs::default()).unwrap();
                assert_eq!(found.absorbed, report);
                let grid = Pixels { size: images.size };
                let sets = |labels: &[u32], connectivity| -> BTreeSet<Vec<usize>> {
                    let regions =
                        grid.regions(labels, connectivity).into_iter().filter(|(label, _)| *label > 0);
                    let sorted = regions.map(|(_, mut region)| {
                        region.sort_unstable();
                        region
                    });
                    sorted.collect()
                };
                let regions = labels_of(context, images, &params);
                assert!(sets(&regions, connectivity) == sets(&truth, connectivity), "{:?}", images.size);
                assert_eq!(found.mask_count as usize, sets(&truth, connectivity).len());
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn specks_and_holes_of_a_small_map() {
    let rows = ["aaaaaaa", "abaccca", "aaaccca", "aaaccca", "a.aabca", "aaaaaaa"];
    let pixels: Vec<f32> = rows.iter().flat_map(|row| row.bytes().map(f32::from)).collect();
    let images = Images { size: [7, 6, 1], pixels };
    let ignored = [[f32::from(b'.'), 0.0, 0.0, 0.0]];
    let told = |labels: &[u32]| -> Vec<String> {
        let letter = |&label: &u32| char::from(b".acb"[label as usize]);
        labels.chunks(7).map(|row| row.iter().map(letter).collect()).collect()
    };
    for context in &mut contexts() {
        let mut absorbed = |absorb| {
            let params = Params { absorb, ignored: &ignored, ..Params::default() };
            let report = context.analyze(&images.map(), &params, Outputs::default()).unwrap();
            (told(&labels_of(context, &images, &params)), report)
        };
        // The second b has two sides in common with both, and goes to the first.
        let (labels, found) = absorbed(Absorb { pixels: 3, ..Absorb::default() });
        assert_eq!(labels, ["aaaaaaa", "aaaccca", "aaaccca", "aaaccca", "a.aaaca", "aaaaaaa"]);
        assert_eq!(found.absorbed, AbsorbedRegions { regions: 2, pixels: 2, holes: 0, hole_pixels: 0 });
        assert_eq!(found.palette.colors.iter().map(|entry| entry.pixels).collect::<Vec<_>>(), [31, 10, 0]);
        let (labels, found) = absorbed(Absorb { unmasked: 2, ..Absorb::default() });
        assert_eq!(labels, ["aaaaaaa", "abaccca", "aaaccca", "aaaccca", "aaaabca", "aaaaaaa"]);
        assert_eq!(found.absorbed, AbsorbedRegions { regions: 1, pixels: 1, holes: 0, hole_pixels: 0 });
        let (labels, found) = absorbed(Absorb { holes: 10, ..Absorb::default() });
        assert_eq!(labels, ["aaaaaaa", "aaaccca", "aaaccca", "aaaccca", "aaaabca", "aaaaaaa"]);
        assert_eq!(found.absorbed, AbsorbedRegions { regions: 0, pixels: 0, holes: 2, hole_pixels: 2 });
    }
    assert_no_validation_messages();
}

#[test]
fn what_cannot_be_done_is_refused() {
    let images = Images::rings([9, 9, 1], 1, 2);
    let mut context = contexts().remove(0);
    let mut floats = vec![7.0; 200];
    for (absorb, name) in [
        (Absorb { pixels: 5, ..Absorb::default() }, "absorb_pixels is 5"),
        (Absorb { unmasked: 6, ..Absorb::default() }, "absorb_unmasked is 6"),
        (Absorb { holes: 7, ..Absorb::default() }, "fill_holes is 7"),
    ] {
        let params = Params { absorb, ..Params::default() };
        let outputs = Outputs { masks: Some(MaskOutput::Coverage(&mut floats)), ..Outputs::default() };
        let refused = context.analyze(&images.map(), &params, outputs).unwrap_err().to_string();
        assert_eq!(refused, format!("the masks are coverage and {name}; other masks or 0 are expected"));
        let mut counts = ColorCounts::new();
        counts.add(&mut context, &images.map(), &params).unwrap();
        let parts = Params { counts: Some(&counts), ..params };
        let refused = context.analyze(&images.map(), &parts, Outputs::default()).unwrap_err().to_string();
        let expected = "0, since regions may go on in other parts, is expected";
        assert_eq!(refused, format!("{name} and counts are given; {expected}"));
        assert!(counts.select(&mut context, &params).is_err());
    }
    assert!(floats.iter().all(|&value| value == 7.0));
}
