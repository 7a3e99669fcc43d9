//! `ctm_params`: what decides which pixels get which mask.

use std::ffi::c_void;
use std::ops::ControlFlow;

use crate::capi::counts_handle::ctm_counts;
use crate::capi::extent::{Extent, check_pointer, null};
use crate::capi::regions_handle::ctm_regions;
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned, expect_zero, unknown};
use crate::error::Error;
use crate::types::matching::{Absorb, Alpha, Connectivity, Matching, Merge, Metric, Nearest};
use crate::types::params::{Batch, Params, Selection, Unlisted};
use crate::types::regions::{ImageRegions, PartOf};

/// `ctm_params.matching`: colours are the same when all values are equal.
pub const CTM_MATCH_EXACT: u32 = 0;
/// `ctm_params.matching`: colours are the same when all values are equal once they are rounded to 8 bits:
/// floats are clamped to 0 to 1, multiplied by 255 and rounded, ties to even; integers of 16 bits are divided by
/// 257 and rounded. A pixel with a NaN has no colour.
pub const CTM_MATCH_8_BIT: u32 = 1;

/// `ctm_params.alpha`: alpha is part of the colour.
pub const CTM_ALPHA_COLOR: u32 = 0;
/// `ctm_params.alpha`: alpha is ignored. The image must have alpha: two or four channels.
pub const CTM_ALPHA_IGNORED: u32 = 1;
/// `ctm_params.alpha`: a pixel whose alpha is less than `least_alpha`, or NaN, has no colour; the alpha of
/// other pixels is ignored. The image must have alpha: two or four channels.
pub const CTM_ALPHA_AT_LEAST: u32 = 2;

/// `ctm_params.nearest`: colours without a mask of their own join no other's.
pub const CTM_NEAREST_NONE: u32 = 0;
/// `ctm_params.nearest`: the distance is the root of the sum of the squares of the channels' differences:
/// `sqrt((r * r + g * g) + (b * b + a * a))`, each step rounded to a 64-bit float.
pub const CTM_NEAREST_EUCLIDEAN: u32 = 1;
/// `ctm_params.nearest`: the distance is the largest of the channels' absolute differences.
pub const CTM_NEAREST_CHEBYSHEV: u32 = 2;

/// `ctm_params.unlisted`: unlisted colours get no mask.
pub const CTM_UNLISTED_IGNORE: u32 = 0;
/// `ctm_params.unlisted`: with unlisted colours the call fails with `CTM_ERROR_UNLISTED_COLORS`. A call that has nothing to
/// write does not look at the image, since the number of masks is known, unless `connected` asks for regions.
pub const CTM_UNLISTED_ERROR: u32 = 1;
/// `ctm_params.unlisted`: unlisted colours join the mask of the nearest colour of the palette, at any distance, by the
/// metric of `nearest`, or the Euclidean one where that is `CTM_NEAREST_NONE`.
pub const CTM_UNLISTED_NEAREST: u32 = 2;

/// `ctm_params.merge`: no colour becomes another.
pub const CTM_MERGE_NONE: u32 = 0;
/// `ctm_params.merge`: the distance is the root of the sum of the squares of the channels' differences:
/// `sqrt((r * r + g * g) + (b * b + a * a))`, each step rounded to a 64-bit float.
pub const CTM_MERGE_EUCLIDEAN: u32 = 1;
/// `ctm_params.merge`: the distance is the largest of the channels' absolute differences.
pub const CTM_MERGE_CHEBYSHEV: u32 = 2;
/// `ctm_params.connected`: a mask has all pixels of its colour.
pub const CTM_CONNECTED_NONE: u32 = 0;
/// `ctm_params.connected`: pixels are connected that share a side.
pub const CTM_CONNECTED_4: u32 = 4;
/// `ctm_params.connected`: pixels are connected that share a side or a corner.
pub const CTM_CONNECTED_8: u32 = 8;

