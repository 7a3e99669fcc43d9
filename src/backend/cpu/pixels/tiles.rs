//! The pixels of a part of the image: the caller's own words, or read where they are needed.

use std::ops::Range;

use crate::backend::cpu::pixels::compare::CompareBytes;
use crate::backend::cpu::pixels::pieces::{Piece, STORED_WORDS};
use crate::backend::cpu::pixels::prefetch::prefetch;
use crate::backend::cpu::pixels::stored_runs::{RunEnds, StoredPieces};
use crate::backend::cpu::pixels::word_runs::WordPieces;
use crate::backend::cpu::tables::key::Key;
use crate::color::WordKind;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::input::shuffle::{RegisterReader, ShuffleBytes};
use crate::labels::TILE;
use crate::runtime::alloc::try_with_capacity;

/// Tokens of levels at which pixels can be read and split into pieces.
pub(crate) trait PixelCode: CompareBytes + ShuffleBytes {}

impl<L: CompareBytes + ShuffleBytes> PixelCode for L {}

/// An image whose pixels have `C` words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles<'a, const C: usize> {
    source: TileSource<'a, C>,
    /// What the words stand for.
    kind: WordKind,
}

#[derive(Clone, Copy, Debug)]
enum TileSource<'a, const C: usize> {
    /// The pixels are such words.
    Words(&'a [[u32; C]]),
    /// They lie side by side, so many bytes each. Equal ones are told before they are made words.
    Stored(&'a Pixels<'a>, usize),
    /// The same, but each channel has a plane of its own, with so many bytes for a pixel.
    Planes(&'a Pixels<'a>, usize),
    Read(&'a Pixels<'a>),
}

/// Where a thread reads pixels to.
#[derive(Debug)]
pub(crate) struct TileScratch<const C: usize> {
    /// A tile's, where whole tiles are read.
    tile: Vec<[u32; C]>,
    block: [[u32; C]; STORED_WORDS],
    ends: RunEnds,
}

/// Pixels of a block of which some are wanted.
pub(crate) const BLOCK: usize = 64;

impl<'a, const C: usize> Tiles<'a, C> {
    /// `C` is the number of words that a pixel has.
    pub(crate) fn new(pixels: &'a Pixels) -> Self {
        let source = match (pixels.words(), pixels.stored_bytes(), pixels.plane_bytes()) {
            (Some(words), ..) => TileSource::Words(words.as_chunks().0),
            (_, Some(bytes), _) => TileSource::Stored(pixels, bytes),
            (.., Some(bytes)) => TileSource::Planes(pixels, bytes),
            _ => TileSource::Read(pixels),
        };
        Self { source, kind: pixels.encoding().word_kind() }
    }

    /// What the words stand for.
    #[inline(always)]
    pub(crate) fn kind(&self) -> WordKind {
        self.kind
    }

    /// How many pixels there are.
    pub(crate) fn len(&self) -> usize {
        match self.source {
            TileSource::Words(pixels) => pixels.len(),
            TileSource::Stored(pixels, _) | TileSource::Planes(pixels, _) | TileSource::Read(pixels) => {
                pixels.grid().len()
            }
        }
    }

    /// The key of a pixel's colour, or `None` where it has none.
    #[inline(always)]
    pub(crate) fn key(&self, pixel: &[u32; C]) -> Option<Key> {
        match self.source {
            TileSource::Stored(pixels, _) | TileSource::Planes(pixels, _) | TileSource::Read(pixels)
                if pixels.is_packed() =>
            {
                pixels.unpack(pixel).map(|words| Key::of_canonical(&words, self.kind))
            }
            _ => Key::of_pixel(pixel, self.kind),
        }
    }

    /// Whether pixels are numbers of 24 bits; those without a colour are larger ones.
    pub(crate) fn are_24_bits(&self) -> bool {
        match self.source {
            TileSource::Words(_) => false,
            TileSource::Stored(pixels, _) | TileSource::Planes(pixels, _) | TileSource::Read(pixels) => {
                C == 1 && pixels.encoding().value_bits().is_some() && !pixels.is_packed()
            }
        }
    }

