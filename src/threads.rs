//! The context's own thread pool; the global one belongs to the host.

use std::num::NonZero;

use crate::error::Error;

/// Threads that work for one context.
#[derive(Debug)]
pub(crate) struct Threads {
    pool: rayon::ThreadPool,
}

impl Threads {
    /// A pool of at most `max_threads` threads; 0: one per processor.
    pub(crate) fn new(max_threads: u32) -> Result<Self, Error> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let count = match max_threads {
            0 => processors,
            limit => processors.min(limit as usize),
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|index| format!("ctm-{index}"))
            .start_handler(|_| crate::capi::silence_panics_of_this_thread())
            .build()
            .map_err(|error| {
                Error::OutOfMemory(format!("{count} worker threads cannot be started: {error}"))
            })?;
        Ok(Self { pool })
    }

    /// How many threads work.
    pub(crate) fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` where rayon's parallel iterators use this pool.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}
