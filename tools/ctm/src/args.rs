//! The command line.

mod cryptomatte;

use std::collections::HashSet;
use std::env;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ctm::{Backend, Shape};

pub(crate) use cryptomatte::CryptomatteArgs;

use crate::decode::Part;
use crate::input::{Raw, RawFormat, Reading};
use crate::inputs::{self, Input};
use crate::template::Template;
use crate::values::{
    GivenColor, parse_color, parse_count, parse_distance, parse_number, parse_pixels, parse_place,
    parse_radius, parse_whole,
};
use crate::{labels, memory, names, source};

const EXIT_CODES: &str = "\
Exit codes:
  0    success, also when no colour qualifies for a mask
  1    the work failed: an unreadable image, no such device, an unwritable folder
  2    wrong usage
  130  interrupted by Ctrl-C; 143 and 129 by SIGTERM and SIGHUP; no file is left half written";

const EXAMPLES: &str = "\
Examples:
  ctm segment map.png
        the most frequent colours; no file is written
  ctm segment map.png -o masks
        masks of the five most frequent colours, and an overview
  ctm segment map.png -o masks --max-count all --min-pixels 1 --cropped --names '{index:03}-{hex}.png'
        a small picture for each colour there is
  ctm segment map.png -o masks --palette labelmap.txt --names '{name}.png'
        masks of the colours that a file lists, called by their names
  ctm segment smooth.png -o masks --merge 8/255 --unmix 2
        a map with noise and anti-aliased edges
  ctm segment map.png --no-masks --no-overview --labels labels.png --table regions.csv --connected 8
        the number of each pixel's region, and where the regions lie; no folder
  ctm segment render.exr -o mattes --cryptomatte --object 'tree*' --format exr
        the coverage of all objects of a Cryptomatte that are called so
  ctm segment a.png b.png c.png -o masks --batch each --json
        each image by its own colours; one object each for programs";

const FILES: &str = "\
Files in DIR:
  mask-001-ff8000.png   white where the map has the colour, black elsewhere; one file a mask, numbered
                        from the most frequent colour on, or as the palette is. The colour, as two
                        hexadecimal digits per channel, is left out where a value is not a multiple
                        of 1/255. Ids (one channel of 16 bits, integers of 32) are there as numbers:
                        mask-001-26001.png
  overview.png          the map and up to 48 masks in one picture, for a first look
Several images have a folder each in DIR, with the image's name: masks of a.png are in DIR/a. Where two have the same
name, the folders above are kept and what all have in common is dropped: in/x/id.png and in/y/id.png are in DIR/x/id and
DIR/y/id. Files of the same names are replaced,
each as a whole and links as well; others are left alone. Nothing is written where an input, or two
outputs, would be the same file.

Colours and values count from 0 to 1, whatever the image stores: #ff8000 (or ff8000, #f80), orange, 1,0.5,0,
or 255/255,128/255,0; tolerances such as 10/255. Without alpha a colour is opaque. Whole numbers beyond 1 in
a palette's file are what images store: that is decided for the whole file, and told. Ids are given as they
are stored: --color 26001.";

const DOCUMENTS: &str = "\
Files in DIR:
  man/ctm.1, man/ctm-segment.1 …                  for PREFIX/share/man/man1
  completions/ctm.bash, _ctm (zsh), ctm.fish      for the shells' folders
Files of the same names are replaced.";

/// Turns colour maps into masks: one black-and-white picture for each region that is painted in
/// one flat colour.
#[derive(Debug, Parser)]
#[command(name = "ctm", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write one mask for each of the most frequent colours of an image, and an overview picture
    #[command(after_help = format!("{EXAMPLES}\n\n{FILES}\n\n{EXIT_CODES}"))]
    Segment(Box<SegmentArgs>),
    /// List the devices that can do the work
    #[command(after_help = EXIT_CODES)]
    Devices(DevicesArgs),
    /// Write man pages and shell completions to a folder, for installing them
    #[command(after_help = format!("{DOCUMENTS}\n\n{EXIT_CODES}"))]
    Documents(DocumentsArgs),
}

/// `ctm segment`.
#[derive(Args, Debug)]
pub(crate) struct SegmentArgs {
    /// The colour map: PNG, JPEG, TIFF, WebP, OpenEXR, BMP, GIF, PNM, PAM, TGA, QOI, farbfeld, HDR, or raw values with
    /// --raw; - is standard input; several of the same size and kind get masks of the same colours, unless --batch each
    #[arg(value_name = "IMAGE", required_unless_present = "list")]
    pub(crate) images: Vec<PathBuf>,

    /// All images that the command line leads to. They are known once lists and files of several frames have been read
    #[arg(skip)]
    pub(crate) inputs: Vec<Input>,

