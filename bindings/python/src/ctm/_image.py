"""An array of pixels as a ctm_image: without a copy wherever its strides can say how it lies in memory."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._abi import ffi
from ._arguments import choice, unsigned
from ._arrays import as_array
from ._errors import CopyWarning, InvalidArgumentError, InvalidTypeError
from ._library import lib

_FORMATS = {
    "f4": lib.CTM_FORMAT_F32,
    "f2": lib.CTM_FORMAT_F16,
    "u2": lib.CTM_FORMAT_U16,
    "u1": lib.CTM_FORMAT_U8,
    "b1": lib.CTM_FORMAT_U8,
    "u4": lib.CTM_FORMAT_U32,
    "i4": lib.CTM_FORMAT_I32,
}
IDS = {lib.CTM_FORMAT_U32: "uint32", lib.CTM_FORMAT_I32: "int32"}
_ORDERS = {
    "RGBA": lib.CTM_ORDER_RGBA,
    "RGB": lib.CTM_ORDER_RGBA,
    "BGRA": lib.CTM_ORDER_BGRA,
    "BGR": lib.CTM_ORDER_BGRA,
    "ARGB": lib.CTM_ORDER_ARGB,
    "ABGR": lib.CTM_ORDER_ABGR,
}
# The order in memory of channels that are read backwards.
_BACKWARDS = {
    (3, lib.CTM_ORDER_RGBA): lib.CTM_ORDER_BGRA,
    (3, lib.CTM_ORDER_BGRA): lib.CTM_ORDER_RGBA,
    (4, lib.CTM_ORDER_RGBA): lib.CTM_ORDER_ABGR,
    (4, lib.CTM_ORDER_ABGR): lib.CTM_ORDER_RGBA,
    (4, lib.CTM_ORDER_BGRA): lib.CTM_ORDER_ARGB,
    (4, lib.CTM_ORDER_ARGB): lib.CTM_ORDER_BGRA,
}
LAYOUTS = {2: "HW", 3: "HWC", 4: "NHWC"}


class Extent(Protocol):
    """How large the outputs of an image are."""

    @property
    def frames(self) -> tuple[int, ...]: ...

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def images(self) -> int: ...


@dataclass(frozen=True)
class Image:
    """A ctm_image, and what keeps its pixels alive."""

    struct: Any
    pixels: NDArray[Any]
    # The shape of the outputs: (images,) if there is such an axis, height, width.
    frames: tuple[int, ...]
    height: int
    width: int
    channels: int

    @property
    def ids(self) -> str | None:
        """The type of its values, if they are ids: all different, with no distance to each other."""
        return IDS.get(self.struct.format)

    @property
    def images(self) -> int:
        """How many images there are."""
        return self.frames[0] if self.frames else 1


def axes_of(name: str, array: NDArray[Any], layout: str | None) -> tuple[NDArray[Any], bool]:
    """The array as images, rows, columns, channels, and whether it has an axis of images."""
    names = LAYOUTS.get(array.ndim, "") if layout is None else layout.upper() if isinstance(layout, str) else ""
    if sorted(names) not in (["H", "W"], ["C", "H", "W"], ["H", "N", "W"], ["C", "H", "N", "W"]):
        what = f"has {array.ndim} dimensions; 2 to 4 are" if layout is None else f"has the layout {layout!r}; 'HWC', 'CHW', 'NHWC', 'NCHW', 'HW' or 'NHW' is"
        raise InvalidArgumentError(f"{name} {what} expected")
    if len(names) != array.ndim:
        raise InvalidArgumentError(f"{name} has the shape {array.shape} and layout is {layout!r}; they do not fit")
    array = array.transpose([names.index(axis) for axis in "NHWC" if axis in names])
    if "N" not in names:
        array = array[np.newaxis]
    if "C" not in names:
        array = array[..., np.newaxis]
    return array, "N" in names


def _places(array: NDArray[Any], order: int) -> dict[str, int] | None:
    """The fields of ctm_image that say where the pixels lie, or None where no strides can."""
    images, height, width, channels = array.shape
    image_stride, row_stride, pixel_stride, channel_stride = array.strides
    value = array.itemsize
    address = array.ctypes.data
    if channels > 1 and channel_stride < 0:
        if (channels, order) not in _BACKWARDS:
            return None
        order = _BACKWARDS[channels, order]
        address += channel_stride * (channels - 1)
        channel_stride = -channel_stride
    planar = channels > 1 and channel_stride != value
    pixel_bytes = value if planar else value * channels
    if width == 1:
        pixel_stride = pixel_bytes
    row_bytes = pixel_stride * (width - 1) + pixel_bytes
    if height == 1:
        row_stride = row_bytes
    plane_bytes = abs(row_stride) * (height - 1) + row_bytes
    image_bytes = plane_bytes + (channel_stride * (channels - 1) if planar else 0)
    if images == 1:
        image_stride = image_bytes
    if (
        pixel_stride < pixel_bytes
        or abs(row_stride) < row_bytes
        or (planar and channel_stride < plane_bytes)
        or image_stride < image_bytes
    ):
        return None
    if row_stride < 0:
        address += row_stride * (height - 1)
    return {
        "pixels": address,
        "channel_order": order,
        "planar": int(planar),
        "pixel_stride": pixel_stride,
        "row_stride": row_stride,
        "plane_stride": channel_stride if planar else 0,
        "image_stride": image_stride,
    }


def _warn_of_copy(array: NDArray[Any], why: str) -> None:
    # Warns where the package was called, from however deep inside.
    package = str(Path(__file__).parent)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        level, frame = level + 1, frame.f_back
    warnings.warn(
        f"image was copied ({array.nbytes} bytes): {why}; pass a contiguous array to avoid it", CopyWarning, level
    )


def describe(
    image: Any, layout: str | None, order: str, rectangle: tuple[int, int, int, int] | None
) -> Image:
    """Fills in a ctm_image."""
    array, batched = axes_of("image", as_array("image", image), layout)
    if array.dtype.str[1:] not in _FORMATS:
        raise InvalidTypeError(
            f"image has values of type {array.dtype}; float32, float16, uint16, uint8, uint32, int32 or bool is expected"
        )
    images, height, width, channels = array.shape
    if not 1 <= channels <= 4:
        hint = "; is it layout='CHW'?" if layout is None and array.ndim == 4 and array.shape[1] <= 4 else ""
        raise InvalidArgumentError(f"image has {channels} channels; 1 to 4 are supported{hint}")
    if images == 0:
        raise InvalidArgumentError("image has 0 images; at least 1 is expected")
    struct = ffi.new("ctm_image *", {"struct_size": ffi.sizeof("ctm_image")})
    struct.width = unsigned("image's width", width, 32)
    struct.height = unsigned("image's height", height, 32)
    struct.channels = channels
    struct.image_count = unsigned("image's number of images", images, 32)
    struct.format = _FORMATS[array.dtype.str[1:]]
    order_number = choice("order", order.upper() if isinstance(order, str) else order, _ORDERS)
    if array.size:
        if not array.dtype.isnative:
            _warn_of_copy(array, "its values are not in this machine's byte order")
            array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        places = _places(array, order_number)
        if places is None:
            _warn_of_copy(array, f"ctm cannot read strides of {array.strides} bytes for images, rows, pixels, channels")
            array = np.ascontiguousarray(array)
            places = _places(array, order_number)
            assert places is not None
        struct.pixels = ffi.cast("void *", places.pop("pixels"))
        for name, number in places.items():
            setattr(struct, name, number)
    else:
        struct.pixels = ffi.cast("void *", array.ctypes.data or 1)  # The library says what is wrong with no pixels.
    if rectangle is not None:
        names = ("left", "top", "rectangle_width", "rectangle_height")
        if not hasattr(rectangle, "__len__") or len(rectangle) != len(names):
            raise InvalidArgumentError(f"rectangle is {rectangle!r}; (left, top, width, height) is expected")
        for name, side in zip(names, rectangle):
            if name.startswith("rectangle") and side == 0:
                raise InvalidArgumentError(f"the rectangle's {name.removeprefix('rectangle_')} is 0; at least 1 is expected")
            setattr(struct, name, unsigned(f"the rectangle's {name.removeprefix('rectangle_')}", side, 32))
        width, height = struct.rectangle_width, struct.rectangle_height
    return Image(struct, array, (images,) if batched else (), height, width, channels)
