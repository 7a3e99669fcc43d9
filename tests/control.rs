//! Calls that tell how far they are, that stop, and that are stopped from other threads; on every road.

#![allow(missing_docs)]

mod common;

use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    Case, DRIVERS, Random, all_options, assert_no_validation_messages, limits, oracle, random_case,
    vulkan_options,
};
use ctm::{
    Analysis, Backend, Context, DebugOptions, Error, LabelOutput, MaskOutput, Metric, Nearest, Options,
    Outputs, Params, Selection, Unlisted,
};

/// A call with all its outputs.
struct Job {
    name: &'static str,
    case: Case,
    palette: Option<Vec<[f32; 4]>>,
    nearest: Option<Nearest>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Found {
    analysis: Analysis,
    masks: Vec<f32>,
    labels: Vec<u32>,
}

impl Job {
    fn new(name: &'static str, colors: u32, longest_run: u32, max_count: u32) -> Self {
        let random = &mut Random(colors.into());
        let mut case = random_case(random, 517, 301, 3, colors, longest_run);
        case.selection = Selection { min_pixels: 1, max_count };
        Self { name, case, palette: None, nearest: None }
    }

    fn params(&self) -> Params<'_> {
        let unlisted = if self.palette.is_some() { Unlisted::Nearest } else { Unlisted::Ignore };
        let nearest = self.nearest;
        Params { palette: self.palette.as_deref(), nearest, unlisted, ..Params::from(self.case.selection) }
    }