    /// A thread's scratch memory.
    pub(crate) fn scratch(&self) -> Result<TileScratch<C>, Error> {
        let mut tile = Vec::new();
        if let TileSource::Read(_) = self.source {
            tile = try_with_capacity(TILE)?;
            tile.resize(TILE, [0; C]);
        }
        Ok(TileScratch { tile, block: [[0; C]; STORED_WORDS], ends: RunEnds::new() })
    }

    /// The pieces of at most a tile, from its start on.
    #[inline(always)]
    pub(crate) fn pieces<'r, L: PixelCode>(
        &self,
        level: L,
        tile: Range<usize>,
        scratch: &'r mut TileScratch<C>,
    ) -> TilePieces<'a, 'r, C, L>
    where
        'a: 'r,
    {
        let TileScratch { tile: whole, block, ends } = scratch;
        let mut words: &[[u32; C]] = &[];
        let (mut stored, mut reader, mut planar) = (None, None, false);
        match self.source {
            TileSource::Words(pixels) => words = &pixels[tile],
            TileSource::Read(pixels) => {
                let read = &mut whole[..tile.len()];
                pixels.read(tile.start, read.as_flattened_mut());
                words = read;
            }
            TileSource::Stored(pixels, stride) => {
                stored = Some((pixels, stride, tile));
                reader = pixels.register_reader::<L>();
            }
            TileSource::Planes(pixels, bytes) => {
                stored = Some((pixels, bytes, tile));
                planar = true;
            }
        }
        let row = StoredPieces::new(level, [&[]; 4], 1, 1);
        let pieces = WordPieces::new(words);
        let read_ahead = ReadAhead::default();
        TilePieces {
            words,
            pieces,
            stored,
            reader,
            planar,
            read_ahead,
            level,
            row,
            first: 0,
            row_first: 0,
            block,
            ends,
        }
    }

    /// Asks for pixels that will be wanted: a bit for each pixel of the block that begins with `first`.
    #[inline(always)]
    pub(crate) fn ask_for(&self, first: usize, wanted: u64) {
        if let TileSource::Words(pixels) = self.source {
            for index in ones(wanted) {
                prefetch::<4>(pixels.as_ptr().wrapping_add(first + index).cast());
            }
        }
    }

    /// Calls `each` with the position and the pixel of those that are wanted: a bit for each pixel of the block that
    /// begins with `first`.
    #[inline(always)]
    pub(crate) fn for_each_wanted<E>(
        &self,
        first: usize,
        wanted: u64,
        mut each: impl FnMut(usize, &[u32; C]) -> Result<(), E>,
    ) -> Result<(), E> {
        if wanted == 0 {
            return Ok(());
        }
        let mut read = [[0; C]; BLOCK];
        let block = match self.source {
            TileSource::Words(pixels) => &pixels[first..],
            TileSource::Stored(pixels, _) | TileSource::Planes(pixels, _) | TileSource::Read(pixels) => {
                // So many are read at a time at most.
                const STEP: usize = 4;
                let from = wanted.trailing_zeros() as usize / STEP * STEP;
                let to =
                    (BLOCK - wanted.leading_zeros() as usize).next_multiple_of(STEP).min(self.len() - first);
                pixels.read(first + from, read[from..to].as_flattened_mut());
                &read
            }
        };
        ones(wanted).try_for_each(|index| each(first + index, &block[index]))
    }
}

/// Consecutive pieces of a tile.
///
/// No `Iterator`, since the pixels may be read to the same memory each time; nor does it call a closure, to which the compiler
/// would not give the vector instructions that its caller may use.
#[derive(Debug)]
pub(crate) struct TilePieces<'a, 'r, const C: usize, L> {
    words: &'r [[u32; C]],
    pieces: WordPieces<'r, C>,
    /// Else the pixels as they are stored, the bytes of each, and those that are still to come.
    stored: Option<(&'a Pixels<'a>, usize, Range<usize>)>,
    reader: Option<RegisterReader>,
    /// Whether the pixels are stored in planes.
    planar: bool,
    read_ahead: ReadAhead,
    level: L,
    row: StoredPieces<'a, L>,
    /// The row's first pixel in the tile, and in the image.
    first: usize,
    row_first: usize,
    block: &'r mut [[u32; C]; STORED_WORDS],
    ends: &'r mut RunEnds,
}

