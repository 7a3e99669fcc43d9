"""Masks as run lengths, and COCO's compressed form of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._abi import ffi
from ._arguments import choice, number_of
from ._buffers import empty
from ._errors import InvalidArgumentError
from ._image import Extent
from ._library import lib

RUN_ORDERS = {"rows": lib.CTM_RUNS_BY_ROWS, "columns": lib.CTM_RUNS_BY_COLUMNS}


@dataclass(frozen=True)
class Runs:
    """Masks as run lengths: how many pixels are outside, then how many are inside, and so on.

    Of a mask `runs[i]` is an array that sums to the pixels of an image, or of its bounding box with `cropped=True`; with
    several images, a list of these, one for each image. The first number is 0 where the first pixel is inside.

    Attributes
    ----------
    counts : numpy.ndarray
        The numbers of mask 0 in all images, then of mask 1.
    offsets : numpy.ndarray
        Where the numbers of each mask and image begin in `counts`, and where the last ones end.
    order : str
        "rows": pixels follow each other row by row; "columns": column by column, as in COCO.
    shape : tuple of int
        (masks, images, rows, columns); `images` is there only where the image has such an axis.
    cropped : bool
        Whether each mask's numbers tell its bounding box only.
    """

    counts: NDArray[np.uint32]
    offsets: NDArray[np.uint64]
    order: str
    shape: tuple[int, ...]
    cropped: bool

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, mask: int) -> Any:
        images = self.shape[1] if len(self.shape) == 4 else 1
        mask = number_of(mask, len(self))
        ends = [int(end) for end in self.offsets[mask * images : (mask + 1) * images + 1]]
        parts = [self.counts[start:end] for start, end in zip(ends, ends[1:])]
        return parts if len(self.shape) == 4 else parts[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[mask] for mask in range(len(self)))

    def to_coco(self) -> list[Any]:
        """Give each mask as `pycocotools.mask.encode` gives it, to the byte.

        Returns
        -------
        list
            For each mask {"size": [rows, columns], "counts": bytes}; with several images, a list of these for each mask.
            For JSON files the bytes are text: `counts.decode()`.

        Raises
        ------
        InvalidArgumentError
            The runs are not by columns, or of cropped masks.
        """
        if self.order != "columns" or self.cropped:
            raise InvalidArgumentError(
                f"the runs are by {self.order}, cropped: {self.cropped}; runs by columns, not cropped, are what COCO has"
            )
        rows, columns = self.shape[-2:]
        texts = _compressed(self.counts, self.offsets)
        found = [{"size": [rows, columns], "counts": text} for text in texts]
        if len(self.shape) == 3:
            return found
        images = self.shape[1]
        return [found[start : start + images] for start in range(0, len(found), images)]


def _compressed(counts: NDArray[np.uint32], offsets: NDArray[np.uint64]) -> list[bytes]:
    """The numbers in COCO's code: from the fourth on less the one before the last, then five bits a character, lowest
    first, and a sixth that says whether there are more."""
    ends = offsets.astype(np.int64)
    values = counts.astype(np.int64)
    position = np.arange(len(values)) - np.repeat(ends[:-1], np.diff(ends))
    values[2:] -= np.where(position[2:] > 2, counts[:-2].astype(np.int64), 0)
    # A difference of two 32-bit numbers has 33 bits.
    letters = np.empty((len(values), 7), np.uint8)
    used = np.empty((len(values), 7), bool)
    more = np.ones(len(values), bool)
    for place in range(7):
        bits = values & 31
        values >>= 5
        used[:, place] = more
        more = more & np.where(bits & 16 != 0, values != -1, values != 0)
        letters[:, place] = 48 + bits + np.where(more, 32, 0)
    text = letters[used].tobytes()
    lengths = np.concatenate(([0], np.cumsum(used.sum(axis=1))))
    return [text[lengths[start] : lengths[end]] for start, end in zip(ends, ends[1:])]


class RunsTarget:
    """Where run lengths go, and in which order."""

    def __init__(self, image: Extent, order: str) -> None:
        self.order = order
        self.number = choice("runs", order, RUN_ORDERS)
        self.image = image
        # Numbers that there is room for: at first a likely one.
        self.room = max(1 << 12, image.images * image.height * image.width // 16)

    def write_to(self, outputs: Any, masks: int) -> tuple[Any, NDArray[Any], NDArray[Any]]:
        """Makes arrays, and lets the call write to them: gives the struct that has to be there, and the arrays."""
        struct = ffi.new("ctm_runs *", {"struct_size": ffi.sizeof("ctm_runs"), "order": self.number})
        counts, offsets = empty(self.room, np.uint32), empty(masks * self.image.images + 1, np.uint64)
        struct.counts, struct.counts_capacity = ffi.cast("uint32_t *", counts.ctypes.data), len(counts)
        struct.offsets, struct.offsets_capacity = ffi.cast("uint64_t *", offsets.ctypes.data), len(offsets)
        outputs.runs = struct
        return struct, counts, offsets

    def runs(self, counts: NDArray[Any], offsets: NDArray[Any], masks: int, found: int, cropped: bool) -> Runs:
        """What was written, in arrays of their own."""
        shape = (masks, *self.image.frames, self.image.height, self.image.width)
        slots = masks * self.image.images
        return Runs(counts[:found].copy(), offsets[: slots + 1].copy(), self.order, shape, cropped)
