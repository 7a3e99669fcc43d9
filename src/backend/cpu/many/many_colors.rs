//! The steps of counting an image with very many colours, see `many`.

use std::cmp::Reverse;

use crate::backend::cpu::collect::collect;
use crate::backend::cpu::many::bucket_set::BucketSet;
use crate::backend::cpu::many::buckets::{
    Buckets, Candidate, PartBuckets, check_group, count_buckets, count_fingerprints, fullest,
};
use crate::backend::cpu::many::fingerprints::{FINGERPRINT_BITS, Fingerprints};
use crate::backend::cpu::many::full_buckets::TableCount;
use crate::backend::cpu::many::partition::SortedCount;
use crate::backend::cpu::many::sample::Sample;
use crate::backend::cpu::many::scan::Scan;
use crate::backend::cpu::many::tracked::{Tracked, TrackedCount};
use crate::backend::cpu::part::{PartColors, check_sum};
use crate::backend::cpu::pixels::spans;
use crate::backend::cpu::pixels::tiles::Tiles;
use crate::backend::cpu::plan::CpuPlan;
use crate::backend::cpu::tables::key::Hasher;
use crate::error::Error;
use crate::runtime::alloc::{try_push, try_zeroed};
use crate::runtime::call::{self, ProgressSpan};
use crate::runtime::simd::Simd;
use crate::runtime::threads::Threads;
use crate::stages::select::Best;
use crate::types::palette::Counts;
use crate::types::params::SelectionRule;

/// Less than one in so many pixels is counted rather than looked at once more.
const LARGE_PART: u64 = 16;

/// An image whose buckets have been counted.
#[derive(Debug)]
pub(crate) struct ManyColors<'a, const C: usize> {
    scan: Scan<'a, C>,
    buckets: Buckets,
    tracked: Option<Tracked>,
    plan: CpuPlan,
    /// Of hash tables.
    seed: u64,
    threads: &'a Threads,
    /// Pixels that passes over the whole image have read.
    pixels_read: u64,
}

/// What there is of each pixel.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Nothing: fingerprints would have to be computed.
    Nothing,
    Fingerprints,
    /// The indices of the colours that were tracked.
    Indices(Tracked),
}

impl<'a, const C: usize> ManyColors<'a, C> {
    /// Counts the pixels of each bucket; what else it learns of them on the way it keeps where there is memory for it.
    pub(crate) fn new(
        pixels: Tiles<'a, C>,
        kept: Option<&'a mut [u16]>,
        selection: &SelectionRule,
        plan: CpuPlan,
        seed: u64,
        threads: &'a Threads,
    ) -> Result<Self, Error> {
        let sample = Sample::take(pixels, selection, &plan, seed)?;
        Self::with_sample(pixels, kept, sample, plan, seed, threads)
    }

    /// The same, with what a sample of the pixels has told.
    pub(crate) fn with_sample(
        pixels: Tiles<'a, C>,
        mut kept: Option<&'a mut [u16]>,
        sample: Option<Sample>,
        plan: CpuPlan,
        seed: u64,
        threads: &'a Threads,
    ) -> Result<Self, Error> {
        let (simd, hasher) = (Simd::current(), Hasher::new(seed));
        let pass = ProgressSpan::new(0.375);
        let (parts, fingerprints, bits, tracked) = match sample {
            None => {
                let parts = count_buckets(simd, pixels, kept.as_deref_mut(), hasher, &plan, threads)?;
                let fingerprints =
                    kept.map_or(Fingerprints::Computed(hasher), |kept| Fingerprints::kept(kept));
                (parts, fingerprints, plan.bucket_bits, None)
            }
            // Most likely nobody will ask for fingerprints.
            Some(Sample { bucket_bits, buckets }) => {
                let buckets = BucketSet::new(bucket_bits, buckets.into_iter())?;
                let count = TrackedCount { simd, pixels, hasher, plan: &plan, seed, threads };
                let (parts, tracked) = count.count(buckets, kept)?;
                (parts, Fingerprints::Computed(hasher), bucket_bits, tracked)
            }
        };
        drop(pass);
        let buckets = Buckets::new(bits, parts)?;
        check_sum(buckets.pixels(), pixels.len() as u64)?;
        let scan =
            Scan { simd, pixels, fingerprints, hasher, by_device: false, cancel: call::cancel_token() };
        Ok(Self { scan, buckets, tracked, plan, seed, threads, pixels_read: pixels.len() as u64 })
    }

