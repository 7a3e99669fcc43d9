//! All colours of images that have very many: counted, listed, labelled, and as counts, in the formats whose pixels are
//! numbers of 24 bits, and in others.

#![allow(missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::Random;
use ctm::{
    Alpha, Backend, ChannelOrder, ColorCounts, ColorMap, Context, DebugOptions, Error, Format, LabelOutput,
    Layout, Options, Outputs, Params, Selection, Shape, SimdLevel,
};

/// An image and what its pixels' colours are, as numbers in the colours' order.
struct Image {
    name: &'static str,
    bytes: Vec<u8>,
    width: u32,
    height: u32,
    channels: u32,
    layout: Layout,
    alpha: Alpha,
    numbers: Vec<Option<u32>>,
}

/// Numbers of 24 bits: gradients with noise, a run here and there; or no number twice.
fn numbers(len: usize, is_photo: bool, random: &mut Random) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(len + 50_000);
    while numbers.len() < len {
        let at = numbers.len();
        if !is_photo {
            numbers.push((at as u32).wrapping_mul(0x9e37_79b1) & 0xff_ffff);
            continue;
        }
        let level = |random: &mut Random, base: usize| (base % 200) as u32 + random.below(40);
        let [red, green, blue] = [at / 4000, at / 9000, at / 50_000].map(|base| level(random, base));
        let number = red << 16 | green << 8 | blue;
        let length =
            [1, 1, 1, 70, 40_000][[4, random.below(4) as usize][usize::from(random.below(90_000) > 0)]];
        numbers.extend(std::iter::repeat_n(number, length));
    }
    numbers.truncate(len);
    numbers
}

fn images() -> Vec<Image> {
    let mut random = Random(11);
    let mut images = Vec::new();
    let sizes = [(1000, 701), (600_001, 1), (1, 524_288), (700, 749)];
    for ((width, height), is_photo) in sizes.into_iter().zip([true, true, false, false]) {
        let numbers = numbers((width * height) as usize, is_photo, &mut random);
        let layout = |format| Layout { format, ..Layout::default() };
        let mut add = |name, channels, layout, alpha, number: &dyn Fn(u32) -> (Vec<u8>, Option<u32>)| {
            let (bytes, numbers): (Vec<_>, Vec<_>) = numbers.iter().map(|&n| number(n)).unzip();
            let bytes = bytes.concat();
            images.push(Image { name, bytes, width, height, channels, layout, alpha, numbers });
        };
        let rgb = |number: u32| number.to_be_bytes()[1..].to_vec();
        add("RGB", 3, layout(Format::U8), Alpha::Color, &|n| (rgb(n), Some(n)));
        add("two bytes", 2, layout(Format::U8), Alpha::Color, &|n| (rgb(n)[1..].to_vec(), Some(n & 0xffff)));
        add("16 bits", 1, layout(Format::U16), Alpha::Color, &|n| {
            ((n as u16).to_ne_bytes().to_vec(), Some(n & 0xffff))
        });
        let bgra = Layout { order: ChannelOrder::Bgra, ..layout(Format::U8) };
        add("BGRA, alpha of 128", 4, bgra, Alpha::AtLeast(128.0), &|n| {
            let alpha = n as u8 ^ (n >> 8) as u8;
            (vec![n as u8, (n >> 8) as u8, (n >> 16) as u8, alpha], (alpha >= 128).then_some(n))
        });
        add("RGBA", 4, layout(Format::U8), Alpha::Color, &|n| ([rgb(n), vec![7]].concat(), Some(n)));
        add("floats", 1, layout(Format::F32), Alpha::Color, &|n| {
            ((n as f32).to_ne_bytes().to_vec(), Some(n))
        });
    }
    images
}

/// The numbers in the order of masks, with their pixels.
fn palette(numbers: &[Option<u32>], selection: &Selection) -> Vec<(u32, u64)> {
    let mut counts = BTreeMap::new();
    numbers.iter().flatten().for_each(|&number| *counts.entry(number).or_insert(0u64) += 1);
    let mut palette: Vec<_> = counts.into_iter().collect();
    palette.retain(|&(_, pixels)| pixels >= selection.min_pixels);
    palette.sort_by_key(|&(number, pixels)| (u64::MAX - pixels, number));
    palette.truncate(selection.max_count as usize);
    palette
}

