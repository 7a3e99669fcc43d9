//! Images in parts: what is counted part by part, merged in any order and taken to other contexts gives every part the
//! masks of one call on the whole image.

#![allow(missing_docs)]

mod common;

use common::oracle;
use common::{Case, Random, assert_no_validation_messages, contexts, random_case};
use ctm::{
    Alpha, Analysis, Backend, Batch, ChannelOrder, ColorCounts, ColorMap, Context, Error, Format,
    LabelOutput, Layout, MaskOutput, Matching, Merge, Metric, Nearest, Options, Outputs, Params, Selection,
    Shape, Unlisted,
};
use half::f16;

const FORMATS: [Format; 4] = [Format::F32, Format::F16, Format::U16, Format::U8];

/// An image whose values are those of a case.
struct Image {
    case: Case,
    format: Format,
    bytes: Vec<u8>,
}

impl Image {
    fn new(mut case: Case, format: Format, value: impl Fn(u32) -> f32) -> Self {
        for stored in &mut case.pixels {
            *stored = value(stored.to_bits().wrapping_mul(0x9e37_79b1) >> 16);
        }
        let bytes = stored(&case.pixels, format);
        Self { case, format, bytes }
    }

    /// All values that the format can store, NaNs and infinities among them.
    fn wild(random: &mut Random, format: Format, size: [u32; 3], colors: u32) -> Self {
        let [width, height, channels] = size;
        let case = random_case(random, width, height, channels, colors, 12);
        Self::new(case, format, |bits| match format {
            Format::F32 => f32::from_bits(bits << 16 | bits),
            Format::F16 => f16::from_bits(bits as u16).to_f32(),
            Format::U16 | Format::U32 | Format::I32 => bits as f32,
            Format::U8 => (bits >> 8) as f32,
        })
    }

    /// Bytes close to each other.
    fn clustered(random: &mut Random, format: Format, size: [u32; 3], colors: u32) -> Self {
        let [width, height, channels] = size;
        let case = random_case(random, width, height, channels, colors, 12);
        Self::new(case, format, |bits| ((bits >> 8) / 16 * 16 + bits % 3) as f32)
    }

    fn shape(&self) -> Shape {
        Shape::new(self.case.width, self.case.height, self.case.channels).unwrap()
    }

    fn map(&self) -> ColorMap<'_> {
        let layout = Layout { format: self.format, ..Layout::default() };
        ColorMap::with_layout(&self.bytes, self.shape(), &layout).unwrap()
    }

    /// A copy of a rectangle that lies otherwise in memory: planes, and the bottom row first.
    fn copy(&self, [left, top, width, height]: [u32; 4]) -> (Vec<u8>, Shape, Layout) {
        let channels = self.case.channels as usize;
        let reversed = channels >= 3;
        let mut values = Vec::new();
        for plane in 0..channels {
            let channel = if reversed { [2, 1, 0, 3][plane] } else { plane };
            for y in (top..top + height).rev() {
                for x in left..left + width {
                    let pixel = y as usize * self.case.width as usize + x as usize;
                    values.push(self.case.pixels[pixel * channels + channel]);
                }
            }
        }
        let layout = Layout {
            format: self.format,
            order: if reversed { ChannelOrder::Bgra } else { ChannelOrder::Rgba },
            planar: true,
            row_stride: -((width as usize * self.format.bytes()) as isize),
            ..Layout::default()
        };
        (stored(&values, self.format), Shape::new(width, height, channels as u32).unwrap(), layout)
    }
}

fn stored(values: &[f32], format: Format) -> Vec<u8> {
    let bytes = |&value: &f32| match format {
        Format::F32 => value.to_ne_bytes().to_vec(),
        Format::F16 => f16::from_f32(value).to_ne_bytes().to_vec(),
        Format::U16 => (value as u16).to_ne_bytes().to_vec(),
        Format::U8 => vec![value as u8],
        Format::U32 => (value as u32).to_ne_bytes().to_vec(),
        Format::I32 => (value as i32).to_ne_bytes().to_vec(),
    };
    values.iter().flat_map(bytes).collect()
}

/// Cuts a side into random pieces: their starts and lengths.
fn cut(random: &mut Random, side: u32, longest: u32) -> Vec<(u32, u32)> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < side {
        let len = (1 + random.below(longest)).min(side - start);
        pieces.push((start, len));
        start += len;
    }
    pieces
}

