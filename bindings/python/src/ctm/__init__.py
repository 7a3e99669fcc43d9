"""ctm: turns colour maps into masks, on the GPU (Vulkan) or the CPU.

    import ctm
    result = ctm.segment(image, min_pixels=500)             # masks, labels, names, boxes
    masks = ctm.masks(image, min_pixels=500, max_count=5)   # (masks, rows, columns), most frequent colour first
    result = ctm.analyze(image, outputs=["labels", "palette"])

`Context` says where the work is done; the functions here use one of their own, made at the first call.
"""

from __future__ import annotations

from ._abi import HEADER_VERSION as __version__
from ._buffers import free_memory
from ._context import Context
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
    NoSuchMaskError,
    OutOfDeviceMemoryError,
    OutOfMemoryError,
    UnlistedColorsError,
    UnsupportedError,
)
from ._functions import analyze, masks, segment
from ._library import devices, library_path, library_version
from ._options import AnalyzeOptions, ArrayLike, ColorLike, ImageLike, MasksOptions, PaletteLike, SegmentOptions
from ._mosaic import Mosaic
from ._outlines import Outlines
from ._outputs import MERGED_DTYPE, PALETTE_DTYPE
from ._regions import Regions
from ._result import Result
from ._runs import Runs
from ._segmentation import Segmentation
from ._shared import default_context

__all__ = [
    "MERGED_DTYPE",
    "PALETTE_DTYPE",
    "AnalyzeOptions",
    "ArrayLike",
    "BufferTooSmallError",
    "CancelledError",
    "ColorLike",
    "Context",
    "CopyWarning",
    "Counts",
    "DataError",
    "DeviceLostError",
    "DeviceTimeoutError",
    "DriverError",
    "Error",
    "ImageLike",
    "InternalError",
    "InvalidArgumentError",
    "InvalidTypeError",
    "LibraryNotFoundError",
    "LibraryTooOldError",
    "MasksOptions",
    "NoDeviceError",
    "NoSuchMaskError",
    "OutOfDeviceMemoryError",
    "OutOfMemoryError",
    "Mosaic",
    "Outlines",
    "PaletteLike",
    "Regions",
    "Result",
    "Runs",
    "SegmentOptions",
    "Segmentation",
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
    "segment",
]
