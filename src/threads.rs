//! The context's own thread pool; the global one belongs to the host.

use std::num::NonZero;

/// Threads that work for one context, or the calling thread alone.
#[derive(Debug)]
pub(crate) struct Threads {
    pool: Option<rayon::ThreadPool>,
    count: usize,
}

impl Threads {
    /// A pool of at most `max_threads` threads; 0: one per processor. Where the system grants no
    /// thread the work is done on the calling one.
    pub(crate) fn new(max_threads: u32) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let count = match max_threads {
            0 => processors,
            limit => processors.min(limit as usize),
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|index| format!("ctm-{index}"))
            .start_handler(|_| crate::capi::silence_panics_of_this_thread())
            .build();
        match pool {
            Ok(pool) => Self { pool: Some(pool), count },
            Err(error) => {
                log::warn!("no worker threads ({error}); working on the calling thread");
                Self { pool: None, count: 1 }
            }
        }
    }

    /// How many threads work.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Runs `work` where rayon's parallel iterators use this pool.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}
