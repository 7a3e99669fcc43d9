//! Pixels as hosts have them, and params beyond the plain ones: always the oracle's masks, of the floats that the
//! stored values stand for.

#![allow(missing_docs)]

mod common;

use common::oracle::{self, Answer};
use common::{
    Case, DRIVERS, Random, assert_no_validation_messages, contexts_of_all_levels, limits, random_case,
    vulkan_options,
};
use ctm::{
    Alpha, Analysis, Batch, ChannelOrder, ColorMap, Context, DebugOptions, Format, Layout, MaskOutput,
    Matching, Options, Outputs, Params, Selection, Shape,
};
use half::f16;

const FORMATS: [Format; 4] = [Format::F32, Format::F16, Format::U16, Format::U8];

/// A random case whose values the format can store, all of them some time.
fn case(random: &mut Random, format: Format, width: u32, height: u32, channels: u32, colors: u32) -> Case {
    let mut case = random_case(random, width, height, channels, colors, 20);
    let levels = case.pixels.iter().map(|value| value.to_bits().wrapping_mul(0x9e37_79b1) >> 16);
    let values = levels.map(|bits| match format {
        Format::F32 => f32::from_bits(bits << 16 | bits),
        Format::F16 => f16::from_bits(bits as u16).to_f32(),
        Format::U16 | Format::U32 | Format::I32 => bits as f32,
        Format::U8 => (bits >> 8) as f32,
    });
    case.pixels = values.collect();
    case.selection = Selection { min_pixels: 2, max_count: 9 };
    case
}

/// A value as it is stored.
fn stored(value: f32, format: Format) -> Vec<u8> {
    match format {
        Format::F32 => value.to_ne_bytes().to_vec(),
        Format::F16 => f16::from_f32(value).to_ne_bytes().to_vec(),
        Format::U16 => (value as u16).to_ne_bytes().to_vec(),
        Format::U8 => vec![value as u8],
        Format::U32 => (value as u32).to_ne_bytes().to_vec(),
        Format::I32 => (value as i32).to_ne_bytes().to_vec(),
    }
}

/// The case's images, one below the other, stored as the layout says, whose strides are all given.
fn store(case: &Case, layout: &Layout) -> Vec<u8> {
    let channels = case.channels as usize;
    let (width, images) = (case.width as usize, layout.image_count as usize);
    let height = case.height as usize / images;
    let position = |channel: usize| match layout.order {
        ChannelOrder::Rgba => channel,
        ChannelOrder::Bgra => [2, 1, 0, 3][channel],
        ChannelOrder::Argb => [1, 2, 3, 0][channel],
        ChannelOrder::Abgr => [3, 2, 1, 0][channel],
    };
    let mut bytes = vec![0xee; images * layout.image_stride];
    for (index, value) in case.pixels.iter().enumerate() {
        let (pixel, channel) = (index / channels, index % channels);
        let (x, y) = (pixel % width, pixel / width);
        let (image, y) = (y / height, y % height);
        let y = if layout.row_stride < 0 { height - 1 - y } else { y };
        let channel_stride = if layout.planar { layout.plane_stride } else { layout.format.bytes() };
        let at = image * layout.image_stride
            + y * layout.row_stride.unsigned_abs()
            + x * layout.pixel_stride
            + position(channel) * channel_stride;
        let value = stored(*value, layout.format);
        bytes[at..at + value.len()].copy_from_slice(&value);
    }
    bytes
}

/// A layout with these gaps.
fn layout(format: Format, order: ChannelOrder, case: &Case, gaps: [usize; 3], planar: bool) -> Layout {
    let [pixel_gap, row_gap, plane_gap] = gaps;
    let size = format.bytes();
    let pixel_stride = pixel_gap + if planar { size } else { size * case.channels as usize };
    let row_stride = case.width as usize * pixel_stride + row_gap;
    let plane_stride = case.height as usize * row_stride + plane_gap;
    Layout {
        format,
        order,
        planar,
        pixel_stride,
        row_stride: row_stride as isize,
        plane_stride: if planar { plane_stride } else { 0 },
        image_count: 1,
        image_stride: plane_stride * if planar { case.channels as usize } else { 1 },
    }
}

fn shape(case: &Case, images: u32) -> Shape {
    Shape::new(case.width, case.height / images, case.channels).unwrap()
}

