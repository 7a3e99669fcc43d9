//! Whether an image has so few colours that counting them one by one pays, where a part of it has shown many already.
//!
//! **Problem.** A thread has met thousands of colours in few pixels. In noise of some ten thousand colours it has met most of
//! them and should go on; in a photo of a million it should stop at once. Both look alike so far.
//!
//! ```text
//! take 2,048 pixels that are spread over the image
//! u     = those whose colour the thread has not met
//! pairs = pairs of equal ones among them
//! colours not met yet ≈ u (u − 1) / (2 pairs)
//! ```
//!
//! **Exact.** The estimate decides nothing but which way the image is counted; all ways give the same counts.
//!
//! **Cost.** A search for each of 2,048 pixels, once a thread, and only where there are more colours than are always few.
//!
//! **Prior art.** The birthday problem turned round, as in estimating a population by repeated captures (Schnabel, 1938).

use crate::backend::cpu::pixels::tiles::Tiles;
use crate::backend::cpu::tables::color_table::ColorTable;
use crate::error::Error;
use crate::runtime::alloc::try_with_capacity;

/// Pixels that are looked at.
const LOOKED_AT: usize = 2048;

/// If fewer pixels than these are of colours that were not met, those are rare.
const FEW_NOT_MET: usize = LOOKED_AT / 32;

/// How many colours the image has, about, of which `met` has some already.
pub(super) fn estimate_colors<const C: usize>(pixels: Tiles<C>, met: &ColorTable) -> Result<usize, Error> {
    /// The golden ratio's fraction in 64 bits: multiples of it are spread evenly, and never one below the other.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    // Apart from the search, so that many of these far places are waited for together.
    let mut keys = try_with_capacity(LOOKED_AT)?;
    for number in 0..LOOKED_AT as u64 {
        // Lossless: less than the number of pixels.
        let index = ((u128::from(number.wrapping_mul(SPREAD)) * pixels.len() as u128) >> u64::BITS) as usize;
        pixels.for_each_wanted(index, 1, |_, pixel| {
            keys.extend(pixels.key(pixel)); // of one pixel, so that there is room
            Ok::<(), Error>(())
        })?;
    }
    let mut not_met = try_with_capacity(keys.len())?;
    not_met.extend(keys.into_iter().filter(|&key| met.find(key) == 0).map(|key| key.hash(0)));
    if not_met.len() < FEW_NOT_MET {
        return Ok(met.len());
    }
    not_met.sort_unstable();
    let pairs: usize = not_met.chunk_by(|a, b| a == b).map(|equal| equal.len() * (equal.len() - 1) / 2).sum();
    let more = (not_met.len() * (not_met.len() - 1) / 2).checked_div(pairs);
    Ok(more.map_or(usize::MAX, |more| met.len() + more))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::tables::key::Key;
    use crate::color::WordKind;

    /// Noise of so many colours, after some of them were met.
    fn estimate(colors: u32, met: u32) -> usize {
        let random = |pixel: u32| Key::of_canonical(&[pixel], WordKind::Floats).hash(1) as u32;
        let pixels: Vec<_> = (0..1_000_000).map(|pixel| [1 + random(pixel) % colors]).collect();
        let mut table = ColorTable::new(3).unwrap();
        for color in 1..=met {
            table.find_or_add(Key::of_pixel(&[color], WordKind::Floats).unwrap()).unwrap();
        }
        estimate_colors(Tiles::from(&pixels[..]), &table).unwrap()
    }

    #[test]
    fn estimates_are_near_the_truth() {
        for (colors, met) in [(20_000, 4096), (40_000, 4096), (5000, 4096), (60_000, 1)] {
            let estimated = estimate(colors, met);
            assert!((colors / 2..2 * colors).contains(&(estimated as u32)), "{estimated} of {colors}");
        }
        assert!(estimate(900_000, 4096) > 100_000);
        assert_eq!(estimate(4096, 4096), 4096);
    }
}
