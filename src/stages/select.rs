//! Which colours get a mask, and in which order. No backend decides any of this.
//!
//! **Problem.** Of n counted colours the k most frequent with at least `min_pixels` pixels, equal counts by colour: at once,
//! or from a list that is too long to be held (`Best`).
//!
//! ```text
//! select: drop what has too few pixels; if more than k are left, partition by the k-th (quickselect); sort the k
//! Best:   keep up to 2 k colours; when there are as many, partition, drop the worse half,
//!         and raise the threshold to the count of the k-th: whatever has fewer pixels need not be looked at
//! ```
//!
//! **Why it is exact.** The order is total: no two colours are equal. What is dropped has k better ones before it, and stays
//! worse than them whatever follows.
//!
//! **Cost.** Linear in n, plus k log k; that, too, is spared where the list comes in the colours' order and is long.
//!
//! **Prior art.** Quickselect (Hoare: *Algorithm 65: FIND*, Communications of the ACM 4, 1961); the threshold is that of
//! top-k queries (Fagin, Lotem, Naor: *Optimal Aggregation Algorithms for Middleware*, 2001).

use std::cmp::Ordering;

use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_with_capacity, try_zeroed};
use crate::types::palette::{ColorCount, Counts};
use crate::types::params::SelectionRule;

/// The colours with enough pixels, most frequent first, equal counts by colour, at most
/// `max_count` of them.
pub(crate) fn select(mut counts: Vec<ColorCount>, selection: &SelectionRule) -> Vec<ColorCount> {
    counts.retain(|entry| entry.pixels >= selection.min_pixels.get());
    let keep = selection.max_count as usize;
    if counts.is_sorted_by(|a, b| order(a, b).is_lt()) {
        counts.truncate(keep);
        return counts;
    }
    if counts.len() >= MANY
        && keep >= MANY
        && counts.is_sorted_by(|a, b| a.color < b.color)
        && let Ok(sorted) = sort_by_pixels(&counts, keep)
    {
        return sorted;
    }
    if counts.len() > keep {
        // Sorting all of a photo's colours to keep five would cost more than counting them.
        counts.select_nth_unstable_by(keep, order);
        counts.truncate(keep);
    }
    counts.sort_unstable_by(order);
    counts
}

/// So many colours are worth a list of how many have each number of pixels.
const MANY: usize = 1 << 12;

/// The first `keep` colours in the order of masks, of a list in the order of colours.
///
/// Most of very many colours have few pixels: these are sorted by counting. The others are too few to matter.
fn sort_by_pixels(colors: &[ColorCount], keep: usize) -> Result<Vec<ColorCount>, Error> {
    const FEW_PIXELS: usize = 1 << 11;
    let class = |entry: &ColorCount| FEW_PIXELS - entry.pixels.min(FEW_PIXELS as u64) as usize;
    let mut places = try_zeroed::<usize>(FEW_PIXELS + 1)?;
    colors.iter().for_each(|entry| places[class(entry)] += 1);
    let frequent = places[0];
    let mut first = 0;
    for place in &mut places {
        first += std::mem::replace(place, first);
    }
    let len = colors.len().min(keep.max(frequent));
    let mut sorted: Vec<ColorCount> = try_with_capacity(len)?;
    let free = &mut sorted.spare_capacity_mut()[..len];
    for entry in colors {
        let place = &mut places[class(entry)];
        if let Some(to) = free.get_mut(*place) {
            to.write(*entry);
        }
        *place += 1;
    }
    // SAFETY: the places of all colours are all numbers below theirs, so that each that is kept was written.
    #[allow(unsafe_code)]
    unsafe {
        sorted.set_len(len);
    }
    sorted[..frequent].sort_unstable_by(order);
    sorted.truncate(keep);
    Ok(sorted)
}

/// The best colours of a long list that is never held as a whole.
///
/// There is capacity for so many. Where `max_count` colours fit, only those are kept, and the threshold rises with the
/// worst of them; else all with enough pixels are, and once they are too many, they are only counted.
#[derive(Debug)]
pub(crate) struct Best {
    selection: SelectionRule,
    capacity: usize,
    /// All that `selection` may select so far, and some more; none once there are too many.
    colors: Vec<ColorCount>,
    /// The last of `max_count` colours: what does not come before it is not selected.
    worst: Option<ColorCount>,
    /// How many colours were kept or counted.
    found: u64,
}

