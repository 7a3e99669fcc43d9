//! `ctm_runs`: masks as run lengths.

use crate::capi::extent::{Extent, check_values};
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned, expect_zero, inside, unknown};
use crate::context::emit::RunsWanted;
use crate::error::Error;
use crate::types::runs::{MaskRuns, RunOrder};

/// `ctm_runs.order`: the pixels of a row follow each other, from the left, then those of the next row.
pub const CTM_RUNS_BY_ROWS: u32 = 0;
/// `ctm_runs.order`: the pixels of a column follow each other, from the top, then those of the next column, as in COCO's
/// data sets.
pub const CTM_RUNS_BY_COLUMNS: u32 = 1;

/// Masks as run lengths, for `ctm_outputs.runs`: a thousand masks take a few numbers a row together, where planes would
/// take gigabytes. Start from `CTM_RUNS_INIT`.
///
/// The numbers of a mask in an image tell in turn how many pixels are outside and how many are inside, outside first: the
/// first is 0 where the first pixel is inside, no other is. They sum to the image's pixels; with `ctm_outputs.cropped` only
/// the pixels of the mask's bounding box are told, and a mask without pixels has no number. With `CTM_RUNS_BY_COLUMNS` they are
/// the `counts` of COCO's uncompressed RLE. A row of 5 pixels, of which the 2nd, 3rd and 5th are inside: 1, 2, 1, 1.
///
/// A run of more than `UINT32_MAX` pixels is told as `UINT32_MAX`, 0 and the rest, so that whoever adds them up needs no
/// special case.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_runs {
    /// `sizeof(ctm_runs)` as the caller's header has it; `CTM_RUNS_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// Receives the numbers of mask 0 in all images, then of mask 1. Aligned for its values; may be uninitialised. What
    /// lies behind the last number is not touched. NULL: not written.
    pub counts: *mut u32,
    /// How many numbers `counts` has room for; `ctm_result.run_counts_len` says how many there are.
    pub counts_capacity: usize,
    /// Receives where the numbers of each mask and image begin, counted in numbers from `counts` on: of mask 0 in all images,
    /// then of mask 1. One more is where the last ones end. Aligned for its values; may be uninitialised. NULL: not written.
    pub offsets: *mut u64,
    /// How many values `offsets` has room for: masks times images, plus one.
    pub offsets_capacity: usize,
    /// One of the `CTM_RUNS_BY_…` numbers.
    pub order: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: as the trait says.
unsafe impl Versioned for ctm_runs {
    /// Initialises a `ctm_runs`: by rows, and nothing is written but how much there is, to `ctm_result`.
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        counts: std::ptr::null_mut(),
        counts_capacity: 0,
        offsets: std::ptr::null_mut(),
        offsets_capacity: 0,
        order: CTM_RUNS_BY_ROWS,
        reserved: 0,
    };
    const SIZES: &'static [usize] = &[size_of::<Self>()];
    const MACRO: &'static str = "CTM_RUNS_INIT";
}

/// Writes the defaults to a `ctm_runs`: by rows, and nothing is written but how much there is, to `ctm_result`. It does what
/// `CTM_RUNS_INIT` does, for languages that cannot see a macro.
///
/// @param runs Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_runs)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `runs` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `runs` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_runs_init(runs: *mut ctm_runs, size: usize) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("runs", runs, size) }
}

/// The caller's runs, whose fields are in range.
pub(super) struct RunsTarget {
    fields: ctm_runs,
    order: RunOrder,
    /// Where the struct itself lies.
    address: usize,
}

impl RunsTarget {
    /// Those that a field points to; `None` for NULL.
    ///
    /// # Safety
    /// `source` is NULL or points to a `struct_size` followed by the bytes that it announces.
    pub(super) unsafe fn new(source: *const ctm_runs) -> Result<Option<Self>, Error> {
        if source.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller guarantees it.
        let fields = unsafe { structs::read("outputs.runs", source) }?;
        let order = order(&fields).map_err(|error| inside("outputs.runs", error))?;
        let (counts, offsets) = (fields.counts.cast(), fields.offsets.cast());
        check_values("outputs.runs.counts", counts, fields.counts_capacity, align_of::<u32>())?;
        check_values("outputs.runs.offsets", offsets, fields.offsets_capacity, align_of::<u64>())?;
        Ok(Some(Self { fields, order, address: source.addr() }))
    }

    /// Where the struct and what it points to lie.
    pub(super) fn extents(&self) -> Result<[Extent; 3], Error> {
        let ctm_runs { struct_size, counts, counts_capacity, offsets, offsets_capacity, .. } = self.fields;
        Ok([
            Extent::new("outputs.runs", self.address, struct_size, "bytes", 1)?,
            Extent::new("outputs.runs.counts", counts.addr(), counts_capacity, "numbers", size_of::<u32>())?,
            Extent::new(
                "outputs.runs.offsets",
                offsets.addr(),
                offsets_capacity,
                "offsets",
                size_of::<u64>(),
            )?,
        ])
    }

    /// What the engine is to find, and how much of it there is room for.
    pub(super) fn wanted(&self) -> RunsWanted {
        let ctm_runs { counts, counts_capacity, offsets, offsets_capacity, .. } = self.fields;
        RunsWanted {
            order: self.order,
            most_counts: (!counts.is_null()).then_some(counts_capacity as u64),
            most_offsets: (!offsets.is_null()).then_some(offsets_capacity as u64),
        }
    }

    /// Writes what was found, which fits.
    ///
    /// # Safety
    /// The buffers can be written to, apart from all else.
    pub(super) unsafe fn write(&self, runs: &MaskRuns) {
        let ctm_runs { counts, offsets, .. } = self.fields;
        // SAFETY: not NULL, aligned and large enough, which was checked; the caller guarantees the rest.
        unsafe {
            if !counts.is_null() {
                counts.copy_from_nonoverlapping(runs.counts.as_ptr(), runs.counts.len());
            }
            if !offsets.is_null() {
                offsets.copy_from_nonoverlapping(runs.offsets.as_ptr(), runs.offsets.len());
            }
        }
    }
}

fn order(fields: &ctm_runs) -> Result<RunOrder, Error> {
    expect_zero("reserved", fields.reserved)?;
    match fields.order {
        CTM_RUNS_BY_ROWS => Ok(RunOrder::Rows),
        CTM_RUNS_BY_COLUMNS => Ok(RunOrder::Columns),
        order => unknown("order", order, "0 (by rows) or 1 (by columns)"),
    }
}