/// The image in bands, or in tiles.
fn parts(random: &mut Random, image: &Image, tiles: bool) -> Vec<[u32; 4]> {
    let (width, height) = (image.case.width, image.case.height);
    let columns = if tiles { cut(random, width, width) } else { vec![(0, width)] };
    let rows = cut(random, height, height / 2);
    let part = |(top, height)| columns.iter().map(move |&(left, width)| [left, top, width, height]);
    rows.into_iter().flat_map(part).collect()
}

/// Everything that a call can give.
#[derive(Debug, PartialEq)]
struct Found {
    labels: Vec<u32>,
    masks: Vec<u8>,
    analysis: Analysis,
}

fn analyze(context: &mut Context, map: &ColorMap, params: &Params) -> Result<Found, Error> {
    let pixels = map.shape().pixels() as usize;
    let masks = context.mask_count(map, params)? as usize;
    let mut found =
        Found { labels: vec![99; pixels], masks: vec![99; masks * pixels], analysis: Analysis::default() };
    let outputs = Outputs {
        masks: Some(MaskOutput::U8 { masks: &mut found.masks, inside: 255 }),
        labels: Some(LabelOutput::U32(&mut found.labels)),
        mask_stats: true,
        unlisted: params.palette.map(|_| 5),
        merged: 5,
        ..Outputs::default()
    };
    found.analysis = context.analyze(map, params, outputs)?;
    Ok(found)
}

/// What each call on a part must give, counted in any way, with any context.
fn check(
    contexts: &mut [Context],
    random: &mut Random,
    image: &Image,
    params: &Params,
    counts: &ColorCounts,
    parts: &[[u32; 4]],
) {
    for context in contexts {
        let name = format!("{}, {:?}, {params:?}", context.device_name(), image.format);
        let whole = analyze(context, &image.map(), params).unwrap();
        let palette = &whole.analysis.palette;

        let selected = counts.select(context, params).unwrap();
        let colors = selected.colors.iter().map(|entry| (entry.color, entry.pixels));
        let expected = palette.colors.iter().zip(&whole.analysis.mask_stats);
        assert!(colors.eq(expected.map(|(entry, region)| (entry.color, region.pixels))), "{name}: selected");
        if let Some(distinct) = palette.distinct_colors {
            assert_eq!(selected.distinct_colors, Some(distinct), "{name}");
        }

        let params = Params { counts: Some(counts), ..*params };
        let mut pixels = vec![0; palette.colors.len()];
        for &part in parts {
            let [left, top, width, height] = part;
            let (bytes, shape, layout) = image.copy(part);
            let map = match random.below(2) {
                0 => image.map().crop(left, top, width, height).unwrap(),
                _ => ColorMap::with_layout(&bytes, shape, &layout).unwrap(),
            };
            let found = analyze(context, &map, &params).unwrap();
            let at = |index: usize| {
                let (x, y) = (index % width as usize, index / width as usize);
                whole.labels[(top as usize + y) * image.case.width as usize + left as usize + x]
            };
            let plane = found.labels.len();
            assert!((0..plane).map(at).eq(found.labels.iter().copied()), "{name}, {part:?}: labels");
            assert_eq!(found.masks.len(), palette.colors.len() * plane, "{name}, {part:?}");
            for (mask, values) in found.masks.chunks(plane).enumerate() {
                let inside = (0..plane).map(|index| if at(index) as usize == mask + 1 { 255 } else { 0 });
                assert!(inside.eq(values.iter().copied()), "{name}, {part:?}: mask {mask}");
            }
            assert_eq!(found.analysis.palette.colors, palette.colors, "{name}, {part:?}");
            assert_eq!(found.analysis.merged, whole.analysis.merged, "{name}, {part:?}");
            let unlisted = |found: &Found| {
                let found = found.analysis.unlisted.clone().unwrap_or_default();
                let listed = found.most_frequent.iter().map(|entry| (entry.color, entry.pixels));
                (found.pixels, found.colors, listed.collect::<Vec<_>>())
            };
            assert_eq!(unlisted(&found), unlisted(&whole), "{name}, {part:?}");
            for (sum, region) in pixels.iter_mut().zip(&found.analysis.mask_stats) {
                *sum += region.pixels;
            }
        }
        assert!(pixels.iter().eq(whole.analysis.mask_stats.iter().map(|region| &region.pixels)), "{name}");
    }
}

