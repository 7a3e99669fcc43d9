//! `ctm_buffer_alloc` and `ctm_buffer_free`.

use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use crate::capi::boundary::guard;
use crate::capi::extent::check_pointer;
use crate::capi::failure::on_thread;
use crate::capi::status::ctm_status;
use crate::runtime::alloc::try_push;
use crate::runtime::buffer::Buffer;

/// Those that the host has; few, since each is large.
static BUFFERS: Mutex<Vec<Buffer>> = Mutex::new(Vec::new());

/// Gives memory for outputs: aligned to 64 bytes, all 0 at first, and from 2 MiB on on huge pages where the system has
/// them (Linux). Any other memory does as well; this is for hosts that cannot easily get the like.
///
/// Keep an output buffer from call to call, whoever it is from. The system maps new memory at the first write to each of its
/// pages, and clears it: five masks of 4K in bytes take 1.4 ms in a buffer that has been written before, 5 ms in a new one
/// on huge pages, 19 ms in a new one on pages of 4 KiB, as `malloc` gives. Huge pages of a buffer that is larger than what is
/// written to it cost nothing where nothing is written.
///
/// @param size Bytes, at least 1.
/// @param buffer Receives the memory's address, or NULL on any error. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_OUT_OF_MEMORY` for more than there is, sizes included that no
/// address space has. `ctm_last_error(NULL)` has the detail.
/// Ownership: the caller's, to be given back with `ctm_buffer_free`, and not with `free`. It belongs to no context.
/// Threads: any, at any time.
///
/// # Safety
/// `buffer` is NULL or points to what its type says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_buffer_alloc(size: usize, buffer: *mut *mut c_void) -> ctm_status {
    on_thread(|| {
        check_pointer("buffer", buffer)?;
        // SAFETY: not NULL, aligned, and the caller guarantees the rest.
        unsafe { *buffer = std::ptr::null_mut() };
        let mut made = Buffer::new(size)?;
        let first = made.as_mut_ptr();
        try_push(&mut BUFFERS.lock().unwrap_or_else(PoisonError::into_inner), made)?;
        // SAFETY: as above.
        unsafe { *buffer = first.cast() };
        Ok(())
    })
}

/// Gives memory of `ctm_buffer_alloc` back. No call may be writing to it.
///
/// @param buffer Memory of `ctm_buffer_alloc`; NULL, or an address that is none of its: nothing happens.
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ctm_buffer_free(buffer: *mut c_void) {
    guard((), || {
        let mut buffers = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
        let index = buffers.iter().position(|other| other.as_ptr().cast() == buffer.cast_const());
        let freed = index.map(|index| buffers.swap_remove(index));
        drop(buffers);
        // Giving back takes a while, for which nobody is to wait.
        drop(freed);
    });
}
