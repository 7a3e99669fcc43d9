//! `ctm_analyze`, `ctm_run` and `ctm_create` with whatever a caller can state truthfully, in memory of exactly that size:
//! results are the oracle's, refusals touch nothing, and threads and memory limits change no bit.

use arbitrary::{Result, Unstructured};

use super::c::{self, BUFFER_TOO_SMALL, Entry, Found, INTERNAL, INVALID_ARGUMENT, OK, Options, Outputs};
use super::call::{Buffers, CONTEXTS, Room, UNTOUCHED, analyze, found, place};
use super::case::Case;
use super::guarded::Guarded;
use super::oracle::{self, Answer};
use super::shapes;

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    // Too few bytes are read as zeros, mostly; else there is nothing to do.
    let _ = any_call(&mut u);
}

fn any_call(u: &mut Unstructured) -> Result<()> {
    match u.arbitrary::<u8>()? {
        0..=3 => create(u),
        4..=60 => hostile(u),
        61..=90 => plain_run(u),
        _ => valid(u),
    }
}

/// Bytes of a row of a mask.
fn row_bytes(width: usize, format: u32) -> usize {
    match format {
        1 | 2 => width,
        3 => width.div_ceil(8),
        _ => width * 4,
    }
}

/// What a valid call has to write, and where.
struct Expected {
    bytes: [Option<Vec<u8>>; 5],
    masks_size: usize,
    too_small: bool,
}

fn valid(u: &mut Unstructured) -> Result<()> {
    let mut case = Case::new(u)?;
    let colors = oracle::all_colors(&case);
    case.give_colors(u, &colors)?;
    let answer = oracle::answer(&case);
    let (room, expected) = ask(u, &case, &answer)?;
    let context = CONTEXTS[usize::from(u.arbitrary::<u8>()?) % CONTEXTS.len()];
    let before = case.pixels.bytes().to_vec();
    let (status, result) = analyze(
        context,
        Some(&case.image),
        Some(&case.params),
        Some(&room.outputs),
        Some(size_of::<Found>()),
    );
    let why = || format!("status {status}: {}", c::last_error(context.0));
    assert!(before == case.pixels.bytes(), "the pixels were written to");
    let found = found(&result.unwrap());
    assert_eq!(found.mask_count as usize, answer.mask_count, "{}", why());
    assert_eq!(found.palette_len as usize, answer.mask_count * case.images(), "palette_len");
    let label_bytes = [4, 2, 1][room.outputs.label_format as usize];
    assert_eq!(found.labels_size as usize, answer.labels.len() * label_bytes, "labels_size");
    if expected.too_small {
        assert_eq!(status, BUFFER_TOO_SMALL, "{}", why());
        assert!(room.is_untouched(), "a buffer was too small, and one was written to");
        return Ok(());
    }
    assert_eq!(status, OK, "{}", why());
    assert_eq!(found.masks_size as usize, expected.masks_size, "masks_size");
    let distinct = match case.params.batch {
        0 => Some(colors.len() as u64),
        _ => None,
    };
    assert!(
        found.distinct_colors == 0 || distinct.is_none_or(|distinct| distinct == found.distinct_colors),
        "distinct_colors"
    );
    for ((name, buffer), expected) in
        ["masks", "labels", "palette"].iter().zip(&room.buffers).zip(&expected.bytes)
    {
        if let (Some(buffer), Some(expected)) = (buffer, expected) {
            let different = buffer.bytes().iter().zip(expected).position(|(a, b)| a != b);
            assert!(different.is_none(), "{name}: byte {different:?} of {} is wrong", expected.len());
        }
    }
    if u.ratio(1u8, 3u8)? { shapes::check(u, &case, &answer, context) } else { Ok(()) }
}

