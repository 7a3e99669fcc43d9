//! Writing past the caches: for what is larger than they are, so that it is not read before it is overwritten, and
//! nothing else is driven out.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use bytemuck::Pod;

use crate::runtime::simd::{Scalar, Work};

/// Outputs larger than this are written past the caches, since they would not stay there.
pub(super) const STREAM_BYTES: u64 = 8 << 20;

/// Orders what this thread has written past the caches before what tells others that it is done. Once for all: each time it
/// waits for memory.
pub(super) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: each x86-64 processor has SSE.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// Writes zeros; if past the caches, the caller fences.
pub(super) struct Zeros<'a> {
    pub(super) bytes: &'a mut [MaybeUninit<u8>],
    /// Whether they are written past the caches.
    pub(super) stream: bool,
}

/// The bytes of values.
pub(super) fn bytes_of<T: Pod>(values: &mut [MaybeUninit<T>]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the memory is the same, bytes may be anywhere, and any bytes make a value.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}

impl Work<Scalar, ()> for Zeros<'_> {
    #[inline(always)]
    fn run(self, _: Scalar) {
        self.bytes.fill(MaybeUninit::new(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::alloc::uninit;
    use crate::runtime::simd::{Simd, at_each_level};

    #[test]
    fn bytes_at_any_address_are_written_and_none_beside_them() {
        at_each_level(|_| {
            let simd = Simd::current();
            for (start, len) in (0..40).flat_map(|start| (0..140).map(move |len| (start, len))) {
                for stream in [false, true] {
                    let mut bytes = [0xa5; 200];
                    simd.run(Zeros { bytes: uninit(&mut bytes[start..start + len]), stream });
                    let is_right =
                        |(at, &byte)| byte == if (start..start + len).contains(&at) { 0 } else { 0xa5 };
                    assert!(bytes.iter().enumerate().all(is_right), "{start}, {len}, {stream}");
                }
            }
        });
    }
}
