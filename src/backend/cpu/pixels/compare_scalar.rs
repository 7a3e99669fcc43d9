//! Bytes compared by plain code.

use crate::backend::cpu::pixels::compare::CompareBytes;
use crate::runtime::simd::Scalar;

impl CompareBytes for Scalar {
    #[inline(always)]
    fn equal_bytes(self, before: [u8; 16], behind: [u8; 16]) -> u16 {
        // What the compiler can make of one comparison of all bytes first.
        if before == behind {
            return u16::MAX;
        }
        let pairs = before.iter().zip(&behind).enumerate();
        pairs.fold(0, |equal, (index, (before, behind))| equal | u16::from(before == behind) << index)
    }
}