    /// An image whose pixels' fingerprints a device has written, of this hash: they number its buckets.
    pub(crate) fn with_fingerprints(
        pixels: Tiles<'a, C>,
        fingerprints: Fingerprints<'a>,
        hasher: Hasher,
        plan: CpuPlan,
        seed: u64,
        threads: &'a Threads,
    ) -> Result<Self, Error> {
        let bits = plan.bucket_bits.min(FINGERPRINT_BITS);
        let parts = count_fingerprints(pixels.len(), &fingerprints, bits, &plan, threads)?;
        let buckets = Buckets::new(bits, parts)?;
        let cancel = call::cancel_token();
        let scan = Scan { simd: Simd::current(), pixels, fingerprints, hasher, by_device: true, cancel };
        Ok(Self { scan, buckets, tracked: None, plan, seed, threads, pixels_read: 0 })
    }

    /// The `max_count` most frequent colours among those with at least `min_pixels` pixels, in any
    /// order, if there are no more than `most_listed`. `sorted` is scratch memory that is kept from call to call.
    pub(crate) fn best(
        &mut self,
        selection: &SelectionRule,
        most_listed: usize,
        sorted: &mut Vec<u32>,
    ) -> Result<Counts, Error> {
        let mut best = Best::new(selection, most_listed);
        if selection.max_count == 0 {
            return Ok(best.into_counts());
        }
        let mut rest = self.buckets.candidates(best.threshold())?;
        self.add_tracked(&mut best, &mut rest)?;
        self.count_fullest(selection, &mut best, &mut rest)?;
        rest.retain(|candidate| candidate.total >= best.threshold());
        if self.needs_more_buckets(&rest, best.threshold()) {
            self.split_buckets(&rest)?;
            rest = self.buckets.candidates(best.threshold())?;
        }
        self.count_groups(rest, sorted, &mut best)?;
        Ok(best.into_counts())
    }

    /// Colours that were counted with the buckets.
    fn add_tracked(&mut self, best: &mut Best, rest: &mut Vec<Candidate>) -> Result<(), Error> {
        if let Some(Tracked { buckets, parts, .. }) = &self.tracked {
            let of_tracked = (0..).zip(&self.buckets.totals).filter(|&(bucket, _)| buckets.has(bucket));
            let counted = parts.iter().map(PartColors::colored).sum();
            check_sum(counted, of_tracked.map(|(_, &total)| total).sum())?;
            for found in collect(parts, best.threshold())?.colors {
                best.add(found)?;
            }
            best.settle();
            let threshold = best.threshold();
            rest.retain(|candidate| candidate.total >= threshold && !buckets.has(candidate.bucket));
        }
        self.tracked.take_if(|tracked| !tracked.has_indices); // Others need the memory.
        Ok(())
    }

    /// Frequent colours make full buckets. Those have few colours, so that one table counts them.
    fn count_fullest(
        &mut self,
        selection: &SelectionRule,
        best: &mut Best,
        rest: &mut Vec<Candidate>,
    ) -> Result<(), Error> {
        let mut fullest = fullest(rest, self.plan.wanted_buckets(selection))?;
        let unusual = self.unusual_total();
        let has_frequent = |candidate: &Candidate| candidate.total > unusual;
        if self.buckets.bits < self.plan.bucket_bits {
            fullest.retain(has_frequent); // Others have many colours.
        }
        // Where no bucket is much fuller than others, no colour is frequent.
        if fullest.iter().any(has_frequent) {
            self.count_in_tables(&fullest, best)?;
            // The others stay in order, which spares sorting them.
            let least = fullest.into_iter().min();
            rest.retain(|candidate| Some(*candidate) < least);
        }
        Ok(())
    }

    /// Pixels of a bucket on average.
    fn average(&self) -> usize {
        self.scan.pixels.len() >> self.buckets.bits
    }

    /// Pixels that few buckets have more of, unless some of their colours are frequent.
    fn unusual_total(&self) -> u64 {
        2 * self.average() as u64 + 32
    }

    /// There may be fewer buckets than serve, as many as fingerprints number or as a sample said: more of them rule more
    /// colours out, if the threshold is above what they have on average, or make groups that fit the memory.
    fn needs_more_buckets(&self, rest: &[Candidate], threshold: u64) -> bool {
        let pixels = self.scan.pixels.len();
        let left: u64 = rest.iter().map(|candidate| candidate.total).sum();
        let finer_average = pixels >> self.plan.bucket_bits;
        self.buckets.bits < self.plan.bucket_bits
            && (threshold > finer_average as u64 || self.average() > self.plan.group_pixels / 4)
            && left > pixels as u64 / LARGE_PART
    }