impl Best {
    pub(crate) fn new(selection: &SelectionRule, capacity: usize) -> Self {
        Self { selection: *selection, capacity, colors: Vec::new(), worst: None, found: 0 }
    }

    /// An empty list with this one's rule and threshold, for a part of the work, which ends with `merge`.
    pub(crate) fn part(&self) -> Self {
        let selection = SelectionRule::new(self.threshold(), self.selection.max_count);
        Self::new(&selection, self.capacity)
    }

    /// Adds what a part of the work has found: other colours.
    pub(crate) fn merge(&mut self, part: Self) -> Result<(), Error> {
        if part.is_full() {
            self.found += part.found;
            self.colors = Vec::new();
        }
        part.colors.into_iter().try_for_each(|color| self.add(color))
    }

    /// No colour with fewer pixels is selected.
    pub(crate) fn threshold(&self) -> u64 {
        if self.is_full() && self.found >= self.selection.max_count.into() {
            return u64::MAX; // no more need be counted
        }
        self.worst.map_or(self.selection.min_pixels.get(), |worst| worst.pixels)
    }

    fn is_bounded(&self) -> bool {
        self.selection.max_count as usize <= self.capacity
    }

    /// Whether there are more colours than there is capacity for.
    fn is_full(&self) -> bool {
        !self.is_bounded() && self.found > self.capacity as u64
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, found: ColorCount) -> Result<(), Error> {
        if found.pixels < self.threshold() {
            return Ok(());
        }
        if let Some(worst) = &self.worst
            && found.pixels == worst.pixels
        {
            // Most of very many colours that tie are told by their first channel.
            match found.color.first_channel_cmp(&worst.color) {
                Ordering::Less => {}
                Ordering::Greater => return Ok(()),
                Ordering::Equal if found.color >= worst.color => return Ok(()),
                Ordering::Equal => {}
            }
        }
        self.keep(found)
    }

    #[inline(never)]
    fn keep(&mut self, color: ColorCount) -> Result<(), Error> {
        self.found += 1;
        if self.is_full() {
            self.colors = Vec::new();
            return Ok(());
        }
        let most = match self.is_bounded() {
            true => (self.selection.max_count as usize).saturating_mul(2).max(64),
            false => self.capacity,
        };
        let len = self.colors.len();
        if len == self.colors.capacity() {
            let more = len.max(16).min(most - len);
            self.colors.try_reserve_exact(more).map_err(|_| no_memory::<ColorCount>(len + more))?;
        }
        self.colors.push(color);
        if self.is_bounded() && self.colors.len() == most {
            self.settle();
        }
        Ok(())
    }

    /// Drops what is not selected, and raises the bar.
    pub(crate) fn settle(&mut self) {
        if self.is_bounded() && self.colors.len() >= self.selection.max_count as usize {
            self.colors = select(std::mem::take(&mut self.colors), &self.selection);
            self.worst = self.colors.last().copied();
        }
    }

    /// All that is to be selected, in any order, if there is capacity for it.
    pub(crate) fn into_counts(self) -> Counts {
        let too_many = self.is_full().then(|| self.found.min(self.selection.max_count.into()));
        Counts { colors: self.colors, too_many, distinct: None }
    }
}

/// The order of masks.
#[inline]
pub(crate) fn order(a: &ColorCount, b: &ColorCount) -> Ordering {
    b.pixels.cmp(&a.pixels).then_with(|| a.color.cmp(&b.color))
}