    /// Whether two of them have the same file name
    #[arg(skip)]
    has_same_names: bool,

    /// Whether the colours are looked at only, since nothing says where files would go
    #[arg(skip)]
    pub(crate) is_look: bool,

    /// Folder for the masks and the overview; created if missing. Without it the colours are printed, and neither masks nor
    /// an overview are written
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Colours with fewer pixels than this get no mask [default: 500]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parse_whole)]
    min_pixels: Option<u64>,

    /// At most this many masks, the most frequent colours first, or all [default: 5]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parse_max_count)]
    max_count: Option<u32>,

    #[command(flatten)]
    pub(crate) reading: ReadingArgs,

    #[command(flatten)]
    pub(crate) colors: ColorArgs,

    #[command(flatten)]
    pub(crate) cryptomatte: CryptomatteArgs,

    #[command(flatten)]
    pub(crate) outputs: OutputArgs,

    /// Where to work; auto: the CPU, or a GPU with Vulkan where that has proved to be faster
    #[arg(
        long,
        value_enum,
        value_name = "auto|vulkan|cpu",
        hide_possible_values = true,
        default_value_t = BackendArg::Auto
    )]
    pub(crate) backend: BackendArg,

    /// Use the Vulkan device whose name contains NAME (see "ctm devices")
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,

    /// Use at most N threads; 0: one per processor
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true, value_parser = parse_count)]
    pub(crate) threads: u32,

    /// Print one JSON object for programs instead of the table
    #[arg(long)]
    pub(crate) json: bool,

    /// Print nothing but errors: no table, no advice
    #[arg(short, long, conflicts_with_all = ["json", "verbose"])]
    pub(crate) quiet: bool,

    /// Tell on standard error what is chosen and done, and why
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// What is read.
#[derive(Args, Debug)]
#[command(next_help_heading = "Input")]
#[group(skip)]
pub(crate) struct ReadingArgs {
    /// Read the images that FILE names, one a line, too; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,

    /// Read this frame of an animation, or page of a TIFF, from 1 on, instead of the first; --page does the same
    #[arg(long, visible_alias = "page", value_name = "N", conflicts_with = "all_frames", allow_negative_numbers = true, value_parser = parse_place)]
    pub(crate) frame: Option<u32>,

    /// Read all frames or pages of each image, as images of their own; --all-pages does the same
    #[arg(long, visible_alias = "all-pages")]
    pub(crate) all_frames: bool,

    /// Read this layer of an OpenEXR image
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,

    /// Read these channels of an OpenEXR image, one to four, as the values of a pixel; an error lists those there are
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    channels: Vec<String>,

    /// IMAGE holds raw little-endian values, rows from the top, channels interleaved
    #[arg(long, value_name = "WIDTHxHEIGHTxCHANNELS", value_parser = parse_raw_shape)]
    raw: Option<Shape>,

    /// How the values of --raw are stored
    #[arg(
        long,
        value_enum,
        value_name = "f32|f16|u32|i32|u16|u8",
        hide_possible_values = true,
        default_value_t = RawFormatArg::F32,
        requires = "raw"
    )]
    raw_format: RawFormatArg,

    /// Memory that reading an image may take: bytes, or a number with K, M, G or T [default: half of the machine's, at most 16G]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_memory: Option<u64>,
}

