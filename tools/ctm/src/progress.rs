//! A bar for work that takes long, where someone watches.

use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ctm::{Analysis, ColorMap, Context, Error, Outputs, Params};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done sooner needs no bar.
const LONG: Duration = Duration::from_millis(400);

/// Steps of the bar.
const STEPS: u64 = 1000;

/// Calls the library.
pub(crate) fn analyze(
    context: &mut Context,
    map: &ColorMap,
    settings: &Params,
    outputs: Outputs,
) -> Result<Analysis, Error> {
    let start = Instant::now();
    let watched = io::stderr().is_terminal() && log::max_level() == log::LevelFilter::Off;
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::hidden());
    let style = ProgressStyle::with_template("finding masks [{bar:40}] {percent} %");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    let found = context.analyze_with(map, settings, outputs, &mut |done| {
        if watched && bar.is_hidden() && start.elapsed() > LONG {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_position((done * STEPS as f64) as u64);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    found
}
