//! Counting an image with very many colours, of which few can matter.
//!
//! Counters by hash bound from above how many pixels any colour of a bucket can have: buckets below
//! the bar hold no result and are never looked at again. The rest is counted exactly, fullest buckets
//! first, in groups that fit the memory; the bar rises as exact counts come in. What is left out is
//! left out for certain, so that the result is exact, ties included.

use std::cmp::Reverse;

use super::key::Key;
use super::runs::{Piece, Pieces};
use crate::error::Error;
use crate::params::Params;
use crate::pipeline::ColorCount;
use crate::select::{precedes, select};
use crate::threads::Threads;

/// How an image with many colours is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ManyColors {
    /// Buckets, as a power of two.
    pub(crate) bucket_bits: u32,
    /// Pixels that are counted exactly in one go.
    pub(crate) group_pixels: u64,
    /// Pixels of the first group, which is to raise the bar quickly.
    pub(crate) first_group_pixels: u64,
}

impl Default for ManyColors {
    fn default() -> Self {
        // 2^17 counters of 4 bytes are half of a second-level cache.
        Self { bucket_bits: 17, group_pixels: 4 << 20, first_group_pixels: 1 << 17 }
    }
}

/// Pixels of one colour, met one after the other.
#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    pixels: u32,
}

/// The `max_count` most frequent colours among those with at least `min_pixels` pixels, in any order.
pub(crate) fn best_colors<const C: usize>(
    pixels: &[[u32; C]],
    params: &Params,
    settings: ManyColors,
    seed: u64,
    threads: &Threads,
) -> Result<Vec<ColorCount>, Error> {
    let mut bar = params.min_pixels.max(1);
    let totals = bucket_totals(pixels, settings.bucket_bits, seed, threads)?;
    let mut buckets: Vec<usize> = (0..totals.len()).filter(|&bucket| totals[bucket] >= bar).collect();
    buckets.sort_unstable_by_key(|&bucket| Reverse(totals[bucket]));

    let mut best = Vec::new();
    let mut group_pixels = settings.first_group_pixels;
    let mut rest = buckets.as_slice();
    while params.max_count > 0 && rest.first().is_some_and(|&fullest| totals[fullest] >= bar) {
        // At least one bucket, then as many as fit.
        let mut group_total = 0;
        let fitting = rest.iter().take_while(|&&bucket| {
            group_total += totals[bucket];
            group_total <= group_pixels && totals[bucket] >= bar
        });
        let (group, later) = rest.split_at(fitting.count().max(1));
        rest = later;
        group_pixels = (4 * group_pixels).min(settings.group_pixels);

        let params = Params { min_pixels: bar, ..*params };
        let found = count_group(pixels, group, &totals, settings.bucket_bits, &params, seed, threads)?;
        append(&mut best, found)?;
        if best.len() >= params.max_count as usize {
            best = select(best, &params);
            // A colour with fewer pixels than the last of these cannot replace it.
            bar = best.last().map_or(bar, |last| last.pixels);
        }
    }
    Ok(best)
}

/// Splits pixels into one part per thread.
fn parts<'a, const C: usize>(pixels: &'a [[u32; C]], threads: &Threads) -> Vec<&'a [[u32; C]]> {
    pixels.chunks(pixels.len().div_ceil(threads.count()).max(1)).collect()
}

fn bucket_of(hash: u64, bucket_bits: u32) -> usize {
    (hash >> (64 - bucket_bits)) as usize
}

/// The pixels of each bucket.
fn bucket_totals<const C: usize>(
    pixels: &[[u32; C]],
    bucket_bits: u32,
    seed: u64,
    threads: &Threads,
) -> Result<Vec<u64>, Error> {
    /// So many pixels cannot overflow a counter.
    const SAFE_PIXELS: usize = u32::MAX as usize;
    let count_part = |pixels: &[[u32; C]]| -> Result<Vec<u64>, Error> {
        let mut totals = zeros(1 << bucket_bits)?;
        let mut counters = zeros::<u32>(1 << bucket_bits)?;
        for pixels in pixels.chunks(SAFE_PIXELS) {
            counters.fill(0);
            for_keys(pixels, |key, length| {
                counters[bucket_of(key.hash(seed), bucket_bits)] += length;
                Ok::<(), Error>(())
            })?;
            for (total, &counter) in totals.iter_mut().zip(&counters) {
                *total += u64::from(counter);
            }
        }
        Ok(totals)
    };
    let counted = threads.map(parts(pixels, threads), count_part);
    let mut all = zeros(1 << bucket_bits)?;
    for totals in counted {
        for (sum, total) in all.iter_mut().zip(totals?) {
            *sum += total;
        }
    }
    Ok(all)
}

/// Counts the colours of some buckets exactly, and returns those that can be among the best.
fn count_group<const C: usize>(
    pixels: &[[u32; C]],
    group: &[usize],
    totals: &[u64],
    bucket_bits: u32,
    params: &Params,
    seed: u64,
    threads: &Threads,
) -> Result<Vec<ColorCount>, Error> {
    let mut wanted = zeros::<u8>(totals.len())?;
    let mut group_pixels = 0;
    for &bucket in group {
        wanted[bucket] = 1;
        group_pixels += totals[bucket];
    }
    // Asked for in one piece first: gathering grows in small steps, and would leave nothing to those
    // who cannot report that memory has ended.
    drop(room::<Entry>(2 * group_pixels as usize)?);
    // The table of 4,096 different colours fits a second-level cache.
    let partitions = (group_pixels / 4096).next_power_of_two().clamp(1, 1024) as usize;
    let gathered = threads.map(parts(pixels, threads), |pixels| {
        gather(pixels, partitions, seed, |hash| wanted[bucket_of(hash, bucket_bits)] != 0)
    });
    let gathered: Vec<Vec<Vec<Entry>>> = gathered.into_iter().collect::<Result<_, _>>()?;
    let found = threads.map((0..partitions).collect(), |partition| {
        count_partition(gathered.iter().map(|part| part[partition].as_slice()), params, seed)
    });
    let mut all = Vec::new();
    for colors in found {
        append(&mut all, colors?)?;
    }
    Ok(all)
}

