//! Pixels that lie in a device's memory, of which the host wants to know some: the device reads them for it.

use crate::backend::vulkan::device::buffers::Shared;
use crate::backend::vulkan::device::receipts::Receipt;
use crate::backend::vulkan::device::shaders::CollectColorsDispatch;
use crate::backend::vulkan::device::source::Source;
use crate::backend::vulkan::device::stage::Stage;
use crate::backend::vulkan::plan::OFFSET_WORDS;
use crate::backend::vulkan::stages::work::Work;
use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{try_with_capacity, try_zeroed};

/// Pixels that are read in one go.
pub(crate) const READ_PIXELS: usize = 1 << 14;

impl Work {
    /// The colours of some pixels, at most READ_PIXELS, of the chunk of `chunk_pixels` pixels that begins with the
    /// image's pixel `start`.
    pub(crate) fn read_pixels(
        &mut self,
        source: &Source,
        start: usize,
        chunk_pixels: u32,
        pixels: impl ExactSizeIterator<Item = u32>,
    ) -> Result<Vec<Option<Color>>, Error> {
        let missing = || Error::Internal("pixels are not in a device's memory".to_owned());
        let (color_map, first_word) = source.imported(start, chunk_pixels).ok_or_else(missing)?;
        let (channels, kind) = (source.pixels.grid().words, source.pixels.encoding().word_kind());
        let count = pixels.len();
        if count > READ_PIXELS {
            return Err(Error::Internal(format!("{count} pixels are read in one go")));
        }
        let mut positions = try_with_capacity(count)?;
        positions.extend(pixels);
        let places = (READ_PIXELS as u64).next_multiple_of(OFFSET_WORDS);
        let stage = Stage::CollectColors { words: source.pixel_words() };
        let Self { gpu, buffers, .. } = self;
        let receipt = Receipt::behind(places + 4 * READ_PIXELS as u64);
        let memory = Shared::ensure(&mut buffers.read, gpu, receipt.end())?;
        gpu.finish()?; // nobody else reads the memory now
        memory.write(0, &positions)?;
        receipt.clear(memory)?;
        let mut workgroups = 0;
        let memory = &*memory;
        let word_count = u64::from(channels) * count as u64;
        gpu.run(|commands| {
            memory.upload(commands, 0, count as u64)?;
            receipt.upload(memory, commands)?;
            let buffers = [
                (0, color_map),
                (1, memory.part(0, count as u64)),
                (2, memory.part(places, word_count)),
                (3, receipt.part(memory)),
            ];
            workgroups = commands.dispatch(stage, count as u32, &buffers, |pixels| {
                CollectColorsDispatch { first_word, first_pixel: pixels.start, end_pixel: pixels.end }
            })?;
            receipt.download(memory, commands)?;
            memory.download(commands, places, word_count)
        })?;
        receipt.check(memory, gpu, workgroups)?;
        let mut words: Vec<u32> = try_zeroed(word_count as usize)?;
        memory.read(places, bytemuck::cast_slice_mut(&mut words))?;
        let mut colors = try_with_capacity(count)?;
        colors.extend(words.chunks_exact(channels as usize).map(|words| {
            let mut color = [0; 4];
            color[..words.len()].copy_from_slice(words);
            Color::from_words(&color, kind)
        }));
        Ok(colors)
    }
}
