//! Stage label: each pixel's label.

use super::count::Part;
use super::support::color_table::ColorTable;
use super::support::key::Key;
use super::support::runs::{Piece, Pieces};
use crate::error::Error;
use crate::labels::{LabelMap, LabelWidth, NO_LABEL, TILE, Tile};
use crate::pipeline::ColorCount;
use crate::threads::Threads;

/// Reads the numbers that the stage count has left as labels: per part, the palette's colours have
/// other numbers.
pub(super) fn label_counted(parts: &[Part], palette: &[ColorCount], labels: &mut LabelMap) {
    let number = |part: &Part, entry: &ColorCount| match part.table.find(Key::of_color(&entry.color)) {
        0 => NO_LABEL,
        number => number,
    };
    let dictionaries =
        parts.iter().map(|part| palette.iter().map(|entry| number(part, entry)).collect()).collect();
    let tiles = parts
        .iter()
        .enumerate()
        .flat_map(|(dictionary, part)| part.widths.iter().map(move |&width| Tile { width, dictionary }));
    labels.finish(tiles.collect(), dictionaries);
}

/// Looks each pixel's colour up in the palette.
pub(super) fn label<const C: usize>(
    pixels: &[[u32; C]],
    palette: &[ColorCount],
    labels: &mut LabelMap,
    seed: u64,
    threads: &Threads,
) -> Result<(), Error> {
    let mut table = ColorTable::new(seed)?;
    for entry in palette {
        table.find_or_add(Key::of_color(&entry.color))?; // numbered in the palette's order
    }
    let width = LabelWidth::for_labels_up_to(palette.len());
    let bytes = labels.start(pixels.len(), width)?;
    let tiles = pixels.chunks(TILE).zip(bytes.chunks_mut(TILE * width.bytes())).collect();
    threads.for_each(tiles, |(pixels, labels)| label_tile(pixels, &table, labels, width));
    labels.finish_uniform(width, palette.len());
    Ok(())
}

fn label_tile<const C: usize>(pixels: &[[u32; C]], table: &ColorTable, labels: &mut [u8], width: LabelWidth) {
    let mut numbers = [0; TILE];
    let number = |pixel: &[u32; C]| Key::of_pixel(pixel).map_or(0, |key| table.find(key));
    for (start, piece) in Pieces::new(pixels) {
        match piece {
            Piece::Run(length) => numbers[start..start + length].fill(number(&pixels[start])),
            Piece::Mixed(length) => {
                let range = start..start + length;
                for (pixel, label) in pixels[range.clone()].iter().zip(&mut numbers[range]) {
                    *label = number(pixel);
                }
            }
        }
    }
    let numbers = &numbers[..pixels.len()];
    match width {
        LabelWidth::One => labels.iter_mut().zip(numbers).for_each(|(label, &number)| *label = number as u8),
        LabelWidth::Two => bytemuck::cast_slice_mut::<u8, u16>(labels)
            .iter_mut()
            .zip(numbers)
            .for_each(|(label, &number)| *label = number as u16),
        LabelWidth::Four => labels.copy_from_slice(bytemuck::cast_slice(numbers)),
    }
}