    fn find(
        &self,
        context: &mut Context,
        progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Found, Error> {
        let mask_count = self.palette.as_ref().map_or(self.case.selection.max_count as usize, Vec::len);
        let mut masks = vec![0.5; mask_count * self.case.plane()];
        let mut labels = vec![77; self.case.plane()];
        let outputs = Outputs {
            masks: Some(MaskOutput::F32(&mut masks)),
            labels: Some(LabelOutput::U32(&mut labels)),
            mask_stats: true,
            ..Outputs::default()
        };
        let mut analysis = context.analyze_with(&self.case.map(), &self.params(), outputs, progress)?;
        analysis.palette.distinct_colors = None; // not always known
        Ok(Found { analysis, masks, labels })
    }

    /// What a call finds that nobody disturbs.
    fn expected(&self) -> Found {
        let options = Options { backend: Backend::Cpu, max_threads: 1, ..Options::default() };
        let found = self.find(&mut Context::new(&options).unwrap(), &mut go_on).unwrap();
        if self.palette.is_none() && self.nearest.is_none() {
            let answer = oracle::answer(&self.case);
            assert!(found.masks[..answer.masks.len()] == answer.masks, "{}", self.name);
        }
        found
    }
}

fn go_on(_: f64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Every road: flat, noise, a photo's many colours, all different, many masks, palettes with near colours.
fn jobs() -> Vec<Job> {
    let palette = (0..40).map(|index| [index as f32 * 7.0, 0.5, 0.5, 0.0]).collect();
    let near = Nearest { metric: Metric::Euclidean, tolerance: 3.0 };
    vec![
        Job::new("flat", 16, 900, 5),
        Job::new("noise", 300, 1, 5),
        Job::new("photo", 30_000, 3, 5),
        Job::new("all different", 160_000, 1, 5),
        Job::new("many masks", 260, 20, 260),
        Job { nearest: Some(near), ..Job::new("near colours", 500, 2, 20) },
        Job { palette: Some(palette), ..Job::new("a palette", 300, 9, 0) },
    ]
}

/// All contexts, and devices whose limits force chunks.
fn contexts() -> Vec<Context> {
    let mut options = all_options();
    for driver in DRIVERS {
        let device_limits = match driver {
            "SwiftShader" => limits(1 << 18, 65_535, 1 << 30, true),
            _ => limits(1 << 19, 100, 4 << 20, false),
        };
        let debug = DebugOptions { device_limits: Some(device_limits), ..DebugOptions::default() };
        options.push(Options { debug, ..vulkan_options(driver) });
    }
    options.iter().map(|options| Context::new(options).unwrap()).collect()
}

#[test]
fn progress_begins_at_0_never_falls_and_ends_at_1() {
    let mut contexts = contexts();
    for job in jobs() {
        let expected = job.expected();
        for context in &mut contexts {
            let name = format!("{}, {}", job.name, context.device_name());
            let here = thread::current().id();
            let mut told = Vec::new();
            let found = job.find(context, &mut |done| {
                assert_eq!(thread::current().id(), here);
                told.push(done);
                ControlFlow::Continue(())
            });
            assert!(found.unwrap() == expected, "{name}");
            assert_eq!((told[0], *told.last().unwrap()), (0.0, 1.0), "{name}");
            assert!(told.is_sorted(), "{name}: {told:?}");
            assert_eq!(told.iter().filter(|&&done| done == 1.0).count(), 1, "{name}: {told:?}");
            assert!(told.len() > 4, "{name}: {told:?}");
        }
    }
    assert_no_validation_messages();
}

/// The image is looked at in parts, between each of which the call can be stopped.
#[test]
fn a_call_can_be_stopped_wherever_it_tells_how_far_it_is() {
    let mut contexts = contexts();
    for job in jobs() {
        let expected = job.expected();
        for context in &mut contexts {
            let name = format!("{}, {}", job.name, context.device_name());
            let mut stopped = 0;
            for last in [1, 2, 3, 4, 5, 8, 13, 30, 90, usize::MAX] {
                let mut calls = 0;
                let mut done_at_last = 0.0;
                let found = job.find(context, &mut |done| {
                    calls += 1;
                    done_at_last = done;
                    if calls < last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                });
                if done_at_last < 1.0 {
                    assert_eq!(found, Err(Error::Cancelled), "{name}, call {last}");
                    assert_eq!(calls, last, "{name}: called after it has said stop");
                    stopped += 1;
                } else {
                    assert!(found.unwrap() == expected, "{name}, call {last}");
                    break;
                }
            }
            assert!(stopped >= 4, "{name}: stopped {stopped} times");
            assert!(job.find(context, &mut go_on).unwrap() == expected, "{name}");
        }
    }
    assert_no_validation_messages();
}

#[test]
fn a_call_can_be_cancelled_from_another_thread_at_any_moment() {
    let mut contexts = contexts();
    let mut cancelled = 0;
    for job in jobs() {
        let expected = job.expected();
        for context in &mut contexts {
            let name = format!("{}, {}", job.name, context.device_name());
            let start = Instant::now();
            assert!(job.find(context, &mut go_on).unwrap() == expected, "{name}");
            let whole = start.elapsed();
            let random = &mut Random(3);
            for _ in 0..3 {
                let delay = whole.mul_f64(f64::from(random.below(1000)) / 1000.0);
                let canceller = context.canceller();
                let other = thread::spawn(move || {
                    thread::sleep(delay);
                    canceller.cancel();
                });
                let found = job.find(context, &mut go_on);
                other.join().unwrap();
                match found {
                    Err(Error::Cancelled) => cancelled += 1,
                    found => assert!(found.unwrap() == expected, "{name}"),
                }
            }
            // Nobody is at work: later calls are not affected.
            context.canceller().cancel();
            assert!(job.find(context, &mut go_on).unwrap() == expected, "{name}");
        }
    }
    assert!(cancelled > 20, "{cancelled} calls were cancelled");
    assert_no_validation_messages();
}

/// The other functions are calls, too.
#[test]
fn every_function_can_be_cancelled() {
    let job = Job::new("all different", 160_000, 1, 5);
    let map = job.case.map();
    for context in &mut contexts() {
        type Function<'a> = &'a dyn Fn(&mut Context) -> Result<(), Error>;
        let functions: [Function; 3] = [
            &|context| context.palette(&map, &job.case.selection).map(drop),
            &|context| context.mask_count(&map, &job.case.selection.into()).map(drop),
            &|context| context.run(&map, &job.case.selection, &mut vec![0.0; 5 * job.case.plane()]).map(drop),
        ];
        for function in functions {
            let canceller = context.canceller();
            let stops = std::sync::atomic::AtomicBool::new(false);
            let outcome = thread::scope(|scope| {
                scope.spawn(|| {
                    while !stops.load(std::sync::atomic::Ordering::Relaxed) {
                        canceller.cancel();
                        thread::sleep(Duration::from_micros(100));
                    }
                });
                // A call that is quick may end before it is noticed.
                let outcome = (0..100).map(|_| function(context)).find(Result::is_err);
                stops.store(true, std::sync::atomic::Ordering::Relaxed);
                outcome
            });
            assert_eq!(outcome, Some(Err(Error::Cancelled)), "{}", context.device_name());
            assert_eq!(function(context), Ok(()));
        }
    }
    assert_no_validation_messages();
}

#[test]
fn a_panic_of_the_progress_function_is_the_callers() {
    let job = Job::new("flat", 16, 900, 5);
    let expected = job.expected();
    for context in &mut contexts() {
        for last in [1, 3] {
            let mut calls = 0;
            let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
                job.find(context, &mut |_| {
                    calls += 1;
                    assert!(calls < last, "mine");
                    ControlFlow::Continue(())
                })
            }));
            assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"mine"));
            assert_eq!(calls, last);
            assert!(job.find(context, &mut go_on).unwrap() == expected);
        }
    }
    assert_no_validation_messages();
}

/// A progress function may use other contexts, whose calls are others.
#[test]
fn calls_within_a_progress_function_are_others() {
    let job = Job::new("noise", 300, 1, 5);
    let expected = job.expected();
    let mut contexts = contexts();
    let (outer, others) = contexts.split_first_mut().unwrap();
    let mut calls = 0;
    let found = job.find(outer, &mut |_| {
        let context = &mut others[calls % 5];
        calls += 1;
        let inner = job.find(context, &mut |done| match done {
            done if done > 0.1 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert_eq!(inner, Err(Error::Cancelled));
        ControlFlow::Continue(())
    });
    assert!(found.unwrap() == expected);
    assert!(calls > 4);
    assert_no_validation_messages();
}
