//! Counting an image with very many colours, of which few can matter.
//!
//! CallStats by hash bound from above how many pixels any colour of a bucket can have: buckets below
//! the bar hold no result and are never looked at again. The rest is counted exactly, fullest buckets
//! first, in groups that fit the memory; the bar rises as exact counts come in. What is left out is
//! left out for certain, so that the result is exact, ties included.

pub(crate) mod bucket_set;
pub(crate) mod fingerprints;
pub(crate) mod sample;
mod tracked;

use crate::backend::cpu::count::Stop;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use crate::backend::cpu::check_sum;
use crate::backend::cpu::collect::collect;
use crate::backend::cpu::count::Part;
use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::fingerprints::{CODE_BITS, Codes};
use crate::backend::cpu::many::sample::Sample;
use crate::backend::cpu::many::tracked::Watch;
use crate::backend::cpu::pixels::spans;
use crate::backend::cpu::pixels::tiles::{Tiles, tiles_of};
use crate::backend::cpu::plan::CpuPlan;
use crate::backend::cpu::tables::key::{Hasher, Key};
use crate::backend::cpu::tables::pixel_cache::PixelCache;
use crate::color::{canonical, is_nan};
use crate::error::Error;
use crate::labels::TILE;
use crate::runtime::alloc::{no_memory, try_push, try_with_capacity, try_zeroed};
use crate::runtime::call::{self, ProgressSpan};
use crate::runtime::threads::Threads;
use crate::stages::select::Best;
use crate::types::palette::{ColorCount, Counts};
use crate::types::params::SelectionRule;

/// Pixels that a partition is to have: its table fits a second-level cache.
const PARTITION_PIXELS: u64 = 8192;

/// Less than one in so many pixels is counted rather than looked at once more.
const LARGE_PART: u64 = 16;

/// An image whose buckets have been counted.
#[derive(Debug)]
pub(crate) struct ManyColors<'a, const C: usize> {
    pixels: Tiles<'a, C>,
    codes: Codes<'a>,
    buckets: Buckets,
    watched: Option<Watched>,
    plan: CpuPlan,
    seed: u64,
    threads: &'a Threads,
    stop: Arc<call::CancelToken>,
    /// Pixels that passes over the whole image have read.
    pixels_read: u64,
}

/// How many pixels there are by hash.
#[derive(Debug)]
struct Buckets {
    hasher: Hasher,
    /// Those of the hash's upper bits that number a bucket.
    bits: u32,
    parts: Vec<CountedPart>,
    totals: Vec<u64>,
    /// Whether a device has written the codes by which pixels were counted: pixels without a colour are counted, too.
    by_device: bool,
}

/// What one thread has counted. It is sorted by one thread, too, since its counters tell how much room that takes.
#[derive(Debug)]
struct CountedPart {
    ranges: Vec<Range<usize>>,
    /// Their pixels in each bucket.
    counters: Vec<u32>,
    /// Those without a colour, if they are known.
    colorless: u64,
}

impl Buckets {
    /// The buckets that so many bits of the hash number.
    fn new(hasher: Hasher, bits: u32, parts: Vec<CountedPart>) -> Result<Self, Error> {
        let mut totals = try_zeroed(1 << bits)?;
        for part in &parts {
            for (total, &counter) in totals.iter_mut().zip(&part.counters) {
                *total += u64::from(counter);
            }
        }
        Ok(Self { hasher, bits, parts, totals, by_device: false })
    }

    /// Pixels that were counted.
    fn pixels(&self) -> u64 {
        self.totals.iter().sum::<u64>() + self.parts.iter().map(|part| part.colorless).sum::<u64>()
    }

    /// Fails unless so many pixels of a group's colours were counted as its buckets have.
    fn check(&self, group: &[Candidate], counted: u64) -> Result<(), Error> {
        let total = group.iter().map(|candidate| candidate.total).sum();
        // Of the others `other_code` has found that they have no colour.
        if self.by_device && counted < total { Ok(()) } else { check_sum(counted, total) }
    }

    /// Some of them.
    fn set(&self, group: &[Candidate]) -> Result<BucketSet, Error> {
        BucketSet::new(self.bits, group.iter().map(|candidate| candidate.bucket))
    }

    /// Those that can hold a colour of so many pixels.
    fn candidates(&self, bar: u64) -> Result<Vec<Candidate>, Error> {
        let candidates = || (0..).zip(&self.totals).filter(|&(_, &total)| total >= bar.max(1));
        let mut list = try_with_capacity(candidates().count())?;
        list.extend(candidates().map(|(bucket, &total)| Candidate { total, bucket }));
        Ok(list)
    }
}

/// What there is of each pixel.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Nothing: codes would have to be computed.
    Nothing,
    Codes,
    /// The numbers of the colours that were watched.
    Numbers(Watched),
}

/// The colours of some buckets, which were counted with the buckets.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) buckets: BucketSet,
    pub(crate) parts: Vec<Part>,
    /// Whether the parts have the pixels' numbers, too.
    has_numbers: bool,
}

/// A bucket that can hold a result. The order is that of the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    total: u64,
    bucket: u32,
}

