//! A Vulkan device gives what the CPU gives, to the bit: the software driver lavapipe, so that this is slow.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};

use super::c::{self, Found, OK, Options, Outputs, Shared};
use super::call::{CONTEXTS, Room, analyze};
use super::case::Case;
use super::oracle;

/// On lavapipe; none where it is not installed.
pub(crate) static DEVICE: LazyLock<Option<Shared>> = LazyLock::new(|| {
    let options = lavapipe();
    let mut context = std::ptr::null_mut();
    // SAFETY: both are there during the call.
    let status = unsafe { c::ctm_create(&options, &mut context) };
    (status == OK).then_some(Shared(context))
});

pub(crate) fn lavapipe() -> Options {
    Options { backend: 1, device_name: c"llvmpipe".as_ptr(), ..Options::init() }
}

pub fn run(bytes: &[u8]) {
    let device = DEVICE.expect("lavapipe is missing: scripts/setup installs it");
    let _ = compare(&mut Unstructured::new(bytes), device);
}

fn compare(u: &mut Unstructured, device: Shared) -> Result<()> {
    let mut case = Case::new(u)?;
    let colors = oracle::all_colors(&case);
    case.give_colors(u, &colors)?;
    let mut params = case.params;
    match u.int_in_range(0..=7u8)? {
        0 => params.connected = [4, 8][u.int_in_range(0..=1)?],
        1 => params.unmix_radius = u.int_in_range(1..=3)?,
        2 => (params.nearest, params.tolerance) = (u.int_in_range(1..=2)?, u.int_in_range(0..=64u8)?.into()),
        3 if params.palette.is_null() => {
            (params.merge, params.merge_tolerance) =
                (u.int_in_range(1..=2)?, u.int_in_range(0..=64u8)?.into());
        }
        _ => {}
    }
    let mut outputs = Outputs::init();
    outputs.mask_format = u.int_in_range(0..=3)?;
    let pixels = case.values().len();
    let wanted: u8 = u.arbitrary()?;
    let sizes = [
        (wanted & 1 != 0).then_some(pixels * 64),
        (wanted & 2 != 0).then_some(pixels * 4),
        (wanted & 4 != 0).then_some(64),
        None,
        None,
    ];
    let mut results = Vec::new();
    for context in [CONTEXTS[0], device] {
        let room = Room::new(outputs, sizes, false);
        let size = Some(size_of::<Found>());
        let (status, found) = analyze(context, Some(&case.image), Some(&params), Some(&room.outputs), size);
        let mut found = found.unwrap();
        let at = std::mem::offset_of!(Found, distinct_colors);
        found.bytes_mut()[at..at + 8].fill(0);
        let buffers: Vec<_> = room.buffers.iter().flatten().map(|buffer| buffer.bytes().to_vec()).collect();
        results.push((status, found.bytes().to_vec(), buffers, c::last_error(context.0)));
    }
    let (device, cpu) = (results.pop().unwrap(), results.pop().unwrap());
    assert_eq!(device.0, cpu.0, "device: {}; CPU: {}", device.3, cpu.3);
    assert!(device.1 == cpu.1, "`result` is another on the device");
    assert!(device.2 == cpu.2, "outputs are others on the device");
    Ok(())
}