/// Merges counts in a random tree, some of them by way of bytes.
fn merged(random: &mut Random, mut counts: Vec<ColorCounts>) -> ColorCounts {
    while counts.len() > 1 {
        let mut one = counts.swap_remove(random.below(counts.len() as u32) as usize);
        if random.below(2) == 0 {
            one = ColorCounts::from_bytes(&one.to_bytes().unwrap()).unwrap();
        }
        let other = random.below(counts.len() as u32) as usize;
        counts[other].merge(&one).unwrap();
    }
    counts.pop().unwrap()
}

/// Counts parts, each with another context: one after the other, or by themselves to be merged.
fn count(
    contexts: &mut [Context],
    random: &mut Random,
    image: &Image,
    params: &Params,
    parts: &[[u32; 4]],
    merge: bool,
) -> ColorCounts {
    let mut all = vec![ColorCounts::new()];
    for &part in parts {
        let context = &mut contexts[random.below(contexts.len() as u32) as usize];
        let (bytes, shape, layout) = image.copy(part);
        let map = ColorMap::with_layout(&bytes, shape, &layout).unwrap();
        if merge {
            all.push(ColorCounts::new());
        }
        all.last_mut().unwrap().add(context, &map, params).unwrap();
    }
    merged(random, all)
}

fn in_all_cuts(contexts: &mut [Context], random: &mut Random, image: &Image, params: &Params) {
    let mut bytes = Vec::new();
    for (tiles, merge) in [(false, false), (true, false), (true, true)] {
        let parts = parts(random, image, tiles);
        let counts = count(contexts, random, image, params, &parts, merge);
        check(contexts, random, image, params, &counts, &parts);
        bytes.push(counts.to_bytes().unwrap());
    }
    assert!(bytes.iter().all(|other| *other == bytes[0]), "equal counts are equal bytes");
}

