//! What lies between a host and ctm: panics stop here, the host's floating-point state is put aside, and nobody cancels
//! the thread.

use cancellation::Cancellation;

use crate::runtime::float_state;
use crate::runtime::panics::catch;

/// Runs the work of a function of the interface; a panic gives `fallback`. All that can panic is to be in here.
pub(super) fn guard<R>(fallback: R, work: impl FnOnce() -> R) -> R {
    let _cancellation = Cancellation::disable();
    float_state::within(|| catch(work)).unwrap_or(fallback)
}

/// Systems where one thread can cancel another (`pthread_cancel`), which would leave locks held: ctm's and drivers'.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
mod cancellation {
    use std::ffi::c_int;

    const DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

    unsafe extern "C" {
        // Of the C library, as POSIX has it; the crate libc does not declare it for these systems.
        fn pthread_setcancelstate(state: c_int, old_state: *mut c_int) -> c_int;
    }

    /// Puts back what the host had.
    pub(super) struct Cancellation(c_int);

    impl Cancellation {
        pub(super) fn disable() -> Self {
            let mut before = DISABLE;
            // SAFETY: a legal state, and room for the old one.
            unsafe { pthread_setcancelstate(DISABLE, &mut before) };
            Self(before)
        }
    }

    impl Drop for Cancellation {
        fn drop(&mut self) {
            let mut ours = DISABLE;
            // SAFETY: as above.
            unsafe { pthread_setcancelstate(self.0, &mut ours) };
        }
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
mod cancellation {
    /// Nobody cancels threads here.
    pub(super) struct Cancellation;

    impl Cancellation {
        pub(super) fn disable() -> Self {
            Self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_the_fallback() {
        assert_eq!(guard(3, || 7), 7);
        assert_eq!(guard(3, || -> u32 { panic!("plain") }), 3);
    }
}
