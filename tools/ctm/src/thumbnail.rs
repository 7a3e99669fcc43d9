//! Pictures made smaller by averaging, or larger by repeating pixels. Every pixel is looked at once, so that single ones of a
//! large image stay visible.

use rayon::prelude::*;

/// A side that would be thinner is stretched: a map of one row must still show its colours.
const THINNEST: u32 = 16;

/// The size at which to show a picture in a box: whole multiples when it fits, else as large as
/// fits.
pub(crate) fn fit(size: [u32; 2], within: [u32; 2]) -> [u32; 2] {
    let times = (within[0] / size[0]).min(within[1] / size[1]);
    let fitted = if times >= 1 {
        size.map(|side| side * times)
    } else {
        let scale =
            f64::min(f64::from(within[0]) / f64::from(size[0]), f64::from(within[1]) / f64::from(size[1]));
        size.map(|side| (f64::from(side) * scale).round() as u32)
    };
    [0, 1].map(|axis| fitted[axis].clamp(THINNEST.min(within[axis]), within[axis]))
}

/// Scales a picture of which `read` gives the row of a number, from the top.
pub(crate) fn scale<const N: usize>(
    size: [u32; 2],
    target: [u32; 2],
    read: impl Fn(usize, &mut [[f32; N]]) + Sync,
) -> Vec<[f32; N]> {
    let columns = spans(size[0], target[0]);
    let rows = spans(size[1], target[1]);
    let mut out = vec![[0.0; N]; columns.len() * rows.len()];
    let work = out.par_chunks_exact_mut(columns.len()).zip(&rows);
    work.for_each_init(
        || vec![[0.0; N]; size[0] as usize],
        |source, (line, row)| {
            for (y, row_weight) in row.weights() {
                read(y, source);
                for (cell, column) in line.iter_mut().zip(&columns) {
                    let sum = column.sum(|x| source[x]);
                    for (to, from) in cell.iter_mut().zip(sum) {
                        *to += from * row_weight;
                    }
                }
            }
        },
    );
    out
}

/// How much of each target pixel has each of the labels 1 to `shown`, from 0 to 1: those of label 1 first, row by row from the
/// top. `label` gives that of the pixel of a number.
pub(crate) fn coverages(
    size: [u32; 2],
    target: [u32; 2],
    shown: usize,
    label: impl Fn(usize) -> usize + Sync,
) -> Vec<Vec<f32>> {
    let columns = spans(size[0], target[0]);
    let rows = spans(size[1], target[1]);
    let (width, cells) = (size[0] as usize, columns.len());
    let lines: Vec<Vec<f32>> = rows
        .par_iter()
        .map(|row| {
            let mut line = vec![0.0; shown * cells];
            for (y, row_weight) in row.weights() {
                for (cell, column) in columns.iter().enumerate() {
                    column.for_each_run(
                        |x| label(y * width + x),
                        |label, weight| {
                            if (1..=shown).contains(&label) {
                                line[(label - 1) * cells + cell] += weight * row_weight;
                            }
                        },
                    );
                }
            }
            line
        })
        .collect();
    let of_label = |label| lines.iter().flat_map(|line| &line[label * cells..][..cells]).copied().collect();
    (0..shown).into_par_iter().map(of_label).collect()
}

/// The source pixels that make one target pixel, along one axis.
struct Span {
    first: usize,
    last: usize,
    /// Weights of the first and the last; the ones between weigh `inner`.
    ends: [f32; 2],
    inner: f32,
}

impl Span {
    /// Each source pixel and its weight; the weights sum to 1.
    fn weights(&self) -> impl Iterator<Item = (usize, f32)> {
        (self.first..=self.last).map(|index| {
            let weight = match index {
                _ if index == self.first => self.ends[0],
                _ if index == self.last => self.ends[1],
                _ => self.inner,
            };
            (index, weight)
        })
    }

    /// Calls `add` with the value of consecutive pixels that have the same one, and their weight.
    fn for_each_run(&self, value: impl Fn(usize) -> usize, mut add: impl FnMut(usize, f32)) {
        let (mut of_run, mut weight) = (value(self.first), self.ends[0]);
        let mut next = |index, pixel_weight| {
            let value = value(index);
            if value != of_run {
                add(of_run, weight);
                (of_run, weight) = (value, 0.0);
            }
            weight += pixel_weight;
        };
        if self.last > self.first {
            (self.first + 1..self.last).for_each(|index| next(index, self.inner));
            next(self.last, self.ends[1]);
        }
        add(of_run, weight);
    }

