//! `ctm_params`: what decides which pixels get which mask.

use std::ffi::c_void;
use std::ops::ControlFlow;

use crate::capi::counts_handle::ctm_counts;
use crate::capi::extent::{Extent, check_pointer, null};
use crate::capi::status::ctm_status;
use crate::capi::structs::{self, Versioned, unknown};
use crate::error::Error;
use crate::types::matching::{Alpha, Connectivity, Matching, Merge, Metric, Nearest};
use crate::types::params::{Batch, Params, Selection, Unlisted};

/// `ctm_params.matching`: colours are the same when all values are equal.
pub const CTM_MATCH_EXACT: u32 = 0;
/// `ctm_params.matching`: colours are the same when all values are equal once they are rounded to 8 bits:
/// floats are clamped to 0 to 1, multiplied by 255 and rounded, ties to even; integers of 16 bits are divided by
/// 257 and rounded. A pixel with a NaN has no colour.
pub const CTM_MATCH_8_BIT: u32 = 1;

/// `ctm_params.alpha`: part of the colour.
pub const CTM_ALPHA_COLOR: u32 = 0;
/// `ctm_params.alpha`: ignored. The image must have alpha: two or four channels.
pub const CTM_ALPHA_IGNORED: u32 = 1;
/// `ctm_params.alpha`: a pixel whose alpha is less than `least_alpha`, or NaN, has no colour; that of the others is
/// ignored. The image must have alpha: two or four channels.
pub const CTM_ALPHA_AT_LEAST: u32 = 2;

/// `ctm_params.nearest`: colours join no other's mask.
pub const CTM_NEAREST_NONE: u32 = 0;
/// `ctm_params.nearest`: the distance is the root of the sum of the squares of the channels' differences:
/// `sqrt((r * r + g * g) + (b * b + a * a))`, each step rounded to a 64-bit float.
pub const CTM_NEAREST_EUCLIDEAN: u32 = 1;
/// `ctm_params.nearest`: the distance is the largest of the channels' differences.
pub const CTM_NEAREST_CHEBYSHEV: u32 = 2;

/// `ctm_params.unlisted`: such colours get no mask.
pub const CTM_UNLISTED_IGNORE: u32 = 0;
/// `ctm_params.unlisted`: the call fails with `CTM_ERROR_UNLISTED_COLORS`. With nothing to write it does not look at
/// the image, since the number of masks is known, unless `connected` asks for regions.
pub const CTM_UNLISTED_ERROR: u32 = 1;
/// `ctm_params.unlisted`: they join the nearest colour's mask at any distance, by the metric of `nearest`, or the
/// Euclidean one where that is `CTM_NEAREST_NONE`.
pub const CTM_UNLISTED_NEAREST: u32 = 2;

