//! The directories of a TIFF file: numbers by tag.

use std::collections::HashMap;
use std::io::SeekFrom;

use anyhow::bail;

use crate::decode::stored::Input;

/// The tags that are looked at.
pub(super) mod tag {
    pub(in super::super) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in super::super) const WIDTH: u16 = 256;
    pub(in super::super) const HEIGHT: u16 = 257;
    pub(in super::super) const BITS_PER_SAMPLE: u16 = 258;
    pub(in super::super) const COMPRESSION: u16 = 259;
    pub(in super::super) const PHOTOMETRIC: u16 = 262;
    pub(in super::super) const FILL_ORDER: u16 = 266;
    pub(in super::super) const STRIP_OFFSETS: u16 = 273;
    pub(in super::super) const ORIENTATION: u16 = 274;
    pub(in super::super) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(in super::super) const ROWS_PER_STRIP: u16 = 278;
    pub(in super::super) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(in super::super) const PLANAR_CONFIGURATION: u16 = 284;
    pub(in super::super) const PREDICTOR: u16 = 317;
    pub(in super::super) const COLOR_MAP: u16 = 320;
    pub(in super::super) const TILE_WIDTH: u16 = 322;
    pub(in super::super) const TILE_HEIGHT: u16 = 323;
    pub(in super::super) const TILE_OFFSETS: u16 = 324;
    pub(in super::super) const TILE_BYTE_COUNTS: u16 = 325;
    pub(in super::super) const EXTRA_SAMPLES: u16 = 338;
    pub(in super::super) const SAMPLE_FORMAT: u16 = 339;
    pub(in super::super) const JPEG_TABLES: u16 = 347;
}

/// A file.
pub(super) struct Reader<'a> {
    input: &'a mut dyn Input,
    pub(super) len: u64,
    pub(super) is_big_endian: bool,
    /// Whether places in the file have 64 bits.
    is_big: bool,
}

/// What a tag has: its type, how many, and the bytes themselves or their place.
#[derive(Clone, Copy, Debug)]
struct Entry {
    kind: u16,
    count: u64,
    value: [u8; 8],
}

/// One directory.
#[derive(Debug)]
pub(super) struct Directory {
    entries: HashMap<u16, Entry>,
    /// Where the next one is; 0: there is none.
    pub(super) next: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a mut dyn Input, len: u64) -> anyhow::Result<Self> {
        let mut head = [0; 4];
        input.seek(SeekFrom::Start(0))?;
        input.read_exact(&mut head)?;
        let is_big_endian = head[0] == b'M';
        let is_big = head[2..] == [43, 0] || head[2..] == [0, 43];
        Ok(Self { input, len, is_big_endian, is_big })
    }

    /// Where the first directory is.
    pub(super) fn first(&mut self) -> anyhow::Result<u64> {
        if self.is_big { self.number(8, 8) } else { self.number(4, 4) }
    }

    /// Reads some bytes.
    pub(super) fn read(&mut self, offset: u64, bytes: u64, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
        if offset.saturating_add(bytes) > self.len {
            bail!("the file ends too early");
        }
        buffer.resize(usize::try_from(bytes)?, 0);
        self.input.seek(SeekFrom::Start(offset))?;
        self.input.read_exact(buffer)?;
        Ok(())
    }

    fn number(&mut self, offset: u64, bytes: u64) -> anyhow::Result<u64> {
        let mut buffer = Vec::new();
        self.read(offset, bytes, &mut buffer)?;
        Ok(self.in_order(&buffer))
    }

    /// Bytes as a number in the file's order.
    fn in_order(&self, bytes: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.is_big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    /// Reads a directory.
    pub(super) fn directory(&mut self, offset: u64) -> anyhow::Result<Directory> {
        let (count_bytes, place_bytes) = if self.is_big { (8, 8) } else { (2, 4) };
        let count = self.number(offset, count_bytes)?;
        if count > u64::from(u16::MAX) {
            bail!("a directory of {count} entries is none");
        }
        let entry_bytes = 4 + 2 * place_bytes;
        let mut bytes = Vec::new();
        self.read(offset + count_bytes, count * entry_bytes + place_bytes, &mut bytes)?;
        let (entries, next) = bytes.split_at((count * entry_bytes) as usize);
        let entry = |bytes: &[u8]| {
            let (head, value) = bytes.split_at(4 + place_bytes as usize);
            let mut entry = Entry {
                kind: self.in_order(&head[2..4]) as u16,
                count: self.in_order(&head[4..]),
                value: [0; 8],
            };
            entry.value[..value.len()].copy_from_slice(value);
            (self.in_order(&head[..2]) as u16, entry)
        };
        let entries = entries.chunks_exact(entry_bytes as usize).map(entry).collect();
        Ok(Directory { entries, next: self.in_order(next) })
    }
}

impl Directory {
    /// The bytes of a tag, and how many each of its numbers has.
    fn value(&self, reader: &mut Reader, tag: u16) -> anyhow::Result<Option<(Vec<u8>, usize)>> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        let size = match entry.kind {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            other => bail!("tag {tag} has type {other}; whole numbers are expected"),
        };
        let bytes = entry.count.saturating_mul(size);
        let mut value = Vec::new();
        let place_bytes = if reader.is_big { 8 } else { 4 };
        if bytes <= place_bytes {
            value.extend(&entry.value[..bytes as usize]);
        } else {
            let offset = reader.in_order(&entry.value[..place_bytes as usize]);
            reader.read(offset, bytes, &mut value)?;
        }
        Ok(Some((value, size as usize)))
    }

    /// The numbers of a tag, if it is there.
    pub(super) fn numbers(&self, reader: &mut Reader, tag: u16) -> anyhow::Result<Option<Vec<u64>>> {
        let value = self.value(reader, tag)?;
        Ok(value.map(|(bytes, size)| bytes.chunks_exact(size).map(|bytes| reader.in_order(bytes)).collect()))
    }

    /// The first number of a tag, if it is there.
    pub(super) fn number(&self, reader: &mut Reader, tag: u16) -> anyhow::Result<Option<u64>> {
        Ok(self.numbers(reader, tag)?.and_then(|numbers| numbers.first().copied()))
    }

    /// The bytes of a tag, if it is there.
    pub(super) fn bytes(&self, reader: &mut Reader, tag: u16) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.value(reader, tag)?.map(|(bytes, _)| bytes))
    }
}
