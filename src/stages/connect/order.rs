//! Which regions get a mask, and in which order: the largest first, then by colour, then by first pixel.
//!
//! **Problem.** Most regions of noise have a few pixels, and there are as many of them as pixels: sorting them by
//! comparison would take longer than finding them.
//!
//! ```text
//! a class for each (pixels, colour), where pixels are few, in the order wanted; one before them for all larger regions
//! on all threads, each with consecutive strips: count the components of each class
//! sum the counts up: where each class begins, and where in it each thread's part
//! on all threads: a component's number is the next one of its class
//! sort the larger regions by comparison
//! ```
//!
//! **Why it is exact.** Components come in the order of their first pixels, and those of a class are equal otherwise:
//! counting sort is stable.
//!
//! **Cost.** Linear in components and classes, plus n log n for the n larger regions. There are at most as many classes as
//! components, or 2^16.
//!
//! **Prior art.** Counting sort (Seward: *Information Sorting in the Application of Electronic Digital Computers to Business
//! Operations*, 1954); offsets per thread as in parallel radix sorts (Zagha, Blelloch: *Radix Sort for Vector
//! Multiprocessors*, 1991).

use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_push, try_with_capacity, try_zeroed};
use crate::runtime::threads::Threads;
use crate::stages::connect::borders::{Borders, Components};
use crate::stages::connect::numbers::Numbers;
use crate::stages::connect::strip::{Component, Place};
use crate::stages::select::sort_by_color;
use crate::types::palette::ColorCount;
use crate::types::params::SelectionRule;

/// Which regions get a mask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// Pixels of a region, and how many regions.
    pub(crate) selection: SelectionRule,
    /// The colours of the label maps' masks.
    pub(crate) colors: &'a [ColorCount],
    /// Whether of equally large regions those of smaller colours come first, or those of earlier ones.
    pub(crate) by_color: bool,
    /// Whether the regions are to be listed.
    pub(crate) lists: bool,
}

/// So many classes are counted in a core's caches.
const FEW_CLASSES: usize = 1 << 16;

/// Regions of more pixels are few.
const MOST_PIXELS: usize = 255;

/// Regions of so many pixels have classes, unless those are more than components.
const LEAST_PIXELS: usize = 4;

/// Threads that count, where classes are many.
const MOST_TABLES: usize = 4;

/// A region of many pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Large {
    /// The more pixels, the less.
    fewer: u64,
    rank: u32,
    place: Place,
    mask: u32,
}

/// The regions that get a mask.
#[derive(Debug)]
pub(super) struct Ordered {
    /// How many.
    pub(super) count: usize,
    /// Those that are to be listed.
    pub(super) list: Vec<ColorCount>,
    pub(super) numbers: Numbers,
}

/// Numbers the components of regions that get a mask; tells how many they are where that is more than are of use.
pub(super) fn number(
    components: &mut Components,
    borders: &Borders,
    wanted: &Wanted,
    useful: usize,
    threads: &Threads,
) -> Result<Result<Ordered, u32>, Error> {
    let total = components.iter().map(Vec::len).sum();
    let order = Order::new(wanted, total, borders)?;
    let (strips, mut parts) = order.count(components, threads)?;
    let mut large: Vec<Large> = try_with_capacity(parts.iter().map(|part| part.large.len()).sum())?;
    parts.iter_mut().for_each(|part| large.append(&mut part.large));
    let most = wanted.selection.max_count;
    let count = (large.len() + order.small_regions(&parts)).min(most as usize);
    if count > useful {
        return Ok(Err(count as u32)); // at most `max_count`
    }
    if large.len() > most as usize {
        large.select_nth_unstable(most as usize);
        large.truncate(most as usize);
    }
    large.sort_unstable();
    let mut list = try_with_capacity(if wanted.lists { count } else { 0 })?;
    let region = |mask: u32, pixels| ColorCount { color: wanted.colors[mask as usize].color, pixels };
    if wanted.lists {
        list.extend(large.iter().map(|large| region(large.mask, u64::MAX - large.fewer)));
    }
    order.begin(&mut parts, large.len(), |rank, pixels, found| {
        if wanted.lists {
            let listed = (list.len() + found).min(count);
            list.resize(listed, region(order.by_rank[rank - 1], pixels)); // there is room
        }
    });
    let firsts = try_collect(parts.into_iter().map(|part| part.classes))?;
    let numbers = Numbers { strips, firsts, most };
    for (label, Large { place, .. }) in (1..).zip(large) {
        numbers.set(&mut components[place.0][place.1 as usize], label);
    }
    borders.spread(components, &numbers);
    Ok(Ok(Ordered { count, list, numbers }))
}

/// What was found in consecutive strips.
struct Part {
    /// How many components there are of each class, then the number of the first one.
    classes: Vec<u32>,
    large: Vec<Large>,
}

/// How components are sorted.
///
/// Classes come in rows of one for each label of a mask, in the order of colours: a row for large regions, one for each
/// smaller number of pixels down to 1, and one for components that are no region's first. In each row those in no mask come
/// first. The last class of all is that of components whose numbers are told one by one.
struct Order<'a> {
    /// Pixels of a region that gets a mask.
    least: u64,
    /// The masks in the order of colours.
    by_rank: Vec<u32>,
    /// By labels of masks, the places of the colours in their order, from 1 on.
    ranks: Vec<u32>,
    /// Regions of up to so many pixels are not large.
    small: u32,
    borders: &'a Borders,
}

