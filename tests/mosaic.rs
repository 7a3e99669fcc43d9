//! Runs and outlines of images that come in parts: those of one call, to the bit.

#![allow(missing_docs)]

mod common;

use common::images::Images;
use common::{Random, assert_no_validation_messages, contexts_of_all_levels};
use ctm::{
    Backend, Connectivity, Context, Error, LabelOutput, MaskOutlines, MaskRuns, Mosaic, Options,
    OutlineSettings, Outputs, Params, PartArea, PartLabels, RunOrder, Selection,
};

fn cpu() -> Context {
    Context::new(&Options { backend: Backend::Cpu, ..Options::default() }).unwrap()
}

/// Rectangles without gaps or overlaps, in random order: halves of halves.
fn tiles(random: &mut Random, width: u32, height: u32) -> Vec<PartArea> {
    let mut waiting = vec![PartArea { left: 0, top: 0, width, height }];
    let mut tiles = Vec::new();
    while let Some(area) = waiting.pop() {
        let PartArea { left, top, width, height } = area;
        let is_wide = width > 1 && (height == 1 || random.below(2) == 0);
        if width * height == 1 || tiles.len() + waiting.len() > 40 || random.below(6) == 0 {
            tiles.push(area);
        } else if is_wide {
            let cut = 1 + random.below(width - 1);
            waiting.push(PartArea { width: cut, ..area });
            waiting.push(PartArea { left: left + cut, width: width - cut, ..area });
        } else {
            let cut = 1 + random.below(height - 1);
            waiting.push(PartArea { height: cut, ..area });
            waiting.push(PartArea { top: top + cut, height: height - cut, ..area });
        }
    }
    for index in (1..tiles.len()).rev() {
        tiles.swap(index, random.below(index as u32 + 1) as usize);
    }
    tiles
}

/// The labels of a part.
fn part(labels: &[u32], width: u32, area: &PartArea) -> Vec<u32> {
    let rows = (area.top..area.top + area.height).map(|row| (row * width + area.left) as usize);
    rows.flat_map(|first| labels[first..first + area.width as usize].iter().copied()).collect()
}

/// Adds a part with labels of one of the widths that have room for them.
fn add(mosaic: &mut Mosaic, random: &mut Random, labels: &[u32], area: PartArea) {
    let most = labels.iter().max().unwrap();
    let narrow = |bits: u32| *most < 1 << bits && random.0.is_multiple_of(2);
    let result = if narrow(8) {
        let labels: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
        mosaic.add(PartLabels::U8(&labels), area)
    } else if *most < 1 << 16 && random.below(2) == 0 {
        let labels: Vec<u16> = labels.iter().map(|&label| label as u16).collect();
        mosaic.add(PartLabels::U16(&labels), area)
    } else {
        mosaic.add(PartLabels::U32(labels), area)
    };
    random.next();
    result.unwrap();
}

/// What is found of masks.
#[derive(Debug, PartialEq)]
struct Found {
    runs: [MaskRuns; 2],
    outlines: [MaskOutlines; 3],
}

const ORDERS: [RunOrder; 2] = [RunOrder::Rows, RunOrder::Columns];

fn settings() -> [OutlineSettings; 3] {
    let simple = OutlineSettings { connectivity: Connectivity::Eight, tolerance: 1.0 };
    [Connectivity::Four.into(), Connectivity::Eight.into(), simple]
}

fn found(mosaic: &Mosaic, context: &mut Context, mask_count: u32) -> Found {
    Found {
        runs: ORDERS.map(|order| mosaic.runs(context, mask_count, order).unwrap()),
        outlines: settings().map(|settings| mosaic.outlines(context, mask_count, settings).unwrap()),
    }
}

/// An image's labels, how many masks there are, and what one call finds.
fn whole(context: &mut Context, images: &Images, params: &Params) -> (Vec<u32>, u32, Found) {
    let mut labels = vec![0; images.pixels.len()];
    let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
    let mask_count = context.analyze(&images.map(), params, outputs).unwrap().mask_count;
    let mut analyze = |outputs| context.analyze(&images.map(), params, outputs).unwrap();
    let found = Found {
        runs: ORDERS.map(|order| analyze(Outputs { runs: Some(order), ..Outputs::default() }).runs.unwrap()),
        outlines: settings().map(|settings| {
            analyze(Outputs { outlines: Some(settings), ..Outputs::default() }).outlines.unwrap()
        }),
    };
    (labels, mask_count, found)
}

