//! What a Rust programmer writes in an afternoon: a hash map per thread over whole colours, merged;
//! then a second pass that compares each pixel with each chosen colour.

use ctm::Selection;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use rayon::ThreadPool;
use rayon::prelude::*;

/// The colours that get a mask, as bit patterns.
pub type Palette = Vec<Vec<u32>>;

/// Finds the colours that get a mask.
pub fn palette(pool: &ThreadPool, floats: &[f32], channels: usize, selection: Selection) -> Palette {
    palettes(pool, floats, channels, &[selection]).remove(0)
}

/// Counts once, then finds the colours that get a mask for each of `selection`.
pub fn palettes(pool: &ThreadPool, floats: &[f32], channels: usize, selection: &[Selection]) -> Vec<Palette> {
    match channels {
        1 => palettes_of::<1>(pool, floats, selection),
        2 => palettes_of::<2>(pool, floats, selection),
        3 => palettes_of::<3>(pool, floats, selection),
        _ => palettes_of::<4>(pool, floats, selection),
    }
}

/// Writes one plane per colour.
pub fn write_masks(pool: &ThreadPool, floats: &[f32], channels: usize, palette: &Palette, masks: &mut [f32]) {
    match channels {
        1 => write_masks_of::<1>(pool, floats, palette, masks),
        2 => write_masks_of::<2>(pool, floats, palette, masks),
        3 => write_masks_of::<3>(pool, floats, palette, masks),
        _ => write_masks_of::<4>(pool, floats, palette, masks),
    }
}

/// The pixel's colour: −0.0 is +0.0, and NaN is none.
#[inline]
fn key<const C: usize>(pixel: &[f32; C]) -> Option<[u32; C]> {
    if pixel.iter().any(|value| value.is_nan()) {
        return None;
    }
    Some(pixel.map(|value| if value == 0.0 { 0 } else { value.to_bits() }))
}

fn palettes_of<const C: usize>(pool: &ThreadPool, floats: &[f32], selection: &[Selection]) -> Vec<Palette> {
    let pixels = floats.as_chunks::<C>().0;
    let share = pixels.len().div_ceil(pool.current_num_threads());
    let mut maps: Vec<HashMap<[u32; C], u64, RandomState>> = pool.install(|| {
        let count = |pixels: &[[f32; C]]| {
            let mut counts = HashMap::with_hasher(RandomState::default());
            for color in pixels.iter().filter_map(key) {
                *counts.entry(color).or_insert(0) += 1;
            }
            counts
        };
        pixels.par_chunks(share).map(count).collect()
    });
    // The maps have seeds of their own: pouring one into another of the same seed clusters.
    let mut counts = maps.pop().unwrap_or_default();
    for (color, more) in maps.into_iter().flatten() {
        *counts.entry(color).or_insert(0) += more;
    }
    selection.iter().map(|selection| choose(&counts, selection)).collect()
}

fn choose<const C: usize>(counts: &HashMap<[u32; C], u64, RandomState>, selection: &Selection) -> Palette {
    let mut chosen: Vec<_> =
        counts.iter().filter(|&(_, &pixels)| pixels >= selection.min_pixels.max(1)).collect();
    let values = |color: &[u32; C]| color.map(|bits| f64::from(f32::from_bits(bits)));
    chosen.sort_by(|(a, a_pixels), (b, b_pixels)| {
        b_pixels.cmp(a_pixels).then_with(|| values(a).partial_cmp(&values(b)).expect("no NaN"))
    });
    chosen.truncate(selection.max_count as usize);
    chosen.into_iter().map(|(color, _)| color.to_vec()).collect()
}

fn write_masks_of<const C: usize>(pool: &ThreadPool, floats: &[f32], palette: &Palette, masks: &mut [f32]) {
    let pixels = floats.as_chunks::<C>().0;
    let share = pixels.len().div_ceil(pool.current_num_threads());
    pool.install(|| {
        let planes = masks.par_chunks_exact_mut(pixels.len()).zip(palette);
        planes.for_each(|(plane, color)| {
            plane.par_chunks_mut(share).zip(pixels.par_chunks(share)).for_each(|(plane, pixels)| {
                for (mask, pixel) in plane.iter_mut().zip(pixels) {
                    let equal = key(pixel).is_some_and(|key| key[..] == color[..]);
                    *mask = f32::from(u8::from(equal));
                }
            });
        });
    });
}
