//! What is no `ctm_run`: images of bytes into masks of bytes, against a floor of their own, and labels, by colour and by
//! connected region.

use std::cell::RefCell;

use ctm::{
    ColorMap, Connectivity, Context, DeviceInfo, Format, LabelOutput, Layout, MaskOutput, Options, Outputs,
    Params, Shape,
};
use rayon::ThreadPool;

use crate::columns::{self, CPU, FLOOR, MANNERS, cpu_options, vulkan_name, vulkan_options};
use crate::floor::{self, Traffic};
use crate::inputs::Input;
use crate::measure::{Column, Job, Run, time};

pub const CPU_BYTES: &str = "ctm CPU, bytes";
pub const CPU_LABELS: &str = "ctm CPU, labels";
pub const CPU_REGIONS: &str = "ctm CPU, labels by region";

/// An image as bytes, and room for what is made of it.
#[derive(Default)]
pub struct Bytes {
    /// Four bytes a word, so that the floor reads words.
    input: Vec<u32>,
    masks: Vec<u32>,
    labels: Vec<u32>,
}

impl Bytes {
    /// Takes the bytes of an image whose values are n/255.
    pub fn load(&mut self, input: &Input) -> Result<(), String> {
        let pixels = input.plane();
        if !input.eight_bit || !pixels.is_multiple_of(4) {
            return Err(format!("{} is no image of whole words of bytes", input.kind.name()));
        }
        self.input = vec![0; input.floats.len() / 4];
        let bytes = bytemuck::cast_slice_mut::<u32, u8>(&mut self.input);
        bytes.iter_mut().zip(&input.floats).for_each(|(byte, value)| *byte = (value * 255.0).round() as u8);
        self.masks.clear();
        self.labels = vec![0; pixels];
        Ok(())
    }

    fn room(&mut self, job: &Job) -> &mut [u32] {
        self.masks.resize(job.expected.len() / 4, 0);
        &mut self.masks
    }
}

/// The floor, and what ctm makes of bytes.
pub fn columns<'a>(
    bytes: &'a RefCell<Bytes>,
    devices: &[DeviceInfo],
    pool: &'a ThreadPool,
) -> Result<Vec<Column<'a>>, String> {
    let mut list: Vec<Column> = MANNERS
        .map(|(suffix, manner)| {
            column(format!("{FLOOR}{suffix}"), move |job| {
                let bytes = &mut *bytes.borrow_mut();
                bytes.room(job);
                let traffic = Traffic {
                    input: &bytes.input,
                    pixel_bytes: job.input.channels as usize,
                    masks: &mut bytes.masks,
                    plane: job.input.plane() / 4,
                    mask_bytes: 1,
                    share_of_ones: job.share_of_ones,
                    one: u32::MAX,
                };
                let (time, ()) = time(|| floor::run(pool, traffic, manner));
                Ok(Run { time, mask_count: job.mask_count })
            })
        })
        .into();
    list.push(columns::warm(CPU, &cpu_options(0))?);
    list.push(masks(bytes, CPU_BYTES, &cpu_options(0))?);
    for device in devices {
        list.push(masks(bytes, &format!("{}, bytes", vulkan_name(device)), &vulkan_options(device))?);
    }
    for (name, connected) in [(CPU_LABELS, None), (CPU_REGIONS, Some(Connectivity::Four))] {
        let mut context = context(&cpu_options(0))?;
        list.push(column(name.to_owned(), move |job| {
            let bytes = &mut *bytes.borrow_mut();
            let params = Params { connected, ..job.selection.into() };
            let outputs = Outputs { labels: Some(LabelOutput::U32(&mut bytes.labels)), ..Outputs::default() };
            run(&mut context, job, &bytes.input, &params, outputs)
        }));
    }
    Ok(list)
}

fn column<'a>(name: String, mut way: impl FnMut(&Job) -> Result<Run, String> + 'a) -> Column<'a> {
    Column { name, writes_masks: false, min_runs: 3, way: Box::new(move |job, _| way(job).map(Some)) }
}

/// ctm with bytes in and out. What it writes is compared with the right masks.
fn masks<'a>(bytes: &'a RefCell<Bytes>, name: &str, options: &Options) -> Result<Column<'a>, String> {
    let mut context = context(options)?;
    Ok(column(name.to_owned(), move |job| {
        let bytes = &mut *bytes.borrow_mut();
        bytes.room(job);
        let masks = bytemuck::cast_slice_mut::<u32, u8>(&mut bytes.masks);
        let outputs = Outputs { masks: Some(MaskOutput::U8 { masks, inside: 255 }), ..Outputs::default() };
        let found = run(&mut context, job, &bytes.input, &job.selection.into(), outputs)?;
        let masks = bytemuck::cast_slice::<u32, u8>(&bytes.masks);
        match masks.iter().zip(job.expected).all(|(&byte, &value)| byte == 255 * value as u8) {
            true => Ok(found),
            false => Err("masks of bytes are WRONG".to_owned()),
        }
    }))
}

fn context(options: &Options) -> Result<Context, String> {
    Context::new(options).map_err(|error| error.to_string())
}

fn run(
    context: &mut Context,
    job: &Job,
    input: &[u32],
    params: &Params,
    outputs: Outputs,
) -> Result<Run, String> {
    let input_bytes = bytemuck::cast_slice(input);
    let layout = Layout { format: Format::U8, ..Layout::default() };
    let shape = Shape::new(job.input.width, job.input.height, job.input.channels);
    let map = shape.and_then(|shape| ColorMap::with_layout(input_bytes, shape, &layout));
    let map = map.map_err(|error| error.to_string())?;
    let (time, found) = time(|| context.analyze(&map, params, outputs));
    let found = found.map_err(|error| error.to_string())?.mask_count as usize;
    // StatsBuilder are others than colours, and as many as are asked for.
    let mask_count = if params.connected.is_some() { job.mask_count } else { found };
    Ok(Run { time, mask_count })
}
