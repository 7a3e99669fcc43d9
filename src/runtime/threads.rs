//! The threads of a context: the caller's, and some of its own.
//!
//! **Problem.** Threads that sleep take some 25 µs to come, which is more than all the work on a small image; on a busy machine
//! they take milliseconds. The caller must not wait for them.
//!
//! ```text
//! the caller's thread takes item after item of a queue
//! before each: what is left takes as long an item as those that were taken took
//!     a thread for each 25 µs of that is called, unless it was before; at first, for each 32 items
//! a thread that comes takes items, too; once there are none it may not begin
//! the caller waits for those that have begun
//! ```
//!
//! **Exact.** Each item is taken once; what is made of it does not depend on who takes it.
//!
//! **Cost.** A small image is worked on by one thread, without a system call. Items of which only some are cheap may call a
//! thread for nothing; few items that each take long are for `for_each` and `map`, which call all threads at once.
//!
//! **Prior art.** The rule is that of renting skis (Karlin et al., 1988): pay for a thread once as much work was done as calling
//! one costs. Taking work back that nobody has begun is what work-stealing pools do (Frigo et al., Cilk-5, 1998); a scope of
//! rayon's waits for all that was spawned.

#![allow(unsafe_code)]

use std::any::Any;
use std::fmt;
use std::iter::Peekable;
use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::vec::IntoIter;

use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_with_capacity};
use crate::runtime::call::{self, CancelToken, ProgressSpan};
use crate::runtime::float_state;
use crate::runtime::processor::Processor;

/// What a thread takes to come when it is called, as measured on Linux, and so what each is to have to do.
const COMING: Duration = Duration::from_micros(25);
/// So many items are worth a thread before it is known how long they take: tiles of flat maps take some µs.
const ITEMS_A_THREAD: usize = 32;
/// How long threads look for work, and the caller for others to be done, before they sleep.
const LOOKING: Duration = Duration::from_micros(25);

/// Threads that work for one context; those that it has started have ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    board: Arc<Board>,
    /// All but the caller's.
    handles: Vec<JoinHandle<()>>,
    /// The process that has the threads: a forked one does not.
    process: u32,
}

impl Threads {
    /// At most `max_threads` threads, the caller's among them; 0: one per processor.
    pub(crate) fn new(max_threads: u32) -> Result<Self, Error> {
        let processors = || thread::available_parallelism().map_or(1, NonZero::get);
        let count = match max_threads {
            0 => processors(),
            1 => 1,
            limit => processors().min(limit as usize),
        };
        let mut threads = Self { board: Arc::default(), handles: Vec::new(), process: std::process::id() };
        for index in 0..count - 1 {
            let board = threads.board.clone();
            let thread = thread::Builder::new().name(format!("ctm-{index}")).spawn(move || board.serve());
            threads.handles.push(thread.map_err(|error| {
                Error::OutOfMemory(format!("{} worker threads cannot be started: {error}", count - 1))
            })?);
        }
        Ok(threads)
    }

    /// Whether this process was forked from the one that has the threads.
    pub(crate) fn are_elsewhere(&self) -> bool {
        self.process != std::process::id()
    }

    /// How many threads work.
    pub(crate) fn count(&self) -> usize {
        self.handles.len() + 1
    }

