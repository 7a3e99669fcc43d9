"""The arrays that a call writes to, as a ctm_outputs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._abi import ffi
from ._arguments import choice, one_of
from ._arrays import as_array
from ._buffers import empty
from ._errors import InvalidArgumentError, InvalidTypeError, OutOfMemoryError
from ._image import Image
from ._library import lib

_MASK_FORMATS = {
    "float32": lib.CTM_MASK_F32,
    "uint8": lib.CTM_MASK_U8,
    "bool": lib.CTM_MASK_U8_ONE,
    "bits": lib.CTM_MASK_BITS,
    "coverage": lib.CTM_MASK_COVERAGE,
}
# Those that an array's type tells.
_MASK_TYPES = ("float32", "uint8", "bool")
_LABEL_FORMATS = {"uint8": lib.CTM_LABEL_U8, "uint16": lib.CTM_LABEL_U16, "uint32": lib.CTM_LABEL_U32}
_LABEL_CHOICES = {"auto": lib.CTM_LABEL_U8, **_LABEL_FORMATS}


def _struct_dtype(struct: str) -> np.dtype[Any]:
    """A struct as numpy knows structs, made from the C declaration."""
    names, formats, offsets = [], [], []
    shape: tuple[int, ...]
    for name, field in ffi.typeof(struct).fields:
        names.append(name)
        offsets.append(field.offset)
        value, shape = field.type, ()
        if value.kind == "array":
            value, shape = value.item, (value.length,)
        kind = "f" if value.cname in ("float", "double") else "u"
        formats.append((f"{kind}{ffi.sizeof(value)}", shape))
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": ffi.sizeof(struct)})


PALETTE_DTYPE = _struct_dtype("ctm_palette_entry")
MERGED_DTYPE = _struct_dtype("ctm_merged_color")


def new_outputs() -> Any:
    """A ctm_outputs that writes nothing yet."""
    outputs = ffi.new("ctm_outputs *", {"struct_size": ffi.sizeof("ctm_outputs")})
    outputs.palette_entry_size = ffi.sizeof("ctm_palette_entry")
    return outputs


def _writable(name: str, value: Any) -> NDArray[Any]:
    array = as_array(name, value)
    if not array.flags.writeable:
        raise InvalidTypeError(f"{name} is read-only; an array that can be written to is expected")
    return array


def _new(shape: Any, dtype: DTypeLike, hint: str = "") -> NDArray[Any]:
    """An array to write to."""
    try:
        return empty(shape, dtype)
    except OutOfMemoryError as error:
        raise OutOfMemoryError(f"{error}{hint}") from None


def _type_as_format(name: str, array: NDArray[Any], types: Collection[str]) -> str:
    """The format that an array to write to has by its type."""
    if str(array.dtype) not in types:
        raise InvalidTypeError(f"{name} has values of type {array.dtype}; {one_of(types)} is expected")
    return str(array.dtype)


class Masks:
    """Where masks go, and in which format."""

    def __init__(self, image: Image, format_name: str | None, out: Any) -> None:
        self.given: NDArray[Any] | None = None
        if out is not None:
            self.given = _writable("out_masks", out)
            format_name = format_name or _type_as_format("out_masks", self.given, _MASK_TYPES)
        self.name = format_name or "float32"
        self.format = choice("mask_format", self.name, _MASK_FORMATS)
        self.dtype: DTypeLike = {"bits": "uint8", "coverage": "float32"}.get(self.name, self.name)
        width = (image.width + 7) // 8 if self.name == "bits" else image.width
        self.plane = (*image.frames, image.height, width)
        if self.given is not None and (
            self.given.dtype != self.dtype or self.given.shape[1:] != self.plane or self.given.ndim != len(self.plane) + 1
        ):
            raise InvalidArgumentError(
                f"out_masks has values of type {self.given.dtype} and the shape {self.given.shape}; "
                f"{np.dtype(self.dtype)} and (masks, {', '.join(map(str, self.plane))}) are expected"
            )

    @property
    def mask_bytes(self) -> int:
        """Bytes of one mask in all images."""
        return int(np.prod(self.plane, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def write_to(self, outputs: Any, room: int) -> NDArray[Any]:
        """Makes an array for so many masks, or takes the one given, and lets the call write to it."""
        outputs.mask_format = self.format
        array = self.given
        if array is None:
            array = _new((room, *self.plane), self.dtype, f" ({room} masks: give min_pixels or max_count)")
        if array.size == 0:
            return array
        value, address, size = array.itemsize, array.ctypes.data, array.nbytes
        if not array.flags.c_contiguous:
            *outer, row_stride, value_stride = array.strides
            mask_stride, image_stride = outer[0], (outer[1] if len(outer) > 1 else 0)
            if (value_stride != value and array.shape[-1] > 1) or min(outer) < 0:
                raise InvalidArgumentError(
                    f"out_masks has strides of {array.strides} bytes; values side by side, and no negative stride "
                    "but that of rows, are expected"
                )
            row_bytes = array.shape[-1] * value
            lowest = address + (row_stride * (array.shape[-2] - 1) if row_stride < 0 else 0)
            size = sum(stride * (count - 1) for stride, count in zip(outer, array.shape))
            size += abs(row_stride) * (array.shape[-2] - 1) + row_bytes
            address = lowest
            # Strides over a single row, image or mask mean nothing.
            outputs.mask_row_stride = row_stride if array.shape[-2] > 1 else 0
            outputs.mask_image_stride = image_stride if len(outer) > 1 and array.shape[1] > 1 else 0
            outputs.mask_stride = mask_stride if array.shape[0] > 1 else 0
        outputs.masks = ffi.cast("void *", address)
        outputs.masks_size = size
        return array

    def write_crops_to(self, outputs: Any, size: int) -> NDArray[Any]:
        """Makes memory for cropped masks, and lets the call write to it."""
        array = _new(size, np.uint8)
        outputs.mask_format, outputs.cropped = self.format, 1
        outputs.masks = ffi.cast("void *", array.ctypes.data if size else 0)
        outputs.masks_size = size
        return array

    def crops(self, memory: NDArray[Any], entries: NDArray[Any]) -> list[Any]:
        """The cropped masks as arrays on that memory, nested as the palette's entries are."""
        if entries.ndim > 1:
            return [self.crops(memory, of_a_mask) for of_a_mask in entries]
        crops = []
        for entry in entries:
            width = (int(entry["width"]) + 7) // 8 if self.name == "bits" else int(entry["width"])
            shape = (int(entry["height"]), width)
            offset, values = int(entry["mask_offset"]), shape[0] * shape[1]
            size = values * np.dtype(self.dtype).itemsize
            crops.append(memory[offset : offset + size].view(self.dtype).reshape(shape))
        return crops


