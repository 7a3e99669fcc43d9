//! The CPU backend: what is kept from stage to stage, and the stages in their order.

use std::thread;
use std::time::Duration;

use log::Level;

use crate::backend::Backend;
use crate::backend::cpu::collect::collect;
use crate::backend::cpu::count::count;
use crate::backend::cpu::label;
use crate::backend::cpu::many::{
    BucketSet, Fingerprints, Kept, ManyColors, Sample, Tracked, can_count_all, count_all,
};
use crate::backend::cpu::part::{PartColors, check_sum};
use crate::backend::cpu::pixels::tiles::Tiles;
use crate::backend::cpu::plan::CpuPlan;
use crate::backend::cpu::tables::key::Hasher;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::LabelMap;
use crate::runtime::call;
use crate::runtime::seeds::Seeds;
use crate::runtime::threads::Threads;
use crate::types::call_stats::CallStats;
use crate::types::options::Options;
use crate::types::outputs::LabelWidth;
use crate::types::palette::{ColorCount, Counts};
use crate::types::params::SelectionRule;

/// The backend. The context's threads do the work.
#[derive(Debug)]
pub(crate) struct Cpu {
    memory_limit: u64,
    /// For tests: plans with which small images take the code paths of large ones, and whether labels are kept.
    small: Option<bool>,
    /// For tests: how much longer it takes to count.
    delay: Duration,
    /// Of all hash tables.
    seed: u64,
    /// What the stage count leaves for the stage label, by pixel.
    kept: LabelMap,
    counted: Counted,
    /// Labels of a part of the image.
    band: LabelMap,
    /// Scratch memory in which pixels are sorted.
    sorted: Vec<u32>,
    counters: CallStats,
}

/// What the stage count knows of the pixels.
#[derive(Debug, Default)]
enum Counted {
    #[default]
    Nothing,
    /// `kept` has the indices of their colours: of all there are, or of those of some buckets.
    Indices(Vec<PartColors>, Option<BucketSet>),
    /// `kept` has their fingerprints.
    Fingerprints,
    /// Their fingerprints can be computed, and most are not those of frequent colours.
    ManyColors,
}

/// Calls a function for the number of words that a pixel has.
macro_rules! for_words {
    ($pixels:expr, $function:path $(, $argument:expr)*) => {
        match $pixels.grid().words {
            1 => $function(Tiles::<1>::new($pixels) $(, $argument)*),
            2 => $function(Tiles::<2>::new($pixels) $(, $argument)*),
            3 => $function(Tiles::<3>::new($pixels) $(, $argument)*),
            _ => $function(Tiles::<4>::new($pixels) $(, $argument)*),
        }
    };
}

impl Cpu {
    pub(crate) fn new(options: &Options) -> Self {
        Self::empty(options.memory_limit, options.debug.small_cpu_tables, options.debug.cpu_delay)
    }

    fn empty(memory_limit: u64, small: Option<bool>, delay: Duration) -> Self {
        Self {
            memory_limit,
            small,
            delay,
            seed: Seeds::random().take(),
            kept: LabelMap::default(),
            counted: Counted::default(),
            band: LabelMap::default(),
            sorted: Vec::new(),
            counters: CallStats::default(),
        }
    }

    fn plan(&self, pixels: &Pixels, threads: &Threads) -> CpuPlan {
        let pixels = pixels.grid().len();
        match self.small {
            Some(keep_labels) => CpuPlan::small(pixels, threads.count(), keep_labels),
            None => CpuPlan::new(pixels, threads.count(), self.memory_limit),
        }
    }
}

impl Backend for Cpu {
    fn count(
        &mut self,
        pixels: &Pixels,
        selection: &SelectionRule,
        most_listed: usize,
        threads: &Threads,
    ) -> Result<Counts, Error> {
        if !self.delay.is_zero() {
            thread::sleep(self.delay);
        }
        for_words!(
            pixels,
            count_and_collect,
            pixels,
            self,
            selection,
            most_listed,
            self.plan(pixels, threads),
            threads
        )
    }

    fn label(
        &mut self,
        pixels: &Pixels,
        palette: &[ColorCount],
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for_words!(pixels, label_pixels, pixels, self, palette, self.plan(pixels, threads), threads, labelled)
    }

