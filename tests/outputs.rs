//! What else a call can write and find: masks of bytes, the label map, where the masks' pixels lie. All of it
//! follows from the oracle's masks.

#![allow(missing_docs)]

mod common;

use common::oracle::{self, Answer};
use common::{Case, Random, assert_no_validation_messages, contexts_of_all_levels, random_case};
use ctm::{Analysis, Context, Error, LabelOutput, MaskOutput, MaskStats, Outputs, Selection};

const UNTOUCHED: u8 = 0xa5;

/// Sizes whose rows end within tiles and tiles within rows; few masks and many.
fn cases() -> Vec<Case> {
    let random = &mut Random(21);
    let mut cases = Vec::new();
    for (width, height, channels, colors, longest_run, max_count) in [
        (1, 1, 1, 1, 1, 5),
        (1, 300, 2, 3, 40, 5),
        (70_001, 1, 1, 4, 30_000, 5),
        (33, 1000, 3, 16, 400, 7),
        (640, 480, 4, 40, 90, 5),
        (500, 333, 3, 700, 3, 700),
        (311, 200, 1, 260, 1, 255),
        (800, 300, 3, 80_000, 2, 70_000),
    ] {
        let mut case = random_case(random, width, height, channels, colors, longest_run);
        // Some pixels without a colour.
        for _ in 0..case.plane() / 50 {
            let index = random.below(case.pixels.len() as u32) as usize;
            case.pixels[index] = f32::NAN;
        }
        case.selection = Selection { min_pixels: 1, max_count };
        cases.push(case);
    }
    // Small regions side by side, each with a colour of its own: tiles have few of the masks, and rows few of the boxes.
    for (width, height, side) in [(208, 300, 23), (101, 299, 9)] {
        let pixels = (0..width * height).map(|pixel| {
            let (column, row) = (pixel % width, pixel / width);
            (row / side * 100 + (column + row % side / 3) / side) as f32
        });
        let selection = Selection { min_pixels: 1, max_count: 2000 };
        cases.push(Case { width, height, channels: 1, pixels: pixels.collect(), selection });
    }
    cases
}

/// The number of each pixel's mask plus one, or 0.
fn expected_labels(case: &Case, answer: &Answer) -> Vec<u32> {
    let mut labels = vec![0; case.plane()];
    let numbers: std::collections::HashMap<[u32; 4], u32> =
        answer.colors.iter().map(|entry| entry.0).zip(1..).collect();
    for (label, pixel) in labels.iter_mut().zip(case.pixels.chunks(case.channels as usize)) {
        if pixel.iter().all(|value| !value.is_nan()) {
            let mut color = [0; 4];
            pixel.iter().zip(&mut color).for_each(|(value, bits)| *bits = (value + 0.0).to_bits());
            *label = numbers.get(&color).copied().unwrap_or(0);
        }
    }
    labels
}

fn expected_regions(case: &Case, labels: &[u32], mask_count: usize) -> Vec<MaskStats> {
    let mut pixels = vec![Vec::new(); mask_count];
    for (index, &label) in (0..).zip(labels) {
        if label > 0 {
            pixels[label as usize - 1].push((index % case.width, index / case.width));
        }
    }
    let region = |pixels: Vec<(u32, u32)>| {
        let columns = pixels.iter().map(|&(x, _)| x);
        let rows = pixels.iter().map(|&(_, y)| y);
        let (left, top) = (columns.clone().min().unwrap(), rows.clone().min().unwrap());
        let mean = |values: &mut dyn Iterator<Item = u32>| {
            values.map(u64::from).sum::<u64>() as f64 / pixels.len() as f64
        };
        MaskStats {
            pixels: pixels.len() as u64,
            left,
            top,
            width: columns.clone().max().unwrap() - left + 1,
            height: rows.clone().max().unwrap() - top + 1,
            first_pixel: pixels[0],
            centroid: (mean(&mut columns.clone()), mean(&mut rows.clone())),
        }
    };
    pixels.into_iter().map(region).collect()
}

