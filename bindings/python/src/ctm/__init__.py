"""ctm: turns colour maps into masks, on the GPU (Vulkan) or the CPU.

    import ctm
    masks = ctm.masks(image, min_pixels=500, max_count=5)   # (masks, rows, columns), most frequent colour first
    result = ctm.analyze(image, outputs=["labels", "palette"])

`Context` says where the work is done; the functions here use one of their own, made at the first call.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ._abi import HEADER_VERSION as __version__
from ._buffers import free_memory
from ._context import Context, Result, default_context
from ._counts import Counts
from ._errors import (
    BufferTooSmallError,
    CancelledError,
    CopyWarning,
    DataError,
    DeviceLostError,
    DeviceTimeoutError,
    DriverError,
    Error,
    InternalError,
    InvalidArgumentError,
    InvalidTypeError,
    LibraryNotFoundError,
    LibraryTooOldError,
    NoDeviceError,
    OutOfDeviceMemoryError,
    OutOfMemoryError,
    UnlistedColorsError,
    UnsupportedError,
)
from ._library import devices, library_path, library_version
from ._outputs import MERGED_DTYPE, PALETTE_DTYPE
from ._runs import Runs

__all__ = [
    "MERGED_DTYPE",
    "PALETTE_DTYPE",
    "BufferTooSmallError",
    "CancelledError",
    "Context",
    "CopyWarning",
    "Counts",
    "DataError",
    "DeviceLostError",
    "DeviceTimeoutError",
    "DriverError",
    "Error",
    "InternalError",
    "InvalidArgumentError",
    "InvalidTypeError",
    "LibraryNotFoundError",
    "LibraryTooOldError",
    "NoDeviceError",
    "OutOfDeviceMemoryError",
    "OutOfMemoryError",
    "Result",
    "Runs",
    "UnlistedColorsError",
    "UnsupportedError",
    "__version__",
    "analyze",
    "default_context",
    "devices",
    "free_memory",
    "library_path",
    "library_version",
    "masks",
]

def masks(image: Any, min_pixels: int = 1, max_count: int | None = None, **settings: Any) -> NDArray[Any]:
    """The masks of the most frequent colours of an image, most frequent first: (masks, rows, columns) of floats, 1
    inside and 0 outside. `settings` are those of `Context.analyze`: layout, order, mask_format, ignored, …"""
    return default_context().masks(image, min_pixels, max_count, **settings)


def analyze(image: Any, **settings: Any) -> Result:
    """Masks, labels and the palette, any of them: see `Context.analyze`."""
    return default_context().analyze(image, **settings)
