//! Runs and outlines of a mosaic of parts, whichever way they come together, are those of one call on the whole; and bytes that
//! are read are a mosaic, or are refused.

use arbitrary::{Result, Unstructured};

use super::c::{self, DATA, Found, INTERNAL, Mosaic, OK, Outlines, Outputs, Runs, Shared};
use super::case::Case;
use super::guarded::Guarded;
use super::object::{Owned, context, damage};
use super::regions::{Place, cut, labels};
use super::shapes;

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let _ = match u.arbitrary::<u8>() {
        Ok(0..=99) => damaged(&mut u),
        _ => parts(&mut u),
    };
}

/// The labels of an image in one call.
struct Whole {
    case: Case,
    width: u32,
    height: u32,
    masks: u32,
    labels: Vec<u32>,
}

impl Whole {
    fn new(u: &mut Unstructured) -> Result<Self> {
        let mut case = Case::new(u)?;
        (case.image.image_count, case.params.batch) = (1, 0);
        let [_, _, width, height] = case.rectangle().map(|number| number as u32);
        let (masks, labels) = labels(context(u)?, &case, (width * height) as usize);
        Ok(Self { case, width, height, masks, labels })
    }

    fn mosaic(&self, context: Shared) -> Owned<Mosaic> {
        // SAFETY: there is room for the pointer.
        let make = |mosaic: *mut *mut Mosaic| unsafe {
            c::ctm_mosaic_create(context.0, self.width, self.height, mosaic)
        };
        Owned::new(context, make).expect("no argument is wrong")
    }

    /// Adds a part's labels, of a format that has room for them and with rows that may be longer.
    fn add(&self, u: &mut Unstructured, mosaic: &Owned<Mosaic>, place: Place) -> Result<()> {
        let [left, top, width, height] = place;
        let least = if self.masks > 0xffff { 0 } else { 1 + u32::from(self.masks <= 0xff) };
        let format = u.int_in_range(0..=least)?;
        let bytes = 4 >> format;
        let stride = (width + u.int_in_range(0..=3)?) as usize * bytes;
        let len = stride * (height as usize - 1) + width as usize * bytes;
        let mut memory = Guarded::filled(len, u.arbitrary()?, 0xee);
        for (y, row) in memory.bytes_mut().chunks_mut(stride).enumerate() {
            let first = (top as usize + y) * self.width as usize + left as usize;
            let labels = &self.labels[first..first + width as usize];
            for (to, label) in row.chunks_exact_mut(bytes).zip(labels) {
                to.copy_from_slice(&label.to_ne_bytes()[..bytes]); // the host has its lowest byte first
            }
        }
        let row_stride = if stride == width as usize * bytes && u.arbitrary()? { 0 } else { stride };
        let context = context(u)?;
        // SAFETY: all is there, and as large as it says.
        let status = unsafe {
            c::ctm_mosaic_add(
                context.0,
                mosaic.1,
                left,
                top,
                width,
                height,
                memory.pointer(),
                format,
                row_stride,
            )
        };
        assert_eq!(status, OK, "{}", c::last_error(context.0));
        Ok(())
    }
}

fn write(
    context: Shared,
    mosaic: &Owned<Mosaic>,
    masks: u32,
    runs: &Runs,
    outlines: &Outlines,
) -> (i32, Found) {
    let (outputs, mut found) = (Outputs { runs, outlines, ..Outputs::init() }, Found::init());
    // SAFETY: all is there, and as large as it says.
    let status = unsafe { c::ctm_mosaic_write(context.0, mosaic.1, masks, &outputs, &mut found) };
    assert_ne!(status, INTERNAL, "{}", c::last_error(context.0));
    (status, found)
}

fn parts(u: &mut Unstructured) -> Result<()> {
    let whole = Whole::new(u)?;
    let mut places = Vec::new();
    cut(u, [0, 0, whole.width, whole.height], &mut places)?;
    let piles = [whole.mosaic(context(u)?), whole.mosaic(context(u)?)];
    for place in places {
        let pile = &piles[u.int_in_range(0..=1)?];
        whole.add(u, pile, place)?;
    }
    let at_start = u.arbitrary()?;
    let sent = Owned::import(context(u)?, &piles[0].export(at_start), at_start).expect("exported bytes");
    let mosaic = &piles[1];
    mosaic.take(&sent);
    let mut runs = Runs { order: u.int_in_range(0..=1)?, ..Runs::init() };
    let (connected, tolerance) = ([4, 8][u.int_in_range(0..=1)?], [0.0, 1.0, 2.7][u.int_in_range(0..=2)?]);
    let mut outlines = Outlines { connected, tolerance, ..Outlines::init() };
    let context = context(u)?;
    let (status, sizes) = write(context, mosaic, whole.masks, &runs, &outlines);
    assert_eq!(status, OK, "{}", c::last_error(context.0));
    let lens = shapes::lens(&sizes, whole.masks as usize);
    let of_parts = shapes::room(&mut runs, &mut outlines, lens, None, at_start);
    let (status, again) = write(context, mosaic, whole.masks, &runs, &outlines);
    assert_eq!((status, again), (OK, sizes), "{}", c::last_error(context.0));
    let of_whole = shapes::room(&mut runs, &mut outlines, lens, None, at_start);
    let (status, found) = shapes::call(&whole.case, context, 0, &runs, &outlines);
    assert_eq!(status, OK, "{}", c::last_error(context.0));
    assert_eq!(lens, shapes::lens(&found, whole.masks as usize), "sizes");
    let names = ["runs", "run offsets", "corners", "ring offsets", "exteriors", "mask offsets"];
    for ((parts, whole), name) in of_parts.iter().zip(&of_whole).zip(names) {
        assert!(parts.bytes() == whole.bytes(), "{name} of parts are not those of the whole");
    }
    Ok(())
}

/// Bytes of a mosaic of which some were changed, mostly with the right checksum.
fn damaged(u: &mut Unstructured) -> Result<()> {
    let whole = Whole::new(u)?;
    let context = context(u)?;
    let mosaic = whole.mosaic(context);
    let mut places = Vec::new();
    cut(u, [0, 0, whole.width, whole.height], &mut places)?;
    for place in places {
        if u.ratio(7u8, 8u8)? {
            whole.add(u, &mosaic, place)?;
        }
    }
    let mut bytes = mosaic.export(false);
    damage(u, &mut bytes)?;
    match Owned::<Mosaic>::import(context, &bytes, u.arbitrary()?) {
        Ok(mosaic) => {
            assert!(mosaic.export(false) == bytes, "what was read is written otherwise");
            write(context, &mosaic, u.int_in_range(0..=300)?, &Runs::init(), &Outlines::init());
        }
        Err(status) => assert_eq!(status, DATA, "{}", c::last_error(context.0)),
    }
    Ok(())
}