    fn for_one_of(&self, images: usize) -> Option<Box<dyn Backend>> {
        // Each is to have what a context has at least; this one keeps as much.
        let memory_limit = self.memory_limit / (images as u64 + 1);
        let is_enough = self.memory_limit == 0 || memory_limit >= Options::LEAST_MEMORY_LIMIT;
        is_enough.then(|| Box::new(Self::empty(memory_limit, self.small)) as _)
    }

    fn forget_pixels(&mut self) {
        self.counted = Counted::Nothing;
    }

    fn recover(&mut self) -> Result<(), Error> {
        *self = Self::empty(self.memory_limit, self.small, self.delay);
        Ok(())
    }

    fn start_call(&mut self) {
        self.forget_pixels();
        self.counters = CallStats::default();
    }

    fn call_stats(&self) -> CallStats {
        self.counters
    }
}

/// An image that the host counts for a device, which has written the pixels' fingerprints where the host reads them.
#[derive(Debug)]
pub(crate) struct HostCount<'a> {
    pub(crate) pixels: &'a Pixels<'a>,
    /// In blocks of so many pixels, a multiple of `TILE` unless there is but one. `None`: there is no memory for
    /// fingerprints.
    pub(crate) fingerprints: Option<(Vec<&'a [u16]>, usize)>,
    /// What the fingerprints were made with.
    pub(crate) hasher: Hasher,
    /// Of other hash tables.
    pub(crate) seed: u64,
}

impl HostCount<'_> {
    /// The colours that can be selected, and a list of them if there are no more than `most_listed`. `sorted` is scratch
    /// memory that is kept from call to call.
    pub(crate) fn best(
        self,
        plan: CpuPlan,
        selection: &SelectionRule,
        most_listed: usize,
        threads: &Threads,
        sorted: &mut Vec<u32>,
    ) -> Result<Counts, Error> {
        for_words!(self.pixels, best_of, self, plan, selection, most_listed, threads, sorted)
    }
}

fn best_of<const C: usize>(
    pixels: Tiles<C>,
    image: HostCount,
    plan: CpuPlan,
    selection: &SelectionRule,
    most_listed: usize,
    threads: &Threads,
    sorted: &mut Vec<u32>,
) -> Result<Counts, Error> {
    let HostCount { fingerprints, hasher, seed, .. } = image;
    let mut many = match fingerprints {
        Some((blocks, block_pixels)) => {
            let fingerprints = Fingerprints::Kept { blocks, block_pixels };
            ManyColors::with_fingerprints(pixels, fingerprints, hasher, plan, seed, threads)?
        }
        None => ManyColors::new(pixels, None, selection, plan, seed, threads)?,
    };
    many.best(selection, most_listed, sorted)
}

fn count_and_collect<const C: usize>(
    pixels: Tiles<C>,
    image: &Pixels,
    cpu: &mut Cpu,
    selection: &SelectionRule,
    most_listed: usize,
    plan: CpuPlan,
    threads: &Threads,
) -> Result<Counts, Error> {
    if let Some(parts) = count_few(image, pixels, cpu, &plan, threads)? {
        let counts = collect(&parts, selection.min_pixels.get())?;
        if plan.keep_labels {
            cpu.counted = Counted::Indices(parts, None);
        }
        return Ok(counts);
    }
    call::message(
        Level::Debug,
        format_args!("the image has very many colours: hash buckets tell which of them matter"),
    );
    let mut kept = plan.keep_labels.then(|| bytemuck::cast_slice_mut(cpu.kept.filled(LabelWidth::Two)));
    let sample = Sample::take(pixels, selection, &plan, cpu.seed)?;
    if let Some(kept) = kept.as_deref_mut()
        && sample.is_none()
        && can_count_all(pixels, selection, most_listed)
    {
        cpu.counters.pixels_read += pixels.len() as u64;
        cpu.counted = Counted::ManyColors;
        return count_all(pixels, kept, selection, most_listed, &plan, threads);
    }
    let mut many = ManyColors::with_sample(pixels, kept, sample, plan, cpu.seed, threads)?;
    let counts = many.best(selection, most_listed, &mut cpu.sorted)?;
    cpu.counters.pixels_read += many.pixels_read();
    cpu.counted = match many.into_kept() {
        Kept::Nothing => Counted::ManyColors,
        Kept::Fingerprints => Counted::Fingerprints,
        Kept::Indices(Tracked { buckets, parts, .. }) => Counted::Indices(parts, Some(buckets)),
    };
    Ok(counts)
}

