//! A pipeline cache that is damaged, or anything else, is not used, and nothing else happens.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};

use super::c::{self, Context, OK, Options};
use super::devices::{DEVICE, lavapipe};
use super::guarded::Guarded;

/// What lavapipe's device gives out.
static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let device = DEVICE.expect("lavapipe is missing: scripts/setup installs it");
    use_once(device.0);
    let mut size = 0;
    // SAFETY: all is there, and as large as it says.
    unsafe {
        assert_eq!(c::ctm_context_pipeline_cache(device.0, std::ptr::null_mut(), &mut size), OK);
        let memory = Guarded::filled(size, false, 0xee);
        assert_eq!(c::ctm_context_pipeline_cache(device.0, memory.pointer(), &mut size), OK);
        memory.bytes().to_vec()
    }
});

fn use_once(context: *mut Context) {
    let (pixels, mut count) = ([1.0f32, 2.0, 2.0], 0);
    let mut masks = [0.5f32; 6];
    // SAFETY: all is there, and as large as it says.
    let status =
        unsafe { c::ctm_run(context, pixels.as_ptr(), 3, 1, 1, 1, 9, masks.as_mut_ptr(), 6, &mut count) };
    assert_eq!((status, count), (OK, 2), "{}", c::last_error(context));
    assert_eq!(masks, [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
}

pub fn run(bytes: &[u8]) {
    let _ = load(&mut Unstructured::new(bytes));
}

fn load(u: &mut Unstructured) -> Result<()> {
    let mut bytes = WHOLE.clone();
    for _ in 0..u.int_in_range(0..=4u8)? {
        let at = u.choose_index(bytes.len())?;
        bytes[at] = u.arbitrary()?;
    }
    match u.int_in_range(0..=4u8)? {
        0 => bytes.truncate(u.choose_index(bytes.len())?),
        1 => bytes.extend(u.arbitrary::<[u8; 5]>()?),
        2 => bytes = u.arbitrary()?,
        _ => {}
    }
    let mut memory = Guarded::new(bytes.len(), u.arbitrary()?);
    memory.bytes_mut().copy_from_slice(&bytes);
    let mut options =
        Options { pipeline_cache: memory.pointer(), pipeline_cache_size: bytes.len(), ..lavapipe() };
    if bytes.is_empty() {
        options.pipeline_cache = std::ptr::null();
    }
    let mut context = std::ptr::null_mut();
    // SAFETY: all is there, and as large as it says.
    unsafe {
        let status = c::ctm_create(&options, &mut context);
        assert_eq!(status, OK, "{}", c::last_error(std::ptr::null()));
        use_once(context);
        c::ctm_destroy(context);
    }
    Ok(())
}
