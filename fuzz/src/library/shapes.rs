//! Runs and outlines, in memory of exactly their size: read back, they are the masks; too little memory is not touched.

use arbitrary::{Result, Unstructured};

use super::c::{self, BUFFER_TOO_SMALL, Found, OK, Outlines, Outputs, Runs, Shared};
use super::call::{UNTOUCHED, analyze, found};
use super::case::Case;
use super::guarded::Guarded;
use super::oracle::Answer;

/// Makes the call with nothing but these.
pub(crate) fn call(
    case: &Case,
    context: Shared,
    cropped: u32,
    runs: &Runs,
    outlines: &Outlines,
) -> (i32, Found) {
    let outputs = Outputs { cropped, runs, outlines, ..Outputs::init() };
    let size = Some(size_of::<Found>());
    let (status, result) = analyze(context, Some(&case.image), Some(&case.params), Some(&outputs), size);
    (status, found(&result.unwrap()))
}

pub(crate) fn check(u: &mut Unstructured, case: &Case, answer: &Answer, context: Shared) -> Result<()> {
    let cropped = u32::from(u.ratio(1u8, 4u8)?);
    let order = u.int_in_range(0..=1)?;
    let connected = [0, 4, 8][u.int_in_range(0..=2)?];
    let mut runs = Runs { order, ..Runs::init() };
    let tolerance = [0.0, 0.0, 0.0, 0.5, 1.0, 2.7, 300.0][u.int_in_range(0..=6)?];
    let mut outlines = Outlines { connected, tolerance, ..Outlines::init() };
    let (status, sizes) = call(case, context, cropped, &runs, &outlines);
    assert_eq!(status, OK, "{}", c::last_error(context.0));
    let masks = answer.mask_count * case.images();
    let lens = lens(&sizes, masks);
    let short = if u.ratio(1u8, 6u8)? { Some(u.choose_index(lens.len())?) } else { None };
    let short = short.filter(|&index| lens[index] > 0);
    let buffers = room(&mut runs, &mut outlines, lens, short, u.arbitrary()?);
    let (status, again) = call(case, context, cropped, &runs, &outlines);
    if short.is_some() {
        assert_eq!(status, BUFFER_TOO_SMALL, "{}", c::last_error(context.0));
        let is_untouched = |buffer: &Guarded| buffer.bytes().iter().all(|byte| *byte == UNTOUCHED);
        assert!(buffers.iter().all(is_untouched), "a buffer was too small, and one was written to");
        return Ok(());
    }
    assert_eq!(status, OK, "{}", c::last_error(context.0));
    assert_eq!(
        (again.run_counts_len, again.outline_points_len, again.outline_rings_len),
        (sizes.run_counts_len, sizes.outline_points_len, sizes.outline_rings_len)
    );
    let small = |index: usize| -> Vec<u32> {
        buffers[index]
            .bytes()
            .chunks_exact(4)
            .map(|word| u32::from_ne_bytes(word.try_into().unwrap()))
            .collect()
    };
    let large = |index: usize| -> Vec<usize> {
        let words = buffers[index].bytes().chunks_exact(8);
        words.map(|word| u64::from_ne_bytes(word.try_into().unwrap()) as usize).collect()
    };
    check_runs(answer, case.images(), cropped == 1, order == 1, &small(0), &large(1));
    let outlines = Rings { points: &small(2), starts: &large(3), exteriors: &large(4), masks: &large(5) };
    outlines.check(answer, case.images(), connected == 8, tolerance == 0.0);
    Ok(())
}

/// The numbers of runs, of their offsets, of corners, of their offsets, of exteriors and of their offsets.
type Lens = [usize; 6];

pub(crate) fn lens(sizes: &Found, masks: usize) -> Lens {
    let (points, rings) = (sizes.outline_points_len as usize, sizes.outline_rings_len as usize);
    [sizes.run_counts_len as usize, masks + 1, 2 * points, rings + 1, rings, masks + 1]
}

/// Buffers for so many numbers, to which both structs point; one may be too short.
pub(crate) fn room(
    runs: &mut Runs,
    outlines: &mut Outlines,
    lens: Lens,
    short: Option<usize>,
    at_start: bool,
) -> Vec<Guarded> {
    let buffers: Vec<Guarded> = (0..lens.len())
        .map(|index| {
            let unit = if matches!(index, 0 | 2) { 4 } else { 8 };
            // A corner has two numbers.
            let less = if short != Some(index) {
                0
            } else if index == 2 {
                2
            } else {
                1
            };
            Guarded::filled((lens[index] - less) * unit, at_start, UNTOUCHED)
        })
        .collect();
    (runs.counts, runs.counts_capacity) = (buffers[0].pointer(), buffers[0].len() / 4);
    (runs.offsets, runs.offsets_capacity) = (buffers[1].pointer(), buffers[1].len() / 8);
    (outlines.points, outlines.points_capacity) = (buffers[2].pointer(), buffers[2].len() / 8);
    (outlines.ring_offsets, outlines.ring_offsets_capacity) = (buffers[3].pointer(), buffers[3].len() / 8);
    (outlines.ring_exteriors, outlines.ring_exteriors_capacity) =
        (buffers[4].pointer(), buffers[4].len() / 8);
    (outlines.mask_offsets, outlines.mask_offsets_capacity) = (buffers[5].pointer(), buffers[5].len() / 8);
    buffers
}

/// Whether a pixel is of a mask.
fn is_inside(answer: &Answer, mask: usize, image: usize, x: usize, y: usize) -> bool {
    answer.labels_of(image)[y * answer.width + x] == mask as u32 + 1
}

