"""Connected regions of an image that is not there as a whole: too large for memory, or spread over machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ._abi import ffi
from ._arguments import position, unsigned
from ._context import Context
from ._errors import InvalidArgumentError
from ._image import IDS, describe
from ._library import lib
from ._options import ArrayLike, Layout, Order, Rectangle
from ._params import make_params, takes_long
from ._parts import read_bytes, select, to_bytes
from ._shared import host_context
from ._signatures import with_options_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import RegionOptions

# What cannot be done part by part.
_WHOLE = ("batch", "unmix_radius", "absorb_pixels", "absorb_unmasked", "fill_holes", "absorb_connected", "regions", "place")


class Regions:
    """The connected regions of an image that comes in parts: bands of rows, tiles.

    Two rounds: `add` each part, here or on several machines, and `merge` what they have; then
    `ctm.analyze(part, regions=regions, place=(left, top), connected=4)` gives each part the masks and labels of regions
    that it would get in the whole image. The options are the same in all calls.

    Parameters
    ----------
    context : Context
        It does the work. The regions belong to no context, and can be pickled.
    shape : tuple of int, optional
        (rows, columns) of the whole image.
    data : bytes, optional
        In place of `shape`, what `to_bytes` has given: the regions begin with these.

    Raises
    ------
    DataError
        The bytes are damaged, or no regions.

    Examples
    --------
    >>> import ctm, numpy as np
    >>> regions = ctm.Regions(ctm.Context("cpu"), (2, 3))
    >>> for row, part in enumerate((np.array([[7, 9, 7]], np.uint8), np.array([[7, 7, 7]], np.uint8))):
    ...     regions.add(part, (0, row), connected=4)
    >>> regions.select(connected=4)["pixel_count"]
    array([5, 1], dtype=uint64)
    """

    def __init__(
        self, context: Context, shape: tuple[int, int] | None = None, *, data: bytes | None = None
    ) -> None:
        self._context = context
        self._channels = 0
        # The type of ids that regions have, if they do.
        self._ids: str | None = None
        handle = ffi.new("ctm_regions **")
        if (shape is None) == (data is None):
            raise InvalidArgumentError("one of shape and data is expected")
        if data is None:
            if shape is None or len(shape) != 2:
                raise InvalidArgumentError(f"shape is {shape!r}; (rows, columns) is expected")
            height, width = (unsigned("shape", side, 32) for side in shape)
            context.call(lib.ctm_regions_create, width, height, handle)
        else:
            # docs/regions-format.md.
            _, format_number, self._channels = read_bytes(context, lib.ctm_regions_import, data, handle)
            self._ids = IDS.get(format_number) if self._channels else None
        self.handle: Any = ffi.gc(handle[0], lib.ctm_regions_destroy)

    @with_options_of(make_params, but=_WHOLE)
    def add(
        self,
        part: ArrayLike,
        place: tuple[int, int],
        *,
        layout: Layout | None = None,
        order: Order = "RGBA",
        rectangle: Rectangle | None = None,
        **options: Unpack[RegionOptions],
    ) -> None:
        """Find the regions of one more part.

        The type of its values, the number of its channels and the options are the same for all parts.

        Parameters
        ----------
        part : array_like
            (rows, columns) or (rows, columns, channels), as `ctm.analyze` takes it.
        place : tuple of int
            (left, top): the column and the row of the whole image that the part begins at.
        layout : str, optional
            What the axes are, if not the above: "CHW" and the like.
        order : str, default "RGBA"
            The channels' order in memory: "RGB(A)", "BGR(A)", "ARGB" or "ABGR".
        rectangle : tuple of int, optional
            (left, top, width, height): only this of the array is the part.
        **options : dict
            Those of `ctm.analyze` that say what is a region: connected, palette, ignored, nearest and others. min_pixels
            and max_count make no difference yet, unless there are counts. With nearest or merge and no palette, counts of
            the whole image are needed.

        Raises
        ------
        InvalidArgumentError
            An argument is out of range, or not as it was for the parts before; the part is not in the image, or overlaps
            one that was added. Nothing was added.
        OutOfMemoryError
            Memory does not suffice. The regions are as before.
        """
        image = describe(part, layout, order, rectangle)
        params, kept = make_params(image.channels, image.ids, **_with_handle(options))
        left, top = position("place", place)
        self._context.call(
            lib.ctm_regions_add,
            self.handle,
            image.struct,
            left,
            top,
            params,
            long=takes_long(image, params),
            kept=(image, kept, options),
        )
        self._channels, self._ids = image.channels, image.ids
        del kept

    def merge(self, other: Regions) -> None:
        """Add the parts of others, for example those of another machine.

        Parameters
        ----------
        other : Regions
            They stay as they are.

        Raises
        ------
        InvalidArgumentError
            They are of an image of another size or of other options, or a pixel is in parts of both.
        """
        self._context.call(lib.ctm_regions_merge, self.handle, other.handle)
        self._channels = self._channels or other._channels
        self._ids = self._ids or other._ids

    def to_bytes(self) -> bytes:
        """Give the regions as bytes, for `Regions(context, data=data)` in another process, on any machine.

        Returns
        -------
        bytes
            The format is docs/regions-format.md's.
        """
        return to_bytes(self._context, lib.ctm_regions_export, self.handle)

    @with_options_of(make_params, but=_WHOLE)
    def select(self, **options: Unpack[RegionOptions]) -> NDArray[Any]:
        """Give the regions of the whole image that get a mask, the largest first.

        Parameters
        ----------
        **options : dict
            Those of `add`, with min_pixels and max_count.

        Returns
        -------
        numpy.ndarray
            An entry for each region, as `ctm.analyze` gives it, but for `mask_offset`.

        Raises
        ------
        InvalidArgumentError
            Parts are missing, or an option is not what it was for them.
        """
        params, kept = make_params(self._channels or 1, self._ids, **_with_handle(options))
        return select(self._context, lib.ctm_regions_select, self.handle, params, kept)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.to_bytes(),)


def _with_handle(options: Any) -> dict[str, Any]:
    """Options as `make_params` takes them."""
    counts = options.get("counts")
    return {**options, "counts": None if counts is None else counts.handle}


def _unpickled(data: bytes) -> Regions:
    return Regions(host_context(), data=data)
