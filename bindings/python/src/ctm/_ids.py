"""Ids: integers that are told apart to the last bit, and have no distances to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import InvalidArgumentError

# The integers that pixels may have: those of int32 and of uint32.
LEAST, MOST = -(1 << 31), (1 << 32) - 1


def as_ids(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """The pixels as the library reads ids: int32, or uint32 where the type has no sign, or is wider and none is below 0."""
    kind = array.dtype.newbyteorder("=")
    if kind.itemsize <= 4:
        return array.astype(np.uint32 if kind.kind == "u" else np.int32, copy=False)
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    chosen = np.uint32 if low >= 0 else np.int32
    limits = np.iinfo(chosen)
    if low < limits.min or high > limits.max:
        beyond = high if high > limits.max else low
        raise InvalidArgumentError(f"{name} has the value {beyond}; integers of 32 bits are expected, here {limits.min} to {limits.max}")
    return array.astype(chosen)


def stands_for(images: list[NDArray[Any]], listed: NDArray[Any], count: int) -> list[int]:
    """So many ids that neither a pixel of these images has, all of one type, nor a listed colour."""
    limits = np.iinfo(images[0].dtype)
    inside = listed[(listed >= limits.min) & (listed <= limits.max)]
    highest = max(int(values.max()) for values in (*images, inside) if values.size)
    if highest + count <= limits.max:
        return list(range(highest + 1, highest + 1 + count))
    # There are fewer pixels than ids.
    used = np.unique(np.concatenate([np.unique(values).astype(np.int64) for values in (*images, inside)]))
    free = np.setdiff1d(np.arange(len(used) + count), used)
    return [int(number) for number in free[:count]]
