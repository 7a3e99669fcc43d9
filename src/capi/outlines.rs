//! `ctm_outlines`: masks as polygons.

use crate::capi::extent::{Extent, check_values};
use crate::capi::params::{CTM_CONNECTED_4, CTM_CONNECTED_8};
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned, inside, unknown};
use crate::context::emit::OutlinesWanted;
use crate::error::Error;
use crate::types::matching::Connectivity;
use crate::types::outlines::{MaskOutlines, OutlineSettings};

/// Masks as polygons along the edges of their pixels, for `ctm_outputs.outlines`. Start from `CTM_OUTLINES_INIT`.
///
/// A ring is a closed sequence of corners, of which the first does not come again at the end. Between two corners lies a
/// vertical or a horizontal edge; corners in the middle of an edge are left out. The corner (x, y) is the upper left one
/// of the pixel in column x and row y of the image, also with `ctm_outputs.cropped`; the last ones are (width, height).
/// Exterior rings go clockwise as the image is seen, with y downwards, holes counter-clockwise: the mask is to the right of
/// whoever walks. Filled by the even-odd or by the non-zero rule, the rings of a mask give its pixels, to the bit. Masks that
/// touch have the edge between them in common, without a gap or an overlap; where a third one meets that edge, only the rings
/// that turn there have a corner.
///
/// With a `tolerance` slopes are slopes, and not stairs. Each corner that is left out is within it of the edge in its place.
/// Masks that touch still have each edge between them in common, between the same two corners: where three masks, or pixels
/// without a mask, meet, all of them have a corner, one in the middle of a straight edge included. Corners on the image's border
/// stay. There are the same rings, in the same order, of three corners or more: each turns as it would without a tolerance, its
/// holes are in it, and edges meet only at their ends. The same corners come on every machine. Not promised: that there are as
/// few as possible, that a ring has its own pixels' number as its area, and that a larger tolerance leaves fewer.
///
/// The rings of a mask in an image come by their exterior rings, in the reading order of the upper left corners, with
/// which each ring begins (with a `tolerance`, with the first one in reading order of those that it has left); each exterior
/// ring is followed by its holes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_outlines {
    /// `sizeof(ctm_outlines)` as the caller's header has it; `CTM_OUTLINES_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// Receives column and row of each corner: ring by ring, of mask 0 in all images, then of mask 1. Aligned for its
    /// values, as all that follow; may be uninitialised, as all that follow. NULL: not written, as all that follow.
    pub points: *mut u32,
    /// How many corners `points` has room for, of two values each; `ctm_result.outline_points_len` says how many there are.
    pub points_capacity: usize,
    /// Receives where the corners of each ring begin, counted in corners, and where those of the last one end.
    pub ring_offsets: *mut u64,
    /// How many values `ring_offsets` has room for: `ctm_result.outline_rings_len`, plus one.
    pub ring_offsets_capacity: usize,
    /// Receives for each ring the number of the exterior ring that it is a hole in, counted over all masks; for an exterior
    /// ring its own.
    pub ring_exteriors: *mut u64,
    /// How many values `ring_exteriors` has room for: `ctm_result.outline_rings_len`.
    pub ring_exteriors_capacity: usize,
    /// Receives where the rings of each mask and image begin, counted in rings, and where the last ones end: of mask 0 in
    /// all images, then of mask 1.
    pub mask_offsets: *mut u64,
    /// How many values `mask_offsets` has room for: masks times images, plus one.
    pub mask_offsets_capacity: usize,
    /// Whether pixels of a mask that only touch by a corner are of one region: `CTM_CONNECTED_8`, then a ring goes through
    /// the corner from one to the other; or `CTM_CONNECTED_4`, then it does not, and each of them may have a ring of its own.
    /// 0: as `ctm_params.connected` says, and `CTM_CONNECTED_4` where that is 0.
    pub connected: u32,
    /// How far, in pixels, a corner may be from the edge that is there in its place: then corners are left out, and edges go in
    /// any direction. 0: none is left out. Finite, 0 or more; taken in steps of 1/256, rounded down.
    pub tolerance: f32,
}

// SAFETY: as the trait says.
unsafe impl Versioned for ctm_outlines {
    /// Initialises a `ctm_outlines`: nothing is written but how much there is, to `ctm_result`.
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        points: std::ptr::null_mut(),
        points_capacity: 0,
        ring_offsets: std::ptr::null_mut(),
        ring_offsets_capacity: 0,
        ring_exteriors: std::ptr::null_mut(),
        ring_exteriors_capacity: 0,
        mask_offsets: std::ptr::null_mut(),
        mask_offsets_capacity: 0,
        connected: 0,
        tolerance: 0.0,
    };
    const SIZES: &'static [usize] = &[size_of::<Self>()];
    const MACRO: &'static str = "CTM_OUTLINES_INIT";
}

/// Writes the defaults to a `ctm_outlines`: nothing is written but how much there is, to `ctm_result`. It does what
/// `CTM_OUTLINES_INIT` does, for languages that cannot see a macro.
///
/// @param outlines Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_outlines)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `outlines` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `outlines` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_outlines_init(outlines: *mut ctm_outlines, size: usize) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("outlines", outlines, size) }
}