/// The fullest `count` of the candidates, in any order.
fn fullest(candidates: &[Candidate], count: usize) -> Result<Vec<Candidate>, Error> {
    let mut fullest = BinaryHeap::new();
    fullest.try_reserve(count).map_err(|_| no_memory::<Candidate>(count))?;
    for &candidate in candidates {
        if fullest.len() < count {
            fullest.push(Reverse(candidate));
        } else if let Some(mut least) = fullest.peek_mut()
            && candidate > least.0
        {
            *least = Reverse(candidate);
        }
    }
    let mut list = try_with_capacity(fullest.len())?;
    list.extend(fullest.into_iter().map(|Reverse(candidate)| candidate));
    Ok(list)
}

/// Colours whose hash has these lower bits.
#[derive(Clone, Copy, Debug)]
struct Share {
    bits: u32,
    value: u64,
}

impl Share {
    fn has(self, hash: u64) -> bool {
        hash & ((1 << self.bits) - 1) == self.value
    }

    fn halves(self) -> [Self; 2] {
        let Self { bits, value } = self;
        [Self { bits: bits + 1, value }, Self { bits: bits + 1, value: value | 1 << bits }]
    }
}

/// Counts the pixels of as many buckets as the plan has, and keeps their codes where there is room for them.
fn count_buckets<const C: usize>(
    pixels: Tiles<C>,
    codes: Option<&mut [u16]>,
    hasher: Hasher,
    plan: &CpuPlan,
    threads: &Threads,
) -> Result<Vec<CountedPart>, Error> {
    let shift = u32::BITS - plan.bucket_bits;
    let parts = spans::share(pixels.len(), codes, plan, threads, |spans| {
        let mut counters = try_zeroed::<u32>(1 << plan.bucket_bits)?;
        let mut ranges = Vec::new();
        let mut colorless = 0;
        let mut room = pixels.room()?;
        for span in spans {
            let mut codes = span.kept.into_iter().flat_map(|codes| codes.chunks_mut(TILE));
            for tile in tiles_of(span.pixels.clone()) {
                let count = |hash: u32, length: usize| counters[(hash >> shift) as usize] += length as u32;
                colorless +=
                    fingerprints::encode(pixels, tile, &mut room, hasher, codes.next(), count) as u64;
            }
            try_push(&mut ranges, span.pixels)?;
        }
        Ok(CountedPart { ranges, counters, colorless })
    })?;
    parts.into_iter().collect()
}

/// Counts the pixels of few buckets, and the colours of those that are watched. Keeps the pixels' numbers where there is
/// room for them. No colours: they are too many.
fn count_watching<const C: usize>(
    pixels: Tiles<C>,
    labels: Option<&mut [u16]>,
    hasher: Hasher,
    watched: &BucketSet,
    plan: &CpuPlan,
    seed: u64,
    threads: &Threads,
) -> Result<(Vec<CountedPart>, Option<Vec<Part>>), Error> {
    let parts = spans::share(pixels.len(), labels, plan, threads, |spans| {
        let mut watch = Watch::new(pixels, hasher, watched, plan.watched_colors(), seed)?;
        let mut scratch = try_zeroed::<u16>(TILE)?;
        let mut ranges = Vec::new();
        for span in spans {
            let mut labels = span.kept.into_iter().flat_map(|labels| labels.chunks_mut(TILE));
            for tile in tiles_of(span.pixels.clone()) {
                let (index, kept) = (tile.start / TILE, labels.next());
                if kept.is_some() {
                    watch.keep(index)?;
                }
                watch.count(tile, kept.unwrap_or(&mut scratch))?;
            }
            try_push(&mut ranges, span.pixels)?;
        }
        let (counters, colorless, colors) = watch.finish();
        Ok((CountedPart { ranges, counters, colorless }, colors))
    })?;
    let (parts, colors): (Vec<_>, Vec<_>) =
        parts.into_iter().collect::<Result<Vec<_>, Error>>()?.into_iter().unzip();
    Ok((parts, colors.into_iter().collect()))
}

impl<'a, const C: usize> ManyColors<'a, C> {
    /// Counts the pixels of each bucket; what else it learns of them on the way it keeps where there is room for it.
    pub(crate) fn new(
        pixels: Tiles<'a, C>,
        mut kept: Option<&'a mut [u16]>,
        selection: &SelectionRule,
        plan: CpuPlan,
        seed: u64,
        threads: &'a Threads,
    ) -> Result<Self, Error> {
        let hasher = Hasher::new(seed);
        let sample = Sample::take(pixels, selection, &plan, hasher)?;
        let pass = ProgressSpan::new(0.375);
        let (parts, codes, bits, watched) = match sample {
            None => {
                let parts = count_buckets(pixels, kept.as_deref_mut(), hasher, &plan, threads)?;
                let codes = kept.map_or(Codes::Computed(hasher), |codes| Codes::kept(codes));
                (parts, codes, plan.bucket_bits, None)
            }
            // Most likely nobody will ask for codes.
            Some(Sample { bucket_bits, buckets }) => {
                let has_numbers = kept.is_some();
                let buckets = BucketSet::new(bucket_bits, buckets.into_iter())?;
                let (parts, colors) = count_watching(pixels, kept, hasher, &buckets, &plan, seed, threads)?;
                (
                    parts,
                    Codes::Computed(hasher),
                    bucket_bits,
                    colors.map(|parts| Watched { buckets, parts, has_numbers }),
                )
            }
        };
        drop(pass);
        let buckets = Buckets::new(hasher, bits, parts)?;
        check_sum(buckets.pixels(), pixels.len() as u64)?;
        let pixels_read = pixels.len() as u64;
        Ok(Self {
            pixels,
            codes,
            buckets,
            watched,
            plan,
            seed,
            threads,
            stop: call::cancel_token(),
            pixels_read,
        })
    }

