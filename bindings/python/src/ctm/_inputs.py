"""Images as people have them, as arrays that the library reads: files, integers of any type, masked arrays."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arrays import as_array
from ._colors import ColorSpace
from ._errors import InvalidArgumentError, InvalidTypeError
from ._image import axes_of
from ._pillow import of_pillow, open_image


@dataclass(frozen=True)
class Pixels:
    """An image as the library reads it: (rows, columns, channels)."""

    array: NDArray[Any]
    space: ColorSpace
    # Pixels with an alpha below this are masked; 0: none is.
    least_alpha: float = 0.0
    # The id that masked pixels have here, where ids have no alpha: it is to be ignored.
    hidden_id: int | None = None


def read(name: str, image: Any, layout: str | None, least_alpha: float | None) -> Pixels:
    """Reads an image. Where alpha is no part of the colours, `least_alpha` is the least of pixels that have one, else None."""
    given = open_image(name, image) if isinstance(image, (str, os.PathLike)) else of_pillow(name, image)
    hidden = None
    ma = sys.modules.get("numpy.ma")
    if ma and isinstance(given, ma.MaskedArray):
        hidden, given = ma.getmaskarray(given), given.data
    raw = as_array(name, given)
    array, batched = axes_of(name, raw, layout)
    if batched:
        raise InvalidArgumentError(f"{name} has the shape {raw.shape}; one image is expected, (rows, columns) or (rows, columns, channels): pass list({name}) for several")
    array = array[0]
    channels = array.shape[2]
    if not 1 <= channels <= 4:
        hint = ": is it layout='CHW'?" if layout is None and array.shape[0] <= 4 else ""
        raise InvalidArgumentError(f"{name} has {channels} channels; 1 to 4 are supported{hint}")
    values, white = _values(name, array)
    has_alpha = least_alpha is not None and channels in (2, 4)
    pixels = Pixels(values, ColorSpace(channels - has_alpha, array.dtype, white, _ids(values.dtype), raw.ndim == 3))
    if hidden is not None and hidden.any():
        return _hide(pixels, axes_of(name, hidden, layout)[0][0].any(axis=2), least_alpha if has_alpha else None)
    return pixels


def _values(name: str, array: NDArray[Any]) -> tuple[NDArray[Any], float | None]:
    """The pixels in a type that the library knows, no value changed, and what hexadecimal colours mean by white."""
    dtype = array.dtype
    if dtype in (np.float32, np.float16):
        return array, 1.0
    if dtype == np.float64 or (dtype.kind == "f" and dtype.itemsize > 8):
        with np.errstate(over="ignore"):
            floats = array.astype(np.float32)
        lost = (floats != array) & ~np.isnan(array)
        if lost.any():
            raise InvalidTypeError(f"{name} has the value {array[lost][0]} of type {dtype}, which a 32-bit float does not hold; pass {name}.astype(numpy.float32) to round")
        return floats, 1.0
    if dtype == np.bool_:
        return array, None
    if dtype.kind not in "iu":
        raise InvalidTypeError(f"{name} has values of type {dtype}; integers, bool or floats are expected")
    if dtype in (np.uint8, np.uint16):
        return array, float(np.iinfo(dtype).max)
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    if low >= 0 and high <= 255:
        return array.astype(np.uint8), 255.0
    if low >= 0 and high <= 65535:
        return array.astype(np.uint16), None
    kind = np.uint32 if low >= 0 else np.int32
    limits = np.iinfo(kind)
    if low < limits.min or high > limits.max:
        beyond = high if high > limits.max else low
        raise InvalidArgumentError(f"{name} has the value {beyond}; integers of 32 bits are expected, here {limits.min} to {limits.max}")
    if array.shape[2] <= 2:
        return array.astype(kind), None
    # Those of three channels and more are no ids, and floats hold them up to 2^24.
    floats = array.astype(np.float32)
    lost = floats.astype(np.float64) != array
    if lost.any():
        raise InvalidArgumentError(f"{name} has the value {array[lost][0]}, and {array.shape[2]} channels; integers up to 16777216, or 1 or 2 channels, are expected")
    return floats, None


def _ids(dtype: np.dtype[Any]) -> str | None:
    return dtype.name if dtype.kind in "iu" and dtype.itemsize == 4 else None


def _unused(ids: NDArray[Any]) -> int:
    """An id that no pixel has."""
    limits = np.iinfo(ids.dtype)
    if ids.max() < limits.max:
        return int(ids.max()) + 1
    if ids.min() > limits.min:
        return int(ids.min()) - 1
    used = np.unique(ids).astype(np.int64)  # An image has fewer pixels than there are ids.
    return int(used[np.argmax(np.diff(used) > 1)]) + 1


def _hide(pixels: Pixels, hidden: NDArray[Any], least_alpha: float | None) -> Pixels:
    """The image with masked pixels as ones without a colour: a NaN, or an alpha of 0 that is no part of the colours."""
    array, channels = pixels.array, pixels.array.shape[2]
    if pixels.space.ids:
        array, unused = array.copy(), _unused(array[..., 0])
        array[hidden] = unused
        return replace(pixels, array=array, hidden_id=unused)
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if array.dtype.kind == "f" or (channels in (2, 4) and least_alpha is None):
        floats = array.astype(np.float32)
        floats[hidden] = np.nan
        return replace(pixels, array=floats)
    if least_alpha is None:
        opaque = np.full((*array.shape[:2], 1), np.iinfo(array.dtype).max, array.dtype)
        array = np.concatenate([array, opaque], axis=2)
    else:
        array = array.copy()
        if least_alpha <= 0:
            array[array[..., -1] == 0, -1] = 1  # It has a colour as those that are not transparent.
    array[hidden, -1] = 0
    return replace(pixels, array=array, least_alpha=max(least_alpha or 0.0, 1.0))
