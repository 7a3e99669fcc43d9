//! The CPU backend: the stages count, collect and label on the host's threads.
//!
//! Each stage has the name of its twin in `shaders/`; `support` holds what they share.

mod collect;
mod count;
mod label;
mod support;

use crate::counters::Counters;
use crate::error::Error;
use crate::image::ColorMap;
use crate::labels::{LabelMap, LabelWidth};
use crate::params::Params;
use crate::pipeline::{Backend, ColorCount, Counts};
use crate::seeds::Seeds;
use crate::threads::Threads;
pub(crate) use count::FewColors;
use count::Part;
pub(crate) use support::many_colors::ManyColors;
use support::many_colors::best_colors;

/// The backend. The context's threads do the work.
#[derive(Debug)]
pub(crate) struct Cpu {
    few: FewColors,
    many: ManyColors,
    /// Of all hash tables.
    seed: u64,
    labels: LabelMap,
    /// What the stage count knows of the pixels; `labels` then has their numbers.
    counted: Option<Vec<Part>>,
    counters: Counters,
}

/// Calls a function for the image's channel count.
macro_rules! for_channels {
    ($map:expr, $function:path $(, $argument:expr)*) => {
        match $map.shape().channels() {
            1 => $function(pixels::<1>($map) $(, $argument)*),
            2 => $function(pixels::<2>($map) $(, $argument)*),
            3 => $function(pixels::<3>($map) $(, $argument)*),
            _ => $function(pixels::<4>($map) $(, $argument)*),
        }
    };
}

impl Cpu {
    pub(crate) fn new(few: FewColors, many: ManyColors) -> Self {
        Self {
            few,
            many,
            seed: Seeds::random().take(),
            labels: LabelMap::default(),
            counted: None,
            counters: Counters::default(),
        }
    }
}

impl Backend for Cpu {
    fn count(&mut self, map: &ColorMap, params: &Params, threads: &Threads) -> Result<Counts, Error> {
        for_channels!(map, count_and_collect, self, params, threads)
    }

    fn label(
        &mut self,
        map: &ColorMap,
        palette: &[ColorCount],
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap),
    ) -> Result<(), Error> {
        match &self.counted {
            Some(parts) => label::label_counted(parts, palette, &mut self.labels),
            None => for_channels!(map, label::label, palette, &mut self.labels, self.seed, threads)?,
        }
        labelled(0, &self.labels);
        Ok(())
    }

    fn start_call(&mut self) {
        self.counted = None;
        self.counters = Counters::default();
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}

fn count_and_collect<const C: usize>(
    pixels: &[[u32; C]],
    cpu: &mut Cpu,
    params: &Params,
    threads: &Threads,
) -> Result<Counts, Error> {
    let labels = cpu.labels.start(pixels.len(), LabelWidth::Two)?;
    match count::count(pixels, labels, cpu.few, cpu.seed, threads)? {
        Some(parts) => {
            let counts = collect::collect(&parts, params.min_pixels.max(1), cpu.seed)?;
            cpu.counted = Some(parts);
            Ok(counts)
        }
        None => {
            let colors = best_colors(pixels, params, cpu.many, cpu.seed, threads)?;
            Ok(Counts { colors, distinct: None })
        }
    }
}

fn pixels<'a, const C: usize>(map: &ColorMap<'a>) -> &'a [[u32; C]] {
    map.bits().as_chunks().0
}
