"""The settings of a call as a ctm_params."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._abi import ffi
from ._arguments import choice, position, real, unsigned
from ._arrays import ids, numbers
from ._errors import InvalidArgumentError
from ._image import Image
from ._library import lib

ALL = 0xFFFF_FFFF  # max_count: no bound.

_MATCHING = {"exact": lib.CTM_MATCH_EXACT, "8-bit": lib.CTM_MATCH_8_BIT}
_ALPHA = {"color": lib.CTM_ALPHA_COLOR, "ignored": lib.CTM_ALPHA_IGNORED, "at_least": lib.CTM_ALPHA_AT_LEAST}
_BATCH = {"all": lib.CTM_BATCH_ALL, "first": lib.CTM_BATCH_FIRST, "each": lib.CTM_BATCH_EACH}
_NEAREST = {
    None: lib.CTM_NEAREST_NONE,
    "euclidean": lib.CTM_NEAREST_EUCLIDEAN,
    "chebyshev": lib.CTM_NEAREST_CHEBYSHEV,
}
_MERGE = {
    None: lib.CTM_MERGE_NONE,
    "euclidean": lib.CTM_MERGE_EUCLIDEAN,
    "chebyshev": lib.CTM_MERGE_CHEBYSHEV,
}
_UNLISTED = {
    "ignore": lib.CTM_UNLISTED_IGNORE,
    "error": lib.CTM_UNLISTED_ERROR,
    "nearest": lib.CTM_UNLISTED_NEAREST,
}


def _colors(name: str, values: Any, least: int, id_type: str | None) -> NDArray[Any]:
    """Colours as the library reads them: rows of four floats, or stored ids, of which an image has `least`."""
    colors = numbers(name, values) if id_type is None else ids(name, values, id_type)
    if colors.size == 0:
        return np.zeros((0, 4), colors.dtype)
    if colors.ndim == 1 and least == 1:
        colors = colors[:, np.newaxis]
    if colors.ndim != 2 or not least <= colors.shape[1] <= 4:
        raise InvalidArgumentError(f"{name} has the shape {colors.shape}; (colours, {least} to 4 values) is expected")
    padded = np.zeros((len(colors), 4), colors.dtype)
    padded[:, : colors.shape[1]] = colors
    return padded


def make_params(
    channels: int,
    id_type: str | None = None,
    *,
    min_pixels: int = 1,
    max_count: int | None = None,
    matching: str = "exact",
    alpha: str = "color",
    least_alpha: float = 0.0,
    batch: str = "all",
    palette: Any = None,
    ignored: Any = None,
    nearest: str | None = None,
    tolerance: float = 0.0,
    unlisted: str = "ignore",
    merge: str | None = None,
    merge_tolerance: float = 0.0,
    merge_most_pixels: int = 0,
    connected: int = 0,
    unmix_radius: int = 0,
    absorb_pixels: int = 0,
    absorb_unmasked: int = 0,
    fill_holes: int = 0,
    absorb_connected: int = 0,
    counts: Any = None,
    regions: Any = None,
    place: tuple[int, int] | None = None,
) -> tuple[Any, list[Any]]:
    """A ctm_params for pixels of so many channels, which may be ids of a type, and what it points to."""
    params = ffi.new("ctm_params *", {"struct_size": ffi.sizeof("ctm_params")})
    params.min_pixels = unsigned("min_pixels", min_pixels, 64)
    params.max_count = ALL if max_count is None else unsigned("max_count", max_count, 32)
    params.matching = choice("matching", matching, _MATCHING)
    params.alpha = choice("alpha", alpha, _ALPHA)
    params.least_alpha = real("least_alpha", least_alpha)
    params.batch = choice("batch", batch, _BATCH)
    params.nearest = choice("nearest", nearest, _NEAREST)
    params.tolerance = real("tolerance", tolerance)
    params.unlisted = choice("unlisted", unlisted, _UNLISTED)
    params.merge = choice("merge", merge, _MERGE)
    params.merge_tolerance = real("merge_tolerance", merge_tolerance)
    params.merge_most_pixels = unsigned("merge_most_pixels", merge_most_pixels, 64)
    params.connected = unsigned("connected", connected, 32)
    params.unmix_radius = unsigned("unmix_radius", unmix_radius, 32)
    params.absorb_pixels = unsigned("absorb_pixels", absorb_pixels, 64)
    params.absorb_unmasked = unsigned("absorb_unmasked", absorb_unmasked, 64)
    params.fill_holes = unsigned("fill_holes", fill_holes, 64)
    params.absorb_connected = unsigned("absorb_connected", absorb_connected, 32)
    kept: list[Any] = [counts]
    if counts is not None:
        params.counts = counts
    if (regions is None) != (place is None):
        raise InvalidArgumentError("one of regions and place is given; both or none are expected")
    if regions is not None and place is not None:
        kept.append(regions)
        params.regions = regions
        params.part_left, params.part_top = position("place", place)
    values = channels - (params.alpha != lib.CTM_ALPHA_COLOR and channels in (2, 4))
    for name, given in (("palette", palette), ("ignored", ignored)):
        if given is not None:
            colors = _colors(name, given, values, id_type)
            kind, field = ("float[]", name) if id_type is None else ("uint32_t[]", f"{name}_stored")
            # An empty palette is not the same as none.
            pointer = ffi.from_buffer(kind, colors if len(colors) else np.zeros(4, colors.dtype))
            kept.append(pointer)
            setattr(params, field, pointer)
            setattr(params, f"{name}_count", len(colors))
    return params, kept


def compares(params: Any) -> bool:
    """Whether all colours are compared with others, which can take seconds however small the image."""
    none = lib.CTM_NEAREST_NONE, lib.CTM_MERGE_NONE, lib.CTM_UNLISTED_IGNORE, 0
    return (params.nearest, params.merge, params.unlisted, params.unmix_radius) != none


def takes_long(image: Image, params: Any) -> bool:
    """Whether a call may take longer than one waits for its answer to Ctrl-C; one that is listened to takes some 50
    microseconds more."""
    pixels = image.images * image.height * image.width
    return pixels >= 1 << 22 or (pixels >= 1 << 16 and compares(params))
