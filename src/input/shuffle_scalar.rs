//! Without an instruction that lets bytes change places, pixels are read one by one.

use crate::input::shuffle::{REGISTER, REGISTER_WORDS, ShuffleBytes, ShuffleRow};
use crate::runtime::simd::{Scalar, Work};

impl Work<Scalar, usize> for ShuffleRow<'_> {
    #[inline(always)]
    fn run(self, _: Scalar) -> usize {
        0
    }
}

impl ShuffleBytes for Scalar {
    const HAS_SHUFFLE: bool = false;

    fn shuffle(self, register: &[u8; REGISTER], sources: &[u8; REGISTER]) -> [u32; REGISTER_WORDS] {
        bytemuck::cast(sources.map(|source| register.get(usize::from(source)).copied().unwrap_or(0)))
    }
}
