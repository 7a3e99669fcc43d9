//! A strip or a tile: decompressed, in this machine's byte order, and freed of its predictor.

use std::io::{ErrorKind, Read as _};

use anyhow::{Context as _, anyhow, bail};
use fax::Color;
use fax::decoder::{DecodeStatus, Group4Decoder, pels};
use flate2::read::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;
use weezl::decode::Configuration;
use weezl::{BitOrder, LzwStatus};

use super::sample::Kind;
use crate::decode::jpeg;
use crate::terminal::thousands;

/// How strips and tiles are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Group4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
    Zstd,
}

impl Compression {
    pub(super) fn new(number: u64) -> anyhow::Result<Self> {
        let name = match number {
            1 => return Ok(Self::None),
            4 => return Ok(Self::Group4),
            5 => return Ok(Self::Lzw),
            7 => return Ok(Self::Jpeg),
            8 | 32946 => return Ok(Self::Deflate),
            32773 => return Ok(Self::PackBits),
            50000 => return Ok(Self::Zstd),
            2 => "CCITT Huffman",
            3 => "CCITT group 3",
            6 => "old JPEG",
            34887 => "LERC",
            34925 => "LZMA",
            50001 => "WebP",
            50002 => "JPEG XL",
            _ => "an unknown method",
        };
        bail!("compression by {name} ({number}) is not supported; save the file with Deflate or LZW")
    }

    /// Refuses a file whose parts cannot become as many bytes as are needed.
    pub(super) fn check_length(self, chunks: &[(u64, u64)], needed: u64, file: u64) -> anyhow::Result<()> {
        let most = match self {
            Self::None => 1,
            Self::PackBits => 64,
            Self::Deflate => 1032,
            Self::Lzw => 4096,
            // A block of four bytes is a run of 128 KiB at most.
            Self::Zstd => 32_768,
            // Their decoders check for themselves.
            Self::Jpeg | Self::Group4 => return Ok(()),
        };
        let packed =
            chunks.iter().fold(0, |sum: u64, chunk| sum.saturating_add(chunk.1.saturating_mul(most)));
        if packed < needed {
            bail!("the file of {} bytes is too short for its pixels", thousands(file));
        }
        Ok(())
    }
}

/// How values lie in the file.
#[derive(Debug)]
pub(super) struct Layout {
    /// Width and height of a strip or tile.
    pub(super) chunk: [u32; 2],
    pub(super) is_tiled: bool,
    /// Whether each channel has strips or tiles of its own.
    pub(super) is_planar: bool,
    pub(super) predictor: u64,
    pub(super) is_big_endian: bool,
}

impl Layout {
    /// Refuses what does not go together.
    pub(super) fn check(&self, kind: Kind, compression: Compression) -> anyhow::Result<()> {
        match self.predictor {
            1 => {}
            2 if kind.is_bits() || kind.bits() > 32 => {
                bail!("predictor 2 of {} bits is not supported", kind.bits())
            }
            3 if !kind.is_float() => bail!("predictor 3 is for floats only"),
            2 | 3 => {}
            other => bail!("predictor {other} is not supported"),
        }
        if compression == Compression::Group4 && kind.bits() != 1 {
            bail!("CCITT compression of {} bits is not supported", kind.bits());
        }
        if compression == Compression::Jpeg && kind != Kind::U8 {
            bail!("JPEG compression of {} bits is not supported", kind.bits());
        }
        Ok(())
    }

    /// Bytes of a strip's or a tile's row.
    pub(super) fn row_bytes(&self, samples: u32, kind: Kind) -> u64 {
        (u64::from(self.chunk[0]) * u64::from(samples) * u64::from(kind.bits())).div_ceil(8)
    }
}

/// What is known of a strip or a tile.
pub(super) struct Part<'a> {
    pub(super) size: [u32; 2],
    /// Values of a pixel in it.
    pub(super) samples: u32,
    pub(super) kind: Kind,
    pub(super) layout: &'a Layout,
    pub(super) jpeg_tables: &'a [u8],
    /// Whether JPEG's YCbCr becomes RGB.
    pub(super) is_converted: bool,
}

