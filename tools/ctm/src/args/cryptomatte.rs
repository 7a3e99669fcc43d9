//! The options of `--cryptomatte`, and what makes no sense with it.

use clap::Args;

use super::{AlphaArg, BackendArg, BatchArg, FormatArg, MaskFormatArg, MatchArg, SegmentArgs, UnlistedArg};

/// Masks of a Cryptomatte.
#[derive(Args, Debug)]
#[command(next_help_heading = "Cryptomatte")]
#[group(skip)]
pub(crate) struct CryptomatteArgs {
    /// Make masks of the objects of a Cryptomatte, which an OpenEXR image of a renderer has: those that cover most pixels
    /// first. A mask is an object's coverage. Several layers of Cryptomatte: of this one, by name; an error lists them
    #[arg(long, value_name = "LAYER", num_args = 0..=1, require_equals = true)]
    #[allow(clippy::option_option, reason = "the option, and its value")]
    pub(crate) cryptomatte: Option<Option<String>>,

    /// With --cryptomatte: make masks of the objects of this name, or pattern with *, ? and [a-z], or id of eight hexadecimal
    /// digits, instead of those that cover most; may be repeated
    #[arg(long, value_name = "NAME", requires = "cryptomatte", value_parser = parse_object)]
    pub(crate) object: Vec<String>,
}

/// A pattern, or what is none and so a name: `[x`.
fn parse_object(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a name is expected".into()) } else { Ok(text.to_owned()) }
}

impl SegmentArgs {
    /// Whether the masks are those of a Cryptomatte.
    pub(crate) fn has_cryptomatte(&self) -> bool {
        self.cryptomatte.cryptomatte.is_some()
    }

    /// The layer that was asked for.
    pub(crate) fn cryptomatte_layer(&self) -> Option<&str> {
        self.cryptomatte.cryptomatte.as_ref()?.as_deref()
    }

    /// What makes no sense with `--cryptomatte`.
    pub(super) fn cryptomatte_contradiction(&self) -> Option<String> {
        if !self.has_cryptomatte() {
            return None;
        }
        if self.images.len() > 1 || self.reading.list.is_some() {
            return Some("--cryptomatte reads one image at a time".into());
        }
        let options = self.without_colors().or_else(|| self.without_layout());
        if let Some(option) = options {
            return Some(format!(
                "{option} cannot be used with --cryptomatte, whose masks are coverage of objects"
            ));
        }
        if let Some(format) = self.outputs.format.iter().find_map(|&format| without_coverage(format)) {
            return Some(format!(
                "--format {format} cannot say coverage, which masks of --cryptomatte are; png, exr, tiff and npz can"
            ));
        }
        let is_named = !self.cryptomatte.object.is_empty();
        if is_named && (self.min_pixels.is_some() || self.max_count.is_some()) {
            return Some(
                "--min-pixels and --max-count cannot be used with --object, which names the objects".into(),
            );
        }
        None
    }

    /// Options about colours.
    fn without_colors(&self) -> Option<&'static str> {
        let colors = &self.colors;
        first(&[
            ("--palette", colors.palette.is_some()),
            ("--color", !colors.color.is_empty()),
            ("--ignore", !colors.ignore.is_empty()),
            ("--match 8bit", colors.matching != MatchArg::Exact),
            ("--alpha", colors.alpha != AlphaArg::Color),
            ("--unlisted", colors.unlisted != UnlistedArg::Ignore),
            ("--report-unlisted", colors.report_unlisted.is_some()),
            ("--tolerance", colors.tolerance.is_some()),
            ("--metric", colors.metric.is_some()),
            ("--merge", colors.merge.is_some()),
            ("--unmix", colors.unmix.is_some()),
            ("--connected", colors.connected.is_some()),
            ("--absorb", colors.absorb.is_some()),
            ("--absorb-unmasked", colors.absorb_unmasked.is_some()),
            ("--fill-holes", colors.fill_holes.is_some()),
            ("--batch", colors.batch != BatchArg::All),
        ])
    }

    /// Options about what is read, written, and where the work is done.
    fn without_layout(&self) -> Option<&'static str> {
        let (reading, outputs) = (&self.reading, &self.outputs);
        first(&[
            ("--layer", reading.layer.is_some()),
            ("--channels", !reading.channels.is_empty()),
            ("--raw", reading.raw.is_some()),
            ("--frame", reading.frame.is_some()),
            ("--all-frames", reading.all_frames),
            ("--labels", outputs.labels.is_some()),
            ("--table", outputs.table.is_some()),
            ("--cropped", outputs.cropped),
            ("--mask-format 1bit", outputs.mask_format != MaskFormatArg::EightBit),
            ("--backend vulkan", self.backend == BackendArg::Vulkan),
            ("--device", self.device.is_some()),
        ])
    }
}

fn first(options: &[(&'static str, bool)]) -> Option<&'static str> {
    options.iter().find(|(_, is_asked)| *is_asked).map(|(option, _)| *option)
}

/// The name of a format whose masks are all or nothing.
fn without_coverage(format: FormatArg) -> Option<&'static str> {
    match format {
        FormatArg::Indexed => Some("indexed"),
        FormatArg::Coco => Some("coco"),
        FormatArg::Svg => Some("svg"),
        FormatArg::Png | FormatArg::Tiff | FormatArg::Exr | FormatArg::Npz => None,
    }
}