fn check(context: &mut Context, map: &ColorMap, params: &Params, answer: &Answer, name: &str) -> Analysis {
    let name = format!("{}: {name}", context.device_name());
    let mut masks = vec![7; answer.masks.len() + 1];
    let masks_output = MaskOutput::U8 { masks: &mut masks, inside: 1 };
    let outputs = Outputs { masks: Some(masks_output), mask_stats: true, ..Outputs::default() };
    let analysis = context.analyze(map, params, outputs).unwrap_or_else(|error| panic!("{name}: {error}"));
    let colors: Vec<_> = analysis.palette.colors.iter().map(|e| e.color.values().map(f32::to_bits)).collect();
    let expected: Vec<_> = answer.colors.iter().map(|entry| entry.0).collect();
    assert_eq!(colors, expected, "{name}: colours");
    assert!(masks.iter().zip(&answer.masks).all(|(&a, &b)| f32::from(a) == b), "{name}: masks");
    assert_eq!(masks.last(), Some(&7), "{name}: behind the masks");
    let images = map.images() as usize;
    let plane = map.shape().pixels() as usize;
    let counts = answer.masks.chunks(plane).map(|plane| plane.iter().filter(|&&value| value == 1.0).count());
    assert!(
        analysis.mask_stats.iter().map(|region| region.pixels as usize).eq(counts),
        "{name}: regions of {images} images"
    );
    analysis
}

/// Devices with memory of their own, to which pixels go as few bytes.
fn contexts_over_a_bus(max_storage_buffer_range: u64) -> impl Iterator<Item = Context> {
    DRIVERS.into_iter().map(move |driver| {
        let device_limits = Some(limits(max_storage_buffer_range, 65_535, 1 << 30, false));
        let debug = DebugOptions { device_limits, ..DebugOptions::default() };
        Context::new(&Options { debug, ..vulkan_options(driver) }).unwrap()
    })
}

fn contexts() -> Vec<Context> {
    contexts_of_all_levels().into_iter().chain(contexts_over_a_bus(1 << 27)).collect()
}

#[test]
fn every_format_order_and_layout_gives_the_oracles_masks() {
    let random = &mut Random(41);
    let mut contexts = contexts();
    for format in FORMATS.into_iter().chain([Format::U32, Format::I32]) {
        for (order, channels) in [
            (ChannelOrder::Rgba, 1),
            (ChannelOrder::Rgba, 2),
            (ChannelOrder::Rgba, 3),
            (ChannelOrder::Rgba, 4),
            (ChannelOrder::Bgra, 3),
            (ChannelOrder::Bgra, 4),
            (ChannelOrder::Argb, 4),
            (ChannelOrder::Abgr, 4),
        ] {
            for (planar, bottom_up, gaps, width, height, colors) in [
                (false, false, [0, 0, 0], 173, 211, 40),
                (false, true, [0, 12, 0], 301, 60, 700),
                (true, false, [0, 0, 5], 99, 170, 12),
                (false, false, [1, 3, 0], 64, 300, 30_000),
            ] {
                if matches!(format, Format::U32 | Format::I32) && channels > 2 {
                    continue; // ids have two channels at most
                }
                let case = case(random, format, width, height, channels, colors);
                let answer = oracle::answer(&case);
                let mut layout = layout(format, order, &case, gaps, planar);
                if bottom_up {
                    layout.row_stride = -layout.row_stride;
                }
                let bytes = store(&case, &layout);
                let map = ColorMap::with_layout(&bytes, shape(&case, 1), &layout).unwrap();
                for context in &mut contexts {
                    let name = format!("{layout:?}, {width} x {height} x {channels}");
                    let analysis = check(context, &map, &case.selection.into(), &answer, &name);
                    assert!(
                        analysis
                            .palette
                            .colors
                            .iter()
                            .map(|e| e.pixels)
                            .eq(answer.colors.iter().map(|e| e.1)),
                        "{name}: counts"
                    );
                }
            }
        }
    }
    assert_no_validation_messages();
}

/// Very many colours, and several chunks, in all numbers of bytes that a pixel's values may have.
#[test]
fn very_many_colors_cross_a_bus() {
    let random = &mut Random(97);
    let mut contexts: Vec<_> = contexts_over_a_bus(1 << 27).chain(contexts_over_a_bus(1 << 16)).collect();
    for format in [Format::U8, Format::U16] {
        for channels in 1..=4 {
            let case = case(random, format, 331, 307, channels, 90_000);
            let answer = oracle::answer(&case);
            let layout = layout(format, ChannelOrder::Rgba, &case, [0, 1, 0], false);
            let bytes = store(&case, &layout);
            let map = ColorMap::with_layout(&bytes, shape(&case, 1), &layout).unwrap();
            let palette =
                answer.colors.iter().rev().map(|entry| entry.0.map(f32::from_bits)).collect::<Vec<_>>();
            let given = Params { palette: Some(&palette), ..Params::default() };
            let masks_of_palette = masks_of(&case, &palette);
            for context in &mut contexts {
                let name = format!("{format:?} x {channels}");
                check(context, &map, &case.selection.into(), &answer, &name);
                check(context, &map, &given, &masks_of_palette, &format!("{name}, a palette"));
            }
        }
    }
    assert_no_validation_messages();
}

