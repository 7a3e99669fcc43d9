//! The label map between counting and masks: per pixel the index of a colour, in tiles that each
//! have the narrowest labels and the dictionary that suits them.

pub(crate) mod mosaic;
mod mosaic_bytes;
pub(crate) mod run_map;
pub(crate) mod runs;

use std::ops::Range;

use bytemuck::allocation::try_zeroed_vec;
use bytemuck::{Pod, Zeroable};

use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_with_capacity, try_zeroed};
use crate::types::outputs::LabelWidth;

/// Pixels of a tile: its labels and its part of a plane stay in a core's caches.
pub(crate) const TILE: usize = 16 * 1024;

/// The labels of a tile. They mean what the tile's dictionary says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Labels<'a> {
    One(&'a [u8]),
    Two(&'a [u16]),
    Four(&'a [u32]),
}

impl<'a> Labels<'a> {
    /// Some of them.
    pub(crate) fn part(self, pixels: Range<usize>) -> Self {
        match self {
            Self::One(labels) => Self::One(&labels[pixels]),
            Self::Two(labels) => Self::Two(&labels[pixels]),
            Self::Four(labels) => Self::Four(&labels[pixels]),
        }
    }

    /// Whether a pixel has this label.
    pub(crate) fn is(self, pixel: usize, label: u32) -> bool {
        match self {
            Self::One(labels) => u32::from(labels[pixel]) == label,
            Self::Two(labels) => u32::from(labels[pixel]) == label,
            Self::Four(labels) => labels[pixel] == label,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(labels) => labels.len(),
            Self::Two(labels) => labels.len(),
            Self::Four(labels) => labels.len(),
        }
    }
}

/// A label map, kept from call to call for its memory.
#[derive(Debug, Default)]
pub(crate) struct LabelMap {
    words: Vec<u32>,
    pixels: usize,
    /// Bytes from one tile's first label to the next tile's.
    tile_bytes: usize,
    tiles: Vec<Tile>,
    /// Per dictionary, per mask, the label of the mask's pixels.
    dictionaries: Vec<Vec<u32>>,
    /// Whether any tile's labels are runs.
    any_runs: bool,
    /// Per dictionary of the tiles, what the labels of runs become when they are decoded to bytes: labels of the last
    /// dictionary. None where no tile has runs, or the masks are too many for bytes.
    decoded: Vec<Vec<u8>>,
    /// Whether each mask's label is its number plus one. Such a dictionary is kept for the next map, which mostly has as many
    /// masks.
    is_uniform: bool,
}

/// How the labels of a tile are to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile {
    pub(crate) form: TileForm,
    pub(crate) dictionary: usize,
}

/// How a tile's labels are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TileForm {
    /// One for each pixel.
    Pixels(LabelWidth),
    /// So many runs.
    Runs(usize),
}

/// Consecutive pixels of a tile that have the same label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct LabelRun {
    pub(crate) label: u16,
    pub(crate) length: u16,
}

const _: () = assert!(TILE <= u16::MAX as usize, "a run's length has two bytes");

/// Writes the labels of runs one by one.
pub(crate) fn decode_runs<T: Copy>(runs: &[LabelRun], labels: &mut [T], label: impl Fn(u16) -> T) {
    let mut start = 0;
    for run in runs {
        fill(&mut labels[start..], run.length.into(), label(run.label));
        start += usize::from(run.length);
    }
}

/// Writes a label so many times, and perhaps a few times more: what is behind is still to be written.
///
/// Whole chunks only: as many branches, of which runs of any length have most mispredicted, are not needed then.
#[inline(always)]
pub(crate) fn fill<T: Copy>(labels: &mut [T], count: usize, label: T) {
    const CHUNK: usize = 64;
    match labels.as_chunks_mut::<CHUNK>().0.get_mut(..count.div_ceil(CHUNK)) {
        Some(chunks) => chunks.iter_mut().for_each(|chunk| *chunk = [label; CHUNK]),
        None => labels[..count].fill(label),
    }
}

/// What a dictionary has for a mask that has no pixel in its tiles.
pub(crate) const NO_LABEL: u32 = u32::MAX;

/// What stands for the mask of a label that is in none.
pub(crate) const NO_MASK: u32 = u32::MAX;

impl LabelMap {
    /// Pixels that there are labels for.
    pub(crate) fn len(&self) -> usize {
        self.pixels
    }

    /// Makes memory for an image of `pixels` pixels with labels of at most the given width, and
    /// returns it, tile by tile.
    pub(crate) fn start(&mut self, pixels: usize, widest: LabelWidth) -> Result<&mut [u8], Error> {
        self.pixels = pixels;
        self.tile_bytes = TILE * widest.bytes();
        self.tiles.clear();
        self.decoded.clear();
        let words = (pixels * widest.bytes()).div_ceil(4);
        if words > self.words.len() {
            self.words = Vec::new();
            // Zeros of the system's: of tiles whose labels are runs most pages are never touched.
            self.words = try_zeroed_vec(words)
                .map_err(|()| Error::OutOfMemory(format!("the label map needs {} bytes", words * 4)))?;
        }
        Ok(&mut bytemuck::cast_slice_mut(&mut self.words)[..pixels * widest.bytes()])
    }

