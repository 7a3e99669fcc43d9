//! Connected regions, by an oracle that fills each region from its first pixel on.

#![allow(missing_docs)]

mod common;

use std::cmp::Ordering;

use common::{Random, assert_no_validation_messages, contexts, root};
use ctm::{
    Analysis, Backend, Batch, ColorMap, Connectivity, Context, Error, Format, LabelOutput, Layout,
    MaskOutput, MaskStats, Metric, Nearest, Options, Outputs, Params, Selection, Shape,
};

/// Images of one channel, one below the other.
struct Images {
    width: usize,
    height: usize,
    count: usize,
    pixels: Vec<f32>,
}

impl Images {
    fn new(width: usize, height: usize, count: usize, pixel: impl FnMut(usize) -> f32) -> Self {
        Self { width, height, count, pixels: (0..width * height * count).map(pixel).collect() }
    }

    fn map(&self) -> ColorMap<'_> {
        let layout = Layout { format: Format::F32, image_count: self.count as u32, ..Layout::default() };
        let bytes = self.pixels.as_ptr().cast();
        // SAFETY: the pixels' bytes.
        #[allow(unsafe_code)]
        let bytes: &[u8] = unsafe { std::slice::from_raw_parts(bytes, self.pixels.len() * 4) };
        ColorMap::with_layout(bytes, Shape::new(self.width as u32, self.height as u32, 1).unwrap(), &layout)
            .unwrap()
    }

    /// The pixels around one, in its image.
    fn neighbors(&self, pixel: usize, connectivity: Connectivity) -> Vec<usize> {
        let (x, y) = ((pixel % self.width) as i64, (pixel / self.width % self.height) as i64);
        let image = pixel / (self.width * self.height) * self.height;
        let mut found = Vec::new();
        for (dx, dy) in [(0, -1), (-1, 0), (1, 0), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)] {
            if connectivity == Connectivity::Four && dx != 0 && dy != 0 {
                continue;
            }
            let (x, y) = (x + dx, y + dy);
            if (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y) {
                found.push((image + y as usize) * self.width + x as usize);
            }
        }
        found
    }
}

/// A region: its colour's number in the order of colours, and its pixels in reading order.
struct Found {
    class: usize,
    pixels: Vec<usize>,
}

/// All regions of pixels of the same class, in the order of masks.
fn regions(images: &Images, classes: &[Option<usize>], connectivity: Connectivity) -> Vec<Found> {
    let mut seen = vec![false; classes.len()];
    let mut found = Vec::new();
    for first in 0..classes.len() {
        let Some(class) = classes[first] else { continue };
        if seen[first] {
            continue;
        }
        let (mut pixels, mut at) = (vec![first], 0);
        seen[first] = true;
        while at < pixels.len() {
            for other in images.neighbors(pixels[at], connectivity) {
                if classes[other] == Some(class) && !seen[other] {
                    seen[other] = true;
                    pixels.push(other);
                }
            }
            at += 1;
        }
        pixels.sort_unstable();
        found.push(Found { class, pixels });
    }
    // StatsBuilder were found by image and first pixel; the sort is stable.
    found.sort_by_key(|region| (std::cmp::Reverse(region.pixels.len()), region.class));
    found
}

fn order(a: &f32, b: &f32) -> Ordering {
    a.partial_cmp(b).unwrap()
}

/// The colours that there are, ascending.
fn colors(pixels: &[f32]) -> Vec<f32> {
    let mut colors: Vec<f32> = pixels.iter().copied().filter(|value| !value.is_nan()).collect();
    colors.sort_unstable_by(order);
    colors.dedup();
    colors
}

fn classes(pixels: &[f32], colors: &[f32]) -> Vec<Option<usize>> {
    pixels.iter().map(|value| colors.iter().position(|color| color == value)).collect()
}

fn region(images: &Images, image: usize, pixels: &[usize]) -> MaskStats {
    let plane = images.width * images.height;
    let inside: Vec<(u32, u32)> = pixels
        .iter()
        .filter(|&&pixel| pixel / plane == image)
        .map(|pixel| ((pixel % images.width) as u32, (pixel % plane / images.width) as u32))
        .collect();
    let Some(&first_pixel) = inside.first() else { return MaskStats::default() };
    let (xs, ys) = (inside.iter().map(|p| p.0), inside.iter().map(|p| p.1));
    let (left, top) = (xs.clone().min().unwrap(), ys.clone().min().unwrap());
    let mean = |sum: u64| sum as f64 / inside.len() as f64;
    MaskStats {
        pixels: inside.len() as u64,
        left,
        top,
        width: xs.clone().max().unwrap() - left + 1,
        height: ys.clone().max().unwrap() - top + 1,
        first_pixel,
        centroid: (mean(xs.map(u64::from).sum()), mean(ys.map(u64::from).sum())),
    }
}

