//! Without long vectors fingerprints are looked up one by one.

use crate::backend::cpu::many::fingerprint_set::{COMPARED, LANES, MatchFew};
use crate::runtime::simd::Scalar;

impl MatchFew for Scalar {
    #[inline(always)]
    fn match_few(self, _: &[u16; COMPARED], _: &[[u16; LANES]], _: u32) -> Option<u32> {
        None
    }
}