impl Part<'_> {
    /// Fills `rows`, or fails.
    pub(super) fn unpack(
        &self,
        compression: Compression,
        packed: &[u8],
        rows: &mut [u8],
    ) -> anyhow::Result<()> {
        match compression {
            Compression::None => {
                let bytes = packed.get(..rows.len()).ok_or_else(too_short)?;
                rows.copy_from_slice(bytes);
            }
            Compression::PackBits => unpack_bits(packed, rows)?,
            Compression::Deflate => {
                ZlibDecoder::new(packed).read_exact(rows).context("is no Deflate data")?
            }
            Compression::Lzw => unpack_lzw(packed, rows)?,
            Compression::Zstd => unpack_zstd(packed, rows)?,
            Compression::Group4 => self.unpack_group4(packed, rows)?,
            Compression::Jpeg => {
                let bytes = match self.jpeg_tables {
                    [] => packed.to_vec(),
                    // Both begin with a start and end with an end of an image.
                    tables => [&tables[..tables.len().max(2) - 2], packed.get(2..).unwrap_or(&[])].concat(),
                };
                let decoded = jpeg::decode_part(&bytes, self.size, self.samples, self.is_converted)?;
                rows.copy_from_slice(decoded.get(..rows.len()).ok_or_else(too_short)?);
            }
        }
        if self.layout.predictor == 3 {
            self.undo_float_predictor(rows);
            return Ok(());
        }
        if self.layout.is_big_endian != cfg!(target_endian = "big") {
            let bytes = self.kind.bits() as usize / 8;
            if bytes > 1 {
                rows.chunks_exact_mut(bytes).for_each(<[u8]>::reverse);
            }
        }
        if self.layout.predictor == 2 {
            self.undo_predictor(rows);
        }
        Ok(())
    }

    fn row_bytes(&self) -> usize {
        self.layout.row_bytes(self.samples, self.kind) as usize
    }

    /// Each value was stored as the difference from the pixel on its left.
    fn undo_predictor(&self, rows: &mut [u8]) {
        let samples = self.samples as usize;
        macro_rules! sum {
            ($row:expr, $type:ty) => {{
                const SIZE: usize = size_of::<$type>();
                for at in (samples * SIZE..$row.len()).step_by(SIZE) {
                    let left =
                        <$type>::from_ne_bytes($row[at - samples * SIZE..][..SIZE].try_into().unwrap());
                    let here = <$type>::from_ne_bytes($row[at..at + SIZE].try_into().unwrap());
                    $row[at..at + SIZE].copy_from_slice(&here.wrapping_add(left).to_ne_bytes());
                }
            }};
        }
        for row in rows.chunks_exact_mut(self.row_bytes()) {
            match self.kind.bits() {
                8 => sum!(row, u8),
                16 => sum!(row, u16),
                _ => sum!(row, u32),
            }
        }
    }

    /// Bytes were stored by significance, highest first, each as the difference from the one on its left.
    fn undo_float_predictor(&self, rows: &mut [u8]) {
        let samples = self.samples as usize;
        let size = self.kind.bits() as usize / 8;
        for row in rows.chunks_exact_mut(self.row_bytes()) {
            for at in samples..row.len() {
                row[at] = row[at].wrapping_add(row[at - samples]);
            }
            let count = row.len() / size;
            let sorted = row.to_vec();
            for (index, value) in row.chunks_exact_mut(size).enumerate() {
                for (byte, to) in value.iter_mut().enumerate() {
                    let significance = if cfg!(target_endian = "big") { byte } else { size - 1 - byte };
                    *to = sorted[significance * count + index];
                }
            }
        }
    }

    /// Two-dimensional fax coding; black is 1.
    fn unpack_group4(&self, packed: &[u8], rows: &mut [u8]) -> anyhow::Result<()> {
        let width = u16::try_from(self.size[0])
            .map_err(|_| anyhow!("CCITT compression of {} columns is not supported", self.size[0]))?;
        let failed = || anyhow!("is no CCITT data");
        let mut decoder =
            Group4Decoder::new(packed.iter().map(|&byte| Ok::<u8, std::io::Error>(byte)), width)?;
        rows.fill(0);
        for row in rows.chunks_exact_mut(self.row_bytes()) {
            match decoder.advance() {
                Ok(DecodeStatus::Incomplete) => {}
                _ => return Err(failed()),
            }
            for (x, color) in pels(decoder.transition(), width).enumerate() {
                if color == Color::Black {
                    row[x / 8] |= 0x80 >> (x % 8);
                }
            }
        }
        Ok(())
    }
}

fn too_short() -> anyhow::Error {
    anyhow!("has fewer bytes than its pixels need")
}

fn unpack_zstd(packed: &[u8], rows: &mut [u8]) -> anyhow::Result<()> {
    let mut decoder = StreamingDecoder::new(packed).map_err(|_| anyhow!("is no ZSTD data"))?;
    decoder.read_exact(rows).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => too_short(),
        _ => anyhow!("is no ZSTD data"),
    })
}

/// Runs and literal bytes.
fn unpack_bits(mut packed: &[u8], mut rows: &mut [u8]) -> anyhow::Result<()> {
    while !rows.is_empty() {
        let (&head, rest) = packed.split_first().ok_or_else(too_short)?;
        packed = rest;
        let head = head.cast_signed();
        if head == i8::MIN {
            continue; // stands for nothing
        }
        let count = usize::from(head.unsigned_abs()) + 1;
        let here = count.min(rows.len());
        let (to, behind) = std::mem::take(&mut rows).split_at_mut(here);
        let taken = if head < 0 { 1 } else { count };
        let bytes = packed.get(..taken).ok_or_else(too_short)?;
        if head < 0 {
            to.fill(bytes[0])
        } else {
            to.copy_from_slice(&bytes[..here])
        }
        packed = &packed[taken..];
        rows = behind;
    }
    Ok(())
}

fn unpack_lzw(mut packed: &[u8], mut rows: &mut [u8]) -> anyhow::Result<()> {
    let mut decoder =
        Configuration::with_tiff_size_switch(BitOrder::Msb, 8).with_yield_on_full_buffer(true).build();
    while !rows.is_empty() {
        let result = decoder.decode_bytes(packed, rows);
        packed = &packed[result.consumed_in..];
        rows = &mut std::mem::take(&mut rows)[result.consumed_out..];
        let status = result.status.context("is no LZW data")?;
        let is_stuck = result.consumed_in == 0 && result.consumed_out == 0;
        if !rows.is_empty() && (!matches!(status, LzwStatus::Ok) || is_stuck) {
            return Err(too_short());
        }
    }
    Ok(())
}
