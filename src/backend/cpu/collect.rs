//! Stage collect: the parts' tables become one list of colours and counts.

use crate::backend::cpu::part::PartColors;
use crate::backend::cpu::tables::color_table::ColorTable;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_with_capacity};
use crate::types::palette::{ColorCount, Counts};

/// The colours that have at least `min_pixels` pixels in all parts together.
pub(crate) fn collect(parts: &[PartColors], min_pixels: u64) -> Result<Counts, Error> {
    let Some((first, others)) = parts.split_first() else {
        return Ok(Counts { distinct: Some(0), ..Counts::default() });
    };
    if others.is_empty() {
        let table = &first.table;
        return list(table, |index| first.counts[index as usize].into(), min_pixels);
    }
    // Most colours are in several parts.
    let mut table = first.table.try_clone()?;
    let mut counts = try_with_capacity(first.counts.len())?; // by colour index
    counts.extend(first.counts.iter().map(|&count| u64::from(count)));
    for part in others {
        for (key, index) in part.table.iter() {
            let sum = table.find_or_add(key)? as usize;
            if sum == counts.len() {
                counts.try_reserve(1).map_err(|_| no_memory::<u64>(sum + 1))?;
                counts.push(0);
            }
            counts[sum] += u64::from(part.counts[index as usize]);
        }
    }
    list(&table, |index| counts[index as usize], min_pixels)
}

/// The colours of a table that have so many pixels.
fn list(table: &ColorTable, pixels: impl Fn(u32) -> u64, min_pixels: u64) -> Result<Counts, Error> {
    let mut colors = try_with_capacity(table.len())?;
    colors.extend(table.iter().filter_map(|(key, index)| {
        let pixels = pixels(index);
        (pixels >= min_pixels).then(|| ColorCount { color: key.color(), pixels })
    }));
    Ok(Counts { colors, too_many: None, distinct: Some(table.len() as u64) })
}
