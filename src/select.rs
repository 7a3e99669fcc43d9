//! Which colours get a mask, and in which order. No backend decides any of this.

use std::cmp::Ordering;

use crate::error::Error;
use crate::params::Params;
use crate::pipeline::ColorCount;

/// The colours with enough pixels, most frequent first, equal counts by colour, at most
/// `max_count` of them.
pub(crate) fn select(mut counts: Vec<ColorCount>, params: &Params) -> Vec<ColorCount> {
    counts.retain(|entry| entry.pixels >= params.min_pixels.max(1));
    let keep = params.max_count as usize;
    if counts.len() > keep {
        // Sorting all of a photo's colours to keep five would cost more than counting them.
        counts.select_nth_unstable_by(keep, order);
        counts.truncate(keep);
    }
    counts.sort_unstable_by(order);
    counts
}

/// The best colours of a long list that is never held as a whole.
#[derive(Debug)]
pub(crate) struct Best {
    params: Params,
    /// All that `params` may select so far, and some more.
    colors: Vec<ColorCount>,
    /// The last of `max_count` colours: what does not come before it is not selected.
    worst: Option<ColorCount>,
}

impl Best {
    pub(crate) fn new(params: &Params) -> Self {
        let params = Params { min_pixels: params.min_pixels.max(1), ..*params };
        Self { params, colors: Vec::new(), worst: None }
    }

    /// No colour with fewer pixels is selected.
    pub(crate) fn bar(&self) -> u64 {
        self.worst.map_or(self.params.min_pixels, |worst| worst.pixels)
    }

    /// The settings, with the bar as `min_pixels`.
    pub(crate) fn params(&self) -> Params {
        Params { min_pixels: self.bar(), ..self.params }
    }

    #[inline]
    pub(crate) fn add(&mut self, found: ColorCount) -> Result<(), Error> {
        if found.pixels < self.bar() || self.worst.is_some_and(|worst| order(&found, &worst).is_ge()) {
            return Ok(());
        }
        self.keep(found)
    }

    fn keep(&mut self, found: ColorCount) -> Result<(), Error> {
        if self.colors.len() == self.colors.capacity() {
            let colors = self.colors.len() + 1;
            self.colors
                .try_reserve(1)
                .map_err(|_| Error::OutOfMemory(format!("the best {colors} colours")))?;
        }
        self.colors.push(found);
        if self.colors.len() >= (self.params.max_count as usize).saturating_mul(2).max(64) {
            self.settle();
        }
        Ok(())
    }

    /// Drops what is not selected, and raises the bar.
    pub(crate) fn settle(&mut self) {
        if self.colors.len() >= self.params.max_count as usize {
            self.colors = select(std::mem::take(&mut self.colors), &self.params);
            self.worst = self.colors.last().copied();
        }
    }

    /// All that is to be selected, in any order.
    pub(crate) fn into_colors(self) -> Vec<ColorCount> {
        self.colors
    }
}

#[inline]
fn order(a: &ColorCount, b: &ColorCount) -> Ordering {
    b.pixels.cmp(&a.pixels).then_with(|| a.color.cmp(&b.color))
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
        let chosen = select(counts(entries), &Params { min_pixels, max_count });
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
}
