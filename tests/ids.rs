//! Integers of 32 bits: every number is a colour of its own, exactly, on every backend and road, in and out.

#![allow(missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::{Random, assert_no_validation_messages, contexts, contexts_of_all_levels};
use ctm::{
    Alpha, Analysis, Batch, ColorCounts, ColorMap, Context, Error, Format, LabelOutput, Layout, MaskOutput,
    Matching, Merge, Metric, Nearest, Outputs, Params, Selection, Shape, Unlisted,
};

const IDS: [Format; 2] = [Format::U32, Format::I32];

/// An image of ids.
struct Image {
    format: Format,
    width: u32,
    height: u32,
    channels: usize,
    /// As they are stored.
    words: Vec<u32>,
}

impl Image {
    fn new(
        format: Format,
        width: u32,
        height: u32,
        channels: usize,
        mut word: impl FnMut(usize) -> u32,
    ) -> Self {
        let words = (0..(width * height) as usize * channels).map(&mut word).collect();
        Self { format, width, height, channels, words }
    }

    fn map(&self) -> ColorMap<'_> {
        let layout = Layout { format: self.format, ..Layout::default() };
        let shape = Shape::new(self.width, self.height, self.channels as u32).unwrap();
        ColorMap::with_layout(bytemuck::cast_slice(&self.words), shape, &layout).unwrap()
    }

    fn pixels(&self) -> impl Iterator<Item = [u32; 4]> + '_ {
        self.words.chunks(self.channels).map(|words| {
            let mut pixel = [0; 4];
            pixel[..words.len()].copy_from_slice(words);
            pixel
        })
    }

    /// What a stored number counts as.
    fn value(&self, word: u32) -> i64 {
        if self.format == Format::I32 { (word as i32).into() } else { word.into() }
    }

    /// The oracle: all colours with their pixels in the order of masks.
    fn counts(&self) -> Vec<([u32; 4], u64)> {
        let mut counts = BTreeMap::new();
        for pixel in self.pixels() {
            *counts.entry(pixel).or_insert(0u64) += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|&(color, pixels)| (u64::MAX - pixels, color.map(|word| self.value(word))));
        counts
    }

    fn labels(&self, colors: &[[u32; 4]]) -> Vec<u32> {
        let labels: BTreeMap<_, _> = colors.iter().copied().zip(1u32..).collect();
        self.pixels().map(|pixel| labels.get(&pixel).copied().unwrap_or(0)).collect()
    }
}

/// Numbers that a look at floats would confuse: zeros of both signs, NaNs, neighbours that floats cannot tell.
const ODD: [u32; 12] = [
    0,
    0x8000_0000,
    0x7fc0_0000,
    0x7f80_0001,
    0xffff_ffff,
    0xffc0_0000,
    0x7f80_0000,
    16_777_216,
    16_777_217,
    4_294_967_040,
    4_294_967_041,
    0x8000_0001,
];

/// Images of few and many colours, in runs and not.
fn images(random: &mut Random, format: Format, channels: usize) -> Vec<Image> {
    let mut run = (0, 0);
    let mut runs = |random: &mut Random, index: usize| {
        if index.is_multiple_of(channels) && run.1 == 0 {
            run = (random.below(12) as usize, 1 + random.below(40));
        }
        run.1 -= u32::from(index % channels == channels - 1 && run.1 > 0);
        ODD[(run.0 + index % channels) % ODD.len()]
    };
    vec![
        Image::new(format, 173, 91, channels, |index| runs(random, index)),
        Image::new(format, 120, 77, channels, |_| ODD[random.below(12) as usize]),
        Image::new(format, 331, 107, channels, |_| random.below(300).wrapping_mul(0x9e37_79b1)),
        // All different, or nearly.
        Image::new(format, 301, 241, channels, |index| (index as u32).wrapping_mul(0x9e37_79b1)),
        // Many, of which few are frequent.
        Image::new(format, 241, 301, channels, |index| match random.below(3) {
            0 => ODD[index % 5],
            _ => random.next(),
        }),
    ]
}

/// What a call finds and writes.
struct Found {
    labels: Vec<u32>,
    masks: Vec<u8>,
    analysis: Analysis,
}

