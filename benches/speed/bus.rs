//! Bytes that cross the bus for a pixel, by the counters of the library.

use ctm::{CallStats, ColorMap, Context, DebugOptions, DeviceInfo, Error, Options, Selection};

use crate::columns::{vulkan_name, vulkan_options};
use crate::inputs::{Input, Kind};
use crate::plan::FULL_HD;

/// What the second of two equal calls has moved for a pixel.
pub struct Bus {
    pub name: String,
    pub bytes: f64,
    /// What the goal allows, tables and lists aside.
    pub most: f64,
}

/// Copied pixels with few and with many masks; then pixels that the device reads where they lie.
pub fn measure(device: &DeviceInfo) -> Result<Vec<Bus>, String> {
    let input = Input::new(Kind::Flat1000, FULL_HD, 3);
    let mut measured = Vec::new();
    for max_count in [1, 5, 100, 300] {
        let fail = |error: Error| format!("{}, bytes over the bus: {error}", vulkan_name(device));
        let labels = if max_count > 254 { 2.0 } else { 1.0 };
        let costs = costs(device, &input, max_count, true).map_err(fail)?;
        let bytes = costs.bytes_to_device + costs.bytes_from_device;
        measured.push(Bus {
            name: format!("copied, K={max_count}"),
            bytes: bytes as f64 / input.plane() as f64,
            most: f64::from(4 * input.channels) + labels,
        });
        let costs = self::costs(device, &input, max_count, false).map_err(fail)?;
        if costs.bytes_imported > 0 {
            measured.push(Bus {
                name: format!("imported, to the device, K={max_count}"),
                bytes: costs.bytes_to_device as f64 / input.plane() as f64,
                most: 0.0,
            });
        }
    }
    Ok(measured)
}

fn costs(device: &DeviceInfo, input: &Input, max_count: u32, copy_pixels: bool) -> Result<CallStats, Error> {
    let debug = DebugOptions { copy_pixels, ..DebugOptions::default() };
    let mut context = Context::new(&Options { debug, ..vulkan_options(device) })?;
    let map = ColorMap::new(&input.floats, input.width, input.height, input.channels)?;
    let mut masks = vec![0.0; max_count as usize * input.plane()];
    let selection = Selection { min_pixels: 1, max_count };
    context.run(&map, &selection, &mut masks)?;
    context.run(&map, &selection, &mut masks)?;
    Ok(context.call_stats())
}
