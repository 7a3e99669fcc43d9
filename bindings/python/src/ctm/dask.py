"""Dask arrays, of any chunking and larger than any memory, as masks, labels and a palette. The wheel's extra `dask`
installs what this needs.

    import ctm.dask
    result = ctm.dask.analyze(array, min_pixels=500)
    result.palette                  # known now: the chunks were counted, and their counts added up in a tree
    result.labels.to_zarr(…)        # a Dask array: each chunk is labelled when it is wanted

Labels and masks are those of one call on the whole array, to the bit; of the palette the colours and the numbers of
pixels are known, all else is 0. With `connected` each chunk's regions are found, put together in a tree, and the palette is
known as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import choice
from ._context import Context
from ._counts import Counts
from ._dask_arrays import added_up, axes, check_branches, context_arguments, whole_channels
from ._dask_mosaic import mosaic
from ._dask_tasks import count_colors, find_regions, label, mask, select
from ._errors import InvalidArgumentError
from ._options import DaskMaskFormat, LabelFormat
from ._regions import Regions
from ._signatures import with_options_of

import dask  # After `_dask_arrays`, which says what to install where it is missing.
import dask.array as da

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import DaskOptions, DaskRegionOptions, ReadingOptions

__all__ = ["Result", "analyze", "count", "mosaic", "regions"]

# What says how pixels are read, in the first round as in the second.
_READING = ("layout", "order", "matching", "alpha", "least_alpha")
# What is different for a part than for the whole.
_REFUSED = (
    *("rectangle", "batch", "counts", "regions", "place", "outputs", "cropped", "runs", "outlines", "outlines_tolerance"),
    *("out_masks", "out_labels", "report_unlisted"),
    *("unlisted_capacity", "merged_capacity", "progress"),
    # These look across the borders of chunks.
    *("unmix_radius", "absorb_pixels", "absorb_unmasked", "fill_holes", "absorb_connected"),
)
_LABELS = {"uint8": 1 << 8, "uint16": 1 << 16, "uint32": 1 << 32}


@with_options_of(Counts.add, but=("rectangle", "batch"))
def count(
    array: Any, *, context: dict[str, Any] | None = None, split_every: int = 8, **options: Unpack[ReadingOptions]
) -> Any:
    """Count the colours of an array: each chunk is counted, and counts are added up in a tree.

    Parameters
    ----------
    array : dask.array.Array
        Any chunking; the axes are as `ctm.analyze` has them, or as `layout` says.
    context : dict, optional
        Arguments of `ctm.Context`, one of which is made for each thread of each worker: by default
        {"backend": "cpu", "threads": 1}, since Dask gives each thread chunks of its own.
    split_every : int, default 8
        How many counts are added up at a time.
    **options : dict
        Those of `ctm.analyze` that say how pixels are read: layout, order, matching, alpha, least_alpha.

    Returns
    -------
    dask.delayed.Delayed
        It becomes a `ctm.Counts`.

    Raises
    ------
    InvalidArgumentError
        An argument is out of range, or has no meaning for an array in chunks.
    """
    settings: dict[str, Any] = dict(options)
    check_branches(split_every)
    unknown = sorted(set(settings) - set(_READING))
    if unknown:
        raise InvalidArgumentError(f"count() knows no {unknown[0]}; {', '.join(_READING)} are expected")
    names = axes(array, settings.get("layout"))
    arguments = context_arguments(context)
    level = [
        dask.delayed(count_colors)(block, arguments, settings)
        for block in whole_channels(array, names).to_delayed().ravel()
    ]
    return added_up(level, split_every, arguments)


@with_options_of(Regions.add, but=("rectangle",))
def regions(
    array: Any, *, context: dict[str, Any] | None = None, split_every: int = 8, **options: Unpack[DaskRegionOptions]
) -> Any:
    """Find the connected regions of an array: those of each chunk, which are put together in a tree.

    Parameters
    ----------
    array : dask.array.Array
        Any chunking, one image; the axes are as `ctm.analyze` has them, or as `layout` says.
    context : dict, optional
        Arguments of `ctm.Context`, one of which is made for each thread of each worker: by default
        {"backend": "cpu", "threads": 1}, since Dask gives each thread chunks of its own.
    split_every : int, default 8
        Those of how many are put together at a time.
    **options : dict
        Those of `ctm.analyze` that say how pixels are read and what is a region: connected, palette, ignored and others.
        With nearest or merge and no palette, `counts` of the whole array are needed, or a `dask.delayed` of them.

    Returns
    -------
    dask.delayed.Delayed
        It becomes a `ctm.Regions`.

    Raises
    ------
    InvalidArgumentError
        An argument is out of range, or has no meaning for an array in chunks.
    """
    settings: dict[str, Any] = dict(options)
    counts = settings.pop("counts", None)
    check_branches(split_every)
    names = axes(array, settings.get("layout"))
    if "N" in names and array.shape[names.index("N")] != 1:
        raise InvalidArgumentError(f"array has {array.shape[names.index('N')]} images; with connected one is expected")
    arguments = context_arguments(context)
    array = whole_channels(array, names)
    shape = tuple(array.shape[names.index(axis)] for axis in "HW")
    starts = [np.cumsum((0, *array.chunks[names.index(axis)])) for axis in "HW"]
    blocks = array.to_delayed()
    level = []
    for index in np.ndindex(blocks.shape):
        top, left = (int(starts[at][index[names.index(axis)]]) for at, axis in enumerate("HW"))
        level.append(dask.delayed(find_regions)(blocks[index], (left, top), shape, counts, arguments, settings))
    return added_up(level, split_every, arguments, shape)


@dataclass(frozen=True)
class Result:
    """What was found in an array."""

    mask_count: int
    """How many masks there are."""
    palette: NDArray[Any]
    """An entry for each mask, with its `color` and the `pixel_count` of the whole; with `connected`, where it lies, too."""
    labels: Any
    """A Dask array (images, rows, columns), chunked as the array is: 0, or the number of the mask plus one."""
    masks: Any
    """A Dask array (masks, images, rows, columns). A chunk has all masks of its pixels."""
    counts: Any
    """The counts, as a `dask.delayed` of `ctm.Counts`: on the cluster, if there is one. None with `connected`, unless `nearest`
    or `merge` needs them."""
    regions: Any = None
    """With `connected` the regions, as a `dask.delayed` of `ctm.Regions`: on the cluster, if there is one."""


@with_options_of(Context.analyze, but=_REFUSED)
def analyze(
    array: Any,
    *,
    mask_format: DaskMaskFormat = "bool",
    label_format: LabelFormat = "auto",
    context: dict[str, Any] | None = None,
    split_every: int = 8,
    **options: Unpack[DaskOptions],
) -> Result:
    """Count a Dask array now, and label it when the labels or masks are wanted.

    Parameters
    ----------
    array : dask.array.Array
        Any chunking; the axes are as `ctm.analyze` has them, or as `layout` says.
    mask_format : {"bool", "uint8", "float32"}
        The type of masks.
    label_format : {"auto", "uint8", "uint16", "uint32"}
        The type of labels; "auto" is the smallest that numbers all masks.
    context : dict, optional
        Arguments of `ctm.Context`, one of which is made for each thread of each worker: by default
        {"backend": "cpu", "threads": 1}, since Dask gives each thread chunks of its own.
    split_every : int, default 8
        How many counts are added up at a time.
    **options : dict
        Those of `ctm.analyze` that say how pixels are read and which colours get a mask: min_pixels, max_count, palette,
        ignored, nearest, merge, matching, connected and others.

    Returns
    -------
    Result
        The palette, and labels and masks as Dask arrays.

    Raises
    ------
    InvalidArgumentError
        An argument is out of range, or has no meaning for an array in chunks.
    """
    settings: dict[str, Any] = dict(options)
    refused = sorted(set(settings) & set(_REFUSED))
    if refused:
        raise InvalidArgumentError(f"{refused[0]} is given; it has no meaning for an array in chunks")
    choice("mask_format", mask_format, {"bool": 0, "uint8": 1, "float32": 2})
    choice("label_format", label_format, {"auto": 0, **_LABELS})
    names = axes(array, settings.get("layout"))
    reading = {name: settings[name] for name in _READING if name in settings}
    arguments = context_arguments(context)
    selecting = {name: value for name, value in settings.items() if name not in ("layout", "order")}
    connects = settings.get("connected", 0) != 0
    # Which colours attract others depends on the whole.
    attracts = settings.get("palette") is None and (settings.get("nearest") or settings.get("merge"))
    counts, whole = None, None
    if not connects or attracts:
        counts = count(array, context=context, split_every=split_every, **reading).persist()
    if connects:
        whole = regions(array, context=context, split_every=split_every, counts=counts, **settings).persist()
    palette = dask.delayed(select)(whole if connects else counts, selecting).compute()
    number = len(palette)
    smallest = next(name for name, numbers in _LABELS.items() if number < numbers)
    label_type: str = smallest if label_format == "auto" else label_format
    if number >= _LABELS[label_type]:
        raise InvalidArgumentError(f"label_format is {label_format!r}; there are {number} masks")
    array = whole_channels(array, names)
    frames = tuple(chunks for name, chunks in zip(names, array.chunks) if name != "C")
    channel = [names.index("C")] if "C" in names else []

    def mapped(function: Any, dtype: Any, chunks: Any, new_axis: list[int], **formats: str) -> Any:
        return da.map_blocks(
            function,
            array,
            counts=counts,
            regions=whole,
            names=names,
            arguments=arguments,
            settings={**settings, **formats},
            dtype=dtype,
            chunks=chunks,
            drop_axis=channel,
            new_axis=new_axis,
            meta=np.empty((0,) * len(chunks), dtype),
        )

    return Result(
        mask_count=number,
        palette=palette,
        labels=mapped(label, label_type, frames, [], label_format=label_type),
        masks=mapped(mask, mask_format, ((number,), *frames), [0], mask_format=mask_format),
        counts=counts,
        regions=whole,
    )
