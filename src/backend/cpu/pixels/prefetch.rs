//! Asking for memory before it is needed.

#[cfg(not(target_arch = "x86_64"))]
use crate::backend::cpu::pixels::prefetch_scalar::prefetch_line;
#[cfg(target_arch = "x86_64")]
use crate::backend::cpu::pixels::prefetch_x86::prefetch_line;

/// Bytes that memory comes in.
const LINE: usize = 64;

/// How far ahead memory that is read in order is asked for. The processor's own prefetching comes too late where each
/// block has much to be done.
pub(super) const AHEAD_BYTES: usize = 4096;

/// Asks for `BYTES` bytes from an address on, which may be anywhere.
#[inline(always)]
pub(crate) fn prefetch<const BYTES: usize>(first: *const u8) {
    for line in 0..BYTES.div_ceil(LINE) {
        prefetch_line(first.wrapping_add(line * LINE));
    }
}