/// What decides which pixels get which mask.
#[derive(Args, Debug)]
#[command(next_help_heading = "Colours")]
#[group(skip)]
pub(crate) struct ColorArgs {
    /// Which colours are the same: exact: all values are equal; 8bit: equal once rounded to 8 bits
    #[arg(
        long = "match",
        value_enum,
        value_name = "exact|8bit",
        hide_possible_values = true,
        default_value_t = MatchArg::Exact
    )]
    pub(crate) matching: MatchArg,

    /// What alpha means: part of the colour, nothing, or that pixels with less than N have no colour
    #[arg(long, value_name = "color|ignored|at-least=N", default_value = "color", value_parser = parse_alpha)]
    pub(crate) alpha: AlphaArg,

    /// Make a mask of this colour instead of the most frequent ones; may be repeated
    #[arg(long, value_name = "COLOR", allow_hyphen_values = true, value_parser = parse_color, group = "given")]
    pub(crate) color: Vec<GivenColor>,

    /// Make masks of the colours in FILE: a colour and perhaps a name in each line; a GIMP or JASC palette; CVAT's
    /// labelmap.txt; CSV, or a definition.csv of provinces; the output of an earlier --json; or an image; - is standard input
    #[arg(long, value_name = "FILE", group = "given")]
    pub(crate) palette: Option<PathBuf>,

    /// What becomes of colours that the palette does not have: no mask, a failure, or the nearest colour's mask
    #[arg(
        long,
        value_enum,
        value_name = "ignore|error|nearest",
        hide_possible_values = true,
        default_value_t = UnlistedArg::Ignore,
        requires_ifs = [("error", "given"), ("nearest", "given")]
    )]
    pub(crate) unlisted: UnlistedArg,

    /// List the N most frequent colours that the palette does not have
    #[arg(long, value_name = "N", requires = "given", allow_negative_numbers = true, value_parser = parse_count)]
    pub(crate) report_unlisted: Option<u32>,

    /// Make no mask of this colour, the background for example; may be repeated
    #[arg(long, value_name = "COLOR", allow_hyphen_values = true, value_parser = parse_color)]
    pub(crate) ignore: Vec<GivenColor>,

    /// Let colours without a mask join the nearest mask whose colour is at most so far away. Distances count from 0 to 1
    /// a channel, as values do: 40/255 for 40 in an image of 8 bits
    #[arg(long, value_name = "DISTANCE", allow_negative_numbers = true, value_parser = parse_distance)]
    pub(crate) tolerance: Option<f64>,

    /// Turn rare colours into the most frequent colour that is at most so far away, before any gets a mask: the
    /// noise of compression and resampling. As --tolerance, from 0 to 1 a channel
    #[arg(long, value_name = "DISTANCE", allow_negative_numbers = true, value_parser = parse_distance, conflicts_with = "given")]
    pub(crate) merge: Option<f64>,

    /// With --merge: colours with more than N pixels stay what they are; 0: no such bound
    #[arg(long, value_name = "N", default_value_t = 0, requires = "merge", allow_negative_numbers = true, value_parser = parse_whole)]
    pub(crate) merge_most_pixels: u64,

    /// With --merge: list the N most frequent colours that became others
    #[arg(long, value_name = "N", default_value_t = 0, requires = "merge", allow_negative_numbers = true, value_parser = parse_count)]
    pub(crate) report_merged: u32,

    /// Share pixels of other colours out among the masks up to RADIUS pixels away, as at anti-aliased edges: masks of
    /// 8 bits have the shares, 255 being all of the pixel; labels, masks of 1 bit and of regions the largest; 1 to 16
    #[arg(long, value_name = "RADIUS", allow_negative_numbers = true, value_parser = parse_radius)]
    pub(crate) unmix: Option<u32>,

    /// Make each connected region a mask of its own, the largest first: pixels that share a side, or a side or corner
    #[arg(long, value_enum, value_name = "4|8", hide_possible_values = true)]
    pub(crate) connected: Option<ConnectedArg>,

    /// Give connected regions of fewer than N pixels to the mask around them with which they have the longest border: specks
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parse_whole)]
    pub(crate) absorb: Option<u64>,

    /// Give connected regions of pixels without a mask, of fewer than N pixels, to the masks around them; all: of any size
    #[arg(long, value_name = "N|all", allow_negative_numbers = true, value_parser = parse_absorb_unmasked)]
    pub(crate) absorb_unmasked: Option<u64>,

    /// Fill holes in masks of at most N pixels
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parse_whole)]
    pub(crate) fill_holes: Option<u64>,

    /// How far colours are apart: the root of the sum of the channels' squared differences, or the largest
    #[arg(long, value_enum, value_name = "euclidean|largest", hide_possible_values = true)]
    pub(crate) metric: Option<MetricArg>,

    /// Of several images, those whose colours are counted for the masks of all; or each has masks of its own colours;
    /// stream is as each, reads an image when its turn comes, goes on behind one that fails, and prints a line for each
    #[arg(
        long,
        value_enum,
        value_name = "all|first|each|stream",
        hide_possible_values = true,
        default_value_t = BatchArg::All
    )]
    pub(crate) batch: BatchArg,
}

/// What is written.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
#[group(skip)]
pub(crate) struct OutputArgs {
    /// Crop each mask to its pixels; the PNG, --json and --table say where it lies. Masks without a pixel have no file
    #[arg(long)]
    pub(crate) cropped: bool,

