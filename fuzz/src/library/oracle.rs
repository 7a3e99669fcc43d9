//! What a call must give, from the header's words alone. It shares no code with the library.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::c::Entry;
use super::case::Case;

type Key = [u32; 4];

/// A mask's colour; none where an image of a batch has fewer than others.
pub struct Answer {
    pub mask_count: usize,
    /// By image, then by mask.
    pub colors: Vec<Vec<Option<[f32; 4]>>>,
    /// 0, or the mask plus one: of all pixels of the rectangle, image by image.
    pub labels: Vec<u32>,
    pub width: usize,
    pub height: usize,
    /// Of the image.
    format: u32,
}

/// A pixel's colour under the case's settings.
fn key(case: &Case, pixel: [f32; 4]) -> Option<Key> {
    let channels = case.image.channels as usize;
    let mut colored = channels;
    if case.params.alpha != 0 {
        colored = channels - 1;
        let alpha = pixel[colored];
        // Not "less than", which a NaN is not.
        if case.params.alpha == 2
            && !matches!(
                alpha.partial_cmp(&case.params.least_alpha),
                Some(Ordering::Greater | Ordering::Equal)
            )
        {
            return None;
        }
    }
    let mut key = [0; 4];
    for (bits, value) in key.iter_mut().zip(&pixel[..colored]) {
        if case.has_ids() {
            *bits = value.to_bits();
            continue;
        }
        if value.is_nan() {
            return None;
        }
        let value = match (case.params.matching, case.image.format) {
            (0, _) | (_, 3) => *value,
            (_, 2) => (f64::from(*value) / 257.0).round() as f32 * 257.0,
            _ => (value.clamp(0.0, 1.0) * 255.0).round_ties_even() / 255.0,
        };
        *bits = if value == 0.0 { 0 } else { value.to_bits() };
    }
    // Alpha lies behind the colour, wherever that ends.
    if channels == 2 && colored == 2 {
        key = [key[0], key[1], 0, 0];
    }
    Some(key)
}

fn floats(key: Key) -> [f32; 4] {
    key.map(f32::from_bits)
}

/// The values of a colour as the image stores them.
fn values(key: &Key, format: u32) -> [f64; 4] {
    // Twice the precision, where no subnormal is flushed, and no integer rounded.
    key.map(|bits| match format {
        4 => f64::from(bits),
        5 => f64::from(bits.cast_signed()),
        _ => f64::from(f32::from_bits(bits)),
    })
}

