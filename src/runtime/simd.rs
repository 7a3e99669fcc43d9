//! What the processor can do: found out in one place, once, and code chosen for it.
//!
//! There are few levels, each of which has the instructions of those before it. Hot code is [`Work`]: written once
//! and compiled once for each level, as a whole, so that nothing is chosen within its loops. What such code does
//! differently by level it asks of a *token* (`Scalar`, `Sse2`, `Avx2`): traits with a plain implementation in
//! `*_scalar.rs` and one with vector instructions beside it in `*_x86.rs`. A token exists only where the processor has
//! its instructions, so that calling those is safe.
//!
//! Modelled on BLAKE3's `platform.rs` (one type that says what there is, detected in one place), memchr's `arch`
//! (kernels in files by instruction set, beside their plain twins) and pulp (tokens, and code generic over them).
//!
//! Results are the same to the bit at every level. Tests force levels, see [`force`].

#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::OnceLock;

/// Instructions that there is code for. Each level has those of the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SimdLevel {
    /// Plain code; the compiler may use what each processor of the kind has. On x86-64, where no processor is without
    /// SSE2, only the feature `scalar` has it.
    Scalar,
    /// SSE2, which each x86-64 processor has.
    Sse2,
    /// AVX2 and BMI2.
    Avx2,
}

impl SimdLevel {
    /// The levels that this processor has, plain code first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let all = [Self::Scalar, Self::Sse2, Self::Avx2];
        let first = if HAS_SCALAR { Self::Scalar } else { Self::Sse2 };
        all.into_iter().filter(|&level| first <= level && level <= detected()).collect()
    }
}

/// Whether there is plain code: the library is smaller by a twelfth without, where nobody needs it.
const HAS_SCALAR: bool = cfg!(any(feature = "scalar", not(target_arch = "x86_64")));

/// The highest level that the processor has.
fn detected() -> SimdLevel {
    static DETECTED: OnceLock<SimdLevel> = OnceLock::new();
    *DETECTED.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> SimdLevel {
    match is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
        true => SimdLevel::Avx2,
        false => SimdLevel::Sse2,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> SimdLevel {
    SimdLevel::Scalar
}

/// A level that the processor has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simd(SimdLevel);

thread_local! {
    /// What a test has forced, for the calls of this thread.
    static FORCED: Cell<Option<SimdLevel>> = const { Cell::new(None) };
}

impl Simd {
    /// What the running call of this thread uses. Asked once for each stage, on the caller's thread, and handed to the
    /// others as a value.
    pub(crate) fn current() -> Self {
        let detected = detected();
        Self(FORCED.get().map_or(detected, |forced| forced.min(detected)))
    }

    /// For threads that are to use the same.
    pub(crate) fn level(self) -> SimdLevel {
        self.0
    }

    /// Does work with the code for this level.
    #[inline]
    pub(crate) fn run<W: AnyLevel<R>, R>(self, work: W) -> R {
        run(self.0, work)
    }
}

/// Until this is dropped, this thread's calls use a level at most.
#[derive(Debug)]
pub(crate) struct Forced(Option<SimdLevel>);

/// For tests: calls of this thread use this level at most; `None` changes nothing.
pub(crate) fn force(level: Option<SimdLevel>) -> Forced {
    Forced(FORCED.replace(level.or(FORCED.get())))
}

impl Drop for Forced {
    fn drop(&mut self) {
        FORCED.set(self.0);
    }
}

/// The token of plain code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

/// The token of SSE2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sse2(());

/// The token of AVX2 and BMI2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

/// Work that is compiled for the level whose token is `L`.
///
/// `run` and all that is to have the level's instructions are to be inlined: a function that is not is compiled for
/// any processor.
pub(crate) trait Work<L, R> {
    fn run(self, level: L) -> R;
}

#[cfg(target_arch = "x86_64")]
mod levels {
    use super::{Avx2, HAS_SCALAR, Scalar, SimdLevel, Sse2, Work};

    /// Work that can be done at every level.
    pub(crate) trait AnyLevel<R>: Work<Scalar, R> + Work<Sse2, R> + Work<Avx2, R> {}

    impl<W: Work<Scalar, R> + Work<Sse2, R> + Work<Avx2, R>, R> AnyLevel<R> for W {}

    #[inline]
    pub(super) fn run<W: AnyLevel<R>, R>(level: SimdLevel, work: W) -> R {
        match level {
            SimdLevel::Scalar if HAS_SCALAR => run_with(Scalar, work),
            SimdLevel::Scalar | SimdLevel::Sse2 => run_with(Sse2(()), work),
            // SAFETY: a `Simd` has no level above the detected one.
            SimdLevel::Avx2 => unsafe { run_with_avx2(work) },
        }
    }

    /// Apart, so that a call of one level has no stack taken for the others.
    #[inline(never)]
    fn run_with<L, W: Work<L, R>, R>(level: L, work: W) -> R {
        work.run(level)
    }

    #[target_feature(enable = "avx2,bmi2")]
    fn run_with_avx2<W: Work<Avx2, R>, R>(work: W) -> R {
        work.run(Avx2(()))
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod levels {
    use super::{Scalar, SimdLevel, Work};

    /// Work that can be done at every level.
    pub(crate) trait AnyLevel<R>: Work<Scalar, R> {}

    impl<W: Work<Scalar, R>, R> AnyLevel<R> for W {}

    pub(super) fn run<W: AnyLevel<R>, R>(_: SimdLevel, work: W) -> R {
        work.run(Scalar)
    }
}

pub(crate) use levels::AnyLevel;
use levels::run;

/// Calls a test's check once for each level that the processor has.
#[cfg(test)]
pub(crate) fn at_each_level(mut check: impl FnMut(SimdLevel)) {
    for level in SimdLevel::available() {
        let _forced = force(Some(level));
        check(level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Name;

    impl Work<Scalar, SimdLevel> for Name {
        fn run(self, _: Scalar) -> SimdLevel {
            SimdLevel::Scalar
        }
    }

    #[cfg(target_arch = "x86_64")]
    impl Work<Sse2, SimdLevel> for Name {
        fn run(self, _: Sse2) -> SimdLevel {
            SimdLevel::Sse2
        }
    }

    #[cfg(target_arch = "x86_64")]
    impl Work<Avx2, SimdLevel> for Name {
        fn run(self, _: Avx2) -> SimdLevel {
            SimdLevel::Avx2
        }
    }

    #[test]
    fn work_is_done_at_the_level_that_is_forced_and_at_the_highest_else() {
        let highest = *SimdLevel::available().last().unwrap();
        assert_eq!(Simd::current().run(Name), highest);
        at_each_level(|level| {
            assert_eq!(Simd::current().run(Name), level);
            // Nothing is forced on other threads, and an inner call that forces nothing changes nothing.
            let other = std::thread::spawn(|| Simd::current().run(Name)).join();
            assert_eq!(other.unwrap(), highest);
            let _inner = force(None);
            assert_eq!(Simd::current().run(Name), level);
        });
        assert_eq!(Simd::current().run(Name), highest);
    }

    /// A level that the processor does not have is never used.
    #[test]
    fn no_level_is_above_what_the_processor_has() {
        let _forced = force(Some(SimdLevel::Avx2));
        assert!(SimdLevel::available().contains(&Simd::current().0));
    }
}
