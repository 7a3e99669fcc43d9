//! Pixel counts by colour, in the colours' order.
//!
//! **Problem.** Counts of a million colours are added to, merged, written out in the colours' order and read back. A hash table
//! misses the caches for each colour, and has to be sorted to be written.
//!
//! ```text
//! settled, recent = two lists in the colours' order, no colour in both
//! add many colours, in order: merge all lists to a new settled one
//! add few: search for each, from the place of the one before on; add to its count
//!     those that are new: merge with the recent ones
//!     once these are many, too: merge them with the settled ones
//! ```
//!
//! **Exact.** A colour is in one list, with all its pixels. An error leaves all counts as they were: memory is taken before
//! anything is changed.
//!
//! **Cost.** Linear where parts are large. Of small parts each colour costs a search, and a new one its share of merging: the
//! recent list stays short enough to be moved for each part, and long enough that the settled one is moved rarely. 24 bytes a
//! colour, twice as many while lists are merged.
//!
//! **Prior art.** Merging sorted runs (von Neumann, 1945); searching from the last place on in growing steps (Bentley and Yao,
//! 1976); a small list before a large one, as in log-structured merge trees (O'Neil et al., 1996).

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{try_push, try_with_capacity};
use crate::types::palette::ColorCount;

/// A part with less than one colour for so many has few.
const LARGE_PART: usize = 16;

/// So many recent colours are moved quickly, and of more settled ones a share as small as this.
const RECENT: usize = 1 << 11;
const RECENT_SHARE: usize = 256;

/// Pixel counts by colour.
#[derive(Debug, Default)]
pub(crate) struct SortedCounts {
    settled: Vec<ColorCount>,
    recent: Vec<ColorCount>,
}

/// Where the colours of a small part are.
#[derive(Debug, Default)]
struct Places {
    /// Of those that are there: positions among the settled colours, or behind all of them among the recent ones; and
    /// their pixels.
    known: Vec<(usize, u64)>,
    new: Vec<ColorCount>,
}

impl SortedCounts {
    /// These colours, in their order.
    pub(crate) fn new(colors: Vec<ColorCount>) -> Self {
        Self { settled: colors, recent: Vec::new() }
    }

    /// How many colours there are.
    pub(crate) fn len(&self) -> usize {
        self.settled.len() + self.recent.len()
    }

    /// All colours, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ColorCount> + Clone + '_ {
        let (mut settled, mut recent) = (&self.settled[..], &self.recent[..]);
        std::iter::from_fn(move || {
            let next = match (settled.first(), recent.first()) {
                (Some(one), Some(other)) if one.color < other.color => &mut settled,
                (_, Some(_)) => &mut recent,
                (_, None) => &mut settled,
            };
            let (first, rest) = next.split_first()?;
            *next = rest;
            Some(*first)
        })
    }

    /// A list of all colours, in their order.
    pub(crate) fn list(&self) -> Result<Vec<ColorCount>, Error> {
        merge(&self.settled, &self.recent)
    }

    /// The same as a list, which is made where there is none.
    pub(crate) fn as_list(&self) -> Result<Cow<'_, [ColorCount]>, Error> {
        match self.recent[..] {
            [] => Ok(Cow::Borrowed(&self.settled)),
            _ => self.list().map(Cow::Owned),
        }
    }

    /// Adds colours, which are in their order, if there are not more than `most` then.
    pub(crate) fn add(&mut self, part: Cow<[ColorCount]>, most: usize) -> Result<(), Error> {
        if part.len() * LARGE_PART < self.len() {
            return self.add_few(&part, most);
        }
        if self.len() + part.len() > most {
            let new = self.places(&part)?.new.len();
            check_room(self.len() + new, most)?;
        }
        self.settle()?;
        self.settled = match part {
            Cow::Owned(part) if self.settled.is_empty() => part,
            part => merge(&self.settled, &part)?,
        };
        Ok(())
    }

    /// Adds few colours, as `add`.
    fn add_few(&mut self, part: &[ColorCount], most: usize) -> Result<(), Error> {
        let Places { known, new } = self.places(part)?;
        check_room(self.len() + new.len(), most)?;
        let memory = try_with_capacity(if new.is_empty() { 0 } else { self.recent.len() + new.len() })?;
        let settled = self.settled.len();
        for (place, pixels) in known {
            let entry = match place.checked_sub(settled) {
                None => &mut self.settled[place],
                Some(place) => &mut self.recent[place],
            };
            entry.pixels += pixels;
        }
        if !new.is_empty() {
            self.recent = merge_to(memory, &self.recent, &new);
        }
        if self.recent.len() > RECENT.max(settled / RECENT_SHARE) {
            // The counts are the same without.
            let _ = self.settle();
        }
        Ok(())
    }

    /// Where a part's colours are, which are in their order.
    fn places(&self, part: &[ColorCount]) -> Result<Places, Error> {
        let mut places = Places::default();
        let (mut settled, mut recent) = (0, 0);
        for entry in part {
            settled = search(&self.settled, settled, &entry.color);
            recent = search(&self.recent, recent, &entry.color);
            let is_at = |list: &[ColorCount], place: usize| {
                list.get(place).is_some_and(|found| found.color == entry.color)
            };
            if is_at(&self.settled, settled) {
                try_push(&mut places.known, (settled, entry.pixels))?;
            } else if is_at(&self.recent, recent) {
                try_push(&mut places.known, (self.settled.len() + recent, entry.pixels))?;
            } else {
                try_push(&mut places.new, *entry)?;
            }
        }
        Ok(places)
    }

    /// Makes recent colours settled ones.
    fn settle(&mut self) -> Result<(), Error> {
        if !self.recent.is_empty() {
            self.settled = merge(&self.settled, &self.recent)?;
            self.recent = Vec::new();
        }
        Ok(())
    }
}

