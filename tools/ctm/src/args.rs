//! The command line.

use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ctm::{Backend, Shape};

const EXIT_CODES: &str = "\
Exit codes:
  0    success, also when no colour qualifies for a mask
  1    the work failed: an unreadable image, no such device, an unwritable folder
  2    wrong usage
  130  interrupted: Ctrl-C ends the work where no file is left half written";

const FILES: &str = "\
Files in DIR:
  mask-001-ff8000.png   white where the map has the colour, black elsewhere; one file a mask, numbered
                        from the most frequent colour on. The colour, as two hexadecimal digits per
                        channel, is left out where a value is not a multiple of 1/255.
  overview.png          the map and up to 48 masks in one picture, for a first look
Files of the same names are replaced; others are left alone.";

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
    #[command(after_help = format!("{FILES}\n\n{EXIT_CODES}"))]
    Segment(SegmentArgs),
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
    /// The colour map: PNG, JPEG, TIFF, WebP, OpenEXR, or raw floats with --raw
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,

    /// Folder for the masks and the overview; created if missing
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// Colours with fewer pixels than this get no mask
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) min_pixels: u64,

    /// At most this many masks, the most frequent colours first
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) max_count: u32,

    /// IMAGE holds raw little-endian 32-bit floats, rows from the top, channels interleaved
    #[arg(long, value_name = "WIDTHxHEIGHTxCHANNELS", value_parser = parse_raw_shape)]
    pub(crate) raw: Option<Shape>,

    /// Where to work; auto: a GPU with Vulkan if there is one, else the CPU
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
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) threads: u32,

    /// Do not draw overview.png
    #[arg(long)]
    pub(crate) no_overview: bool,

    /// Print one JSON object for programs instead of the table
    #[arg(long)]
    pub(crate) json: bool,

    /// Tell on standard error what is chosen and done, and why
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// `ctm devices`.
#[derive(Args, Debug)]
pub(crate) struct DevicesArgs {
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

impl Cli {
    /// Parses the command line and refuses what contradicts itself.
    pub(crate) fn parse_checked() -> Result<Self, clap::Error> {
        let cli = Self::try_parse()?;
        if let Command::Segment(SegmentArgs { backend: BackendArg::Cpu, device: Some(name), .. }) =
            &cli.command
        {
            let text = format!("--device '{name}' chooses a Vulkan device; --backend cpu uses none\n");
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
        }
        Ok(cli)
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
    line + "; try 'ctm --help'"
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