    /// Calls `work`, on different threads as far as they are worth it, `workers` times at most, with a queue of the
    /// items; returns what it made of those that it took, in any order. Whoever is late or held up takes fewer.
    ///
    /// The running call can be stopped between items, and its progress is reported there.
    pub(crate) fn share<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        workers: usize,
        work: impl Fn(&Queue<T>) -> R + Send + Sync,
    ) -> Result<Vec<R>, Error> {
        self.share_queue(Queue::new(items), workers, ITEMS_A_THREAD, work)
    }

    /// As `share`; so many items are worth a thread from the beginning.
    fn share_queue<T: Send, R: Send>(
        &self,
        queue: Queue<T>,
        workers: usize,
        items_a_thread: usize,
        work: impl Fn(&Queue<T>) -> R + Send + Sync,
    ) -> Result<Vec<R>, Error> {
        let workers = workers.min(queue.items);
        let results = Mutex::new(try_with_capacity(workers)?);
        let begun = AtomicUsize::new(0);
        let work = || {
            // Whoever takes no more than some may have to begin anew.
            while queue.has_items() && begun.fetch_add(1, Ordering::Relaxed) < workers {
                let result = work(&queue);
                locked(&results).push(result); // there is room
            }
        };
        let others = self.handles.len().min(workers.saturating_sub(1));
        // Who shares work within work does it alone.
        let turn = if others > 0 { self.board.turn() } else { None };
        if turn.is_some() {
            self.board.with_help(&work, |job| {
                let (board, start) = (self.board.clone(), Instant::now());
                locked(&queue.rest).caller = Some(Caller { board, job, others, called: 0, start });
                queue.call_threads(items_a_thread);
                work();
            });
        } else {
            work();
        }
        if queue.stop.is_cancelled() {
            return Err(Error::Cancelled); // not all items may have been taken
        }
        Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does `work` for each item, on all threads.
    pub(crate) fn for_each<T: Send>(
        &self,
        items: Vec<T>,
        work: impl Fn(T) + Send + Sync,
    ) -> Result<(), Error> {
        self.share_queue(Queue::new(items), self.count(), 1, |queue| {
            while let Some(item) = queue.take() {
                work(item);
            }
        })
        .map(drop)
    }

    /// As `for_each`, and returns what `work` made of each item, in order.
    pub(crate) fn map<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        work: impl Fn(T) -> R + Send + Sync,
    ) -> Result<Vec<R>, Error> {
        let mut results = try_collect(items.iter().map(|_| None))?;
        let places = try_collect(items.into_iter().zip(&mut results))?;
        self.for_each(places, |(item, result)| *result = Some(work(item)))?;
        try_collect(results.into_iter().flatten())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let handles = std::mem::take(&mut self.handles);
        if self.are_elsewhere() {
            // Nobody would answer: neither told nor waited for. One of them may hold the lock.
            std::mem::forget((self.board.clone(), handles));
            return;
        }
        locked(&self.board.state).ends = true;
        self.board.called.notify_all();
        for handle in handles {
            // What a thread panicked with has been handed to whom it worked for.
            let _ = handle.join();
        }
    }
}

