//! `--batch stream`: any number of images of any size, a few at a time. Each is read when its turn comes, and is done with
//! before the next. What is told of them is printed, and goes to the table and to COCO's file, in their order and at once:
//! what is held does not grow with their number. One that fails is told of, and the others go on.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::mem;
use std::slice::from_ref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
use crate::table::{self, Row, Table};
use crate::terminal::{self, count};
use crate::words;

/// More images at a time need more memory, and are no sooner done: each is worked on by several threads.
const MOST_AT_ONCE: usize = 4;

/// How many images are begun before one is printed: those behind a slow one wait for it in memory when they are done.
const MOST_AHEAD: usize = 16;

/// What has come of an image.
struct Done {
    /// What is printed.
    text: String,
    rows: Vec<Row>,
    coco: Vec<coco::Image>,
    has_failed: bool,
}

/// How far the work is.
#[derive(Default)]
struct Progress {
    begun: usize,
    /// What is done, and waits for an image before it to be printed.
    waiting: BTreeMap<usize, Done>,
    printed: usize,
    failed: u64,
    table: Option<Table>,
    dataset: Dataset,
    /// Whether no further image is begun.
    has_ended: bool,
}

/// All that the images have in common.
struct Stream<'a> {
    args: &'a SegmentArgs,
    palette: Option<&'a Palette>,
    files: &'a Mutex<Files>,
    progress: Mutex<Progress>,
    /// Told when an image is printed, and in the end.
    has_moved: Condvar,
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
    // What is in the way of a file of all images is no failure of the first one.
    let table = with_files(files, |files| {
        files.prepare()?;
        args.outputs.table.as_deref().map(|file| Table::new(file, files)).transpose()
    })?;
    let dataset = Dataset::new(args.coco_file());
    let stream = Stream {
        args,
        palette,
        files,
        progress: Mutex::new(Progress { table, dataset, ..Progress::default() }),
        has_moved: Condvar::new(),
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

/// Ends the work for all when one worker ends: it has failed, or there is nothing left to begin.
struct End<'a, 'b>(&'b Stream<'a>);

impl Drop for End<'_, '_> {
    fn drop(&mut self) {
        self.0.progress().has_ended = true;
        self.0.has_moved.notify_all();
    }
}

impl Stream<'_> {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one image after the other.
    fn work(&self, mut context: Context) -> anyhow::Result<()> {
        let _end = End(self);
        while let Some((index, input)) = self.next() {
            let done = match self.one(&mut context, input) {
                Ok(done) => done,
                Err(error) => self.failure(input, &words::sentence(&error))?,
            };
            self.tell(index, done)?;
        }
        Ok(())
    }

    /// The next image to begin, once it is not too far ahead of what is printed; none in the end.
    fn next(&self) -> Option<(usize, &Input)> {
        let is_far_ahead =
            |progress: &mut Progress| !progress.has_ended && progress.begun >= progress.printed + MOST_AHEAD;
        let progress = self.has_moved.wait_while(self.progress(), is_far_ahead);
        let mut progress = progress.unwrap_or_else(PoisonError::into_inner);
        let index = progress.begun;
        let input = self.args.inputs.get(index).filter(|_| !progress.has_ended)?;
        progress.begun += 1;
        Some((index, input))
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
        let mut guard = self.progress();
        let progress = &mut *guard;
        progress.waiting.insert(index, done);
        while let Some(done) = progress.waiting.remove(&progress.printed) {
            progress.printed += 1;
            progress.failed += u64::from(done.has_failed);
            if let Some(table) = &mut progress.table {
                self.bar.suspend(|| table.add(&done.rows))?;
            }
            done.coco.into_iter().try_for_each(|image| progress.dataset.add(image))?;
            if !is_silent {
                self.bar.suspend(|| terminal::print(&done.text))?;
            }
        }
        drop(guard);
        self.has_moved.notify_all();
        self.bar.inc(1);
        Ok(())
    }

    /// Closes the files of all images, and fails if an image has.
    fn finish(self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        let progress = self.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        progress.table.map_or(Ok(()), Table::finish)?;
        progress.dataset.finish()?;
        match progress.failed {
            0 => Ok(()),
            failed => bail!("{} of {} failed", failed, count(self.args.inputs.len() as u64, "image")),
        }
    }
}