/// The colours of each part of the image, if they are few; `kept` has their indices then, if the plan keeps labels.
fn count_few<const C: usize>(
    image: &Pixels,
    pixels: Tiles<C>,
    cpu: &mut Cpu,
    plan: &CpuPlan,
    threads: &Threads,
) -> Result<Option<Vec<PartColors>>, Error> {
    let kept = match plan.keep_labels {
        true => Some(bytemuck::cast_slice_mut::<u8, u16>(cpu.kept.start(pixels.len(), LabelWidth::Two)?)),
        false => None,
    };
    cpu.counters.pixels_read += pixels.len() as u64;
    let parts = match image.packed() {
        Some(packed) => for_words!(&packed, count, kept, plan, cpu.seed, threads)?,
        None => count(pixels, kept, plan, cpu.seed, threads)?,
    };
    if let Some(parts) = &parts {
        check_sum(parts.iter().map(PartColors::pixels).sum(), pixels.len() as u64)?;
    }
    Ok(parts)
}

fn label_pixels<const C: usize>(
    pixels: Tiles<C>,
    image: &Pixels,
    cpu: &mut Cpu,
    palette: &[ColorCount],
    plan: CpuPlan,
    threads: &Threads,
    labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
) -> Result<(), Error> {
    if matches!(cpu.counted, Counted::Nothing) && plan.keep_labels {
        // Counting looks runs up, not pixels, and leaves labels: few colours are labelled soonest that way.
        if let Some(parts) = count_few(image, pixels, cpu, &plan, threads)? {
            cpu.counted = Counted::Indices(parts, None);
        }
    }
    let Cpu { kept, band, counted, seed, counters, .. } = cpu;
    let hasher = Hasher::new(*seed);
    let has_palette =
        |buckets: &BucketSet| palette.iter().all(|entry| buckets.has_color::<C>(&entry.color, hasher));
    let fingerprints = match counted {
        Counted::Indices(parts, of) if of.as_ref().is_none_or(has_palette) => {
            label::label_counted(parts, palette, kept)?;
            return labelled(0, kept);
        }
        Counted::Indices(..) | Counted::ManyColors => {
            counters.pixels_read += pixels.len() as u64;
            Some(Fingerprints::Computed(hasher))
        }
        Counted::Fingerprints => Some(Fingerprints::kept(kept.fingerprints())),
        Counted::Nothing => {
            counters.pixels_read += pixels.len() as u64;
            None
        }
    };
    let band = label::Band { labels: band, pixels: plan.band_pixels };
    label::label(pixels, palette, fingerprints, band, *seed, threads, labelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::many::places;
    use crate::labels::TILE;
    use crate::stages::select::select;
    use crate::types::geometry::Shape;
    use crate::types::image::{ColorMap, Format, Layout};
    use crate::types::matching::{Alpha, Matching};

    /// Counts and labels an image, and holds each pixel's label against the palette's colours. How often the pixels were
    /// read, and what was known of them before labelling.
    ///
    /// Colours are integers of 24 bits: pixels are such floats, or three bytes.
    fn check(
        name: &str,
        colors: &[u32],
        width: u32,
        as_bytes: bool,
        options: &Options,
        max_count: u32,
    ) -> (u64, Counted) {
        let (threads, len) = (Threads::new(2).unwrap(), colors.len());
        let floats: Vec<_> = colors.iter().map(|&color| color as f32).collect();
        let bytes: Vec<_> = colors.iter().flat_map(|color| color.to_le_bytes()[..3].to_vec()).collect();
        let height = len as u32 / width;
        let map = if as_bytes {
            let layout = Layout { format: Format::U8, ..Layout::default() };
            ColorMap::with_layout(&bytes, Shape::new(width, height, 3).unwrap(), &layout).unwrap()
        } else {
            ColorMap::new(&floats, width, height, 1).unwrap()
        };
        let pixels = Pixels::new(&map, Matching::Exact, Alpha::Color).unwrap();
        let selection = SelectionRule::new(1, max_count);
        let mut cpu = Cpu::new(options);
        cpu.start_call();
        let counts = cpu.count(&pixels, &selection, usize::MAX, &threads).unwrap();
        let palette = select(counts.colors, &selection);
        let numbers: Vec<u32> = palette
            .iter()
            .map(|entry| match pixels.encoding().values(&entry.color) {
                [color, ..] if !as_bytes => color as u32,
                bytes => (0..3).map(|byte| (bytes[byte] as u32) << (8 * byte)).sum(),
            })
            .collect();
        let mut next = 0;
        cpu.label(&pixels, &palette, &threads, &mut |first, labels| {
            assert_eq!(first, next, "{name}");
            let mut scratch = labels.scratch().unwrap();
            for tile in labels.tiles() {
                let tile = tile.read(&mut scratch);
                assert_eq!(tile.labels.len(), TILE.min(len - next), "{name}");
                for index in 0..tile.labels.len() {
                    for (&number, &label) in numbers.iter().zip(tile.wanted) {
                        assert_eq!(
                            tile.labels.is(index, label),
                            number == colors[next],
                            "{name}, {next}, {number}"
                        );
                    }
                    next += 1;
                }
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(next, len, "{name}");
        (cpu.call_stats().pixels_read / len as u64, cpu.counted)
    }

    /// Labels of images of many colours, whatever a sample of them says, with and without memory for what is kept.
    #[test]
    fn labels_are_those_of_the_palette_whatever_a_sample_says() {
        let (width, len) = (601, 601 * 599);
        // Ten pixels a colour, but where samples are taken; then some colours are frequent, or seem to be.
        let mixed = |pixel: usize| (pixel as u32).wrapping_mul(0x9e37_79b1) % (len as u32 / 10) + 100;
        let mut images = [(); 3].map(|()| (0..len).map(mixed).collect::<Vec<_>>());
        images[2].iter_mut().step_by(15).for_each(|color| *color = 9);
        for (index, pixel) in places(len).flatten().enumerate() {
            images[1][pixel] = index as u32 % 4;
            images[2][pixel] = images[1][pixel];
        }
        // The last image's most frequent colour is not watched: it is counted and labelled by another look.
        for ((image, colors), wanted_reads) in images.iter().enumerate().zip([2, 2, 4]) {
            for as_bytes in [false, true] {
                let name = format!("image {image}, bytes {as_bytes}");
                let (reads, counted) = check(&name, colors, width, as_bytes, &Options::default(), 4);
                assert_eq!(matches!(counted, Counted::Indices(_, Some(_))), image > 0, "{name}");
                assert_eq!(matches!(counted, Counted::Fingerprints), image == 0, "{name}");
                assert_eq!(reads, wanted_reads, "{name}");
                let options = Options { memory_limit: 1 << 20, ..Options::default() };
                let (_, counted) = check(&name, colors, width, as_bytes, &options, 4);
                assert!(matches!(counted, Counted::ManyColors), "{name}");
            }
        }
    }

    /// Tiles of runs with few and with many colours, of pixels with few and with many, and of runs that are too many or have
    /// such pixels behind them.
    #[test]
    fn labels_are_those_of_the_palette_however_a_tile_keeps_them() {
        let flat = |pixel: usize| pixel / 700 % 9;
        let short = |pixel: usize| pixel / 5 % 9;
        let more = |pixel: usize| pixel / 12 % 1021;
        let few = |pixel: usize| pixel * pixel % 23;
        let many = |pixel: usize| pixel * pixel % 1021;
        let kinds: [&dyn Fn(usize) -> usize; 5] = [&flat, &short, &more, &few, &many];
        let width = 331;
        for (first, first_kind) in kinds.iter().enumerate() {
            for (second, second_kind) in kinds.iter().enumerate() {
                for change in [0, 1, TILE / 2 + 1, TILE - 1, 3 * TILE / 2] {
                    let len = (2 * TILE).next_multiple_of(width) + width;
                    let kind = |pixel| if pixel < change { first_kind(pixel) } else { second_kind(pixel) };
                    let colors: Vec<_> = (0..len).map(|pixel| kind(pixel) as u32).collect();
                    // As many masks as bytes tell, and more.
                    for max_count in [5, 300] {
                        let name = format!("{first} before {second} from {change} on, {max_count} masks");
                        let as_bytes = change % 2 == 1;
                        let (_, counted) =
                            check(&name, &colors, width as u32, as_bytes, &Options::default(), max_count);
                        assert!(matches!(counted, Counted::Indices(_, None)), "{name}");
                    }
                }
            }
        }
    }
}
