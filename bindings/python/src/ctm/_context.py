"""Contexts: a backend with its device, memory and threads."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol, overload

from numpy.typing import NDArray

from ._abi import ffi
from ._analysis import Analysis
from ._arguments import check_type, choice, unsigned
from ._calls import Progress, log_callback, log_level
from ._errors import InvalidArgumentError
from ._handle import Handle
from ._image import describe
from ._library import lib, text
from ._options import (
    Alpha,
    ArrayLike,
    Backend,
    Batch,
    Connected,
    Distance,
    ImageLike,
    LabelFormat,
    Layout,
    MaskFormat,
    Matching,
    NumbersLike,
    Order,
    Output,
    Rectangle,
    RunOrder,
    Unlisted,
)
from ._options import Progress as ProgressFunction
from ._outlines import OutlinesTarget
from ._outputs import Labels, Masks
from ._params import make_params
from ._result import Result
from ._runs import RunsTarget
from ._segment import segment_images
from ._segmentation import Segmentation
from ._signatures import with_options_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from ._options import MasksOptions, SegmentOptions

_BACKENDS = {"auto": lib.CTM_BACKEND_AUTO, "vulkan": lib.CTM_BACKEND_VULKAN, "cpu": lib.CTM_BACKEND_CPU}
_OUTPUTS = ("masks", "labels", "palette")


class CountedParts(Protocol):
    """`Counts` or `Regions`, as far as a context knows of them."""

    handle: Any


class Context(Handle):
    """A backend with its device, memory and threads: made once, used for many images.

    It can be used from several threads; its calls then run one after the other, other Python threads meanwhile.
    Use it in a `with` statement, or call `close`, to give back what it holds at a time of your choice.

    Parameters
    ----------
    backend : {"auto", "vulkan", "cpu"}
        "auto": the CPU, or a hardware Vulkan device where that has proved to be faster.
    device : str, optional
        Part of a Vulkan device's name, as `ctm.devices()` lists them.
    threads : int, default 0
        Threads at most, the calling one included; 0: one per processor.
    memory_limit : int, default 0
        Bytes that the context may hold during a call; 0: as many as serve the speed, else at least 32 MiB.
    device_timeout_ms : int, default 0
        After so long the device counts as hung; 0: a minute.
    pipeline_cache : bytes, optional
        What `pipeline_cache()` gave in an earlier process.
    logger : logging.Logger, optional
        Gets what the library has to say, as far as its level wants it; messages of level DEBUG tell how each call was
        done.

    Raises
    ------
    InvalidArgumentError
        An argument is out of range; the sentence names it. It is a `ValueError`.
    NoDeviceError
        No Vulkan device fits what is asked for.

    Examples
    --------
    >>> import ctm, numpy as np
    >>> with ctm.Context("cpu", threads=1) as context:
    ...     context.masks(np.array([[7, 7, 9]], np.uint8)).shape
    (2, 1, 3)
    """

    def __init__(
        self,
        backend: Backend = "auto",
        device: str | None = None,
        threads: int = 0,
        memory_limit: int = 0,
        device_timeout_ms: int = 0,
        pipeline_cache: bytes | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        options = ffi.new("ctm_options *", {"struct_size": ffi.sizeof("ctm_options")})
        options.backend = choice("backend", backend, _BACKENDS)
        options.max_threads = unsigned("threads", threads, 32)
        options.memory_limit = unsigned("memory_limit", memory_limit, 64)
        options.device_timeout_ms = unsigned("device_timeout_ms", device_timeout_ms, 32)
        check_type("device", device, str, "a part of a device's name")
        check_type("pipeline_cache", pipeline_cache, (bytes, bytearray, memoryview), "what pipeline_cache() gave, bytes,")
        check_type("logger", logger, (logging.Logger, logging.LoggerAdapter), "a logging.Logger")
        name = ffi.NULL if device is None else ffi.new("char[]", device.encode())
        options.device_name = name
        cache = ffi.NULL if pipeline_cache is None else ffi.from_buffer(pipeline_cache)
        options.pipeline_cache, options.pipeline_cache_size = cache, len(pipeline_cache or b"")
        log = ffi.NULL if logger is None else log_callback(logger)
        options.log, options.log_level = log, 0 if logger is None else log_level(logger)
        super().__init__(lambda handle: int(lib.ctm_create(options, handle)), log)
        # How many masks there were: as many are likely.
        self.last_count = 0

    def __repr__(self) -> str:
        state = "closed" if self._handle is None else f"{self.backend}, {self.device_name!r}"
        return f"<ctm.Context: {state}>"

    @property
    def backend(self) -> str:
        """Where the context works: "vulkan" or "cpu"."""
        with self._closing:
            number = lib.ctm_context_backend(self._open())
        return next(name for name, value in _BACKENDS.items() if value == number)

    @property
    def device_name(self) -> str:
        """The Vulkan device's name, or "CPU" with the number of threads."""
        with self._closing:
            return text(lib.ctm_context_device_name(self._open()))

    def counters(self) -> dict[str, int]:
        """Say what the last call has cost.

        Returns
        -------
        dict of str to int
            The fields of `ctm_counters`: bytes moved, pixels read, dispatches, allocations and others.
        """
        counters = ffi.new("ctm_counters *", {"struct_size": ffi.sizeof("ctm_counters")})
        self.call(lib.ctm_context_counters, counters)
        return {name: getattr(counters, name) for name, _ in ffi.typeof("ctm_counters").fields if name != "struct_size"}

    def pipeline_cache(self) -> bytes:
        """Give the pipelines that the device has compiled, for a later process.

        Returns
        -------
        bytes
            What `Context(pipeline_cache=…)` takes; empty where there is no device.
        """
        size = ffi.new("size_t *")
        while True:
            self.call(lib.ctm_context_pipeline_cache, ffi.NULL, size)
            cache = bytearray(size[0])
            buffer = ffi.from_buffer(cache) if cache else ffi.NULL
            # It may have grown meanwhile.
            grown = lib.CTM_ERROR_BUFFER_TOO_SMALL
            if self.call(lib.ctm_context_pipeline_cache, buffer, size, accept=(grown,)) != grown:
                return bytes(cache[: size[0]])

    @overload  # A str is a Sequence of str, too, but the first of these is taken.
    def segment(  # type: ignore[overload-overlap]
        self, image: ImageLike, **options: Unpack[SegmentOptions]
    ) -> Segmentation: ...

    @overload
    def segment(self, image: Sequence[ImageLike], **options: Unpack[SegmentOptions]) -> list[Segmentation]: ...

    @with_options_of(segment_images)
    def segment(self, image: Any, **options: Any) -> Segmentation | list[Segmentation]:
        """Find the colours of an image, or of several, that get a mask, as an object with masks, labels, names and boxes.

        Refer to `ctm.segment` for full documentation.

        See Also
        --------
        ctm.segment : The same in a context that all share.
        """
        return segment_images(self, image, **options)

    def analyze(
        self,
        image: ArrayLike,
        *,
        outputs: Collection[Output] = ("masks", "palette"),
        min_pixels: int = 1,
        max_count: int | None = None,
        layout: Layout | None = None,
        order: Order = "RGBA",
        rectangle: Rectangle | None = None,
        matching: Matching = "exact",
        alpha: Alpha = "color",
        least_alpha: float = 0.0,
        batch: Batch = "all",
        palette: NumbersLike | None = None,
        ignored: NumbersLike | None = None,
        nearest: Distance | None = None,
        tolerance: float = 0.0,
        unlisted: Unlisted = "ignore",
        report_unlisted: bool = False,
        unlisted_capacity: int = 0,
        merge: Distance | None = None,
        merge_tolerance: float = 0.0,
        merge_most_pixels: int = 0,
        merged_capacity: int = 0,
        connected: Connected = 0,
        unmix_radius: int = 0,
        absorb_pixels: int = 0,
        absorb_unmasked: int = 0,
        fill_holes: int = 0,
        absorb_connected: Connected = 0,
        counts: CountedParts | None = None,
        regions: CountedParts | None = None,
        place: tuple[int, int] | None = None,
        mask_format: MaskFormat | None = None,
        label_format: LabelFormat | None = None,
        cropped: bool = False,
        runs: RunOrder | None = None,
        outlines: bool | Connected = False,
        outlines_tolerance: float = 0.0,
        out_masks: Any = None,
        out_labels: Any = None,
        progress: ProgressFunction | None = None,
    ) -> Result:
        """Find the colours that get a mask, and write what is asked for, in one go.

        Refer to `ctm.analyze` for full documentation.

        See Also
        --------
        ctm.analyze : The same in a context that all share.
        """
        unknown = set(outputs) - set(_OUTPUTS)
        if isinstance(outputs, str) or unknown:
            raise InvalidArgumentError(f"outputs is {outputs!r}; a list of some of {', '.join(_OUTPUTS)} is expected")
        if cropped and out_masks is not None:
            raise InvalidArgumentError("cropped is True and out_masks is given; cropped masks get an array of their own")
        pixels = describe(image, layout, order, rectangle)
        params, kept = make_params(
            pixels.channels,
            pixels.ids,
            min_pixels=min_pixels,
            max_count=max_count,
            matching=matching,
            alpha=alpha,
            least_alpha=least_alpha,
            batch=batch,
            palette=palette,
            ignored=ignored,
            nearest=nearest,
            tolerance=tolerance,
            unlisted=unlisted,
            merge=merge,
            merge_tolerance=merge_tolerance,
            merge_most_pixels=merge_most_pixels,
            connected=connected,
            unmix_radius=unmix_radius,
            absorb_pixels=absorb_pixels,
            absorb_unmasked=absorb_unmasked,
            fill_holes=fill_holes,
            absorb_connected=absorb_connected,
            counts=None if counts is None else counts.handle,
            regions=None if regions is None else regions.handle,
            place=place,
        )
        call = Analysis(
            pixels,
            params,
            masks=Masks(pixels, mask_format, out_masks) if "masks" in outputs or out_masks is not None else None,
            labels=Labels(pixels, label_format, out_labels) if "labels" in outputs or out_labels is not None else None,
            palette="palette" in outputs,
            cropped=cropped,
            runs=None if runs is None else RunsTarget(pixels, runs),
            outlines=OutlinesTarget(pixels, 0 if outlines is True else outlines, outlines_tolerance) if outlines else None,
            report_unlisted=report_unlisted,
            unlisted_capacity=unsigned("unlisted_capacity", unlisted_capacity, 32),
            merged_capacity=unsigned("merged_capacity", merged_capacity, 32),
        )
        if progress is not None:
            kept.append(told := Progress(progress))
            params.progress = told.callback
        result = call.run(self)
        del kept
        return result

    @with_options_of(analyze, but=("outputs", "cropped"))
    def masks(
        self, image: ArrayLike, min_pixels: int = 1, max_count: int | None = None, **options: Unpack[MasksOptions]
    ) -> NDArray[Any]:
        """Give the masks of the most frequent colours, most frequent first.

        Refer to `ctm.masks` for full documentation.

        See Also
        --------
        ctm.masks : The same in a context that all share.
        """
        result = self.analyze(image, min_pixels=min_pixels, max_count=max_count, outputs=["masks"], **options)
        if result.masks is None:
            raise InvalidArgumentError("cropped is True; masks() gives whole masks, analyze() cropped ones")
        return result.masks