#[test]
fn parts_have_the_masks_of_the_whole() {
    let mut contexts = contexts();
    let random = &mut Random(71);
    for format in FORMATS {
        for (size, colors) in [([67, 41, 3], 30), ([53, 47, 4], 900), ([90, 30, 1], 7), ([40, 50, 2], 3000)] {
            let image = Image::wild(random, format, size, colors);
            let mut values = oracle::counts(&image.case);
            values.truncate(3);
            let ignored: Vec<[f32; 4]> = values.iter().map(|(color, _)| color.map(f32::from_bits)).collect();
            let selection = Selection { min_pixels: 3, max_count: 300 };
            let plain = Params { selection, ..Params::default() };
            let few = Selection { min_pixels: 0, max_count: 5 };
            in_all_cuts(&mut contexts, random, &image, &plain);
            in_all_cuts(
                &mut contexts,
                random,
                &image,
                &Params { ignored: &ignored, selection: few, ..plain },
            );
            in_all_cuts(&mut contexts, random, &image, &Params { matching: Matching::EightBit, ..plain });
            if size[2] % 2 == 0 {
                let alpha = Alpha::AtLeast(if format == Format::U16 { 30_000.0 } else { 0.5 });
                in_all_cuts(&mut contexts, random, &image, &Params { alpha, ..plain });
                in_all_cuts(&mut contexts, random, &image, &Params { alpha: Alpha::Ignored, ..plain });
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn colors_join_others_as_in_the_whole() {
    let mut contexts = contexts();
    let random = &mut Random(72);
    for format in FORMATS {
        for (size, colors) in [([67, 41, 3], 400), ([90, 31, 1], 60)] {
            let image = Image::clustered(random, format, size, colors);
            let counts = oracle::counts(&image.case);
            let color = |index: usize| counts[index].0.map(f32::from_bits);
            let (ignored, palette) = ([color(1)], [color(3), [7.0, 7.0, 7.0, 0.0], color(0)]);
            let selection = Selection { min_pixels: 3, max_count: 9 };
            let nearest = Some(Nearest { metric: Metric::Euclidean, tolerance: 20.0 });
            let merge = Some(Merge { metric: Metric::Chebyshev, tolerance: 2.0, most_pixels: 0 });
            let plain = Params { selection, ignored: &ignored, ..Params::default() };
            let given = Params { palette: Some(&palette), ..plain };
            for params in [
                Params { nearest, ..plain },
                Params { merge, ..plain },
                Params { merge, nearest, ..plain },
                given,
                Params { nearest, ..given },
                Params { unlisted: Unlisted::Nearest, ..given },
            ] {
                in_all_cuts(&mut contexts, random, &image, &params);
            }
            // Each part is told of colours that only another one has.
            let params = Params { unlisted: Unlisted::Error, ..given };
            let all = count(&mut contexts, random, &image, &given, &[[0, 0, size[0], size[1]]], false);
            for context in &mut contexts {
                let whole = analyze(context, &image.map(), &params).unwrap_err();
                let Error::UnlistedColors { pixels, colors, color, .. } = whole else { panic!("{whole}") };
                let part = image.map().crop(0, 0, 1, 1).unwrap();
                for error in [
                    analyze(context, &part, &Params { counts: Some(&all), ..params }).unwrap_err(),
                    all.select(context, &params).unwrap_err(),
                ] {
                    let first_pixel = (0, 0);
                    assert_eq!(error, Error::UnlistedColors { pixels, colors, color, first_pixel });
                }
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn pixels_are_unmixed_as_in_the_whole_and_regions_are_refused() {
    let random = &mut Random(79);
    let (width, height, radius) = (60, 50, 2);
    let image = Image::clustered(random, Format::U8, [width, height, 3], 40);
    let params = Params { unmix_radius: radius, ..Selection { min_pixels: 60, max_count: 20 }.into() };
    for context in &mut contexts() {
        let mut counts = ColorCounts::new();
        counts.add(context, &image.map(), &params).unwrap();
        let whole = analyze(context, &image.map(), &params).unwrap();
        let plain = analyze(context, &image.map(), &Params { unmix_radius: 0, ..params }).unwrap();
        assert_ne!(whole.labels, plain.labels);
        let params = Params { counts: Some(&counts), ..params };
        for [left, top, columns, rows] in parts(random, &image, true) {
            let (from_x, from_y) = (left.saturating_sub(radius), top.saturating_sub(radius));
            let to_x = (left + columns + radius).min(width);
            let to_y = (top + rows + radius).min(height);
            let larger = image.map().crop(from_x, from_y, to_x - from_x, to_y - from_y).unwrap();
            let found = analyze(context, &larger, &params).unwrap();
            for y in top..top + rows {
                for x in left..left + columns {
                    let own = (y - from_y) * (to_x - from_x) + x - from_x;
                    let label = whole.labels[(y * width + x) as usize];
                    assert_eq!(found.labels[own as usize], label, "{}, {x}, {y}", context.device_name());
                }
            }
        }
        let connected = Params { connected: Some(ctm::Connectivity::Eight), ..params };
        let refused = [
            analyze(context, &image.map(), &connected).unwrap_err(),
            counts.select(context, &connected).unwrap_err(),
        ];
        for error in refused {
            assert!(error.to_string().starts_with("connected is 8 and counts are given; "), "{error}");
        }
    }
    assert_no_validation_messages();
}

#[test]
fn very_many_colors() {
    let mut contexts = contexts();
    let random = &mut Random(73);
    let size = [500, 300, 3];
    let mut image = Image::wild(random, Format::U8, size, 5);
    for pixel in image.case.pixels.chunks_mut(3) {
        if random.below(3) > 0 {
            pixel.fill_with(|| random.below(256) as f32);
        }
    }
    image.bytes = stored(&image.case.pixels, Format::U8);
    let params = Params::from(Selection { min_pixels: 2, max_count: 400 });
    in_all_cuts(&mut contexts, random, &image, &params);
    let counts = count(&mut contexts, random, &image, &params, &[[0, 0, 500, 150], [0, 150, 500, 150]], true);
    assert!(counts.len() > 90_000 && counts.pixels() == 150_000, "{}", counts.len());
    assert_no_validation_messages();
}

/// The bytes as docs/counts-format.md describes them.
fn described(case: &Case, fields: [u32; 5]) -> Vec<u8> {
    let mut counts = oracle::counts(case);
    let values = |color: &[u32; 4]| color.map(|bits| f64::from(f32::from_bits(bits)));
    counts.sort_by(|a, b| values(&a.0).partial_cmp(&values(&b.0)).unwrap());
    let channels = case.channels as usize;
    let mut bytes = b"ctmCOUNT\x01\0\0\0".to_vec();
    fields.iter().for_each(|field| bytes.extend(field.to_le_bytes()));
    bytes.extend((counts.len() as u64).to_le_bytes());
    bytes.extend((56 + counts.len() as u64 * (4 * channels as u64 + 8)).to_le_bytes());
    for (color, pixels) in counts {
        color[..channels].iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        bytes.extend(pixels.to_le_bytes());
    }
    sealed(bytes)
}

/// With the checksum behind them.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in &bytes {
        sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    bytes.extend(sum.to_le_bytes());
    bytes
}

#[test]
fn bytes_are_what_the_document_says() {
    let mut contexts = contexts();
    let random = &mut Random(74);
    for (number, format) in (0..).zip(FORMATS) {
        for channels in 1..=4 {
            let image = Image::wild(random, format, [60, 40, channels], 200);
            let expected = described(&image.case, [number, channels, 0, 0, 0]);
            for context in &mut contexts {
                let mut counts = ColorCounts::new();
                counts.add(context, &image.map(), &Params::default()).unwrap();
                assert!(counts.to_bytes().unwrap() == expected, "{format:?}, {channels} channels");
                let back = ColorCounts::from_bytes(&expected).unwrap();
                assert_eq!(back, counts);
                assert_eq!(back.pixels(), oracle::counts(&image.case).iter().map(|entry| entry.1).sum());
            }
        }
    }
    let none = sealed([b"ctmCOUNT\x01".to_vec(), vec![0; 31], 56_u64.to_le_bytes().to_vec()].concat());
    assert_eq!(ColorCounts::new().to_bytes().unwrap(), none);
    assert_eq!(ColorCounts::from_bytes(&none).unwrap(), ColorCounts::new());
}

fn cpu() -> Context {
    Context::new(&Options { backend: Backend::Cpu, ..Options::default() }).unwrap()
}

#[test]
fn damaged_bytes_are_refused() {
    let image = Image::wild(&mut Random(75), Format::U8, [20, 10, 3], 4);
    let mut counts = ColorCounts::new();
    counts.add(&mut cpu(), &image.map(), &Params::default()).unwrap();
    let good = counts.to_bytes().unwrap();
    let refused = |bytes: &[u8], what: &str| match ColorCounts::from_bytes(bytes) {
        Err(Error::Data(text)) => assert!(text.contains("count"), "{what}: {text}"),
        other => panic!("{what}: {other:?}"),
    };
    for place in 0..good.len() {
        for change in [1, 0x10, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[place] ^= change;
            refused(&bad, &format!("byte {place} changed by {change}"));
        }
        refused(&good[..place], &format!("cut to {place}"));
    }
    refused(&[&good[..], &[0]].concat(), "one byte more");
    refused(&[good.clone(), good.clone()].concat(), "twice");

    // Wrong, with a checksum that is right.
    let body = &good[..good.len() - 8];
    let number = |value: u32| value.to_le_bytes().to_vec();
    let long = |value: u64| value.to_le_bytes().to_vec();
    let nothing: [u8; 36] = std::array::from_fn(|at| if at == 28 { 56 } else { 0 });
    for (what, at, bytes) in [
        ("version", 8, number(2)),
        ("version", 8, number(0)),
        ("format", 12, number(4)),
        ("another format's value", 12, number(u32::MAX)),
        ("channels", 16, number(0)),
        ("channels", 16, number(5)),
        ("fewer channels", 16, number(2)),
        ("matching", 20, number(2)),
        ("bytes of 8 bits", 20, number(1)),
        ("alpha", 24, number(3)),
        ("no alpha", 24, number(1)),
        ("least alpha", 28, number(1)),
        ("colours", 32, long(1)),
        ("colours", 32, long(u64::MAX)),
        ("colours", 32, long(1 << 60)),
        ("colours", 32, long(0xcccc_cccc_cccc_cccd)),
        ("length", 40, long(u64::MAX)),
        ("length", 40, long(0)),
        ("no part, and colours", 12, nothing.to_vec()),
        ("not in order", 48, number(255_f32.to_bits())),
        ("minus zero", 48, number(0x8000_0000)),
        ("a fraction", 48, number(0.5_f32.to_bits())),
        ("out of range", 48, number(256_f32.to_bits())),
        ("infinity", 48, number(0x7f80_0000)),
        ("NaN", 48, number(0x7fc0_0000)),
        ("no pixels", 60, long(0)),
        ("too many pixels", 60, long(u64::MAX)),
        ("the same colour twice", 68, body[48..60].to_vec()),
    ] {
        let mut bad = body.to_vec();
        bad[at..at + bytes.len()].copy_from_slice(&bytes);
        assert_ne!(bad, body, "{what}");
        refused(&sealed(bad), what);
    }
    // Named with its three channels.
    let mut bad = body.to_vec();
    bad[48..60].copy_from_slice(&[0.5_f32, 0.0, f32::NAN].map(f32::to_le_bytes).concat());
    let error = ColorCounts::from_bytes(&sealed(bad)).unwrap_err().to_string();
    assert!(error.contains("colour 0 of the counts is (0.5, 0, NaN), which"), "{error}");
    assert_eq!(ColorCounts::from_bytes(&good).unwrap(), counts);
}

#[test]
fn parts_of_another_kind_are_refused() {
    let random = &mut Random(76);
    let context = &mut cpu();
    let image = Image::wild(random, Format::F32, [20, 10, 4], 9);
    let params = Params { alpha: Alpha::AtLeast(0.5), ..Params::default() };
    let mut counts = ColorCounts::new();
    counts.add(context, &image.map(), &params).unwrap();
    let before = counts.to_bytes().unwrap();
    let other = |format, channels| Image::wild(&mut Random(1), format, [20, 10, channels], 9);
    for (image, params, text) in [
        (other(Format::F16, 4), params, "format is f16; f32, as in the counts, is expected"),
        (other(Format::F32, 2), params, "channels is 2; 4, as in the counts, is expected"),
        (
            other(Format::F32, 4),
            Params { matching: Matching::EightBit, ..params },
            "matching is '8-bit'; 'exact', as in the counts, is expected",
        ),
        (
            other(Format::F32, 4),
            Params { alpha: Alpha::AtLeast(0.25), ..params },
            "alpha is 'at least 0.25'; 'at least 0.5', as in the counts, is expected",
        ),
        (
            other(Format::F32, 4),
            Params { batch: Batch::Each, ..params },
            "batch is 'each' and counts are of all images together; 'all' or 'first' is expected",
        ),
    ] {
        let refused = |outcome: Result<(), Error>, text: &str| match outcome {
            Err(Error::InvalidArgument(found)) => assert_eq!(found, text),
            other => panic!("{other:?} in place of {text}"),
        };
        refused(counts.add(context, &image.map(), &params), text);
        if params.batch == Batch::Each {
            let used = Params { counts: Some(&counts), ..params };
            let text =
                "batch is 'each' and counts are given, which are the same for all images; 'all' is expected";
            refused(context.palette_of(&image, &used), text);
            continue;
        }
        let mut others = ColorCounts::new();
        others.add(context, &image.map(), &params).unwrap();
        refused(counts.merge(&others), &format!("other.{text}"));
        let used = Params { counts: Some(&counts), ..params };
        let Err(Error::InvalidArgument(found)) = context.palette_of(&image, &used) else { panic!("{text}") };
        assert!(found.starts_with("counts are of "), "{found}");
        assert!(counts.to_bytes().unwrap() == before, "{text}");
        // Counts of nothing have no kind.
        counts.merge(&ColorCounts::new()).unwrap();
        let used = Params { counts: Some(&ColorCounts::new()), ..params };
        context.palette_of(&image, &used).unwrap();
    }
    // The pixels of all parts together are a number of 64 bits.
    for _ in 0..64 {
        let copy = ColorCounts::from_bytes(&counts.to_bytes().unwrap()).unwrap();
        let (before, pixels) = (counts.to_bytes().unwrap(), counts.pixels());
        match counts.merge(&copy) {
            Ok(()) => assert_eq!(counts.pixels(), 2 * pixels),
            Err(error) => {
                assert!(pixels >= 1 << 63 && counts.to_bytes().unwrap() == before);
                assert_eq!(error.to_string(), "counts would have 2^64 pixels or more; fewer are expected");
                return;
            }
        }
    }
    panic!("2^64 pixels were not too many");
}

/// A call whose result does not matter.
trait PaletteOf {
    fn palette_of(&mut self, image: &Image, params: &Params) -> Result<(), Error>;
}

impl PaletteOf for Context {
    fn palette_of(&mut self, image: &Image, params: &Params) -> Result<(), Error> {
        self.analyze(&image.map(), params, Outputs::default()).map(drop)
    }
}

#[test]
fn of_several_images_all_or_the_first_are_counted() {
    let random = &mut Random(77);
    let image = Image::wild(random, Format::U16, [30, 40, 3], 50);
    let shape = Shape::new(30, 20, 3).unwrap();
    let layout = Layout { format: Format::U16, image_count: 2, ..Layout::default() };
    let both = ColorMap::with_layout(&image.bytes, shape, &layout).unwrap();
    for context in &mut contexts() {
        for (batch, alone) in [(Batch::All, image.map()), (Batch::First, both.image(0).unwrap())] {
            let params = Params { batch, ..Selection { min_pixels: 2, max_count: 20 }.into() };
            let (mut counts, mut expected) = (ColorCounts::new(), ColorCounts::new());
            counts.add(context, &both, &params).unwrap();
            expected.add(context, &alone, &Params::default()).unwrap();
            assert_eq!(counts, expected);
            let whole = context.analyze(&both, &params, Outputs::default()).unwrap();
            for batch in [Batch::All, Batch::First] {
                let used = Params { batch, counts: Some(&counts), ..params };
                let found = context.analyze(&both, &used, Outputs::default()).unwrap();
                assert_eq!(found.palette.colors, whole.palette.colors);
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn no_part_is_no_color() {
    let image = Image::wild(&mut Random(78), Format::U8, [30, 40, 3], 50);
    let counts = ColorCounts::new();
    for context in &mut contexts() {
        let params =
            Params { counts: Some(&counts), ..Selection { min_pixels: 1, max_count: u32::MAX }.into() };
        let nearest = Some(Nearest { metric: Metric::Euclidean, tolerance: 1e9 });
        for params in [params, Params { nearest, ..params }] {
            let found = analyze(context, &image.map(), &params).unwrap();
            assert_eq!(found.analysis.mask_count, 0);
            assert!(found.labels.iter().all(|&label| label == 0));
            assert_eq!(counts.select(context, &params).unwrap().colors, []);
        }
        let palette = [[1.0, 2.0, 3.0, 0.0]];
        let selected = counts.select(context, &Params { palette: Some(&palette), ..params }).unwrap();
        assert_eq!((selected.colors[0].color.values(), selected.colors[0].pixels), (palette[0], 0));
    }
    assert_no_validation_messages();
}

#[test]
fn the_memory_limit_bounds_how_many_colors_are_listed() {
    let most = (Options::LEAST_MEMORY_LIMIT / 1024) as usize;
    let pixels: Vec<f32> = (0..3 * most).map(|value| value as f32).collect();
    let part = |from: usize, len: usize| ColorMap::new(&pixels[from..from + len], len as u32, 1, 1).unwrap();
    let params = Params::from(Selection { min_pixels: 1, max_count: 7 });
    for options in common::all_options() {
        let limited = Options { memory_limit: Options::LEAST_MEMORY_LIMIT, ..options };
        let context = &mut Context::new(&limited).unwrap();
        let mut counts = ColorCounts::new();
        let out_of_memory = |error: Error, text: &str| {
            assert!(matches!(error, Error::OutOfMemory(_)), "{error}");
            assert!(error.to_string().contains(text), "{error}");
        };
        let error = counts.add(context, &part(0, most + 1), &params).unwrap_err();
        out_of_memory(error, "options.memory_limit has room for lists of 32768");
        assert_eq!(counts, ColorCounts::new());
        counts.add(context, &part(0, most - 10), &params).unwrap();
        counts.add(context, &part(most - 20, 20), &params).unwrap();
        assert_eq!((counts.len(), counts.pixels()), (most, most as u64 + 10));
        let error = counts.add(context, &part(most - 19, 20), &params).unwrap_err();
        out_of_memory(
            error,
            "the counts have 32769 colours; options.memory_limit has room for lists of 32768",
        );
        assert_eq!((counts.len(), counts.pixels()), (most, most as u64 + 10));

        // More than that, from elsewhere: what is selected is few; near colours need all of them.
        let mut others = ColorCounts::new();
        others.add(&mut cpu(), &part(most, most), &params).unwrap();
        counts.merge(&others).unwrap();
        let used = Params { counts: Some(&counts), ..params };
        let found = context.analyze(&part(0, 100), &used, Outputs::default()).unwrap();
        assert_eq!(found.palette.colors.len(), 7);
        let used = Params { nearest: Some(Nearest::default()), ..used };
        let error = context.analyze(&part(0, 100), &used, Outputs::default()).unwrap_err();
        out_of_memory(error, "the counts have 65536 colours");
    }
    assert_no_validation_messages();
}