/// The caller's outlines, whose fields are in range.
pub(super) struct OutlinesTarget {
    fields: ctm_outlines,
    /// `None`: as the params say.
    connectivity: Option<Connectivity>,
    /// Where the struct itself lies.
    address: usize,
}

impl OutlinesTarget {
    /// Those that a field points to; `None` for NULL.
    ///
    /// # Safety
    /// `source` is NULL or points to a `struct_size` followed by the bytes that it announces.
    pub(super) unsafe fn new(source: *const ctm_outlines) -> Result<Option<Self>, Error> {
        if source.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller guarantees it.
        let fields = unsafe { structs::read("outputs.outlines", source) }?;
        let connectivity = connectivity(&fields).map_err(|error| inside("outputs.outlines", error))?;
        let tolerance = fields.tolerance;
        OutlineSettings { connectivity: Connectivity::Four, tolerance }
            .check("outputs.outlines.tolerance")?;
        let number = align_of::<u64>();
        check_values(
            "outputs.outlines.points",
            fields.points.cast(),
            fields.points_capacity,
            align_of::<u32>(),
        )?;
        for (name, values, capacity) in [
            ("outputs.outlines.ring_offsets", fields.ring_offsets, fields.ring_offsets_capacity),
            ("outputs.outlines.ring_exteriors", fields.ring_exteriors, fields.ring_exteriors_capacity),
            ("outputs.outlines.mask_offsets", fields.mask_offsets, fields.mask_offsets_capacity),
        ] {
            check_values(name, values.cast(), capacity, number)?;
        }
        Ok(Some(Self { fields, connectivity, address: source.addr() }))
    }

    /// Where the struct and what it points to lie.
    pub(super) fn extents(&self) -> Result<Vec<Extent>, Error> {
        let fields = &self.fields;
        let numbers = |name, values: *mut u64, capacity| {
            Extent::new(name, values.addr(), capacity, "values", size_of::<u64>())
        };
        Ok(vec![
            Extent::new("outputs.outlines", self.address, fields.struct_size, "bytes", 1)?,
            Extent::new(
                "outputs.outlines.points",
                fields.points.addr(),
                fields.points_capacity,
                "corners",
                size_of::<[u32; 2]>(),
            )?,
            numbers("outputs.outlines.ring_offsets", fields.ring_offsets, fields.ring_offsets_capacity)?,
            numbers(
                "outputs.outlines.ring_exteriors",
                fields.ring_exteriors,
                fields.ring_exteriors_capacity,
            )?,
            numbers("outputs.outlines.mask_offsets", fields.mask_offsets, fields.mask_offsets_capacity)?,
        ])
    }

    /// What the engine is to find, and how much of it there is room for. `connected` is what the params say.
    pub(super) fn wanted(&self, connected: Option<Connectivity>) -> OutlinesWanted {
        let fields = &self.fields;
        let room = |values: *mut u64, capacity: usize| (!values.is_null()).then_some(capacity as u64);
        OutlinesWanted {
            settings: OutlineSettings {
                connectivity: self.connectivity.or(connected).unwrap_or(Connectivity::Four),
                tolerance: fields.tolerance,
            },
            most_points: (!fields.points.is_null()).then_some(fields.points_capacity as u64),
            most_ring_offsets: room(fields.ring_offsets, fields.ring_offsets_capacity),
            most_ring_exteriors: room(fields.ring_exteriors, fields.ring_exteriors_capacity),
            most_mask_offsets: room(fields.mask_offsets, fields.mask_offsets_capacity),
        }
    }

    /// Writes what was found, which fits.
    ///
    /// # Safety
    /// The buffers can be written to, apart from all else.
    pub(super) unsafe fn write(&self, outlines: &MaskOutlines) {
        let fields = &self.fields;
        // SAFETY: those that are not NULL are aligned and large enough, which was checked; the caller guarantees the rest.
        unsafe {
            copy(fields.points.cast::<[u32; 2]>(), &outlines.points);
            copy(fields.ring_offsets, &outlines.ring_offsets);
            copy(fields.ring_exteriors, &outlines.ring_exteriors);
            copy(fields.mask_offsets, &outlines.mask_offsets);
        }
    }
}

/// Writes values, unless they are not wanted.
///
/// # Safety
/// The target is NULL, or has room for them, aligned and apart from them.
unsafe fn copy<T: Copy>(target: *mut T, values: &[T]) {
    if !target.is_null() {
        // SAFETY: the caller guarantees it.
        unsafe { target.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
    }
}

fn connectivity(fields: &ctm_outlines) -> Result<Option<Connectivity>, Error> {
    match fields.connected {
        0 => Ok(None),
        CTM_CONNECTED_4 => Ok(Some(Connectivity::Four)),
        CTM_CONNECTED_8 => Ok(Some(Connectivity::Eight)),
        connected => unknown("connected", connected, "0 (as params.connected), 4 or 8"),
    }
}