/// Consecutive runs.
#[derive(Debug)]
pub(crate) struct StoredRuns<'r, const C: usize, L> {
    /// The first one's position in the tile, and in its row.
    first: usize,
    start: usize,
    /// Their last pixels in the row.
    ends: &'r [u32],
    /// The row.
    row: &'r StoredPieces<'r, L>,
    level: L,
    /// None where the pixels are stored in planes.
    reader: Option<RegisterReader>,
    pixels: &'r Pixels<'r>,
    /// The row's first pixel in the image.
    row_first: usize,
}

impl<const C: usize, L: PixelCode> Iterator for StoredRuns<'_, C, L> {
    type Item = (usize, usize, [u32; C]);

    /// A run's position in the tile, its length and its colour.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (&end, rest) = self.ends.split_first()?;
        let (first, start) = (self.first, self.start);
        let length = end as usize + 1 - start;
        (self.first, self.start, self.ends) = (first + length, start + length, rest);
        let mut pixel = [0; C];
        if let Some(reader) = self.reader {
            let stored = self.row.from(start);
            match reader.read(self.level, stored) {
                Some(words) => pixel = std::array::from_fn(|word| words[word]),
                None => self.pixels.read_one_stored(stored, &mut pixel),
            }
        } else {
            self.pixels.read(self.row_first + start, &mut pixel);
        }
        Some((first, length, pixel))
    }
}

/// Pixels that are stored in planes are read more than one piece at a time where pieces of mixed pixels follow each other:
/// each reading begins anew in each plane.
#[derive(Debug, Default)]
struct ReadAhead {
    /// The pixels of the row that are in the block.
    read: Range<usize>,
    /// Whether the last piece was one of mixed pixels.
    is_mixed: bool,
}

impl ReadAhead {
    /// Where in the block a piece's pixels are, which are read if they are not there. `left` is how many pixels the row has
    /// from the piece on.
    #[inline(always)]
    fn find<const C: usize>(
        &mut self,
        (start, piece): (usize, Piece),
        left: usize,
        block: &mut [[u32; C]; STORED_WORDS],
        read: impl FnOnce(&mut [[u32; C]]),
    ) -> Range<usize> {
        let was_mixed = std::mem::replace(&mut self.is_mixed, matches!(piece, Piece::Literal(_)));
        let end = start + piece.looked_at();
        if start < self.read.start || end > self.read.end {
            let ahead = if self.is_mixed && was_mixed { STORED_WORDS.min(left) } else { piece.looked_at() };
            self.read = start..start + ahead;
            read(&mut block[..ahead]);
        }
        start - self.read.start..end - self.read.start
    }
}