    /// An image whose pixels' codes are there already, of this hash: they number its buckets.
    pub(crate) fn coded(
        pixels: Tiles<'a, C>,
        codes: Codes<'a>,
        hasher: Hasher,
        plan: CpuPlan,
        seed: u64,
        threads: &'a Threads,
    ) -> Result<Self, Error> {
        let bits = plan.bucket_bits.min(CODE_BITS);
        let parts = spans::share::<(), _>(pixels.len(), None, &plan, threads, |spans| {
            let mut counters = try_zeroed::<u32>(1 << bits)?;
            let mut ranges = Vec::new();
            for span in spans {
                let codes = tiles_of(span.pixels.clone()).filter_map(|tile| codes.of_tile(tile));
                codes.flatten().for_each(|&code| counters[usize::from(code) >> (CODE_BITS - bits)] += 1);
                try_push(&mut ranges, span.pixels)?;
            }
            Ok(CountedPart { ranges, counters, colorless: 0 })
        })?;
        let mut buckets = Buckets::new(hasher, bits, parts.into_iter().collect::<Result<_, Error>>()?)?;
        buckets.by_device = true;
        Ok(Self {
            pixels,
            codes,
            buckets,
            watched: None,
            plan,
            seed,
            threads,
            stop: call::cancel_token(),
            pixels_read: 0,
        })
    }

    /// Counts the pixels of the candidates again, in as many buckets as the plan has.
    fn split_buckets(&mut self, candidates: &[Candidate]) -> Result<(), Error> {
        let wanted = self.buckets.set(candidates)?;
        let bits = self.plan.bucket_bits;
        self.start_pass();
        let _pass = ProgressSpan::new(0.25);
        let parts = spans::share::<(), _>(self.pixels.len(), None, &self.plan, self.threads, |spans| {
            let mut counters = try_zeroed::<u32>(1 << bits)?;
            let mut ranges = Vec::new();
            let mut kept = Ok(());
            let spans = spans.map_while(|span| {
                kept = try_push(&mut ranges, span.pixels.clone());
                kept.is_ok().then_some(span.pixels)
            });
            self.for_wanted(spans, &wanted, |_, hash| {
                counters[(hash >> (u32::BITS - bits)) as usize] += 1;
                Ok::<_, Error>(())
            })?;
            kept?;
            Ok(CountedPart { ranges, counters, colorless: 0 })
        })?;
        let parts = parts.into_iter().collect::<Result<_, Error>>()?;
        let buckets = Buckets::new(self.buckets.hasher, bits, parts)?;
        self.buckets.check(candidates, buckets.pixels())?;
        self.buckets = buckets;
        Ok(())
    }

