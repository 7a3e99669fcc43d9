//! `ctm_analyze`, with structs and buffers in memory of exactly their size.

use std::sync::LazyLock;

use super::c::{self, Entry, Found, INTERNAL, Image, Outputs, Params, Shared};
use super::guarded::Guarded;

/// What buffers hold before a call.
pub(crate) const UNTOUCHED: u8 = 0xee;
const MERGED_BYTES: usize = 40;

pub(crate) static CONTEXTS: LazyLock<[Shared; 3]> =
    LazyLock::new(|| [c::cpu(1, 0), c::cpu(2, 0), c::cpu(1, 32 << 20)].map(|options| Shared::new(&options)));

/// What is in buffers, those that there are.
pub(crate) type Buffers = Vec<Option<Vec<u8>>>;

/// The buffers of a call, and the struct that points to them.
pub(crate) struct Room {
    pub(crate) outputs: Outputs,
    pub(crate) buffers: [Option<Guarded>; 5],
}

impl Room {
    /// Masks, labels (in bytes), palette, unlisted, merged (in entries).
    pub(crate) fn new(outputs: Outputs, sizes: [Option<usize>; 5], at_start: bool) -> Self {
        let units = [1, 1, size_of::<Entry>(), size_of::<Entry>(), MERGED_BYTES];
        let mut index = 0;
        let buffers = sizes.map(|size| {
            let unit = units[index];
            index += 1;
            size.map(|size| Guarded::filled(size * unit, at_start, UNTOUCHED))
        });
        let mut room = Self { outputs, buffers };
        let pointer =
            |index: usize| room.buffers[index].as_ref().map_or(std::ptr::null_mut(), Guarded::pointer::<u8>);
        let pointers = [0, 1, 2, 3, 4].map(pointer);
        let size = |index: usize| sizes[index].unwrap_or(0);
        let outputs = &mut room.outputs;
        (outputs.masks, outputs.masks_size) = (pointers[0].cast(), size(0));
        (outputs.labels, outputs.labels_size) = (pointers[1].cast(), size(1));
        (outputs.palette, outputs.palette_capacity) = (pointers[2].cast(), size(2));
        (outputs.unlisted, outputs.unlisted_capacity) = (pointers[3].cast(), size(3));
        (outputs.merged, outputs.merged_capacity) = (pointers[4].cast(), size(4));
        room
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.buffers.iter().flatten().all(|buffer| buffer.bytes().iter().all(|byte| *byte == UNTOUCHED))
    }

    pub(crate) fn bytes(&self) -> Buffers {
        self.buffers.iter().map(|buffer| buffer.as_ref().map(|buffer| buffer.bytes().to_vec())).collect()
    }
}

/// Structs as a caller's header has them: no longer than they say.
pub(crate) fn place<T: Copy>(value: &T, struct_size: usize) -> Guarded {
    Guarded::of(value, struct_size.clamp(size_of::<usize>(), 4096))
}

/// `Found` before the call: the size, and what nobody has written.
fn unfound(struct_size: usize) -> Guarded {
    let mut memory = Guarded::filled(struct_size.clamp(size_of::<usize>(), 4096), false, UNTOUCHED);
    memory.bytes_mut()[..size_of::<usize>()].copy_from_slice(&struct_size.to_ne_bytes());
    memory
}

/// Makes the call with structs in memory of their own; gives the status and what is in `result` afterwards.
pub(crate) fn analyze(
    context: Shared,
    image: Option<&Image>,
    params: Option<&Params>,
    outputs: Option<&Outputs>,
    result_size: Option<usize>,
) -> (i32, Option<Guarded>) {
    let image = image.map(|image| place(image, image.struct_size));
    let params = params.map(|params| place(params, params.struct_size));
    let outputs = outputs.map(|outputs| place(outputs, outputs.struct_size));
    let result = result_size.map(unfound);
    let pointer =
        |memory: &Option<Guarded>| memory.as_ref().map_or(std::ptr::null_mut(), Guarded::pointer::<u8>);
    // SAFETY: all is there, and as large as it says.
    let status = unsafe {
        c::ctm_analyze(
            context.0,
            pointer(&image).cast(),
            pointer(&params).cast(),
            pointer(&outputs).cast(),
            pointer(&result).cast(),
        )
    };
    assert_ne!(status, INTERNAL, "{}", c::last_error(context.0));
    (status, result)
}

pub(crate) fn found(memory: &Guarded) -> Found {
    assert_eq!(memory.len(), size_of::<Found>());
    // SAFETY: as large, and all bits are valid.
    unsafe { memory.pointer::<Found>().read_unaligned() }
}
