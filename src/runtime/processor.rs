//! Keeping threads that work together on different processors.
//!
//! Linux often wakes a thread on the processor of the thread that wakes it, although another one is idle, and
//! takes milliseconds to move it: longer than most calls last. Half of the calls on flat 4K maps then took as
//! long as with one thread.

#![allow(unsafe_code)]

/// The processor that a thread ran on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processor {
    /// `None`: the system does not say.
    #[cfg(target_os = "linux")]
    index: Option<usize>,
}

#[cfg(target_os = "linux")]
impl Processor {
    /// That of the calling thread.
    pub(crate) fn current() -> Self {
        // SAFETY: it takes nothing and changes nothing.
        let index = unsafe { libc::sched_getcpu() };
        Self { index: usize::try_from(index).ok() }
    }

    /// If the calling thread, which is one of ours, is on this processor and may run on others, it moves to one
    /// of them. Where it may run later is not changed.
    pub(crate) fn leave(self) {
        let Some(index) = self.index.filter(|&index| index < linux::MOST) else { return };
        if Self::current().index != self.index {
            return;
        }
        // A system that forbids it costs time only.
        let Some(allowed) = linux::allowed() else { return };
        let others = linux::without(allowed, index);
        if linux::count(&others) > 0 && linux::allow(&others) {
            linux::allow(&allowed);
        }
    }
}

/// The processors that the calling thread may run on.
#[cfg(target_os = "linux")]
mod linux {
    use libc::{CPU_CLR, CPU_COUNT, CPU_SETSIZE, cpu_set_t, sched_getaffinity, sched_setaffinity};

    /// Those that a set can have are less than this.
    pub(super) const MOST: usize = CPU_SETSIZE as usize;

    pub(super) fn allowed() -> Option<cpu_set_t> {
        // SAFETY: a set is bits, and zeros are the empty one; 0 is the calling thread.
        unsafe {
            let mut set = std::mem::zeroed();
            (sched_getaffinity(0, size_of_val(&set), &mut set) == 0).then_some(set)
        }
    }

    pub(super) fn allow(set: &cpu_set_t) -> bool {
        // SAFETY: as above.
        unsafe { sched_setaffinity(0, size_of_val(set), set) == 0 }
    }

    pub(super) fn without(mut set: cpu_set_t, index: usize) -> cpu_set_t {
        assert!(index < MOST);
        // SAFETY: the set has it.
        unsafe { CPU_CLR(index, &mut set) };
        set
    }

    pub(super) fn count(set: &cpu_set_t) -> i32 {
        // SAFETY: it only looks.
        unsafe { CPU_COUNT(set) }
    }
}

#[cfg(not(target_os = "linux"))]
impl Processor {
    pub(crate) fn current() -> Self {
        Self {}
    }

    pub(crate) fn leave(self) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_leaves_a_processor_and_may_return_to_it() {
        std::thread::spawn(|| {
            let allowed = linux::allowed().unwrap();
            let here = Processor::current();
            // Held here until it leaves, so that nobody else moves it first.
            let others = (0..linux::MOST).filter(|&index| Some(index) != here.index);
            let only_here = others.fold(allowed, linux::without);
            assert!(linux::allow(&only_here));
            here.leave();
            assert_eq!(Processor::current().index, here.index, "it may not run elsewhere");
            assert!(linux::allow(&allowed));
            // The system may move it at any time, and back.
            let left = (0..100).any(|_| {
                let before = Processor::current();
                before.leave();
                Processor::current().index != before.index
            });
            let allowed_after = linux::allowed().unwrap();
            // SAFETY: it only looks.
            assert!(unsafe { libc::CPU_EQUAL(&allowed_after, &allowed) });
            assert!(left || linux::count(&allowed) == 1);
        })
        .join()
        .unwrap();
    }
}
