//! What a call is to write, and for how much of it there is room.

use crate::error::{Capacity, Error};
use crate::output::label_output::LabelTarget;
use crate::output::planes::{Crops, Strides};
use crate::types::geometry::Frame;
use crate::types::image::ColorMap;
use crate::types::outlines::OutlineSettings;
use crate::types::outputs::{DeviceOutputs, MaskFormat, MaskLayout, Masks};
use crate::types::runs::RunOrder;

/// What a call is to write and to find beside the palette.
#[derive(Debug)]
pub(crate) struct Emit<'a> {
    pub(crate) masks: Option<Masks<'a>>,
    pub(crate) mask_format: MaskFormat,
    pub(crate) mask_layout: MaskLayout,
    pub(crate) cropped: bool,
    pub(crate) labels: Option<LabelTarget<'a>>,
    pub(crate) mask_stats: bool,
    pub(crate) runs: Option<RunsWanted>,
    pub(crate) outlines: Option<OutlinesWanted>,
    /// Whether the caller looks at the palette, if it is that of regions.
    pub(crate) palette: bool,
    pub(crate) unlisted: Option<u32>,
    pub(crate) merged: u32,
    /// In the caller's memory on the device, which `check_memory` has seen.
    pub(crate) device: DeviceOutputs,
    /// Masks times images at most.
    pub(crate) most_entries: u64,
    /// What was found, also where it does not fit.
    pub(crate) sizes: FoundSizes,
}

/// Run lengths that a call is to find.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunsWanted {
    pub(crate) order: RunOrder,
    /// How many numbers there is room for; `None`: they are not written.
    pub(crate) most_counts: Option<u64>,
    /// How many offsets there is room for; `None`: they are not written.
    pub(crate) most_offsets: Option<u64>,
}

/// Outlines that a call is to find; of what is `None` nothing is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutlinesWanted {
    pub(crate) settings: OutlineSettings,
    /// How many corners there is room for.
    pub(crate) most_points: Option<u64>,
    pub(crate) most_ring_offsets: Option<u64>,
    pub(crate) most_ring_exteriors: Option<u64>,
    pub(crate) most_mask_offsets: Option<u64>,
}

/// What outputs need of which only the pixels tell how large they are; 0 where that was not found out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FoundSizes {
    /// Bytes of the masks.
    pub(crate) masks: Option<u64>,
    /// Lengths of runs.
    pub(crate) run_counts: u64,
    /// Corners of outlines.
    pub(crate) outline_points: u64,
    /// Rings of outlines.
    pub(crate) outline_rings: u64,
}

impl Default for Emit<'_> {
    fn default() -> Self {
        Self {
            masks: None,
            mask_format: MaskFormat::F32,
            mask_layout: MaskLayout::default(),
            cropped: false,
            labels: None,
            mask_stats: false,
            runs: None,
            outlines: None,
            palette: true,
            unlisted: None,
            merged: 0,
            device: DeviceOutputs::default(),
            most_entries: u64::MAX,
            sizes: FoundSizes::default(),
        }
    }
}

impl Emit<'_> {
    /// Whether pixels are labelled for it on the host.
    pub(super) fn looks_at_labels(&self) -> bool {
        self.masks.is_some() || self.labels.is_some() || self.mask_stats || self.surveys()
    }

    /// Whether pixels are labelled for it before anything is written, since how much that is depends on them.
    pub(super) fn surveys(&self) -> bool {
        self.cropped || self.runs.is_some() || self.outlines.is_some()
    }
}

/// What is known about a call's outputs before anything is found.
#[derive(Debug)]
pub(super) struct OutputPlan {
    pub(super) frame: Frame,
    pub(super) strides: Strides,
    pub(super) capacity: OutputCapacity,
}

/// How many masks there is room for.
#[derive(Debug)]
pub(super) struct OutputCapacity {
    /// Bytes of the masks' memory; `None`: none are written.
    bytes: Option<usize>,
    /// Whole planes that fit. Whether cropped ones do is known later.
    planes: usize,
    /// Masks that the labels' type numbers.
    labels: u32,
    /// Masks with a palette entry for each image.
    entries: usize,
    most_entries: u64,
}

impl OutputPlan {
    pub(super) fn new(map: &ColorMap, emit: &Emit) -> Result<Self, Error> {
        let [width, height] = [map.shape().width(), map.shape().height()].map(|side| side as usize);
        let frame = Frame { width, height, images: map.images() as usize };
        let strides = Strides::new(&emit.mask_layout, emit.mask_format, frame)?;
        // Lossless: checked against the address space by whoever lends the memory.
        let device_bytes = emit.device.masks.map(|memory| memory.size as usize);
        let bytes = emit.masks.as_ref().map(|masks| masks.size).or(device_bytes);
        let most_entries = emit.most_entries;
        let capacity = OutputCapacity {
            bytes,
            planes: bytes.filter(|_| !emit.cropped).map_or(usize::MAX, |bytes| strides.masks_in(bytes)),
            labels: emit.labels.as_ref().map_or(emit.device.most_masks(), LabelTarget::most_masks),
            entries: usize::try_from(most_entries / frame.images as u64).unwrap_or(usize::MAX),
            most_entries,
        };
        Ok(Self { frame, strides, capacity })
    }

