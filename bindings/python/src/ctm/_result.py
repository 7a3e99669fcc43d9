"""What a call has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from numpy.typing import NDArray

from ._outlines import Outlines
from ._runs import Runs

# What is None only where it was not asked for: type checkers take it for the array.
_Array = Union[NDArray[Any], Any]


@dataclass(frozen=True)
class Result:
    """What `analyze` has found. Arrays that were not asked for are None.

    In the shapes, `images` is there only where the image has such an axis.

    Attributes
    ----------
    mask_count : int
        How many masks there are.
    masks : numpy.ndarray
        (masks, images, rows, columns); packed bits have (columns + 7) // 8 bytes in a row, as `numpy.unpackbits` reads
        them. Where `out_masks` was given, the part of it that was written.
    crops : list
        With `cropped=True`, in place of `masks`: each mask's bounding box as an array; with several images, a list for
        each mask.
    labels : numpy.ndarray
        (images, rows, columns): 0 where a pixel is in no mask, else the number of its mask plus one.
    palette : numpy.ndarray
        (masks, images), with the fields of `ctm_palette_entry`: color, pixel_count, left, top, width, height, …; ids are
        exact in `stored`.
    runs : Runs
        The masks as run lengths, if `runs` asked for them.
    outlines : Outlines
        The masks as polygons, if `outlines` asked for them.
    unlisted : numpy.ndarray
        The most frequent colours that a given palette does not have, as palette entries.
    merged : numpy.ndarray
        The most frequent colours that `merge` has made others: color, into, pixel_count.
    distinct_colors : int or None
        How many different colours there are, None where that was not found out.
    unlisted_pixels : int
        Pixels whose colours a given palette does not have, if they were looked for.
    unlisted_colors : int
        How many such colours there are.
    merged_pixels : int
        Pixels whose colours `merge` has made others.
    merged_colors : int
        How many such colours there are.
    absorbed_regions : int
        Small regions that `absorb_pixels` and `absorb_unmasked` have given to other masks, in all images.
    absorbed_pixels : int
        Pixels of these regions.
    filled_holes : int
        Holes that `fill_holes` has filled, in all images.
    filled_pixels : int
        Pixels of these holes.

    See Also
    --------
    segment : A result with names, boxes, pictures and exports.
    """

    mask_count: int
    masks: _Array
    crops: list[Any] | Any
    labels: _Array
    palette: _Array
    runs: Runs | Any
    outlines: Outlines | Any
    unlisted: _Array
    merged: _Array
    distinct_colors: int | None
    unlisted_pixels: int
    unlisted_colors: int
    merged_pixels: int
    merged_colors: int
    absorbed_regions: int
    absorbed_pixels: int
    filled_holes: int
    filled_pixels: int
