//! Stage label: each pixel's label.

use std::convert::Infallible;
use std::ops::Range;

use crate::backend::cpu::many::{FingerprintSet, Fingerprints, fingerprint};
use crate::backend::cpu::part::PartColors;
use crate::backend::cpu::pixels::pieces::Piece;
use crate::backend::cpu::pixels::tiles::{PixelCode, TileScratch, Tiles, tiles_of};
use crate::backend::cpu::tables::color_table::ColorTable;
use crate::backend::cpu::tables::key::{Hasher, Key};
use crate::backend::cpu::tables::number_table::NumberTable;
use crate::color::WordKind;
use crate::error::Error;
use crate::labels::{LabelMap, NO_LABEL, TILE, Tile};
use crate::runtime::alloc::{try_collect, try_zeroed};
use crate::runtime::call::ProgressSpan;
use crate::runtime::simd::{Simd, Work};
use crate::runtime::threads::{Queue, Threads};
use crate::types::outputs::LabelWidth;
use crate::types::palette::ColorCount;

/// Reads the colour indices that the stage count has left as labels: per part, the palette's colours have
/// other ones.
pub(crate) fn label_counted(
    parts: &[PartColors],
    palette: &[ColorCount],
    labels: &mut LabelMap,
) -> Result<(), Error> {
    let label = |part: &PartColors, entry: &ColorCount| match part.table.find(Key::of_color(&entry.color)) {
        0 => NO_LABEL,
        index => index,
    };
    let dictionaries = parts
        .iter()
        .map(|part| try_collect(palette.iter().map(|entry| label(part, entry))))
        .collect::<Result<_, Error>>()?;
    let mut tiles = try_collect(parts.iter().enumerate().flat_map(|(dictionary, part)| {
        part.tiles.iter().map(move |&(index, form)| (index, Tile { form, dictionary }))
    }))?;
    tiles.sort_unstable_by_key(|&(index, _)| index);
    labels.finish(try_collect(tiles.into_iter().map(|(_, tile)| tile))?, dictionaries)
}

/// Memory for the labels of a part of the image.
pub(crate) struct Band<'a> {
    pub(crate) labels: &'a mut LabelMap,
    /// Pixels of the part; a multiple of `TILE`.
    pub(crate) pixels: usize,
}

/// A tile and memory for its labels.
struct Unlabelled<'a> {
    pixels: Range<usize>,
    labels: &'a mut [u8],
}

/// Looks each pixel's colour up in the palette, band by band. Where pixels have `fingerprints`, only those are
/// looked at whose fingerprint is that of a colour.
pub(crate) fn label<const C: usize>(
    pixels: Tiles<C>,
    palette: &[ColorCount],
    fingerprints: Option<Fingerprints>,
    band: Band,
    seed: u64,
    threads: &Threads,
    labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
) -> Result<(), Error> {
    let labeler = Labeler::new(pixels, palette, fingerprints, seed)?;
    let Band { labels, pixels: band_pixels } = band;
    for first in (0..pixels.len()).step_by(band_pixels) {
        let band = first..pixels.len().min(first + band_pixels);
        let bytes = labels.start(band.len(), labeler.width)?;
        let tiles = tiles_of(band.clone()).zip(bytes.chunks_mut(TILE * labeler.width.bytes()));
        let tiles = try_collect(tiles.map(|(pixels, labels)| Unlabelled { pixels, labels }))?;
        // The other half is what becomes of the labels.
        let labelling = ProgressSpan::new(0.5 * band.len() as f64 / (pixels.len() - first) as f64);
        let done = threads.share(tiles, threads.count(), |queue| labeler.label_tiles(queue))?;
        done.into_iter().collect::<Result<(), Error>>()?;
        drop(labelling);
        labels.finish_uniform(labeler.width, palette.len())?;
        labelled(first, labels)?;
    }
    Ok(())
}

/// Gives pixels their labels: a colour's index in the palette plus one, 0 where it is not there.
struct Labeler<'a, const C: usize> {
    simd: Simd,
    pixels: Tiles<'a, C>,
    table: ColorTable,
    /// In place of the others, where colours are very many numbers.
    numbers: Option<NumberTable>,
    /// The pixels' fingerprints, and those of the palette.
    fingerprints: Option<(Fingerprints<'a>, FingerprintSet)>,
    width: LabelWidth,
}

