"""Exceptions: one class for each status of the library, with the library's own sentence."""

from __future__ import annotations


class Error(Exception):
    """Whatever goes wrong in ctm. `status` is the C library's number, 0 where the fault was found before it was called."""

    status: int = 0


class LibraryNotFoundError(Error, ImportError):
    """libctm is missing or cannot be loaded."""


class LibraryTooOldError(Error, ImportError):
    """The libctm that was found cannot do what this package needs."""


class InvalidArgumentError(Error, ValueError):
    """An argument is out of range, or does not fit another."""

    status = 1


class InvalidTypeError(InvalidArgumentError, TypeError):
    """An argument has a wrong type: an image of 64-bit floats, a tensor on a GPU, a read-only array to write to."""


class BufferTooSmallError(Error, ValueError):
    """An array given to be written to is too small."""

    status = 2


class OutOfMemoryError(Error, MemoryError):
    """The host ran out of memory or threads, or `memory_limit` does not suffice."""

    status = 3


class OutOfDeviceMemoryError(Error, MemoryError):
    """The Vulkan device ran out of memory."""

    status = 4


class NoDeviceError(Error):
    """No Vulkan device fits what the context asks for."""

    status = 5


class DeviceLostError(Error):
    """The Vulkan device was lost. The context is of no more use: make another."""

    status = 6


class DeviceTimeoutError(Error, TimeoutError):
    """The Vulkan device did not finish in time. The context is of no more use: make another."""

    status = 7


class DriverError(Error):
    """The Vulkan driver refused a call that should have worked."""

    status = 8


class InternalError(Error):
    """A defect in ctm. Please report it with its text."""

    status = 9


class UnlistedColorsError(Error, ValueError):
    """The image has colours that the given palette does not have, and `unlisted="error"` was asked for."""

    status = 10


class CancelledError(Error):
    """The call was asked to stop."""

    status = 11


class UnsupportedError(Error):
    """A device or its driver cannot do what is asked."""

    status = 12


class DataError(Error, ValueError):
    """Bytes that were handed in are damaged, or are not what they should be."""

    status = 13


class NoSuchMaskError(InvalidArgumentError, IndexError, KeyError):
    """A `Segmentation` has no mask of a number, colour or name. It is an `IndexError` and a `KeyError`."""

    # A KeyError would quote its sentence.
    __str__ = Error.__str__


class CopyWarning(UserWarning):
    """An image had to be copied, since the C library cannot read it where it lies."""


_BY_STATUS: dict[int, type[Error]] = {
    cls.status: cls
    for cls in (
        InvalidArgumentError,
        BufferTooSmallError,
        OutOfMemoryError,
        OutOfDeviceMemoryError,
        NoDeviceError,
        DeviceLostError,
        DeviceTimeoutError,
        DriverError,
        InternalError,
        UnlistedColorsError,
        CancelledError,
        UnsupportedError,
        DataError,
    )
}


def from_status(status: int, sentence: str) -> Error:
    """The exception for a status; one that this package does not know is a plain `Error`."""
    error = _BY_STATUS.get(status, Error)(sentence)
    error.status = status
    return error
