//! `ctm_context` and the calls on it.

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

use crate::capi::boundary::guard;
use crate::capi::buffers::{Extent, check_pointer, null};
use crate::capi::counters::ctm_counters;
use crate::capi::options::{CTM_BACKEND_AUTO, CTM_BACKEND_CPU, CTM_BACKEND_VULKAN, Log, ctm_options};
use crate::capi::status::{CTM_ERROR_BUFFER_TOO_SMALL, CTM_ERROR_INTERNAL, CTM_OK, ctm_status, status_of};
use crate::context::Context;
use crate::context::emit::Emit;
use crate::error::Error;
use crate::runtime::call::{CancelToken, LogFn, ProgressFn, Scope};
use crate::runtime::panics::catch;
use crate::types::call_stats::CallStats;
use crate::types::geometry::Shape;
use crate::types::image::ColorMap;
use crate::types::options::Backend;
use crate::types::outputs::Masks;
use crate::types::params::Selection;

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
    last_error: Mutex<CString>,
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
        lock(&self.0.calls).at_work = None;
        self.0.changed.notify_all();
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
        let log = self.context.log;
        let write = log.map(|log| move |level, text: &str| log.write(level, text));
        let sink = log.zip(write.as_ref()).map(|(log, write)| (log.most, write as LogFn));
        let scope = Scope::new(self.stop.clone()).with_progress(progress).with_log(sink);
        let result = scope.run(|| engine.context.work(work));
        *lock(&self.context.counters) = engine.context.call_stats();
        self.context.backend.store(backend_number(&engine.context), Ordering::Relaxed);
        result
    }

    fn engine(&self) -> Result<Engine<'_>, Error> {
        let context = &*self.context;
        let waits = |calls: &mut Calls| calls.at_work.is_some() && !self.stop.is_cancelled();
        let calls = context.changed.wait_while(lock(&context.calls), waits);
        let mut calls = calls.unwrap_or_else(PoisonError::into_inner);
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

    fn backend(&self) -> u32 {
        self.backend.load(Ordering::Relaxed)
    }

    fn change_calls(&self, change: impl FnOnce(&mut Calls)) {
        // In a forked process the lock may be held by a thread that does not exist, and nobody waits.
        if self.process == std::process::id() {
            change(&mut lock(&self.calls));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.context.change_calls(|calls| calls.inside.retain(|stop| !Arc::ptr_eq(stop, &self.stop)));
        self.context.changed.notify_all();
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

thread_local! {
    /// Why the last `ctm_create`, or the last call without a context, failed on this thread.
    static CREATE_ERROR: RefCell<CString> = RefCell::default();
    /// What the last `ctm_last_error` on this thread returned.
    static RETURNED_ERROR: RefCell<CString> = RefCell::default();
}

/// The version of the library that is loaded, `"major.minor.patch"`; compare it with `CTM_VERSION`,
/// the version of the header.
///
/// @return A NUL-terminated string that is never NULL and lives as long as the library is loaded.
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ctm_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    guard(c"".as_ptr(), || VERSION.as_ptr().cast())
}

/// The name of a Vulkan device of this machine.
///
/// Devices come in the order in which they are chosen: discrete, integrated, virtual, other, and
/// software rasterisers last; within a kind in the driver's order. The list is made at the first
/// call that gets it from the driver, and stays the same until the process ends.
///
/// @param index 0 for the first device.
/// @return A NUL-terminated string that lives as long as the library is loaded; NULL where there is
/// no such device, so that the first NULL ends a loop over the devices.
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ctm_device_name(index: u32) -> *const c_char {
    static NAMES: OnceLock<Vec<CString>> = OnceLock::new();
    guard(std::ptr::null(), || {
        if NAMES.get().is_none() {
            // A failure is not remembered: the next call tries again.
            let Ok(devices) = crate::backend::vulkan::devices() else { return std::ptr::null() };
            let _ = NAMES.set(devices.iter().map(|device| c_string(&device.name)).collect());
        }
        let names = NAMES.get().map_or(&[][..], Vec::as_slice);
        names.get(index as usize).map_or(std::ptr::null(), |name| name.as_ptr())
    })
}

/// Creates a context.
///
/// @param options NULL for the defaults, or a struct that starts as `CTM_OPTIONS_INIT`; read during
/// the call only.
/// @param context Receives the new context, or NULL on any error. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`; `CTM_ERROR_NO_DEVICE` when the options ask for a
/// Vulkan device that is not there; `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_OUT_OF_DEVICE_MEMORY`,
/// `CTM_ERROR_DRIVER`, also when the device has not passed the self-test that comes before the process uses it for the first
/// time, or `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Ownership: the caller's, to be given back with `ctm_destroy`.
/// Threads: any, at any time.
/// Not promised: that two contexts with the same options run on the same device.
///
/// # Safety
/// `options` and `context` are NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_create(
    options: *const ctm_options,
    context: *mut *mut ctm_context,
) -> ctm_status {
    let work = || {
        check_pointer("context", context)?;
        // SAFETY: not NULL, aligned, and the caller vouches for the rest.
        unsafe { *context = std::ptr::null_mut() };
        // SAFETY: the caller vouches for the options.
        let (options, log) = unsafe { ctm_options::read(options) }?;
        let write = log.map(|log| move |level, text: &str| log.write(level, text));
        let sink = log.zip(write.as_ref()).map(|(log, write)| (log.most, write as LogFn));
        let created = Scope::new(Arc::default()).with_log(sink).run(|| Context::new(&options))?;
        let created = Arc::new(ctm_context {
            backend: backend_number(&created).into(),
            device_name: c_string(created.device_name()),
            cpu_name: c_string(&created.cpu_name()),
            device_uuids: created.device_uuids(),
            context: Mutex::new(created),
            last_error: Mutex::default(),
            counters: Mutex::default(),
            process: std::process::id(),
            log,
            calls: Mutex::default(),
            changed: Condvar::default(),
        });
        // SAFETY: as above.
        unsafe { *context = Arc::into_raw(created).cast_mut() };
        Ok(())
    };
    guard(CTM_ERROR_INTERNAL, || finish(catch(work), None))
}

