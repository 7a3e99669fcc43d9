"""The types of arguments: what type checkers and editors know of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, Union

from numpy.typing import NDArray

if TYPE_CHECKING:
    from ._counts import Counts
    from ._regions import Regions

Backend = Literal["auto", "vulkan", "cpu"]
Layout = Literal[
    "HW", "HWC", "CHW", "NHW", "NHWC", "NCHW", "WH", "WHC", "CWH", "hw", "hwc", "chw", "nhw", "nhwc", "nchw", "wh", "whc", "cwh"
]
Order = Literal[
    "RGBA", "RGB", "BGRA", "BGR", "ARGB", "ABGR", "rgba", "rgb", "bgra", "bgr", "argb", "abgr"
]
Output = Literal["masks", "labels", "palette"]
Matching = Literal["exact", "8-bit"]
Alpha = Literal["color", "ignored", "at_least"]
Batch = Literal["all", "first", "each"]
SegmentBatch = Literal["all", "each"]
Distance = Literal["euclidean", "chebyshev"]
Unlisted = Literal["ignore", "error", "nearest"]
Connected = Literal[0, 4, 8]
MaskFormat = Literal["float32", "uint8", "bool", "bits", "coverage"]
DaskMaskFormat = Literal["bool", "uint8", "float32"]
RunOrder = Literal["rows", "columns"]
LabelFormat = Literal["auto", "uint8", "uint16", "uint32"]
Rectangle = tuple[int, int, int, int]
Progress = Callable[[float], object]


class SupportsDLPack(Protocol):
    """An array or tensor of another library: torch, JAX, CuPy."""

    def __dlpack__(self, *arguments: Any, **options: Any) -> Any: ...


class SupportsArray(Protocol):
    """What shows its memory as numpy does: Pillow's images."""

    @property
    def __array_interface__(self) -> Any: ...


class SupportsBuffer(Protocol):
    """What has the buffer protocol: memoryview, array.array."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


ArrayLike = Union[NDArray[Any], SupportsDLPack, SupportsArray, SupportsBuffer]
"""What `ctm.masks` and `ctm.analyze` read where it lies."""
ImageLike = Union[ArrayLike, str, "os.PathLike[str]"]
"""What `ctm.segment` takes."""
NumbersLike = Union[NDArray[Any], Sequence[float], Sequence[Sequence[float]], Sequence[NDArray[Any]]]
"""Colours as rows of numbers."""
# Any in it, since a list of "#fff" and (1, 2, 3) is one of Sequence[object] to some type checkers.
ColorLike = Union[str, float, Sequence[Any], NDArray[Any]]
"""A colour: "#aacde6", numbers in the image's units, or the one number of an image of one channel."""
ColorsLike = Union[Sequence[ColorLike], NDArray[Any], str, float]
"""Several colours, or one."""
PaletteLike = Union[ColorsLike, Mapping[str, ColorLike], Mapping[Any, str], "os.PathLike[str]"]
"""Colours, perhaps with names, or a file of them."""


class ReadingOptions(TypedDict, total=False):
    """How pixels are read."""

    layout: Layout | None
    order: Order
    matching: Matching
    alpha: Alpha
    least_alpha: float


class FindingOptions(TypedDict, total=False):
    """Which colours get a mask, beside `min_pixels`, `max_count`, `palette` and `ignored`."""

    nearest: Distance | None
    unlisted: Unlisted
    merge: Distance | None
    merge_most_pixels: int


class SelectOptions(FindingOptions, total=False):
    """The options of `Counts.select`."""

    min_pixels: int
    max_count: int | None
    matching: Matching
    alpha: Alpha
    least_alpha: float
    palette: NumbersLike | None
    ignored: NumbersLike | None
    tolerance: float
    merge_tolerance: float


class RegionOptions(SelectOptions, total=False):
    """The options of `Regions.add` and `Regions.select`."""

    connected: Connected
    counts: Counts | None


class DaskRegionOptions(RegionOptions, total=False):
    """The options of `ctm.dask.regions`."""

    layout: Layout | None
    order: Order


class DaskOptions(ReadingOptions, FindingOptions, total=False):
    """The options of `ctm.dask.analyze` that are those of `Context.analyze`."""

    min_pixels: int
    max_count: int | None
    palette: NumbersLike | None
    ignored: NumbersLike | None
    tolerance: float
    merge_tolerance: float
    connected: Connected


class MasksOptions(ReadingOptions, FindingOptions, total=False):
    """The options of `masks`, beside `min_pixels` and `max_count`."""

    rectangle: Rectangle | None
    batch: Batch
    palette: NumbersLike | None
    ignored: NumbersLike | None
    tolerance: float
    merge_tolerance: float
    report_unlisted: bool
    unlisted_capacity: int
    merged_capacity: int
    connected: Connected
    unmix_radius: int
    absorb_pixels: int
    absorb_unmasked: int
    fill_holes: int
    absorb_connected: Connected
    counts: Counts | None
    regions: Regions | None
    place: tuple[int, int] | None
    runs: RunOrder | None
    outlines: bool | Connected
    outlines_tolerance: float
    mask_format: MaskFormat | None
    label_format: LabelFormat | None
    out_masks: Any
    out_labels: Any
    progress: Progress | None


class AnalyzeOptions(MasksOptions, total=False):
    """The options of `analyze`."""

    outputs: Collection[Output]
    min_pixels: int
    max_count: int | None
    cropped: bool


class SegmentOptions(ReadingOptions, FindingOptions, total=False):
    """The options of `segment`."""

    min_pixels: int
    max_count: int | None
    palette: PaletteLike | None
    ignored: ColorsLike | None
    tolerance: float | None
    merge_tolerance: float | None
    rectangle: Rectangle | None
    batch: SegmentBatch
    connected: Connected
    unmix_radius: int
    absorb_pixels: int
    absorb_unmasked: int
    fill_holes: int
    absorb_connected: Connected
    progress: Progress | None