/// The values that 8-bit matching makes of these, in the same units.
fn rounded(value: f32, format: Format) -> f32 {
    match format {
        Format::F32 | Format::F16 if value.is_nan() => value,
        Format::F32 | Format::F16 => {
            let scaled = f64::from(value.clamp(0.0, 1.0) * 255.0);
            let low = scaled.floor();
            let odd = low % 2.0 == 1.0;
            let up = scaled - low > 0.5 || (scaled - low == 0.5 && odd);
            (low as f32 + f32::from(u8::from(up))) / 255.0
        }
        Format::U16 => (f64::from(value) / 257.0).round() as f32 * 257.0,
        Format::U8 | Format::U32 | Format::I32 => value,
    }
}

#[test]
fn eight_bit_matching_rounds() {
    let random = &mut Random(42);
    let mut contexts = contexts();
    for format in FORMATS {
        let mut case = case(random, format, 150, 130, 3, 3000);
        for value in &mut case.pixels {
            // Between levels, halfway, out of range and no number.
            *value = match (format, random.below(50)) {
                (Format::F32 | Format::F16, 0) => f32::NAN,
                (Format::F32 | Format::F16, 1) => f32::INFINITY,
                (Format::F32, 2) => (random.below(7) as f32 + 0.5) / 255.0,
                (Format::F32, _) => random.below(1000) as f32 / 600.0 - 0.2,
                (Format::F16, _) => f16::from_f32(random.below(1000) as f32 / 600.0 - 0.2).to_f32(),
                (Format::U16, _) => (*value / 8192.0).floor() * 1111.0,
                (Format::U8 | Format::U32 | Format::I32, _) => (*value / 32.0).floor(),
            };
        }
        let layout = layout(format, ChannelOrder::Rgba, &case, [0; 3], false);
        let bytes = store(&case, &layout);
        let map = ColorMap::with_layout(&bytes, shape(&case, 1), &layout).unwrap();
        case.pixels.iter_mut().for_each(|value| *value = rounded(*value, format));
        let answer = oracle::answer(&case);
        assert!(answer.colors.len() > 5, "{format:?}");
        let params = Params { matching: Matching::EightBit, ..case.selection.into() };
        for context in &mut contexts {
            check(context, &map, &params, &answer, &format!("{format:?}"));
        }
    }
    assert_no_validation_messages();
}

#[test]
fn alpha_is_part_of_the_color_or_ignored_or_decides() {
    let random = &mut Random(43);
    let mut contexts = contexts();
    for (format, channels) in FORMATS.into_iter().flat_map(|format| [(format, 2), (format, 4)]) {
        let case = case(random, format, 131, 97, channels, 60);
        let layout = layout(format, ChannelOrder::Rgba, &case, [0, 4, 0], false);
        let bytes = store(&case, &layout);
        let map = ColorMap::with_layout(&bytes, shape(&case, 1), &layout).unwrap();
        let least = case.pixels[case.plane() / 2 * channels as usize + channels as usize - 1];
        let least = if least.is_nan() { 1.0 } else { least };
        for alpha in [Alpha::Color, Alpha::Ignored, Alpha::AtLeast(least)] {
            let mut seen = case.clone();
            for pixel in seen.pixels.chunks_mut(channels as usize) {
                let last = pixel.len() - 1;
                match alpha {
                    Alpha::Color => continue,
                    Alpha::AtLeast(least) if pixel[last].is_nan() || pixel[last] < least => {
                        pixel[0] = f32::NAN;
                    }
                    _ => {}
                }
                pixel[last] = 0.0;
            }
            let answer = oracle::answer(&seen);
            let params = Params { alpha, ..case.selection.into() };
            for context in &mut contexts {
                check(context, &map, &params, &answer, &format!("{format:?}, {alpha:?}"));
            }
        }
    }
    assert_no_validation_messages();
}