/// Counts the exact colours of a colour map, keeps those with at least `min_pixels` pixels, takes
/// the `max_count` most frequent of them, and writes one mask for each, most frequent first.
///
/// Two pixels have the same colour when all their channels are equal as floats, alpha like any
/// other: no rounding, no tolerance; −0.0 equals +0.0; infinities and subnormals are ordinary
/// values. A pixel with a NaN in any channel has no colour and is 0 in every mask. Colours with
/// equal counts come in ascending order, first channel first, and the same order decides which of
/// them `max_count` keeps. The result is the same to the bit on every backend, device and number of
/// threads.
///
/// @param context A context of `ctm_create`.
/// @param color_map `height * width * channels` floats, rows from the top, pixels interleaved, no
/// padding. Never written to.
/// @param width Pixels in a row, at least 1.
/// @param height Rows, at least 1.
/// @param channels Floats in a pixel, 1 to 4.
/// @param min_pixels Colours with fewer pixels get no mask. The full 64-bit range; 0 means 1; more
/// than the image has: no mask.
/// @param max_count Masks at most. 0: no mask. No upper bound but `masks_len`.
/// @param masks Receives planes of `height * width` floats, each exactly 1.0f inside the colour's
/// region and 0.0f outside. Planes 0 to `*mask_count` − 1 are written whole, nothing behind them is
/// touched. May be uninitialised; may not overlap `color_map` or `mask_count`. NULL with
/// `masks_len` 0: only the number of masks is asked for.
/// @param masks_len The size of `masks` in floats; all of it is the library's during the call.
/// @param mask_count Receives the number of masks: 0 when no colour qualifies, which is a success.
/// Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*mask_count` set to the number found and
/// `masks` untouched; `CTM_ERROR_INVALID_ARGUMENT`: nothing was written, `*mask_count` included;
/// `CTM_ERROR_CANCELLED`, `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_OUT_OF_DEVICE_MEMORY`, `CTM_ERROR_DEVICE_LOST`,
/// `CTM_ERROR_TIMEOUT`, `CTM_ERROR_DRIVER` or `CTM_ERROR_INTERNAL`: `*mask_count` is 0 and the
/// planes' contents are unspecified. `ctm_last_error(context)` has the detail.
/// Ownership: all buffers stay the caller's and are used during the call only, whatever it returns.
/// Threads: any; calls on one context wait for each other.
/// Not promised: how long a call takes.
///
/// # Safety
/// Each pointer is NULL or points to memory of the size stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_run(
    context: *mut ctm_context,
    color_map: *const f32,
    width: u32,
    height: u32,
    channels: u32,
    min_pixels: u64,
    max_count: u32,
    masks: *mut f32,
    masks_len: usize,
    mask_count: *mut u32,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Failure> {
        let shape = Shape::new(width, height, channels)?;
        check_buffers(shape, color_map, masks, masks_len, mask_count)?;
        // SAFETY: not NULL, aligned, apart from the other buffers, and no larger than memory can
        // be; the caller vouches for its size.
        let floats = unsafe { std::slice::from_raw_parts(color_map, shape.floats()) };
        let map = ColorMap::new(floats, width, height, channels)?;
        let params = Selection { min_pixels, max_count };
        call.check()?;
        // SAFETY: not NULL, aligned, and apart from the other buffers; the caller vouches for it.
        unsafe { *mask_count = 0 };
        let found = call.run(None, |engine| {
            if masks.is_null() {
                return engine.count_masks(&map, &params.into());
            }
            // SAFETY: as for `floats`; nothing is assumed of the contents.
            let masks =
                unsafe { std::slice::from_raw_parts_mut(masks.cast::<MaybeUninit<f32>>(), masks_len) };
            // Lossless: at most `max_count`, a u32.
            let memory =
                Masks { first: masks.as_mut_ptr().cast(), size: size_of_val(masks), lifetime: PhantomData };
            let emit = Emit { masks: Some(memory), ..Emit::default() };
            engine.emit(&map, &params.into(), emit).map(|found| found.palette.colors.len() as u32)
        });
        let count = match &found {
            Ok(mask_count) => *mask_count,
            Err(Error::BufferTooSmall { mask_count, .. }) => *mask_count,
            Err(_) => 0,
        };
        // SAFETY: not NULL, aligned, and apart from the other buffers; the caller vouches for it.
        unsafe { *mask_count = count };
        found.map(drop)?;
        Ok(())
    };
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Ends the calls that are inside a context at this moment with `CTM_ERROR_CANCELLED`, those that wait for their turn
/// included, as soon as that can be: within some milliseconds on the CPU, after one piece of work on a device.
/// Later calls are not affected; without a call inside nothing happens. Returns at once, usually before they end.
///
/// A call that is all but done may still succeed. While a driver compiles pipelines, which it does for the first
/// images of a process, and while long lists of colours are sorted a call does not hear of it.
///
/// @param context A context of `ctm_create`, or NULL: nothing happens.
/// Threads: any, at any time, callbacks of the context included; does not wait for a running call. Not in a signal
/// handler.
///
/// # Safety
/// `context` is NULL or a living context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_cancel(context: *mut ctm_context) {
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    let Some(context) = (unsafe { context.as_ref() }) else { return };
    guard((), || {
        context.change_calls(|calls| calls.inside.iter().for_each(|stop| stop.cancel()));
        context.changed.notify_all();
    });
}

