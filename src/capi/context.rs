//! `ctm_context`, and what each call on it goes through: entry, its turn, its status.

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use crate::capi::boundary::guard;
use crate::capi::extent::null;
use crate::capi::failure::{LastError, c_string, finish};
use crate::capi::log::Log;
use crate::capi::options::{CTM_BACKEND_CPU, CTM_BACKEND_VULKAN};
use crate::capi::status::{CTM_ERROR_INTERNAL, ctm_status};
use crate::context::Context;
use crate::error::Error;
use crate::runtime::call::{CancelToken, ProgressFn};
use crate::runtime::panics::catch;
use crate::types::call_stats::CallStats;
use crate::types::options::{Backend, Options};

/// A backend with its device, memory and threads: made once, used for many images.
///
/// One context may be used from several threads; its calls then run one after the other. Different
/// contexts run in parallel. A forked process needs contexts of its own: those of its parent it can
/// only destroy, and where the parent has used Vulkan it can work on the CPU only.
pub struct ctm_context {
    context: Mutex<Context>,
    /// Changes to the CPU where the device fails.
    backend: AtomicU32,
    device_name: CString,
    cpu_name: CString,
    device_uuids: Option<[[u8; 16]; 2]>,
    pub(super) last_error: LastError,
    /// Of the last run that has ended.
    counters: Mutex<CallStats>,
    /// The process that made it.
    process: u32,
    log: Option<Log>,
    calls: Mutex<Calls>,
    /// Told when a call leaves, when the next may have its turn, and when calls are cancelled.
    changed: Condvar,
}

/// The calls that are inside.
#[derive(Default)]
struct Calls {
    /// All of them.
    inside: Vec<Arc<CancelToken>>,
    /// The thread whose call is at work; the others wait.
    at_work: Option<ThreadId>,
    /// Threads that wait for a change: where there are none, nobody is told.
    waiting: usize,
}

/// A call on a context, from entry to exit. `ctm_destroy` waits for it, and it keeps the context's
/// memory for as long as it needs it.
pub(super) struct Call {
    pub(super) context: Arc<ctm_context>,
    stop: Arc<CancelToken>,
}

/// The safe context, while it is a call's turn.
struct Engine<'a> {
    context: MutexGuard<'a, Context>,
    _turn: Turn<'a>,
}

struct Turn<'a>(&'a ctm_context);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.change(lock(&self.0.calls), |calls| calls.at_work = None);
    }
}

impl Call {
    /// # Safety
    /// `context` is NULL, or came from `ctm_create` and its destruction has not begun.
    pub(super) unsafe fn enter(context: *const ctm_context) -> Option<Self> {
        if context.is_null() {
            return None;
        }
        // SAFETY: `ctm_create` made the pointer out of an `Arc`, which the caller says is alive.
        let context = unsafe {
            Arc::increment_strong_count(context);
            Arc::from_raw(context)
        };
        let stop = Arc::<CancelToken>::default();
        context.change_calls(|calls| calls.inside.push(stop.clone()));
        Some(Self { context, stop })
    }

    /// Whether the call may be made here: not in a forked process, nor in a callback of the same context.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.context.check_process()?;
        if !self.context.is_at_work_here() {
            return Ok(());
        }
        Err(Error::InvalidArgument(
            "context is at work on the call that this callback was called from; another context, or the call's end, \
             is expected"
                .to_owned(),
        ))
    }

    /// Does the call's work, once it is its turn.
    pub(super) fn run<R>(
        &self,
        progress: Option<ProgressFn>,
        work: impl FnOnce(&mut Context) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut engine = self.engine()?;
        let (log, stop) = (self.context.log, self.stop.clone());
        let result = Log::within(log, stop, progress, || engine.context.work(work));
        *lock(&self.context.counters) = engine.context.call_stats();
        self.context.backend.store(backend_number(&engine.context), Ordering::Relaxed);
        result
    }

    /// The pipelines that the context's device has compiled, once it is the call's turn.
    pub(super) fn pipeline_cache(&self) -> Result<Vec<u8>, Error> {
        self.engine()?.context.pipeline_cache()
    }

    fn engine(&self) -> Result<Engine<'_>, Error> {
        let context = &*self.context;
        let waits = |calls: &mut Calls| calls.at_work.is_some() && !self.stop.is_cancelled();
        let mut calls = context.wait_while(waits);
        if self.stop.is_cancelled() {
            return Err(Error::Cancelled);
        }
        calls.at_work = Some(thread::current().id());
        drop(calls);
        let turn = Turn(context);
        // After a panic it mends itself.
        Ok(Engine { context: lock(&context.context), _turn: turn })
    }
}

