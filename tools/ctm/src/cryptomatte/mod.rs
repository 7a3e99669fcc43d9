//! `ctm segment --cryptomatte`: the objects of a Cryptomatte become masks. Each pixel has pairs of an object's id and its
//! coverage, the ranks; an object's mask is the sum of its coverage over the ranks. Names come from the manifest.

mod ids;
mod manifest;
mod objects;
mod report;
mod write;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, anyhow};

use crate::args::SegmentArgs;
use crate::decode::Ranks;
use crate::files::{Files, Role, check_different};
use crate::segment::with_files;
use crate::{input, stale, terminal};

/// An object that gets a mask.
#[derive(Debug)]
struct Object {
    id: u32,
    /// What the manifest, or who asked for it, calls it.
    name: Option<String>,
    /// The sum of its coverage over all pixels.
    pixels: f64,
    /// All rows that have it.
    rows: Range<usize>,
    /// The picture, if there is one.
    file: Option<PathBuf>,
}

impl Object {
    /// Eight hexadecimal digits, as manifests have them.
    fn hex(&self) -> String {
        format!("{:08x}", self.id)
    }

    /// The name, or the id of what has none.
    fn text(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.hex())
    }
}

/// What came of an image.
struct Outcome<'a> {
    args: &'a SegmentArgs,
    ranks: Ranks,
    objects: Vec<Object>,
    /// Objects that have enough pixels, and no mask since --max-count is what it is.
    left_out: u64,
    milliseconds: f64,
    /// The files that have all masks.
    exports: Vec<PathBuf>,
    /// Files of an earlier run that are still in the folder.
    stale: Vec<PathBuf>,
}

/// Reads the image, writes the masks, and tells of them.
pub(crate) fn run(args: &SegmentArgs, files: &Mutex<Files>) -> anyhow::Result<()> {
    let image = args.inputs.first().ok_or_else(|| anyhow!("no image is given"))?;
    let named = || image.path.display().to_string();
    let ranks = input::cryptomatte(&image.path, &args.reading.reading(), args.cryptomatte_layer())?;
    let names = manifest::read(&ranks, &image.path, args.reading.max_memory()).with_context(named)?;
    let start = Instant::now();
    let covered = objects::covered(&ranks).with_context(named)?;
    let chosen = objects::choose(&covered, &names, args).with_context(named)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let mut objects = chosen.objects;
    write::name_files(&mut objects, &args.folder(image), &args.outputs);
    let exports = args.exports(image);
    let named = objects.iter().enumerate().map(|(index, object)| (index + 1, object.text(), &object.file));
    let named: Vec<(usize, String, &Option<PathBuf>)> = named.collect();
    check_different(
        named.iter().filter_map(|(number, text, file)| Some((*number, &**text, file.as_deref()?))),
    )?;
    with_files(files, |files| {
        for file in objects.iter().filter_map(|object| object.file.as_ref()) {
            files.add(Role::Mask, file)?;
        }
        files.prepare()
    })?;
    for (format, file) in &exports {
        write::export(*format, file, &ranks, &objects)?;
    }
    write::pictures(&ranks, &objects, args.outputs.small_files)?;
    let exports: Vec<PathBuf> = exports.into_iter().map(|(_, file)| file).collect();
    let new = objects.iter().filter_map(|object| object.file.as_ref()).chain(&exports);
    let stale = stale::of_cryptomatte(args, &args.folder(image), new);
    let outcome = Outcome { args, ranks, objects, left_out: chosen.left_out, milliseconds, exports, stale };
    if args.quiet {
        return Ok(());
    }
    let text = if args.json { report::json(&outcome)? } else { report::table(&outcome) };
    terminal::print(&text)
}
