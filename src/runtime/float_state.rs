//! The floating-point state of a thread: rounding, flushing of subnormals, which exceptions end the process.
//!
//! A host may have any; ctm works in the default one, so that its results are the same bits, and leaves the host's as
//! it was, the flags of exceptions included. The host's functions that a call calls find the host's.

#![allow(unsafe_code)]

use std::cell::Cell;

thread_local! {
    /// The host's, while ctm's is in force.
    static HOSTS: Cell<Option<FloatState>> = const { Cell::new(None) };
}

/// Does `work` in the default state.
pub(crate) fn within<R>(work: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            if let Some(state) = HOSTS.take() {
                state.load();
            }
        }
    }
    if HOSTS.get().is_some() {
        return work();
    }
    HOSTS.set(Some(FloatState::replace_with_default()));
    let _leave = Leave;
    apart(work)
}

/// Calls a function of the host's in the host's state, and keeps what that becomes.
pub(crate) fn hosts<R>(function: impl FnOnce() -> R) -> R {
    struct Return;
    impl Drop for Return {
        fn drop(&mut self) {
            HOSTS.set(Some(FloatState::replace_with_default()));
        }
    }
    let Some(state) = HOSTS.take() else { return function() };
    state.load();
    let _return = Return;
    apart(function)
}

/// Puts the default state in force for good: the calling thread is ctm's own.
pub(crate) fn set_default() {
    FloatState::replace_with_default();
}

/// The compiler takes the state for a constant: arithmetic must not move across its change.
#[inline(never)]
fn apart<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(all(any(target_arch = "x86_64", target_arch = "x86"), target_feature = "sse"))]
use x86::FloatState;

#[cfg(all(any(target_arch = "x86_64", target_arch = "x86"), target_feature = "sse"))]
mod x86 {
    use std::arch::asm;

    /// Rounds to nearest, flushes nothing, all exceptions are masked.
    static MXCSR: u32 = 0x1f80;
    /// The default of the old unit: rounds to nearest with 64 bits of precision, all exceptions are masked.
    const X87_CONTROL: u16 = 0x037f;
    /// Exceptions that have happened.
    const X87_FLAGS: u16 = 0x007f;

    #[derive(Clone, Copy, Debug)]
    pub(super) struct FloatState {
        mxcsr: u32,
        /// The old unit's, which compiled Rust does not use, but drivers and the C library may.
        x87: X87,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct X87 {
        control: u16,
        flags: u16,
    }

    impl FloatState {
        pub(super) fn replace_with_default() -> Self {
            let (mut mxcsr, x87) = (0_u32, X87::current());
            // SAFETY: the operands are 32 bits, and these are the default bits.
            unsafe {
                asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack));
                asm!("ldmxcsr [{}]", in(reg) &raw const MXCSR, options(nostack));
            }
            if x87.control != X87_CONTROL {
                X87 { control: X87_CONTROL, flags: 0 }.load();
            }
            Self { mxcsr, x87 }
        }

        pub(super) fn load(self) {
            // Loading costs more than looking, and there is seldom anything to load.
            if X87::current() != self.x87 {
                self.x87.load();
            }
            // SAFETY: the operand is 32 bits, which were the host's.
            unsafe {
                asm!("ldmxcsr [{}]", in(reg) &raw const self.mxcsr, options(nostack));
            }
        }
    }

    impl X87 {
        fn current() -> Self {
            let (mut control, mut status) = (0_u16, 0_u16);
            // SAFETY: the operands are 16 bits. Neither instruction waits for exceptions that are pending.
            unsafe {
                asm!("fnstcw [{}]", in(reg) &raw mut control, options(nostack));
                asm!("fnstsw [{}]", in(reg) &raw mut status, options(nostack));
            }
            Self { control, flags: status & X87_FLAGS }
        }

        /// Changes nothing else of the unit's environment.
        fn load(self) {
            let mut environment = [0_u32; 7];
            // SAFETY: the environment is 28 bytes. Storing it masks all exceptions, so that loading it does not wait for
            // those that are pending.
            unsafe {
                asm!("fnstenv [{}]", in(reg) &raw mut environment, options(nostack));
                environment[0] = environment[0] & !0xffff | u32::from(self.control);
                environment[1] = environment[1] & !u32::from(X87_FLAGS) | u32::from(self.flags);
                asm!("fldenv [{}]", in(reg) &raw const environment, options(nostack));
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
use aarch64::FloatState;

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use std::arch::asm;

    #[derive(Clone, Copy, Debug)]
    pub(super) struct FloatState {
        control: u64,
        flags: u64,
    }

    impl FloatState {
        pub(super) fn replace_with_default() -> Self {
            let (control, flags): (u64, u64);
            // SAFETY: both registers may be read and written by any program; zeros are the default bits.
            unsafe {
                asm!("mrs {}, fpcr", out(reg) control, options(nostack));
                asm!("mrs {}, fpsr", out(reg) flags, options(nostack));
                asm!("msr fpcr, xzr", options(nostack));
            }
            Self { control, flags }
        }

        pub(super) fn load(self) {
            // SAFETY: as above; these bits were the host's.
            unsafe {
                asm!("msr fpsr, {}", in(reg) self.flags, options(nostack));
                asm!("msr fpcr, {}", in(reg) self.control, options(nostack));
            }
        }
    }
}

#[cfg(not(any(
    all(any(target_arch = "x86_64", target_arch = "x86"), target_feature = "sse"),
    target_arch = "aarch64"
)))]
use other::FloatState;