fn analyze(context: &mut Context, case: &Case, outputs: Outputs) -> Analysis {
    let analysis = context.analyze(&case.map(), &case.selection.into(), outputs);
    analysis.unwrap_or_else(|error| panic!("{}: {error}", context.device_name()))
}

/// Everything at once, and each output by itself.
#[test]
fn outputs_are_those_of_the_oracle() {
    let mut contexts = contexts_of_all_levels();
    for mut case in cases() {
        // The oracle's masks of tens of thousands of colours would fill the memory.
        let most = case.selection.max_count;
        for max_count in [most.min(300), most] {
            case.selection.max_count = max_count;
            let answer = match max_count {
                ..=300 => oracle::answer(&case),
                _ => {
                    let mut colors = oracle::counts(&case);
                    let distinct_colors = colors.len() as u64;
                    colors.truncate(max_count as usize);
                    Answer { colors, distinct_colors, masks: Vec::new() }
                }
            };
            let labels = expected_labels(&case, &answer);
            let regions = expected_regions(&case, &labels, answer.colors.len());
            let formats = match answer.masks.len() {
                1..=20_000_000 => {
                    [false, true].map(|cropped| Formats::new(&case, &answer, &regions, cropped)).into()
                }
                _ => Vec::new(),
            };
            for context in &mut contexts {
                check_outputs(context, &case, &answer, &labels, &regions, &formats);
            }
            if max_count == most {
                break;
            }
        }
    }
    assert_no_validation_messages();
}

fn check_outputs(
    context: &mut Context,
    case: &Case,
    answer: &Answer,
    labels: &[u32],
    regions: &[MaskStats],
    formats: &[Formats],
) {
    let name = format!("{}, {} x {}, {:?}", context.device_name(), case.width, case.height, case.selection);
    let is_palette = |analysis: &Analysis| {
        let colors = analysis.palette.colors.iter();
        let colors: Vec<_> = colors.map(|e| (e.color.values().map(f32::to_bits), e.pixels)).collect();
        assert!(colors == answer.colors, "{name}: the palette");
    };
    let needed = answer.masks.len();
    let mut masks = vec![UNTOUCHED; needed + 9];
    let mut label_map = vec![u32::MAX; case.plane()];
    let both = Outputs {
        masks: (needed > 0).then_some(MaskOutput::U8 { masks: &mut masks, inside: 255 }),
        labels: Some(LabelOutput::U32(&mut label_map)),
        mask_stats: true,
        ..Outputs::default()
    };
    let analysis = analyze(context, case, both);
    is_palette(&analysis);
    assert!(analysis.mask_stats == regions, "{name}: regions");
    assert!(label_map == labels, "{name}: labels");
    let bytes = |inside: u8| answer.masks.iter().map(move |&value| if value == 1.0 { inside } else { 0 });
    if needed > 0 {
        assert!(masks[..needed].iter().copied().eq(bytes(255)), "{name}: masks of bytes");
        assert_eq!(masks[needed..], [UNTOUCHED; 9], "{name}: behind the masks");
        // An address that is a multiple of nothing.
        let masks = &mut masks[1..];
        let only = Outputs { masks: Some(MaskOutput::U8 { masks, inside: 1 }), ..Outputs::default() };
        let analysis = analyze(context, case, only);
        is_palette(&analysis);
        assert!(analysis.mask_stats.is_empty(), "{name}: regions that nobody wants");
        assert!(masks[..needed].iter().copied().eq(bytes(1)), "{name}: masks of bytes, unaligned");
        assert_eq!(masks[needed..], [UNTOUCHED; 8], "{name}: behind the masks, unaligned");
        let small = Outputs {
            masks: Some(MaskOutput::U8 { masks: &mut masks[..needed - 1], inside: 7 }),
            labels: Some(LabelOutput::U32(&mut label_map)),
            mask_stats: true,
            ..Outputs::default()
        };
        let refused = context.analyze(&case.map(), &case.selection.into(), small);
        assert!(matches!(refused, Err(Error::TooSmall { .. })), "{name}: {refused:?}");
        assert!(masks[..needed].iter().copied().eq(bytes(1)), "{name}: a buffer that is too small");
        assert!(label_map == labels, "{name}: labels beside a buffer that is too small");
    }
    for expected in formats {
        check_formats(context, case, expected, &name);
    }
    let mut words = vec![u16::MAX; case.plane()];
    if case.selection.max_count <= 65_535 {
        let only = Outputs { labels: Some(LabelOutput::U16(&mut words)), ..Outputs::default() };
        is_palette(&analyze(context, case, only));
        assert!(words.iter().map(|&label| u32::from(label)).eq(labels.iter().copied()), "{name}: u16");
    }
    let mut bytes = vec![u8::MAX; case.plane()];
    if case.selection.max_count <= 255 {
        let only = Outputs { labels: Some(LabelOutput::U8(&mut bytes)), ..Outputs::default() };
        is_palette(&analyze(context, case, only));
        assert!(bytes.iter().map(|&label| u32::from(label)).eq(labels.iter().copied()), "{name}: u8");
    }
    let analysis = analyze(context, case, Outputs { mask_stats: true, ..Outputs::default() });
    assert!(analysis.mask_stats == regions, "{name}: regions alone");
}

