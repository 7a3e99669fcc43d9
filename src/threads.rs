//! The context's own thread pool; the global one belongs to the host.

use std::iter::Peekable;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::vec::IntoIter;

use rayon::prelude::*;

use crate::error::Error;

/// Threads that work for one context, and have ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    /// `None` only while dropping.
    pool: Option<rayon::ThreadPool>,
    handles: Vec<JoinHandle<()>>,
    /// The process that has the threads: a forked one does not.
    process: u32,
}

impl Threads {
    /// A pool of at most `max_threads` threads; 0: one per processor.
    pub(crate) fn new(max_threads: u32) -> Result<Self, Error> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let count = match max_threads {
            0 => processors,
            limit => processors.min(limit as usize),
        };
        let mut handles = Vec::new();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .start_handler(|_| crate::capi::silence_panics_of_this_thread())
            .spawn_handler(|worker| {
                let name = format!("ctm-{}", worker.index());
                handles.push(thread::Builder::new().name(name).spawn(|| worker.run())?);
                Ok(())
            })
            .build()
            .map_err(|error| {
                Error::OutOfMemory(format!("{count} worker threads cannot be started: {error}"))
            })?;
        Ok(Self { pool: Some(pool), handles, process: std::process::id() })
    }

    /// Whether this process was forked from the one that has the threads.
    pub(crate) fn are_elsewhere(&self) -> bool {
        self.process != std::process::id()
    }

    /// How many threads work.
    pub(crate) fn count(&self) -> usize {
        self.handles.len()
    }

    /// Does `work` for each item, on all threads; on this one where there is only one item, since
    /// waking another takes longer than most single items.
    pub(crate) fn for_each<T: Send>(&self, items: Vec<T>, work: impl Fn(T) + Send + Sync) {
        match &self.pool {
            Some(pool) if items.len() > 1 => pool.install(|| items.into_par_iter().for_each(work)),
            _ => items.into_iter().for_each(work),
        }
    }

    /// As `for_each`, and returns what `work` made of each item, in order.
    pub(crate) fn map<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
        match &self.pool {
            Some(pool) if items.len() > 1 => pool.install(|| items.into_par_iter().map(work).collect()),
            _ => items.into_iter().map(work).collect(),
        }
    }

    /// Does `work` on all threads, but at most `workers` times, with a queue of the items; returns what it
    /// made of those it took, in any order.
    pub(crate) fn share<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        workers: usize,
        work: impl Fn(&Queue<T>) -> R + Send + Sync,
    ) -> Vec<R> {
        let workers = vec![(); workers.min(items.len())];
        let queue = Queue { rest: Mutex::new(items.into_iter().peekable()) };
        self.map(workers, |()| work(&queue))
    }
}

/// Items that several threads take.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    rest: Mutex<Peekable<IntoIter<T>>>,
}

impl<T> Queue<T> {
    /// The next item, unless there is none or it does not suit.
    pub(crate) fn take_if(&self, suits: impl FnOnce(&T) -> bool) -> Option<T> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner).next_if(suits)
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