impl<'a, const C: usize> Labeler<'a, C> {
    fn new(
        pixels: Tiles<'a, C>,
        palette: &[ColorCount],
        fingerprints: Option<Fingerprints<'a>>,
        seed: u64,
    ) -> Result<Self, Error> {
        let numbers = NumberTable::new(pixels, palette)?;
        let mut table = ColorTable::new(seed)?;
        for entry in palette.iter().filter(|_| numbers.is_none()) {
            table.find_or_add(Key::of_color(&entry.color))?; // in the palette's order
        }
        let hasher = Hasher::new(seed);
        let fingerprints = fingerprints.filter(|_| numbers.is_none()).map(|fingerprints| {
            let wanted = palette.iter().map(|entry| {
                let words = entry.color.words();
                fingerprint(hasher.hash::<C>(&std::array::from_fn(|channel| words[channel])))
            });
            (fingerprints, FingerprintSet::new(wanted))
        });
        let width = LabelWidth::for_labels_up_to(palette.len());
        Ok(Self { simd: Simd::current(), pixels, table, numbers, fingerprints, width })
    }

    /// Labels the tiles that a thread takes.
    fn label_tiles(&self, queue: &Queue<Unlabelled>) -> Result<(), Error> {
        let Self { simd, pixels, ref table, width, .. } = *self;
        let kind = pixels.kind();
        let (mut indices, mut computed) = (try_zeroed(TILE)?, try_zeroed(TILE)?);
        let mut scratch = pixels.scratch()?;
        while let Some(Unlabelled { pixels: tile, labels }) = queue.take() {
            let (first, len) = (tile.start, tile.len());
            if let Some(table) = &self.numbers {
                let (scratch, indices) = (&mut scratch, &mut indices[..len]);
                let find = |pixel: &[u32; C]| table.label(pixel[0]);
                simd.run(FindAll { pixels, tile, scratch, find, labels: &mut *indices });
                write_labels(indices, labels, width);
                continue;
            }
            let Some((fingerprints, wanted)) = &self.fingerprints else {
                let (scratch, indices) = (&mut scratch, &mut indices[..]);
                let find = |pixel: &[u32; C]| index(pixel, kind, table);
                simd.run(FindAll { pixels, tile, scratch, find, labels: &mut *indices });
                write_labels(&indices[..len], labels, width);
                continue;
            };
            // Most pixels have no label.
            labels.fill(0);
            let fingerprints = fingerprints.of(simd, pixels, tile, &mut scratch, &mut computed);
            never_fails(wanted.find(simd, fingerprints, pixels, first, |pixel_index, pixel| {
                let from = pixel_index * width.bytes();
                write_labels(&[index(pixel, kind, table)], &mut labels[from..from + width.bytes()], width);
                Ok(())
            }));
        }
        Ok(())
    }
}

/// A pixel's colour index, 0 where it has none.
#[inline]
fn index<const C: usize>(pixel: &[u32; C], kind: WordKind, table: &ColorTable) -> u32 {
    Key::of_pixel(pixel, kind).map_or(0, |key| table.find(key))
}

/// Finds the labels of all pixels of a tile.
struct FindAll<'a, 's, const C: usize, F> {
    pixels: Tiles<'a, C>,
    tile: Range<usize>,
    scratch: &'s mut TileScratch<C>,
    find: F,
    labels: &'s mut [u32],
}

impl<L: PixelCode, const C: usize, F: Fn(&[u32; C]) -> u32> Work<L, ()> for FindAll<'_, '_, C, F> {
    #[inline(always)]
    fn run(self, level: L) {
        let Self { pixels, tile, scratch, find, labels } = self;
        let mut pieces = pixels.pieces(level, tile, scratch);
        while let Some((start, piece, pixels)) = pieces.next() {
            let labels = &mut labels[start..start + piece.len()];
            match piece {
                Piece::Run(_) => labels.fill(find(&pixels[0])),
                Piece::Literal(_) => {
                    pixels.iter().zip(labels).for_each(|(pixel, to)| *to = find(pixel));
                }
            }
        }
    }
}

/// Takes a result that is never an error.
fn never_fails(result: Result<(), Infallible>) {
    match result {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

fn write_labels(indices: &[u32], labels: &mut [u8], width: LabelWidth) {
    match width {
        LabelWidth::One => labels.iter_mut().zip(indices).for_each(|(label, &index)| *label = index as u8),
        LabelWidth::Two => bytemuck::cast_slice_mut::<u8, u16>(labels)
            .iter_mut()
            .zip(indices)
            .for_each(|(label, &index)| *label = index as u16),
        LabelWidth::Four => labels.copy_from_slice(bytemuck::cast_slice(indices)),
    }
}