/// `ctm_params.batch`: the pixels of all images are counted together.
pub const CTM_BATCH_ALL: u32 = 0;
/// `ctm_params.batch`: the pixels of the first image are counted; the others get masks of the same colours.
pub const CTM_BATCH_FIRST: u32 = 1;
/// `ctm_params.batch`: each image has the masks of its own colours; mask i of an image is that of its colour i. Images
/// with fewer colours than others have empty masks behind theirs, whose palette entries are all 0. Not with a palette of
/// the caller's.
pub const CTM_BATCH_EACH: u32 = 2;

/// What decides which pixels get which mask. Start from `CTM_PARAMS_INIT`.
///
/// Colours are given as 4 floats each, in the units of the image: 0 to 255 for bytes, 0 to 65,535 for integers of
/// 16 bits; or as 4 numbers of 32 bits that say how they are stored: all that there are can be given so. Values of channels that the image does not have are not looked at, nor is alpha where it is no part of the
/// colour. A value that the image's format cannot store is an error, as is an integer of 32 bits that is given as a float of
/// 2^24 or more, which may be another number that was rounded.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ctm_params {
    /// `sizeof(ctm_params)` as the caller's header has it; `CTM_PARAMS_INIT` fills it in. Every size ever
    /// published keeps working; any other is an error.
    pub struct_size: usize,
    /// Colours with fewer pixels get no mask, unless a palette is given. 0 means 1.
    pub min_pixels: u64,
    /// Masks at most, the most frequent colours first, unless a palette is given. 0: no mask.
    pub max_count: u32,
    /// One of the `CTM_MATCH_…` numbers.
    pub matching: u32,
    /// One of the `CTM_ALPHA_…` numbers.
    pub alpha: u32,
    /// For `CTM_ALPHA_AT_LEAST` the least alpha of pixels that have a colour, in the units of the image; else not looked at.
    pub least_alpha: f32,
    /// One of the `CTM_BATCH_…` numbers.
    pub batch: u32,
    /// How many colours `palette` has.
    pub palette_count: u32,
    /// The palette: `palette_count` colours that get a mask, in this order, also where they have no pixel. Each may be there
    /// once. 4-byte aligned; read during the call only. NULL: the most frequent colours get the masks.
    pub palette: *const f32,
    /// `ignored_count` colours that get no mask, the background for example. 4-byte aligned; read during the call only.
    /// NULL: none.
    pub ignored: *const f32,
    /// How many colours `ignored` has.
    pub ignored_count: u32,
    /// One of the `CTM_NEAREST_…` numbers: whether a colour without a mask of its own joins the mask of the nearest colour
    /// that has one, within a distance. Of several masks that are equally near it joins the first. The most frequent
    /// colours are found before others join them.
    pub nearest: u32,
    /// The distance for `nearest`, in the units of the image, at least 0: colours join a mask that is so far away or
    /// nearer. Distances are computed as 64-bit floats; it is these, not their squares, that are compared. Must be 0 with
    /// `CTM_NEAREST_NONE`.
    pub tolerance: f64,
    /// One of the `CTM_UNLISTED_…` numbers: what becomes of unlisted colours, those that a given palette does not have,
    /// that are not within `tolerance` of one of its colours, and that are not ignored. Must be 0 without a palette.
    pub unlisted: u32,
    /// One of the `CTM_MERGE_…` numbers: whether near-duplicates, as compression and resampling leave them, become the
    /// colours that they are near, before the most frequent colours are selected.
    ///
    /// The colours are gone through in the order of masks: the most frequent one first, equal counts by colour. Each
    /// becomes the first colour before it that is within `merge_tolerance` and has stayed what it is; if there is none, it
    /// stays what it is. So a colour moves once at most. Ignored colours take part: what becomes one gets no mask. Must be
    /// 0 with a palette, for which `nearest` does the like.
    pub merge: u32,
    /// The distance for `merge`, in the units of the image, at least 0: colours become one that is so far away or nearer.
    /// Distances are computed as 64-bit floats; it is these, not their squares, that are compared. Must be 0 with
    /// `CTM_MERGE_NONE`.
    pub merge_tolerance: f64,
    /// Colours with more pixels than this do not become others. 0: there is no such bound. Must be 0 with
    /// `CTM_MERGE_NONE`.
    pub merge_most_pixels: u64,
    /// One of the `CTM_CONNECTED_…` numbers: whether each connected region of a mask's pixels is a mask of its own.
    ///
    /// `min_pixels` and `max_count` then apply to regions, also with a palette. The largest region comes first; equally
    /// large ones come by colour (with a palette in its order), then by image and first pixel. With `nearest` and no
    /// palette, all colours with `min_pixels` pixels attract others.
    ///
    /// A region is in one image, and its planes of the other images are zero. With `CTM_BATCH_FIRST` and no palette only
    /// regions of the first image have masks; with `CTM_BATCH_EACH` each image has those of its own.
    ///
    /// It takes memory beside `memory_limit`: 12 bytes for each run of equal pixels in a row, 20 for each region, and 40
    /// more for each region that has a mask. More than 2^32 - 2 regions are `CTM_ERROR_OUT_OF_MEMORY`.
    pub connected: u32,
    /// How far to look, in pixels to all sides, for the masks that a mixed pixel is shared out to. 0: no pixel is unmixed;
    /// at most 16.
    ///
    /// A mixed pixel has a colour that is in no mask and not ignored, as at the anti-aliased edge between two regions. It
    /// is taken for a mix of the colours of nearby masks, and its shares in them are found: fully constrained linear
    /// unmixing, with shares of at least 0 whose sum is 1. `docs/unmixing.md` has the formula, the choice of the masks (at
    /// most 4 for a pixel) and the rule for ties; all devices give the same shares.
    ///
    /// The pixel is in the mask that has its largest share, of equal shares the first mask's; `CTM_MASK_COVERAGE` writes
    /// all shares. Pixels and colours with infinities take no part. The most frequent colours are found before pixels are
    /// unmixed, regions after.
    ///
    /// It takes memory beside `memory_limit`: 1 byte for each pixel (2 above 254 masks, 4 above 65,534), and 8 for each
    /// mixed pixel, 40 with `CTM_MASK_COVERAGE`.
    pub unmix_radius: u32,
    /// Is called with how far the call is: `done` from 0 to 1, never less than before; 0 first, and exactly 1 last if
    /// the call succeeds. NULL: nobody is told. It returns 0 to go on; another number stops the call, which then returns
    /// `CTM_ERROR_CANCELLED`. What it returns for 1 is not looked at.
    ///
    /// When: it is called on the thread that called the library, and on no other; every few milliseconds as far as that
    /// thread works on the image (at least once for every 4 million pixels that it looks at), and once for each chunk that
    /// a device works on, of at most 4 million pixels. It is not called while a driver compiles pipelines, which it does
    /// for the first images of a process, nor while long lists of colours are sorted. The numbers are estimates: equal
    /// steps need not take equal times.
    ///
    /// What it may do (this holds for `log` of `ctm_options`, too): call anything on other contexts, and on this context
    /// what does not wait for a running call, such as `ctm_cancel` or `ctm_last_error`. There, `ctm_run`, `ctm_analyze`,
    /// `ctm_context_pipeline_cache` and what works on `ctm_counts` or `ctm_regions` return `CTM_ERROR_INVALID_ARGUMENT` on this context;
    /// `ctm_destroy` does not wait, and what the context holds is given back when the calls that are inside have ended.
    /// It may not leave by an exception, `longjmp` or `pthread_exit`.
    pub progress: Option<unsafe extern "C" fn(user: *mut c_void, done: f64) -> i32>,
    /// The first argument of each call of `progress`; the library does nothing else with it.
    pub progress_user: *mut c_void,
    /// For an image that is a part of a larger one, a band or a tile: the counts of all its parts, of the same `format`,
    /// `channels`, `matching` and `alpha`. NULL: the image is the whole.
    ///
    /// The colours that get a mask are selected from these counts, and colours that `palette` does not have are looked for
    /// in them. So each part gets the masks and labels that it would get as a part of the whole; `batch` makes no
    /// difference. Counts without a part have no colour.
    ///
    /// Entries of `ctm_outputs.palette` say how many pixels of this part each mask has and where they lie, and are 0 where
    /// it has none; `ctm_counts_select` counts the pixels of the whole. First pixels of unlisted colours that this part
    /// does not have are 0, 0.
    ///
    /// Pixels are unmixed into what the part has around them: to unmix as in the whole, hand in parts that are
    /// `unmix_radius` larger on each side, and keep their middle. `absorb_pixels`, `absorb_unmasked` and `fill_holes` must be 0,
    /// and `connected`, too, unless there are `regions`: regions may go on in other parts.
    /// Not promised: whether colours that the counts do not have get a mask.
    pub counts: *const ctm_counts,
    /// In place of `palette` the same `palette_count` colours as they are stored: 4 numbers each, red, green, blue and
    /// alpha, or grey and alpha, as `ctm_palette_entry.stored` has them: the integer, of `CTM_FORMAT_I32` in two's
    /// complement, or the bits of the float, of `CTM_FORMAT_F16` in the lower half. 4-byte aligned; read during the call
    /// only. NULL: none. One of `palette` and `palette_stored` must be NULL.
    pub palette_stored: *const u32,
    /// In place of `ignored` the same `ignored_count` colours as they are stored, as `palette_stored` has them. NULL: none.
    /// One of `ignored` and `ignored_stored` must be NULL.
    pub ignored_stored: *const u32,
    /// Small regions are absorbed: connected regions of a mask's pixels that have fewer pixels than this go to the masks
    /// around them. 0 and 1: none does. How pixels are connected `absorb_connected` says.
    ///
    /// A small region gets the mask with which it has the most sides of pixels in common, of equal ones the first mask. Only
    /// borders with regions that are not small count, and with small ones that were given away in an earlier round: in the
    /// first round all small regions beside one that is not small are given away, then those beside them, until none is left
    /// to which a mask can come. A small region stays what it is where nothing but small regions and pixels without a mask
    /// can be reached from it. A region is in one image.
    ///
    /// It is done once pixels are unmixed, and before `connected` makes masks of regions, which are those that are left then.
    /// Without `connected`, the number of masks and their order stay what they are, so that a mask can be left without a
    /// pixel. Everything that is written shows what has become of the regions: masks, labels, boxes, runs, outlines, and
    /// `pixel_count` of the palette, which is of all images, with `CTM_BATCH_FIRST`, too. `ctm_result` says how many were absorbed.
    ///
    /// With `counts` it is `CTM_ERROR_INVALID_ARGUMENT`, as is `CTM_MASK_COVERAGE`; outputs in a device's memory are
    /// `CTM_ERROR_UNSUPPORTED`. All of this holds for `absorb_unmasked` and `fill_holes`, too.
    ///
    /// It takes memory beside `memory_limit`: 1 byte for each pixel (2 above 254 masks, 4 above 65,534), 20 bytes for each run
    /// of equal pixels in a row, 30 for each region, and 8 for each run that a small region's border passes, on either side.
    pub absorb_pixels: u64,
    /// Regions of pixels without a mask that have fewer pixels than this go to the masks around them, as `absorb_pixels` says,
    /// for whatever reason they have none: their colour is rare, ignored or unlisted, or they have no colour. 0 and 1: none
    /// does; `UINT64_MAX`: all do.
    pub absorb_unmasked: u64,
    /// Holes in masks of at most so many pixels are filled with the mask, after small regions were absorbed. 0: none is.
    ///
    /// A hole is a region of pixels that are not of the mask, of whatever masks they are, that does not touch the border of
    /// its image. Its pixels are connected by sides where those of masks are by sides or corners, and the other way round. The
    /// holes of the first mask are filled first, then those of the next one that are there then.
    pub fill_holes: u64,
    /// How pixels of regions are connected for `absorb_pixels`, `absorb_unmasked` and `fill_holes`: 4, by sides; 8, by sides or
    /// corners; 0: as `connected` says, by sides where that is 0.
    pub absorb_connected: u32,
    /// Must be 0.
    pub reserved: u32,
    /// With `connected`, for an image that is a part of a larger one, a band or a tile: the regions of all its parts. NULL: the
    /// image is the whole.
    ///
    /// Masks are then the regions of the whole, in its order: those that one call on the whole image would give, to the bit,
    /// with `min_pixels` and `max_count` of regions of the whole. The pixels, `format`, `channels` and all of this struct but
    /// `min_pixels`, `max_count` and `progress` must be as they were when the part was added with `ctm_regions_add`, which
    /// says what is not supported. Where `counts` were given there, they must be given here, and `min_pixels` is the same in all
    /// calls. Regions of which parts are missing are an error.
    ///
    /// Entries of `ctm_outputs.palette` say how many pixels of this part each region has and where they lie, and are 0 where it
    /// has none; `ctm_regions_select` tells where regions of the whole lie. Unlisted colours are those of this part, with
    /// `counts` those of the whole.
    ///
    /// It takes memory beside `memory_limit`, as `ctm_regions_add` does, and what the labels take: 1 byte for each pixel (2 above
    /// 254 masks, 4 above 65,534).
    pub regions: *const ctm_regions,
    /// With `regions`, the column of the whole image that the part begins at; else it must be 0.
    pub part_left: u32,
    /// With `regions`, the row of the whole image that the part begins at; else it must be 0.
    pub part_top: u32,
}