    /// What the masks are written as, one or several: png: a file each; and files with all masks of an image: tiff, a page
    /// each; exr, a layer each; indexed: a PNG with a palette, and labelmap.txt; npz: NumPy's labels, colours and names; coco: COCO's
    /// JSON, of all images; svg: a path each
    #[arg(
        long,
        value_enum,
        value_name = "png|tiff|exr|indexed|npz|coco|svg,…",
        hide_possible_values = true,
        value_delimiter = ',',
        default_values_t = [FormatArg::Png],
        conflicts_with = "no_masks"
    )]
    pub(crate) format: Vec<FormatArg>,

    /// How COCO's file has the pixels of a mask: rle: compressed run lengths; polygons: along the edges of pixels, and run
    /// lengths where a region has a hole, which COCO's polygons cannot say
    #[arg(
        long,
        value_enum,
        value_name = "rle|polygons",
        hide_possible_values = true,
        default_value_t = CocoArg::Rle
    )]
    pub(crate) coco: CocoArg,

    /// Leave out corners of svg's paths and COCO's polygons that are at most so many pixels from the edge in their place:
    /// slopes become slopes, and neighbours keep the edge between them in common
    #[arg(long, value_name = "PIXELS", allow_negative_numbers = true, value_parser = parse_pixels)]
    pub(crate) simplify: Option<f32>,

    /// Write masks of 8 bits a pixel, 0 and 255, or of 1 bit
    #[arg(
        long,
        value_enum,
        value_name = "8bit|1bit",
        hide_possible_values = true,
        default_value_t = MaskFormatArg::EightBit
    )]
    pub(crate) mask_format: MaskFormatArg,

    /// Write a picture of labels, too, PNG or (.tif) TIFF: each pixel's mask number, 0 for none, in 8 bits up to 255
    /// masks, else in 16, in a TIFF 32 above 65,535; of several images a file each, with the image's name added. A pipe
    /// or - for standard output will do
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// Bits of a label, where they are to be the same whatever the number of masks: 8, 16, or in a TIFF 32
    #[arg(long, value_enum, value_name = "8|16|32", hide_possible_values = true, requires = "labels")]
    pub(crate) label_bits: Option<LabelBitsArg>,

    /// Write a CSV table, too: each mask's colour, pixels, bounding box, first pixel and centroid in each image. A pipe
    /// or - for standard output will do
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,

    /// What masks are called; {index}, {name} (of the palette), {hex}, {id} (the integers) and {pixels} stand for what a mask has, {index:03}
    /// for at least three digits [default: mask-{index:03}-{hex}.png]
    #[arg(long, value_name = "TEMPLATE", value_parser = Template::parse, conflicts_with = "no_masks")]
    pub(crate) names: Option<Template>,

    /// What becomes of files that have the names of new ones: they are replaced, nothing is written, or it is asked on the
    /// terminal
    #[arg(
        long,
        value_enum,
        value_name = "yes|no|ask",
        hide_possible_values = true,
        default_value_t = OverwriteArg::Yes
    )]
    pub(crate) overwrite: OverwriteArg,

    /// Write no masks, only what else is asked for
    #[arg(long, conflicts_with_all = ["cropped", "mask_format"])]
    pub(crate) no_masks: bool,

    /// Do not draw overview.png
    #[arg(long)]
    pub(crate) no_overview: bool,

    /// Compress pictures as well as PNG can, which takes longer
    #[arg(long)]
    pub(crate) small_files: bool,
}

/// `ctm devices`.
#[derive(Args, Debug)]
pub(crate) struct DevicesArgs {
    /// Test each device, and the CPU, by images whose masks are known, and tell how long that took; if one fails, the exit
    /// code is 1
    #[arg(long)]
    pub(crate) check: bool,

    /// Print one JSON object for programs instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// `ctm documents`.
#[derive(Args, Debug)]
pub(crate) struct DocumentsArgs {
    /// Folder to write to; created if missing
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `--backend`: the library's `Backend` as clap reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendArg {
    Auto,
    Vulkan,
    Cpu,
}

impl From<BackendArg> for Backend {
    fn from(backend: BackendArg) -> Self {
        match backend {
            BackendArg::Auto => Self::Auto,
            BackendArg::Vulkan => Self::Vulkan,
            BackendArg::Cpu => Self::Cpu,
        }
    }
}

/// `--raw-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RawFormatArg {
    F32,
    F16,
    U32,
    I32,
    U16,
    U8,
}

/// `--match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatchArg {
    Exact,
    #[value(name = "8bit")]
    EightBit,
}

/// `--alpha`, the least alpha as a value from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum AlphaArg {
    Color,
    Ignored,
    AtLeast(f64),
}

/// `--unlisted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UnlistedArg {
    Ignore,
    Error,
    Nearest,
}

/// `--metric`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricArg {
    Euclidean,
    Largest,
}

impl ColorArgs {
    /// Whether small regions or holes become other masks'.
    pub(crate) fn absorbs(&self) -> bool {
        [self.absorb, self.absorb_unmasked, self.fill_holes].iter().any(Option::is_some)
    }
}

/// `--absorb-unmasked`.
fn parse_absorb_unmasked(text: &str) -> Result<u64, String> {
    match text {
        "all" => Ok(u64::MAX),
        _ => text.parse().map_err(|_| "a number of pixels, or all, is expected".to_owned()),
    }
}

/// `--connected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConnectedArg {
    #[value(name = "4")]
    Four,
    #[value(name = "8")]
    Eight,
}