    /// Counts the pixels of the candidates again, in as many buckets as the plan has.
    fn split_buckets(&mut self, candidates: &[Candidate]) -> Result<(), Error> {
        let wanted = self.buckets.set(candidates)?;
        let (bits, scan) = (self.plan.bucket_bits, &self.scan);
        self.pixels_read += scan.pixels_read();
        let _pass = ProgressSpan::new(0.25);
        let parts = spans::share::<(), _>(scan.pixels.len(), None, &self.plan, self.threads, |spans| {
            let mut counters = try_zeroed::<u32>(1 << bits)?;
            let mut ranges = Vec::new();
            let mut kept = Ok(());
            let spans = spans.map_while(|span| {
                kept = try_push(&mut ranges, span.pixels.clone());
                kept.is_ok().then_some(span.pixels)
            });
            scan.for_wanted(spans, &wanted, |_, hash| {
                counters[(hash >> (u32::BITS - bits)) as usize] += 1;
                Ok::<_, Error>(())
            })?;
            kept?;
            Ok(PartBuckets { ranges, counters, colorless: 0 })
        })?;
        let buckets = Buckets::new(bits, parts.into_iter().collect::<Result<_, Error>>()?)?;
        check_group(candidates, buckets.pixels(), scan.by_device)?;
        self.buckets = buckets;
        // From now on buckets are known by whole hashes, of which fingerprints are a part.
        self.scan.by_device = false;
        Ok(())
    }

    /// Counts what is left, in groups that fit the memory.
    fn count_groups(
        &mut self,
        mut rest: Vec<Candidate>,
        sorted: &mut Vec<u32>,
        best: &mut Best,
    ) -> Result<(), Error> {
        // The fuller ones first, since they raise the threshold; neighbours together where that makes little
        // difference, since their fingerprints tell whether pixels are wanted.
        let unusual = self.unusual_total();
        let level = |candidate: &Candidate| (candidate.total / unusual).checked_ilog2();
        rest.sort_unstable_by_key(|candidate| (Reverse(level(candidate)), candidate.bucket));
        let group_pixels = self.plan.group_pixels as u64;
        while let Some(first) = rest.first() {
            let mut group = 1;
            if first.total > group_pixels {
                self.count_in_tables(&rest[..group], best)?;
            } else {
                let mut total = 0;
                let fitting = rest.iter().take_while(|candidate| {
                    total += candidate.total;
                    total <= group_pixels
                });
                group = fitting.count();
                self.count_sorted(&rest[..group], sorted, best)?;
            }
            rest.drain(..group);
            rest.retain(|candidate| candidate.total >= best.threshold());
        }
        Ok(())
    }

    /// Counts the colours of some buckets in one table for each part of the image.
    fn count_in_tables(&mut self, group: &[Candidate], best: &mut Best) -> Result<(), Error> {
        let wanted = &self.buckets.set(group)?;
        let &Self { ref scan, ref plan, seed, threads, .. } = &*self;
        let passes = TableCount { scan, group, wanted, plan, seed, threads }.count(best)?;
        self.pixels_read += passes * self.scan.pixels_read();
        Ok(())
    }

    /// Counts the colours of some buckets, whose pixels are sorted for that.
    fn count_sorted(
        &mut self,
        group: &[Candidate],
        sorted: &mut Vec<u32>,
        best: &mut Best,
    ) -> Result<(), Error> {
        self.pixels_read += self.scan.pixels_read();
        let wanted = &self.buckets.set(group)?;
        let &Self { ref scan, ref buckets, seed, threads, .. } = &*self;
        SortedCount { scan, buckets, group, wanted, seed, threads }.count(sorted, best)
    }

    /// What the memory for what is kept was filled with.
    pub(crate) fn into_kept(self) -> Kept {
        match (self.scan.fingerprints, self.tracked) {
            (Fingerprints::Kept { .. }, _) => Kept::Fingerprints,
            (Fingerprints::Computed(_), Some(tracked)) if tracked.has_indices => Kept::Indices(tracked),
            (Fingerprints::Computed(_), _) => Kept::Nothing,
        }
    }