// SAFETY: as the trait says.
unsafe impl Versioned for ctm_params {
    /// Initialises a `ctm_params`: all colours get a mask.
    const INIT: Self = Self {
        struct_size: size_of::<Self>(),
        min_pixels: 1,
        max_count: u32::MAX,
        matching: CTM_MATCH_EXACT,
        alpha: CTM_ALPHA_COLOR,
        least_alpha: 0.0,
        batch: CTM_BATCH_ALL,
        palette_count: 0,
        palette: std::ptr::null(),
        ignored: std::ptr::null(),
        ignored_count: 0,
        nearest: CTM_NEAREST_NONE,
        tolerance: 0.0,
        unlisted: CTM_UNLISTED_IGNORE,
        merge: CTM_MERGE_NONE,
        merge_tolerance: 0.0,
        merge_most_pixels: 0,
        connected: CTM_CONNECTED_NONE,
        unmix_radius: 0,
        progress: None,
        progress_user: std::ptr::null_mut(),
        counts: std::ptr::null(),
        palette_stored: std::ptr::null(),
        ignored_stored: std::ptr::null(),
        absorb_pixels: 0,
        absorb_unmasked: 0,
        fill_holes: 0,
        absorb_connected: CTM_CONNECTED_NONE,
        reserved: 0,
        regions: std::ptr::null(),
        part_left: 0,
        part_top: 0,
    };
    const SIZES: &'static [usize] = &[size_of::<Self>()];
    const MACRO: &'static str = "CTM_PARAMS_INIT";
}