class Labels:
    """Where labels go, and in which format."""

    def __init__(self, image: Image, format_name: str | None, out: Any) -> None:
        self.given: NDArray[Any] | None = None
        if out is not None:
            self.given = _writable("out_labels", out)
            format_name = format_name or _type_as_format("out_labels", self.given, _LABEL_FORMATS)
        self.name = format_name or "auto"
        self.format = choice("label_format", self.name, _LABEL_CHOICES)
        self.shape = (*image.frames, image.height, image.width)
        if self.given is not None and (
            str(self.given.dtype) != self.name or self.given.shape != self.shape or not self.given.flags.c_contiguous
        ):
            contiguous = "" if self.given.flags.c_contiguous else ", not contiguous"
            raise InvalidArgumentError(
                f"out_labels has values of type {self.given.dtype} and the shape {self.given.shape}{contiguous}; "
                f"{self.name} and {self.shape}, contiguous, are expected"
            )

    def fit(self, mask_count: int) -> None:
        """With "auto", takes a format that can number so many masks."""
        if self.name == "auto":
            self.format = _LABEL_FORMATS["uint8" if mask_count < 1 << 8 else "uint16" if mask_count < 1 << 16 else "uint32"]

    def write_to(self, outputs: Any) -> NDArray[Any]:
        """Makes an array, or takes the one given, and lets the call write to it."""
        outputs.label_format = self.format
        dtype = next(name for name, number in _LABEL_FORMATS.items() if number == self.format)
        array = _new(self.shape, dtype) if self.given is None else self.given
        outputs.labels = ffi.cast("void *", array.ctypes.data)
        outputs.labels_size = array.nbytes
        return array


def write_entries(outputs: Any, field: str, dtype: np.dtype[Any], entries: int) -> NDArray[Any]:
    """Makes an array of structs, and lets the call write to it."""
    array = _new(entries, dtype)
    setattr(outputs, field, ffi.cast(ffi.typeof(getattr(outputs, field)), array.ctypes.data if entries else 0))
    setattr(outputs, f"{field}_capacity", entries)
    return array