    /// The memory of `start` for labels of this width, as it was filled.
    pub(crate) fn filled(&mut self, width: LabelWidth) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.pixels * width.bytes()]
    }

    /// The labels that it was filled with.
    pub(crate) fn all(&self, width: LabelWidth) -> Labels<'_> {
        let bytes = &bytemuck::cast_slice(&self.words)[..self.pixels * width.bytes()];
        match width {
            LabelWidth::One => Labels::One(bytes),
            LabelWidth::Two => Labels::Two(bytemuck::cast_slice(bytes)),
            LabelWidth::Four => Labels::Four(bytemuck::cast_slice(bytes)),
        }
    }

    /// What the memory of `start` for labels of two bytes was filled with.
    pub(crate) fn fingerprints(&self) -> &[u16] {
        &bytemuck::cast_slice(&self.words)[..self.pixels]
    }

    /// Says how the tiles are to be read, and what the masks' labels are.
    pub(crate) fn finish(&mut self, tiles: Vec<Tile>, dictionaries: Vec<Vec<u32>>) -> Result<(), Error> {
        self.tiles = tiles;
        self.dictionaries = dictionaries;
        self.is_uniform = false;
        self.decoded.clear();
        let mask_count = self.dictionaries.first().map_or(0, Vec::len);
        self.any_runs = self.tiles.iter().any(|tile| matches!(tile.form, TileForm::Runs(_)));
        if self.any_runs && LabelWidth::for_labels_up_to(mask_count) == LabelWidth::One {
            for masks in self.masks_by_label()? {
                let mut decoded = try_with_capacity(masks.len())?;
                // Mask k becomes k + 1, and no mask 0.
                decoded.extend(masks.iter().map(|&mask| mask.wrapping_add(1) as u8));
                self.decoded.push(decoded);
            }
            self.dictionaries.push((1..=mask_count as u32).collect());
        }
        Ok(())
    }

    /// Finishes a map in which all labels have the same width and mask `k` has the label
    /// `k + 1`.
    pub(crate) fn finish_uniform(&mut self, width: LabelWidth, mask_count: usize) -> Result<(), Error> {
        let tiles = self.uniform_tiles(width)?;
        if self.is_uniform && self.dictionaries[0].len() == mask_count {
            (self.tiles, self.any_runs) = (tiles, false);
            return Ok(());
        }
        // Lossless: the number of masks is bounded by a u32.
        let mut dictionary = try_with_capacity(mask_count)?;
        dictionary.extend(1..=mask_count as u32);
        self.finish(tiles, vec![dictionary])?;
        self.is_uniform = true;
        Ok(())
    }

    /// Whether each pixel's label is its mask's number plus one, and 0 where it is in none.
    pub(crate) fn is_uniform(&self) -> bool {
        self.is_uniform
    }

    /// Finishes a map of one-byte labels that are in none of so many masks.
    pub(crate) fn finish_empty(&mut self, mask_count: usize) -> Result<(), Error> {
        let tiles = self.uniform_tiles(LabelWidth::One)?;
        let mut dictionary = try_with_capacity(mask_count)?;
        dictionary.resize(mask_count, NO_LABEL);
        self.finish(tiles, vec![dictionary])
    }

    /// Tiles whose labels are all of the same width.
    fn uniform_tiles(&self, width: LabelWidth) -> Result<Vec<Tile>, Error> {
        let tile = Tile { form: TileForm::Pixels(width), dictionary: 0 };
        try_collect(std::iter::repeat_n(tile, self.pixels.div_ceil(TILE)))
    }

    /// Each tile's labels and how they are to be read.
    pub(crate) fn tiles(&self) -> impl Iterator<Item = KeptTile<'_>> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.words);
        self.tiles.iter().enumerate().map(move |(index, &Tile { form, dictionary })| {
            let len = TILE.min(self.pixels - index * TILE);
            let bytes = &bytes[index * self.tile_bytes..];
            let decoded = match form {
                TileForm::Runs(_) => self.decoded.get(dictionary).map(|decoded| &decoded[..]),
                TileForm::Pixels(_) => None,
            };
            let dictionary = if decoded.is_some() { self.dictionaries.len() - 1 } else { dictionary };
            KeptTile { bytes, form, len, decoded, dictionary, wanted: &self.dictionaries[dictionary] }
        })
    }

    /// The largest label of a mask, 0 where none has any.
    pub(crate) fn largest_label(&self) -> u32 {
        let labels = self.dictionaries.iter().flatten().copied();
        labels.filter(|&label| label != NO_LABEL).max().unwrap_or(0)
    }

    /// A thread's scratch memory to read tiles.
    pub(crate) fn scratch(&self) -> Result<LabelScratch, Error> {
        Ok(LabelScratch { labels: try_zeroed(if self.any_runs { TILE.min(self.pixels) } else { 0 })? })
    }

    /// Per dictionary the mask of each label, or `NO_MASK`; larger labels are in no mask.
    pub(crate) fn masks_by_label(&self) -> Result<Vec<Vec<u32>>, Error> {
        let by_label = |dictionary: &Vec<u32>| {
            let largest = dictionary.iter().copied().filter(|&label| label != NO_LABEL).max();
            let labels = largest.map_or(0, |largest| largest as usize + 1);
            let mut masks = try_with_capacity(labels)?;
            masks.resize(labels, NO_MASK);
            for (mask, &label) in (0..).zip(dictionary) {
                if label != NO_LABEL {
                    masks[label as usize] = mask;
                }
            }
            Ok(masks)
        };
        self.dictionaries.iter().map(by_label).collect()
    }
}

