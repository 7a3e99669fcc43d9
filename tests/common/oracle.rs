//! The contract in thirty obvious lines. It shares no code with the library.

use std::collections::BTreeMap;

use super::Case;

/// What a call must give.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Colours as bit patterns, unused channels 0, and their pixel counts, in the masks' order.
    pub colors: Vec<([u32; 4], u64)>,
    pub distinct_colors: u64,
    pub masks: Vec<f32>,
}

pub fn answer(case: &Case) -> Answer {
    let colors = colors(case);
    let mut chosen = counts(case);
    let distinct_colors = chosen.len() as u64;
    chosen.retain(|(_, pixels)| *pixels >= case.selection.min_pixels);
    chosen.truncate(case.selection.max_count as usize);
    let mut masks = Vec::new();
    for (mask_color, _) in &chosen {
        masks.extend(colors.iter().map(|c| if *c == Some(*mask_color) { 1.0 } else { 0.0 }));
    }
    Answer { colors: chosen, distinct_colors, masks }
}

/// All colours in the order of masks, whatever the params.
pub fn counts(case: &Case) -> Vec<([u32; 4], u64)> {
    let mut counts = BTreeMap::new();
    for color in colors(case).into_iter().flatten() {
        *counts.entry(color).or_insert(0u64) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Floats as numbers of twice the precision, where no subnormal is lost and none is NaN.
    let values = |color: &[u32; 4]| color.map(|bits| f64::from(f32::from_bits(bits)));
    counts.sort_by(|(a, a_pixels), (b, b_pixels)| {
        b_pixels.cmp(a_pixels).then(values(a).partial_cmp(&values(b)).unwrap())
    });
    counts
}

fn colors(case: &Case) -> Vec<Option<[u32; 4]>> {
    case.pixels.chunks(case.channels as usize).map(color).collect()
}

fn color(pixel: &[f32]) -> Option<[u32; 4]> {
    let mut color = [0; 4];
    for (channel, value) in pixel.iter().enumerate() {
        if value.is_nan() {
            return None;
        }
        color[channel] = if *value == 0.0 && value.to_bits() >> 31 == 1 { 0 } else { value.to_bits() };
    }
    Some(color)
}
