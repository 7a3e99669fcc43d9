//! Where the device reads pixels: in the caller's memory, which it imports, or in a copy, which all threads write.

use std::ops::Range;

use log::Level;

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::external_memory::{ExternalMemory, with_external_memory};
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::import::{Import, LEAST_IMPORT_BYTES};
use crate::backend::vulkan::device::stage::PixelWords;
use crate::color::WordKind;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::runtime::alloc::try_collect;
use crate::runtime::call::{self, ProgressSpan};
use crate::runtime::threads::Threads;

/// Pixels that a thread copies at a time.
const COPIED_PIXELS: usize = 1 << 14;

/// A call's pixels.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) pixels: &'a Pixels<'a>,
    threads: &'a Threads,
    imported: Option<Import>,
    /// Bytes of a pixel where the device reads it.
    pixel_bytes: u64,
}

impl<'a> Source<'a> {
    /// Imports the image's memory: a device's, or the host's if that can be done; nothing is lost if it cannot.
    fn new(gpu: &Gpu, pixels: &'a Pixels, threads: &'a Threads) -> Result<Self, Error> {
        let imported = match pixels.memory() {
            Some(memory) => Some(Import::of_device(&gpu.device, &memory)?),
            None => {
                let words = pixels.words().zip(gpu.import_alignment);
                let words = words.filter(|(words, _)| size_of_val(*words) as u64 >= LEAST_IMPORT_BYTES);
                words.and_then(|(words, alignment)| {
                    let imported = Import::of_host(&gpu.device, words, alignment);
                    if imported.is_none() {
                        call::message(
                            Level::Info,
                            format_args!("{} cannot import the pixels' memory: they are copied", gpu.name()),
                        );
                    }
                    imported
                })
            }
        };
        if imported.is_some() {
            let words = pixels.grid().all_words() as u64;
            gpu.count(|counters| counters.bytes_imported += 4 * words);
        }
        // Fewer bytes cross a bus. Where there is none, words are read with less work.
        let over_bus = imported.is_none() && !gpu.limits.unified_memory;
        let value_bytes = pixels.value_bytes().filter(|_| over_bus);
        let pixel_bytes = value_bytes.map_or(4 * u64::from(pixels.grid().words), |bytes| bytes as u64);
        Ok(Self { pixels, threads, imported, pixel_bytes })
    }

    /// What shaders are told of the pixels.
    pub(crate) fn pixel_words(&self) -> PixelWords {
        PixelWords {
            count: self.pixels.grid().words,
            bytes: self.pixel_bytes as u32, // lossless: four words at most
            are_integers: self.pixels.encoding().word_kind() != WordKind::Floats,
        }
    }

    /// Bytes of a pixel that must be copied to where the device can read it; `None`: all are there already.
    pub(crate) fn copied_bytes(&self) -> Option<u64> {
        self.imported.is_none().then_some(self.pixel_bytes)
    }

    /// Whether only the device can read them.
    pub(crate) fn is_on_device(&self) -> bool {
        self.pixels.memory().is_some()
    }

    /// Writes some pixels as the device reads them, with all threads.
    pub(crate) fn read(&self, pixels: Range<usize>, target: &mut [u32]) -> Result<(), Error> {
        let piece_words = COPIED_PIXELS * self.pixel_bytes as usize / 4;
        let pieces = try_collect(pixels.clone().step_by(COPIED_PIXELS).zip(target.chunks_mut(piece_words)))?;
        let are_words = self.pixel_bytes == 4 * u64::from(self.pixels.grid().words);
        // Whoever has the chunk copied says how far the call is.
        let _span = ProgressSpan::new(0.0);
        self.threads.for_each(pieces, |(first, piece)| match are_words {
            true => self.pixels.read(first, piece),
            false => self.pixels.read_value_bytes(first..pixels.end.min(first + COPIED_PIXELS), piece),
        })
    }

    /// How many words of memory some pixels have where the device reads them.
    pub(crate) fn word_count(&self, pixels: u32) -> u64 {
        (u64::from(pixels) * self.pixel_bytes).div_ceil(4)
    }

    /// Where some pixels are in the imported memory: a buffer, and the position of the first word in it.
    pub(crate) fn imported(&self, first_pixel: usize, pixels: u32) -> Option<(Bytes, u32)> {
        let import = self.imported.as_ref()?;
        let channels = u64::from(self.pixels.grid().words);
        Some(import.words(first_pixel as u64 * channels, u64::from(pixels) * channels))
    }
}

impl ExternalMemory for Source<'_> {
    fn imports(&mut self) -> impl Iterator<Item = &mut Option<Import>> {
        std::iter::once(&mut self.imported)
    }
}

/// Runs `work` with a call's pixels.
pub(crate) fn with_source<W, R>(
    this: &mut W,
    gpu: fn(&mut W) -> &mut Gpu,
    pixels: &Pixels,
    threads: &Threads,
    work: impl FnOnce(&mut W, &Source) -> Result<R, Error>,
) -> Result<R, Error> {
    let source = Source::new(gpu(this), pixels, threads)?;
    with_external_memory(this, gpu, source, work)
}
