//! The bytes of pixels' values without a gap, for memory that is slow to reach: three bytes of RGB in place of a word.

/// Words of a pixel that has value bytes, at most: four integers of 16 bits.
pub(super) const MOST_WORDS: usize = 3;

/// Writes the value bytes of pixels, `bytes` of each, four to a word; bits behind the last pixel's are 0.
pub(super) fn write(words: &[u32], bytes: usize, target: &mut [u32]) {
    // Integers of 8 bits, or of 16, of one to four channels; how many pixels fill how many words.
    match bytes {
        1 => write_pixels::<1, 1, 4, 1>(words, target),
        2 => write_pixels::<1, 2, 2, 1>(words, target),
        3 => write_pixels::<1, 3, 4, 3>(words, target),
        4 => write_pixels::<2, 4, 1, 1>(words, target),
        6 => write_pixels::<2, 6, 2, 3>(words, target),
        8 => write_pixels::<3, 8, 1, 2>(words, target),
        _ => unreachable!("no pixel has {bytes} value bytes"),
    }
}

fn write_pixels<const WORDS: usize, const BYTES: usize, const PIXELS: usize, const TARGET: usize>(
    words: &[u32],
    target: &mut [u32],
) {
    let (groups, rest) = words.as_chunks::<WORDS>().0.as_chunks::<PIXELS>();
    let (targets, last) = target.split_at_mut(groups.len() * TARGET);
    for (pixels, target) in groups.iter().zip(targets.as_chunks_mut::<TARGET>().0) {
        write_group::<WORDS, BYTES>(pixels, target);
    }
    write_group::<WORDS, BYTES>(rest, last);
}

#[inline(always)]
fn write_group<const WORDS: usize, const BYTES: usize>(pixels: &[[u32; WORDS]], target: &mut [u32]) {
    let mut bytes = 0u128;
    for (index, pixel) in pixels.iter().enumerate() {
        // A word's first byte is its highest, of 24 bits.
        let of_words =
            (0u32..).zip(pixel).map(|(number, word)| u128::from(word.swap_bytes() >> 8) << (24 * number));
        bytes |= of_words.fold(0, |all, bytes| all | bytes) << (8 * BYTES * index);
    }
    for (index, word) in target.iter_mut().enumerate() {
        *word = (bytes >> (32 * index)) as u32;
    }
}