impl<const C: usize, L: PixelCode> TilePieces<'_, '_, C, L> {
    /// Runs, if there are some next that can be told quickly; else there may be, too.
    #[inline(always)]
    pub(crate) fn runs(&mut self) -> Option<StoredRuns<'_, C, L>> {
        let Some((pixels, ..)) = &self.stored else { return None };
        if self.reader.is_none() && !self.planar {
            return None;
        }
        let (start, ends) = self.row.runs(self.ends)?;
        Some(StoredRuns {
            first: self.first + start,
            start,
            ends,
            row: &self.row,
            level: self.level,
            reader: self.reader,
            pixels,
            row_first: self.row_first,
        })
    }

    /// The next piece: its position in the tile, what it is, and its pixels, of a run the first one.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<(usize, Piece, &[[u32; C]])> {
        let Some((pixels, stride, rest)) = &mut self.stored else {
            let (start, piece) = self.pieces.next()?;
            return Some((start, piece, &self.words[start..start + piece.looked_at()]));
        };
        let (start, piece) = match self.row.next() {
            Some(piece) => piece,
            None if rest.start == rest.end => return None,
            None => {
                self.first += self.row.len();
                self.row_first = rest.start;
                let planes = match self.planar {
                    true => pixels.stored_planes(rest),
                    false => [pixels.stored_row(rest), &[], &[], &[]],
                };
                self.row = StoredPieces::new(self.level, planes, *stride, STORED_WORDS / C);
                self.read_ahead = ReadAhead::default();
                self.row.next()?
            }
        };
        if self.planar {
            let (row_first, left) = (self.row_first, self.row.len() - start);
            let read = |block: &mut [[u32; C]]| pixels.read(row_first + start, block.as_flattened_mut());
            let found = self.read_ahead.find((start, piece), left, self.block, read);
            return Some((self.first + start, piece, &self.block[found]));
        }
        let read = &mut self.block[..piece.looked_at()];
        let stored = self.row.from(start);
        match piece {
            Piece::Run(_) => {
                if let Some(reader) = self.reader
                    && let Some(words) = reader.read(self.level, stored)
                {
                    read[0] = std::array::from_fn(|word| words[word]);
                } else {
                    pixels.read_one_stored(stored, &mut read[0]);
                }
            }
            Piece::Literal(_) => pixels.read_stored(stored, read),
        }
        Some((self.first + start, piece, read))
    }
}

/// The positions of the bits that are set.
#[inline(always)]
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (index < 64).then_some(index)
    })
}

#[cfg(test)]
impl<'a, const C: usize> From<&'a [[u32; C]]> for Tiles<'a, C> {
    fn from(pixels: &'a [[u32; C]]) -> Self {
        Self { source: TileSource::Words(pixels), kind: WordKind::Floats }
    }
}

