//! How a memory limit is shared out.

/// The part of a memory limit that is the device's, 0 being no limit; the rest is the host's.
pub(crate) fn device_share(memory_limit: u64) -> u64 {
    match memory_limit {
        0 => u64::MAX,
        limit => (limit / 4 * 3).saturating_sub(ROUNDING_BYTES),
    }
}

/// The part of a memory limit that is the host's.
pub(crate) fn host_share(memory_limit: u64) -> u64 {
    match memory_limit {
        0 => u64::MAX,
        limit => limit / 4,
    }
}

/// How many colours may be listed. A list takes up to 96 bytes of each while it grows, and labelling as much
/// for its tables.
pub(crate) fn most_listed(memory_limit: u64) -> usize {
    match memory_limit {
        0 => usize::MAX,
        limit => usize::try_from(limit / 1024).unwrap_or(usize::MAX),
    }
}

/// Bytes that rounding up small allocations may cost.
pub(crate) const ROUNDING_BYTES: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_limit_is_shared_out() {
        assert_eq!((device_share(0), host_share(0)), (u64::MAX, u64::MAX));
        for limit in [32 << 20, (1 << 30) + 3, u64::MAX] {
            assert!(device_share(limit) >= limit / 2);
            assert!(device_share(limit) + host_share(limit) + ROUNDING_BYTES <= limit);
        }
    }
}
