//! The masks and labels that a call writes, in the host's memory or a device's.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::capi::device_memory::ctm_device_memory;
use crate::capi::extent::{Extent, check_values};
use crate::capi::outputs::{Formats, ctm_outputs};
use crate::capi::result::ctm_result;
use crate::capi::structs::{Versioned, inside};
use crate::error::{Capacity, Error};
use crate::output::label_output::LabelTarget;
use crate::output::planes::Strides;
use crate::types::geometry::Frame;
use crate::types::image::ColorMap;
use crate::types::outputs::{DeviceOutputs, LabelWidth, MaskFormat, MaskLayout, Masks};

/// The caller's masks and labels, whose fields are in range and suit the image.
pub(super) struct Planes<'a> {
    fields: &'a ctm_outputs,
    strides: Strides,
    label: LabelWidth,
    /// Pixels of all images.
    pixels: usize,
    images: usize,
    device: DeviceOutputs,
    /// Bytes of the masks and labels that are in the host's memory.
    host_sizes: [usize; 2],
}

impl<'a> Planes<'a> {
    /// # Safety
    /// The structs that `fields` points to are there.
    pub(super) unsafe fn new(
        fields: &'a ctm_outputs,
        formats: &Formats,
        map: &ColorMap,
    ) -> Result<Self, Error> {
        let (shape, images) = (map.shape(), map.images() as usize);
        let frame = Frame { width: shape.width() as usize, height: shape.height() as usize, images };
        let strides =
            Strides::new(&formats.layout, formats.mask, frame).map_err(|error| inside("outputs", error))?;
        // SAFETY: the caller guarantees the structs.
        let device = unsafe { device_outputs(fields, formats) }?;
        let on_host = |memory: bool, size: usize| if memory { 0 } else { size };
        let host_sizes = [
            on_host(device.masks.is_some(), fields.masks_size),
            on_host(device.labels.is_some(), fields.labels_size),
        ];
        let [masks_size, labels_size] = host_sizes;
        let (mask_alignment, label_alignment) = (formats.mask.alignment(), formats.label.bytes());
        check_values("outputs.masks", fields.masks, masks_size, mask_alignment)?;
        check_values("outputs.labels", fields.labels, labels_size, label_alignment)?;
        let pixels = shape.plane() * images;
        Ok(Self { fields, strides, label: formats.label, pixels, images, device, host_sizes })
    }

    /// Where those lie that are in the host's memory.
    pub(super) fn extents(&self) -> Result<Vec<Extent>, Error> {
        let [masks_size, labels_size] = self.host_sizes;
        Ok(vec![
            Extent::new("outputs.masks", self.fields.masks.addr(), masks_size, "bytes", 1)?,
            Extent::new("outputs.labels", self.fields.labels.addr(), labels_size, "bytes", 1)?,
        ])
    }

    /// Those that go to a device's memory.
    pub(super) fn device(&self) -> &DeviceOutputs {
        &self.device
    }

    /// Checks that those on the device overlap no pixels there.
    pub(super) fn check_apart_on_device(&self, map: &ColorMap) -> Result<(), Error> {
        let Some(pixels) = map.memory() else { return Ok(()) };
        self.device.memories().try_for_each(|memory| memory.check_apart(&pixels))
    }

    pub(super) fn has_any(&self) -> bool {
        !self.fields.masks.is_null() || !self.fields.labels.is_null() || !self.device.is_empty()
    }

    /// The error of labels that are asked for and do not fit, whatever the number of masks.
    pub(super) fn missing_labels(&self) -> Option<Error> {
        let wanted = !self.fields.labels.is_null() || self.device.labels.is_some();
        let (needed, given) = (self.labels_size(), self.fields.labels_size as u64);
        (wanted && given < needed)
            .then(|| Error::too_small(Capacity::Labels, "outputs.labels_size", 0, needed, given))
    }

    fn labels_size(&self) -> u64 {
        (self.pixels as u64).saturating_mul(self.label.bytes() as u64)
    }

    /// What the outputs need for so many masks.
    pub(super) fn needed(&self, mask_count: u32) -> ctm_result {
        let masks = u64::from(mask_count);
        ctm_result {
            mask_count,
            masks_size: self.strides.bytes_of(masks),
            labels_size: self.labels_size(),
            palette_len: masks * self.images as u64,
            ..ctm_result::INIT
        }
    }

    /// Where the plane of a mask and image begins.
    pub(super) fn offset(&self, mask: usize, image: usize) -> u64 {
        self.strides.offset(mask, image) as u64
    }

    /// The masks' memory, if they go to the host's.
    ///
    /// # Safety
    /// It can be written for `'a`, apart from all else.
    pub(super) unsafe fn masks(&self) -> Option<Masks<'a>> {
        let fields = self.fields;
        (!fields.masks.is_null()).then(|| Masks {
            first: fields.masks.cast(),
            size: fields.masks_size,
            lifetime: PhantomData,
        })
    }

    /// The labels' memory, if they go to the host's. They fit.
    ///
    /// # Safety
    /// It can be written for `'a`, apart from all else.
    pub(super) unsafe fn labels(&self) -> Option<LabelTarget<'a>> {
        let (labels, pixels) = (self.fields.labels, self.pixels);
        // SAFETY: the caller guarantees the buffer, whose alignment and size were checked; nothing is assumed of its
        // contents.
        (!labels.is_null()).then(|| unsafe {
            match self.label {
                LabelWidth::Four => LabelTarget::U32(values(labels, pixels)),
                LabelWidth::Two => LabelTarget::U16(values(labels, pixels)),
                LabelWidth::One => LabelTarget::U8(values(labels, pixels)),
            }
        })
    }
}

/// The outputs that go to a device's memory.
///
/// # Safety
/// The structs that `fields` points to are there.
unsafe fn device_outputs(fields: &ctm_outputs, formats: &Formats) -> Result<DeviceOutputs, Error> {
    for (name, host, memory) in
        [("masks", fields.masks, fields.masks_memory), ("labels", fields.labels, fields.labels_memory)]
    {
        if !host.is_null() && !memory.is_null() {
            return Err(Error::InvalidArgument(format!(
                "outputs.{name} is {host:p} and outputs.{name}_memory is given; one of them is expected"
            )));
        }
    }
    // SAFETY: the caller guarantees the structs.
    let (masks, labels) = unsafe {
        let (masks, labels) = (fields.masks_memory, fields.labels_memory);
        (
            ctm_device_memory::external(masks, "outputs.masks_memory", fields.masks_size as u64)?,
            ctm_device_memory::external(labels, "outputs.labels_memory", fields.labels_size as u64)?,
        )
    };
    if let (Some(masks), Some(labels)) = (&masks, &labels) {
        labels.check_apart(masks)?;
    }
    if masks.is_some()
        && (formats.mask != MaskFormat::F32 || formats.cropped || formats.layout != MaskLayout::default())
    {
        return Err(Error::Unsupported(
            "outputs.masks_memory is given and mask_format, cropped or a stride is not 0; in a device's memory \
             masks are floats without gaps"
                .to_owned(),
        ));
    }
    Ok(DeviceOutputs { masks, labels: labels.map(|memory| (memory, formats.label)) })
}

/// # Safety
/// `memory` is aligned and has room for so many values, for `'a`.
unsafe fn values<'a, T>(memory: *mut c_void, len: usize) -> &'a mut [MaybeUninit<T>] {
    // SAFETY: the caller guarantees it.
    unsafe { std::slice::from_raw_parts_mut(memory.cast(), len) }
}
