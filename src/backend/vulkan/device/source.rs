//! Where the device reads pixels: in the caller's memory, which it imports, or in a copy, which all threads write.

use log::Level;

use crate::backend::vulkan::device::Bytes;
use crate::backend::vulkan::device::external_memory::{ExternalMemory, with_external_memory};
use crate::backend::vulkan::device::gpu::Gpu;
use crate::backend::vulkan::device::import::{Import, LEAST_IMPORT_BYTES};
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
        Ok(Self { pixels, threads, imported })
    }

    /// Whether pixels must be copied to where the device can read them.
    pub(crate) fn is_copied(&self) -> bool {
        self.imported.is_none()
    }

    /// Whether only the device can read them.
    pub(crate) fn is_on_device(&self) -> bool {
        self.pixels.memory().is_some()
    }

    /// Writes the words of consecutive pixels, `first` being the first, with all threads.
    pub(crate) fn read(&self, first: usize, target: &mut [u32]) -> Result<(), Error> {
        let words = self.pixels.grid().words as usize;
        let pieces = try_collect(target.chunks_mut(COPIED_PIXELS * words).enumerate())?;
        // Whoever has the chunk copied says how far the call is.
        let _span = ProgressSpan::new(0.0);
        self.threads.for_each(pieces, |(index, piece)| self.pixels.read(first + index * COPIED_PIXELS, piece))
    }

    /// How many words some pixels have.
    pub(crate) fn word_count(&self, pixels: u32) -> u64 {
        u64::from(pixels) * u64::from(self.pixels.grid().words)
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
