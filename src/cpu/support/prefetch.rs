//! Asking for memory before it is needed.

/// Asks for `WORDS` words from `at` on, which may lie behind the last one.
#[inline(always)]
pub(crate) fn prefetch<const WORDS: usize>(words: &[u32], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        const WORDS_PER_LINE: usize = 16;
        for line in 0..WORDS.div_ceil(WORDS_PER_LINE) {
            let line = words.as_ptr().wrapping_add(at + line * WORDS_PER_LINE);
            // SAFETY: a prefetch does nothing at addresses that cannot be read.
            #[allow(unsafe_code)]
            unsafe {
                _mm_prefetch(line.cast(), _MM_HINT_T0);
            }
        }
    }
    let _ = (words, at);
}