/// The masks of some colours in any order.
fn masks_of(case: &Case, colors: &[[f32; 4]]) -> Answer {
    let channels = case.channels as usize;
    let mut answer = Answer { colors: Vec::new(), distinct_colors: 0, masks: Vec::new() };
    for color in colors {
        answer.colors.push((color.map(|value| (value + 0.0).to_bits()), 0));
        let inside = |pixel: &[f32]| pixel.iter().zip(color).all(|(a, b)| a == b);
        answer.masks.extend(case.pixels.chunks(channels).map(|pixel| f32::from(u8::from(inside(pixel)))));
    }
    answer
}

#[test]
fn a_given_palette_gives_masks_in_its_order_and_ignored_colors_give_none() {
    let random = &mut Random(44);
    let mut contexts = contexts();
    for (format, colors) in FORMATS.into_iter().flat_map(|format| [(format, 30), (format, 40_000)]) {
        let mut case = case(random, format, 240, 200, 3, colors);
        let layout = layout(format, ChannelOrder::Rgba, &case, [0; 3], false);
        let bytes = store(&case, &layout);
        let map = ColorMap::with_layout(&bytes, shape(&case, 1), &layout).unwrap();
        let values: Vec<[f32; 4]> =
            oracle::counts(&case).iter().take(12).map(|entry| entry.0.map(f32::from_bits)).collect();
        let missing = [3.0, 2.0, 1.0, 0.0];
        assert!(!values.contains(&missing));
        let palette = [values[5], missing, values[0], values[11]];
        let answer = masks_of(&case, &palette);
        let given = Params { palette: Some(&palette), ..Params::default() };
        let ignored = [values[1], values[4], values[1], missing];
        let rest = Params { ignored: &ignored, ..case.selection.into() };
        case.selection.max_count += 2;
        let mut without = oracle::answer(&case);
        let is_ignored = |entry: &([u32; 4], u64)| ignored.contains(&entry.0.map(f32::from_bits));
        let kept: Vec<bool> = without.colors.iter().map(|entry| !is_ignored(entry)).collect();
        let planes = without.masks.chunks(case.plane()).zip(&kept).filter(|(_, kept)| **kept);
        without.masks = planes.flat_map(|(plane, _)| plane).copied().collect();
        without.colors.retain(|entry| !is_ignored(entry));
        for context in &mut contexts {
            let analysis = check(context, &map, &given, &answer, &format!("{format:?}, given"));
            assert_eq!(analysis.mask_stats[1], ctm::MaskStats::default());
            check(context, &map, &rest, &without, &format!("{format:?}, ignored"));
            assert_eq!(context.mask_count(&map, &rest).unwrap() as usize, without.colors.len());
            let all = Params { selection: Selection { min_pixels: 1, max_count: u32::MAX }, ..rest };
            let all_count = oracle::counts(&case).len() - 2;
            assert_eq!(context.mask_count(&map, &all).unwrap() as usize, all_count, "{format:?}, all");
        }
    }
    assert_no_validation_messages();
}

#[test]
fn images_of_a_batch_get_masks_of_the_same_colors() {
    let random = &mut Random(45);
    let mut contexts = contexts();
    for (format, images, colors) in
        [(Format::F32, 3, 20), (Format::U8, 4, 9), (Format::U16, 2, 50_000), (Format::F32, 2, 50_000)]
    {
        let case = case(random, format, 120, 90 * images, 3, colors);
        let mut layout = layout(format, ChannelOrder::Bgra, &case, [0, 8, 0], false);
        layout.image_count = images;
        layout.image_stride = 90 * layout.row_stride as usize + 20;
        let bytes = store(&case, &layout);
        let map = ColorMap::with_layout(&bytes, shape(&case, images), &layout).unwrap();
        let mut first = case.clone();
        first.height = 90;
        first.pixels.truncate(120 * 90 * 3);
        let colors_of = |case: &Case| -> Vec<[f32; 4]> {
            oracle::answer(case).colors.iter().map(|entry| entry.0.map(f32::from_bits)).collect()
        };
        for (batch, colors) in [(Batch::All, colors_of(&case)), (Batch::First, colors_of(&first))] {
            let answer = masks_of(&case, &colors);
            let params = Params { batch, ..case.selection.into() };
            for context in &mut contexts {
                check(context, &map, &params, &answer, &format!("{format:?}, {batch:?}"));
            }
        }
        let second = map.image(1).unwrap();
        let case = Case { height: 90, pixels: case.pixels[120 * 90 * 3..2 * 120 * 90 * 3].to_vec(), ..case };
        let answer = oracle::answer(&case);
        for context in &mut contexts {
            check(context, &second, &case.selection.into(), &answer, "the second image");
        }
    }
    assert_no_validation_messages();
}