/// Writes the defaults to a `ctm_params`: all colours get a mask. It does what `CTM_PARAMS_INIT` does, for languages that
/// cannot see a macro.
///
/// @param params Receives `size` bytes; may be uninitialised. Must not be NULL.
/// @param size `sizeof(ctm_params)`, as the caller's declaration has it: every size ever published works.
/// @return `CTM_OK`; `CTM_ERROR_INVALID_ARGUMENT`, with nothing written, where `params` is NULL or misaligned or the size
/// is none that was published; `CTM_ERROR_INTERNAL`. `ctm_last_error(NULL)` has the detail.
/// Threads: any, at any time.
///
/// # Safety
/// `params` is NULL or can be written to for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctm_params_init(params: *mut ctm_params, size: usize) -> ctm_status {
    // SAFETY: the caller guarantees the struct.
    unsafe { structs::initialize("params", params, size) }
}

impl ctm_params {
    /// The caller's progress function.
    pub(super) fn progress(&self) -> Option<impl FnMut(f64) -> ControlFlow<()>> {
        let user = self.progress_user;
        self.progress.map(|progress| {
            // SAFETY: the caller guarantees the function.
            move |done| match unsafe { progress(user, done) } {
                0 => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        })
    }

    /// All but the counts and the regions.
    ///
    /// # Safety
    /// The colours are there for `'a`.
    pub(super) unsafe fn settings<'a>(&self) -> Result<Params<'a>, Error> {
        // SAFETY: the caller guarantees the colours.
        let ((palette, palette_stored), (ignored, ignored_stored)) = unsafe {
            (
                given(
                    ["params.palette", "params.palette_stored"],
                    self.palette,
                    self.palette_stored,
                    self.palette_count,
                )?,
                given(
                    ["params.ignored", "params.ignored_stored"],
                    self.ignored,
                    self.ignored_stored,
                    self.ignored_count,
                )?,
            )
        };
        Ok(Params {
            selection: Selection { min_pixels: self.min_pixels, max_count: self.max_count },
            palette,
            palette_stored,
            ignored: ignored.unwrap_or(&[]),
            ignored_stored: ignored_stored.unwrap_or(&[]),
            matching: self.matching()?,
            alpha: self.alpha()?,
            batch: self.batch()?,
            nearest: self.nearest()?,
            unlisted: self.unlisted()?,
            merge: self.merge()?,
            unmix_radius: self.unmix_radius,
            connected: connectivity("params.connected", self.connected)?,
            absorb: self.absorb()?,
            counts: None,
            part: None,
        })
    }

    /// Of which image this is a part, if regions are given.
    pub(super) fn part<'a>(&self, regions: Option<&'a ImageRegions>) -> Result<Option<PartOf<'a>>, Error> {
        let place = (self.part_left, self.part_top);
        if regions.is_none() && place != (0, 0) {
            let (left, top) = place;
            return Err(Error::InvalidArgument(format!(
                "params.part_left is {left}, params.part_top is {top} and params.regions is NULL; 0 and 0 are expected"
            )));
        }
        Ok(regions.map(|regions| PartOf { regions, place }))
    }

    fn matching(&self) -> Result<Matching, Error> {
        match self.matching {
            CTM_MATCH_EXACT => Ok(Matching::Exact),
            CTM_MATCH_8_BIT => Ok(Matching::EightBit),
            matching => unknown("params.matching", matching, "0 (exact) or 1 (8 bits)"),
        }
    }

    fn alpha(&self) -> Result<Alpha, Error> {
        match self.alpha {
            CTM_ALPHA_COLOR => Ok(Alpha::Color),
            CTM_ALPHA_IGNORED => Ok(Alpha::Ignored),
            CTM_ALPHA_AT_LEAST => Ok(Alpha::AtLeast(self.least_alpha)),
            alpha => unknown("params.alpha", alpha, "0 (color), 1 (ignored) or 2 (at least)"),
        }
    }

    fn batch(&self) -> Result<Batch, Error> {
        match self.batch {
            CTM_BATCH_ALL => Ok(Batch::All),
            CTM_BATCH_FIRST => Ok(Batch::First),
            CTM_BATCH_EACH => Ok(Batch::Each),
            batch => unknown("params.batch", batch, "0 (all), 1 (first) or 2 (each)"),
        }
    }

    fn nearest(&self) -> Result<Option<Nearest>, Error> {
        let metric = match self.nearest {
            CTM_NEAREST_NONE if self.tolerance == 0.0 => return Ok(None),
            CTM_NEAREST_NONE => {
                let tolerance = self.tolerance;
                return Err(Error::InvalidArgument(format!(
                    "params.tolerance is {tolerance} and params.nearest is 0; 0 is expected"
                )));
            }
            CTM_NEAREST_EUCLIDEAN => Metric::Euclidean,
            CTM_NEAREST_CHEBYSHEV => Metric::Chebyshev,
            nearest => return unknown("params.nearest", nearest, "0 (none), 1 (Euclidean) or 2 (Chebyshev)"),
        };
        Ok(Some(Nearest { metric, tolerance: self.tolerance }))
    }

    fn unlisted(&self) -> Result<Unlisted, Error> {
        match self.unlisted {
            CTM_UNLISTED_IGNORE => Ok(Unlisted::Ignore),
            CTM_UNLISTED_ERROR => Ok(Unlisted::Error),
            CTM_UNLISTED_NEAREST => Ok(Unlisted::Nearest),
            policy => unknown("params.unlisted", policy, "0 (ignore), 1 (error) or 2 (nearest)"),
        }
    }

    fn merge(&self) -> Result<Option<Merge>, Error> {
        let (tolerance, most_pixels) = (self.merge_tolerance, self.merge_most_pixels);
        let metric = match self.merge {
            CTM_MERGE_NONE if tolerance == 0.0 && most_pixels == 0 => return Ok(None),
            CTM_MERGE_NONE => {
                return Err(Error::InvalidArgument(format!(
                    "params.merge_tolerance is {tolerance}, params.merge_most_pixels is {most_pixels} and params.merge \
                     is 0; 0 and 0 are expected"
                )));
            }
            CTM_MERGE_EUCLIDEAN => Metric::Euclidean,
            CTM_MERGE_CHEBYSHEV => Metric::Chebyshev,
            merge => return unknown("params.merge", merge, "0 (none), 1 (Euclidean) or 2 (Chebyshev)"),
        };
        Ok(Some(Merge { metric, tolerance, most_pixels }))
    }

    fn absorb(&self) -> Result<Absorb, Error> {
        expect_zero("params.reserved", self.reserved)?;
        Ok(Absorb {
            pixels: self.absorb_pixels,
            unmasked: self.absorb_unmasked,
            holes: self.fill_holes,
            connectivity: connectivity("params.absorb_connected", self.absorb_connected)?,
        })
    }
}