/// Puts masks into the order of their colours.
pub(crate) fn sort_by_color(masks: &mut [u32], palette: &[ColorCount]) {
    masks.sort_unstable_by_key(|&mask| palette[mask as usize].color);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::Color;

    fn counts(entries: &[(f32, u64)]) -> Vec<ColorCount> {
        let entry = |&(value, pixels): &(f32, u64)| ColorCount {
            color: Color::from_bits(&[value.to_bits()]).unwrap(),
            pixels,
        };
        entries.iter().map(entry).collect()
    }

    fn selected(entries: &[(f32, u64)], min_pixels: u64, max_count: u32) -> Vec<(f32, u64)> {
        let chosen = select(counts(entries), &SelectionRule::new(min_pixels, max_count));
        chosen.iter().map(|e| (e.color.values()[0], e.pixels)).collect()
    }

    #[test]
    fn orders_by_count_then_color() {
        let entries = [(0.5, 3), (-1.0, 3), (f32::INFINITY, 9), (0.0, 3)];
        let sorted = [(f32::INFINITY, 9), (-1.0, 3), (0.0, 3), (0.5, 3)];
        assert_eq!(selected(&entries, 0, 10), sorted);
        assert_eq!(selected(&entries, 0, 2), sorted[..2]);
        assert_eq!(selected(&entries, 4, 10), sorted[..1]);
        assert_eq!(selected(&entries, 0, 0), []);
        assert_eq!(selected(&entries, u64::MAX, u32::MAX), []);
    }

    /// Lists that are long, in the order of colours, of masks or in none: few pixels, many and very many.
    #[test]
    fn long_lists_in_any_order() {
        for (len, pixels) in [(MANY, 3), (MANY + 1, 5000), (3 * MANY, 40), (3 * MANY, 1 << 40), (3 * MANY, 1)]
        {
            let entries =
                (0..len as u64).map(|at| (at as f32, 1 + at.wrapping_mul(0x9e37_79b9_7f4a_7c15) % pixels));
            let by_color = counts(&entries.collect::<Vec<_>>());
            let mut expected = by_color.clone();
            expected.sort_unstable_by(order);
            let mut shuffled = by_color.clone();
            shuffled.sort_by_key(|entry| entry.color.words()[0].wrapping_mul(0x9e37_79b1));
            for list in [&by_color, &expected, &shuffled] {
                for keep in [0, 1, MANY - 1, MANY, MANY + 7, len - 1, len, len + 1] {
                    let chosen = select(list.clone(), &SelectionRule::new(1, keep as u32));
                    assert!(
                        chosen == expected[..keep.min(len)],
                        "{len} of up to {pixels} pixels, {keep} kept"
                    );
                }
            }
        }
    }

    /// Adds the colours, some of them by way of parts, and gives what is selected, or how many would be.
    fn best(
        colors: &[ColorCount],
        parts: usize,
        selection: &SelectionRule,
        capacity: usize,
    ) -> Result<Vec<ColorCount>, u64> {
        let mut best = Best::new(selection, capacity);
        for (index, chunk) in colors.chunks(colors.len().div_ceil(parts)).enumerate() {
            if index % 3 == 0 {
                chunk.iter().for_each(|&color| best.add(color).unwrap());
                best.settle();
            } else {
                let mut part = best.part();
                chunk.iter().for_each(|&color| part.add(color).unwrap());
                best.merge(part).unwrap();
            }
        }
        let counts = best.into_counts();
        counts.too_many.map_or(Ok(select(counts.colors, selection)), Err)
    }

    #[test]
    fn the_best_are_kept_or_counted_by_the_room_there_is() {
        let colors: Vec<ColorCount> =
            counts(&(0..1000).map(|i| (i as f32, u64::from(i * 7919_u32 % 50))).collect::<Vec<_>>());
        for min_pixels in [0, 1, 20, 50] {
            for max_count in [0, 1, 5, 100, 599, 600, 5000, u32::MAX] {
                let selection = SelectionRule::new(min_pixels, max_count);
                let expected = select(colors.clone(), &selection);
                for capacity in [0, 1, 70, 599, 600, 601, 5000, usize::MAX] {
                    for parts in [1, 2, 9] {
                        let name = format!("{selection:?}, capacity {capacity}, {parts} parts");
                        match best(&colors, parts, &selection, capacity) {
                            Ok(selected) => assert_eq!(selected, expected, "{name}"),
                            Err(found) => {
                                assert_eq!(found, expected.len() as u64, "{name}");
                                assert!(capacity < max_count as usize, "{name}");
                            }
                        }
                        if expected.len() <= capacity {
                            assert!(best(&colors, parts, &selection, capacity).is_ok(), "{name}");
                        }
                    }
                }
            }
        }
    }
}
