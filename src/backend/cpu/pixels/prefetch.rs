//! Asking for memory before it is needed.

/// Asks for `BYTES` bytes from an address on, which may be anywhere.
#[inline(always)]
pub(crate) fn prefetch<const BYTES: usize>(first: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        const LINE: usize = 64;
        for line in 0..BYTES.div_ceil(LINE) {
            // SAFETY: a prefetch does nothing at addresses that cannot be read.
            #[allow(unsafe_code)]
            unsafe {
                _mm_prefetch(first.wrapping_add(line * LINE).cast(), _MM_HINT_T0);
            }
        }
    }
    let _ = first;
}
