//! Masks as polygons: everything that is said of them, checked against the labels, which other tests check.

#![allow(missing_docs)]

mod common;

use common::images::Images;
use common::outlines::Labels;
use common::{Random, assert_no_validation_messages, contexts_of_all_levels};
use ctm::{
    Batch, Connectivity, Context, LabelOutput, MaskOutlines, MaskOutput, Outputs, Params, RunOrder, Selection,
};

/// Runs of random colours, some pixels without any; single rows and columns; squares.
fn images() -> Vec<Images> {
    let random = &mut Random(41);
    let mut all = Vec::new();
    for (size, colors, longest_run) in [
        ([1, 1, 1], 1, 1),
        ([1, 70, 2], 3, 9),
        ([90, 1, 3], 3, 9),
        ([2, 2, 40], 2, 2),
        ([3, 3, 40], 3, 2),
        ([33, 201, 1], 9, 70),
        ([257, 65, 2], 4, 2),
        ([130, 150, 1], 2, 1),
    ] {
        all.push(Images::runs(random, size, colors, longest_run));
    }
    // Squares within squares, and a chess board of squares.
    let (width, height) = (121, 130);
    for kind in 0..2 {
        let pixel = |pixel: usize| {
            let (x, y) = (pixel % width, pixel / width);
            let ring = x.min(y).min(width - 1 - x).min(height - 1 - y) / 5 % 3;
            if kind == 0 { ring as f32 } else { ((x / 9 + y / 9) % 2) as f32 }
        };
        all.push(Images { size: [width, height, 1], pixels: (0..width * height).map(pixel).collect() });
    }
    all
}

fn check(context: &mut Context, images: &Images, params: &Params) {
    let mut labels = vec![u32::MAX; images.pixels.len()];
    let analyze = |context: &mut Context, outputs: Outputs| {
        let found = context.analyze(&images.map(), params, outputs);
        found.unwrap_or_else(|error| panic!("{}, {params:?}: {error}", context.device_name()))
    };
    let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
    let mask_count = analyze(context, outputs).mask_count as usize;
    let [width, height, count] = images.size;
    let truth = Labels { labels: &labels, width, height, images: count, mask_count };
    for connectivity in [Connectivity::Four, Connectivity::Eight] {
        let outputs = Outputs { outlines: Some(connectivity), ..Outputs::default() };
        let outlines = analyze(context, outputs).outlines.unwrap();
        truth.check(connectivity, &outlines);
        let mut again = vec![u32::MAX; images.pixels.len()];
        let mut masks = vec![7; images.pixels.len() * 2];
        let outputs = Outputs {
            masks: Some(MaskOutput::U8 { masks: &mut masks, inside: 1 }),
            labels: Some(LabelOutput::U32(&mut again)),
            mask_stats: true,
            cropped: true,
            runs: Some(RunOrder::Columns),
            outlines: Some(connectivity),
            ..Outputs::default()
        };
        match context.analyze(&images.map(), params, outputs) {
            Ok(all) => {
                assert!(all.outlines.as_ref() == Some(&outlines), "beside other outputs");
                assert!(again == labels, "labels beside outlines");
            }
            // Boxes lie over each other.
            Err(ctm::Error::TooSmall { .. }) => assert!(masks.iter().all(|&value| value == 7)),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn outlines_are_what_is_said_of_them() {
    for context in &mut contexts_of_all_levels() {
        for images in &images() {
            for max_count in [2, 800] {
                check(context, images, &Selection { min_pixels: 1, max_count }.into());
            }
        }
    }
    assert_no_validation_messages();
}

#[test]
fn regions_and_images_with_palettes_of_their_own_have_outlines() {
    for context in &mut contexts_of_all_levels() {
        for images in images().iter().filter(|images| images.pixels.len() < 18_000) {
            let all = Params::from(Selection { min_pixels: 2, max_count: 60 });
            check(context, images, &Params { connected: Some(Connectivity::Four), ..all });
            check(context, images, &Params { connected: Some(Connectivity::Eight), ..all });
            check(context, images, &Params { batch: Batch::Each, ..all });
        }
    }
    assert_no_validation_messages();
}

/// A region of each connectivity is one exterior ring.
#[test]
fn touching_corners_part_or_join() {
    let pixels = vec![1.0, 0.0, 0.0, 1.0];
    let images = Images { size: [2, 2, 1], pixels };
    for context in &mut contexts_of_all_levels() {
        let mut outlines = |connectivity| {
            let params = Selection { min_pixels: 1, max_count: 1 }.into();
            let outputs = Outputs { outlines: Some(connectivity), ..Outputs::default() };
            context.analyze(&images.map(), &params, outputs).unwrap().outlines.unwrap()
        };
        let [a, b, c, d] = [[1, 0], [2, 0], [2, 1], [1, 1]]; // the upper right pixel
        let [e, f, g] = [[1, 2], [0, 2], [0, 1]]; // the lower left one
        assert_eq!(
            outlines(Connectivity::Four),
            MaskOutlines {
                points: vec![a, b, c, d, g, d, e, f],
                ring_offsets: vec![0, 4, 8],
                ring_exteriors: vec![0, 1],
                mask_offsets: vec![0, 2]
            }
        );
        assert_eq!(
            outlines(Connectivity::Eight),
            MaskOutlines {
                points: vec![a, b, c, d, e, f, g, d],
                ring_offsets: vec![0, 8],
                ring_exteriors: vec![0],
                mask_offsets: vec![0, 1]
            }
        );
    }
    assert_no_validation_messages();
}

#[test]
fn without_a_mask_there_is_no_ring() {
    let images = Images { size: [3, 2, 2], pixels: vec![1.0; 12] };
    for context in &mut contexts_of_all_levels() {
        let params = Selection { min_pixels: 1000, max_count: 5 }.into();
        let outputs = Outputs { outlines: Some(Connectivity::Four), ..Outputs::default() };
        let found = context.analyze(&images.map(), &params, outputs).unwrap();
        let nothing =
            MaskOutlines { ring_offsets: vec![0], mask_offsets: vec![0], ..MaskOutlines::default() };
        assert_eq!(found.outlines, Some(nothing));
    }
    assert_no_validation_messages();
}
