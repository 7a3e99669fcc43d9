//! The bytes of pixels' values without a gap, for memory that is slow to reach: three bytes of RGB in place of a word.

use crate::types::encoding::place;

/// Words of a pixel that has value bytes, at most: four integers of 16 bits.
pub(super) const MOST_WORDS: usize = 3;

/// Writes the value bytes of pixels, `bytes` of each, four to a word; bits behind the last pixel's are 0.
pub(super) fn write(words: &[u32], bytes: usize, target: &mut [u32]) {
    // Integers of 8 bits, or of 16, of one to four channels.
    match bytes {
        1 => write_pixels::<1, 1>(words, target),
        2 => write_pixels::<1, 2>(words, target),
        3 => write_pixels::<1, 3>(words, target),
        4 => write_pixels::<2, 4>(words, target),
        6 => write_pixels::<2, 6>(words, target),
        8 => write_pixels::<3, 8>(words, target),
        _ => unreachable!("no pixel has {bytes} value bytes"),
    }
}

fn write_pixels<const WORDS: usize, const BYTES: usize>(words: &[u32], target: &mut [u32]) {
    // Four pixels fill BYTES words.
    let pixels = words.as_chunks::<WORDS>().0;
    for (pixels, target) in pixels.chunks(4).zip(target.chunks_mut(BYTES)) {
        let mut bytes = [[0u8; BYTES]; 4];
        for (bytes, pixel) in bytes.iter_mut().zip(pixels) {
            for (number, byte) in bytes.iter_mut().enumerate() {
                let (word, shift) = place(number);
                *byte = (pixel[word] >> shift) as u8;
            }
        }
        for (target, bytes) in target.iter_mut().zip(bytes.as_flattened().as_chunks().0) {
            *target = u32::from_le_bytes(*bytes);
        }
    }
}