impl PartialEq for SortedCounts {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

/// Fails where there are more colours than there may be.
pub(super) fn check_room(colors: usize, most: usize) -> Result<(), Error> {
    if colors <= most {
        return Ok(());
    }
    Err(Error::OutOfMemory(format!(
        "the counts have {colors} colours; options.memory_limit has room for lists of {most}"
    )))
}

/// The first place from `from` on whose colour is not less.
fn search(list: &[ColorCount], from: usize, color: &Color) -> usize {
    let rest = &list[from..];
    let mut reach = 1;
    while rest.get(reach - 1).is_some_and(|entry| entry.color < *color) {
        reach *= 2;
    }
    // Of the places before, at least half are too small.
    let (start, end) = (reach / 2, rest.len().min(reach));
    from + start + rest[start..end].partition_point(|entry| entry.color < *color)
}

/// The colours of two lists, in order; those of both have their sum.
fn merge(one: &[ColorCount], other: &[ColorCount]) -> Result<Vec<ColorCount>, Error> {
    let most = one.len() + other.len();
    let mut merged = merge_to(try_with_capacity(most)?, one, other);
    // Lists of the same image's parts have most colours in common.
    if merged.len() < most / 4 * 3 {
        merged.shrink_to_fit();
    }
    Ok(merged)
}

/// As `merge`, to an empty list that has memory for both.
fn merge_to(mut merged: Vec<ColorCount>, one: &[ColorCount], other: &[ColorCount]) -> Vec<ColorCount> {
    let (mut left, mut right) = (0, 0);
    while left < one.len() && right < other.len() {
        let (mut entry, behind) = (one[left], &other[right]);
        let order = entry.color.cmp(&behind.color);
        // Moves of conditions in place of branches, which colours that come as they like would have mispredicted.
        if order == Ordering::Equal {
            entry.pixels += behind.pixels;
        }
        if order == Ordering::Greater {
            entry = *behind;
        }
        merged.push(entry);
        left += usize::from(order != Ordering::Greater);
        right += usize::from(order != Ordering::Less);
    }
    merged.extend_from_slice(&one[left..]);
    merged.extend_from_slice(&other[right..]);
    merged
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn part(colors: impl Iterator<Item = u32>) -> Vec<ColorCount> {
        let mut part = BTreeMap::new();
        colors.for_each(|color| *part.entry(color).or_insert(0) += 1);
        let entry = |(color, pixels): (u32, u64)| {
            let color = Color::from_canonical_bits([color / 1000, 0, color % 1000, 0]);
            ColorCount { color, pixels }
        };
        part.into_iter().map(entry).collect()
    }

    /// Parts of few and of many colours, known ones and new ones, add up to what a map counts.
    #[test]
    fn parts_of_all_sizes_add_up() {
        let (mut counts, mut expected) = (SortedCounts::default(), BTreeMap::new());
        let mut random = 1u32;
        for round in 0..400 {
            let size = [1, 3, 40, 900, 9000, 0, 2][round % 7];
            let range = [70, 1 << 14, 1 << 20][round / 7 % 3];
            let colors = std::iter::repeat_with(|| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 8) % range
            });
            let part = part(colors.take(size));
            part.iter().for_each(|entry| *expected.entry(entry.color).or_insert(0) += entry.pixels);
            let part = if round % 2 == 0 { Cow::Borrowed(&part[..]) } else { Cow::Owned(part.clone()) };
            // Not one colour more than there is room for, and then nothing is changed.
            let before: Vec<_> = if round % 50 == 0 { counts.iter().collect() } else { Vec::new() };
            if round % 50 == 0 && expected.len() > before.len() {
                let refused = counts.add(part.clone(), expected.len() - 1);
                assert!(matches!(refused, Err(Error::OutOfMemory(_))), "{round}");
                assert!(counts.iter().eq(before), "{round}");
            }
            counts.add(part, expected.len()).unwrap();
            assert_eq!(counts.len(), expected.len(), "{round}");
            let wanted = expected.iter().map(|(&color, &pixels)| ColorCount { color, pixels });
            assert!(counts.iter().eq(wanted.clone()), "{round}");
            assert!(counts.list().unwrap().into_iter().eq(wanted.clone()), "{round}");
            assert!(counts.as_list().unwrap().iter().copied().eq(wanted), "{round}");
            assert!(counts.recent.len() <= RECENT.max(counts.settled.len() / RECENT_SHARE) + 9000);
        }
        assert!(counts.settled.len() > 10 * RECENT, "the sizes make both lists");
    }

    #[test]
    fn searches_from_any_place() {
        let list = part((0..200).map(|color| 3 * color));
        for from in [0, 1, 57, 199, 200] {
            for color in 0..610 {
                let found = search(&list, from, &part(std::iter::once(color))[0].color);
                assert_eq!(found, from.max((color as usize).div_ceil(3).min(200)), "{color} from {from}");
            }
        }
    }
}