/// Buffers that are as large as they must be, larger, or too small, and what is to be in them.
fn ask(u: &mut Unstructured, case: &Case, answer: &Answer) -> Result<(Room, Expected)> {
    let mut outputs = Outputs::init();
    let (images, count) = (case.images(), answer.mask_count);
    let wants: u8 = u.arbitrary()?;
    outputs.mask_format = u.int_in_range(0..=3)?;
    outputs.label_format = u.int_in_range(0..=2)?;
    outputs.cropped = u32::from(u.ratio(1u8, 5u8)?);
    let row = row_bytes(answer.width, outputs.mask_format);
    let unit = if matches!(outputs.mask_format, 0 | 4) { 4 } else { 1 };
    let mut strides = [row, row * answer.height, row * answer.height * images];
    if outputs.cropped == 0 && u.ratio(1u8, 3u8)? {
        let mut gap = || Ok(u.int_in_range(0..=9usize)? * unit);
        strides[0] = row + gap()?;
        strides[1] = strides[0] * answer.height + gap()?;
        strides[2] = strides[1] * images + gap()?;
        let bottom_up = u.arbitrary()?;
        outputs.mask_row_stride =
            if bottom_up { -strides[0].cast_signed() } else { strides[0].cast_signed() };
        (outputs.mask_image_stride, outputs.mask_stride) = (strides[1], strides[2]);
    }
    let plane = strides[0] * (answer.height - 1) + row;
    let entries: Vec<Entry> = (0..count * images)
        .map(|index| Entry { mask_offset: 0, ..answer.entry(index / images, index % images) })
        .collect();
    let format = outputs.mask_format;
    let needed = match (count, outputs.cropped) {
        (0, _) => 0,
        (_, 0) => (count - 1) * strides[2] + (images - 1) * strides[1] + plane,
        _ => {
            entries.iter().map(|entry| row_bytes(entry.width as usize, format) * entry.height as usize).sum()
        }
    };
    let label = [4, 2, 1][outputs.label_format as usize];
    let mut too_small =
        wants & 2 != 0 && count > [u32::MAX as usize, 65535, 255][outputs.label_format as usize];
    let mut room_for = |wanted: bool, needed: usize, unit: usize| -> Result<Option<usize>> {
        if !wanted {
            return Ok(None);
        }
        Ok(Some(match u.arbitrary::<u8>()? {
            0..=15 if needed > 0 => {
                too_small = true;
                needed - unit
            }
            16..=60 => needed + unit * u.int_in_range(1..=40usize)?,
            _ => needed,
        }))
    };
    let sizes = [
        room_for(wants & 1 != 0, needed, unit)?,
        room_for(wants & 2 != 0, answer.labels.len() * label, label)?,
        room_for(wants & 4 != 0, entries.len(), 1)?,
        None,
        None,
    ];
    let room = Room::new(outputs, sizes, u.arbitrary()?);
    let buffer = |index: usize| room.buffers[index].as_ref().map(|buffer| vec![UNTOUCHED; buffer.len()]);
    let mut expected =
        Expected { bytes: [buffer(0), buffer(1), buffer(2), None, None], masks_size: needed, too_small };
    if too_small {
        return Ok((room, expected));
    }
    let mut entries = entries;
    let mut crop_start = 0;
    for (index, entry) in entries.iter_mut().enumerate() {
        let (mask, image) = (index / images, index % images);
        let (columns, rows, start) = if outputs.cropped == 1 {
            let columns = entry.left as usize..(entry.left + entry.width) as usize;
            (columns, entry.top as usize..(entry.top + entry.height) as usize, crop_start)
        } else {
            (0..answer.width, 0..answer.height, mask * strides[2] + image * strides[1])
        };
        entry.mask_offset = start as u64;
        let height = rows.len();
        for (place, row) in rows.enumerate() {
            let bytes = answer.mask_row(mask, image, columns.clone(), row, format);
            let place = if outputs.mask_row_stride < 0 { height - 1 - place } else { place };
            let at = start + place * if outputs.cropped == 1 { bytes.len() } else { strides[0] };
            crop_start += bytes.len();
            if let Some(masks) = &mut expected.bytes[0] {
                masks[at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }
    }
    if let Some(labels) = &mut expected.bytes[1] {
        for (place, value) in labels.chunks_exact_mut(label).zip(&answer.labels) {
            match label {
                4 => place.copy_from_slice(&value.to_ne_bytes()),
                2 => place.copy_from_slice(&(*value as u16).to_ne_bytes()),
                _ => place.copy_from_slice(&[*value as u8]),
            }
        }
    }
    if let Some(palette) = &mut expected.bytes[2] {
        for (place, entry) in palette.chunks_exact_mut(size_of::<Entry>()).zip(&entries) {
            // SAFETY: a struct without padding.
            place.copy_from_slice(unsafe {
                std::slice::from_raw_parts(std::ptr::from_ref(entry).cast::<u8>(), size_of::<Entry>())
            });
        }
    }
    Ok((room, expected))
}

/// `ctm_run` on the case's values, with all images one below the other.
fn plain_run(u: &mut Unstructured) -> Result<()> {
    let mut case = Case::new(u)?;
    if case.has_ids() {
        return Ok(()); // They are no floats.
    }
    (case.params.matching, case.params.alpha, case.params.batch) = (0, 0, 0);
    let answer = oracle::answer(&case);
    let channels = case.image.channels as usize;
    let values: Vec<u8> = case
        .values()
        .iter()
        .flat_map(|pixel| pixel[..channels].iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<_>>())
        .collect();
    let mut pixels = Guarded::new(values.len(), u.arbitrary()?);
    pixels.bytes_mut().copy_from_slice(&values);
    let needed = answer.mask_count * answer.labels.len();
    let len = match u.arbitrary::<u8>()? {
        0..=30 => needed.saturating_sub(1),
        31..=60 => needed + 7,
        _ => needed,
    };
    let query = u.ratio(1u8, 8u8)?;
    let masks = Guarded::filled(len * 4, u.arbitrary()?, UNTOUCHED);
    let mask_count = Guarded::filled(4, false, UNTOUCHED);
    let context = CONTEXTS[usize::from(u.arbitrary::<u8>()?) % CONTEXTS.len()];
    // SAFETY: all is there, and as large as it says.
    let status = unsafe {
        c::ctm_run(
            context.0,
            pixels.pointer(),
            answer.width as u32,
            (answer.height * case.images()) as u32,
            channels as u32,
            case.params.min_pixels,
            case.params.max_count,
            if query { std::ptr::null_mut() } else { masks.pointer() },
            if query { 0 } else { len },
            mask_count.pointer(),
        )
    };
    let count = u32::from_ne_bytes(mask_count.bytes().try_into().unwrap());
    assert_eq!(count as usize, answer.mask_count, "status {status}: {}", c::last_error(context.0));
    let written = !query && len >= needed;
    assert_eq!(status, if written || query { OK } else { BUFFER_TOO_SMALL }, "{}", c::last_error(context.0));
    for (index, value) in masks.bytes().chunks_exact(4).enumerate() {
        let (mask, pixel) = (index / answer.labels.len(), index % answer.labels.len());
        let expected = match written && mask < answer.mask_count {
            true => f32::from(u8::from(answer.labels[pixel] == mask as u32 + 1)).to_ne_bytes(),
            false => [UNTOUCHED; 4],
        };
        assert_eq!(value, expected, "float {index} of {len}");
    }
    Ok(())
}

/// A number that somebody might pass by mistake.
fn odd(u: &mut Unstructured) -> Result<u64> {
    Ok(match u.int_in_range(0..=7u8)? {
        0 => 0,
        1 => 1,
        2 => u64::from(u.arbitrary::<u8>()?) % 20,
        3 => u64::from(u32::MAX),
        4 => u64::MAX,
        5 => 1 << 63,
        6 => 1 << u.int_in_range(0..=63)?,
        _ => u.arbitrary()?,
    })
}

fn odd_float(u: &mut Unstructured) -> Result<f64> {
    Ok(match u.int_in_range(0..=5u8)? {
        0 => 0.0,
        1 => f64::NAN,
        2 => f64::INFINITY,
        3 => -1.0,
        4 => f64::from(u.arbitrary::<u8>()?) / 16.0,
        _ => u.arbitrary()?,
    })
}

/// A valid call of which some fields are not, or ask for more than the oracle knows: it is refused and touches nothing, or
/// it gives the same on all contexts.
fn hostile(u: &mut Unstructured) -> Result<()> {
    let mut case = Case::new(u)?;
    let colors = oracle::all_colors(&case);
    case.give_colors(u, &colors)?;
    let answer = oracle::answer(&case);
    let (room, _) = ask(u, &case, &answer)?;
    let [mut image, mut params, mut outputs] = [(); 3].map(|()| false);
    let (mut image_fields, mut params_fields) = (case.image, case.params);
    let mut room = room;
    let mut result_size = Some(size_of::<Found>());
    for _ in 0..u.int_in_range(1..=3u8)? {
        let (i, p, o) = (&mut image_fields, &mut params_fields, &mut room.outputs);
        // Sizes and strides that only lie about memory are a caller's own fault; those that no memory has are not.
        match u.int_in_range(0..=41u8)? {
            0 => i.struct_size = odd(u)? as usize,
            1 => i.channel_order = odd(u)? as u32,
            2 => i.reserved = odd(u)? as u32,
            3 => i.format = (odd(u)? as u32).saturating_add(6),
            4 => i.planar = (odd(u)? as u32).saturating_add(2),
            5 => i.channels = (odd(u)? as u32).saturating_add(if i.format < 4 { 5 } else { 3 }),
            6 => i.channels = 0,
            7 => i.width = 0,
            8 => i.height = 0,
            9 => (i.width, i.height) = (u32::MAX, u32::MAX),
            10 => i.row_stride = isize::MIN + u.int_in_range(0..=1)?,
            11 => i.row_stride = isize::MAX,
            12 => i.plane_stride = usize::MAX >> u.int_in_range(0..=1)?,
            13 => i.image_stride = usize::MAX >> u.int_in_range(0..=1)?,
            14 => i.pixel_stride = usize::MAX >> u.int_in_range(0..=1)?,
            15 => (i.left, i.rectangle_width) = (odd(u)? as u32, odd(u)? as u32),
            16 => i.pixels = std::ptr::null(),
            17 => image = true,
            18 => p.struct_size = odd(u)? as usize,
            19 => p.matching = odd(u)? as u32,
            20 => p.alpha = odd(u)? as u32,
            21 => p.least_alpha = odd_float(u)? as f32,
            22 => p.batch = odd(u)? as u32,
            23 => p.nearest = u.int_in_range(0..=3)?,
            24 => (p.nearest, p.tolerance) = (u.int_in_range(1..=2)?, odd_float(u)?),
            25 => p.unlisted = u.int_in_range(0..=3)?,
            26 => (p.merge, p.merge_tolerance) = (u.int_in_range(1..=2)?, odd_float(u)?),
            27 => (p.merge, p.merge_most_pixels) = (u.int_in_range(0..=3)?, odd(u)?),
            28 => p.connected = [0, 4, 8, odd(u)? as u32][u.int_in_range(0..=3)?],
            29 => {
                p.unmix_radius = odd(u)? as u32 % 20;
                (p.absorb_pixels, p.absorb_unmasked, p.fill_holes) = (odd(u)?, odd(u)?, odd(u)?);
                p.absorb_connected = [0, 4, 8, 5][u.int_in_range(0..=3)?];
            }
            30 => (p.min_pixels, p.max_count) = (odd(u)?, odd(u)? as u32),
            31 => params = true,
            32 => o.struct_size = odd(u)? as usize,
            33 => o.mask_format = odd(u)? as u32 % 6,
            34 => o.label_format = odd(u)? as u32,
            35 => o.palette_entry_size = odd(u)? as usize,
            36 => (o.cropped, o.report_unlisted) = (odd(u)? as u32 % 3, odd(u)? as u32 % 3),
            37 => {
                (o.mask_row_stride, o.mask_image_stride, o.mask_stride) =
                    (odd(u)? as isize, odd(u)? as usize, odd(u)? as usize)
            }
            38 => o.labels = o.masks,
            39 => o.masks = o.masks.wrapping_byte_add(1),
            40 => outputs = true,
            _ => result_size = Some(odd(u)? as usize).filter(|size| *size != 1),
        }
    }
    state_truly(&mut room);
    let mut first: Option<(i32, Vec<u8>, Buffers)> = None;
    for context in CONTEXTS.iter() {
        for buffer in room.buffers.iter_mut().flatten() {
            buffer.bytes_mut().fill(UNTOUCHED);
        }
        let (status, result) = analyze(
            *context,
            (!image).then_some(&image_fields),
            (!params).then_some(&params_fields),
            (!outputs).then_some(&room.outputs),
            result_size,
        );
        let result = result.map_or_else(Vec::new, |result| result.bytes().to_vec());
        if status == INVALID_ARGUMENT {
            assert!(room.is_untouched(), "an argument was refused, and a buffer written to");
            assert!(
                result.iter().skip(size_of::<usize>()).all(|byte| *byte == UNTOUCHED),
                "`result` was written to"
            );
            let why = c::last_error(context.0);
            assert!([" is ", " are ", "overlaps", "the "].iter().any(|part| why.contains(part)), "{why}");
        }
        // How many colours there are need not be found out.
        let mut result = result;
        if result.len() == size_of::<Found>() {
            let at = std::mem::offset_of!(Found, distinct_colors);
            result[at..at + 8].fill(0);
        }
        let this = (status, result, room.bytes());
        match &first {
            None => first = Some(this),
            Some(first) => {
                assert_eq!(this.0, first.0, "status on another context: {}", c::last_error(context.0));
                assert!(this.1 == first.1, "`result` is another on another context");
                // What is left after other errors is unspecified.
                assert!(status != OK || this.2 == first.2, "outputs are others on another context");
            }
        }
    }
    Ok(())
}

/// What is left of a buffer behind pointers that were moved.
fn state_truly(room: &mut Room) {
    let Some(masks) = &room.buffers[0] else { return };
    let moved = room.outputs.masks as usize - masks.pointer::<u8>() as usize;
    if moved > masks.len() {
        room.outputs.masks = masks.pointer();
    } else if moved > 0 {
        room.outputs.masks_size = masks.len() - moved;
    }
    let labels = room.outputs.labels as usize;
    if (masks.pointer::<u8>() as usize..=masks.pointer::<u8>() as usize + masks.len()).contains(&labels) {
        room.outputs.labels_size = masks.pointer::<u8>() as usize + masks.len() - labels;
    }
}

/// `ctm_create` with any fields: a context that works, or a refusal.
fn create(u: &mut Unstructured) -> Result<()> {
    let mut options = c::cpu(u.int_in_range(0..=3)?, 0);
    let name = Guarded::of(&[*b"CPU\0", *b"\0\0\0\0", [0xff, 0xfe, 0, 0]][u.int_in_range(0..=2)?], 4);
    let mut cache = Guarded::new(u.int_in_range(0..=200)?, false);
    u.fill_buffer(cache.bytes_mut())?;
    let sizes = [
        std::mem::offset_of!(Options, memory_limit),
        std::mem::offset_of!(Options, log),
        size_of::<Options>(),
        odd(u)? as usize,
    ];
    options.struct_size = sizes[u.int_in_range(0..=3)?];
    for _ in 0..u.int_in_range(0..=2u8)? {
        match u.int_in_range(0..=7u8)? {
            // Vulkan is for another target.
            0 => options.backend = (odd(u)? as u32).max(2),
            1 => options.device_name = name.pointer(),
            2 => options.reserved = odd(u)? as u32,
            3 => options.memory_limit = odd(u)?,
            4 => (options.pipeline_cache, options.pipeline_cache_size) = (cache.pointer(), cache.len()),
            5 => options.pipeline_cache_size = odd(u)? as usize % 2,
            6 => options.log_level = odd(u)? as u32,
            _ => options.reserved_2 = odd(u)? as u32,
        }
    }
    if options.pipeline_cache.is_null() {
        options.pipeline_cache_size = options.pipeline_cache_size.min(1);
    } else {
        options.pipeline_cache_size = cache.len();
    }
    let memory = place(&options, options.struct_size);
    let handle = Guarded::filled(size_of::<usize>(), false, UNTOUCHED);
    // SAFETY: all is there, and as large as it says.
    unsafe {
        let status = c::ctm_create(memory.pointer(), handle.pointer());
        let context = handle.pointer::<*mut c::Context>().read();
        assert_ne!(status, INTERNAL, "{}", c::last_error(std::ptr::null()));
        assert_eq!(context.is_null(), status != OK, "status {status}");
        if status == OK {
            let (pixel, mut count) = ([1.0f32; 3], 0);
            let status =
                c::ctm_run(context, pixel.as_ptr(), 1, 1, 3, 1, 1, std::ptr::null_mut(), 0, &mut count);
            assert_eq!((status, count), (OK, 1), "{}", c::last_error(context));
        }
        c::ctm_destroy(context);
    }
    Ok(())
}
