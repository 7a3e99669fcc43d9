//! Comparing stored pixels, many bytes at a time.

/// Bytes compared at a time.
pub(super) const COMPARED: usize = 64;

/// Tokens of levels, each with its way to compare bytes.
pub(crate) trait CompareBytes: Copy {
    /// A bit for each byte that is the same.
    fn equal_bytes(self, before: [u8; 16], behind: [u8; 16]) -> u16;
}

/// A bit for each byte that differs.
#[inline(always)]
pub(super) fn differences<L: CompareBytes>(
    level: L,
    before: &[u8; COMPARED],
    behind: &[u8; COMPARED],
) -> u64 {
    let ([a, b, c, d], []) = before.as_chunks::<16>() else { unreachable!() };
    let ([e, f, g, h], []) = behind.as_chunks::<16>() else { unreachable!() };
    // In pairs, of which the compiler makes one comparison where registers are that long.
    let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
    let low = pair(level.equal_bytes(*a, *e), level.equal_bytes(*b, *f));
    let high = pair(level.equal_bytes(*c, *g), level.equal_bytes(*d, *h));
    !(u64::from(low) | u64::from(high) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::simd::{Simd, Work, at_each_level};

    struct Differences([u8; COMPARED], [u8; COMPARED]);

    impl<L: CompareBytes> Work<L, u64> for Differences {
        fn run(self, level: L) -> u64 {
            differences(level, &self.0, &self.1)
        }
    }

    #[test]
    fn each_differing_byte_has_its_bit() {
        let before: [u8; COMPARED] = std::array::from_fn(|byte| byte as u8 * 3);
        for expected in [0, 1, 1 << 63, 0x8000_0001_0001_8000, 0xaaaa_5555_f0f0_1234, u64::MAX] {
            let mut behind = before;
            (0..COMPARED).filter(|byte| expected >> byte & 1 == 1).for_each(|byte| behind[byte] ^= 0x40);
            at_each_level(|level| {
                let found = Simd::current().run(Differences(before, behind));
                assert_eq!(found, expected, "{level:?}");
            });
        }
    }
}
