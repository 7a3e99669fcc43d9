"""The labels of a Dask array, for the run lengths and outlines of the whole image."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np

from ._dask_arrays import added_up, axes, check_branches, context_arguments
from ._dask_tasks import collect_runs
from ._errors import InvalidArgumentError


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
        It becomes a `ctm.Mosaic`, whose `runs` and `outlines` are those of one call on the whole; of regions with
        `connected=8` that is `outlines(…, connected=8)`.

    Raises
    ------
    InvalidArgumentError
        The labels have other dimensions, or `split_every` is below 2.
    """
    check_branches(split_every)
    axes(labels, None)
    if labels.ndim != 2:
        raise InvalidArgumentError(f"labels has {labels.ndim} dimensions; (rows, columns) of one image are expected: labels[0]")
    arguments = context_arguments(context)
    tops, lefts = (np.cumsum((0, *chunks)).tolist() for chunks in labels.chunks)
    level = [
        dask.delayed(collect_runs)(block, labels.shape, left, top, arguments)
        for top, row in zip(tops, labels.to_delayed())
        for left, block in zip(lefts, row)
    ]
    return added_up(level, split_every, arguments, labels.shape)