    /// Masks beyond which there is no need to list colours.
    pub(super) fn useful(&self) -> usize {
        let OutputCapacity { planes, labels, entries, .. } = self.capacity;
        planes.min(labels as usize).min(entries)
    }

    /// Whether so many masks can be written. Cropped ones are checked by `check_crops`.
    pub(super) fn check(&self, mask_count: u32) -> Result<(), Error> {
        let OutputCapacity { bytes, planes, labels, entries, most_entries } = self.capacity;
        let (what, argument, needed, given) = if mask_count as usize > planes {
            let needed = self.strides.bytes_of(mask_count.into());
            (Capacity::Masks, "the size of masks", needed, bytes.unwrap_or(0) as u64)
        } else if mask_count > labels {
            (Capacity::LabelNumbers, "the type of labels", mask_count.into(), labels.into())
        } else if mask_count as usize > entries {
            let needed = u64::from(mask_count) * self.frame.images as u64;
            (Capacity::PaletteEntries, "the size of palette", needed, most_entries)
        } else {
            return Ok(());
        };
        Err(Error::too_small(what, argument, mask_count, needed, given))
    }

    /// Whether cropped masks fit.
    pub(super) fn check_crops(&self, crops: &Crops, mask_count: u32) -> Result<(), Error> {
        match self.capacity.bytes {
            Some(bytes) if crops.bytes > bytes as u64 => {
                let (needed, given) = (crops.bytes, bytes as u64);
                Err(Error::too_small(Capacity::Masks, "the size of masks", mask_count, needed, given))
            }
            _ => Ok(()),
        }
    }
}

impl RunsWanted {
    /// Runs of which all is written, however much that is.
    pub(super) fn all(order: RunOrder) -> Self {
        Self { order, most_counts: Some(u64::MAX), most_offsets: Some(u64::MAX) }
    }

    /// Whether more than how many there are is asked for.
    pub(super) fn is_written(&self) -> bool {
        self.most_counts.is_some() || self.most_offsets.is_some()
    }

    /// Whether the runs of so many masks and images fit, of which there are so many numbers.
    pub(super) fn check(&self, mask_count: u32, images: usize, counts: u64) -> Result<(), Error> {
        let offsets = u64::from(mask_count) * images as u64 + 1;
        check_room(
            mask_count,
            [
                (Capacity::RunCounts, "the size of runs", counts, self.most_counts),
                (Capacity::RunOffsets, "the size of the runs' offsets", offsets, self.most_offsets),
            ],
        )
    }
}

impl OutlinesWanted {
    /// Outlines of which all is written, however much that is.
    pub(super) fn all(settings: OutlineSettings) -> Self {
        let all = Some(u64::MAX);
        Self {
            settings,
            most_points: all,
            most_ring_offsets: all,
            most_ring_exteriors: all,
            most_mask_offsets: all,
        }
    }

    /// Whether more than how much there is is asked for.
    pub(super) fn is_written(&self) -> bool {
        let most =
            [self.most_points, self.most_ring_offsets, self.most_ring_exteriors, self.most_mask_offsets];
        most.iter().any(Option::is_some)
    }

    /// Whether the outlines of so many masks and images fit, of which there are so many corners and rings.
    pub(super) fn check(&self, mask_count: u32, images: usize, points: u64, rings: u64) -> Result<(), Error> {
        let masks = u64::from(mask_count) * images as u64 + 1;
        let (offsets, exteriors) = (self.most_ring_offsets, self.most_ring_exteriors);
        check_room(
            mask_count,
            [
                (Capacity::OutlinePoints, "the size of the outlines' points", points, self.most_points),
                (Capacity::RingOffsets, "the size of the rings' offsets", rings + 1, offsets),
                (Capacity::RingExteriors, "the size of the rings' exteriors", rings, exteriors),
                (Capacity::MaskOffsets, "the size of the masks' offsets", masks, self.most_mask_offsets),
            ],
        )
    }
}

/// Whether there is room for what is needed, where that is to be written.
fn check_room<const N: usize>(
    mask_count: u32,
    lists: [(Capacity, &'static str, u64, Option<u64>); N],
) -> Result<(), Error> {
    for (what, argument, needed, most) in lists {
        if let Some(given) = most.filter(|&most| most < needed) {
            return Err(Error::too_small(what, argument, mask_count, needed, given));
        }
    }
    Ok(())
}
