//! Splitting pixels into runs of the same colour and single pixels.

/// Words compared at a time when looking for a run; a multiple of every channel count.
const BLOCK_WORDS: usize = 48;

/// A piece of a row of pixels.
pub(crate) enum Piece {
    /// This many pixels with the same bit patterns.
    Run(usize),
    /// This many pixels of which nothing is known.
    Mixed(usize),
}

/// Calls `piece` for consecutive pieces, with the position of each, until `pixels` is used up.
///
/// Flat regions come as long runs, found by comparing whole blocks at a time, which the compiler
/// turns into vector instructions; all else comes as blocks of mixed pixels, where looking for short
/// runs would cost more in mispredicted branches than it saves.
#[inline]
pub(crate) fn for_pieces<const C: usize, E>(
    pixels: &[[u32; C]],
    mut piece: impl FnMut(usize, Piece) -> Result<(), E>,
) -> Result<(), E> {
    let block = BLOCK_WORDS / C;
    let words = pixels.as_flattened();
    let mut start = 0;
    while start < pixels.len() {
        // Pixel `end` is the first that was not yet seen to equal the one before it.
        let mut end = start + 1;
        while end + block <= pixels.len() && equals_shifted::<C>(words, (end - 1) * C) {
            end += block;
        }
        if end > start + 1 {
            while end < pixels.len() && pixels[end] == pixels[start] {
                end += 1;
            }
            piece(start, Piece::Run(end - start))?;
        } else {
            end = (start + block).min(pixels.len());
            piece(start, Piece::Mixed(end - start))?;
        }
        start = end;
    }
    Ok(())
}

/// Whether each pixel of a block equals the one before it; the block begins one pixel behind `at`.
#[inline]
fn equals_shifted<const C: usize>(words: &[u32], at: usize) -> bool {
    let before = &words[at..at + BLOCK_WORDS];
    let behind = &words[at + C..at + C + BLOCK_WORDS];
    before.iter().zip(behind).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const C: usize>(lengths: &[usize]) {
        let mut pixels = Vec::new();
        for (color, &length) in lengths.iter().enumerate() {
            pixels.extend(std::iter::repeat_n([color as u32; C], length));
        }
        let mut next = 0;
        for_pieces::<C, ()>(&pixels, |start, piece| {
            assert_eq!(start, next);
            next += match piece {
                Piece::Run(length) => {
                    assert!(pixels[start..start + length].iter().all(|pixel| *pixel == pixels[start]));
                    length
                }
                Piece::Mixed(length) => length,
            };
            Ok(())
        })
        .unwrap();
        assert_eq!(next, pixels.len());
    }

    #[test]
    fn pieces_cover_all_pixels_once() {
        for length in 0..150 {
            for lengths in [&[length][..], &[1, length, 1], &[length, length, 3], &[200, 1, 1, length]] {
                check::<1>(lengths);
                check::<2>(lengths);
                check::<3>(lengths);
                check::<4>(lengths);
            }
        }
    }
}
