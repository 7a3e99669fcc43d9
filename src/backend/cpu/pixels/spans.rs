//! Dealing an image out to threads.
//!
//! Threads take span after span, so that one that wakes late or is held up gets fewer of them: halves
//! dealt out beforehand would make all wait for it.

use std::ops::Range;

use crate::backend::cpu::plan::CpuPlan;
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::no_memory;
use crate::runtime::threads::{Queue, Threads};

/// Pixels of a part at most: counters have 32 bits.
const MOST: usize = 1 << 31;

/// Consecutive pixels, from a multiple of `TILE` on.
#[derive(Debug)]
pub(crate) struct Span<'a, T> {
    pub(crate) pixels: Range<usize>,
    /// What is kept for each of them, if anything is.
    pub(crate) kept: Option<&'a mut [T]>,
}

/// The spans that one thread takes: a part of the image.
#[derive(Debug)]
pub(crate) struct PartSpans<'a, 'q, T> {
    queue: &'q Queue<Span<'a, T>>,
    /// Pixels that it may still take.
    left: usize,
}

impl<'a, T> Iterator for PartSpans<'a, '_, T> {
    type Item = Span<'a, T>;

    fn next(&mut self) -> Option<Span<'a, T>> {
        // A part that may not take a whole span leaves the rest to others.
        let span = self.queue.take_if(|span| span.pixels.len() <= self.left)?;
        self.left -= span.pixels.len();
        Some(span)
    }
}

/// Calls `work` for each part of an image of so many pixels, for each of which `kept` has an entry, and
/// returns what it made of them.
pub(crate) fn share<T: Send, R: Send>(
    pixels: usize,
    kept: Option<&mut [T]>,
    plan: &CpuPlan,
    threads: &Threads,
    work: impl Fn(PartSpans<T>) -> R + Send + Sync,
) -> Result<Vec<R>, Error> {
    share_parts(pixels, kept, plan, MOST, threads, work)
}

/// As `share`, with parts of at most `most` pixels.
fn share_parts<T: Send, R: Send>(
    pixels: usize,
    kept: Option<&mut [T]>,
    plan: &CpuPlan,
    most: usize,
    threads: &Threads,
    work: impl Fn(PartSpans<T>) -> R + Send + Sync,
) -> Result<Vec<R>, Error> {
    // Enough parts for all pixels, though none may have more than `most`.
    let parts = plan.parts.max(pixels.div_ceil(most - plan.span_pixels));
    let spans = spans(pixels, kept, plan.span_pixels, parts)?;
    threads.share(spans, parts, |queue| work(PartSpans { queue, left: most }))
}

/// Spans of at most `longest` pixels. Towards the end they become shorter: whoever takes the last one is waited for. Long ones
/// are better, since a part of the image has fewer colours if it lies together.
fn spans<T>(
    pixels: usize,
    mut kept: Option<&mut [T]>,
    longest: usize,
    parts: usize,
) -> Result<Vec<Span<'_, T>>, Error> {
    let mut spans = Vec::new();
    let mut first = 0;
    while first < pixels {
        let rest = pixels - first;
        let share = if parts == 1 { rest } else { (rest / (4 * parts)).next_multiple_of(TILE) };
        let len = share.clamp(TILE, longest).min(rest);
        let kept = kept.as_mut().and_then(|kept| kept.split_off_mut(..len));
        spans.try_reserve(1).map_err(|_| no_memory::<Span<T>>(spans.len() + 1))?;
        spans.push(Span { pixels: first..first + len, kept });
        first += len;
    }
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images that have more pixels than the parts of all threads may have.
    #[test]
    fn each_pixel_is_in_one_part_and_no_part_is_too_large() {
        let pixels = 10 * TILE + 7;
        let most = 3 * TILE + 1;
        for count in [1, 2] {
            let threads = Threads::new(count).unwrap();
            let plan = CpuPlan { span_pixels: TILE, ..CpuPlan::new(pixels, threads.count(), 0) };
            let mut kept = vec![0u8; pixels];
            let parts = share_parts(pixels, Some(&mut kept), &plan, most, &threads, |spans| {
                spans
                    .map(|span| {
                        let kept = span.kept.unwrap();
                        assert_eq!(kept.len(), span.pixels.len());
                        kept.iter_mut().for_each(|times| *times += 1);
                        kept.len()
                    })
                    .sum::<usize>()
            })
            .unwrap();
            assert!(parts.iter().all(|&pixels| pixels <= most), "{parts:?}");
            assert_eq!(parts.iter().sum::<usize>(), pixels);
            assert!(kept.iter().all(|&times| times == 1));
        }
    }
}