/// Masks as each format has them, whole or cropped to their regions.
struct Formats {
    cropped: bool,
    floats: Vec<f32>,
    /// 3 inside.
    bytes: Vec<u8>,
    bits: Vec<u8>,
}

impl Formats {
    fn new(case: &Case, answer: &Answer, regions: &[MaskStats], cropped: bool) -> Self {
        let (width, plane) = (case.width as usize, case.plane());
        let all_rows = regions.iter().enumerate().flat_map(|(mask, region)| {
            let MaskStats { left, top, width: columns, height, .. } = match cropped {
                true => *region,
                false => MaskStats { left: 0, top: 0, width: case.width, height: case.height, ..*region },
            };
            let rows = (top as usize..(top + height) as usize).map(move |row| mask * plane + row * width);
            rows.map(move |start| &answer.masks[start + left as usize..][..columns as usize])
        });
        let to_bits = |pixels: &[f32]| {
            pixels.iter().zip(0..).fold(0, |byte, (&value, bit)| byte | u8::from(value == 1.0) << (7 - bit))
        };
        let (mut floats, mut bits) = (Vec::new(), Vec::new());
        for row in all_rows {
            floats.extend(row);
            bits.extend(row.chunks(8).map(to_bits));
        }
        let bytes = floats.iter().map(|&value| if value == 1.0 { 3 } else { 0 }).collect();
        Self { cropped, floats, bytes, bits }
    }
}

fn check_formats(context: &mut Context, case: &Case, expected: &Formats, name: &str) {
    let Formats { cropped, ref floats, ref bytes, ref bits } = *expected;
    let untouched = f32::from_bits(0xa5a5_a5a5);
    let (mut float_masks, mut masks) = (vec![untouched; floats.len() + 1], vec![UNTOUCHED; bytes.len() + 1]);
    let mut write = |masks: MaskOutput| {
        let outputs = Outputs { masks: Some(masks), cropped, ..Outputs::default() };
        analyze(context, case, outputs).masks_size as usize
    };
    assert_eq!(write(MaskOutput::F32(&mut float_masks)), 4 * floats.len(), "{name}");
    assert!(float_masks[..floats.len()] == floats[..], "{name}: floats, cropped: {cropped}");
    assert_eq!(float_masks[floats.len()].to_bits(), untouched.to_bits(), "{name}: behind the floats");
    assert_eq!(write(MaskOutput::U8 { masks: &mut masks, inside: 3 }), bytes.len(), "{name}");
    assert!(masks[..bytes.len()] == bytes[..], "{name}: bytes, cropped: {cropped}");
    assert_eq!(masks[bytes.len()], UNTOUCHED, "{name}: behind the bytes");
    masks.resize(bits.len() + 1, UNTOUCHED);
    masks.fill(UNTOUCHED);
    assert_eq!(write(MaskOutput::Bits(&mut masks)), bits.len(), "{name}");
    assert!(masks[..bits.len()] == bits[..], "{name}: bits, cropped: {cropped}");
    assert_eq!(masks[bits.len()], UNTOUCHED, "{name}: behind the bits");
}

