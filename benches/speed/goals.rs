//! What the library is to reach, and whether it does in this run, numbered as in `docs/performance-notes.md`.
//! Each figure is the worst of all images it covers.

use crate::bus::Bus;
use crate::bytes::{CPU_BYTES, CPU_LABELS, CPU_REGIONS};
use crate::columns::{
    BASELINE, CPU, CPU_ONE, FLOOR, FLOOR_ONE, NUMPY_BINCOUNT, NUMPY_FLOATS, NUMPY_UNIQUE, TORCH,
};
use crate::inputs::Kind;
use crate::memory::Memory;
use crate::report::{Row, short};
use crate::small::Small;

/// The name of the software driver's column.
pub const SOFTWARE: &str = "ctm llvmpipe";

struct Table<'a> {
    rows: &'a [Row],
}

/// What a figure has to be.
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}
use Bound::{AtLeast, AtMost};

const FULL_HD: u64 = 1920 * 1080;

/// Tables and lists that cross the bus besides, in bytes a pixel of full HD; they do not grow with pixels.
const TABLES: f64 = 0.05;

pub fn print(rows: &[Row], of_bytes: &[Row], small: &[Small], bus: &[Bus], memory: &[Memory]) {
    let pixels = |row: &Row| u64::from(row.size.0) * u64::from(row.size.1);
    let flat = |row: &Row| row.kind.is_flat();
    let noise = |row: &Row| row.kind.is_noise();
    let photo = |row: &Row| row.kind == Kind::Photo;
    let different = |row: &Row| row.kind == Kind::AllDifferent;
    let full_size = |row: &Row| pixels(row) > FULL_HD && row.selection.max_count == 5;
    let over_floor = |row: &Row| row.ratio(CPU, FLOOR);
    let over_cpu = |row: &Row| row.ratio(SOFTWARE, CPU);
    let torch = |row: &Row| if pixels(row) == FULL_HD { row.ratio(TORCH, CPU) } else { None };
    let numpy = |row: &Row| {
        let both = [row.ms(NUMPY_UNIQUE), row.ms(NUMPY_BINCOUNT)];
        Some(both.into_iter().flatten().min_by(f64::total_cmp)? / row.ms(CPU)?)
    };
    let numpy_floats = |row: &Row| row.ratio(NUMPY_FLOATS, CPU);
    let baseline = |row: &Row| row.ratio(BASELINE, CPU);
    let threads = |row: &Row| row.ratio(CPU_ONE, CPU);
    let of_bandwidth = |row: &Row| Some(row.ratio(CPU_ONE, CPU)? / row.ratio(FLOOR_ONE, FLOOR)?);

    println!("{:78} {:>9} {:>9} {:>9}  {:7}  worst of", "goal", "", "stretch", "measured", "");
    let table = Table { rows };
    let line = |name: &str, bound, stretch, covers: &dyn Fn(&Row) -> bool, value: &dyn Fn(&Row) -> _| {
        let full_size_rows = |row: &Row| full_size(row) && covers(row);
        table.line(name, bound, stretch, &full_size_rows, value);
    };
    line(" 1  CPU over the floor: flat maps", AtMost(1.5), 1.2, &flat, &over_floor);
    line(" 2  CPU over the floor: noise of 16 and of 4,096 colours", AtMost(4.0), 2.5, &noise, &over_floor);
    let rare_dropped = |row: &Row| (photo(row) || different(row)) && row.selection.min_pixels == 500;
    line(
        " 3  CPU over the floor: photo, all different; 500 pixels at least",
        AtMost(5.0),
        3.0,
        &rare_dropped,
        &over_floor,
    );
    let all_kept = |row: &Row| different(row) && row.selection.min_pixels == 1;
    line(" 4  CPU over the floor: all different", AtMost(20.0), 8.0, &all_kept, &over_floor);
    let bytes = Table { rows: of_bytes };
    let of_byte_floor = |row: &Row| row.ratio(CPU_BYTES, FLOOR);
    bytes.line("    the same of bytes in and out: flat maps", AtMost(1.5), 1.2, &flat, &of_byte_floor);
    bytes.line("    the same: noise of 16 and of 4,096 colours", AtMost(4.0), 2.5, &noise, &of_byte_floor);
    bytes.line("    the same: photo, 500 pixels at least", AtMost(5.0), 3.0, &photo, &of_byte_floor);
    bytes.line(
        "    bytes in and out over floats in and out",
        AtMost(1.0),
        f64::NAN,
        &|_| true,
        &|row: &Row| row.ratio(CPU_BYTES, CPU),
    );
    let regions = |row: &Row| row.ratio(CPU_REGIONS, CPU_LABELS);
    bytes.line(
        "    labels by region over labels by colour: flat maps",
        AtMost(2.0),
        f64::NAN,
        &flat,
        &regions,
    );
    table.line(" 5  torch over CPU: flat maps, full HD", AtLeast(300.0), 1000.0, &flat, &torch);
    table.line(" 5  torch over CPU: the others, full HD", AtLeast(150.0), 1000.0, &|row| !flat(row), &torch);
    let noise_or_photo = |row: &Row| noise(row) || photo(row);
    line(" 6  numpy, packed before, over CPU: flat maps", AtLeast(10.0), 15.0, &flat, &numpy);
    line(" 6  numpy, packed before, over CPU: noise, photo", AtLeast(4.0), 8.0, &noise_or_photo, &numpy);
    line("    numpy from floats over CPU: flat maps", AtLeast(10.0), 15.0, &flat, &numpy_floats);
    line("    numpy from floats over CPU: noise, photo", AtLeast(4.0), 8.0, &noise_or_photo, &numpy_floats);
    line(" 7  plain Rust over CPU: flat maps", AtLeast(2.5), 4.0, &flat, &baseline);
    line(" 7  plain Rust over CPU: photo", AtLeast(2.5), 4.0, &photo, &baseline);
    line(" 8  Vulkan on the software driver over CPU: flat maps", AtMost(12.0), 6.0, &flat, &over_cpu);
    line(
        " 9  Vulkan on the software driver over CPU: noise, photo, all different",
        AtMost(15.0),
        8.0,
        &|row| noise(row) || photo(row) || different(row),
        &over_cpu,
    );
    bus_lines(bus);
    for Small { name, warm, allocations, .. } in small {
        let (bound, stretch) = if name == CPU { (0.030, 0.015) } else { (1.0, 0.4) };
        let spread = format!("{} - {} ms", short(warm.min), short(warm.max));
        print_line(
            &format!("11  {name}: warm call, 64 x 64, ms"),
            &AtMost(bound),
            Some(stretch),
            Some((warm.median, spread)),
        );
        if name != CPU {
            let name = format!("11  {name}: allocations of device memory in it");
            print_line(&name, &AtMost(0.0), None, Some((*allocations as f64, String::new())));
        }
    }
    for Memory { name, bytes, most } in memory {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let name = format!("12  CPU: MiB beyond the caller's buffers, {name}");
        let bound = AtMost((mib(*most) * 10.0).round() / 10.0);
        print_line(
            &name,
            &bound,
            None,
            Some((mib(*bytes), "live bytes, by a counting allocator".to_owned())),
        );
    }
    line("13  CPU, one thread over all: photo", AtLeast(1.8), f64::NAN, &photo, &threads);
    line(
        "13  CPU, one thread over all, by the floor's own gain: flat maps",
        AtLeast(0.9),
        f64::NAN,
        &flat,
        &of_bandwidth,
    );
    let software = small.iter().find(|small| small.name == SOFTWARE);
    let cold = software.map(|Small { cold, first, .. }| {
        let spread =
            format!("{} - {} ms; {} in a new process", short(cold.min), short(cold.max), short(*first));
        (cold.median, spread)
    });
    let name = format!("14  {SOFTWARE}: new context and its first call, 64 x 64, ms");
    print_line(&name, &AtMost(60.0), None, cold);
}

