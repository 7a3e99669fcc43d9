//! `--batch stream`: any number of images of any size, a few at a time. Each is read when its turn comes, and is done with
//! before the next: what is held does not grow with their number. One that fails is told of, and the others go on.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::slice::from_ref;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use std::mem;

use anyhow::{anyhow, bail};
use ctm::{Context, Options};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::SegmentArgs;
use crate::export::coco::{self, Dataset};
use crate::files::Files;
use crate::inputs::Input;
use crate::maps::Maps;
use crate::palette::Palette;
use crate::report;
use crate::segment::{segment, with_files};
use crate::settings::Choice;
use crate::table::{self, Row};
use crate::terminal::{self, count};
use crate::words;

/// More images at a time need more memory, and are no sooner done: each is worked on by several threads.
const MOST_AT_ONCE: usize = 4;

/// What has come of an image.
struct Done {
    /// What is printed.
    text: String,
    rows: Vec<Row>,
    coco: Vec<coco::Image>,
    has_failed: bool,
}

/// What is known of the images that are done.
#[derive(Default)]
struct Progress {
    /// Those that wait for one before them to be printed.
    waiting: BTreeMap<usize, Done>,
    printed: usize,
    failed: u64,
    rows: Vec<Row>,
    dataset: Dataset,
}

/// All that the images have in common.
struct Stream<'a> {
    args: &'a SegmentArgs,
    palette: Option<&'a Palette>,
    files: &'a Mutex<Files>,
    next: AtomicUsize,
    /// Whether nobody wants the rest.
    has_ended: AtomicBool,
    progress: Mutex<Progress>,
    bar: ProgressBar,
    has_hinted: AtomicBool,
}

pub(crate) fn run(
    args: &SegmentArgs,
    options: &Options,
    palette: Option<&Palette>,
    files: &Mutex<Files>,
) -> anyhow::Result<()> {
    let threads = rayon::current_num_threads();
    let at_once = threads.min(MOST_AT_ONCE).min(args.inputs.len());
    let options = Options { max_threads: u32::try_from(threads.div_ceil(at_once))?, ..options.clone() };
    let is_watched = io::stderr().is_terminal() && !args.quiet && !args.verbose;
    let bar = if is_watched { ProgressBar::new(args.inputs.len() as u64) } else { ProgressBar::hidden() };
    let template = "[{bar:40}] {pos} of {len} images, {eta} left";
    bar.set_style(ProgressStyle::with_template(template)?.progress_chars("=> "));
    let contexts = (0..at_once).map(|_| Context::new(&options)).collect::<Result<Vec<_>, _>>()?;
    let stream = Stream {
        args,
        palette,
        files,
        next: AtomicUsize::new(0),
        has_ended: AtomicBool::new(false),
        progress: Mutex::new(Progress { dataset: Dataset::new(args.coco_file()), ..Progress::default() }),
        bar,
        has_hinted: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            contexts.into_iter().map(|context| scope.spawn(|| stream.work(context))).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|panic| anyhow!("{}", terminal::panic_text(panic.as_ref())))?
        })
    })
    .and_then(|()| stream.finish())
}

impl Stream<'_> {
    /// Takes one image after the other.
    fn work(&self, mut context: Context) -> anyhow::Result<()> {
        while !self.has_ended.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = self.args.inputs.get(index) else { break };
            let done = match self.one(&mut context, input) {
                Ok(done) => done,
                Err(error) => self.failure(input, &words::sentence(&error))?,
            };
            self.tell(index, done).inspect_err(|_| self.has_ended.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    }

    fn one(&self, context: &mut Context, input: &Input) -> anyhow::Result<Done> {
        let args = self.args;
        let maps = Maps::read(from_ref(input), &args.reading.reading())?;
        for text in &maps.files[0].hints {
            terminal::hint(&format!("{input} {text}"));
        }
        let named = |error: anyhow::Error| error.context(input.to_string());
        let choice = Choice::new(args, &maps, self.palette).map_err(named)?;
        if let Some(hint) = &choice.hint
            && !self.has_hinted.swap(true, Ordering::Relaxed)
        {
            terminal::hint(hint);
        }
        let mut outcome = segment(context, &maps, &choice, args, self.files).map_err(named)?;
        let text = match args.json {
            true => report::json_line(&outcome)?,
            false => report::line(&outcome),
        };
        let rows = if args.outputs.table.is_some() { table::rows(&outcome) } else { Vec::new() };
        let coco = mem::take(&mut outcome.coco);
        Ok(Done { text, rows, coco, has_failed: false })
    }

    /// What is told of an image that has failed.
    fn failure(&self, input: &Input, error: &str) -> anyhow::Result<Done> {
        self.bar.suspend(|| terminal::error(error));
        let text = if self.args.json { report::json_failure(input, error)? } else { String::new() };
        Ok(Done { text, rows: Vec::new(), coco: Vec::new(), has_failed: true })
    }

    /// Prints what is next to be printed, in the order of the images.
    fn tell(&self, index: usize, done: Done) -> anyhow::Result<()> {
        let is_silent = self.args.quiet || self.args.outputs.on_standard_output().is_some();
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.waiting.insert(index, done);
        while let Some(done) = {
            let next = progress.printed;
            progress.waiting.remove(&next)
        } {
            progress.printed += 1;
            progress.failed += u64::from(done.has_failed);
            progress.rows.extend(done.rows);
            done.coco.into_iter().try_for_each(|image| progress.dataset.add(image))?;
            if !is_silent {
                self.bar.suspend(|| terminal::print(&done.text))?;
            }
        }
        drop(progress);
        self.bar.inc(1);
        Ok(())
    }

    /// Writes the table, and fails if an image has.
    fn finish(self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        let progress = self.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.args.outputs.table {
            with_files(self.files, |files| {
                files.prepare()?;
                files.write(file, |out| table::write(file, &progress.rows, out))
            })?;
        }
        progress.dataset.finish()?;
        match progress.failed {
            0 => Ok(()),
            failed => bail!("{} of {} failed", failed, count(self.args.inputs.len() as u64, "image")),
        }
    }
}
