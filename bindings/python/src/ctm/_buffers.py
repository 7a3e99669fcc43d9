"""Memory for the arrays that calls write to, kept from call to call.

The system clears new memory page by page when it is written for the first time, which takes longer than the library's
work. So large arrays are on the library's own memory, which is on huge pages where the system has them, and the memory
of the last two arrays that have gone is kept for the next ones.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._abi import ffi
from ._errors import OutOfMemoryError
from ._library import failure, lib

# Smaller arrays are numpy's own.
_LEAST_BYTES = 1 << 20
# So many of the arrays that have gone leave their memory here, those of which at most so many bytes were ever written.
_KEPT_BUFFERS = 2
_KEPT_BYTES = 256 << 20


class _Buffer:
    """Memory of `ctm_buffer_alloc`."""

    def __init__(self, size: int) -> None:
        address = ffi.new("void **")
        try:
            status = lib.ctm_buffer_alloc(size, address)
        except OverflowError:
            raise OutOfMemoryError(f"an array of {size} bytes") from None
        if status != lib.CTM_OK:
            raise failure(status, ffi.NULL)
        self.size = size
        # Freed with this object.
        self.pointer = ffi.gc(address[0], lib.ctm_buffer_free)
        # Bytes that have ever been written, from the first one on: others take no memory.
        self.written = 0


# Its methods are atomic: arrays go at any time, on any thread.
_kept: deque[_Buffer] = deque()


def _take(size: int) -> _Buffer:
    """Memory of so many bytes or somewhat more: kept one, if there is any that suits."""
    try:
        for _ in range(_KEPT_BUFFERS):
            buffer = _kept.pop()
            if size <= buffer.size <= 2 * size:
                return buffer
            _kept.appendleft(buffer)
    except IndexError:
        pass  # Another thread has taken it.
    return _Buffer(size)


def _keep(buffer: _Buffer) -> None:
    if buffer.written <= _KEPT_BYTES:
        _kept.append(buffer)
        try:
            while len(_kept) > _KEPT_BUFFERS:
                _kept.popleft()
        except IndexError:
            pass


def free_memory() -> None:
    """Give back the memory of arrays that have gone, which is kept for the next ones.

    It is that of two arrays, of which at most 256 MiB each have been written.
    """
    _kept.clear()


class _Lent:
    """What an array holds on to while it, or a view of it, is there; then its memory is kept or freed."""

    def __init__(self, buffer: _Buffer, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.buffer = buffer
        # Until it is known better.
        self.written = buffer.size
        self.__array_interface__ = {
            "version": 3,
            "data": (int(ffi.cast("uintptr_t", buffer.pointer)), False),
            "shape": shape,
            "typestr": dtype.str,
        }

    def __del__(self, keep: Any = _keep) -> None:
        self.buffer.written = max(self.buffer.written, self.written)
        keep(self.buffer)


def empty(shape: Any, dtype: DTypeLike) -> NDArray[Any]:
    """An array with any values."""
    shape = shape if isinstance(shape, tuple) else (shape,)
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size < _LEAST_BYTES or kind.names is not None:
        try:
            return np.empty(shape, kind)
        except (MemoryError, ValueError) as error:  # The latter is numpy's for more than there are addresses.
            raise OutOfMemoryError(str(error)) from None
    return np.asarray(_Lent(_take(size), shape, kind))


def has_written(array: NDArray[Any], size: int) -> None:
    """Says that only so many bytes of an array of `empty` were written, the first ones."""
    if isinstance(array.base, _Lent):
        array.base.written = size
