//! Stage label: each pixel's label.

use std::convert::Infallible;
use std::ops::Range;

use crate::backend::cpu::count::Part;
use crate::backend::cpu::many::fingerprints::{CodeSet, Codes, code};
use crate::backend::cpu::pixels::runs::Piece;
use crate::backend::cpu::pixels::tiles::{Room, Tiles, tiles_of};
use crate::backend::cpu::tables::color_table::ColorTable;
use crate::backend::cpu::tables::key::{Hasher, Key};
use crate::error::Error;
use crate::labels::{LabelMap, NO_LABEL, TILE, Tile};
use crate::runtime::alloc::{try_collect, try_zeroed};
use crate::runtime::call::ProgressSpan;
use crate::runtime::threads::{Queue, Threads};
use crate::types::outputs::LabelWidth;
use crate::types::palette::ColorCount;

/// Reads the numbers that the stage count has left as labels: per part, the palette's colours have
/// other numbers.
pub(crate) fn label_counted(
    parts: &[Part],
    palette: &[ColorCount],
    labels: &mut LabelMap,
) -> Result<(), Error> {
    let number = |part: &Part, entry: &ColorCount| match part.table.find(Key::of_color(&entry.color)) {
        0 => NO_LABEL,
        number => number,
    };
    let dictionaries = parts
        .iter()
        .map(|part| try_collect(palette.iter().map(|entry| number(part, entry))))
        .collect::<Result<_, Error>>()?;
    let mut tiles = try_collect(parts.iter().enumerate().flat_map(|(dictionary, part)| {
        part.tiles.iter().map(move |&(index, form)| (index, Tile { form, dictionary }))
    }))?;
    tiles.sort_unstable_by_key(|&(index, _)| index);
    labels.finish(try_collect(tiles.into_iter().map(|(_, tile)| tile))?, dictionaries)
}

/// Room for the labels of a part of the image.
pub(crate) struct Band<'a> {
    pub(crate) labels: &'a mut LabelMap,
    /// Pixels of the part; a multiple of `TILE`.
    pub(crate) pixels: usize,
}

/// A tile and room for its labels.
struct Unlabelled<'a> {
    pixels: Range<usize>,
    labels: &'a mut [u8],
}

/// Looks each pixel's colour up in the palette, band by band. Where pixels have `codes`, only those are
/// looked at whose code is that of a colour.
pub(crate) fn label<const C: usize>(
    pixels: Tiles<C>,
    palette: &[ColorCount],
    codes: Option<Codes>,
    band: Band,
    seed: u64,
    threads: &Threads,
    labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut table = ColorTable::new(seed)?;
    for entry in palette {
        table.find_or_add(Key::of_color(&entry.color))?; // numbered in the palette's order
    }
    let hasher = Hasher::new(seed);
    let codes = codes.map(|codes| {
        let wanted = palette.iter().map(|entry| {
            let bits = entry.color.bits();
            code(hasher.hash::<C>(&std::array::from_fn(|channel| bits[channel])))
        });
        (codes, CodeSet::new(wanted))
    });
    let width = LabelWidth::for_labels_up_to(palette.len());
    let Band { labels, pixels: band_pixels } = band;
    for first in (0..pixels.len()).step_by(band_pixels) {
        let band = first..pixels.len().min(first + band_pixels);
        let bytes = labels.start(band.len(), width)?;
        let tiles = tiles_of(band.clone()).zip(bytes.chunks_mut(TILE * width.bytes()));
        let tiles = try_collect(tiles.map(|(pixels, labels)| Unlabelled { pixels, labels }))?;
        let label_tiles = |queue: &Queue<Unlabelled>| {
            let (mut numbers, mut code_room, mut room) =
                (try_zeroed(TILE)?, try_zeroed(TILE)?, pixels.room()?);
            while let Some(Unlabelled { pixels: tile, labels }) = queue.take() {
                let (first, len) = (tile.start, tile.len());
                let Some((codes, wanted)) = &codes else {
                    find_all(pixels, tile, &mut room, &table, &mut numbers);
                    write_labels(&numbers[..len], labels, width);
                    continue;
                };
                // Most pixels have no label.
                labels.fill(0);
                let codes = codes.of(pixels, tile, &mut room, &mut code_room);
                never_fails(wanted.find(codes, pixels, first, |index, pixel| {
                    let from = index * width.bytes();
                    write_labels(&[number(pixel, &table)], &mut labels[from..from + width.bytes()], width);
                    Ok(())
                }));
            }
            Ok(())
        };
        // The other half is what becomes of the labels.
        let labelling = ProgressSpan::new(0.5 * band.len() as f64 / (pixels.len() - first) as f64);
        threads.share(tiles, threads.count(), label_tiles)?.into_iter().collect::<Result<(), Error>>()?;
        drop(labelling);
        labels.finish_uniform(width, palette.len())?;
        labelled(first, labels)?;
    }
    Ok(())
}

/// A pixel's number, 0 where it has none.
#[inline]
fn number<const C: usize>(pixel: &[u32; C], table: &ColorTable) -> u32 {
    Key::of_pixel(pixel).map_or(0, |key| table.find(key))
}

/// Finds the numbers of all pixels of a tile.
fn find_all<const C: usize>(
    pixels: Tiles<C>,
    tile: Range<usize>,
    room: &mut Room<C>,
    table: &ColorTable,
    numbers: &mut [u32],
) {
    let mut pieces = pixels.pieces(tile, room);
    while let Some((start, piece, pixels)) = pieces.next() {
        match piece {
            Piece::Run(length) => numbers[start..start + length].fill(number(&pixels[0], table)),
            Piece::Mixed(length) => {
                for (pixel, to) in pixels.iter().zip(&mut numbers[start..start + length]) {
                    *to = number(pixel, table);
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

fn write_labels(numbers: &[u32], labels: &mut [u8], width: LabelWidth) {
    match width {
        LabelWidth::One => labels.iter_mut().zip(numbers).for_each(|(label, &number)| *label = number as u8),
        LabelWidth::Two => bytemuck::cast_slice_mut::<u8, u16>(labels)
            .iter_mut()
            .zip(numbers)
            .for_each(|(label, &number)| *label = number as u16),
        LabelWidth::Four => labels.copy_from_slice(bytemuck::cast_slice(numbers)),
    }
}