/// Destroys a context and gives back all that it holds. Waits for the calls that are still inside; no
/// call on the context may start once this one has. In a callback of the context it does not wait, see
/// `ctm_params.progress`. Of a software rasteriser the opened device and its
/// compiled pipelines, some megabytes, are kept for the next context.
///
/// @param context A context of `ctm_create`, or NULL: nothing happens.
/// Threads: any.
///
/// # Safety
/// `context` is NULL or came from `ctm_create` and was not destroyed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_destroy(context: *mut ctm_context) {
    if context.is_null() {
        return;
    }
    // SAFETY: the caller vouches that it is a living context.
    let owned = unsafe { Arc::from_raw(context) };
    // A panic while dropping has nobody left to be reported to.
    guard((), || {
        if owned.process == std::process::id() {
            let here = Some(thread::current().id());
            // A call of this thread's cannot end before this function.
            let waits = |calls: &mut Calls| !calls.inside.is_empty() && calls.at_work != here;
            drop(owned.changed.wait_while(lock(&owned.calls), waits));
            drop(owned);
        } else {
            // Of the threads and the device there is nothing here to give back, and the lock may be
            // held by a thread that is not here either.
            std::mem::forget(owned);
        }
    });
}

/// The backend that a context works on.
///
/// @param context A context of `ctm_create`, or NULL.
/// @return `CTM_BACKEND_VULKAN` or `CTM_BACKEND_CPU`, never `CTM_BACKEND_AUTO`, which is what NULL
/// gives. A context that was made with `CTM_BACKEND_AUTO` changes to the CPU, for good, in the call in which its device
/// fails.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_backend(context: *const ctm_context) -> u32 {
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    let context = unsafe { context.as_ref() };
    guard(CTM_BACKEND_AUTO, || context.map_or(CTM_BACKEND_AUTO, ctm_context::backend))
}

