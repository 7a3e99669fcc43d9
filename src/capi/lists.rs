//! The lists that a call writes: the palette, unlisted colours, merged colours.

use crate::capi::extent::{Extent, check_values};
use crate::capi::outputs::{Formats, ctm_merged_color, ctm_outputs, ctm_palette_entry};
use crate::error::Error;
use crate::types::image::Format;
use crate::types::outputs::Analysis;
use crate::types::palette::Palette;

const ENTRY_SIZES: [usize; 1] = [size_of::<ctm_palette_entry>()];

/// The caller's lists, whose fields are in range.
pub(super) struct Lists<'a> {
    fields: &'a ctm_outputs,
}

impl<'a> Lists<'a> {
    pub(super) fn new(fields: &'a ctm_outputs) -> Result<Self, Error> {
        if !ENTRY_SIZES.contains(&fields.palette_entry_size) {
            return Err(Error::InvalidArgument(format!(
                "outputs.palette_entry_size is {}; this library, version {}, knows {ENTRY_SIZES:?} (start from CTM_OUTPUTS_INIT)",
                fields.palette_entry_size,
                crate::VERSION
            )));
        }
        let entry = align_of::<u64>();
        let merged = align_of::<ctm_merged_color>();
        check_values("outputs.palette", fields.palette.cast(), fields.palette_capacity, entry)?;
        check_values("outputs.unlisted", fields.unlisted.cast(), fields.unlisted_capacity, entry)?;
        check_values("outputs.merged", fields.merged.cast(), fields.merged_capacity, merged)?;
        Ok(Self { fields })
    }

    /// Where they lie.
    pub(super) fn extents(&self) -> Result<Vec<Extent>, Error> {
        let fields = self.fields;
        let list = |name, start, len, bytes| Extent::new(name, start, len, "entries", bytes);
        let entry = fields.palette_entry_size;
        let merged = size_of::<ctm_merged_color>();
        Ok(vec![
            list("outputs.palette", fields.palette.addr(), fields.palette_capacity, entry)?,
            list("outputs.unlisted", fields.unlisted.addr(), fields.unlisted_capacity, entry)?,
            list("outputs.merged", fields.merged.addr(), fields.merged_capacity, merged)?,
        ])
    }

    pub(super) fn has_any(&self) -> bool {
        let fields = self.fields;
        !fields.palette.is_null() || !fields.unlisted.is_null() || !fields.merged.is_null()
    }

    pub(super) fn has_palette(&self) -> bool {
        !self.fields.palette.is_null()
    }

    /// Entries that the palette may have; without one any number.
    pub(super) fn palette_capacity(&self) -> u64 {
        if self.has_palette() { self.fields.palette_capacity as u64 } else { u64::MAX }
    }

    /// How many unlisted colours are to be listed, if they are to be looked for.
    pub(super) fn unlisted(&self, formats: &Formats) -> Option<u32> {
        let most = u32::try_from(self.fields.unlisted_capacity).unwrap_or(u32::MAX);
        (formats.report_unlisted || !self.fields.unlisted.is_null()).then_some(most)
    }

    /// How many merged colours are to be listed.
    pub(super) fn merged(&self) -> u32 {
        u32::try_from(self.fields.merged_capacity).unwrap_or(u32::MAX)
    }

    /// Writes the unlisted and the merged colours of an image of this format.
    ///
    /// # Safety
    /// The entries can be written; the analysis lists no more than were asked for.
    pub(super) unsafe fn write(&self, analysis: &Analysis, format: Format) {
        for (index, found) in analysis.unlisted.iter().flat_map(|found| &found.most_frequent).enumerate() {
            let entry = ctm_palette_entry {
                color: found.color.values(),
                stored: found.color.stored(format),
                pixel_count: found.pixels,
                first_x: found.first_pixel.0,
                first_y: found.first_pixel.1,
                ..ctm_palette_entry::NOTHING
            };
            // SAFETY: the caller guarantees the entry.
            unsafe { self.fields.unlisted.add(index).write(entry) };
        }
        for (index, found) in analysis.merged.most_frequent.iter().enumerate() {
            let entry = ctm_merged_color {
                color: found.color.values(),
                into: found.into.values(),
                pixel_count: found.pixels,
                stored: found.color.stored(format),
                into_stored: found.into.stored(format),
            };
            // SAFETY: the caller guarantees the entry.
            unsafe { self.fields.merged.add(index).write(entry) };
        }
    }

    /// Writes an entry for each mask and image: its colour, and where its pixels lie. `offset` says where the plane of a
    /// mask and image begins that is not cropped.
    ///
    /// # Safety
    /// The entries can be written; there are as many as the analysis needs.
    pub(super) unsafe fn write_palette(
        &self,
        analysis: &Analysis,
        format: Format,
        offset: impl Fn(usize, usize) -> u64,
    ) {
        // Where pixels lie may be known for the sake of cropping alone.
        if !self.has_palette() {
            return;
        }
        let images = analysis.mask_stats.len() / (analysis.mask_count as usize).max(1);
        for (index, stats) in analysis.mask_stats.iter().enumerate() {
            let (mask, image) = (index / images, index % images);
            let palette = analysis.image_palettes.get(image).unwrap_or(&analysis.palette);
            let color = palette.colors.get(mask).map(|entry| entry.color);
            let entry = ctm_palette_entry {
                color: color.map_or([0.0; 4], |color| color.values()),
                stored: color.map_or([0; 4], |color| color.stored(format)),
                pixel_count: stats.pixels,
                left: stats.left,
                top: stats.top,
                width: stats.width,
                height: stats.height,
                first_x: stats.first_pixel.0,
                first_y: stats.first_pixel.1,
                centroid_x: stats.centroid.0,
                centroid_y: stats.centroid.1,
                mask_offset: analysis.crop_starts.get(index).copied().unwrap_or_else(|| offset(mask, image)),
            };
            // SAFETY: the caller guarantees the entry.
            unsafe { self.fields.palette.add(index).write(entry) };
        }
    }

    /// Writes an entry for each colour, whose pixels lie nowhere.
    ///
    /// # Safety
    /// The entries can be written; there are as many as there are colours.
    pub(super) unsafe fn write_colors(&self, palette: &Palette, format: Format) {
        for (index, found) in palette.colors.iter().enumerate().filter(|_| self.has_palette()) {
            let entry = ctm_palette_entry {
                color: found.color.values(),
                stored: found.color.stored(format),
                pixel_count: found.pixels,
                ..ctm_palette_entry::NOTHING
            };
            // SAFETY: the caller guarantees the entry.
            unsafe { self.fields.palette.add(index).write(entry) };
        }
    }
}
