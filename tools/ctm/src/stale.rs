//! Files of an earlier run that lie beside the masks of this one: nobody should take them for its.

use std::collections::HashSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;

use crate::args::{FormatArg, SegmentArgs};
use crate::outcome::Outcome;

/// Files in the folders of these masks that this run has not written: called as masks are, or as a file of all masks.
pub(crate) fn files(outcome: &Outcome) -> Vec<PathBuf> {
    let args = outcome.args;
    if args.outputs.no_masks {
        return Vec::new();
    }
    let parts = outcome.masks.iter().flat_map(|mask| &mask.parts).filter_map(|part| part.file.as_ref());
    let exports = outcome.exports.iter().flatten().map(|(_, file)| file);
    let others = outcome.overviews.iter().chain(&outcome.labels);
    let new = parts.chain(exports).chain(others);
    let images = || outcome.maps.files.iter().map(|file| &file.input);
    let mut found: Vec<PathBuf> = images().flat_map(|image| outputs(&args.folder(image), args)).collect();
    // COCO's file of several images is in the folder that has theirs: the first image tells of it.
    let is_first = images().zip(&args.inputs).any(|(image, first)| image.name == first.name);
    if let (Some(output), true) = (args.output(), is_first && args.inputs.len() > 1) {
        found.extend(
            FormatArg::Coco.files().iter().map(|name| output.join(name)).filter(|file| file.is_file()),
        );
    }
    without(found, new, args)
}

/// Those in the folder of a Cryptomatte's masks.
pub(crate) fn of_cryptomatte<'a>(
    args: &SegmentArgs,
    folder: &Path,
    new: impl Iterator<Item = &'a PathBuf>,
) -> Vec<PathBuf> {
    if args.outputs.no_masks { Vec::new() } else { without(outputs(folder, args), new, args) }
}

/// What of these is neither new nor read, sorted.
fn without<'a>(
    mut found: Vec<PathBuf>,
    new: impl Iterator<Item = &'a PathBuf>,
    args: &SegmentArgs,
) -> Vec<PathBuf> {
    let new: HashSet<&Path> = new.map(PathBuf::as_path).collect();
    found.retain(|file| !new.contains(&**file) && !is_input(file, args));
    found.sort();
    found
}

/// The files of a folder that are called as outputs are.
fn outputs(folder: &Path, args: &SegmentArgs) -> Vec<PathBuf> {
    let here = fs::read_dir(folder).into_iter().flatten().flatten();
    let here = here.filter(|file| is_output(&file.file_name().to_string_lossy(), &file.path(), args));
    here.map(|file| file.path()).collect()
}

/// Whether a file is called as outputs are. Where the template says little, as `{name}.png` does, what is no grey PNG is none;
/// so it is with objects, whose masks are called as they are.
fn is_output(name: &str, file: &Path, args: &SegmentArgs) -> bool {
    let is_of_all = FormatArg::value_variants().iter().any(|format| format.files().contains(&name));
    let is_named = || match &args.outputs.names {
        Some(template) => template.matches(name),
        None => args.has_cryptomatte() && name.ends_with(".png"),
    };
    is_of_all || is_mask(name) || (is_named() && is_grey_png(file))
}

/// Whether a file is called as masks are without `--names`: `mask-001.png`, `mask-001-ff8000.png`, `mask-001-26001.png`.
fn is_mask(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("mask-").and_then(|rest| rest.strip_suffix(".png")) else {
        return false;
    };
    let (number, hex) = rest.split_once('-').unwrap_or((rest, "00"));
    let is_number = number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_hex = matches!(hex.len(), 2 | 4 | 6 | 8) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_number && (is_hex || is_id(hex))
}

/// Whether a file begins as the PNGs of masks do: grey, of 1 bit or of 8.
fn is_grey_png(file: &Path) -> bool {
    let mut head = [0; 26];
    let is_read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut head)).is_ok();
    let [depth, color] = [head[24], head[25]];
    is_read && head.starts_with(b"\x89PNG\r\n\x1a\n") && matches!(depth, 1 | 8) && color == 0
}

/// Whether a file is one of those that were read.
fn is_input(file: &Path, args: &SegmentArgs) -> bool {
    let paths = args.inputs.iter().map(|input| &input.path).chain(&args.colors.palette);
    let mut same_name = paths.filter(|path| path.file_name() == file.file_name());
    same_name
        .any(|path| path.canonicalize().is_ok_and(|path| file.canonicalize().is_ok_and(|file| file == path)))
}
