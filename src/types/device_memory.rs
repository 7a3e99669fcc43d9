//! Memory of a Vulkan device that the caller has made and exported, for pixels or outputs. Knows neither Vulkan nor C.

use crate::error::Error;

/// What Vulkan calls `VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT`, the one kind of handle that is taken.
#[cfg(feature = "capi")]
pub(crate) const OPAQUE_FD: u32 = 1;

/// Memory behind a file descriptor, which stays the caller's, and the part of it that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceMemory {
    /// What the caller calls it, for errors.
    pub(crate) name: &'static str,
    pub(crate) fd: i32,
    /// As the memory was allocated.
    pub(crate) allocation_size: u64,
    pub(crate) memory_type_index: u32,
    /// Where the part begins, in bytes.
    pub(crate) offset: u64,
    /// Bytes of the part.
    pub(crate) size: u64,
}

impl DeviceMemory {
    /// Checks all that can be checked without a device.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Self { name, fd, allocation_size, offset, size, .. } = *self;
        if fd < 0 {
            return Err(Error::InvalidArgument(format!("{name}.fd is {fd}; a file descriptor is expected")));
        }
        if !offset.is_multiple_of(4) {
            return Err(Error::InvalidArgument(format!(
                "{name}.offset is {offset}; a multiple of 4 is expected"
            )));
        }
        if offset.checked_add(size).is_none_or(|end| end > allocation_size) {
            return Err(Error::InvalidArgument(format!(
                "{name}.allocation_size is {allocation_size}; {size} bytes from offset {offset} on are used, \
                 and as many are expected"
            )));
        }
        Ok(())
    }

    /// Checks that two parts do not overlap, as far as that can be known: other descriptors may stand for the same
    /// memory.
    #[cfg(any(feature = "capi", test))]
    pub(crate) fn check_apart(&self, other: &Self) -> Result<(), Error> {
        let apart = self.offset + self.size <= other.offset || other.offset + other.size <= self.offset;
        if self.fd != other.fd || apart || self.size == 0 || other.size == 0 {
            return Ok(());
        }
        Err(Error::InvalidArgument(format!(
            "{} (bytes {} to {} of file descriptor {}) overlaps {} (bytes {} to {}); separate memory is expected",
            self.name,
            self.offset,
            self.offset + self.size,
            self.fd,
            other.name,
            other.offset,
            other.offset + other.size
        )))
    }

    /// `size` bytes of the part, from `start` on.
    pub(crate) fn part(&self, start: u64, size: u64) -> Self {
        Self { offset: self.offset + start, size, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: DeviceMemory = DeviceMemory {
        name: "outputs.labels_memory",
        fd: 5,
        allocation_size: 4096,
        memory_type_index: 0,
        offset: 1024,
        size: 3072,
    };

    #[test]
    fn refuses_what_cannot_be() {
        assert_eq!(MEMORY.check(), Ok(()));
        for wrong in [
            DeviceMemory { fd: -1, ..MEMORY },
            DeviceMemory { offset: 1022, ..MEMORY },
            DeviceMemory { size: 3073, ..MEMORY },
            DeviceMemory { offset: u64::MAX - 3, ..MEMORY },
            DeviceMemory { allocation_size: 0, ..MEMORY },
        ] {
            assert!(matches!(wrong.check(), Err(Error::InvalidArgument(_))), "{wrong:?}");
        }
    }

    #[test]
    fn parts_of_the_same_memory_may_touch_but_not_overlap() {
        let before = DeviceMemory { offset: 0, size: 1024, ..MEMORY };
        assert_eq!(MEMORY.check_apart(&before), Ok(()));
        assert_eq!(before.check_apart(&MEMORY), Ok(()));
        let longer = DeviceMemory { size: 1025, ..before };
        assert!(MEMORY.check_apart(&longer).is_err());
        assert!(longer.check_apart(&MEMORY).is_err());
        assert_eq!(MEMORY.check_apart(&DeviceMemory { fd: 6, ..longer }), Ok(()));
    }
}