    /// The `max_count` most frequent colours among those with at least `min_pixels` pixels, in any
    /// order, if there are no more than `room_for`. `sorted` is room that is kept from call to call.
    pub(crate) fn best(
        &mut self,
        selection: &SelectionRule,
        room_for: usize,
        sorted: &mut Vec<u32>,
    ) -> Result<Counts, Error> {
        let mut best = Best::new(selection, room_for);
        if selection.max_count == 0 {
            return Ok(best.into_counts());
        }
        let mut rest = self.buckets.candidates(best.threshold())?;

        if let Some(Watched { buckets, parts, .. }) = &self.watched {
            let of_watched = (0..).zip(&self.buckets.totals).filter(|&(bucket, _)| buckets.has(bucket));
            let counted = parts.iter().map(Part::colored).sum();
            check_sum(counted, of_watched.map(|(_, &total)| total).sum())?;
            for found in collect(parts, best.threshold())?.colors {
                best.add(found)?;
            }
            best.settle();
            let bar = best.threshold();
            rest.retain(|candidate| candidate.total >= bar && !buckets.has(candidate.bucket));
        }
        self.watched.take_if(|watched| !watched.has_numbers); // Others need the memory.

        // Frequent colours make full buckets. Those have few colours, so that one table counts them.
        let mut average = self.pixels.len() >> self.buckets.bits;
        let mut fullest = fullest(&rest, self.plan.wanted_buckets(selection))?;
        let has_frequent = |candidate: &Candidate| candidate.total > 2 * average as u64 + 32;
        if self.buckets.bits < self.plan.bucket_bits {
            fullest.retain(has_frequent); // Others have many colours.
        }
        // Where no bucket is much fuller than others, no colour is frequent.
        if fullest.iter().any(has_frequent) {
            self.count_in_tables(&fullest, &mut best)?;
            // The others stay in order, which spares sorting them.
            let least = fullest.into_iter().min();
            rest.retain(|candidate| Some(*candidate) < least);
        }

        rest.retain(|candidate| candidate.total >= best.threshold());
        // There may be fewer buckets than serve, as many as codes number or as a sample said: more of them rule more colours
        // out, if the bar is above what they have on average, or make groups that fit the memory.
        let candidates_pixels: u64 = rest.iter().map(|candidate| candidate.total).sum();
        let finer_average = self.pixels.len() >> self.plan.bucket_bits;
        if self.buckets.bits < self.plan.bucket_bits
            && (best.threshold() > finer_average as u64 || average > self.plan.group_pixels / 4)
            && candidates_pixels > self.pixels.len() as u64 / LARGE_PART
        {
            self.split_buckets(&rest)?;
            average = finer_average;
            rest = self.buckets.candidates(best.threshold())?;
        }

        // The fuller ones first, since they raise the bar; neighbours together where that makes little
        // difference, since their codes tell whether pixels are wanted.
        let level = |candidate: &Candidate| (candidate.total / (2 * average as u64 + 32)).checked_ilog2();
        rest.sort_unstable_by_key(|candidate| (Reverse(level(candidate)), candidate.bucket));
        let group_pixels = self.plan.group_pixels as u64;
        while let Some(first) = rest.first() {
            let mut group = 1;
            if first.total > group_pixels {
                self.count_in_tables(&rest[..group], &mut best)?;
            } else {
                let mut total = 0;
                let fitting = rest.iter().take_while(|candidate| {
                    total += candidate.total;
                    total <= group_pixels
                });
                group = fitting.count();
                self.count_sorted(&rest[..group], sorted, &mut best)?;
            }
            rest.drain(..group);
            rest.retain(|candidate| candidate.total >= best.threshold());
        }
        Ok(best.into_counts())
    }

    /// What the room for what is kept was filled with.
    pub(crate) fn into_kept(self) -> Kept {
        match (self.codes, self.watched) {
            (Codes::Kept { .. }, _) => Kept::Codes,
            (Codes::Computed(_), Some(watched)) if watched.has_numbers => Kept::Numbers(watched),
            (Codes::Computed(_), _) => Kept::Nothing,
        }
    }

    /// What the passes over the image have cost.
    pub(crate) fn pixels_read(&self) -> u64 {
        self.pixels_read
    }

    /// A pass begins: over the codes, or over the pixels where there are none.
    fn start_pass(&mut self) {
        if let Codes::Computed(_) = self.codes {
            self.pixels_read += self.pixels.len() as u64;
        }
    }

