//! The settings of a call and of a context.

use std::time::Duration;

use crate::backend::vulkan::DeviceLimits;
use crate::error::Error;
use crate::input::pixels::{Alpha, Matching};
use crate::runtime::seeds::Seeds;
use crate::stages::connect::Connectivity;
use crate::stages::merge::Merge;
use crate::stages::nearest::Nearest;
use crate::types::color_counts::ColorCounts;

/// Which colours get a mask. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params {
    /// Colours with fewer pixels than this get no mask. 0 means 1.
    pub min_pixels: u64,
    /// At most this many masks, the most frequent colours first. 0: no mask.
    pub max_count: u32,
}

/// What decides which pixels get which mask. [`Params`] alone become settings with `into`.
///
/// Colours are given as red, green, blue and alpha, or grey and alpha, in the units of the image: 0 to 255 for
/// bytes, 0 to 65,535 for integers of 16 bits. Values that are not part of the colour are not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings<'a> {
    /// Which colours get a mask, where `palette` does not say so.
    pub params: Params,
    /// The colours that get a mask, in this order, those without a pixel included; `None`: the most frequent ones,
    /// as `params` says.
    pub palette: Option<&'a [[f32; 4]]>,
    /// Colours that get no mask, the background for example.
    pub ignored: &'a [[f32; 4]],
    /// What makes two pixels' colours the same.
    pub matching: Matching,
    /// Which colours without a mask of their own join another's: `None`: no colour. The most frequent colours are
    /// found before others join them.
    pub nearest: Option<Nearest>,
    /// Where a palette is given, what becomes of colours that are not in it, are not near enough and are not ignored.
    pub undeclared: Undeclared,
    /// What alpha means.
    pub alpha: Alpha,
    /// Which images the most frequent colours are those of.
    pub batch: Batch,
    /// Whether near-duplicates become the colours that they are near, before the most frequent ones are selected. Without a
    /// palette of the caller's only. Ignored colours take part: what becomes one gets no mask.
    pub merge: Option<Merge>,
    /// How many pixels away, to all sides, masks may be into which pixels are unmixed: those that have a colour which
    /// is in no mask, nor ignored, as at the anti-aliased edge between two regions. Such a pixel is shared out to at
    /// most 4 masks, those that have the nearest pixels, by columns or rows whichever are more; of equally near ones
    /// those with the most pixels there, then the first ones. The shares are those at least 0, and together 1, whose
    /// mix of the masks' colours is nearest to the pixel's. It is in the mask that has the largest share, of equal ones
    /// the first; [`MaskOutput::Coverage`](crate::MaskOutput::Coverage) has all of them. Colours with infinities take no
    /// part. The most frequent colours are found before. 0: no pixel is unmixed; at most 16.
    pub unmix_radius: u32,
    /// Makes each connected region of a mask's pixels a mask of its own; `None`: a mask has all of them. `params` then
    /// applies to regions, where a palette is given, too. The largest regions come first, equally large ones by colour
    /// or, where a palette is given, in its order, then by image and first pixel. A region is in one image; its planes
    /// of the other images are zero. With [`Batch::First`] only regions of the first image have masks, unless a palette
    /// is given; with [`Batch::Each`] each image has those of its own. With `nearest` and no palette, all colours with `min_pixels` pixels attract others.
    pub connected: Option<Connectivity>,
    /// Where the pixels at hand are a part of an image, a band or a tile: the counts of all its parts. The colours that
    /// get a mask are selected from them, so that each part gets the masks that one call on the whole image would give
    /// it; `batch` makes no difference then. Format, number of channels, `matching` and `alpha` must be those of the
    /// counted parts. Pixels are unmixed into what the part has around them. Not with `connected`. Counts without a part
    /// have no colour. Of colours that only the pixels at hand have it is not
    /// promised whether they get a mask.
    pub counts: Option<&'a ColorCounts>,
}

impl From<Params> for Settings<'_> {
    fn from(params: Params) -> Self {
        Self { params, ..Self::default() }
    }
}

