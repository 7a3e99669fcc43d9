//! Keeping threads that work together on different processors.
//!
//! Linux often wakes a thread on the processor of the thread that wakes it, although another one is idle, and
//! takes milliseconds to move it: longer than most calls last. Half of the calls on flat 4K maps then took as
//! long as with one thread.

/// The processor that a thread ran on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processor {
    #[cfg(target_os = "linux")]
    index: usize,
}

#[cfg(target_os = "linux")]
impl Processor {
    /// That of the calling thread.
    pub(crate) fn current() -> Self {
        Self { index: rustix::thread::sched_getcpu() }
    }

    /// If the calling thread, which is one of ours, is on this processor and may run on others, it moves to one
    /// of them. Where it may run later is not changed.
    pub(crate) fn leave(self) {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

        if Self::current().index != self.index {
            return;
        }
        // A system that forbids it costs time only.
        let Ok(allowed) = sched_getaffinity(None) else { return };
        if self.index >= CpuSet::MAX_CPU {
            return;
        }
        let mut others = allowed;
        others.unset(self.index);
        if others.count() > 0 && sched_setaffinity(None, &others).is_ok() {
            let _ = sched_setaffinity(None, &allowed);
        }
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
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::*;

    #[test]
    fn a_thread_leaves_a_processor_and_may_return_to_it() {
        std::thread::spawn(|| {
            let allowed = sched_getaffinity(None).unwrap();
            let here = Processor::current();
            // Held here until it leaves, so that nobody else moves it first.
            let mut only_here = CpuSet::new();
            only_here.set(here.index);
            sched_setaffinity(None, &only_here).unwrap();
            here.leave();
            assert_eq!(Processor::current().index, here.index, "it may not run elsewhere");
            sched_setaffinity(None, &allowed).unwrap();
            // The system may move it at any time, and back.
            let left = (0..100).any(|_| {
                let before = Processor::current();
                before.leave();
                Processor::current().index != before.index
            });
            assert!(sched_getaffinity(None).unwrap() == allowed);
            assert!(left || allowed.count() == 1);
        })
        .join()
        .unwrap();
    }
}