fn connectivity(name: &str, connected: u32) -> Result<Option<Connectivity>, Error> {
    match connected {
        CTM_CONNECTED_NONE => Ok(None),
        CTM_CONNECTED_4 => Ok(Some(Connectivity::Four)),
        CTM_CONNECTED_8 => Ok(Some(Connectivity::Eight)),
        connected => unknown(name, connected, "0 (none), 4 or 8"),
    }
}

/// A caller's colours, if there are any, as values or as they are stored.
type Given<'a> = (Option<&'a [[f32; 4]]>, Option<&'a [[u32; 4]]>);

/// A caller's colours, given in one of two ways, if there are any.
///
/// # Safety
/// The pointers are NULL or point to so many, which are there for `'a`.
unsafe fn given<'a>(
    [name, stored_name]: [&'static str; 2],
    values: *const f32,
    stored: *const u32,
    count: u32,
) -> Result<Given<'a>, Error> {
    // SAFETY: the caller guarantees the colours.
    unsafe {
        match (values.is_null(), stored.is_null()) {
            (_, true) => Ok((colors(name, values, count)?, None)),
            (true, false) => Ok((None, colors(stored_name, stored, count)?)),
            (false, false) => Err(Error::InvalidArgument(format!(
                "{name} and {stored_name} are given; one of them is expected"
            ))),
        }
    }
}

/// A caller's colours, if there are any.
///
/// # Safety
/// `colors` is NULL or points to so many, which are there for `'a`.
unsafe fn colors<'a, T>(
    name: &'static str,
    colors: *const T,
    count: u32,
) -> Result<Option<&'a [[T; 4]]>, Error> {
    if colors.is_null() {
        return match count {
            0 => Ok(None),
            _ => Err(null(name, &format!("a buffer of {count} colours"))),
        };
    }
    check_pointer(name, colors)?;
    Extent::new(name, colors.addr(), count as usize, "colours", 16)?;
    // SAFETY: not NULL, aligned, no larger than memory can be; the caller guarantees it.
    Ok(Some(unsafe { std::slice::from_raw_parts(colors.cast(), count as usize) }))
}
