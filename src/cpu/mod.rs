//! The CPU backend: the stages count, collect and label on the host's threads.
//!
//! Each stage has the name of its twin in `shaders/`.

mod collect;
mod count;
mod label;

use crate::color::{canonical, is_nan};
use crate::error::Error;
use crate::image::ColorMap;
use crate::labels::LabelsMut;
use crate::pipeline::{Backend, ColorCount, Counts};
use crate::threads::Threads;

/// The backend. It holds nothing: the context's threads do the work.
#[derive(Debug)]
pub(crate) struct Cpu;

/// Calls a stage's function for the image's channel count.
macro_rules! for_channels {
    ($map:expr, $stage:path $(, $argument:expr)*) => {
        match $map.shape().channels() {
            1 => $stage(pixels::<1>($map) $(, $argument)*),
            2 => $stage(pixels::<2>($map) $(, $argument)*),
            3 => $stage(pixels::<3>($map) $(, $argument)*),
            _ => $stage(pixels::<4>($map) $(, $argument)*),
        }
    };
}

impl Backend for Cpu {
    fn count(&mut self, map: &ColorMap, min_pixels: u64, threads: &Threads) -> Result<Counts, Error> {
        for_channels!(map, count_and_collect, min_pixels, threads)
    }

    fn label(
        &mut self,
        map: &ColorMap,
        palette: &[ColorCount],
        labels: &mut LabelsMut,
        threads: &Threads,
    ) -> Result<(), Error> {
        for_channels!(map, label::label, palette, labels, threads)
    }
}

fn count_and_collect<const C: usize>(
    pixels: &[[u32; C]],
    min_pixels: u64,
    threads: &Threads,
) -> Result<Counts, Error> {
    collect::collect(count::count(pixels, threads)?, min_pixels)
}

fn pixels<'a, const C: usize>(map: &ColorMap<'a>) -> &'a [[u32; C]] {
    map.bits().as_chunks().0
}

/// The canonical key of a pixel, or `None` when a channel is NaN.
#[inline]
fn key<const C: usize>(pixel: &[u32; C]) -> Option<[u32; C]> {
    if pixel.iter().any(|&bits| is_nan(bits)) { None } else { Some(pixel.map(canonical)) }
}

/// Splits pixels into runs of equal bit patterns and calls `run` with each run's pixel and length.
#[inline]
fn for_runs<const C: usize, E>(
    pixels: &[[u32; C]],
    mut run: impl FnMut(&[u32; C], usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut rest = pixels;
    while let Some(first) = rest.first() {
        let length = rest.iter().position(|pixel| pixel != first).unwrap_or(rest.len());
        run(first, length)?;
        rest = &rest[length..];
    }
    Ok(())
}
