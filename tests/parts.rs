//! Connected regions of images in parts: what is found part by part, merged in any order and taken to other contexts gives
//! every part the masks of one call on the whole image.

#![allow(missing_docs)]

mod common;

use common::{Random, assert_no_validation_messages, contexts};
use ctm::{
    Absorb, Analysis, Batch, ColorCounts, ColorMap, Connectivity, Context, Error, Format, ImageRegions,
    LabelOutput, Layout, MaskOutput, MaskStats, Matching, Merge, Metric, Nearest, Outputs, Palette, Params,
    PartOf, Selection, Shape, Unlisted,
};

const BOTH: [Connectivity; 2] = [Connectivity::Four, Connectivity::Eight];

/// An image of one channel, whose values are small integers.
struct Picture {
    width: u32,
    height: u32,
    format: Format,
    values: Vec<u32>,
    bytes: Vec<u8>,
}

impl Picture {
    fn new(width: u32, height: u32, format: Format, values: Vec<u32>) -> Self {
        let bytes = |&value: &u32| match format {
            Format::U8 => vec![value as u8],
            Format::F32 if value == 0 => f32::NAN.to_ne_bytes().to_vec(),
            Format::F32 => (value as f32).to_ne_bytes().to_vec(),
            _ => (value << 20).to_ne_bytes().to_vec(),
        };
        let bytes = values.iter().flat_map(bytes).collect();
        Self { width, height, format, values, bytes }
    }

    /// Runs of few values: regions that wind through the image, and many small ones.
    fn random(
        random: &mut Random,
        width: u32,
        height: u32,
        format: Format,
        colors: u32,
        longest: u32,
    ) -> Self {
        let pixels = (width * height) as usize;
        let mut values: Vec<u32> = Vec::new();
        while values.len() < pixels {
            let (value, run) = (random.below(colors), 1 + random.below(longest));
            values.extend(std::iter::repeat_n(value, run as usize));
        }
        values.truncate(pixels);
        // Rows that are like those above, so that regions are more than a row high.
        for pixel in width as usize..pixels {
            if random.below(3) > 0 {
                values[pixel] = values[pixel - width as usize];
            }
        }
        Self::new(width, height, format, values)
    }

    fn map(&self) -> ColorMap<'_> {
        let layout = Layout { format: self.format, ..Layout::default() };
        ColorMap::with_layout(&self.bytes, Shape::new(self.width, self.height, 1).unwrap(), &layout).unwrap()
    }

    fn part(&self, [left, top, width, height]: Place) -> ColorMap<'_> {
        self.map().crop(left, top, width, height).unwrap()
    }

    fn whole(&self) -> Place {
        [0, 0, self.width, self.height]
    }
}

/// Left, top, width, height.
type Place = [u32; 4];

/// Cuts a side into random pieces: their starts and lengths.
fn cut(random: &mut Random, side: u32, longest: u32) -> Vec<(u32, u32)> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    while start < side {
        let len = (1 + random.below(longest)).min(side - start);
        pieces.push((start, len));
        start += len;
    }
    pieces
}

/// Cuts rectangles in two, again and again.
fn split(random: &mut Random, place: Place, depth: u32, parts: &mut Vec<Place>) {
    let [left, top, width, height] = place;
    let side = if random.below(2) == 0 { width } else { height };
    if depth == 0 || side < 2 {
        parts.push(place);
    } else if side == width {
        let at = 1 + random.below(width - 1);
        split(random, [left, top, at, height], depth - 1, parts);
        split(random, [left + at, top, width - at, height], depth - 1, parts);
    } else {
        let at = 1 + random.below(height - 1);
        split(random, [left, top, width, at], depth - 1, parts);
        split(random, [left, top + at, width, height - at], depth - 1, parts);
    }
}

