//! The threads of a context: the caller's, and a pool of its own; rayon's global one belongs to the host.
//!
//! The caller's thread works, too, instead of waiting: it need not be woken, and no other has to be woken for
//! it when the work is done.

use crate::runtime::alloc::try_with_capacity;
use std::iter::Peekable;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::vec::IntoIter;

use crate::error::Error;
use crate::runtime::alloc::try_collect;
use crate::runtime::call::{self, CancelToken, ProgressSpan};
use crate::runtime::float_state;
use crate::runtime::processor::Processor;

/// Threads that work for one context; those that it has started have ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    /// All but the caller's; `None` where there are no others, and while dropping.
    pool: Option<rayon::ThreadPool>,
    handles: Vec<JoinHandle<()>>,
    /// The process that has the threads: a forked one does not.
    process: u32,
}

impl Threads {
    /// At most `max_threads` threads, the caller's among them; 0: one per processor.
    pub(crate) fn new(max_threads: u32) -> Result<Self, Error> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let count = match max_threads {
            0 => processors,
            limit => processors.min(limit as usize),
        };
        let mut handles = Vec::new();
        let pool = match count - 1 {
            0 => None,
            others => Some(pool(others, &mut handles)?),
        };
        Ok(Self { pool, handles, process: std::process::id() })
    }

    /// Whether this process was forked from the one that has the threads.
    pub(crate) fn are_elsewhere(&self) -> bool {
        self.process != std::process::id()
    }

    /// How many threads work.
    pub(crate) fn count(&self) -> usize {
        self.handles.len() + 1
    }

    /// Calls `work`, on different threads where there are enough, `workers` times at most, with a queue of the
    /// items; returns what it made of those that it took, in any order. Whoever is late or held up takes fewer.
    ///
    /// The running call can be stopped between items, and its progress is reported there.
    pub(crate) fn share<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        workers: usize,
        work: impl Fn(&Queue<T>) -> R + Send + Sync,
    ) -> Result<Vec<R>, Error> {
        let workers = workers.min(items.len());
        let queue = Queue {
            items: items.len(),
            rest: Mutex::new(items.into_iter().peekable()),
            stop: call::cancel_token(),
            // Others may follow.
            pass: ProgressSpan::new(0.875),
        };
        let results = Mutex::new(Vec::with_capacity(workers));
        let work = || {
            let result = work(&queue);
            locked(&results).push(result);
        };
        match &self.pool {
            Some(pool) if workers > 1 => pool.in_place_scope(|scope| {
                let callers = Processor::current();
                let work = &work;
                for _ in 1..workers {
                    scope.spawn(move |_| {
                        callers.leave();
                        work();
                    });
                }
                // Lets a thread that was woken on this processor leave it.
                thread::yield_now();
                work();
            }),
            _ => (0..workers).for_each(|_| work()),
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
        self.share(items, self.count(), |queue| {
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
        let results = Mutex::new(try_with_capacity(items.len())?);
        let numbered = try_collect(items.into_iter().enumerate())?;
        self.for_each(numbered, |(index, item)| {
            let result = work(item);
            locked(&results).push((index, result)); // there is room
        })?;
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|&(index, _)| index);
        try_collect(results.into_iter().map(|(_, result)| result))
    }
}

fn pool(count: usize, handles: &mut Vec<JoinHandle<()>>) -> Result<rayon::ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .start_handler(|_| {
            #[cfg(feature = "capi")]
            crate::runtime::panics::silence_panics_of_this_thread();
            float_state::set_default();
        })
        .spawn_handler(|worker| {
            let name = format!("ctm-{}", worker.index());
            handles.push(thread::Builder::new().name(name).spawn(|| worker.run())?);
            Ok(())
        })
        .build()
        .map_err(|error| Error::OutOfMemory(format!("{count} worker threads cannot be started: {error}")))
}

/// What a mutex holds: nothing here panics while it is locked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Items that several threads take.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// How many there were.
    items: usize,
    rest: Mutex<Peekable<IntoIter<T>>>,
    stop: Arc<CancelToken>,
    pass: ProgressSpan,
}

impl<T> Queue<T> {
    /// The next item, if there is one and the work is to go on.
    pub(crate) fn take(&self) -> Option<T> {
        self.take_if(|_| true)
    }

    /// Takes the next item where it suits, else none.
    pub(crate) fn take_if(&self, suits: impl FnOnce(&T) -> bool) -> Option<T> {
        if self.pass.is_reported() {
            let taken = self.items - locked(&self.rest).len();
            self.pass.reach(taken as f64 / self.items as f64);
        }
        if self.stop.is_cancelled() {
            return None;
        }
        locked(&self.rest).next_if(suits)
    }

    /// Whether the work is to go on: asked now and then by those who have long work with an item.
    pub(crate) fn goes_on(&self) -> bool {
        if self.pass.is_reported() {
            call::tick();
        }
        !self.stop.is_cancelled()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if self.are_elsewhere() {
            // Nobody would answer: neither told nor waited for.
            std::mem::forget((self.pool.take(), std::mem::take(&mut self.handles)));
            return;
        }
        self.pool = None; // tells the threads to end
        for handle in self.handles.drain(..) {
            // A thread that panicked has reported it to whom it worked for.
            let _ = handle.join();
        }
    }
}
