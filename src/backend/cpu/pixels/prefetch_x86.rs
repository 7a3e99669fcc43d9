//! x86-64's prefetch.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Asks for the memory around an address, which may be anywhere.
#[inline(always)]
pub(super) fn prefetch_line(address: *const u8) {
    // SAFETY: a prefetch does nothing at addresses that cannot be read.
    #[allow(unsafe_code)]
    unsafe {
        _mm_prefetch(address.cast(), _MM_HINT_T0);
    }
}