/// The image in parts, in any order: bands, columns, tiles, bricks, or any rectangles.
fn parts(random: &mut Random, [_, _, width, height]: Place, kind: u32) -> Vec<Place> {
    let mut parts = Vec::new();
    match kind {
        0 => parts.extend(cut(random, height, 1 + height / 3).iter().map(|&(top, len)| [0, top, width, len])),
        1 => parts.extend((0..width).map(|left| [left, 0, 1, height])),
        2 => {
            let columns = cut(random, width, 1 + width / 2);
            for (top, len) in cut(random, height, 1 + height / 2) {
                parts.extend(columns.iter().map(|&(left, width)| [left, top, width, len]));
            }
        }
        3 => {
            for (top, len) in cut(random, height, 3) {
                parts.extend(cut(random, width, 4).iter().map(|&(left, width)| [left, top, width, len]));
            }
        }
        _ => split(random, [0, 0, width, height], 6, &mut parts),
    }
    for index in (1..parts.len()).rev() {
        parts.swap(index, random.below(index as u32 + 1) as usize);
    }
    parts
}

const KINDS: u32 = 5;

/// Everything that a call can give.
#[derive(Debug)]
struct Found {
    labels: Vec<u32>,
    masks: Vec<u8>,
    crops: Vec<u8>,
    analysis: Analysis,
}

fn analyze(context: &mut Context, map: &ColorMap, params: &Params) -> Result<Found, Error> {
    let pixels = map.shape().pixels() as usize;
    let masks = context.mask_count(map, params)? as usize;
    let (mut labels, mut masks) = (vec![99; pixels], vec![99; masks * pixels]);
    let outputs = Outputs {
        masks: Some(MaskOutput::U8 { masks: &mut masks, inside: 255 }),
        labels: Some(LabelOutput::U32(&mut labels)),
        mask_stats: true,
        merged: 5,
        ..Outputs::default()
    };
    let analysis = context.analyze(map, params, outputs)?;
    let boxes = analysis.mask_stats.iter().map(|stats| stats.width.div_ceil(8) * stats.height);
    let mut crops = vec![99; boxes.sum::<u32>() as usize];
    let outputs = Outputs { masks: Some(MaskOutput::Bits(&mut crops)), cropped: true, ..Outputs::default() };
    context.analyze(map, params, outputs)?;
    Ok(Found { labels, masks, crops, analysis })
}

/// Checks what a part was given against the labels of the whole.
fn check_part(picture: &Picture, place: Place, whole: &Found, found: &Found, name: &str) {
    let [left, top, width, height] = place;
    let row = |y: u32| {
        let start = ((top + y) * picture.width + left) as usize;
        &whole.labels[start..start + width as usize]
    };
    let labels: Vec<u32> = (0..height).flat_map(|y| row(y).iter().copied()).collect();
    assert_eq!(found.labels, labels, "{name}: labels");
    assert_eq!(
        found.analysis.palette,
        Palette { distinct_colors: None, ..whole.analysis.palette.clone() },
        "{name}"
    );
    let count = whole.analysis.palette.colors.len();
    assert_eq!(found.masks.len(), count * labels.len(), "{name}");
    let mut crops = Vec::new();
    for (mask, values) in found.masks.chunks(labels.len()).enumerate() {
        let is_in = |pixel: usize| labels[pixel] as usize == mask + 1;
        assert!(
            values.iter().enumerate().all(|(pixel, &value)| (value == 255) == is_in(pixel)),
            "{name}: {mask}"
        );
        let stats = &found.analysis.mask_stats[mask];
        let expected = (0..labels.len()).filter(|&pixel| is_in(pixel)).count();
        assert_eq!(stats.pixels, expected as u64, "{name}: {mask}");
        for y in stats.top..stats.top + stats.height {
            let mut bytes = vec![0u8; stats.width.div_ceil(8) as usize];
            for x in 0..stats.width {
                let inside = is_in((y * width + stats.left + x) as usize);
                bytes[x as usize / 8] |= u8::from(inside) << (7 - x % 8);
            }
            crops.extend(bytes);
        }
    }
    assert_eq!(found.crops, crops, "{name}: cropped");
}