impl ctm_context {
    /// Makes a context as the options say.
    pub(super) fn open(options: &Options, log: Option<Log>) -> Result<Self, Error> {
        let context = Log::within(log, Arc::default(), None, || Context::new(options))?;
        Ok(Self {
            backend: backend_number(&context).into(),
            device_name: c_string(context.device_name()),
            cpu_name: c_string(&context.cpu_name()),
            device_uuids: context.device_uuids(),
            context: Mutex::new(context),
            last_error: LastError::default(),
            counters: Mutex::default(),
            process: std::process::id(),
            log,
            calls: Mutex::default(),
            changed: Condvar::default(),
        })
    }

    /// Gives up the owner's share. Waits for the calls that are inside, but for one of this thread's, which cannot end
    /// before this function does.
    pub(super) fn close(self: Arc<Self>) {
        if self.process == std::process::id() {
            let here = Some(thread::current().id());
            let waits = |calls: &mut Calls| !calls.inside.is_empty() && calls.at_work != here;
            drop(self.wait_while(waits));
        } else {
            // Of the threads and the device there is nothing here to give back, and the lock may be
            // held by a thread that is not here either.
            std::mem::forget(self);
        }
    }

    /// Ends the calls that are inside, those that wait for their turn included.
    pub(super) fn cancel(&self) {
        self.change_calls(|calls| calls.inside.iter().for_each(|stop| stop.cancel()));
    }

    pub(super) fn check_process(&self) -> Result<(), Error> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(Error::InvalidArgument(format!(
            "context was made by process {}; a forked process needs one of its own",
            self.process
        )))
    }

    /// Whether this thread is in a callback of this context's.
    fn is_at_work_here(&self) -> bool {
        lock(&self.calls).at_work == Some(thread::current().id())
    }

    /// The UUIDs of the Vulkan device and its driver, if it has any.
    pub(super) fn device_uuids(&self) -> Option<[[u8; 16]; 2]> {
        self.device_uuids.filter(|_| self.backend() == CTM_BACKEND_VULKAN)
    }

    /// Its `CTM_BACKEND_…` number.
    pub(super) fn backend(&self) -> u32 {
        self.backend.load(Ordering::Relaxed)
    }

    /// The name of what it works on.
    pub(super) fn device_name(&self) -> &CStr {
        match self.backend() {
            CTM_BACKEND_CPU => &self.cpu_name,
            _ => &self.device_name,
        }
    }

    /// What the last run that has ended has cost.
    pub(super) fn counters(&self) -> CallStats {
        *lock(&self.counters)
    }

    fn change_calls(&self, change: impl FnOnce(&mut Calls)) {
        // In a forked process the lock may be held by a thread that does not exist, and nobody waits.
        if self.process == std::process::id() {
            self.change(lock(&self.calls), change);
        }
    }

    /// Changes calls and tells those who wait for it.
    fn change(&self, mut calls: MutexGuard<Calls>, change: impl FnOnce(&mut Calls)) {
        change(&mut calls);
        if calls.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits until calls are as they should be.
    fn wait_while(&self, mut waits: impl FnMut(&mut Calls) -> bool) -> MutexGuard<'_, Calls> {
        let mut calls = lock(&self.calls);
        while waits(&mut calls) {
            calls.waiting += 1;
            calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
            calls.waiting -= 1;
        }
        calls
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.context.change_calls(|calls| calls.inside.retain(|stop| !Arc::ptr_eq(stop, &self.stop)));
    }
}

fn backend_number(context: &Context) -> u32 {
    match context.backend() {
        Backend::Cpu => CTM_BACKEND_CPU,
        Backend::Vulkan | Backend::Auto => CTM_BACKEND_VULKAN,
    }
}

/// Locks what no panic can leave half changed, or what knows of it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a function of the interface on a context; a failure or a panic becomes the status and the context's last error.
///
/// # Safety
/// As [`Call::enter`].
pub(super) unsafe fn on_context(
    context: *const ctm_context,
    work: impl FnOnce(&Call) -> Result<(), Error>,
) -> ctm_status {
    let no_context = || null("context", "a context made by ctm_create");
    // SAFETY: the caller says so.
    unsafe { on_any_context(context, |call| work(call.ok_or_else(no_context)?)) }
}

/// Runs a function of the interface that has something to do without a context, too; a failure or a panic becomes the
/// status and the last error.
///
/// # Safety
/// As [`Call::enter`].
pub(super) unsafe fn on_any_context(
    context: *const ctm_context,
    work: impl FnOnce(Option<&Call>) -> Result<(), Error>,
) -> ctm_status {
    guard(CTM_ERROR_INTERNAL, || {
        // SAFETY: the caller guarantees the pointer, if it is not NULL.
        let call = unsafe { Call::enter(context) };
        let outcome = catch(|| work(call.as_ref()));
        finish(outcome, call.as_ref().map(|call| &call.context.last_error))
    })
}
