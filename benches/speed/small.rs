//! What a call costs when there is next to nothing to do, and what a context's first call costs.

use std::time::Duration;

use ctm::{ColorMap, Context, Options, Selection};

use crate::inputs::{Input, Kind};
use crate::measure::{Stats, time};

/// Times for an image of 64 x 64 pixels.
pub struct Small {
    pub name: String,
    /// Calls of a context that has had some.
    pub warm: Stats,
    /// Allocations of device memory in the last of these calls.
    pub allocations: u64,
    /// Creating a context and its first call, where the process has had others.
    pub cold: Stats,
    /// The same for the process's first context, in milliseconds.
    pub first: f64,
}

const WARM_RUNS: usize = 500;
const COLD_RUNS: usize = 15;

impl Small {
    /// Comes before anything else that uses this backend.
    pub fn measure(name: &str, options: &Options) -> Result<Self, String> {
        Self::try_measure(name, options).map_err(|error| format!("{name}, small call: {error}"))
    }

    fn try_measure(name: &str, options: &Options) -> Result<Self, ctm::Error> {
        let input = Input::new(Kind::Flat16, (64, 64), 3);
        let map = ColorMap::new(&input.floats, 64, 64, 3)?;
        let selection = Selection { min_pixels: 1, max_count: 5 };
        let mut masks = vec![0.5; 5 * input.plane()];
        let mut cold = || -> Result<(Duration, Context), ctm::Error> {
            let (time, context) = time(|| {
                let mut context = Context::new(options)?;
                context.run(&map, &selection, &mut masks)?;
                Ok(context)
            });
            Ok((time, context?))
        };
        let (first, mut context) = cold()?;
        let times = (0..COLD_RUNS).map(|_| Ok(cold()?.0)).collect::<Result<Vec<_>, ctm::Error>>()?;
        let mut warm = Vec::with_capacity(WARM_RUNS);
        for _ in 0..WARM_RUNS {
            let (time, palette) = time(|| context.run(&map, &selection, &mut masks));
            palette?;
            warm.push(time);
        }
        // Neither is empty.
        let stats = |times: &[Duration]| Stats::of(times).expect("there are times");
        Ok(Self {
            name: name.to_owned(),
            warm: stats(&warm),
            allocations: context.call_stats().device_allocations,
            cold: stats(&times),
            first: first.as_secs_f64() * 1e3,
        })
    }
}