/// The device that a context works on: the Vulkan device's name as its driver gives it, or "CPU"
/// with the number of threads. The name changes when the backend does, see `ctm_context_backend`; the old string lives on.
///
/// @param context A context of `ctm_create`, or NULL.
/// @return A NUL-terminated string that lives as long as the context; "" for NULL.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_device_name(context: *const ctm_context) -> *const c_char {
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    let context = unsafe { context.as_ref() };
    let name = |context: &ctm_context| match context.backend() {
        CTM_BACKEND_CPU => context.cpu_name.as_ptr(),
        _ => context.device_name.as_ptr(),
    };
    guard(c"".as_ptr(), || context.map_or(c"".as_ptr(), name))
}

/// What the last `ctm_run`, `ctm_analyze` or `ctm_counts_add` on a context has cost: bytes moved, dispatches, memory.
///
/// @param context A context of `ctm_create`.
/// @param counters Starts as `CTM_COUNTERS_INIT`; receives the counters of the last run that has
/// ended, one that failed on its way included: all 0 before the first. Runs whose arguments were
/// refused do not count. Must not be NULL.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, or `CTM_ERROR_INTERNAL`.
/// `ctm_last_error(context)` has the detail.
/// Threads: any; does not wait for a running call.
/// Not promised: that another version or another device counts the same for the same image.
///
/// # Safety
/// `context` is NULL or a living context; `counters` is NULL or points to a struct of the size that
/// it states.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_counters(
    context: *const ctm_context,
    counters: *mut ctm_counters,
) -> ctm_status {
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    let context = unsafe { context.as_ref() };
    let work = || {
        let context = context.ok_or_else(|| null("context", "a context made by ctm_create"))?;
        if counters.is_null() {
            return Err(null("counters", "a struct that starts as CTM_COUNTERS_INIT").into());
        }
        context.check_process()?;
        let last = *lock(&context.counters);
        // SAFETY: not NULL; the caller vouches for the rest.
        unsafe { ctm_counters::write(counters, &last) }?;
        Ok(())
    };
    guard(CTM_ERROR_INTERNAL, || finish(catch(work), context))
}

/// The pipelines that a context's device has compiled so far, for `ctm_options.pipeline_cache` of a
/// later process. Within a process contexts learn from each other without it.
///
/// Ask for the size first, then for the bytes. The cache grows with the kinds of images that were
/// worked on (number of channels, number of masks): read it out when the work is done, not at the
/// start.
///
/// @param context A context of `ctm_create`.
/// @param data Receives the cache; any alignment. NULL: only its size is asked for.
/// @param size Holds the size of `data` in bytes, which does not matter when that is NULL; receives the
/// size of the cache: 0 on the CPU, where there is nothing to compile. Must not be NULL, or in `data`.
/// @return `CTM_OK`; `CTM_ERROR_BUFFER_TOO_SMALL` with `*size` set to the size needed and `data`
/// untouched, also when the cache has grown since its size was asked for;
/// `CTM_ERROR_INVALID_ARGUMENT`: nothing was written; `CTM_ERROR_CANCELLED` where it has waited for another call;
/// `CTM_ERROR_OUT_OF_MEMORY`, `CTM_ERROR_DRIVER` or `CTM_ERROR_INTERNAL`. `ctm_last_error(context)` has the detail.
/// Ownership: the buffer stays the caller's and is used during the call only.
/// Threads: any; calls on one context wait for each other.
/// Not promised: that the cache holds anything but its header (software rasterisers give out nothing
/// more), or that it is the same each time.
///
/// # Safety
/// `context` is NULL or a living context; the other pointers are NULL or point to memory of the size
/// stated, valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_context_pipeline_cache(
    context: *const ctm_context,
    data: *mut c_void,
    size: *mut usize,
) -> ctm_status {
    let work = |call: &Call| -> Result<(), Failure> {
        check_pointer("size", size)?;
        // SAFETY: not NULL, aligned; the caller vouches for the rest.
        let room = if data.is_null() { 0 } else { unsafe { *size } };
        let extent = Extent::new("data", data.addr(), room, "bytes", 1)?;
        Extent::new("size", size.addr(), 1, "size", size_of::<usize>())?.check_apart(&extent)?;
        call.check()?;
        let cache = call.engine()?.context.pipeline_cache()?;
        // SAFETY: as above, and apart from the buffer.
        unsafe { *size = cache.len() };
        if data.is_null() {
            return Ok(());
        }
        if cache.len() > room {
            let needed = cache.len();
            return Err(Failure::too_small(format!(
                "*size is {room}; the pipeline cache needs {needed} bytes"
            )));
        }
        // SAFETY: the caller vouches for the buffer, which is large enough.
        unsafe { data.cast::<u8>().copy_from_nonoverlapping(cache.as_ptr(), cache.len()) };
        Ok(())
    };
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    unsafe { on_context(context, work) }
}

