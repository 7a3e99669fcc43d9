//! Large buffers: refused with an error where there is no room, instead of ending the process.

use std::fs;

use anyhow::bail;
use bytemuck::Zeroable;
use bytemuck::allocation::try_zeroed_vec;

use crate::terminal::thousands;

/// A zeroed buffer. `what` begins the error's sentence: "8 masks of 10 x 10 pixels need".
pub(crate) fn zeroed<T: Zeroable>(len: u128, what: &str) -> anyhow::Result<Vec<T>> {
    let bytes = len.saturating_mul(size_of::<T>() as u128);
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let free = available();
    if bytes > free {
        bail!("{what} {} bytes of memory; {} are free", thousands(bytes), thousands(free));
    }
    match usize::try_from(len).ok().and_then(|len| try_zeroed_vec(len).ok()) {
        Some(buffer) => Ok(buffer),
        None => bail!("{what} {} bytes of memory, which the system does not grant", thousands(bytes)),
    }
}

/// The bytes that the system can give without pushing other programs out, where it tells.
///
/// Linux grants more memory than there is and kills the process that uses it; hence this look first.
fn available() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.map_or(isize::MAX as u64, |kilobytes| kilobytes * 1024)
}
