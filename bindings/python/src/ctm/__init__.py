"""ctm: turns colour maps into masks, on the GPU (Vulkan) or the CPU.

    import ctm
    masks = ctm.masks(image, min_pixels=500, max_count=5)   # (masks, rows, columns), most frequent colour first
    result = ctm.analyse(image, outputs=["labels", "palette"])

`Context` says where the work is done; the functions here use one of their own, made at the first call.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from numpy.typing import NDArray

from ._abi import HEADER_VERSION as __version__
from ._context import Context, Result
from ._errors import (
    BufferTooSmallError,
    CopyWarning,
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
    UndeclaredColorsError,
)
from ._library import devices, library_path, library_version
from ._outputs import PALETTE_DTYPE

__all__ = [
    "PALETTE_DTYPE",
    "BufferTooSmallError",
    "Context",
    "CopyWarning",
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
    "UndeclaredColorsError",
    "__version__",
    "analyse",
    "default_context",
    "devices",
    "library_path",
    "library_version",
    "masks",
]

_default: Context | None = None
_lock = threading.Lock()


def default_context() -> Context:
    """The context of `ctm.masks` and `ctm.analyse`: made with the defaults, at the first call."""
    global _default
    with _lock:
        if _default is None:
            _default = Context()
        return _default


def _forget_default() -> None:
    # A forked process needs contexts of its own. Another thread of its parent may have held the lock.
    global _default, _lock
    _default, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_default)


def masks(image: Any, min_pixels: int = 1, max_count: int | None = None, **settings: Any) -> NDArray[Any]:
    """The masks of the most frequent colours of an image, most frequent first: (masks, rows, columns) of floats, 1
    inside and 0 outside. `settings` are those of `Context.analyse`: layout, order, mask_format, ignored, …"""
    return default_context().masks(image, min_pixels, max_count, **settings)


def analyse(image: Any, **settings: Any) -> Result:
    """Masks, labels and the palette, any of them: see `Context.analyse`."""
    return default_context().analyse(image, **settings)
