//! Masks as run lengths, against a pixel by pixel encoding of the labels, which other tests check.

#![allow(missing_docs)]

mod common;

use common::images::Images;
use common::{Random, assert_no_validation_messages, contexts_of_all_levels};
use ctm::{
    Analysis, Batch, Connectivity, Context, LabelOutput, MaskOutput, MaskRuns, MaskStats, Outputs, Params,
    RunOrder, Selection,
};

impl Images {
    /// Rectangles of one colour each.
    fn rectangles(size: [usize; 3], side: usize) -> Self {
        let [width, height, count] = size;
        let pixel = |pixel: usize| {
            let (column, row) = (pixel % width, pixel / width);
            (row / side * width + column / side) as f32
        };
        Self { size, pixels: (0..width * height * count).map(pixel).collect() }
    }
}

/// All kinds of images that tiles, rows and columns can cut.
fn images() -> Vec<Images> {
    let random = &mut Random(31);
    let mut all: Vec<Images> = [
        ([1, 1, 1], 1, 1),
        ([1, 300, 2], 3, 40),
        ([40_001, 1, 1], 4, 9000),
        ([1, 40_001, 1], 4, 9000),
        ([300, 1, 3], 3, 50),
        ([33, 1000, 1], 16, 400),
        ([257, 131, 2], 40, 90),
        ([640, 400, 1], 5, 1),
        ([213, 90, 1], 300, 3),
    ]
    .into_iter()
    .map(|(size, colors, longest_run)| Images::runs(random, size, colors, longest_run))
    .collect();
    all.push(Images::rectangles([208, 300, 1], 23));
    all.push(Images::rectangles([101, 99, 2], 9));
    all
}

/// The pixels of each mask and image in an order, encoded one by one.
fn expected(
    images: &Images,
    labels: &[u32],
    mask_count: usize,
    order: RunOrder,
    boxes: Option<&[MaskStats]>,
) -> MaskRuns {
    let [width, height, count] = images.size;
    let mut inside = vec![Vec::new(); mask_count * count];
    for image in 0..count {
        let pixels: Vec<(usize, usize)> = match order {
            RunOrder::Rows => (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).collect(),
            RunOrder::Columns => (0..width).flat_map(|x| (0..height).map(move |y| (x, y))).collect(),
        };
        for (x, y) in pixels {
            let label = labels[(image * height + y) * width + x] as usize;
            if label > 0 {
                inside[(label - 1) * count + image].push((x, y));
            }
        }
    }
    let mut runs = MaskRuns { counts: Vec::new(), offsets: vec![0] };
    for (slot, inside) in inside.iter().enumerate() {
        let (left, top, columns, rows) = match boxes {
            Some(boxes) => {
                let MaskStats { left, top, width, height, .. } = boxes[slot];
                (left as usize, top as usize, width as usize, height as usize)
            }
            None => (0, 0, width, height),
        };
        let mut bits = vec![false; columns * rows];
        for (x, y) in inside.iter().map(|&(x, y)| (x - left, y - top)) {
            bits[match order {
                RunOrder::Rows => y * columns + x,
                RunOrder::Columns => x * rows + y,
            }] = true;
        }
        // As COCO's rleEncode does it.
        let (mut value, mut length) = (false, 0);
        for &bit in &bits {
            if bit != value {
                runs.counts.push(length);
                (value, length) = (bit, 0);
            }
            length += 1;
        }
        if !bits.is_empty() {
            runs.counts.push(length);
        }
        runs.offsets.push(runs.counts.len() as u64);
    }
    runs
}

fn analyze(context: &mut Context, images: &Images, params: &Params, outputs: Outputs) -> Analysis {
    let analysis = context.analyze(&images.map(), params, outputs);
    analysis.unwrap_or_else(|error| panic!("{}: {error}", context.device_name()))
}

fn check(context: &mut Context, images: &Images, params: &Params) {
    let name = format!(
        "{}, {} x {} x {}, {params:?}",
        context.device_name(),
        images.size[2],
        images.size[0],
        images.size[1]
    );
    let mut labels = vec![u32::MAX; images.pixels.len()];
    let outputs =
        Outputs { labels: Some(LabelOutput::U32(&mut labels)), mask_stats: true, ..Outputs::default() };
    let found = analyze(context, images, params, outputs);
    for order in [RunOrder::Rows, RunOrder::Columns] {
        let whole = expected(images, &labels, found.mask_count as usize, order, None);
        let alone = analyze(context, images, params, Outputs { runs: Some(order), ..Outputs::default() });
        assert!(alone.runs.as_ref() == Some(&whole), "{name}, {order:?}: runs alone");
        let cropped = expected(images, &labels, found.mask_count as usize, order, Some(&found.mask_stats));
        let mut again = vec![u32::MAX; images.pixels.len()];
        let mut masks = vec![7; images.pixels.len() + 3];
        let outputs = Outputs {
            masks: Some(MaskOutput::U8 { masks: &mut masks, inside: 1 }),
            labels: Some(LabelOutput::U32(&mut again)),
            mask_stats: true,
            cropped: true,
            runs: Some(order),
            ..Outputs::default()
        };
        match context.analyze(&images.map(), params, outputs) {
            Ok(all) => {
                assert!(all.runs == Some(cropped), "{name}, {order:?}: cropped runs");
                assert!(again == labels, "{name}: labels beside runs");
                assert!(all.mask_stats == found.mask_stats, "{name}: boxes beside runs");
                assert_eq!(all.palette.colors, found.palette.colors, "{name}");
            }
            // Boxes lie over each other.
            Err(ctm::Error::TooSmall { .. }) => assert!(masks.iter().all(|&value| value == 7), "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn runs_are_those_of_each_pixel() {
    for context in &mut contexts_of_all_levels() {
        for images in &images() {
            for max_count in [3, 150] {
                check(context, images, &Selection { min_pixels: 2, max_count }.into());
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn regions_and_images_with_palettes_of_their_own_have_runs() {
    for context in &mut contexts_of_all_levels() {
        for images in &images() {
            let all = Params::from(Selection { min_pixels: 1, max_count: 100 });
            check(context, images, &Params { connected: Some(Connectivity::Four), ..all });
            check(context, images, &Params { connected: Some(Connectivity::Eight), ..all });
            check(context, images, &Params { batch: Batch::Each, ..all });
        }
    }
    assert_no_validation_messages();
}

#[test]
fn without_a_mask_there_is_no_run() {
    let images = Images::rectangles([20, 10, 2], 5);
    for context in &mut contexts_of_all_levels() {
        for order in [RunOrder::Rows, RunOrder::Columns] {
            let params = Selection { min_pixels: 1000, max_count: 5 }.into();
            for cropped in [false, true] {
                let outputs = Outputs { runs: Some(order), cropped, ..Outputs::default() };
                let found = analyze(context, &images, &params, outputs);
                assert_eq!(found.runs, Some(MaskRuns { counts: Vec::new(), offsets: vec![0] }));
            }
        }
        assert_eq!(analyze(context, &images, &Params::default(), Outputs::default()).runs, None);
    }
    assert_no_validation_messages();
}
