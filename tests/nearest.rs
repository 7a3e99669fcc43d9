//! Colours that join the nearest mask, and colours that a given palette does not have, by an oracle that looks at each
//! pixel by itself.

#![allow(missing_docs)]

mod common;

use common::{Case, Random, all_options, assert_no_validation_messages, contexts, random_case};
use ctm::{
    Alpha, Analysis, Batch, ColorCounts, ColorMap, Context, Error, Format, LabelOutput, Layout, MaskOutput,
    Metric, Nearest, Options, Outputs, Params, Selection, Shape, Unlisted,
};

type Values = [f32; 4];

fn distance(metric: Metric, a: &Values, b: &Values) -> f64 {
    let difference = |channel: usize| f64::from(a[channel]) - f64::from(b[channel]);
    let differences = [0, 1, 2, 3].map(|channel| difference(channel).abs());
    match metric {
        Metric::Euclidean => differences.iter().map(|d| d * d).sum::<f64>().sqrt(),
        Metric::Chebyshev => differences.into_iter().fold(0.0, f64::max),
    }
}

/// The number of the nearest colour that is near enough.
fn nearest(values: &Values, palette: &[Values], nearest: Nearest) -> Option<usize> {
    let distances = palette.iter().map(|color| distance(nearest.metric, values, color));
    let near = distances.enumerate().filter(|&(_, distance)| distance <= nearest.tolerance);
    near.min_by(|a, b| a.1.partial_cmp(&b.1).unwrap()).map(|(index, _)| index)
}

/// Each pixel's values, as far as it has a colour, and what is stored for bytes.
struct Image {
    pixels: Vec<Option<Values>>,
    bytes: Vec<u8>,
    case: Case,
}

impl Image {
    /// Colours in clusters, as of a map that was compressed: 8-bit values around a few colours.
    fn new(random: &mut Random, width: u32, height: u32, clusters: u32, spread: u32) -> Self {
        let mut case = random_case(random, width, height, 3, clusters, 25);
        let mut bytes = Vec::new();
        for value in &mut case.pixels {
            let center = (value.to_bits().wrapping_mul(0x9e37_79b1) >> 24) / 10 * 10;
            bytes.push((center + random.below(spread)).min(255) as u8);
            *value = f32::from(bytes[bytes.len() - 1]);
        }
        let pixels = case.pixels.chunks(3).map(|p| Some([p[0], p[1], p[2], 0.0])).collect();
        Self { pixels, bytes, case }
    }

    fn maps(&self) -> [ColorMap<'_>; 2] {
        let layout = Layout { format: Format::U8, ..Layout::default() };
        let shape = Shape::new(self.case.width, self.case.height, 3).unwrap();
        [self.case.map(), ColorMap::with_layout(&self.bytes, shape, &layout).unwrap()]
    }

    /// Colours and counts in the order of masks, but for ignored ones.
    fn counts(&self, ignored: &[Values]) -> Vec<(Values, u64)> {
        let mut counts: Vec<(Values, u64)> = Vec::new();
        let mut positions = std::collections::HashMap::new();
        for values in self.pixels.iter().flatten().filter(|values| !ignored.contains(values)) {
            let position = *positions.entry(values.map(f32::to_bits)).or_insert_with(|| {
                counts.push((*values, 0));
                counts.len() - 1
            });
            counts[position].1 += 1;
        }
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.partial_cmp(&b.0).unwrap()));
        counts
    }
}

/// The labels, and the palette with its counts.
fn expected(
    image: &Image,
    palette: &[Values],
    ignored: &[Values],
    tolerance: Nearest,
) -> (Vec<u32>, Vec<(Values, u64)>) {
    let mut counts: Vec<(Values, u64)> = palette.iter().map(|&values| (values, 0)).collect();
    let mut known = std::collections::HashMap::new();
    let mut labels = Vec::new();
    for pixel in &image.pixels {
        let mask = pixel.and_then(|values| {
            *known.entry(values.map(f32::to_bits)).or_insert_with(|| match ignored.contains(&values) {
                true => None,
                false => nearest(&values, palette, tolerance),
            })
        });
        labels.push(mask.map_or(0, |mask| mask as u32 + 1));
        if let Some(mask) = mask {
            counts[mask].1 += 1;
        }
    }
    (labels, counts)
}

