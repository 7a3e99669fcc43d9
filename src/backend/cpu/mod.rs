//! The CPU backend: the stages count, collect and label on the host's threads.
//!
//! Each stage has the name of its twin in `shaders/`; `support` holds what they share:
//!
//! | file | what it holds |
//! | --- | --- |
//! | `plan` | pure arithmetic: size, threads and memory limit → what is kept, how large tables get |
//! | `prefetch` | asking for memory before it is needed |
//! | `tiles` | the pixels of a part of the image |
//! | `runs` | splitting pixels into runs of one colour and mixed blocks |
//! | `key` | a pixel's colour as a table's key, and its hashes |
//! | `color_table` | from colours to numbers |
//! | `pixel_cache` | a cache in front of it, looked up without a branch |
//! | `word_cache` | the same for pixels of one word |
//! | `bucket_set` | sets of hash buckets |
//! | `sample` | a look at some pixels: which buckets frequent colours are in |
//! | `watch` | counting buckets, and the colours of those in the same pass |
//! | `codes` | two bytes of hash a pixel, and sets of them |
//! | `spans` | dealing an image out to threads |
//! | `many_colors` | counting where colours are many: most are ruled out |

mod collect;
mod count;
mod label;
mod many;
mod pixels;
mod plan;
mod tables;

use log::Level;

use crate::backend::Backend;
use crate::backend::cpu::count::Part;
use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::fingerprints::Codes;
pub(crate) use crate::backend::cpu::many::fingerprints::code_of;
use crate::backend::cpu::many::{Kept, ManyColors, Watched};
use crate::backend::cpu::pixels::tiles::Tiles;
pub(crate) use crate::backend::cpu::plan::CpuPlan;
pub(crate) use crate::backend::cpu::tables::key::Hasher;
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
    /// For tests: plans with which small images walk the roads of large ones, and whether labels are kept.
    small: Option<bool>,
    /// Of all hash tables.
    seed: u64,
    /// What the stage count leaves for the stage label, by pixel.
    kept: LabelMap,
    counted: Counted,
    /// Labels of a part of the image.
    band: LabelMap,
    /// Room in which pixels are sorted.
    sorted: Vec<u32>,
    counters: CallStats,
}

/// What the stage count knows of the pixels.
#[derive(Debug, Default)]
enum Counted {
    #[default]
    Nothing,
    /// `kept` has the numbers of their colours: of all there are, or of those of some buckets.
    Numbers(Vec<Part>, Option<BucketSet>),
    /// `kept` has their codes.
    Codes,
    /// Their codes can be computed, and most are not those of frequent colours.
    ManyColors,
}

/// Calls a function for the number of words that a pixel has.
macro_rules! for_words {
    ($pixels:expr, $function:path $(, $argument:expr)*) => {
        match $pixels.shape().channels() {
            1 => $function(Tiles::<1>::new($pixels) $(, $argument)*),
            2 => $function(Tiles::<2>::new($pixels) $(, $argument)*),
            3 => $function(Tiles::<3>::new($pixels) $(, $argument)*),
            _ => $function(Tiles::<4>::new($pixels) $(, $argument)*),
        }
    };
}

impl Cpu {
    pub(crate) fn new(options: &Options) -> Self {
        Self::empty(options.memory_limit, options.debug.small_cpu_tables)
    }

    fn empty(memory_limit: u64, small: Option<bool>) -> Self {
        Self {
            memory_limit,
            small,
            seed: Seeds::random().take(),
            kept: LabelMap::default(),
            counted: Counted::default(),
            band: LabelMap::default(),
            sorted: Vec::new(),
            counters: CallStats::default(),
        }
    }

    fn plan(&self, pixels: &Pixels, threads: &Threads) -> CpuPlan {
        let pixels = pixels.shape().plane();
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
        room: usize,
        threads: &Threads,
    ) -> Result<Counts, Error> {
        for_words!(pixels, count_and_collect, self, selection, room, self.plan(pixels, threads), threads)
    }

    fn label(
        &mut self,
        pixels: &Pixels,
        palette: &[ColorCount],
        threads: &Threads,
        labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for_words!(pixels, label_pixels, self, palette, self.plan(pixels, threads), threads, labelled)
    }

    fn forget_pixels(&mut self) {
        self.counted = Counted::Nothing;
    }