/// Merges regions in a random tree, some of them by way of bytes.
fn merged(random: &mut Random, mut regions: Vec<ImageRegions>) -> ImageRegions {
    while regions.len() > 1 {
        let mut one = regions.swap_remove(random.below(regions.len() as u32) as usize);
        if random.below(2) == 0 {
            one = ImageRegions::from_bytes(&one.to_bytes().unwrap()).unwrap();
        }
        let other = random.below(regions.len() as u32) as usize;
        regions[other].merge(&one).unwrap();
    }
    regions.pop().unwrap()
}

/// Adds parts, each with another context: to one, or to several that are merged.
fn add(
    contexts: &mut [Context],
    random: &mut Random,
    picture: &Picture,
    params: &Params,
    parts: &[Place],
) -> ImageRegions {
    let several = 1 + random.below(4);
    let new = || ImageRegions::new(picture.width, picture.height).unwrap();
    let mut all: Vec<ImageRegions> = (0..several).map(|_| new()).collect();
    for &part in parts {
        let context = &mut contexts[random.below(contexts.len() as u32) as usize];
        let regions = &mut all[random.below(several) as usize];
        regions.add(context, &picture.part(part), (part[0], part[1]), params).unwrap();
    }
    merged(random, all)
}

/// All cuts of an image give what one call gives, on every backend.
fn in_all_cuts(contexts: &mut [Context], random: &mut Random, picture: &Picture, params: &Params) {
    let wholes: Vec<Found> = contexts
        .iter_mut()
        .map(|context| analyze(context, &picture.map(), &Params { counts: None, ..*params }).unwrap())
        .collect();
    let mut bytes = Vec::new();
    for kind in 0..KINDS {
        let parts = parts(random, picture.whole(), kind);
        // What regions get a mask is not known yet.
        let selection = if params.counts.is_some() { params.selection } else { Selection::default() };
        let regions = add(contexts, random, picture, &Params { selection, ..*params }, &parts);
        let again = add(contexts, random, picture, params, &parts);
        bytes.push((regions.to_bytes().unwrap(), again.to_bytes().unwrap()));
        for (index, (context, whole)) in contexts.iter_mut().zip(&wholes).enumerate() {
            let name = format!(
                "{}, {:?} {} x {}, {kind}, {params:?}",
                context.device_name(),
                picture.format,
                picture.width,
                picture.height
            );
            let selected = regions.select(context, params).unwrap();
            assert_eq!(selected.mask_count, whole.analysis.mask_count, "{name}");
            assert_eq!(selected.palette.colors, whole.analysis.palette.colors, "{name}");
            assert_eq!(selected.mask_stats, whole.analysis.mask_stats, "{name}");
            // They are in no order: some are any.
            let most = if index == 0 { parts.len() } else { 12 };
            for &part in parts.iter().take(most) {
                let part_of = PartOf { regions: &regions, place: (part[0], part[1]) };
                let found = analyze(context, &picture.part(part), &Params { part: Some(part_of), ..*params })
                    .unwrap();
                check_part(picture, part, whole, &found, &format!("{name}, {part:?}"));
            }
        }
    }
    assert!(bytes.iter().all(|(one, other)| one == other), "equal parts are equal bytes in any order");
}