/// Colours and their numbers of pixels, in the order of masks.
fn counted(pixels: &[Option<Key>], format: u32) -> Vec<(Key, u64)> {
    let mut counts = BTreeMap::new();
    for key in pixels.iter().flatten() {
        *counts.entry(*key).or_insert(0u64) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    let order = |a: &Key, b: &Key| values(a, format).partial_cmp(&values(b, format)).unwrap();
    counts.sort_by(|(a, a_pixels), (b, b_pixels)| b_pixels.cmp(a_pixels).then(order(a, b)));
    counts
}

/// All colours of the case as a palette would give them: as values, or ids as they are stored.
pub fn all_colors(case: &Case) -> Vec<[f32; 4]> {
    let keys: Vec<_> = case.values().into_iter().map(|pixel| key(case, pixel)).collect();
    counted(&keys, case.image.format).into_iter().map(|(key, _)| floats(key)).collect()
}

fn given(memory: &Option<super::guarded::Guarded>) -> Option<Vec<Key>> {
    let bytes = memory.as_ref()?.bytes();
    let word = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
    let color =
        |bytes: &[u8]| [word(&bytes[..4]), word(&bytes[4..8]), word(&bytes[8..12]), word(&bytes[12..])];
    Some(bytes.chunks(16).map(color).collect())
}

pub fn answer(case: &Case) -> Answer {
    let [_, _, width, height] = case.rectangle();
    let keys: Vec<_> = case.values().into_iter().map(|pixel| key(case, pixel)).collect();
    let plane = width * height;
    let images = case.images();
    let palette = given(&case.palette);
    let ignored = given(&case.ignored).unwrap_or_default();
    let select = |pixels: &[Option<Key>]| -> Vec<Key> {
        if let Some(palette) = &palette {
            return palette.clone();
        }
        let mut chosen = counted(pixels, case.image.format);
        chosen.retain(|(key, pixels)| *pixels >= case.params.min_pixels.max(1) && !ignored.contains(key));
        chosen.truncate(case.params.max_count as usize);
        chosen.into_iter().map(|(key, _)| key).collect()
    };
    let chosen: Vec<Vec<Key>> = match case.params.batch {
        2 => keys.chunks(plane).map(select).collect(),
        1 => vec![select(&keys[..plane]); images],
        _ => vec![select(&keys); images],
    };
    let mask_count = chosen.iter().map(Vec::len).max().unwrap_or(0);
    let labels = keys
        .chunks(plane)
        .zip(&chosen)
        .flat_map(|(pixels, chosen)| {
            let label = |key: &Key| chosen.iter().position(|of| of == key).map_or(0, |mask| mask as u32 + 1);
            pixels.iter().map(move |pixel| pixel.as_ref().map_or(0, label))
        })
        .collect();
    let colors = chosen
        .iter()
        .map(|chosen| (0..mask_count).map(|mask| chosen.get(mask).copied().map(floats)).collect())
        .collect();
    Answer { mask_count, colors, labels, width, height, format: case.image.format }
}

impl Answer {
    pub fn labels_of(&self, image: usize) -> &[u32] {
        let plane = self.width * self.height;
        &self.labels[image * plane..(image + 1) * plane]
    }

    /// A mask's entry, but for `mask_offset`.
    pub fn entry(&self, mask: usize, image: usize) -> Entry {
        // SAFETY: all zeros are an entry.
        let mut entry: Entry = unsafe { std::mem::zeroed() };
        let color = self.colors[image][mask].unwrap_or_default();
        entry.color = values(&color.map(f32::to_bits), self.format).map(|value| value as f32);
        entry.stored = color.map(|value| match self.format {
            0 | 4 | 5 => value.to_bits(),
            1 => half::f16::from_f32(value).to_bits().into(),
            _ => value as u32,
        });
        let (mut sum_x, mut sum_y, mut right, mut bottom) = (0u64, 0u64, 0, 0);
        for (index, _) in
            self.labels_of(image).iter().enumerate().filter(|(_, label)| **label == mask as u32 + 1)
        {
            let (x, y) = ((index % self.width) as u32, (index / self.width) as u32);
            if entry.pixel_count == 0 {
                (entry.first_x, entry.first_y, entry.left, entry.top) = (x, y, x, y);
            }
            entry.pixel_count += 1;
            entry.left = entry.left.min(x);
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
            sum_x += u64::from(x);
            sum_y += u64::from(y);
        }
        if entry.pixel_count > 0 {
            (entry.width, entry.height) = (right - entry.left, bottom - entry.top);
            entry.centroid_x = sum_x as f64 / entry.pixel_count as f64;
            entry.centroid_y = sum_y as f64 / entry.pixel_count as f64;
        }
        entry
    }

    /// A row of a mask as it is stored.
    pub fn mask_row(
        &self,
        mask: usize,
        image: usize,
        columns: std::ops::Range<usize>,
        row: usize,
        format: u32,
    ) -> Vec<u8> {
        let labels = &self.labels_of(image)[row * self.width..][columns];
        let inside = labels.iter().map(|label| *label == mask as u32 + 1);
        match format {
            1 => inside.map(|inside| if inside { 255 } else { 0 }).collect(),
            2 => inside.map(u8::from).collect(),
            3 => labels
                .chunks(8)
                .map(|labels| {
                    let bit =
                        |(place, label): (usize, &u32)| u8::from(*label == mask as u32 + 1) << (7 - place);
                    labels.iter().enumerate().map(bit).sum()
                })
                .collect(),
            _ => inside.flat_map(|inside| f32::from(u8::from(inside)).to_ne_bytes()).collect(),
        }
    }
}
