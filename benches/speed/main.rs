//! Measures ctm against the floor (reading the input once and writing the masks once) and against
//! others that do the same job. `docs/performance-notes.md` explains the table; `scripts/bench` sets
//! everything up and runs this.

#![allow(missing_docs, unreachable_pub)]

mod baseline;
mod bus;
mod bytes;
mod columns;
mod floor;
mod goals;
mod inputs;
mod measure;
mod memory;
mod plan;
mod report;
mod rivals;
mod small;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread::available_parallelism;
use std::time::Instant;

use ctm::{DeviceInfo, DeviceKind};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::columns::{COLD, CPU, CPU_ONE, FLOOR, FLOOR_ONE, FRESH, cpu_options, vulkan_name, vulkan_options};
use crate::inputs::Input;
use crate::measure::{Column, measure};
use crate::plan::{FULL_HD, Job, Params};
use crate::report::Row;
use crate::rivals::Rivals;
use crate::small::Small;

fn main() -> ExitCode {
    // `cargo test --all-targets` runs this program, too.
    if std::env::args().any(|argument| argument == "--help")
        || !std::env::args().any(|argument| argument == "--bench")
    {
        println!("{}", plan::USAGE);
        return ExitCode::SUCCESS;
    }
    match Params::parse(std::env::args().skip(1)).and_then(|params| bench(&params)) {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            eprintln!("\nNot as it should be:\n{}", complaints.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything; gives what went wrong on the way.
fn bench(params: &Params) -> Result<Vec<String>, String> {
    let start = Instant::now();
    fs::create_dir_all(&params.out).map_err(|error| format!("{}: {error}", params.out.display()))?;
    let mut complaints = Vec::new();
    let devices = devices(params);
    let small = small_calls(&devices, &mut complaints);

    let processors = available_parallelism().map_or(1, usize::from);
    let (all, one) = (pool(processors)?, pool(1)?);
    let rivals = params.python.as_ref().map(|python| Rivals::start(python, &params.out));
    let rivals = rivals.transpose()?.map(RefCell::new);
    println!("{}, {processors} threads", processor_name());
    for device in &devices {
        println!("{} ({})", device.name, device.kind);
    }
    if let Some(rivals) = &rivals {
        println!("{}", rivals.borrow_mut().versions()?);
    }

    let mut columns = columns::floors(FLOOR, &all, false);
    columns.extend(columns::floors(FLOOR_ONE, &one, false));
    columns.push(columns::warm(CPU, &cpu_options(0))?);
    columns.push(columns::warm(CPU_ONE, &cpu_options(1))?);
    for device in &devices {
        columns.push(columns::warm(&vulkan_name(device), &vulkan_options(device))?);
    }
    columns.push(columns::plain_rust(&all));
    if let Some(rivals) = &rivals {
        let full_hd = FULL_HD.0 as usize * FULL_HD.1 as usize;
        columns.extend(columns::python(rivals, params.with_torch, full_hd));
    }
    println!("\n== Warm contexts and pages\n");
    let load = |input: &Input| rivals.as_ref().map_or(Ok(()), |rivals| rivals.borrow_mut().load(input));
    let rows = measure_all(params, &params.jobs(), &mut columns, &all, load, &mut complaints)?;
    drop(columns);

    println!("\n== New contexts and new pages\n");
    let mut columns = page_columns(&devices, &all)?;
    let pages = measure_all(params, &params.page_jobs(), &mut columns, &all, |_| Ok(()), &mut complaints)?;

    println!("\n== Bytes in and out, labels, regions\n");
    let bytes = RefCell::new(bytes::Bytes::default());
    let mut columns = bytes::columns(&bytes, &devices, &all)?;
    let load = |input: &Input| bytes.borrow_mut().load(input);
    let of_bytes = measure_all(params, &params.byte_jobs(), &mut columns, &all, load, &mut complaints)?;
    drop(columns);

    let memory = memory::measure()?;
    let software = devices.iter().find(|device| vulkan_name(device) == goals::SOFTWARE);
    let bus = software.map_or(Ok(Vec::new()), bus::measure)?;
    println!("\n== Goals\n");
    goals::print(&rows, &of_bytes, &small, &bus, &memory);

    let csv = params.out.join("speed.csv");
    report::write_csv(&csv, rows.iter().chain(&pages).chain(&of_bytes))
        .map_err(|error| format!("{}: {error}", csv.display()))?;
    println!("\n{} s; {}", start.elapsed().as_secs(), csv.display());
    if let Some(python) = &params.python {
        plot(python, &csv)?;
    }
    Ok(complaints)
}

/// The devices that get a column: hardware, and lavapipe.
fn devices(params: &Params) -> Vec<DeviceInfo> {
    let swiftshader = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/vulkan/vk_swiftshader_icd.json");
    if params.swiftshader {
        // SAFETY: the process has no other thread yet.
        #[allow(unsafe_code)]
        unsafe {
            std::env::set_var("VK_ADD_DRIVER_FILES", swiftshader); // besides the system's drivers
        }
    }
    let mut devices = ctm::devices().unwrap_or_default();
    let wanted = |device: &DeviceInfo| {
        device.kind != DeviceKind::Software
            || device.name.contains("llvmpipe")
            || params.swiftshader && device.name.contains("SwiftShader")
    };
    devices.retain(wanted);
    devices
}

fn small_calls(devices: &[DeviceInfo], complaints: &mut Vec<String>) -> Vec<Small> {
    let mut backends = vec![(CPU.to_owned(), cpu_options(0))];
    backends.extend(devices.iter().map(|device| (vulkan_name(device), vulkan_options(device))));
    let mut measured = Vec::new();
    for (name, options) in backends {
        match Small::measure(&name, &options) {
            Ok(small) => measured.push(small),
            Err(error) => complaints.push(error),
        }
    }
    measured
}

/// Warm and cold, old and new pages.
fn page_columns<'a>(devices: &[DeviceInfo], pool: &'a ThreadPool) -> Result<Vec<Column<'a>>, String> {
    let mut columns = columns::floors(FLOOR, pool, false);
    columns.extend(columns::floors(&format!("{FLOOR}{FRESH}"), pool, true));
    let mut backends = vec![(CPU.to_owned(), cpu_options(0))];
    backends.extend(devices.iter().map(|device| (vulkan_name(device), vulkan_options(device))));
    for (name, options) in backends {
        columns.push(columns::warm(&name, &options)?);
        columns.push(columns::fresh(&format!("{name}{FRESH}"), &options)?);
        columns.push(columns::cold(&format!("{name}{COLD}"), &options));
    }
    Ok(columns)
}

/// Measures all columns for all jobs and prints the rows as they come.
fn measure_all(
    params: &Params,
    jobs: &[Job],
    columns: &mut [Column],
    pool: &ThreadPool,
    load: impl Fn(&Input) -> Result<(), String>,
    complaints: &mut Vec<String>,
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for job in jobs {
        let input = pool.install(|| Input::new(job.kind, job.size, job.channels));
        load(&input)?;
        let palettes = baseline::palettes(pool, &input.floats, job.channels as usize, &job.selection);
        for (&selection, palette) in job.selection.iter().zip(&palettes) {
            let expected = measure::expected(pool, &input, palette);
            let mut masks = vec![0.5; expected.len()];
            let mask_count = palette.len();
            let share_of_ones = floor::share_of_ones(pool, bytemuck::cast_slice(&expected));
            let job =
                measure::Job { input: &input, selection, mask_count, share_of_ones, expected: &expected };
            let known = complaints.len();
            let cells = measure(columns, &job, &mut masks, params.budget, complaints);
            let row = Row::new(&input, selection, mask_count, cells);
            for complaint in &mut complaints[known..] {
                *complaint = format!("{}: {complaint}", row.label());
            }
            if rows.is_empty() {
                println!("{}", report::head(&row));
            }
            println!("{}", report::lines(&row));
            rows.push(row);
        }
    }
    Ok(rows)
}

fn pool(threads: usize) -> Result<ThreadPool, String> {
    ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())
}

fn plot(python: &Path, csv: &Path) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/plot.py");
    let status = Command::new(python).arg(script).arg(csv).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("benches/plot.py: {status}")),
        Err(error) => Err(format!("{}: {error}", python.display())),
    }
}

fn processor_name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": "))
        .map_or("unknown processor".to_owned(), |(_, name)| name.to_owned())
}