/// A range's parts of at most a tile, from its start on.
pub(crate) fn tiles_of(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = range;
    (start..end).step_by(TILE).map(move |first| first..end.min(first + TILE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::simd::{Simd, Work, at_each_level};
    use crate::types::geometry::Shape;
    use crate::types::image::{ChannelOrder, ColorMap, Format, Layout};
    use crate::types::matching::{Alpha, Matching};

    /// Pixels are what `Pixels::read` gives, whichever way they are taken, at every level.
    fn check<const C: usize>(pixels: &Pixels, name: &str) {
        at_each_level(|level| {
            let name = &format!("{name}, {level:?}");
            Simd::current().run(Check::<C> { pixels, name });
        });
    }

    struct Check<'a, const C: usize> {
        pixels: &'a Pixels<'a>,
        name: &'a str,
    }

    impl<L: PixelCode, const C: usize> Work<L, ()> for Check<'_, C> {
        fn run(self, level: L) {
            check_at::<C, L>(level, self.pixels, self.name);
        }
    }

    fn check_at<const C: usize, L: PixelCode>(level: L, pixels: &Pixels, name: &str) {
        let tiles = Tiles::<C>::new(pixels);
        let mut wanted = vec![[0; C]; tiles.len()];
        pixels.read(0, wanted.as_flattened_mut());
        let mut scratch = tiles.scratch().unwrap();
        let len = tiles.len();
        for tile in [0..len, 0..1, 2..len - 1, len - 1..len, 1..1] {
            for asks_for_runs in [false, true] {
                let mut found = Vec::new();
                let mut pieces = tiles.pieces(level, tile.clone(), &mut scratch);
                loop {
                    if asks_for_runs && let Some(runs) = pieces.runs() {
                        for (start, length, pixel) in runs {
                            assert_eq!(start, found.len(), "{name}");
                            found.resize(start + length, pixel);
                        }
                    }
                    let Some((start, piece, pixels)) = pieces.next() else { break };
                    assert_eq!(start, found.len(), "{name}");
                    match piece {
                        Piece::Run(length) => found.resize(start + length, pixels[0]),
                        Piece::Literal(length) => found.extend(&pixels[..length]),
                    }
                }
                assert_eq!(found, wanted[tile.clone()], "{name}");
            }
        }
        if tiles.len() < BLOCK + 2 {
            return;
        }
        let last = tiles.len() - 21;
        for (first, bits) in
            [(2, 1), (2, 1 << 33 | 1 << 7), (2, 0), (2, u64::MAX), (last, 1 << 20 | 1 << 9), (last, 1 << 18)]
        {
            let mut found = Vec::new();
            let each = |index: usize, pixel: &[u32; C]| {
                assert_eq!(*pixel, wanted[index], "{name}, {bits:x}");
                found.push(index);
                Ok::<(), ()>(())
            };
            tiles.for_each_wanted(first, bits, each).unwrap();
            assert!(found.iter().copied().eq(ones(bits).map(|index| index + first)), "{name}, {bits:x}");
        }
    }

    /// Images of one pixel, whose channels lie as near together as interleaved ones, but not side by side.
    #[test]
    fn planes_of_one_pixel() {
        let bytes: Vec<u8> = (1..100).collect();
        let layout = Layout {
            format: Format::F32,
            planar: true,
            pixel_stride: 8,
            plane_stride: 5,
            image_count: 4,
            ..Layout::default()
        };
        let map = ColorMap::with_layout(&bytes, Shape::new(1, 1, 2).unwrap(), &layout).unwrap();
        let pixels = Pixels::new(&map, Matching::Exact, Alpha::Color).unwrap();
        assert_eq!(pixels.stored_bytes(), None);
        check::<2>(&pixels, "planes");
    }

    #[test]
    fn pixels_are_the_same_however_they_are_stored() {
        // Runs of all lengths up to a few blocks, which end anywhere in a row, and single pixels; some halves are NaN.
        let mut values = Vec::new();
        for run in 0..400usize {
            let length = [1, 1, 2, 30, run % 70, 3 * run][run % 6];
            values.extend(std::iter::repeat_n((run * 37 % 251) as u8, length));
        }
        for format in [Format::U8, Format::U16, Format::F16, Format::F32] {
            for channels in 1..=4 {
                for (width, gap, bottom_up) in
                    [(1, 0, false), (7, 0, false), (83, 3, true), (400, 0, true), (400, 1, false)]
                {
                    let size = format.bytes();
                    let pixel = size * channels as usize;
                    let height = if width == 1 { 120 } else { 20 };
                    let row = width * pixel + gap * size;
                    // Each value's bytes are the same but for the last channel's, which change more rarely.
                    let bytes: Vec<u8> = (0..height * row)
                        .map(|byte| values[byte / pixel % values.len() / (1 + byte / size % 2)])
                        .collect();
                    let layout = Layout {
                        format,
                        row_stride: if bottom_up { -(row as isize) } else { row as isize },
                        ..Layout::default()
                    };
                    let shape = Shape::new(width as u32, height as u32, channels).unwrap();
                    // A colour that begins behind a pixel's first byte, too.
                    let (layout, alpha) = match gap {
                        0 if channels == 4 => {
                            (Layout { order: ChannelOrder::Argb, ..layout }, Alpha::Ignored)
                        }
                        _ => (layout, Alpha::Color),
                    };
                    let map = ColorMap::with_layout(&bytes, shape, &layout).unwrap();
                    let maps = [
                        Some(map),
                        map.crop(0, 3, width as u32, height as u32 - 3).ok(),
                        map.crop(2, 0, 5, 15).ok(),
                    ];
                    for map in maps.into_iter().flatten().filter(|map| map.shape().plane() >= 70) {
                        let pixels = Pixels::new(&map, Matching::Exact, alpha).unwrap();
                        let name = format!("{format:?}, {:?}, {layout:?}", map.shape());
                        match pixels.encoding().words() {
                            1 => check::<1>(&pixels, &name),
                            2 => check::<2>(&pixels, &name),
                            3 => check::<3>(&pixels, &name),
                            _ => check::<4>(&pixels, &name),
                        }
                    }
                }
            }
        }
    }
}
