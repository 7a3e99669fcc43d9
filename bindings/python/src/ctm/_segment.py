"""`ctm.segment`: one image, or several that are looked at together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import real, unsigned
from ._batches import alike
from ._colors import ColorSpace
from ._errors import CancelledError, InvalidArgumentError
from ._ids import stands_for
from ._inputs import Pixels, read
from ._options import (
    Alpha,
    ColorsLike,
    Connected,
    Distance,
    ImageLike,
    Layout,
    Matching,
    Order,
    PaletteLike,
    Progress,
    Rectangle,
    SegmentBatch,
    Unlisted,
)
from ._palettes import read_colors
from ._segmentation import Segmentation

if TYPE_CHECKING:
    from ._context import Context
    from ._counts import Counts


def segment_images(
    context: Context,
    image: ImageLike | list[ImageLike],
    *,
    min_pixels: int = 1,
    max_count: int | None = None,
    palette: PaletteLike | None = None,
    ignored: ColorsLike | None = None,
    tolerance: float | None = None,
    nearest: Distance | None = None,
    unlisted: Unlisted = "ignore",
    merge: Distance | None = None,
    merge_tolerance: float | None = None,
    merge_most_pixels: int = 0,
    connected: Connected = 0,
    unmix_radius: int = 0,
    absorb_pixels: int = 0,
    absorb_unmasked: int = 0,
    fill_holes: int = 0,
    absorb_connected: Connected = 0,
    layout: Layout | None = None,
    order: Order = "RGBA",
    rectangle: Rectangle | None = None,
    matching: Matching = "exact",
    alpha: Alpha = "color",
    least_alpha: float = 0.0,
    batch: SegmentBatch = "all",
    progress: Progress | None = None,
) -> Segmentation | list[Segmentation]:
    """What `Context.segment` does; its options are listed here once."""
    least = None if alpha == "color" else least_alpha if alpha == "at_least" else 0.0
    several = isinstance(image, (list, tuple))
    named = [(f"image[{index}]", one) for index, one in enumerate(image)] if isinstance(image, (list, tuple)) else [("image", image)]
    if batch not in ("all", "each"):
        raise InvalidArgumentError(f"batch is {batch!r}; 'all' or 'each' is expected")
    pixels = [read(name, one, layout, least) for name, one in named]
    if several and batch == "all":
        if unsigned("connected", connected, 32):
            raise InvalidArgumentError(f"connected is {connected} and batch is 'all'; regions are found in each image, and batch='each' is expected")
        absorbs = {"absorb_pixels": absorb_pixels, "absorb_unmasked": absorb_unmasked, "fill_holes": fill_holes}
        for name, value in absorbs.items():
            if unsigned(name, value, 64):
                raise InvalidArgumentError(f"{name} is {value} and batch is 'all'; small regions are found in each image, and batch='each' is expected")
        pixels = alike(pixels)
    options = {
        "min_pixels": min_pixels,
        "max_count": max_count,
        "unlisted": unlisted,
        "merge_most_pixels": merge_most_pixels,
        "connected": connected,
        "unmix_radius": unmix_radius,
        "absorb_pixels": absorb_pixels,
        "absorb_unmasked": absorb_unmasked,
        "fill_holes": fill_holes,
        "absorb_connected": absorb_connected,
    }
    # What ids do not have.
    asked = {
        "tolerance": tolerance,
        "merge_tolerance": merge_tolerance,
        "nearest": nearest,
        "merge": merge,
        "unlisted": unlisted == "nearest" and unlisted,
        "unmix_radius": unmix_radius,
    }
    distances = {"tolerance": (tolerance, nearest, "nearest"), "merge_tolerance": (merge_tolerance, merge, "merge")}
    together = several and batch == "all"
    calls = []
    for images in ([pixels] if together and pixels else [[one] for one in pixels]):
        if images[0].space.ids:
            _refuse_for_ids(images[0].space, {name: given for name, given in asked.items() if given})
        listed = _Listed(images, palette, ignored)
        for one in listed.images:
            reading = {"order": order, "rectangle": rectangle, **_reading(one, matching, alpha, least_alpha)}
            calls.append(_Call(one, reading, {**options, **_distances(one, distances)}, listed))
    if together:
        return _together(context, calls, progress)
    found = [call.run(context, _share(progress, index, len(calls))) for index, call in enumerate(calls)]
    return found if several else found[0]


def _refuse_for_ids(space: ColorSpace, asked: dict[str, Any]) -> None:
    for name, given in asked.items():
        raise InvalidArgumentError(
            f"{name} is {given!r}, and the image has values of type {space.dtype} in {space.channels} channel{'s' * (space.channels > 1)}: these are ids, "
            "which have no distances; uint8, uint16 or floats are expected, such as image.astype(numpy.float32)"
        )


def _reading(pixels: Pixels, matching: str, alpha: str, least_alpha: float) -> dict[str, Any]:
    """How the library is to read the pixels."""
    if matching == "8-bit" and pixels.space.dtype.kind in "biu":
        if pixels.array.dtype.itemsize == 1 or pixels.space.dtype.itemsize == 1:
            matching = "exact"  # It is the same.
        elif pixels.array.dtype != np.uint16 or pixels.space.white is None:
            raise InvalidArgumentError(f"matching is '8-bit', and the image has values of type {pixels.space.dtype}; uint8, uint16 or floats are expected")
    if pixels.least_alpha:
        alpha, least_alpha = "at_least", pixels.least_alpha
    return {"matching": matching, "alpha": alpha, "least_alpha": least_alpha}


def _distances(pixels: Pixels, distances: dict[str, tuple[Any, Any, str]]) -> dict[str, Any]:
    """Tolerances in the image's units. One alone is Euclidean; of integers one below 1 is a share of white. Ids take 0 alone."""
    options: dict[str, Any] = {}
    for name, (tolerance, metric, setting) in distances.items():
        if tolerance is not None:
            tolerance = real(name, tolerance)
            white = pixels.space.white
            if 0 < tolerance < 1 and white is not None and pixels.space.dtype.kind in "iu":
                tolerance = round(tolerance * white, 9)
            metric = metric or (None if pixels.space.ids else "euclidean")
        options[name], options[setting] = tolerance or 0.0, metric
    return options