/// `--batch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BatchArg {
    All,
    First,
    Each,
    Stream,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    Png,
    Tiff,
    Exr,
    Indexed,
    Npz,
    Coco,
    Svg,
}

impl FormatArg {
    /// The files that have all masks of an image.
    pub(crate) fn files(self) -> &'static [&'static str] {
        match self {
            Self::Png => &[],
            Self::Tiff => &["masks.tif"],
            Self::Exr => &["masks.exr"],
            Self::Indexed => &["indexed.png", "labelmap.txt"],
            Self::Npz => &["masks.npz"],
            Self::Coco => &["coco.json"],
            Self::Svg => &["masks.svg"],
        }
    }
}

/// `--coco`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CocoArg {
    Rle,
    Polygons,
}

/// `--label-bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabelBitsArg {
    #[value(name = "8")]
    Eight,
    #[value(name = "16")]
    Sixteen,
    #[value(name = "32")]
    ThirtyTwo,
}

impl LabelBitsArg {
    /// The most masks that have labels.
    pub(crate) fn most_masks(self) -> u64 {
        match self {
            Self::Eight => u8::MAX.into(),
            Self::Sixteen => u16::MAX.into(),
            Self::ThirtyTwo => u32::MAX.into(),
        }
    }
}

/// `--overwrite`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OverwriteArg {
    Yes,
    No,
    Ask,
}

/// `--mask-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MaskFormatArg {
    #[value(name = "8bit")]
    EightBit,
    #[value(name = "1bit")]
    OneBit,
}

impl ReadingArgs {
    /// How images are read.
    pub(crate) fn reading(&self) -> Reading {
        let format = match self.raw_format {
            RawFormatArg::F32 => RawFormat::F32,
            RawFormatArg::F16 => RawFormat::F16,
            RawFormatArg::U32 => RawFormat::U32,
            RawFormatArg::I32 => RawFormat::I32,
            RawFormatArg::U16 => RawFormat::U16,
            RawFormatArg::U8 => RawFormat::U8,
        };
        Reading {
            raw: self.raw.map(|shape| Raw { shape, format }),
            max_memory: self.max_memory(),
            part: Part { frame: self.frame, layer: self.layer.clone(), channels: self.channels.clone() },
        }
    }

    /// The most memory that decoding an image may take.
    pub(crate) fn max_memory(&self) -> u64 {
        self.max_memory.unwrap_or_else(memory::default_budget)
    }

    /// What contradicts itself, beyond what clap finds.
    fn contradiction(&self) -> Option<String> {
        if let Some(shape) = self.raw
            && matches!(self.raw_format, RawFormatArg::U32 | RawFormatArg::I32)
            && shape.channels() > 2
        {
            return Some(format!(
                "--raw {}x{}x{}: integers of 32 bits are ids, one or two to a pixel (--raw-format)",
                shape.width(),
                shape.height(),
                shape.channels()
            ));
        }
        let what = match (self.frame, self.all_frames) {
            (Some(_), _) => "--frame",
            (None, true) => "--all-frames",
            (None, false) => return None,
        };
        self.raw.map(|_| format!("{what} is for images of several frames; raw files (--raw) have one"))
    }
}

impl SegmentArgs {
    /// Finds all images that the command line leads to.
    pub(crate) fn find_inputs(&mut self) -> anyhow::Result<()> {
        let ReadingArgs { list, all_frames, .. } = &self.reading;
        self.inputs = inputs::all(&self.images, list.as_deref(), *all_frames, self.reading.max_memory())?;
        let mut names = HashSet::new();
        let mut all = self.inputs.iter().map(|input| (input.path.file_name(), input.frame));
        self.has_same_names = all.any(|name| !names.insert(name));
        Ok(())
    }

    /// The folder of everything that is called by its own name in it; none where there is nothing of the kind.
    pub(crate) fn output(&self) -> Option<&Path> {
        self.output.as_deref().filter(|_| self.writes_to_folder())
    }

    /// Without a folder, and without a word on what would go there, colours are printed and no masks are written.
    fn settle_output(&mut self) {
        let outputs = &self.outputs;
        let is_about_masks = outputs.cropped
            || outputs.names.is_some()
            || outputs.format != [FormatArg::Png]
            || outputs.mask_format != MaskFormatArg::EightBit;
        if self.output.is_none() && !is_about_masks && self.writes_to_folder() {
            let has_other = outputs.labels.is_some() || outputs.table.is_some();
            self.is_look = !has_other && !self.json;
            self.outputs.no_masks = true;
            self.outputs.no_overview = true;
        }
    }

    fn writes_to_folder(&self) -> bool {
        !self.outputs.no_masks || self.has_overview()
    }

