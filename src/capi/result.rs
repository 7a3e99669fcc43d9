//! `ctm_result`: what was found.

use crate::capi::extent::Extent;
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned};
use crate::context::emit::FoundSizes;
use crate::error::Error;
use crate::types::outputs::Analysis;

/// What was found. Start from `CTM_RESULT_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_result {
    /// `sizeof(ctm_result)` as the caller's header has it; `CTM_RESULT_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// How many masks there are; with `CTM_BATCH_EACH` as many as the image with the most colours has.
    pub mask_count: u32,
    /// 0.
    pub reserved: u32,
    /// How many different colours the counted images have, ignored ones and those with too few pixels included; 0
    /// where that was not found out, which may differ from call to call, and with `CTM_BATCH_EACH`. To know it for
    /// certain, ask for the size alone, with `min_pixels` 1, `max_count` `UINT32_MAX`, no colour ignored, merged or given,
    /// and no regions: then `mask_count` is this number.
    pub distinct_colors: u64,
    /// Bytes that all masks need in `mask_format`.
    pub masks_size: u64,
    /// Bytes that the labels need in `label_format`.
    pub labels_size: u64,
    /// Entries that the palette needs.
    pub palette_len: u64,
    /// Pixels of unlisted colours, if they were looked for: colours that a given palette does not have, that are not within
    /// a distance of one of its colours (`ctm_params.tolerance`), and that are not ignored. `ctm_params.unlisted` changes
    /// nothing here.
    pub unlisted_pixels: u64,
    /// How many unlisted colours there are.
    pub unlisted_colors: u64,
    /// Pixels whose colours `ctm_params.merge` has made others, if anything was to be written.
    pub merged_pixels: u64,
    /// How many colours `ctm_params.merge` has made others, if anything was to be written.
    pub merged_colors: u64,
    /// Numbers that `ctm_outputs.runs` needs for all masks and images; 0 where that is NULL, and where masks, labels or
    /// palette were too small already.
    pub run_counts_len: u64,
    /// Corners that `ctm_outputs.outlines` has for all masks and images; 0 as `run_counts_len` is.
    pub outline_points_len: u64,
    /// Rings that `ctm_outputs.outlines` has for all masks and images; 0 as `run_counts_len` is.
    pub outline_rings_len: u64,
    /// Small regions that `ctm_params.absorb_pixels` and `absorb_unmasked` have given to other masks, in all images, if anything
    /// was to be written.
    pub absorbed_regions: u64,
    /// Pixels of these regions.
    pub absorbed_pixels: u64,
    /// Holes that `ctm_params.fill_holes` has filled, in all images, if anything was to be written.
    pub filled_holes: u64,
    /// Pixels of these holes.
    pub filled_pixels: u64,
}

// SAFETY: as the trait says.
unsafe impl Versioned for ctm_result {
    /// Initialises a `ctm_result` to be filled.
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        mask_count: 0,
        reserved: 0,
        distinct_colors: 0,
        masks_size: 0,
        labels_size: 0,
        palette_len: 0,
        unlisted_pixels: 0,
        unlisted_colors: 0,
        merged_pixels: 0,
        merged_colors: 0,
        run_counts_len: 0,
        outline_points_len: 0,
        outline_rings_len: 0,
        absorbed_regions: 0,
        absorbed_pixels: 0,
        filled_holes: 0,
        filled_pixels: 0,
    };
    const SIZES: &'static [usize] = &[size_of::<Self>()];
    const MACRO: &'static str = "CTM_RESULT_INIT";
}

/// Writes the defaults to a `ctm_result`: all 0, to be filled by a call. It does what `CTM_RESULT_INIT` does, for languages that
/// cannot see a macro.
///
/// @param result Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_result)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `result` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `result` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_result_init(result: *mut ctm_result, size: usize) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("result", result, size) }
}

/// The caller's struct, to be written.
pub(super) struct ResultTarget {
    target: *mut ctm_result,
    size: usize,
}

impl ResultTarget {
    /// # Safety
    /// `target` is NULL, or points to a `struct_size` followed by the bytes that it announces.
    pub(super) unsafe fn new(target: *mut ctm_result) -> Result<Self, Error> {
        // SAFETY: the caller guarantees it.
        let size = unsafe { structs::stated_size("result", target) }?;
        Ok(Self { target, size })
    }

    /// Where it lies.
    pub(super) fn extent(&self) -> Result<Extent, Error> {
        Extent::new("result", self.target.addr(), self.size, "bytes", 1)
    }

    /// # Safety
    /// As for [`ResultTarget::new`]; no other buffer has a part in it.
    pub(super) unsafe fn write(&self, found: ctm_result) {
        // SAFETY: the caller guarantees it; the size is a published one.
        unsafe { structs::write(self.target, self.size, found) };
    }
}

impl ctm_result {
    /// What is told of an error.
    pub(super) fn of_error(error: &Error) -> Self {
        match *error {
            Error::UnlistedColors { pixels, colors, .. } => {
                Self { unlisted_pixels: pixels, unlisted_colors: colors, ..Self::INIT }
            }
            _ => Self::INIT,
        }
    }

    /// With the sizes that depend on where the masks' pixels lie.
    pub(super) fn with_sizes(self, sizes: FoundSizes) -> Self {
        Self {
            masks_size: sizes.masks.unwrap_or(self.masks_size),
            run_counts_len: sizes.run_counts,
            outline_points_len: sizes.outline_points,
            outline_rings_len: sizes.outline_rings,
            ..self
        }
    }

    /// With what is told of colours, wherever they lie.
    pub(super) fn with_colors(self, analysis: &Analysis) -> Self {
        let unlisted = analysis.unlisted.as_ref();
        Self {
            distinct_colors: analysis.palette.distinct_colors.unwrap_or(0),
            unlisted_pixels: unlisted.map_or(0, |unlisted| unlisted.pixels),
            unlisted_colors: unlisted.map_or(0, |unlisted| unlisted.colors),
            merged_pixels: analysis.merged.pixels,
            merged_colors: analysis.merged.colors,
            absorbed_regions: analysis.absorbed.regions,
            absorbed_pixels: analysis.absorbed.pixels,
            filled_holes: analysis.absorbed.holes,
            filled_pixels: analysis.absorbed.hole_pixels,
            ..self
        }
    }
}