    /// Calls `each` for every pixel of some ranges whose code is wanted.
    #[inline(always)]
    fn for_coded<E>(
        &self,
        ranges: impl Iterator<Item = Range<usize>>,
        wanted: &BucketSet,
        mut each: impl FnMut(&[u32; C]) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<Error>,
    {
        let (mut code_room, mut room) = (try_zeroed(TILE)?, self.pixels.room()?);
        for tile in ranges.flat_map(tiles_of) {
            // A part may be most of the image.
            call::tick();
            if self.stop.is_cancelled() {
                return Err(Error::Cancelled.into());
            }
            let first = tile.start;
            let codes = self.codes.of(self.pixels, tile, &mut room, &mut code_room);
            wanted.codes.find(codes, self.pixels, first, |_, pixel| each(pixel))?;
        }
        Ok(())
    }

    /// A pixel's canonical channels and its hash, if it is wanted.
    #[inline(always)]
    fn if_wanted(&self, pixel: &[u32; C], wanted: &BucketSet) -> Result<Option<([u32; C], u32)>, Error> {
        let pixel = pixel.map(canonical);
        let hash = self.buckets.hasher.hash(&pixel);
        let has_color = !pixel.iter().any(|&bits| is_nan(bits));
        match wanted.has_hash(hash) && has_color {
            true => Ok(Some((pixel, hash))),
            false if self.buckets.by_device && has_color => Err(other_code()),
            false => Ok(None),
        }
    }

    /// Calls `each` for every pixel of some ranges that is wanted, with the pixel's canonical channels and its hash.
    #[inline(always)]
    fn for_wanted<E>(
        &self,
        ranges: impl Iterator<Item = Range<usize>>,
        wanted: &BucketSet,
        mut each: impl FnMut(&[u32; C], u32) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<Error>,
    {
        self.for_coded(ranges, wanted, |pixel| match self.if_wanted(pixel, wanted)? {
            Some((pixel, hash)) => each(&pixel, hash),
            None => Ok(()),
        })
    }

    /// Counts the colours of some buckets in one table for each part of the image.
    fn count_in_tables(&mut self, group: &[Candidate], best: &mut Best) -> Result<(), Error> {
        let wanted = self.buckets.set(group)?;
        let mut shares = vec![Share { bits: 0, value: 0 }];
        let mut counted = 0;
        while let Some(share) = shares.pop() {
            self.start_pass();
            let pixels = self.pixels.len();
            let _pass = ProgressSpan::new(0.25);
            let tables = spans::share::<(), _>(pixels, None, &self.plan, self.threads, |spans| {
                self.count_table(spans.map(|span| span.pixels), &wanted, share)
            })?;
            match tables.into_iter().collect::<Result<Vec<_>, Stop>>() {
                Ok(tables) => {
                    counted += tables.iter().map(Part::colored).sum::<u64>();
                    for found in collect(&tables, best.threshold())?.colors {
                        best.add(found)?;
                    }
                    best.settle();
                }
                Err(Stop::TooManyColors) => shares.extend(share.halves()),
                Err(Stop::Error(error)) => return Err(error),
            }
        }
        self.buckets.check(group, counted)
    }

    fn count_table(
        &self,
        ranges: impl Iterator<Item = Range<usize>>,
        wanted: &BucketSet,
        share: Share,
    ) -> Result<Part, Stop> {
        let mut part = Part::new(self.seed)?;
        let mut cache = PixelCache::new(self.buckets.hasher)?;
        self.for_coded(ranges, wanted, |pixel| {
            let number = match cache.find(pixel) {
                Some(number) => number.into(),
                None => {
                    let number = self.number(pixel, wanted, share, &mut part)?;
                    cache.fit(part.table.len())?;
                    cache.insert(pixel, number);
                    number
                }
            };
            part.counts[number as usize] += 1;
            Ok::<_, Stop>(())
        })?;
        Ok(part)
    }

    /// The number of a pixel's colour in a part's table, 0 where the colour is not wanted.
    #[cold]
    #[inline(never)]
    fn number(
        &self,
        pixel: &[u32; C],
        wanted: &BucketSet,
        share: Share,
        part: &mut Part,
    ) -> Result<u32, Stop> {
        let Some((pixel, _)) = self.if_wanted(pixel, wanted)? else { return Ok(0) };
        let key = Key::of_canonical(&pixel);
        if !share.has(key.hash(!self.seed)) {
            return Ok(0);
        }
        let number = part.number(key)?;
        if part.table.len() > self.plan.table_colors {
            return Err(Stop::TooManyColors);
        }
        Ok(number)
    }

    /// Counts the colours of some buckets: their pixels are written out by partition, and each partition
    /// is counted in a table that fits the caches.
    fn count_sorted(
        &mut self,
        group: &[Candidate],
        sorted: &mut Vec<u32>,
        best: &mut Best,
    ) -> Result<(), Error> {
        self.start_pass();
        let wanted = self.buckets.set(group)?;
        let pixels: u64 = group.iter().map(|candidate| candidate.total).sum();
        // The group's buckets may be neighbours: partitions are parts of all hashes.
        let buckets = || group.iter().map(|candidate| u64::from(candidate.bucket));
        let span = 1 + buckets().max().unwrap_or(0) - buckets().min().unwrap_or(0);
        let partitions = pixels / PARTITION_PIXELS * ((1 << self.buckets.bits) / span);
        // No more than there are buckets, whose counters tell the partitions' sizes.
        let bits = partitions.max(1).ilog2().min(self.buckets.bits);
        let words = (C + 1) * pixels as usize;
        if sorted.len() < words {
            sorted.clear();
            sorted.try_reserve_exact(words).map_err(|_| no_memory::<u32>(words))?;
            sorted.resize(words, 0);
        }
        let mut rest = &mut sorted[..words];
        let mut work = Vec::new();
        for CountedPart { ranges, counters, .. } in &self.buckets.parts {
            let mut starts = try_zeroed::<usize>((1 << bits) + 1)?;
            for candidate in group {
                let partition = candidate.bucket >> (self.buckets.bits - bits);
                starts[partition as usize] += (C + 1) * counters[candidate.bucket as usize] as usize;
            }
            let mut next = 0;
            for start in &mut starts {
                next += std::mem::replace(start, next);
            }
            let (room, later) = rest.split_at_mut(next);
            rest = later;
            work.push((ranges, starts, room));
        }
        let _pass = ProgressSpan::new(0.25);
        let parts = self.threads.map(work, |(ranges, starts, room)| {
            self.sort_part(ranges, starts, &wanted, u32::BITS - bits, room)
        })?;
        let parts = parts.into_iter().collect::<Result<Vec<_>, Error>>()?;
        self.buckets.check(group, parts.iter().map(|part| part.pixels).sum())?;

        // Several tasks for each thread, since some will take longer; each keeps its table.
        let step = (1usize << bits).div_ceil(8 * self.threads.count());
        let whole = &*best;
        let found = self.threads.map((0..1 << bits).step_by(step).collect(), |first| {
            let mut best = whole.part();
            let mut table = PartitionTable::<C>::default();
            for partition in first..(first + step).min(1 << bits) {
                if self.stop.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let entries = parts.iter().map(|part| part.partition(partition));
                table.count(entries, self.seed, &mut best)?;
            }
            Ok(best)
        })?;
        for part in found {
            best.merge(part?)?;
        }
        best.settle();
        Ok(())
    }

    /// Writes a part's wanted pixels out by partition. Equal pixels in a row are one entry.
    fn sort_part<'s>(
        &self,
        ranges: &[Range<usize>],
        starts: Vec<usize>,
        wanted: &BucketSet,
        shift: u32,
        room: &'s mut [u32],
    ) -> Result<SortedPart<'s>, Error> {
        let mut ends = starts.clone();
        let (mut last, mut last_count, mut pixels) = (None, 0, 0);
        self.for_wanted(ranges.iter().cloned(), wanted, |pixel, hash| {
            pixels += 1;
            if last == Some(*pixel) {
                room[last_count] += 1;
                return Ok(());
            }
            let end = &mut ends[hash.unbounded_shr(shift) as usize];
            // Where pixels have changed since their buckets were counted there may be no room.
            let Some(entry) = room.get_mut(*end..*end + C + 1) else { return Err(overfull()) };
            entry[..C].copy_from_slice(pixel);
            entry[C] = 1;
            (last, last_count) = (Some(*pixel), *end + C);
            *end += C + 1;
            Ok::<_, Error>(())
        })?;
        match ends.iter().zip(&starts[1..]).all(|(end, next)| end <= next) {
            true => Ok(SortedPart { words: room, starts, ends, pixels }),
            false => Err(overfull()),
        }
    }
}