/// What a mutex holds: nothing here panics while it is locked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Work that other threads may help with: valid until `Board::with_help` takes it back.
#[derive(Clone, Copy)]
struct Job(*const (dyn Fn() + Sync + 'static));

// SAFETY: what it points to may be called from any thread.
unsafe impl Send for Job {}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// Where threads wait, and find what there is to do.
#[derive(Debug, Default)]
struct Board {
    state: Mutex<State>,
    /// Threads are called, or are to end.
    called: Condvar,
    /// A thread is done.
    left: Condvar,
    /// Held by whose job it is.
    turn: Mutex<()>,
    /// As `State::places`, for those who look without the lock.
    places: AtomicUsize,
    /// Threads that look.
    awake: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    job: Option<Job>,
    /// Threads that may still begin with it.
    places: usize,
    /// Where its caller ran when it called.
    processor: Option<Processor>,
    /// Threads that are at it.
    at_work: usize,
    /// What one of them has panicked with.
    panic: Option<Box<dyn Any + Send>>,
    ends: bool,
}

impl Board {
    /// A thread's life.
    fn serve(&self) {
        #[cfg(feature = "capi")]
        crate::runtime::panics::silence_panics_of_this_thread();
        float_state::set_default();
        let mut state = locked(&self.state);
        let mut has_looked = true;
        while !state.ends {
            let Some(Job(work)) = state.job.filter(|_| state.places > 0) else {
                if has_looked {
                    state = self.called.wait(state).unwrap_or_else(PoisonError::into_inner);
                } else {
                    drop(state);
                    self.look_for_work();
                    state = locked(&self.state);
                    has_looked = true;
                }
                continue;
            };
            has_looked = false;
            state.places -= 1;
            self.places.store(state.places, Ordering::Relaxed);
            state.at_work += 1;
            let processor = state.processor;
            drop(state);
            processor.iter().for_each(|caller| caller.leave());
            // SAFETY: `with_help` does not return while this thread is at work.
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| unsafe { (*work)() }));
            state = locked(&self.state);
            state.at_work -= 1;
            if let Err(panic) = outcome {
                state.panic = Some(panic);
            }
            self.left.notify_one();
        }
    }

    /// The next stage of a call may begin soon.
    fn look_for_work(&self) {
        self.awake.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        while self.places.load(Ordering::Relaxed) == 0 && start.elapsed() < LOOKING {
            (0..16).for_each(|_| std::hint::spin_loop());
        }
        self.awake.fetch_sub(1, Ordering::Relaxed);
    }

    /// The right to call threads, unless another has it.
    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Does `work` on this thread, within which others can be called to the job. Where one of them panics, so does this.
    fn with_help(&self, job: &(dyn Fn() + Sync), work: impl FnOnce(Job)) {
        struct TakeBack<'a>(&'a Board);
        impl Drop for TakeBack<'_> {
            fn drop(&mut self) {
                self.0.take_back();
            }
        }
        let job: *const (dyn Fn() + Sync + '_) = job;
        // SAFETY: only the lifetime changes. Whoever calls the job has begun before it is taken back, and that waits for
        // them, also where `work` panics.
        let job = Job(unsafe {
            std::mem::transmute::<*const (dyn Fn() + Sync + '_), *const (dyn Fn() + Sync + 'static)>(job)
        });
        let help = TakeBack(self);
        work(job);
        drop(help);
        let panic = locked(&self.state).panic.take();
        if let Some(panic) = panic {
            panic::resume_unwind(panic);
        }
    }

    /// Nobody may begin any more; waits for those who have.
    fn take_back(&self) {
        let mut state = locked(&self.state);
        (state.job, state.places) = (None, 0);
        self.places.store(0, Ordering::Relaxed);
        if state.at_work == 0 {
            return;
        }
        // Most are done soon, sooner than a thread that sleeps is woken.
        let start = Instant::now();
        while state.at_work > 0 && start.elapsed() < LOOKING {
            drop(state);
            std::hint::spin_loop();
            state = locked(&self.state);
        }
        while state.at_work > 0 {
            state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Calls so many more threads to a job.
    fn call(&self, job: Job, threads: usize) {
        let mut state = locked(&self.state);
        state.job = Some(job);
        state.places += threads;
        self.places.store(state.places, Ordering::Relaxed);
        state.processor = Some(Processor::current());
        drop(state);
        (0..threads).for_each(|_| self.called.notify_one());
        // Lets a thread that was woken on this processor leave it.
        thread::yield_now();
    }
}

/// Who calls threads to the items of a queue.
#[derive(Debug)]
struct Caller {
    board: Arc<Board>,
    job: Job,
    /// Threads that can be called, and that were.
    others: usize,
    called: usize,
    start: Instant,
}

impl Caller {
    /// How many threads are to be called now that so many items were taken, of so many.
    fn wanted(&mut self, taken: usize, items: usize, items_a_thread: usize) -> usize {
        let worth = match taken {
            0 => items / items_a_thread,
            _ => {
                let rest = self.start.elapsed().as_secs_f64() / taken as f64 * (items - taken) as f64;
                (rest / COMING.as_secs_f64()) as usize
            }
        };
        // Those that are still awake since the stage before come at once.
        let wanted =
            worth.max(self.board.awake.load(Ordering::Relaxed)).min(self.others).saturating_sub(self.called);
        self.called += wanted;
        wanted
    }
}

/// Items that several threads take.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// How many there were.
    items: usize,
    rest: Mutex<Rest<T>>,
    stop: Arc<CancelToken>,
    pass: ProgressSpan,
}

#[derive(Debug)]
struct Rest<T> {
    items: Peekable<IntoIter<T>>,
    /// As long as not all threads were called.
    caller: Option<Caller>,
}