#[test]
fn parts_have_the_regions_of_the_whole() {
    let mut contexts = contexts();
    let random = &mut Random(91);
    let formats = [Format::U8, Format::F32, Format::U32];
    for (index, (width, height, colors, longest)) in [
        (23, 17, 2, 3),
        (31, 9, 3, 6),
        (8, 40, 2, 2),
        (1, 30, 2, 1),
        (30, 1, 2, 2),
        (1, 1, 2, 1),
        (40, 33, 4, 9),
    ]
    .into_iter()
    .enumerate()
    {
        let picture = Picture::random(random, width, height, formats[index % 3], colors, longest);
        for connectivity in BOTH {
            for selection in [
                Selection::default(),
                Selection { min_pixels: 2, max_count: 7 },
                Selection { min_pixels: 5, max_count: u32::MAX },
                Selection { min_pixels: 0, max_count: 1 + index as u32 },
                Selection { min_pixels: 1, max_count: 0 },
            ]
            .into_iter()
            .skip(index % 2)
            .step_by(2)
            {
                let params = Params { selection, connected: Some(connectivity), ..Params::default() };
                in_all_cuts(&mut contexts, random, &picture, &params);
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn colors_are_chosen_as_in_the_whole() {
    let mut contexts = contexts();
    let random = &mut Random(92);
    for connectivity in BOTH {
        let picture = Picture::random(random, 29, 21, Format::U8, 9, 4);
        let ignored = [[3.0, 0.0, 0.0, 0.0]];
        let palette =
            [[5.0, 0.0, 0.0, 0.0], [77.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]];
        let selection = Selection { min_pixels: 2, max_count: 30 };
        let plain = Params { selection, connected: Some(connectivity), ..Params::default() };
        let nearest = Some(Nearest { metric: Metric::Euclidean, tolerance: 1.0 });
        let given = Params { palette: Some(&palette), ..plain };
        for params in [
            Params { ignored: &ignored, ..plain },
            given,
            Params { nearest, ignored: &ignored, ..given },
            Params { unlisted: Unlisted::Nearest, ..given },
        ] {
            in_all_cuts(&mut contexts, random, &picture, &params);
        }
        // What attracts others is decided by the whole.
        let mut counts = ColorCounts::new();
        counts.add(&mut contexts[0], &picture.map(), &Params::default()).unwrap();
        let selection = Selection { min_pixels: 60, max_count: 20 };
        let merge = Some(Merge { metric: Metric::Chebyshev, tolerance: 1.0, most_pixels: 0 });
        for params in [plain, Params { nearest, ..plain }, Params { merge, ..plain }] {
            let params = Params { counts: Some(&counts), selection, ..params };
            in_all_cuts(&mut contexts, random, &picture, &params);
        }
    }
    assert_no_validation_messages();
}

/// Regions that touch by corners where four parts meet, and by corners of parts that do not end at the same columns.
#[test]
fn corners_of_four_parts_connect() {
    let mut context = contexts().remove(0);
    for (pixels, connected, masks) in [
        ([1, 2, 2, 1], Connectivity::Eight, 2),
        ([1, 2, 2, 1], Connectivity::Four, 4),
        ([1, 1, 2, 1], Connectivity::Four, 2),
    ] {
        let picture = Picture::new(2, 2, Format::U8, pixels.to_vec());
        let params = Params { connected: Some(connected), ..Params::default() };
        let mut regions = ImageRegions::new(2, 2).unwrap();
        for part in [[1, 1, 1, 1], [0, 0, 1, 1], [1, 0, 1, 1], [0, 1, 1, 1]] {
            regions.add(&mut context, &picture.part(part), (part[0], part[1]), &params).unwrap();
        }
        assert_eq!(regions.select(&mut context, &params).unwrap().mask_count, masks);
    }
}

/// What a call says.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result.unwrap_err() {
        Error::InvalidArgument(text) => text,
        error => panic!("{error:?}"),
    }
}

fn expect(text: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| text.contains(part)), "{text}: {parts:?}");
}

