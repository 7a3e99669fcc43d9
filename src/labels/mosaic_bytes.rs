//! A mosaic as bytes, for other processes and machines.
//!
//! Numbers of 32 bits, the lowest byte first: `ctmMOSAI`, version 1, width, height, parts, and how many bytes there are (64 bits);
//! for each part left, top, width, height and for each of its rows how many runs it has, then the first column and the label
//! of each; at last a checksum of all before (64 bits).

use std::mem::MaybeUninit;

use bytemuck::allocation::try_zeroed_vec;

use crate::error::Error;
use crate::labels::mosaic::{Mosaic, Part, PartArea, check_apart, check_count};
use crate::labels::run_map::Run;
use crate::runtime::alloc::{no_memory, try_with_capacity, uninit};
use crate::runtime::call;
use crate::runtime::checksum::checksum;
use crate::types::wire::{CHECKSUM, Reader, Writer};

const MAGIC: &[u8; 8] = b"ctmMOSAI";
const VERSION: u32 = 1;
const HEADER: usize = 32;
const AREA: usize = 16;
/// What is read, in messages.
const WHAT: &str = "a mosaic's bytes";

impl Mosaic {
    /// How long `to_bytes` is.
    pub(crate) fn bytes_len(&self) -> usize {
        let rows = |part: &Part| part.starts.len() - 1;
        let parts = self.parts.iter().map(|part| AREA + 4 * rows(part) + 8 * part.runs.len());
        HEADER + parts.sum::<usize>() + CHECKSUM
    }

    /// The mosaic as bytes, for another process or machine: equal mosaics are equal bytes.
    ///
    /// # Errors
    /// Too little memory.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let len = self.bytes_len();
        let mut bytes = try_zeroed_vec(len).map_err(|()| no_memory::<u8>(len))?;
        self.write_bytes(uninit(&mut bytes))?;
        Ok(bytes)
    }

    /// Writes the mosaic as bytes to memory of `bytes_len`; nothing on an error.
    pub(crate) fn write_bytes(&self, room: &mut [MaybeUninit<u8>]) -> Result<(), Error> {
        let len = self.bytes_len();
        if room.len() != len {
            return Err(Error::Internal(format!(
                "there is room for {} of {len} bytes of a mosaic",
                room.len()
            )));
        }
        let mut writer = Writer::new(room);
        writer.magic(*MAGIC);
        // Lossless: `check_count`.
        for field in [VERSION, self.width, self.height, self.parts.len() as u32] {
            writer.number(field);
        }
        writer.long(len as u64);
        for part in &self.parts {
            let PartArea { left, top, width, height } = part.area;
            for field in [left, top, width, height] {
                writer.number(field);
            }
            for ends in part.starts.windows(2) {
                let runs = &part.runs[ends[0]..ends[1]];
                writer.number(runs.len() as u32); // no more than columns
                for run in runs {
                    writer.number(run.start);
                    writer.number(run.mask.wrapping_add(1)); // the label
                }
            }
        }
        writer.checksum();
        Ok(())
    }

    /// The mosaic that these bytes are.
    ///
    /// # Errors
    /// [`Error::Data`] when the bytes are damaged, or not what [`Mosaic::to_bytes`] gives; too little memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (body, sum) = match bytes.split_last_chunk::<CHECKSUM>() {
            Some((body, &sum)) if body.len() >= HEADER => (body, u64::from_le_bytes(sum)),
            _ => {
                let (size, least) = (bytes.len(), HEADER + CHECKSUM);
                return damaged(format!("a mosaic has {size} bytes; at least {least} are expected"));
            }
        };
        let (magic, body_rest) = body.split_at(MAGIC.len());
        if magic != MAGIC {
            return damaged("a mosaic begins with other bytes than ctmMOSAI".to_owned());
        }
        let mut reader = Reader::new(body_rest, WHAT);
        let [version, width, height, parts] = reader.numbers()?;
        if version != VERSION {
            return damaged(format!("a mosaic is of version {version}; {VERSION} is expected"));
        }
        let len = reader.long()?;
        if len != bytes.len() as u64 {
            return damaged(format!("a mosaic has {} bytes; {len} are expected", bytes.len()));
        }
        let expected = checksum(&[body]);
        if sum != expected {
            return damaged(format!("a mosaic has the checksum {sum:#018x}; {expected:#018x} is expected"));
        }
        let wrong = |error: Error| Error::Data(format!("a mosaic is of no image: {error}"));
        let mut mosaic = Self::new(width, height).map_err(wrong)?;
        // Lossless. A part takes more bytes than this.
        check_count(parts as usize).map_err(wrong)?;
        mosaic.parts = try_with_capacity((parts as usize).min(reader.len() / AREA))?;
        let mut areas = try_with_capacity(mosaic.parts.capacity())?;
        for _ in 0..parts {
            let [left, top, width, height] = reader.numbers()?;
            let area = PartArea { left, top, width, height };
            Self { parts: Vec::new(), ..mosaic }.check_part(&area).map_err(wrong)?;
            let last = areas.last().map(|last: &PartArea| (last.top, last.left));
            if last >= Some((top, left)) {
                return damaged(format!(
                    "a mosaic's part at column {left}, row {top} does not come after the one before"
                ));
            }
            areas.push(area); // there is room, or the numbers above were missing
            mosaic.parts.push(read_part(&mut reader, area)?);
            mosaic.pixels += area.pixels();
        }
        if reader.len() > 0 {
            return damaged(format!(
                "a mosaic has {} bytes behind its parts; none is expected",
                reader.len()
            ));
        }
        check_apart(&mut areas).map_err(wrong)?;
        Ok(mosaic)
    }
}

fn damaged<T>(text: String) -> Result<T, Error> {
    Err(Error::Data(text))
}

/// The runs of a part: in order, within it, and none beside another of the same mask.
fn read_part(reader: &mut Reader, area: PartArea) -> Result<Part, Error> {
    let rows = area.height as usize;
    // A row takes 12 bytes at least.
    let (most_rows, most_runs) = (reader.len() / 12, reader.len() / 8);
    if rows > most_rows {
        return damaged(format!("{WHAT} end too early"));
    }
    let mut part = Part { area, runs: Vec::new(), starts: try_with_capacity(rows + 1)? };
    for row in 0..rows {
        if row.is_multiple_of(1024) {
            call::tick();
            call::check()?;
        }
        let count = reader.number()?;
        let wrong = |run: u32| {
            let PartArea { left, top, .. } = area;
            damaged(format!("run {run} of row {row} of a mosaic's part at column {left}, row {top} is none"))
        };
        if count as usize > most_runs || count == 0 {
            return wrong(count);
        }
        part.starts.push(part.runs.len());
        part.runs
            .try_reserve(count as usize)
            .map_err(|_| no_memory::<Run>(part.runs.len() + count as usize))?;
        let mut last: Option<Run> = None;
        for index in 0..count {
            let [start, label] = reader.numbers()?;
            let run = Run { start, mask: label.wrapping_sub(1) };
            let follows = last.map_or(start == 0, |last| start > last.start && run.mask != last.mask);
            if !follows || start >= area.width {
                return wrong(index);
            }
            part.runs.push(run); // there is room
            last = Some(run);
        }
    }
    part.starts.push(part.runs.len());
    Ok(part)
}
