//! Sorting on all threads: each sorts a part; sorted parts are merged two by two.

use crate::error::Error;
use crate::runtime::alloc::{try_collect, try_with_capacity};
use crate::runtime::threads::Threads;

/// Fewer are sorted by one thread.
const FEW: usize = 1 << 14;

/// The items in their order.
pub(super) fn sorted<T: Ord + Copy + Send + Sync>(
    mut items: Vec<T>,
    threads: &Threads,
) -> Result<Vec<T>, Error> {
    let mut len = items.len().div_ceil(threads.count().next_power_of_two()).max(FEW);
    threads.for_each(try_collect(items.chunks_mut(len))?, |part: &mut [T]| part.sort_unstable())?;
    let mut others = try_with_capacity(if len < items.len() { items.len() } else { 0 })?;
    while len < items.len() {
        others.clear();
        others.extend_from_slice(&items); // there is room
        let pairs = try_collect(items.chunks(2 * len).zip(others.chunks_mut(2 * len)))?;
        threads.for_each(pairs, |(pair, merged): (&[T], &mut [T])| {
            let (mut a, mut b) = pair.split_at(len.min(pair.len()));
            for next in merged {
                let from_a = b.first().is_none_or(|b| a.first().is_some_and(|a| a <= b));
                let rest = if from_a { &mut a } else { &mut b };
                if let Some((first, others)) = rest.split_first() {
                    (*next, *rest) = (*first, others);
                }
            }
        })?;
        std::mem::swap(&mut items, &mut others);
        len *= 2;
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_in_their_order() {
        for threads in [1, 2] {
            let threads = Threads::new(threads).unwrap();
            for len in [0, 1, 2, FEW - 1, FEW, FEW + 1, 2 * FEW, 3 * FEW + 7, 5 * FEW + 1] {
                let items: Vec<u64> =
                    (0..len as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50).collect();
                let mut expected = items.clone();
                expected.sort_unstable();
                assert_eq!(sorted(items, &threads).unwrap(), expected, "{len}");
            }
        }
    }
}
