//! `ctm segment`: reads the maps, has them segmented, and says what happened.

use std::mem;
use std::path::Path;
use std::slice::from_ref;
use std::sync::Mutex;

use anyhow::Context as _;
use ctm::{Context, Options};

use crate::args::{BatchArg, SegmentArgs};
use crate::export::coco::Dataset;
use crate::files::Files;
use crate::labels::{self, MOST_IN_PNG};
use crate::maps::Maps;
use crate::segment::{segment, with_files};
use crate::settings::Choice;
use crate::table::{self, Table};
use crate::{cryptomatte, interrupt, palette, report, stream, terminal};

/// Runs the command.
pub(crate) fn run(mut args: SegmentArgs) -> anyhow::Result<()> {
    limit_threads(args.threads);
    let options = Options {
        backend: args.backend.into(),
        device_name: args.device.clone(),
        max_threads: args.threads,
        ..Options::default()
    };
    if args.verbose {
        terminal::be_verbose();
    }
    if args.quiet {
        terminal::be_quiet();
    }
    interrupt::listen()?;
    args.find_inputs()?;
    let args = &args;
    let files = Mutex::new(Files::check(args)?);
    let result = run_checked(args, &options, &files);
    with_files(&files, |files| {
        files.remove_empty_folders();
        result
    })
}

fn run_checked(args: &SegmentArgs, options: &Options, files: &Mutex<Files>) -> anyhow::Result<()> {
    let say_that_nothing_is_written = || {
        if args.is_look {
            let overview = if args.has_cryptomatte() { "" } else { ", and an overview" };
            terminal::hint(&format!("no file is written; -o DIR writes the masks{overview}"));
        }
    };
    if args.has_cryptomatte() {
        cryptomatte::run(args, files)?;
        say_that_nothing_is_written();
        return Ok(());
    }
    let palette = args.colors.palette.as_deref();
    let palette = palette.map(|file| palette::read(file, args.reading.max_memory())).transpose()?;
    if args.colors.batch == BatchArg::Stream {
        say_that_nothing_is_written();
        return stream::run(args, options, palette.as_ref(), files);
    }
    // Looking for devices takes as long as reading an image.
    let (context, groups) = rayon::join(|| Context::new(options), || read(args));
    let (mut context, groups) = (context?, groups?);
    for file in groups.iter().flat_map(|maps| &maps.files) {
        file.hints.iter().for_each(|text| terminal::hint(&format!("{} {text}", file.input)));
    }
    let choices = groups.iter().map(|maps| Choice::new(args, maps, palette.as_ref()));
    let choices = choices.collect::<anyhow::Result<Vec<_>>>()?;
    choices.iter().filter_map(|choice| choice.hint.as_deref()).take(1).for_each(terminal::hint);
    if let Some(labels) = &args.outputs.labels {
        check_label_counts(&mut context, &groups, &choices, labels)?;
    }
    let (mut outcomes, mut dataset) = (Vec::new(), Dataset::new(args.coco_file()));
    for (maps, choice) in groups.iter().zip(&choices) {
        let outcome = segment(&mut context, maps, choice, args, files);
        let mut outcome = match groups.len() {
            1 => outcome?,
            _ => outcome.with_context(|| maps.files[0].input.to_string())?,
        };
        mem::take(&mut outcome.coco).into_iter().try_for_each(|image| dataset.add(image))?;
        outcomes.push(outcome);
    }
    dataset.finish()?;
    if let Some(file) = &args.outputs.table {
        let mut table = with_files(files, |files| Table::new(file, files))?;
        outcomes.iter().try_for_each(|outcome| table.add(&table::rows(outcome)))?;
        table.finish()?;
    }
    say_that_nothing_is_written();
    match args.outputs.on_standard_output() {
        Some(_) => Ok(()),
        None if args.quiet => Ok(()),
        None if args.json => terminal::print(&report::json(&outcomes)?),
        None => terminal::print(&report::table(&outcomes)),
    }
}

/// Reads the maps, in groups that share their masks. All are read before anything is written.
fn read(args: &SegmentArgs) -> anyhow::Result<Vec<Maps>> {
    let reading = &args.reading.reading();
    match args.colors.batch {
        BatchArg::Each => args.inputs.iter().map(|input| Maps::read(from_ref(input), reading)).collect(),
        BatchArg::All | BatchArg::First | BatchArg::Stream => {
            Maps::read(&args.inputs, reading).map(|maps| vec![maps])
        }
    }
}

/// Fails where labels have no room for all masks, as far as that can be known before files are written.
fn check_label_counts(
    context: &mut Context,
    groups: &[Maps],
    choices: &[Choice],
    labels: &Path,
) -> anyhow::Result<()> {
    for (maps, choice) in groups.iter().zip(choices).filter(|(_, choice)| choice.most_masks() > MOST_IN_PNG) {
        if choice.has_palette() {
            labels::check_count(labels, choice.most_masks(), None)?;
        } else if groups.len() > 1 {
            // Else it is known early enough once the masks are found.
            let count = context.mask_count(&maps.color_map()?, &choice.settings())?;
            labels::check_count(labels, count.into(), None)?;
        }
    }
    Ok(())
}

/// Keeps decoding and encoding within `--threads`, too.
fn limit_threads(threads: u32) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let count = if threads == 0 { processors } else { processors.min(threads as usize) };
    // Fails only where a pool exists already: then that one does.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(count).build_global();
}