/// A device has written another code for a pixel than its colour has.
#[cold]
fn other_code() -> Error {
    Error::Driver(
        "the device has not written the pixels' codes, or the pixels have changed during the call".to_owned(),
    )
}

/// There are more pixels in a partition than were counted before.
#[cold]
fn overfull() -> Error {
    Error::Internal(
        "more pixels have a colour than had it before; they have changed during the call".to_owned(),
    )
}

/// The wanted pixels of a part of the image, by partition: entries of the channels and a count.
struct SortedPart<'a> {
    words: &'a [u32],
    /// One more than there are partitions.
    starts: Vec<usize>,
    ends: Vec<usize>,
    /// How many pixels the entries stand for.
    pixels: u64,
}

impl<'a> SortedPart<'a> {
    fn partition(&self, partition: usize) -> &'a [u32] {
        &self.words[self.starts[partition]..self.ends[partition]]
    }
}

/// A hash table of the colours of a partition, kept for its memory.
#[derive(Default)]
struct PartitionTable<const C: usize> {
    colors: Vec<([u32; C], u32)>,
    /// A colour's index plus one, and above `INDEX_BITS` some bits of its hash; 0 where the slot is free.
    slots: Vec<u32>,
}

/// Enough for the pixels of a group.
const INDEX_BITS: u32 = 24;