#[test]
fn without_a_mask_no_pixel_has_a_label() {
    let mut case = random_case(&mut Random(22), 90, 41, 3, 5, 3);
    for selection in
        [Selection { min_pixels: u64::MAX, max_count: 5 }, Selection { min_pixels: 1, max_count: 0 }]
    {
        case.selection = selection;
        for context in &mut contexts_of_all_levels() {
            let mut labels = vec![7; case.plane()];
            let mut masks = [UNTOUCHED; 4];
            let outputs = Outputs {
                masks: Some(MaskOutput::U8 { masks: &mut masks, inside: 1 }),
                labels: Some(LabelOutput::U16(&mut labels)),
                mask_stats: true,
                ..Outputs::default()
            };
            assert_eq!(analyze(context, &case, outputs).mask_stats, []);
            assert!(labels.iter().all(|&label| label == 0));
            assert_eq!(masks, [UNTOUCHED; 4]);
        }
    }
    assert_no_validation_messages();
}

#[test]
fn outputs_that_do_not_suit_are_refused() {
    let mut case = random_case(&mut Random(23), 10, 6, 3, 5, 3);
    let mut context = contexts_of_all_levels().remove(0);
    let mut refused = |max_count, outputs: Outputs| {
        case.selection.max_count = max_count;
        match context.analyze(&case.map(), &case.selection.into(), outputs) {
            Err(Error::InvalidArgument(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let mut bytes = [9; 60];
    fn labels(labels: LabelOutput) -> Outputs {
        Outputs { labels: Some(labels), ..Outputs::default() }
    }
    let text = refused(5, labels(LabelOutput::U8(&mut bytes[..59])));
    assert_eq!(text, "labels has room for 59 pixels; 1 x 10 x 6 = 60 are expected");
    let masks = Some(MaskOutput::U8 { masks: &mut bytes, inside: 0 });
    let text = refused(5, Outputs { masks, ..Outputs::default() });
    assert_eq!(text, "masks.inside is 0, the value outside; 1 to 255 is expected");
    assert_eq!(bytes, [9; 60]);
}

#[test]
fn labels_that_are_too_narrow_are_not_touched() {
    let mut case = random_case(&mut Random(24), 300, 5, 1, 1, 1);
    case.pixels = (0..1500).map(|pixel| (pixel % 256) as f32).collect();
    case.selection = Selection { min_pixels: 1, max_count: u32::MAX };
    for context in &mut contexts_of_all_levels() {
        let mut labels = vec![7; case.plane()];
        let outputs = Outputs { labels: Some(LabelOutput::U8(&mut labels)), ..Outputs::default() };
        let refused = context.analyze(&case.map(), &case.selection.into(), outputs).unwrap_err();
        assert_eq!(refused.to_string(), "the type of labels numbers 255 masks; there are 256");
        assert!(labels.iter().all(|&label| label == 7));
        case.selection.max_count = 255;
        let outputs = Outputs { labels: Some(LabelOutput::U8(&mut labels)), ..Outputs::default() };
        context.analyze(&case.map(), &case.selection.into(), outputs).unwrap();
        assert_eq!(labels.iter().max(), Some(&255));
        case.selection.max_count = u32::MAX;
    }
    assert_no_validation_messages();
}