/// Checks everything that a call can give against the regions that are expected.
fn check(context: &mut Context, images: &Images, params: &Params, colors: &[f32], expected: &[Found]) {
    let name = format!(
        "{}, {} x {} x {}, {:?}",
        context.device_name(),
        images.width,
        images.height,
        images.count,
        params
    );
    let map = images.map();
    let mask_count = context.mask_count(&map, params).unwrap();
    assert_eq!(mask_count as usize, expected.len(), "{name}: size query");
    let pixels = images.pixels.len();
    let mut labels = vec![u32::MAX; pixels];
    let outputs =
        Outputs { labels: Some(LabelOutput::U32(&mut labels)), mask_stats: true, ..Outputs::default() };
    let analysis = context.analyze(&map, params, outputs).unwrap();
    let palette: Vec<_> =
        analysis.palette.colors.iter().map(|entry| (entry.color.values()[0], entry.pixels)).collect();
    let expected_palette: Vec<_> =
        expected.iter().map(|region| (colors[region.class], region.pixels.len() as u64)).collect();
    assert!(palette == expected_palette, "{name}: palette");
    let mut expected_labels = vec![0; pixels];
    for (label, region) in (1..).zip(expected) {
        region.pixels.iter().for_each(|&pixel| expected_labels[pixel] = label);
    }
    let wrong = labels.iter().zip(&expected_labels).position(|(a, b)| a != b);
    assert_eq!(wrong, None, "{name}: labels");
    if expected.len() > 2000 {
        return;
    }
    let expected_regions: Vec<MaskStats> = expected
        .iter()
        .flat_map(|found| (0..images.count).map(|image| region(images, image, &found.pixels)))
        .collect();
    assert!(analysis.mask_stats == expected_regions, "{name}: regions");
    if expected.len() * pixels > 1 << 20 {
        return;
    }
    check_masks(context, &map, params, &expected_labels, &expected_regions, &name);
}

fn check_masks(
    context: &mut Context,
    map: &ColorMap,
    params: &Params,
    labels: &[u32],
    regions: &[MaskStats],
    name: &str,
) {
    let (pixels, images) = (labels.len(), map.images() as usize);
    let mask_count = regions.len() / images;
    let mut masks = vec![f32::NAN; mask_count * pixels + 3];
    let mut label_map = vec![9u16; pixels];
    let outputs = Outputs {
        masks: Some(MaskOutput::F32(&mut masks)),
        labels: Some(LabelOutput::U16(&mut label_map)),
        ..Outputs::default()
    };
    context.analyze(map, params, outputs).unwrap();
    for (index, mask) in masks[..mask_count * pixels].iter().enumerate() {
        let inside = labels[index % pixels] as usize == index / pixels + 1;
        assert_eq!(*mask, f32::from(u8::from(inside)), "{name}: mask {}", index / pixels);
    }
    assert!(masks[mask_count * pixels..].iter().all(|value| value.is_nan()), "{name}: behind the masks");
    assert!(label_map.iter().map(|&label| u32::from(label)).eq(labels.iter().copied()), "{name}: u16");
    if mask_count == 0 {
        return;
    }
    let mut small = vec![7; mask_count * pixels - 1];
    let outputs =
        Outputs { masks: Some(MaskOutput::U8 { masks: &mut small, inside: 1 }), ..Outputs::default() };
    let refused = context.analyze(map, params, outputs);
    assert!(
        matches!(refused, Err(Error::TooSmall { mask_count: found, .. }) if found as usize == mask_count),
        "{name}: {refused:?}"
    );
    assert!(small.iter().all(|&byte| byte == 7), "{name}: a buffer that is too small");
    // Cropped, as bits.
    let mut crops = vec![0xa5; mask_count * images * pixels.div_ceil(8) + pixels * 2];
    let outputs = Outputs {
        masks: Some(MaskOutput::Bits(&mut crops)),
        cropped: true,
        mask_stats: true,
        ..Outputs::default()
    };
    let analysis: Analysis = context.analyze(map, params, outputs).unwrap();
    assert!(analysis.mask_stats == regions, "{name}: regions of crops");
    let (width, plane) = (map.shape().width() as usize, pixels / images);
    for (index, (region, &start)) in regions.iter().zip(&analysis.crop_starts).enumerate() {
        let row_bytes = region.width.div_ceil(8) as usize;
        for (y, x) in
            (0..region.height as usize).flat_map(|y| (0..region.width as usize).map(move |x| (y, x)))
        {
            let byte = crops[start as usize + y * row_bytes + x / 8];
            let (row, column) = (region.top as usize + y, region.left as usize + x);
            let label = labels[index % images * plane + row * width + column];
            let inside = label as usize == index / images + 1;
            assert_eq!(
                byte >> (7 - x % 8) & 1 == 1,
                inside,
                "{name}: cropped mask {index} at {column}, {row}"
            );
        }
    }
}

