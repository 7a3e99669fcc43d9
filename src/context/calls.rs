//! What surrounds the work of a call: stopping it, mending what a panic has left, going on with the CPU, the log.

use crate::context::Context;
use crate::context::auto::{Job, Place};
use crate::error::Error;
use crate::runtime::call;
use crate::runtime::call::{CancelToken, ProgressFn, Scope};
use crate::runtime::simd;
use crate::types::image::ColorMap;
use crate::types::options::Backend as BackendKind;
use log::Level;
use std::sync::Arc;
use std::time::Instant;

impl Context {
    /// Does a call that can be stopped.
    pub(crate) fn call<R>(
        &mut self,
        progress: Option<ProgressFn>,
        work: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let stop = Arc::<CancelToken>::default();
        self.canceller.set(Some(stop.clone()));
        let result = Scope::new(stop).with_progress(progress).run(|| self.work(work));
        self.canceller.set(None);
        result
    }

    /// Does a call's work, in its scope. Where that panics, the next call mends what it has left.
    pub(crate) fn work<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, Error>) -> Result<R, Error> {
        let _simd = simd::force(self.simd);
        if self.auto.is_some() {
            // Whose memory is lent is not known yet; only the device can check its own.
            [self.counter, self.labeler] = [Place::Device as usize; 2];
        }
        if self.is_unfinished {
            self.images.clear();
            match self.backends.iter_mut().try_for_each(|backend| backend.recover()) {
                Err(error) if self.may_go_on_with_cpu(&error) => self.go_on_with_cpu(&error),
                recovered => recovered?,
            }
            call::message(
                Level::Warn,
                format_args!("an earlier call ended in an internal error: what it left is thrown away"),
            );
        }
        self.is_unfinished = true;
        let result = work(self);
        self.is_unfinished = false;
        result
    }

    /// Does work, where that is soonest if it is the context's to choose. Where the device fails then, the CPU does it
    /// again, unless that cannot reach the memory.
    pub(super) fn where_best<R>(
        &mut self,
        job: &Job,
        mut work: impl FnMut(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let turn = self.auto.as_mut().filter(|_| job.on_host).and_then(|auto| auto.begin(job));
        let place = match turn {
            Some(turn) => turn.place,
            None if job.on_host => Place::Cpu,
            None => Place::Device,
        };
        let start = turn.map(|_| Instant::now());
        let result = self.go_to(place).and_then(|()| work(self));
        match (&result, turn) {
            (Ok(_), Some(turn)) => {
                let seconds = start.map_or(0.0, |start| start.elapsed().as_secs_f64());
                self.auto.iter_mut().for_each(|auto| auto.end(turn, seconds));
            }
            (Err(error), _) if job.on_host && self.may_go_on_with_cpu(error) => {
                self.go_on_with_cpu(error);
                return work(self);
            }
            (Err(error @ (Error::OutOfMemory(_) | Error::OutOfDeviceMemory(_))), Some(turn))
                if place == Place::Device =>
            {
                self.auto.iter_mut().for_each(|auto| auto.rule_out_device(turn, error));
                self.go_to(Place::Cpu)?;
                return work(self);
            }
            _ => {}
        }
        result
    }

    /// Has a backend do the call, if there is a choice. The other one may have to give back what it has kept.
    fn go_to(&mut self, place: Place) -> Result<(), Error> {
        let Some(auto) = &mut self.auto else { return Ok(()) };
        let left = auto.go_to(place);
        [self.counter, self.labeler] = [place as usize; 2];
        left.map_or(Ok(()), |left| self.backends[left as usize].recover())
    }

    /// Whether the device has failed, and it is the context's to choose another.
    fn may_go_on_with_cpu(&self, error: &Error) -> bool {
        let failed = matches!(error, Error::Driver(_) | Error::DeviceLost(_) | Error::Timeout(_));
        failed && self.falls_back && self.backend == BackendKind::Vulkan
    }

    fn go_on_with_cpu(&mut self, error: &Error) {
        call::message(
            Level::Warn,
            format_args!("the CPU does this call and all later ones of the context: {error}"),
        );
        self.auto = None;
        self.backends.truncate(1);
        [self.counter, self.labeler] = [0; 2];
        self.backend = BackendKind::Cpu;
        self.device_name = self.cpu_name();
        self.device_uuids = None;
    }

    /// Does a call's work and says what it came to.
    pub(super) fn report_on<R>(
        &mut self,
        map: &ColorMap,
        mask_count: impl FnOnce(&R) -> usize,
        work: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let start = Instant::now();
        let result = work(self);
        let milliseconds = 1000.0 * start.elapsed().as_secs_f64();
        let (width, height) = (map.shape().width(), map.shape().height());
        let (images, channels) = (map.images(), map.shape().channels());
        let image = format_args!("{images} x {width} x {height} x {channels}");
        match &result {
            Ok(found) => call::message(
                Level::Debug,
                format_args!(
                    "{} masks of {image} in {milliseconds:.3} ms; {:?}",
                    mask_count(found),
                    self.call_stats()
                ),
            ),
            Err(
                error @ (Error::OutOfMemory(_)
                | Error::OutOfDeviceMemory(_)
                | Error::DeviceLost(_)
                | Error::Timeout(_)
                | Error::Driver(_)
                | Error::Internal(_)),
            ) => call::message(Level::Error, format_args!("{image} failed: {error}")),
            Err(error) => {
                call::message(Level::Debug, format_args!("{image} ended after {milliseconds:.3} ms: {error}"))
            }
        }
        result
    }

    /// Counters begin anew, and what backends have kept of the last image is worthless.
    pub(super) fn start_call(&mut self) {
        self.backends.iter_mut().for_each(|backend| backend.start_call());
        if self.most_listed < usize::MAX {
            // Within a memory limit others may need what these keep.
            self.images.clear();
        }
        self.images.iter_mut().for_each(Self::start_call);
    }
}