impl<T> Queue<T> {
    fn new(items: Vec<T>) -> Self {
        Self {
            items: items.len(),
            rest: Mutex::new(Rest { items: items.into_iter().peekable(), caller: None }),
            stop: call::cancel_token(),
            // Others may follow.
            pass: ProgressSpan::new(0.875),
        }
    }

    /// The next item, if there is one and the work is to go on.
    pub(crate) fn take(&self) -> Option<T> {
        self.take_if(|_| true)
    }

    /// Takes the next item where it suits, else none.
    pub(crate) fn take_if(&self, suits: impl FnOnce(&T) -> bool) -> Option<T> {
        if self.pass.is_reported() {
            let taken = self.items - locked(&self.rest).items.len();
            self.pass.reach(taken as f64 / self.items as f64);
        }
        if self.stop.is_cancelled() {
            return None;
        }
        self.call_threads(ITEMS_A_THREAD);
        locked(&self.rest).items.next_if(suits)
    }

    fn has_items(&self) -> bool {
        !self.stop.is_cancelled() && locked(&self.rest).items.len() > 0
    }

    /// Calls the threads that are worth it.
    fn call_threads(&self, items_a_thread: usize) {
        let mut rest = locked(&self.rest);
        let taken = self.items - rest.items.len();
        let Some(caller) = &mut rest.caller else { return };
        let wanted = caller.wanted(taken, self.items, items_a_thread);
        if wanted == 0 {
            return;
        }
        let (board, job) = (caller.board.clone(), caller.job);
        if caller.called == caller.others {
            rest.caller = None;
        }
        drop(rest);
        board.call(job, wanted);
    }

    /// Whether the work is to go on: asked now and then by those who have long work with an item.
    pub(crate) fn goes_on(&self) -> bool {
        if self.pass.is_reported() {
            call::tick();
        }
        !self.stop.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    /// Items that all must have been taken, by as many calls as it takes, however few each takes.
    #[test]
    fn each_item_is_taken_once() {
        for count in [1, 2, 5] {
            let threads = Threads::new(count).unwrap();
            for items in [0, 1, 2, 31, 400] {
                for (workers, most) in [(1, usize::MAX), (2, usize::MAX), (400, 3)] {
                    let parts = threads.share((0..items).collect(), workers, |queue: &Queue<usize>| {
                        std::iter::from_fn(|| queue.take()).take(most).collect::<Vec<_>>()
                    });
                    let parts = parts.unwrap();
                    assert!(parts.len() <= workers);
                    let mut taken = parts.concat();
                    taken.sort_unstable();
                    assert!(taken.into_iter().eq(0..items), "{count} {items} {workers}");
                }
            }
        }
    }

    #[test]
    fn few_long_items_are_for_all_threads() {
        let threads = Threads::new(2).unwrap();
        if threads.count() == 2 {
            // Each waits for the other.
            let barrier = Barrier::new(2);
            for _ in 0..100 {
                threads
                    .for_each(vec![(); 2], |()| {
                        barrier.wait();
                    })
                    .unwrap();
            }
        }
    }

    #[test]
    fn a_panic_on_any_thread_is_the_callers() {
        let threads = Threads::new(2).unwrap();
        for bad in [0, 1] {
            let barrier = Barrier::new(threads.count());
            let work = |item: usize| {
                barrier.wait();
                assert!(item != bad, "as it should");
            };
            let unwound = panic::catch_unwind(AssertUnwindSafe(|| threads.for_each(vec![0, 1], work)));
            assert!(unwound.is_err());
            // They work on.
            assert_eq!(threads.map(vec![1, 2, 3], |item| 2 * item), Ok(vec![2, 4, 6]));
        }
    }

    /// Whoever shares work within work does it alone.
    #[test]
    fn work_within_work() {
        let threads = Threads::new(2).unwrap();
        let sums = threads.map(vec![10, 20], |base| {
            threads.map(vec![1, 2], |item| base + item).unwrap().iter().sum::<i32>()
        });
        assert_eq!(sums, Ok(vec![23, 43]));
    }
}