/// `ctm_params.merge`: colours stay what they are.
pub const CTM_MERGE_NONE: u32 = 0;
/// `ctm_params.merge`: the distance is the root of the sum of the squares of the channels' differences, computed as for
/// `CTM_NEAREST_EUCLIDEAN`.
pub const CTM_MERGE_EUCLIDEAN: u32 = 1;
/// `ctm_params.merge`: the distance is the largest of the channels' differences.
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
/// 16 bits. Those of channels that the image does not have, or whose alpha is no part of the colour, are not looked
/// at. A value that the image's format cannot store is an error.
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
    /// For `CTM_ALPHA_AT_LEAST`, in the units of the image; else not looked at.
    pub least_alpha: f32,
    /// One of the `CTM_BATCH_…` numbers.
    pub batch: u32,
    /// Colours of `palette`.
    pub palette_count: u32,
    /// The colours that get a mask, in this order, those without a pixel included; each may be there once. NULL: the
    /// most frequent colours.
    pub palette: *const f32,
    /// Colours that get no mask, the background for example. NULL: none.
    pub ignored: *const f32,
    /// Colours of `ignored`.
    pub ignored_count: u32,
    /// One of the `CTM_NEAREST_…` numbers: whether colours without a mask of their own join the mask of the nearest
    /// colour that has one; of several the first mask's. The most frequent colours are found before others join them.
    pub nearest: u32,
    /// How far that colour may be, at least 0, in the units of the image. Distances are computed as 64-bit floats, and it is
    /// these, not their squares, that are compared with it and with each other. With `CTM_NEAREST_NONE` 0.
    pub tolerance: f64,
    /// Where a palette is given, one of the `CTM_UNLISTED_…` numbers: what becomes of colours that it does not have,
    /// that are not near enough and not ignored. Else 0.
    pub unlisted: u32,
    /// One of the `CTM_MERGE_…` numbers: whether near-duplicates, as compression and resampling leave them, become the
    /// colours that they are near, before the most frequent ones are selected. The colours are gone through in the order
    /// of masks: the most frequent one first, equal counts by colour. Each becomes the first one that is near enough and
    /// did not become another's itself, or else stays what it is: a colour moves once at most. Ignored colours take part:
    /// what becomes one gets no mask. Not with a palette of the caller's, for which `nearest` does the like.
    pub merge: u32,
    /// How far that colour may be, at least 0, in the units of the image. Distances are computed as 64-bit floats, and it is
    /// these, not their squares, that are compared with it. With `CTM_MERGE_NONE` 0.
    pub merge_tolerance: f64,
    /// Colours with more pixels than this stay what they are. 0: there is no such bound; with `CTM_MERGE_NONE` always.
    pub merge_most_pixels: u64,
    /// One of the `CTM_CONNECTED_…` numbers: whether each connected region of a mask's pixels is a mask of its own.
    /// `min_pixels` and `max_count` then apply to regions, where a palette is given, too. The largest regions come first,
    /// equally large ones by colour or, where a palette is given, in its order, then by image and first pixel. A region
    /// is in one image; its planes of the other images are zero. With `CTM_BATCH_FIRST` only regions of the first image
    /// have masks, unless a palette is given; with `CTM_BATCH_EACH` each image has those of its own. With `nearest` and no palette, all colours with `min_pixels` pixels attract
    /// others. Takes 12 bytes of memory for each run of equal pixels in a row, 20 for each region, and 40 more for each that
    /// has a mask, beside `memory_limit`; more than 2^32 - 2 regions are `CTM_ERROR_OUT_OF_MEMORY`.
    pub connected: u32,
    /// How many pixels away, to all sides, masks may be into which pixels are unmixed: those that have a colour which is
    /// in no mask, nor ignored, as at the anti-aliased edge between two regions. Such a pixel is shared out to at most 4
    /// masks, those that have the nearest pixels, by columns or rows whichever are more; of equally near ones those with
    /// the most pixels there, then the first ones. The shares are those at least 0, and together 1, whose mix of the
    /// masks' colours is nearest to the pixel's: the sum of the squared differences of the channels is least. Where
    /// several mixes are as near, as with colours in one plane, one of the fewest masks is taken, and the choice, which
    /// 64-bit floats decide, is the same on all devices. The pixel is in the mask that has the largest share, of equal ones the first; `CTM_MASK_COVERAGE` writes all of them. Colours
    /// with infinities take no part. The most frequent colours are found before, regions after. 0: no pixel is unmixed;
    /// at most 16. Takes 1 byte of memory for each pixel (2 above 254 masks, 4 above 65,534) and 8 for each that is
    /// unmixed, 40 with `CTM_MASK_COVERAGE`, beside `memory_limit`.
    pub unmix_radius: u32,
    /// Is called with how far the call is: `done` from 0 to 1, never less than before; 0 first, and exactly 1 last if
    /// the call succeeds. NULL: nobody is told. What it returns: 0 to go on; another number to stop the call, which
    /// then returns `CTM_ERROR_CANCELLED`. What it returns for 1 is not looked at.
    ///
    /// It is called on the thread that called `ctm_analyze`, and on no other. In between, it is called every few
    /// milliseconds, as far as that thread works on the image (at least once for every 4 million pixels that it looks
    /// at), and once for each chunk that a device works on, of at most 4 million pixels. While a driver compiles
    /// pipelines, which it does for the first images of a process, and while long lists of colours are sorted it is
    /// not called. The numbers are estimates: equal steps need not take equal times.
    ///
    /// This function, and `log` of `ctm_options`, may call anything on other contexts, and on this one what does not
    /// wait for a running call, such as `ctm_cancel` or `ctm_last_error`. `ctm_run`, `ctm_analyze`,
    /// `ctm_context_pipeline_cache` and those that work on `ctm_counts` on this context are `CTM_ERROR_INVALID_ARGUMENT` there; `ctm_destroy` does not
    /// wait there: what the context holds is given back when the calls that are inside have ended. They may not leave by
    /// an exception, `longjmp` or `pthread_exit`.
    pub progress: Option<unsafe extern "C" fn(user: *mut c_void, done: f64) -> i32>,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
    /// Where the image of the call is a part of one, a band or a tile: the counts of all parts, of the same `format`,
    /// `channels`, `matching` and `alpha`. The colours that get a mask are selected from them, so that each part gets the
    /// masks and labels that it would get as a part of the whole; `batch` makes no difference then, and colours that
    /// `palette` does not have are looked for in them. Entries of `ctm_outputs.palette` say how many pixels of this part
    /// each mask has and where they lie, and nothing where it has none; `ctm_counts_select` counts those of the whole.
    /// First pixels of unlisted colours that this part does not have are 0, 0. Counts without a part have no colour.
    /// Pixels are unmixed into what the part has around them: to unmix as in the whole, hand in parts that are
    /// `unmix_radius` larger on each side, and keep their middle. Not with `connected`: regions may go on in other parts.
    /// NULL: the image's own. Not promised: whether colours that the counts do not have get a mask.
    pub counts: *const ctm_counts,
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
    // SAFETY: the caller vouches for the struct.
    unsafe { structs::initialize("params", params, size) }
}