fn check(
    context: &mut Context,
    map: &ColorMap,
    params: &Params,
    (labels, palette): &(Vec<u32>, Vec<(Values, u64)>),
    unlisted: Option<u32>,
) -> Analysis {
    let name = format!("{}, {:?}, {:?}", context.device_name(), map.format(), params.nearest);
    let mut found = vec![u32::MAX; labels.len()];
    let mut masks = vec![0.5; labels.len() * palette.len()];
    let outputs = Outputs {
        masks: Some(MaskOutput::F32(&mut masks)),
        labels: Some(LabelOutput::U32(&mut found)),
        mask_stats: true,
        unlisted,
        ..Outputs::default()
    };
    let analysis = context.analyze(map, params, outputs).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(found == *labels, "{name}: labels");
    for (mask, plane) in masks.chunks(labels.len()).enumerate() {
        let inside = |&label: &u32| f32::from(u8::from(label as usize == mask + 1));
        assert!(labels.iter().map(inside).eq(plane.iter().copied()), "{name}: mask {mask}");
    }
    let colors: Vec<_> = analysis.palette.colors.iter().map(|e| (e.color.values(), e.pixels)).collect();
    assert_eq!(colors, *palette, "{name}");
    assert!(analysis.mask_stats.iter().map(|region| region.pixels).eq(palette.iter().map(|e| e.1)), "{name}");
    assert_eq!(context.mask_count(map, params).unwrap() as usize, palette.len());
    analysis
}

/// Few colours, more than two bytes number, and masks of one colour.
fn images() -> Vec<Image> {
    let random = &mut Random(51);
    vec![
        Image::new(random, 150, 111, 9, 5),
        Image::new(random, 400, 300, 20, 9),
        Image::new(random, 420, 250, 3000, 40),
        Image::new(random, 61, 33, 5, 1),
    ]
}