/// A tile as it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptTile<'a> {
    bytes: &'a [u8],
    form: TileForm,
    len: usize,
    decoded: Option<&'a [u8]>,
    dictionary: usize,
    wanted: &'a [u32],
}

/// Scratch memory of a thread: where tiles are decoded to whose labels are kept as runs.
#[derive(Debug)]
pub(crate) struct LabelScratch {
    labels: Vec<u16>,
}

impl<'a> KeptTile<'a> {
    /// How many pixels it has.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Per mask, the label of its pixels.
    pub(crate) fn wanted(&self) -> &'a [u32] {
        self.wanted
    }

    /// How many masks there are.
    pub(crate) fn mask_count(&self) -> usize {
        self.wanted.len()
    }

    /// Which dictionary says what its labels mean.
    pub(crate) fn dictionary(&self) -> usize {
        self.dictionary
    }

    /// Where it is kept as runs: the label of each, in the words of its dictionary, and its pixels.
    pub(crate) fn runs(&self) -> Option<impl Iterator<Item = (u16, usize)> + use<'a>> {
        let TileForm::Runs(runs) = self.form else { return None };
        let runs: &[LabelRun] = bytemuck::cast_slice(&self.bytes[..runs * size_of::<LabelRun>()]);
        let decoded = self.decoded;
        Some(runs.iter().map(move |run| {
            let label = match decoded {
                Some(decoded) => u16::from(decoded.get(usize::from(run.label)).copied().unwrap_or(0)),
                None => run.label,
            };
            (label, usize::from(run.length))
        }))
    }

    /// Its labels, one for each pixel.
    pub(crate) fn read<'r>(&self, scratch: &'r mut LabelScratch) -> LabelledTile<'r>
    where
        'a: 'r,
    {
        let Self { bytes, form, len, decoded, dictionary, wanted } = *self;
        let labels = match form {
            TileForm::Pixels(LabelWidth::One) => Labels::One(&bytes[..len]),
            TileForm::Pixels(LabelWidth::Two) => Labels::Two(bytemuck::cast_slice(&bytes[..2 * len])),
            TileForm::Pixels(LabelWidth::Four) => Labels::Four(bytemuck::cast_slice(&bytes[..4 * len])),
            TileForm::Runs(runs) => {
                let runs: &[LabelRun] = bytemuck::cast_slice(&bytes[..runs * size_of::<LabelRun>()]);
                match decoded {
                    Some(decoded) => {
                        let labels: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut scratch.labels)[..len];
                        labels.fill(0);
                        let mut start = 0;
                        for run in runs {
                            // Most are in no mask, as are larger labels.
                            let label = decoded.get(usize::from(run.label)).copied().unwrap_or(0);
                            if label != 0 {
                                labels[start..start + usize::from(run.length)].fill(label);
                            }
                            start += usize::from(run.length);
                        }
                        Labels::One(labels)
                    }
                    None => {
                        decode_runs(runs, &mut scratch.labels, |label| label);
                        Labels::Two(&scratch.labels[..len])
                    }
                }
            }
        };
        LabelledTile { labels, dictionary, wanted }
    }
}

/// The labels of a tile, and how they are to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LabelledTile<'a> {
    pub(crate) labels: Labels<'a>,
    /// Its dictionary's position.
    pub(crate) dictionary: usize,
    /// Per mask, the label of its pixels.
    pub(crate) wanted: &'a [u32],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_leave_the_largest_number_free() {
        for (largest, bytes) in [(0, 1), (254, 1), (255, 2), (65_534, 2), (65_535, 4)] {
            assert_eq!(LabelWidth::for_labels_up_to(largest).bytes(), bytes, "{largest}");
        }
    }
}