impl ctm_params {
    /// The caller's progress function.
    pub(super) fn progress(&self) -> Option<impl FnMut(f64) -> ControlFlow<()>> {
        let user = self.progress_user;
        self.progress.map(|progress| {
            // SAFETY: the caller vouches for the function.
            move |done| match unsafe { progress(user, done) } {
                0 => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        })
    }

    /// All but the counts.
    ///
    /// # Safety
    /// The colours are there for `'a`.
    pub(super) unsafe fn settings<'a>(&self) -> Result<Params<'a>, Error> {
        // SAFETY: the caller vouches for the colours.
        let (palette, ignored) = unsafe {
            (
                colors("params.palette", self.palette, self.palette_count)?,
                colors("params.ignored", self.ignored, self.ignored_count)?,
            )
        };
        Ok(Params {
            selection: Selection { min_pixels: self.min_pixels, max_count: self.max_count },
            palette,
            ignored: ignored.unwrap_or(&[]),
            matching: self.matching()?,
            alpha: self.alpha()?,
            batch: self.batch()?,
            nearest: self.nearest()?,
            unlisted: self.unlisted()?,
            merge: self.merge()?,
            unmix_radius: self.unmix_radius,
            connected: self.connected()?,
            counts: None,
        })
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

    fn connected(&self) -> Result<Option<Connectivity>, Error> {
        match self.connected {
            CTM_CONNECTED_NONE => Ok(None),
            CTM_CONNECTED_4 => Ok(Some(Connectivity::Four)),
            CTM_CONNECTED_8 => Ok(Some(Connectivity::Eight)),
            connected => unknown("params.connected", connected, "0 (none), 4 or 8"),
        }
    }
}

/// A caller's colours, if there are any.
///
/// # Safety
/// `colors` is NULL or points to so many, which are there for `'a`.
unsafe fn colors<'a>(
    name: &'static str,
    colors: *const f32,
    count: u32,
) -> Result<Option<&'a [[f32; 4]]>, Error> {
    if colors.is_null() {
        return match count {
            0 => Ok(None),
            _ => Err(null(name, &format!("a buffer of {count} colours"))),
        };
    }
    check_pointer(name, colors)?;
    Extent::new(name, colors.addr(), count as usize, "colours", 16)?;
    // SAFETY: not NULL, aligned, no larger than memory can be; the caller vouches for it.
    Ok(Some(unsafe { std::slice::from_raw_parts(colors.cast(), count as usize) }))
}