impl<const C: usize> PartitionTable<C> {
    /// Adds up the entries of a partition.
    fn count<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a [u32]> + Clone,
        seed: u64,
        best: &mut Best,
    ) -> Result<(), Error> {
        let Self { colors, slots } = self;
        let most: usize = entries.clone().map(|entries| entries.len() / (C + 1)).sum();
        // At most a quarter full: most searches end at the first slot.
        let slot_count = (4 * most).next_power_of_two().max(2);
        let shift = u64::BITS - slot_count.trailing_zeros();
        slots.clear();
        slots.try_reserve(slot_count).map_err(|_| no_memory::<u32>(slot_count))?;
        slots.resize(slot_count, 0);
        colors.clear();
        colors.try_reserve(most).map_err(|_| no_memory::<([u32; C], u32)>(most))?;

        for entry in entries.flat_map(|entries| entries.chunks_exact(C + 1)) {
            let pixel: [u32; C] = std::array::from_fn(|channel| entry[channel]);
            // Not the hash that chose the partition.
            let hash = Key::of_canonical(&pixel).hash(!seed);
            let tag = (hash as u32) << INDEX_BITS;
            let mut slot = (hash >> shift) as usize;
            loop {
                let held = slots[slot];
                if held == 0 {
                    colors.push((pixel, entry[C]));
                    slots[slot] = tag | colors.len() as u32;
                    break;
                }
                let color = (held & ((1 << INDEX_BITS) - 1)) as usize - 1;
                if (held ^ tag) >> INDEX_BITS == 0 && colors[color].0 == pixel {
                    colors[color].1 += entry[C];
                    break;
                }
                slot = (slot + 1) & (slot_count - 1);
            }
        }
        let bar = best.threshold();
        for &(pixel, pixels) in colors.iter().filter(|&&(_, pixels)| u64::from(pixels) >= bar) {
            best.add(ColorCount { color: Key::of_canonical(&pixel).color(), pixels: pixels.into() })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::many::sample::places;
    use crate::labels::TileForm;
    use crate::types::outputs::LabelWidth;

    /// Two-channel pixels that all have the hash 0.
    fn colliding(count: u32, hasher: Hasher) -> Vec<[u32; 2]> {
        // For each first channel some second one gives the hash 0; the search goes by bits, since the
        // lower bits of a hash depend on lower bits of what is hashed alone.
        let unfold = |folded: u32| folded ^ folded >> 15 ^ folded >> 30;
        (1..=count)
            .map(|first| {
                let mut folded = 0u32;
                for bit in 0..32 {
                    let hash = hasher.hash(&[first, unfold(folded)]);
                    folded |= hash & 1 << bit;
                }
                [first, unfold(folded)]
            })
            .collect()
    }

    #[test]
    fn the_fullest_are_the_last_in_order() {
        let totals = (0..500u64).map(|bucket| bucket.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        let mut candidates: Vec<_> =
            totals.zip(0..).map(|(total, bucket)| Candidate { total, bucket }).collect();
        for count in [0, 1, 7, 499, 500, 900] {
            let mut found = fullest(&candidates, count).unwrap();
            found.sort_unstable();
            let mut expected = candidates.clone();
            expected.sort_unstable();
            assert_eq!(found, expected[500 - count.min(500)..], "{count}");
            candidates.rotate_left(123);
        }
    }

    #[test]
    fn colors_of_one_bucket_are_split_until_they_fit_a_table() {
        let (seed, threads) = (7, Threads::new(0).unwrap());
        let table_colors = CpuPlan::new(1, 2, 0).table_colors;
        let mut pixels = colliding(3 * table_colors as u32, Hasher::new(seed));
        pixels.retain(|pixel| !pixel.iter().any(|&bits| is_nan(bits) || bits == 0x8000_0000));
        assert!(pixels.len() > 2 * table_colors);
        let favourite = pixels[1234];
        pixels.extend([favourite; 3]);
        let selection = SelectionRule::new(1, 1);
        for group_pixels in [100, 4 << 20] {
            let plan = CpuPlan { group_pixels, ..CpuPlan::new(pixels.len(), 2, 0) };
            let mut many =
                ManyColors::new(Tiles::from(&pixels[..]), None, &selection, plan, seed, &threads).unwrap();
            assert_eq!(many.buckets.totals[0], pixels.len() as u64, "the hashes do not collide");
            let best = many.best(&selection, usize::MAX, &mut Vec::new()).unwrap().colors;
            let expected = Key::of_canonical(&favourite).color();
            assert!(best.contains(&ColorCount { color: expected, pixels: 4 }), "{best:?}");
        }
    }

    /// Where a sample says so, few buckets are counted, and the colours of the fullest in the same pass; where it was
    /// wrong, more of them. The colours are the same.
    fn check_samples<const C: usize>() {
        let (seed, threads, len) = (5, Threads::new(2).unwrap(), 200_000);
        let hasher = Hasher::new(seed);
        let pixel = |color: u32| std::array::from_fn::<_, C, _>(|channel| color << channel);
        // Everywhere ten pixels a colour, in any order, but where samples are taken, perhaps.
        let mixed: Vec<u32> =
            (0..len as u32).map(|pixel| pixel.wrapping_mul(0x9e37_79b1) % 20_000 + 7).collect();
        let with_samples = |color: fn(usize) -> u32| {
            let mut colors = mixed.clone();
            for (index, pixel) in places(len).flatten().enumerate() {
                colors[pixel] = color(index);
            }
            colors
        };
        let frequent = with_samples(|index| index as u32 % 5);
        // The last one is hardly more frequent than others, none of which is in the sample.
        let wrong = with_samples(|index| if index % 2000 == 0 { 4 } else { index as u32 % 4 });
        // Where no samples are taken, a frequent colour's bucket has so many others that no table has room for them.
        let mut crowded = frequent.clone();
        let bucket = |color: u32| hasher.hash(&pixel(color)) >> 20;
        let others = (20_007..).filter(|&color| bucket(color) == bucket(3));
        let unsampled = crowded.iter_mut().filter(|color| **color >= 7);
        unsampled.zip(others.take(1600)).for_each(|(color, other)| *color = other);
        // What is kept of the pixels, and the buckets that are counted at first and in the end.
        for (name, colors, kept_for, bits) in [
            ("frequent", &frequent, "numbers", [12, 12]),
            ("mixed", &mixed, "codes", [16, 16]),
            ("wrong", &wrong, "numbers", [12, 16]),
            ("crowded", &crowded, "nothing", [12, 12]),
        ] {
            let name = format!("{name}, {C} words");
            let mut pixels: Vec<[u32; C]> = colors.iter().map(|&color| pixel(color)).collect();
            pixels[40_000..40_200].fill(pixel(1));
            // Pixels without a colour, alone and together; and zeros of both signs.
            pixels.iter_mut().step_by(1999).for_each(|pixel| pixel[C - 1] = 0x7fc0_0001);
            pixels[30_000..30_500].fill([0xffff_ffff; C]);
            pixels.iter_mut().step_by(7).filter(|pixel| pixel[0] == 0).for_each(|pixel| pixel[0] = 1 << 31);
            let selection = SelectionRule::new(1, 5);
            let plan = CpuPlan { bucket_bits: 16, table_colors: 350, ..CpuPlan::new(len, 2, 0) };
            let mut counts = std::collections::HashMap::new();
            for key in pixels.iter().filter_map(Key::of_pixel) {
                *counts.entry(key.color()).or_insert(0u64) += 1;
            }
            let counts = counts.into_iter().map(|(color, pixels)| ColorCount { color, pixels }).collect();
            let expected = crate::stages::select::select(counts, &selection);
            for keeps in [false, true] {
                let mut room = vec![7; len];
                let plan = CpuPlan { keep_labels: keeps, ..plan };
                let tiles = Tiles::from(&pixels[..]);
                let kept = keeps.then_some(&mut room[..]);
                let mut many = ManyColors::new(tiles, kept, &selection, plan, seed, &threads).unwrap();
                let first_bits = many.buckets.bits;
                let found = many.best(&selection, usize::MAX, &mut Vec::new()).unwrap().colors;
                assert!(crate::stages::select::select(found, &selection) == expected, "{name}");
                assert_eq!([first_bits, many.buckets.bits], bits, "{name}");
                let kept = many.into_kept();
                let is_kept = match &kept {
                    Kept::Nothing => "nothing",
                    Kept::Codes => "codes",
                    Kept::Numbers(_) => "numbers",
                };
                assert_eq!(is_kept, if keeps { kept_for } else { "nothing" }, "{name}");
                let Kept::Numbers(Watched { buckets, parts, .. }) = kept else { continue };
                let tiles = || parts.iter().flat_map(|part| part.tiles.iter().map(move |tile| (part, tile)));
                for (part, &(tile, form)) in tiles() {
                    assert_eq!(form, TileForm::Pixels(LabelWidth::Two));
                    for index in tile * TILE..len.min((tile + 1) * TILE) {
                        let number = Key::of_pixel(&pixels[index]).map_or(0, |key| part.table.find(key));
                        assert_eq!(u32::from(room[index]), number, "{name}, {index}");
                        let is_watched = buckets.has_hash(hasher.hash(&pixels[index].map(canonical)));
                        let has_color = !pixels[index].iter().any(|&bits| is_nan(bits));
                        assert_eq!(number != 0, is_watched && has_color, "{name}, {index}");
                    }
                }
                assert_eq!(tiles().count(), len.div_ceil(TILE));
            }
        }
    }

    #[test]
    fn a_sample_changes_no_colors() {
        check_samples::<1>();
        check_samples::<2>();
        check_samples::<3>();
        check_samples::<4>();
    }

    /// With fewer buckets than codes a bucket has several codes, with more a code has several buckets,
    /// of which only some may be wanted. Large images alone have so many buckets.
    #[test]
    fn any_number_of_buckets_gives_the_same_colors() {
        let (seed, threads) = (11, Threads::new(2).unwrap());
        let color = |index: u32| [index.wrapping_mul(0x9e37_79b1) >> 2, index % 7, 1];
        // Some colours have more pixels than the others, which have about three.
        let index = |pixel: u32| {
            if pixel.is_multiple_of(50) { pixel % 13 } else { pixel.wrapping_mul(0x85eb_ca6b) >> 18 }
        };
        let pixels: Vec<[u32; 3]> = (0..50_000).map(|pixel| color(index(pixel))).collect();
        let selection = SelectionRule::new(1, 20_000);
        let mut counts = std::collections::HashMap::new();
        for pixel in &pixels {
            *counts.entry(Key::of_canonical(pixel).color()).or_insert(0u64) += 1;
        }
        let counts = counts.into_iter().map(|(color, pixels)| ColorCount { color, pixels }).collect();
        let expected = crate::stages::select::select(counts, &selection);
        let mut split = false;
        for bucket_bits in [12, 15, 16, 17, 20] {
            for group_pixels in [300, 1 << 20] {
                let small = CpuPlan::new(pixels.len(), 2, 0);
                let plan = CpuPlan { bucket_bits, group_pixels, first_buckets: 2, ..small };
                let tiles = || Tiles::from(&pixels[..]);
                let hold = |mut many: ManyColors<3>, selection: &SelectionRule, expected: &[ColorCount]| {
                    let found = many.best(selection, usize::MAX, &mut Vec::new()).unwrap().colors;
                    let found = crate::stages::select::select(found, selection);
                    assert!(found == expected, "{bucket_bits} bits, groups of {group_pixels}");
                    many.buckets.bits
                };
                let mut room = vec![0; pixels.len()];
                hold(
                    ManyColors::new(tiles(), None, &selection, plan, seed, &threads).unwrap(),
                    &selection,
                    &expected,
                );
                let kept =
                    ManyColors::new(tiles(), Some(&mut room), &selection, plan, seed, &threads).unwrap();
                hold(kept, &selection, &expected);
                // The codes are there already, in blocks; they number fewer buckets than are of use.
                let codes =
                    || Codes::Kept { blocks: room.chunks(2 * TILE).collect(), block_pixels: 2 * TILE };
                let hasher = Hasher::new(seed);
                let coded = || ManyColors::coded(tiles(), codes(), hasher, plan, seed, &threads).unwrap();
                let frequent = SelectionRule::new(4, selection.max_count);
                let of_frequent = crate::stages::select::select(expected.clone(), &frequent);
                for (selection, expected) in [(&selection, &expected), (&frequent, &of_frequent)] {
                    let bits = hold(coded(), selection, expected);
                    assert!(bits == bucket_bits.min(16) || bits == bucket_bits);
                    split |= bits > 16;
                }
            }
        }
        assert!(split, "no buckets were split");
    }
}
