"""What `ctm.segment` gives."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from ._arguments import distance, number_of
from ._colors import ColorSpace
from ._errors import InvalidArgumentError, NoSuchMaskError, OutOfMemoryError
from ._exports import Exports
from ._notebook import Notebook
from ._outlines import Outlines
from ._runs import Runs

# So many masks are named in a repr.
_SHOWN = 3
# A mask's number, name or colour.
_Key = Union[int, str, Sequence[float], NDArray[Any]]


class Segmentation(Exports, Notebook):
    """The masks of an image: a sequence of them, with what is known of each.

    Masks are numbered from 0, in the order of their pixels, most first, or of the palette. `ctm.segment` makes it.

    Attributes
    ----------
    labels : numpy.ndarray
        (rows, columns) of unsigned integers: 0 where a pixel is in no mask, else the number of its mask plus one.
    counts : numpy.ndarray
        (masks,) of int64: how many pixels each mask has.
    boxes : numpy.ndarray
        (masks, 4) of int64: left, top, right, bottom; `labels[top:bottom, left:right]` is the box. All 0 without pixels.
    centroids : numpy.ndarray
        (masks, 2) of floats: column and row of the mean of the pixels.
    distinct_colors : int or None
        How many colours the image has, None where that was not found out.

    Examples
    --------
    >>> import ctm, numpy as np
    >>> result = ctm.segment(np.array([[7, 7, 300], [7, 300, 90000]]))
    >>> result
    <ctm.Segmentation of 3 x 2 pixels, 3 masks: 7 (3 pixels), 300 (2), 90000 (1)>
    >>> result.colors
    array([    7,   300, 90000])
    >>> result[1]
    array([[False, False,  True],
           [False,  True, False]])
    >>> [int(mask.sum()) for mask in result]
    [3, 2, 1]
    """

    def __init__(
        self,
        labels: NDArray[Any],
        entries: NDArray[Any],
        numbers: NDArray[Any],
        space: ColorSpace,
        names: dict[tuple[float, ...], str],
        distinct_colors: int | None,
    ) -> None:
        self.labels = labels
        self.counts: NDArray[np.int64] = entries["pixel_count"].astype(np.int64)
        corners = np.stack([entries[side] for side in ("left", "top", "width", "height")], axis=-1).astype(np.int64)
        corners[:, 2:] += corners[:, :2]
        self.boxes: NDArray[np.int64] = corners
        self.centroids: NDArray[np.float64] = np.stack([entries["centroid_x"], entries["centroid_y"]], axis=-1)
        self.distinct_colors = distinct_colors
        self._first: NDArray[np.int64] = np.stack([entries["first_x"], entries["first_y"]], axis=-1).astype(np.int64)
        # In the image's units, exactly: 64-bit floats for ids.
        self._numbers = numbers
        self._space = space
        self._given_names = names

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image, or of its rectangle that was looked at."""
        rows, columns = self.labels.shape
        return rows, columns

    @cached_property
    def colors(self) -> NDArray[Any]:
        """The masks' colours, each as the image has its pixels: (masks, channels), or (masks,) of (rows, columns)."""
        return self._space.values(self._numbers)

    def _first_colors(self, white: float | None) -> list[tuple[tuple[int, int], list[float]]]:
        """Columns, rows and colours of the first pixels of all masks, in reading order, in units of which so many are white."""
        ours = self._space.white
        numbers = self._numbers[:, : self._space.channels].astype(np.float64)
        if white is not None and ours is not None:
            numbers = numbers * white / ours
        order = np.lexsort((self._first[:, 0], self._first[:, 1]))
        return [((int(self._first[number, 0]), int(self._first[number, 1])), numbers[number].tolist()) for number in order]

    @cached_property
    def names(self) -> list[str]:
        """The masks' names: the palette's, else the colour as text, "#aacde6" or "26001"."""
        return [self._name(number) for number in range(len(self))]

    def _name(self, number: int) -> str:
        values = tuple(self._numbers[number, : self._space.channels].tolist())
        return self._given_names.get(values) or self._space.text(self.colors[number])

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """All masks, (masks, rows, columns) of bool: made when they are asked for. `for mask in result` makes one at a
        time, and `result[number]` one."""
        from ._shared import default_context  # A context makes segmentations.

        numbers = np.arange(1, len(self) + 1)
        try:
            return default_context().masks(self.labels, palette=numbers, mask_format="bool")
        except OutOfMemoryError as error:
            raise OutOfMemoryError(f"{error}; `for mask in result` makes one mask at a time") from None

    @cached_property
    def runs(self) -> Runs:
        """All masks as run lengths, column by column as in COCO: made when they are asked for. `runs[number]` is an array of
        how many pixels are outside, then how many inside, and so on."""
        from ._shared import default_context  # A context makes segmentations.

        numbers = np.arange(1, len(self) + 1)
        runs: Runs = default_context().analyze(self.labels, palette=numbers, outputs=[], runs="columns").runs
        return runs

    @cached_property
    def outlines(self) -> Outlines:
        """All masks as polygons along the edges of their pixels: made when they are asked for. `outlines[number]` is a list
        of polygons, each of them a list of rings: the exterior one, then its holes. A ring is an array (corners, 2) of
        columns and rows. Pixels that only touch by a corner are of two polygons. `simplified_outlines` has fewer corners."""
        return self.simplified_outlines(0)

    def simplified_outlines(self, tolerance: float) -> Outlines:
        """All masks as polygons with fewer corners, so that slopes are slopes and not stairs.

        Masks that touch still have the edge between them in common, without a gap or an overlap, and no edges cross.

        Parameters
        ----------
        tolerance : float
            So many pixels a corner may be from the edge that is there in its place, in steps of 1/256. 0: `outlines`.

        Returns
        -------
        Outlines
            As `outlines` has them.

        Raises
        ------
        InvalidArgumentError
            The tolerance is below 0 or not finite.

        Examples
        --------
        >>> import ctm, numpy as np
        >>> result = ctm.segment(np.tri(200) + 1)
        >>> len(result.outlines.points), len(result.simplified_outlines(1).points)
        (802, 8)
        """
        from ._shared import default_context  # A context makes segmentations.

        numbers = np.arange(1, len(self) + 1)
        result = default_context().analyze(
            self.labels, palette=numbers, outputs=[], outlines=4, outlines_tolerance=distance("tolerance", tolerance)
        )
        outlines: Outlines = result.outlines
        return outlines

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[NDArray[np.bool_]]:
        return (self._mask(number) for number in range(len(self)))

    def __contains__(self, key: object) -> bool:
        """Whether a colour or name has a mask."""
        try:
            return len(self._numbers_of(key)) > 0
        except InvalidArgumentError:
            return False

    def __getitem__(self, key: _Key | slice) -> NDArray[np.bool_]:
        """The mask of a number, colour or name, (rows, columns) of bool; with a slice several, (masks, rows, columns).

        Where several regions have the colour or name, it is the mask of all of them.
        """
        if isinstance(key, slice):
            chosen = range(len(self))[key]
            return np.stack([self._mask(number) for number in chosen]) if chosen else np.zeros((0, *self.shape), np.bool_)
        numbers = self._found(key)
        return self._mask(numbers[0]) if len(numbers) == 1 else np.isin(self.labels, numbers + 1)

    def number(self, key: _Key) -> int:
        """The number of a mask.

        Parameters
        ----------
        key : int, str, or sequence of numbers
            A number (from the end, if it is negative), a colour or a name.

        Returns
        -------
        int
            The mask's number, from 0 on: the index into `colors`, `counts`, `names`, `boxes`. Of several masks that have
            the colour or name it is the first.

        Raises
        ------
        NoSuchMaskError
            No mask has the number, colour or name. It is an `IndexError` and a `KeyError`.

        Examples
        --------
        >>> import ctm, numpy as np
        >>> result = ctm.segment(np.array([[1, 1, 2]]), palette={"road": 2, "sea": 1})
        >>> result.number("sea")
        1
        """
        return int(self._found(key)[0])

    def crop(self, key: _Key) -> NDArray[np.bool_]:
        """A mask, cut to its box.

        Parameters
        ----------
        key : int, str, or sequence of numbers
            A mask's number, colour or name, as `result[key]` takes it.

        Returns
        -------
        numpy.ndarray
            (rows, columns) of bool, as large as the mask's box.

        Raises
        ------
        NoSuchMaskError
            No mask has the number, colour or name.

        Examples
        --------
        >>> import ctm, numpy as np
        >>> ctm.segment(np.array([[1, 1, 1], [1, 2, 1]])).crop(1)
        array([[ True]])
        """
        numbers = self._found(key)
        boxes = self.boxes[numbers][self.counts[numbers] > 0]
        if not len(boxes):
            return np.zeros((0, 0), np.bool_)
        (left, top), (right, bottom) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
        return np.isin(self.labels[top:bottom, left:right], numbers + 1)

    def _mask(self, number: int) -> NDArray[np.bool_]:
        left, top, right, bottom = self.boxes[number]
        mask = np.zeros(self.shape, np.bool_)
        np.equal(self.labels[top:bottom, left:right], number + 1, out=mask[top:bottom, left:right])
        return mask

    def _numbers_of(self, key: Any) -> NDArray[np.intp]:
        """The masks of a colour or a name."""
        if isinstance(key, str):
            named = np.array([number for number, name in enumerate(self.names) if name == key], np.intp)
            if len(named) or not key.startswith("#"):
                return named
        color = np.array(self._space.parse("key", key)).astype(self._numbers.dtype)
        return np.flatnonzero((self._numbers[:, : self._space.channels] == color).all(axis=1))

    def _found(self, key: Any) -> NDArray[np.intp]:
        try:
            number = operator.index(key)
        except TypeError:
            numbers = self._numbers_of(key)
            if not len(numbers):
                raise NoSuchMaskError(f"no mask has the colour or name {key!r}; there are {self._some_names()}") from None
            return numbers
        return np.array([number_of(number, len(self))], np.intp)

    def _some_names(self) -> str:
        names = list(map(repr, dict.fromkeys(self.names)))
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        return ", ".join(names[:8]) + more if names else "none"

    def __repr__(self) -> str:
        rows, columns = self.shape
        of = f" of {self.distinct_colors} colours" if (self.distinct_colors or 0) > len(self) else ""
        text = f"<ctm.Segmentation of {columns} x {rows} pixels, {len(self)} mask{'s' * (len(self) != 1)}{of}"
        pixels = " pixels"
        for number in range(min(len(self), _SHOWN)):
            text += f"{', ' if number else ': '}{self._name(number)} ({self.counts[number]}{pixels})"
            pixels = ""
        return text + (", …>" if len(self) > _SHOWN else ">")
