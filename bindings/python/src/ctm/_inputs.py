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
from ._ids import as_ids
from ._image import axes_of
from ._pillow import of_pillow, open_image


@dataclass(frozen=True)
class Pixels:
    """An image as the library reads it: (rows, columns, channels)."""

    array: NDArray[Any]
    space: ColorSpace
    # Pixels with an alpha below this are masked; 0: none is.
    least_alpha: float = 0.0
    # Of ids, which have neither alpha nor NaN, the pixels that are masked: (rows, columns).
    hidden: NDArray[np.bool_] | None = None


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
    """The pixels in a type that the library knows, no value changed, and what hexadecimal colours mean by white. Their type and
    channels say what these are, never their values."""
    dtype = array.dtype
    native = dtype.newbyteorder("=")
    if native in (np.float32, np.float16):
        return array.astype(native, copy=False), 1.0
    if dtype.kind == "f":
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
    if native in (np.uint8, np.uint16):
        return array.astype(native, copy=False), float(np.iinfo(native).max)
    if array.shape[2] <= 2:
        return as_ids(name, array), None
    # Those of three channels and more are no ids but colours, as a rule bytes that were made wider. Floats hold them up to 2^24.
    floats = array.astype(np.float32)
    lost = floats.astype(np.float64) != array
    if lost.any():
        raise InvalidArgumentError(f"{name} has the value {array[lost][0]}, and {array.shape[2]} channels; integers up to 16777216, or 1 or 2 channels, are expected")
    return floats, 255.0


def _ids(dtype: np.dtype[Any]) -> str | None:
    return dtype.name if dtype.kind in "iu" and dtype.itemsize == 4 else None


def _hide(pixels: Pixels, hidden: NDArray[Any], least_alpha: float | None) -> Pixels:
    """The image with masked pixels as ones without a colour: a NaN, or an alpha of 0 that is no part of the colours. Of ids it says
    which they are: another id of theirs depends on what else is looked at."""
    array, channels = pixels.array, pixels.array.shape[2]
    if pixels.space.ids:
        return replace(pixels, hidden=hidden)
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