impl<'a> Order<'a> {
    /// For so many components.
    fn new(wanted: &Wanted, total: usize, borders: &'a Borders) -> Result<Self, Error> {
        let colors = wanted.colors.len().max(1);
        let small =
            (FEW_CLASSES.min(total) / colors).max((total / colors).min(LEAST_PIXELS)).min(MOST_PIXELS);
        let least = wanted.selection.min_pixels.get();
        let (by_rank, ranks) = ranks(wanted)?;
        let order = Self { least, by_rank, ranks, small: small as u32, borders };
        match u32::try_from(order.classes()) {
            Ok(_) => Ok(order),
            Err(_) => {
                Err(Error::OutOfMemory("regions of more than 2^30 colours cannot be sorted".to_owned()))
            }
        }
    }

    /// But for the last one.
    fn classes(&self) -> usize {
        (self.small as usize + 2) * self.ranks.len()
    }

    /// The class of a component.
    #[inline]
    fn class(&self, component: &Component) -> usize {
        let row = self.small + 1 - component.number.min(self.small + 1);
        row as usize * self.ranks.len() + self.ranks[component.mask_label as usize] as usize
    }

    /// The classes of regions that get a mask and are not large, in their order, with ranks and pixels.
    fn small_classes(&self) -> impl Iterator<Item = (usize, usize, u64)> + use<'_> {
        let rows = (0..self.classes()).step_by(self.ranks.len());
        let rows = rows.zip((0..=self.small + 1).rev().map(u64::from));
        let rows = rows.filter(|&(_, pixels)| (1..=u64::from(self.small)).contains(&pixels));
        let rows = rows.filter(|&(_, pixels)| pixels >= self.least);
        rows.flat_map(|(row, pixels)| (1..self.ranks.len()).map(move |rank| (row + rank, rank, pixels)))
    }

    /// Counts the components of each class, and lists the large ones; tells each component its class and its number there.
    /// Returns how many strips were counted together.
    fn count(&self, components: &mut Components, threads: &Threads) -> Result<(usize, Vec<Part>), Error> {
        let tables = if self.classes() > FEW_CLASSES { MOST_TABLES } else { usize::MAX };
        let strips = components.len().div_ceil(threads.count().min(tables)).max(1);
        let parts = try_collect(components.chunks_mut(strips).enumerate())?;
        let counted =
            threads.map(parts, |(index, components)| self.count_part(index * strips, components))?;
        Ok((strips, counted.into_iter().collect::<Result<_, Error>>()?))
    }

    fn count_part(&self, first_strip: usize, components: &mut [Vec<Component>]) -> Result<Part, Error> {
        let mut classes: Vec<u32> = try_zeroed(self.classes() + 1)?;
        let mut large = Vec::new();
        for (strip, components) in (first_strip..).zip(components) {
            for (index, component) in (0..).zip(components) {
                if component.number > self.small && component.mask_label != 0 {
                    let place = (strip, index);
                    let pixels = self.borders.pixels(place, component);
                    let (rank, mask) = (self.ranks[component.mask_label as usize], component.mask_label - 1);
                    if pixels >= self.least {
                        try_push(&mut large, Large { fewer: u64::MAX - pixels, rank, place, mask })?;
                    }
                }
                let class = self.class(component);
                let next = &mut classes[class];
                *component = Component { mask_label: class as u32, number: *next };
                *next = next.saturating_add(1); // there are fewer numbers of masks
            }
        }
        Ok(Part { classes, large })
    }

    /// How many regions get a mask that are not large.
    fn small_regions(&self, parts: &[Part]) -> usize {
        let of_class = |class: usize| parts.iter().map(|part| part.classes[class] as usize).sum::<usize>();
        self.small_classes().map(|(class, ..)| of_class(class)).sum()
    }

    /// Gives each class of each part the number of its first component, from 0 on, where so many come before all; tells the
    /// ranks, pixels and numbers of the regions, in their order. Numbers end with the largest one, which is more than there
    /// are masks: what gets no mask begins there.
    fn begin(&self, parts: &mut [Part], large: usize, mut each: impl FnMut(usize, u64, usize)) {
        let mut next = large;
        let mut small = self.small_classes().peekable();
        for class in 0..self.classes() {
            let Some((_, rank, pixels)) = small.next_if(|small| small.0 == class) else {
                parts.iter_mut().for_each(|part| part.classes[class] = u32::MAX);
                continue;
            };
            let first = next;
            for part in &mut *parts {
                let count = std::mem::replace(&mut part.classes[class], number_of(next));
                next += count as usize;
            }
            each(rank, pixels, next - first);
        }
    }
}

/// A number, or the largest one for all that are larger.
fn number_of(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The masks in the order of colours; by labels of masks, the places of the colours in that order, from 1 on, 0 for the
/// label 0.
fn ranks(wanted: &Wanted) -> Result<(Vec<u32>, Vec<u32>), Error> {
    let colors = wanted.colors;
    let mut order: Vec<u32> = try_with_capacity(colors.len())?;
    order.extend(0..colors.len() as u32); // masks are numbered by a u32
    if wanted.by_color {
        sort_by_color(&mut order, colors);
    }
    let mut ranks = try_zeroed(colors.len() + 1)?;
    (1..).zip(&order).for_each(|(rank, &mask)| ranks[mask as usize + 1] = rank);
    Ok((order, ranks))
}
