//! Masks as polygons: everything that is said of them, checked against the labels, which other tests check.

#![allow(missing_docs)]

mod common;

use common::images::Images;
use common::outlines::Labels;
use common::{Random, assert_no_validation_messages, contexts_of_all_levels};
use ctm::{
    Backend, Batch, Connectivity, Context, LabelOutput, MaskOutlines, MaskOutput, Options, OutlineSettings,
    Outputs, Params, RunOrder, Selection,
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

fn cpu() -> Context {
    Context::new(&Options { backend: Backend::Cpu, ..Options::default() }).unwrap()
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
        let outputs = Outputs { outlines: Some(connectivity.into()), ..Outputs::default() };
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
            outlines: Some(connectivity.into()),
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

/// Discs, slopes, spirals and specks on a grid, beside each other: edges that a tolerance leaves few corners of, and that come
/// near each other.
fn shapes(random: &mut Random, width: usize, height: usize) -> Images {
    let mut below = |most: usize| f64::from(random.below(most as u32));
    let discs: Vec<[f64; 4]> =
        (0..9).map(|_| [below(width), below(height), 2.0 + below(width / 3), 1.0 + below(4)]).collect();
    let (slope, turns) = (below(100) / 50.0 - 1.0, below(5));
    let mut pixel = |pixel: usize| {
        let (x, y) = ((pixel % width) as f64, (pixel / width) as f64);
        let inside = discs.iter().rev().find(|disc| (x - disc[0]).hypot(y - disc[1]) < disc[2]);
        let (dx, dy) = (x - width as f64 / 2.0, y - height as f64 / 2.0);
        let spiral = (dx.hypot(dy) / 4.0 + dy.atan2(dx) / 6.3 * turns).rem_euclid(3.0).floor();
        let below = f64::from(y > slope * (x - width as f64 / 2.0) + height as f64 / 2.0);
        let speck = random.below(40) == 0;
        let ground = if turns > 1.0 { spiral } else { below };
        let color = inside.map_or(ground, |disc| disc[3]) + f64::from(speck);
        if color == 2.0 { f32::NAN } else { color as f32 }
    };
    Images { size: [width, height, 1], pixels: (0..width * height).map(&mut pixel).collect() }
}

/// Everything that is said of simplified outlines, on maps of noise and of shapes, with tolerances up to those of whole maps.
#[test]
fn simplified_outlines_are_what_is_said_of_them() {
    let mut context = cpu();
    let random = &mut Random(77);
    let mut all = images();
    for size in [[17, 31], [40, 40], [64, 50], [90, 90]] {
        all.extend((0..4).map(|_| shapes(random, size[0], size[1])));
    }
    for images in &all {
        for (max_count, connected) in [(2, None), (800, None), (800, Some(Connectivity::Four))] {
            let params = Params { connected, ..Selection { min_pixels: 1, max_count }.into() };
            check_simplified(&mut context, images, &params);
        }
    }
}

fn check_simplified(context: &mut Context, images: &Images, params: &Params) {
    let mut labels = vec![0; images.pixels.len()];
    let outputs = Outputs { labels: Some(LabelOutput::U32(&mut labels)), ..Outputs::default() };
    let mask_count = context.analyze(&images.map(), params, outputs).unwrap().mask_count as usize;
    let [width, height, count] = images.size;
    let truth = Labels { labels: &labels, width, height, images: count, mask_count };
    for connectivity in [Connectivity::Four, Connectivity::Eight] {
        let mut outlines = |tolerance| {
            let outlines = Some(OutlineSettings { connectivity, tolerance });
            let outputs = Outputs { outlines, ..Outputs::default() };
            context.analyze(&images.map(), params, outputs).unwrap().outlines.unwrap()
        };
        let exact = outlines(0.0);
        assert!(outlines(0.003) == exact, "less than a step is none");
        for tolerance in [0.5, 0.75, 1.5, 4.0, 1e9, f32::MAX] {
            let simple = outlines(tolerance);
            truth.check_simplified(&exact, &simple, tolerance, exact.points.len() < 3000);
        }
    }
}

/// The same corners on each backend, beside other outputs, and with `batch` of each.
#[test]
fn simplified_outlines_are_the_same_everywhere() {
    let shapes = shapes(&mut Random(5), 120, 80);
    let settings = OutlineSettings { connectivity: Connectivity::Eight, tolerance: 1.25 };
    let mut first = None;
    for context in &mut contexts_of_all_levels() {
        let params = Selection { min_pixels: 1, max_count: 9 }.into();
        let outputs = Outputs { outlines: Some(settings), runs: Some(RunOrder::Rows), ..Outputs::default() };
        let found = context.analyze(&shapes.map(), &params, outputs).unwrap().outlines.unwrap();
        assert!(*first.get_or_insert_with(|| found.clone()) == found, "{}", context.device_name());
    }
    assert_no_validation_messages();
}

/// A disc of many steps becomes a polygon of few corners, and a square stays one whatever the tolerance.
#[test]
fn slopes_become_slopes() {
    let mut context = cpu();
    let size = 200;
    let disc = |pixel: usize| {
        let (x, y) = ((pixel % size) as f64 - 99.5, (pixel / size) as f64 - 99.5);
        f32::from(u8::from(x.hypot(y) < 80.0))
    };
    let images = Images { size: [size, size, 1], pixels: (0..size * size).map(disc).collect() };
    let mut corners = |tolerance| {
        let settings = OutlineSettings { connectivity: Connectivity::Four, tolerance };
        let outputs = Outputs { outlines: Some(settings), ..Outputs::default() };
        let params = Selection { min_pixels: 1, max_count: 2 }.into();
        let found = context.analyze(&images.map(), &params, outputs).unwrap().outlines.unwrap();
        found.ring_offsets.windows(2).map(|ends| ends[1] - ends[0]).collect::<Vec<_>>()
    };
    let [exact, near, far] = [0.0, 1.0, 1000.0].map(&mut corners);
    // The disc, the square around it, its hole.
    assert!(exact[1] == 4 && exact[0] == exact[2] && exact[0] > 300, "{exact:?}");
    assert!(near[1] == 4 && near[0] == near[2] && (16..80).contains(&near[0]), "{near:?}");
    assert!(far[1] == 4 && far[0] == far[2] && (3..6).contains(&far[0]), "{far:?}");
}

/// A mask in a notch that is within the tolerance stays on its side.
#[test]
fn what_lies_in_a_notch_stays_there() {
    let (width, height) = (60, 20);
    let pixel = |pixel: usize| {
        let (x, y) = (pixel % width, pixel / width);
        let is_notch = (10..50).contains(&x) && (8..13).contains(&y);
        if [x, y] == [30, 10] { 3.0 } else { f32::from(u8::from(y >= 8 && !is_notch)) }
    };
    let images = Images { size: [width, height, 1], pixels: (0..width * height).map(pixel).collect() };
    let mut context = cpu();
    check_simplified(&mut context, &images, &Selection { min_pixels: 1, max_count: 3 }.into());
    let mut corners = |tolerance| {
        let settings = OutlineSettings { connectivity: Connectivity::Four, tolerance };
        let outputs = Outputs { outlines: Some(settings), ..Outputs::default() };
        let params = Selection { min_pixels: 1, max_count: 3 }.into();
        context.analyze(&images.map(), &params, outputs).unwrap().outlines.unwrap().points.len()
    };
    // Without the third mask the notch would be gone: four corners each.
    assert_eq!([0.0, 6.0].map(&mut corners), [8 + 4 + 8 + 4, 6 + 4 + 6 + 4]);
}

#[test]
fn tolerances_that_are_none_are_refused() {
    let mut context = cpu();
    let images = Images { size: [1, 1, 1], pixels: vec![1.0] };
    for (tolerance, text) in [(-1.0, "-1"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let settings = OutlineSettings { connectivity: Connectivity::Four, tolerance };
        let outputs = Outputs { outlines: Some(settings), ..Outputs::default() };
        let params = Selection { min_pixels: 1, max_count: 2 }.into();
        let error = context.analyze(&images.map(), &params, outputs).unwrap_err().to_string();
        let expected = format!(
            "outputs.outlines.tolerance is {text}; a finite number of pixels, 0 or more, is expected"
        );
        assert!(error.contains(&expected), "{error}");
    }
}

/// A region of each connectivity is one exterior ring.
#[test]
fn touching_corners_part_or_join() {
    let pixels = vec![1.0, 0.0, 0.0, 1.0];
    let images = Images { size: [2, 2, 1], pixels };
    for context in &mut contexts_of_all_levels() {
        let mut outlines = |connectivity: Connectivity| {
            let params = Selection { min_pixels: 1, max_count: 1 }.into();
            let outputs = Outputs { outlines: Some(connectivity.into()), ..Outputs::default() };
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
        let outputs = Outputs { outlines: Some(Connectivity::Four.into()), ..Outputs::default() };
        let found = context.analyze(&images.map(), &params, outputs).unwrap();
        let nothing =
            MaskOutlines { ring_offsets: vec![0], mask_offsets: vec![0], ..MaskOutlines::default() };
        assert_eq!(found.outlines, Some(nothing));
    }
    assert_no_validation_messages();
}
