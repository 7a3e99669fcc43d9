//! A checksum against accidents, of bytes that leave the process and come back.

const FACTOR: u64 = 0x0000_0100_0000_01b3;
const FACTOR_2: u64 = FACTOR.wrapping_mul(FACTOR);
const FACTOR_3: u64 = FACTOR_2.wrapping_mul(FACTOR);
const FACTOR_4: u64 = FACTOR_3.wrapping_mul(FACTOR);

/// FNV-1a, 64 bits: no change of a single byte goes unnoticed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checksum(u64);

impl Checksum {
    /// Of no bytes.
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Of these bytes behind those before.
    #[inline(always)]
    pub(crate) fn with_word(self, word: [u8; 4]) -> Self {
        Self(add_word(self.0, word))
    }

    /// Of these bytes behind those before.
    fn with(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<4>();
        let sum = words.iter().fold(self, |sum, &word| sum.with_word(word));
        Self(rest.iter().fold(sum.0, |sum, &byte| add(sum, byte)))
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

/// The checksum of the parts one behind the other.
pub(crate) fn checksum(parts: &[&[u8]]) -> u64 {
    parts.iter().fold(Checksum::new(), |sum, part| sum.with(part)).value()
}

#[inline(always)]
fn add(sum: u64, byte: u8) -> u64 {
    (sum ^ u64::from(byte)).wrapping_mul(FACTOR)
}

/// Adds four bytes. Each multiplication waits for the one before, and a zero is nothing else: zeros are multiplied with in one
/// go, of which numbers of few bits and floats of integers have many.
#[inline(always)]
fn add_word(sum: u64, word: [u8; 4]) -> u64 {
    match word {
        [0, 0, 0, 0] => sum.wrapping_mul(FACTOR_4),
        [byte, 0, 0, 0] => (sum ^ u64::from(byte)).wrapping_mul(FACTOR_4),
        [0, 0, third, last] => add(add(sum.wrapping_mul(FACTOR_2), third), last),
        [first, second, 0, 0] => (add(sum, first) ^ u64::from(second)).wrapping_mul(FACTOR_3),
        _ => word.into_iter().fold(sum, add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_others_compute() {
        // Of the algorithm's own test vectors.
        assert_eq!(checksum(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(checksum(&[b"foo", b"bar"]), 0x8594_4171_f739_67e8);
    }

    /// Words with zeros in any places, and parts that end anywhere in a word.
    #[test]
    fn zeros_are_bytes_like_others() {
        let byte = |index: u32| if index.wrapping_mul(0x9e37_79b1) >> 30 == 0 { index as u8 | 1 } else { 0 };
        let bytes: Vec<u8> = (0..4096).map(byte).collect();
        for len in [0, 1, 2, 3, 4, 5, 1023, 4096] {
            for cut in [0, 1, 2, 3, 4, 500] {
                let (one, other) = bytes[..len].split_at(cut.min(len));
                let plain = bytes[..len].iter().fold(checksum(&[]), |sum, &byte| add(sum, byte));
                assert_eq!(checksum(&[one, other]), plain, "{len} bytes cut at {cut}");
            }
        }
    }
}