    fn recover(&mut self) -> Result<(), Error> {
        *self = Self::empty(self.memory_limit, self.small);
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

/// An image that the host counts for a device, which has written the pixels' codes where the host reads them.
#[derive(Debug)]
pub(crate) struct CodedImage<'a> {
    pub(crate) pixels: &'a Pixels<'a>,
    /// In blocks of so many pixels, a multiple of `TILE` unless there is but one. `None`: there is no room for codes.
    pub(crate) codes: Option<(Vec<&'a [u16]>, usize)>,
    /// What the codes were made with.
    pub(crate) hasher: Hasher,
    /// Of other hash tables.
    pub(crate) seed: u64,
}

impl CodedImage<'_> {
    /// The colours that can be selected, and a list of them if there are no more than `room_for`. `sorted` is room that
    /// is kept from call to call.
    pub(crate) fn best(
        self,
        plan: CpuPlan,
        selection: &SelectionRule,
        room_for: usize,
        threads: &Threads,
        sorted: &mut Vec<u32>,
    ) -> Result<Counts, Error> {
        for_words!(self.pixels, best_of_coded, self, plan, selection, room_for, threads, sorted)
    }
}

fn best_of_coded<const C: usize>(
    pixels: Tiles<C>,
    image: CodedImage,
    plan: CpuPlan,
    selection: &SelectionRule,
    room_for: usize,
    threads: &Threads,
    sorted: &mut Vec<u32>,
) -> Result<Counts, Error> {
    let CodedImage { codes, hasher, seed, .. } = image;
    let mut many = match codes {
        Some((blocks, block_pixels)) => {
            let codes = Codes::Kept { blocks, block_pixels };
            ManyColors::coded(pixels, codes, hasher, plan, seed, threads)?
        }
        None => ManyColors::new(pixels, None, selection, plan, seed, threads)?,
    };
    many.best(selection, room_for, sorted)
}

fn count_and_collect<const C: usize>(
    pixels: Tiles<C>,
    cpu: &mut Cpu,
    selection: &SelectionRule,
    room: usize,
    plan: CpuPlan,
    threads: &Threads,
) -> Result<Counts, Error> {
    let mut kept = match plan.keep_labels {
        true => Some(bytemuck::cast_slice_mut::<u8, u16>(cpu.kept.start(pixels.len(), LabelWidth::Two)?)),
        false => None,
    };
    cpu.counters.pixels_read += pixels.len() as u64;
    if let Some(parts) = count::count(pixels, kept.as_deref_mut(), &plan, cpu.seed, threads)? {
        check_sum(parts.iter().map(Part::pixels).sum(), pixels.len() as u64)?;
        let counts = collect::collect(&parts, selection.min_pixels.get())?;
        if plan.keep_labels {
            cpu.counted = Counted::Numbers(parts, None);
        }
        return Ok(counts);
    }
    call::message(
        Level::Debug,
        format_args!("the image has very many colours: hash buckets tell which of them matter"),
    );
    let mut many = ManyColors::new(pixels, kept, selection, plan, cpu.seed, threads)?;
    let counts = many.best(selection, room, &mut cpu.sorted)?;
    cpu.counters.pixels_read += many.pixels_read();
    cpu.counted = match many.into_kept() {
        Kept::Nothing => Counted::ManyColors,
        Kept::Codes => Counted::Codes,
        Kept::Numbers(Watched { buckets, parts, .. }) => Counted::Numbers(parts, Some(buckets)),
    };
    Ok(counts)
}

/// Fails unless all pixels were counted that there are.
fn check_sum(counted: u64, pixels: u64) -> Result<(), Error> {
    if counted == pixels {
        return Ok(());
    }
    Err(Error::Internal(format!(
        "{counted} pixels were counted where there are {pixels}; they may have changed during the call"
    )))
}

fn label_pixels<const C: usize>(
    pixels: Tiles<C>,
    cpu: &mut Cpu,
    palette: &[ColorCount],
    plan: CpuPlan,
    threads: &Threads,
    labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
) -> Result<(), Error> {
    let Cpu { kept, band, counted, seed, counters, .. } = cpu;
    let hasher = Hasher::new(*seed);
    let has_palette =
        |buckets: &BucketSet| palette.iter().all(|entry| buckets.has_color::<C>(&entry.color, hasher));
    let codes = match counted {
        Counted::Numbers(parts, of) if of.as_ref().is_none_or(has_palette) => {
            label::label_counted(parts, palette, kept)?;
            labelled(0, kept)?;
            return Ok(());
        }
        Counted::Numbers(..) | Counted::ManyColors => {
            counters.pixels_read += pixels.len() as u64;
            Some(Codes::Computed(hasher))
        }
        Counted::Codes => Some(Codes::kept(kept.codes())),
        Counted::Nothing => {
            counters.pixels_read += pixels.len() as u64;
            None
        }
    };
    let band = label::Band { labels: band, pixels: plan.band_pixels };
    label::label(pixels, palette, codes, band, *seed, threads, labelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::many::sample::places;
    use crate::labels::TILE;
    use crate::stages::select::select;
    use crate::types::geometry::Shape;
    use crate::types::image::{ColorMap, Format, Layout};
    use crate::types::matching::{Alpha, Matching};

    /// Counts and labels an image, and holds each pixel's label against the palette's colours. How often the pixels were
    /// read, and what was known of them before labelling.
    ///
    /// Colours are numbers of 24 bits: pixels are such floats, or three bytes.
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
            let mut room = labels.tile_room().unwrap();
            for tile in labels.tiles() {
                let tile = tile.read(&mut room);
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
                assert_eq!(matches!(counted, Counted::Numbers(_, Some(_))), image > 0, "{name}");
                assert_eq!(matches!(counted, Counted::Codes), image == 0, "{name}");
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
                        assert!(matches!(counted, Counted::Numbers(_, None)), "{name}");
                    }
                }
            }
        }
    }
}
