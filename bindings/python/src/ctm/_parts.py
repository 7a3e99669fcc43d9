"""What counts, regions and mosaics have in common: bytes for other processes, and the palette of the whole image."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ._abi import ffi
from ._context import Context
from ._errors import InvalidTypeError
from ._library import lib
from ._outputs import PALETTE_DTYPE, new_outputs, write_entries
from ._params import compares


def read_bytes(context: Context, call: Any, data: Any, handle: Any) -> list[int]:
    """Make an object of `to_bytes`'s bytes; give their first numbers of 32 bits, behind the name of the format."""
    try:
        memory = ffi.from_buffer(data)
    except TypeError:
        raise InvalidTypeError(f"data is a {type(data).__name__}; bytes are expected") from None
    context.call(call, memory, len(memory), handle)
    return [int.from_bytes(ffi.buffer(memory)[at : at + 4], "little") for at in (8, 12, 16)]


def to_bytes(context: Context, call: Any, handle: Any) -> bytes:
    """Give an object as bytes."""
    size = ffi.new("size_t *")
    grown = lib.CTM_ERROR_BUFFER_TOO_SMALL
    while True:
        context.call(call, handle, ffi.NULL, size)
        data = bytearray(size[0])
        # Another thread may have added to it meanwhile.
        if context.call(call, handle, ffi.from_buffer(data), size, accept=(grown,)) != grown:
            return bytes(data[: size[0]])


def select(context: Context, call: Any, handle: Any, params: Any, kept: Any) -> NDArray[Any]:
    """Give the palette of the whole image."""
    result = ffi.new("ctm_result *", {"struct_size": ffi.sizeof("ctm_result")})
    context.call(call, handle, params, ffi.NULL, result, long=compares(params), kept=kept)
    outputs = new_outputs()
    entries = write_entries(outputs, "palette", PALETTE_DTYPE, result.palette_len)
    context.call(call, handle, params, outputs, result, long=compares(params), kept=(kept, entries))
    return entries