    /// The weighted sum of samples; the loop that takes most of the time.
    fn sum<const N: usize>(&self, sample: impl Fn(usize) -> [f32; N]) -> [f32; N] {
        let mut sum = sample(self.first).map(|value| value * self.ends[0]);
        if self.last > self.first {
            let mut inner = [0.0; N];
            for index in self.first + 1..self.last {
                let value = sample(index);
                for channel in 0..N {
                    inner[channel] += value[channel];
                }
            }
            let last = sample(self.last);
            for channel in 0..N {
                sum[channel] += inner[channel] * self.inner + last[channel] * self.ends[1];
            }
        }
        sum
    }
}

fn spans(size: u32, target: u32) -> Vec<Span> {
    let step = f64::from(size) / f64::from(target);
    let span = |index: u32| {
        let start = f64::from(index) * step;
        if target >= size {
            let nearest = (start as usize).min(size as usize - 1);
            return Span { first: nearest, last: nearest, ends: [1.0, 0.0], inner: 0.0 };
        }
        let end = (start + step).min(f64::from(size));
        let first = start.floor();
        let last = (end.ceil() - 1.0).max(first);
        let first_weight = ((first + 1.0).min(end) - start) / step;
        let last_weight = (end - last) / step;
        Span {
            first: first as usize,
            last: last as usize,
            ends: [first_weight as f32, last_weight as f32],
            inner: (1.0 / step) as f32,
        }
    };
    (0..target).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits() {
        assert_eq!(fit([2048, 1024], [640, 560]), [640, 320]);
        assert_eq!(fit([1000, 4000], [640, 560]), [140, 560]);
        assert_eq!(fit([8, 4], [641, 560]), [640, 320]);
        assert_eq!(fit([640, 1], [640, 560]), [640, 16]);
        assert_eq!(fit([1, 100_000], [640, 560]), [16, 560]);
        assert_eq!(fit([u32::MAX, u32::MAX], [640, 560]), [560, 560]);
    }

    #[test]
    fn averages_and_repeats() {
        let row = [0.0, 1.0, 2.0, 3.0, 4.0f32];
        let scaled = |target| {
            scale::<1>([5, 1], [target, 1], |_, line| line.copy_from_slice(row.as_chunks().0)).concat()
        };
        assert_eq!(scaled(5), row);
        assert_eq!(scaled(10), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
        assert_eq!(scaled(1), [2.0]);
        // 0, 1 and half of 2; half of 2, 3 and 4.
        let halves = scaled(2);
        assert!((halves[0] - 0.8).abs() < 1e-6 && (halves[1] - 3.2).abs() < 1e-6, "{halves:?}");
    }

    #[test]
    fn coverages_are_scaled_masks() {
        let label = |index: usize| index * index / 3 % 4;
        for (size, target) in
            [([31, 17], [7, 5]), ([9, 4], [18, 8]), ([640, 1], [640, 16]), ([5, 300], [5, 100])]
        {
            let found = coverages(size, target, 2, label);
            assert_eq!(found.len(), 2);
            for (found, wanted_label) in found.iter().zip(1..) {
                let wanted = scale(size, target, |y, line| {
                    for (x, to) in line.iter_mut().enumerate() {
                        *to = [f32::from(u8::from(label(y * size[0] as usize + x) == wanted_label))];
                    }
                });
                assert_eq!(found.len(), wanted.len());
                for (found, [wanted]) in found.iter().zip(wanted) {
                    assert!((found - wanted).abs() < 1e-5, "{size:?} {target:?}: {found} {wanted}");
                }
            }
        }
    }

    #[test]
    fn weights_sum_to_one() {
        for (size, target) in [(7, 3), (1000, 999), (8192, 640), (65_537, 16), (3, 3), (1, 9)] {
            for span in spans(size, target) {
                let sum: f32 = span.weights().map(|(_, weight)| weight).sum();
                assert!((sum - 1.0).abs() < 1e-3, "{size} to {target}: {sum}");
                assert!(span.last < size as usize);
            }
        }
    }
}
