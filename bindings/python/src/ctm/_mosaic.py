"""Runs and outlines of an image that is not there as a whole: too large for memory, or spread over machines."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._abi import ffi
from ._arguments import choice, distance, unsigned
from ._context import Context
from ._errors import InvalidArgumentError, InvalidTypeError
from ._library import lib
from ._options import Connected, RunOrder
from ._outlines import Outlines, OutlinesTarget
from ._outputs import new_outputs
from ._parts import read_bytes, to_bytes
from ._runs import RUN_ORDERS, Runs, RunsTarget
from ._shared import host_context

_FORMATS = {"uint8": lib.CTM_LABEL_U8, "uint16": lib.CTM_LABEL_U16, "uint32": lib.CTM_LABEL_U32}


@dataclass(frozen=True)
class _Whole:
    """The image, as runs and outlines look at one."""

    height: int
    width: int
    images: int = 1
    frames: tuple[int, ...] = ()


class Mosaic:
    """The label map of an image that comes in parts, for the run lengths and outlines of the whole.

    `add` the labels of each part, here or on several machines, and `merge` what they have; `runs` and `outlines` are then those
    of one call on the whole image, to the bit: where the masks are regions of `connected=8`, `outlines` is to be told so, since labels
    do not say it. It holds 8 bytes for each run of equal labels in a row of a part, not the pixels.
    `ctm.Counts` gives each part the labels that it has in the whole.

    Parameters
    ----------
    context : Context
        It does the work. A mosaic belongs to no context, and can be pickled.
    shape : tuple of int, optional
        (rows, columns) of the whole image; needed unless `data` is given.
    data : bytes, optional
        What `to_bytes` has given: the mosaic begins with these parts.

    Raises
    ------
    InvalidArgumentError
        `shape` is no shape of an image, or not given.
    DataError
        The bytes are damaged, or no mosaic.

    Examples
    --------
    >>> import ctm, numpy as np
    >>> mosaic = ctm.Mosaic(ctm.Context("cpu"), (2, 4))
    >>> mosaic.add(np.array([[1, 2], [1, 2]], np.uint8), left=2)
    >>> mosaic.add(np.array([[1, 1], [0, 1]], np.uint8))
    >>> mosaic.runs(2, order="rows")[0]
    array([0, 3, 2, 2, 1], dtype=uint32)
    >>> [ring.tolist() for ring in mosaic.outlines(2)[1][0]]
    [[[3, 0], [4, 0], [4, 2], [3, 2]]]
    """

    def __init__(self, context: Context, shape: tuple[int, int] | None = None, data: bytes | None = None) -> None:
        self._context = context
        handle = ffi.new("ctm_mosaic **")
        if data is not None:
            # Width and height are the numbers behind the version.
            _, width, height = read_bytes(context, lib.ctm_mosaic_import, data, handle)
            self.shape = (height, width)
            if shape is not None and tuple(shape) != self.shape:
                lib.ctm_mosaic_destroy(handle[0])
                raise InvalidArgumentError(f"shape is {tuple(shape)}; {self.shape}, as in data, is expected")
        else:
            try:
                height, width = map(operator.index, shape or ())
            except (TypeError, ValueError):
                raise InvalidArgumentError(f"shape is {shape!r}; (rows, columns) of the whole image is expected") from None
            context.call(lib.ctm_mosaic_create, unsigned("columns", width, 32), unsigned("rows", height, 32), handle)
            self.shape = (height, width)
        self.handle: Any = ffi.gc(handle[0], lib.ctm_mosaic_destroy)

    def add(self, labels: Any, left: int = 0, top: int = 0) -> None:
        """Add a part of the image. The order of the parts, their sizes and shapes change nothing.

        Parameters
        ----------
        labels : numpy.ndarray
            (rows, columns) of uint8, uint16 or uint32, as `Result.labels` of the part: 0 where a pixel is in no mask, else the
            number of its mask plus one.
        left : int, default 0
            The image's column in which the part begins.
        top : int, default 0
            The image's row in which the part begins.

        Raises
        ------
        InvalidArgumentError
            The part is not in the image, or overlaps another. The mosaic is as before.
        InvalidTypeError
            The labels are of another type.
        """
        array = np.asarray(labels)
        if array.ndim != 2:
            raise InvalidArgumentError(f"labels has the shape {array.shape}; (rows, columns) is expected")
        if array.dtype.name not in _FORMATS:
            raise InvalidTypeError(f"labels is of {array.dtype}; uint8, uint16 or uint32 is expected")
        array = np.ascontiguousarray(array)
        height, width = array.shape
        place = unsigned("left", left, 32), unsigned("top", top, 32), width, height
        pointer = ffi.cast("void *", array.ctypes.data)
        call = lib.ctm_mosaic_add
        self._context.call(call, self.handle, *place, pointer, _FORMATS[array.dtype.name], 0, kept=array)

    def merge(self, other: Mosaic) -> None:
        """Add the parts of another mosaic of the same image, for example of another machine.

        Parameters
        ----------
        other : Mosaic
            It stays as it is.

        Raises
        ------
        InvalidArgumentError
            It is of an image of another size, or has a pixel that is there already. The mosaic is as before.
        """
        self._context.call(lib.ctm_mosaic_merge, self.handle, other.handle)

    def to_bytes(self) -> bytes:
        """Give the mosaic as bytes, for `Mosaic(context, data=data)` in another process, on any machine.

        Returns
        -------
        bytes
            Equal parts give equal bytes.
        """
        return to_bytes(self._context, lib.ctm_mosaic_export, self.handle)

    def runs(self, mask_count: int, *, order: RunOrder = "columns") -> Runs:
        """Tell the masks of the whole image as run lengths.

        Parameters
        ----------
        mask_count : int
            How many masks there are: that of the parts' results.
        order : {"columns", "rows"}
            Which pixels follow each other; COCO has columns.

        Returns
        -------
        Runs
            As `Result.runs` of one call has them.

        Raises
        ------
        InvalidArgumentError
            Parts are missing, or a label is above `mask_count`.
        """
        choice("order", order, RUN_ORDERS)
        target = RunsTarget(_Whole(*self.shape), order)
        query = new_outputs()
        struct = ffi.new("ctm_runs *", {"struct_size": ffi.sizeof("ctm_runs"), "order": target.number})
        query.runs = struct
        target.room = self._write(mask_count, query, struct).run_counts_len
        outputs = new_outputs()
        kept = target.write_to(outputs, mask_count)
        found = self._write(mask_count, outputs, kept)
        return target.runs(*kept[1:], mask_count, found.run_counts_len, False)

    def outlines(self, mask_count: int, *, connected: Connected = 4, tolerance: float = 0.0) -> Outlines:
        """Tell the masks of the whole image as polygons.

        Parameters
        ----------
        mask_count : int
            How many masks there are: that of the parts' results.
        connected : {4, 8}
            Whether pixels that only touch by a corner are of one polygon (8) or of two. One call has what its own `connected`
            says: pass 8 for labels of regions with `connected=8`, or a region whose pixels touch by a corner is several polygons.
        tolerance : float, default 0
            So many pixels a corner may be from the edge that is there in its place. 0: exact.

        Returns
        -------
        Outlines
            As `Result.outlines` of one call has them, with `outlines=connected`.

        Raises
        ------
        InvalidArgumentError
            Parts are missing, a label is above `mask_count`, or the tolerance is none.
        """
        choice("connected", connected, {0: 0, 4: 4, 8: 8})
        target = OutlinesTarget(_Whole(*self.shape), connected, distance("tolerance", tolerance))
        query = new_outputs()
        struct = ffi.new("ctm_outlines *")
        struct.struct_size = ffi.sizeof("ctm_outlines")
        struct.connected, struct.tolerance = target.connected, target.tolerance
        query.outlines = struct
        found = self._write(mask_count, query, struct)
        target.points, target.rings = found.outline_points_len, found.outline_rings_len
        outputs = new_outputs()
        arrays = target.write_to(outputs, mask_count)
        return target.outlines(arrays, mask_count, self._write(mask_count, outputs, arrays))

    def _write(self, mask_count: int, outputs: Any, kept: Any) -> Any:
        found = ffi.new("ctm_result *", {"struct_size": ffi.sizeof("ctm_result")})
        masks = unsigned("mask_count", mask_count, 32)
        self._context.call(lib.ctm_mosaic_write, self.handle, masks, outputs, found, long=True, kept=kept)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.to_bytes(),)


def _unpickled(data: bytes) -> Mosaic:
    return Mosaic(host_context(), data=data)
