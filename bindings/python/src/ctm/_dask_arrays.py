"""What `ctm.dask` asks of arrays, and how what is made of their chunks comes together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._dask_tasks import add
from ._errors import InvalidArgumentError, InvalidTypeError
from ._image import LAYOUTS

try:
    import dask
    import dask.array as da
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f'{error}: ctm.dask needs Dask, which the wheel\'s extra installs: pip install "…/ctm-….whl[dask]"', name=error.name
    ) from error


def added_up(level: list[Any], split_every: int, *arguments: Any) -> Any:
    """What several have, in a tree."""
    while len(level) > 1:
        level = [
            dask.delayed(add)(level[start : start + split_every], *arguments)
            for start in range(0, len(level), split_every)
        ]
    return level[0]


def check_branches(split_every: int) -> None:
    if split_every < 2:
        raise InvalidArgumentError(f"split_every is {split_every}; at least 2 is expected")


def context_arguments(context: Any) -> dict[str, Any]:
    """What each thread's context is made with."""
    if context is None:
        return {"backend": "cpu", "threads": 1}
    if not isinstance(context, dict):
        raise InvalidTypeError(f"context is a {type(context).__name__}; a dict of its arguments is expected")
    return context


def axes(array: Any, layout: str | None) -> str:
    """The names of the array's axes."""
    if not isinstance(array, da.Array):
        raise InvalidTypeError(f"array is a {type(array).__name__}; a Dask array is expected: dask.array.from_array(…)")
    if isinstance(array._meta, np.ma.MaskedArray):
        raise InvalidTypeError("array is a masked array, and ctm would not see the mask; pass dask.array.ma.filled(array, …)")
    names = LAYOUTS.get(array.ndim, "") if layout is None else layout.upper()
    if len(names) != array.ndim or names not in ("HW", "HWC", "CHW", "NHW", "NHWC", "NCHW"):
        raise InvalidArgumentError(
            f"array has {array.ndim} dimensions and layout is {layout!r}; 'HW', 'HWC', 'CHW', 'NHW', 'NHWC' or 'NCHW' is expected"
        )
    return names


def whole_channels(array: Any, names: str) -> Any:
    """Chunks that have all channels of their pixels."""
    return array.rechunk({names.index("C"): -1}) if "C" in names else array