fn analyze(context: &mut Context, map: &ColorMap, params: &Params) -> Result<Found, Error> {
    let pixels = map.shape().pixels() as usize * map.images() as usize;
    let count = context.mask_count(map, params)? as usize;
    let mut found =
        Found { labels: vec![99; pixels], masks: vec![99; count * pixels], analysis: Analysis::default() };
    let outputs = Outputs {
        masks: Some(MaskOutput::U8 { masks: &mut found.masks, inside: 1 }),
        labels: Some(LabelOutput::U32(&mut found.labels)),
        mask_stats: true,
        unlisted: (params.palette.is_some() || params.palette_stored.is_some()).then_some(7),
        ..Outputs::default()
    };
    found.analysis = context.analyze(map, params, outputs)?;
    Ok(found)
}

/// Holds everything that a call gives against the oracle.
fn check(context: &mut Context, image: &Image, params: &Params, expected: &[([u32; 4], u64)], name: &str) {
    let name = format!("{name}, {:?}, {} channels, {}", image.format, image.channels, context.device_name());
    let found = analyze(context, &image.map(), params).unwrap();
    let colors: Vec<_> = expected.iter().map(|&(color, _)| color).collect();
    let entries = &found.analysis.palette.colors;
    let stored: Vec<_> =
        entries.iter().map(|entry| (entry.color.stored(image.format), entry.pixels)).collect();
    assert!(
        stored == expected,
        "{name}: {:?} in place of {:?}",
        &stored[..stored.len().min(9)],
        &expected[..expected.len().min(9)]
    );
    for entry in entries.iter().take(20) {
        let values = entry.color.stored(image.format).map(|word| image.value(word) as f32);
        assert_eq!(entry.color.values(), values, "{name}");
    }
    let labels = image.labels(&colors);
    assert!(found.labels == labels, "{name}: labels");
    let masks =
        (1..).take(colors.len()).flat_map(|mask| labels.iter().map(move |&label| u8::from(label == mask)));
    assert!(found.masks.iter().copied().eq(masks), "{name}: masks");
    let pixels = found.analysis.mask_stats.iter().map(|stats| stats.pixels);
    assert!(pixels.eq(expected.iter().map(|&(_, pixels)| pixels)), "{name}: statistics");
}

