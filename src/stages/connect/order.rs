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
use crate::stages::connect::strip::{Component, Place};
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
}

/// Numbers the components of regions that get a mask, from 1 on, and the others 0; tells how many they are where that is
/// more than are of use.
pub(super) fn number(
    components: &mut Components,
    borders: &Borders,
    wanted: &Wanted,
    useful: usize,
    threads: &Threads,
) -> Result<Result<Ordered, u32>, Error> {
    let total = components.iter().map(Vec::len).sum();
    let order = Order::new(wanted, total, borders)?;
    let mut parts = order.count(components, threads)?;
    let mut large: Vec<Large> = try_with_capacity(parts.iter().map(|part| part.large.len()).sum())?;
    parts.iter_mut().for_each(|part| large.append(&mut part.large));
    let found = order.begin(&mut parts, large.len());
    let most = wanted.selection.max_count as usize;
    let count = found.min(most);
    if count > useful {
        return Ok(Err(count as u32)); // at most `max_count`
    }
    if large.len() > most {
        large.select_nth_unstable(most);
        large.truncate(most);
    }
    large.sort_unstable();
    let mut list = try_with_capacity(if wanted.lists { count } else { 0 })?;
    if wanted.lists {
        let region = |mask: u32, pixels| ColorCount { color: wanted.colors[mask as usize].color, pixels };
        list.extend(large.iter().map(|large| region(large.mask, u64::MAX - large.fewer)));
        list.resize(count, region(0, 0)); // there is a colour, since there are regions
        for part in &mut parts {
            order.number(part, most, |number, mask, pixels| {
                list[number as usize] = region(mask, pixels.into())
            });
        }
    } else {
        threads.for_each(parts, |mut part| order.number(&mut part, most, |_, _, _| {}))?;
    }
    for (number, Large { place, .. }) in (1..).zip(large) {
        components[place.0][place.1 as usize].number = number;
    }
    Ok(Ok(Ordered { count, list }))
}

/// Consecutive strips' components.
struct Part<'a> {
    first_strip: usize,
    components: &'a mut [Vec<Component>],
    /// How many there are of each class, then the number of the next one.
    classes: Vec<u32>,
    large: Vec<Large>,
}

/// How components are sorted.
struct Order<'a> {
    /// Pixels of a region that gets a mask.
    least: u64,
    /// The places of the colours in their order.
    ranks: Vec<u32>,
    /// Regions of up to so many pixels have classes.
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
        Ok(Self { least, ranks: ranks(wanted)?, small: small as u32, borders })
    }

    fn classes(&self) -> usize {
        self.small as usize * self.ranks.len()
    }

    /// The class of a region's first component that is not large.
    #[inline]
    fn class(&self, component: &Component) -> usize {
        // The largest first.
        (self.small - component.number) as usize * self.ranks.len()
            + self.ranks[component.mask as usize] as usize
    }

    /// Counts the components of each class, and lists the large ones.
    fn count<'c>(&self, components: &'c mut Components, threads: &Threads) -> Result<Vec<Part<'c>>, Error> {
        let tables = if self.classes() > FEW_CLASSES { MOST_TABLES } else { usize::MAX };
        let strips = components.len().div_ceil(threads.count().min(tables)).max(1);
        let parts = try_collect(components.chunks_mut(strips).enumerate())?;
        let counted = threads.map(parts, |(index, components)| {
            let (classes, large) = (try_zeroed(self.classes())?, Vec::new());
            let mut part = Part { first_strip: index * strips, components, classes, large };
            self.count_part(&mut part).map(|()| part)
        })?;
        counted.into_iter().collect()
    }

    fn count_part(&self, part: &mut Part) -> Result<(), Error> {
        for (strip, components) in (part.first_strip..).zip(&*part.components) {
            for (index, component) in (0..).zip(components) {
                if component.number > self.small {
                    let place = (strip, index);
                    let pixels = self.borders.pixels(place, component);
                    let (rank, mask) = (self.ranks[component.mask as usize], component.mask);
                    if pixels >= self.least {
                        try_push(&mut part.large, Large { fewer: u64::MAX - pixels, rank, place, mask })?;
                    }
                } else if component.number > 0 && u64::from(component.number) >= self.least {
                    part.classes[self.class(component)] += 1; // as there may be only so many places
                }
            }
        }
        Ok(())
    }

    /// Gives each class of each part the number of its first component, from 0 on, where so many come before all; counts
    /// the regions.
    ///
    /// Numbers end with the largest one: it is more than there are masks.
    fn begin(&self, parts: &mut [Part], large: usize) -> usize {
        let mut next = large;
        for class in 0..self.classes() {
            for part in &mut *parts {
                let count = part.classes[class];
                part.classes[class] = u32::try_from(next).unwrap_or(u32::MAX);
                next += count as usize;
            }
        }
        next
    }

    /// Numbers a part's components that are not large, and tells each one's number less one, mask and pixels.
    fn number(&self, part: &mut Part, most: usize, mut each: impl FnMut(u32, u32, u32)) {
        let Part { components, classes, .. } = part;
        for component in components.iter_mut().flatten() {
            let pixels = component.number;
            component.number = 0;
            if pixels == 0 || pixels > self.small || u64::from(pixels) < self.least {
                continue;
            }
            let next = &mut classes[self.class(&Component { number: pixels, ..*component })];
            if (*next as usize) < most {
                each(*next, component.mask, pixels);
                component.number = *next + 1;
                *next += 1;
            }
        }
    }
}

/// The places of the colours in their order.
fn ranks(wanted: &Wanted) -> Result<Vec<u32>, Error> {
    let colors = wanted.colors;
    let mut order: Vec<u32> = try_with_capacity(colors.len())?;
    order.extend(0..colors.len() as u32); // masks are numbered by a u32
    if wanted.by_color {
        order.sort_unstable_by_key(|&mask| colors[mask as usize].color);
    }
    let mut ranks = try_zeroed(colors.len())?;
    (0..).zip(order).for_each(|(rank, mask)| ranks[mask as usize] = rank);
    Ok(ranks)
}