#[test]
fn the_setting_that_differs_is_named_with_both_values() {
    let mut context = contexts().remove(0);
    let picture = Picture::random(&mut Random(95), 12, 10, Format::F32, 3, 4);
    let params = Params { connected: Some(Connectivity::Four), ..Params::default() };
    let given = Params { palette: Some(&[[1.0; 4], [2.0; 4]]), ..params };
    let near = |metric, tolerance| Some(Nearest { metric, tolerance });
    let mut counts = ColorCounts::new();
    counts.add(&mut context, &picture.map(), &params).unwrap();
    let merged = |most_pixels| Params {
        counts: Some(&counts),
        merge: Some(Merge { metric: Metric::Chebyshev, tolerance: 2.0, most_pixels }),
        ..params
    };
    for (first, other, said) in [
        (
            given,
            Params { nearest: near(Metric::Euclidean, 0.5), ..given },
            "nearest is euclidean, at most 0.5 away; off, as",
        ),
        (
            Params { nearest: near(Metric::Chebyshev, 20.0), ..given },
            given,
            "nearest is off; chebyshev, at most 20 away, as",
        ),
        (
            given,
            Params { unlisted: Unlisted::Nearest, ..given },
            "unlisted is 'nearest'; 'ignore' or 'error', as",
        ),
        (
            merged(0),
            merged(9),
            "merge is chebyshev, at most 2 away, colours of at most 9 pixels; chebyshev, at most 2 away, as",
        ),
        (Params { matching: Matching::EightBit, ..params }, params, "matching is 'exact'; '8-bit', as"),
    ] {
        let mut regions = ImageRegions::new(12, 10).unwrap();
        regions.add(&mut context, &picture.part([0, 0, 12, 4]), (0, 0), &first).unwrap();
        let part = picture.part([0, 4, 12, 6]);
        expect(&refusal(regions.add(&mut context, &part, (0, 4), &other)), &[said]);
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let mut context = contexts().remove(0);
    let picture = Picture::random(&mut Random(93), 12, 10, Format::U8, 3, 4);
    let params = Params { connected: Some(Connectivity::Four), ..Params::default() };
    let mut regions = ImageRegions::new(12, 10).unwrap();
    expect(&refusal(ImageRegions::new(0, 4)), &["width is 0"]);
    expect(&refusal(regions.select(&mut context, &params)), &["0 parts of 0 pixels", "12 x 10 = 120"]);
    let top = [0, 0, 12, 4];
    regions.add(&mut context, &picture.part(top), (0, 0), &params).unwrap();
    let bytes = regions.to_bytes().unwrap();
    let part = picture.part([0, 0, 5, 6]);
    for (place, said) in [
        ((8, 4), ["5 x 6 pixels from column 8, row 4", "12 x 10"]),
        ((0, 5), ["5 x 6 pixels from column 0, row 5", "12 x 10"]),
        ((u32::MAX, 4), ["column 4294967295", "12 x 10"]),
        ((3, 3), ["5 x 6 pixels from column 3, row 3 on overlaps", "12 x 4 from 0, 0"]),
    ] {
        expect(&refusal(regions.add(&mut context, &part, place, &params)), &said);
    }
    let palette = [[1.0; 4]];
    let nearest = Some(Nearest { metric: Metric::Euclidean, tolerance: 1.0 });
    for (other, said) in [
        (
            Params { connected: Some(Connectivity::Eight), ..params },
            ["connected is 8;", " 4, as for the parts"],
        ),
        (Params { connected: None, ..params }, ["connected is off", "4 or 8 is expected"]),
        (Params { palette: Some(&palette), ..params }, ["palette is a list of 1", "not given"]),
        (Params { ignored: &palette, ..params }, ["ignored is another list, of 1", "the list of 0"]),
        (Params { nearest, ..params }, ["nearest is on", "counts"]),
    ] {
        let text = refusal(regions.add(&mut context, &picture.part([0, 4, 12, 6]), (0, 4), &other));
        expect(&text, &said);
    }
    let floats = Picture::random(&mut Random(93), 12, 6, Format::F32, 3, 4);
    let text = refusal(regions.add(&mut context, &floats.map(), (0, 4), &params));
    expect(&text, &["format is f32;", " u8, as for the parts"]);
    assert_eq!(regions.to_bytes().unwrap(), bytes, "nothing was added");

    let text = refusal(regions.select(&mut context, &params));
    expect(&text, &["1 parts of 48 pixels", "12 x 10 = 120"]);
    let part_of = |place| Params { part: Some(PartOf { regions: &regions, place }), ..params };
    let text = refusal(analyze(&mut context, &picture.part(top), &part_of((0, 0))));
    expect(&text, &["48 pixels", "120"]);
    let mut other = ImageRegions::new(12, 9).unwrap();
    expect(&refusal(other.merge(&regions)), &["12 x 10", "12 x 9"]);
    let mut other = ImageRegions::new(12, 10).unwrap();
    other.add(&mut context, &picture.part([3, 2, 5, 6]), (3, 2), &params).unwrap();
    expect(&refusal(other.merge(&regions)), &["12 x 4", "5 x 6", "overlaps"]);

    regions.add(&mut context, &picture.part([0, 4, 12, 6]), (0, 4), &params).unwrap();
    let part_of = |place| Params { part: Some(PartOf { regions: &regions, place }), ..params };
    for (part, place) in [(top, (0, 1)), ([0, 0, 12, 3], (0, 0)), ([0, 0, 11, 4], (0, 0))] {
        let text = refusal(analyze(&mut context, &picture.part(part), &part_of(place)));
        let size = format!("{} x {} pixels", part[2], part[3]);
        expect(&text, &[&format!("part_left is {}", place.0), &format!("part_top is {}", place.1), &size]);
    }
    let eight = Params { connected: Some(Connectivity::Eight), ..part_of((0, 0)) };
    expect(
        &refusal(analyze(&mut context, &picture.part(top), &eight)),
        &["regions are of parts whose connected is 4; connected is 8, and the same"],
    );
    expect(&refusal(regions.select(&mut context, &Params { part: None, ..eight })), &["connected is 8;"]);
    let mut changed = Picture::new(12, 10, Format::U8, picture.values.clone());
    changed.bytes[13] = 9;
    let result = analyze(&mut context, &changed.part(top), &part_of((0, 0)));
    assert!(
        matches!(&result, Err(Error::Data(text)) if text.contains("column 0, row 0")),
        "{:?}",
        result.err()
    );
}

#[test]
fn what_parts_cannot_give_is_unsupported() {
    let mut context = contexts().remove(0);
    let picture = Picture::random(&mut Random(94), 6, 4, Format::U8, 2, 3);
    let params = Params { connected: Some(Connectivity::Four), ..Params::default() };
    let mut whole = ImageRegions::new(6, 4).unwrap();
    whole.add(&mut context, &picture.map(), (0, 0), &params).unwrap();
    for (unsupported, said) in [
        (Params { unmix_radius: 2, ..params }, "unmix_radius is 2"),
        (Params { absorb: Absorb { pixels: 3, ..Absorb::default() }, ..params }, "absorb_pixels is 3"),
        (Params { absorb: Absorb { holes: 1, ..Absorb::default() }, ..params }, "fill_holes is 1"),
        (Params { batch: Batch::First, ..params }, "batch is 'first'"),
        (Params { batch: Batch::Each, ..params }, "batch is 'each'"),
    ] {
        let mut regions = ImageRegions::new(6, 4).unwrap();
        let part = Some(PartOf { regions: &whole, place: (0, 0) });
        for result in [
            regions.add(&mut context, &picture.map(), (0, 0), &unsupported),
            whole.select(&mut context, &unsupported).map(drop),
            analyze(&mut context, &picture.map(), &Params { part, ..unsupported }).map(drop),
        ] {
            assert!(matches!(&result, Err(Error::Unsupported(text)) if text.contains(said)), "{result:?}");
        }
    }
    let layout = Layout { format: Format::U8, image_count: 2, ..Layout::default() };
    let two = ColorMap::with_layout(&picture.bytes, Shape::new(6, 2, 1).unwrap(), &layout).unwrap();
    let result = whole.add(&mut context, &two, (0, 0), &params);
    assert!(matches!(&result, Err(Error::Unsupported(text)) if text.contains("2 images")), "{result:?}");
    let mut coverage = vec![0.0; 24];
    let part = Some(PartOf { regions: &whole, place: (0, 0) });
    let outputs = Outputs { masks: Some(MaskOutput::Coverage(&mut coverage)), ..Outputs::default() };
    let result = context.analyze(&picture.map(), &Params { part, ..params }, outputs);
    assert!(matches!(&result, Err(Error::InvalidArgument(_))), "{result:?}");
    // Bytes are of eight bits already.
    let eight_bits = Params { matching: Matching::EightBit, ..params };
    assert!(whole.select(&mut context, &eight_bits).is_ok());
}

/// A small object: parts with borders, colours and several regions, and one with a palette.
fn small() -> Vec<Vec<u8>> {
    let mut context = contexts().remove(0);
    let picture = Picture::random(&mut Random(95), 5, 4, Format::U8, 3, 2);
    let palette = [[1.0; 4], [2.0; 4]];
    let plain = Params { connected: Some(Connectivity::Eight), ..Params::default() };
    let nearest = Some(Nearest { metric: Metric::Chebyshev, tolerance: 0.5 });
    [plain, Params { palette: Some(&palette), ignored: &[[7.0; 4]], nearest, ..plain }]
        .iter()
        .map(|params| {
            let mut regions = ImageRegions::new(5, 4).unwrap();
            for part in [[0, 0, 2, 4], [2, 0, 3, 1], [2, 1, 3, 3]] {
                regions.add(&mut context, &picture.part(part), (part[0], part[1]), params).unwrap();
            }
            regions.to_bytes().unwrap()
        })
        .chain([ImageRegions::new(5, 4).unwrap().to_bytes().unwrap()])
        .collect()
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// docs/regions-format.md, by hand.
#[test]
fn bytes_are_what_the_document_says() {
    let mut context = contexts().remove(0);
    let picture = Picture::new(3, 2, Format::U8, vec![7, 9, 7, 7, 7, 7]);
    let ignored = [[8.0, 0.0, 0.0, 0.0]];
    let params = Params { connected: Some(Connectivity::Four), ignored: &ignored, ..Params::default() };
    let mut regions = ImageRegions::new(3, 2).unwrap();
    regions.add(&mut context, &picture.part([0, 0, 3, 1]), (0, 0), &params).unwrap();
    let mut bytes = b"ctmREGNS".to_vec();
    let numbers = |bytes: &mut Vec<u8>, all: &[u32]| all.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    numbers(&mut bytes, &[1, 3, 1, 0, 0, 0, 3, 2, 4, 0, 0, 0, 0, 0]);
    numbers(&mut bytes, &[0; 8]); // tolerances and bounds
    numbers(&mut bytes, &[0, 1, 1, 0, 388, 0]);
    numbers(&mut bytes, &[8f32.to_bits()]);
    numbers(&mut bytes, &[0, 0, 3, 1, 2, 3, 3, 3, 1, 1]);
    numbers(&mut bytes, &[7f32.to_bits(), 9f32.to_bits()]);
    for (color, x) in [(0, 0), (1, 1), (0, 2)] {
        numbers(&mut bytes, &[color, x, 0, x, x, 0, 1, 0, x, 0, 0, 0]);
    }
    for _ in 0..2 {
        numbers(&mut bytes, &[1, 0, 2, 1, 3, 2]);
    }
    numbers(&mut bytes, &[1, 0, 1, 2]);
    let sum = checksum(&bytes);
    bytes.extend(sum.to_le_bytes());
    assert_eq!(bytes.len(), 388);
    assert_eq!(regions.to_bytes().unwrap(), bytes);
    assert_eq!(ImageRegions::from_bytes(&bytes).unwrap(), regions);
}

#[test]
fn damaged_bytes_are_refused() {
    for bytes in small() {
        let back = ImageRegions::from_bytes(&bytes).unwrap();
        assert_eq!(back.to_bytes().unwrap(), bytes);
        for len in 0..bytes.len() {
            let result = ImageRegions::from_bytes(&bytes[..len]);
            assert!(matches!(result, Err(Error::Data(_))), "cut to {len}: {result:?}");
        }
        let mut longer = bytes.clone();
        longer.extend([0; 8]);
        assert!(matches!(ImageRegions::from_bytes(&longer), Err(Error::Data(_))));
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let result = ImageRegions::from_bytes(&flipped);
            assert!(matches!(result, Err(Error::Data(_))), "bit {bit} of {at}: {result:?}");
        }
    }
}

/// With a checksum that is right, bytes are refused, or are regions that can be used like any.
#[test]
fn bytes_that_deceive_do_no_harm() {
    let mut context = contexts().remove(0);
    let picture = Picture::random(&mut Random(95), 5, 4, Format::U8, 3, 2);
    let (mut taken, mut refused) = (0, 0);
    for bytes in small() {
        let body = bytes.len() - 8;
        for at in 0..body {
            for value in [0, 1, 2, 5, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at].wrapping_add(1)] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let sum = checksum(&changed[..body]);
                changed[body..].copy_from_slice(&sum.to_le_bytes());
                let Ok(regions) = ImageRegions::from_bytes(&changed) else {
                    refused += 1;
                    continue;
                };
                taken += 1;
                assert_eq!(regions.to_bytes().unwrap(), changed, "{at}: {value}");
                for connected in BOTH {
                    let params = Params { connected: Some(connected), ..Params::default() };
                    let _ = regions.select(&mut context, &params);
                    let part = Some(PartOf { regions: &regions, place: (2, 1) });
                    let _ = analyze(&mut context, &picture.part([2, 1, 3, 3]), &Params { part, ..params });
                }
            }
        }
    }
    assert!(taken > 100 && refused > 1000, "{taken} taken, {refused} refused");
}