    /// Whether there is a picture of the map and its masks.
    pub(crate) fn has_overview(&self) -> bool {
        !self.outputs.no_overview && !self.has_cryptomatte()
    }

    /// The files that have all masks of an image.
    pub(crate) fn exports(&self, input: &Input) -> Vec<(FormatArg, PathBuf)> {
        let folder = self.folder(input);
        let files = |format: FormatArg| format.files().iter().map(move |file| (format, file));
        let place = |format: FormatArg, file: &str| match self.coco_file() {
            Some(common) if format == FormatArg::Coco => common,
            _ => folder.join(file),
        };
        let all = self.outputs.all_in_one().flat_map(files);
        all.map(|(format, file)| (format, place(format, file))).collect()
    }

    /// COCO's file, which all images have in common.
    pub(crate) fn coco_file(&self) -> Option<PathBuf> {
        let file = || self.output.clone().unwrap_or_default().join(FormatArg::Coco.files()[0]);
        self.outputs.has_coco().then(file)
    }

    /// What COCO's file calls an image: its file name, or its path where others have the same name.
    pub(crate) fn coco_name(&self, input: &Input) -> String {
        let path = match input.path.file_name() {
            Some(name) if !self.has_same_names => Path::new(name),
            _ => &input.path,
        };
        let frame = input.frame.map_or(String::new(), |frame| format!("#{frame}"));
        format!("{}{frame}", path.display())
    }

    /// The folder of an image's masks and overview.
    pub(crate) fn folder(&self, input: &Input) -> PathBuf {
        let output = self.output.clone().unwrap_or_default();
        if self.inputs.len() == 1 { output } else { output.join(&input.name) }
    }

    /// An image's overview, if one is asked for.
    pub(crate) fn overview(&self, input: &Input) -> Option<PathBuf> {
        self.has_overview().then(|| self.folder(input).join("overview.png"))
    }

    /// An image's labels, if they are asked for: as they were named, with the image's name added where there are several.
    pub(crate) fn labels(&self, input: &Input) -> Option<PathBuf> {
        let named = self.outputs.labels.as_deref()?;
        let several = self.inputs.len() > 1;
        Some(if several { names::with_name(named, &input.name) } else { named.to_owned() })
    }

    /// The fewest pixels of a mask.
    pub(crate) fn min_pixels(&self) -> u64 {
        self.min_pixels.unwrap_or(500)
    }

    /// The most masks.
    pub(crate) fn max_count(&self) -> u32 {
        self.max_count.unwrap_or(5)
    }

    /// Whether masks have the shares of pixels.
    pub(crate) fn has_shares(&self) -> bool {
        let is_whole = self.colors.connected.is_some()
            || self.colors.absorbs()
            || self.outputs.mask_format == MaskFormatArg::OneBit;
        self.colors.unmix.is_some() && !is_whole
    }

    /// What contradicts itself, beyond what clap finds.
    fn contradiction(&self) -> Option<String> {
        let colors = &self.colors;
        if let (BackendArg::Cpu, Some(name)) = (self.backend, &self.device) {
            return Some(format!("--device '{name}' chooses a Vulkan device; --backend cpu uses none"));
        }
        if let Some(text) = self.cryptomatte_contradiction() {
            return Some(text);
        }
        let is_given = colors.palette.is_some() || !colors.color.is_empty();
        if is_given && colors.batch == BatchArg::First {
            return Some("--batch first cannot be used with a palette, which has the colours already".into());
        }
        if colors.batch == BatchArg::Stream && self.outputs.overwrite == OverwriteArg::Ask {
            return Some("--overwrite ask cannot be used with --batch stream, where nobody waits".into());
        }
        if is_given && colors.connected.is_none() && (self.min_pixels.is_some() || self.max_count.is_some()) {
            let text = "--min-pixels and --max-count cannot be used with a palette: each colour of --color or --palette has \
                        a mask, however few pixels it has; leave them out, or make masks of its regions by --connected";
            return Some(text.into());
        }
        let measures = colors.tolerance.is_some() || colors.merge.is_some();
        if colors.metric.is_some() && !measures && colors.unlisted != UnlistedArg::Nearest {
            let text =
                "--metric says how to measure --tolerance, --merge or --unlisted nearest; give one of them";
            return Some(text.into());
        }
        let is_palette_piped = colors.palette.as_deref().is_some_and(source::is_standard_input);
        let pipes = self.images.iter().chain(&self.reading.list);
        let pipes = pipes.filter(|path| source::is_standard_input(path)).count();
        if pipes + usize::from(is_palette_piped) > 1 {
            return Some("standard input (-) can be read once only".into());
        }
        if self.output.is_none() && self.writes_to_folder() {
            let text = "--output <DIR> is needed, the folder of the masks";
            return Some(text.into());
        }
        let reading = || self.reading.contradiction();
        let names = || inputs::of_images(&self.images).err().map(|error| error.to_string());
        self.output_contradiction().or_else(reading).or_else(names)
    }

