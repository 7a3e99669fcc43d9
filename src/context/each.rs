//! Images that have palettes of their own, side by side: a thread an image.
//!
//! **Problem.** Many small images one after the other leave all threads but one idle, or wait for threads at each stage of each
//! image. And what counting knows of an image's pixels is lost when the next one is counted.
//!
//! ```text
//! on all threads, for each image: count, select       with a backend of the image's own
//! the most masks of an image; whether they fit         nothing is written before
//! on all threads, for each image: label, expand        the backend still has the pixels' colour indices
//! ```
//!
//! **Exact.** Each image is worked on as if it were alone, and has planes, labels and statistics of its own.
//!
//! **Cost.** Memory for labels of all images at the same time, as much as they take together where they share a palette.

use crate::context::Context;
use crate::context::chosen::Chosen;
use crate::context::emit::{Emit, OutputPlan};
use crate::context::label::label_images;
use crate::context::request::Request;
use crate::error::Error;
use crate::output::expand::expand;
use crate::output::planes::Planes;
use crate::runtime::alloc::{try_collect, try_with_capacity};
use crate::runtime::call::{self, Canceller, Scope};
use crate::runtime::simd::{self, Simd};
use crate::runtime::threads::Threads;
use crate::stages::connect::RegionMemory;
use crate::stages::measure::StatsBuilder;
use crate::types::geometry::Frame;
use crate::types::options::Backend as BackendKind;
use crate::types::stats::MaskStats;

/// Images of so many pixels take a thread less time than calling others would.
const SMALL: usize = 1 << 17;

impl Context {
    /// Makes ready to work on images side by side; false where they are better worked on one after the other.
    pub(super) fn prepare_images(&mut self, requests: &[Request], emit: &Emit) -> Result<bool, Error> {
        let first = &requests[0];
        let count = requests.len();
        let is_small = first.pixels.grid().len() <= SMALL;
        if count == 1 || !(is_small || count >= 2 * self.threads.count()) {
            return Ok(false);
        }
        let on_host = [self.counter, self.labeler] == [0; 2] && emit.device.is_empty();
        let looks_around = first.connected.is_some() || first.unmix_radius > 0 || first.absorbing.is_some();
        if !on_host || looks_around || emit.surveys() {
            return Ok(false);
        }
        self.images.truncate(count);
        self.images.try_reserve(count - self.images.len()).map_err(|_| too_many(count))?;
        while self.images.len() < count {
            let Some(backend) = self.backends[0].for_one_of(count) else { return Ok(false) };
            self.images.push(Self {
                backends: vec![backend],
                images: Vec::new(),
                regions: RegionMemory::default(),
                auto: None,
                counter: 0,
                labeler: 0,
                threads: Threads::new(1)?,
                backend: BackendKind::Cpu,
                device_name: String::new(),
                device_uuids: None,
                most_listed: self.most_listed / count,
                canceller: Canceller::default(),
                is_unfinished: false,
                falls_back: false,
                simd: self.simd,
            });
        }
        Ok(true)
    }

    /// Chooses what gets a mask of each image.
    pub(super) fn choose_images(
        &mut self,
        requests: &[Request],
        plan: &OutputPlan,
        emit: &Emit,
    ) -> Result<Vec<Chosen>, Error> {
        let (useful, reports_unlisted) = (plan.useful(), emit.unlisted.is_some());
        let (merged, lists_regions) = (emit.merged, emit.palette);
        let items = try_collect(requests.iter().zip(&mut self.images))?;
        on_each(&self.threads, items, |(request, image)| {
            image.choose(request, useful, reports_unlisted, merged, lists_regions)
        })
    }

    /// Labels the pixels of each image, and writes and measures from the labels whatever is asked for on the host: gives the
    /// masks' places, if those are.
    pub(super) fn write_images(
        &mut self,
        requests: &[Request],
        chosen: &mut [Chosen],
        mask_count: usize,
        frame: Frame,
        planes: Option<&Planes>,
        emit: &mut Emit,
    ) -> Result<Option<Vec<MaskStats>>, Error> {
        let plane = frame.width * frame.height;
        let mut rest = emit.labels.as_mut();
        let mut items = try_with_capacity(requests.len())?;
        for (index, ((request, chosen), image)) in
            requests.iter().zip(chosen).zip(&mut self.images).enumerate()
        {
            let labels = rest.as_mut().map(|labels| labels.split_off(plane));
            items.push((index, request, chosen, image, labels));
        }
        let (frame, measures) = (Frame { images: 1, ..frame }, emit.mask_stats);
        let stats = on_each(&self.threads, items, |(index, request, chosen, image, mut target)| {
            let mut stats = if measures { Some(StatsBuilder::new(frame, mask_count)?) } else { None };
            let (threads, labeler) = (&image.threads, &mut image.backends[0]);
            let (requests, chosen) = (std::slice::from_ref(request), std::slice::from_mut(chosen));
            label_images(labeler, requests, chosen, mask_count, threads, &mut |first_pixel, labels| {
                if let Some(planes) = planes {
                    expand(labels, index * plane + first_pixel, planes, threads)?;
                }
                if let Some(target) = &mut target {
                    target.write(labels, first_pixel, threads)?;
                }
                stats.as_mut().map_or(Ok(()), |stats| stats.add(labels, first_pixel, threads))
            })?;
            stats.map(StatsBuilder::finish).transpose()
        })?;
        if !measures {
            return Ok(None);
        }
        // Of each mask, those of all images.
        let mut all = try_with_capacity(mask_count * stats.len())?;
        for mask in 0..mask_count {
            all.extend(stats.iter().flatten().map(|stats| stats[mask]));
        }
        Ok(Some(all))
    }
}

/// Does work for each image, and gives what became of it in order, or the first image's error.
fn on_each<T: Send, R: Send>(
    threads: &Threads,
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, Error> + Send + Sync,
) -> Result<Vec<R>, Error> {
    let (stop, simd) = (call::cancel_token(), Simd::current());
    let results = threads.map(items, |item| {
        let _simd = simd::force(Some(simd.level()));
        Scope::new(stop.clone()).run(|| work(item))
    })?;
    results.into_iter().collect()
}

fn too_many(count: usize) -> Error {
    Error::OutOfMemory(format!("{count} images side by side"))
}
