//! Labels by mask: where they come from, and handing them on.

use crate::backend::Backend;
use crate::context::chosen::{Chosen, LabelSource};
use crate::context::request::Request;
use crate::error::Error;
use crate::labels::LabelMap;
use crate::output::label_output::LabelTarget;
use crate::runtime::call::ProgressSpan;
use crate::runtime::threads::Threads;
use crate::stages::group::{self};
use crate::stages::unmix::Unmixed;

/// Labels the pixels of all images, which share a palette or have one each, and hands on the parts.
pub(super) fn label_images(
    labeler: &mut Box<dyn Backend>,
    requests: &[Request],
    chosen: &mut [Chosen],
    mask_count: usize,
    threads: &Threads,
    labelled: &mut dyn FnMut(usize, &LabelMap) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut start = 0;
    let left = (1..=requests.len()).rev();
    for ((request, Chosen { mask_count: own_masks, palette, source, .. }), left) in
        requests.iter().zip(chosen).zip(left)
    {
        let _image = ProgressSpan::new(1.0 / left as f64);
        let pixels = &request.pixels;
        let mut labelled = |first_pixel, labels: &LabelMap| labelled(start + first_pixel, labels);
        if requests.len() > 1 {
            labeler.forget_pixels();
        }
        if *own_masks == 0 {
            group::in_no_mask(pixels.grid().len(), mask_count, &mut labelled)?;
        } else {
            source.label(labeler, pixels, &palette.colors, mask_count, threads, &mut labelled)?;
        }
        start += pixels.grid().len();
    }
    Ok(())
}

/// Writes the labels of regions, if all that there are labels for is regions.
pub(super) fn write_regions(
    requests: &[Request],
    chosen: &[Chosen],
    output: &mut LabelTarget,
    threads: &Threads,
) -> Result<bool, Error> {
    if !chosen.iter().all(|chosen| matches!(chosen.source, LabelSource::Connected(_))) {
        return Ok(false);
    }
    let mut start = 0;
    for (request, chosen) in requests.iter().zip(chosen) {
        if let LabelSource::Connected(masks) = &chosen.source {
            masks.write(output, start, threads)?;
        }
        start += request.pixels.grid().len();
    }
    Ok(true)
}

/// Calls `each` with the pixels that were shared out, and the first pixel of their images.
pub(super) fn each_unmixed(
    requests: &[Request],
    chosen: &[Chosen],
    mut each: impl FnMut(&Unmixed, usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut start = 0;
    for (request, chosen) in requests.iter().zip(chosen) {
        if let LabelSource::Unmixed(unmixed) = &chosen.source {
            each(unmixed, start)?;
        }
        start += request.pixels.grid().len();
    }
    Ok(())
}