    /// What cannot be written as it is called, or to where it is to go.
    fn output_contradiction(&self) -> Option<String> {
        let OutputArgs { labels, table, .. } = &self.outputs;
        if self.outputs.cropped
            && self.outputs.format.iter().any(|format| matches!(format, FormatArg::Tiff | FormatArg::Exr))
        {
            return Some("--cropped cannot be used with --format tiff or exr, which have whole masks".into());
        }
        if self.outputs.names.is_some() && !self.outputs.has_pngs() {
            return Some("--names is for masks that have a file each (--format png)".into());
        }
        if self.outputs.coco == CocoArg::Polygons && !self.outputs.has_coco() {
            return Some("--coco says how --format coco has the masks; it is not asked for".into());
        }
        if self.outputs.simplify.is_some() && !self.outputs.needs_outlines() {
            return Some(
                "--simplify is for --format svg, and for coco with --coco polygons; neither is asked for"
                    .into(),
            );
        }
        let is_png = labels.as_deref().is_some_and(|file| !labels::is_tiff(file));
        if is_png && self.outputs.label_bits == Some(LabelBitsArg::ThirtyTwo) {
            return Some("--label-bits 32: a PNG has 16 at most; name the labels .tif".into());
        }
        let is_other = |file: &Option<PathBuf>, extensions: &[&str]| {
            file.as_deref()
                .filter(|file| !names::is_called(file, extensions))
                .map(|file| file.display().to_string())
        };
        if let Some(file) = is_other(labels, &["png", "tif", "tiff"]) {
            return Some(format!(
                "--labels '{file}' will be a PNG or a TIFF; a name that ends in .png, .tif or .tiff is expected"
            ));
        }
        if let Some(file) = is_other(table, &["csv", "txt"]) {
            let hint = if file.ends_with(".json") { "; --json prints JSON" } else { "" };
            return Some(format!(
                "--table '{file}' will be CSV; a name that ends in .csv or .txt is expected{hint}"
            ));
        }
        let to_standard_output =
            |file: &Option<PathBuf>| file.as_deref().is_some_and(names::is_standard_output);
        match self.outputs.on_standard_output()? {
            _ if to_standard_output(labels) && to_standard_output(table) => {
                Some("--labels and --table cannot both be written to standard output".into())
            }
            option if self.json => {
                Some(format!("--json and {option} cannot both be written to standard output"))
            }
            "--labels" if self.images.len() > 1 || self.reading.list.is_some() || self.reading.all_frames => {
                Some("--labels of several images are a file each, which standard output cannot be".into())
            }
            _ => None,
        }
    }
}

impl OutputArgs {
    /// Whether each mask has a file of its own.
    pub(crate) fn has_pngs(&self) -> bool {
        !self.no_masks && self.format.contains(&FormatArg::Png)
    }

    /// Whether the masks themselves are of use, and not labels only.
    pub(crate) fn needs_planes(&self) -> bool {
        let holds_planes =
            |format: &FormatArg| matches!(format, FormatArg::Png | FormatArg::Tiff | FormatArg::Exr);
        !self.no_masks && self.format.iter().any(holds_planes)
    }

    /// Whether something goes to the folder of each image, and not to one for all.
    pub(crate) fn has_files_of_images(&self) -> bool {
        self.has_pngs() || self.all_in_one().any(|format| format != FormatArg::Coco)
    }

    /// Whether labels are of use.
    pub(crate) fn needs_labels(&self) -> bool {
        let holds_labels = |format: &FormatArg| matches!(format, FormatArg::Indexed | FormatArg::Npz);
        self.labels.is_some() || !self.no_overview || self.all_in_one().any(|format| holds_labels(&format))
    }

    /// Whether COCO's file is written.
    pub(crate) fn has_coco(&self) -> bool {
        self.all_in_one().any(|format| format == FormatArg::Coco)
    }

    /// Whether the masks' outlines are of use.
    pub(crate) fn needs_outlines(&self) -> bool {
        let has_polygons = self.has_coco() && self.coco == CocoArg::Polygons;
        has_polygons || self.all_in_one().any(|format| format == FormatArg::Svg)
    }