fn bus_lines(bus: &[Bus]) {
    if bus.is_empty() {
        print_line("10  bytes over the bus for a pixel", &AtMost(13.0), None, None);
    }
    for Bus { name, bytes, most } in bus {
        let name = format!("10  {SOFTWARE}: bytes over the bus for a pixel, {name}");
        let note = format!("counted; goal {most}, and {TABLES} for tables and lists");
        print_line(&name, &AtMost(most + TABLES), None, Some((*bytes, note)));
    }
}

impl Table<'_> {
    fn line(
        &self,
        name: &str,
        bound: Bound,
        stretch: f64,
        covers: &dyn Fn(&Row) -> bool,
        value: &dyn Fn(&Row) -> Option<f64>,
    ) {
        let values = self.rows.iter().filter(|row| covers(row)).filter_map(|row| Some((value(row)?, row)));
        let worst = match bound {
            AtMost(_) => values.max_by(|a, b| a.0.total_cmp(&b.0)),
            AtLeast(_) => values.min_by(|a, b| a.0.total_cmp(&b.0)),
        };
        let stretch = Some(stretch).filter(|stretch| !stretch.is_nan());
        print_line(name, &bound, stretch, worst.map(|(value, row)| (value, row.label())));
    }
}

fn print_line(name: &str, bound: &Bound, stretch: Option<f64>, measured: Option<(f64, String)>) {
    let (sign, bound_value, met): (_, _, fn(f64, f64) -> bool) = match bound {
        AtMost(bound) => ("<=", *bound, |value, bound| value <= bound),
        AtLeast(bound) => (">=", *bound, |value, bound| value >= bound),
    };
    let goal = format!("{sign} {bound_value}");
    let stretch = stretch.map_or(String::new(), |stretch| format!("{sign} {stretch}"));
    let Some((value, note)) = measured else {
        println!("{name:78} {goal:>9} {stretch:>9} {:>9}  not measured", "-");
        return;
    };
    let met = if met(value, bound_value) { "met" } else { "NOT MET" };
    println!("{name:78} {goal:>9} {stretch:>9} {:>9}  {met:7}  {note}", short(value));
}