    /// What the passes over the image have cost.
    pub(crate) fn pixels_read(&self) -> u64 {
        self.pixels_read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::many::sample::places;
    use crate::backend::cpu::tables::key::Key;
    use crate::color::WordKind;
    use crate::labels::{TILE, TileForm};
    use crate::types::outputs::LabelWidth;
    use crate::types::palette::ColorCount;

    const KIND: WordKind = WordKind::Floats;

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
    fn colors_of_one_bucket_are_split_until_they_fit_a_table() {
        let (seed, threads) = (7, Threads::new(0).unwrap());
        let table_colors = CpuPlan::new(1, 2, 0).table_colors;
        let mut pixels = colliding(3 * table_colors as u32, Hasher::new(seed));
        pixels.retain(|pixel| !pixel.iter().any(|&bits| KIND.is_nan(bits) || bits == 0x8000_0000));
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
            let expected = Key::of_canonical(&favourite, KIND).color();
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
        // Where no samples are taken, a frequent colour's bucket has so many others that no table holds them.
        let mut crowded = frequent.clone();
        let bucket = |color: u32| hasher.hash(&pixel(color)) >> 20;
        let others = (20_007..).filter(|&color| bucket(color) == bucket(3));
        let unsampled = crowded.iter_mut().filter(|color| **color >= 7);
        unsampled.zip(others.take(1600)).for_each(|(color, other)| *color = other);
        // What is kept of the pixels, and the buckets that are counted at first and in the end.
        for (name, colors, kept_for, bits) in [
            ("frequent", &frequent, "indices", [12, 12]),
            ("mixed", &mixed, "fingerprints", [16, 16]),
            ("wrong", &wrong, "indices", [12, 16]),
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
            for key in pixels.iter().filter_map(|pixel| Key::of_pixel(pixel, KIND)) {
                *counts.entry(key.color()).or_insert(0u64) += 1;
            }
            let counts = counts.into_iter().map(|(color, pixels)| ColorCount { color, pixels }).collect();
            let expected = crate::stages::select::select(counts, &selection);
            for keeps in [false, true] {
                let mut memory = vec![7; len];
                let plan = CpuPlan { keep_labels: keeps, ..plan };
                let tiles = Tiles::from(&pixels[..]);
                let kept = keeps.then_some(&mut memory[..]);
                let mut many = ManyColors::new(tiles, kept, &selection, plan, seed, &threads).unwrap();
                let first_bits = many.buckets.bits;
                let found = many.best(&selection, usize::MAX, &mut Vec::new()).unwrap().colors;
                assert!(crate::stages::select::select(found, &selection) == expected, "{name}");
                assert_eq!([first_bits, many.buckets.bits], bits, "{name}");
                let kept = many.into_kept();
                let is_kept = match &kept {
                    Kept::Nothing => "nothing",
                    Kept::Fingerprints => "fingerprints",
                    Kept::Indices(_) => "indices",
                };
                assert_eq!(is_kept, if keeps { kept_for } else { "nothing" }, "{name}");
                let Kept::Indices(Tracked { buckets, parts, .. }) = kept else { continue };
                let tiles = || parts.iter().flat_map(|part| part.tiles.iter().map(move |tile| (part, tile)));
                for (part, &(tile, form)) in tiles() {
                    assert_eq!(form, TileForm::Pixels(LabelWidth::Two));
                    for index in tile * TILE..len.min((tile + 1) * TILE) {
                        let key = Key::of_pixel(&pixels[index], KIND);
                        let color = key.map_or(0, |key| part.table.find(key));
                        assert_eq!(u32::from(memory[index]), color, "{name}, {index}");
                        let canonical = pixels[index].map(|bits| KIND.canonical(bits));
                        let is_tracked = buckets.has_hash(hasher.hash(&canonical));
                        let has_color = !pixels[index].iter().any(|&bits| KIND.is_nan(bits));
                        assert_eq!(color != 0, is_tracked && has_color, "{name}, {index}");
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

    /// With fewer buckets than fingerprints a bucket has several fingerprints, with more a fingerprint has several buckets,
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
            *counts.entry(Key::of_canonical(pixel, KIND).color()).or_insert(0u64) += 1;
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
                let mut memory = vec![0; pixels.len()];
                hold(
                    ManyColors::new(tiles(), None, &selection, plan, seed, &threads).unwrap(),
                    &selection,
                    &expected,
                );
                let kept =
                    ManyColors::new(tiles(), Some(&mut memory), &selection, plan, seed, &threads).unwrap();
                hold(kept, &selection, &expected);
                // The fingerprints are there already, in blocks; they number fewer buckets than are of use.
                let fingerprints = || Fingerprints::Kept {
                    blocks: memory.chunks(2 * TILE).collect(),
                    block_pixels: 2 * TILE,
                };
                let hasher = Hasher::new(seed);
                let coded = || {
                    ManyColors::with_fingerprints(tiles(), fingerprints(), hasher, plan, seed, &threads)
                        .unwrap()
                };
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