const BOTH: [Connectivity; 2] = [Connectivity::Four, Connectivity::Eight];

/// Runs of random colours, some pixels without one.
fn random_images(
    random: &mut Random,
    width: usize,
    height: usize,
    count: usize,
    few: u32,
    long: u32,
) -> Images {
    let (mut value, mut left) = (0.0, 0);
    Images::new(width, height, count, |_| {
        if left == 0 {
            value = if random.below(30) == 0 { f32::NAN } else { random.below(few) as f32 };
            left = 1 + random.below(long);
        }
        left -= 1;
        value
    })
}

/// A line of one pixel's width that winds inwards: one region of the line, one of what is between.
fn spiral(width: usize, height: usize) -> Images {
    let mut images = Images::new(width, height, 1, |_| 0.0);
    let (mut x, mut y, mut dx, mut dy) = (0i64, 0i64, 1i64, 0i64);
    let is_line = |images: &Images, x: i64, y: i64| {
        (0..width as i64).contains(&x)
            && (0..height as i64).contains(&y)
            && images.pixels[y as usize * width + x as usize] == 1.0
    };
    let inside = |x: i64, y: i64| (0..width as i64).contains(&x) && (0..height as i64).contains(&y);
    loop {
        images.pixels[y as usize * width + x as usize] = 1.0;
        let goes_on = |dx: i64, dy: i64| inside(x + dx, y + dy) && !is_line(&images, x + 2 * dx, y + 2 * dy);
        if !goes_on(dx, dy) {
            (dx, dy) = (-dy, dx);
            if !goes_on(dx, dy) || is_line(&images, x + dx, y + dy) {
                return images;
            }
        }
        (x, y) = (x + dx, y + dy);
    }
}

/// A line that goes right, down, left, down and so on.
fn snake(width: usize, height: usize) -> Images {
    Images::new(width, height, 1, |pixel| {
        let (x, y) = (pixel % width, pixel / width);
        let end = if y / 2 % 2 == 0 { width - 1 } else { 0 };
        f32::from(u8::from(y % 2 == 0 || x == end))
    })
}

/// A comb whose teeth meet in the last row only.
fn comb(width: usize, height: usize) -> Images {
    Images::new(width, height, 1, |pixel| {
        let (x, y) = (pixel % width, pixel / width);
        f32::from(u8::from(x % 2 == 0 || y == height - 1))
    })
}

fn checkerboard(width: usize, height: usize) -> Images {
    Images::new(width, height, 1, |pixel| ((pixel % width + pixel / width) % 2) as f32)
}