fn check_runs(
    answer: &Answer,
    images: usize,
    cropped: bool,
    by_columns: bool,
    counts: &[u32],
    offsets: &[usize],
) {
    assert_eq!((offsets[0], offsets.last().copied()), (0, Some(counts.len())));
    for (index, range) in offsets.windows(2).enumerate() {
        let (mask, image) = (index / images, index % images);
        let entry = answer.entry(mask, image);
        let [left, top, width, height] = match cropped {
            true => [entry.left, entry.top, entry.width, entry.height].map(|number| number as usize),
            false => [0, 0, answer.width, answer.height],
        };
        let (outer, inner) = if by_columns { (width, height) } else { (height, width) };
        let mut expected = Vec::new();
        let mut last = false;
        for outer in 0..outer {
            for inner in 0..inner {
                let (x, y) = if by_columns { (outer, inner) } else { (inner, outer) };
                let inside = is_inside(answer, mask, image, left + x, top + y);
                if expected.is_empty() {
                    expected.push(0);
                }
                if inside != last {
                    expected.push(0);
                    last = inside;
                }
                *expected.last_mut().unwrap() += 1;
            }
        }
        assert_eq!(counts[range[0]..range[1]], expected, "runs of mask {mask}, image {image}");
    }
}

struct Rings<'a> {
    points: &'a [u32],
    starts: &'a [usize],
    exteriors: &'a [usize],
    masks: &'a [usize],
}

impl Rings<'_> {
    fn points(&self, ring: usize) -> Vec<[i64; 2]> {
        let points = &self.points[2 * self.starts[ring]..2 * self.starts[ring + 1]];
        points.chunks_exact(2).map(|point| [point[0].into(), point[1].into()]).collect()
    }

    fn check(&self, answer: &Answer, images: usize, joins: bool, is_exact: bool) {
        assert_eq!((self.starts[0], self.starts.last().copied()), (0, Some(self.points.len() / 2)));
        assert_eq!((self.masks[0], self.masks.last().copied()), (0, Some(self.exteriors.len())));
        for (index, range) in self.masks.windows(2).enumerate() {
            let (mask, image) = (index / images, index % images);
            let name = format!("outlines of mask {mask}, image {image}");
            let mut filled = vec![false; answer.width * answer.height];
            let mut regions = 0;
            for ring in range[0]..range[1] {
                let points = self.points(ring);
                let exterior = self.exteriors[ring];
                assert!(points.len() >= if is_exact { 4 } else { 3 }, "{name}");
                assert!((range[0]..=ring).contains(&exterior), "{name}");
                assert_eq!(self.exteriors[exterior], exterior, "{name}");
                if is_exact {
                    fill(&points, answer.width, &mut filled, &name);
                }
                let area = twice_the_area(&points);
                assert!(
                    if exterior == ring { area > 0 } else { area < 0 },
                    "{name}: ring {ring} goes the other way"
                );
                regions += usize::from(exterior == ring);
                assert_eq!(
                    points.iter().min_by_key(|[x, y]| (y, x)),
                    points.first(),
                    "{name}: ring {ring} begins elsewhere"
                );
            }
            let pixels = answer.labels_of(image).iter().map(|label| *label == mask as u32 + 1);
            let pixels: Vec<bool> = pixels.collect();
            let wrong = filled.iter().zip(&pixels).position(|(filled, pixel)| filled != pixel);
            assert!(!is_exact || wrong.is_none(), "{name}: pixel {wrong:?}");
            assert_eq!(regions, count_regions(&pixels, answer.width, joins), "{name}: regions");
        }
    }
}

/// Twice the area within a ring, which is positive clockwise.
fn twice_the_area(points: &[[i64; 2]]) -> i64 {
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).map(|([x, y], [next_x, next_y])| x * next_y - next_x * y).sum()
}

/// Changes all pixels within a ring.
fn fill(points: &[[i64; 2]], width: usize, filled: &mut [bool], name: &str) {
    for (index, &[x, y]) in points.iter().enumerate() {
        let [next_x, next_y] = points[(index + 1) % points.len()];
        let [last_x, _] = points[(index + points.len() - 1) % points.len()];
        assert!((x == next_x) != (y == next_y), "{name}: an edge goes askew");
        assert!((x == last_x) != (x == next_x), "{name}: a corner lies within an edge");
        for row in y.min(next_y)..y.max(next_y) {
            let row = &mut filled[row as usize * width..][..width];
            row[x as usize..].iter_mut().for_each(|pixel| *pixel = !*pixel);
        }
    }
}

/// How many connected regions there are.
fn count_regions(filled: &[bool], width: usize, joins: bool) -> usize {
    let (mut left, mut regions) = (filled.to_vec(), 0);
    let height = filled.len() / width;
    while let Some(first) = left.iter().position(|&pixel| pixel) {
        regions += 1;
        left[first] = false;
        let mut open = vec![first];
        while let Some(pixel) = open.pop() {
            let (x, y) = (pixel % width, pixel / width);
            for (next_y, next_x) in (y.saturating_sub(1)..(y + 2).min(height)).flat_map(|next_y| {
                (x.saturating_sub(1)..(x + 2).min(width)).map(move |next_x| (next_y, next_x))
            }) {
                let next = next_y * width + next_x;
                if left[next] && (joins || next_x == x || next_y == y) {
                    left[next] = false;
                    open.push(next);
                }
            }
        }
    }
    regions
}