def _share(progress: Callable[[float], object] | None, step: int, steps: int) -> Callable[[float], object] | None:
    """A part of a call's progress."""
    if progress is None or steps == 1:
        return progress
    return lambda done: progress((step + done) / steps)


class _Listed:
    """The colours of `palette` and `ignored`, for images that are looked at together."""

    def __init__(self, images: list[Pixels], palette: Any, ignored: Any) -> None:
        self.images = images
        self.options: dict[str, Any] = {}
        self.names: dict[tuple[float, ...], str] = {}
        # Ids that the library cannot be given, since its type of these images does not have them, by what stands for them.
        self._absent: dict[int, NDArray[np.float64]] = {}
        space = images[0].space
        for name, given in (("palette", palette), ("ignored", ignored)):
            if given is not None:
                colors, names = read_colors(name, given, space)
                self.options[name] = colors if space.ids else colors.astype(np.float32)
                if name == "palette":
                    self.names = {tuple(row): text for row, text in zip(self.options[name].tolist(), names) if text is not None}
        if space.ids:
            self._stand_in(np.iinfo(space.ids), space.channels)

    def _stand_in(self, limits: Any, channels: int) -> None:
        """Gives masked pixels an id of their own, and colours that no pixel can have one that no pixel has."""
        listed = np.concatenate([np.zeros((0, channels)), *self.options.values()])
        absent = np.unique(listed[((listed < limits.min) | (listed > limits.max)).any(axis=1)], axis=0)
        hides = any(image.hidden is not None for image in self.images)
        if not hides and not len(absent):
            return
        hidden, *others = stands_for([image.array for image in self.images], listed, 1 + len(absent))
        self._absent = dict(zip(others, absent))
        for colors in self.options.values():
            for number, row in self._absent.items():
                colors[(colors == row).all(axis=1)] = number
        if hides:
            self.options["ignored"] = np.vstack([self.options.get("ignored", listed[:0]), np.full((1, channels), hidden)])
            self.images = [_hide(image, hidden) for image in self.images]

    def numbers(self, space: ColorSpace, entries: NDArray[Any]) -> NDArray[Any]:
        """The colours of palette entries, as they were listed."""
        numbers = space.numbers(entries)
        for number, row in self._absent.items():
            numbers[numbers[:, 0] == number, : len(row)] = row
        return numbers


def _hide(image: Pixels, hidden: int) -> Pixels:
    if image.hidden is None:
        return image
    array = image.array.copy()
    array[image.hidden] = hidden
    return replace(image, array=array, hidden=None)


class _Call:
    """One image, and what is asked of it."""

    def __init__(self, pixels: Pixels, reading: dict[str, Any], options: dict[str, Any], listed: _Listed) -> None:
        self.pixels = pixels
        self.reading = reading
        self.options = {**options, **listed.options}
        self.listed = listed

    def run(self, context: Context, progress: Any, counts: Counts | None = None) -> Segmentation:
        """Labels the image."""
        result = context.analyze(
            self.pixels.array, outputs=("labels", "palette"), counts=counts, progress=progress, **self.reading, **self.options
        )
        space = self.pixels.space
        return Segmentation(result.labels, result.palette, self.listed.numbers(space, result.palette), space, self.listed.names, result.distinct_colors)


def _together(context: Context, calls: list[_Call], progress: Any) -> list[Segmentation]:
    """Images of any sizes, in two rounds: the masks are those of the colours of all."""
    from ._counts import Counts  # It counts with a context, which segments.

    counts = Counts(context)
    steps = 2 * len(calls)
    for index, call in enumerate(calls):
        counts.add(call.pixels.array, **call.reading)
        if progress is not None and progress((index + 1) / steps) is False:
            raise CancelledError("progress returned False")
    return [call.run(context, _share(progress, len(calls) + index, steps), counts) for index, call in enumerate(calls)]
