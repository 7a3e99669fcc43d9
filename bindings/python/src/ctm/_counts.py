"""Counts of an image that is not there as a whole: too large for memory, or spread over machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ._abi import ffi
from ._context import Context
from ._image import IDS, describe
from ._library import lib
from ._options import Alpha, ArrayLike, Batch, Layout, Matching, Order, Rectangle
from ._params import make_params, takes_long
from ._parts import read_bytes, select, to_bytes
from ._shared import host_context
from ._signatures import with_options_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import SelectOptions


class Counts:
    """The exact pixel counts of all colours of some parts of an image: bands of rows, tiles, whole images.

    Two rounds: `add` each part, here or on several machines, and `merge` what they have; then
    `ctm.analyze(part, counts=counts)` gives each part the masks and labels that it would get in the whole image.

    Parameters
    ----------
    context : Context
        It does the counting. The counts belong to no context, and can be pickled.
    data : bytes, optional
        What `to_bytes` has given: the counts begin with these, else with none.

    Raises
    ------
    DataError
        The bytes are damaged, or no counts.

    Examples
    --------
    >>> import ctm, numpy as np
    >>> counts = ctm.Counts(ctm.Context("cpu"))
    >>> for part in (np.array([[7, 7]], np.uint8), np.array([[7, 9]], np.uint8)):
    ...     counts.add(part)
    >>> counts.select()["pixel_count"]
    array([3, 1], dtype=uint64)
    """

    def __init__(self, context: Context, data: bytes | None = None) -> None:
        self._context = context
        self._channels = 0
        # The type of ids that are counted, if they are.
        self._ids: str | None = None
        handle = ffi.new("ctm_counts **")
        if data is None:
            context.call(lib.ctm_counts_create, handle)
        else:
            # docs/counts-format.md: those with ids are of a version of their own.
            version, format_number, _ = read_bytes(context, lib.ctm_counts_import, data, handle)
            self._ids = IDS.get(format_number) if version > 1 else None
        self.handle: Any = ffi.gc(handle[0], lib.ctm_counts_destroy)

    def add(
        self,
        part: ArrayLike,
        *,
        layout: Layout | None = None,
        order: Order = "RGBA",
        rectangle: Rectangle | None = None,
        matching: Matching = "exact",
        alpha: Alpha = "color",
        least_alpha: float = 0.0,
        batch: Batch = "all",
    ) -> None:
        """Count the pixels of one more part.

        The type of its values, the number of its channels, `matching` and `alpha` are the same for all parts.

        Parameters
        ----------
        part : array_like
            (rows, columns), (rows, columns, channels) or (images, rows, columns, channels), as `ctm.analyze` takes it.
        layout : str, optional
            What the axes are, if not the above: "CHW", "NCHW", "NHW" and the like.
        order : str, default "RGBA"
            The channels' order in memory: "RGB(A)", "BGR(A)", "ARGB" or "ABGR".
        rectangle : tuple of int, optional
            (left, top, width, height): only this of the part is counted.
        matching : {"exact", "8-bit"}
            With "8-bit", colours are the same that are the same once rounded to 8 bits.
        alpha : {"color", "ignored", "at_least"}
            Whether alpha is a part of the colour, is not looked at, or, with "at_least", says which pixels have a colour.
        least_alpha : float, default 0
            With `alpha="at_least"`, pixels with less have no colour.
        batch : {"all", "first"}
            With several images, all are counted, or the first alone.

        Raises
        ------
        InvalidArgumentError
            An argument is out of range, or not as it was for the parts before. Nothing was counted.
        OutOfMemoryError
            Memory does not suffice. The counts are as before.
        """
        image = describe(part, layout, order, rectangle)
        params, kept = make_params(
            image.channels, matching=matching, alpha=alpha, least_alpha=least_alpha, batch=batch
        )
        self._context.call(lib.ctm_counts_add, self.handle, image.struct, params, long=takes_long(image, params), kept=(image, kept))
        self._channels, self._ids = image.channels, image.ids
        del kept

    def merge(self, other: Counts) -> None:
        """Add other counts, for example those of another machine.

        Parameters
        ----------
        other : Counts
            They stay as they are.

        Raises
        ------
        InvalidArgumentError
            They are counts of pixels of another type, number of channels, `matching` or `alpha`.
        """
        self._context.call(lib.ctm_counts_merge, self.handle, other.handle)
        self._channels = self._channels or other._channels
        self._ids = self._ids or other._ids

    def to_bytes(self) -> bytes:
        """Give the counts as bytes, for `Counts(context, data)` in another process, on any machine.

        Returns
        -------
        bytes
            The format is docs/counts-format.md's.
        """
        return to_bytes(self._context, lib.ctm_counts_export, self.handle)

    @with_options_of(make_params, but=("batch", "connected", "unmix_radius", "absorb_pixels", "absorb_unmasked", "fill_holes", "absorb_connected", "counts", "regions", "place"))
    def select(self, **options: Unpack[SelectOptions]) -> NDArray[Any]:
        """Give the palette of the whole image.

        Parameters
        ----------
        **options : dict
            Those of `ctm.analyze` that say which colours get a mask: min_pixels, max_count, palette, ignored, nearest,
            merge and others.

        Returns
        -------
        numpy.ndarray
            An entry for each mask, of which `color` and `pixel_count` are known; all else is 0.

        Raises
        ------
        InvalidArgumentError
            An option is out of range, or does not fit another.
        """
        params, kept = make_params(self._channels or 1, self._ids, **options)
        return select(self._context, lib.ctm_counts_select, self.handle, params, kept)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.to_bytes(), self._channels)


def _unpickled(data: bytes, channels: int) -> Counts:
    counts = Counts(host_context(), data)
    counts._channels = channels
    return counts
