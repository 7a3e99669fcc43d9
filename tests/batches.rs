//! Images with palettes of their own: each gives what it gives alone.

#![allow(missing_docs)]

mod common;

use common::{Case, Random, assert_no_validation_messages, contexts, oracle, random_case};
use ctm::{
    Batch, ColorMap, Context, Error, LabelOutput, Layout, MaskLayout, MaskOutput, MaskStats, Merge, Metric,
    Nearest, Outputs, Params, Selection, Shape,
};

/// Images of the same shape, one behind the other.
struct Images {
    cases: Vec<Case>,
    floats: Vec<f32>,
}

impl Images {
    /// Each with another number of colours.
    fn new(width: u32, height: u32, channels: u32, colors: &[u32], selection: Selection) -> Self {
        let random = &mut Random(u64::from(width * height));
        let cases: Vec<Case> = colors
            .iter()
            .map(|&colors| Case { selection, ..random_case(random, width, height, channels, colors, 30) })
            .collect();
        let floats = cases.iter().flat_map(|case| case.pixels.iter().copied()).collect();
        Self { cases, floats }
    }

    fn map(&self) -> ColorMap<'_> {
        let Case { width, height, channels, .. } = self.cases[0];
        let shape = Shape::new(width, height, channels).unwrap();
        let layout = Layout { image_count: self.cases.len() as u32, ..Layout::default() };
        ColorMap::with_layout(bytemuck::cast_slice(&self.floats), shape, &layout).unwrap()
    }
}

/// What an image gives alone.
struct Alone {
    labels: Vec<u32>,
    palette: ctm::Palette,
    regions: Vec<MaskStats>,
    merged: ctm::MergedColors,
}

fn alone(context: &mut Context, map: &ColorMap, params: &Params) -> Alone {
    let mut labels = vec![u32::MAX; map.shape().pixels() as usize];
    let outputs = Outputs {
        labels: Some(LabelOutput::U32(&mut labels)),
        mask_stats: true,
        merged: 1000,
        ..Outputs::default()
    };
    let found = context.analyze(map, params, outputs).unwrap();
    Alone { labels, palette: found.palette, regions: found.mask_stats, merged: found.merged }
}

