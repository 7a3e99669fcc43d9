"""Counts of an image that is not there as a whole: too large for memory, or spread over machines."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ._abi import ffi
from ._context import Context, host_context
from ._errors import InvalidTypeError
from ._image import IDS, describe
from ._library import lib
from ._outputs import PALETTE_DTYPE, new_outputs, write_entries
from ._params import compares, make_params, takes_long


class Counts:
    """The exact pixel counts of all colours of some parts of an image: bands of rows, tiles, whole images.

    Two rounds: `add` each part, here or on several machines, and `merge` what they have; then
    `Context.analyze(part, counts=counts)` gives each part the masks and labels that it would get in the whole image.

    Counts can be pickled. They belong to no context; `context` does the counting.
    """

    def __init__(self, context: Context, data: bytes | None = None) -> None:
        """Counts of nothing, or those that `to_bytes` has written."""
        self._context = context
        self._channels = 0
        # The type of ids that are counted, if they are.
        self._ids: str | None = None
        handle = ffi.new("ctm_counts **")
        if data is None:
            context.call(lib.ctm_counts_create, handle)
        else:
            try:
                memory = ffi.from_buffer(data)
            except TypeError:
                raise InvalidTypeError(f"data is a {type(data).__name__}; bytes are expected") from None
            context.call(lib.ctm_counts_import, memory, len(memory), handle)
            # docs/counts-format.md: those with ids are of a version of their own.
            version, format_number = (int.from_bytes(ffi.buffer(memory)[at : at + 4], "little") for at in (8, 12))
            self._ids = IDS.get(format_number) if version > 1 else None
        self.handle: Any = ffi.gc(handle[0], lib.ctm_counts_destroy)

    def add(
        self,
        part: Any,
        *,
        layout: str | None = None,
        order: str = "RGBA",
        rectangle: tuple[int, int, int, int] | None = None,
        matching: str = "exact",
        alpha: str = "color",
        least_alpha: float = 0.0,
        batch: str = "all",
    ) -> None:
        """Counts the pixels of one more part. The arguments are those of `Context.analyze`; their format, number of
        channels, `matching` and `alpha` are the same for all parts."""
        image = describe(part, layout, order, rectangle)
        params, kept = make_params(
            image.channels, matching=matching, alpha=alpha, least_alpha=least_alpha, batch=batch
        )
        self._context.call(lib.ctm_counts_add, self.handle, image.struct, params, long=takes_long(image, params), kept=(image, kept))
        self._channels, self._ids = image.channels, image.ids
        del kept

    def merge(self, other: Counts) -> None:
        """Adds other counts, for example those of another machine."""
        self._context.call(lib.ctm_counts_merge, self.handle, other.handle)
        self._channels = self._channels or other._channels
        self._ids = self._ids or other._ids

    def to_bytes(self) -> bytes:
        """The counts as bytes, for `Counts(context, data)` in another process, on any machine."""
        size = ffi.new("size_t *")
        grown = lib.CTM_ERROR_BUFFER_TOO_SMALL
        while True:
            self._context.call(lib.ctm_counts_export, self.handle, ffi.NULL, size)
            data = bytearray(size[0])
            # Another thread may have added to them meanwhile.
            if self._context.call(lib.ctm_counts_export, self.handle, ffi.from_buffer(data), size, accept=(grown,)) != grown:
                return bytes(data[: size[0]])

    def select(self, **settings: Any) -> NDArray[Any]:
        """The palette of the whole image: an entry for each mask, of which the colour and the number of pixels are
        known. The settings are those of `Context.analyze`: min_pixels, max_count, palette, ignored, nearest, merge, …"""
        params, kept = make_params(self._channels or 1, self._ids, **settings)
        result = ffi.new("ctm_result *", {"struct_size": ffi.sizeof("ctm_result")})
        self._context.call(lib.ctm_counts_select, self.handle, params, ffi.NULL, result, long=compares(params), kept=kept)
        outputs = new_outputs()
        entries = write_entries(outputs, "palette", PALETTE_DTYPE, result.palette_len)
        self._context.call(lib.ctm_counts_select, self.handle, params, outputs, result, long=compares(params), kept=(kept, entries))
        del kept
        return entries

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.to_bytes(), self._channels)


def _unpickled(data: bytes, channels: int) -> Counts:
    counts = Counts(host_context(), data)
    counts._channels = channels
    return counts
