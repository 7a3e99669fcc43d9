//! What a running call hears from outside, and says: that it is to stop, how far it is, messages.
//!
//! A call's scope is its thread's. So the stages need not hand it on, and nothing of the caller's is ever called on
//! another thread; those that work for the call know only whether it is to stop.

#![allow(unsafe_code)]

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::Level;

use crate::error::Error;
use crate::runtime::float_state;

/// Whether a call is to stop; once it is, it stays so.
#[derive(Debug, Default)]
pub(crate) struct CancelToken(AtomicBool);

impl CancelToken {
    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Stops a context's calls from any thread, see [`Context::canceller`](crate::Context::canceller).
#[derive(Clone, Debug, Default)]
pub struct Canceller {
    running: Arc<Mutex<Option<Arc<CancelToken>>>>,
}

impl Canceller {
    /// Ends the call that the context is working on now with [`Error::Cancelled`], as soon as that can be: within some
    /// milliseconds on the CPU, after one piece of work on a device. Without such a call nothing happens; later calls
    /// are not affected.
    pub fn cancel(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().for_each(|token| token.cancel());
    }

    /// Which call it stops.
    pub(crate) fn set(&self, stop: Option<Arc<CancelToken>>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = stop;
    }
}

/// What is called with how far a call is, from 0 to 1.
pub(crate) type ProgressFn<'a> = &'a mut (dyn FnMut(f64) -> ControlFlow<()> + 'a);

/// What is called with a message.
pub(crate) type LogFn<'a> = &'a (dyn Fn(Level, &str) + 'a);

/// A call, as the thread knows it that made it.
pub(crate) struct Scope<'a> {
    stop: Arc<CancelToken>,
    progress: Option<Progress<'a>>,
    /// And up to which level it wants them.
    log: Option<(Level, LogFn<'a>)>,
    /// What the caller's progress function has panicked with.
    panic: Option<Box<dyn Any + Send>>,
}

struct Progress<'a> {
    function: ProgressFn<'a>,
    /// How far the work is.
    at: f64,
    /// How far it will be at the end of the present pass.
    end: f64,
    reported: f64,
    reported_at: Instant,
}

/// Progress is reported when there was as much of it …
const STEP: f64 = 1.0 / 256.0;
/// … or when so much time has gone by.
const INTERVAL: Duration = Duration::from_millis(4);

thread_local! {
    /// The innermost call of this thread; none while a function of the caller's is at work.
    static CURRENT: Cell<Option<NonNull<Scope<'static>>>> = const { Cell::new(None) };
}

/// Puts back what was there.
struct Restore(Option<NonNull<Scope<'static>>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Does something with the running call, if this thread has one.
fn with<R>(work: impl FnOnce(&mut Scope) -> R) -> Option<R> {
    let restore = Restore(CURRENT.take());
    // SAFETY: `enter` has set the pointer and takes it away before the scope ends; whoever uses it has taken it
    // away for as long, so that nobody else does.
    restore.0.map(|mut scope| work(unsafe { scope.as_mut() }))
}

impl<'a> Scope<'a> {
    pub(crate) fn new(stop: Arc<CancelToken>) -> Self {
        Self { stop, progress: None, log: None, panic: None }
    }

    /// A scope whose progress is reported. The last that is reported of a call that succeeds is 1.
    pub(crate) fn with_progress<'b: 'a>(self, function: Option<ProgressFn<'b>>) -> Self {
        let reported_at = Instant::now();
        let progress =
            function.map(|function| Progress { function, at: 0.0, end: 1.0, reported: 0.0, reported_at });
        Self { progress, ..self }
    }

    /// A scope whose messages are handed on.
    #[cfg(feature = "capi")]
    pub(crate) fn with_log(self, log: Option<(Level, LogFn<'a>)>) -> Self {
        Self { log, ..self }
    }

    /// Does a call's work.
    pub(crate) fn run<R>(mut self, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        let result = float_state::within(|| {
            self.report(0.0);
            let result = if self.stop.is_cancelled() {
                Err(Error::Cancelled)
            } else {
                let restore = Restore(CURRENT.replace(Some(NonNull::from(&mut self).cast())));
                let result = work();
                drop(restore);
                result
            };
            if result.is_ok() && self.panic.is_none() {
                self.report(1.0);
            }
            result
        });
        // A panic of the caller's is the caller's again.
        self.panic.take().map_or(result, |panic| panic::resume_unwind(panic))
    }

    /// Calls the caller's progress function.
    fn report(&mut self, done: f64) {
        let Some(progress) = &mut self.progress else { return };
        let function = || float_state::hosts(|| (progress.function)(done));
        match panic::catch_unwind(AssertUnwindSafe(function)) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => self.stop.cancel(),
            Err(panic) => {
                self.stop.cancel();
                self.panic = Some(panic);
            }
        }
        (progress.reported, progress.reported_at) = (done, Instant::now());
    }

    /// The work is so far.
    fn reach(&mut self, done: f64) {
        let Some(progress) = &mut self.progress else { return };
        progress.at = done.clamp(progress.at, progress.end.max(progress.at));
        // 1 is reported once, at the end.
        let at = progress.at.min(1.0 - STEP / 2.0).max(progress.reported);
        let tells = at - progress.reported >= STEP || progress.reported_at.elapsed() >= INTERVAL;
        if tells && !self.stop.is_cancelled() {
            self.report(at);
        }
    }
}

/// Whether the running call of this thread is to stop.
pub(crate) fn cancel_token() -> Arc<CancelToken> {
    with(|scope| scope.stop.clone()).unwrap_or_default()
}

/// Fails if the running call of this thread is to stop.
pub(crate) fn check() -> Result<(), Error> {
    match with(|scope| scope.stop.is_cancelled()) {
        Some(true) => Err(Error::Cancelled),
        _ => Ok(()),
    }
}

/// Some work was done of which nobody knows how much there will be. On threads without a call nothing happens.
pub(crate) fn tick() {
    with(|scope| {
        if let Some(Progress { at, end, .. }) = scope.progress {
            scope.reach(at + (end - at) / 1024.0);
        }
    });
}

/// Work that takes a part of a call. Passes may have passes of their own.
#[derive(Debug)]
pub(crate) struct ProgressSpan {
    /// Where it begins, where it ends, and where the one around it ends; none where nobody listens.
    range: Option<[f64; 3]>,
}

impl ProgressSpan {
    /// The next such work of this thread's call, expected to take this part of what is left of the pass around it.
    pub(crate) fn new(part_of_rest: f64) -> Self {
        Self::starting(|at, end| at + (end - at) * part_of_rest)
    }

    /// Work within this one, after which that part of it will be done.
    pub(crate) fn until(&self, part: f64) -> Self {
        let end = self.range.map(|[start, end, _]| start + (end - start) * part);
        Self::starting(|at, outer_end| end.map_or(outer_end, |end| end.clamp(at, outer_end)))
    }

    fn starting(end: impl FnOnce(f64, f64) -> f64) -> Self {
        let range = with(|scope| {
            scope.progress.as_mut().map(|progress| {
                let outer = progress.end;
                progress.end = end(progress.at, outer);
                [progress.at, progress.end, outer]
            })
        });
        Self { range: range.flatten() }
    }

    /// This part of it is done.
    pub(crate) fn reach(&self, part: f64) {
        if let Some([start, end, _]) = self.range {
            with(|scope| scope.reach(start + (end - start) * part));
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_reported(&self) -> bool {
        self.range.is_some()
    }
}

impl Drop for ProgressSpan {
    fn drop(&mut self) {
        let Some([_, end, outer]) = self.range else { return };
        with(|scope| {
            scope.reach(end);
            if let Some(progress) = &mut scope.progress {
                progress.end = outer;
            }
        });
    }
}

/// Says something about the call that this thread is in: to the host of its context, if that listens, and to the
/// process's logger, if a Rust program has one.
pub(crate) fn message(level: Level, text: fmt::Arguments) {
    log::log!(target: "ctm", level, "{text}");
    with(|scope| {
        if let Some((_, log)) = scope.log.filter(|(most, _)| level <= *most) {
            let text = text.to_string();
            float_state::hosts(|| log(level, &text));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is reported of a call.
    fn reported(work: impl FnOnce()) -> Vec<f64> {
        let mut reported = Vec::new();
        let mut tell = |done| {
            reported.push(done);
            ControlFlow::Continue(())
        };
        let scope = Scope::new(Arc::default()).with_progress(Some(&mut tell));
        scope
            .run(|| {
                work();
                Ok(())
            })
            .unwrap();
        reported
    }

    #[test]
    fn passes_share_what_is_left() {
        let reported = reported(|| {
            let first = ProgressSpan::new(0.5);
            first.reach(0.5);
            {
                let inner = first.until(0.75);
                inner.reach(1.0);
            }
            first.reach(0.1); // never back
            drop(first);
            let second = ProgressSpan::new(1.0);
            second.reach(0.5);
            ProgressSpan::new(0.5);
        });
        assert_eq!(reported, [0.0, 0.25, 0.375, 0.5, 0.75, 0.875, 1.0 - STEP / 2.0, 1.0]);
    }

    #[test]
    fn a_call_within_a_callers_function_is_another() {
        let stop = Arc::<CancelToken>::default();
        let mut inside = Vec::new();
        let mut tell = |_| {
            inside.push(check());
            let inner = Scope::new(Arc::default()).run(|| {
                super::cancel_token().cancel();
                check()
            });
            inside.push(inner);
            ControlFlow::Continue(())
        };
        let scope = Scope::new(stop.clone()).with_progress(Some(&mut tell));
        assert_eq!(scope.run(|| check().map(|()| ProgressSpan::new(1.0).reach(0.5))), Ok(()));
        assert!(!stop.is_cancelled());
        assert_eq!(inside.chunks(2).next().unwrap(), [Ok(()), Err(Error::Cancelled)]);
        assert_eq!(check(), Ok(()));
    }
}