#[test]
fn regions_are_those_of_the_oracle() {
    let mut contexts = contexts();
    let random = &mut Random(61);
    let mut cases = vec![
        spiral(61, 47),
        spiral(300, 300),
        snake(400, 130),
        snake(1, 70),
        comb(333, 201),
        comb(20_001, 4),
        checkerboard(90, 61),
    ];
    for (width, height, count, few, long) in [
        (1, 1, 1, 2, 1),
        (1, 300, 1, 2, 5),
        (2, 301, 1, 2, 2),
        (300, 1, 1, 3, 4),
        (70_001, 1, 1, 3, 30_000),
        (16_384, 3, 1, 2, 9),
        (16_383, 3, 1, 2, 9),
        (16_385, 3, 2, 2, 9),
        (31, 17, 3, 3, 2),
        (128, 128, 2, 2, 3),
        (100, 99, 4, 4, 30),
        (640, 480, 1, 5, 300),
        (513, 700, 1, 2, 6),
        (3, 90_000, 1, 2, 2),
        (300_000, 3, 1, 2, 40),
        (270, 60, 2, 700, 1),
    ] {
        cases.push(random_images(random, width, height, count, few, long));
    }
    for images in &cases {
        let colors = colors(&images.pixels);
        let classes = classes(&images.pixels, &colors);
        for connectivity in BOTH {
            let all = regions(images, &classes, connectivity);
            let most = all.first().map_or(0, |region| region.pixels.len() as u64);
            for (min_pixels, max_count) in
                [(1, u32::MAX), (3, 30), (0, 7), (most / 2, u32::MAX), (most + 1, 9), (1, 0)]
                    .into_iter()
                    .take(if images.pixels.len() > 20_000 { 2 } else { 6 })
            {
                let wanted = all.iter().take_while(|region| region.pixels.len() as u64 >= min_pixels);
                let expected: Vec<Found> = wanted
                    .take(max_count as usize)
                    .map(|region| Found { class: region.class, pixels: region.pixels.clone() })
                    .collect();
                let selection = Selection { min_pixels, max_count };
                let params = Params { connected: Some(connectivity), ..selection.into() };
                for context in &mut contexts {
                    check(context, images, &params, &colors, &expected);
                }
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn a_spiral_is_one_region() {
    let images = spiral(301, 299);
    let colors = colors(&images.pixels);
    let classes = classes(&images.pixels, &colors);
    assert_eq!(regions(&images, &classes, Connectivity::Four).len(), 2);
    assert!(images.pixels.iter().sum::<f32>() > 40_000.0);
}

#[test]
fn a_given_palettes_order_breaks_ties_and_other_colors_have_no_region() {
    let mut contexts = contexts();
    let random = &mut Random(62);
    for (width, height, count, long) in [(200, 90, 1, 3), (64, 256, 2, 9), (40_000, 2, 1, 2)] {
        let images = random_images(random, width, height, count, 6, long);
        // 77 has no pixel.
        let palette = [4.0, 0.0, 77.0, 5.0, 2.0];
        let classes = classes(&images.pixels, &palette);
        let colors = palette.map(|value| [value, 0.0, 0.0, 0.0]);
        for connectivity in BOTH {
            for (min_pixels, max_count) in [(1, u32::MAX), (4, 20)] {
                let mut expected = regions(&images, &classes, connectivity);
                expected.retain(|region| region.pixels.len() as u64 >= min_pixels);
                expected.truncate(max_count as usize);
                let selection = Selection { min_pixels, max_count };
                // Which images are counted makes no difference.
                for batch in [Batch::All, Batch::First] {
                    let params = Params {
                        connected: Some(connectivity),
                        palette: Some(&colors),
                        batch,
                        ..selection.into()
                    };
                    for context in &mut contexts {
                        check(context, &images, &params, &palette, &expected);
                    }
                }
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn ignored_colors_have_no_region_and_only_the_first_images_regions_are_counted_if_asked() {
    let mut contexts = contexts();
    let images = random_images(&mut Random(63), 150, 70, 3, 5, 4);
    let colors = colors(&images.pixels);
    let mut classes = classes(&images.pixels, &colors);
    classes.iter_mut().for_each(|class| *class = class.filter(|&class| class != 3));
    for connectivity in BOTH {
        for batch in [Batch::All, Batch::First] {
            let mut expected = regions(&images, &classes, connectivity);
            expected.retain(|region| {
                region.pixels.len() >= 2 && (batch == Batch::All || region.pixels[0] < 150 * 70)
            });
            let selection = Selection { min_pixels: 2, max_count: u32::MAX };
            let params = Params {
                connected: Some(connectivity),
                ignored: &[[3.0, 0.0, 0.0, 0.0]],
                batch,
                ..selection.into()
            };
            for context in &mut contexts {
                check(context, &images, &params, &colors, &expected);
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn colors_that_join_a_mask_join_its_regions() {
    let mut contexts = contexts();
    let random = &mut Random(64);
    // Around 0, 10, 20 …, the middle of each most often.
    let mut images = random_images(random, 170, 130, 1, 4, 12);
    for value in &mut images.pixels {
        *value = *value * 10.0 + if random.below(4) == 0 { random.below(5) as f32 - 2.0 } else { 0.0 };
    }
    let mut counted: Vec<(f32, u64)> = colors(&images.pixels)
        .iter()
        .map(|color| (*color, images.pixels.iter().filter(|&value| value == color).count() as u64))
        .collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then(order(&a.0, &b.0)));
    let nearest = Nearest { metric: Metric::Euclidean, tolerance: 1.0 };
    for (min_pixels, connectivity) in [(1500, Connectivity::Four), (40, Connectivity::Eight)] {
        let bases: Vec<f32> =
            counted.iter().filter(|entry| entry.1 >= min_pixels).map(|entry| entry.0).collect();
        assert!(bases.len() > 3);
        let mask = |value: &f32| {
            let near = bases.iter().enumerate().filter(|(_, base)| (*base - value).abs() <= 1.0);
            near.min_by(|a, b| order(&(a.1 - value).abs(), &(b.1 - value).abs())).map(|(mask, _)| mask)
        };
        // Of equally large regions the smaller colour comes first.
        let colors = colors(&bases);
        let classes: Vec<_> = images
            .pixels
            .iter()
            .map(|value| mask(value).and_then(|mask| colors.iter().position(|color| *color == bases[mask])))
            .collect();
        let mut expected = regions(&images, &classes, connectivity);
        expected.retain(|region| region.pixels.len() as u64 >= min_pixels);
        let selection = Selection { min_pixels, max_count: u32::MAX };
        let params = Params { connected: Some(connectivity), nearest: Some(nearest), ..selection.into() };
        for context in &mut contexts {
            check(context, &images, &params, &colors, &expected);
        }
    }
    assert_no_validation_messages();
}

#[test]
fn an_image_without_a_repeated_color_has_as_many_regions_as_pixels() {
    let images = Images::new(1000, 300, 1, |pixel| pixel as f32);
    let params = Params {
        connected: Some(Connectivity::Eight),
        ..Selection { min_pixels: 1, max_count: u32::MAX }.into()
    };
    for context in &mut contexts() {
        let mut labels = vec![0; 300_000];
        let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
        let analysis = context.analyze(&images.map(), &params, outputs).unwrap();
        assert!(labels.iter().copied().eq(1..=300_000));
        assert_eq!(analysis.palette.colors.len(), 300_000);
        let mut narrow = vec![7; 300_000];
        let outputs = Outputs { labels: Some(LabelOutput::U16(&mut narrow)), ..Outputs::default() };
        let refused = context.analyze(&images.map(), &params, outputs).unwrap_err();
        assert_eq!(refused.to_string(), "the type of labels numbers 65535 masks; there are 300000");
        assert!(narrow.iter().all(|&label| label == 7));
    }
    assert_no_validation_messages();
}

/// The countries of a real map, each island by itself.
#[test]
fn a_real_maps_regions_are_those_of_the_oracle() {
    let file = std::fs::File::open(root().join("data/world-countries-2048.png")).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut bytes).unwrap();
    let number =
        |pixel: &[u8]| f32::from(pixel[0]) * 65_536.0 + f32::from(pixel[1]) * 256.0 + f32::from(pixel[2]);
    let pixels: Vec<f32> = bytes.chunks(3).map(number).collect();
    let images = Images { width: 2048, height: 1024, count: 1, pixels };
    let colors = colors(&images.pixels);
    assert_eq!(colors.len(), 216);
    let classes = classes(&images.pixels, &colors);
    let mut context = Context::new(&Options { backend: Backend::Cpu, ..Options::default() }).unwrap();
    for connectivity in BOTH {
        let expected = regions(&images, &classes, connectivity);
        assert!(expected.len() > 1000);
        let selection = Selection { min_pixels: 1, max_count: u32::MAX };
        let params = Params { connected: Some(connectivity), ..selection.into() };
        check(&mut context, &images, &params, &colors, &expected);
    }
}

#[test]
fn coverage_of_regions_is_refused() {
    let images = checkerboard(4, 4);
    let params =
        Params { connected: Some(Connectivity::Four), ..Selection { min_pixels: 1, max_count: 9 }.into() };
    let mut masks = [7.0; 64];
    let outputs = Outputs { masks: Some(MaskOutput::Coverage(&mut masks)), ..Outputs::default() };
    let refused = contexts().remove(0).analyze(&images.map(), &params, outputs).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the masks are coverage and connected is 4; other masks or no connected regions are expected"
    );
    assert_eq!(masks, [7.0; 64]);
}