fn images(random: &mut Random) -> Vec<Images> {
    let sizes = [
        (1, 1, 1, 1),
        (60, 1, 3, 5),
        (1, 70, 3, 5),
        (40, 31, 2, 1),
        (50, 60, 5, 9),
        (130, 90, 30, 40),
        (64, 64, 400, 3),
    ];
    sizes.map(|(width, height, colors, run)| Images::runs(random, [width, height, 1], colors, run)).into()
}

#[test]
fn parts_in_any_order_give_what_one_call_gives() {
    let random = &mut Random(2024);
    for context in &mut contexts_of_all_levels() {
        for images in &images(random) {
            let [width, height] = [images.size[0] as u32, images.size[1] as u32];
            let params = Selection { min_pixels: 1, max_count: 300 }.into();
            let (labels, mask_count, expected) = whole(context, images, &params);
            for _ in 0..3 {
                // Of three machines, which are merged in either direction; one of them comes as bytes.
                let mut parts = [0; 3].map(|_| Mosaic::new(width, height).unwrap());
                for area in tiles(random, width, height) {
                    let mosaic = &mut parts[random.below(3) as usize];
                    add(mosaic, random, &part(&labels, width, &area), area);
                }
                let [mut first, second, third] = parts;
                let second = Mosaic::from_bytes(&second.to_bytes().unwrap()).unwrap();
                let mut last = third;
                last.merge(&second).unwrap();
                first.merge(&last).unwrap();
                assert_eq!(first.pixels(), u64::from(width) * u64::from(height));
                assert!(found(&first, context, mask_count) == expected, "{width} x {height}");
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn equal_parts_are_equal_bytes() {
    let random = &mut Random(3);
    let labels: Vec<u32> = (0..600).map(|_| random.below(4)).collect();
    let tiles = tiles(random, 30, 20);
    let mosaic = |areas: &mut dyn Iterator<Item = &PartArea>| {
        let mut mosaic = Mosaic::new(30, 20).unwrap();
        areas.for_each(|area| mosaic.add(PartLabels::U32(&part(&labels, 30, area)), *area).unwrap());
        mosaic
    };
    let (one, other) = (mosaic(&mut tiles.iter()), mosaic(&mut tiles.iter().rev()));
    assert!(one == other && one.to_bytes().unwrap() == other.to_bytes().unwrap());
    assert!(Mosaic::from_bytes(&one.to_bytes().unwrap()).unwrap() == one);
}

fn text<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let Error::InvalidArgument(text) = result.unwrap_err() else { panic!("another error") };
    text
}

#[test]
fn what_is_no_part_is_refused_and_changes_nothing() {
    assert!(text(Mosaic::new(0, 5)).contains("width is 0"));
    let mut mosaic = Mosaic::new(10, 8).unwrap();
    let labels = [1u8; 100];
    let area = |left, top, width, height| PartArea { left, top, width, height };
    let mut add = |area: PartArea| {
        let labels = &labels[..((area.width as usize) * (area.height as usize)).min(100)];
        mosaic.add(PartLabels::U8(labels), area)
    };
    add(area(2, 3, 4, 2)).unwrap();
    for (wrong, expected) in [
        (
            area(0, 0, 0, 1),
            "the part is 0 x 1 pixels at column 0, row 0; one of at least a pixel within the image's 10 x 8",
        ),
        (area(7, 0, 4, 1), "the part is 4 x 1 pixels at column 7, row 0;"),
        (area(0, 8, 1, 1), "the part is 1 x 1 pixels at column 0, row 8;"),
        (area(u32::MAX, 0, 2, 1), "at column 4294967295, row 0;"),
        (
            area(0, 0, 3, 4),
            "a part is 3 x 4 pixels at column 0, row 0 and another is 4 x 2 pixels at column 2, row 3, which overlap",
        ),
        (area(5, 4, 1, 1), "a part is 1 x 1 pixels at column 5, row 4 and another"),
    ] {
        let found = text(add(wrong));
        assert!(found.contains(expected), "{found}");
    }
    add(area(6, 3, 4, 2)).unwrap();
    let found = text(mosaic.add(PartLabels::U8(&labels), area(0, 0, 10, 3)));
    assert!(found.contains("labels has 100 values; 10 x 3 = 30 are expected"), "{found}");
    mosaic.add(PartLabels::U8(&labels[..30]), area(0, 0, 10, 3)).unwrap();
    let context = &mut cpu();
    let found = text(mosaic.runs(context, 1, RunOrder::Rows));
    let expected = "the mosaic has 46 of 80 pixels, in 3 parts: the first that is missing is in column 0, row 3; parts of the \
                    whole image are expected";
    assert_eq!(found, expected);
    mosaic.add(PartLabels::U8(&labels[..4]), area(0, 3, 2, 2)).unwrap();
    assert!(text(mosaic.outlines(context, 1, Connectivity::Four.into())).contains("in column 0, row 5;"));
    // Another one with what is missing, and one pixel more.
    let mut rest = Mosaic::new(10, 8).unwrap();
    rest.add(PartLabels::U8(&labels[..30]), area(0, 5, 10, 3)).unwrap();
    let before = mosaic.to_bytes().unwrap();
    let mut more = Mosaic::from_bytes(&rest.to_bytes().unwrap()).unwrap();
    more.add(PartLabels::U8(&labels[..1]), area(9, 4, 1, 1)).unwrap();
    let found = text(mosaic.merge(&more));
    assert!(found.contains("which overlap; parts that do not are expected"), "{found}");
    assert!(
        text(mosaic.merge(&Mosaic::new(8, 10).unwrap()))
            .contains("other is of an image of 8 x 10 pixels; 10 x 8")
    );
    assert!(mosaic.to_bytes().unwrap() == before);
    mosaic.merge(&rest).unwrap();
    let found = text(mosaic.runs(context, 0, RunOrder::Rows));
    assert!(found.contains("mask_count is 0 and a label is 1; at least 1 is expected"), "{found}");
    assert_eq!(mosaic.runs(context, 1, RunOrder::Rows).unwrap().counts, [0, 80]);
    // A mask that has no pixel.
    assert_eq!(mosaic.runs(context, 2, RunOrder::Columns).unwrap().counts, [0, 80, 80]);
    let far = OutlineSettings { connectivity: Connectivity::Four, tolerance: -1.0 };
    assert!(text(mosaic.outlines(context, 1, far)).contains("tolerance is -1; a finite number"));
}

/// A checksum as the format has it, so that bytes get beyond it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 8;
    let sum = bytes[..end].iter().fold(0xcbf2_9ce4_8422_2325u64, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes[8..bytes.len() - 8].as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// Bytes of a mosaic with other numbers in it.
fn with_words(words: &[u32]) -> Vec<u8> {
    let mut bytes = b"ctmMOSAI".to_vec();
    words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    bytes.extend_from_slice(&[0; 8]);
    sealed(bytes)
}

#[test]
fn hostile_bytes_are_an_error_and_nothing_worse() {
    let random = &mut Random(9);
    let labels: Vec<u32> = (0..600).map(|_| random.below(3)).collect();
    let mut mosaic = Mosaic::new(30, 20).unwrap();
    for area in tiles(random, 30, 20) {
        mosaic.add(PartLabels::U32(&part(&labels, 30, &area)), area).unwrap();
    }
    let good = mosaic.to_bytes().unwrap();
    assert!(with_words(&words(&good)) == good);
    let refused = |bytes: &[u8]| match Mosaic::from_bytes(bytes) {
        Err(Error::Data(text)) => text,
        other => panic!("{other:?}"),
    };
    for len in 0..good.len() {
        refused(&good[..len]);
        let mut damaged = good.clone();
        damaged[len] ^= 1 << random.below(8);
        refused(&damaged);
    }
    assert!(refused(&[&good[..], &[0]].concat()).contains("bytes; "));
    assert!(refused(b"ctmCOUNT").contains("at least 40 are expected"));
    let one = |values: &[(usize, u32)]| {
        let mut mosaic = Mosaic::new(4, 2).unwrap();
        mosaic.add(PartLabels::U8(&[1, 1, 2, 2]), PartArea { left: 0, top: 0, width: 2, height: 2 }).unwrap();
        mosaic.add(PartLabels::U8(&[3, 0, 3, 3]), PartArea { left: 2, top: 0, width: 2, height: 2 }).unwrap();
        let mut words = words(&mosaic.to_bytes().unwrap());
        values.iter().for_each(|&(index, value)| words[index] = value);
        refused(&with_words(&words))
    };
    // Version, width, height, parts, length; left, top, width, height of a part; runs of a row, first column, label.
    for (values, expected) in [
        (&[(0, 2)][..], "is of version 2; 1 is expected"),
        (&[(1, 0)], "a mosaic is of no image: width is 0"),
        (&[(2, 1)], "of no image: the part is 2 x 2 pixels"),
        (&[(3, 3)], "end too early"),
        (&[(3, u32::MAX)], "of no image: a mosaic of 4294967295 parts"),
        (&[(3, 1)], "bytes behind its parts"),
        (&[(4, 7)], "bytes; 7 are expected"),
        (&[(8, 3)], "which overlap"),
        (&[(2, u32::MAX), (9, u32::MAX)], "end too early"),
        (&[(9, 0)], "of no image: the part is 2 x 0"),
        (&[(10, 0)], "run 0 of row 0"),
        (&[(10, u32::MAX)], "run 4294967295 of row 0"),
        (&[(11, 1)], "run 0 of row 0"),
        (&[(16, 0)], "does not come after"),
        (&[(16, 1)], "which overlap"),
        (&[(12, 2), (14, 1)], "run 0 of row 1"),
    ] {
        let text = one(values);
        assert!(text.contains(expected), "{values:?}: {text}");
    }
    // Whatever the numbers are: an error, or a mosaic with which all works.
    let all = words(&good);
    let context = &mut cpu();
    for _ in 0..20_000 {
        let mut words = all.clone();
        for _ in 0..=random.below(2) {
            let index = random.below(words.len() as u32) as usize;
            words[index] = match random.below(4) {
                0 => random.next(),
                1 => words[index].wrapping_add(1),
                2 => words[index].wrapping_sub(1),
                _ => random.below(40),
            };
        }
        if let Ok(mosaic) = Mosaic::from_bytes(&with_words(&words)) {
            assert!(mosaic.to_bytes().unwrap() == with_words(&words));
            let _ = mosaic.runs(context, 5, RunOrder::Columns);
            let _ = mosaic.outlines(context, 5, Connectivity::Eight.into());
        }
    }
}

#[test]
fn parts_of_bytes_must_not_overlap() {
    let mut all = Mosaic::new(30, 20).unwrap();
    let random = &mut Random(11);
    let tiles = loop {
        let tiles = tiles(random, 30, 20);
        if tiles.len() > 25 {
            break tiles;
        }
    };
    for area in tiles {
        all.add(PartLabels::U8(&vec![1; (area.width * area.height) as usize]), area).unwrap();
    }
    // A part is moved, or grows: where it covers another one, that is found.
    let good = words(&all.to_bytes().unwrap());
    let mut overlaps = 0;
    let mut at = 6;
    while at < good.len() {
        let rows = good[at + 3] as usize;
        for (index, by) in [(0, 1), (0, u32::MAX), (2, 1)] {
            let mut words = good.clone();
            words[at + index] = words[at + index].wrapping_add(by);
            match Mosaic::from_bytes(&with_words(&words)) {
                Err(Error::Data(text)) => overlaps += usize::from(text.contains("which overlap")),
                other => panic!("{other:?}"),
            }
        }
        at += 4 + 3 * rows; // a run a row
    }
    assert!(overlaps > 20, "{overlaps}");
}