/// What becomes of colours that a given palette does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Undeclared {
    /// They get no mask.
    #[default]
    Ignore,
    /// The call fails with [`Error::UndeclaredColors`].
    Error,
    /// They join the nearest colour's mask, at any distance.
    Nearest,
}

/// Of several images, those whose pixels are counted. All of them get the masks of the same colours, but with `Each`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Batch {
    /// All images together.
    #[default]
    All,
    /// The first one.
    First,
    /// Each by itself: mask `i` of an image is that of its own colour `i`. Images with fewer colours than others have
    /// empty masks behind theirs. Not with a palette of the caller's.
    Each,
}

/// Where the work is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// A hardware Vulkan device where there is one that has passed its self-test, else the CPU. Where the device fails in
    /// a call, the CPU does that call and all later ones, but those with memory on the device.
    #[default]
    Auto,
    /// A Vulkan device, software rasterisers included; an error where there is none, or none that has passed its
    /// self-test.
    Vulkan,
    /// The processor.
    Cpu,
}

/// How a [`Context`](crate::Context) is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where the work is done.
    pub backend: Backend,
    /// Part of the Vulkan device's name, upper and lower case alike; `None` or empty: chosen by
    /// rule.
    pub device_name: Option<String>,
    /// Threads of the host that work at most, the calling one included; 0: one per processor.
    pub max_threads: u32,
    /// Bytes of memory that the context may hold during a call, on the host and on the device, beside
    /// the caller's buffers; 0: as much as serves the speed. With less an image of many colours takes
    /// longer. At least [`Options::LEAST_MEMORY_LIMIT`].
    pub memory_limit: u64,
    /// What [`Context::pipeline_cache`](crate::Context::pipeline_cache) gave in an earlier process. Not
    /// used, silently, where it is damaged or not of this device, driver and version of ctm. The checks
    /// find accidents, not malice.
    pub pipeline_cache: Option<Vec<u8>>,
    /// How long one submission to a device may take before the device counts as hung.
    pub device_timeout: Duration,
    /// For ctm's own tests.
    #[doc(hidden)]
    pub debug: DebugOptions,
}

impl Options {
    /// The least [`Options::memory_limit`].
    pub const LEAST_MEMORY_LIMIT: u64 = 32 << 20;

    /// The device's name, if one is asked for; bindings pass an empty one where none is meant.
    pub(crate) fn device_name(&self) -> Option<&str> {
        self.device_name.as_deref().filter(|name| !name.is_empty())
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if (1..Self::LEAST_MEMORY_LIMIT).contains(&self.memory_limit) {
            return Err(Error::InvalidArgument(format!(
                "options.memory_limit is {}; 0 (none) or at least {} (32 MiB) is expected",
                self.memory_limit,
                Self::LEAST_MEMORY_LIMIT
            )));
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            device_name: None,
            max_threads: 0,
            memory_limit: 0,
            pipeline_cache: None,
            device_timeout: Duration::from_secs(60),
            debug: DebugOptions::default(),
        }
    }
}

/// Switches for ctm's own tests: other devices' limits, and stages split over both backends.
#[derive(Clone, Debug, Default, PartialEq)]
#[doc(hidden)]
pub struct DebugOptions {
    /// Replaces the limits that the Vulkan device reports.
    pub device_limits: Option<DeviceLimits>,
    /// The backend of the stages count and label, in this order, where they are to differ from
    /// `Options::backend`. Each is `Vulkan` or `Cpu`.
    pub stages: Option<[Backend; 2]>,
    /// The seeds of the device's hash functions, which are random otherwise.
    pub hash_seeds: Option<Seeds>,
    /// Makes Vulkan devices that could read the caller's pixels where they are work on copies.
    pub copy_pixels: bool,
    /// Makes Vulkan devices import no memory by file descriptor.
    pub no_memory_fds: bool,
    /// Makes Vulkan devices count all images as they count images with very many colours.
    pub many_device_colors: bool,
    /// Makes the CPU count small images as it counts those with very many colours: with labels kept
    /// from counting to labelling, or without.
    pub small_cpu_tables: Option<bool>,
}
