//! Counts of parts, whichever way they come together, are those of the whole; and bytes that are read are counts, or
//! are refused.

use arbitrary::{Result, Unstructured};

use super::c::{self, Counts, DATA, Entry, Found, INTERNAL, OK, Outputs, Shared};
use super::call::Room;
use super::case::Case;
use super::object::{Owned, checksum, context, damage};
use super::oracle;

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let _ = match u.arbitrary::<u8>() {
        Ok(0..=127) => damaged(&mut u),
        _ => parts(&mut u),
    };
}

fn new(context: Shared) -> Owned<Counts> {
    // SAFETY: there is room for the pointer.
    Owned::new(context, |counts| unsafe { c::ctm_counts_create(context.0, counts) })
        .expect("no argument is wrong")
}

fn add(counts: &Owned<Counts>, context: Shared, case: &Case) {
    // SAFETY: all is there.
    let status = unsafe { c::ctm_counts_add(context.0, counts.1, &case.image, &case.params) };
    assert_eq!(status, OK, "{}", c::last_error(context.0));
}

/// Bands of an image, counted apart and brought together by merging and by bytes.
fn parts(u: &mut Unstructured) -> Result<()> {
    let mut case = Case::new(u)?;
    case.params.batch = 0;
    let whole = new(context(u)?);
    add(&whole, context(u)?, &case);
    let [left, top, width, height] = case.rectangle().map(|number| number as u32);
    let piles = [new(context(u)?), new(context(u)?), new(context(u)?)];
    let (image, mut row) = (case.image, top);
    while row < top + height {
        let rows = u.int_in_range(1..=top + height - row)?;
        (case.image.left, case.image.top, case.image.rectangle_width, case.image.rectangle_height) =
            (left, row, width, rows);
        add(&piles[u.int_in_range(0..=2)?], context(u)?, &case);
        row += rows;
    }
    case.image = image;
    let [a, b, c_pile] = piles;
    let at_start = u.arbitrary()?;
    let sent = Owned::import(context(u)?, &a.export(at_start), at_start).expect("exported bytes");
    b.take(&sent);
    c_pile.take(&b);
    assert!(c_pile.export(at_start) == whole.export(false), "counts of parts are not those of the whole");
    let colors = oracle::all_colors(&case);
    case.give_colors(u, &colors)?;
    select(u, &c_pile, &case)?;
    label_parts(&c_pile, &mut case);
    Ok(())
}

/// The palette is that of the whole image.
fn select(u: &mut Unstructured, counts: &Owned<Counts>, case: &Case) -> Result<()> {
    let answer = oracle::answer(case);
    let room = Room::new(Outputs::init(), [None, None, Some(answer.mask_count), None, None], u.arbitrary()?);
    let mut found = Found::init();
    // SAFETY: all is there, and as large as it says.
    let status =
        unsafe { c::ctm_counts_select(counts.0.0, counts.1, &case.params, &room.outputs, &mut found) };
    assert_eq!(status, OK, "{}", c::last_error(counts.0.0));
    assert_eq!(found.mask_count as usize, answer.mask_count);
    for mask in 0..answer.mask_count {
        let pixels = answer.labels.iter().filter(|label| **label == mask as u32 + 1).count() as u64;
        // SAFETY: as many entries as there are masks.
        let entry = unsafe { room.buffers[2].as_ref().unwrap().pointer::<Entry>().add(mask).read() };
        let expected = answer.entry(mask, 0);
        assert_eq!(
            (entry.color, entry.stored, entry.pixel_count),
            (expected.color, expected.stored, pixels),
            "mask {mask}"
        );
    }
    Ok(())
}

/// Each row gets the labels that it has in the whole.
fn label_parts(counts: &Owned<Counts>, case: &mut Case) {
    let answer = oracle::answer(case);
    let [left, top, width, height] = case.rectangle();
    let images = case.images();
    for row in 0..height.min(3) {
        let image = &mut case.image;
        (image.left, image.top) = (left as u32, (top + row) as u32);
        (image.rectangle_width, image.rectangle_height) = (width as u32, 1);
        case.params.counts = counts.1;
        let room = Room::new(Outputs::init(), [None, Some(width * images * 4), None, None, None], false);
        let size = Some(size_of::<Found>());
        let (status, _) =
            super::call::analyze(counts.0, Some(&case.image), Some(&case.params), Some(&room.outputs), size);
        assert_eq!(status, OK, "{}", c::last_error(counts.0.0));
        let labels = room.buffers[1].as_ref().unwrap().bytes();
        for (index, label) in labels.chunks_exact(4).enumerate() {
            let (image, x) = (index / width, index % width);
            let expected = answer.labels_of(image)[row * width + x];
            assert_eq!(
                u32::from_ne_bytes(label.try_into().unwrap()),
                expected,
                "row {row}, image {image}, column {x}"
            );
        }
    }
    case.params.counts = std::ptr::null();
}

/// Bytes that are like those of counts, with and without the right checksum.
fn damaged(u: &mut Unstructured) -> Result<()> {
    let mut bytes = b"ctmCOUNT\x01\0\0\0".to_vec();
    let (format, channels) = (u.int_in_range(0..=4u32)?, u.int_in_range(0..=5u32)?);
    let (matching, alpha) = (u.int_in_range(0..=2u32)?, u.int_in_range(0..=3u32)?);
    for number in [format, channels, matching, alpha] {
        bytes.extend(number.to_le_bytes());
    }
    let threshold = if alpha == 2 { u.arbitrary::<u8>()?.into() } else { 0.0f32 };
    bytes.extend(threshold.to_le_bytes());
    let colored = channels - u32::from(alpha > 0 && channels > 0);
    let entry = colored as usize * 4 + 8;
    let entries = u.int_in_range(0..=6usize)?;
    bytes.extend((entries as u64).to_le_bytes());
    bytes.extend((56 + entries * entry).to_le_bytes());
    let mut value = 0u32;
    for _ in 0..entries {
        for _ in 0..colored {
            let byte: u8 = u.arbitrary()?;
            value += u32::from(byte);
            let float = if byte == 255 { f32::from_bits(u.arbitrary()?) } else { value as f32 };
            bytes.extend(float.to_le_bytes());
        }
        bytes.extend(u64::from(u.arbitrary::<u8>()?).to_le_bytes());
    }
    bytes.extend(checksum(&bytes).to_le_bytes());
    damage(u, &mut bytes)?;
    let context = context(u)?;
    match Owned::import(context, &bytes, u.arbitrary()?) {
        Ok(counts) => {
            assert!(counts.export(false) == bytes, "what was read is written otherwise");
            let whole = new(context);
            whole.take(&counts);
            // Twice as many pixels may be more than can be counted.
            if whole.merge(&counts) == OK {
                assert_eq!(whole.export(false).len(), bytes.len());
            }
            let mut found = Found::init();
            let mut params = c::Params::init();
            (params.matching, params.alpha, params.least_alpha) = (matching, alpha, threshold);
            // SAFETY: all is there.
            let status =
                unsafe { c::ctm_counts_select(context.0, counts.1, &params, std::ptr::null(), &mut found) };
            assert_ne!(status, INTERNAL, "{}", c::last_error(context.0));
        }
        Err(status) => assert_eq!(status, DATA, "{}", c::last_error(context.0)),
    }
    Ok(())
}
