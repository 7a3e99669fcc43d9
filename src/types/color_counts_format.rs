//! Counts as bytes, for other processes and machines: docs/counts-format.md.

use std::mem::MaybeUninit;

use bytemuck::allocation::try_zeroed_vec;

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_with_capacity, uninit};
use crate::runtime::checksum::checksum;
use crate::types::color_counts::{ColorCounts, Kind};
use crate::types::encoding::Encoding;
use crate::types::image::Format;
use crate::types::palette::ColorCount;
use crate::types::sorted_counts::{SortedCounts, check_room};
use crate::types::wire::{CHECKSUM, Reader, Writer, kind, kind_fields};

const MAGIC: &[u8; 8] = b"ctmCOUNT";
/// Of floats and integers of at most 16 bits, whose values are written as floats.
const FLOATS: u32 = 1;
/// Of integers of 32 bits, whose values are written as they are.
const INTEGERS: u32 = 2;
const HEADER: usize = 48;

impl ColorCounts {
    /// How long `to_bytes` is.
    pub(crate) fn bytes_len(&self) -> usize {
        HEADER + self.len() * entry_len(self.kind.as_ref()) + CHECKSUM
    }

    /// The counts as bytes, for another process or machine: equal counts are equal bytes.
    ///
    /// # Errors
    /// Too little memory.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let len = self.bytes_len();
        let mut bytes = try_zeroed_vec(len).map_err(|()| no_memory::<u8>(len))?;
        self.write_bytes(uninit(&mut bytes))?;
        Ok(bytes)
    }

    /// Writes the counts as bytes to memory of `bytes_len`; nothing on an error.
    pub(crate) fn write_bytes(&self, room: &mut [MaybeUninit<u8>]) -> Result<(), Error> {
        let colors = self.colors.as_list()?;
        let len = self.bytes_len();
        if room.len() != len {
            return Err(Error::Internal(format!(
                "there is room for {} of {len} bytes of counts",
                room.len()
            )));
        }
        let mut writer = Writer::new(room);
        writer.magic(*MAGIC);
        writer.number(self.kind.map_or(FLOATS, |kind| version_of(kind.format)));
        kind_fields(self.kind.as_ref()).iter().for_each(|&field| writer.number(field));
        writer.long(colors.len() as u64);
        writer.long(len as u64);
        if let Some(encoding) = self.kind.map(|kind| kind.encoding()) {
            match encoding.channels() {
                1 => write_entries::<1>(&mut writer, &colors, encoding),
                2 => write_entries::<2>(&mut writer, &colors, encoding),
                3 => write_entries::<3>(&mut writer, &colors, encoding),
                _ => write_entries::<4>(&mut writer, &colors, encoding),
            }
        }
        writer.checksum();
        Ok(())
    }

    /// The counts that these bytes are.
    ///
    /// # Errors
    /// [`Error::Data`] when the bytes are damaged, or not what [`ColorCounts::to_bytes`] gives; too little memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_bytes_up_to(bytes, usize::MAX)
    }

    /// The counts that these bytes are, if there are not more than `most` colours.
    pub(crate) fn from_bytes_up_to(bytes: &[u8], most: usize) -> Result<Self, Error> {
        let (kind, count, mut entries) = header(bytes)?;
        check_room(count, most)?;
        let mut counts = Self { kind, ..Self::default() };
        let Some(encoding) = kind.map(|kind| kind.encoding()) else { return Ok(counts) };
        let mut colors = try_with_capacity(count)?;
        let mut last: Option<Color> = None;
        for index in 0..count {
            let (color, pixels) = (entries.color(index, encoding)?, entries.long()?);
            if last.is_some_and(|last| last >= color) {
                return damaged(format!("colour {index} of the counts does not come after the one before"));
            }
            counts.pixels = match counts.pixels.checked_add(pixels) {
                Some(sum) if pixels > 0 => sum,
                _ => {
                    return damaged(format!(
                        "colour {index} of the counts has {pixels} pixels, none or too many"
                    ));
                }
            };
            colors.push(ColorCount { color, pixels });
            last = Some(color);
        }
        counts.colors = SortedCounts::new(colors);
        Ok(counts)
    }
}

/// Entries of so many channels.
fn write_entries<const CHANNELS: usize>(writer: &mut Writer, colors: &[ColorCount], encoding: Encoding) {
    for ColorCount { color, pixels } in colors {
        writer.color::<CHANNELS>(color, encoding);
        writer.long(*pixels);
    }
}

/// Checks all but the entries: gives what the parts have in common, the number of entries, and a reader of those.
fn header(bytes: &[u8]) -> Result<(Option<Kind>, usize, Reader<'_>), Error> {
    let size = bytes.len();
    let (body, sum) = match bytes.split_last_chunk() {
        Some((body, &sum)) if body.len() >= HEADER => (body, u64::from_le_bytes(sum)),
        _ => {
            let least = HEADER + CHECKSUM;
            return damaged(format!("counts have {size} bytes; at least {least} are expected"));
        }
    };
    let mut reader = Reader::new(body, "counts");
    if reader.take::<8>()? != *MAGIC {
        return damaged("counts begin with other bytes than ctmCOUNT".to_owned());
    }
    let version = reader.number()?;
    if version != FLOATS && version != INTEGERS {
        return damaged(format!("counts are of version {version}; {FLOATS} or {INTEGERS} is expected"));
    }
    let fields = reader.numbers()?;
    let (count, len) = (reader.long()?, reader.long()?);
    if len != size as u64 {
        return damaged(format!("counts have {size} bytes; {len} are expected"));
    }
    let expected = checksum(&[body]);
    if sum != expected {
        return damaged(format!("counts have the checksum {sum:#018x}; {expected:#018x} is expected"));
    }
    let kind = kind(fields, "counts")?;
    if version != kind.map_or(FLOATS, |kind| version_of(kind.format)) {
        return damaged(format!("counts are of version {version}, in which their format is unknown"));
    }
    let entry = entry_len(kind.as_ref()) as u64;
    if count.checked_mul(entry) != Some(reader.len() as u64) || (kind.is_none() && count > 0) {
        return damaged(format!("counts have {count} colours in {} bytes", reader.len()));
    }
    // Lossless: there are as many bytes, and more.
    Ok((kind, count as usize, reader))
}

/// The version of the bytes of such counts.
fn version_of(format: Format) -> u32 {
    if format.has_ids() { INTEGERS } else { FLOATS }
}

fn entry_len(kind: Option<&Kind>) -> usize {
    kind.map_or(0, |kind| 4 * kind.encoding().channels() + 8)
}

fn damaged<T>(text: String) -> Result<T, Error> {
    Err(Error::Data(text))
}