fn check(image: &Image, options: &Options, selection: Selection) {
    let name = format!("{}, {} x {}, {options:?}, {selection:?}", image.name, image.width, image.height);
    let shape = Shape::new(image.width, image.height, image.channels).unwrap();
    let map = ColorMap::with_layout(&image.bytes, shape, &image.layout).unwrap();
    let params = Params { alpha: image.alpha, ..Params::from(selection) };
    let expected = palette(&image.numbers, &selection);
    let mut context = Context::new(options).unwrap();
    let mut labels = vec![7; image.numbers.len()];
    let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
    assert_eq!(context.mask_count(&map, &params).unwrap() as usize, expected.len(), "{name}");
    let analysis = match context.analyze(&map, &params, outputs) {
        Err(Error::OutOfMemory(_)) if options.memory_limit > 0 && expected.len() > 1 << 15 => return,
        analysis => analysis.unwrap(),
    };
    let found = analysis.palette.colors.iter().map(|entry| {
        let values = entry.color.values().map(|value| value as u32);
        let number = match image.name {
            "two bytes" => values[0] << 8 | values[1],
            "16 bits" | "floats" => values[0],
            _ => values[0] << 16 | values[1] << 8 | values[2],
        };
        (number, entry.pixels)
    });
    assert!(found.eq(expected.iter().copied()), "{name}");
    let by_number: BTreeMap<_, _> =
        expected.iter().zip(1..).map(|(&(number, _), label)| (number, label)).collect();
    let wanted =
        image.numbers.iter().map(|number| number.and_then(|n| by_number.get(&n).copied()).unwrap_or(0));
    assert!(wanted.eq(labels.iter().copied()), "{name}");
}

#[test]
fn are_listed_and_labelled() {
    for image in images() {
        for max_threads in [1, 2] {
            let options = Options { backend: Backend::Cpu, max_threads, ..Options::default() };
            check(&image, &options, Selection { min_pixels: 1, max_count: u32::MAX });
        }
        if image.width != 1000 {
            continue;
        }
        let options = Options { backend: Backend::Cpu, ..Options::default() };
        for (min_pixels, max_count) in [(1, 40_000), (1, 130), (3, u32::MAX), (60, 20_000), (1 << 40, 20_000)]
        {
            check(&image, &options, Selection { min_pixels, max_count });
        }
        for memory_limit in [Options::LEAST_MEMORY_LIMIT, 1 << 30] {
            let options = Options { memory_limit, ..options.clone() };
            check(&image, &options, Selection { min_pixels: 1, max_count: u32::MAX });
            check(&image, &options, Selection { min_pixels: 2, max_count: 20_000 });
        }
    }
}

#[test]
fn are_the_same_at_each_level_of_instructions() {
    for image in images().into_iter().take(6).filter(|image| image.channels != 2) {
        for level in SimdLevel::available() {
            let debug = DebugOptions { simd: Some(level), ..DebugOptions::default() };
            let options = Options { backend: Backend::Cpu, debug, ..Options::default() };
            check(&image, &options, Selection { min_pixels: 1, max_count: u32::MAX });
        }
    }
}

/// Counts of halves are those of the whole, whichever way they are put together, and selecting from them gives its palette.
#[test]
fn are_counts() {
    for image in images().into_iter().filter(|image| image.width >= 700 && image.height > 1) {
        let name = image.name;
        let shape = Shape::new(image.width, image.height, image.channels).unwrap();
        let map = ColorMap::with_layout(&image.bytes, shape, &image.layout).unwrap();
        let params = Params { alpha: image.alpha, ..Params::default() };
        let mut context = Context::new(&Options { backend: Backend::Cpu, ..Options::default() }).unwrap();
        let mut counted = |map: &ColorMap| {
            let mut counts = ColorCounts::new();
            counts.add(&mut context, map, &params).unwrap();
            counts
        };
        let upper = image.height / 3;
        let parts = [(0, upper), (upper, image.height - upper)];
        let [one, other] = parts.map(|(top, rows)| counted(&map.crop(0, top, image.width, rows).unwrap()));
        let whole = counted(&map);
        let mut merged = ColorCounts::from_bytes(&one.to_bytes().unwrap()).unwrap();
        assert_eq!(merged, one, "{name}");
        merged.merge(&other).unwrap();
        assert!(merged == whole, "{name}");
        assert!(merged.to_bytes().unwrap() == whole.to_bytes().unwrap(), "{name}");
        let selection = Selection { min_pixels: 1, max_count: u32::MAX };
        let params = Params { alpha: image.alpha, ..Params::from(selection) };
        let selected = whole.select(&mut context, &params).unwrap().colors;
        let expected = context.analyze(&map, &params, Outputs::default()).unwrap().palette.colors;
        assert!(selected == expected, "{name}");
        let pixels: Vec<u64> =
            palette(&image.numbers, &selection).iter().map(|&(_, pixels)| pixels).collect();
        assert!(selected.iter().map(|entry| entry.pixels).eq(pixels), "{name}");
    }
}