/// An image of some size, whose regions are spirals through all parts.
#[test]
fn regions_wind_through_many_parts() {
    let mut contexts = contexts();
    let (width, height) = (300u32, 257u32);
    let values = (0..width * height).map(|pixel| {
        let (x, y) = (pixel % width, pixel / width);
        let ring = x.min(y).min(width - 1 - x).min(height - 1 - y);
        ring % 2 + u32::from((x * 7 + y * 3) % 61 == 0)
    });
    let picture = Picture::new(width, height, Format::U8, values.collect());
    let params = Params {
        connected: Some(Connectivity::Four),
        selection: Selection { min_pixels: 3, max_count: 300 },
        ..Params::default()
    };
    for context in &mut contexts {
        let whole = analyze(context, &picture.map(), &params).unwrap();
        let mut regions = ImageRegions::new(width, height).unwrap();
        let tiles: Vec<Place> = (0..height)
            .step_by(64)
            .flat_map(|top| (0..width).step_by(100).map(move |left| (left, top)))
            .map(|(left, top)| [left, top, 100.min(width - left), 64.min(height - top)])
            .collect();
        for &tile in &tiles {
            regions.add(context, &picture.part(tile), (tile[0], tile[1]), &params).unwrap();
        }
        let stats: Vec<MaskStats> = regions.select(context, &params).unwrap().mask_stats;
        assert_eq!(stats, whole.analysis.mask_stats);
        for &tile in &tiles {
            let part = Some(PartOf { regions: &regions, place: (tile[0], tile[1]) });
            let found = analyze(context, &picture.part(tile), &Params { part, ..params }).unwrap();
            check_part(&picture, tile, &whole, &found, &format!("{tile:?}"));
        }
    }
    assert_no_validation_messages();
}
