"""Masks as polygons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._abi import ffi
from ._arguments import distance, number_of, unsigned
from ._buffers import empty
from ._image import Extent

_FIELDS = ("points", "ring_offsets", "ring_exteriors", "mask_offsets")


@dataclass(frozen=True)
class Outlines:
    """Masks as polygons along the edges of their pixels.

    Of a mask `outlines[i]` is a list of polygons, each of them a list of rings: the exterior one, then its holes; with
    several images, a list of such lists, one for each image. A ring is an array (corners, 2) of columns and rows. Exterior
    rings go clockwise as the image is seen, holes counter-clockwise.

    Attributes
    ----------
    points : numpy.ndarray
        (corners, 2): column and row of each corner, ring by ring.
    ring_offsets : numpy.ndarray
        Where the corners of each ring begin, and where the last ones end.
    ring_exteriors : numpy.ndarray
        For each ring the number of the exterior ring in which it is a hole, or its own.
    mask_offsets : numpy.ndarray
        Where the rings of each mask and image begin, and where the last ones end: mask 0 in all images, then mask 1.
    shape : tuple of int
        (masks, images, rows, columns); `images` is there only where the image has such an axis.
    """

    points: NDArray[np.uint32]
    ring_offsets: NDArray[np.uint64]
    ring_exteriors: NDArray[np.uint64]
    mask_offsets: NDArray[np.uint64]
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, mask: int) -> Any:
        images = self.shape[1] if len(self.shape) == 4 else 1
        mask = number_of(mask, len(self))
        found = [self._polygons(slot) for slot in range(mask * images, (mask + 1) * images)]
        return found if len(self.shape) == 4 else found[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[mask] for mask in range(len(self)))

    def _polygons(self, slot: int) -> list[list[NDArray[np.uint32]]]:
        polygons: list[list[NDArray[np.uint32]]] = []
        for ring in range(int(self.mask_offsets[slot]), int(self.mask_offsets[slot + 1])):
            if self.ring_exteriors[ring] == ring:
                polygons.append([])
            polygons[-1].append(self.points[int(self.ring_offsets[ring]) : int(self.ring_offsets[ring + 1])])
        return polygons


class OutlinesTarget:
    """Where polygons go, and which pixels they join."""

    def __init__(self, image: Extent, connected: int, tolerance: float) -> None:
        self.connected = unsigned("outlines", connected, 32)
        self.tolerance = distance("outlines_tolerance", tolerance)
        self.image = image
        # Corners and rings that there is room for: at first a likely number.
        self.points = max(1 << 12, image.images * image.height * image.width // 32)
        self.rings = max(1 << 10, self.points // 16)

    def fit(self, found: Any) -> None:
        """Makes room for what a call has found."""
        self.points = max(self.points, found.outline_points_len)
        self.rings = max(self.rings, found.outline_rings_len)

    def write_to(self, outputs: Any, masks: int) -> tuple[Any, ...]:
        """Makes arrays, and lets the call write to them: gives the struct that has to be there, and the arrays."""
        struct = ffi.new("ctm_outlines *")
        struct.struct_size = ffi.sizeof("ctm_outlines")
        struct.connected, struct.tolerance = self.connected, self.tolerance
        sizes = (self.points, self.rings + 1, self.rings, masks * self.image.images + 1)
        arrays = []
        for field, size in zip(_FIELDS, sizes):
            array = empty((size, 2), np.uint32) if field == "points" else empty(size, np.uint64)
            setattr(struct, field, ffi.cast("uint32_t *" if field == "points" else "uint64_t *", array.ctypes.data))
            setattr(struct, f"{field}_capacity", size)
            arrays.append(array)
        outputs.outlines = struct
        return (struct, *arrays)

    def outlines(self, arrays: tuple[Any, ...], masks: int, found: Any) -> Outlines:
        """What was written, in arrays of their own."""
        points, rings = found.outline_points_len, found.outline_rings_len
        sizes = (points, rings + 1, rings, masks * self.image.images + 1)
        parts = [array[:size].copy() for array, size in zip(arrays[1:], sizes)]
        shape = (masks, *self.image.frames, self.image.height, self.image.width)
        return Outlines(parts[0], parts[1], parts[2], parts[3], shape)