/// Why the last failing call failed, in one English sentence that names the argument, its value and
/// what was expected.
///
/// @param context A context: the last failure of a call on it, by whichever thread. NULL: the last
/// failure on the calling thread of `ctm_create`, or of a call whose context was NULL.
/// @return A NUL-terminated UTF-8 string, "" when nothing failed yet, that lives until the calling
/// thread's next `ctm_last_error` or its end. A later success does not clear it.
/// Threads: any; does not wait for a running call.
///
/// # Safety
/// `context` is NULL or a living context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_last_error(context: *const ctm_context) -> *const c_char {
    // SAFETY: the caller vouches for the pointer, if it is not NULL.
    let context = unsafe { context.as_ref() };
    guard(c"".as_ptr(), || {
        let text = match context {
            Some(context) => lock(&context.last_error).clone(),
            None => CREATE_ERROR.with_borrow(CString::clone),
        };
        RETURNED_ERROR.with_borrow_mut(|returned| {
            *returned = text;
            returned.as_ptr()
        })
    })
}

/// Checks the buffers of `ctm_run` against each other before any of them is touched.
fn check_buffers(
    shape: Shape,
    color_map: *const f32,
    masks: *mut f32,
    masks_len: usize,
    mask_count: *mut u32,
) -> Result<(), Error> {
    check_pointer("color_map", color_map)?;
    check_pointer("mask_count", mask_count)?;
    if masks.is_null() {
        if masks_len != 0 {
            return Err(null("masks", &format!("a buffer of masks_len = {masks_len} floats")));
        }
    } else {
        check_pointer("masks", masks)?;
    }
    let color_map = Extent::new("color_map", color_map.addr(), shape.floats(), "floats", 4)?;
    let masks = Extent::new("masks", masks.addr(), masks_len, "floats", 4)?;
    let mask_count = Extent::new("mask_count", mask_count.addr(), 1, "number", 4)?;
    masks.check_apart(&color_map)?;
    mask_count.check_apart(&color_map)?;
    mask_count.check_apart(&masks)
}

/// Why a call fails.
pub(super) struct Failure {
    status: ctm_status,
    text: String,
}

impl Failure {
    pub(super) fn too_small(text: String) -> Self {
        Self { status: CTM_ERROR_BUFFER_TOO_SMALL, text }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { status: status_of(&error), text: error.to_string() }
    }
}

/// Runs a function of the interface on a context; a failure or a panic becomes the status and the context's last error.
///
/// # Safety
/// As [`Call::enter`].
pub(super) unsafe fn on_context(
    context: *const ctm_context,
    work: impl FnOnce(&Call) -> Result<(), Failure>,
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
    work: impl FnOnce(Option<&Call>) -> Result<(), Failure>,
) -> ctm_status {
    guard(CTM_ERROR_INTERNAL, || {
        // SAFETY: the caller vouches for the pointer, if it is not NULL.
        let call = unsafe { Call::enter(context) };
        let outcome = catch(|| work(call.as_ref()));
        finish(outcome, call.as_ref().map(|call| &*call.context))
    })
}

/// Turns what a call came to into a status, and keeps the reason for `ctm_last_error`.
fn finish(outcome: Result<Result<(), Failure>, String>, context: Option<&ctm_context>) -> ctm_status {
    let Failure { status, text } = match outcome {
        Ok(Ok(())) => return CTM_OK,
        Ok(Err(failure)) => failure,
        Err(panic) => Error::Internal(format!(
            "{panic}; a defect in ctm, unless the pixels have changed during the call"
        ))
        .into(),
    };
    let text = c_string(&text);
    match context {
        Some(context) => {
            *lock(&context.last_error) = text;
        }
        None => CREATE_ERROR.set(text),
    }
    status
}

fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}
