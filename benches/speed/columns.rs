//! The columns of the table: the floor, ctm, and others that do the same job.

use ctm::{Backend, ColorMap, Context, DeviceInfo, DeviceKind, Options};
use rayon::ThreadPool;

use crate::baseline;
use crate::floor::{self, Manner, Traffic};
use crate::measure::{Column, Job, Run, time};
use crate::rivals::Rivals;

pub const FLOOR: &str = "floor";
pub const FLOOR_ONE: &str = "floor, 1 thread";
pub const CPU: &str = "ctm CPU";
pub const CPU_ONE: &str = "ctm CPU, 1 thread";
pub const BASELINE: &str = "plain Rust";
pub const NUMPY_UNIQUE: &str = "numpy unique";
pub const NUMPY_BINCOUNT: &str = "numpy bincount";
/// Packs the values first, which the two above are given packed.
pub const NUMPY_FLOATS: &str = "numpy from floats";
pub const POLARS: &str = "polars";
pub const TORCH: &str = "torch";
/// The floor is measured in three manners; the fastest one is the floor.
pub const STREAMING: &str = ", streaming";
pub const APART: &str = ", streaming, apart";
pub const MANNERS: [(&str, Manner); 3] =
    [("", Manner::Plain), (STREAMING, Manner::Streaming), (APART, Manner::Apart)];
pub const FRESH: &str = ", fresh pages";
pub const COLD: &str = ", cold";

/// A device's column.
pub fn vulkan_name(device: &DeviceInfo) -> String {
    let name = match device.kind {
        DeviceKind::Software => device.name.split([' ', '(']).next().unwrap_or_default(),
        _ => &device.name,
    };
    format!("ctm {name}")
}

pub fn cpu_options(max_threads: u32) -> Options {
    Options { backend: Backend::Cpu, max_threads, ..Options::default() }
}

pub fn vulkan_options(device: &DeviceInfo) -> Options {
    Options { backend: Backend::Vulkan, device_name: Some(device.name.clone()), ..Options::default() }
}

/// The columns of a floor, one for each manner. With `fresh`, the memory written is new each time.
pub fn floors<'a>(name: &str, pool: &'a ThreadPool, fresh: bool) -> Vec<Column<'a>> {
    let column = |(suffix, manner): (&str, Manner)| Column {
        name: format!("{name}{suffix}"),
        writes_masks: false,
        min_runs: 3,
        way: Box::new(move |job, masks| {
            let len = masks.len();
            let mut new = if fresh { fresh_pages() } else { Vec::new() };
            let masks = if fresh { &mut new[..len] } else { masks };
            Ok(Some(touch(pool, job, masks, manner)))
        }),
    };
    MANNERS.map(column).into()
}

/// Memory that the system maps page by page as it is written: 2 GiB, more than the allocator would
/// take from what it has had before.
fn fresh_pages() -> Vec<f32> {
    vec![0.0; 1 << 29]
}

fn touch(pool: &ThreadPool, job: &Job, masks: &mut [f32], manner: Manner) -> Run {
    let traffic = Traffic {
        input: bytemuck::cast_slice(&job.input.floats),
        pixel_bytes: 4 * job.input.channels as usize,
        masks: bytemuck::cast_slice_mut(masks),
        plane: job.input.plane(),
        mask_bytes: 4,
        share_of_ones: job.share_of_ones,
        one: 1f32.to_bits(),
    };
    let (time, ()) = time(|| floor::run(pool, traffic, manner));
    Run { time, mask_count: job.mask_count }
}

/// ctm with a context that is kept from run to run.
pub fn warm(name: &str, options: &Options) -> Result<Column<'static>, String> {
    let mut context = Context::new(options).map_err(|error| error.to_string())?;
    Ok(ctm_column(name, move |job, masks| run(&mut context, job, masks)))
}

/// ctm with a kept context, writing memory which the process has just got.
pub fn fresh(name: &str, options: &Options) -> Result<Column<'static>, String> {
    let mut context = Context::new(options).map_err(|error| error.to_string())?;
    Ok(ctm_column(name, move |job, masks| {
        let fresh = &mut fresh_pages()[..masks.len()];
        let result = run(&mut context, job, fresh)?;
        masks.copy_from_slice(fresh);
        Ok(result)
    }))
}

/// ctm with a new context each time: its creation and its first run.
pub fn cold(name: &str, options: &Options) -> Column<'static> {
    let options = options.clone();
    ctm_column(name, move |job, masks| {
        let (created, context) = time(|| Context::new(&options));
        let mut run = run(&mut context.map_err(|error| error.to_string())?, job, masks)?;
        run.time += created;
        Ok(run)
    })
}

fn ctm_column<'a>(
    name: &str,
    mut way: impl FnMut(&Job, &mut [f32]) -> Result<Run, String> + 'a,
) -> Column<'a> {
    Column {
        name: name.to_owned(),
        writes_masks: true,
        min_runs: 3,
        way: Box::new(move |job, masks| way(job, masks).map(Some)),
    }
}

fn run(context: &mut Context, job: &Job, masks: &mut [f32]) -> Result<Run, String> {
    let input = job.input;
    let map = ColorMap::new(&input.floats, input.width, input.height, input.channels)
        .map_err(|error| error.to_string())?;
    let (time, palette) = time(|| context.run(&map, &job.selection, masks));
    Ok(Run { time, mask_count: palette.map_err(|error| error.to_string())?.colors.len() })
}

pub fn plain_rust(pool: &ThreadPool) -> Column<'_> {
    Column {
        name: BASELINE.to_owned(),
        writes_masks: true,
        min_runs: 1,
        way: Box::new(move |job, masks| {
            let (floats, channels) = (&job.input.floats, job.input.channels as usize);
            let (time, palette) = time(|| {
                let palette = baseline::palette(pool, floats, channels, job.selection);
                baseline::write_masks(pool, floats, channels, &palette, masks);
                palette
            });
            Ok(Some(Run { time, mask_count: palette.len() }))
        }),
    }
}

/// What Python programmers use. `torch_pixels`: torch takes part up to this size.
pub fn python<'a>(
    rivals: &'a std::cell::RefCell<Rivals>,
    with_torch: bool,
    torch_pixels: usize,
) -> Vec<Column<'a>> {
    let mut names = vec![NUMPY_UNIQUE, NUMPY_BINCOUNT, NUMPY_FLOATS, POLARS];
    if with_torch {
        names.push(TORCH);
    }
    let column = |name: &'static str| Column {
        name: name.to_owned(),
        writes_masks: false,
        min_runs: 1,
        way: Box::new(move |job: &Job, _: &mut [f32]| {
            let input = job.input;
            let able = match name {
                NUMPY_UNIQUE | NUMPY_FLOATS => input.eight_bit,
                // A counter for each possible colour: not with 32-bit colours.
                NUMPY_BINCOUNT => input.eight_bit && input.channels <= 3,
                TORCH => input.plane() <= torch_pixels,
                _ => true,
            };
            if able { rivals.borrow_mut().run(name, &job.selection).map(Some) } else { Ok(None) }
        }),
    };
    names.into_iter().map(column).collect()
}