fn check(context: &mut Context, images: &Images, params: &Params) {
    let name = format!("{}, {params:?}", context.device_name());
    let map = images.map();
    let count = images.cases.len();
    let each: Vec<Alone> =
        (0..count).map(|index| alone(context, &map.image(index as u32).unwrap(), params)).collect();
    let params = Params { batch: Batch::Each, ..*params };
    let most = each.iter().map(|alone| alone.palette.colors.len()).max().unwrap();
    let plane = images.cases[0].plane();
    let (width, height) = (images.cases[0].width as usize, images.cases[0].height as usize);

    assert_eq!(context.mask_count(&map, &params).unwrap() as usize, most, "{name}");
    let inside = |mask: usize, image: usize, pixel: usize| each[image].labels[pixel] as usize == mask + 1;
    let mut labels = vec![u16::MAX; count * plane];
    let mut masks = vec![0.5; most * count * plane];
    let outputs = Outputs {
        masks: Some(MaskOutput::F32(&mut masks)),
        labels: Some(LabelOutput::U16(&mut labels)),
        mask_stats: true,
        merged: 1000,
        ..Outputs::default()
    };
    let found = context.analyze(&map, &params, outputs).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(found.mask_count as usize, most, "{name}");
    let palettes = if count == 1 { vec![found.palette.clone()] } else { found.image_palettes.clone() };
    assert_eq!(palettes.len(), count);
    for (image, alone) in each.iter().enumerate() {
        assert_eq!(palettes[image].colors, alone.palette.colors, "{name}: image {image}");
        let own = &labels[image * plane..][..plane];
        assert!(own.iter().map(|&label| u32::from(label)).eq(alone.labels.iter().copied()), "{name}: labels");
        for mask in 0..most {
            let values = &masks[(mask * count + image) * plane..][..plane];
            let expected = (0..plane).map(|pixel| f32::from(u8::from(inside(mask, image, pixel))));
            assert!(values.iter().copied().eq(expected), "{name}: mask {mask} of image {image}");
            let region = alone.regions.get(mask).copied().unwrap_or_default();
            assert_eq!(found.mask_stats[mask * count + image], region, "{name}");
        }
    }
    let together = each.iter().flat_map(|alone| &alone.merged.most_frequent).take(1000);
    assert!(found.merged.most_frequent.iter().eq(together), "{name}");
    assert_eq!(found.merged.colors, each.iter().map(|alone| alone.merged.colors).sum::<u64>());
    assert_eq!(found.merged.pixels, each.iter().map(|alone| alone.merged.pixels).sum::<u64>());

    // An image's masks together, bottom-up, as bits.
    let row = width.div_ceil(8) + 1;
    let layout = MaskLayout {
        row_stride: -(row as isize),
        image_stride: most.max(1) * row * height,
        mask_stride: row * height,
    };
    let mut bits = vec![0xaa; most * count * row * height];
    let outputs =
        Outputs { masks: Some(MaskOutput::Bits(&mut bits)), mask_layout: layout, ..Outputs::default() };
    context.analyze(&map, &params, outputs).unwrap_or_else(|error| panic!("{name}: {error}"));
    for image in 0..count {
        for mask in 0..most {
            for pixel in 0..plane {
                let start = ((image * most + mask) * height + height - 1 - pixel / width) * row;
                let bit = bits[start + pixel % width / 8] >> (7 - pixel % width % 8) & 1;
                assert_eq!(bit == 1, inside(mask, image, pixel), "{name}: mask {mask} of image {image}");
            }
        }
    }

    // Cropped.
    let sizes = found.mask_stats.iter().map(|region| region.width as usize * region.height as usize);
    let needed: usize = sizes.sum();
    let mut crops = vec![7; needed];
    let outputs = Outputs {
        masks: Some(MaskOutput::U8 { masks: &mut crops, inside: 1 }),
        cropped: true,
        ..Outputs::default()
    };
    let cropped = context.analyze(&map, &params, outputs).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(cropped.masks_size as usize, needed, "{name}");
    for (index, (region, &start)) in found.mask_stats.iter().zip(&cropped.crop_starts).enumerate() {
        for y in 0..region.height {
            for x in 0..region.width {
                let pixel = (region.top + y) as usize * width + (region.left + x) as usize;
                let value = crops[start as usize + (y * region.width + x) as usize];
                assert_eq!(value == 1, inside(index / count, index % count, pixel), "{name}: crop {index}");
            }
        }
    }

    // Too little room is said before anything is written.
    if most > 0 {
        let mut few = vec![0.5; most * count * plane - 1];
        let outputs = Outputs { masks: Some(MaskOutput::F32(&mut few)), ..Outputs::default() };
        match context.analyze(&map, &params, outputs) {
            Err(Error::TooSmall { mask_count, .. }) => assert_eq!(mask_count as usize, most),
            other => panic!("{name}: {other:?}"),
        }
        assert!(few.iter().all(|&value| value == 0.5));
    }
}

#[test]
fn each_image_gives_what_it_gives_alone() {
    let selection = Selection { min_pixels: 3, max_count: 20 };
    let mut contexts = contexts();
    // The third image has no colour with enough pixels; many more in the last than one byte numbers; a plane that ends
    // within a tile. Few images that are not small are worked on one after the other.
    for (width, height, channels, colors) in [
        (40, 30, 3, &[5, 60, 100_000, 1][..]),
        (131, 127, 1, &[3, 2, 9]),
        (7, 3, 4, &[2; 300]),
        (300, 240, 2, &[400, 2]),
        (403, 331, 1, &[7, 300, 3]),
        (20, 10, 3, &[4]),
    ] {
        let images = Images::new(width, height, channels, colors, selection);
        for context in &mut contexts {
            for case in &images.cases[..1] {
                // What an image gives alone is what the oracle gives.
                let answer = oracle::answer(case);
                common::check(context, case, &answer).unwrap();
            }
            check(context, &images, &selection.into());
        }
    }
    assert_no_validation_messages();
}

#[test]
fn near_colors_and_merging_are_each_images_own() {
    let selection = Selection { min_pixels: 2, max_count: 4 };
    let mut contexts = contexts();
    let images = Images::new(60, 50, 3, &[30, 3, 200], selection);
    let nearest = Some(Nearest { metric: Metric::Euclidean, tolerance: 1.6 });
    let merge = Some(Merge { metric: Metric::Chebyshev, tolerance: 1.2, most_pixels: 0 });
    for (nearest, merge) in [(nearest, None), (None, merge), (nearest, merge)] {
        for context in &mut contexts {
            check(context, &images, &Params { nearest, merge, ..selection.into() });
        }
    }
    let palette = [[0.0; 4]];
    let params = Params { batch: Batch::Each, palette: Some(&palette), ..selection.into() };
    let text = contexts[0].mask_count(&images.map(), &params).unwrap_err().to_string();
    assert!(text.starts_with("batch is 'each' and a palette is given"), "{text}");
    assert_no_validation_messages();
}