/// The wanted pixels, by partition. Pixels of a colour that come close to each other are one entry.
fn gather<const C: usize>(
    pixels: &[[u32; C]],
    partitions: usize,
    seed: u64,
    wanted: impl Fn(u64) -> bool,
) -> Result<Vec<Vec<Entry>>, Error> {
    const RECENT: usize = 1024;
    let mut gathered = vec![Vec::new(); partitions];
    let mut push = |hash: u64, entry: Entry| -> Result<(), Error> {
        let partition: &mut Vec<Entry> = &mut gathered[(hash >> 10) as usize & (partitions - 1)];
        if partition.len() == partition.capacity() {
            let more = partition.len().max(64);
            partition.try_reserve_exact(more).map_err(|_| no_memory(partition.len() + more))?;
        }
        partition.push(entry);
        Ok(())
    };
    let mut recent = vec![Entry { key: Key::default(), pixels: 0 }; RECENT];
    for_keys(pixels, |key, length| {
        let hash = key.hash(seed);
        if !wanted(hash) {
            return Ok(());
        }
        let entry = &mut recent[hash as usize & (RECENT - 1)];
        if entry.key == key && entry.pixels.checked_add(length).is_some() {
            entry.pixels += length;
            return Ok(());
        }
        let old = std::mem::replace(entry, Entry { key, pixels: length });
        if old.pixels > 0 { push(old.key.hash(seed), old) } else { Ok(()) }
    })?;
    for entry in recent.into_iter().filter(|entry| entry.pixels > 0) {
        push(entry.key.hash(seed), entry)?;
    }
    Ok(gathered)
}

/// Adds up the entries of one partition; returns the colours that can be among the best.
fn count_partition<'a>(
    entries: impl Iterator<Item = &'a [Entry]> + Clone,
    params: &Params,
    seed: u64,
) -> Result<Vec<ColorCount>, Error> {
    let count: usize = entries.clone().map(<[_]>::len).sum();
    let slots = (2 * count).next_power_of_two();
    let shift = 64 - slots.trailing_zeros().max(1);
    let mut table = room(slots)?;
    table.resize(slots, (Key::default(), 0u64));
    for entry in entries.flatten() {
        // Not the bits that chose the partition.
        let mut slot =
            (entry.key.hash(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize & (slots - 1);
        while table[slot].1 != 0 && table[slot].0 != entry.key {
            slot = (slot + 1) & (slots - 1);
        }
        table[slot].0 = entry.key;
        table[slot].1 += u64::from(entry.pixels);
    }
    let keep = params.max_count as usize;
    let mut best: Vec<ColorCount> = Vec::new();
    let mut worst = None;
    for (key, pixels) in table.into_iter().filter(|&(_, pixels)| pixels >= params.min_pixels) {
        let found = ColorCount { color: key.color(), pixels };
        if worst.is_some_and(|worst| !precedes(&found, &worst)) {
            continue;
        }
        if best.len() == best.capacity() {
            best.try_reserve(1).map_err(|_| no_memory(best.len() + 1))?;
        }
        best.push(found);
        if best.len() >= keep.saturating_mul(2).max(64) && best.len() > keep {
            best = select(best, params);
            worst = best.last().copied();
        }
    }
    Ok(if best.len() > keep { select(best, params) } else { best })
}

/// Calls `each` with the key and the length of consecutive pieces; pixels with a NaN are left out.
#[inline]
fn for_keys<const C: usize, E>(
    pixels: &[[u32; C]],
    mut each: impl FnMut(Key, u32) -> Result<(), E>,
) -> Result<(), E> {
    for (start, piece) in Pieces::new(pixels) {
        match piece {
            Piece::Run(length) => {
                let Some(key) = Key::of_pixel(&pixels[start]) else { continue };
                // A longer run comes in several pieces.
                let most = u32::MAX as usize;
                for _ in 0..length / most {
                    each(key, u32::MAX)?;
                }
                if length % most > 0 {
                    each(key, (length % most) as u32)?;
                }
            }
            Piece::Mixed(length) => {
                let pixels = &pixels[start..start + length];
                pixels.iter().filter_map(Key::of_pixel).try_for_each(|key| each(key, 1))?;
            }
        }
    }
    Ok(())
}

fn append(all: &mut Vec<ColorCount>, more: Vec<ColorCount>) -> Result<(), Error> {
    all.try_reserve(more.len()).map_err(|_| no_memory(all.len() + more.len()))?;
    all.extend(more);
    Ok(())
}

fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, Error> {
    let mut zeros = room(count)?;
    zeros.resize(count, T::default());
    Ok(zeros)
}

fn room<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut room = Vec::new();
    room.try_reserve_exact(count).map_err(|_| no_memory(count))?;
    Ok(room)
}

fn no_memory(entries: usize) -> Error {
    Error::OutOfMemory(format!("counting colours, {entries} entries"))
}