#[cfg(not(any(
    all(any(target_arch = "x86_64", target_arch = "x86"), target_feature = "sse"),
    target_arch = "aarch64"
)))]
mod other {
    /// Nobody knows how it is read here.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct FloatState;

    impl FloatState {
        pub(super) fn replace_with_default() -> Self {
            Self
        }

        pub(super) fn load(self) {}
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::arch::asm;
    use std::hint::black_box;

    use super::*;

    const UPWARD: u32 = 0x1f80 | 0x4000;
    const DOWNWARD: u32 = 0x1f80 | 0x2000;

    fn set(mxcsr: u32) {
        // SAFETY: legal bits; each test ends with the default.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr, options(nostack)) };
    }

    fn get() -> u32 {
        let mut mxcsr = 0_u32;
        // SAFETY: 32 bits.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack)) };
        mxcsr
    }

    /// What 1/3 is rounded to, and leaves a flag.
    #[inline(never)]
    fn third() -> f32 {
        black_box(1.0_f32) / black_box(3.0)
    }

    #[test]
    fn the_hosts_state_is_left_as_it_was_and_found_by_its_functions() {
        let nearest = third();
        set(DOWNWARD);
        let in_force = within(|| {
            assert_eq!(get(), 0x1f80);
            assert_eq!(third(), nearest);
            // Within a call there is no other.
            within(|| assert_eq!(third(), nearest));
            hosts(|| {
                assert_eq!(get(), DOWNWARD);
                within(|| assert_eq!(get(), 0x1f80));
                assert_eq!(get(), DOWNWARD);
                set(UPWARD);
            });
            get()
        });
        let after = get();
        set(0x1f80);
        assert_eq!((in_force, after), (0x1f80, UPWARD));
    }

    #[test]
    fn a_panic_leaves_the_hosts_state_as_it_was() {
        set(DOWNWARD);
        let unwound = std::panic::catch_unwind(|| within(|| hosts(|| panic!("as it should"))));
        let after = get();
        set(0x1f80);
        assert!(unwound.is_err() && HOSTS.get().is_none());
        assert_eq!(after & !0x3f, DOWNWARD);
    }

    /// An exception of the old unit that is unmasked and pending strikes the host, not ctm.
    #[test]
    fn pending_exceptions_stay_pending() {
        let control = |control: u16| {
            // SAFETY: legal bits, and nothing is pending where this is called.
            unsafe { asm!("fldcw [{}]", in(reg) &raw const control, options(nostack)) };
        };
        let status = || {
            let mut status = 0_u16;
            // SAFETY: 16 bits.
            unsafe { asm!("fnstsw [{}]", in(reg) &raw mut status, options(nostack)) };
            status
        };
        // SAFETY: the unit's stack is empty before and after.
        unsafe { asm!("fld1", "fldz", "fdivp", "fstp st(0)", options(nostack)) };
        control(0x0332); // division by zero, which has happened, and others are unmasked
        let before = status();
        let within_call = within(|| {
            // SAFETY: as above; it would strike here.
            unsafe { asm!("fld1", "fwait", "fstp st(0)", options(nostack)) };
            status()
        });
        let after = status();
        // SAFETY: clears what is pending.
        unsafe { asm!("fnclex", options(nostack)) };
        control(0x037f);
        assert_eq!(before & 0x84, 0x84, "it is pending");
        assert_eq!(within_call & 0x80, 0);
        assert_eq!(after & 0xff, before & 0xff);
    }
}