#[test]
fn colors_join_the_nearest_of_the_most_frequent() {
    let mut contexts = contexts();
    for image in images() {
        let selection = Selection { min_pixels: 10, max_count: 7 };
        let counts = image.counts(&[]);
        let ignored = [counts[1].0];
        for (metric, tolerance) in [
            (Metric::Euclidean, 0.0),
            (Metric::Euclidean, 5.0),
            (Metric::Euclidean, f64::INFINITY),
            (Metric::Chebyshev, 3.0),
            (Metric::Chebyshev, 40.0),
        ] {
            let tolerance = Nearest { metric, tolerance };
            for ignored in [&[][..], &ignored] {
                let mut frequent = image.counts(ignored);
                frequent.retain(|&(_, pixels)| pixels >= selection.min_pixels);
                frequent.truncate(selection.max_count as usize);
                let palette: Vec<Values> = frequent.iter().map(|entry| entry.0).collect();
                let expected = expected(&image, &palette, ignored, tolerance);
                let params = Params { ignored, nearest: Some(tolerance), ..selection.into() };
                for map in image.maps() {
                    for context in &mut contexts {
                        check(context, &map, &params, &expected, None);
                    }
                }
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn what_a_palette_does_not_have_is_reported_and_ignored_or_joins_or_is_an_error() {
    let mut contexts = contexts();
    for image in images() {
        let counts = image.counts(&[]);
        let palette = [counts[2].0, [1.0, 1.0, 1.0, 0.0], counts[0].0];
        let ignored = [counts[3].0];
        for tolerance in [None, Some(Nearest { metric: Metric::Chebyshev, tolerance: 2.0 })] {
            let near = tolerance.unwrap_or_default();
            let declared = |values: &Values| nearest(values, &palette, near).is_some();
            let mut missing = image.counts(&ignored);
            missing.retain(|(values, _)| !declared(values));
            let params = Params {
                palette: Some(&palette),
                ignored: &ignored,
                nearest: tolerance,
                ..Params::default()
            };
            let without = expected(&image, &palette, &ignored, near);
            let anywhere = Nearest { tolerance: f64::INFINITY, ..near };
            let joined = expected(&image, &palette, &ignored, anywhere);
            for map in image.maps() {
                for context in &mut contexts {
                    for (unlisted, expected) in [(Unlisted::Ignore, &without), (Unlisted::Nearest, &joined)] {
                        for listed in [0, 3, 100_000] {
                            let params = Params { unlisted, ..params };
                            let report =
                                check(context, &map, &params, expected, Some(listed)).unlisted.unwrap();
                            assert_eq!(report.colors, missing.len() as u64);
                            assert_eq!(report.pixels, missing.iter().map(|entry| entry.1).sum::<u64>());
                            let found: Vec<_> =
                                report.most_frequent.iter().map(|e| (e.color.values(), e.pixels)).collect();
                            assert_eq!(found, missing[..missing.len().min(listed as usize)]);
                            for entry in report.most_frequent.iter().take(20) {
                                let first =
                                    image.pixels.iter().position(|p| *p == Some(entry.color.values()));
                                let (x, y) = entry.first_pixel;
                                assert_eq!(first, Some((y * image.case.width + x) as usize));
                            }
                        }
                    }
                    let params = Params { unlisted: Unlisted::Error, ..params };
                    let mut labels = vec![77; image.pixels.len()];
                    let outputs =
                        Outputs { labels: Some(LabelOutput::U16(&mut labels)), ..Outputs::default() };
                    let refused = context.analyze(&map, &params, outputs);
                    match missing.first() {
                        None => assert!(refused.is_ok()),
                        Some(most_frequent) => {
                            let Err(Error::UnlistedColors { pixels, colors, color, .. }) = refused else {
                                panic!("{refused:?}")
                            };
                            assert_eq!(colors, missing.len() as u64);
                            assert_eq!(pixels, missing.iter().map(|entry| entry.1).sum::<u64>());
                            assert_eq!(color.values(), most_frequent.0);
                            assert!(labels.iter().all(|&label| label == 77));
                        }
                    }
                }
            }
        }
    }
    assert_no_validation_messages();
}

/// A map of one colour with so many channels, which is stored as these bytes, and the most frequent unlisted colour as the
/// error names it.
fn named(context: &mut Context, format: Format, channels: u32, pixel: &[u8], alpha: Alpha) -> [String; 2] {
    let bytes = pixel.repeat(6);
    let layout = Layout { format, ..Layout::default() };
    let map = ColorMap::with_layout(&bytes, Shape::new(3, 2, channels).unwrap(), &layout).unwrap();
    let params = Params { palette: Some(&[[1.0; 4]]), unlisted: Unlisted::Error, alpha, ..Params::default() };
    let mut labels = [7; 6];
    let outputs = Outputs { labels: Some(LabelOutput::U8(&mut labels)), ..Outputs::default() };
    let of_map = context.analyze(&map, &params, outputs).unwrap_err().to_string();
    let mut counts = ColorCounts::new();
    counts.add(context, &map, &params).unwrap();
    let of_counts = counts.select(context, &params).unwrap_err().to_string();
    assert_eq!(labels, [7; 6]);
    [of_map, of_counts].map(|text| {
        let start = "6 pixels have 1 colours that the palette does not have; the most frequent is ";
        let rest = text.strip_prefix(start).unwrap_or_else(|| panic!("{text}"));
        rest.strip_suffix(", first at column 0, row 0").unwrap_or_else(|| panic!("{text}")).to_owned()
    })
}

#[test]
fn the_error_names_an_unlisted_color_as_it_is_stored() {
    let f32s = |values: &[f32]| values.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<_>>();
    let u16s = |values: &[u16]| values.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<_>>();
    let i32s = |values: &[i32]| values.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<_>>();
    let id = 4_000_000_005_u32.to_ne_bytes();
    let half = half::f16::from_f32(0.1).to_bits();
    let (color, ignored) = (Alpha::Color, Alpha::Ignored);
    for mut context in contexts() {
        for (format, channels, pixel, alpha, wanted) in [
            (Format::U32, 1, &id[..], color, "4000000005"),
            (Format::U32, 2, &id.repeat(2), color, "(4000000005, 4000000005)"),
            (Format::U32, 2, &id.repeat(2), ignored, "4000000005"),
            (Format::I32, 2, &i32s(&[-16_777_217, i32::MAX]), color, "(-16777217, 2147483647)"),
            (Format::U8, 3, &[200; 3], color, "(200, 200, 200)"),
            (Format::U8, 1, &[0], color, "0"),
            (Format::U8, 4, &[0, 0, 7, 9], color, "(0, 0, 7, 9)"),
            (Format::U8, 4, &[0, 0, 7, 9], Alpha::AtLeast(2.0), "(0, 0, 7)"),
            (Format::U16, 2, &u16s(&[65_535, 0]), color, "(65535, 0)"),
            (Format::F16, 1, &u16s(&[half]), color, "0.099975586"),
            (Format::F32, 1, &f32s(&[0.1]), color, "0.1"),
            (Format::F32, 3, &f32s(&[-0.0, f32::INFINITY, 1e30]), color, "(0, inf, 1e30)"),
            (Format::F32, 4, &f32s(&[0.5, 1e-20, 3.0, 0.0]), color, "(0.5, 1e-20, 3, 0)"),
        ] {
            let texts = named(&mut context, format, channels, pixel, alpha);
            assert_eq!(texts, [wanted; 2], "{format}, {channels} channels on {}", context.device_name());
        }
    }
    assert_no_validation_messages();
}

#[test]
fn the_number_of_a_palettes_masks_is_known_without_a_look_at_the_image() {
    let pixels: Vec<f32> = (0..90_000).map(|index| index as f32).collect();
    let map = ColorMap::new(&pixels, 300, 300, 1).unwrap();
    let palette = [[0.5; 4], [7.0, 0.0, 0.0, 0.0]];
    for options in all_options() {
        // Not enough for a list of the image's colours.
        let options = Options { memory_limit: Options::LEAST_MEMORY_LIMIT, ..options };
        let mut context = Context::new(&options).unwrap();
        for unlisted in [Unlisted::Ignore, Unlisted::Error, Unlisted::Nearest] {
            let params = Params { palette: Some(&palette), unlisted, ..Params::default() };
            assert_eq!(context.mask_count(&map, &params), Ok(2));
            assert_eq!(context.call_stats().pixels_read, 0);
        }
    }
    assert_no_validation_messages();
}

#[test]
fn a_palette_that_is_far_from_all_colors_gives_empty_masks() {
    let mut contexts = contexts();
    let image = Image::new(&mut Random(54), 90, 40, 7, 3);
    let palette = [[255.0, 254.0, 1.0, 0.0], [254.0, 1.0, 255.0, 0.0]];
    let params = Params { palette: Some(&palette), ..Params::default() };
    let expected = (vec![0; image.pixels.len()], palette.map(|values| (values, 0)).to_vec());
    for map in image.maps() {
        for context in &mut contexts {
            let report = check(context, &map, &params, &expected, Some(1)).unlisted.unwrap();
            assert_eq!(report.pixels, image.pixels.len() as u64);
        }
    }
    assert_no_validation_messages();
}

/// 1 + 2^-52 and 1 are different squares of one distance; the square of the root of 3 is less than 3.
#[test]
fn distances_are_compared_not_their_squares() {
    let pixels = [0.0, 0.0, 0.0];
    let map = ColorMap::new(&pixels, 1, 1, 3).unwrap();
    let equal = [[1.0, 2.0_f32.powi(-26), 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]];
    let far = |index: usize| [1000.0 + index as f32, 0.0, 0.0, 0.0];
    for context in &mut contexts() {
        // Few colours are looked at one by one; of many some are looked up, in another order.
        for others in [0, 300] {
            for palette in [vec![equal[0], equal[1]], vec![equal[1], equal[0]], vec![[1.0, 1.0, 1.0, 0.0]]] {
                let tolerance = if palette.len() == 1 { 3.0_f64.sqrt() } else { 1.0 };
                let palette: Vec<_> = palette.into_iter().chain((0..others).map(far)).collect();
                let nearest = Some(Nearest { metric: Metric::Euclidean, tolerance });
                let params = Params { palette: Some(&palette), nearest, ..Params::default() };
                let mut labels = [u32::MAX];
                let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
                context.analyze(&map, &params, outputs).unwrap();
                assert_eq!(labels, [1], "{}, {:?}", context.device_name(), &palette[..2.min(palette.len())]);
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn the_first_images_colors_attract_those_of_all() {
    let mut contexts = contexts();
    let image = Image::new(&mut Random(52), 120, 200, 12, 7);
    let layout = Layout { format: Format::U8, image_count: 2, ..Layout::default() };
    let shape = Shape::new(120, 100, 3).unwrap();
    let map = ColorMap::with_layout(&image.bytes, shape, &layout).unwrap();
    let first =
        Image { pixels: image.pixels[..12_000].to_vec(), bytes: Vec::new(), case: image.case.clone() };
    let selection = Selection { min_pixels: 1, max_count: 4 };
    let palette: Vec<Values> = first.counts(&[]).iter().take(4).map(|entry| entry.0).collect();
    let tolerance = Nearest { metric: Metric::Euclidean, tolerance: 9.0 };
    let (labels, counts) = expected(&image, &palette, &[], tolerance);
    let params = Params { batch: Batch::First, nearest: Some(tolerance), ..selection.into() };
    for context in &mut contexts {
        let mut found = vec![u8::MAX; labels.len()];
        let outputs = Outputs { labels: Some(LabelOutput::U8(&mut found)), ..Outputs::default() };
        let analysis = context.analyze(&map, &params, outputs).unwrap();
        assert!(found.iter().map(|&label| u32::from(label)).eq(labels.iter().copied()));
        let colors: Vec<_> = analysis.palette.colors.iter().map(|e| (e.color.values(), e.pixels)).collect();
        assert_eq!(colors, counts);
    }
    assert_no_validation_messages();
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let image = Image::new(&mut Random(53), 5, 5, 2, 1);
    let mut context = contexts().remove(0);
    let mut refused =
        |params: Params| context.mask_count(&image.case.map(), &params).unwrap_err().to_string();
    for tolerance in [-1.0, f64::NAN] {
        let nearest = Some(Nearest { tolerance, ..Nearest::default() });
        let text = refused(Params { nearest, ..Params::default() });
        assert_eq!(text, format!("tolerance is {tolerance}; at least 0 is expected"));
    }
    assert_eq!(
        refused(Params { unlisted: Unlisted::Error, ..Params::default() }),
        "unlisted is 'error' and no palette is given; 'ignore' is expected"
    );
}