#[test]
fn every_number_is_a_color_of_its_own() {
    let random = &mut Random(901);
    let mut contexts = contexts_of_all_levels();
    for (format, channels) in IDS.into_iter().flat_map(|format| [(format, 1), (format, 2)]) {
        for (number, image) in images(random, format, channels).iter().enumerate() {
            let counts = image.counts();
            let (min_pixels, max_count) = if number % 2 == 0 { (1, 9) } else { (2, 40) };
            let selection = Selection { min_pixels, max_count };
            let mut expected = counts.clone();
            expected.retain(|&(_, pixels)| pixels >= min_pixels);
            expected.truncate(max_count as usize);
            for context in &mut contexts {
                check(context, image, &selection.into(), &expected, &format!("image {number}"));
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn all_colors_have_labels() {
    let random = &mut Random(902);
    for context in &mut contexts() {
        for (format, channels) in IDS.into_iter().flat_map(|format| [(format, 1), (format, 2)]) {
            for image in images(random, format, channels) {
                let counts = image.counts();
                let colors: Vec<_> = counts.iter().map(|&(color, _)| color).collect();
                let mut labels = vec![0; image.pixels().count()];
                let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
                let found = context.analyze(&image.map(), &Params::default(), outputs).unwrap();
                let stored =
                    found.palette.colors.iter().map(|entry| (entry.color.stored(format), entry.pixels));
                assert!(stored.eq(counts), "{format:?}, {channels}, {}", context.device_name());
                assert!(labels == image.labels(&colors), "{format:?}, {channels}, {}", context.device_name());
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn a_palette_is_given_as_it_is_stored() {
    let random = &mut Random(903);
    let mut contexts = contexts();
    for (format, channels) in IDS.into_iter().flat_map(|format| [(format, 1), (format, 2)]) {
        for image in images(random, format, channels) {
            let counts = image.counts();
            let pick = |index: usize| counts[index * 7 % counts.len()];
            // In any order; the last one has no pixel.
            let mut expected: Vec<_> = (0..counts.len().min(9)).map(pick).collect();
            expected.dedup();
            let absent = (0x1234_5601..).find(|&id| counts.iter().all(|(color, _)| color[0] != id)).unwrap();
            let with_channels = |mut color: [u32; 4]| {
                color[channels..].fill(0);
                color
            };
            expected.push((with_channels([absent, 9, 0, 0]), 0));
            // What is behind the channels is not looked at.
            let mut given: Vec<_> = expected.iter().map(|&(color, _)| color).collect();
            given.iter_mut().for_each(|color| color[channels..].fill(0x7fc0_0000));
            let ignored: Vec<_> = counts
                .iter()
                .map(|&(color, _)| color)
                .filter(|color| expected.iter().all(|(given, _)| given != color))
                .take(2)
                .collect();
            let params =
                Params { palette_stored: Some(&given), ignored_stored: &ignored, ..Params::default() };
            for context in &mut contexts {
                check(context, &image, &params, &expected, "given");
                let found = analyze(context, &image.map(), &params).unwrap();
                let unlisted = found.analysis.unlisted.unwrap();
                let others: Vec<_> = counts
                    .iter()
                    .filter(|(color, _)| {
                        !ignored.contains(color) && expected.iter().all(|(given, _)| given != color)
                    })
                    .copied()
                    .collect();
                assert_eq!(unlisted.colors as usize, others.len());
                let most: Vec<_> = unlisted
                    .most_frequent
                    .iter()
                    .map(|entry| (entry.color.stored(format), entry.pixels))
                    .collect();
                assert_eq!(most, others[..others.len().min(7)]);
                // The most frequent ones without those that are ignored.
                let selection = Selection { min_pixels: 1, max_count: 5 };
                let params = Params { selection, ignored_stored: &ignored, ..Params::default() };
                let mut rest = counts.clone();
                rest.retain(|(color, _)| !ignored.contains(color));
                rest.truncate(5);
                check(context, &image, &params, &rest, "ignored");
            }
        }
    }
    assert_no_validation_messages();
}

/// Stored values of other formats: what comes back can be given.
#[test]
fn other_formats_have_stored_values_too() {
    let pixels: [u16; 8] = [26_001, 26_001, 26_001, 65_535, 65_535, 0x3c01, 0x3c01, 0];
    for (format, wanted) in [
        (Format::U16, [26_001, 15_361, 65_535, 0]),
        // As halves: 65,535 is a NaN, and has no colour.
        (Format::F16, [26_001, 0x3c01, 0, 0]),
    ] {
        let layout = Layout { format, ..Layout::default() };
        let shape = Shape::new(8, 1, 1).unwrap();
        let map = ColorMap::with_layout(bytemuck::cast_slice(&pixels), shape, &layout).unwrap();
        for context in &mut contexts() {
            let found = analyze(context, &map, &Params::default()).unwrap();
            let stored: Vec<_> =
                found.analysis.palette.colors.iter().map(|entry| entry.color.stored(format)[0]).collect();
            assert_eq!(stored, wanted[..stored.len()], "{format:?}");
            let given: Vec<_> = stored.iter().rev().map(|&id| [id, 0, 0, 0]).collect();
            let params = Params { palette_stored: Some(&given), ..Params::default() };
            let again = analyze(context, &map, &params).unwrap().analysis.palette;
            let again: Vec<_> = again.colors.iter().map(|entry| entry.color.stored(format)).collect();
            assert_eq!(again, given, "{format:?}");
        }
    }
}

#[test]
fn counts_of_nothing_have_nothing_stored() {
    let colors = [[1, 0, 0, 0]];
    let params = [
        ("palette_stored", Params { palette_stored: Some(&colors), ..Params::default() }),
        ("ignored_stored", Params { ignored_stored: &colors, ..Params::default() }),
    ];
    for context in &mut contexts() {
        for (name, params) in &params {
            let error = ColorCounts::new().select(context, params).unwrap_err();
            let expected = format!(
                "{name} is given and the counts have no part, which says how colours are stored; counts of a part are \
                 expected"
            );
            assert_eq!(error, Error::InvalidArgument(expected));
        }
        assert!(ColorCounts::new().select(context, &Params::default()).unwrap().colors.is_empty());
    }
}

#[test]
fn parts_are_counted_and_travel() {
    let random = &mut Random(904);
    let mut contexts = contexts();
    for (format, channels) in IDS.into_iter().flat_map(|format| [(format, 1), (format, 2)]) {
        for image in images(random, format, channels) {
            let all = image.counts();
            let selection = Selection { min_pixels: 2, max_count: 6 };
            let mut expected = all.clone();
            expected.retain(|&(_, pixels)| pixels >= 2);
            expected.truncate(6);
            let colors: Vec<_> = expected.iter().map(|&(color, _)| color).collect();
            let labels = image.labels(&colors);
            let (upper, map) = (image.height / 3, image.map());
            let parts = [(0, upper), (upper, image.height - upper)];
            let mut bytes: Option<Vec<u8>> = None;
            for context in &mut contexts {
                let mut counts = ColorCounts::new();
                for (top, height) in parts {
                    let part = map.crop(0, top, image.width, height).unwrap();
                    let mut of_part = ColorCounts::new();
                    of_part.add(context, &part, &selection.into()).unwrap();
                    let travelled = ColorCounts::from_bytes(&of_part.to_bytes().unwrap()).unwrap();
                    assert_eq!(travelled, of_part);
                    counts.merge(&travelled).unwrap();
                }
                assert_eq!(counts.len(), all.len());
                let now = counts.to_bytes().unwrap();
                assert_eq!(now[8..16], [2, 0, 0, 0, if format == Format::U32 { 4 } else { 5 }, 0, 0, 0]);
                assert_eq!(*bytes.get_or_insert_with(|| now.clone()), now, "{}", context.device_name());
                let selected = counts.select(context, &selection.into()).unwrap();
                let stored = selected.colors.iter().map(|entry| (entry.color.stored(format), entry.pixels));
                assert!(stored.eq(expected.iter().copied()), "{format:?}");
                for (top, height) in parts {
                    let part = map.crop(0, top, image.width, height).unwrap();
                    let params = Params { counts: Some(&counts), ..selection.into() };
                    let found = analyze(context, &part, &params).unwrap();
                    let first = (top * image.width) as usize;
                    assert!(found.labels == labels[first..first + found.labels.len()], "{format:?}, {top}");
                }
            }
        }
    }
    assert_no_validation_messages();
}

/// The bytes of counts of three ids, as docs/counts-format.md describes them.
#[test]
fn bytes_of_counts_are_those_of_the_page() {
    let image = Image {
        format: Format::I32,
        width: 3,
        height: 1,
        channels: 1,
        words: vec![16_777_217, -2i32 as u32, 16_777_217],
    };
    let mut context = contexts().remove(0);
    let mut counts = ColorCounts::new();
    counts.add(&mut context, &image.map(), &Params::default()).unwrap();
    let bytes = counts.to_bytes().unwrap();
    let words = [2u32, 5, 1, 0, 0, 0, 2, 0, 80, 0, -2i32 as u32, 1, 0, 16_777_217, 2, 0];
    assert_eq!(bytes[8..72], words.map(u32::to_le_bytes).concat());
    // Version 1 has no ids, and version 2 nothing else.
    let mut float = ColorCounts::new();
    float.add(&mut context, &ColorMap::new(&[1.0], 1, 1, 1).unwrap(), &Params::default()).unwrap();
    for (mut bytes, version) in [(bytes, 1), (float.to_bytes().unwrap(), 2)] {
        assert_ne!(bytes[8], version);
        bytes[8] = version;
        let body = bytes.len() - 8;
        let sum = bytes[..body].iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        bytes[body..].copy_from_slice(&sum.to_le_bytes());
        let error = ColorCounts::from_bytes(&bytes).unwrap_err().to_string();
        assert_eq!(error, format!("counts are of version {version}, in which their format is unknown"));
    }
}

#[test]
fn batches_regions_and_the_first_channel_alone() {
    let random = &mut Random(905);
    for format in IDS {
        let image = Image::new(format, 60, 80, 2, |_| ODD[random.below(3) as usize]);
        let first_only = Image::new(format, 60, 80, 1, |index| image.words[2 * index]);
        for context in &mut contexts() {
            // The second number is left out.
            let params = Params { alpha: Alpha::Ignored, ..Params::default() };
            let found = analyze(context, &image.map(), &params).unwrap();
            let expected = analyze(context, &first_only.map(), &Params::default()).unwrap();
            assert!(found.labels == expected.labels && found.analysis.palette == expected.analysis.palette);
            // Two images one behind the other, each with its own colours.
            let layout = Layout { format, image_count: 2, ..Layout::default() };
            let shape = Shape::new(60, 40, 2).unwrap();
            let both = ColorMap::with_layout(bytemuck::cast_slice(&image.words), shape, &layout).unwrap();
            let each = analyze(context, &both, &Params { batch: Batch::Each, ..Params::default() }).unwrap();
            for (index, palette) in each.analysis.image_palettes.iter().enumerate() {
                let one = analyze(context, &both.image(index as u32).unwrap(), &Params::default()).unwrap();
                assert_eq!(*palette, one.analysis.palette, "{format:?}, {index}");
            }
            // Regions of equal size come by colour.
            let params = Params { connected: Some(ctm::Connectivity::Four), ..Params::default() };
            let regions = analyze(context, &first_only.map(), &params).unwrap().analysis;
            let stored: Vec<_> =
                regions.palette.colors.iter().map(|entry| entry.color.stored(format)[0]).collect();
            for (pair, stats) in stored.windows(2).zip(regions.mask_stats.windows(2)) {
                let [before, after] = [pair[0], pair[1]].map(|word| image.value(word));
                assert!(stats[0].pixels > stats[1].pixels || before <= after, "{format:?}");
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn what_makes_no_sense_of_ids_is_refused() {
    let mut context = contexts().remove(0);
    let image = Image::new(Format::U32, 4, 4, 2, |index| index as u32);
    let nearest = Some(Nearest { metric: Metric::Euclidean, tolerance: 1.0 });
    let merge = Some(Merge { metric: Metric::Euclidean, tolerance: 1.0, most_pixels: 0 });
    let palette = [[1.0, 2.0, 0.0, 0.0]];
    let plain = Params::default();
    let distances = "and format is u32, whose numbers have no distances; none of nearest, merge and unmix_radius is expected";
    for (params, wanted) in [
        (Params { matching: Matching::EightBit, ..plain }, "matching is '8-bit' and format is u32".to_owned()),
        (Params { alpha: Alpha::AtLeast(1.0), ..plain }, "alpha is 'at least 1' and format is u32".to_owned()),
        (Params { nearest, ..plain }, format!("nearest is on {distances}")),
        (
            Params { unlisted: Unlisted::Nearest, palette: Some(&palette), ..plain },
            format!("unlisted is 'nearest' {distances}"),
        ),
        (Params { merge, ..plain }, format!("merge is on {distances}")),
        (Params { unmix_radius: 1, ..plain }, format!("unmix_radius is not 0 {distances}")),
        (
            Params { palette: Some(&[[16_777_216.0, 0.0, 0.0, 0.0]]), ..plain },
            "palette[0]: channel 0 is 16777216; an integer from 0 to 16777215, or one that is given as it is stored, is expected"
                .to_owned(),
        ),
        (
            Params { palette: Some(&palette), palette_stored: Some(&[[1, 2, 0, 0]]), ..plain },
            "palette and palette_stored are given; one of them is expected".to_owned(),
        ),
        (
            Params { palette_stored: Some(&[[1, 2, 0, 0], [1, 2, 3, 4]]), ..plain },
            "palette[1] is the same colour as palette[0]".to_owned(),
        ),
    ] {
        let error = analyze(&mut context, &image.map(), &params).map(drop).unwrap_err();
        assert!(matches!(&error, Error::InvalidArgument(text) if text.starts_with(&wanted)), "{error}: {wanted}");
    }
    let shape = Shape::new(1, 1, 3).unwrap();
    let layout = Layout { format: Format::I32, ..Layout::default() };
    let error = ColorMap::with_layout(&[0; 12], shape, &layout).unwrap_err().to_string();
    assert_eq!(error, "channels is 3 and format is i32; 1 or 2 are expected");
}
