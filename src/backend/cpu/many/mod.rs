//! Counting an image with very many colours, of which few can matter.
//!
//! This is for a sample that finds few frequent colours, and for pixels of any kind. Where it finds none and pixels are numbers
//! of 24 bits, all colours are counted, see `all_colors`.
//!
//! **Problem.** A photo has a million colours, and five of them get a mask. A table of all would miss the caches at every
//! pixel and take more memory than the image.
//!
//! ```text
//! a sample says which few buckets have all frequent colours, or nothing        `sample`
//! one pass counts pixels by hash bucket: bounds; keeps two bytes a pixel        `buckets`, `fingerprints`
//!     where there was a sample: counts the colours of its buckets, too          `tracked`
//! threshold = least number of pixels of a result, as far as is known; it rises from here on
//! the fullest buckets: count their colours in tables                            `full_buckets`
//! few buckets and many left: count again in more of them
//! while buckets above the threshold are left, the fuller ones first:
//!     a group of them that fits the memory: sort its pixels, count              `partition`
//! ```
//!
//! **Exact.** What is left out is below the threshold by a bound that counts at least all of its pixels, and the threshold is
//! that of colours whose exact counts are known; so the result is exact, ties included. Each step checks that it has
//! counted as many pixels as the buckets have.
//!
//! **Cost.** One pass over the image in nearly all cases, then passes over two bytes a pixel. With few frequent colours nothing
//! but the first; with none, as many as there are groups.
//!
//! **Prior art.** Iceberg queries (Fang et al., 1998) and top-k by bounds that rule out, as in Fagin's threshold algorithm
//! (2001); the steps name their own.

mod all_colors;
mod bucket_set;
mod buckets;
mod fingerprint_set;
mod fingerprints;
mod full_buckets;
mod many_colors;
mod match_few_scalar;
#[cfg(target_arch = "x86_64")]
mod match_few_x86;
mod partition;
mod sample;
mod scan;
mod tracked;

pub(crate) use all_colors::{can_count_all, count_all};
pub(crate) use bucket_set::BucketSet;
pub(crate) use fingerprint_set::FingerprintSet;
pub(crate) use fingerprints::{Fingerprints, fingerprint, fingerprint_of};
pub(crate) use many_colors::{Kept, ManyColors};
pub(crate) use sample::Sample;
#[cfg(test)]
pub(crate) use sample::places;
pub(crate) use tracked::Tracked;
