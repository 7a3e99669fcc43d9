//! Regions of parts, whichever way they come together, are those of one call on the whole; and bytes that are read are regions,
//! or are refused.

use arbitrary::{Result, Unstructured};

use super::c::{self, DATA, Entry, Found, INTERNAL, OK, Outputs, Params, Regions, Shared};
use super::call::{Room, analyze, found};
use super::case::Case;
use super::object::{Owned, context, damage};

/// Column, row, width and height.
pub(crate) type Place = [u32; 4];

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let _ = match u.arbitrary::<u8>() {
        Ok(0..=99) => damaged(&mut u),
        _ => parts(&mut u),
    };
}

fn new(context: Shared, width: u32, height: u32) -> Owned<Regions> {
    // SAFETY: there is room for the pointer.
    let make =
        |regions: *mut *mut Regions| unsafe { c::ctm_regions_create(context.0, width, height, regions) };
    Owned::new(context, make).expect("no argument is wrong")
}

fn add(regions: &Owned<Regions>, context: Shared, case: &Case, [left, top, ..]: Place) {
    // SAFETY: all is there.
    let status = unsafe { c::ctm_regions_add(context.0, regions.1, &case.image, left, top, &case.params) };
    assert_eq!(status, OK, "{}", c::last_error(context.0));
}

/// A case of one image, whose regions are wanted.
fn case(u: &mut Unstructured) -> Result<Case> {
    let mut case = Case::new(u)?;
    case.image.image_count = 1;
    (case.params.batch, case.params.connected) = (0, if u.arbitrary()? { 4 } else { 8 });
    if u.ratio(1u8, 3u8)? {
        let colors = super::oracle::all_colors(&case);
        case.give_colors(u, &colors)?;
    }
    Ok(case)
}

/// Cuts at random.
pub(crate) fn cut(u: &mut Unstructured, place: Place, parts: &mut Vec<Place>) -> Result<()> {
    let [left, top, width, height] = place;
    let across = match (width > 1, height > 1) {
        (true, true) => u.arbitrary()?,
        (across, _) => across,
    };
    let side = if across { width } else { height };
    if side == 1 || parts.len() > 20 || u.ratio(1u8, 3u8)? {
        parts.push(place);
        return Ok(());
    }
    let first = u.int_in_range(1..=side - 1)?;
    if across {
        cut(u, [left, top, first, height], parts)?;
        cut(u, [left + first, top, width - first, height], parts)
    } else {
        cut(u, [left, top, width, first], parts)?;
        cut(u, [left, top + first, width, height - first], parts)
    }
}

fn parts(u: &mut Unstructured) -> Result<()> {
    let mut case = case(u)?;
    let [left, top, width, height] = case.rectangle().map(|number| number as u32);
    let whole = labels(context(u)?, &case, (width * height) as usize);
    let mut places = Vec::new();
    cut(u, [0, 0, width, height], &mut places)?;
    let image = case.image;
    let look_at = |case: &mut Case, place: Place| {
        case.image = image;
        (case.image.left, case.image.top) = (left + place[0], top + place[1]);
        (case.image.rectangle_width, case.image.rectangle_height) = (place[2], place[3]);
    };
    let piles = [new(context(u)?, width, height), new(context(u)?, width, height)];
    for &place in &places {
        look_at(&mut case, place);
        add(&piles[u.int_in_range(0..=1)?], context(u)?, &case, place);
    }
    let sent = Owned::import(context(u)?, &piles[0].export(false), u.arbitrary()?).expect("exported bytes");
    piles[1].take(&sent);
    let regions = &piles[1];
    check_selected(regions, &case.params, &whole);
    case.params.regions = regions.1.cast_const();
    for place in places {
        look_at(&mut case, place);
        let [left, top, width_of_part, height] = place;
        (case.params.part_left, case.params.part_top) = (left, top);
        let found = labels(context(u)?, &case, (width_of_part * height) as usize);
        assert_eq!(found.0, whole.0, "masks");
        for (row, labels) in found.1.chunks(width_of_part as usize).enumerate() {
            let first = (top as usize + row) * width as usize + left as usize;
            assert_eq!(labels, &whole.1[first..first + labels.len()], "part {place:?}, row {row}");
        }
    }
    Ok(())
}

/// How many masks there are, and the label of each pixel.
pub(crate) fn labels(context: Shared, case: &Case, pixels: usize) -> (u32, Vec<u32>) {
    let room = Room::new(Outputs::init(), [None, Some(pixels * 4), None, None, None], false);
    let size = Some(size_of::<Found>());
    let (status, result) = analyze(context, Some(&case.image), Some(&case.params), Some(&room.outputs), size);
    assert_eq!(status, OK, "{}", c::last_error(context.0));
    let bytes = room.buffers[1].as_ref().unwrap().bytes().chunks_exact(4);
    let labels = bytes.map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect();
    (found(&result.unwrap()).mask_count, labels)
}

/// The regions of the whole have as many pixels as there are labels.
fn check_selected(regions: &Owned<Regions>, params: &Params, whole: &(u32, Vec<u32>)) {
    let mut found = Found::init();
    let masks = whole.0 as usize;
    let room = Room::new(Outputs::init(), [None, None, Some(masks), None, None], false);
    // SAFETY: all is there, and as large as it says.
    let status = unsafe { c::ctm_regions_select(regions.0.0, regions.1, params, &room.outputs, &mut found) };
    assert_eq!(status, OK, "{}", c::last_error(regions.0.0));
    assert_eq!(found.mask_count as usize, masks);
    for mask in 0..masks {
        // SAFETY: as many entries as there are masks.
        let entry = unsafe { room.buffers[2].as_ref().unwrap().pointer::<Entry>().add(mask).read() };
        let pixels = whole.1.iter().filter(|label| **label == mask as u32 + 1).count() as u64;
        assert_eq!(entry.pixel_count, pixels, "mask {mask}");
    }
}

/// Bytes of regions of which some were changed, mostly with the right checksum.
fn damaged(u: &mut Unstructured) -> Result<()> {
    let case = case(u)?;
    let [_, _, width, height] = case.rectangle().map(|number| number as u32);
    let context = context(u)?;
    let regions = new(context, width, height);
    if u.ratio(7u8, 8u8)? {
        add(&regions, context, &case, [0, 0, width, height]);
    }
    let mut bytes = regions.export(false);
    damage(u, &mut bytes)?;
    match Owned::import(context, &bytes, u.arbitrary()?) {
        Ok(regions) => {
            assert!(regions.export(false) == bytes, "what was read is written otherwise");
            let mut found = Found::init();
            let mut params = case.params;
            // SAFETY: all is there.
            let status =
                unsafe { c::ctm_regions_select(context.0, regions.1, &params, std::ptr::null(), &mut found) };
            assert_ne!(status, INTERNAL, "{}", c::last_error(context.0));
            params.regions = regions.1.cast_const();
            let size = Some(size_of::<Found>());
            analyze(context, Some(&case.image), Some(&params), None, size);
        }
        Err(status) => assert_eq!(status, DATA, "{}", c::last_error(context.0)),
    }
    Ok(())
}
