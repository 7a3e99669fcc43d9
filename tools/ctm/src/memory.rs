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
    told("MemAvailable:").unwrap_or(isize::MAX as u64)
}

/// The most bytes that decoding an image may take where nobody says: half of the machine's, and no more than 32,768 x
/// 32,768 pixels of RGBA floats are. Beyond it a file's size is taken for a mistake or an attack.
pub(crate) fn default_budget() -> u64 {
    told("MemTotal:").map_or(u64::MAX, |bytes| bytes / 2).min(16 << 30)
}

/// A number of bytes that Linux tells.
fn told(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = rest.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}
