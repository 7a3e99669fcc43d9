"""The labels of a Dask array, for the run lengths and outlines of the whole image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._errors import InvalidArgumentError
from ._mosaic import Mosaic


def _part(block: Any, shape: tuple[int, int], left: int, top: int, arguments: dict[str, Any]) -> Mosaic:
    from .dask import _context

    mosaic = Mosaic(_context(arguments), shape)
    mosaic.add(block, left, top)
    return mosaic


def _joined(several: list[Mosaic], arguments: dict[str, Any]) -> Mosaic:
    from .dask import _context

    total = Mosaic(_context(arguments), several[0].shape)
    for mosaic in several:
        total.merge(mosaic)
    return total


def mosaic(labels: Any, *, context: dict[str, Any] | None = None, split_every: int = 8) -> Any:
    """Collect the labels of an image in chunks, for the run lengths and outlines of the whole.

    Each chunk becomes runs where it is, and runs are put together in a tree: 8 bytes for each run of equal labels in a row of a
    chunk.

    Parameters
    ----------
    labels : dask.array.Array
        (rows, columns) of uint8, uint16 or uint32, as `Result.labels` has them; of several images `labels[number]`.
    context : dict, optional
        Arguments of `ctm.Context`, one of which is made for each thread of each worker: by default
        {"backend": "cpu", "threads": 1}.
    split_every : int, default 8
        How many are put together at a time.

    Returns
    -------
    dask.delayed.Delayed
        It becomes a `ctm.Mosaic`, whose `runs` and `outlines` are those of one call on the whole.

    Raises
    ------
    InvalidArgumentError
        The labels have other dimensions, or `split_every` is below 2.
    """
    if split_every < 2:
        raise InvalidArgumentError(f"split_every is {split_every}; at least 2 is expected")
    import dask

    from . import dask as whole  # It offers this function.

    whole._axes(labels, None)
    if labels.ndim != 2:
        raise InvalidArgumentError(f"labels has {labels.ndim} dimensions; (rows, columns) of one image are expected: labels[0]")
    arguments = whole._context_arguments(context)
    tops, lefts = (np.cumsum((0, *chunks)).tolist() for chunks in labels.chunks)
    level = [
        dask.delayed(_part)(block, labels.shape, left, top, arguments)
        for top, row in zip(tops, labels.to_delayed())
        for left, block in zip(lefts, row)
    ]
    while len(level) > 1:
        level = [
            dask.delayed(_joined)(level[start : start + split_every], arguments)
            for start in range(0, len(level), split_every)
        ]
    return level[0]