#[test]
fn a_rectangle_is_an_image_of_its_own() {
    let random = &mut Random(46);
    let mut contexts = contexts();
    for format in FORMATS {
        let case = case(random, format, 200, 150, 4, 25);
        let layout = layout(format, ChannelOrder::Argb, &case, [0; 3], false);
        let bytes = store(&case, &layout);
        let map = ColorMap::with_layout(&bytes, shape(&case, 1), &layout).unwrap();
        for (left, top, width, height) in
            [(0, 0, 200, 150), (3, 5, 197, 145), (199, 149, 1, 1), (7, 0, 33, 150)]
        {
            let rows = case.pixels.chunks(800).skip(top as usize).take(height as usize);
            let pixels = rows.flat_map(|row| &row[4 * left as usize..][..4 * width as usize]).copied();
            let part =
                Case { width, height, channels: 4, pixels: pixels.collect(), selection: case.selection };
            let answer = oracle::answer(&part);
            let map = map.crop(left, top, width, height).unwrap();
            for context in &mut contexts {
                check(context, &map, &part.selection.into(), &answer, &format!("{format:?}, {left}, {top}"));
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn what_contradicts_itself_is_refused() {
    let bytes = [0; 96];
    let shape = Shape::new(4, 2, 3).unwrap();
    let refused = |layout: Layout| ColorMap::with_layout(&bytes, shape, &layout).unwrap_err().to_string();
    let u8s = Layout { format: Format::U8, ..Layout::default() };
    assert_eq!(
        refused(Layout { image_stride: 73, image_count: 2, ..u8s }),
        "the color map has 96 bytes; its shape and layout need 97"
    );
    assert_eq!(refused(Layout { pixel_stride: 2, ..u8s }), "pixel_stride is 2; 0 or at least 3 is expected");
    assert_eq!(refused(Layout { row_stride: -11, ..u8s }), "row_stride is 11; 0 or at least 12 is expected");
    assert_eq!(
        refused(Layout { planar: true, plane_stride: 7, ..u8s }),
        "plane_stride is 7; 0 or at least 8 is expected"
    );
    assert_eq!(refused(Layout { image_stride: 9, ..u8s }), "image_stride is 9; 0 or at least 24 is expected");
    assert_eq!(
        refused(Layout { plane_stride: 9, ..u8s }),
        "plane_stride is 9 and the channels are interleaved; 0 is expected"
    );
    assert_eq!(
        refused(Layout { order: ChannelOrder::Argb, ..u8s }),
        "channel_order is 'argb' and channels is 3; they do not go together"
    );
    let map = ColorMap::with_layout(&bytes, shape, &u8s).unwrap();
    assert_eq!(
        map.crop(1, 0, 4, 2).unwrap_err().to_string(),
        "left is 1 and the rectangle's width is 4; a part of an image with width 4 is expected"
    );
    let mut context = contexts().remove(0);
    let mut refused = |params: Params| context.mask_count(&map, &params).unwrap_err().to_string();
    let red = [255.0, 0.0, 0.0, 0.0];
    assert_eq!(
        refused(Params { alpha: Alpha::Ignored, ..Params::default() }),
        "alpha is 'ignored' and channels is 3; 2 or 4, the last of which is alpha, are expected"
    );
    assert_eq!(
        refused(Params { palette: Some(&[red, [0.0; 4], red]), ..Params::default() }),
        "palette[2] is the same colour as palette[0]; different colours are expected"
    );
    assert_eq!(
        refused(Params { alpha: Alpha::AtLeast(0.5), ..Params::default() }),
        "alpha is 'at least 0.5' and channels is 3; 2 or 4, the last of which is alpha, are expected"
    );
    assert_eq!(
        refused(Params { palette: Some(&[red]), ignored: &[red], ..Params::default() }),
        "ignored[0] is the same colour as palette[0]; a colour that gets no mask is expected"
    );
    assert_eq!(
        refused(Params { ignored: &[red, [0.0, 256.0, 0.0, 0.0]], ..Params::default() }),
        "ignored[1]: channel 1 is 256; an integer from 0 to 255 is expected"
    );
    let with_alpha = ColorMap::new(&[0.5; 2], 1, 1, 2).unwrap();
    let params = Params { alpha: Alpha::AtLeast(f32::NAN), ..Params::default() };
    assert_eq!(
        context.mask_count(&with_alpha, &params).unwrap_err().to_string(),
        "least_alpha is NaN; a number is expected"
    );
}
