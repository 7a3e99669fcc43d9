//! Stage collect: the parts' tables become one list of colours and counts.

use super::count::Part;
use super::support::color_table::ColorTable;
use crate::error::Error;
use crate::memory::room;
use crate::pipeline::{ColorCount, Counts};

/// The colours that have at least `min_pixels` pixels in all parts together.
pub(super) fn collect(parts: &[Part], min_pixels: u64, seed: u64) -> Result<Counts, Error> {
    // Most colours are in several parts.
    let most = parts.iter().map(|part| part.table.len()).max().unwrap_or(0);
    let mut table = ColorTable::with_room_for(most, seed)?;
    let mut counts = room(most + 1)?; // by number
    counts.push(0);
    for part in parts {
        for (key, number) in part.table.iter() {
            let sum = table.find_or_add(key)? as usize;
            if sum == counts.len() {
                counts.push(0);
            }
            counts[sum] += u64::from(part.counts[number as usize]);
        }
    }
    let mut colors = room(table.len())?;
    colors.extend(table.iter().filter_map(|(key, number)| {
        let pixels = counts[number as usize];
        (pixels >= min_pixels).then(|| ColorCount { color: key.color(), pixels })
    }));
    Ok(Counts { colors, too_many: None, distinct: Some(table.len() as u64) })
}