    /// The formats that have all masks in one file.
    pub(crate) fn all_in_one(&self) -> impl Iterator<Item = FormatArg> + '_ {
        let is_first = |index: usize, format: FormatArg| !self.format[..index].contains(&format);
        let all = self.format.iter().copied().enumerate();
        all.filter(move |&(index, format)| {
            !self.no_masks && format != FormatArg::Png && is_first(index, format)
        })
        .map(|(_, format)| format)
    }

    /// The option whose file is standard output.
    pub(crate) fn on_standard_output(&self) -> Option<&'static str> {
        let files = [("--labels", &self.labels), ("--table", &self.table)];
        let is_one = |file: &Option<PathBuf>| file.as_deref().is_some_and(names::is_standard_output);
        files.into_iter().find(|(_, file)| is_one(file)).map(|(option, _)| option)
    }
}

impl Cli {
    /// Parses the command line and refuses what contradicts itself.
    pub(crate) fn parse_checked() -> Result<Self, clap::Error> {
        let mut cli = Self::try_parse()?;
        if let Command::Segment(args) = &mut cli.command {
            args.settle_output();
        }
        if let Command::Segment(args) = &cli.command
            && let Some(text) = args.contradiction()
        {
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text + "\n"));
        }
        Ok(cli)
    }
}

/// Reads `24`, `all`.
fn parse_max_count(text: &str) -> Result<u32, String> {
    match text {
        "all" => Ok(u32::MAX),
        text => text.parse().map_err(|_| "a number up to 4294967295, or all, is expected".into()),
    }
}

/// Reads `640x480x3`.
fn parse_raw_shape(text: &str) -> Result<Shape, String> {
    let numbers: Option<Vec<u32>> = text.split(['x', 'X']).map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[width, height, channels]) => {
            Shape::new(width, height, channels).map_err(|error| error.to_string())
        }
        _ => Err("three numbers such as 640x480x3 are expected".into()),
    }
}

/// Reads `4096`, `512M`, `4G`, `4GiB`.
fn parse_size(text: &str) -> Result<u64, String> {
    let upper = text.trim().to_uppercase();
    let short = upper.trim_end_matches("IB").trim_end_matches('B');
    let (number, power) = match short.chars().last() {
        Some(unit @ ('K' | 'M' | 'G' | 'T')) => {
            (&short[..short.len() - 1], " KMGT".find(unit).unwrap_or(0) as u32)
        }
        _ => (short, 0),
    };
    let number: Option<u64> = number.trim().parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(1024u64.pow(power)));
    bytes.filter(|&bytes| bytes > 0).ok_or_else(|| "a number of bytes such as 512M or 4G is expected".into())
}

/// Reads `color`, `ignored`, `at-least=0.5`.
fn parse_alpha(text: &str) -> Result<AlphaArg, String> {
    match (text, text.strip_prefix("at-least=")) {
        ("color", _) => Ok(AlphaArg::Color),
        ("ignored", _) => Ok(AlphaArg::Ignored),
        (_, Some(least)) => parse_number(least).map(AlphaArg::AtLeast),
        _ => Err("color, ignored, or at-least=N such as at-least=0.5 is expected".into()),
    }
}

/// What is wrong with the command line, in one line.
pub(crate) fn usage_error(error: &clap::Error) -> String {
    if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand)
        && Path::new(name).exists()
    {
        return format!("'{name}' is no command; try 'ctm segment {name} -o masks'");
    }
    let text = error.render().to_string();
    let mut line = String::new();
    for part in text.lines().map(str::trim) {
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        let part = part.strip_prefix("error: ").unwrap_or(part);
        let separator = match part {
            _ if line.is_empty() => "",
            "" => continue,
            _ if part.starts_with("tip:") => "; ",
            _ => " ",
        };
        line.push_str(separator);
        line.push_str(part);
    }
    // Clap calls an option by its first name.
    for (first, second) in [("--frame", "--page"), ("--all-frames", "--all-pages")] {
        let is_second = |arg: String| arg.split('=').next() == Some(second);
        if env::args().any(is_second) {
            line = line.replace(first, second);
        }
    }
    let command = match env::args().nth(1).as_deref() {
        Some(command @ ("segment" | "devices" | "documents")) => format!(" {command}"),
        _ => String::new(),
    };
    line + &format!("; try 'ctm{command} --help'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn raw_shapes() {
        assert_eq!(parse_raw_shape("640x480x3"), Ok(Shape::new(640, 480, 3).unwrap()));
        assert_eq!(parse_raw_shape("1X2x4"), Ok(Shape::new(1, 2, 4).unwrap()));
        for bad in ["", "640x480", "640x480x3x1", "axbxc", "-1x2x3", "4294967296x1x1", "640 x 480 x 3"] {
            assert!(parse_raw_shape(bad).unwrap_err().contains("such as 640x480x3"), "{bad}");
        }
        assert!(parse_raw_shape("0x4x3").unwrap_err().contains("width is 0"));
        assert!(parse_raw_shape("4x4x5").unwrap_err().contains("channels is 5"));
    }
}
